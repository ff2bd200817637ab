/* SPDX-License-Identifier: Apache-2.0 */
/* Memory ops: pages behind the arena, copies from and to the client. */
#include "base/status.h"
#include "gen/server_bodies.h"
#include "session.h"

#include <string.h>

enum { PATIENCE_MS = 10000 };

int32_t rrto_server_mem_alloc(struct rrto_exec *exec, const struct rrto_args_mem_alloc *args)
{
    struct rrto_worker *worker = exec->worker;
    rrto_worker_collect(worker);
    int32_t error = rrto_backing_alloc(&worker->backing, args->va, args->n_bytes);
    /* Memory that is being freed still counts: wait for it, one by one. */
    while (error == RRTO_CU_OUT_OF_MEMORY && rrto_worker_collect_one(worker, PATIENCE_MS))
        error = rrto_backing_alloc(&worker->backing, args->va, args->n_bytes);
    return error;
}

struct retiring {
    struct rrto_worker *worker;
    bool recorded;
    int32_t error;
};

/* The stream whose work, right after a barrier, comes behind everything. */
static void *behind_barrier(const struct rrto_worker *worker)
{
    return worker->n_streams == 1 ? NULL : worker->barrier_stream;
}

/* Retired things are collected in order: the event of the first page holds back the others, too. */
static void retire(void *arg, uint32_t page)
{
    struct retiring *retiring = arg;
    struct rrto_worker *worker = retiring->worker;
    void *event = NULL;
    if (!retiring->recorded) {
        event = rrto_completion_record(&worker->completion, behind_barrier(worker), &retiring->error);
        if (!event)
            return; /* the page stays mapped; the session stops with the error */
        retiring->recorded = true;
    }
    rrto_worker_retire(worker, event, NULL, page);
}

/* Under the soft device's adversarial scheduler, what was freed is overwritten, where it stays mapped: behind all work
 * that was issued before, ahead of all that comes. */
static int32_t poison_freed(struct rrto_worker *worker, uint64_t va, uint64_t n_bytes, void **event)
{
    if (!*worker->options.sched || n_bytes > (uint64_t)16 << 20 || !worker->driver.cuMemsetD8Async ||
        !rrto_backing_covers(&worker->backing, va, n_bytes))
        return 0;
    int32_t error = worker->driver.cuMemsetD8Async(va, 0xfd, n_bytes, behind_barrier(worker));
    if (error)
        return error;
    rrto_completion_give(&worker->completion, *event);
    *event = NULL;
    return rrto_worker_barrier(worker, event);
}

int32_t rrto_server_mem_free(struct rrto_exec *exec, const struct rrto_args_mem_free *args)
{
    struct rrto_worker *worker = exec->worker;
    struct retiring retiring = {.worker = worker};
    /* Whoever gets this memory next, on whatever stream, comes behind everything that may use it now. */
    void *event = NULL;
    int32_t error = rrto_worker_barrier(worker, &event);
    if (!error)
        error = poison_freed(worker, args->va, args->n_bytes, &event);
    if (error)
        return error;
    error = rrto_backing_free(&worker->backing, args->va, args->n_bytes, retire, &retiring);
    rrto_completion_give(&worker->completion, event);
    return error ? error : retiring.error;
}

int32_t rrto_server_mem_copy_h2d(struct rrto_exec *exec, const struct rrto_args_mem_copy_h2d *args)
{
    struct rrto_worker *worker = exec->worker;
    void *stream;
    if (!rrto_worker_stream(worker, args->stream, &stream))
        return RRTO_INVALID;
    if (args->n_bytes == 0)
        return 0;
    if (!exec->up || exec->n_up != args->n_bytes || !args->dst)
        return RRTO_PROTOCOL;
    int32_t error = worker->driver.cuMemcpyHtoDAsync_v2(args->dst, exec->up, args->n_bytes, stream);
    return error ? error : rrto_worker_keep_up(exec, stream);
}

/* The results of a session that computes are kept, those of one that does not are what was kept (--answers). */
static int32_t copy_down(struct rrto_worker *worker, void *down, uint64_t src, uint64_t n, uint64_t n_all, void *stream)
{
    bool small = n_all <= RRTO_ANSWER_MAX_BYTES;
    if (small && rrto_answers_take(&worker->kept, down, n))
        return 0;
    int32_t error = worker->driver.cuMemcpyDtoHAsync_v2(down, src, n, stream);
    if (error || !small || worker->kept.fd < 0)
        return error;
    void *event = rrto_completion_record(&worker->completion, stream, &error);
    if (error)
        return error;
    error = worker->driver.cuEventSynchronize(event);
    rrto_completion_give(&worker->completion, event);
    if (!error)
        (void)rrto_answers_keep(&worker->kept, down, n);
    return error;
}

/* In pieces, so that the first ones are on their way to the client while the later ones are being copied. */
int32_t rrto_server_mem_copy_d2h(struct rrto_exec *exec, const struct rrto_args_mem_copy_d2h *args)
{
    struct rrto_worker *worker = exec->worker;
    void *stream;
    if (!rrto_worker_stream(worker, args->stream, &stream) || (args->n_bytes && !args->src))
        return RRTO_INVALID;
    if (args->n_bytes == 0)
        return exec->wait ? rrto_worker_complete_after(exec, stream, NULL, NULL, 0) : 0;
    bool wait = exec->wait;
    exec->n_down = args->n_bytes;
    for (uint64_t offset = 0; offset < args->n_bytes;) {
        uint64_t left = args->n_bytes - offset, n = left < RRTO_WORKER_PIECE_BYTES ? left : RRTO_WORKER_PIECE_BYTES;
        void *down = rrto_worker_staging(worker, n);
        if (!down)
            return RRTO_NO_MEMORY;
        int32_t error = copy_down(worker, down, args->src + offset, n, args->n_bytes, stream);
        exec->down_offset = offset;
        exec->wait = wait && n == left; /* the last piece carries the reply */
        if (!error)
            error = rrto_worker_complete_after(exec, stream, NULL, down, n);
        exec->wait = wait;
        if (error) {
            exec->deferred = false;
            return error;
        }
        offset += n;
    }
    exec->deferred = true;
    return 0;
}

int32_t rrto_server_mem_copy_2d(struct rrto_exec *exec, const struct rrto_args_mem_copy_2d *args)
{
    struct rrto_worker *worker = exec->worker;
    void *stream;
    uint64_t n_dst, n_src;
    if (args->width == 0 || args->height == 0)
        return 0;
    if (!rrto_worker_stream(worker, args->stream, &stream) || args->width > args->dst_pitch ||
        args->width > args->src_pitch || !args->dst || !args->src ||
        __builtin_mul_overflow(args->dst_pitch, args->height - 1, &n_dst) ||
        __builtin_mul_overflow(args->src_pitch, args->height - 1, &n_src) ||
        __builtin_add_overflow(n_dst, args->width, &n_dst) || __builtin_add_overflow(n_src, args->width, &n_src) ||
        !rrto_worker_address_ok(worker, args->dst, n_dst) || !rrto_worker_address_ok(worker, args->src, n_src))
        return RRTO_INVALID;
    struct rrto_cu_copy_2d copy = {.src_type = RRTO_CU_MEM_TYPE_DEVICE,
                                   .src_device = args->src,
                                   .src_pitch = args->src_pitch,
                                   .dst_type = RRTO_CU_MEM_TYPE_DEVICE,
                                   .dst_device = args->dst,
                                   .dst_pitch = args->dst_pitch,
                                   .width_bytes = args->width,
                                   .height = args->height};
    return worker->driver.cuMemcpy2DAsync_v2(&copy, stream);
}
