/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that asks a sensor at its pace while something else is measured. Times are CLOCK_MONOTONIC, as libuv's
 * uv_hrtime has them. */
#ifndef RRTO_ENERGY_SAMPLER_H
#define RRTO_ENERGY_SAMPLER_H

#include "energy/sensor.h"

struct rrto_energy_sampler;

/* The sensor is lent until stop, and nobody else's meanwhile. RRTO_NO_MEMORY when the thread cannot be made. */
enum rrto_status rrto_energy_sampler_start(struct rrto_energy_sensor *sensor, struct rrto_energy_sampler **ret_sampler);
/* Waits until the sensor has been asked once more (for the window's end to be covered; two periods at most), ends the
 * thread, and hands over the meter (the caller's; fini). The status is that of the first sample that failed, with
 * one sentence in why; the meter then ends there. */
enum rrto_status rrto_energy_sampler_stop(struct rrto_energy_sampler *sampler, struct rrto_energy_meter *ret_meter,
                                          char *why, size_t n_why);

/* The mean power over so long a time, from now on: what is idle, when nothing else runs. Blocks for it, and for a
 * period or two. Errors as sampler_stop and rrto_energy_measure. */
enum rrto_status rrto_energy_mean_watts(struct rrto_energy_sensor *sensor, uint64_t duration_ns, double *ret_watts,
                                        char *why, size_t n_why);

#endif
