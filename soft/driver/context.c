/* SPDX-License-Identifier: Apache-2.0 */
/* Contexts: one primary context, others on demand; a stack of current ones per thread. A context separates nothing
 * here. */
#include "driver.h"
#include "scheduler.h"

#include <pthread.h>
#include <stdlib.h>

enum { STACK_MAX = 32 };

static struct CUctx_st primary = {.magic = SOFT_CONTEXT, .id = 1};
static unsigned int primary_retained;
static unsigned long long last_id = 1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static __thread CUcontext stack[STACK_MAX];
static __thread unsigned depth;

CUcontext soft_current(void)
{
    return depth ? stack[depth - 1] : NULL;
}

static bool context_ok(CUcontext context)
{
    return context && context->magic == SOFT_CONTEXT;
}

SOFT_EXPORT CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device)
{
    if (!context || device != 0)
        return context ? CUDA_ERROR_INVALID_DEVICE : CUDA_ERROR_INVALID_VALUE;
    pthread_mutex_lock(&lock);
    primary_retained++;
    pthread_mutex_unlock(&lock);
    *context = &primary;
    return CUDA_SUCCESS;
}

SOFT_EXPORT CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device)
{
    if (device != 0)
        return CUDA_ERROR_INVALID_DEVICE;
    pthread_mutex_lock(&lock);
    bool held = primary_retained > 0;
    primary_retained -= held;
    pthread_mutex_unlock(&lock);
    return held ? CUDA_SUCCESS : CUDA_ERROR_INVALID_CONTEXT;
}

SOFT_EXPORT CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned int *flags, int *active)
{
    if (device != 0)
        return CUDA_ERROR_INVALID_DEVICE;
    if (!flags || !active)
        return CUDA_ERROR_INVALID_VALUE;
    *flags = primary.flags;
    *active = primary_retained > 0;
    return CUDA_SUCCESS;
}

SOFT_EXPORT CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice device, unsigned int flags)
{
    if (device != 0)
        return CUDA_ERROR_INVALID_DEVICE;
    primary.flags = flags;
    return CUDA_SUCCESS;
}

SOFT_EXPORT CUresult cuCtxCreate_v2(CUcontext *ret_context, unsigned int flags, CUdevice device)
{
    if (!ret_context || device != 0)
        return ret_context ? CUDA_ERROR_INVALID_DEVICE : CUDA_ERROR_INVALID_VALUE;
    struct CUctx_st *context = calloc(1, sizeof *context);
    if (!context)
        return CUDA_ERROR_OUT_OF_MEMORY;
    context->magic = SOFT_CONTEXT;
    context->flags = flags;
    context->id = __atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED);
    *ret_context = context;
    return cuCtxPushCurrent_v2(context);
}

SOFT_EXPORT CUresult cuCtxCreate_v4(CUcontext *context, CUctxCreateParams *params, unsigned int flags, CUdevice device)
{
    return params ? CUDA_ERROR_NOT_SUPPORTED : cuCtxCreate_v2(context, flags, device);
}

SOFT_EXPORT CUresult cuCtxDestroy_v2(CUcontext context)
{
    if (!context_ok(context) || context == &primary)
        return CUDA_ERROR_INVALID_CONTEXT;
    if (soft_current() == context)
        depth--;
    context->magic = 0;
    free(context);
    return CUDA_SUCCESS;
}

SOFT_EXPORT CUresult cuCtxPushCurrent_v2(CUcontext context)
{
    if (!context_ok(context) || depth == STACK_MAX)
        return CUDA_ERROR_INVALID_CONTEXT;
    stack[depth++] = context;
    return CUDA_SUCCESS;
}

SOFT_EXPORT CUresult cuCtxPopCurrent_v2(CUcontext *ret_context)
{
    if (!depth)
        return CUDA_ERROR_INVALID_CONTEXT;
    depth--;
    if (ret_context)
        *ret_context = stack[depth];
    return CUDA_SUCCESS;
}

SOFT_EXPORT CUresult cuCtxSetCurrent(CUcontext context)
{
    if (!context) {
        depth -= depth > 0;
        return CUDA_SUCCESS;
    }
    if (!context_ok(context))
        return CUDA_ERROR_INVALID_CONTEXT;
    depth -= depth > 0;
    stack[depth++] = context;
    return CUDA_SUCCESS;
}

SOFT_EXPORT CUresult cuCtxGetCurrent(CUcontext *context)
{
    if (!context)
        return CUDA_ERROR_INVALID_VALUE;
    *context = soft_current();
    return CUDA_SUCCESS;
}

SOFT_EXPORT CUresult cuCtxGetDevice(CUdevice *device)
{
    if (!device)
        return CUDA_ERROR_INVALID_VALUE;
    *device = 0;
    return soft_ready();
}

SOFT_EXPORT CUresult cuCtxGetFlags(unsigned int *flags)
{
    CUresult result = soft_ready();
    if (!result)
        *flags = soft_current()->flags;
    return result;
}

SOFT_EXPORT CUresult cuCtxGetApiVersion(CUcontext context, unsigned int *version)
{
    (void)context;
    *version = 3020;
    return CUDA_SUCCESS;
}

SOFT_EXPORT CUresult cuCtxGetId(CUcontext context, unsigned long long *id)
{
    context = context ? context : soft_current();
    if (!context_ok(context))
        return CUDA_ERROR_INVALID_CONTEXT;
    *id = context->id;
    return CUDA_SUCCESS;
}

SOFT_EXPORT CUresult cuCtxGetStreamPriorityRange(int *least, int *greatest)
{
    if (least)
        *least = 0;
    if (greatest)
        *greatest = -5;
    return CUDA_SUCCESS;
}

/* Defaults of a device of compute capability 8.0; what is set is kept and answered, and means nothing. */
static size_t limits[CU_LIMIT_MAX] = {1024, 1048576, 8388608, 2, 2048, 64, 0, 0, 0, 0};

SOFT_EXPORT CUresult cuCtxGetLimit(size_t *value, CUlimit limit)
{
    if (!value || (unsigned)limit >= CU_LIMIT_MAX)
        return value ? CUDA_ERROR_UNSUPPORTED_LIMIT : CUDA_ERROR_INVALID_VALUE;
    *value = limits[limit];
    return CUDA_SUCCESS;
}

SOFT_EXPORT CUresult cuCtxSetLimit(CUlimit limit, size_t value)
{
    if ((unsigned)limit >= CU_LIMIT_MAX)
        return CUDA_ERROR_UNSUPPORTED_LIMIT;
    limits[limit] = value;
    return CUDA_SUCCESS;
}

SOFT_EXPORT CUresult cuCtxGetCacheConfig(CUfunc_cache *config)
{
    *config = CU_FUNC_CACHE_PREFER_NONE;
    return CUDA_SUCCESS;
}

SOFT_EXPORT CUresult cuCtxSetCacheConfig(CUfunc_cache config)
{
    (void)config;
    return CUDA_SUCCESS;
}

SOFT_EXPORT CUresult cuCtxSynchronize(void)
{
    CUresult result = soft_ready();
    if (!result)
        result = soft_settle_all();
    soft_print_flush();
    return result;
}
