/* SPDX-License-Identifier: Apache-2.0 */
/* Events of a capture: they stand for nodes, make other streams members, and join them again. An event remembers the
 * capture it was last recorded in, also when that has ended: it stands for nothing that could be waited for then. */
#include "cuda/error.h"
#include "cuda/graph/state.h"
#include "cuda/object.h"
#include "cuda/stream.h"

#include <stdlib.h>

enum { EXTERNAL = 1 }; /* of records and waits: a node of its own */

static uint64_t captured_in(const struct rrto_object *event)
{
    return __atomic_load_n(&event->event.capture, __ATOMIC_ACQUIRE);
}

static struct rrto_capture_event *find(struct rrto_capture *capture, uint32_t event)
{
    for (size_t i = 0; i < capture->n_events; i++)
        if (capture->events[i].event == event)
            return &capture->events[i];
    return NULL;
}

static int32_t note(struct rrto_capture *capture, struct rrto_object *event, const struct rrto_node_set *nodes)
{
    struct rrto_capture_event *row = find(capture, event->id);
    if (!row) {
        void *grown = realloc(capture->events, (capture->n_events + 1) * sizeof *capture->events);
        if (!grown)
            return RRTO_CUDA_NO_MEMORY;
        capture->events = grown;
        row = &capture->events[capture->n_events++];
        *row = (struct rrto_capture_event){.event = event->id};
    }
    if (!rrto_node_set_copy(&row->nodes, nodes))
        return RRTO_CUDA_NO_MEMORY;
    __atomic_store_n(&event->event.capture, capture->id, __ATOMIC_RELEASE);
    return RRTO_CUDA_SUCCESS;
}

static int32_t record(struct rrto_capture *capture, struct rrto_capture_member *member, struct rrto_object *event,
                      uint32_t flags)
{
    if (capture->invalidated)
        return RRTO_CUDA_CAPTURE_INVALIDATED;
    if (!(flags & EXTERNAL))
        return note(capture, event, &member->tails);
    struct rrto_work work = {.kind = RRTO_NODE_RECORD_EVENT, .event = event};
    return rrto_capture_append(capture, member, &work);
}

bool rrto_capture_event_record(struct rrto_object *event, const void *stream, uint32_t flags, int32_t *ret_result)
{
    uint32_t id;
    *ret_result = RRTO_CUDA_SUCCESS;
    if (rrto_capture_watched() && rrto_stream_id(stream, &id)) {
        struct rrto_capture_member *member;
        pthread_mutex_lock(&rrto_capture_lock);
        struct rrto_capture *capture = rrto_capture_of(id, &member);
        if (capture)
            *ret_result = record(capture, member, event, flags);
        pthread_mutex_unlock(&rrto_capture_lock);
        if (capture)
            return true;
    }
    if (flags & EXTERNAL)
        *ret_result = RRTO_CUDA_INVALID_VALUE; /* means something in captures only */
    return flags & EXTERNAL;
}

/* A stream that is captured waits for an event. */
static int32_t wait_inside(struct rrto_capture *capture, struct rrto_capture_member *member, struct rrto_object *event,
                           uint32_t flags)
{
    if (capture->invalidated)
        return RRTO_CUDA_CAPTURE_INVALIDATED;
    if (flags & EXTERNAL) {
        struct rrto_work work = {.kind = RRTO_NODE_WAIT_EVENT, .event = event};
        return rrto_capture_append(capture, member, &work);
    }
    uint64_t in = captured_in(event);
    if (!in && __atomic_load_n(&event->event.position, __ATOMIC_ACQUIRE) == RRTO_EVENT_UNRECORDED)
        return RRTO_CUDA_SUCCESS; /* stands for nothing */
    struct rrto_capture *other = in ? rrto_capture_by_id(in) : NULL;
    const struct rrto_capture_event *row = other ? find(other, event->id) : NULL;
    if (other == capture && row)
        return rrto_node_set_add(&member->tails, row->nodes.nodes, row->nodes.n) ? RRTO_CUDA_SUCCESS
                                                                                 : RRTO_CUDA_NO_MEMORY;
    capture->invalidated = true;
    if (!other)
        return in ? RRTO_CUDA_CAPTURED_EVENT : RRTO_CUDA_CAPTURE_ISOLATION;
    other->invalidated = true;
    return RRTO_CUDA_CAPTURE_MERGE;
}

/* A stream that is not captured waits for an event of a capture: it becomes a member. */
static int32_t wait_outside(struct rrto_object *event, uint32_t stream, bool blocking, uint32_t flags)
{
    struct rrto_capture *capture = rrto_capture_by_id(captured_in(event));
    const struct rrto_capture_event *row = capture ? find(capture, event->id) : NULL;
    if (!row)
        return RRTO_CUDA_CAPTURED_EVENT;
    if (capture->invalidated)
        return RRTO_CUDA_CAPTURE_INVALIDATED;
    if (flags & EXTERNAL || stream == 0) {
        capture->invalidated = true;
        return flags & EXTERNAL ? RRTO_CUDA_CAPTURED_EVENT : RRTO_CUDA_CAPTURE_IMPLICIT;
    }
    struct rrto_capture_member *member;
    int32_t result = rrto_capture_join(capture, stream, blocking, &member);
    if (!result && !rrto_node_set_copy(&member->tails, &row->nodes))
        result = RRTO_CUDA_NO_MEMORY;
    capture->invalidated |= result != RRTO_CUDA_SUCCESS;
    return result;
}

bool rrto_capture_event_wait(struct rrto_object *event, const void *stream, uint32_t flags, int32_t *ret_result)
{
    uint32_t id, stream_flags = 0;
    *ret_result = RRTO_CUDA_SUCCESS;
    bool watched = rrto_capture_watched(), captured = captured_in(event);
    if ((watched || captured) && rrto_stream_id(stream, &id) && !rrto_stream_flags(stream, &stream_flags)) {
        struct rrto_capture_member *member;
        pthread_mutex_lock(&rrto_capture_lock);
        struct rrto_capture *capture = rrto_capture_of(id, &member);
        if (capture)
            *ret_result = wait_inside(capture, member, event, flags);
        else if (captured)
            *ret_result = wait_outside(event, id, !(stream_flags & RRTO_STREAM_NON_BLOCKING), flags);
        pthread_mutex_unlock(&rrto_capture_lock);
        if (capture || captured)
            return true;
    }
    if (flags & EXTERNAL)
        *ret_result = RRTO_CUDA_INVALID_VALUE;
    return flags & EXTERNAL;
}

int32_t rrto_capture_event_touch(const struct rrto_object *event)
{
    uint64_t in = captured_in(event);
    if (!in)
        return RRTO_CUDA_SUCCESS;
    pthread_mutex_lock(&rrto_capture_lock);
    struct rrto_capture *capture = rrto_capture_by_id(in);
    if (capture)
        capture->invalidated = true;
    pthread_mutex_unlock(&rrto_capture_lock);
    return RRTO_CUDA_CAPTURED_EVENT;
}
