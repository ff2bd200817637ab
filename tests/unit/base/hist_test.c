/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the source file of the same name in src/base. */
#include "base/hist.h"
#include "base/map.h"

#include "../test.h"

#include <stdlib.h>

static void quantiles_are_within_a_sixteenth(void **state)
{
    (void)state;
    static struct rrto_hist hist, other;
    assert_int_equal(rrto_hist_quantile(&hist, 500), 0);
    for (uint64_t i = 1; i <= 100000; i++)
        rrto_hist_add(i % 2 ? &hist : &other, i);
    rrto_hist_merge(&hist, &other);
    assert_int_equal(hist.n, 100000);
    const unsigned marks[] = {1, 100, 500, 900, 990, 1000};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        double got = (double)rrto_hist_quantile(&hist, marks[i]), exact = 100.0 * marks[i];
        assert_true(got >= exact * 15 / 16 && got <= exact * 17 / 16);
    }
}

static void small_values_are_exact_and_large_ones_are_kept(void **state)
{
    (void)state;
    for (uint64_t value = 0; value < 32; value++) {
        static struct rrto_hist hist;
        hist = (struct rrto_hist){0};
        rrto_hist_add(&hist, value);
        assert_int_equal(rrto_hist_quantile(&hist, 500), value);
    }
    static struct rrto_hist hist;
    rrto_hist_add(&hist, UINT64_MAX);
    assert_true(rrto_hist_quantile(&hist, 500) > (uint64_t)1 << 42);
}

static void every_value_lies_near_its_bucket(void **state)
{
    (void)state;
    uint64_t random = 3;
    for (int i = 0; i < 20000; i++) {
        static struct rrto_hist hist;
        random = rrto_mix64(random + 0x9e3779b97f4a7c15u);
        uint64_t value = (random >> 21) >> (random % 43);
        hist = (struct rrto_hist){0};
        rrto_hist_add(&hist, value);
        uint64_t got = rrto_hist_quantile(&hist, 1000);
        uint64_t error = got > value ? got - value : value - got;
        assert_true(error <= value / 16);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_are_within_a_sixteenth),
        cmocka_unit_test(small_values_are_exact_and_large_ones_are_kept),
        cmocka_unit_test(every_value_lies_near_its_bucket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
