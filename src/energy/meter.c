/* SPDX-License-Identifier: Apache-2.0 */
/* The integral of a sensor's readings, and windows of it. */
#include "energy/meter.h"

#include <stdlib.h>

enum { FIRST_CAPACITY = 1024, MOST_SAMPLES = 1 << 24 };

const char *rrto_energy_basis_name(enum rrto_energy_basis basis)
{
    return basis == RRTO_ENERGY_MEASURED ? "measured" : "modelled";
}

void rrto_energy_meter_fini(struct rrto_energy_meter *meter)
{
    free(meter->samples);
    *meter = (struct rrto_energy_meter){0};
}

static enum rrto_status append(struct rrto_energy_meter *meter, uint64_t at_ns, double joules)
{
    if (meter->n == MOST_SAMPLES)
        return RRTO_TOO_LARGE;
    if (meter->n == meter->capacity) {
        size_t capacity = meter->capacity ? meter->capacity * 2 : FIRST_CAPACITY;
        void *samples = realloc(meter->samples, capacity * sizeof *meter->samples);
        if (!samples)
            return RRTO_NO_MEMORY;
        meter->samples = samples;
        meter->capacity = capacity;
    }
    meter->samples[meter->n++] = (struct rrto_energy_sample){at_ns, joules};
    return RRTO_OK;
}

enum rrto_status rrto_energy_meter_add_watts(struct rrto_energy_meter *meter, uint64_t at_ns, double watts)
{
    double joules = 0;
    if (meter->n) {
        const struct rrto_energy_sample *last = &meter->samples[meter->n - 1];
        if (at_ns <= last->at_ns)
            return RRTO_INVALID;
        joules = last->joules + (watts + meter->last_watts) / 2 * (double)(at_ns - last->at_ns) / 1e9;
    }
    meter->last_watts = watts;
    return append(meter, at_ns, joules);
}

enum rrto_status rrto_energy_meter_add_joules(struct rrto_energy_meter *meter, uint64_t at_ns, double joules)
{
    if (meter->n && (at_ns <= meter->samples[meter->n - 1].at_ns || joules < meter->samples[meter->n - 1].joules))
        return RRTO_INVALID;
    return append(meter, at_ns, joules);
}

uint64_t rrto_energy_unwrap(uint64_t before, uint64_t now, uint64_t max)
{
    if (now >= before)
        return now - before;
    return before <= max ? max - before + now : now; /* a counter beyond its own maximum has been set anew */
}

/* The first sample after t. */
static size_t after(const struct rrto_energy_meter *meter, uint64_t t_ns)
{
    size_t low = 0, high = meter->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (meter->samples[middle].at_ns <= t_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static double joules_at(const struct rrto_energy_meter *meter, uint64_t t_ns)
{
    size_t i = after(meter, t_ns);
    const struct rrto_energy_sample *left = &meter->samples[i - 1], *right = &meter->samples[i];
    if (i == meter->n || left->at_ns == t_ns)
        return left->joules;
    return left->joules +
           (right->joules - left->joules) * (double)(t_ns - left->at_ns) / (double)(right->at_ns - left->at_ns);
}

enum rrto_status rrto_energy_measure(const struct rrto_energy_meter *meter, uint64_t from_ns, uint64_t to_ns,
                                     double idle_watts, struct rrto_energy_figure *ret_figure)
{
    if (from_ns >= to_ns || meter->n < 2 || from_ns < meter->samples[0].at_ns ||
        to_ns > meter->samples[meter->n - 1].at_ns)
        return RRTO_INVALID;
    struct rrto_energy_figure figure = {.idle_watts = idle_watts, .basis = RRTO_ENERGY_MEASURED};
    figure.seconds = (double)(to_ns - from_ns) / 1e9;
    figure.joules = joules_at(meter, to_ns) - joules_at(meter, from_ns);
    figure.net_joules = figure.joules - idle_watts * figure.seconds;
    figure.n_samples = after(meter, to_ns) - (from_ns ? after(meter, from_ns - 1) : 0);
    if (!(figure.joules > 0))
        return RRTO_UNSUPPORTED;
    *ret_figure = figure;
    return RRTO_OK;
}
