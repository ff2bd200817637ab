/* SPDX-License-Identifier: Apache-2.0 */
/* The link's arithmetic, with a clock that is a number. */
#include "cli/link/shape.h"

#include "../test.h"

enum { MS = 1000000 };

static struct rrto_schedule constant(uint64_t bits_per_s)
{
    struct rrto_schedule schedule = {0};
    rrto_schedule_constant(&schedule, bits_per_s);
    return schedule;
}

static void a_byte_leaves_then_travels(void **state)
{
    (void)state;
    struct rrto_schedule schedule = constant(80000000);
    struct rrto_shape shape = {.schedule = &schedule, .delay_ns = 5 * MS};
    struct rrto_shape_run run = rrto_shape_accept(&shape, 1000, 1000);
    assert_int_equal(run.n, 1000);
    assert_int_equal(run.first_ns, 1000 + 5 * MS);
    assert_int_equal(run.last_ns, 1000 + 100000 + 5 * MS); /* 8000 bits at 80 Mbit/s: 100 us */
    assert_int_equal(rrto_shape_delivered(&run, 1000 + 5 * MS), 0);
    assert_int_equal(rrto_shape_delivered(&run, 1000 + 5 * MS + 100), 1);
    assert_int_equal(rrto_shape_delivered(&run, 1000 + 5 * MS + 50000), 500);
    assert_int_equal(rrto_shape_delivered(&run, run.last_ns - 1), 999);
    assert_int_equal(rrto_shape_delivered(&run, run.last_ns), 1000);
}

static void runs_queue_behind_each_other(void **state)
{
    (void)state;
    struct rrto_schedule schedule = constant(8000000);
    struct rrto_shape shape = {.schedule = &schedule, .delay_ns = MS};
    struct rrto_shape_run first = rrto_shape_accept(&shape, 0, 1000);      /* leaves from 0 to 1 ms */
    struct rrto_shape_run second = rrto_shape_accept(&shape, 10, 1000);    /* waits for it */
    struct rrto_shape_run third = rrto_shape_accept(&shape, 5 * MS, 1000); /* finds an idle link */
    assert_int_equal(first.last_ns, 2 * MS);
    assert_int_equal(second.first_ns, 2 * MS);
    assert_int_equal(second.last_ns, 3 * MS);
    assert_int_equal(third.first_ns, 6 * MS);
    assert_int_equal(third.last_ns, 7 * MS);
    assert_int_equal(rrto_shape_drained(&shape, 5 * MS), 7 * MS);
    assert_int_equal(rrto_shape_drained(&shape, 9 * MS), 10 * MS);
}

static void fractions_are_not_lost(void **state)
{
    (void)state;
    struct rrto_schedule schedule = constant(7000000); /* a byte takes 1142.857... ns */
    struct rrto_shape shape = {.schedule = &schedule};
    struct rrto_shape_run run = {0};
    for (int i = 0; i < 700000; i++)
        run = rrto_shape_accept(&shape, 0, 1);
    assert_int_equal(run.last_ns, 800 * (uint64_t)MS); /* exactly, although no single byte is */
}

static void no_rate_and_no_delay_pass_at_once(void **state)
{
    (void)state;
    struct rrto_schedule schedule = constant(0);
    struct rrto_shape shape = {.schedule = &schedule};
    struct rrto_shape_run run = rrto_shape_accept(&shape, 77, 1 << 20);
    assert_int_equal(run.last_ns, 77);
    assert_int_equal(rrto_shape_delivered(&run, 77), 1 << 20);
    shape.delay_ns = MS;
    run = rrto_shape_accept(&shape, 100, 5);
    assert_int_equal(rrto_shape_delivered(&run, 100 + MS - 1), 0);
    assert_int_equal(rrto_shape_delivered(&run, 100 + MS), 5);
}

static void large_numbers_do_not_overflow(void **state)
{
    (void)state;
    struct rrto_schedule schedule = constant(100000000000);
    struct rrto_shape shape = {.schedule = &schedule, .delay_ns = 60000 * (uint64_t)MS};
    struct rrto_shape_run run = rrto_shape_accept(&shape, (uint64_t)1 << 60, (size_t)1 << 40);
    assert_int_equal(run.last_ns - run.first_ns, ((uint64_t)1 << 43) / 100);
    assert_true(rrto_shape_delivered(&run, run.last_ns - 1) < (size_t)1 << 40);
    assert_true(rrto_shape_capacity(&shape) >= 750000000000); /* 60 s at 100 Gbit/s */
}

static void the_capacity_never_starves_the_link(void **state)
{
    (void)state;
    struct rrto_schedule schedule = constant(80000000);
    struct rrto_shape shape = {.schedule = &schedule, .delay_ns = 5 * MS};
    assert_in_range(rrto_shape_capacity(&shape), 50000 + 65536, 1 << 20); /* more than what is under way plus a read */
    schedule = constant(800000000);
    assert_in_range(rrto_shape_capacity(&shape), 500000 + 2000000, 3000000); /* 5 ms under way, 20 ms waiting */
}

/* 3 ms at 8 Mbit/s (a byte each us), 2 ms nothing, 5 ms at 80, and again. */
static struct rrto_schedule_step steps[] = {{0, 8000000}, {3 * MS, 0}, {5 * MS, 80000000}};
static const struct rrto_schedule rates = {.kind = RRTO_SCHEDULE_RATES, .steps = steps, .n = 3, .length_ns = 10 * MS};

static void rates_change_where_the_trace_says(void **state)
{
    (void)state;
    struct rrto_shape shape = {.schedule = &rates, .delay_ns = MS, .origin_ns = 1000 * (uint64_t)MS};
    uint64_t begin_ns = shape.origin_ns;
    struct rrto_shape_run run = rrto_shape_accept(&shape, begin_ns + 1 * MS, 100000);
    assert_int_equal(run.n, 2000); /* until 3 ms; then the gap */
    assert_int_equal(run.first_ns, begin_ns + 2 * MS);
    assert_int_equal(run.last_ns, begin_ns + 4 * MS);
    run = rrto_shape_accept(&shape, begin_ns + 1 * MS, 100000 - 2000);
    assert_int_equal(run.n, 50000);
    assert_int_equal(run.first_ns, begin_ns + 6 * MS);
    assert_int_equal(run.last_ns, begin_ns + 11 * MS);
    run = rrto_shape_accept(&shape, begin_ns + 1 * MS, 48000); /* the trace again */
    assert_int_equal(run.n, 3000);
    assert_int_equal(run.first_ns, begin_ns + 11 * MS);
}

static void a_byte_may_take_several_pieces(void **state)
{
    (void)state;
    struct rrto_schedule_step slow[] = {{0, 1000}, {5 * MS, 0}}; /* 5 bits, then nothing for 5 ms */
    struct rrto_schedule schedule = {.kind = RRTO_SCHEDULE_RATES, .steps = slow, .n = 2, .length_ns = 10 * MS};
    struct rrto_shape shape = {.schedule = &schedule};
    assert_int_equal(rrto_shape_accept(&shape, 0, 1).last_ns, 13 * MS); /* 5 bits by 5 ms, 3 more from 10 ms on */
    assert_int_equal(rrto_shape_accept(&shape, 0, 1).last_ns, 31 * MS); /* 2 by 15 ms, 5 by 25 ms, 1 from 30 ms on */
}

static void opportunities_pass_packets(void **state)
{
    (void)state;
    uint64_t at_ns[] = {1 * MS, 1 * MS, 4 * MS, 10 * MS};
    struct rrto_schedule schedule = {
        .kind = RRTO_SCHEDULE_OPPORTUNITIES, .opportunities_ns = at_ns, .n = 4, .length_ns = 10 * MS};
    struct rrto_shape shape = {.schedule = &schedule};
    struct {
        size_t n;
        uint64_t at_ms;
    } expected[] = {{1500, 1}, {1500, 1}, {1500, 4}, {1500, 10}, {1500, 11}, {1500, 11}, {1000, 14}};
    size_t n = 10000;
    for (size_t i = 0; i < 7; i++) {
        struct rrto_shape_run run = rrto_shape_accept(&shape, 0, n);
        assert_int_equal(run.n, expected[i].n);
        assert_int_equal(run.first_ns, expected[i].at_ms * MS);
        assert_int_equal(run.last_ns, expected[i].at_ms * MS);
        n -= run.n;
    }
    assert_int_equal(rrto_shape_accept(&shape, 13 * MS, 700).n, 500); /* the rest of that opportunity */
    assert_int_equal(rrto_shape_accept(&shape, 13 * MS, 200).last_ns, 20 * (uint64_t)MS); /* the next one */
    assert_int_equal(rrto_shape_accept(&shape, 41 * MS, 9).last_ns, 41 * (uint64_t)MS);   /* unused ones are lost */
    assert_int_equal(rrto_shape_accept(&shape, 42 * MS, 9).last_ns, 44 * (uint64_t)MS);
}

static void nothing_passes_in_a_stall(void **state)
{
    (void)state;
    struct rrto_schedule schedule = constant(8000000);
    schedule.stalls[0] = (struct rrto_schedule_stall){2 * MS, 3 * MS, 10 * MS};
    schedule.stalls[1] = (struct rrto_schedule_stall){5 * MS, 1 * MS, 0}; /* joins the first one, once */
    schedule.n_stalls = 2;
    struct rrto_shape shape = {.schedule = &schedule};
    struct rrto_shape_run run = rrto_shape_accept(&shape, 1 * MS, 3000);
    assert_int_equal(run.n, 1000);
    run = rrto_shape_accept(&shape, 1 * MS, 2000);
    assert_int_equal(run.n, 2000);
    assert_int_equal(run.first_ns, 6 * MS);
    assert_int_equal(run.last_ns, 8 * MS);
    assert_int_equal(rrto_shape_accept(&shape, 13 * MS, 1000).first_ns, 15 * MS);
    uint64_t at_ns[] = {1 * MS, 3 * MS, 4 * MS};
    schedule.kind = RRTO_SCHEDULE_OPPORTUNITIES;
    schedule.opportunities_ns = at_ns;
    schedule.n = 3;
    schedule.length_ns = 4 * MS;
    shape = (struct rrto_shape){.schedule = &schedule};
    assert_int_equal(rrto_shape_accept(&shape, 0, 1500).last_ns, 1 * MS);
    assert_int_equal(rrto_shape_accept(&shape, 0, 1500).last_ns, 7 * MS); /* 3, 4 and 5 ms are swallowed */
}

static void what_never_passes_ends(void **state)
{
    (void)state;
    struct rrto_schedule schedule = rates;
    schedule.stalls[0] = (struct rrto_schedule_stall){0, 3 * MS, 10 * MS};
    schedule.stalls[1] = (struct rrto_schedule_stall){5 * MS, 5 * MS, 10 * MS};
    schedule.n_stalls = 2;
    struct rrto_shape shape = {.schedule = &schedule};
    assert_true(rrto_shape_accept(&shape, 0, 10).last_ns >= RRTO_SCHEDULE_NEVER);
    assert_true(rrto_shape_accept(&shape, 0, 10).last_ns >= RRTO_SCHEDULE_NEVER);
}

static void jitter_is_seeded_and_keeps_the_order(void **state)
{
    (void)state;
    struct rrto_schedule schedule = constant(80000000);
    struct rrto_shape one = {.schedule = &schedule, .delay_ns = MS, .jitter_ns = 4 * MS, .seed = 7};
    struct rrto_shape same = one, other = one;
    other.seed = 8;
    uint64_t last_ns = 0;
    double sum = 0;
    int n_different = 0;
    for (int i = 0; i < 3000; i++) {
        uint64_t now_ns = (uint64_t)i * 10 * MS;
        uint64_t at_ns = rrto_shape_accept(&one, now_ns, 1).last_ns;
        assert_int_equal(at_ns, rrto_shape_accept(&same, now_ns, 1).last_ns);
        n_different += at_ns != rrto_shape_accept(&other, now_ns, 1).last_ns;
        assert_in_range(at_ns - now_ns, MS, 5 * MS + 101);
        assert_true(at_ns >= last_ns);
        last_ns = at_ns;
        sum += (double)(at_ns - now_ns);
    }
    assert_true(n_different > 2900);
    assert_true(sum / 3000 > 2.9 * MS && sum / 3000 < 3.1 * MS);
}

static void a_loss_holds_what_is_behind_it(void **state)
{
    (void)state;
    struct rrto_schedule schedule = constant(12000000); /* a packet each ms */
    struct rrto_shape shape = {.schedule = &schedule, .loss = 0.01, .rto_ns = 50 * MS, .seed = 3};
    uint64_t n = 0, last_ns = 0, n_held = 0;
    for (int i = 0; i < 20000; i++) {
        struct rrto_shape_run run = rrto_shape_accept(&shape, 0, 1 << 20);
        n += run.n;
        assert_int_equal(run.n, 1500);
        assert_true(run.last_ns >= last_ns && run.last_ns >= n * 1000 * 2 / 3);
        n_held += run.last_ns == last_ns;
        last_ns = run.last_ns;
    }
    assert_in_range(shape.n_lost, 150, 260);
    assert_true(n_held > shape.n_lost * 30); /* each loss holds about 50 packets, which arrive together with it */
    assert_int_equal(shape.free_ns, 20000 * (uint64_t)MS); /* the link itself went on */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_byte_leaves_then_travels),
        cmocka_unit_test(runs_queue_behind_each_other),
        cmocka_unit_test(fractions_are_not_lost),
        cmocka_unit_test(no_rate_and_no_delay_pass_at_once),
        cmocka_unit_test(large_numbers_do_not_overflow),
        cmocka_unit_test(the_capacity_never_starves_the_link),
        cmocka_unit_test(rates_change_where_the_trace_says),
        cmocka_unit_test(a_byte_may_take_several_pieces),
        cmocka_unit_test(opportunities_pass_packets),
        cmocka_unit_test(nothing_passes_in_a_stall),
        cmocka_unit_test(what_never_passes_ends),
        cmocka_unit_test(jitter_is_seeded_and_keeps_the_order),
        cmocka_unit_test(a_loss_holds_what_is_behind_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
