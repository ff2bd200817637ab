/* SPDX-License-Identifier: Apache-2.0 */
/* Where a context (the hash of a lane's last k ops) occurred last: a set-associative table of fixed size. Internal to
 * src/seq. */
#ifndef RRTO_SEQ_CONTEXT_H
#define RRTO_SEQ_CONTEXT_H

#include "seq/seq.h"

#include <stdint.h>

enum { RRTO_CONTEXT_WAYS = 4 };

struct rrto_context {
    uint64_t *slots; /* position (40 bits, + 1, 0 = empty) | check << 40 */
    uint64_t mask;   /* of buckets */
};

/* n_slots: a power of two, at least RRTO_CONTEXT_WAYS. They are lent, and zero. */
static inline void rrto_context_init(struct rrto_context *context, uint64_t *slots, uint64_t n_slots)
{
    *context = (struct rrto_context){slots, n_slots / RRTO_CONTEXT_WAYS - 1};
}

#define RRTO_CONTEXT_POSITION_MASK (((uint64_t)1 << 40) - 1)

static inline bool rrto_context_is(uint64_t slot, uint64_t check)
{
    return (slot ^ check) - 1 < RRTO_CONTEXT_POSITION_MASK;
}

/* The context does not stand first in its bucket: makes it do so. Returns its slot; 0: it was not there, and takes the
 * place of the one that was seen longest ago. */
static inline uint64_t rrto_context_fetch(uint64_t *bucket, uint64_t check)
{
    uint64_t first = bucket[0], second = bucket[1], third = bucket[2], fourth = bucket[3];
    bucket[1] = first;
    if (rrto_context_is(second, check))
        return second;
    bucket[2] = second;
    if (rrto_context_is(third, check))
        return third;
    bucket[3] = third;
    return rrto_context_is(fourth, check) ? fourth : 0;
}

/* A bucket is half a cache line, the context that was seen last first. In line, because it runs five times for each
 * op. Remembers that `hash` occurs at position; returns where it occurred last before (RRTO_SEQ_NONE: unknown, or more
 * than 2^40 ops ago). The sums that hashes are made of are best in their upper bits. */
static inline uint64_t rrto_context_update(struct rrto_context *context, uint64_t hash, uint64_t position)
{
    uint64_t *bucket = context->slots + (hash >> 40 & context->mask) * RRTO_CONTEXT_WAYS;
    uint64_t check = hash << 24 & ~RRTO_CONTEXT_POSITION_MASK, stored = (position + 1) & RRTO_CONTEXT_POSITION_MASK,
             slot = bucket[0];
    if (__builtin_expect(!rrto_context_is(slot, check), 0))
        slot = rrto_context_fetch(bucket, check);
    bucket[0] = check | stored;
    return slot ? position - ((stored - slot) & RRTO_CONTEXT_POSITION_MASK) : RRTO_SEQ_NONE;
}

/* Where `hash` occurred last before `position`; nothing is remembered. */
static inline uint64_t rrto_context_find(const struct rrto_context *context, uint64_t hash, uint64_t position)
{
    const uint64_t *bucket = context->slots + (hash >> 40 & context->mask) * RRTO_CONTEXT_WAYS;
    uint64_t check = hash << 24 & ~RRTO_CONTEXT_POSITION_MASK, stored = (position + 1) & RRTO_CONTEXT_POSITION_MASK;
    for (unsigned way = 0; way < RRTO_CONTEXT_WAYS; way++)
        if (rrto_context_is(bucket[way], check))
            return position - ((stored - bucket[way]) & RRTO_CONTEXT_POSITION_MASK);
    return RRTO_SEQ_NONE;
}

#endif
