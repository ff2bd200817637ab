/* SPDX-License-Identifier: Apache-2.0 */
/* Joules in rrto bench: modelled from each inference's states by a device profile, and measured by this machine's
 * sensors over the window of each run. The two never mix. */
#ifndef RRTO_CLI_BENCH_ENERGY_H
#define RRTO_CLI_BENCH_ENERGY_H

#include "cli/bench/statistics.h"
#include "energy/profile.h"
#include "energy/sampler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whose energy. The server's is that of the GPU of a private server on this machine; others are not seen from here. */
enum rrto_bench_side { RRTO_BENCH_CLIENT, RRTO_BENCH_SERVER, RRTO_BENCH_SIDES };
extern const char *const rrto_bench_side_names[RRTO_BENCH_SIDES];

/* A sensor of this machine, or why there is none. */
struct rrto_bench_meter {
    struct rrto_energy_sensor *sensor;   /* NULL: none works */
    struct rrto_energy_sampler *sampler; /* while a run is measured */
    double idle_watts;                   /* measured before the runs */
    char why_not[1024];                  /* "" or why (some of) it is not measured */
};

/* What a run took from the first inference that counts to the last. */
struct rrto_bench_window {
    bool known;
    double joules, net_joules, seconds; /* net: less idle watts times seconds */
    size_t n_inferences, n_samples;     /* samples of the sensor that lie within */
};

/* Of one mode. Means of rounds are over the rounds' means. */
struct rrto_bench_energy {
    struct {
        bool known;
        struct rrto_bench_estimate mean, net;    /* J per inference */
        struct rrto_bench_estimate quantiles[4]; /* as rrto_bench_quantiles has them */
        double shares[RRTO_ENERGY_ORIGINS];      /* of the mean: which kind of constant it rests on */
    } modelled;                                  /* the client's */
    struct {
        bool known;
        struct rrto_bench_estimate mean, net;
        double seconds; /* all windows */
        size_t n_samples;
    } measured[RRTO_BENCH_SIDES];
};

struct rrto_bench;
struct rrto_bench_mode;
struct rrto_bench_run;
struct rrto_bench_result;

/* Opens the profile that the options name and the sensors that work, and measures idle. False: the profile cannot be
 * had, and it has been said. A missing sensor is no failure. */
bool rrto_bench_energy_open(struct rrto_bench *bench);
void rrto_bench_energy_close(struct rrto_bench *bench);
/* Around each run: end finds the windows of what the run has left. */
void rrto_bench_energy_begin(struct rrto_bench *bench);
void rrto_bench_energy_end(struct rrto_bench *bench, const struct rrto_bench_mode *mode, struct rrto_bench_run *run);
/* Whether any joules may be shown at all. */
bool rrto_bench_has_energy(const struct rrto_bench *bench);
/* Whether there is a sensor that sees what the side did. */
bool rrto_bench_sees(const struct rrto_bench *bench, enum rrto_bench_side side);
/* Why it was not measured, or not in one of the modes; NULL: it was. */
const char *rrto_bench_energy_why_not(const struct rrto_bench *bench, enum rrto_bench_side side);

/* joules.c: figures. The modelled joules of the i-th inference of a run; unknown (< 0) where its states are. */
double rrto_bench_joules(const struct rrto_bench *bench, const struct rrto_bench_mode *mode,
                         const struct rrto_bench_run *run, size_t i, double *ret_net);
/* False: out of memory. */
bool rrto_bench_summarize_energy(const struct rrto_bench *bench, const struct rrto_bench_result *result,
                                 struct rrto_bench_energy *ret_energy);
/* The client's joules as a multiple of another mode's: medians of what is modelled, means of what a sensor measured.
 * Unknown where one of them is. */
struct rrto_bench_estimate rrto_bench_modelled_ratio(const struct rrto_bench *bench, const struct rrto_bench_result *of,
                                                     const struct rrto_bench_result *to);
struct rrto_bench_estimate rrto_bench_measured_ratio(const struct rrto_bench_result *of,
                                                     const struct rrto_bench_result *to);

#endif
