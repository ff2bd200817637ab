/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of all kinds, made in a temporary folder. */
#include "cli/target.h"

#include "../test.h"

#include <elf.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/rrto-target-XXXXXX";
static char why[4400];

static const char *file(const char *name, const void *content, size_t n, mode_t mode)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0 && write(fd, content, n) == (ssize_t)n && fchmod(fd, mode) == 0);
    close(fd);
    return path;
}

static const char *script(const char *name, const char *text)
{
    return file(name, text, strlen(text), 0755);
}

/* A program with one segment of the given type. */
static const char *program(const char *name, unsigned char class, uint16_t machine, uint32_t segment, mode_t mode)
{
    struct {
        Elf64_Ehdr header;
        Elf64_Phdr segment;
    } elf = {.header = {.e_type = ET_DYN, .e_machine = machine, .e_phoff = sizeof(Elf64_Ehdr), .e_phnum = 1}};
    memcpy(elf.header.e_ident, ELFMAG, SELFMAG);
    elf.header.e_ident[EI_CLASS] = class;
    elf.segment.p_type = segment;
    return file(name, &elf, sizeof elf, mode);
}

static uint16_t machine_of(const char *path)
{
    Elf64_Ehdr header;
    int fd = open(path, O_RDONLY);
    assert_int_equal(read(fd, &header, sizeof header), sizeof header);
    close(fd);
    return header.e_machine;
}

static uint16_t own_machine(void)
{
    return machine_of("/proc/self/exe");
}

/* Under qemu the shell is another machine's. */
static void needs_own_shell(void)
{
    if (machine_of("/bin/sh") != own_machine())
        skip();
}

static void ordinary_programs_are_fine(void **state)
{
    (void)state;
    needs_own_shell();
    assert_int_equal(rrto_target_inspect("/proc/self/exe", why, sizeof why), RRTO_TARGET_FINE);
    assert_int_equal(rrto_target_inspect("sh", why, sizeof why), RRTO_TARGET_FINE);
    assert_int_equal(
        rrto_target_inspect(program("dynamic", ELFCLASS64, own_machine(), PT_INTERP, 0755), why, sizeof why),
        RRTO_TARGET_FINE);
}

static void missing_and_not_executable(void **state)
{
    (void)state;
    assert_int_equal(rrto_target_inspect("", why, sizeof why), RRTO_TARGET_NOT_FOUND);
    assert_int_equal(rrto_target_inspect("no-such-command-here", why, sizeof why), RRTO_TARGET_NOT_FOUND);
    assert_int_equal(rrto_target_inspect("/no/such/file", why, sizeof why), RRTO_TARGET_NOT_FOUND);
    assert_non_null(strstr(why, "'/no/such/file' is not found"));
    assert_int_equal(rrto_target_inspect(folder, why, sizeof why), RRTO_TARGET_NOT_EXECUTABLE);
    assert_int_equal(rrto_target_inspect(file("text", "hello", 5, 0644), why, sizeof why), RRTO_TARGET_NOT_EXECUTABLE);
    assert_int_equal(rrto_target_inspect(file("short", ELFMAG "\2", 5, 0755), why, sizeof why),
                     RRTO_TARGET_NOT_EXECUTABLE);
}

static void unreachable_programs_are_named(void **state)
{
    (void)state;
    uint16_t other = own_machine() == EM_X86_64 ? EM_AARCH64 : EM_X86_64;
    assert_int_equal(rrto_target_inspect(program("static", ELFCLASS64, own_machine(), PT_LOAD, 0755), why, sizeof why),
                     RRTO_TARGET_STATIC);
    assert_non_null(strstr(why, "statically linked"));
    assert_int_equal(rrto_target_inspect(program("small", ELFCLASS32, EM_386, PT_INTERP, 0755), why, sizeof why),
                     RRTO_TARGET_FOREIGN);
    assert_non_null(strstr(why, "32-bit"));
    assert_int_equal(rrto_target_inspect(program("other", ELFCLASS64, other, PT_INTERP, 0755), why, sizeof why),
                     RRTO_TARGET_FOREIGN);
    const char *setuid = program("setuid", ELFCLASS64, own_machine(), PT_INTERP, 0755);
    if (getuid() == 0) {
        assert_int_equal(chown(setuid, 12345, 0), 0);
        assert_int_equal(chmod(setuid, 04755), 0);
        assert_int_equal(rrto_target_inspect(setuid, why, sizeof why), RRTO_TARGET_PRIVILEGED);
    }
}

static void scripts_are_as_good_as_their_interpreters(void **state)
{
    (void)state;
    char text[256];
    needs_own_shell();
    assert_int_equal(rrto_target_inspect(script("good", "#!/bin/sh\necho\n"), why, sizeof why), RRTO_TARGET_FINE);
    assert_int_equal(rrto_target_inspect(script("blank", "#! /bin/sh -e\n"), why, sizeof why), RRTO_TARGET_FINE);
    assert_int_equal(rrto_target_inspect(script("plain", "echo no first line\n"), why, sizeof why), RRTO_TARGET_FINE);
    assert_int_equal(rrto_target_inspect(script("lost", "#!/no/such/interpreter\n"), why, sizeof why),
                     RRTO_TARGET_NOT_FOUND);
    assert_int_equal(rrto_target_inspect(script("none", "#!\n"), why, sizeof why), RRTO_TARGET_NOT_EXECUTABLE);
    assert_int_equal(rrto_target_inspect(script("env", "#!/usr/bin/env -S A=b sh\n"), why, sizeof why),
                     RRTO_TARGET_FINE);
    assert_int_equal(rrto_target_inspect(script("env-lost", "#!/usr/bin/env no-such-python\n"), why, sizeof why),
                     RRTO_TARGET_NOT_FOUND);
    snprintf(text, sizeof text, "#!%s\n", program("static2", ELFCLASS64, own_machine(), PT_LOAD, 0755));
    assert_int_equal(rrto_target_inspect(script("outer", text), why, sizeof why), RRTO_TARGET_STATIC);
    snprintf(text, sizeof text, "#!%s/loop\n", folder);
    rrto_target_inspect(script("loop", text), why, sizeof why); /* ends */
}

static void path_is_searched_as_execvp_does(void **state)
{
    (void)state;
    needs_own_shell();
    char path[256], *old = strdup(getenv("PATH"));
    file("same-name", "x", 1, 0644);
    snprintf(path, sizeof path, "/nowhere:%s", folder);
    setenv("PATH", path, 1);
    assert_int_equal(rrto_target_inspect("same-name", why, sizeof why), RRTO_TARGET_NOT_EXECUTABLE);
    script("same-name", "#!/bin/sh\n");
    assert_int_equal(rrto_target_inspect("same-name", why, sizeof why), RRTO_TARGET_FINE);
    setenv("PATH", old, 1);
    free(old);
}

static int setup(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *stat_buffer, int type, struct FTW *place)
{
    (void)stat_buffer;
    (void)type;
    (void)place;
    return remove(path);
}

static int teardown(void **state)
{
    (void)state;
    return nftw(folder, remove_one, 4, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary_programs_are_fine),      cmocka_unit_test(missing_and_not_executable),
        cmocka_unit_test(unreachable_programs_are_named),  cmocka_unit_test(scripts_are_as_good_as_their_interpreters),
        cmocka_unit_test(path_is_searched_as_execvp_does),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
