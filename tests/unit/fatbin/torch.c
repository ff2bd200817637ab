/* SPDX-License-Identifier: Apache-2.0 */
/* The real thing: every fat binary of a stock libtorch_cuda.so, where one is installed (TORCH_CUDA_LIBRARY, or the
 * cache folder); skipped elsewhere. */
#include "fatbin/fatbin.h"

#include <elf.h>
#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static bool library_path(char *ret, size_t n)
{
    const char *named = getenv("TORCH_CUDA_LIBRARY"), *home = getenv("HOME");
    if (named) {
        snprintf(ret, n, "%s", named);
        return access(ret, R_OK) == 0;
    }
    glob_t found;
    snprintf(ret, n, "%s/.cache/rrto/torch-*/lib/python3*/site-packages/torch/lib/libtorch_cuda.so", home ? home : "");
    if (glob(ret, 0, NULL, &found))
        return false;
    snprintf(ret, n, "%s", found.gl_pathv[0]);
    globfree(&found);
    return true;
}

static const uint8_t *section_find(const uint8_t *image, const char *name, size_t *ret_n)
{
    Elf64_Ehdr header;
    memcpy(&header, image, sizeof header);
    const Elf64_Shdr *sections = (const void *)(image + header.e_shoff);
    const char *names = (const char *)image + sections[header.e_shstrndx].sh_offset;
    for (int i = 0; i < header.e_shnum; i++)
        if (strcmp(names + sections[i].sh_name, name) == 0) {
            *ret_n = sections[i].sh_size;
            return image + sections[i].sh_offset;
        }
    return NULL;
}

static void every_fatbin(void **state)
{
    (void)state;
    char path[4096];
    if (!library_path(path, sizeof path)) {
        print_message("skipped: no libtorch_cuda.so\n");
        skip();
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat stat;
    assert_int_equal(fstat(fd, &stat), 0);
    const uint8_t *image = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    assert_ptr_not_equal(image, MAP_FAILED);
    size_t n = 0, fatbins = 0, kernels = 0, with_params = 0;
    const uint8_t *at = section_find(image, ".nv_fatbin", &n);
    assert_non_null(at);
    for (const uint8_t *end = at + n; end - at >= 16;) {
        const void *start;
        size_t size = rrto_image_kind(at, 16) == RRTO_IMAGE_FATBIN ? rrto_image_bytes(at, &start) : 0;
        if (!size) {
            at += 8; /* alignment between fat binaries */
            continue;
        }
        struct rrto_fatbin_entry entry;
        struct rrto_buf mini;
        rrto_buf_init(&mini, RRTO_MODULE_MAX_BYTES);
        assert_int_equal(rrto_fatbin_select(at, size, 80, &entry), RRTO_OK);
        assert_int_equal(rrto_fatbin_build(&entry, &mini), RRTO_OK);
        struct rrto_module_image *module;
        assert_int_equal(rrto_module_parse(mini.data, mini.size, &module), RRTO_OK);
        assert_int_equal(module->capability, entry.capability);
        for (uint32_t i = 0; i < module->n_kernels; i++)
            with_params += module->kernels[i].n_params > 0;
        fatbins++;
        kernels += module->n_kernels;
        rrto_module_destroy(module);
        rrto_buf_fini(&mini);
        at += size;
    }
    print_message("%s: %zu fat binaries, %zu kernels, %zu with parameters\n", path, fatbins, kernels, with_params);
    assert_true(fatbins > 100);
    assert_true(kernels > 10000);
    assert_true(with_params > kernels - kernels / 20); /* all but the CUB's EmptyKernel and its like */
    munmap((void *)(uintptr_t)image, (size_t)stat.st_size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_fatbin)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
