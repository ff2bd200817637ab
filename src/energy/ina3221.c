/* SPDX-License-Identifier: Apache-2.0 */
/* The INA3221 power monitors of Jetson boards, through the kernel's hwmon driver (Documentation/hwmon/ina3221.rst):
 * channels 1 to 3 of each chip, inN_input in mV, currN_input in mA, inN_label the rail's name, "NC" where none is
 * connected. VDD_IN is the whole module where a board has it; otherwise the rails are summed. */
#include "energy/backend.h"

#include <stdio.h>
#include <string.h>

enum { MAX_CHIPS = 64, CHANNELS = 3 };
static const char total_rail[] = "VDD_IN";
static const int64_t least_interval_ms = 20;

/* Adds the channel unless nothing is connected, it is switched off, or that may not be read. */
static void add_channel(struct rrto_energy_sensor *sensor, const char *chip, int channel)
{
    char name[32], path[RRTO_ENERGY_PATH], label[32];
    int64_t enabled;
    snprintf(name, sizeof name, "in%d_label", channel);
    if (!rrto_energy_path(path, chip, name))
        return;
    if (!rrto_energy_read_text(path, label, sizeof label)) {
        rrto_energy_note_denied(sensor, path);
        return;
    }
    if (!*label || strcmp(label, "NC") == 0)
        return;
    snprintf(name, sizeof name, "in%d_enable", channel);
    if (!rrto_energy_path(path, chip, name))
        return;
    if (!rrto_energy_read_number(path, &enabled)) {
        if (rrto_energy_is_denied()) {
            rrto_energy_note_denied(sensor, path);
            return;
        }
    } else if (!enabled)
        return;
    struct rrto_energy_part *part = rrto_energy_add_part(sensor, label);
    if (!part)
        return;
    snprintf(name, sizeof name, "in%d_input", channel);
    bool fits = rrto_energy_path(part->first, chip, name);
    snprintf(name, sizeof name, "curr%d_input", channel);
    if (!fits || !rrto_energy_path(part->second, chip, name))
        sensor->n_parts--;
}

static enum rrto_status open_ina3221(struct rrto_energy_sensor *sensor, const struct rrto_energy_places *places,
                                     char *why, size_t n_why)
{
    static char chips[MAX_CHIPS][64];
    char hwmon[RRTO_ENERGY_PATH], chip[RRTO_ENERGY_PATH], path[RRTO_ENERGY_PATH], name[64], names[120];
    int64_t interval_ms = least_interval_ms, its_interval_ms;
    size_t n_chips =
        rrto_energy_path(hwmon, places->sys, "class/hwmon") ? rrto_energy_list(hwmon, "hwmon", chips, MAX_CHIPS) : 0;
    for (size_t i = 0; i < n_chips; i++) {
        if (!rrto_energy_path(chip, hwmon, chips[i]) || !rrto_energy_path(path, chip, "name"))
            continue;
        if (!rrto_energy_read_text(path, name, sizeof name)) {
            rrto_energy_note_denied(sensor, path);
            continue;
        }
        if (strcmp(name, "ina3221") != 0)
            continue;
        if (rrto_energy_path(path, chip, "update_interval") && rrto_energy_read_number(path, &its_interval_ms) &&
            its_interval_ms > interval_ms && its_interval_ms < 60000)
            interval_ms = its_interval_ms;
        for (int channel = 1; channel <= CHANNELS; channel++)
            add_channel(sensor, chip, channel);
    }
    sensor->period_ns = (uint64_t)interval_ms * 1000000;
    if (sensor->n_parts == 0) {
        snprintf(why, n_why, "no INA3221 with a connected rail (%s)", hwmon);
        return RRTO_NOT_FOUND;
    }
    for (size_t i = 0; i < sensor->n_parts; i++)
        if (strcmp(sensor->parts[i].label, total_rail) == 0) {
            sensor->parts[0] = sensor->parts[i];
            sensor->n_parts = 1;
            *sensor->denied = '\0'; /* this is all; what the others are does not matter */
            snprintf(sensor->name, sizeof sensor->name, "INA3221, rail %s", total_rail);
            return RRTO_OK;
        }
    rrto_energy_part_names(sensor, names, sizeof names);
    snprintf(sensor->name, sizeof sensor->name, "INA3221, sum of rails %s", names);
    snprintf(sensor->caveat, sizeof sensor->caveat, "this board has no rail %s: what the others do not feed is missing",
             total_rail);
    return RRTO_OK;
}

static enum rrto_status read_ina3221(struct rrto_energy_sensor *sensor, double *ret_watts, char *why, size_t n_why)
{
    double watts = 0;
    for (size_t i = 0; i < sensor->n_parts; i++) {
        const struct rrto_energy_part *part = &sensor->parts[i];
        int64_t mv, ma;
        bool has_mv = rrto_energy_read_number(part->first, &mv);
        if (!has_mv || !rrto_energy_read_number(part->second, &ma))
            return rrto_energy_unreadable(has_mv ? part->second : part->first, NULL, why, n_why);
        watts += (double)mv * (double)ma / 1e6;
    }
    if (watts > 0) {
        *ret_watts = watts;
        return RRTO_OK;
    }
    snprintf(why, n_why, "%s says that no power is drawn", sensor->name);
    return RRTO_REFUSED;
}

const struct rrto_energy_ops rrto_energy_ina3221 = {"ina3221", false, open_ina3221, read_ina3221, NULL};
