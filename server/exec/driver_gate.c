/* SPDX-License-Identifier: Apache-2.0 */
/* Gates, and copies whose bytes come later. */
#include "base/status.h"
#include "gen/server_bodies.h"
#include "session.h"

#include <string.h>

int32_t rrto_server_stream_gate(struct rrto_exec *exec, const struct rrto_args_stream_gate *args)
{
    void *stream;
    if (!rrto_worker_stream(exec->worker, args->stream, &stream))
        return RRTO_INVALID;
    int32_t error =
        rrto_worker_complete_after(exec, stream, NULL, NULL, 0); /* what the client waits for comes before */
    return error ? error : rrto_gates_close(exec->worker, args->gate, stream, NULL, 0);
}

int32_t rrto_server_gate_open(struct rrto_exec *exec, const struct rrto_args_gate_open *args)
{
    const struct rrto_gate *gate = rrto_gates_find(exec->worker, args->gate);
    if (!gate || gate->block) /* one with memory is opened by what fills it */
        return RRTO_INVALID;
    return rrto_gates_open(exec->worker, args->gate);
}

/* The stream waits for the gate, then copies what will have come. */
static int32_t copy_late(struct rrto_worker *worker, uint64_t dst, uint64_t n_bytes, void *stream, uint32_t gate)
{
    if (n_bytes == 0 || n_bytes > (uint64_t)1 << RRTO_STAGING_MAX_SHIFT)
        return RRTO_INVALID;
    rrto_worker_make_room(worker);
    struct rrto_staging_block *block = rrto_staging_get(&worker->staging, n_bytes, true);
    if (!block)
        return RRTO_NO_MEMORY;
    if (!block->shift) { /* pageable: the driver might read it now */
        rrto_staging_release(block);
        return RRTO_CU_OUT_OF_MEMORY;
    }
    rrto_staging_share(block, 1); /* the gate's until it is filled, the copy's until it is done */
    int32_t error = rrto_gates_close(worker, gate, stream, block, n_bytes);
    if (!error)
        error = worker->driver.cuMemcpyHtoDAsync_v2(dst, block->data, n_bytes, stream);
    void *event = error ? NULL : rrto_completion_record(&worker->completion, stream, &error);
    if (event)
        rrto_worker_retire(worker, event, block, -1);
    else
        rrto_staging_release(block);
    return error;
}

int32_t rrto_server_mem_copy_h2d_late(struct rrto_exec *exec, const struct rrto_args_mem_copy_h2d_late *args)
{
    void *stream;
    if (!rrto_worker_stream(exec->worker, args->stream, &stream) || !args->dst)
        return RRTO_INVALID;
    return copy_late(exec->worker, args->dst, args->n_bytes, stream, args->gate);
}

int32_t rrto_server_symbol_copy_h2d_late(struct rrto_exec *exec, const struct rrto_args_symbol_copy_h2d_late *args)
{
    uint64_t address = 0;
    size_t n = 0;
    void *stream;
    if (!rrto_worker_stream(exec->worker, args->stream, &stream))
        return RRTO_INVALID;
    int32_t error = rrto_worker_find_symbol(exec->worker, args->module, args->name, args->n_name, &address, &n);
    if (error)
        return error;
    if (args->offset > n || args->n_bytes > n - args->offset)
        return RRTO_INVALID;
    return copy_late(exec->worker, address + args->offset, args->n_bytes, stream, args->gate);
}

/* The payload has been received into the gate's own memory. */
int32_t rrto_server_gate_fill(struct rrto_exec *exec, const struct rrto_args_gate_fill *args)
{
    const struct rrto_gate *gate = rrto_gates_find(exec->worker, args->gate);
    if (!gate || !gate->block || exec->up != gate->block->data || exec->n_up != gate->n_bytes)
        return RRTO_INVALID;
    return rrto_gates_open(exec->worker, args->gate);
}
