/* SPDX-License-Identifier: Apache-2.0 */
/* A libnvidia-ml.so.1 with one GPU, whose counter is what the environment says. */
#include <stdio.h>
#include <stdlib.h>

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
    snprintf(name, n, "A Fake GPU");
    return 0;
}

int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *mj)
{
    const char *value = getenv("FAKE_NVML_MJ");
    if (device != &gpu || !value)
        return 3;
    *mj = strtoull(value, NULL, 10);
    return 0;
}

const char *nvmlErrorString(int error)
{
    return error == 3 ? "Not Supported" : "Invalid Argument";
}
