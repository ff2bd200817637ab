/* SPDX-License-Identifier: Apache-2.0 */
/* Percentiles and their intervals: against tables, against the definition, and against draws of known distributions. */
#include "../test.h"

#include "cli/bench/statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* From exact sums of rationals. */
static void test_ranks(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        double q;
        size_t low, high; /* 0: too few */
    } cases[] = {
        {5, 0.5, 0, 0},     {6, 0.5, 1, 6},        {10, 0.5, 2, 9},     {25, 0.5, 8, 18},
        {100, 0.5, 40, 61}, {35, 0.9, 0, 0},       {36, 0.9, 29, 36},   {100, 0.9, 84, 96},
        {367, 0.99, 0, 0},  {368, 0.99, 360, 368}, {3687, 0.999, 0, 0}, {3688, 0.999, 3680, 3688},
        {0, 0.5, 0, 0},     {1, 0.9, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t low = 0, high = 0;
        bool known = rrto_bench_ranks(cases[i].n, cases[i].q, 0.95, &low, &high);
        assert_int_equal(known, cases[i].high > 0);
        assert_int_equal(low, cases[i].low);
        assert_int_equal(high, cases[i].high);
    }
    assert_int_equal(rrto_bench_samples_needed(0.5, 0.95), 6);
    assert_int_equal(rrto_bench_samples_needed(0.9, 0.95), 36);
    assert_int_equal(rrto_bench_samples_needed(0.99, 0.95), 368);
    assert_int_equal(rrto_bench_samples_needed(0.999, 0.95), 3688);
}

/* P(low <= X < high) is at least the level, and would not be with either rank one further in. */
static void test_ranks_are_the_tightest(void **state)
{
    (void)state;
    for (size_t n = 40; n < 1000; n += 37) {
        static double below[1001]; /* P(X < k) */
        const double q = 0.9;
        size_t low, high;
        double p = pow(1 - q, (double)n);
        if (p == 0)
            break; /* the recursion would not start */
        below[0] = 0;
        for (size_t k = 0; k < n; k++) {
            below[k + 1] = below[k] + p;
            p *= (double)(n - k) / (double)(k + 1) * q / (1 - q);
        }
        assert_true(rrto_bench_ranks(n, q, 0.95, &low, &high));
        assert_true(below[low] <= 0.025 && below[low + 1] > 0.025);
        assert_true(1 - below[high] <= 0.025 + 1e-9 && 1 - below[high - 1] > 0.025);
    }
}

static void test_quantile(void **state)
{
    (void)state;
    double samples[100];
    for (int i = 0; i < 100; i++)
        samples[i] = i + 1;
    struct rrto_bench_estimate p50 = rrto_bench_quantile(samples, 100, 0.5, 0.95);
    assert_true(p50.known && p50.value == 50 && p50.low == 40 && p50.high == 61);
    struct rrto_bench_estimate p90 = rrto_bench_quantile(samples, 100, 0.9, 0.95);
    assert_true(p90.known && p90.value == 90 && p90.low == 84 && p90.high == 96);
    assert_false(rrto_bench_quantile(samples, 100, 0.99, 0.95).known);
    assert_false(rrto_bench_quantile(samples, 0, 0.5, 0.95).known);
}

/* How often the interval holds the true quantile: at least 95 times in 100, of a skewed distribution. */
static void test_coverage(void **state)
{
    (void)state;
    enum { TRIALS = 4000, N = 120 };
    const double truth = -log(1 - 0.9); /* of an exponential distribution */
    unsigned held = 0;
    unsigned short seed[3] = {1, 2, 3};
    for (unsigned trial = 0; trial < TRIALS; trial++) {
        double samples[N];
        for (int i = 0; i < N; i++)
            samples[i] = -log(1 - erand48(seed));
        rrto_bench_sort(samples, N);
        struct rrto_bench_estimate p90 = rrto_bench_quantile(samples, N, 0.9, 0.95);
        held += p90.known && p90.low <= truth && truth <= p90.high;
    }
    assert_in_range(held, TRIALS * 945 / 1000, TRIALS * 985 / 1000);
}

/* What differs between rounds widens the interval. */
static void test_rounds(void **state)
{
    (void)state;
    double a[50], b[50];
    for (int i = 0; i < 50; i++) {
        a[i] = 10 + i * 0.01;
        b[49 - i] = 20 + i * 0.01;
    }
    const double *const same[] = {a, a}, *const different[] = {a, b}, *const one[] = {a};
    const size_t n[] = {50, 50};
    struct rrto_bench_estimate estimate = rrto_bench_quantile_of_rounds(same, n, 2, 0.5, 0.95);
    assert_true(estimate.known && estimate.high - estimate.low < 0.2);
    estimate = rrto_bench_quantile_of_rounds(different, n, 2, 0.5, 0.95);
    assert_true(estimate.known && estimate.low <= 10.24 && estimate.high >= 20.24);
    assert_true(b[0] > b[1]); /* the samples are the caller's */
    estimate = rrto_bench_quantile_of_rounds(one, n, 1, 0.5, 0.95);
    assert_true(estimate.known && estimate.value == a[24]);
    assert_false(rrto_bench_quantile_of_rounds(one, n, 0, 0.5, 0.95).known);
}

static void test_ratio(void **state)
{
    (void)state;
    struct rrto_bench_estimate a = {true, 10, 8, 12}, b = {true, 5, 4, 6}, unknown = {.known = false},
                               zero = {true, 0, 0, 0};
    struct rrto_bench_estimate ratio = rrto_bench_ratio(a, b);
    assert_true(ratio.known && ratio.value == 0.5);
    assert_true(fabs(ratio.low - 4.0 / 12) < 1e-12 && fabs(ratio.high - 6.0 / 8) < 1e-12);
    assert_false(rrto_bench_ratio(a, unknown).known);
    assert_false(rrto_bench_ratio(unknown, b).known);
    assert_false(rrto_bench_ratio(zero, b).known);
    double samples[] = {3, 1, 2, 9};
    assert_true(rrto_bench_mean(samples, 4) == 3.75);
    assert_true(rrto_bench_median(samples, 4) == 2);
    assert_true(rrto_bench_median(samples, 0) == 0 && rrto_bench_mean(samples, 0) == 0);
}

/* The quantiles are those of the usual tables (t of 0.975: 12.706 with one degree of freedom, 4.303, 3.182, 2.776). */
static void test_mean_of_rounds(void **state)
{
    (void)state;
    const double rounds[] = {1, 2, 4, 5, 3};
    const double t[] = {12.7062, 4.30265, 3.18245, 2.77645};
    for (size_t n = 2; n <= 5; n++) {
        struct rrto_bench_estimate mean = rrto_bench_mean_of_rounds(rounds, n, 0.95);
        double sum = 0, squares = 0;
        for (size_t i = 0; i < n; i++)
            sum += rounds[i];
        for (size_t i = 0; i < n; i++)
            squares += (rounds[i] - sum / (double)n) * (rounds[i] - sum / (double)n);
        double half = t[n - 2] * sqrt(squares / (double)(n - 1) / (double)n);
        assert_true(mean.known && fabs(mean.value - sum / (double)n) < 1e-12);
        assert_true(fabs(mean.high - mean.value - half) < 1e-4 * half);
        assert_true(fabs(mean.value - mean.low - half) < 1e-4 * half);
    }
    struct rrto_bench_estimate one = rrto_bench_mean_of_rounds(rounds, 1, 0.95), two = {true, 5, 4, 6};
    assert_true(one.known && one.value == 1 && isnan(one.low) && isnan(one.high));
    assert_false(rrto_bench_ratio(one, two).known); /* no interval, no ratio */
    assert_false(rrto_bench_ratio(two, one).known);
    assert_false(rrto_bench_mean_of_rounds(rounds, 0, 0.95).known);
    double many[100];
    for (int i = 0; i < 100; i++)
        many[i] = i % 2;
    struct rrto_bench_estimate wide = rrto_bench_mean_of_rounds(many, 100, 0.95);
    assert_true(fabs(wide.high - 0.5 - 1.98422 * sqrt(25.0 / 99 / 100)) < 1e-5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranks),          cmocka_unit_test(test_ranks_are_the_tightest),
        cmocka_unit_test(test_quantile),       cmocka_unit_test(test_coverage),
        cmocka_unit_test(test_rounds),         cmocka_unit_test(test_ratio),
        cmocka_unit_test(test_mean_of_rounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
