/* SPDX-License-Identifier: Apache-2.0 */
/* The counters' arithmetic: where an inference ends, medians, the table of unsupported calls. */
#include "../test.h"

#include "report/counters.h"

#include <string.h>

static struct rrto_counters counters;

static void fresh(void)
{
    memset(&counters, 0, sizeof counters);
    rrto_counters_init(&counters);
    counters.started_ns = 10;
}

static void test_inferences(void **state)
{
    (void)state;
    fresh();
    assert_false(rrto_counters_next_inference(&counters, 100)); /* work before any result */
    for (unsigned i = 0; i < 13; i++) {
        counters.round_trips += i == 3 ? 50 : 2;
        counters.bytes_up += 1000;
        counters.payload_up += 900;
        counters.payload_sent_up += 900;
        counters.ops += 10;
        counters.ops_literal += i < 2 ? 10 : 1;
        rrto_counters_result(&counters, 1000 * (i + 1));
        counters.round_trips++; /* a second output: part of the same inference */
        rrto_counters_result(&counters, 1000 * (i + 1) + 1);
        counters.calls += 7; /* after the result: part of the next one */
        if (i < 12)
            assert_true(rrto_counters_next_inference(&counters, 1000 * (i + 1) + 500));
        assert_false(i < 12 && rrto_counters_next_inference(&counters, 1000 * (i + 1) + 501));
    }
    assert_int_equal(counters.inferences, 12);
    rrto_counters_close_last(&counters);
    rrto_counters_close_last(&counters);
    assert_int_equal(counters.inferences, 13);
    assert_int_equal(counters.first_replayed_inference, 3);
    assert_int_equal(RRTO_COUNTERS_MEDIAN(&counters, round_trips), 3);
    assert_int_equal(RRTO_COUNTERS_MEDIAN(&counters, op_bytes_up), 100);
    assert_int_equal(RRTO_COUNTERS_MEDIAN(&counters, calls), 7);
    assert_int_equal(counters.first.calls, 0);
    assert_int_equal(counters.first_inference_ns, 1001);
    const struct rrto_counters_inference *last = &counters.last[12 % RRTO_COUNTERS_N_LAST];
    assert_int_equal(last->start_ns, 12500);
    assert_int_equal(last->end_ns, 13001);
}

/* Marks say where an inference ends: a result more or less within one is no end, and its clock stops at the last one.
 */
static void test_marks(void **state)
{
    (void)state;
    fresh();
    rrto_counters_next_inference(&counters, 100);
    rrto_counters_result(&counters, 150);
    rrto_counters_mark(&counters);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(rrto_counters_next_inference(&counters, 1000 * (i + 1)));
        counters.waits.link_ns += 40;
        rrto_counters_result(&counters, 1000 * (i + 1) + 50);
        assert_false(rrto_counters_next_inference(&counters, 1000 * (i + 1) + 60)); /* the rule alone would end it */
        rrto_counters_result(&counters, 1000 * (i + 1) + 90);
        rrto_counters_mark(&counters);
        counters.waits.queue_ns += 7; /* behind it: the next one's, before its first op */
    }
    rrto_counters_mark(&counters); /* once more: the same end */
    rrto_counters_close_last(&counters);
    assert_int_equal(counters.inferences, 4);
    const struct rrto_counters_inference *last = &counters.last[3];
    assert_int_equal(last->start_ns, 3000);
    assert_int_equal(last->end_ns, 3090);
    assert_int_equal(last->before_ns, 7);
    assert_int_equal(rrto_counters_total_ns(last), 97);
    assert_int_equal(rrto_counters_dispatch_ns(last), 50);
    rrto_counters_mark(&counters); /* without a result before it */
    assert_false(rrto_counters_ended(&counters));
    rrto_counters_close_last(&counters);
    assert_int_equal(counters.inferences, 4);
}

static void test_none(void **state)
{
    (void)state;
    fresh();
    rrto_counters_close_last(&counters);
    assert_int_equal(counters.inferences, 0);
    assert_int_equal(RRTO_COUNTERS_MEDIAN(&counters, calls), 0);
    assert_true(rrto_counters_valid(&counters, sizeof counters));
    assert_false(rrto_counters_valid(&counters, sizeof counters - 1));
    counters.version++;
    assert_false(rrto_counters_valid(&counters, sizeof counters));
}

/* Threads that count for themselves, and those that share. */
static void test_calls(void **state)
{
    (void)state;
    const uint64_t threads[] = {1, 2, 2, RRTO_COUNTERS_N_THREADS, RRTO_COUNTERS_N_THREADS + 1, 1000, 0};
    struct rrto_counters_inference totals;
    fresh();
    for (unsigned i = 0; i < sizeof threads / sizeof threads[0]; i++)
        rrto_counters_call(&counters, threads[i]);
    assert_int_equal(counters.calls, 3);
    assert_int_equal(counters.calls_of[1], 2);
    assert_int_equal(rrto_counters_calls(&counters), 7);
    rrto_counters_totals(&counters, &totals);
    assert_int_equal(totals.calls, 7);
}

static void test_unsupported(void **state)
{
    (void)state;
    fresh();
    char name[] = "cudaSomething00";
    for (unsigned i = 0; i < 70; i++) {
        name[13] = (char)('0' + i / 10);
        name[14] = (char)('0' + i % 10);
        assert_int_equal(rrto_counters_unsupported(&counters, name), i < RRTO_COUNTERS_N_UNSUPPORTED);
        assert_false(rrto_counters_unsupported(&counters, name));
    }
    assert_int_equal(counters.unsupported[0].count, 2);
    assert_string_equal(counters.unsupported[63].name, "other");
    assert_int_equal(counters.unsupported[63].count, 14);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inferences), cmocka_unit_test(test_marks),       cmocka_unit_test(test_none),
        cmocka_unit_test(test_calls),      cmocka_unit_test(test_unsupported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
