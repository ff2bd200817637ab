/* SPDX-License-Identifier: Apache-2.0 */
#include "staging.h"

#include <stdlib.h>
#include <string.h>

void rrto_staging_init(struct rrto_staging *staging, const struct rrto_driver *driver, uint64_t max_used)
{
    memset(staging, 0, sizeof *staging);
    staging->driver = driver;
    staging->max_used = max_used;
    pthread_mutex_init(&staging->lock, NULL);
    pthread_cond_init(&staging->freed, NULL);
}

static int class_of(uint64_t n)
{
    int shift = RRTO_STAGING_MIN_SHIFT;
    while (shift < RRTO_STAGING_MAX_SHIFT && (uint64_t)1 << shift < n)
        shift++;
    return shift;
}

static struct rrto_staging_block *create(struct rrto_staging *staging, uint64_t n, int shift)
{
    struct rrto_staging_block *block = calloc(1, sizeof *block);
    if (!block)
        return NULL;
    block->staging = staging;
    block->shift = shift;
    block->n_capacity = shift ? (uint64_t)1 << shift : n;
    if (shift && staging->driver->cuMemHostAlloc(&block->data, block->n_capacity, 0) == RRTO_CU_SUCCESS)
        return block;
    /* What cannot be pinned still works, only slower. */
    block->shift = 0;
    block->n_capacity = n;
    if (posix_memalign(&block->data, 64, n + 64) == 0)
        return block;
    free(block);
    return NULL;
}

struct rrto_staging_block *rrto_staging_get(struct rrto_staging *staging, uint64_t n, bool pinned)
{
    int shift = pinned && n <= (uint64_t)1 << RRTO_STAGING_MAX_SHIFT ? class_of(n) : 0;
    struct rrto_staging_block *block = NULL;
    pthread_mutex_lock(&staging->lock);
    bool too_much = staging->keep_all && staging->n_used >= staging->max_used + RRTO_STAGING_GATED_BYTES;
    if (!too_much && shift && staging->free[shift - RRTO_STAGING_MIN_SHIFT]) {
        block = staging->free[shift - RRTO_STAGING_MIN_SHIFT];
        staging->free[shift - RRTO_STAGING_MIN_SHIFT] = block->next;
        staging->n_kept -= block->n_capacity;
        __atomic_fetch_add(&staging->n_used, block->n_capacity, __ATOMIC_RELAXED);
    }
    pthread_mutex_unlock(&staging->lock);
    if (too_much)
        return NULL;
    if (!block) {
        block = create(staging, n, shift);
        if (!block)
            return NULL;
        pthread_mutex_lock(&staging->lock);
        __atomic_fetch_add(&staging->n_used, block->n_capacity, __ATOMIC_RELAXED);
        pthread_mutex_unlock(&staging->lock);
    }
    block->n_shares = 1;
    return block;
}

void rrto_staging_share(struct rrto_staging_block *block, unsigned n_more)
{
    __atomic_fetch_add(&block->n_shares, n_more, __ATOMIC_RELAXED);
}

void rrto_staging_release(void *arg)
{
    struct rrto_staging_block *block = arg;
    if (__atomic_sub_fetch(&block->n_shares, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    struct rrto_staging *staging = block->staging;
    pthread_mutex_lock(&staging->lock);
    __atomic_fetch_sub(&staging->n_used, block->n_capacity, __ATOMIC_RELAXED);
    bool keep = block->shift && (staging->keep_all || staging->n_kept + block->n_capacity <= staging->max_used);
    if (keep) {
        block->next = staging->free[block->shift - RRTO_STAGING_MIN_SHIFT];
        staging->free[block->shift - RRTO_STAGING_MIN_SHIFT] = block;
        staging->n_kept += block->n_capacity;
    }
    pthread_cond_broadcast(&staging->freed);
    pthread_mutex_unlock(&staging->lock);
    if (keep)
        return;
    if (block->shift)
        (void)staging->driver->cuMemFreeHost(block->data);
    else
        free(block->data);
    free(block);
}

void rrto_staging_keep_all(struct rrto_staging *staging, bool keep_all)
{
    if (staging->keep_all == keep_all) /* nobody else writes it */
        return;
    pthread_mutex_lock(&staging->lock);
    staging->keep_all = keep_all;
    pthread_mutex_unlock(&staging->lock);
}

bool rrto_staging_has_room(struct rrto_staging *staging)
{
    return __atomic_load_n(&staging->n_used, __ATOMIC_RELAXED) < staging->max_used;
}
