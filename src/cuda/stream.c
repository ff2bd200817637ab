/* SPDX-License-Identifier: Apache-2.0 */
/* Streams. */
#include "cuda/stream.h"

#include "base/log.h"
#include "base/map.h"
#include "base/status.h"
#include "cuda/error.h"
#include "cuda/graph/capture.h"
#include "cuda/host_function.h"
#include "cuda/object.h"
#include "cuda/thread.h"
#include "gen/client_bodies.h"
#include "gen/issue_ops.h"
#include "replay/issue.h"

#include <pthread.h>
#include <stdlib.h>

enum { MAX_STREAMS = 1023 }; /* that a server has for one session beside the legacy one (docs/security.md) */

/* Per-thread default streams of threads that have ended, for threads to come: a thread's end is no place to send
 * anything. */
static struct {
    pthread_mutex_t lock;
    pthread_once_t once;
    pthread_key_t key;
    uint32_t *ids;
    size_t n, capacity;
} idle = {.lock = PTHREAD_MUTEX_INITIALIZER, .once = PTHREAD_ONCE_INIT};

static uint32_t n_streams; /* that the server has, beside the legacy one; atomic */

/* One more, before it is created: the server ends the session of a client that has too many. */
static int32_t take_place(void)
{
    if (__atomic_add_fetch(&n_streams, 1, __ATOMIC_RELAXED) <= MAX_STREAMS)
        return RRTO_CUDA_SUCCESS;
    __atomic_sub_fetch(&n_streams, 1, __ATOMIC_RELAXED);
    static bool said;
    if (!__atomic_exchange_n(&said, true, __ATOMIC_RELAXED))
        rrto_warn("more than %d streams at a time are not supported", MAX_STREAMS);
    int32_t sticky = rrto_cuda_sticky();
    return sticky ? sticky : RRTO_CUDA_NO_MEMORY;
}

/* After it is destroyed, and after that was issued: whoever takes the place comes later. */
static void give_place_back(void)
{
    __atomic_sub_fetch(&n_streams, 1, __ATOMIC_RELAXED);
}

/* Per stream and for all of them: positions below this one have been waited for. */
static struct {
    pthread_mutex_t lock;
    struct rrto_map below; /* stream -> position + 1 */
    uint64_t all;
} finished = {.lock = PTHREAD_MUTEX_INITIALIZER};

void rrto_stream_finished(uint32_t stream, uint64_t position)
{
    uint64_t below = 0;
    pthread_mutex_lock(&finished.lock);
    if (!rrto_map_get(&finished.below, stream, &below) || below <= position)
        rrto_map_put(&finished.below, stream, position + 1); /* without memory a query asks the server instead */
    pthread_mutex_unlock(&finished.lock);
}

bool rrto_stream_is_finished(uint32_t stream, uint64_t position)
{
    uint64_t below = 0;
    pthread_mutex_lock(&finished.lock);
    rrto_map_get(&finished.below, stream, &below);
    bool result = position < below || position < finished.all;
    pthread_mutex_unlock(&finished.lock);
    return result;
}

static void keep_stream(void *value)
{
    pthread_mutex_lock(&idle.lock);
    if (idle.n == idle.capacity) {
        size_t capacity = idle.capacity ? 2 * idle.capacity : 16;
        uint32_t *grown = realloc(idle.ids, capacity * sizeof *grown);
        if (grown) {
            idle.ids = grown;
            idle.capacity = capacity;
        }
    }
    if (idle.n < idle.capacity)
        idle.ids[idle.n++] = (uint32_t)(uintptr_t)value;
    pthread_mutex_unlock(&idle.lock);
}

static void make_key(void)
{
    pthread_key_create(&idle.key, keep_stream);
}

static bool thread_stream(uint32_t *ret_id)
{
    struct rrto_cuda_thread *thread = rrto_cuda_thread();
    if (thread->default_stream == 0) {
        pthread_once(&idle.once, make_key);
        uint32_t id = 0;
        pthread_mutex_lock(&idle.lock);
        if (idle.n)
            id = idle.ids[--idle.n];
        pthread_mutex_unlock(&idle.lock);
        if (id == 0) {
            if (take_place())
                return false;
            id = rrto_object_mint(RRTO_OBJECT_STREAM);
            struct rrto_args_stream_create args = {.stream = id, .flags = 0, .priority = 0};
            int32_t status = rrto_issue_stream_create(&args, NULL);
            *ret_id = id;
            if (status) {
                give_place_back();
                return status == RRTO_LOST; /* then whatever is made of the stream says so, and how */
            }
        }
        thread->default_stream = id;
        pthread_setspecific(idle.key, (void *)(uintptr_t)id);
    }
    *ret_id = thread->default_stream;
    return true;
}

static _Thread_local bool null_is_per_thread __attribute__((tls_model("initial-exec")));

bool rrto_client_per_thread(bool on)
{
    bool before = null_is_per_thread;
    null_is_per_thread = on;
    return before;
}

bool rrto_stream_is_per_thread(void)
{
    return null_is_per_thread;
}

bool rrto_stream_peek_id(const void *handle, uint32_t *ret_id)
{
    if (!handle && null_is_per_thread)
        return thread_stream(ret_id);
    if ((uintptr_t)handle <= RRTO_STREAM_LEGACY) {
        *ret_id = 0;
        return true;
    }
    if ((uintptr_t)handle == RRTO_STREAM_PER_THREAD)
        return thread_stream(ret_id);
    const struct rrto_object *object = rrto_object_check(handle, RRTO_OBJECT_STREAM);
    if (!object)
        return false;
    *ret_id = object->id;
    return true;
}

bool rrto_stream_id(const void *handle, uint32_t *ret_id)
{
    uint32_t flags;
    if (!rrto_stream_peek_id(handle, ret_id))
        return false;
    if (rrto_host_functions_any() && rrto_stream_flags(handle, &flags) == RRTO_CUDA_SUCCESS)
        rrto_host_functions_touch(*ret_id, !(flags & RRTO_STREAM_NON_BLOCKING));
    return true;
}

int32_t rrto_stream_create(uint32_t flags, int32_t priority, void **ret_handle)
{
    if (flags > RRTO_STREAM_NON_BLOCKING || !ret_handle)
        return RRTO_CUDA_INVALID_VALUE;
    /* Priorities outside the range are clamped to it, as CUDA does: 0 is the least, the server's device has the last
     * word. */
    if (priority > 0)
        priority = 0;
    int32_t result = take_place();
    if (result)
        return result;
    struct rrto_object *object = rrto_object_create(RRTO_OBJECT_STREAM);
    if (!object) {
        give_place_back();
        return RRTO_CUDA_NO_MEMORY;
    }
    object->stream.flags = flags;
    object->stream.priority = priority;
    struct rrto_args_stream_create args = {.stream = object->id, .flags = flags, .priority = priority};
    result = rrto_cuda_issued(rrto_issue_stream_create(&args, NULL));
    if (result) {
        rrto_object_destroy(object, RRTO_OBJECT_STREAM);
        give_place_back();
    } else {
        *ret_handle = object;
    }
    return result;
}

int32_t rrto_stream_destroy(void *handle)
{
    struct rrto_object *object = rrto_object_check(handle, RRTO_OBJECT_STREAM);
    if (!object)
        return RRTO_CUDA_INVALID_HANDLE;
    struct rrto_args_stream_destroy args = {.stream = object->id};
    if (!rrto_object_destroy(object, RRTO_OBJECT_STREAM))
        return RRTO_CUDA_INVALID_HANDLE;
    rrto_capture_stream_destroyed(args.stream);
    int32_t result = rrto_cuda_issued(rrto_issue_stream_destroy(&args, NULL));
    give_place_back();
    return result;
}

int32_t rrto_stream_synchronize(const void *handle)
{
    uint32_t stream;
    if (!rrto_stream_id(handle, &stream))
        return RRTO_CUDA_INVALID_HANDLE;
    int32_t result = rrto_capture_touch(stream);
    return result ? result : rrto_stream_synchronize_id(stream);
}

int32_t rrto_stream_synchronize_id(uint32_t stream)
{
    struct rrto_args_stream_synchronize args = {.stream = stream};
    uint64_t position;
    bool any = rrto_issue_stream_position(args.stream, &position);
    int32_t result = rrto_cuda_issued(rrto_issue_stream_synchronize(&args, NULL));
    if (!result && any)
        rrto_stream_finished(args.stream, position);
    return result;
}

int32_t rrto_stream_query(const void *handle)
{
    struct rrto_args_stream_query args;
    if (!rrto_stream_peek_id(handle, &args.stream))
        return RRTO_CUDA_INVALID_HANDLE;
    int32_t sticky = rrto_cuda_sticky();
    if (!sticky)
        sticky = rrto_capture_touch(args.stream);
    if (sticky)
        return sticky;
    if (rrto_host_functions_any() && rrto_host_functions_keep(args.stream))
        return RRTO_CUDA_NOT_READY;
    uint64_t position;
    if (!rrto_issue_stream_position(args.stream, &position) || rrto_stream_is_finished(args.stream, position))
        return RRTO_CUDA_SUCCESS;
    if (rrto_issue_poll(position)) {
        rrto_stream_finished(args.stream, position);
        return RRTO_CUDA_SUCCESS;
    }
    sticky = rrto_cuda_sticky();
    return sticky ? sticky : RRTO_CUDA_NOT_READY;
}

int32_t rrto_stream_wait_event_on(uint32_t stream, const struct rrto_object *event, uint32_t flags)
{
    struct rrto_args_stream_wait_event args = {.stream = stream, .event = event->id, .flags = flags};
    if (__atomic_load_n(&event->event.position, __ATOMIC_ACQUIRE) == RRTO_EVENT_UNRECORDED)
        return rrto_cuda_sticky();
    if (rrto_host_functions_any())
        rrto_host_functions_wait_event(stream, event->id);
    return rrto_cuda_issued(rrto_issue_stream_wait_event(&args, NULL));
}

int32_t rrto_stream_wait_event(const void *handle, const void *event, uint32_t flags)
{
    struct rrto_object *object = rrto_object_check(event, RRTO_OBJECT_EVENT);
    uint32_t stream;
    int32_t result;
    if (!object || !rrto_stream_id(handle, &stream))
        return RRTO_CUDA_INVALID_HANDLE;
    if (flags > 1)
        return RRTO_CUDA_INVALID_VALUE;
    if (rrto_capture_event_wait(object, handle, flags, &result))
        return result;
    return rrto_stream_wait_event_on(stream, object, flags);
}

int32_t rrto_stream_flags(const void *handle, uint32_t *ret_flags)
{
    *ret_flags = 0;
    if ((uintptr_t)handle <= RRTO_STREAM_PER_THREAD)
        return RRTO_CUDA_SUCCESS;
    const struct rrto_object *object = rrto_object_check(handle, RRTO_OBJECT_STREAM);
    if (!object)
        return RRTO_CUDA_INVALID_HANDLE;
    *ret_flags = object->stream.flags;
    return RRTO_CUDA_SUCCESS;
}

int32_t rrto_stream_priority(const void *handle, int32_t *ret_priority)
{
    *ret_priority = 0;
    if ((uintptr_t)handle <= RRTO_STREAM_PER_THREAD)
        return RRTO_CUDA_SUCCESS;
    const struct rrto_object *object = rrto_object_check(handle, RRTO_OBJECT_STREAM);
    if (!object)
        return RRTO_CUDA_INVALID_HANDLE;
    *ret_priority = object->stream.priority;
    return RRTO_CUDA_SUCCESS;
}

int32_t rrto_device_synchronize(void)
{
    struct rrto_args_device_synchronize args = {0};
    uint64_t position = 0;
    struct rrto_issue_extra extra = {.wait = true, .ret_position = &position};
    int32_t result = rrto_capture_device();
    if (!result)
        result = rrto_cuda_issued(rrto_issue_device_synchronize(&args, &extra));
    if (!result) {
        pthread_mutex_lock(&finished.lock);
        if (finished.all < position)
            finished.all = position;
        pthread_mutex_unlock(&finished.lock);
    }
    return result;
}
