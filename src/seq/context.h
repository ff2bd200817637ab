/* SPDX-License-Identifier: Apache-2.0 */
/* Where a context (the hash of a lane's last k tokens) occurred last: a set-associative table of fixed size. Internal
 * to src/seq. */
#ifndef RRTO_SEQ_CONTEXT_H
#define RRTO_SEQ_CONTEXT_H

#include <stdint.h>

enum { RRTO_CONTEXT_WAYS = 4 };

struct rrto_context {
    uint64_t *slots; /* position (40 bits, + 1, 0 = empty) | check << 40 */
    uint64_t mask;   /* of buckets */
};

/* Remembers that `hash` occurs at position; returns where it occurred last before (RRTO_SEQ_NONE: unknown, or more than
 * 2^40 ops ago). */
uint64_t rrto_context_update(struct rrto_context *context, uint64_t hash, uint64_t position);

#endif
