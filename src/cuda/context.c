/* SPDX-License-Identifier: Apache-2.0 */
/* Contexts. */
#include "cuda/context.h"

#include "base/status.h"
#include "cuda/error.h"
#include "cuda/thread.h"
#include "replay/issue.h"

#include <pthread.h>
#include <stddef.h>

enum { MAX_FLAGS = 0xff, MAX_CONTEXTS = 1024 };

struct rrto_context {
    bool live;
    uint32_t flags;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* The primary one first. A destroyed one may still stand on some thread's stack: it is used again only when there is no
 * other, the one first that was made first. */
static struct rrto_context contexts[MAX_CONTEXTS] = {{.live = true}};
static uint32_t n_contexts = 1, next_again = 1;
static struct rrto_context *const primary_context = &contexts[0];
static uint32_t n_retained;
static bool active;

static bool is_context(const struct rrto_context *context)
{
    uintptr_t offset = (uintptr_t)context - (uintptr_t)contexts;
    return offset < sizeof contexts && offset % sizeof *contexts == 0 && context->live;
}

/* With the lock. NULL: all are live. */
static struct rrto_context *unused_context(void)
{
    if (n_contexts < MAX_CONTEXTS)
        return &contexts[n_contexts++];
    for (uint32_t i = 1; i < MAX_CONTEXTS; i++) {
        struct rrto_context *context = &contexts[next_again];
        next_again = next_again + 1 < MAX_CONTEXTS ? next_again + 1 : 1;
        if (!context->live)
            return context;
    }
    return NULL;
}

static void activate(void)
{
    __atomic_store_n(&active, true, __ATOMIC_RELAXED);
}

int32_t rrto_context_use(void)
{
    struct rrto_cuda_thread *thread = rrto_cuda_thread();
    if (thread->n_contexts)
        return RRTO_CUDA_SUCCESS;
    if (!rrto_session_device())
        return rrto_cuda_issued(RRTO_LOST);
    thread->contexts[thread->n_contexts++] = primary_context;
    activate();
    return RRTO_CUDA_SUCCESS;
}

int32_t rrto_context_need(void)
{
    return rrto_cuda_thread()->n_contexts ? RRTO_CUDA_SUCCESS : RRTO_CUDA_INVALID_CONTEXT;
}

struct rrto_context *rrto_context_current(void)
{
    const struct rrto_cuda_thread *thread = rrto_cuda_thread();
    return thread->n_contexts ? thread->contexts[thread->n_contexts - 1] : NULL;
}

int32_t rrto_context_push(struct rrto_context *context)
{
    struct rrto_cuda_thread *thread = rrto_cuda_thread();
    if (!is_context(context))
        return RRTO_CUDA_INVALID_CONTEXT;
    if (thread->n_contexts == RRTO_THREAD_MAX_CONTEXTS)
        return RRTO_CUDA_NO_MEMORY;
    thread->contexts[thread->n_contexts++] = context;
    return RRTO_CUDA_SUCCESS;
}

int32_t rrto_context_pop(struct rrto_context **ret_context)
{
    struct rrto_cuda_thread *thread = rrto_cuda_thread();
    if (thread->n_contexts == 0)
        return RRTO_CUDA_INVALID_CONTEXT;
    thread->n_contexts--;
    if (ret_context)
        *ret_context = thread->contexts[thread->n_contexts];
    return RRTO_CUDA_SUCCESS;
}

int32_t rrto_context_set(struct rrto_context *context)
{
    struct rrto_cuda_thread *thread = rrto_cuda_thread();
    if (context && !is_context(context))
        return RRTO_CUDA_INVALID_CONTEXT;
    if (thread->n_contexts)
        thread->n_contexts--;
    return context ? rrto_context_push(context) : RRTO_CUDA_SUCCESS;
}

int32_t rrto_context_primary_retain(struct rrto_context **ret_context)
{
    if (!rrto_session_device())
        return rrto_cuda_issued(RRTO_LOST);
    pthread_mutex_lock(&lock);
    n_retained++;
    activate();
    pthread_mutex_unlock(&lock);
    *ret_context = primary_context;
    return RRTO_CUDA_SUCCESS;
}

int32_t rrto_context_primary_release(void)
{
    int32_t result = RRTO_CUDA_INVALID_CONTEXT;
    pthread_mutex_lock(&lock);
    if (n_retained) {
        n_retained--;
        result = RRTO_CUDA_SUCCESS;
    }
    pthread_mutex_unlock(&lock);
    return result;
}

void rrto_context_primary_reset(void)
{
    __atomic_store_n(&active, false, __ATOMIC_RELAXED);
}

void rrto_context_primary_state(uint32_t *ret_flags, bool *ret_active)
{
    *ret_flags = __atomic_load_n(&primary_context->flags, __ATOMIC_RELAXED);
    *ret_active = __atomic_load_n(&active, __ATOMIC_RELAXED);
}

int32_t rrto_context_primary_set_flags(uint32_t flags)
{
    if (flags > MAX_FLAGS)
        return RRTO_CUDA_INVALID_VALUE;
    __atomic_store_n(&primary_context->flags, flags, __ATOMIC_RELAXED);
    return RRTO_CUDA_SUCCESS;
}

int32_t rrto_context_create(uint32_t flags, struct rrto_context **ret_context)
{
    if (flags > MAX_FLAGS)
        return RRTO_CUDA_INVALID_VALUE;
    if (!rrto_session_device())
        return rrto_cuda_issued(RRTO_LOST);
    pthread_mutex_lock(&lock);
    struct rrto_context *context = unused_context();
    if (context)
        *context = (struct rrto_context){.live = true, .flags = flags};
    pthread_mutex_unlock(&lock);
    if (!context)
        return RRTO_CUDA_NO_MEMORY;
    *ret_context = context;
    return rrto_context_push(context);
}

int32_t rrto_context_destroy(struct rrto_context *context)
{
    if (!is_context(context) || context == primary_context)
        return RRTO_CUDA_INVALID_CONTEXT;
    if (rrto_context_current() == context)
        rrto_context_pop(NULL);
    pthread_mutex_lock(&lock);
    context->live = false;
    pthread_mutex_unlock(&lock);
    return RRTO_CUDA_SUCCESS;
}

int32_t rrto_context_flags(const struct rrto_context *context, uint32_t *ret_flags)
{
    if (!is_context(context))
        return RRTO_CUDA_INVALID_CONTEXT;
    *ret_flags = context->flags;
    return RRTO_CUDA_SUCCESS;
}

int32_t rrto_context_id(const struct rrto_context *context, uint64_t *ret_id)
{
    if (!is_context(context))
        return RRTO_CUDA_INVALID_CONTEXT;
    *ret_id = (uint64_t)(context - contexts) + 1;
    return RRTO_CUDA_SUCCESS;
}
