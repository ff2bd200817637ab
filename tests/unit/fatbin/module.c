/* SPDX-License-Identifier: Apache-2.0 */
/* What is read from a cubin and from PTX text. */
#include "images.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void check_layout(const struct rrto_kernel_image *kernel, const uint32_t (*layout)[2], uint32_t n,
                         uint32_t bytes)
{
    assert_non_null(kernel);
    assert_int_equal(kernel->n_params, n);
    assert_int_equal(kernel->param_bytes, bytes);
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(kernel->offsets[i], layout[i][0]);
        assert_int_equal(kernel->sizes[i], layout[i][1]);
    }
}

static void cubin(void **state)
{
    (void)state;
    struct rrto_buf image;
    rrto_buf_init(&image, 1 << 20);
    make_cubin(&image);
    assert_int_equal(rrto_image_bytes(image.data, NULL), image.size);
    struct rrto_module_image *module;
    assert_int_equal(rrto_module_parse_data(image.data, image.size, true, &module), RRTO_OK);
    rrto_buf_fini(&image); /* the module has its own copy */
    assert_int_equal(module->capability, 80);
    assert_int_equal(module->n_kernels, 2);
    const struct rrto_kernel_image *axpy = rrto_module_kernel(module, "axpy");
    check_layout(axpy, (const uint32_t[][2]){{0, 4}, {4, 4}, {8, 8}, {16, 8}}, 4, 24);
    assert_int_equal(axpy->n_registers, 12);
    assert_int_equal(axpy->shared_bytes, 40);
    assert_int_equal(axpy->max_threads, 256);
    check_layout(rrto_module_kernel(module, "large"), (const uint32_t[][2]){{0, 5000}}, 1, 5000);
    assert_null(rrto_module_kernel(module, "helper"));
    assert_null(rrto_module_kernel(module, ""));
    const struct rrto_global_image *table = rrto_module_global(module, "table"),
                                   *counter = rrto_module_global(module, "counter");
    assert_int_equal(table->n_bytes, 8);
    assert_memory_equal(table->initial, ((uint8_t[]){1, 2, 3, 4, 5, 6, 7, 8}), 8);
    assert_int_equal(counter->n_bytes, 4);
    assert_null(counter->initial);
    rrto_module_destroy(module);
}

static void ptx(void **state)
{
    (void)state;
    struct rrto_module_image *module;
    assert_int_equal(rrto_module_parse_data(example_ptx, strlen(example_ptx), true, &module), RRTO_OK);
    assert_int_equal(module->kind, RRTO_IMAGE_PTX);
    assert_int_equal(module->capability, 80);
    assert_int_equal(module->n_kernels, 2);
    const struct rrto_kernel_image *axpy = rrto_module_kernel(module, "axpy");
    check_layout(axpy, (const uint32_t[][2]){{0, 1}, {8, 8}, {16, 20}, {36, 4}}, 4, 40);
    assert_int_equal(axpy->max_threads, 256);
    check_layout(rrto_module_kernel(module, "none"), NULL, 0, 0);
    assert_int_equal(module->n_globals, 2);
    const struct rrto_global_image *seeds = rrto_module_global(module, "seeds"),
                                   *half = rrto_module_global(module, "half");
    assert_int_equal(seeds->n_bytes, 16);
    assert_memory_equal(seeds->initial, ((uint32_t[]){1, 2, 16, 0}), 16);
    assert_true(half->constant);
    assert_memory_equal(half->initial, &(float){0.5f}, 4);
    rrto_module_destroy(module);
}

static void ptx_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        ".target sm_80",
        ".version 8.0\n.entry",
        ".version 8.0\n.entry k(",
        ".version 8.0\n.entry k(.param .u32",
        ".version 8.0\n.entry k(.param .u33 x) {}",
        ".version 8.0\n.entry k(.param .align 3 .b8 x[4]) {}",
        ".version 8.0\n.entry k(.reg .b32 x) {}",
        ".version 8.0\n.entry k(.param .b8 x[99999999999]) {}",
        ".version 8.0\n.global .b8 x[1000000000] = {1};",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct rrto_module_image *module = NULL;
        assert_int_not_equal(rrto_module_parse_data(bad[i], strlen(bad[i]), true, &module), RRTO_OK);
        assert_null(module);
    }
    for (size_t n = 0; n < strlen(example_ptx); n++) {
        char *copy = malloc(n ? n : 1);
        memcpy(copy, example_ptx, n);
        struct rrto_module_image *module;
        if (rrto_module_parse_data(copy, n, true, &module) == RRTO_OK)
            rrto_module_destroy(module);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cubin),
        cmocka_unit_test(ptx),
        cmocka_unit_test(ptx_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
