/* SPDX-License-Identifier: Apache-2.0 */
/* Handles: blocks of one size from one reserved range of addresses, so that whether a pointer is a handle can be told
 * without reading it; recycled first in first out and only when many are waiting. */
#include "cuda/object.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

enum { MAX_OBJECTS = 1 << 20, MIN_WAITING = 4096, MAGIC_LIVE = 0x52c70000, MAGIC_DEAD = 0x52de0000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct rrto_object *pool; /* MAX_OBJECTS of them; pages come as they are used */
static size_t n_used;
static struct rrto_object *oldest, *newest; /* dead handles */
static size_t n_dead;
static _Atomic uint32_t next_ids[RRTO_OBJECT_N];

uint32_t rrto_object_mint(enum rrto_object_kind kind)
{
    return atomic_fetch_add_explicit(&next_ids[kind], 1, memory_order_relaxed) + 1;
}

static struct rrto_object *make_pool(void)
{
    void *at = mmap(NULL, MAX_OBJECTS * sizeof *pool, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

static struct rrto_object *take_block(void)
{
    struct rrto_object *object = NULL;
    pthread_mutex_lock(&lock);
    if (!pool)
        __atomic_store_n(&pool, make_pool(), __ATOMIC_RELEASE);
    if (pool && n_used < MAX_OBJECTS && n_dead <= MIN_WAITING) {
        object = &pool[n_used++];
    } else if (n_dead) {
        object = oldest;
        oldest = object->next_free;
        n_dead--;
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
    const struct rrto_object *first = __atomic_load_n(&pool, __ATOMIC_ACQUIRE);
    uintptr_t offset = (uintptr_t)handle - (uintptr_t)first;
    if (!first || offset >= MAX_OBJECTS * sizeof *first || offset % sizeof *first)
        return NULL;
    struct rrto_object *object = (struct rrto_object *)(uintptr_t)handle;
    if (__atomic_load_n(&object->magic, __ATOMIC_ACQUIRE) != (uint32_t)MAGIC_LIVE + (uint32_t)kind)
        return NULL;
    return object;
}
