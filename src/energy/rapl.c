/* SPDX-License-Identifier: Apache-2.0 */
/* Running average power limit, through the kernel's powercap class (Documentation/power/powercap/powercap.rst): a
 * counter of microjoules for each zone, which begins again after max_energy_range_uj. The zone psys has everything in
 * it; otherwise packages are summed, and their memory, which is not part of a package. */
#include "energy/backend.h"

#include <stdio.h>
#include <string.h>

enum { MAX_ZONES = 32 };
static const uint64_t period_ns = 50000000;

static bool add_zone(struct rrto_energy_sensor *sensor, const char *zone, const char *label)
{
    char path[RRTO_ENERGY_PATH];
    int64_t max;
    struct rrto_energy_part *part = rrto_energy_add_part(sensor, label);
    if (!part)
        return false;
    bool fits = rrto_energy_path(part->first, zone, "energy_uj") && rrto_energy_path(path, zone, "max_energy_range_uj");
    if (!fits || !rrto_energy_read_number(path, &max)) {
        if (fits)
            rrto_energy_note_denied(sensor, path);
        sensor->n_parts--;
        return false;
    }
    part->max = (uint64_t)max;
    return true;
}

static void add_memory(struct rrto_energy_sensor *sensor, const char *zone, const char *name)
{
    char subzones[MAX_ZONES][64], prefix[80], subzone[RRTO_ENERGY_PATH], path[RRTO_ENERGY_PATH], label[64];
    snprintf(prefix, sizeof prefix, "%s:", name);
    size_t n = rrto_energy_list(zone, prefix, subzones, MAX_ZONES);
    for (size_t i = 0; i < n; i++) {
        if (!rrto_energy_path(subzone, zone, subzones[i]) || !rrto_energy_path(path, subzone, "name"))
            continue;
        if (!rrto_energy_read_text(path, label, sizeof label))
            rrto_energy_note_denied(sensor, path);
        else if (strcmp(label, "dram") == 0)
            add_zone(sensor, subzone, label);
    }
}

static enum rrto_status read_counter(const struct rrto_energy_part *part, uint64_t *ret_uj, char *why, size_t n_why)
{
    int64_t value;
    if (rrto_energy_read_number(part->first, &value)) {
        *ret_uj = (uint64_t)value;
        return RRTO_OK;
    }
    return rrto_energy_unreadable(part->first, "may be read by root only (since CVE-2020-8694)", why, n_why);
}

static enum rrto_status read_rapl(struct rrto_energy_sensor *sensor, double *ret_joules, char *why, size_t n_why)
{
    for (size_t i = 0; i < sensor->n_parts; i++) {
        struct rrto_energy_part *part = &sensor->parts[i];
        uint64_t now;
        enum rrto_status status = read_counter(part, &now, why, n_why);
        if (status != RRTO_OK)
            return status;
        if (sensor->read_ns) /* what it was before the first reading is not ours */
            sensor->joules += (double)rrto_energy_unwrap(part->before, now, part->max) / 1e6;
        part->before = now;
    }
    *ret_joules = sensor->joules;
    return RRTO_OK;
}

static enum rrto_status open_rapl(struct rrto_energy_sensor *sensor, const struct rrto_energy_places *places, char *why,
                                  size_t n_why)
{
    char zones[MAX_ZONES][64], powercap[RRTO_ENERGY_PATH], zone[RRTO_ENERGY_PATH], path[RRTO_ENERGY_PATH], label[64];
    char names[100];
    bool whole = false;
    size_t n = rrto_energy_path(powercap, places->sys, "class/powercap")
                   ? rrto_energy_list(powercap, "intel-rapl:", zones, MAX_ZONES)
                   : 0;
    for (size_t i = 0; i < n && !whole; i++) {
        if (strchr(zones[i] + strlen("intel-rapl:"), ':') || !rrto_energy_path(zone, powercap, zones[i]) ||
            !rrto_energy_path(path, zone, "name"))
            continue; /* a subzone, which also stands here as a link; its zone has it */
        if (!rrto_energy_read_text(path, label, sizeof label)) {
            rrto_energy_note_denied(sensor, path);
            continue;
        }
        whole = strcmp(label, "psys") == 0;
        if (whole) { /* this is all; what the others are does not matter */
            sensor->n_parts = 0;
            *sensor->denied = '\0';
        }
        if (add_zone(sensor, zone, label) && !whole)
            add_memory(sensor, zone, zones[i]);
    }
    if (sensor->n_parts == 0) {
        snprintf(why, n_why, "no RAPL zone (%s; on x86 the module intel_rapl_msr makes them)", powercap);
        return RRTO_NOT_FOUND;
    }
    rrto_energy_part_names(sensor, names, sizeof names);
    snprintf(sensor->name, sizeof sensor->name, "RAPL, %s", names);
    snprintf(sensor->caveat, sizeof sensor->caveat, "%s", whole ? "" : "display, radio, disk and losses are not in it");
    sensor->period_ns = period_ns;
    return RRTO_OK;
}

const struct rrto_energy_ops rrto_energy_rapl = {"rapl", true, open_rapl, read_rapl, NULL};
