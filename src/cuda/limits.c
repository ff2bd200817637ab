/* SPDX-License-Identifier: Apache-2.0 */
/* Device limits and preferences. */
#include "cuda/limits.h"

#include "base/status.h"
#include "cuda/device.h"
#include "cuda/error.h"

/* CUlimit (and cudaLimit): what a fresh context has. The device runtime's two are gone with its old interface. */
static const struct {
    bool known;
    size_t value;
} limit_table[] = {
    [0] = {true, 1024},            /* stack bytes per thread */
    [1] = {true, (size_t)1 << 20}, /* printf FIFO */
    [2] = {true, (size_t)8 << 20}, /* malloc heap */
    [5] = {true, 64},              /* L2 fetch granularity */
    [6] = {true, 0},               /* persisting L2 bytes */
};

int32_t rrto_limits_get(int32_t limit, size_t *ret_value)
{
    if (!ret_value)
        return RRTO_CUDA_INVALID_VALUE;
    if (limit < 0 || (size_t)limit >= sizeof limit_table / sizeof limit_table[0] || !limit_table[limit].known)
        return RRTO_CUDA_UNSUPPORTED_LIMIT;
    *ret_value = limit_table[limit].value;
    return RRTO_CUDA_SUCCESS;
}

int32_t rrto_limits_set(int32_t limit, size_t value)
{
    size_t now;
    int32_t result = rrto_limits_get(limit, &now);
    if (!result && value > now)
        result = RRTO_CUDA_UNSUPPORTED_LIMIT;
    return result;
}

int32_t rrto_limits_priorities(int *ret_least, int *ret_greatest)
{
    const struct rrto_device_info *device = rrto_session_device();
    if (!device)
        return rrto_cuda_issued(RRTO_LOST);
    if (ret_least)
        *ret_least = 0;
    if (ret_greatest)
        *ret_greatest = rrto_device_value(device, RRTO_DEVICE_STREAM_PRIORITIES) ? -5 : 0;
    return RRTO_CUDA_SUCCESS;
}

static int32_t cache_config;

int32_t rrto_limits_cache_config(void)
{
    return __atomic_load_n(&cache_config, __ATOMIC_RELAXED);
}

int32_t rrto_limits_set_cache_config(int32_t config)
{
    if (config < 0 || config > 3)
        return RRTO_CUDA_INVALID_VALUE;
    __atomic_store_n(&cache_config, config, __ATOMIC_RELAXED);
    return RRTO_CUDA_SUCCESS;
}
