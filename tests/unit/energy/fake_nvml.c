/* SPDX-License-Identifier: Apache-2.0 */
/* A libnvidia-ml.so.1 with one GPU, whose counter and name are what the environment says: FAKE_NVML_MJ, or
 * FAKE_NVML_WATTS, with which it rises; FAKE_NVML_NAME. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int nvmlInit_v2(void);
int nvmlShutdown(void);
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device);
int nvmlDeviceGetName(void *device, char *name, unsigned n);
int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *mj);
const char *nvmlErrorString(int error);

static int gpu;

int nvmlInit_v2(void)
{
    return 0;
}

int nvmlShutdown(void)
{
    return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device)
{
    *device = &gpu;
    return index == 0 ? 0 : 2;
}

int nvmlDeviceGetName(void *device, char *name, unsigned n)
{
    (void)device;
    const char *wanted = getenv("FAKE_NVML_NAME");
    snprintf(name, n, "%s", wanted ? wanted : "A Fake GPU");
    return 0;
}

int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *mj)
{
    const char *value = getenv("FAKE_NVML_MJ"), *watts = getenv("FAKE_NVML_WATTS");
    struct timespec t;
    if (device != &gpu || (!value && !watts))
        return 3;
    clock_gettime(CLOCK_MONOTONIC, &t);
    *mj = value ? strtoull(value, NULL, 10)
                : strtoull(watts, NULL, 10) *
                      ((unsigned long long)t.tv_sec * 1000 + (unsigned long long)t.tv_nsec / 1000000);
    return 0;
}

const char *nvmlErrorString(int error)
{
    return error == 3 ? "Not Supported" : "Invalid Argument";
}
