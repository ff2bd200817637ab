/* SPDX-License-Identifier: Apache-2.0 */
/* Where every op of the front ends passes by. Nearly always that is one load; while something is captured, an op whose
 * stream is captured becomes a node. */
#include "cuda/error.h"
#include "cuda/graph/state.h"
#include "cuda/host_function.h"
#include "cuda/thread.h"
#include "gen/client_bodies.h"
#include "gen/issue_ops.h"
#include "replay/issue.h"

#include <stdlib.h>
#include <string.h>

void rrto_capture_function(struct rrto_object *function)
{
    rrto_cuda_thread()->recording.function = function;
}

bool rrto_capture_library(const struct rrto_library_use *use)
{
    struct rrto_recording *recording = &rrto_cuda_thread()->recording;
    recording->use = *use;
    return recording->into || rrto_capture_has(use->stream);
}

void rrto_work_begin(struct rrto_work *into)
{
    struct rrto_recording *recording = &rrto_cuda_thread()->recording;
    memset(into, 0, sizeof *into);
    *recording = (struct rrto_recording){.into = into};
    __atomic_fetch_add(&rrto_captures_watched, 1, __ATOMIC_RELAXED);
}

int32_t rrto_work_end(int32_t result)
{
    struct rrto_recording *recording = &rrto_cuda_thread()->recording;
    if (!result && recording->n != 1)
        result = recording->n ? RRTO_CUDA_NOT_SUPPORTED : RRTO_CUDA_INVALID_VALUE;
    if (result)
        rrto_work_fini(recording->into);
    *recording = (struct rrto_recording){.n = 0};
    __atomic_fetch_sub(&rrto_captures_watched, 1, __ATOMIC_RELAXED);
    return result;
}

/* A CUDA result as the op's library says it. */
static int32_t as_status(const struct rrto_op_info *info, int32_t error)
{
    if (error == RRTO_CUDA_SUCCESS)
        return error;
    if (strncmp(info->library, "cublas", 6) == 0)
        return CUBLAS_STATUS_EXECUTION_FAILED;
    return strcmp(info->library, "cudnn") == 0 ? CUDNN_STATUS_EXECUTION_FAILED : error;
}

static const char *library_name(enum rrto_library_kind library)
{
    return library == RRTO_USE_CUBLAS ? "cublas" : library == RRTO_USE_CUDNN ? "cudnn" : "";
}

/* The stream that the op goes to; *use, when it is told by a library's handle. */
static bool stream_of(const struct rrto_op_info *info, const uint8_t *op, size_t n, struct rrto_recording *recording,
                      struct rrto_library_use *ret_use, uint32_t *ret_stream)
{
    *ret_use = (struct rrto_library_use){.library = RRTO_USE_NONE};
    if (!(info->flags & RRTO_OP_DEVICE))
        return false;
    if (info->stream_offset >= 0 && (size_t)info->stream_offset + sizeof *ret_stream <= n) {
        memcpy(ret_stream, op + info->stream_offset, sizeof *ret_stream);
        return true;
    }
    if (strcmp(info->library, library_name(recording->use.library)) != 0)
        return false;
    /* Every op that uses a handle has just been preceded by the hint about it. */
    *ret_use = recording->use;
    *ret_stream = ret_use->stream;
    recording->use.library = RRTO_USE_NONE;
    return true;
}

static enum rrto_node_kind kind_of(uint16_t number)
{
    switch (number) {
    case RRTO_OP_mem_copy_h2d:
    case RRTO_OP_mem_copy_d2h:
    case RRTO_OP_mem_copy_d2d:
    case RRTO_OP_mem_copy_2d:
    case RRTO_OP_symbol_copy_h2d:
        return RRTO_NODE_MEMCPY;
    case RRTO_OP_mem_set_d8:
    case RRTO_OP_mem_set_d16:
    case RRTO_OP_mem_set_d32:
    case RRTO_OP_mem_set_2d_d8:
        return RRTO_NODE_MEMSET;
    default:
        return RRTO_NODE_KERNEL;
    }
}

static bool can_be_recorded(const struct rrto_op_info *info, const struct rrto_issue_extra *extra,
                            const struct rrto_library_use *use, const uint8_t *op, size_t n)
{
    uint16_t number = rrto_op_number(op);
    uint32_t handle = 0;
    if (use->library != RRTO_USE_NONE && n >= RRTO_OP_HEADER_BYTES + sizeof handle)
        memcpy(&handle, op + RRTO_OP_HEADER_BYTES, sizeof handle);
    return !(info->flags & (RRTO_OP_SYNC | RRTO_OP_MEMO | RRTO_OP_ELIDABLE)) && number != RRTO_OP_event_record &&
           number != RRTO_OP_stream_wait_event && !(extra && ((extra->reply && extra->wait) || extra->order)) &&
           handle == use->handle;
}

static bool make_work(struct rrto_work *ret_work, const uint8_t *op, size_t n, const struct rrto_issue_extra *extra,
                      const struct rrto_library_use *use, struct rrto_object *function)
{
    uint16_t number = rrto_op_number(op);
    *ret_work = (struct rrto_work){.kind = kind_of(number), .library = *use, .n_op = n, .op = malloc(n)};
    if (!ret_work->op)
        return false;
    memcpy(ret_work->op, op, n);
    if (extra) {
        ret_work->up = extra->up;
        ret_work->down = extra->down;
    }
    if (number == RRTO_OP_launch)
        ret_work->function = function;
    return true;
}

/* Into the graph of the capture. *ret_captured: whether the stream is captured at all. */
static int32_t capture_op(const struct rrto_op_info *info, const uint8_t *op, size_t n,
                          const struct rrto_issue_extra *extra, const struct rrto_library_use *use, uint32_t stream,
                          struct rrto_object *function, bool *ret_captured)
{
    struct rrto_work work;
    struct rrto_capture_member *member;
    pthread_mutex_lock(&rrto_capture_lock);
    struct rrto_capture *capture = rrto_capture_of(stream, &member);
    int32_t result = RRTO_CUDA_SUCCESS;
    if (!capture) {
        result = stream == 0 && rrto_capture_invalidate_blocking() ? RRTO_CUDA_CAPTURE_IMPLICIT : RRTO_CUDA_SUCCESS;
    } else if (capture->invalidated) {
        result = RRTO_CUDA_CAPTURE_INVALIDATED;
    } else if (!can_be_recorded(info, extra, use, op, n)) {
        capture->invalidated = true;
        result = RRTO_CUDA_CAPTURE_UNSUPPORTED;
    } else if (!make_work(&work, op, n, extra, use, function)) {
        capture->invalidated = true;
        result = RRTO_CUDA_NO_MEMORY;
    } else {
        result = rrto_capture_append(capture, member, &work);
    }
    *ret_captured = capture || result;
    pthread_mutex_unlock(&rrto_capture_lock);
    return result;
}

/* Not in line: the way of nearly every op is a jump. */
static __attribute__((noinline)) int32_t issue_watched(const uint8_t *op, size_t n,
                                                       const struct rrto_issue_extra *extra)
{
    struct rrto_recording *recording = &rrto_cuda_thread()->recording;
    const struct rrto_op_info *info = rrto_op_info_of(op, n);
    struct rrto_library_use use;
    uint32_t stream;
    if (!info || !stream_of(info, op, n, recording, &use, &stream))
        return rrto_issue(op, n, extra);
    if (recording->into) {
        if (!can_be_recorded(info, extra, &use, op, n))
            return as_status(info, RRTO_CUDA_NOT_SUPPORTED);
        if (recording->n++ == 0 && !make_work(recording->into, op, n, extra, &use, recording->function))
            return as_status(info, RRTO_CUDA_NO_MEMORY);
        return 0;
    }
    bool captured;
    int32_t result = capture_op(info, op, n, extra, &use, stream, recording->function, &captured);
    return captured ? as_status(info, result) : rrto_issue(op, n, extra);
}

/* Ops at which the server's driver may wait for its device, which may be waiting for a host function; CUDA says as much
 * of loading code. They wait here: the server's executor could not go on to what the device waits for. And the one that
 * puts every stream behind every other one. */
static bool may_synchronise(const uint8_t *op)
{
    switch (rrto_op_number(op)) {
    case RRTO_OP_module_unload:
    case RRTO_OP_mem_free:
        return true;
    case RRTO_OP_module_load:
    case RRTO_OP_function_get:
    case RRTO_OP_cublas_create:
    case RRTO_OP_cublas_destroy:
    case RRTO_OP_cudnn_create:
    case RRTO_OP_cudnn_destroy:
    case RRTO_OP_cudnn_plan:
        return !rrto_session_device()->soft;
    default:
        return false;
    }
}

int32_t rrto_client_issue(const uint8_t *bytes, size_t n_bytes, const struct rrto_issue_extra *extra)
{
    int32_t status;
    do {
        if (rrto_host_functions_any() && may_synchronise(bytes) && rrto_host_functions_wait_all())
            return RRTO_LOST;
        status = __builtin_expect(rrto_capture_watched(), 0) ? issue_watched(bytes, n_bytes, extra)
                                                             : rrto_issue(bytes, n_bytes, extra);
    } while (status == RRTO_TIMEOUT); /* apart, and another thread's function has come in between */
    return status;
}
