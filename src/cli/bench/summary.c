/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/summary.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const double rrto_bench_quantiles[RRTO_BENCH_N_QUANTILES] = {0.5, 0.9, 0.99, 0.999};
const char *const rrto_bench_quantile_names[RRTO_BENCH_N_QUANTILES] = {"p50", "p90", "p99", "p99.9"};

/* The latencies of each run, as arrays. */
struct latencies {
    double *runs[RRTO_BENCH_MAX_ROUNDS], *all;
    size_t n[RRTO_BENCH_MAX_ROUNDS], n_all;
};

static bool gather(const struct rrto_bench_result *result, struct latencies *latencies)
{
    size_t at = 0;
    *latencies = (struct latencies){.n_all = 0};
    for (size_t i = 0; i < result->n_runs; i++)
        latencies->n_all += latencies->n[i] = result->runs[i].n;
    latencies->all = malloc((latencies->n_all ? latencies->n_all : 1) * sizeof *latencies->all);
    if (!latencies->all)
        return false;
    for (size_t i = 0; i < result->n_runs; i++) {
        latencies->runs[i] = latencies->all + at;
        for (size_t k = 0; k < result->runs[i].n; k++)
            latencies->all[at++] = result->runs[i].inferences[k].latency;
    }
    return true;
}

static void estimate(const double *const *samples, const size_t *n, size_t n_rounds,
                     struct rrto_bench_estimate estimates[RRTO_BENCH_N_QUANTILES])
{
    for (int i = 0; i < RRTO_BENCH_N_QUANTILES; i++)
        estimates[i] = rrto_bench_quantile_of_rounds(samples, n, n_rounds, rrto_bench_quantiles[i], RRTO_BENCH_LEVEL);
}

static void estimate_application(const struct rrto_bench_result *result, struct rrto_bench_summary *summary)
{
    const double *samples[RRTO_BENCH_MAX_ROUNDS];
    size_t n[RRTO_BENCH_MAX_ROUNDS];
    for (size_t i = 0; i < result->n_runs; i++) {
        samples[i] = result->runs[i].application;
        n[i] = result->runs[i].n_application;
        summary->n_application += n[i];
    }
    estimate(samples, n, result->n_runs, summary->application);
}

/* Means of what adds up, sums of what is counted once. */
static void add_up(const struct rrto_bench_result *result, struct rrto_bench_summary *summary)
{
    struct rrto_bench_states *states = &summary->states;
    const double share = summary->n ? 1.0 / (double)summary->n : 0;
    summary->has_phases = summary->counted = result->n_runs > 0;
    for (size_t i = 0; i < result->n_runs; i++) {
        const struct rrto_bench_run *run = &result->runs[i];
        summary->has_phases = summary->has_phases && run->has_phases;
        summary->counted = summary->counted && run->counted;
        for (size_t k = 0; k < run->n; k++) {
            const struct rrto_bench_inference *inference = &run->inferences[k];
            struct rrto_bench_states one = rrto_bench_states(result->mode, inference);
            summary->mean_total += inference->total * share;
            for (int phase = 0; phase < RRTO_BENCH_N_PHASES; phase++)
                summary->phases[phase] += inference->phases[phase] * share;
            states->dispatch_s += one.dispatch_s * share;
            states->transmit_s += one.transmit_s * share;
            states->receive_s += one.receive_s * share;
            states->wait_s += one.wait_s * share;
            states->local_compute_s += one.local_compute_s * share;
            summary->late += inference->late;
            summary->dropped += inference->dropped;
        }
    }
}

static void count(const struct rrto_bench_result *result, double *room, struct rrto_bench_summary *summary)
{
    double deviations = 0;
#define X(field)                                                                                                       \
    {                                                                                                                  \
        size_t n = 0;                                                                                                  \
        for (size_t i = 0; i < result->n_runs; i++)                                                                    \
            for (size_t k = 0; k < result->runs[i].n; k++)                                                             \
                room[n++] = (double)result->runs[i].inferences[k].field;                                               \
        deviations = rrto_bench_mean(room, n);                                                                         \
        summary->field = rrto_bench_median(room, n);                                                                   \
    }
    RRTO_BENCH_COUNTS(X)
#undef X
    summary->deviations = deviations; /* the last of the list */
}

/* The median of what is known of the runs. */
static double of_runs(const struct rrto_bench_result *result, size_t offset)
{
    double values[RRTO_BENCH_MAX_ROUNDS];
    size_t n = 0;
    for (size_t i = 0; i < result->n_runs; i++) {
        double value;
        memcpy(&value, (const char *)&result->runs[i] + offset, sizeof value);
        if (value >= 0)
            values[n++] = value;
    }
    return n ? rrto_bench_median(values, n) : -1;
}

static double inferences_per_frame(const struct rrto_bench_options *options, const struct rrto_bench_result *result)
{
    double found = 0;
    if (options->seconds > 0 || !rrto_bench_has(options, "{frames}") || result->n_runs == 0)
        return 0;
    for (size_t i = 0; i < result->n_runs; i++)
        found += (double)result->runs[i].n_found;
    return found / (double)result->n_runs / rrto_bench_frames_of_run(options, result->mode);
}

bool rrto_bench_summarize(const struct rrto_bench_options *options, const struct rrto_bench_result *result,
                          struct rrto_bench_summary *ret_summary)
{
    struct latencies latencies;
    *ret_summary = (struct rrto_bench_summary){.max = NAN};
    if (!gather(result, &latencies))
        return false;
    ret_summary->n = latencies.n_all;
    estimate((const double *const *)latencies.runs, latencies.n, result->n_runs, ret_summary->latency);
    estimate_application(result, ret_summary);
    add_up(result, ret_summary);
    if (ret_summary->latency[RRTO_BENCH_P50].known) {
        rrto_bench_sort(latencies.all, latencies.n_all);
        ret_summary->max = latencies.all[latencies.n_all - 1];
    }
    if (ret_summary->counted)
        count(result, latencies.all, ret_summary);
#define RUNS(field) ret_summary->field = of_runs(result, offsetof(struct rrto_bench_run, field))
    RUNS(import_s);
    RUNS(load_first_s);
    RUNS(first);
    RUNS(app_import_load_s);
    RUNS(app_first);
#undef RUNS
    ret_summary->inferences_per_frame = inferences_per_frame(options, result);
    free(latencies.all);
    return true;
}

static bool has_application(const struct rrto_bench_result *result)
{
    for (size_t i = 0; i < result->n_runs; i++)
        if (!result->runs[i].application)
            return false;
    return result->n_runs > 0;
}

/* The median at the level that makes two of them one of 95 %. */
static struct rrto_bench_estimate median_for_ratio(const struct rrto_bench_result *result, bool application)
{
    struct latencies latencies;
    struct rrto_bench_estimate estimate = {.known = false};
    if (application) {
        const double *samples[RRTO_BENCH_MAX_ROUNDS];
        size_t n[RRTO_BENCH_MAX_ROUNDS];
        for (size_t i = 0; i < result->n_runs; i++) {
            samples[i] = result->runs[i].application;
            n[i] = result->runs[i].n_application;
        }
        return rrto_bench_quantile_of_rounds(samples, n, result->n_runs, 0.5, RRTO_BENCH_PAIR_LEVEL);
    }
    if (gather(result, &latencies)) {
        estimate = rrto_bench_quantile_of_rounds((const double *const *)latencies.runs, latencies.n, result->n_runs,
                                                 0.5, RRTO_BENCH_PAIR_LEVEL);
        free(latencies.all);
    }
    return estimate;
}

struct rrto_bench_estimate rrto_bench_p50_ratio(const struct rrto_bench_options *options,
                                                const struct rrto_bench_result *of, const struct rrto_bench_result *to)
{
    bool application = options->rate <= 0 && has_application(of) && has_application(to);
    bool same = (of->mode->kind == RRTO_BENCH_RRTO) == (to->mode->kind == RRTO_BENCH_RRTO);
    if (!application && !same && options->rate <= 0)
        return (struct rrto_bench_estimate){.known = false};
    return rrto_bench_ratio(median_for_ratio(to, application), median_for_ratio(of, application));
}

bool rrto_bench_unreal(const struct rrto_bench *bench)
{
    return *bench->compute && strcmp(bench->compute, "real") != 0;
}

void rrto_bench_loop(const struct rrto_bench_options *options, char *out, size_t n)
{
    if (options->rate > 0)
        snprintf(out, n, "open loop, %g fps", options->rate);
    else
        snprintf(out, n, "closed loop");
}

void rrto_bench_command(const struct rrto_bench_options *options, char *out, size_t n)
{
    size_t used = 0;
    out[0] = '\0';
    for (char **argument = options->command; *argument && used + 1 < n; argument++)
        used += (size_t)snprintf(out + used, n - used, "%s%s", used ? " " : "", *argument);
}
