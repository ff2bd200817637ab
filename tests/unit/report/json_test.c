/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/report/json.c. */
#include "report/json.h"

#include "../test.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char text[1 << 20];

static int temporary(void)
{
    FILE *file = tmpfile();
    return file ? dup(fileno(file)) : -1;
}

static const char *content(int fd)
{
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    assert_true(n >= 0);
    text[n] = '\0';
    close(fd);
    return text;
}

static void values_and_nesting(void **state)
{
    (void)state;
    struct rrto_json json;
    int fd = temporary();
    rrto_json_init(&json, fd);
    rrto_json_open(&json, NULL, '{');
    rrto_json_number(&json, "n", UINT64_MAX);
    rrto_json_decimal(&json, "d", 1234567, 6);
    rrto_json_decimal(&json, "small", 5, 3);
    rrto_json_open(&json, "none", '[');
    rrto_json_close(&json, ']');
    rrto_json_open(&json, "list", '[');
    rrto_json_number(&json, NULL, 1);
    rrto_json_string(&json, NULL, "x");
    rrto_json_close(&json, ']');
    rrto_json_close(&json, '}');
    assert_true(rrto_json_finish(&json));
    assert_string_equal(content(fd), "{\n"
                                     "  \"n\": 18446744073709551615,\n"
                                     "  \"d\": 1.234567,\n"
                                     "  \"small\": 0.005,\n"
                                     "  \"none\": [],\n"
                                     "  \"list\": [\n"
                                     "    1,\n"
                                     "    \"x\"\n"
                                     "  ]\n"
                                     "}\n");
}

static void strings_are_escaped(void **state)
{
    (void)state;
    struct rrto_json json;
    int fd = temporary();
    rrto_json_init(&json, fd);
    rrto_json_open(&json, NULL, '{');
    rrto_json_string(&json, "a\"b", "\\ \n \x01 \xff");
    rrto_json_close(&json, '}');
    assert_true(rrto_json_finish(&json));
    assert_string_equal(content(fd), "{\n  \"a\\\"b\": \"\\\\ \\u000a \\u0001 \\u00ff\"\n}\n");
}

static void more_than_a_buffer(void **state)
{
    (void)state;
    struct rrto_json json;
    int fd = temporary();
    rrto_json_init(&json, fd);
    rrto_json_open(&json, NULL, '[');
    for (uint64_t i = 0; i < 5000; i++)
        rrto_json_number(&json, NULL, i);
    rrto_json_close(&json, ']');
    assert_true(rrto_json_finish(&json));
    assert_non_null(strstr(content(fd), "\n  4998,\n  4999\n]\n"));
}

static void a_failed_write_is_remembered(void **state)
{
    (void)state;
    struct rrto_json json;
    rrto_json_init(&json, -1);
    rrto_json_open(&json, NULL, '{');
    rrto_json_close(&json, '}');
    assert_false(rrto_json_finish(&json));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_nesting),
        cmocka_unit_test(strings_are_escaped),
        cmocka_unit_test(more_than_a_buffer),
        cmocka_unit_test(a_failed_write_is_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
