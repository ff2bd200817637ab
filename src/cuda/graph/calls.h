/* SPDX-License-Identifier: Apache-2.0 */
/* What the calls of both APIs have in common: handles in, CUDA errors out. */
#ifndef RRTO_CUDA_GRAPH_CALLS_H
#define RRTO_CUDA_GRAPH_CALLS_H

#include "cuda/graph/exec.h"
#include "cuda/launch.h"

struct rrto_function;

int32_t rrto_call_begin_capture_to(const void *stream, int32_t mode, const void *graph, const void *dependencies,
                                   const void *edges, size_t n);
int32_t rrto_call_end_capture(const void *stream, void *ret_graph);
int32_t rrto_call_is_capturing(const void *stream, void *ret_status);
/* Every output but the status may be NULL, and is written only while the stream is captured. */
int32_t rrto_call_capture_info(const void *stream, void *ret_status, void *ret_id, void *ret_graph, void *ret_nodes,
                               void *ret_edges, size_t *ret_n);
int32_t rrto_call_update_dependencies(const void *stream, const void *nodes, const void *edges, size_t n,
                                      uint32_t flags);

int32_t rrto_call_graph_create(void *ret_graph, uint32_t flags);
int32_t rrto_call_graph_destroy(const void *graph);
int32_t rrto_call_graph_clone(void *ret_graph, const void *graph);
int32_t rrto_call_find_in_clone(void *ret_node, const void *node, const void *clone);
int32_t rrto_call_graph_nodes(const void *graph, bool roots, void *ret_nodes, size_t *n);
int32_t rrto_call_graph_edges(const void *graph, void *ret_from, void *ret_to, void *ret_edges, size_t *n);
int32_t rrto_call_neighbours(const void *node, bool dependents, void *ret_nodes, void *ret_edges, size_t *n);
int32_t rrto_call_connect(const void *graph, const void *from, const void *to, const void *edges, size_t n, bool add);
int32_t rrto_call_destroy_node(const void *node);
int32_t rrto_call_node_type(const void *node, void *ret_type);
int32_t rrto_call_node_child(const void *node, void *ret_graph);
int32_t rrto_call_node_event(const void *node, enum rrto_node_kind kind, void *ret_event);

/* What a node is to do, checked as the call that does the same on a stream checks it. */
int32_t rrto_work_of_kernel(struct rrto_work *ret_work, struct rrto_function *function,
                            const struct rrto_launch *launch);
int32_t rrto_work_of_copy(struct rrto_work *ret_work, uint64_t dst, uint64_t src, size_t n, int32_t kind);
int32_t rrto_work_of_set(struct rrto_work *ret_work, uint64_t dst, size_t pitch, uint32_t value, uint32_t unit,
                         size_t width, size_t height);
int32_t rrto_work_of_host(struct rrto_work *ret_work, void (*function)(void *), void *data);
int32_t rrto_work_of_event(struct rrto_work *ret_work, enum rrto_node_kind kind, void *event);
int32_t rrto_work_of_graph(struct rrto_work *ret_work, const void *child);
/* Adds the node, if result (of the above) is 0, which is returned otherwise. Takes *work over. */
int32_t rrto_call_add_node(int32_t result, void *ret_node, const void *graph, const void *dependencies, size_t n,
                           struct rrto_work *work);
/* New work for a node of an executable graph, likewise. */
int32_t rrto_call_set_node(int32_t result, const void *exec, const void *node, struct rrto_work *work);

int32_t rrto_call_instantiate(void *ret_exec, const void *graph, uint64_t flags);
int32_t rrto_call_exec_destroy(const void *exec);
int32_t rrto_call_exec_update(const void *exec, const void *graph, void *ret_info);
int32_t rrto_call_exec_flags(const void *exec, void *ret_flags);
int32_t rrto_call_upload(const void *exec, const void *stream);
int32_t rrto_call_launch(const void *exec, const void *stream);

#endif
