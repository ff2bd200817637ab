/* SPDX-License-Identifier: Apache-2.0 */
/* The energy counter of an NVIDIA GPU, through NVML (nvmlDeviceGetTotalEnergyConsumption: mJ since the driver was
 * loaded). The library comes with the driver, so it is opened, not linked; the prototypes are those of NVIDIA's
 * documentation. The first device. */
#include "energy/backend.h"

#include <dlfcn.h>
#include <stdio.h>

enum { SUCCESS = 0 };
static const uint64_t period_ns = 100000000;

typedef int init_function(void);
typedef int handle_function(unsigned index, void **device);
typedef int energy_function(void *device, unsigned long long *mj);
typedef int name_function(void *device, char *name, unsigned n);
typedef const char *text_function(int error);

static const char *text_of(struct rrto_energy_sensor *sensor, int error)
{
    text_function *text = (text_function *)dlsym(sensor->library, "nvmlErrorString");
    return text ? text(error) : "an error of NVML";
}

static enum rrto_status read_nvml(struct rrto_energy_sensor *sensor, double *ret_joules, char *why, size_t n_why)
{
    energy_function *energy = (energy_function *)dlsym(sensor->library, "nvmlDeviceGetTotalEnergyConsumption");
    unsigned long long mj = 0;
    int error = energy ? energy(sensor->device, &mj) : -1;
    if (error != SUCCESS) {
        snprintf(why, n_why, "NVML has no energy counter for this GPU (Volta and newer have one): %s",
                 energy ? text_of(sensor, error) : "the function is missing");
        return RRTO_REFUSED;
    }
    if (sensor->read_ns && mj >= sensor->parts[0].before)
        sensor->joules += (double)(mj - sensor->parts[0].before) / 1e3;
    sensor->parts[0].before = mj;
    *ret_joules = sensor->joules;
    return RRTO_OK;
}

static enum rrto_status open_nvml(struct rrto_energy_sensor *sensor, const struct rrto_energy_places *places, char *why,
                                  size_t n_why)
{
    char name[96] = "GPU 0";
    sensor->library = dlopen(places->nvml, RTLD_NOW | RTLD_LOCAL);
    if (!sensor->library) {
        snprintf(why, n_why, "no NVML (%s)", dlerror());
        return RRTO_NOT_FOUND;
    }
    init_function *init = (init_function *)dlsym(sensor->library, "nvmlInit_v2");
    handle_function *handle = (handle_function *)dlsym(sensor->library, "nvmlDeviceGetHandleByIndex_v2");
    name_function *get_name = (name_function *)dlsym(sensor->library, "nvmlDeviceGetName");
    int error = init && handle ? init() : -1;
    if (error == SUCCESS)
        error = handle(0, &sensor->device);
    if (error != SUCCESS) {
        snprintf(why, n_why, "NVML finds no GPU: %s",
                 init && handle ? text_of(sensor, error) : "functions are missing");
        return RRTO_NOT_FOUND;
    }
    if (get_name)
        get_name(sensor->device, name, sizeof name);
    rrto_energy_add_part(sensor, "GPU");
    snprintf(sensor->name, sizeof sensor->name, "NVML, %s", name);
    snprintf(sensor->caveat, sizeof sensor->caveat, "the GPU alone, without its host");
    sensor->period_ns = period_ns;
    return RRTO_OK;
}

static void close_nvml(struct rrto_energy_sensor *sensor)
{
    if (!sensor->library)
        return;
    init_function *shutdown = (init_function *)dlsym(sensor->library, "nvmlShutdown");
    if (shutdown && sensor->device)
        shutdown();
    dlclose(sensor->library);
}

const struct rrto_energy_ops rrto_energy_nvml = {"nvml", true, open_nvml, read_nvml, close_nvml};
