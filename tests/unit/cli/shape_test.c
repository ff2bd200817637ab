/* SPDX-License-Identifier: Apache-2.0 */
/* The link's arithmetic, with a clock that is a number. */
#include "cli/shape.h"

#include "../test.h"

enum { MS = 1000000 };

static void a_byte_leaves_then_travels(void **state)
{
    (void)state;
    struct rrto_shape shape = {.bits_per_s = 80000000, .delay_ns = 5 * MS};
    struct rrto_shape_run run = rrto_shape_accept(&shape, 1000, 1000);
    assert_int_equal(run.start_ns, 1000);
    assert_int_equal(run.end_ns, 1000 + 100000 + 5 * MS); /* 8000 bits at 80 Mbit/s: 100 us */
    assert_int_equal(rrto_shape_delivered(&shape, &run, 1000 + 5 * MS), 0);
    assert_int_equal(rrto_shape_delivered(&shape, &run, 1000 + 5 * MS + 100), 1);
    assert_int_equal(rrto_shape_delivered(&shape, &run, 1000 + 5 * MS + 50000), 500);
    assert_int_equal(rrto_shape_delivered(&shape, &run, run.end_ns - 1), 999);
    assert_int_equal(rrto_shape_delivered(&shape, &run, run.end_ns), 1000);
}

static void runs_queue_behind_each_other(void **state)
{
    (void)state;
    struct rrto_shape shape = {.bits_per_s = 8000000, .delay_ns = MS};
    struct rrto_shape_run first = rrto_shape_accept(&shape, 0, 1000);      /* leaves from 0 to 1 ms */
    struct rrto_shape_run second = rrto_shape_accept(&shape, 10, 1000);    /* waits for it */
    struct rrto_shape_run third = rrto_shape_accept(&shape, 5 * MS, 1000); /* finds an idle link */
    assert_int_equal(first.end_ns, 2 * MS);
    assert_int_equal(second.start_ns, MS);
    assert_int_equal(second.end_ns, 3 * MS);
    assert_int_equal(third.start_ns, 5 * MS);
    assert_int_equal(third.end_ns, 7 * MS);
}

static void fractions_are_not_lost(void **state)
{
    (void)state;
    struct rrto_shape shape = {.bits_per_s = 7000000}; /* a byte takes 1142.857... ns */
    struct rrto_shape_run run = {0};
    for (int i = 0; i < 700000; i++)
        run = rrto_shape_accept(&shape, 0, 1);
    assert_int_equal(run.end_ns, 800 * (uint64_t)MS); /* exactly, although no single byte is */
}

static void no_rate_and_no_delay_pass_at_once(void **state)
{
    (void)state;
    struct rrto_shape shape = {0};
    struct rrto_shape_run run = rrto_shape_accept(&shape, 77, 1 << 20);
    assert_int_equal(run.end_ns, 77);
    assert_int_equal(rrto_shape_delivered(&shape, &run, 77), 1 << 20);
    shape.delay_ns = MS;
    run = rrto_shape_accept(&shape, 100, 5);
    assert_int_equal(rrto_shape_delivered(&shape, &run, 100 + MS - 1), 0);
    assert_int_equal(rrto_shape_delivered(&shape, &run, 100 + MS), 5);
}

static void large_numbers_do_not_overflow(void **state)
{
    (void)state;
    struct rrto_shape shape = {.bits_per_s = 100000000000, .delay_ns = 60000 * (uint64_t)MS};
    struct rrto_shape_run run = rrto_shape_accept(&shape, (uint64_t)1 << 60, (size_t)1 << 40);
    assert_int_equal(run.end_ns - run.start_ns - shape.delay_ns, ((uint64_t)1 << 43) / 100);
    assert_true(rrto_shape_delivered(&shape, &run, run.end_ns - 1) < (size_t)1 << 40);
    assert_true(rrto_shape_capacity(&shape) >= 750000000000); /* 60 s at 100 Gbit/s */
}

static void the_capacity_never_starves_the_link(void **state)
{
    (void)state;
    struct rrto_shape shape = {.bits_per_s = 80000000, .delay_ns = 5 * MS};
    assert_in_range(rrto_shape_capacity(&shape), 50000 + 65536, 1 << 20); /* more than what is under way plus a read */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_byte_leaves_then_travels),    cmocka_unit_test(runs_queue_behind_each_other),
        cmocka_unit_test(fractions_are_not_lost),        cmocka_unit_test(no_rate_and_no_delay_pass_at_once),
        cmocka_unit_test(large_numbers_do_not_overflow), cmocka_unit_test(the_capacity_never_starves_the_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
