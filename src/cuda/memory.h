/* SPDX-License-Identifier: Apache-2.0 */
/* Copies and fills. Where an address belongs decides what travels: a snapshot to the server, a payload from it, or
 * nothing but the request. */
#ifndef RRTO_CUDA_MEMORY_H
#define RRTO_CUDA_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers of cudaMemcpyKind. */
enum rrto_copy_kind { RRTO_COPY_H2H, RRTO_COPY_H2D, RRTO_COPY_D2H, RRTO_COPY_D2D, RRTO_COPY_DEFAULT };

struct rrto_copy {
    uint64_t dst, src;             /* addresses of either side */
    uint64_t dst_pitch, src_pitch; /* bytes from row to row; ignored when height is 1 */
    uint64_t width, height;        /* bytes of a row, rows */
    enum rrto_copy_kind kind;
    const void *stream; /* a handle */
    bool synchronous;   /* the call returns when the bytes are there */
};

/* Does it. Source bytes on the host are read before it returns; bytes that come down to pageable memory, or of a
 * synchronous copy, are there when it returns; those of an asynchronous copy to page-locked memory arrive before the
 * completion is visible to anybody. Returns a CUDA error. */
int32_t rrto_memory_copy(const struct rrto_copy *copy);
static inline int32_t rrto_memory_copy_linear(uint64_t dst, uint64_t src, uint64_t n, enum rrto_copy_kind kind,
                                              const void *stream, bool synchronous)
{
    struct rrto_copy copy = {
        .dst = dst, .src = src, .width = n, .height = 1, .kind = kind, .stream = stream, .synchronous = synchronous};
    return rrto_memory_copy(&copy);
}

/* Whether an address is the device's: in the arena, or in a module's variable. Variables have the server's addresses;
 * where the caller has not said "device", one counts only if it cannot be an address of this process as well. */
bool rrto_memory_is_device(uint64_t address, uint64_t n, bool said_device);
/* Whether [address, address + n) lies inside a live allocation or a module's variable. */
bool rrto_memory_live(uint64_t address, uint64_t n);

/* n values of unit bytes (1, 2 or 4). */
int32_t rrto_memory_set(uint64_t dst, uint32_t value, uint32_t unit, uint64_t n, const void *stream);
/* height rows of width values of unit bytes. */
int32_t rrto_memory_set_2d(uint64_t dst, uint64_t pitch, uint32_t value, uint32_t unit, uint64_t width, uint64_t height,
                           const void *stream);

/* How a copy from the host is issued; what host functions that have not run are there for. */
enum rrto_memory_turn {
    RRTO_MEMORY_FREELY,  /* there are none, or the stream is captured */
    RRTO_MEMORY_COUNTED, /* there was room (cuda/room.h) */
    RRTO_MEMORY_LATE,    /* so there was; the source is read when the functions before the copy have run */
    RRTO_MEMORY_ALONE,   /* there was none: the caller waits for the copy */
};
/* Of one that is about to be issued. One that is synchronous, or whose source is not page-locked, or that has no room,
 * waits for the functions before it here. */
enum rrto_memory_turn rrto_memory_turn(const void *src, uint64_t n, uint32_t stream, bool synchronous);
struct rrto_args_symbol_copy_h2d;
int32_t rrto_memory_copy_late(uint64_t dst, const void *src, uint64_t n, uint32_t stream, uint64_t *ret_position);
int32_t rrto_memory_copy_symbol_late(const struct rrto_args_symbol_copy_h2d *args, const void *src,
                                     uint64_t *ret_position);

#endif
