/* SPDX-License-Identifier: Apache-2.0 */
/* The driver's initialisation, device and context calls: local answers. */
#include "base/status.h"
#include "cuda/context.h"
#include "cuda/device.h"
#include "cuda/error.h"
#include "cuda/limits.h"
#include "cuda/stream.h"
#include "cuda/thread.h"
#include "gen/client_bodies.h"
#include "replay/issue.h"

#include <string.h>

enum { CONTEXT_API_VERSION = 3020 };

static CUresult driver(int32_t result)
{
    return (CUresult)rrto_cuda_to_driver(result);
}

/* The device, for a call that needs it: connects. */
static CUresult open_device(CUdevice ordinal, const struct rrto_device_info **ret_device)
{
    *ret_device = rrto_session_device();
    if (!*ret_device)
        return driver(rrto_cuda_issued(RRTO_LOST));
    return ordinal == 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}

CUresult rrto_client_cuInit(unsigned int flags)
{
    const struct rrto_device_info *device;
    return flags ? CUDA_ERROR_INVALID_VALUE : open_device(0, &device);
}

CUresult rrto_client_cuDriverGetVersion(int *version)
{
    const struct rrto_device_info *device;
    if (!version)
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = open_device(0, &device);
    if (!result)
        *version = device->driver_version;
    return result;
}

CUresult rrto_client_cuDeviceGet(CUdevice *device, int ordinal)
{
    if (!device)
        return CUDA_ERROR_INVALID_VALUE;
    if (ordinal != 0)
        return CUDA_ERROR_INVALID_DEVICE;
    *device = 0;
    return CUDA_SUCCESS;
}

CUresult rrto_client_cuDeviceGetCount(int *count)
{
    const struct rrto_device_info *device;
    if (!count)
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = open_device(0, &device);
    *count = result ? 0 : 1;
    return result;
}

CUresult rrto_client_cuDeviceGetName(char *name, int n, CUdevice ordinal)
{
    const struct rrto_device_info *device;
    if (!name || n <= 0)
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = open_device(ordinal, &device);
    if (!result) {
        size_t length = strnlen(device->name, sizeof device->name);
        if (length >= (size_t)n)
            length = (size_t)n - 1;
        memcpy(name, device->name, length);
        name[length] = 0;
    }
    return result;
}

CUresult rrto_client_cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice ordinal)
{
    const struct rrto_device_info *device;
    if (!uuid)
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = open_device(ordinal, &device);
    if (!result)
        memcpy(uuid, device->uuid, sizeof *uuid);
    return result;
}

CUresult rrto_client_cuDeviceTotalMem_v2(size_t *n_bytes, CUdevice ordinal)
{
    const struct rrto_device_info *device;
    if (!n_bytes)
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = open_device(ordinal, &device);
    if (!result)
        *n_bytes = device->total_memory;
    return result;
}

CUresult rrto_client_cuDeviceGetAttribute(int *value, CUdevice_attribute attribute, CUdevice ordinal)
{
    if (ordinal != 0)
        return CUDA_ERROR_INVALID_DEVICE;
    return driver(rrto_device_attribute((int32_t)attribute, value));
}

CUresult rrto_client_cuDeviceGetPCIBusId(char *text, int n, CUdevice ordinal)
{
    const struct rrto_device_info *device;
    CUresult result = open_device(ordinal, &device);
    if (!result && !rrto_device_pci_text(device, text, n))
        result = CUDA_ERROR_INVALID_VALUE;
    return result;
}

CUresult rrto_client_cuDeviceGetByPCIBusId(CUdevice *device, const char *text)
{
    if (!device || !text)
        return CUDA_ERROR_INVALID_VALUE;
    return driver(rrto_device_by_pci_text(text, device));
}

CUresult rrto_client_cuDeviceComputeCapability(int *major, int *minor, CUdevice ordinal)
{
    const struct rrto_device_info *device;
    if (!major || !minor)
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = open_device(ordinal, &device);
    if (!result) {
        *major = rrto_device_value(device, RRTO_DEVICE_CAPABILITY_MAJOR);
        *minor = rrto_device_value(device, RRTO_DEVICE_CAPABILITY_MINOR);
    }
    return result;
}

CUresult rrto_client_cuDeviceCanAccessPeer(int *can, CUdevice device, CUdevice peer)
{
    if (!can)
        return CUDA_ERROR_INVALID_VALUE;
    if (device != 0 || peer != 0)
        return CUDA_ERROR_INVALID_DEVICE;
    *can = 0;
    return CUDA_SUCCESS;
}

CUresult rrto_client_cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice ordinal)
{
    if (!context)
        return CUDA_ERROR_INVALID_VALUE;
    if (ordinal != 0)
        return CUDA_ERROR_INVALID_DEVICE;
    return driver(rrto_context_primary_retain((struct rrto_context **)(void *)context));
}

CUresult rrto_client_cuDevicePrimaryCtxRelease_v2(CUdevice ordinal)
{
    return ordinal == 0 ? driver(rrto_context_primary_release()) : CUDA_ERROR_INVALID_DEVICE;
}

CUresult rrto_client_cuDevicePrimaryCtxGetState(CUdevice ordinal, unsigned int *flags, int *active)
{
    if (!flags || !active)
        return CUDA_ERROR_INVALID_VALUE;
    if (ordinal != 0)
        return CUDA_ERROR_INVALID_DEVICE;
    bool is_active;
    rrto_context_primary_state(flags, &is_active);
    *active = is_active;
    return CUDA_SUCCESS;
}

CUresult rrto_client_cuDevicePrimaryCtxSetFlags_v2(CUdevice ordinal, unsigned int flags)
{
    return ordinal == 0 ? driver(rrto_context_primary_set_flags(flags)) : CUDA_ERROR_INVALID_DEVICE;
}

CUresult rrto_client_cuDevicePrimaryCtxReset_v2(CUdevice ordinal)
{
    if (ordinal != 0)
        return CUDA_ERROR_INVALID_DEVICE;
    rrto_context_primary_reset();
    return CUDA_SUCCESS;
}

static CUresult create_context(CUcontext *context, unsigned int flags, CUdevice ordinal)
{
    if (!context)
        return CUDA_ERROR_INVALID_VALUE;
    if (ordinal != 0)
        return CUDA_ERROR_INVALID_DEVICE;
    return driver(rrto_context_create(flags, (struct rrto_context **)(void *)context));
}

CUresult rrto_client_cuCtxCreate_v2(CUcontext *context, unsigned int flags, CUdevice ordinal)
{
    return create_context(context, flags, ordinal);
}

CUresult rrto_client_cuCtxCreate_v3(CUcontext *context, CUexecAffinityParam *params, int n_params, unsigned int flags,
                                    CUdevice ordinal)
{
    return params && n_params ? CUDA_ERROR_NOT_SUPPORTED : create_context(context, flags, ordinal);
}

CUresult rrto_client_cuCtxCreate_v4(CUcontext *context, CUctxCreateParams *params, unsigned int flags, CUdevice ordinal)
{
    if (params && (params->numExecAffinityParams || params->cigParams))
        return CUDA_ERROR_NOT_SUPPORTED;
    return create_context(context, flags, ordinal);
}

CUresult rrto_client_cuCtxDestroy_v2(CUcontext context)
{
    return driver(rrto_context_destroy((struct rrto_context *)(void *)context));
}

CUresult rrto_client_cuCtxGetCurrent(CUcontext *context)
{
    if (!context)
        return CUDA_ERROR_INVALID_VALUE;
    *context = (CUcontext)(void *)rrto_context_current();
    return CUDA_SUCCESS;
}

CUresult rrto_client_cuCtxSetCurrent(CUcontext context)
{
    return driver(rrto_context_set((struct rrto_context *)(void *)context));
}

CUresult rrto_client_cuCtxPushCurrent_v2(CUcontext context)
{
    return driver(rrto_context_push((struct rrto_context *)(void *)context));
}

CUresult rrto_client_cuCtxPopCurrent_v2(CUcontext *context)
{
    return driver(rrto_context_pop((struct rrto_context **)(void *)context));
}

CUresult rrto_client_cuCtxGetDevice(CUdevice *device)
{
    if (!device)
        return CUDA_ERROR_INVALID_VALUE;
    *device = 0;
    return driver(rrto_context_need());
}

CUresult rrto_client_cuCtxGetFlags(unsigned int *flags)
{
    if (!flags)
        return CUDA_ERROR_INVALID_VALUE;
    return driver(rrto_context_flags(rrto_context_current(), flags));
}

CUresult rrto_client_cuCtxGetApiVersion(CUcontext context, unsigned int *version)
{
    uint64_t id;
    struct rrto_context *asked = context ? (struct rrto_context *)(void *)context : rrto_context_current();
    if (!version)
        return CUDA_ERROR_INVALID_VALUE;
    *version = CONTEXT_API_VERSION;
    return driver(rrto_context_id(asked, &id));
}

CUresult rrto_client_cuCtxGetStreamPriorityRange(int *least, int *greatest)
{
    return driver(rrto_limits_priorities(least, greatest));
}

CUresult rrto_client_cuCtxGetLimit(size_t *value, CUlimit limit)
{
    return driver(rrto_limits_get((int32_t)limit, value));
}

CUresult rrto_client_cuCtxSetLimit(CUlimit limit, size_t value)
{
    return driver(rrto_limits_set((int32_t)limit, value));
}

CUresult rrto_client_cuCtxGetCacheConfig(CUfunc_cache *config)
{
    if (!config)
        return CUDA_ERROR_INVALID_VALUE;
    *config = (CUfunc_cache)rrto_limits_cache_config();
    return CUDA_SUCCESS;
}

CUresult rrto_client_cuCtxSetCacheConfig(CUfunc_cache config)
{
    return driver(rrto_limits_set_cache_config((int32_t)config));
}

CUresult rrto_client_cuCtxGetId(CUcontext context, unsigned long long *ret_id)
{
    uint64_t id;
    struct rrto_context *asked = context ? (struct rrto_context *)(void *)context : rrto_context_current();
    if (!ret_id)
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = driver(rrto_context_id(asked, &id));
    if (!result)
        *ret_id = id;
    return result;
}

CUresult rrto_client_cuCtxSynchronize(void)
{
    int32_t result = rrto_context_need();
    return driver(result ? result : rrto_device_synchronize());
}

CUresult rrto_client_cuGetErrorName(CUresult error, const char **name)
{
    if (!name)
        return CUDA_ERROR_INVALID_VALUE;
    *name = rrto_cuda_driver_error_name((int32_t)error);
    return *name ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult rrto_client_cuGetErrorString(CUresult error, const char **text)
{
    if (!text)
        return CUDA_ERROR_INVALID_VALUE;
    *text = rrto_cuda_driver_error_name((int32_t)error) ? rrto_cuda_error_text((int32_t)error) : NULL;
    return *text ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}
