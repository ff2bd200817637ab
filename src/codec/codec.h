/* SPDX-License-Identifier: Apache-2.0 */
/* Little-endian packing into an rrto_buf, and a decoder whose failure is sticky: a failed read gives zeroes and
 * everything after it is a no-op, so that callers check once, at the end. */
#ifndef RRTO_CODEC_CODEC_H
#define RRTO_CODEC_CODEC_H

#include "base/buf.h"

#include <string.h>

struct rrto_dec {
    const uint8_t *start, *at, *end;
    bool failed;
};

static inline void rrto_dec_init(struct rrto_dec *dec, const void *data, size_t n)
{
    dec->start = dec->at = data;
    dec->end = dec->at + n;
    dec->failed = false;
}

/* The next n bytes in place, or NULL (and failed). */
static inline const void *rrto_get_bytes(struct rrto_dec *dec, size_t n)
{
    if (dec->failed || (size_t)(dec->end - dec->at) < n) {
        dec->failed = true;
        return NULL;
    }
    const void *at = dec->at;
    dec->at += n;
    return at;
}

/* Both supported byte orders are little-endian (x86-64, aarch64): memcpy is the encoding. */
#define RRTO_CODEC_SCALAR(suffix, type)                                                                                \
    static inline void rrto_put_##suffix(struct rrto_buf *buf, type value)                                             \
    {                                                                                                                  \
        rrto_buf_put(buf, &value, sizeof value);                                                                       \
    }                                                                                                                  \
    static inline type rrto_get_##suffix(struct rrto_dec *dec)                                                         \
    {                                                                                                                  \
        type value = 0;                                                                                                \
        const void *at = rrto_get_bytes(dec, sizeof value);                                                            \
        if (at)                                                                                                        \
            memcpy(&value, at, sizeof value);                                                                          \
        return value;                                                                                                  \
    }
RRTO_CODEC_SCALAR(u8, uint8_t)
RRTO_CODEC_SCALAR(u16, uint16_t)
RRTO_CODEC_SCALAR(u32, uint32_t)
RRTO_CODEC_SCALAR(u64, uint64_t)
RRTO_CODEC_SCALAR(i32, int32_t)
RRTO_CODEC_SCALAR(i64, int64_t)
RRTO_CODEC_SCALAR(f32, float)
RRTO_CODEC_SCALAR(f64, double)

/* LEB128, at most 10 bytes. */
void rrto_put_varint(struct rrto_buf *buf, uint64_t value);
uint64_t rrto_get_varint(struct rrto_dec *dec);

/* u32 count, zero padding to a multiple of 8 from the start of the op, then count * element_bytes bytes. The writer
 * puts it at `at`, where there has to be rrto_array_room for it, and returns its end; without data the elements are
 * zeroes. The reader requires zero padding, and count * element_bytes within the input. */
static inline size_t rrto_array_room(uint32_t count, size_t element_bytes)
{
    return sizeof count + 8 + count * element_bytes;
}
static inline uint8_t *rrto_array_data(uint8_t *at, const uint8_t *start)
{
    return at + sizeof(uint32_t) + (-(size_t)(at + sizeof(uint32_t) - start) & 7);
}
static inline uint8_t *rrto_put_array(uint8_t *at, const uint8_t *start, const void *data, uint32_t count,
                                      size_t element_bytes)
{
    uint8_t *to = rrto_array_data(at, start);
    memcpy(at, &count, sizeof count);
    memset(at + sizeof count, 0, 8); /* as much padding as there may be, in one store */
    if (count == 0)
        return to;
    if (data)
        memcpy(to, data, count * element_bytes);
    else
        memset(to, 0, count * element_bytes);
    return to + count * element_bytes;
}
const void *rrto_get_array(struct rrto_dec *dec, size_t element_bytes, uint32_t *ret_count);

enum { RRTO_OP_HEADER_BYTES = 8, RRTO_OP_MAX_BYTES = 1 << 20 };

/* Attributes of an op, from its description. */
enum rrto_op_flags {
    RRTO_OP_DEVICE = 1 << 0,
    RRTO_OP_SYNC = 1 << 1,
    RRTO_OP_CHECKED = 1 << 2,
    RRTO_OP_MEMO = 1 << 3,
    RRTO_OP_INFALLIBLE = 1 << 4,
    RRTO_OP_INVISIBLE = 1 << 5,
    RRTO_OP_UP = 1 << 6,
    RRTO_OP_DOWN = 1 << 7,
    RRTO_OP_ELIDABLE = 1 << 8,
    RRTO_OP_PLAIN = 1 << 9,   /* generated, not hand-written */
    RRTO_OP_CLOSES = 1 << 10, /* a gate: later work of the stream waits for the op that opens it */
    RRTO_OP_OPENS = 1 << 11,
    RRTO_OP_MAKES = 1 << 12, /* what lasts: an object, or an answer that is remembered */
    RRTO_OP_ENDS = 1 << 13,  /* an object */
};

struct rrto_op_info {
    const char *name, *library;
    uint32_t flags;
    int32_t stream_offset; /* where the u32 stream id stands in the op's bytes (header included), or -1 */
    int32_t size_offset;   /* where the u64 n_bytes of an up/down payload stands, or -1 */
    uint32_t n_fixed_bytes;
    uint16_t
        object_offset; /* where what it makes or ends stands: a u32 id; of kind 0, memory, a u64 address. 0: none */
    uint16_t object_kind;
};

struct rrto_op_header {
    uint16_t number, zero;
    uint32_t n_bytes; /* that follow the header */
};

/* Of an op of at least a header's bytes. */
static inline uint16_t rrto_op_number(const uint8_t *op)
{
    uint16_t number;
    memcpy(&number, op, sizeof number);
    return number;
}

#endif
