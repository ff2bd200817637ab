/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs that have been instantiated. As in CUDA, not locked: calls about one of them are the application's to order.
 */
#ifndef RRTO_CUDA_GRAPH_EXEC_H
#define RRTO_CUDA_GRAPH_EXEC_H

#include "cuda/graph/graph.h"

/* Numbers of CUgraphExecUpdateResult. */
enum rrto_update_result {
    RRTO_UPDATE_SUCCESS,
    RRTO_UPDATE_ERROR,
    RRTO_UPDATE_TOPOLOGY,
    RRTO_UPDATE_KIND,
    RRTO_UPDATE_PARAMETERS = 5
};

struct rrto_exec;
struct rrto_exec *rrto_exec_check(const void *handle);
void *rrto_exec_handle(const struct rrto_exec *exec);
uint64_t rrto_exec_flags(const struct rrto_exec *exec);

/* All return a CUDA error. */
int32_t rrto_exec_create(const struct rrto_graph *graph, uint64_t flags, struct rrto_exec **ret_exec);
void rrto_exec_destroy(struct rrto_exec *exec);
/* Issues all ops on the stream; or, when that is captured, adds the graph as a node. Waits for host nodes. */
int32_t rrto_exec_launch(struct rrto_exec *exec, const void *stream);
/* The parameters of `graph`, which must be alike. *ret_node: the node of graph that is not, or NULL. */
int32_t rrto_exec_update(struct rrto_exec *exec, const struct rrto_graph *graph, enum rrto_update_result *ret_result,
                         const struct rrto_graph_node **ret_node);
/* New work of the same kind for what was made of `node`; takes *work over. */
int32_t rrto_exec_set(struct rrto_exec *exec, const struct rrto_graph_node *node, struct rrto_work *work);

#endif
