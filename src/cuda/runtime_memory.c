/* SPDX-License-Identifier: Apache-2.0 */
/* The runtime's memory calls. */
#include "cuda/arena.h"
#include "cuda/context.h"
#include "cuda/error.h"
#include "cuda/graph/capture.h"
#include "cuda/host.h"
#include "cuda/memory.h"
#include "cuda/module.h"
#include "cuda/pool.h"
#include "cuda/register.h"
#include "cuda/room.h"
#include "cuda/stream.h"
#include "cuda/symbol.h"
#include "gen/client_bodies.h"
#include "gen/issue_ops.h"
#include "replay/issue.h"

#include <string.h>

enum { PITCH_ALIGNMENT = 512 };

/* Of calls that CUDA calls potentially unsafe while something is captured. */
static int32_t use_unsafely(void)
{
    int32_t result = rrto_context_use();
    return result ? result : rrto_capture_unsafe();
}

static cudaError_t allocate(void **memory, size_t n_bytes, bool ordered)
{
    if (!memory)
        return cudaErrorInvalidValue;
    *memory = NULL;
    int32_t result = ordered ? rrto_context_use() : use_unsafely();
    if (result || n_bytes == 0)
        return (cudaError_t)result;
    uint64_t address;
    result = rrto_arena_alloc(n_bytes, &address);
    if (!result)
        *memory = (void *)(uintptr_t)address;
    return (cudaError_t)result;
}

cudaError_t rrto_client_cudaMalloc(void **memory, size_t n_bytes)
{
    return allocate(memory, n_bytes, false);
}

cudaError_t rrto_client_cudaMallocPitch(void **memory, size_t *pitch, size_t width, size_t height)
{
    if (!pitch)
        return cudaErrorInvalidValue;
    size_t n_bytes;
    *pitch = (width + PITCH_ALIGNMENT - 1) / PITCH_ALIGNMENT * PITCH_ALIGNMENT;
    if (*pitch < width || __builtin_mul_overflow(*pitch, height, &n_bytes))
        return cudaErrorMemoryAllocation;
    return allocate(memory, n_bytes, false);
}

cudaError_t rrto_client_cudaFree(void *memory)
{
    int32_t result = use_unsafely();
    if (result || !memory)
        return (cudaError_t)result;
    return (cudaError_t)rrto_arena_free((uintptr_t)memory);
}

cudaError_t rrto_client_cudaMallocAsync(void **memory, size_t n_bytes, cudaStream_t stream)
{
    uint32_t id;
    cudaError_t result = (cudaError_t)rrto_context_use();
    if (!result && !rrto_stream_id(stream, &id))
        result = cudaErrorInvalidResourceHandle;
    if (!result) /* memory nodes are not offered */
        result = (cudaError_t)rrto_capture_refuse(id, RRTO_CUDA_NOT_SUPPORTED);
    return result ? result : allocate(memory, n_bytes, true);
}

cudaError_t rrto_client_cudaMallocFromPoolAsync(void **memory, size_t n_bytes, cudaMemPool_t pool, cudaStream_t stream)
{
    if (!rrto_pool_check(pool))
        return cudaErrorInvalidValue;
    return rrto_client_cudaMallocAsync(memory, n_bytes, stream);
}

/* Freed behind everything, which is at least behind the stream. */
cudaError_t rrto_client_cudaFreeAsync(void *memory, cudaStream_t stream)
{
    uint32_t id;
    cudaError_t result = (cudaError_t)rrto_context_use();
    if (!result && !rrto_stream_id(stream, &id))
        result = cudaErrorInvalidResourceHandle;
    if (!result && !memory)
        result = cudaErrorInvalidValue;
    if (!result)
        result = (cudaError_t)rrto_capture_refuse(id, RRTO_CUDA_NOT_SUPPORTED);
    return result ? result : (cudaError_t)rrto_arena_free((uintptr_t)memory);
}

cudaError_t rrto_client_cudaMallocHost(void **memory, size_t n_bytes)
{
    int32_t result = use_unsafely();
    if (!memory)
        return cudaErrorInvalidValue;
    return (cudaError_t)(result ? result : rrto_host_alloc(n_bytes, 0, memory));
}

cudaError_t rrto_client_cudaHostAlloc(void **memory, size_t n_bytes, unsigned int flags)
{
    int32_t result = use_unsafely();
    if (!memory || flags > 7)
        return cudaErrorInvalidValue;
    return (cudaError_t)(result ? result : rrto_host_alloc(n_bytes, flags, memory));
}

cudaError_t rrto_client_cudaFreeHost(void *memory)
{
    int32_t result = rrto_capture_unsafe();
    return (cudaError_t)(result ? result : rrto_host_free(memory));
}

cudaError_t rrto_client_cudaHostRegister(void *memory, size_t n_bytes, unsigned int flags)
{
    int32_t result = use_unsafely();
    /* I/O memory cannot be reached, read-only registration is an attribute that says no. */
    if (!result && flags & ~3u)
        result = RRTO_CUDA_NOT_SUPPORTED;
    return (cudaError_t)(result ? result : rrto_host_register(memory, n_bytes, flags));
}

cudaError_t rrto_client_cudaHostUnregister(void *memory)
{
    int32_t result = rrto_capture_unsafe();
    return (cudaError_t)(result ? result : rrto_host_unregister(memory));
}

cudaError_t rrto_client_cudaHostGetFlags(unsigned int *flags, void *memory)
{
    struct rrto_host_range range;
    if (!flags || !rrto_host_find(memory, &range))
        return cudaErrorInvalidValue;
    *flags = range.flags;
    return cudaSuccess;
}

cudaError_t rrto_client_cudaHostGetDevicePointer(void **device, void *memory, unsigned int flags)
{
    (void)memory;
    (void)flags;
    if (device)
        *device = NULL;
    return cudaErrorNotSupported; /* canMapHostMemory is 0 */
}

cudaError_t rrto_client_cudaMemGetInfo(size_t *free_bytes, size_t *total_bytes)
{
    uint64_t available, total;
    if (!free_bytes || !total_bytes)
        return cudaErrorInvalidValue;
    int32_t result = rrto_context_use();
    if (!result)
        result = rrto_arena_info(&available, &total);
    if (!result) {
        *free_bytes = available;
        *total_bytes = total;
    }
    return (cudaError_t)result;
}

cudaError_t rrto_client_cudaPointerGetAttributes(cudaPointerAttributes *attributes, const void *pointer)
{
    if (!attributes)
        return cudaErrorInvalidValue;
    memset(attributes, 0, sizeof *attributes);
    uint64_t base, n_bytes;
    if (rrto_arena_contains((uintptr_t)pointer)) {
        if (rrto_arena_find((uintptr_t)pointer, &base, &n_bytes)) {
            attributes->type = cudaMemoryTypeDevice;
            attributes->devicePointer = (void *)(uintptr_t)pointer;
            return cudaSuccess;
        }
    } else if (rrto_host_find(pointer, NULL)) {
        attributes->type = cudaMemoryTypeHost;
        attributes->hostPointer = (void *)(uintptr_t)pointer;
        return cudaSuccess;
    } else if (rrto_symbol_find((uintptr_t)pointer, 1, NULL)) {
        attributes->type = cudaMemoryTypeDevice;
        attributes->devicePointer = (void *)(uintptr_t)pointer;
        return cudaSuccess;
    }
    attributes->type = cudaMemoryTypeUnregistered;
    attributes->device = -2;
    attributes->hostPointer = (void *)(uintptr_t)pointer;
    return cudaSuccess;
}

static cudaError_t copy_linear(void *dst, const void *src, size_t n, cudaMemcpyKind kind, cudaStream_t stream,
                               bool synchronous)
{
    int32_t result = rrto_context_use();
    return (cudaError_t)(result ? result
                                : rrto_memory_copy_linear((uintptr_t)dst, (uintptr_t)src, n, (enum rrto_copy_kind)kind,
                                                          stream, synchronous));
}

cudaError_t rrto_client_cudaMemcpy(void *dst, const void *src, size_t n, cudaMemcpyKind kind)
{
    return copy_linear(dst, src, n, kind, NULL, true);
}

cudaError_t rrto_client_cudaMemcpyAsync(void *dst, const void *src, size_t n, cudaMemcpyKind kind, cudaStream_t stream)
{
    return copy_linear(dst, src, n, kind, stream, false);
}

static cudaError_t copy_rows(void *dst, size_t dst_pitch, const void *src, size_t src_pitch, size_t width,
                             size_t height, cudaMemcpyKind kind, cudaStream_t stream, bool synchronous)
{
    if (height > 1 && (width > dst_pitch || width > src_pitch))
        return cudaErrorInvalidPitchValue;
    struct rrto_copy copy = {.dst = (uintptr_t)dst,
                             .src = (uintptr_t)src,
                             .dst_pitch = dst_pitch,
                             .src_pitch = src_pitch,
                             .width = width,
                             .height = height,
                             .kind = (enum rrto_copy_kind)kind,
                             .stream = stream,
                             .synchronous = synchronous};
    int32_t result = rrto_context_use();
    return (cudaError_t)(result ? result : rrto_memory_copy(&copy));
}

cudaError_t rrto_client_cudaMemcpy2D(void *dst, size_t dst_pitch, const void *src, size_t src_pitch, size_t width,
                                     size_t height, cudaMemcpyKind kind)
{
    return copy_rows(dst, dst_pitch, src, src_pitch, width, height, kind, NULL, true);
}

cudaError_t rrto_client_cudaMemcpy2DAsync(void *dst, size_t dst_pitch, const void *src, size_t src_pitch, size_t width,
                                          size_t height, cudaMemcpyKind kind, cudaStream_t stream)
{
    return copy_rows(dst, dst_pitch, src, src_pitch, width, height, kind, stream, false);
}

cudaError_t rrto_client_cudaMemcpyPeer(void *dst, int dst_device, const void *src, int src_device, size_t n)
{
    if (dst_device != 0 || src_device != 0)
        return cudaErrorInvalidDevice;
    return copy_linear(dst, src, n, cudaMemcpyDeviceToDevice, NULL, true);
}

cudaError_t rrto_client_cudaMemcpyPeerAsync(void *dst, int dst_device, const void *src, int src_device, size_t n,
                                            cudaStream_t stream)
{
    if (dst_device != 0 || src_device != 0)
        return cudaErrorInvalidDevice;
    return copy_linear(dst, src, n, cudaMemcpyDeviceToDevice, stream, false);
}

/* A variable by the address of its host shadow, or by the device address that cudaGetSymbolAddress gave. */
static int32_t find_symbol(const void *symbol, size_t offset, size_t n, uint64_t *ret_address)
{
    struct rrto_module *module;
    const char *name;
    size_t n_symbol;
    int32_t result = rrto_register_find_variable(symbol, &module, &name, &n_symbol);
    if (result)
        return result;
    uint64_t n_device;
    result = rrto_module_symbol(module, name, ret_address, &n_device);
    if (!result && (offset > n_device || n > n_device - offset))
        result = RRTO_CUDA_INVALID_VALUE;
    return result == RRTO_CUDA_NOT_FOUND ? RRTO_CUDA_INVALID_SYMBOL : result;
}

/* From the host it travels by name, so that nothing depends on the variable's address. */
static int32_t copy_to_symbol(const void *symbol, const void *src, size_t n, size_t offset, uint32_t stream,
                              bool synchronous)
{
    struct rrto_module *module;
    const char *name;
    size_t n_symbol;
    int32_t result = rrto_register_find_variable(symbol, &module, &name, &n_symbol);
    if (!result && (offset > n_symbol || n > n_symbol - offset))
        result = RRTO_CUDA_INVALID_VALUE;
    if (!result)
        result = rrto_module_load(module, false);
    if (result || n == 0)
        return result;
    enum rrto_memory_turn turn = rrto_memory_turn(src, n, stream, synchronous);
    if (turn != RRTO_MEMORY_LATE && rrto_host_find(src, NULL))
        rrto_issue_drain(src, n);
    struct rrto_args_symbol_copy_h2d args = {.module = module->id,
                                             .name = (const uint8_t *)name,
                                             .n_name = (uint32_t)strlen(name),
                                             .offset = offset,
                                             .n_bytes = n,
                                             .stream = stream};
    uint64_t position = 0;
    struct rrto_issue_extra extra = {.up = src, .ret_position = &position};
    result = turn == RRTO_MEMORY_LATE ? rrto_memory_copy_symbol_late(&args, src, &position)
                                      : rrto_cuda_issued(rrto_issue_symbol_copy_h2d(&args, &extra));
    if (turn == RRTO_MEMORY_COUNTED || turn == RRTO_MEMORY_LATE)
        rrto_room_taken(stream, position);
    return result || turn != RRTO_MEMORY_ALONE ? result : rrto_stream_synchronize_id(stream);
}

static cudaError_t to_symbol(const void *symbol, const void *src, size_t n, size_t offset, cudaMemcpyKind kind,
                             cudaStream_t stream, bool synchronous)
{
    uint32_t id;
    int32_t result = rrto_context_use();
    if (result)
        return (cudaError_t)result;
    if (!rrto_stream_id(stream, &id))
        return cudaErrorInvalidResourceHandle;
    result = synchronous ? rrto_capture_synchronous(id) : RRTO_CUDA_SUCCESS;
    if (result)
        return (cudaError_t)result;
    bool from_device = rrto_memory_is_device((uintptr_t)src, n, false);
    if (kind != cudaMemcpyHostToDevice && kind != cudaMemcpyDeviceToDevice && kind != cudaMemcpyDefault)
        return cudaErrorInvalidMemcpyDirection;
    if (!from_device && kind != cudaMemcpyDeviceToDevice)
        return (cudaError_t)copy_to_symbol(symbol, src, n, offset, id, synchronous);
    uint64_t address;
    result = find_symbol(symbol, offset, n, &address);
    if (!result)
        result = rrto_memory_copy_linear(address + offset, (uintptr_t)src, n, RRTO_COPY_D2D, stream, synchronous);
    return (cudaError_t)result;
}

static cudaError_t from_symbol(void *dst, const void *symbol, size_t n, size_t offset, cudaMemcpyKind kind,
                               cudaStream_t stream, bool synchronous)
{
    uint64_t address;
    int32_t result = rrto_context_use();
    if (!result)
        result = find_symbol(symbol, offset, n, &address);
    if (result)
        return (cudaError_t)result;
    if (kind == cudaMemcpyDefault)
        kind = rrto_memory_is_device((uintptr_t)dst, n, false) ? cudaMemcpyDeviceToDevice : cudaMemcpyDeviceToHost;
    if (kind != cudaMemcpyDeviceToHost && kind != cudaMemcpyDeviceToDevice)
        return cudaErrorInvalidMemcpyDirection;
    return (cudaError_t)rrto_memory_copy_linear((uintptr_t)dst, address + offset, n, (enum rrto_copy_kind)kind, stream,
                                                synchronous);
}

cudaError_t rrto_client_cudaMemcpyToSymbol(const void *symbol, const void *src, size_t n, size_t offset,
                                           cudaMemcpyKind kind)
{
    return to_symbol(symbol, src, n, offset, kind, NULL, true);
}

cudaError_t rrto_client_cudaMemcpyToSymbolAsync(const void *symbol, const void *src, size_t n, size_t offset,
                                                cudaMemcpyKind kind, cudaStream_t stream)
{
    return to_symbol(symbol, src, n, offset, kind, stream, false);
}

cudaError_t rrto_client_cudaMemcpyFromSymbol(void *dst, const void *symbol, size_t n, size_t offset,
                                             cudaMemcpyKind kind)
{
    return from_symbol(dst, symbol, n, offset, kind, NULL, true);
}

cudaError_t rrto_client_cudaMemcpyFromSymbolAsync(void *dst, const void *symbol, size_t n, size_t offset,
                                                  cudaMemcpyKind kind, cudaStream_t stream)
{
    return from_symbol(dst, symbol, n, offset, kind, stream, false);
}

cudaError_t rrto_client_cudaGetSymbolAddress(void **address, const void *symbol)
{
    uint64_t found;
    if (!address)
        return cudaErrorInvalidValue;
    int32_t result = rrto_context_use();
    if (!result)
        result = find_symbol(symbol, 0, 0, &found);
    if (!result)
        *address = (void *)(uintptr_t)found;
    return (cudaError_t)result;
}

cudaError_t rrto_client_cudaGetSymbolSize(size_t *n_bytes, const void *symbol)
{
    struct rrto_module *module;
    const char *name;
    if (!n_bytes)
        return cudaErrorInvalidValue;
    return (cudaError_t)rrto_register_find_variable(symbol, &module, &name, n_bytes);
}

static cudaError_t fill(void *dst, size_t pitch, int value, size_t width, size_t height, cudaStream_t stream)
{
    int32_t result = rrto_context_use();
    if (result)
        return (cudaError_t)result;
    if (height == 1)
        return (cudaError_t)rrto_memory_set((uintptr_t)dst, (uint8_t)value, 1, width, stream);
    return (cudaError_t)rrto_memory_set_2d((uintptr_t)dst, pitch, (uint8_t)value, 1, width, height, stream);
}

cudaError_t rrto_client_cudaMemset(void *dst, int value, size_t n)
{
    return fill(dst, n, value, n, 1, NULL);
}

cudaError_t rrto_client_cudaMemsetAsync(void *dst, int value, size_t n, cudaStream_t stream)
{
    return fill(dst, n, value, n, 1, stream);
}

cudaError_t rrto_client_cudaMemset2D(void *dst, size_t pitch, int value, size_t width, size_t height)
{
    return fill(dst, pitch, value, width, height, NULL);
}

cudaError_t rrto_client_cudaMemset2DAsync(void *dst, size_t pitch, int value, size_t width, size_t height,
                                          cudaStream_t stream)
{
    return fill(dst, pitch, value, width, height, stream);
}
