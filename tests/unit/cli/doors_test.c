/* SPDX-License-Identifier: Apache-2.0 */
/* This program stands in tests/programs, so lib/rrto is looked for in tests/lib/rrto: the test makes it. */
#include "cli/doors.h"

#include "../test.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[PATH_MAX], out[RRTO_DOORS_MAX_BYTES], why[PATH_MAX + 256];

static void make(const char *name, bool directory)
{
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s%s%s", folder, *name ? "/" : "", name);
    if (directory)
        mkdir(path, 0755);
    else
        close(open(path, O_WRONLY | O_CREAT, 0644));
}

static void preload_lists_every_door(void **state)
{
    (void)state;
    assert_true(rrto_doors_folder(folder, sizeof folder));
    char parent[PATH_MAX];
    snprintf(parent, sizeof parent, "%s", folder);
    *strrchr(parent, '/') = '\0';
    mkdir(parent, 0755);
    for (size_t i = 0; rrto_doors_names[i]; i++) { /* what an earlier run has left */
        char path[PATH_MAX + 64];
        snprintf(path, sizeof path, "%s/doors/%s", folder, rrto_doors_names[i]);
        unlink(path);
    }
    make("", true);
    make("doors", true);
    size_t n = 0;
    for (; rrto_doors_names[n]; n++) {
        char name[64];
        assert_false(rrto_doors_preload(NULL, out, sizeof out, why, sizeof why)); /* one is still missing */
        assert_non_null(strstr(why, rrto_doors_names[n]));
        snprintf(name, sizeof name, "doors/%s", rrto_doors_names[n]);
        make(name, false);
    }
    assert_true(n >= 6);
    assert_true(rrto_doors_preload(NULL, out, sizeof out, why, sizeof why));
    size_t paths = 1;
    for (const char *c = out; *c; c++)
        paths += *c == ':';
    assert_true(paths >= n);
    assert_non_null(strstr(out, "/doors/libcudart.so.13:"));
}

static void what_was_preloaded_is_kept_behind(void **state)
{
    (void)state;
    static char twice[RRTO_DOORS_MAX_BYTES], again[RRTO_DOORS_MAX_BYTES];
    assert_true(rrto_doors_preload("/lib/mine.so", out, sizeof out, why, sizeof why));
    assert_string_equal(out + strlen(out) - 13, ":/lib/mine.so");
    snprintf(twice, sizeof twice, "%s", out);
    assert_true(rrto_doors_preload(twice, again, sizeof again, why, sizeof why));
    assert_string_equal(again, twice); /* rrto run inside rrto run adds nothing */
    assert_false(rrto_doors_preload(NULL, out, 40, why, sizeof why));
}

static void the_fallback_folder_comes_first(void **state)
{
    (void)state;
    assert_true(rrto_doors_library_path(NULL, out, sizeof out));
    assert_string_equal(out + strlen(out) - 9, "/fallback");
    assert_true(rrto_doors_library_path("/a:/b", out, sizeof out));
    assert_string_equal(out + strlen(out) - 15, "/fallback:/a:/b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(preload_lists_every_door),
        cmocka_unit_test(what_was_preloaded_is_kept_behind),
        cmocka_unit_test(the_fallback_folder_comes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
