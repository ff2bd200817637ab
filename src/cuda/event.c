/* SPDX-License-Identifier: Apache-2.0 */
/* Events: an event remembers where in the log it was last recorded, which is all that a query needs. */
#include "cuda/error.h"
#include "cuda/graph/capture.h"
#include "cuda/host_function.h"
#include "cuda/object.h"
#include "cuda/stream.h"
#include "gen/issue_ops.h"
#include "replay/issue.h"

#include <pthread.h>

/* An event's stream and position are read and written together. */
static pthread_mutex_t record_lock = PTHREAD_MUTEX_INITIALIZER;

struct record {
    uint32_t stream;
    uint64_t position;
};

static bool last_record(const struct rrto_object *object, struct record *ret_record)
{
    pthread_mutex_lock(&record_lock);
    *ret_record = (struct record){object->event.stream, object->event.position};
    pthread_mutex_unlock(&record_lock);
    return ret_record->position != RRTO_EVENT_UNRECORDED;
}

bool rrto_event_id(const void *handle, uint32_t *ret_id)
{
    const struct rrto_object *object = rrto_object_check(handle, RRTO_OBJECT_EVENT);
    if (object)
        *ret_id = object->id;
    return object != NULL;
}

int32_t rrto_event_create(uint32_t flags, void **ret_handle)
{
    if (!ret_handle || flags > (RRTO_EVENT_BLOCKING_SYNC | RRTO_EVENT_DISABLE_TIMING | RRTO_EVENT_INTERPROCESS))
        return RRTO_CUDA_INVALID_VALUE;
    if (flags & RRTO_EVENT_INTERPROCESS)
        return flags & RRTO_EVENT_DISABLE_TIMING ? RRTO_CUDA_NOT_SUPPORTED : RRTO_CUDA_INVALID_VALUE;
    struct rrto_object *object = rrto_object_create(RRTO_OBJECT_EVENT);
    if (!object)
        return RRTO_CUDA_NO_MEMORY;
    object->event.flags = flags;
    object->event.position = RRTO_EVENT_UNRECORDED;
    struct rrto_args_event_create args = {.event = object->id, .flags = flags};
    int32_t result = rrto_cuda_issued(rrto_issue_event_create(&args, NULL));
    if (result)
        rrto_object_destroy(object, RRTO_OBJECT_EVENT);
    else
        *ret_handle = object;
    return result;
}

int32_t rrto_event_destroy(void *handle)
{
    struct rrto_object *object = rrto_object_check(handle, RRTO_OBJECT_EVENT);
    if (!object)
        return RRTO_CUDA_INVALID_HANDLE;
    struct rrto_args_event_destroy args = {.event = object->id};
    if (!rrto_object_destroy(object, RRTO_OBJECT_EVENT))
        return RRTO_CUDA_INVALID_HANDLE;
    return rrto_cuda_issued(rrto_issue_event_destroy(&args, NULL));
}

int32_t rrto_event_record_on(struct rrto_object *object, uint32_t stream, uint32_t flags)
{
    struct rrto_args_event_record args = {.event = object->id, .stream = stream, .flags = flags};
    uint64_t position = 0;
    struct rrto_issue_extra extra = {.ret_position = &position};
    __atomic_store_n(&object->event.capture, 0, __ATOMIC_RELEASE); /* it stands for no captured work any more */
    int32_t result = rrto_cuda_issued(rrto_issue_event_record(&args, &extra));
    if (result)
        return result;
    if (rrto_host_functions_any())
        rrto_host_functions_record(object->id, stream);
    pthread_mutex_lock(&record_lock);
    object->event.position = position;
    object->event.stream = stream;
    pthread_mutex_unlock(&record_lock);
    return RRTO_CUDA_SUCCESS;
}

int32_t rrto_event_record(void *handle, const void *stream, uint32_t flags)
{
    struct rrto_object *object = rrto_object_check(handle, RRTO_OBJECT_EVENT);
    uint32_t id;
    int32_t result;
    if (!object || !rrto_stream_id(stream, &id))
        return RRTO_CUDA_INVALID_HANDLE;
    return rrto_capture_event_record(object, stream, flags, &result) ? result : rrto_event_record_on(object, id, flags);
}

int32_t rrto_event_synchronize(const void *handle)
{
    struct record record;
    const struct rrto_object *object = rrto_object_check(handle, RRTO_OBJECT_EVENT);
    if (!object)
        return RRTO_CUDA_INVALID_HANDLE;
    int32_t result = rrto_capture_event_touch(object);
    if (result)
        return result;
    if (!last_record(object, &record))
        return rrto_cuda_sticky();
    struct rrto_args_event_synchronize args = {.event = object->id};
    result = rrto_cuda_issued(rrto_issue_event_synchronize(&args, NULL));
    if (!result)
        rrto_stream_finished(record.stream, record.position);
    return result;
}

static int32_t query(const struct rrto_object *object)
{
    struct record record;
    int32_t sticky = rrto_cuda_sticky();
    if (sticky)
        return sticky;
    if (!last_record(object, &record) || rrto_stream_is_finished(record.stream, record.position))
        return RRTO_CUDA_SUCCESS;
    if (rrto_issue_poll(record.position)) {
        rrto_stream_finished(record.stream, record.position);
        return RRTO_CUDA_SUCCESS;
    }
    sticky = rrto_cuda_sticky();
    return sticky ? sticky : RRTO_CUDA_NOT_READY;
}

int32_t rrto_event_query(const void *handle)
{
    const struct rrto_object *object = rrto_object_check(handle, RRTO_OBJECT_EVENT);
    if (!object)
        return RRTO_CUDA_INVALID_HANDLE;
    int32_t result = rrto_capture_event_touch(object);
    if (!result)
        result = rrto_capture_unsafe();
    return result ? result : query(object);
}

int32_t rrto_event_elapsed(const void *start, const void *end, float *ret_ms)
{
    const struct rrto_object *first = rrto_object_check(start, RRTO_OBJECT_EVENT);
    const struct rrto_object *second = rrto_object_check(end, RRTO_OBJECT_EVENT);
    if (!ret_ms)
        return RRTO_CUDA_INVALID_VALUE;
    if (!first || !second || (first->event.flags | second->event.flags) & RRTO_EVENT_DISABLE_TIMING)
        return RRTO_CUDA_INVALID_HANDLE;
    int32_t ready = rrto_capture_event_touch(first);
    if (!ready)
        ready = rrto_capture_event_touch(second);
    if (ready)
        return ready;
    struct record record;
    if (!last_record(first, &record) || !last_record(second, &record))
        return RRTO_CUDA_INVALID_HANDLE;
    ready = query(first);
    if (!ready)
        ready = query(second);
    if (ready)
        return ready;
    struct rrto_args_event_elapsed args = {.start = first->id, .end = second->id};
    struct rrto_buf reply;
    rrto_buf_init(&reply, 4096);
    struct rrto_issue_extra extra = {.wait = true, .reply = &reply};
    int32_t result = rrto_cuda_issued(rrto_issue_event_elapsed(&args, &extra));
    if (!result) {
        struct rrto_dec dec;
        struct rrto_reply_event_elapsed fields;
        rrto_dec_init(&dec, reply.data, reply.size);
        rrto_unpack_reply_event_elapsed(&dec, &fields);
        if (dec.failed)
            result = RRTO_CUDA_LOST;
        else
            *ret_ms = fields.ms;
    }
    rrto_buf_fini(&reply);
    return result;
}
