/* SPDX-License-Identifier: Apache-2.0 */
/* The table of back ends, and what holds for all of them. */
#include "energy/backend.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct rrto_energy_ops *const backends[] = {
    [RRTO_ENERGY_INA3221] = &rrto_energy_ina3221,
    [RRTO_ENERGY_RAPL] = &rrto_energy_rapl,
    [RRTO_ENERGY_BATTERY] = &rrto_energy_battery,
    [RRTO_ENERGY_NVML] = &rrto_energy_nvml,
};

const char *rrto_energy_backend_name(enum rrto_energy_backend backend)
{
    return backends[backend]->name;
}

const char *rrto_energy_sensor_name(const struct rrto_energy_sensor *sensor)
{
    return sensor->name;
}

const char *rrto_energy_sensor_caveat(const struct rrto_energy_sensor *sensor)
{
    return sensor->caveat;
}

uint64_t rrto_energy_sensor_period_ns(const struct rrto_energy_sensor *sensor)
{
    return sensor->period_ns;
}

enum rrto_status rrto_energy_open(enum rrto_energy_backend backend, const struct rrto_energy_places *places,
                                  struct rrto_energy_sensor **ret_sensor, char *why, size_t n_why)
{
    struct rrto_energy_places at = {.sys = places && places->sys ? places->sys : "/sys",
                                    .nvml = places && places->nvml ? places->nvml : "libnvidia-ml.so.1"};
    struct rrto_energy_sensor *sensor = calloc(1, sizeof *sensor);
    double value;
    if (!sensor) {
        snprintf(why, n_why, "out of memory");
        return RRTO_NO_MEMORY;
    }
    sensor->ops = backends[backend];
    enum rrto_status status = sensor->ops->open(sensor, &at, why, n_why);
    if (*sensor->denied) { /* perhaps there is one, perhaps a part of one is missing */
        errno = EACCES;
        status = rrto_energy_unreadable(sensor->denied, NULL, why, n_why);
    }
    if (status == RRTO_OK)
        status = sensor->ops->read(sensor, &value, why, n_why);
    if (status == RRTO_OK)
        *ret_sensor = sensor;
    else
        rrto_energy_close(sensor);
    return status;
}

enum rrto_status rrto_energy_open_any(const struct rrto_energy_places *places, struct rrto_energy_sensor **ret_sensor,
                                      char *why, size_t n_why)
{
    static const enum rrto_energy_backend wanted[] = {RRTO_ENERGY_INA3221, RRTO_ENERGY_RAPL, RRTO_ENERGY_BATTERY};
    enum rrto_status result = RRTO_NOT_FOUND;
    *why = '\0';
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        size_t n = strlen(why);
        char reason[RRTO_ENERGY_PATH * 3];
        enum rrto_status status = rrto_energy_open(wanted[i], places, ret_sensor, reason, sizeof reason);
        if (status == RRTO_OK)
            return RRTO_OK;
        snprintf(why + n, n_why - n, "%s%s", n ? "; " : "", reason);
        result = status == RRTO_NOT_FOUND ? result : RRTO_REFUSED;
    }
    return result;
}

void rrto_energy_close(struct rrto_energy_sensor *sensor)
{
    if (sensor && sensor->ops->close)
        sensor->ops->close(sensor);
    free(sensor);
}

enum rrto_status rrto_energy_sample(struct rrto_energy_sensor *sensor, struct rrto_energy_meter *meter, uint64_t now_ns,
                                    char *why, size_t n_why)
{
    double value;
    if (sensor->read_ns && now_ns - sensor->read_ns < sensor->period_ns)
        return RRTO_OK;
    enum rrto_status status = sensor->ops->read(sensor, &value, why, n_why);
    if (status != RRTO_OK)
        return status;
    sensor->read_ns = now_ns;
    status = sensor->ops->counts ? rrto_energy_meter_add_joules(meter, now_ns, value)
                                 : rrto_energy_meter_add_watts(meter, now_ns, value);
    if (status != RRTO_OK)
        snprintf(why, n_why, "%s: %s", sensor->name, rrto_status_text(status));
    return status;
}
