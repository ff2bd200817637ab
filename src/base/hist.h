/* SPDX-License-Identifier: Apache-2.0 */
/* A latency histogram of fixed size: 16 buckets per power of two (values are off by at most 1/16), no allocation, plain
 * data, so that it may live in a mapped file. All zero = empty. Adding is safe from several threads (relaxed atomics);
 * reading gives a moment's picture. */
#ifndef RRTO_BASE_HIST_H
#define RRTO_BASE_HIST_H

#include <stdint.h>

enum { RRTO_HIST_SUB_BITS = 4, RRTO_HIST_BUCKETS = 40 << RRTO_HIST_SUB_BITS };

struct rrto_hist {
    uint64_t n;
    uint32_t counts[RRTO_HIST_BUCKETS]; /* values of 2^43 and more (over two hours in ns) share the last one */
};

void rrto_hist_add(struct rrto_hist *hist, uint64_t value);
/* Adds what is in from to hist. */
void rrto_hist_merge(struct rrto_hist *hist, const struct rrto_hist *from);
/* The middle of the bucket where the given share (per mille: 500 = median) of the values is reached; 0 when empty. */
uint64_t rrto_hist_quantile(const struct rrto_hist *hist, unsigned per_mille);

#endif
