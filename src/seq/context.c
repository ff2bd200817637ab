/* SPDX-License-Identifier: Apache-2.0 */
/* The context table. A bucket is half a cache line; its oldest entry makes room. */
#include "seq/context.h"

#include "seq/seq.h"

static const uint64_t position_mask = ((uint64_t)1 << 40) - 1;

uint64_t rrto_context_update(struct rrto_context *context, uint64_t hash, uint64_t position)
{
    uint64_t *bucket = context->slots + (hash & context->mask) * RRTO_CONTEXT_WAYS;
    uint64_t check = hash & ~position_mask, stored = (position + 1) & position_mask, victim_age = 0;
    unsigned victim = 0;
    for (unsigned i = 0; i < RRTO_CONTEXT_WAYS; i++) {
        uint64_t slot = bucket[i];
        uint64_t age = slot ? (stored - slot) & position_mask : UINT64_MAX;
        if (slot && (slot & ~position_mask) == check) {
            bucket[i] = check | stored;
            return position - age;
        }
        if (age > victim_age) {
            victim_age = age;
            victim = i;
        }
    }
    bucket[victim] = check | stored;
    return RRTO_SEQ_NONE;
}
