/* SPDX-License-Identifier: Apache-2.0 */
/* What a sensor has said, as a rising curve of joules over time, and figures over windows of it. Pure: times are
 * arguments (any clock, nanoseconds, the same one throughout). Not thread-safe. */
#ifndef RRTO_ENERGY_METER_H
#define RRTO_ENERGY_METER_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a figure comes from. Whoever prints a figure prints this beside it. */
enum rrto_energy_basis { RRTO_ENERGY_MEASURED, RRTO_ENERGY_MODELLED };
const char *rrto_energy_basis_name(enum rrto_energy_basis basis); /* "measured", "modelled" */

struct rrto_energy_sample {
    uint64_t at_ns;
    double joules; /* since the first sample */
};

/* All zero is an empty meter. */
struct rrto_energy_meter {
    struct rrto_energy_sample *samples; /* owned */
    size_t n, capacity;
    double last_watts; /* of a sensor of power */
};

void rrto_energy_meter_fini(struct rrto_energy_meter *meter);
/* A sensor of power: between two samples the mean of both (the trapezoid rule). at_ns must rise: RRTO_INVALID.
 * RRTO_NO_MEMORY; RRTO_TOO_LARGE after 2^24 samples. */
enum rrto_status rrto_energy_meter_add_watts(struct rrto_energy_meter *meter, uint64_t at_ns, double watts);
/* A counter of energy, in joules, that rises without wrapping (rrto_energy_unwrap). Do not mix with watts. */
enum rrto_status rrto_energy_meter_add_joules(struct rrto_energy_meter *meter, uint64_t at_ns, double joules);

/* How far a counter has come that begins again at 0 after max. Seen at least once per round. */
uint64_t rrto_energy_unwrap(uint64_t before, uint64_t now, uint64_t max);

/* One figure. net = joules - idle_watts * seconds. */
struct rrto_energy_figure {
    double joules, net_joules, idle_watts, seconds;
    size_t n_samples; /* that lie within the window; 0 when modelled */
    enum rrto_energy_basis basis;
};

/* The joules of a window, in proportion between samples. RRTO_INVALID: the window is empty or not covered by samples;
 * RRTO_UNSUPPORTED: the sensor did not move at all (it is not one: no figure is ever 0 J measured). */
enum rrto_status rrto_energy_measure(const struct rrto_energy_meter *meter, uint64_t from_ns, uint64_t to_ns,
                                     double idle_watts, struct rrto_energy_figure *ret_figure);

#endif
