/* SPDX-License-Identifier: Apache-2.0 */
/* The state machine of stream capture: which streams are captured into which graph, who may do what meanwhile. */
#include "cuda/error.h"
#include "cuda/graph/state.h"
#include "cuda/object.h"
#include "cuda/stream.h"
#include "cuda/thread.h"

#include <stdlib.h>
#include <string.h>

enum { EDGE_BYTES = 8 };

uint32_t rrto_captures_watched;
pthread_mutex_t rrto_capture_lock = PTHREAD_MUTEX_INITIALIZER;
struct rrto_capture *rrto_captures;
static uint64_t last_id, last_thread;

static void lock(void)
{
    pthread_mutex_lock(&rrto_capture_lock);
}

static void unlock(void)
{
    pthread_mutex_unlock(&rrto_capture_lock);
}

uint64_t rrto_capture_thread(void)
{
    struct rrto_cuda_thread *thread = rrto_cuda_thread();
    if (!thread->number)
        thread->number = __atomic_add_fetch(&last_thread, 1, __ATOMIC_RELAXED);
    return thread->number;
}

bool rrto_node_set_add(struct rrto_node_set *set, struct rrto_graph_node *const *nodes, size_t n)
{
    if (set->n + n > set->capacity) {
        size_t capacity = 2 * (set->n + n);
        void *grown = realloc(set->nodes, capacity * sizeof *set->nodes);
        if (!grown)
            return false;
        set->nodes = grown;
        set->capacity = capacity;
    }
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        while (k < set->n && set->nodes[k] != nodes[i])
            k++;
        if (k == set->n)
            set->nodes[set->n++] = nodes[i];
    }
    return true;
}

bool rrto_node_set_copy(struct rrto_node_set *set, const struct rrto_node_set *from)
{
    set->n = 0;
    return rrto_node_set_add(set, from->nodes, from->n);
}

struct rrto_capture *rrto_capture_of(uint32_t stream, struct rrto_capture_member **ret_member)
{
    for (struct rrto_capture *capture = rrto_captures; capture; capture = capture->next)
        for (size_t i = 0; i < capture->n_members; i++)
            if (capture->members[i].stream == stream) {
                if (ret_member)
                    *ret_member = &capture->members[i];
                return capture;
            }
    return NULL;
}

struct rrto_capture *rrto_capture_by_id(uint64_t id)
{
    struct rrto_capture *capture = rrto_captures;
    while (capture && capture->id != id)
        capture = capture->next;
    return capture;
}

static bool any_blocking(const struct rrto_capture *capture)
{
    for (size_t i = 0; i < capture->n_members; i++)
        if (capture->members[i].blocking)
            return true;
    return false;
}

bool rrto_capture_invalidate_blocking(void)
{
    bool found = false;
    for (struct rrto_capture *capture = rrto_captures; capture; capture = capture->next)
        if (any_blocking(capture))
            found = capture->invalidated = true;
    return found;
}

int32_t rrto_capture_join(struct rrto_capture *capture, uint32_t stream, bool blocking,
                          struct rrto_capture_member **ret_member)
{
    void *grown = realloc(capture->members, (capture->n_members + 1) * sizeof *capture->members);
    if (!grown)
        return RRTO_CUDA_NO_MEMORY;
    capture->members = grown;
    struct rrto_capture_member *member = &capture->members[capture->n_members++];
    *member = (struct rrto_capture_member){.stream = stream, .blocking = blocking};
    *ret_member = member;
    return RRTO_CUDA_SUCCESS;
}

int32_t rrto_capture_append(struct rrto_capture *capture, struct rrto_capture_member *member, struct rrto_work *work)
{
    int32_t error;
    struct rrto_graph_node *node = rrto_graph_add(capture->graph, member->tails.nodes, member->tails.n, work, &error);
    member->tails.n = node ? 0 : member->tails.n;
    if (node && !rrto_node_set_add(&member->tails, &node, 1))
        error = RRTO_CUDA_NO_MEMORY;
    capture->invalidated |= error != RRTO_CUDA_SUCCESS;
    return error;
}

/* Takes the capture out of the list and frees it, but not its graph. */
static void drop(struct rrto_capture *capture)
{
    struct rrto_capture **at = &rrto_captures;
    while (*at != capture)
        at = &(*at)->next;
    *at = capture->next;
    for (size_t i = 0; i < capture->n_members; i++) {
        free(capture->members[i].tails.nodes);
        free(capture->members[i].handles);
        free(capture->members[i].edges);
    }
    for (size_t i = 0; i < capture->n_events; i++)
        free(capture->events[i].nodes.nodes);
    free(capture->members);
    free(capture->events);
    capture->graph->captured_into = false;
    free(capture);
    __atomic_fetch_sub(&rrto_captures_watched, 1, __ATOMIC_RELAXED);
}

static bool is_blocking(const void *stream)
{
    uint32_t flags = 0;
    return rrto_stream_flags(stream, &flags) == RRTO_CUDA_SUCCESS && !(flags & RRTO_STREAM_NON_BLOCKING);
}

/* Everything of a capture that has begun, into *capture; on failure nothing is left. */
static int32_t start(struct rrto_capture *capture, uint32_t stream, bool blocking, struct rrto_graph *graph,
                     struct rrto_graph_node *const *dependencies, size_t n)
{
    struct rrto_capture_member *member;
    capture->own_graph = !graph;
    capture->graph = graph ? graph : rrto_graph_create(true);
    if (!capture->graph || rrto_capture_join(capture, stream, blocking, &member))
        return RRTO_CUDA_NO_MEMORY;
    return rrto_node_set_add(&member->tails, dependencies, n) ? RRTO_CUDA_SUCCESS : RRTO_CUDA_NO_MEMORY;
}

int32_t rrto_capture_begin(const void *stream, int32_t mode, struct rrto_graph *graph,
                           struct rrto_graph_node *const *dependencies, size_t n)
{
    uint32_t id;
    if ((uint32_t)mode > RRTO_CAPTURE_RELAXED)
        return RRTO_CUDA_INVALID_VALUE;
    if (!rrto_stream_id(stream, &id))
        return RRTO_CUDA_INVALID_HANDLE;
    if (id == 0)
        return RRTO_CUDA_CAPTURE_UNSUPPORTED; /* the legacy stream */
    for (size_t i = 0; i < n; i++)
        if (!dependencies[i] || dependencies[i]->graph != graph)
            return RRTO_CUDA_INVALID_VALUE;
    if (graph && (graph->captured_into || graph->inner))
        return RRTO_CUDA_INVALID_VALUE;
    bool blocking = is_blocking(stream);
    struct rrto_capture *capture = calloc(1, sizeof *capture);
    if (!capture)
        return RRTO_CUDA_NO_MEMORY;
    lock();
    int32_t result =
        rrto_capture_of(id, NULL) ? RRTO_CUDA_ILLEGAL_STATE : start(capture, id, blocking, graph, dependencies, n);
    if (!result) {
        capture->id = ++last_id;
        capture->thread = rrto_capture_thread();
        capture->mode = (enum rrto_capture_mode)mode;
        capture->origin = id;
        capture->graph->captured_into = true;
        capture->next = rrto_captures;
        rrto_captures = capture;
        __atomic_fetch_add(&rrto_captures_watched, 1, __ATOMIC_RELAXED);
    }
    unlock();
    if (result) {
        if (capture->own_graph)
            rrto_graph_destroy(capture->graph);
        if (capture->members)
            free(capture->members[0].tails.nodes);
        free(capture->members);
        free(capture);
    }
    return result;
}

/* Whether every member's work has come back to the stream that the capture began in. */
static bool joined(const struct rrto_capture *capture, bool *ret_joined)
{
    *ret_joined = true;
    if (capture->n_members == 1)
        return true;
    const struct rrto_node_set *tails = &capture->members[0].tails;
    if (!rrto_graph_mark(capture->graph, tails->nodes, tails->n))
        return false;
    for (size_t i = 1; i < capture->n_members; i++)
        for (size_t k = 0; k < capture->members[i].tails.n; k++)
            *ret_joined = *ret_joined && capture->members[i].tails.nodes[k]->mark;
    return true;
}

int32_t rrto_capture_end(const void *stream, struct rrto_graph **ret_graph)
{
    uint32_t id;
    *ret_graph = NULL;
    if (!rrto_stream_id(stream, &id))
        return RRTO_CUDA_INVALID_HANDLE;
    lock();
    struct rrto_capture *capture = rrto_capture_of(id, NULL);
    int32_t result = RRTO_CUDA_SUCCESS;
    struct rrto_graph *unwanted = NULL;
    bool together;
    if (!capture) {
        result = RRTO_CUDA_ILLEGAL_STATE;
    } else if (capture->origin != id) {
        capture->invalidated = true;
        result = RRTO_CUDA_CAPTURE_UNMATCHED;
    } else if (capture->mode != RRTO_CAPTURE_RELAXED && capture->thread != rrto_capture_thread()) {
        result = RRTO_CUDA_CAPTURE_WRONG_THREAD;
    } else {
        if (capture->invalidated)
            result = RRTO_CUDA_CAPTURE_INVALIDATED;
        else if (!joined(capture, &together))
            result = RRTO_CUDA_NO_MEMORY;
        else if (!together)
            result = RRTO_CUDA_CAPTURE_UNJOINED;
        if (!result)
            *ret_graph = capture->graph;
        else if (capture->own_graph)
            unwanted = capture->graph;
        drop(capture);
    }
    unlock();
    rrto_graph_destroy(unwanted);
    return result;
}

/* The legacy stream cannot be captured, and cannot be asked about it while a stream that it waits for is. */
static int32_t legacy_info(void)
{
    int32_t result = RRTO_CUDA_SUCCESS;
    for (const struct rrto_capture *capture = rrto_captures; capture; capture = capture->next)
        if (any_blocking(capture))
            result = RRTO_CUDA_CAPTURE_IMPLICIT;
    return result;
}

static bool lend_handles(struct rrto_capture_member *member)
{
    void *grown = realloc(member->handles, (member->tails.n + 1) * sizeof *member->handles);
    if (!grown)
        return false;
    member->handles = grown;
    free(member->edges);
    member->edges = calloc(member->tails.n + 1, EDGE_BYTES);
    if (!member->edges)
        return false;
    for (size_t i = 0; i < member->tails.n; i++)
        member->handles[i] = member->tails.nodes[i]->handle;
    return true;
}

int32_t rrto_capture_info(const void *stream, struct rrto_capture_info *ret_info)
{
    uint32_t id;
    *ret_info = (struct rrto_capture_info){.status = RRTO_CAPTURE_NONE};
    if (!rrto_stream_id(stream, &id))
        return RRTO_CUDA_INVALID_HANDLE;
    if (!rrto_capture_watched())
        return RRTO_CUDA_SUCCESS;
    lock();
    struct rrto_capture_member *member;
    const struct rrto_capture *capture = rrto_capture_of(id, &member);
    int32_t result = id == 0 ? legacy_info() : RRTO_CUDA_SUCCESS;
    if (capture && !lend_handles(member))
        result = RRTO_CUDA_NO_MEMORY;
    else if (capture)
        *ret_info =
            (struct rrto_capture_info){.status = capture->invalidated ? RRTO_CAPTURE_INVALIDATED : RRTO_CAPTURE_ACTIVE,
                                       .id = capture->id,
                                       .graph = capture->graph,
                                       .nodes = member->handles,
                                       .edges = member->edges,
                                       .n_nodes = member->tails.n};
    unlock();
    return result;
}

int32_t rrto_capture_update(const void *stream, struct rrto_graph_node *const *nodes, size_t n, uint32_t flags)
{
    uint32_t id;
    if (flags > 1)
        return RRTO_CUDA_INVALID_VALUE;
    if (!rrto_stream_id(stream, &id))
        return RRTO_CUDA_INVALID_HANDLE;
    lock();
    struct rrto_capture_member *member;
    const struct rrto_capture *capture = rrto_capture_of(id, &member);
    int32_t result = !capture               ? RRTO_CUDA_ILLEGAL_STATE
                     : capture->invalidated ? RRTO_CUDA_CAPTURE_INVALIDATED
                                            : RRTO_CUDA_SUCCESS;
    for (size_t i = 0; i < n && !result; i++)
        if (!nodes[i] || nodes[i]->graph != capture->graph)
            result = RRTO_CUDA_INVALID_VALUE;
    if (!result && flags == 1)
        member->tails.n = 0;
    if (!result && !rrto_node_set_add(&member->tails, nodes, n))
        result = RRTO_CUDA_NO_MEMORY;
    unlock();
    return result;
}

int32_t rrto_capture_exchange_mode(int32_t *mode)
{
    struct rrto_cuda_thread *thread = rrto_cuda_thread();
    if (!mode || (uint32_t)*mode > RRTO_CAPTURE_RELAXED)
        return RRTO_CUDA_INVALID_VALUE;
    int32_t before = thread->capture_mode;
    thread->capture_mode = *mode;
    *mode = before;
    return RRTO_CUDA_SUCCESS;
}

/* Whether a capture forbids the calling thread what is potentially unsafe. */
static bool forbids(const struct rrto_capture *capture, int32_t thread_mode, uint64_t thread)
{
    if (thread_mode == RRTO_CAPTURE_RELAXED || capture->mode == RRTO_CAPTURE_RELAXED)
        return false;
    if (capture->thread == thread)
        return true;
    return thread_mode == RRTO_CAPTURE_GLOBAL && capture->mode == RRTO_CAPTURE_GLOBAL;
}

int32_t rrto_capture_unsafe(void)
{
    int32_t result = RRTO_CUDA_SUCCESS;
    if (!rrto_capture_watched())
        return result;
    int32_t mode = rrto_cuda_thread()->capture_mode;
    uint64_t thread = rrto_capture_thread();
    lock();
    for (struct rrto_capture *capture = rrto_captures; capture; capture = capture->next)
        if (forbids(capture, mode, thread)) {
            capture->invalidated = true;
            result = RRTO_CUDA_CAPTURE_UNSUPPORTED;
        }
    unlock();
    return result;
}

int32_t rrto_capture_device(void)
{
    int32_t result = RRTO_CUDA_SUCCESS;
    if (!rrto_capture_watched())
        return result;
    lock();
    for (struct rrto_capture *capture = rrto_captures; capture; capture = capture->next) {
        capture->invalidated = true;
        result = RRTO_CUDA_CAPTURE_UNSUPPORTED;
    }
    unlock();
    return result;
}

int32_t rrto_capture_refuse(uint32_t stream, int32_t error)
{
    if (!rrto_capture_watched())
        return RRTO_CUDA_SUCCESS;
    lock();
    struct rrto_capture *capture = rrto_capture_of(stream, NULL);
    if (!capture)
        error = stream == 0 && rrto_capture_invalidate_blocking() ? RRTO_CUDA_CAPTURE_IMPLICIT : RRTO_CUDA_SUCCESS;
    else if (capture->invalidated)
        error = RRTO_CUDA_CAPTURE_INVALIDATED;
    else
        capture->invalidated = true;
    unlock();
    return error;
}

int32_t rrto_capture_touch(uint32_t stream)
{
    return rrto_capture_refuse(stream, RRTO_CUDA_CAPTURE_UNSUPPORTED);
}

int32_t rrto_capture_synchronous(uint32_t stream)
{
    int32_t result = rrto_capture_touch(stream);
    return result ? result : rrto_capture_unsafe();
}

bool rrto_capture_has(uint32_t stream)
{
    if (!rrto_capture_watched())
        return false;
    lock();
    bool found = rrto_capture_of(stream, NULL);
    unlock();
    return found;
}

int32_t rrto_capture_add(uint32_t stream, struct rrto_work *work)
{
    lock();
    struct rrto_capture_member *member;
    struct rrto_capture *capture = rrto_capture_of(stream, &member);
    int32_t result = !capture               ? RRTO_CUDA_ILLEGAL_STATE
                     : capture->invalidated ? RRTO_CUDA_CAPTURE_INVALIDATED
                                            : rrto_capture_append(capture, member, work);
    unlock();
    rrto_work_fini(work);
    return result;
}

/* With the stream that it began in, a capture ends; without another, it cannot be joined any more. */
void rrto_capture_stream_destroyed(uint32_t stream)
{
    struct rrto_graph *unwanted = NULL;
    if (!rrto_capture_watched())
        return;
    lock();
    struct rrto_capture *capture = rrto_capture_of(stream, NULL);
    if (capture && capture->origin == stream) {
        unwanted = capture->own_graph ? capture->graph : NULL;
        drop(capture);
    } else if (capture) {
        capture->invalidated = true;
    }
    unlock();
    rrto_graph_destroy(unwanted);
}
