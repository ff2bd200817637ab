/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes and edges. */
#include "cuda/graph/graph.h"

#include "cuda/error.h"
#include "cuda/object.h"

#include <stdlib.h>
#include <string.h>

void rrto_work_fini(struct rrto_work *work)
{
    free(work->op);
    rrto_graph_destroy(work->child);
    memset(work, 0, sizeof *work);
}

bool rrto_work_copy(struct rrto_work *ret_work, const struct rrto_work *work, bool handles)
{
    struct rrto_work copy = *work;
    copy.op = NULL;
    copy.child = NULL;
    memset(ret_work, 0, sizeof *ret_work);
    if (work->op) {
        copy.op = malloc(work->n_op);
        if (!copy.op)
            return false;
        memcpy(copy.op, work->op, work->n_op);
    }
    if (work->child) {
        copy.child = rrto_graph_clone(work->child, handles);
        if (!copy.child) {
            free(copy.op);
            return false;
        }
        copy.child->inner = true;
    }
    *ret_work = copy;
    return true;
}

struct rrto_graph *rrto_graph_create(bool handles)
{
    struct rrto_graph *graph = calloc(1, sizeof *graph);
    if (!graph || !handles)
        return graph;
    graph->handle = rrto_object_create(RRTO_OBJECT_GRAPH);
    if (!graph->handle) {
        free(graph);
        return NULL;
    }
    graph->handle->data = graph;
    graph->id = graph->handle->id;
    return graph;
}

static void destroy_node(struct rrto_graph_node *node)
{
    if (node->handle)
        rrto_object_destroy(node->handle, RRTO_OBJECT_NODE);
    rrto_work_fini(&node->work);
    free(node->dependencies);
    free(node);
}

struct rrto_graph *rrto_graph_destroy(struct rrto_graph *graph)
{
    if (!graph)
        return NULL;
    for (size_t i = 0; i < graph->n_nodes; i++)
        destroy_node(graph->nodes[i]);
    if (graph->handle)
        rrto_object_destroy(graph->handle, RRTO_OBJECT_GRAPH);
    free(graph->nodes);
    free(graph);
    return NULL;
}

struct rrto_graph *rrto_graph_check(const void *handle)
{
    const struct rrto_object *object = rrto_object_check(handle, RRTO_OBJECT_GRAPH);
    return object ? object->data : NULL;
}

struct rrto_graph_node *rrto_graph_node_check(const void *handle)
{
    const struct rrto_object *object = rrto_object_check(handle, RRTO_OBJECT_NODE);
    return object ? object->data : NULL;
}

static bool grow(struct rrto_graph *graph)
{
    if (graph->n_nodes < graph->capacity)
        return true;
    size_t capacity = graph->capacity ? 2 * graph->capacity : 16;
    void *grown = realloc(graph->nodes, capacity * sizeof(struct rrto_graph_node *));
    if (!grown)
        return false;
    graph->nodes = grown;
    graph->capacity = capacity;
    return true;
}

/* An empty node at the end of the graph. */
static struct rrto_graph_node *new_node(struct rrto_graph *graph, size_t n_dependencies)
{
    struct rrto_graph_node *node = grow(graph) ? calloc(1, sizeof *node) : NULL;
    if (!node)
        return NULL;
    node->dependencies = calloc(n_dependencies ? n_dependencies : 1, sizeof(struct rrto_graph_node *));
    if (graph->handle)
        node->handle = rrto_object_create(RRTO_OBJECT_NODE);
    if (!node->dependencies || (graph->handle && !node->handle)) {
        free(node->dependencies);
        free(node);
        return NULL;
    }
    node->graph = graph;
    node->id = node->handle ? node->handle->id : rrto_object_mint(RRTO_OBJECT_NODE);
    node->index = graph->n_nodes;
    if (node->handle)
        node->handle->data = node;
    graph->nodes[graph->n_nodes++] = node;
    return node;
}

struct rrto_graph *rrto_graph_clone(const struct rrto_graph *graph, bool handles)
{
    struct rrto_graph *clone = rrto_graph_create(handles);
    for (size_t i = 0; clone && i < graph->n_nodes; i++) {
        const struct rrto_graph_node *from = graph->nodes[i];
        struct rrto_graph_node *node = new_node(clone, from->n_dependencies);
        if (!node || !rrto_work_copy(&node->work, &from->work, handles))
            return rrto_graph_destroy(clone);
        node->origin = from->id;
    }
    for (size_t i = 0; clone && i < graph->n_nodes; i++) {
        const struct rrto_graph_node *from = graph->nodes[i];
        struct rrto_graph_node *node = clone->nodes[i];
        for (size_t k = 0; k < from->n_dependencies; k++)
            node->dependencies[k] = clone->nodes[from->dependencies[k]->index];
        node->n_dependencies = from->n_dependencies;
    }
    return clone;
}

struct rrto_graph_node *rrto_graph_add(struct rrto_graph *graph, struct rrto_graph_node *const *dependencies, size_t n,
                                       struct rrto_work *work, int32_t *ret_error)
{
    *ret_error = RRTO_CUDA_INVALID_VALUE;
    bool valid = true;
    for (size_t i = 0; i < n; i++)
        if (!dependencies[i] || dependencies[i]->graph != graph)
            valid = false;
    if (valid && n > 1) { /* one that stands there twice: marks tell */
        for (size_t i = 0; i < n; i++)
            dependencies[i]->mark = 0;
        for (size_t i = 0; i < n; i++)
            valid = valid && dependencies[i]->mark++ == 0;
    }
    struct rrto_graph_node *node = valid ? new_node(graph, n) : NULL;
    if (!node) {
        if (valid)
            *ret_error = RRTO_CUDA_NO_MEMORY;
        rrto_work_fini(work);
        return NULL;
    }
    node->work = *work;
    memset(work, 0, sizeof *work);
    if (n)
        memcpy(node->dependencies, dependencies, n * sizeof(struct rrto_graph_node *));
    node->n_dependencies = n;
    *ret_error = RRTO_CUDA_SUCCESS;
    return node;
}

void rrto_graph_remove(struct rrto_graph_node *node)
{
    struct rrto_graph *graph = node->graph;
    for (size_t i = 0; i < graph->n_nodes; i++)
        (void)rrto_graph_disconnect(node, graph->nodes[i]);
    for (size_t i = node->index; i + 1 < graph->n_nodes; i++) {
        graph->nodes[i] = graph->nodes[i + 1];
        graph->nodes[i]->index = i;
    }
    graph->n_nodes--;
    destroy_node(node);
}

bool rrto_graph_connected(const struct rrto_graph_node *from, const struct rrto_graph_node *to)
{
    for (size_t i = 0; i < to->n_dependencies; i++)
        if (to->dependencies[i] == from)
            return true;
    return false;
}

int32_t rrto_graph_connect(struct rrto_graph_node *from, struct rrto_graph_node *to)
{
    if (from == to || from->graph != to->graph || rrto_graph_connected(from, to))
        return RRTO_CUDA_INVALID_VALUE;
    void *grown = realloc(to->dependencies, (to->n_dependencies + 1) * sizeof(struct rrto_graph_node *));
    if (!grown)
        return RRTO_CUDA_NO_MEMORY;
    to->dependencies = grown;
    to->dependencies[to->n_dependencies++] = from;
    return RRTO_CUDA_SUCCESS;
}

int32_t rrto_graph_disconnect(const struct rrto_graph_node *from, struct rrto_graph_node *to)
{
    for (size_t i = 0; i < to->n_dependencies; i++)
        if (to->dependencies[i] == from) {
            memmove(&to->dependencies[i], &to->dependencies[i + 1],
                    (to->n_dependencies - i - 1) * sizeof(struct rrto_graph_node *));
            to->n_dependencies--;
            return RRTO_CUDA_SUCCESS;
        }
    return RRTO_CUDA_INVALID_VALUE;
}

size_t rrto_graph_n_edges(const struct rrto_graph *graph)
{
    size_t n = 0;
    for (size_t i = 0; i < graph->n_nodes; i++)
        n += graph->nodes[i]->n_dependencies;
    return n;
}

/* What is captured comes in a legal order already; graphs made by hand need not. */
static bool in_order(const struct rrto_graph *graph)
{
    for (size_t i = 0; i < graph->n_nodes; i++)
        for (size_t k = 0; k < graph->nodes[i]->n_dependencies; k++)
            if (graph->nodes[i]->dependencies[k]->index >= i)
                return false;
    return true;
}

int32_t rrto_graph_sort(const struct rrto_graph *graph, struct rrto_graph_node **order)
{
    if (graph->n_nodes == 0)
        return RRTO_CUDA_SUCCESS;
    if (in_order(graph)) {
        memcpy(order, graph->nodes, graph->n_nodes * sizeof *order);
        return RRTO_CUDA_SUCCESS;
    }
    for (size_t i = 0; i < graph->n_nodes; i++)
        graph->nodes[i]->mark = 0;
    /* Each round takes, in the order in which they were made, the nodes that wait for nothing. As many rounds as the
     * longest path; nothing is allocated. */
    size_t n = 0;
    for (bool progress = true; progress && n < graph->n_nodes;) {
        progress = false;
        for (size_t i = 0; i < graph->n_nodes; i++) {
            struct rrto_graph_node *node = graph->nodes[i];
            bool ready = !node->mark;
            for (size_t k = 0; ready && k < node->n_dependencies; k++)
                ready = node->dependencies[k]->mark;
            if (!ready)
                continue;
            node->mark = 1;
            order[n++] = node;
            progress = true;
        }
    }
    return n == graph->n_nodes ? RRTO_CUDA_SUCCESS : RRTO_CUDA_INVALID_VALUE;
}

bool rrto_graph_mark(struct rrto_graph *graph, struct rrto_graph_node *const *nodes, size_t n)
{
    struct rrto_graph_node **stack = malloc((graph->n_nodes + 1) * sizeof *stack);
    size_t n_stack = 0;
    if (!stack)
        return false;
    for (size_t i = 0; i < graph->n_nodes; i++)
        graph->nodes[i]->mark = 0;
    for (size_t i = 0; i < n; i++)
        if (!nodes[i]->mark) {
            nodes[i]->mark = 1;
            stack[n_stack++] = nodes[i];
        }
    while (n_stack) {
        const struct rrto_graph_node *node = stack[--n_stack];
        for (size_t k = 0; k < node->n_dependencies; k++)
            if (!node->dependencies[k]->mark) {
                node->dependencies[k]->mark = 1;
                stack[n_stack++] = node->dependencies[k];
            }
    }
    free(stack);
    return true;
}
