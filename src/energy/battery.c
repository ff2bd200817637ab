/* SPDX-License-Identifier: Apache-2.0 */
/* Batteries, through the kernel's power_supply class (Documentation/ABI/testing/sysfs-class-power): power_now in uW, or
 * voltage_now in uV and current_now in uA. They tell what the machine draws only while they discharge. */
#include "energy/backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SUPPLIES = 32 };
static const uint64_t period_ns = 1000000000; /* gauges are updated every few seconds at best */

/* Whether a file holds a number, or may not be read: then reading the sensor says so. */
static bool holds_number(char out[RRTO_ENERGY_PATH], const char *supply, const char *name)
{
    int64_t value;
    return rrto_energy_path(out, supply, name) && (rrto_energy_read_number(out, &value) || rrto_energy_is_denied());
}

static void add_battery(struct rrto_energy_sensor *sensor, const char *supply, const char *name)
{
    char path[RRTO_ENERGY_PATH], text[64];
    if (!rrto_energy_path(path, supply, "type"))
        return;
    if (!rrto_energy_read_text(path, text, sizeof text)) {
        rrto_energy_note_denied(sensor, path);
        return;
    }
    if (strcmp(text, "Battery") != 0)
        return;
    if (rrto_energy_path(path, supply, "scope")) {
        if (!rrto_energy_read_text(path, text, sizeof text))
            rrto_energy_note_denied(sensor, path);
        else if (strcmp(text, "Device") == 0)
            return; /* of a mouse, a keyboard ... */
    }
    struct rrto_energy_part *part = rrto_energy_add_part(sensor, name);
    if (!part)
        return;
    bool good = rrto_energy_path(part->state, supply, "status");
    if (!good || !holds_number(part->first, supply, "power_now")) {
        good = good && holds_number(part->first, supply, "voltage_now") &&
               holds_number(part->second, supply, "current_now");
        sensor->n_parts -= !good;
    }
}

static enum rrto_status open_battery(struct rrto_energy_sensor *sensor, const struct rrto_energy_places *places,
                                     char *why, size_t n_why)
{
    char supplies[MAX_SUPPLIES][64], folder[RRTO_ENERGY_PATH], supply[RRTO_ENERGY_PATH], names[100];
    size_t n = rrto_energy_path(folder, places->sys, "class/power_supply")
                   ? rrto_energy_list(folder, "", supplies, MAX_SUPPLIES)
                   : 0;
    for (size_t i = 0; i < n; i++)
        if (rrto_energy_path(supply, folder, supplies[i]))
            add_battery(sensor, supply, supplies[i]);
    if (sensor->n_parts == 0) {
        snprintf(why, n_why, "no battery that tells its power (%s)", folder);
        return RRTO_NOT_FOUND;
    }
    rrto_energy_part_names(sensor, names, sizeof names);
    snprintf(sensor->name, sizeof sensor->name, "battery %s", names);
    snprintf(sensor->caveat, sizeof sensor->caveat, "gauges lag by seconds: use long windows");
    sensor->period_ns = period_ns;
    return RRTO_OK;
}

static enum rrto_status read_battery(struct rrto_energy_sensor *sensor, double *ret_watts, char *why, size_t n_why)
{
    double watts = 0;
    for (size_t i = 0; i < sensor->n_parts; i++) {
        const struct rrto_energy_part *part = &sensor->parts[i];
        char status[32];
        int64_t first, second = 0;
        const char *failed = !rrto_energy_read_text(part->state, status, sizeof status)         ? part->state
                             : !rrto_energy_read_number(part->first, &first)                    ? part->first
                             : *part->second && !rrto_energy_read_number(part->second, &second) ? part->second
                                                                                                : NULL;
        if (failed)
            return rrto_energy_unreadable(failed, NULL, why, n_why);
        if (strcmp(status, "Charging") == 0 || strcmp(status, "Full") == 0) {
            snprintf(why, n_why, "battery %s is on external power (%s): unplug it to measure", part->label, status);
            return RRTO_REFUSED;
        }
        double value = *part->second ? (double)first * (double)second / 1e12 : (double)first / 1e6;
        watts += value < 0 ? -value : value; /* some gauges count what flows out as negative */
    }
    if (watts > 0) {
        *ret_watts = watts;
        return RRTO_OK;
    }
    snprintf(why, n_why, "%s says that no power is drawn: it is on external power, or its gauge does not tell",
             sensor->name);
    return RRTO_REFUSED;
}

const struct rrto_energy_ops rrto_energy_battery = {"battery", false, open_battery, read_battery, NULL};
