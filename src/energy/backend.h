/* SPDX-License-Identifier: Apache-2.0 */
/* What back ends share; for this room only. A back end finds its sensor and fills in name, caveat, period and what it
 * keeps; its read gives watts, or joules since it was opened. */
#ifndef RRTO_ENERGY_BACKEND_H
#define RRTO_ENERGY_BACKEND_H

#include "energy/sensor.h"

enum { RRTO_ENERGY_PARTS = 16, RRTO_ENERGY_PATH = 512 };

/* A rail, a zone, a battery. Paths are of the files that are read. */
struct rrto_energy_part {
    char label[32];
    char first[RRTO_ENERGY_PATH], second[RRTO_ENERGY_PATH], state[RRTO_ENERGY_PATH]; /* "" where there is none */
    uint64_t before, max;                                                            /* counters */
};

struct rrto_energy_sensor {
    const struct rrto_energy_ops *ops;
    char name[160], caveat[160];
    uint64_t period_ns, read_ns; /* read_ns: when it was read last; 0: not yet */
    struct rrto_energy_part parts[RRTO_ENERGY_PARTS];
    size_t n_parts;
    char denied[RRTO_ENERGY_PATH]; /* the first file without which open cannot tell what there is, and that may not be
                                      read; "" when there is none. rrto_energy_open refuses such a sensor */
    double joules;                 /* counters: since opened */
    void *library;                 /* NVML */
    void *device;
};

struct rrto_energy_ops {
    const char *name;
    bool counts; /* read gives joules, not watts */
    enum rrto_status (*open)(struct rrto_energy_sensor *sensor, const struct rrto_energy_places *places, char *why,
                             size_t n_why);
    enum rrto_status (*read)(struct rrto_energy_sensor *sensor, double *ret_value, char *why, size_t n_why);
    void (*close)(struct rrto_energy_sensor *sensor); /* may be NULL */
};

extern const struct rrto_energy_ops rrto_energy_ina3221, rrto_energy_rapl, rrto_energy_battery, rrto_energy_nvml;

/* Files of sysfs (sysfs.c): one short line each. */
/* Joins into out; false when it does not fit. */
bool rrto_energy_path(char out[RRTO_ENERGY_PATH], const char *folder, const char *name);
bool rrto_energy_read_text(const char *path, char *out, size_t n_out); /* without the newline; errno when false */
bool rrto_energy_read_number(const char *path, int64_t *ret_value);    /* errno when false (EINVAL: no number) */
/* Whether errno says that a file may not be read. */
bool rrto_energy_is_denied(void);
/* Keeps path as what was denied if errno says so. */
void rrto_energy_note_denied(struct rrto_energy_sensor *sensor, const char *path);
/* What errno says of a file that could not be read: RRTO_REFUSED with the fix when it may not be read (rule: who
 * may, NULL: "may not be read by this user"), else RRTO_IO. */
enum rrto_status rrto_energy_unreadable(const char *path, const char *rule, char *why, size_t n_why);
/* The entries of a folder whose names begin with prefix, in natural order of names; at most max of them. */
size_t rrto_energy_list(const char *folder, const char *prefix, char (*names)[64], size_t max);
/* Adds a part; NULL when there are too many. */
struct rrto_energy_part *rrto_energy_add_part(struct rrto_energy_sensor *sensor, const char *label);
/* "a, b, c" of the parts' labels. */
void rrto_energy_part_names(const struct rrto_energy_sensor *sensor, char *out, size_t n_out);

#endif
