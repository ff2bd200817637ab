/* SPDX-License-Identifier: Apache-2.0 */
/* The looped-back session: issue layer, object table and runtime copies. */
#include "loop.h"

#include "base/status.h"
#include "cuda/graph/capture.h"
#include "cuda/host_function.h"
#include "gen/client_bodies.h"
#include "gen/server_bodies.h"
#include "worker.h"

#include "../test.h"

#include <string.h>

struct loop loop;
static struct rrto_worker *const worker = (struct rrto_worker *)&loop;
static struct {
    enum rrto_kind kind;
    uint32_t id;
    void *object;
} objects[256];
static size_t n_objects;
static void *kept[1024]; /* the worker keeps heuristics and plans for its whole life: no leak */
static size_t n_kept;

void loop_reset(void)
{
    memset(&loop, 0, sizeof loop);
    for (uint32_t i = 0; i < 4; i++) {
        loop.streams[i] = 11 + i;
        objects[i].kind = RRTO_KIND_stream;
        objects[i].id = 11 + i;
        objects[i].object = (void *)(uintptr_t)(0x5100 + i);
    }
    n_objects = 4;
    vendor_reset();
}

size_t loop_count(enum rrto_op number)
{
    size_t n = 0;
    for (size_t i = 0; i < loop.n_ops; i++)
        n += loop.ops[i].number == number;
    return n;
}

int loop_last(enum rrto_op number)
{
    for (size_t i = loop.n_ops; i-- > 0;)
        if (loop.ops[i].number == number)
            return (int)i;
    return -1;
}

struct rrto_buf *rrto_issue_scratch(void)
{
    static struct rrto_buf buf;
    if (buf.max == 0)
        rrto_buf_init(&buf, RRTO_OP_MAX_BYTES);
    rrto_buf_clear(&buf);
    return &buf;
}

/* Ops with a handler of ours. */
#define HANDLED(X)                                                                                                     \
    X(cublas_state) X(cublaslt_heuristic) X(cublaslt_matmul) X(cudnn_heuristic) X(cudnn_plan) X(cudnn_execute)

static int32_t execute(struct rrto_exec *exec, enum rrto_op number, const uint8_t *bytes, size_t n_bytes)
{
    struct rrto_dec dec;
    rrto_dec_init(&dec, bytes, n_bytes);
    switch (number) {
#define X(name)                                                                                                        \
    case RRTO_OP_##name: {                                                                                             \
        struct rrto_args_##name args;                                                                                  \
        return rrto_unpack_##name(&dec, &args) ? rrto_server_##name(exec, &args) : RRTO_PROTOCOL;                      \
    }
        HANDLED(X)
#undef X
    case RRTO_OP_cublas_create: {
        struct rrto_args_cublas_create args;
        return rrto_unpack_cublas_create(&dec, &args) ? rrto_objects_add(worker, RRTO_KIND_cublas, args.handle, &vendor)
                                                      : RRTO_PROTOCOL;
    }
    case RRTO_OP_cudnn_create: {
        struct rrto_args_cudnn_create args;
        return rrto_unpack_cudnn_create(&dec, &args) ? rrto_objects_add(worker, RRTO_KIND_cudnn, args.handle, &vendor)
                                                     : RRTO_PROTOCOL;
    }
    case RRTO_OP_cublas_destroy: {
        struct rrto_args_cublas_destroy args;
        return rrto_unpack_cublas_destroy(&dec, &args) && rrto_objects_remove(worker, RRTO_KIND_cublas, args.handle)
                   ? 0
                   : RRTO_PROTOCOL;
    }
    case RRTO_OP_cudnn_destroy: {
        struct rrto_args_cudnn_destroy args;
        return rrto_unpack_cudnn_destroy(&dec, &args) && rrto_objects_remove(worker, RRTO_KIND_cudnn, args.handle)
                   ? 0
                   : RRTO_PROTOCOL;
    }
    default:
        return 0;
    }
}

int32_t rrto_issue(const uint8_t *bytes, size_t n_bytes, const struct rrto_issue_extra *extra)
{
    if (loop.lost)
        return RRTO_LOST;
    assert_true(loop.n_ops < LOOP_MAX_OPS);
    assert_true(rrto_op_check(bytes, n_bytes));
    size_t at = loop.n_ops++;
    memcpy(&loop.ops[at].number, bytes, sizeof loop.ops[at].number);
    loop.ops[at].n_bytes = n_bytes;
    memcpy(loop.ops[at].bytes, bytes, n_bytes < sizeof loop.ops[at].bytes ? n_bytes : sizeof loop.ops[at].bytes);
    struct rrto_exec exec = {.worker = worker, .position = at, .wait = extra && extra->wait};
    rrto_buf_init(&exec.reply, 1 << 20);
    int32_t status = execute(&exec, loop.ops[at].number, bytes, n_bytes);
    loop.ops[at].status = status;
    if (extra && extra->reply) {
        rrto_buf_clear(extra->reply);
        rrto_buf_put(extra->reply, exec.reply.data, exec.reply.size);
    }
    rrto_buf_fini(&exec.reply);
    assert_true(status >= 0); /* our own client never breaks the protocol */
    return status;
}

/* Nothing is captured. */
uint32_t rrto_captures_watched;

bool rrto_capture_library(const struct rrto_library_use *use)
{
    (void)use;
    return false;
}

/* There are no host functions. */
bool rrto_host_functions_load_apart(void)
{
    return false;
}

int32_t rrto_client_issue(const uint8_t *bytes, size_t n_bytes, const struct rrto_issue_extra *extra)
{
    return rrto_issue(bytes, n_bytes, extra);
}

const struct rrto_device_info *rrto_session_device(void)
{
    static const struct rrto_device_info device = {
        .cublas_version = 130100, .cublaslt_version = 130101, .cudnn_version = 91900};
    return &device;
}

bool rrto_session_error(struct rrto_session_error *ret_error)
{
    *ret_error = loop.error;
    return loop.lost;
}

bool rrto_client_id_stream(cudaStream_t handle, uint32_t *ret_id)
{
    uintptr_t number = (uintptr_t)handle;
    *ret_id = number == 0 ? 0 : number <= 4 ? loop.streams[number - 1] : 0;
    return number == 0 || *ret_id != 0;
}

void *rrto_objects_get(struct rrto_worker *unused, enum rrto_kind kind, uint32_t id, bool *ret_ok)
{
    (void)unused;
    for (size_t i = 0; i < n_objects; i++)
        if (objects[i].kind == kind && objects[i].id == id) {
            *ret_ok = true;
            return objects[i].object;
        }
    *ret_ok = kind == RRTO_KIND_stream && id == 0;
    return NULL;
}

int32_t rrto_objects_add(struct rrto_worker *unused, enum rrto_kind kind, uint32_t id, void *object)
{
    bool taken;
    rrto_objects_get(unused, kind, id, &taken);
    if (taken || n_objects == 256)
        return RRTO_INVALID;
    if (n_kept < 1024)
        kept[n_kept++] = object;
    objects[n_objects].kind = kind;
    objects[n_objects].id = id;
    objects[n_objects++].object = object;
    return 0;
}

void *rrto_objects_remove(struct rrto_worker *unused, enum rrto_kind kind, uint32_t id)
{
    (void)unused;
    for (size_t i = 0; i < n_objects; i++)
        if (objects[i].kind == kind && objects[i].id == id) {
            void *object = objects[i].object;
            objects[i] = objects[--n_objects];
            return object;
        }
    return NULL;
}

bool rrto_worker_address_ok(const struct rrto_worker *unused, uint64_t address, uint64_t n)
{
    (void)unused;
    return address == 0 ||
           (address >= LOOP_ARENA && n <= LOOP_ARENA_BYTES && address - LOOP_ARENA <= LOOP_ARENA_BYTES - n);
}

const struct rrto_vendor *rrto_worker_vendor(const struct rrto_worker *unused)
{
    (void)unused;
    return &vendor.table;
}

/* The runtime's copies, by name only. */
cudaError_t rrto_client_cudaMemcpy(void *dst, const void *src, size_t count, cudaMemcpyKind kind)
{
    (void)dst, (void)src, (void)count, (void)kind;
    loop.copy = "1D";
    return (cudaError_t)0;
}

cudaError_t rrto_client_cudaMemcpyAsync(void *dst, const void *src, size_t count, cudaMemcpyKind kind,
                                        cudaStream_t stream)
{
    (void)dst, (void)src, (void)count, (void)kind, (void)stream;
    loop.copy = "1D async";
    return (cudaError_t)0;
}

cudaError_t rrto_client_cudaMemcpy2D(void *dst, size_t dpitch, const void *src, size_t spitch, size_t width,
                                     size_t height, cudaMemcpyKind kind)
{
    (void)dst, (void)dpitch, (void)src, (void)spitch, (void)width, (void)height, (void)kind;
    loop.copy = "2D";
    return (cudaError_t)0;
}

cudaError_t rrto_client_cudaMemcpy2DAsync(void *dst, size_t dpitch, const void *src, size_t spitch, size_t width,
                                          size_t height, cudaMemcpyKind kind, cudaStream_t stream)
{
    (void)dst, (void)dpitch, (void)src, (void)spitch, (void)width, (void)height, (void)kind, (void)stream;
    loop.copy = "2D async";
    return (cudaError_t)0;
}
