/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of stream capture share: the captures that are under way. All of it belongs to the capture lock, which
 * is a leaf: nothing is issued or waited for with it. */
#ifndef RRTO_CUDA_GRAPH_STATE_H
#define RRTO_CUDA_GRAPH_STATE_H

#include "cuda/graph/capture.h"

#include <pthread.h>

struct rrto_node_set {
    struct rrto_graph_node **nodes;
    size_t n, capacity;
};

/* A stream that is captured. */
struct rrto_capture_member {
    uint32_t stream;
    bool blocking;              /* with the legacy stream */
    struct rrto_node_set tails; /* what its next node depends on */
    const void **handles;       /* lent to the application, with edges that are all zeroes */
    void *edges;
};

/* An event that was recorded in the capture, and what it stands for. */
struct rrto_capture_event {
    uint32_t event;
    struct rrto_node_set nodes;
};

struct rrto_capture {
    struct rrto_capture *next;
    uint64_t id;
    uint64_t thread; /* that began it */
    enum rrto_capture_mode mode;
    uint32_t origin; /* the stream that it began in, the first member */
    bool invalidated;
    bool own_graph; /* made by the capture */
    struct rrto_graph *graph;
    struct rrto_capture_member *members;
    size_t n_members;
    struct rrto_capture_event *events;
    size_t n_events;
};

extern pthread_mutex_t rrto_capture_lock;
extern struct rrto_capture *rrto_captures;

/* All with the lock. */
struct rrto_capture *rrto_capture_of(uint32_t stream, struct rrto_capture_member **ret_member);
struct rrto_capture *rrto_capture_by_id(uint64_t id);
/* Captures that a use of the legacy stream would depend on: invalidates them all; false when there is none. */
bool rrto_capture_invalidate_blocking(void);
/* A further stream; RRTO_CUDA_NO_MEMORY. */
int32_t rrto_capture_join(struct rrto_capture *capture, uint32_t stream, bool blocking,
                          struct rrto_capture_member **ret_member);
/* Adds *work, taking it over, behind the member's tails, and makes it the only one. */
int32_t rrto_capture_append(struct rrto_capture *capture, struct rrto_capture_member *member, struct rrto_work *work);
bool rrto_node_set_add(struct rrto_node_set *set, struct rrto_graph_node *const *nodes, size_t n);
bool rrto_node_set_copy(struct rrto_node_set *set, const struct rrto_node_set *from);

/* A number of the calling thread that no other thread ever has. */
uint64_t rrto_capture_thread(void);

#endif
