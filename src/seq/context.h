/* SPDX-License-Identifier: Apache-2.0 */
/* Where a context (the hash of a lane's last k tokens) occurred last: a set-associative table of fixed size. Internal
 * to src/seq. */
#ifndef RRTO_SEQ_CONTEXT_H
#define RRTO_SEQ_CONTEXT_H

#include "seq/seq.h"

#include <stdint.h>

enum { RRTO_CONTEXT_WAYS = 4 };

struct rrto_context {
    uint64_t *slots; /* position (40 bits, + 1, 0 = empty) | check << 40 */
    uint64_t mask;   /* of buckets */
};

/* A bucket is half a cache line; its oldest entry makes room. In line, because it runs five times for each op.
 * Remembers that `hash` occurs at position; returns where it occurred last before (RRTO_SEQ_NONE: unknown, or more than
 * 2^40 ops ago). */
static inline uint64_t rrto_context_update(struct rrto_context *context, uint64_t hash, uint64_t position)
{
    const uint64_t position_mask = ((uint64_t)1 << 40) - 1;
    uint64_t *bucket = context->slots + (hash & context->mask) * RRTO_CONTEXT_WAYS;
    uint64_t check = hash & ~position_mask, stored = (position + 1) & position_mask, victim_age = 0;
    unsigned victim = 0;
    for (unsigned i = 0; i < RRTO_CONTEXT_WAYS; i++) {
        uint64_t slot = bucket[i];
        if (slot && (slot ^ check) <= position_mask) {
            bucket[i] = check | stored;
            return position - ((stored - slot) & position_mask);
        }
    }
    for (unsigned i = 0; i < RRTO_CONTEXT_WAYS; i++) {
        uint64_t age = bucket[i] ? (stored - bucket[i]) & position_mask : UINT64_MAX;
        if (age > victim_age) {
            victim_age = age;
            victim = i;
        }
    }
    bucket[victim] = check | stored;
    return RRTO_SEQ_NONE;
}

#endif
