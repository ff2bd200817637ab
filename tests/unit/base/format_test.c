/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the source file of the same name in src/base. */
#include "base/format.h"

#include "../test.h"

#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The C library is the oracle. */
#define SAME(...)                                                                                                      \
    do {                                                                                                               \
        char ours[200], theirs[200];                                                                                   \
        size_t n = rrto_format(ours, sizeof ours, __VA_ARGS__);                                                        \
        snprintf(theirs, sizeof theirs, __VA_ARGS__);                                                                  \
        assert_string_equal(ours, theirs);                                                                             \
        assert_int_equal(n, strlen(theirs));                                                                           \
    } while (0)

static void agrees_with_printf(void **state)
{
    (void)state;
    SAME("plain %% text");
    SAME("%s|%5s|%-5s|%.2s|%.*s", "abc", "abc", "abc", "abc", 1, "abc");
    SAME("%d %d %d %d", 0, -1, INT_MAX, INT_MIN);
    SAME("%5d|%05d|%-5d|%05d", 42, 42, 42, -42);
    SAME("%u %x %08x", UINT_MAX, 0xbeefu, 0xbeefu);
    SAME("%ld %lu %lx %lld %llu", LONG_MIN, ULONG_MAX, ULONG_MAX, LLONG_MIN, ULLONG_MAX);
    SAME("%zu %zx %" PRIu64 " %" PRId64, (size_t)7, (size_t)255, UINT64_MAX, INT64_MIN);
    SAME("%c%c", 'o', 'k');
    SAME("%p", (void *)0x1234);
    SAME("%hd %hhu", (short)-3, (unsigned char)200);
}

static void cuts_what_does_not_fit(void **state)
{
    (void)state;
    char out[8] = "#######";
    assert_int_equal(rrto_format(out, 5, "%s", "123456"), 4);
    assert_string_equal(out, "1234");
    assert_int_equal(out[5], '#');
    assert_int_equal(rrto_format(out, 0, "%s", "123456"), 0);
    assert_int_equal(rrto_format(out, 1, "%d", 5), 0);
    assert_string_equal(out, "");
}

static void null_is_shown(void **state)
{
    (void)state;
    char out[20];
    const char *volatile nothing = NULL;
    rrto_format(out, sizeof out, "%s", nothing);
    assert_string_equal(out, "(null)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_printf),
        cmocka_unit_test(cuts_what_does_not_fit),
        cmocka_unit_test(null_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
