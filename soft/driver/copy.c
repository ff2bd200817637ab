/* SPDX-License-Identifier: Apache-2.0 */
/* Copies and memsets. All memory is one address space, so every direction is the same copy; what differs is when a
 * source is read and whether the call waits. As CUDA's page "API synchronization behavior" has it: a pageable source is
 * read at the call, a page-locked one whenever the stream gets there; a copy to pageable memory waits, so does a
 * synchronous copy to host memory or from page-locked memory. */
#include "driver.h"
#include "scheduler.h"

#include <stdlib.h>
#include <string.h>

/* Rows of n bytes. */
struct rows {
    uint64_t to, from;
    size_t n, to_pitch, from_pitch, height;
    bool snapshot; /* the rows follow, from is unused */
    _Alignas(16) uint8_t bytes[];
};

static CUresult rows_run(void *arg)
{
    const struct rows *rows = arg;
    uint64_t from = rows->snapshot ? (uint64_t)(uintptr_t)rows->bytes : rows->from;
    for (size_t y = 0; y < rows->height; y++)
        memmove((void *)(uintptr_t)(rows->to + y * rows->to_pitch),
                (const void *)(uintptr_t)(from + y * rows->from_pitch), rows->n);
    return CUDA_SUCCESS;
}

static CUresult enqueue_snapshot(CUstream stream, const struct rows *rows)
{
    size_t n_bytes = sizeof *rows + rows->n * rows->height;
    struct rows *copy = malloc(n_bytes);
    if (!copy)
        return CUDA_ERROR_OUT_OF_MEMORY;
    *copy = *rows;
    copy->snapshot = true;
    copy->from_pitch = rows->n;
    for (size_t y = 0; y < rows->height; y++)
        memcpy(copy->bytes + y * rows->n, (const void *)(uintptr_t)(rows->from + y * rows->from_pitch), rows->n);
    CUresult result = soft_enqueue(stream, rows_run, copy, n_bytes);
    free(copy);
    return result;
}

static CUresult copy_rows(const struct rows *rows, CUstream stream, bool synchronous)
{
    CUresult result = soft_stream_ok(stream) ? soft_ready() : CUDA_ERROR_INVALID_HANDLE;
    if (result || !rows->n || !rows->height)
        return result;
    if (!rows->to || !rows->from)
        return CUDA_ERROR_INVALID_VALUE;
    if (!soft_sched_on())
        return rows_run((void *)(uintptr_t)rows);
    enum soft_memory to = soft_memory_kind(rows->to, (rows->height - 1) * rows->to_pitch + rows->n);
    enum soft_memory from = soft_memory_kind(rows->from, (rows->height - 1) * rows->from_pitch + rows->n);
    if (synchronous)
        result = soft_settle(stream);
    if (!result)
        result =
            from == SOFT_PAGEABLE ? enqueue_snapshot(stream, rows) : soft_enqueue(stream, rows_run, rows, sizeof *rows);
    bool waits = to == SOFT_PAGEABLE || (synchronous && (to == SOFT_PINNED || from == SOFT_PINNED));
    return result || !waits ? result : soft_settle(stream);
}

static CUresult copy(uint64_t to, uint64_t from, size_t n, CUstream stream, bool synchronous)
{
    struct rows rows = {.to = to, .from = from, .n = n, .height = 1};
    CUresult result = copy_rows(&rows, stream, synchronous);
    if (synchronous)
        soft_print_flush();
    return result;
}

#define HOST(pointer) ((uint64_t)(uintptr_t)(pointer))

SOFT_EXPORT CUresult cuMemcpy(CUdeviceptr to, CUdeviceptr from, size_t n)
{
    return copy(to, from, n, NULL, true);
}
SOFT_EXPORT CUresult cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t n, CUstream stream)
{
    return copy(to, from, n, stream, false);
}
SOFT_EXPORT CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t n)
{
    return copy(to, HOST(from), n, NULL, true);
}
SOFT_EXPORT CUresult cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t n)
{
    return copy(HOST(to), from, n, NULL, true);
}
SOFT_EXPORT CUresult cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t n)
{
    return copy(to, from, n, NULL, false);
}
SOFT_EXPORT CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t n, CUstream stream)
{
    return copy(to, HOST(from), n, stream, false);
}
SOFT_EXPORT CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t n, CUstream stream)
{
    return copy(HOST(to), from, n, stream, false);
}
SOFT_EXPORT CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t n, CUstream stream)
{
    return copy(to, from, n, stream, false);
}

static CUresult copy_2d(const CUDA_MEMCPY2D *c, CUstream stream, bool synchronous)
{
    if (!c || c->srcMemoryType == CU_MEMORYTYPE_ARRAY || c->dstMemoryType == CU_MEMORYTYPE_ARRAY)
        return CUDA_ERROR_INVALID_VALUE;
    uint64_t from = c->srcMemoryType == CU_MEMORYTYPE_HOST ? HOST(c->srcHost) : c->srcDevice;
    uint64_t to = c->dstMemoryType == CU_MEMORYTYPE_HOST ? HOST(c->dstHost) : c->dstDevice;
    size_t from_pitch = c->srcPitch ? c->srcPitch : c->WidthInBytes,
           to_pitch = c->dstPitch ? c->dstPitch : c->WidthInBytes;
    if (!from || !to || from_pitch < c->WidthInBytes || to_pitch < c->WidthInBytes)
        return CUDA_ERROR_INVALID_VALUE;
    struct rows rows = {.to = to + c->dstY * to_pitch + c->dstXInBytes,
                        .from = from + c->srcY * from_pitch + c->srcXInBytes,
                        .n = c->WidthInBytes,
                        .to_pitch = to_pitch,
                        .from_pitch = from_pitch,
                        .height = c->Height};
    return copy_rows(&rows, stream, synchronous);
}

SOFT_EXPORT CUresult cuMemcpy2DUnaligned_v2(const CUDA_MEMCPY2D *c)
{
    return copy_2d(c, NULL, true);
}
SOFT_EXPORT CUresult cuMemcpy2D_v2(const CUDA_MEMCPY2D *c)
{
    return copy_2d(c, NULL, true);
}
SOFT_EXPORT CUresult cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D *c, CUstream stream)
{
    return copy_2d(c, stream, false);
}

/* Rows of `width` elements of 1, 2 or 4 bytes. */
struct filling {
    CUdeviceptr to;
    size_t pitch, bytes, width, height;
    unsigned int value;
};

static CUresult filling_run(void *arg)
{
    const struct filling *f = arg;
    for (size_t y = 0; y < f->height; y++) {
        uint8_t *row = (uint8_t *)(uintptr_t)(f->to + y * f->pitch);
        if (f->bytes == 1)
            memset(row, (int)f->value, f->width);
        else
            for (size_t x = 0; x < f->width; x++)
                memcpy(row + x * f->bytes, &f->value, f->bytes);
    }
    return CUDA_SUCCESS;
}

static CUresult fill(CUdeviceptr to, size_t pitch, unsigned int value, size_t bytes, size_t width, size_t height,
                     CUstream stream)
{
    CUresult result = soft_stream_ok(stream) ? soft_ready() : CUDA_ERROR_INVALID_HANDLE;
    if (result || !width || !height)
        return result;
    if (!to || to % bytes || pitch % bytes)
        return CUDA_ERROR_INVALID_VALUE;
    struct filling filling = {to, pitch, bytes, width, height, value};
    return soft_enqueue(stream, filling_run, &filling, sizeof filling);
}

#define FILL(bits, type)                                                                                               \
    SOFT_EXPORT CUresult cuMemsetD##bits##_v2(CUdeviceptr to, type value, size_t n)                                    \
    {                                                                                                                  \
        return fill(to, 0, value, sizeof value, n, 1, NULL);                                                           \
    }                                                                                                                  \
    SOFT_EXPORT CUresult cuMemsetD##bits##Async(CUdeviceptr to, type value, size_t n, CUstream stream)                 \
    {                                                                                                                  \
        return fill(to, 0, value, sizeof value, n, 1, stream);                                                         \
    }
FILL(8, unsigned char)
FILL(16, unsigned short)
FILL(32, unsigned int)

SOFT_EXPORT CUresult cuMemsetD2D8_v2(CUdeviceptr to, size_t pitch, unsigned char value, size_t width, size_t height)
{
    return fill(to, pitch, value, 1, width, height, NULL);
}
SOFT_EXPORT CUresult cuMemsetD2D8Async(CUdeviceptr to, size_t pitch, unsigned char value, size_t width, size_t height,
                                       CUstream stream)
{
    return fill(to, pitch, value, 1, width, height, stream);
}
