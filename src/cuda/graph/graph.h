/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs: nodes that hold ops (or a host function, an event, a further graph) and what they depend on. As in CUDA, a
 * graph is not locked: calls about one graph from several threads are the application's to order. */
#ifndef RRTO_CUDA_GRAPH_GRAPH_H
#define RRTO_CUDA_GRAPH_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rrto_object;

/* Numbers of CUgraphNodeType. */
enum rrto_node_kind {
    RRTO_NODE_KERNEL, /* library calls, too */
    RRTO_NODE_MEMCPY,
    RRTO_NODE_MEMSET,
    RRTO_NODE_HOST,
    RRTO_NODE_GRAPH,
    RRTO_NODE_EMPTY,
    RRTO_NODE_WAIT_EVENT,
    RRTO_NODE_RECORD_EVENT
};

enum rrto_library_kind { RRTO_USE_NONE, RRTO_USE_CUBLAS, RRTO_USE_CUDNN };
enum { RRTO_LIBRARY_STATE_BYTES = 48 };

/* A library's handle as it was when an op that uses it was issued. */
struct rrto_library_use {
    enum rrto_library_kind library;
    uint32_t handle, stream;                 /* session ids */
    uint8_t state[RRTO_LIBRARY_STATE_BYTES]; /* the library's own */
};

/* What a node does: owned by the node, except what the application lends. */
struct rrto_work {
    enum rrto_node_kind kind;
    uint8_t *op; /* canonical bytes; the stream in them means nothing */
    size_t n_op;
    const void *up; /* the application's memory: read, or written, at each launch */
    void *down;
    struct rrto_object *function; /* of a kernel that the application launched */
    struct rrto_library_use library;
    void (*host)(void *);
    void *host_data;
    struct rrto_object *event;
    struct rrto_graph *child;
};

struct rrto_graph_node {
    struct rrto_object *handle; /* NULL in a graph that has been instantiated */
    struct rrto_graph *graph;
    uint32_t id, origin; /* unique; of the node that this one was cloned from */
    size_t index;        /* in the graph */
    uint32_t mark;       /* for walks */
    struct rrto_work work;
    struct rrto_graph_node **dependencies;
    size_t n_dependencies;
};

struct rrto_graph {
    struct rrto_object *handle;
    uint32_t id;
    struct rrto_graph_node **nodes; /* in the order in which they were made */
    size_t n_nodes, capacity;
    bool captured_into; /* a capture is under way: it cannot be destroyed */
    bool inner;         /* belongs to a node */
};

/* Ends a piece of work and what it owns. */
void rrto_work_fini(struct rrto_work *work);
/* A deep copy; a NULL function among what it names is kept. False: memory is short, *ret_work holds nothing. */
bool rrto_work_copy(struct rrto_work *ret_work, const struct rrto_work *work, bool handles);

/* handles: whether the application can name it and its nodes. NULL: memory is short. */
struct rrto_graph *rrto_graph_create(bool handles);
/* Accepts NULL. Ends the life of the handles. */
struct rrto_graph *rrto_graph_destroy(struct rrto_graph *graph);
/* With clones of all child graphs; each node's origin is the node it was made from. NULL: memory is short. */
struct rrto_graph *rrto_graph_clone(const struct rrto_graph *graph, bool handles);
/* The graph, or node, behind a handle; NULL when it is none. */
struct rrto_graph *rrto_graph_check(const void *handle);
struct rrto_graph_node *rrto_graph_node_check(const void *handle);

/* Adds a node that takes *work over (also when it fails). The dependencies must be nodes of this graph, else, or when
 * one stands there twice: NULL with *ret_error. */
struct rrto_graph_node *rrto_graph_add(struct rrto_graph *graph, struct rrto_graph_node *const *dependencies, size_t n,
                                       struct rrto_work *work, int32_t *ret_error);
/* Takes the node out of its graph, with all edges to and from it. */
void rrto_graph_remove(struct rrto_graph_node *node);
/* An edge. Returns a CUDA error: there is one already, or none to remove. */
int32_t rrto_graph_connect(struct rrto_graph_node *from, struct rrto_graph_node *to);
int32_t rrto_graph_disconnect(const struct rrto_graph_node *from, struct rrto_graph_node *to);
bool rrto_graph_connected(const struct rrto_graph_node *from, const struct rrto_graph_node *to);
size_t rrto_graph_n_edges(const struct rrto_graph *graph);

/* Writes the nodes into order (room for n_nodes), each behind all that it depends on, otherwise as they were made.
 * RRTO_CUDA_INVALID_VALUE when there is a cycle. */
int32_t rrto_graph_sort(const struct rrto_graph *graph, struct rrto_graph_node **order);
/* Marks (with 1; the others with 0) the n nodes and everything they depend on, directly or not. False: memory is
 * short. */
bool rrto_graph_mark(struct rrto_graph *graph, struct rrto_graph_node *const *nodes, size_t n);

#endif
