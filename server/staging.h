/* SPDX-License-Identifier: Apache-2.0 */
/* Host memory for copies under way: pinned blocks that are used again, and plain memory for what is too large to pin.
 * Any thread. */
#ifndef RRTO_SERVER_STAGING_H
#define RRTO_SERVER_STAGING_H

#include "driver.h"

#include <pthread.h>

enum {
    RRTO_STAGING_GATED_BYTES =
        1 << 30,                 /* beyond the limit, while gates keep copies from being done; clients stay far below */
    RRTO_STAGING_MIN_SHIFT = 12, /* 4 KiB */
    RRTO_STAGING_MAX_SHIFT = 26, /* 64 MiB: larger ones are not pinned and not kept */
    RRTO_STAGING_CLASSES = RRTO_STAGING_MAX_SHIFT - RRTO_STAGING_MIN_SHIFT + 1,
};

struct rrto_staging {
    const struct rrto_driver *driver;
    pthread_mutex_t lock;
    pthread_cond_t freed;
    struct rrto_staging_block *free[RRTO_STAGING_CLASSES];
    uint64_t n_used, n_kept, max_used; /* bytes; max_used is what `wait` waits for */
    bool keep_all;
};

/* One block: memory for n bytes at data. Part of a list while it is free. */
struct rrto_staging_block {
    struct rrto_staging_block *next;
    struct rrto_staging *staging;
    void *data;
    uint64_t n_capacity;
    int shift;         /* class; 0: plain memory, freed at once */
    unsigned n_shares; /* users; the block is free when the last one has released it */
};

void rrto_staging_init(struct rrto_staging *staging, const struct rrto_driver *driver, uint64_t max_used);
/* NULL when memory is short, or keep_all has let too much be in use. One share. Never blocks. The data is 64-byte
 * aligned; for plain memory n + 1 bytes can be written. */
struct rrto_staging_block *rrto_staging_get(struct rrto_staging *staging, uint64_t n, bool pinned);
void rrto_staging_share(struct rrto_staging_block *block, unsigned n_more);
/* Gives back one share. Fits rrto_outbox_send's release. */
void rrto_staging_release(void *block);
/* Pinned blocks are kept, however many: freeing one waits for the device, which may be waiting for the client. */
void rrto_staging_keep_all(struct rrto_staging *staging, bool keep_all);
/* Whether less than max_used bytes are in use, or one block alone. */
bool rrto_staging_has_room(struct rrto_staging *staging);

#endif
