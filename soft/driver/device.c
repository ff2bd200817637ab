/* SPDX-License-Identifier: Apache-2.0 */
/* The device: what it is called and what it claims to be. The numbers are those of compute capability 8.0, because the
 * named kernels that programs carry for it choose grids by them; what the CPU cannot do (managed memory, peers, graphs,
 * host mapping) is reported as missing. */
#include "driver.h"
#include "scheduler.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static bool initialised;

void soft_complain(const char *format, ...)
{
    char line[1000];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    size_t length = n < 0 ? 0 : n < (int)sizeof line - 1 ? (size_t)n : sizeof line - 2;
    line[length] = '\n';
    ssize_t written = write(STDERR_FILENO, line, length + 1);
    (void)written;
}

uint64_t soft_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t environment_number(const char *name, uint64_t fallback)
{
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 10) : fallback;
}

unsigned soft_capability(void)
{
    static unsigned capability;
    if (!capability)
        capability = (unsigned)environment_number("SOFT_GPU_CAPABILITY", 80);
    return capability;
}

/* Half of the machine's memory, in whole granules, unless SOFT_GPU_MEMORY says otherwise. */
uint64_t soft_total_bytes(void)
{
    static uint64_t total;
    if (!total) {
        uint64_t half = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) / 2;
        total = environment_number("SOFT_GPU_MEMORY", half) & ~((uint64_t)SOFT_GRANULARITY - 1);
    }
    return total;
}

bool soft_attribute(int attribute, int *ret_value)
{
    static const struct {
        int attribute, value;
    } table[] = {
        {CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK, 1024},
        {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X, 1024},
        {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y, 1024},
        {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z, 64},
        {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X, 2147483647},
        {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y, 65535},
        {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z, 65535},
        {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK, 49152},
        {CU_DEVICE_ATTRIBUTE_TOTAL_CONSTANT_MEMORY, 65536},
        {CU_DEVICE_ATTRIBUTE_WARP_SIZE, 32},
        {CU_DEVICE_ATTRIBUTE_MAX_PITCH, 2147483647},
        {CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK, 65536},
        {CU_DEVICE_ATTRIBUTE_CLOCK_RATE, 1410000},
        {CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT, 512},
        {CU_DEVICE_ATTRIBUTE_GPU_OVERLAP, 1},
        {CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, 108},
        {CU_DEVICE_ATTRIBUTE_SURFACE_ALIGNMENT, 512},
        {CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS, 1},
        {CU_DEVICE_ATTRIBUTE_PCI_BUS_ID, 1},
        {CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE, 1215000},
        {CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH, 5120},
        {CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE, 41943040},
        {CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR, 2048},
        {CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT, 3},
        {CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING, 1},
        {CU_DEVICE_ATTRIBUTE_TEXTURE_PITCH_ALIGNMENT, 32},
        {CU_DEVICE_ATTRIBUTE_STREAM_PRIORITIES_SUPPORTED, 1},
        {CU_DEVICE_ATTRIBUTE_GLOBAL_L1_CACHE_SUPPORTED, 1},
        {CU_DEVICE_ATTRIBUTE_LOCAL_L1_CACHE_SUPPORTED, 1},
        {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR, 167936},
        {CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR, 65536},
        {CU_DEVICE_ATTRIBUTE_SINGLE_TO_DOUBLE_PRECISION_PERF_RATIO, 2},
        {CU_DEVICE_ATTRIBUTE_COMPUTE_PREEMPTION_SUPPORTED, 1},
        {CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH, 1},
        {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, 166912},
        {CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED, 1},
        {CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR, 32},
        {CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK, 1024},
    };
    if (attribute <= 0 || attribute >= CU_DEVICE_ATTRIBUTE_MAX)
        return false;
    *ret_value = 0;
    if (attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)
        *ret_value = (int)soft_capability() / 10;
    else if (attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)
        *ret_value = (int)soft_capability() % 10;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].attribute == attribute)
            *ret_value = table[i].value;
    return true;
}

/* An answer about the one device: the checks that all of them share. */
static CUresult device_ok(const void *answer, CUdevice device)
{
    if (!initialised)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (!answer)
        return CUDA_ERROR_INVALID_VALUE;
    return device == 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}

SOFT_EXPORT CUresult cuInit(unsigned int flags)
{
    if (flags || !soft_sched_init())
        return CUDA_ERROR_INVALID_VALUE;
    initialised = true;
    return CUDA_SUCCESS;
}

CUresult soft_ready(void)
{
    if (!initialised)
        return CUDA_ERROR_NOT_INITIALIZED;
    return soft_current() ? soft_device_error() : CUDA_ERROR_INVALID_CONTEXT;
}

SOFT_EXPORT CUresult cuDriverGetVersion(int *version)
{
    if (!version)
        return CUDA_ERROR_INVALID_VALUE;
    *version = 13000;
    return CUDA_SUCCESS;
}

SOFT_EXPORT CUresult cuDeviceGetCount(int *count)
{
    CUresult result = device_ok(count, 0);
    if (!result)
        *count = 1;
    return result;
}

SOFT_EXPORT CUresult cuDeviceGet(CUdevice *device, int ordinal)
{
    CUresult result = device_ok(device, ordinal);
    if (!result)
        *device = 0;
    return result;
}

SOFT_EXPORT CUresult cuDeviceGetName(char *name, int n, CUdevice device)
{
    CUresult result = device_ok(name, device);
    if (!result && n > 0)
        snprintf(name, (size_t)n, "rrto soft GPU");
    return result;
}

SOFT_EXPORT CUresult cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice device)
{
    CUresult result = device_ok(uuid, device);
    if (!result)
        memcpy(uuid->bytes, "rrto soft GPU 0", 16);
    return result;
}

SOFT_EXPORT CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice device)
{
    CUresult result = device_ok(bytes, device);
    if (!result)
        *bytes = soft_total_bytes();
    return result;
}

SOFT_EXPORT CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute attribute, CUdevice device)
{
    CUresult result = device_ok(value, device);
    if (!result && !soft_attribute((int)attribute, value))
        result = CUDA_ERROR_INVALID_VALUE;
    return result;
}

SOFT_EXPORT CUresult cuDeviceComputeCapability(int *major, int *minor, CUdevice device)
{
    CUresult result = device_ok(major, device);
    if (!result) {
        *major = (int)soft_capability() / 10;
        *minor = (int)soft_capability() % 10;
    }
    return result;
}

SOFT_EXPORT CUresult cuDeviceGetPCIBusId(char *id, int n, CUdevice device)
{
    CUresult result = device_ok(id, device);
    if (!result && n > 0)
        snprintf(id, (size_t)n, "0000:01:00.0");
    return result;
}

SOFT_EXPORT CUresult cuDeviceCanAccessPeer(int *can, CUdevice device, CUdevice peer)
{
    (void)peer;
    CUresult result = device_ok(can, device);
    if (!result)
        *can = 0;
    return result;
}
