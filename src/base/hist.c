/* SPDX-License-Identifier: Apache-2.0 */
/* The latency histogram. */
#include "base/hist.h"

#include <stddef.h>

enum { SUB = 1 << RRTO_HIST_SUB_BITS };

static size_t bucket_of(uint64_t value)
{
    if (value < SUB)
        return (size_t)value;
    unsigned exponent = 63u - (unsigned)__builtin_clzll(value); /* >= RRTO_HIST_SUB_BITS */
    size_t sub = (size_t)(value >> (exponent - RRTO_HIST_SUB_BITS)) & (SUB - 1);
    size_t bucket = ((size_t)(exponent - RRTO_HIST_SUB_BITS + 1) << RRTO_HIST_SUB_BITS) + sub;
    return bucket < RRTO_HIST_BUCKETS ? bucket : RRTO_HIST_BUCKETS - 1;
}

static uint64_t middle_of(size_t bucket)
{
    if (bucket < 2 * SUB)
        return bucket;
    unsigned shift = (unsigned)(bucket >> RRTO_HIST_SUB_BITS) - 1;
    uint64_t low = (uint64_t)(SUB + (bucket & (SUB - 1))) << shift;
    return low + (((uint64_t)1 << shift) - 1) / 2;
}

void rrto_hist_add(struct rrto_hist *hist, uint64_t value)
{
    __atomic_fetch_add(&hist->counts[bucket_of(value)], 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&hist->n, 1, __ATOMIC_RELAXED);
}

void rrto_hist_merge(struct rrto_hist *hist, const struct rrto_hist *from)
{
    for (size_t i = 0; i < RRTO_HIST_BUCKETS; i++)
        hist->counts[i] += from->counts[i];
    hist->n += from->n;
}

uint64_t rrto_hist_quantile(const struct rrto_hist *hist, unsigned per_mille)
{
    uint64_t total = 0;
    for (size_t i = 0; i < RRTO_HIST_BUCKETS; i++)
        total += hist->counts[i];
    if (total == 0)
        return 0;
    uint64_t rank = (total * per_mille + 999) / 1000, seen = 0;
    rank = rank ? rank : 1;
    for (size_t i = 0; i < RRTO_HIST_BUCKETS; i++) {
        seen += hist->counts[i];
        if (seen >= rank)
            return middle_of(i);
    }
    return middle_of(RRTO_HIST_BUCKETS - 1);
}
