/* SPDX-License-Identifier: Apache-2.0 */
/* The runtime's registration, launch and kernel-attribute calls. */
#include "cuda/context.h"
#include "cuda/error.h"
#include "cuda/launch.h"
#include "cuda/module.h"
#include "cuda/object.h"
#include "cuda/register.h"
#include "cuda/thread.h"
#include "gen/calls.h"
#include "gen/client_bodies.h"
#include "replay/issue.h"

#include <string.h>

_Static_assert(sizeof(cudaLaunchAttribute) == sizeof(struct rrto_launch_attribute), "one layout");
enum { FLAG_COOPERATIVE = 1 };

void **rrto_client___cudaRegisterFatBinary(void *wrapper)
{
    return rrto_register_add(wrapper);
}

void rrto_client___cudaRegisterFatBinaryEnd(void **handle)
{
    (void)handle;
}

void rrto_client___cudaUnregisterFatBinary(void **handle)
{
    rrto_register_remove(handle);
}

void rrto_client___cudaRegisterFunction(void **handle, const char *stub, char *device_stub, const char *name,
                                        int thread_limit, uint3 *tid, uint3 *bid, dim3 *block, dim3 *grid,
                                        int *warp_size)
{
    (void)device_stub;
    (void)thread_limit;
    (void)tid;
    (void)bid;
    (void)block;
    (void)grid;
    (void)warp_size;
    rrto_register_kernel(handle, stub, name);
}

void rrto_client___cudaRegisterVar(void **handle, char *shadow, char *device_address, const char *name, int external,
                                   size_t n_bytes, int constant, int global)
{
    (void)device_address;
    (void)external;
    (void)constant;
    (void)global;
    rrto_register_variable(handle, shadow, name, n_bytes);
}

/* Asks whether managed variables need initialising; there are none. */
char rrto_client___cudaInitModule(void **handle)
{
    return handle != NULL;
}

unsigned int rrto_client___cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream)
{
    struct rrto_cuda_thread *thread = rrto_cuda_thread();
    if (thread->n_configurations == RRTO_THREAD_MAX_CONFIGURATIONS)
        return (unsigned int)cudaErrorMissingConfiguration;
    thread->configurations[thread->n_configurations++] =
        (struct rrto_launch_shape){.grid = {grid.x, grid.y, grid.z},
                                   .block = {block.x, block.y, block.z},
                                   .shared_bytes = shared_bytes,
                                   .stream = stream};
    return 0;
}

cudaError_t rrto_client___cudaPopCallConfiguration(dim3 *grid, dim3 *block, size_t *shared_bytes, void *stream)
{
    struct rrto_cuda_thread *thread = rrto_cuda_thread();
    if (thread->n_configurations == 0)
        return cudaErrorMissingConfiguration;
    const struct rrto_launch_shape *shape = &thread->configurations[--thread->n_configurations];
    *grid = (dim3){shape->grid[0], shape->grid[1], shape->grid[2]};
    *block = (dim3){shape->block[0], shape->block[1], shape->block[2]};
    *shared_bytes = shape->shared_bytes;
    memcpy(stream, &shape->stream, sizeof shape->stream);
    return cudaSuccess;
}

cudaError_t rrto_client___cudaGetKernel(cudaKernel_t *kernel, const void *stub)
{
    struct rrto_function *function;
    if (!kernel)
        return cudaErrorInvalidValue;
    int32_t result = rrto_register_find_kernel(stub, &function);
    if (!result)
        *kernel = (cudaKernel_t)(void *)function->handle;
    return (cudaError_t)result;
}

/* What a caller names a kernel by: its host stub, or a handle that __cudaGetKernel or cudaGetFuncBySymbol gave. */
static int32_t resolve(const void *name, struct rrto_function **ret_function)
{
    int32_t result = rrto_context_use();
    if (result)
        return result;
    result = rrto_register_find_kernel(name, ret_function);
    if (result == RRTO_CUDA_INVALID_FUNCTION) {
        *ret_function = rrto_function_check(name);
        result = *ret_function ? RRTO_CUDA_SUCCESS : RRTO_CUDA_INVALID_FUNCTION;
    }
    return result;
}

/* The runtime's word for a kernel that its module does not hold. */
static cudaError_t launched(int32_t result)
{
    return (cudaError_t)(result == RRTO_CUDA_NOT_FOUND ? RRTO_CUDA_INVALID_FUNCTION : result);
}

static struct rrto_launch make_launch(dim3 grid, dim3 block, void **args, size_t shared_bytes, cudaStream_t stream)
{
    return (struct rrto_launch){.shape = {.grid = {grid.x, grid.y, grid.z},
                                          .block = {block.x, block.y, block.z},
                                          .shared_bytes = shared_bytes,
                                          .stream = stream},
                                .args = args};
}

cudaError_t rrto_client___cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void **args, size_t shared_bytes,
                                           cudaStream_t stream)
{
    struct rrto_function *function = rrto_function_check(kernel);
    int32_t result = rrto_context_use();
    if (result)
        return (cudaError_t)result;
    if (!function)
        return cudaErrorInvalidDeviceFunction;
    struct rrto_launch launch = make_launch(grid, block, args, shared_bytes, stream);
    return launched(rrto_launch(function, &launch));
}

cudaError_t rrto_client_cudaLaunchKernel(const void *name, dim3 grid, dim3 block, void **args, size_t shared_bytes,
                                         cudaStream_t stream)
{
    struct rrto_function *function;
    int32_t result = resolve(name, &function);
    if (result)
        return (cudaError_t)result;
    struct rrto_launch launch = make_launch(grid, block, args, shared_bytes, stream);
    return launched(rrto_launch(function, &launch));
}

cudaError_t rrto_client_cudaLaunchCooperativeKernel(const void *name, dim3 grid, dim3 block, void **args,
                                                    size_t shared_bytes, cudaStream_t stream)
{
    struct rrto_function *function;
    int32_t result = resolve(name, &function);
    if (result)
        return (cudaError_t)result;
    struct rrto_launch launch = make_launch(grid, block, args, shared_bytes, stream);
    launch.flags = FLAG_COOPERATIVE;
    return launched(rrto_launch(function, &launch));
}

cudaError_t rrto_client_cudaLaunchKernelExC(const cudaLaunchConfig_t *config, const void *name, void **args)
{
    struct rrto_function *function;
    if (!config || (config->numAttrs && !config->attrs))
        return cudaErrorInvalidValue;
    int32_t result = resolve(name, &function);
    if (result)
        return (cudaError_t)result;
    struct rrto_launch launch =
        make_launch(config->gridDim, config->blockDim, args, config->dynamicSmemBytes, config->stream);
    launch.attributes = (const struct rrto_launch_attribute *)(const void *)config->attrs;
    launch.n_attributes = config->numAttrs;
    return launched(rrto_launch(function, &launch));
}

static int32_t resolve_ready(const void *name, struct rrto_function **ret_function)
{
    int32_t result = resolve(name, ret_function);
    if (!result)
        result = rrto_function_ready(*ret_function);
    return result == RRTO_CUDA_NOT_FOUND ? RRTO_CUDA_INVALID_FUNCTION : result;
}

cudaError_t rrto_client_cudaFuncGetAttributes(cudaFuncAttributes *attributes, const void *name)
{
    struct rrto_function *function;
    if (!attributes)
        return cudaErrorInvalidValue;
    int32_t result = resolve_ready(name, &function);
    if (result)
        return (cudaError_t)result;
    const int32_t *values = function->attributes;
    memset(attributes, 0, sizeof *attributes);
    attributes->maxThreadsPerBlock = values[0];
    attributes->sharedSizeBytes = (size_t)values[1];
    attributes->constSizeBytes = (size_t)values[2];
    attributes->localSizeBytes = (size_t)values[3];
    attributes->numRegs = values[4];
    attributes->ptxVersion = values[5];
    attributes->binaryVersion = values[6];
    attributes->cacheModeCA = values[7];
    attributes->maxDynamicSharedSizeBytes = values[8];
    attributes->preferredShmemCarveout = values[9];
    attributes->clusterDimMustBeSet = values[10];
    attributes->requiredClusterWidth = values[11];
    attributes->requiredClusterHeight = values[12];
    attributes->requiredClusterDepth = values[13];
    attributes->nonPortableClusterSizeAllowed = values[14];
    attributes->clusterSchedulingPolicyPreference = values[15];
    return cudaSuccess;
}

cudaError_t rrto_client_cudaFuncSetAttribute(const void *name, cudaFuncAttribute attribute, int value)
{
    struct rrto_function *function;
    if ((unsigned)attribute < cudaFuncAttributeMaxDynamicSharedMemorySize ||
        (unsigned)attribute >= cudaFuncAttributeMax)
        return cudaErrorInvalidValue;
    int32_t result = resolve(name, &function);
    return result ? (cudaError_t)result : launched(rrto_function_set_attribute(function, (int32_t)attribute, value));
}

cudaError_t rrto_client_cudaFuncSetCacheConfig(const void *name, cudaFuncCache config)
{
    struct rrto_function *function;
    if ((unsigned)config > cudaFuncCachePreferEqual)
        return cudaErrorInvalidValue;
    int32_t result = resolve(name, &function);
    return result ? (cudaError_t)result : launched(rrto_function_set_cache_config(function, (int32_t)config));
}

cudaError_t rrto_client_cudaGetFuncBySymbol(cudaFunction_t *ret_function, const void *symbol)
{
    struct rrto_function *function;
    if (!ret_function)
        return cudaErrorInvalidValue;
    int32_t result = resolve(symbol, &function);
    if (!result)
        *ret_function = (cudaFunction_t)(void *)function->handle;
    return (cudaError_t)result;
}

cudaError_t rrto_client_cudaFuncGetName(const char **ret_name, const void *name)
{
    struct rrto_function *function;
    if (!ret_name)
        return cudaErrorInvalidValue;
    int32_t result = resolve(name, &function);
    if (!result)
        *ret_name = function->name;
    return (cudaError_t)result;
}

cudaError_t rrto_client_cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *n_blocks, const void *name,
                                                                               int block_size, size_t dynamic_bytes,
                                                                               unsigned int flags)
{
    struct rrto_function *function;
    if (!n_blocks)
        return cudaErrorInvalidValue;
    int32_t result = resolve(name, &function);
    return result ? (cudaError_t)result
                  : launched(rrto_function_occupancy(function, block_size, dynamic_bytes, flags, n_blocks));
}

cudaError_t rrto_client_cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *n_blocks, const void *name, int block_size,
                                                                      size_t dynamic_bytes)
{
    return rrto_client_cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(n_blocks, name, block_size, dynamic_bytes,
                                                                              0);
}

cudaError_t rrto_client_cudaOccupancyAvailableDynamicSMemPerBlock(size_t *n_bytes, const void *name, int n_blocks,
                                                                  int block_size)
{
    (void)n_bytes;
    (void)name;
    (void)n_blocks;
    (void)block_size;
    rrto_call_unsupported(RRTO_CALL_cudaOccupancyAvailableDynamicSMemPerBlock);
    return cudaErrorNotSupported;
}
