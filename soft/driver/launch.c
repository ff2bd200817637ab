/* SPDX-License-Identifier: Apache-2.0 */
/* Functions: their attributes, occupancy, launches. */
#include "driver.h"
#include "scheduler.h"

#include <stdlib.h>
#include <string.h>

static bool function_ok(CUfunction function)
{
    return function && function->magic == SOFT_FUNCTION;
}

static int attribute(int number)
{
    int value = 0;
    soft_attribute(number, &value);
    return value;
}

SOFT_EXPORT CUresult cuFuncGetAttribute(int *value, CUfunction_attribute which, CUfunction function)
{
    if (!value)
        return CUDA_ERROR_INVALID_VALUE;
    if (!function_ok(function))
        return CUDA_ERROR_INVALID_HANDLE;
    const struct rrto_kernel_image *image = function->image;
    *value = 0;
    switch ((int)which) {
    case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
        *value = image->max_threads && image->max_threads < 1024 ? (int)image->max_threads : 1024;
        return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES:
        *value = (int)image->shared_bytes;
        return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_NUM_REGS:
        *value = image->n_registers ? (int)image->n_registers : 32;
        return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_PTX_VERSION:
    case CU_FUNC_ATTRIBUTE_BINARY_VERSION:
        *value = (int)soft_capability();
        return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
        *value = function->max_dynamic_bytes;
        return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
        *value = function->carveout;
        return CUDA_SUCCESS;
    default:
        return (unsigned)which <= CU_FUNC_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE ? CUDA_SUCCESS
                                                                                         : CUDA_ERROR_INVALID_VALUE;
    }
}

SOFT_EXPORT CUresult cuFuncSetAttribute(CUfunction function, CUfunction_attribute which, int value)
{
    if (!function_ok(function))
        return CUDA_ERROR_INVALID_HANDLE;
    if (which == CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT && value >= -1 && value <= 100) {
        function->carveout = value;
        return CUDA_SUCCESS;
    }
    int most = attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN) - (int)function->image->shared_bytes;
    if (which != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES || value < 0 || value > most)
        return CUDA_ERROR_INVALID_VALUE;
    function->max_dynamic_bytes = value;
    return CUDA_SUCCESS;
}

SOFT_EXPORT CUresult cuFuncSetCacheConfig(CUfunction function, CUfunc_cache config)
{
    (void)config;
    return function_ok(function) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

SOFT_EXPORT CUresult cuFuncGetModule(CUmodule *module, CUfunction function)
{
    if (!function_ok(function))
        return CUDA_ERROR_INVALID_HANDLE;
    *module = function->module;
    return CUDA_SUCCESS;
}

SOFT_EXPORT CUresult cuFuncGetName(const char **name, CUfunction function)
{
    if (!function_ok(function))
        return CUDA_ERROR_INVALID_HANDLE;
    *name = function->image->name;
    return CUDA_SUCCESS;
}

SOFT_EXPORT CUresult cuFuncGetParamInfo(CUfunction function, size_t index, size_t *offset, size_t *n_bytes)
{
    if (!function_ok(function))
        return CUDA_ERROR_INVALID_HANDLE;
    if (!offset || index >= function->image->n_params)
        return CUDA_ERROR_INVALID_VALUE;
    *offset = function->image->offsets[index];
    if (n_bytes)
        *n_bytes = function->image->sizes[index];
    return CUDA_SUCCESS;
}

SOFT_EXPORT CUresult cuFuncLoad(CUfunction function)
{
    return function_ok(function) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

SOFT_EXPORT CUresult cuFuncIsLoaded(CUfunctionLoadingState *state, CUfunction function)
{
    if (!function_ok(function))
        return CUDA_ERROR_INVALID_HANDLE;
    *state = (CUfunctionLoadingState)1;
    return CUDA_SUCCESS;
}

/* Blocks that fit on a multiprocessor: by threads, by registers (given to warps in units of 256), by shared memory. */
SOFT_EXPORT CUresult cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *n_blocks, CUfunction function, int block,
                                                                          size_t dynamic_bytes, unsigned int flags)
{
    (void)flags;
    if (!n_blocks || block <= 0 || block > 1024)
        return CUDA_ERROR_INVALID_VALUE;
    if (!function_ok(function))
        return CUDA_ERROR_INVALID_HANDLE;
    int registers, warps = (block + 31) / 32;
    cuFuncGetAttribute(&registers, CU_FUNC_ATTRIBUTE_NUM_REGS, function);
    int by_threads = attribute(CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR) / (warps * 32);
    int by_registers =
        attribute(CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR) / ((registers * 32 + 255) / 256 * 256) / warps;
    uint64_t shared = (function->image->shared_bytes + dynamic_bytes + 127) / 128 * 128 + 1024;
    uint64_t by_shared = (uint64_t)attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR) / shared;
    int most = attribute(CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR);
    most = by_threads < most ? by_threads : most;
    most = by_registers < most ? by_registers : most;
    *n_blocks = by_shared < (uint64_t)most ? (int)by_shared : most;
    return CUDA_SUCCESS;
}

SOFT_EXPORT CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *n_blocks, CUfunction function, int block,
                                                                 size_t dynamic_bytes)
{
    return cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(n_blocks, function, block, dynamic_bytes, 0);
}

/* Fills the parameter block from either way of passing it. */
static CUresult params_read(const struct rrto_kernel_image *image, uint8_t *block, void **params, void **extra)
{
    enum { END = 0, BUFFER_POINTER = 1, BUFFER_SIZE = 2 };
    if (params && extra)
        return CUDA_ERROR_INVALID_VALUE;
    if (params) {
        for (uint32_t i = 0; i < image->n_params; i++)
            memcpy(block + image->offsets[i], params[i], image->sizes[i]);
        return CUDA_SUCCESS;
    }
    const void *buffer = NULL;
    size_t n = 0;
    for (; extra && (uintptr_t)*extra != END; extra += 2) {
        if ((uintptr_t)*extra == BUFFER_POINTER)
            buffer = extra[1];
        else if ((uintptr_t)*extra == BUFFER_SIZE)
            memcpy(&n, extra[1], sizeof n);
        else
            return CUDA_ERROR_INVALID_VALUE;
    }
    if (n < image->param_bytes)
        return image->n_params ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
    if (image->param_bytes)
        memcpy(block, buffer, image->param_bytes);
    return CUDA_SUCCESS;
}

/* A launch with its parameter block, as it is carried out. */
struct launch {
    const struct kernel_body *body;
    struct kernel_launch shape;
    _Alignas(16) uint8_t params[];
};

static CUresult launch_run(void *arg)
{
    struct launch *launch = arg;
    const struct kernel_launch *shape = &launch->shape;
    launch->shape.params = launch->params;
    launch->shape.print = soft_print;
    struct soft_flip *flip = soft_flip_begin(shape->image, launch->params);
    uint64_t start = soft_now_ns();
    CUresult result = CUDA_SUCCESS;
    int status = launch->body ? rrto_kernel_body_run(launch->body, shape) : CUDA_ERROR_NOT_SUPPORTED;
    if (status == RRTO_KERNEL_FAULTED) {
        soft_device_fail(CUDA_ERROR_ILLEGAL_ADDRESS); /* the launch itself went well */
    } else if (status == RRTO_KERNEL_ASSERTED) {
        soft_device_fail(CUDA_ERROR_ASSERT);
    } else if (status) {
        soft_complain("soft GPU: kernel %s has no body for these arguments", shape->image->name);
        result = CUDA_ERROR_NOT_SUPPORTED;
    }
    soft_flip_end(flip, shape->image);
    if (getenv("SOFT_GPU_TRACE"))
        soft_complain("soft GPU: %8.3f ms %ux%ux%u x %ux%ux%u %s", (double)(soft_now_ns() - start) / 1e6,
                      shape->grid[0], shape->grid[1], shape->grid[2], shape->block[0], shape->block[1], shape->block[2],
                      shape->image->name);
    return result;
}

/* What the device allows, and what the kernel does: the latter is a matter of resources. */
static CUresult shape_check(CUfunction function, const struct kernel_launch *shape)
{
    uint64_t threads = 1;
    int most;
    cuFuncGetAttribute(&most, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, function);
    for (int i = 0; i < 3; i++) {
        threads *= shape->block[i];
        if (!shape->grid[i] || shape->grid[i] > (uint32_t)attribute(CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X + i) ||
            !shape->block[i] || shape->block[i] > (uint32_t)attribute(CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X + i))
            return CUDA_ERROR_INVALID_VALUE;
    }
    if (threads > (uint64_t)attribute(CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK) ||
        shape->shared_bytes > (uint32_t)function->max_dynamic_bytes)
        return CUDA_ERROR_INVALID_VALUE;
    return threads > (uint64_t)most ? CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES : CUDA_SUCCESS;
}

/* A cooperative grid has to be on the device as a whole. */
static CUresult cooperative_check(CUfunction function, const struct kernel_launch *shape)
{
    CUresult result = function_ok(function) ? shape_check(function, shape) : CUDA_ERROR_INVALID_HANDLE;
    int per_multiprocessor = 0;
    if (!result)
        result = cuOccupancyMaxActiveBlocksPerMultiprocessor(&per_multiprocessor, function,
                                                             (int)(shape->block[0] * shape->block[1] * shape->block[2]),
                                                             shape->shared_bytes);
    if (result)
        return result;
    uint64_t most = (uint64_t)per_multiprocessor * (uint64_t)attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
    return (uint64_t)shape->grid[0] * shape->grid[1] * shape->grid[2] > most ? CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE
                                                                             : CUDA_SUCCESS;
}

static CUresult launch(CUfunction function, const struct kernel_launch *shape, CUstream stream, void **params,
                       void **extra)
{
    if (!function_ok(function) || !soft_stream_ok(stream))
        return CUDA_ERROR_INVALID_HANDLE;
    CUresult result = shape_check(function, shape);
    if (result)
        return result;
    const struct rrto_kernel_image *image = function->image;
    if (soft_refuses(image))
        return CUDA_ERROR_OUT_OF_MEMORY;
    soft_print_flush(); /* of what has run before */
    size_t n_bytes = sizeof(struct launch) + image->param_bytes;
    uint8_t small[4096] __attribute__((aligned(16)));
    struct launch *filled = n_bytes > sizeof small ? malloc(n_bytes) : (void *)small;
    if (!filled)
        return CUDA_ERROR_OUT_OF_MEMORY;
    memset(filled, 0, n_bytes);
    filled->body = function->body;
    filled->shape = *shape;
    filled->shape.image = image;
    result = params_read(image, filled->params, params, extra);
    if (!result)
        result = soft_enqueue(stream, launch_run, filled, n_bytes);
    if ((void *)filled != (void *)small)
        free(filled);
    return result;
}

SOFT_EXPORT CUresult cuLaunchKernel(CUfunction function, unsigned int grid_x, unsigned int grid_y, unsigned int grid_z,
                                    unsigned int block_x, unsigned int block_y, unsigned int block_z,
                                    unsigned int shared_bytes, CUstream stream, void **params, void **extra)
{
    struct kernel_launch shape = {
        .grid = {grid_x, grid_y, grid_z}, .block = {block_x, block_y, block_z}, .shared_bytes = shared_bytes};
    return launch(function, &shape, stream, params, extra);
}

static bool asks_for_cooperation(const CUlaunchConfig *config)
{
    enum { ID_COOPERATIVE = 2 };
    for (unsigned int i = 0; i < config->numAttrs; i++) {
        int value;
        memcpy(&value, &config->attrs[i].value, sizeof value);
        if ((int)config->attrs[i].id == ID_COOPERATIVE && value)
            return true;
    }
    return false;
}

SOFT_EXPORT CUresult cuLaunchKernelEx(const CUlaunchConfig *config, CUfunction function, void **params, void **extra)
{
    if (!config || (config->numAttrs && !config->attrs))
        return CUDA_ERROR_INVALID_VALUE;
    struct kernel_launch shape = {.grid = {config->gridDimX, config->gridDimY, config->gridDimZ},
                                  .block = {config->blockDimX, config->blockDimY, config->blockDimZ},
                                  .shared_bytes = config->sharedMemBytes};
    CUresult result = asks_for_cooperation(config) ? cooperative_check(function, &shape) : CUDA_SUCCESS;
    return result ? result : launch(function, &shape, config->hStream, params, extra);
}

SOFT_EXPORT CUresult cuLaunchCooperativeKernel(CUfunction function, unsigned int grid_x, unsigned int grid_y,
                                               unsigned int grid_z, unsigned int block_x, unsigned int block_y,
                                               unsigned int block_z, unsigned int shared_bytes, CUstream stream,
                                               void **params)
{
    struct kernel_launch shape = {
        .grid = {grid_x, grid_y, grid_z}, .block = {block_x, block_y, block_z}, .shared_bytes = shared_bytes};
    CUresult result = cooperative_check(function, &shape);
    return result ? result : launch(function, &shape, stream, params, NULL);
}
