/* SPDX-License-Identifier: Apache-2.0 */
/* Sensors of this machine. A sensor that cannot be used is an error with one sentence that names the reason and, where
 * there is one, the fix; it is never a sensor that says 0. */
#ifndef RRTO_ENERGY_SENSOR_H
#define RRTO_ENERGY_SENSOR_H

#include "energy/meter.h"

enum rrto_energy_backend {
    RRTO_ENERGY_INA3221, /* Jetson boards: the whole board (VDD_IN), or the sum of the rails that there are */
    RRTO_ENERGY_RAPL,    /* x86: the platform, or packages and memory; not display, radio, disk */
    RRTO_ENERGY_BATTERY, /* the whole machine, while it discharges */
    RRTO_ENERGY_NVML,    /* an NVIDIA GPU alone (Volta or newer) */
    RRTO_ENERGY_BACKENDS
};

/* Where to look; tests look elsewhere. NULL members: the machine's own. */
struct rrto_energy_places {
    const char *sys;  /* "/sys" */
    const char *nvml; /* "libnvidia-ml.so.1" */
};

struct rrto_energy_sensor;

const char *rrto_energy_backend_name(enum rrto_energy_backend backend); /* "ina3221", "rapl", "battery", "nvml" */

/* Finds a sensor and reads it once. *ret_sensor is the caller's to close. Blocks for a few reads. RRTO_NOT_FOUND: this
 * machine has none; RRTO_REFUSED: it may not be read, or says nothing useful now; RRTO_IO. why gets one sentence. */
enum rrto_status rrto_energy_open(enum rrto_energy_backend backend, const struct rrto_energy_places *places,
                                  struct rrto_energy_sensor **ret_sensor, char *why, size_t n_why);
/* The first of INA3221, RAPL, battery that works: the sensor of a client. why gets what each of them said; the status
 * is RRTO_REFUSED when one could be made to work. */
enum rrto_status rrto_energy_open_any(const struct rrto_energy_places *places, struct rrto_energy_sensor **ret_sensor,
                                      char *why, size_t n_why);
/* NULL is fine. */
void rrto_energy_close(struct rrto_energy_sensor *sensor);

/* What is read, for people: "INA3221, rail VDD_IN". Lives as long as the sensor. */
const char *rrto_energy_sensor_name(const struct rrto_energy_sensor *sensor);
/* What it does not see, for people, or "". */
const char *rrto_energy_sensor_caveat(const struct rrto_energy_sensor *sensor);
/* Asking more often gives nothing new: the sensor's own update interval, or what is sensible. */
uint64_t rrto_energy_sensor_period_ns(const struct rrto_energy_sensor *sensor);

/* Reads the sensor into the meter, but not when less than a period has passed since it was read (RRTO_OK as well).
 * now_ns: the time before reading. RRTO_IO, RRTO_REFUSED (a battery is being charged), and the meter's errors; why
 * gets one sentence. One thread at a time. */
enum rrto_status rrto_energy_sample(struct rrto_energy_sensor *sensor, struct rrto_energy_meter *meter, uint64_t now_ns,
                                    char *why, size_t n_why);

#endif
