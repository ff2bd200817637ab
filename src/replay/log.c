/* SPDX-License-Identifier: Apache-2.0 */
/* The ring of past ops. The drop rule is part of the wire (docs/wire.md): change both, and the protocol version,
 * together. */
#include "replay/log.h"

#include "base/status.h"

#include <string.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

enum { PREFAULT_BYTES = 256 << 10, CACHE_LINE = 64, AHEAD_BYTES = 448, AHEAD_OPS = 32, MAX_AHEAD_BYTES = 23 * 64 };

_Static_assert(sizeof(struct rrto_log_entry) == 8 && sizeof(struct rrto_slot) == 8, "eight bytes each");

static void *reserve(uint64_t n)
{
    void *at = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

int rrto_log_init(struct rrto_log *log, uint64_t log_bytes)
{
    memset(log, 0, sizeof *log);
    log_bytes &= ~(uint64_t)63;
    if (log_bytes < RRTO_LOG_MIN_BYTES || log_bytes > RRTO_LOG_MAX_BYTES)
        return RRTO_INVALID;
    log->capacity = log_bytes;
    log->max_ops = 1;
    while (log->max_ops * 2 <= log_bytes / RRTO_LOG_BYTES_PER_OP)
        log->max_ops *= 2;
    log->ring = reserve(log->capacity);
    log->entries = reserve(log->max_ops * sizeof *log->entries);
    if (log->ring && log->entries)
        return RRTO_OK;
    rrto_log_fini(log);
    return RRTO_NO_MEMORY;
}

void rrto_log_fini(struct rrto_log *log)
{
    if (log->ring)
        munmap(log->ring, log->capacity);
    if (log->entries)
        munmap(log->entries, log->max_ops * sizeof *log->entries);
    memset(log, 0, sizeof *log);
}

/* Drops the ops of the previous lap that begin in [from, to): the oldest ones, because the ring is in order. */
static void drop(struct rrto_log *log, uint64_t from, uint64_t to)
{
    while (log->oldest < log->head) {
        uint64_t offset = (uint64_t)rrto_log_entry(log, log->oldest)->offset8 * 8;
        if (offset < from || offset >= to)
            return;
        log->oldest++;
    }
}

/* The ring is larger than the caches: where it will be written next is fetched in time, some ops ahead. As much as this
 * op took, since ops come in all sizes but with their like. (Fetching beyond the ring's end does no harm.) */
static inline void fetch_ahead(const struct rrto_log *log, uint64_t room)
{
    uintptr_t at = (uintptr_t)log->ring + log->at + room + AHEAD_BYTES;
    uintptr_t end = at + (room < MAX_AHEAD_BYTES ? room : MAX_AHEAD_BYTES);
    do {
        __builtin_prefetch((const void *)at, 1);
        at += CACHE_LINE;
    } while (at <= end);
    __builtin_prefetch(rrto_log_entry(log, log->head + AHEAD_OPS), 1);
}

uint64_t rrto_log_append(struct rrto_log *log, const void *op, size_t n_bytes, const struct rrto_slot *slots,
                         unsigned n_slots)
{
    uint64_t slots_at = n_bytes ? rrto_log_padded(n_bytes) : 8, room = slots_at + n_slots * sizeof *slots;
    uint64_t position = log->head;
    if (room > log->capacity) {
        log->oldest = log->head = position + 1;
        __atomic_store_n(&log->at, 0, __ATOMIC_RELAXED);
        return position;
    }
    if (log->at + room > log->capacity) {
        drop(log, log->at, log->capacity);
        __atomic_store_n(&log->at, 0, __ATOMIC_RELAXED);
    }
    drop(log, log->at, log->at + room);
    if (log->head - log->oldest == log->max_ops)
        log->oldest++;
    memcpy(log->ring + log->at, op, n_bytes);
    if (n_slots)
        memcpy(log->ring + log->at + slots_at, slots, n_slots * sizeof *slots);
    fetch_ahead(log, room);
    *rrto_log_entry(log, position) =
        (struct rrto_log_entry){(uint32_t)(log->at / 8), (uint32_t)n_bytes & 0x3fffff, n_slots & RRTO_SLOTS_MAX};
    __atomic_store_n(&log->at, log->at + room, __ATOMIC_RELAXED);
    log->head++;
    return position;
}

void rrto_log_prefault(struct rrto_log *log)
{
    uint64_t at = __atomic_load_n(&log->at, __ATOMIC_RELAXED);
    if (at + PREFAULT_BYTES / 2 < log->prefaulted || log->prefaulted >= log->capacity)
        return;
    uint64_t n = log->capacity - log->prefaulted < PREFAULT_BYTES ? log->capacity - log->prefaulted : PREFAULT_BYTES;
    (void)madvise(log->ring + log->prefaulted, n, MADV_POPULATE_WRITE); /* older kernels refuse: then it faults */
    log->prefaulted += n;
}
