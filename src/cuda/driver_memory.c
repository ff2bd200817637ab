/* SPDX-License-Identifier: Apache-2.0 */
/* The driver's memory calls. */
#include "cuda/arena.h"
#include "cuda/context.h"
#include "cuda/error.h"
#include "cuda/graph/capture.h"
#include "cuda/host.h"
#include "cuda/memory.h"
#include "cuda/stream.h"
#include "cuda/symbol.h"
#include "gen/client_bodies.h"

#include <string.h>

enum { PITCH_ALIGNMENT = 512 };

static CUresult driver(int32_t result)
{
    return (CUresult)rrto_cuda_to_driver(result);
}

/* Of calls that CUDA calls potentially unsafe while something is captured. */
static int32_t need_unsafely(void)
{
    int32_t result = rrto_context_need();
    return result ? result : rrto_capture_unsafe();
}

static CUresult allocate(CUdeviceptr *address, size_t n_bytes, bool ordered)
{
    if (!address || n_bytes == 0)
        return CUDA_ERROR_INVALID_VALUE;
    int32_t result = ordered ? rrto_context_need() : need_unsafely();
    return driver(result ? result : rrto_arena_alloc(n_bytes, address));
}

CUresult rrto_client_cuMemAlloc_v2(CUdeviceptr *address, size_t n_bytes)
{
    return allocate(address, n_bytes, false);
}

CUresult rrto_client_cuMemAllocPitch_v2(CUdeviceptr *address, size_t *pitch, size_t width, size_t height,
                                        unsigned int element_bytes)
{
    size_t n_bytes;
    if (!pitch || width == 0 || height == 0 || (element_bytes != 4 && element_bytes != 8 && element_bytes != 16))
        return CUDA_ERROR_INVALID_VALUE;
    *pitch = (width + PITCH_ALIGNMENT - 1) / PITCH_ALIGNMENT * PITCH_ALIGNMENT;
    if (*pitch < width || __builtin_mul_overflow(*pitch, height, &n_bytes))
        return CUDA_ERROR_OUT_OF_MEMORY;
    return rrto_client_cuMemAlloc_v2(address, n_bytes);
}

CUresult rrto_client_cuMemFree_v2(CUdeviceptr address)
{
    int32_t result = need_unsafely();
    if (result || !address)
        return driver(result);
    return driver(rrto_arena_free(address));
}

CUresult rrto_client_cuMemAllocAsync(CUdeviceptr *address, size_t n_bytes, CUstream stream)
{
    uint32_t id;
    if (!rrto_stream_id(stream, &id))
        return CUDA_ERROR_INVALID_HANDLE;
    int32_t refused = rrto_capture_refuse(id, RRTO_CUDA_NOT_SUPPORTED); /* memory nodes are not offered */
    return refused ? driver(refused) : allocate(address, n_bytes, true);
}

CUresult rrto_client_cuMemFreeAsync(CUdeviceptr address, CUstream stream)
{
    uint32_t id;
    if (!rrto_stream_id(stream, &id))
        return CUDA_ERROR_INVALID_HANDLE;
    if (!address)
        return CUDA_ERROR_INVALID_VALUE;
    int32_t result = rrto_context_need();
    if (!result)
        result = rrto_capture_refuse(id, RRTO_CUDA_NOT_SUPPORTED);
    return driver(result ? result : rrto_arena_free(address));
}

CUresult rrto_client_cuMemGetInfo_v2(size_t *free_bytes, size_t *total_bytes)
{
    uint64_t available, total;
    if (!free_bytes || !total_bytes)
        return CUDA_ERROR_INVALID_VALUE;
    int32_t result = rrto_context_need();
    if (!result)
        result = rrto_arena_info(&available, &total);
    if (!result) {
        *free_bytes = available;
        *total_bytes = total;
    }
    return driver(result);
}

CUresult rrto_client_cuMemGetAddressRange_v2(CUdeviceptr *ret_base, size_t *ret_n_bytes, CUdeviceptr address)
{
    uint64_t base, n_bytes;
    if (!rrto_arena_find(address, &base, &n_bytes))
        return CUDA_ERROR_NOT_FOUND;
    if (ret_base)
        *ret_base = base;
    if (ret_n_bytes)
        *ret_n_bytes = n_bytes;
    return CUDA_SUCCESS;
}

static CUresult copy_linear(uint64_t dst, uint64_t src, size_t n, enum rrto_copy_kind kind, CUstream stream,
                            bool synchronous)
{
    int32_t result = rrto_context_need();
    return driver(result ? result : rrto_memory_copy_linear(dst, src, n, kind, stream, synchronous));
}

CUresult rrto_client_cuMemcpy(CUdeviceptr dst, CUdeviceptr src, size_t n)
{
    return copy_linear(dst, src, n, RRTO_COPY_DEFAULT, NULL, true);
}

CUresult rrto_client_cuMemcpyAsync(CUdeviceptr dst, CUdeviceptr src, size_t n, CUstream stream)
{
    return copy_linear(dst, src, n, RRTO_COPY_DEFAULT, stream, false);
}

CUresult rrto_client_cuMemcpyHtoD_v2(CUdeviceptr dst, const void *src, size_t n)
{
    return copy_linear(dst, (uintptr_t)src, n, RRTO_COPY_H2D, NULL, true);
}

CUresult rrto_client_cuMemcpyDtoH_v2(void *dst, CUdeviceptr src, size_t n)
{
    return copy_linear((uintptr_t)dst, src, n, RRTO_COPY_D2H, NULL, true);
}

CUresult rrto_client_cuMemcpyDtoD_v2(CUdeviceptr dst, CUdeviceptr src, size_t n)
{
    return copy_linear(dst, src, n, RRTO_COPY_D2D, NULL, true);
}

CUresult rrto_client_cuMemcpyHtoDAsync_v2(CUdeviceptr dst, const void *src, size_t n, CUstream stream)
{
    return copy_linear(dst, (uintptr_t)src, n, RRTO_COPY_H2D, stream, false);
}

CUresult rrto_client_cuMemcpyDtoHAsync_v2(void *dst, CUdeviceptr src, size_t n, CUstream stream)
{
    return copy_linear((uintptr_t)dst, src, n, RRTO_COPY_D2H, stream, false);
}

CUresult rrto_client_cuMemcpyDtoDAsync_v2(CUdeviceptr dst, CUdeviceptr src, size_t n, CUstream stream)
{
    return copy_linear(dst, src, n, RRTO_COPY_D2D, stream, false);
}

/* One side of a 2D copy as an address; false for arrays. */
static bool side_address(CUmemorytype type, const void *host, CUdeviceptr device, size_t x, size_t y, size_t pitch,
                         uint64_t *ret_address)
{
    if (type == CU_MEMORYTYPE_ARRAY || type < CU_MEMORYTYPE_HOST || type > CU_MEMORYTYPE_UNIFIED)
        return false;
    *ret_address = (type == CU_MEMORYTYPE_HOST ? (uintptr_t)host : device) + y * pitch + x;
    return true;
}

static CUresult copy_rows(const CUDA_MEMCPY2D *request, CUstream stream, bool synchronous)
{
    if (!request)
        return CUDA_ERROR_INVALID_VALUE;
    struct rrto_copy copy = {.dst_pitch = request->dstPitch ? request->dstPitch : request->WidthInBytes,
                             .src_pitch = request->srcPitch ? request->srcPitch : request->WidthInBytes,
                             .width = request->WidthInBytes,
                             .height = request->Height,
                             .stream = stream,
                             .synchronous = synchronous};
    if (!side_address(request->srcMemoryType, request->srcHost, request->srcDevice, request->srcXInBytes, request->srcY,
                      copy.src_pitch, &copy.src) ||
        !side_address(request->dstMemoryType, request->dstHost, request->dstDevice, request->dstXInBytes, request->dstY,
                      copy.dst_pitch, &copy.dst))
        return CUDA_ERROR_NOT_SUPPORTED;
    if (copy.height > 1 && (copy.width > copy.dst_pitch || copy.width > copy.src_pitch))
        return CUDA_ERROR_INVALID_VALUE;
    bool unified = request->srcMemoryType == CU_MEMORYTYPE_UNIFIED || request->dstMemoryType == CU_MEMORYTYPE_UNIFIED;
    bool to_device = request->dstMemoryType == CU_MEMORYTYPE_DEVICE;
    bool from_device = request->srcMemoryType == CU_MEMORYTYPE_DEVICE;
    copy.kind = unified ? RRTO_COPY_DEFAULT : (enum rrto_copy_kind)((from_device ? 2 : 0) + (to_device ? 1 : 0));
    int32_t result = rrto_context_need();
    return driver(result ? result : rrto_memory_copy(&copy));
}

CUresult rrto_client_cuMemcpy2D_v2(const CUDA_MEMCPY2D *copy)
{
    return copy_rows(copy, NULL, true);
}

CUresult rrto_client_cuMemcpy2DUnaligned_v2(const CUDA_MEMCPY2D *copy)
{
    return copy_rows(copy, NULL, true);
}

CUresult rrto_client_cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D *copy, CUstream stream)
{
    return copy_rows(copy, stream, false);
}

static CUresult fill(CUdeviceptr dst, uint32_t value, uint32_t unit, size_t n, CUstream stream)
{
    int32_t result = rrto_context_need();
    return driver(result ? result : rrto_memory_set(dst, value, unit, n, stream));
}

CUresult rrto_client_cuMemsetD8_v2(CUdeviceptr dst, unsigned char value, size_t n)
{
    return fill(dst, value, 1, n, NULL);
}

CUresult rrto_client_cuMemsetD16_v2(CUdeviceptr dst, unsigned short value, size_t n)
{
    return fill(dst, value, 2, n, NULL);
}

CUresult rrto_client_cuMemsetD32_v2(CUdeviceptr dst, unsigned int value, size_t n)
{
    return fill(dst, value, 4, n, NULL);
}

CUresult rrto_client_cuMemsetD8Async(CUdeviceptr dst, unsigned char value, size_t n, CUstream stream)
{
    return fill(dst, value, 1, n, stream);
}

CUresult rrto_client_cuMemsetD16Async(CUdeviceptr dst, unsigned short value, size_t n, CUstream stream)
{
    return fill(dst, value, 2, n, stream);
}

CUresult rrto_client_cuMemsetD32Async(CUdeviceptr dst, unsigned int value, size_t n, CUstream stream)
{
    return fill(dst, value, 4, n, stream);
}

CUresult rrto_client_cuMemsetD2D8Async(CUdeviceptr dst, size_t pitch, unsigned char value, size_t width, size_t height,
                                       CUstream stream)
{
    int32_t result = rrto_context_need();
    return driver(result ? result : rrto_memory_set_2d(dst, pitch, value, 1, width, height, stream));
}

CUresult rrto_client_cuMemsetD2D8_v2(CUdeviceptr dst, size_t pitch, unsigned char value, size_t width, size_t height)
{
    return rrto_client_cuMemsetD2D8Async(dst, pitch, value, width, height, NULL);
}

CUresult rrto_client_cuMemHostAlloc(void **memory, size_t n_bytes, unsigned int flags)
{
    int32_t result = need_unsafely();
    if (!memory || n_bytes == 0 || flags > 7)
        return CUDA_ERROR_INVALID_VALUE;
    return driver(result ? result : rrto_host_alloc(n_bytes, flags, memory));
}

CUresult rrto_client_cuMemAllocHost_v2(void **memory, size_t n_bytes)
{
    return rrto_client_cuMemHostAlloc(memory, n_bytes, 0);
}

CUresult rrto_client_cuMemFreeHost(void *memory)
{
    int32_t result = rrto_capture_unsafe();
    if (!memory)
        return CUDA_ERROR_INVALID_VALUE;
    return driver(result ? result : rrto_host_free(memory));
}

CUresult rrto_client_cuMemHostRegister_v2(void *memory, size_t n_bytes, unsigned int flags)
{
    int32_t result = need_unsafely();
    if (!result && flags & ~3u)
        result = RRTO_CUDA_NOT_SUPPORTED;
    return driver(result ? result : rrto_host_register(memory, n_bytes, flags));
}

CUresult rrto_client_cuMemHostUnregister(void *memory)
{
    int32_t result = rrto_capture_unsafe();
    return driver(result ? result : rrto_host_unregister(memory));
}

CUresult rrto_client_cuMemHostGetFlags(unsigned int *flags, void *memory)
{
    struct rrto_host_range range;
    if (!flags || !rrto_host_find(memory, &range))
        return CUDA_ERROR_INVALID_VALUE;
    *flags = range.flags;
    return CUDA_SUCCESS;
}

CUresult rrto_client_cuMemHostGetDevicePointer_v2(CUdeviceptr *address, void *memory, unsigned int flags)
{
    (void)memory;
    (void)flags;
    if (address)
        *address = 0;
    return CUDA_ERROR_NOT_SUPPORTED;
}

/* What is known about an address, for cuPointerGetAttribute. */
struct pointer_facts {
    bool device, host;
    uint64_t base, n_bytes;
};

static struct pointer_facts look_at(CUdeviceptr address)
{
    struct pointer_facts facts = {0};
    struct rrto_host_range range;
    if (rrto_arena_contains(address)) {
        facts.device = rrto_arena_find(address, &facts.base, &facts.n_bytes);
    } else if (rrto_host_find((const void *)(uintptr_t)address, &range)) {
        facts.host = true;
        facts.base = range.base;
        facts.n_bytes = range.n_bytes;
    } else {
        struct rrto_symbol symbol;
        facts.device = rrto_symbol_find(address, 1, &symbol);
        facts.base = facts.device ? symbol.address : 0;
        facts.n_bytes = facts.device ? symbol.n_bytes : 0;
    }
    return facts;
}

/* Writes a value of n bytes; zero when not known is what cuPointerGetAttributes gives. */
static CUresult pointer_value(void *data, CUpointer_attribute attribute, CUdeviceptr address,
                              const struct pointer_facts *facts)
{
    union {
        uint64_t wide;
        uint32_t word;
        void *pointer;
        uint8_t flag;
    } value = {0};
    size_t n = sizeof value.word;
    bool known = facts->device || facts->host;
    switch (attribute) {
    case CU_POINTER_ATTRIBUTE_CONTEXT:
        value.pointer = known ? rrto_context_current() : NULL;
        n = sizeof value.pointer;
        break;
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
        value.word = facts->device ? CU_MEMORYTYPE_DEVICE : CU_MEMORYTYPE_HOST;
        break;
    case CU_POINTER_ATTRIBUTE_DEVICE_POINTER:
        value.wide = facts->device ? address : 0;
        n = sizeof value.wide;
        known = facts->device;
        break;
    case CU_POINTER_ATTRIBUTE_HOST_POINTER:
        value.wide = facts->host ? address : 0;
        n = sizeof value.wide;
        known = facts->host;
        break;
    case CU_POINTER_ATTRIBUTE_SYNC_MEMOPS:
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL:
        break;
    case CU_POINTER_ATTRIBUTE_IS_MANAGED:
    case CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE:
    case CU_POINTER_ATTRIBUTE_IS_GPU_DIRECT_RDMA_CAPABLE:
        n = sizeof value.flag;
        break;
    case CU_POINTER_ATTRIBUTE_MAPPED:
        value.flag = known;
        n = sizeof value.flag;
        known = true;
        break;
    case CU_POINTER_ATTRIBUTE_BUFFER_ID:
    case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR:
        value.wide = facts->base;
        n = sizeof value.wide;
        break;
    case CU_POINTER_ATTRIBUTE_RANGE_SIZE:
        value.wide = facts->n_bytes;
        n = sizeof value.wide;
        break;
    case CU_POINTER_ATTRIBUTE_ALLOWED_HANDLE_TYPES:
    case CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE:
        n = sizeof value.wide;
        break;
    case CU_POINTER_ATTRIBUTE_ACCESS_FLAGS:
        value.word = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
        break;
    default:
        return CUDA_ERROR_NOT_SUPPORTED;
    }
    if (!known)
        value.wide = 0;
    memcpy(data, &value, n);
    return known ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult rrto_client_cuPointerGetAttribute(void *data, CUpointer_attribute attribute, CUdeviceptr address)
{
    if (!data)
        return CUDA_ERROR_INVALID_VALUE;
    struct pointer_facts facts = look_at(address);
    return pointer_value(data, attribute, address, &facts);
}

CUresult rrto_client_cuPointerGetAttributes(unsigned int n, CUpointer_attribute *attributes, void **data,
                                            CUdeviceptr address)
{
    if (!attributes || !data)
        return CUDA_ERROR_INVALID_VALUE;
    struct pointer_facts facts = look_at(address);
    for (unsigned int i = 0; i < n; i++) {
        if (pointer_value(data[i], attributes[i], address, &facts) == CUDA_ERROR_NOT_SUPPORTED)
            return CUDA_ERROR_NOT_SUPPORTED;
    }
    return CUDA_SUCCESS;
}
