/* SPDX-License-Identifier: Apache-2.0 */
/* The memory pool and its calls. */
#include "cuda/pool.h"

#include "cuda/arena.h"
#include "cuda/context.h"
#include "cuda/error.h"
#include "gen/client_bodies.h"

#include <string.h>

enum {
    REUSE_FIRST = 1,
    REUSE_LAST = 3,
    RELEASE_THRESHOLD = 4,
    RESERVED_CURRENT,
    RESERVED_HIGH,
    USED_CURRENT,
    USED_HIGH
};

static char the_pool;
static uint64_t values[USED_HIGH + 1] = {[1] = 1, [2] = 1, [3] = 1};

void *rrto_pool_default(void)
{
    return &the_pool;
}

bool rrto_pool_check(const void *pool)
{
    return pool == &the_pool;
}

int32_t rrto_pool_get(int32_t attribute, void *value)
{
    if (!value || attribute < REUSE_FIRST || attribute > USED_HIGH)
        return RRTO_CUDA_INVALID_VALUE;
    uint64_t answer = __atomic_load_n(&values[attribute], __ATOMIC_RELAXED);
    if (attribute >= RESERVED_CURRENT) {
        uint64_t available, total;
        int32_t result = rrto_arena_info(&available, &total);
        if (result)
            return result;
        uint64_t used = total - available;
        bool high = attribute == RESERVED_HIGH || attribute == USED_HIGH;
        if (high && used > answer)
            __atomic_store_n(&values[attribute], used, __ATOMIC_RELAXED);
        answer = high && answer > used ? answer : used;
    }
    if (attribute <= REUSE_LAST) {
        int flag = (int)answer;
        memcpy(value, &flag, sizeof flag);
    } else {
        memcpy(value, &answer, sizeof answer);
    }
    return RRTO_CUDA_SUCCESS;
}

int32_t rrto_pool_set(int32_t attribute, const void *value)
{
    if (!value || attribute < REUSE_FIRST || attribute > USED_HIGH || attribute == RESERVED_CURRENT ||
        attribute == USED_CURRENT)
        return RRTO_CUDA_INVALID_VALUE;
    uint64_t wanted;
    if (attribute <= REUSE_LAST) {
        int flag;
        memcpy(&flag, value, sizeof flag);
        wanted = flag != 0;
    } else {
        memcpy(&wanted, value, sizeof wanted);
        if (attribute > RELEASE_THRESHOLD && wanted != 0)
            return RRTO_CUDA_INVALID_VALUE; /* a high-water mark can only be reset */
    }
    __atomic_store_n(&values[attribute], wanted, __ATOMIC_RELAXED);
    return RRTO_CUDA_SUCCESS;
}

static cudaError_t give_pool(cudaMemPool_t *pool, int device)
{
    if (!pool)
        return cudaErrorInvalidValue;
    if (device != 0)
        return cudaErrorInvalidDevice;
    *pool = rrto_pool_default();
    return cudaSuccess;
}

cudaError_t rrto_client_cudaDeviceGetDefaultMemPool(cudaMemPool_t *pool, int device)
{
    return give_pool(pool, device);
}

cudaError_t rrto_client_cudaDeviceGetMemPool(cudaMemPool_t *pool, int device)
{
    return give_pool(pool, device);
}

cudaError_t rrto_client_cudaDeviceSetMemPool(int device, cudaMemPool_t pool)
{
    if (device != 0)
        return cudaErrorInvalidDevice;
    return rrto_pool_check(pool) ? cudaSuccess : cudaErrorInvalidValue;
}

cudaError_t rrto_client_cudaMemPoolGetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void *value)
{
    return rrto_pool_check(pool) ? (cudaError_t)rrto_pool_get((int32_t)attribute, value) : cudaErrorInvalidValue;
}

cudaError_t rrto_client_cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void *value)
{
    return rrto_pool_check(pool) ? (cudaError_t)rrto_pool_set((int32_t)attribute, value) : cudaErrorInvalidValue;
}

cudaError_t rrto_client_cudaMemPoolTrimTo(cudaMemPool_t pool, size_t n_keep)
{
    (void)n_keep;
    return rrto_pool_check(pool) ? cudaSuccess : cudaErrorInvalidValue;
}

cudaError_t rrto_client_cudaMemPoolSetAccess(cudaMemPool_t pool, const cudaMemAccessDesc *descriptions, size_t n)
{
    if (!rrto_pool_check(pool) || (n && !descriptions))
        return cudaErrorInvalidValue;
    for (size_t i = 0; i < n; i++) {
        if (descriptions[i].location.type != cudaMemLocationTypeDevice || descriptions[i].location.id != 0)
            return cudaErrorInvalidDevice;
    }
    return cudaSuccess;
}

CUresult rrto_client_cuDeviceGetDefaultMemPool(CUmemoryPool *pool, CUdevice device)
{
    return (CUresult)give_pool((cudaMemPool_t *)pool, device);
}

CUresult rrto_client_cuDeviceGetMemPool(CUmemoryPool *pool, CUdevice device)
{
    return (CUresult)give_pool((cudaMemPool_t *)pool, device);
}
