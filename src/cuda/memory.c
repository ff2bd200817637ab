/* SPDX-License-Identifier: Apache-2.0 */
/* Copies and fills as ops. Ops on device memory are issued only for ranges inside a live allocation: that is what makes
 * them infallible. */
#include "cuda/memory.h"

#include "cuda/arena.h"
#include "cuda/error.h"
#include "cuda/graph/capture.h"
#include "cuda/host.h"
#include "cuda/host_function.h"
#include "cuda/room.h"
#include "cuda/stream.h"
#include "cuda/symbol.h"
#include "gen/issue_ops.h"
#include "replay/issue.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE_BYTES = 32 << 20 }; /* of a copy that the server has no room for */

static const void *host_pointer(uint64_t address)
{
    return (const void *)(uintptr_t)address;
}

/* Bytes from the first to the last of a rectangle. */
static bool span_of(uint64_t pitch, uint64_t width, uint64_t height, uint64_t *ret_n)
{
    uint64_t rows;
    return !__builtin_mul_overflow(pitch, height - 1, &rows) && !__builtin_add_overflow(rows, width, ret_n);
}

bool rrto_memory_is_device(uint64_t address, uint64_t n, bool said_device)
{
    return rrto_arena_contains(address) ||
           (said_device ? rrto_symbol_find(address, n, NULL) : rrto_symbol_ours(address));
}

bool rrto_memory_live(uint64_t address, uint64_t n)
{
    return rrto_arena_contains(address) ? rrto_arena_live(address, n) : rrto_symbol_find(address, n, NULL);
}

static int32_t issue_late(const struct rrto_late_copy *copy, uint64_t offset, uint64_t n, uint32_t gate,
                          uint64_t *ret_position)
{
    const uint64_t *dst = copy->args;
    struct rrto_args_mem_copy_h2d_late args = {
        .dst = *dst + offset, .n_bytes = n, .stream = copy->stream, .gate = gate};
    struct rrto_issue_extra extra = {.ret_position = ret_position};
    return rrto_cuda_issued(rrto_issue_mem_copy_h2d_late(&args, &extra));
}

int32_t rrto_memory_copy_late(uint64_t dst, const void *src, uint64_t n, uint32_t stream, uint64_t *ret_position)
{
    return rrto_late_copy(
        &(struct rrto_late_copy){.stream = stream, .source = src, .n_bytes = n, .issue = issue_late, .args = &dst},
        ret_position);
}

static int32_t issue_symbol_late(const struct rrto_late_copy *copy, uint64_t offset, uint64_t n, uint32_t gate,
                                 uint64_t *ret_position)
{
    const struct rrto_args_symbol_copy_h2d *symbol = copy->args;
    struct rrto_args_symbol_copy_h2d_late args = {.module = symbol->module,
                                                  .name = symbol->name,
                                                  .n_name = symbol->n_name,
                                                  .offset = symbol->offset + offset,
                                                  .n_bytes = n,
                                                  .stream = copy->stream,
                                                  .gate = gate};
    struct rrto_issue_extra extra = {.ret_position = ret_position};
    return rrto_cuda_issued(rrto_issue_symbol_copy_h2d_late(&args, &extra));
}

int32_t rrto_memory_copy_symbol_late(const struct rrto_args_symbol_copy_h2d *args, const void *src,
                                     uint64_t *ret_position)
{
    return rrto_late_copy(
        &(struct rrto_late_copy){
            .stream = args->stream, .source = src, .n_bytes = args->n_bytes, .issue = issue_symbol_late, .args = args},
        ret_position);
}

enum rrto_memory_turn rrto_memory_turn(const void *src, uint64_t n, uint32_t stream, bool synchronous)
{
    if (!rrto_host_functions_any() || rrto_capture_has(stream))
        return RRTO_MEMORY_FREELY;
    bool pending = rrto_host_functions_pending(stream), room = rrto_room_take(stream, rrto_room_kept(n));
    if (pending && room && !synchronous && rrto_host_pinned(src, n))
        return RRTO_MEMORY_LATE;
    if (pending) /* CUDA synchronises the stream before it reads a pageable source, and with a synchronous copy */
        (void)rrto_host_functions_wait(stream);
    return room ? RRTO_MEMORY_COUNTED : RRTO_MEMORY_ALONE;
}

static int32_t h2d_now(uint64_t dst, const void *src, uint64_t n, uint32_t stream, uint64_t *ret_position)
{
    /* An asynchronous copy may still be on its way down into this source: the snapshot has to contain it. */
    if (rrto_host_find(src, NULL))
        rrto_issue_drain(src, n);
    struct rrto_args_mem_copy_h2d args = {.dst = dst, .n_bytes = n, .stream = stream};
    struct rrto_issue_extra extra = {.up = src, .ret_position = ret_position};
    return rrto_cuda_issued(rrto_issue_mem_copy_h2d(&args, &extra));
}

static int32_t h2d_row(uint64_t dst, uint64_t src, uint64_t n, uint32_t stream, bool synchronous)
{
    enum rrto_memory_turn turn = rrto_memory_turn(host_pointer(src), n, stream, synchronous);
    uint64_t position = 0;
    int32_t result = RRTO_CUDA_SUCCESS;
    if (turn == RRTO_MEMORY_ALONE) {
        for (uint64_t offset = 0; offset < n && !result; offset += PIECE_BYTES) {
            uint64_t n_piece = n - offset < PIECE_BYTES ? n - offset : PIECE_BYTES;
            result = h2d_now(dst + offset, host_pointer(src + offset), n_piece, stream, &position);
            if (!result)
                result = rrto_stream_synchronize_id(stream);
        }
        return result;
    }
    result = turn == RRTO_MEMORY_LATE ? rrto_memory_copy_late(dst, host_pointer(src), n, stream, &position)
                                      : h2d_now(dst, host_pointer(src), n, stream, &position);
    if (turn != RRTO_MEMORY_FREELY)
        rrto_room_taken(stream, position);
    return result;
}

static int32_t d2h_now(uint64_t dst, uint64_t src, uint64_t n, uint32_t stream, bool wait, uint64_t *ret_position)
{
    struct rrto_args_mem_copy_d2h args = {.src = src, .n_bytes = n, .stream = stream};
    struct rrto_issue_extra extra = {.down = (void *)(uintptr_t)dst, .wait = wait, .ret_position = ret_position};
    return rrto_cuda_issued(rrto_issue_mem_copy_d2h(&args, &extra));
}

static int32_t d2h_row(uint64_t dst, uint64_t src, uint64_t n, uint32_t stream, bool wait)
{
    bool counts = rrto_host_functions_any() && !rrto_capture_has(stream);
    bool room = counts && rrto_room_take(stream, rrto_room_kept(n));
    uint64_t position = 0;
    int32_t result = RRTO_CUDA_SUCCESS;
    if (counts && (wait || !room) && rrto_host_functions_pending(stream))
        (void)rrto_host_functions_wait(stream);
    if (counts && !room) {
        for (uint64_t offset = 0; offset < n && !result; offset += PIECE_BYTES) {
            uint64_t n_piece = n - offset < PIECE_BYTES ? n - offset : PIECE_BYTES;
            result = d2h_now(dst + offset, src + offset, n_piece, stream, true, &position);
        }
        return result;
    }
    result = d2h_now(dst, src, n, stream, wait, &position);
    if (room)
        rrto_room_taken(stream, position);
    return result;
}

static int32_t d2d_rectangle(const struct rrto_copy *copy, uint32_t stream)
{
    if (copy->height == 1) {
        struct rrto_args_mem_copy_d2d args = {
            .dst = copy->dst, .src = copy->src, .n_bytes = copy->width, .stream = stream};
        return rrto_cuda_issued(rrto_issue_mem_copy_d2d(&args, NULL));
    }
    struct rrto_args_mem_copy_2d args = {.dst = copy->dst,
                                         .dst_pitch = copy->dst_pitch,
                                         .src = copy->src,
                                         .src_pitch = copy->src_pitch,
                                         .width = copy->width,
                                         .height = copy->height,
                                         .stream = stream};
    return rrto_cuda_issued(rrto_issue_mem_copy_2d(&args, NULL));
}

/* Rows from the host, one payload: gathered here, spread on the device through a temporary block. Row by row where
 * there is no room for one, and while there are host functions, for which freeing it would wait. */
static int32_t h2d_rectangle(const struct rrto_copy *copy, uint32_t stream)
{
    uint64_t n_bytes, staging;
    uint8_t *rows = NULL;
    if (copy->height > 4 && !rrto_host_functions_any() && !rrto_capture_has(stream) &&
        !__builtin_mul_overflow(copy->width, copy->height, &n_bytes) && rrto_arena_alloc(n_bytes, &staging) == 0) {
        rows = malloc(n_bytes);
        if (!rows)
            rrto_arena_free(staging);
    }
    if (!rows) {
        int32_t result = 0;
        for (uint64_t row = 0; row < copy->height && !result; row++)
            result = h2d_row(copy->dst + row * copy->dst_pitch, copy->src + row * copy->src_pitch, copy->width, stream,
                             copy->synchronous);
        return result;
    }
    if (rrto_host_find(host_pointer(copy->src), NULL))
        rrto_issue_drain(host_pointer(copy->src), copy->src_pitch * (copy->height - 1) + copy->width);
    for (uint64_t row = 0; row < copy->height; row++)
        memcpy(rows + row * copy->width, host_pointer(copy->src + row * copy->src_pitch), copy->width);
    int32_t result = h2d_row(staging, (uintptr_t)rows, n_bytes, stream, true);
    free(rows);
    if (!result) {
        struct rrto_copy spread = *copy;
        spread.src = staging;
        spread.src_pitch = copy->width;
        result = d2d_rectangle(&spread, stream);
    }
    int32_t freed = rrto_arena_free(staging);
    return result ? result : freed;
}

/* Rows to the host: packed on the device, one payload, spread here; so it always waits. */
static int32_t d2h_rectangle(const struct rrto_copy *copy, uint32_t stream)
{
    uint64_t n_bytes, staging;
    uint8_t *rows = NULL;
    if (copy->height > 4 && !rrto_host_functions_any() && !rrto_capture_has(stream) &&
        !__builtin_mul_overflow(copy->width, copy->height, &n_bytes) && rrto_arena_alloc(n_bytes, &staging) == 0) {
        rows = malloc(n_bytes);
        if (!rows)
            rrto_arena_free(staging);
    }
    int32_t result = 0;
    if (!rows) {
        for (uint64_t row = 0; row < copy->height && !result; row++)
            result = d2h_row(copy->dst + row * copy->dst_pitch, copy->src + row * copy->src_pitch, copy->width, stream,
                             true);
        return result;
    }
    struct rrto_copy pack = *copy;
    pack.dst = staging;
    pack.dst_pitch = copy->width;
    result = d2d_rectangle(&pack, stream);
    if (!result)
        result = d2h_row((uintptr_t)rows, staging, n_bytes, stream, true);
    for (uint64_t row = 0; row < copy->height && !result; row++)
        memcpy((void *)(uintptr_t)(copy->dst + row * copy->dst_pitch), rows + row * copy->width, copy->width);
    free(rows);
    int32_t freed = rrto_arena_free(staging);
    return result ? result : freed;
}

/* A synchronous copy up has synchronised with its stream: copies down that came before have arrived, and what any
 * stream does from now on comes behind it. The source was read at the call, so the device need not be waited for. */
static int32_t after_synchronous_h2d(uint32_t stream)
{
    struct rrto_args_stream_synchronize args = {.stream = stream};
    struct rrto_issue_extra extra = {.order = true};
    /* Where there are functions, other streams' copies may be waiting for this thread. */
    if (rrto_host_functions_any() || (rrto_host_any() && !rrto_issue_drain_all()))
        return rrto_stream_synchronize_id(stream);
    return rrto_cuda_issued(rrto_issue_stream_synchronize(&args, &extra));
}

/* Host to host is the stream's turn, too: what was issued before comes first. */
static int32_t h2h_rectangle(const struct rrto_copy *copy, uint32_t stream)
{
    int32_t result = rrto_capture_refuse(stream, RRTO_CUDA_NOT_SUPPORTED);
    if (!result)
        result = rrto_stream_synchronize(copy->stream);
    for (uint64_t row = 0; row < copy->height && !result; row++)
        memmove((void *)(uintptr_t)(copy->dst + row * copy->dst_pitch), host_pointer(copy->src + row * copy->src_pitch),
                copy->width);
    return result;
}

int32_t rrto_memory_copy(const struct rrto_copy *request)
{
    struct rrto_copy copy = *request;
    if ((unsigned)copy.kind > RRTO_COPY_DEFAULT)
        return RRTO_CUDA_INVALID_DIRECTION;
    uint32_t stream;
    if (!rrto_stream_id(copy.stream, &stream))
        return RRTO_CUDA_INVALID_HANDLE;
    int32_t refused = copy.synchronous ? rrto_capture_synchronous(stream) : RRTO_CUDA_SUCCESS;
    if (refused)
        return refused;
    if (copy.width == 0 || copy.height == 0)
        return RRTO_CUDA_SUCCESS;
    if (!copy.dst || !copy.src)
        return RRTO_CUDA_INVALID_VALUE;
    if (copy.height > 1 && copy.dst_pitch == copy.width && copy.src_pitch == copy.width &&
        !__builtin_mul_overflow(copy.width, copy.height, &copy.width))
        copy.height = 1;
    uint64_t n_dst, n_src;
    if (!span_of(copy.dst_pitch, copy.width, copy.height, &n_dst) ||
        !span_of(copy.src_pitch, copy.width, copy.height, &n_src))
        return RRTO_CUDA_INVALID_VALUE;

    bool to_device = rrto_memory_is_device(copy.dst, n_dst, copy.kind == RRTO_COPY_H2D || copy.kind == RRTO_COPY_D2D);
    bool from_device = rrto_memory_is_device(copy.src, n_src, copy.kind == RRTO_COPY_D2H || copy.kind == RRTO_COPY_D2D);
    /* With unified addresses CUDA goes by the addresses too; but a host address where the caller promised a device one
     * is an error. */
    bool wants_to = copy.kind == RRTO_COPY_H2D || copy.kind == RRTO_COPY_D2D;
    bool wants_from = copy.kind == RRTO_COPY_D2H || copy.kind == RRTO_COPY_D2D;
    if ((wants_to && !to_device) || (wants_from && !from_device))
        return RRTO_CUDA_INVALID_VALUE;
    if ((to_device && !rrto_memory_live(copy.dst, n_dst)) || (from_device && !rrto_memory_live(copy.src, n_src)))
        return RRTO_CUDA_INVALID_VALUE;

    if (to_device && from_device)
        return d2d_rectangle(&copy, stream);
    if (to_device) {
        int32_t result = copy.height == 1 ? h2d_row(copy.dst, copy.src, copy.width, stream, copy.synchronous)
                                          : h2d_rectangle(&copy, stream);
        return result || !copy.synchronous ? result : after_synchronous_h2d(stream);
    }
    if (!from_device)
        return h2h_rectangle(&copy, stream);
    if (copy.height > 1)
        return d2h_rectangle(&copy, stream);
    bool wait = copy.synchronous || !rrto_host_pinned(host_pointer(copy.dst), copy.width);
    return d2h_row(copy.dst, copy.src, copy.width, stream, wait);
}

int32_t rrto_memory_set(uint64_t dst, uint32_t value, uint32_t unit, uint64_t n, const void *stream)
{
    uint32_t id;
    if (!rrto_stream_id(stream, &id))
        return RRTO_CUDA_INVALID_HANDLE;
    if (n == 0)
        return RRTO_CUDA_SUCCESS;
    uint64_t n_bytes;
    if (__builtin_mul_overflow(n, (uint64_t)unit, &n_bytes) || dst % unit || !rrto_memory_live(dst, n_bytes))
        return RRTO_CUDA_INVALID_VALUE;
    if (unit == 1) {
        struct rrto_args_mem_set_d8 args = {.dst = dst, .value = (uint8_t)value, .n = n, .stream = id};
        return rrto_cuda_issued(rrto_issue_mem_set_d8(&args, NULL));
    }
    if (unit == 2) {
        struct rrto_args_mem_set_d16 args = {.dst = dst, .value = (uint16_t)value, .n = n, .stream = id};
        return rrto_cuda_issued(rrto_issue_mem_set_d16(&args, NULL));
    }
    struct rrto_args_mem_set_d32 args = {.dst = dst, .value = value, .n = n, .stream = id};
    return rrto_cuda_issued(rrto_issue_mem_set_d32(&args, NULL));
}

int32_t rrto_memory_set_2d(uint64_t dst, uint64_t pitch, uint32_t value, uint32_t unit, uint64_t width, uint64_t height,
                           const void *stream)
{
    uint32_t id;
    if (!rrto_stream_id(stream, &id))
        return RRTO_CUDA_INVALID_HANDLE;
    if (width == 0 || height == 0)
        return RRTO_CUDA_SUCCESS;
    uint64_t row_bytes, n_bytes;
    if (__builtin_mul_overflow(width, (uint64_t)unit, &row_bytes) || row_bytes > pitch ||
        !span_of(pitch, row_bytes, height, &n_bytes) || !rrto_memory_live(dst, n_bytes))
        return RRTO_CUDA_INVALID_VALUE;
    if (unit == 1) {
        struct rrto_args_mem_set_2d_d8 args = {
            .dst = dst, .pitch = pitch, .value = (uint8_t)value, .width = width, .height = height, .stream = id};
        return rrto_cuda_issued(rrto_issue_mem_set_2d_d8(&args, NULL));
    }
    int32_t result = 0;
    for (uint64_t row = 0; row < height && !result; row++)
        result = rrto_memory_set(dst + row * pitch, value, unit, width, stream);
    return result;
}
