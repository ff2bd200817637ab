/* SPDX-License-Identifier: Apache-2.0 */
/* The bodies that the runtime's and the driver's graph calls share. Arrays of handles are arrays of pointers in both,
 * and the structures that appear here have one layout in both. */
#include "cuda/graph/calls.h"

#include "cuda/error.h"
#include "cuda/graph/capture.h"
#include "cuda/memory.h"
#include "cuda/object.h"
#include "cuda/stream.h"

#include <stdlib.h>
#include <string.h>

enum { EDGE_BYTES = 8, MAX_NODE_LIST = 1 << 20, EXEC_FLAGS = 0xf, FLAG_DEVICE_LAUNCH = 4 };

/* n handles as nodes, in a block of their own; NULL (and *ret_error) when one of them is none. */
static struct rrto_graph_node **nodes_of(const void *handles, size_t n, int32_t *ret_error)
{
    *ret_error = RRTO_CUDA_INVALID_VALUE;
    if (n > MAX_NODE_LIST || (n && !handles))
        return NULL;
    struct rrto_graph_node **nodes = malloc((n + 1) * sizeof *nodes);
    if (!nodes) {
        *ret_error = RRTO_CUDA_NO_MEMORY;
        return NULL;
    }
    void *const *handle = handles;
    for (size_t i = 0; i < n; i++) {
        nodes[i] = rrto_graph_node_check(handle[i]);
        if (!nodes[i]) {
            free(nodes);
            return NULL;
        }
    }
    *ret_error = RRTO_CUDA_SUCCESS;
    return nodes;
}

/* Edges are plain ones: ports and types are for programmatic launches. */
static bool plain_edges(const void *edges, size_t n)
{
    static const uint8_t zero[EDGE_BYTES];
    for (size_t i = 0; edges && i < n; i++)
        if (memcmp((const uint8_t *)edges + i * EDGE_BYTES, zero, EDGE_BYTES) != 0)
            return false;
    return true;
}

static void put_pointer(void *at, const void *pointer)
{
    memcpy(at, &pointer, sizeof pointer);
}

int32_t rrto_call_begin_capture_to(const void *stream, int32_t mode, const void *graph, const void *dependencies,
                                   const void *edges, size_t n)
{
    int32_t result;
    struct rrto_graph *to = rrto_graph_check(graph);
    struct rrto_graph_node **nodes = to ? nodes_of(dependencies, n, &result) : NULL;
    if (!to)
        return RRTO_CUDA_INVALID_VALUE;
    if (!result)
        result = plain_edges(edges, n) ? rrto_capture_begin(stream, mode, to, nodes, n) : RRTO_CUDA_NOT_SUPPORTED;
    free(nodes);
    return result;
}

int32_t rrto_call_end_capture(const void *stream, void *ret_graph)
{
    struct rrto_graph *graph = NULL;
    if (!ret_graph)
        return RRTO_CUDA_INVALID_VALUE;
    int32_t result = rrto_capture_end(stream, &graph);
    put_pointer(ret_graph, graph ? graph->handle : NULL);
    return result;
}

int32_t rrto_call_is_capturing(const void *stream, void *ret_status)
{
    return rrto_call_capture_info(stream, ret_status, NULL, NULL, NULL, NULL, NULL);
}

int32_t rrto_call_capture_info(const void *stream, void *ret_status, void *ret_id, void *ret_graph, void *ret_nodes,
                               void *ret_edges, size_t *ret_n)
{
    struct rrto_capture_info info;
    if (!ret_status || (ret_edges && !ret_nodes))
        return RRTO_CUDA_INVALID_VALUE;
    int32_t result = rrto_capture_info(stream, &info);
    int32_t status = (int32_t)info.status;
    memcpy(ret_status, &status, sizeof status);
    if (result || info.status != RRTO_CAPTURE_ACTIVE)
        return result;
    if (ret_id)
        memcpy(ret_id, &info.id, sizeof info.id);
    if (ret_graph)
        put_pointer(ret_graph, info.graph->handle);
    if (ret_nodes)
        put_pointer(ret_nodes, info.nodes);
    if (ret_edges)
        put_pointer(ret_edges, info.edges);
    if (ret_n)
        *ret_n = info.n_nodes;
    return RRTO_CUDA_SUCCESS;
}

int32_t rrto_call_update_dependencies(const void *stream, const void *handles, const void *edges, size_t n,
                                      uint32_t flags)
{
    int32_t result;
    if (!plain_edges(edges, n))
        return RRTO_CUDA_NOT_SUPPORTED;
    struct rrto_graph_node **nodes = nodes_of(handles, n, &result);
    if (nodes)
        result = rrto_capture_update(stream, nodes, n, flags);
    free(nodes);
    return result;
}

int32_t rrto_call_graph_create(void *ret_graph, uint32_t flags)
{
    if (!ret_graph || flags)
        return RRTO_CUDA_INVALID_VALUE;
    const struct rrto_graph *graph = rrto_graph_create(true);
    if (graph)
        put_pointer(ret_graph, graph->handle);
    return graph ? RRTO_CUDA_SUCCESS : RRTO_CUDA_NO_MEMORY;
}

int32_t rrto_call_graph_destroy(const void *handle)
{
    struct rrto_graph *graph = rrto_graph_check(handle);
    if (!graph || graph->captured_into || graph->inner)
        return RRTO_CUDA_INVALID_VALUE;
    rrto_graph_destroy(graph);
    return RRTO_CUDA_SUCCESS;
}

int32_t rrto_call_graph_clone(void *ret_graph, const void *handle)
{
    const struct rrto_graph *graph = rrto_graph_check(handle);
    if (!graph || !ret_graph)
        return RRTO_CUDA_INVALID_VALUE;
    const struct rrto_graph *clone = rrto_graph_clone(graph, true);
    if (clone)
        put_pointer(ret_graph, clone->handle);
    return clone ? RRTO_CUDA_SUCCESS : RRTO_CUDA_NO_MEMORY;
}

int32_t rrto_call_find_in_clone(void *ret_node, const void *handle, const void *clone)
{
    const struct rrto_graph_node *node = rrto_graph_node_check(handle);
    const struct rrto_graph *graph = rrto_graph_check(clone);
    if (!node || !graph || !ret_node)
        return RRTO_CUDA_INVALID_VALUE;
    for (size_t i = 0; i < graph->n_nodes; i++)
        if (graph->nodes[i]->origin == node->id) {
            put_pointer(ret_node, graph->nodes[i]->handle);
            return RRTO_CUDA_SUCCESS;
        }
    return RRTO_CUDA_INVALID_VALUE;
}

/* The i-th handle into an array of *n, which says how many there are when there is no array, and is filled with NULLs
 * where there are fewer. */
static void put_nth(void *array, size_t i, size_t n, const void *handle)
{
    if (array && i < n)
        put_pointer((char *)array + i * sizeof handle, handle);
}

static void end_list(void *array, size_t n_found, size_t *n)
{
    for (size_t i = n_found; array && i < *n; i++)
        put_nth(array, i, *n, NULL);
    if (!array || n_found < *n)
        *n = n_found;
}

static void zero_edges(void *edges, size_t n)
{
    if (edges)
        memset(edges, 0, n * EDGE_BYTES);
}

int32_t rrto_call_graph_nodes(const void *handle, bool roots, void *ret_nodes, size_t *n)
{
    const struct rrto_graph *graph = rrto_graph_check(handle);
    if (!graph || !n)
        return RRTO_CUDA_INVALID_VALUE;
    size_t n_found = 0;
    for (size_t i = 0; i < graph->n_nodes; i++)
        if (!roots || graph->nodes[i]->n_dependencies == 0)
            put_nth(ret_nodes, n_found++, *n, graph->nodes[i]->handle);
    end_list(ret_nodes, n_found, n);
    return RRTO_CUDA_SUCCESS;
}

int32_t rrto_call_graph_edges(const void *handle, void *ret_from, void *ret_to, void *ret_edges, size_t *n)
{
    const struct rrto_graph *graph = rrto_graph_check(handle);
    if (!graph || !n || !ret_from != !ret_to)
        return RRTO_CUDA_INVALID_VALUE;
    size_t n_found = 0, n_room = *n;
    for (size_t i = 0; i < graph->n_nodes; i++)
        for (size_t k = 0; k < graph->nodes[i]->n_dependencies; k++) {
            put_nth(ret_from, n_found, *n, graph->nodes[i]->dependencies[k]->handle);
            put_nth(ret_to, n_found++, *n, graph->nodes[i]->handle);
        }
    end_list(ret_from, n_found, n);
    n_found = n_found < n_room ? n_found : n_room;
    end_list(ret_to, n_found, &n_room);
    zero_edges(ret_from ? ret_edges : NULL, *n);
    return RRTO_CUDA_SUCCESS;
}

int32_t rrto_call_neighbours(const void *handle, bool dependents, void *ret_nodes, void *ret_edges, size_t *n)
{
    const struct rrto_graph_node *node = rrto_graph_node_check(handle);
    if (!node || !n)
        return RRTO_CUDA_INVALID_VALUE;
    size_t n_found = 0;
    for (size_t i = 0; !dependents && i < node->n_dependencies; i++)
        put_nth(ret_nodes, n_found++, *n, node->dependencies[i]->handle);
    for (size_t i = 0; dependents && i < node->graph->n_nodes; i++)
        if (rrto_graph_connected(node, node->graph->nodes[i]))
            put_nth(ret_nodes, n_found++, *n, node->graph->nodes[i]->handle);
    end_list(ret_nodes, n_found, n);
    zero_edges(ret_nodes ? ret_edges : NULL, *n);
    return RRTO_CUDA_SUCCESS;
}

int32_t rrto_call_connect(const void *handle, const void *from, const void *to, const void *edges, size_t n, bool add)
{
    int32_t result = RRTO_CUDA_INVALID_VALUE;
    const struct rrto_graph *graph = rrto_graph_check(handle);
    if (!graph)
        return result;
    if (!plain_edges(edges, n))
        return RRTO_CUDA_NOT_SUPPORTED;
    struct rrto_graph_node **sources = nodes_of(from, n, &result);
    struct rrto_graph_node **targets = result ? NULL : nodes_of(to, n, &result);
    for (size_t i = 0; i < n && !result; i++)
        if (sources[i]->graph != graph || targets[i]->graph != graph)
            result = RRTO_CUDA_INVALID_VALUE;
    for (size_t i = 0; i < n && !result; i++)
        result = add ? rrto_graph_connect(sources[i], targets[i]) : rrto_graph_disconnect(sources[i], targets[i]);
    free(sources);
    free(targets);
    return result;
}

int32_t rrto_call_destroy_node(const void *handle)
{
    struct rrto_graph_node *node = rrto_graph_node_check(handle);
    if (!node || node->graph->captured_into)
        return RRTO_CUDA_INVALID_VALUE;
    rrto_graph_remove(node);
    return RRTO_CUDA_SUCCESS;
}

int32_t rrto_call_node_type(const void *handle, void *ret_type)
{
    const struct rrto_graph_node *node = rrto_graph_node_check(handle);
    if (!node || !ret_type)
        return RRTO_CUDA_INVALID_VALUE;
    int32_t type = (int32_t)node->work.kind;
    memcpy(ret_type, &type, sizeof type);
    return RRTO_CUDA_SUCCESS;
}

int32_t rrto_call_node_child(const void *handle, void *ret_graph)
{
    const struct rrto_graph_node *node = rrto_graph_node_check(handle);
    if (!node || !ret_graph || !node->work.child)
        return RRTO_CUDA_INVALID_VALUE;
    put_pointer(ret_graph, node->work.child->handle);
    return RRTO_CUDA_SUCCESS;
}

int32_t rrto_call_node_event(const void *handle, enum rrto_node_kind kind, void *ret_event)
{
    const struct rrto_graph_node *node = rrto_graph_node_check(handle);
    if (!node || !ret_event || node->work.kind != kind)
        return RRTO_CUDA_INVALID_VALUE;
    put_pointer(ret_event, node->work.event);
    return RRTO_CUDA_SUCCESS;
}

int32_t rrto_work_of_kernel(struct rrto_work *ret_work, struct rrto_function *function,
                            const struct rrto_launch *launch)
{
    rrto_work_begin(ret_work);
    return rrto_work_end(rrto_launch(function, launch));
}

int32_t rrto_work_of_copy(struct rrto_work *ret_work, uint64_t dst, uint64_t src, size_t n, int32_t kind)
{
    rrto_work_begin(ret_work);
    return rrto_work_end(rrto_memory_copy_linear(dst, src, n, (enum rrto_copy_kind)kind, NULL, false));
}

int32_t rrto_work_of_set(struct rrto_work *ret_work, uint64_t dst, size_t pitch, uint32_t value, uint32_t unit,
                         size_t width, size_t height)
{
    if (unit != 1 && unit != 2 && unit != 4)
        return RRTO_CUDA_INVALID_VALUE;
    rrto_work_begin(ret_work);
    return rrto_work_end(height == 1 ? rrto_memory_set(dst, value, unit, width, NULL)
                                     : rrto_memory_set_2d(dst, pitch, value, unit, width, height, NULL));
}

int32_t rrto_work_of_host(struct rrto_work *ret_work, void (*function)(void *), void *data)
{
    *ret_work = (struct rrto_work){.kind = RRTO_NODE_HOST, .host = function, .host_data = data};
    return function ? RRTO_CUDA_SUCCESS : RRTO_CUDA_INVALID_VALUE;
}

int32_t rrto_work_of_event(struct rrto_work *ret_work, enum rrto_node_kind kind, void *event)
{
    *ret_work = (struct rrto_work){.kind = kind, .event = rrto_object_check(event, RRTO_OBJECT_EVENT)};
    return ret_work->event ? RRTO_CUDA_SUCCESS : RRTO_CUDA_INVALID_HANDLE;
}

int32_t rrto_work_of_graph(struct rrto_work *ret_work, const void *child)
{
    const struct rrto_graph *graph = rrto_graph_check(child);
    *ret_work = (struct rrto_work){.kind = RRTO_NODE_GRAPH};
    if (!graph)
        return RRTO_CUDA_INVALID_VALUE;
    ret_work->child = rrto_graph_clone(graph, true);
    if (!ret_work->child)
        return RRTO_CUDA_NO_MEMORY;
    ret_work->child->inner = true;
    return RRTO_CUDA_SUCCESS;
}

int32_t rrto_call_add_node(int32_t result, void *ret_node, const void *handle, const void *dependencies, size_t n,
                           struct rrto_work *work)
{
    struct rrto_graph *graph = rrto_graph_check(handle);
    if (!result && (!graph || !ret_node))
        result = RRTO_CUDA_INVALID_VALUE;
    struct rrto_graph_node **nodes = result ? NULL : nodes_of(dependencies, n, &result);
    if (result) {
        rrto_work_fini(work);
        return result;
    }
    const struct rrto_graph_node *node = rrto_graph_add(graph, nodes, n, work, &result);
    free(nodes);
    if (node)
        put_pointer(ret_node, node->handle);
    return result;
}

int32_t rrto_call_set_node(int32_t result, const void *exec_handle, const void *node_handle, struct rrto_work *work)
{
    struct rrto_exec *exec = rrto_exec_check(exec_handle);
    const struct rrto_graph_node *node = rrto_graph_node_check(node_handle);
    if (!result && (!exec || !node))
        result = RRTO_CUDA_INVALID_VALUE;
    if (!result)
        return rrto_exec_set(exec, node, work);
    rrto_work_fini(work);
    return result;
}

int32_t rrto_call_instantiate(void *ret_exec, const void *handle, uint64_t flags)
{
    const struct rrto_graph *graph = rrto_graph_check(handle);
    struct rrto_exec *exec;
    if (!graph || !ret_exec || flags & ~(uint64_t)EXEC_FLAGS)
        return RRTO_CUDA_INVALID_VALUE;
    if (flags & FLAG_DEVICE_LAUNCH)
        return RRTO_CUDA_NOT_SUPPORTED;
    int32_t result = rrto_exec_create(graph, flags, &exec);
    if (!result)
        put_pointer(ret_exec, rrto_exec_handle(exec));
    return result;
}

int32_t rrto_call_exec_destroy(const void *handle)
{
    struct rrto_exec *exec = rrto_exec_check(handle);
    rrto_exec_destroy(exec);
    return exec ? RRTO_CUDA_SUCCESS : RRTO_CUDA_INVALID_VALUE;
}

int32_t rrto_call_exec_update(const void *handle, const void *graph_handle, void *ret_info)
{
    struct rrto_exec *exec = rrto_exec_check(handle);
    const struct rrto_graph *graph = rrto_graph_check(graph_handle);
    const struct rrto_graph_node *node;
    enum rrto_update_result why;
    struct { /* CUgraphExecUpdateResultInfo */
        int32_t result;
        const void *node, *from;
    } info;
    if (!exec || !graph || !ret_info)
        return RRTO_CUDA_INVALID_VALUE;
    memset(&info, 0, sizeof info);
    int32_t result = rrto_exec_update(exec, graph, &why, &node);
    info.result = (int32_t)why;
    info.node = node ? node->handle : NULL;
    memcpy(ret_info, &info, sizeof info);
    return result;
}

int32_t rrto_call_exec_flags(const void *handle, void *ret_flags)
{
    const struct rrto_exec *exec = rrto_exec_check(handle);
    if (!exec || !ret_flags)
        return RRTO_CUDA_INVALID_VALUE;
    uint64_t flags = rrto_exec_flags(exec);
    memcpy(ret_flags, &flags, sizeof flags);
    return RRTO_CUDA_SUCCESS;
}

/* The nodes are here, and the server learns of them by the launch: there is nothing to bring in advance. */
int32_t rrto_call_upload(const void *handle, const void *stream)
{
    uint32_t id;
    if (!rrto_exec_check(handle))
        return RRTO_CUDA_INVALID_VALUE;
    return rrto_stream_id(stream, &id) ? RRTO_CUDA_SUCCESS : RRTO_CUDA_INVALID_HANDLE;
}

int32_t rrto_call_launch(const void *handle, const void *stream)
{
    struct rrto_exec *exec = rrto_exec_check(handle);
    return exec ? rrto_exec_launch(exec, stream) : RRTO_CUDA_INVALID_VALUE;
}
