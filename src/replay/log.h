/* SPDX-License-Identifier: Apache-2.0 */
/* The log: the canonical bytes of the most recent ops, in the one order of the session. Client and server each keep one
 * of the same size and append the same ops, so a position is valid on both sides or on neither (docs/wire.md, "The
 * log"). Not locked. */
#ifndef RRTO_REPLAY_LOG_H
#define RRTO_REPLAY_LOG_H

#include "replay/slots.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RRTO_LOG_MIN_BYTES = 4096, RRTO_LOG_BYTES_PER_OP = 64 };
#define RRTO_LOG_MAX_BYTES ((uint64_t)1 << 32)

struct rrto_log_entry {
    uint32_t offset8; /* in units of 8 bytes; the op's slots follow it */
    uint32_t n_bytes : 22, n_slots : 10;
};

struct rrto_log {
    uint8_t *ring;
    struct rrto_log_entry *entries;
    uint64_t capacity;     /* bytes of the ring, a multiple of 64 */
    uint64_t max_ops;      /* capacity / RRTO_LOG_BYTES_PER_OP, rounded down to a power of two */
    uint64_t head, oldest; /* positions: the next op's, and the oldest kept op's (head when none is kept) */
    uint64_t at;           /* where the next op goes in the ring; stored atomically, for prefault */
    uint64_t prefaulted;   /* prefault's own: bytes of the ring that it has touched */
};

/* log_bytes is rounded down to a multiple of 64. RRTO_INVALID outside [RRTO_LOG_MIN_BYTES, RRTO_LOG_MAX_BYTES],
 * RRTO_NO_MEMORY. The memory is reserved at once and becomes resident as it is used. */
int rrto_log_init(struct rrto_log *log, uint64_t log_bytes);
void rrto_log_fini(struct rrto_log *log); /* accepts a zeroed log */
/* Makes the memory that the next ops will need resident, so that appending does not stop for page faults. From one
 * other thread, at any time. */
void rrto_log_prefault(struct rrto_log *log);
/* Appends an op with its slots (at most RRTO_SLOTS_MAX) and returns its position. Drops the oldest ops as the drop rule
 * says; an op that is larger than the ring empties it and is not kept. Neither `op` nor `slots` may point into the
 * ring. n_bytes <= RRTO_OP_MAX_BYTES. */
uint64_t rrto_log_append(struct rrto_log *log, const void *op, size_t n_bytes, const struct rrto_slot *slots,
                         unsigned n_slots);
static inline struct rrto_log_entry *rrto_log_entry(const struct rrto_log *log, uint64_t position)
{
    return &log->entries[position & (log->max_ops - 1)];
}
/* The op at position, 8-aligned, valid until it is dropped; NULL when it is not kept. */
static inline const uint8_t *rrto_log_get(const struct rrto_log *log, uint64_t position, size_t *ret_n_bytes)
{
    if (position < log->oldest || position >= log->head)
        return NULL;
    const struct rrto_log_entry *entry = rrto_log_entry(log, position);
    *ret_n_bytes = entry->n_bytes;
    return log->ring + (uint64_t)entry->offset8 * 8;
}
/* Where an op's slots are, from its start. */
static inline uint64_t rrto_log_padded(uint64_t n_bytes)
{
    return (n_bytes + 7) & ~(uint64_t)7;
}
/* The slots of an op that is kept, valid until it is dropped. */
static inline const struct rrto_slot *rrto_log_slots(const struct rrto_log *log, uint64_t position, unsigned *ret_n)
{
    const struct rrto_log_entry *entry = rrto_log_entry(log, position);
    uint64_t at = (uint64_t)entry->offset8 * 8 + rrto_log_padded(entry->n_bytes);
    *ret_n = entry->n_slots;
    return (const struct rrto_slot *)(const void *)(log->ring + at);
}

#endif
