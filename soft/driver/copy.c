/* SPDX-License-Identifier: Apache-2.0 */
/* Copies and memsets, at the call. All memory is one address space, so every direction is the same copy. */
#include "driver.h"

#include <string.h>

static CUresult copy(uint64_t to, uint64_t from, size_t n)
{
    CUresult result = soft_ready();
    if (!result && n && (!to || !from))
        result = CUDA_ERROR_INVALID_VALUE;
    if (!result)
        memmove((void *)(uintptr_t)to, (const void *)(uintptr_t)from, n);
    return result;
}

static CUresult copy_async(uint64_t to, uint64_t from, size_t n, CUstream stream)
{
    return soft_stream_ok(stream) ? copy(to, from, n) : CUDA_ERROR_INVALID_HANDLE;
}

#define HOST(pointer) ((uint64_t)(uintptr_t)(pointer))

SOFT_EXPORT CUresult cuMemcpy(CUdeviceptr to, CUdeviceptr from, size_t n)
{
    return copy(to, from, n);
}
SOFT_EXPORT CUresult cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t n, CUstream stream)
{
    return copy_async(to, from, n, stream);
}
SOFT_EXPORT CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t n)
{
    return copy(to, HOST(from), n);
}
SOFT_EXPORT CUresult cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t n)
{
    return copy(HOST(to), from, n);
}
SOFT_EXPORT CUresult cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t n)
{
    return copy(to, from, n);
}
SOFT_EXPORT CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t n, CUstream stream)
{
    return copy_async(to, HOST(from), n, stream);
}
SOFT_EXPORT CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t n, CUstream stream)
{
    return copy_async(HOST(to), from, n, stream);
}
SOFT_EXPORT CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t n, CUstream stream)
{
    return copy_async(to, from, n, stream);
}

SOFT_EXPORT CUresult cuMemcpy2DUnaligned_v2(const CUDA_MEMCPY2D *c)
{
    CUresult result = soft_ready();
    if (result)
        return result;
    if (!c || c->srcMemoryType == CU_MEMORYTYPE_ARRAY || c->dstMemoryType == CU_MEMORYTYPE_ARRAY)
        return CUDA_ERROR_INVALID_VALUE;
    uint64_t from = c->srcMemoryType == CU_MEMORYTYPE_HOST ? HOST(c->srcHost) : c->srcDevice;
    uint64_t to = c->dstMemoryType == CU_MEMORYTYPE_HOST ? HOST(c->dstHost) : c->dstDevice;
    size_t from_pitch = c->srcPitch ? c->srcPitch : c->WidthInBytes,
           to_pitch = c->dstPitch ? c->dstPitch : c->WidthInBytes;
    if (!from || !to || from_pitch < c->WidthInBytes || to_pitch < c->WidthInBytes)
        return CUDA_ERROR_INVALID_VALUE;
    for (size_t y = 0; y < c->Height; y++)
        memmove((void *)(uintptr_t)(to + (c->dstY + y) * to_pitch + c->dstXInBytes),
                (const void *)(uintptr_t)(from + (c->srcY + y) * from_pitch + c->srcXInBytes), c->WidthInBytes);
    return CUDA_SUCCESS;
}
SOFT_EXPORT CUresult cuMemcpy2D_v2(const CUDA_MEMCPY2D *c)
{
    return cuMemcpy2DUnaligned_v2(c);
}
SOFT_EXPORT CUresult cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D *c, CUstream stream)
{
    return soft_stream_ok(stream) ? cuMemcpy2DUnaligned_v2(c) : CUDA_ERROR_INVALID_HANDLE;
}

/* Rows of `width` elements of 1, 2 or 4 bytes. */
static CUresult fill(CUdeviceptr to, size_t pitch, unsigned int value, size_t bytes, size_t width, size_t height)
{
    CUresult result = soft_ready();
    if (result)
        return result;
    if (width && height && (!to || to % bytes || pitch % bytes))
        return CUDA_ERROR_INVALID_VALUE;
    for (size_t y = 0; y < height; y++) {
        uint8_t *row = (uint8_t *)(uintptr_t)(to + y * pitch);
        if (bytes == 1)
            memset(row, (int)value, width);
        else
            for (size_t x = 0; x < width; x++)
                memcpy(row + x * bytes, &value, bytes);
    }
    return CUDA_SUCCESS;
}

#define FILL(bits, type)                                                                                               \
    SOFT_EXPORT CUresult cuMemsetD##bits##_v2(CUdeviceptr to, type value, size_t n)                                    \
    {                                                                                                                  \
        return fill(to, 0, value, sizeof value, n, 1);                                                                 \
    }                                                                                                                  \
    SOFT_EXPORT CUresult cuMemsetD##bits##Async(CUdeviceptr to, type value, size_t n, CUstream stream)                 \
    {                                                                                                                  \
        return soft_stream_ok(stream) ? fill(to, 0, value, sizeof value, n, 1) : CUDA_ERROR_INVALID_HANDLE;            \
    }
FILL(8, unsigned char)
FILL(16, unsigned short)
FILL(32, unsigned int)

SOFT_EXPORT CUresult cuMemsetD2D8_v2(CUdeviceptr to, size_t pitch, unsigned char value, size_t width, size_t height)
{
    return fill(to, pitch, value, 1, width, height);
}
SOFT_EXPORT CUresult cuMemsetD2D8Async(CUdeviceptr to, size_t pitch, unsigned char value, size_t width, size_t height,
                                       CUstream stream)
{
    return soft_stream_ok(stream) ? fill(to, pitch, value, 1, width, height) : CUDA_ERROR_INVALID_HANDLE;
}
