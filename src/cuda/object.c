/* SPDX-License-Identifier: Apache-2.0 */
/* Handles: blocks of one size from slabs, recycled first in first out and only when many are waiting. */
#include "cuda/object.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { SLAB_OBJECTS = 256, MIN_WAITING = 4096, MAGIC_LIVE = 0x52c70000, MAGIC_DEAD = 0x52de0000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct rrto_object *slab;
static size_t slab_used = SLAB_OBJECTS;
static struct rrto_object *oldest, *newest; /* dead handles */
static size_t n_dead;
static _Atomic uint32_t next_ids[RRTO_OBJECT_N];

uint32_t rrto_object_mint(enum rrto_object_kind kind)
{
    return atomic_fetch_add_explicit(&next_ids[kind], 1, memory_order_relaxed) + 1;
}

static struct rrto_object *take_block(void)
{
    struct rrto_object *object = NULL;
    pthread_mutex_lock(&lock);
    if (n_dead > MIN_WAITING) {
        object = oldest;
        oldest = object->next_free;
        n_dead--;
    } else {
        if (slab_used == SLAB_OBJECTS) {
            struct rrto_object *fresh = calloc(SLAB_OBJECTS, sizeof *fresh);
            if (fresh) {
                slab = fresh;
                slab_used = 0;
            }
        }
        if (slab_used < SLAB_OBJECTS)
            object = &slab[slab_used++];
    }
    pthread_mutex_unlock(&lock);
    return object;
}

struct rrto_object *rrto_object_create(enum rrto_object_kind kind)
{
    struct rrto_object *object = take_block();
    if (!object)
        return NULL;
    memset(object, 0, sizeof *object);
    object->id = rrto_object_mint(kind);
    __atomic_store_n(&object->magic, (uint32_t)MAGIC_LIVE + (uint32_t)kind, __ATOMIC_RELEASE);
    return object;
}

bool rrto_object_destroy(struct rrto_object *object, enum rrto_object_kind kind)
{
    uint32_t live = (uint32_t)MAGIC_LIVE + (uint32_t)kind;
    if (!__atomic_compare_exchange_n(&object->magic, &live, (uint32_t)MAGIC_DEAD, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_RELAXED))
        return false;
    object->next_free = NULL;
    pthread_mutex_lock(&lock);
    if (n_dead == 0)
        oldest = object;
    else
        newest->next_free = object;
    newest = object;
    n_dead++;
    pthread_mutex_unlock(&lock);
    return true;
}

struct rrto_object *rrto_object_check(const void *handle, enum rrto_object_kind kind)
{
    /* Small values are the special streams, or nonsense; odd ones are nonsense. */
    if ((uintptr_t)handle < 4096 || (uintptr_t)handle % _Alignof(struct rrto_object))
        return NULL;
    struct rrto_object *object = (struct rrto_object *)(uintptr_t)handle;
    if (__atomic_load_n(&object->magic, __ATOMIC_ACQUIRE) != (uint32_t)MAGIC_LIVE + (uint32_t)kind)
        return NULL;
    return object;
}
