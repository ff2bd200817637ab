/* SPDX-License-Identifier: Apache-2.0 */
/* Stream capture, seen from the front ends: what of a call is a matter of captures. All of these return CUDA errors; an
 * illegal call invalidates the captures that it collides with. Any thread; nothing here waits. */
#ifndef RRTO_CUDA_GRAPH_CAPTURE_H
#define RRTO_CUDA_GRAPH_CAPTURE_H

#include "cuda/graph/graph.h"

/* How many captures are under way, and nodes are being made by hand: 0 means that every op is issued as it is, and that
 * nothing below says more than its "no". */
extern uint32_t rrto_captures_watched;
static inline bool rrto_capture_watched(void)
{
    return __atomic_load_n(&rrto_captures_watched, __ATOMIC_RELAXED) != 0;
}

/* Numbers of CUstreamCaptureMode and CUstreamCaptureStatus. */
enum rrto_capture_mode { RRTO_CAPTURE_GLOBAL, RRTO_CAPTURE_THREAD_LOCAL, RRTO_CAPTURE_RELAXED };
enum rrto_capture_status { RRTO_CAPTURE_NONE, RRTO_CAPTURE_ACTIVE, RRTO_CAPTURE_INVALIDATED };

/* graph: NULL, or one to add to, whose nodes `dependencies` the first captured node depends on. */
int32_t rrto_capture_begin(const void *stream, int32_t mode, struct rrto_graph *graph,
                           struct rrto_graph_node *const *dependencies, size_t n);
/* *ret_graph: the application's from now on; NULL when something is returned. */
int32_t rrto_capture_end(const void *stream, struct rrto_graph **ret_graph);

struct rrto_capture_info {
    enum rrto_capture_status status;
    uint64_t id;
    struct rrto_graph *graph;
    const void *const *nodes; /* handles of what the stream's next node depends on; until the stream's next call */
    const void *edges;        /* 8 zero bytes for each */
    size_t n_nodes;
};
int32_t rrto_capture_info(const void *stream, struct rrto_capture_info *ret_info);
/* flags: 0 adds to what the stream's next node depends on, 1 replaces it. */
int32_t rrto_capture_update(const void *stream, struct rrto_graph_node *const *nodes, size_t n, uint32_t flags);
/* Swaps the calling thread's mode. */
int32_t rrto_capture_exchange_mode(int32_t *mode);

/* Calls that are refused while something is captured. */
int32_t rrto_capture_unsafe(void);                 /* potentially unsafe ones: by the thread's and captures' modes */
int32_t rrto_capture_synchronous(uint32_t stream); /* a synchronous copy on this stream */
int32_t rrto_capture_device(void);                 /* waiting for the whole device */
int32_t rrto_capture_touch(uint32_t stream);       /* asking, or waiting for, a stream */
int32_t rrto_capture_refuse(uint32_t stream, int32_t error); /* what cannot be captured on this stream */
void rrto_capture_stream_destroyed(uint32_t stream);

/* Whether ops on this stream are captured (or refused, when that has been invalidated). */
bool rrto_capture_has(uint32_t stream);
/* A node that is no op: a host function, a graph. Takes *work over. */
int32_t rrto_capture_add(uint32_t stream, struct rrto_work *work);

/* Hints for the op that this thread issues next: the kernel it launches; the library's handle it uses, whose stream is
 * use->stream (true: that is being captured, so the server's handle is not brought up to date now). */
void rrto_capture_function(struct rrto_object *function);
bool rrto_capture_library(const struct rrto_library_use *use);

/* Events. The first two answer false when this is no matter of captures, else *ret_result is the call's result. */
bool rrto_capture_event_record(struct rrto_object *event, const void *stream, uint32_t flags, int32_t *ret_result);
bool rrto_capture_event_wait(struct rrto_object *event, const void *stream, uint32_t flags, int32_t *ret_result);
/* Asking, or waiting for, an event that may have been recorded in a capture. */
int32_t rrto_capture_event_touch(const struct rrto_object *event);

/* From here to rrto_work_end the calling thread's ops are recorded, not issued: how nodes are made by hand, with the
 * checks of the calls that do the same on a stream. */
void rrto_work_begin(struct rrto_work *into);
/* Returns `result`, or an error of its own: not exactly one op was recorded. *into is empty then. */
int32_t rrto_work_end(int32_t result);

#endif
