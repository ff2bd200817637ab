/* SPDX-License-Identifier: Apache-2.0 */
/* How fast a payload came: by the clock where reading waited, "fast" where it did not. */
#include "replay/arrival.h"

#include "../test.h"

static uint16_t rate_of(uint64_t n, uint64_t spent_ns, uint64_t waited_ns)
{
    struct rrto_arrival arrival = {.n_bytes = 12345};
    rrto_arrival_begin(&arrival, 1000, 77);
    arrival.n_bytes += n;
    rrto_arrival_end(&arrival, 1000 + spent_ns, 77 + waited_ns);
    return rrto_arrival_take(&arrival);
}

static void test_rates(void **state)
{
    (void)state;
    assert_int_equal(rate_of(600000, 60000000, 59000000), 100);               /* 10 MB/s */
    assert_int_equal(rate_of(600000, 4800000, 4000000), 1250);                /* 1 Gbit/s */
    assert_int_equal(rate_of(600000, UINT64_C(60000000000), 59000000000), 1); /* slower than can be told */
    assert_int_equal(rate_of(600000, 60000000, 20000000), RRTO_ARRIVAL_FAST); /* mostly read, not waited for */
    assert_int_equal(rate_of(600000, 50, 50), RRTO_ARRIVAL_FAST);
    assert_int_equal(rate_of(600000, 0, 0), RRTO_ARRIVAL_FAST);
    assert_int_equal(rate_of(RRTO_ARRIVAL_LEAST_BYTES - 1, 60000000, 59000000), 0); /* too little to tell */
}

/* What has been told is told once. A payload that nobody has seen begin, behind one that has ended, is not measured
 * from that one's beginning. */
static void test_told_once(void **state)
{
    (void)state;
    struct rrto_arrival arrival = {0};
    rrto_arrival_begin(&arrival, 0, 0);
    arrival.n_bytes += 100000;
    rrto_arrival_end(&arrival, 10000000, 10000000);
    assert_int_equal(rrto_arrival_take(&arrival), 100);
    assert_int_equal(rrto_arrival_take(&arrival), 0);
    arrival.n_bytes += 100000;
    rrto_arrival_end(&arrival, UINT64_C(5000000000), UINT64_C(5000000000));
    assert_int_equal(rrto_arrival_take(&arrival), 0);
}

/* What is told of a link by what came coded, and how many that was not. */
static void test_learns(void **state)
{
    (void)state;
    static const struct {
        uint64_t rate, measured, n_coded, encode_ns, learned;
        uint32_t n_unmeasured;
    } steps[] = {
        {0, 30000, 0, 0, 30000, 0},                /* the first one */
        {30000, 0, 60000, 500000, 30000, 1},       /* coded, and not waited for */
        {30000, 120000, 60000, 500000, 120000, 2}, /* as fast as it was coded: no slower than that */
        {200000, 120000, 60000, 500000, 200000, 3},
        {0, 120000, 60000, 500000, 0, 4},        /* nothing is known, or it is fast */
        {20000, 10000, 60000, 500000, 17500, 0}, /* coding was not what took time */
        {20000, 0, 60000, 500000, 20000, 1},
        {20000, 1000000, 0, 0, 265000, 0},
        {265000, 0, 0, 0, 0, 0},
    };
    struct rrto_arrival arrival = {0};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        uint64_t measured = steps[i].measured, n_coded = steps[i].n_coded, encode_ns = steps[i].encode_ns;
        assert_int_equal(rrto_arrival_learn(steps[i].rate, measured, n_coded, encode_ns), steps[i].learned);
        rrto_arrival_count(&arrival, rrto_arrival_tells(measured, n_coded, encode_ns), n_coded != 0);
        assert_int_equal(arrival.n_unmeasured, steps[i].n_unmeasured);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rates), cmocka_unit_test(test_told_once),
                                       cmocka_unit_test(test_learns)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
