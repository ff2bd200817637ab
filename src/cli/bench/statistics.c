/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Walks the binomial distribution once: the tails are sums of its ends. */
bool rrto_bench_ranks(size_t n, double q, double level, size_t *ret_low, size_t *ret_high)
{
    const double tail = (1 - level) / 2 * (1 + 1e-12);
    const double odds = log(q) - log1p(-q);
    double log_p = (double)n * log1p(-q), below = 0, above;
    size_t low = 0, high = n + 1;
    for (size_t k = 0; k <= n; k++) { /* below = P(X < k) */
        if (below <= tail)
            low = k;
        else
            break;
        below += exp(log_p);
        log_p += log((double)(n - k)) - log((double)k + 1) + odds;
    }
    log_p = (double)n * log(q);
    above = 0;
    for (size_t k = n; k > 0; k--) { /* above = P(X > k) */
        above += exp(log_p);         /* P(X >= k) */
        if (above > tail)
            break;
        high = k;
        log_p += log((double)k) - log((double)(n - k) + 1) - odds;
    }
    if (low < 1 || high > n || high <= low)
        return false;
    *ret_low = low;
    *ret_high = high;
    return true;
}

size_t rrto_bench_samples_needed(double q, double level)
{
    /* All samples on one side of the quantile: the rarer side decides. */
    double rare = q > 0.5 ? q : 1 - q;
    size_t n = (size_t)ceil(log((1 - level) / 2) / log(rare)), low, high;
    while (!rrto_bench_ranks(n, q, level, &low, &high))
        n++;
    return n;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void rrto_bench_sort(double *samples, size_t n)
{
    if (n)
        qsort(samples, n, sizeof *samples, compare);
}

struct rrto_bench_estimate rrto_bench_quantile(const double *sorted, size_t n, double q, double level)
{
    size_t low, high;
    if (n == 0 || !rrto_bench_ranks(n, q, level, &low, &high))
        return (struct rrto_bench_estimate){.known = false};
    size_t rank = (size_t)ceil(q * (double)n - 1e-9);
    return (struct rrto_bench_estimate){true, sorted[(rank ? rank : 1) - 1], sorted[low - 1], sorted[high - 1]};
}

/* Makes the estimate's interval enclose what one round says. */
static void enclose(struct rrto_bench_estimate *estimate, const struct rrto_bench_estimate *round)
{
    if (!round->known)
        return;
    estimate->low = fmin(estimate->low, round->value);
    estimate->high = fmax(estimate->high, round->value);
}

struct rrto_bench_estimate rrto_bench_quantile_of_rounds(const double *const *samples, const size_t *n, size_t n_rounds,
                                                         double q, double level)
{
    size_t total = 0, at = 0;
    struct rrto_bench_estimate estimate = {.known = false};
    for (size_t i = 0; i < n_rounds; i++)
        total += n[i];
    double *all = calloc(total ? total : 1, sizeof *all);
    if (!all)
        return estimate;
    for (size_t i = 0; i < n_rounds; i++) {
        if (n[i])
            memcpy(all + at, samples[i], n[i] * sizeof *all);
        at += n[i];
    }
    rrto_bench_sort(all, total);
    estimate = rrto_bench_quantile(all, total, q, level);
    for (size_t i = 0; i < n_rounds && n_rounds > 1 && estimate.known; i++) {
        if (n[i])
            memcpy(all, samples[i], n[i] * sizeof *all);
        rrto_bench_sort(all, n[i]);
        struct rrto_bench_estimate round = rrto_bench_quantile(all, n[i], q, level);
        enclose(&estimate, &round);
    }
    free(all);
    return estimate;
}

struct rrto_bench_estimate rrto_bench_ratio(struct rrto_bench_estimate a, struct rrto_bench_estimate b)
{
    if (!a.known || !b.known || !(a.low > 0) || isnan(b.low))
        return (struct rrto_bench_estimate){.known = false};
    return (struct rrto_bench_estimate){true, b.value / a.value, b.low / a.high, b.high / a.low};
}

/* P(|T| <= sqrt(df) tan(theta)) of Student's t with df degrees of freedom: M. Abramowitz, I. A. Stegun, Handbook of
 * Mathematical Functions, 26.7.3 and 26.7.4. */
static double within(double theta, size_t df)
{
    const double cosine = cos(theta), pi = acos(-1);
    double term = df % 2 ? cosine : 1, sum = df == 1 ? 0 : term;
    for (size_t k = df % 2 ? 3 : 2; k < df; k += 2) {
        term *= cosine * cosine * (double)(k - 1) / (double)k;
        sum += term;
    }
    return df % 2 ? 2 / pi * (theta + sin(theta) * sum) : sin(theta) * sum;
}

static double student_t(size_t df, double level)
{
    double low = 0, high = acos(0);
    for (int i = 0; i < 60; i++) {
        double middle = (low + high) / 2;
        if (within(middle, df) < level)
            low = middle;
        else
            high = middle;
    }
    return sqrt((double)df) * tan(low);
}

struct rrto_bench_estimate rrto_bench_mean_of_rounds(const double *rounds, size_t n, double level)
{
    const double mean = rrto_bench_mean(rounds, n);
    double squares = 0;
    if (n == 0)
        return (struct rrto_bench_estimate){.known = false};
    if (n == 1)
        return (struct rrto_bench_estimate){true, mean, NAN, NAN};
    for (size_t i = 0; i < n; i++)
        squares += (rounds[i] - mean) * (rounds[i] - mean);
    double half = student_t(n - 1, level) * sqrt(squares / (double)(n - 1) / (double)n);
    return (struct rrto_bench_estimate){true, mean, mean - half, mean + half};
}

double rrto_bench_mean(const double *samples, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += samples[i];
    return n ? sum / (double)n : 0;
}

double rrto_bench_median(double *samples, size_t n)
{
    rrto_bench_sort(samples, n);
    return n ? samples[(n - 1) / 2] : 0;
}
