/* SPDX-License-Identifier: Apache-2.0 */
/* Host functions. The call returns at once; a helper thread waits for what the stream has, then runs the function.
 * Meanwhile the stream is held: a thread that issues more work to it, or to a stream that CUDA orders behind it, waits
 * until the function has run, so what it issues (and the bytes that it copies up) comes behind. Other streams go on. A
 * function that waits for what a thread does later therefore ends, unless that thread first issues more to the held
 * stream (docs/limits.md). No lock is held while anything waits or a function runs. */
#include "cuda/error.h"
#include "cuda/graph/capture.h"
#include "cuda/stream.h"
#include "gen/issue_ops.h"
#include "replay/issue.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

struct host_call {
    struct host_call *next;
    void (*function)(void *data);                 /* not run after an error */
    void (*callback)(void *data, int32_t status); /* or this one, which is told */
    void *data;
};

/* A stream with functions that have not run. One helper thread each, for as long as there are any: a function of one
 * stream may wait for another stream's. */
struct held {
    struct held *next;
    uint64_t ticket;
    uint32_t stream;
    bool blocking; /* the legacy stream, or one that is ordered with it */
    struct host_call *first, **last;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t released;
    struct held *held;
    uint64_t tickets;
    bool any; /* read without the lock */
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .released = PTHREAD_COND_INITIALIZER};
static _Thread_local bool is_helper __attribute__((tls_model("initial-exec")));

/* Whether what is issued to a stream comes behind this held one. */
static bool holds_back(const struct held *held, uint32_t stream, bool blocking)
{
    return held->stream == stream || (held->stream == 0 && blocking) || (stream == 0 && held->blocking);
}

/* Finds one that was held before `ticket`. With the lock. */
static struct held *find_locked(uint64_t ticket, uint32_t stream, bool blocking, bool all, bool other)
{
    for (struct held *held = state.held; held; held = held->next) {
        if (held->ticket < ticket && !(other && held->stream == stream) && (all || holds_back(held, stream, blocking)))
            return held;
    }
    return NULL;
}

static void wait_for(uint32_t stream, bool blocking, bool all, bool other)
{
    /* A function may not call CUDA; one that does must not wait for itself. */
    if (!rrto_host_functions_any() || is_helper)
        return;
    pthread_mutex_lock(&state.lock);
    uint64_t ticket = state.tickets; /* those that come later are somebody else's affair */
    while (find_locked(ticket, stream, blocking, all, other))
        pthread_cond_wait(&state.released, &state.lock);
    pthread_mutex_unlock(&state.lock);
}

bool rrto_host_functions_any(void)
{
    return __atomic_load_n(&state.any, __ATOMIC_ACQUIRE);
}

void rrto_host_functions_wait(uint32_t stream, bool blocking)
{
    wait_for(stream, blocking, false, false);
}

void rrto_host_functions_wait_all(void)
{
    wait_for(0, true, true, false);
}

bool rrto_host_functions_pending(uint32_t stream, bool blocking)
{
    if (!rrto_host_functions_any())
        return false;
    pthread_mutex_lock(&state.lock);
    bool pending = find_locked(UINT64_MAX, stream, blocking, false, false) != NULL;
    pthread_mutex_unlock(&state.lock);
    return pending;
}

static void run_call(struct host_call *call, int32_t status)
{
    if (call->callback)
        call->callback(call->data, status);
    else if (status == RRTO_CUDA_SUCCESS)
        call->function(call->data);
    free(call);
}

static void release_locked(struct held *held)
{
    struct held **at = &state.held;
    while (*at != held)
        at = &(*at)->next;
    *at = held->next;
    __atomic_store_n(&state.any, state.held != NULL, __ATOMIC_RELEASE);
    pthread_cond_broadcast(&state.released);
}

/* Nothing is issued to the stream while it is held: what is waited for once is all that there is. */
static void *help(void *argument)
{
    struct held *held = argument;
    is_helper = true;
    int32_t status = rrto_stream_synchronize_id(held->stream);
    pthread_mutex_lock(&state.lock);
    while (held->first) {
        struct host_call *call = held->first;
        held->first = call->next;
        if (!held->first)
            held->last = &held->first;
        pthread_mutex_unlock(&state.lock);
        run_call(call, status);
        pthread_mutex_lock(&state.lock);
    }
    release_locked(held);
    pthread_mutex_unlock(&state.lock);
    free(held);
    return NULL;
}

static bool start_helper(struct held *held)
{
    sigset_t all, before;
    pthread_t helper;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(&helper, NULL, help, held) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (started)
        pthread_detach(helper);
    return started;
}

/* Behind those that the stream has already, or the first of a stream that is held from now on. */
static bool add_call(uint32_t stream, bool blocking, struct host_call *call)
{
    struct held *fresh = malloc(sizeof *fresh);
    if (!fresh)
        return false;
    bool added = true;
    pthread_mutex_lock(&state.lock);
    struct held *held = state.held;
    while (held && held->stream != stream)
        held = held->next;
    if (!held) {
        held = fresh;
        *held = (struct held){.next = state.held, .ticket = state.tickets++, .stream = stream, .blocking = blocking};
        held->last = &held->first;
        state.held = held;
        __atomic_store_n(&state.any, true, __ATOMIC_RELEASE);
    }
    *held->last = call;
    held->last = &call->next;
    if (held == fresh) {
        added = start_helper(held); /* it waits for the lock, if for anything */
        if (added)
            fresh = NULL;
        else
            release_locked(held);
    }
    pthread_mutex_unlock(&state.lock);
    free(fresh);
    return added;
}

static int32_t launch(const void *handle, const struct host_call *given)
{
    uint32_t stream, flags = 0;
    int32_t error = rrto_stream_flags(handle, &flags);
    if (error || !rrto_stream_peek_id(handle, &stream))
        return error ? error : RRTO_CUDA_INVALID_HANDLE;
    error = rrto_cuda_sticky();
    if (error)
        return error;
    bool blocking = !(flags & RRTO_STREAM_NON_BLOCKING);
    wait_for(stream, blocking, false, true); /* functions of other streams that this one comes behind */
    struct host_call *call = malloc(sizeof *call);
    if (!call)
        return RRTO_CUDA_NO_MEMORY;
    *call = *given;
    if (add_call(stream, blocking, call))
        return RRTO_CUDA_SUCCESS;
    free(call);
    return RRTO_CUDA_NO_MEMORY;
}

int32_t rrto_stream_host_function(const void *handle, void (*function)(void *data), void *data)
{
    uint32_t stream;
    if (!function)
        return RRTO_CUDA_INVALID_VALUE;
    if (!rrto_stream_peek_id(handle, &stream))
        return RRTO_CUDA_INVALID_HANDLE;
    if (rrto_capture_has(stream)) {
        struct rrto_work work = {.kind = RRTO_NODE_HOST, .host = function, .host_data = data};
        return rrto_capture_add(stream, &work);
    }
    return launch(handle, &(struct host_call){.function = function, .data = data});
}

int32_t rrto_stream_host_callback(const void *handle, void (*callback)(void *data, int32_t status), void *data)
{
    return launch(handle, &(struct host_call){.callback = callback, .data = data});
}
