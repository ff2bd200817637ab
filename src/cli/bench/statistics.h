/* SPDX-License-Identifier: Apache-2.0 */
/* Percentiles with their uncertainty. Pure.
 *
 * The estimate of quantile q of n samples is the order statistic of rank ceil(q n). Its interval needs no assumption on
 * the distribution: the number of samples at or below the true quantile is binomial (n, q), so the order statistics of
 * ranks l and u enclose it with probability P(l <= X < u) (H. A. David, H. N. Nagaraja, Order Statistics, 3rd edition,
 * 7.1; W. Q. Meeker, G. J. Hahn, L. A. Escobar, Statistical Intervals, 2nd edition, 5.2). Both tails are kept at or
 * below half of what may be missed; where there is no such u or l, there are too few samples. */
#ifndef RRTO_CLI_BENCH_STATISTICS_H
#define RRTO_CLI_BENCH_STATISTICS_H

#include <stdbool.h>
#include <stddef.h>

#define RRTO_BENCH_LEVEL 0.95
/* Of each of two estimates whose ratio has an interval of RRTO_BENCH_LEVEL. */
#define RRTO_BENCH_PAIR_LEVEL (1 - (1 - RRTO_BENCH_LEVEL) / 2)

struct rrto_bench_estimate {
    bool known;              /* false: too few samples, the rest is 0 */
    double value, low, high; /* low and high NaN: one round alone, whose spread nobody knows */
};

/* The ranks, from 1. False: too few samples. */
bool rrto_bench_ranks(size_t n, double q, double level, size_t *ret_low, size_t *ret_high);
/* The fewest samples for quantile q. */
size_t rrto_bench_samples_needed(double q, double level);
/* Of sorted samples. */
struct rrto_bench_estimate rrto_bench_quantile(const double *sorted, size_t n, double q, double level);
/* Of samples that were taken in rounds: the quantile of all of them. The interval also encloses the estimates of the
 * rounds, as far as they have samples enough: what differs from round to round (a machine's mood) is not in the
 * binomial. samples: n_rounds arrays, unsorted, not changed. Unknown, too, when memory is short. */
struct rrto_bench_estimate rrto_bench_quantile_of_rounds(const double *const *samples, const size_t *n, size_t n_rounds,
                                                         double q, double level);
/* b / a. The interval holds wherever both of theirs do; give estimates of level 1 - (1 - level) / 2 to have `level`. */
struct rrto_bench_estimate rrto_bench_ratio(struct rrto_bench_estimate a, struct rrto_bench_estimate b);
/* The mean of one figure from each round, with Student's t interval: rounds are taken as independent, their figures as
 * normal. One round alone has no interval. Unknown of none. */
struct rrto_bench_estimate rrto_bench_mean_of_rounds(const double *rounds, size_t n, double level);
double rrto_bench_mean(const double *samples, size_t n);
/* For an even number the lower one of the middle two; 0 of none. Sorts. */
double rrto_bench_median(double *samples, size_t n);
void rrto_bench_sort(double *samples, size_t n);

#endif
