/* SPDX-License-Identifier: Apache-2.0 */
/* The ring of inferences, and its lines. */
#include "../test.h"

#include "report/inferences.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CAPACITY = 4 };

static struct rrto_inferences *make(void)
{
    struct rrto_inferences *inferences = calloc(1, rrto_inferences_bytes(CAPACITY));
    rrto_inferences_init(inferences, CAPACITY);
    return inferences;
}

static void test_valid(void **state)
{
    (void)state;
    struct rrto_inferences *inferences = make();
    const size_t n = rrto_inferences_bytes(CAPACITY);
    assert_true(rrto_inferences_valid(inferences, n));
    assert_false(rrto_inferences_valid(inferences, n - 1));
    assert_false(rrto_inferences_valid(inferences, 8));
    inferences->capacity = UINT64_MAX / 16;
    assert_false(rrto_inferences_valid(inferences, n));
    inferences->capacity = 0;
    assert_false(rrto_inferences_valid(inferences, n));
    free(inferences);
    rrto_inferences_add(NULL, NULL); /* nobody asked */
}

static char *written(const struct rrto_counters *counters, const struct rrto_inferences *inferences)
{
    static char text[20000];
    FILE *file = tmpfile();
    struct rrto_json json;
    rrto_json_init(&json, fileno(file));
    json.compact = true;
    rrto_inferences_write(&json, counters, inferences);
    assert_true(rrto_json_finish(&json));
    ssize_t n = pread(fileno(file), text, sizeof text - 1, 0);
    assert_true(n > 0);
    text[n] = '\0';
    fclose(file);
    return text;
}

static unsigned lines(const char *text)
{
    unsigned n = 0;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

static void test_lines(void **state)
{
    (void)state;
    struct rrto_inferences *inferences = make();
    struct rrto_counters counters = {.pid = 7, .inferences = 6, .mode = "m", .started_ns = 5};
    for (unsigned i = 0; i < 6; i++) {
        struct rrto_counters_inference one = {
            .start_ns = 1000 * i, .end_ns = 1000 * i + 500, .before_ns = 20, .round_trips = i};
        one.waits.link_ns = 300;
        rrto_inferences_add(inferences, &one);
    }
    const char *text = written(&counters, inferences);
    assert_int_equal(lines(text), 1 + CAPACITY);
    assert_ptr_equal(strstr(text, "{\"process\": 7,"), text);
    assert_null(strstr(text, "\"inference\": 2,")); /* the ring has forgotten it */
    assert_non_null(strstr(text, "\n{\"inference\": 3,\"total_ns\": 520,\"dispatch_ns\": 220,"));
    assert_non_null(strstr(text, "\n{\"inference\": 6,"));

    /* A last one, whose result is there and that nothing has followed. */
    counters.base.start_ns = 7000;
    counters.result_wait_ns = 7900;
    text = written(&counters, inferences);
    assert_int_equal(lines(text), 2 + CAPACITY);
    assert_non_null(strstr(text, "\"inferences\": 7}\n"));
    assert_non_null(strstr(text, "\n{\"inference\": 7,\"total_ns\": 900,"));
    /* Not where the application marks ends and has not marked this one. */
    counters.marked = true;
    assert_int_equal(lines(written(&counters, inferences)), 1 + CAPACITY);
    assert_int_equal(lines(written(&counters, NULL)), 1);
    free(inferences);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_valid), cmocka_unit_test(test_lines)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
