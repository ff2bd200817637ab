/* SPDX-License-Identifier: Apache-2.0 */
/* The figures of one mode, from the samples of its runs. */
#ifndef RRTO_CLI_BENCH_SUMMARY_H
#define RRTO_CLI_BENCH_SUMMARY_H

#include "cli/bench/bench.h"

enum { RRTO_BENCH_P50, RRTO_BENCH_P90, RRTO_BENCH_P99, RRTO_BENCH_P999, RRTO_BENCH_N_QUANTILES };
extern const double rrto_bench_quantiles[RRTO_BENCH_N_QUANTILES];
extern const char *const rrto_bench_quantile_names[RRTO_BENCH_N_QUANTILES];

struct rrto_bench_summary {
    size_t n;
    struct rrto_bench_estimate latency[RRTO_BENCH_N_QUANTILES];
    double max; /* NaN: too few samples, as for p50 */
    double mean_total;
    bool has_phases;
    double phases[RRTO_BENCH_N_PHASES]; /* means: they add up to mean_total */
    size_t n_application;
    struct rrto_bench_estimate application[RRTO_BENCH_N_QUANTILES]; /* by the application's own clock */
    bool counted;
#define X(field) double field;
    RRTO_BENCH_COUNTS(X) /* medians; deviations: mean */
#undef X
    /* medians of the runs; < 0: not known */
    double import_s, load_first_s, first, app_import_load_s, app_first;
    uint64_t late, dropped;          /* open loop */
    struct rrto_bench_states states; /* means */
    double inferences_per_frame;     /* 0: not known */
    struct rrto_bench_energy energy;
};

/* False: out of memory. */
bool rrto_bench_summarize(const struct rrto_bench_options *options, const struct rrto_bench_result *result,
                          struct rrto_bench_summary *ret_summary);

/* The median of `of` as a multiple of that of `to`, with its interval, by a clock that both have: the application's in
 * a closed loop, the client's where both modes are rrto's, from the planned times in an open loop. Unknown where there
 * is none, or too few samples. */
struct rrto_bench_estimate rrto_bench_p50_ratio(const struct rrto_bench_options *options,
                                                const struct rrto_bench_result *of, const struct rrto_bench_result *to);

/* Whether what was computed was not the real thing: then every output says so. */
bool rrto_bench_unreal(const struct rrto_bench *bench);
/* "closed loop" or "open loop, 30 fps". */
void rrto_bench_loop(const struct rrto_bench_options *options, char *out, size_t n);
/* The command's words, placeholders and all. */
void rrto_bench_command(const struct rrto_bench_options *options, char *out, size_t n);

#endif
