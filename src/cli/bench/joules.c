/* SPDX-License-Identifier: Apache-2.0 */
/* Joules per inference: figures of the samples. */
#include "cli/bench/energy.h"
#include "cli/bench/summary.h"

#include <math.h>
#include <stdlib.h>

/* The application's own time beyond what its calls account for is the application's: by the clock that all modes have,
 * where they have one. In an open loop it waits there for the next frame. */
static double beyond(const struct rrto_bench *bench, const struct rrto_bench_mode *mode,
                     const struct rrto_bench_run *run, size_t i)
{
    if (mode->kind != RRTO_BENCH_RRTO || bench->options.rate > 0 || run->n_application != run->n)
        return 0;
    return fmax(0, run->application[i] - run->inferences[i].total) * 1e-3;
}

static void put_seconds(const struct rrto_bench *bench, const struct rrto_bench_mode *mode,
                        const struct rrto_bench_run *run, size_t i, double ret_seconds[RRTO_ENERGY_STATES])
{
    const struct rrto_bench_states states = rrto_bench_states(mode, &run->inferences[i]);
    ret_seconds[RRTO_ENERGY_IDLE] = 0;
    ret_seconds[RRTO_ENERGY_DISPATCH] = states.dispatch_s + beyond(bench, mode, run, i);
    ret_seconds[RRTO_ENERGY_TRANSMIT] = states.transmit_s;
    ret_seconds[RRTO_ENERGY_RECEIVE] = states.receive_s;
    ret_seconds[RRTO_ENERGY_WAIT] = states.wait_s;
    ret_seconds[RRTO_ENERGY_COMPUTE] = states.local_compute_s;
}

static bool has_states(const struct rrto_bench *bench, const struct rrto_bench_mode *mode,
                       const struct rrto_bench_run *run)
{
    return bench->has_profile && (run->has_phases || mode->kind == RRTO_BENCH_CPU);
}

double rrto_bench_joules(const struct rrto_bench *bench, const struct rrto_bench_mode *mode,
                         const struct rrto_bench_run *run, size_t i, double *ret_net)
{
    double seconds[RRTO_ENERGY_STATES];
    *ret_net = -1;
    if (!has_states(bench, mode, run))
        return -1;
    put_seconds(bench, mode, run, i, seconds);
    struct rrto_energy_figure figure = rrto_energy_model(&bench->profile, seconds);
    *ret_net = figure.net_joules;
    return figure.joules;
}

/* The modelled joules of each inference, round by round; the caller frees all. False: out of memory, or unknown. */
struct joules {
    double *rounds[RRTO_BENCH_MAX_ROUNDS], *all;
    size_t n[RRTO_BENCH_MAX_ROUNDS], n_all;
    double means[RRTO_BENCH_MAX_ROUNDS], nets[RRTO_BENCH_MAX_ROUNDS];
};

static bool knows_states(const struct rrto_bench *bench, const struct rrto_bench_result *result)
{
    for (size_t i = 0; i < result->n_runs; i++)
        if (!has_states(bench, result->mode, &result->runs[i]))
            return false;
    return result->n_runs > 0;
}

static bool gather(const struct rrto_bench *bench, const struct rrto_bench_result *result, struct joules *ret_joules)
{
    size_t at = 0;
    *ret_joules = (struct joules){.n_all = 0};
    for (size_t i = 0; i < result->n_runs; i++)
        ret_joules->n_all += result->runs[i].n;
    ret_joules->all = malloc((ret_joules->n_all ? ret_joules->n_all : 1) * sizeof *ret_joules->all);
    if (!ret_joules->all)
        return false;
    for (size_t i = 0; i < result->n_runs; i++) {
        const struct rrto_bench_run *run = &result->runs[i];
        ret_joules->rounds[i] = ret_joules->all + at;
        ret_joules->n[i] = run->n;
        for (size_t k = 0; k < run->n; k++) {
            double net;
            ret_joules->all[at++] = rrto_bench_joules(bench, result->mode, run, k, &net);
            ret_joules->nets[i] += net / (double)run->n;
        }
        ret_joules->means[i] = rrto_bench_mean(ret_joules->rounds[i], run->n);
    }
    return true;
}

/* Of the mean inference. */
static void share(const struct rrto_bench *bench, const struct rrto_bench_result *result,
                  double ret_shares[RRTO_ENERGY_ORIGINS])
{
    double sums[RRTO_ENERGY_STATES] = {0};
    for (size_t i = 0; i < result->n_runs; i++)
        for (size_t k = 0; k < result->runs[i].n; k++) {
            double seconds[RRTO_ENERGY_STATES];
            put_seconds(bench, result->mode, &result->runs[i], k, seconds);
            for (int state = 0; state < RRTO_ENERGY_STATES; state++)
                sums[state] += seconds[state];
        }
    for (int origin = 0; origin < RRTO_ENERGY_ORIGINS; origin++)
        ret_shares[origin] = rrto_energy_model_share(&bench->profile, sums, (enum rrto_energy_origin)origin);
}

/* Joules are not negative, whatever Student's t says of a few rounds. NaN stays. */
static struct rrto_bench_estimate not_negative(struct rrto_bench_estimate estimate)
{
    estimate.low = estimate.low < 0 ? 0 : estimate.low;
    return estimate;
}

/* The joules per inference of every run's window; false: one of them has none. */
static bool of_windows(const struct rrto_bench_result *result, enum rrto_bench_side side, double *ret_means,
                       double *ret_nets)
{
    for (size_t i = 0; i < result->n_runs; i++) {
        const struct rrto_bench_window *window = &result->runs[i].windows[side];
        if (!window->known)
            return false;
        ret_means[i] = window->joules / (double)window->n_inferences;
        ret_nets[i] = window->net_joules / (double)window->n_inferences;
    }
    return result->n_runs > 0;
}

static void summarize_windows(const struct rrto_bench_result *result, enum rrto_bench_side side,
                              struct rrto_bench_energy *energy)
{
    double means[RRTO_BENCH_MAX_ROUNDS], nets[RRTO_BENCH_MAX_ROUNDS];
    if (!of_windows(result, side, means, nets))
        return;
    energy->measured[side].known = true;
    energy->measured[side].mean = not_negative(rrto_bench_mean_of_rounds(means, result->n_runs, RRTO_BENCH_LEVEL));
    energy->measured[side].net = rrto_bench_mean_of_rounds(nets, result->n_runs, RRTO_BENCH_LEVEL);
    for (size_t i = 0; i < result->n_runs; i++) {
        energy->measured[side].seconds += result->runs[i].windows[side].seconds;
        energy->measured[side].n_samples += result->runs[i].windows[side].n_samples;
    }
}

bool rrto_bench_summarize_energy(const struct rrto_bench *bench, const struct rrto_bench_result *result,
                                 struct rrto_bench_energy *ret_energy)
{
    struct joules joules;
    *ret_energy = (struct rrto_bench_energy){.modelled.known = knows_states(bench, result)};
    for (int side = 0; side < RRTO_BENCH_SIDES; side++)
        if (rrto_bench_sees(bench, (enum rrto_bench_side)side))
            summarize_windows(result, (enum rrto_bench_side)side, ret_energy);
    if (!ret_energy->modelled.known)
        return true;
    if (!gather(bench, result, &joules))
        return false;
    ret_energy->modelled.mean = not_negative(rrto_bench_mean_of_rounds(joules.means, result->n_runs, RRTO_BENCH_LEVEL));
    ret_energy->modelled.net = rrto_bench_mean_of_rounds(joules.nets, result->n_runs, RRTO_BENCH_LEVEL);
    for (int i = 0; i < RRTO_BENCH_N_QUANTILES; i++)
        ret_energy->modelled.quantiles[i] = rrto_bench_quantile_of_rounds(
            (const double *const *)joules.rounds, joules.n, result->n_runs, rrto_bench_quantiles[i], RRTO_BENCH_LEVEL);
    share(bench, result, ret_energy->modelled.shares);
    free(joules.all);
    return true;
}

static struct rrto_bench_estimate modelled_median(const struct rrto_bench *bench,
                                                  const struct rrto_bench_result *result)
{
    struct joules joules;
    if (!knows_states(bench, result) || !gather(bench, result, &joules))
        return (struct rrto_bench_estimate){.known = false};
    struct rrto_bench_estimate estimate = rrto_bench_quantile_of_rounds((const double *const *)joules.rounds, joules.n,
                                                                        result->n_runs, 0.5, RRTO_BENCH_PAIR_LEVEL);
    free(joules.all);
    return estimate;
}

struct rrto_bench_estimate rrto_bench_modelled_ratio(const struct rrto_bench *bench, const struct rrto_bench_result *of,
                                                     const struct rrto_bench_result *to)
{
    return rrto_bench_ratio(modelled_median(bench, to), modelled_median(bench, of));
}

static struct rrto_bench_estimate measured_mean(const struct rrto_bench_result *result)
{
    double means[RRTO_BENCH_MAX_ROUNDS], nets[RRTO_BENCH_MAX_ROUNDS];
    if (!of_windows(result, RRTO_BENCH_CLIENT, means, nets))
        return (struct rrto_bench_estimate){.known = false};
    return not_negative(rrto_bench_mean_of_rounds(means, result->n_runs, RRTO_BENCH_PAIR_LEVEL));
}

struct rrto_bench_estimate rrto_bench_measured_ratio(const struct rrto_bench_result *of,
                                                     const struct rrto_bench_result *to)
{
    return rrto_bench_ratio(measured_mean(to), measured_mean(of));
}
