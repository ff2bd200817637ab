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

#endif
