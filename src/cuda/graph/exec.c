/* SPDX-License-Identifier: Apache-2.0 */
/* Instantiating and launching: a frozen copy of the graph, its nodes in a legal serial order, issued one by one. */
#include "cuda/graph/exec.h"

#include "cuda/error.h"
#include "cuda/graph/capture.h"
#include "cuda/graph/library.h"
#include "cuda/host_function.h"
#include "cuda/memory.h"
#include "cuda/module.h"
#include "cuda/object.h"
#include "cuda/room.h"
#include "cuda/stream.h"
#include "gen/issue_ops.h"
#include "replay/issue.h"

#include <stdlib.h>
#include <string.h>

enum { LAUNCH_FAILED = 719 };

struct rrto_exec {
    struct rrto_object *handle;
    struct rrto_graph *graph;       /* frozen */
    struct rrto_graph_node **order; /* its nodes, those of child graphs in their place */
    size_t n_order;
    uint64_t flags;
    uint32_t event; /* session id of the event that orders launches on several streams; 0: none yet */
    bool launched;  /* on: */
    const void *last_stream;
    uint32_t last_id;
};

struct rrto_exec *rrto_exec_check(const void *handle)
{
    const struct rrto_object *object = rrto_object_check(handle, RRTO_OBJECT_EXEC);
    return object ? object->data : NULL;
}

void *rrto_exec_handle(const struct rrto_exec *exec)
{
    return exec->handle;
}

uint64_t rrto_exec_flags(const struct rrto_exec *exec)
{
    return exec->flags;
}

static size_t count_nodes(const struct rrto_graph *graph)
{
    size_t n = graph->n_nodes;
    for (size_t i = 0; i < graph->n_nodes; i++)
        if (graph->nodes[i]->work.child)
            n += count_nodes(graph->nodes[i]->work.child);
    return n;
}

/* Appends the nodes of graph to order, child graphs in the place of their nodes. */
static int32_t flatten(const struct rrto_graph *graph, struct rrto_graph_node **order, size_t *n)
{
    struct rrto_graph_node **sorted = malloc((graph->n_nodes + 1) * sizeof *sorted);
    if (!sorted)
        return RRTO_CUDA_NO_MEMORY;
    int32_t result = rrto_graph_sort(graph, sorted);
    for (size_t i = 0; i < graph->n_nodes && !result; i++) {
        if (sorted[i]->work.child)
            result = flatten(sorted[i]->work.child, order, n);
        else
            order[(*n)++] = sorted[i];
    }
    free(sorted);
    return result;
}

static int32_t freeze(struct rrto_exec *exec, struct rrto_graph *graph)
{
    size_t n = 0;
    struct rrto_graph_node **order = malloc((count_nodes(graph) + 1) * sizeof *order);
    if (!order)
        return RRTO_CUDA_NO_MEMORY;
    int32_t result = flatten(graph, order, &n);
    if (result) {
        free(order);
        return result;
    }
    free(exec->order);
    rrto_graph_destroy(exec->graph);
    exec->graph = graph;
    exec->order = order;
    exec->n_order = n;
    return RRTO_CUDA_SUCCESS;
}

int32_t rrto_exec_create(const struct rrto_graph *graph, uint64_t flags, struct rrto_exec **ret_exec)
{
    struct rrto_exec *exec = calloc(1, sizeof *exec);
    struct rrto_graph *copy = exec ? rrto_graph_clone(graph, false) : NULL;
    int32_t result = copy ? freeze(exec, copy) : RRTO_CUDA_NO_MEMORY;
    if (result)
        rrto_graph_destroy(copy);
    for (size_t i = 0; !result && i < exec->n_order; i++) /* the first launch shall not be the slow one */
        result = rrto_library_ready(exec->order[i]->work.library.library);
    if (!result) {
        exec->flags = flags;
        exec->handle = rrto_object_create(RRTO_OBJECT_EXEC);
        if (exec->handle)
            exec->handle->data = exec;
        else
            result = RRTO_CUDA_NO_MEMORY;
    }
    if (result)
        rrto_exec_destroy(exec);
    else
        *ret_exec = exec;
    return result;
}

void rrto_exec_destroy(struct rrto_exec *exec)
{
    if (!exec)
        return;
    if (exec->handle)
        rrto_object_destroy(exec->handle, RRTO_OBJECT_EXEC);
    if (exec->event) {
        struct rrto_args_event_destroy args = {.event = exec->event};
        (void)rrto_issue_event_destroy(&args, NULL);
    }
    rrto_graph_destroy(exec->graph);
    free(exec->order);
    free(exec);
}

/* Whether the memory that the op touches is still there: that ops on memory cannot fail depends on it. A variable goes
 * with its module. */
static bool memory_is_there(const struct rrto_work *work)
{
    struct rrto_dec dec;
    rrto_dec_init(&dec, work->op, work->n_op);
    switch (rrto_op_number(work->op)) {
    case RRTO_OP_mem_copy_h2d: {
        struct rrto_args_mem_copy_h2d args;
        return rrto_unpack_mem_copy_h2d(&dec, &args) && rrto_memory_live(args.dst, args.n_bytes);
    }
    case RRTO_OP_mem_copy_d2h: {
        struct rrto_args_mem_copy_d2h args;
        return rrto_unpack_mem_copy_d2h(&dec, &args) && rrto_memory_live(args.src, args.n_bytes);
    }
    case RRTO_OP_mem_copy_d2d: {
        struct rrto_args_mem_copy_d2d args;
        return rrto_unpack_mem_copy_d2d(&dec, &args) && rrto_memory_live(args.dst, args.n_bytes) &&
               rrto_memory_live(args.src, args.n_bytes);
    }
    case RRTO_OP_mem_copy_2d: {
        struct rrto_args_mem_copy_2d args;
        return rrto_unpack_mem_copy_2d(&dec, &args) &&
               rrto_memory_live(args.dst, args.dst_pitch * (args.height - 1) + args.width) &&
               rrto_memory_live(args.src, args.src_pitch * (args.height - 1) + args.width);
    }
    case RRTO_OP_mem_set_d8: {
        struct rrto_args_mem_set_d8 args;
        return rrto_unpack_mem_set_d8(&dec, &args) && rrto_memory_live(args.dst, args.n);
    }
    case RRTO_OP_mem_set_d16: {
        struct rrto_args_mem_set_d16 args;
        return rrto_unpack_mem_set_d16(&dec, &args) && rrto_memory_live(args.dst, args.n * 2);
    }
    case RRTO_OP_mem_set_d32: {
        struct rrto_args_mem_set_d32 args;
        return rrto_unpack_mem_set_d32(&dec, &args) && rrto_memory_live(args.dst, args.n * 4);
    }
    case RRTO_OP_mem_set_2d_d8: {
        struct rrto_args_mem_set_2d_d8 args;
        return rrto_unpack_mem_set_2d_d8(&dec, &args) &&
               rrto_memory_live(args.dst, args.pitch * (args.height - 1) + args.width);
    }
    case RRTO_OP_symbol_copy_h2d: {
        struct rrto_args_symbol_copy_h2d args;
        return rrto_unpack_symbol_copy_h2d(&dec, &args) && rrto_module_is_loaded(args.module);
    }
    default:
        return true;
    }
}

/* Whether what the nodes name still exists, before anything is issued. */
static int32_t check_nodes(const struct rrto_exec *exec)
{
    for (size_t i = 0; i < exec->n_order; i++) {
        const struct rrto_work *work = &exec->order[i]->work;
        if (work->event && !rrto_object_check(work->event, RRTO_OBJECT_EVENT))
            return RRTO_CUDA_INVALID_HANDLE;
        if (work->function && !rrto_object_check(work->function, RRTO_OBJECT_FUNCTION))
            return RRTO_CUDA_INVALID_HANDLE;
        if (work->op && work->kind != RRTO_NODE_KERNEL && !memory_is_there(work))
            return RRTO_CUDA_INVALID_VALUE;
    }
    return RRTO_CUDA_SUCCESS;
}

/* Ops that are about streams as the server has them, whatever is captured here meanwhile. */
static int32_t record_on(uint32_t event, uint32_t stream)
{
    struct rrto_args_event_record args = {.event = event, .stream = stream};
    struct rrto_buf *buf = rrto_issue_scratch();
    rrto_pack_event_record(buf, &args);
    return rrto_cuda_issued(buf->failed ? RRTO_NO_MEMORY : rrto_issue(buf->data, buf->size, NULL));
}

/* A launch comes behind the previous one of the same executable graph, also on another stream. */
static int32_t come_behind_last(struct rrto_exec *exec, uint32_t stream)
{
    if (!exec->launched || exec->last_id == stream)
        return RRTO_CUDA_SUCCESS;
    if ((uintptr_t)exec->last_stream > RRTO_STREAM_PER_THREAD) {
        const struct rrto_object *last = rrto_object_check(exec->last_stream, RRTO_OBJECT_STREAM);
        if (!last || last->id != exec->last_id) { /* destroyed since; its work goes on */
            struct rrto_args_device_synchronize args = {0};
            return rrto_cuda_issued(rrto_issue_device_synchronize(&args, NULL));
        }
    }
    if (!exec->event) {
        uint32_t event = rrto_object_mint(RRTO_OBJECT_EVENT);
        struct rrto_args_event_create create = {.event = event, .flags = RRTO_EVENT_DISABLE_TIMING};
        int32_t result = rrto_cuda_issued(rrto_issue_event_create(&create, NULL));
        if (result)
            return result;
        exec->event = event;
    }
    struct rrto_args_stream_wait_event wait = {.stream = stream, .event = exec->event};
    int32_t result = record_on(exec->event, exec->last_id);
    if (rrto_host_functions_any()) {
        rrto_host_functions_record(exec->event, exec->last_id);
        rrto_host_functions_wait_event(stream, exec->event);
    }
    return result ? result : rrto_cuda_issued(rrto_issue_stream_wait_event(&wait, NULL));
}

struct launch {
    uint32_t stream;
    bool blocking;     /* the stream is ordered with the legacy one */
    size_t n_places;   /* for host functions, and for copies whose sources are read late */
    bool soft;         /* a soft GPU */
    bool counted;      /* what is copied, which has room on the server beside host functions */
    bool large;        /* it has none */
    uint64_t position; /* of the last copy */
    struct rrto_library_twins twins;
};

/* Whether what is issued next comes behind a host function that has not run. */
static bool behind_function(const struct launch *launch)
{
    return launch->n_places && rrto_host_functions_pending(launch->stream);
}

/* The source is read when the functions have run, page-locked or not: CUDA's graphs read it at the node's turn. */
static int32_t issue_late(const struct rrto_work *work, struct launch *launch)
{
    struct rrto_dec dec;
    struct rrto_args_mem_copy_h2d copy;
    struct rrto_args_symbol_copy_h2d symbol;
    uint16_t number = rrto_op_number(work->op);
    rrto_dec_init(&dec, work->op, work->n_op);
    if (number == RRTO_OP_mem_copy_h2d && rrto_unpack_mem_copy_h2d(&dec, &copy))
        return rrto_memory_copy_late(copy.dst, work->up, copy.n_bytes, launch->stream, &launch->position);
    if (number != RRTO_OP_symbol_copy_h2d || !rrto_unpack_symbol_copy_h2d(&dec, &symbol))
        return RRTO_CUDA_NOT_SUPPORTED;
    symbol.stream = launch->stream;
    return rrto_memory_copy_symbol_late(&symbol, work->up, &launch->position);
}

/* The soft cuBLAS and cuDNN compute at the call: see rrto_client_id_stream; and copies may need room on the server.
 * Others may come between here. */
static void let_functions_run(const struct launch *launch)
{
    rrto_issue_hold(false);
    (void)rrto_host_functions_wait(launch->stream);
    rrto_issue_hold(true);
}

/* What has no room on the server: no more of it than one copy. */
static int32_t let_copy_end(const struct launch *launch)
{
    struct rrto_args_stream_synchronize args = {.stream = launch->stream};
    struct rrto_buf *buf = rrto_issue_scratch();
    rrto_pack_stream_synchronize(buf, &args);
    rrto_issue_hold(false);
    int32_t result = rrto_cuda_issued(buf->failed ? RRTO_NO_MEMORY : rrto_issue(buf->data, buf->size, NULL));
    rrto_issue_hold(true);
    return result;
}

static int32_t issue_op(struct rrto_work *work, struct launch *launch)
{
    const struct rrto_op_info *info = rrto_op_info_of(work->op, work->n_op);
    bool copies = work->up || work->down;
    bool waits = work->library.library != RRTO_USE_NONE ? launch->soft : launch->large && copies;
    if (waits && behind_function(launch))
        let_functions_run(launch);
    if (work->library.library != RRTO_USE_NONE) {
        uint32_t handle;
        int32_t result = rrto_library_twin(&launch->twins, &work->library, launch->stream, &handle);
        if (result)
            return result;
        memcpy(work->op + RRTO_OP_HEADER_BYTES, &handle, sizeof handle);
    } else {
        memcpy(work->op + info->stream_offset, &launch->stream, sizeof launch->stream);
    }
    if (work->up && behind_function(launch))
        return issue_late(work, launch);
    if (work->up) { /* a copy down may still be on its way there */
        uint64_t n_bytes;
        memcpy(&n_bytes, work->op + info->size_offset, sizeof n_bytes);
        rrto_issue_drain(work->up, n_bytes);
    }
    struct rrto_issue_extra extra = {
        .up = work->up, .down = work->down, .ret_position = copies ? &launch->position : NULL};
    int32_t status = rrto_issue(work->op, work->n_op, &extra);
    if (status == 0 && launch->large && copies)
        return let_copy_end(launch);
    return status > 0 && strcmp(info->library, "cuda") != 0 ? LAUNCH_FAILED : rrto_cuda_issued(status);
}

static int32_t issue_node(struct rrto_work *work, struct launch *launch)
{
    switch (work->kind) {
    case RRTO_NODE_HOST:
        return rrto_host_function_add(launch->stream, launch->blocking, work->host, work->host_data);
    case RRTO_NODE_RECORD_EVENT:
        return rrto_event_record_on(work->event, launch->stream, 0);
    case RRTO_NODE_WAIT_EVENT:
        return rrto_stream_wait_event_on(launch->stream, work->event, 0);
    case RRTO_NODE_EMPTY:
    case RRTO_NODE_GRAPH:
        return RRTO_CUDA_SUCCESS;
    case RRTO_NODE_KERNEL:
    case RRTO_NODE_MEMCPY:
    case RRTO_NODE_MEMSET:
        break;
    }
    return issue_op(work, launch);
}

static uint64_t copied_bytes(const struct rrto_work *work)
{
    uint64_t n_bytes = 0;
    if (work->up || work->down)
        memcpy(&n_bytes, work->op + rrto_op_info_of(work->op, work->n_op)->size_offset, sizeof n_bytes);
    return n_bytes;
}

/* Nothing may be waited for once the launch has begun: what it may need is got before. */
static int32_t prepare(const struct rrto_exec *exec, struct launch *launch)
{
    const struct rrto_device_info *device = rrto_session_device();
    bool functions = rrto_host_functions_any();
    size_t n_places = 0;
    uint64_t n_kept = 0;
    int32_t result = RRTO_CUDA_SUCCESS;
    for (size_t i = 0; i < exec->n_order && !result; i++) {
        const struct rrto_work *work = &exec->order[i]->work;
        functions = functions || work->kind == RRTO_NODE_HOST;
        if (work->kind == RRTO_NODE_HOST)
            n_places++;
        else if (work->up)
            n_places += rrto_late_copy_pieces(copied_bytes(work));
        if (work->up || work->down)
            n_kept += rrto_room_kept(copied_bytes(work)); /* of memory that is there: no overflow */
        result = rrto_library_take(&launch->twins, work->library.library);
    }
    launch->soft = device && device->soft;
    launch->n_places = functions ? n_places : 0;
    launch->counted = !result && functions && n_kept && rrto_room_take(launch->stream, n_kept);
    launch->large = functions && n_kept && !launch->counted;
    return result;
}

static int32_t launch_captured(const struct rrto_exec *exec, uint32_t stream)
{
    struct rrto_work work = {.kind = RRTO_NODE_GRAPH, .child = rrto_graph_clone(exec->graph, true)};
    if (!work.child)
        return RRTO_CUDA_NO_MEMORY;
    work.child->inner = true;
    return rrto_capture_add(stream, &work);
}

static int32_t issue_nodes(const struct rrto_exec *exec, struct launch *launch)
{
    int32_t result = launch->n_places ? rrto_host_functions_begin(launch->n_places) : RRTO_CUDA_SUCCESS;
    if (result)
        return result;
    rrto_issue_hold(true);
    for (size_t i = 0; i < exec->n_order && !result; i++)
        result = issue_node(&exec->order[i]->work, launch);
    rrto_issue_hold(false);
    if (launch->n_places)
        rrto_host_functions_end();
    return result;
}

int32_t rrto_exec_launch(struct rrto_exec *exec, const void *stream)
{
    struct launch launch = {.n_places = 0};
    uint32_t flags = 0;
    if (!rrto_stream_id(stream, &launch.stream) || rrto_stream_flags(stream, &flags))
        return RRTO_CUDA_INVALID_HANDLE;
    launch.blocking = !(flags & RRTO_STREAM_NON_BLOCKING);
    if (rrto_capture_has(launch.stream))
        return launch_captured(exec, launch.stream);
    int32_t result = rrto_capture_touch(launch.stream); /* the legacy stream while others are captured */
    if (!result)
        result = check_nodes(exec);
    if (!result)
        result = come_behind_last(exec, launch.stream); /* it may wait for the device */
    if (!result)
        result = prepare(exec, &launch);
    if (!result) {
        result = issue_nodes(exec, &launch);
        if (launch.counted)
            rrto_room_taken(launch.stream, launch.position);
        exec->launched = true;
        exec->last_stream = stream;
        exec->last_id = launch.stream;
    }
    rrto_library_give_back(&launch.twins);
    return result;
}

/* How the work of a node differs from what it has been, beyond what an update may change. */
static enum rrto_update_result compare_work(const struct rrto_work *old, const struct rrto_work *work)
{
    if (old->kind != work->kind)
        return RRTO_UPDATE_KIND;
    if (old->kind == RRTO_NODE_KERNEL && !old->function != !work->function)
        return RRTO_UPDATE_PARAMETERS;
    bool copies = old->kind == RRTO_NODE_MEMCPY || (old->kind == RRTO_NODE_KERNEL && !old->function);
    if (copies && memcmp(old->op, work->op, sizeof(uint16_t)) != 0)
        return RRTO_UPDATE_PARAMETERS; /* another direction, another library call */
    return RRTO_UPDATE_SUCCESS;
}

/* Compares; the new nodes get the names of the old ones, by which the application knows them. */
static enum rrto_update_result compare(const struct rrto_graph *old, struct rrto_graph *graph,
                                       const struct rrto_graph *application, const struct rrto_graph_node **ret_node)
{
    *ret_node = NULL;
    if (old->n_nodes != graph->n_nodes)
        return RRTO_UPDATE_TOPOLOGY;
    for (size_t i = 0; i < old->n_nodes; i++) {
        const struct rrto_graph_node *before = old->nodes[i];
        struct rrto_graph_node *node = graph->nodes[i];
        *ret_node = application->nodes[i];
        enum rrto_update_result result = compare_work(&before->work, &node->work);
        if (result != RRTO_UPDATE_SUCCESS)
            return result;
        if (before->n_dependencies != node->n_dependencies)
            return RRTO_UPDATE_TOPOLOGY;
        for (size_t k = 0; k < before->n_dependencies; k++)
            if (!rrto_graph_connected(graph->nodes[before->dependencies[k]->index], node))
                return RRTO_UPDATE_TOPOLOGY;
        if (before->work.child) {
            result = compare(before->work.child, node->work.child, application->nodes[i]->work.child, ret_node);
            if (result != RRTO_UPDATE_SUCCESS)
                return result;
        }
        node->origin = before->origin;
    }
    *ret_node = NULL;
    return RRTO_UPDATE_SUCCESS;
}

int32_t rrto_exec_update(struct rrto_exec *exec, const struct rrto_graph *graph, enum rrto_update_result *ret_result,
                         const struct rrto_graph_node **ret_node)
{
    struct rrto_graph *copy = rrto_graph_clone(graph, false);
    *ret_result = RRTO_UPDATE_ERROR;
    *ret_node = NULL;
    if (!copy)
        return RRTO_CUDA_NO_MEMORY;
    *ret_result = compare(exec->graph, copy, graph, ret_node);
    int32_t result = *ret_result == RRTO_UPDATE_SUCCESS ? freeze(exec, copy) : RRTO_CUDA_GRAPH_UPDATE_FAILURE;
    if (result)
        rrto_graph_destroy(copy);
    return result;
}

int32_t rrto_exec_set(struct rrto_exec *exec, const struct rrto_graph_node *node, struct rrto_work *work)
{
    int32_t result = RRTO_CUDA_INVALID_VALUE;
    for (size_t i = 0; i < exec->n_order && result; i++) {
        struct rrto_graph_node *own = exec->order[i];
        if (own->origin != node->id || compare_work(&own->work, work) != RRTO_UPDATE_SUCCESS)
            continue;
        rrto_work_fini(&own->work);
        own->work = *work;
        memset(work, 0, sizeof *work);
        result = RRTO_CUDA_SUCCESS;
    }
    rrto_work_fini(work);
    return result;
}
