/* SPDX-License-Identifier: Apache-2.0 */
/* Capture and graphs seen from below: which ops are issued when, with which streams, handles and payloads. What they do
 * on a device: tests/e2e/semantics/25-*. */
#include "../test.h"
#include "cuda/graph/capture.h"
#include "cuda/stream.h"
#include "fake.h"
#include "gen/client_bodies.h"
#include "gen/issue_ops.h"

#include <stdlib.h>
#include <string.h>

static cudaStream_t stream, other;
static void *memory;
static uint32_t stream_id, other_id;

static int setup(void **state)
{
    (void)state;
    fake_reset();
    assert_int_equal(rrto_client_cudaStreamCreateWithFlags(&stream, 1), 0);
    assert_int_equal(rrto_client_cudaStreamCreateWithFlags(&other, 1), 0);
    assert_int_equal(rrto_client_cudaMalloc(&memory, 4096), 0);
    assert_true(rrto_stream_id(stream, &stream_id) && rrto_stream_id(other, &other_id));
    fake.n_ops = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(rrto_client_cudaFree(memory), 0);
    assert_int_equal(rrto_client_cudaStreamDestroy(stream), 0);
    assert_int_equal(rrto_client_cudaStreamDestroy(other), 0);
    assert_false(rrto_capture_watched());
    assert_false(fake.held);
    return 0;
}

static void begin(void)
{
    assert_int_equal(rrto_client_cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), 0);
}

static cudaGraphExec_t finish(void)
{
    cudaGraph_t graph;
    cudaGraphExec_t exec;
    assert_int_equal(rrto_client_cudaStreamEndCapture(stream, &graph), 0);
    assert_int_equal(rrto_client_cudaGraphInstantiate(&exec, graph, 0), 0);
    assert_int_equal(rrto_client_cudaGraphDestroy(graph), 0);
    return exec;
}

static uint32_t stream_of(const struct fake_op *op)
{
    uint32_t id;
    memcpy(&id, op->bytes + rrto_op_infos[op->number].stream_offset, sizeof id);
    return id;
}

static void copies(void **state)
{
    (void)state;
    static uint8_t source[100], target[100];
    begin();
    assert_int_equal(rrto_client_cudaMemcpyAsync(memory, source, 100, cudaMemcpyHostToDevice, stream), 0);
    assert_int_equal(rrto_client_cudaMemsetAsync((char *)memory + 200, 5, 100, stream), 0);
    assert_int_equal(rrto_client_cudaMemcpyAsync(target, memory, 100, cudaMemcpyDeviceToHost, stream), 0);
    cudaGraphExec_t exec = finish();
    assert_int_equal(fake.n_ops, 0);
    for (uint8_t i = 1; i < 4; i++) {
        memset(source, i, sizeof source);
        fake.n_ops = 0;
        assert_int_equal(rrto_client_cudaGraphLaunch(exec, i < 3 ? other : NULL), 0);
        const struct fake_op *down = fake_last(0, RRTO_OP_mem_copy_d2h), *up = fake_last(2, RRTO_OP_mem_copy_h2d);
        assert_non_null(down);
        assert_non_null(up);
        assert_non_null(fake_last(1, RRTO_OP_mem_set_d8));
        assert_int_equal(up->up[99], i);
        assert_ptr_equal(down->down, target);
        assert_int_equal(stream_of(up), i < 3 ? other_id : 0);
        assert_int_equal(stream_of(down), i < 3 ? other_id : 0);
        assert_false(down->wait);
        /* another stream than last time: an event between them */
        assert_int_equal(fake.n_ops, i == 3 ? 6 : 3);
    }
    assert_non_null(fake_last(5, RRTO_OP_event_create));
    assert_int_equal(stream_of(fake_last(4, RRTO_OP_event_record)), other_id);
    assert_int_equal(stream_of(fake_last(3, RRTO_OP_stream_wait_event)), 0);
    assert_int_equal(rrto_client_cudaGraphExecDestroy(exec), 0);
    assert_non_null(fake_last(0, RRTO_OP_event_destroy));
}

/* Ops on memory must not fail: what was freed since is seen before anything is issued. */
static void freed_memory(void **state)
{
    (void)state;
    void *brief;
    assert_int_equal(rrto_client_cudaMalloc(&brief, 100), 0);
    begin();
    assert_int_equal(rrto_client_cudaMemsetAsync(memory, 5, 100, stream), 0);
    assert_int_equal(rrto_client_cudaMemsetAsync(brief, 5, 100, stream), 0);
    cudaGraphExec_t exec = finish();
    assert_int_equal(rrto_client_cudaFree(brief), 0);
    fake.n_ops = 0;
    assert_int_equal(rrto_client_cudaGraphLaunch(exec, stream), cudaErrorInvalidValue);
    assert_int_equal(fake.n_ops, 0);
    assert_int_equal(rrto_client_cudaGraphExecDestroy(exec), 0);
}

/* As a generated entry does it. */
static int32_t scale(cublasHandle_t handle)
{
    struct rrto_args_cublasSscal_v2 args = {.n = 7};
    assert_true(rrto_client_id_cublas(handle, &args.handle));
    int32_t status = rrto_client_prepare_cublas(handle);
    return status ? status : rrto_issue_cublasSscal_v2(&args, NULL);
}

static uint32_t handle_of(const struct fake_op *op)
{
    uint32_t id;
    memcpy(&id, op->bytes + RRTO_OP_HEADER_BYTES, sizeof id);
    return id;
}

/* A captured library call takes the handle's state along, leaves the handle alone, and runs on one of its own. */
static void library(void **state)
{
    (void)state;
    cublasHandle_t handle;
    uint32_t own;
    assert_int_equal(rrto_client_cublasCreate_v2(&handle), 0);
    assert_true(rrto_client_id_cublas(handle, &own));
    assert_int_equal(rrto_client_cublasSetStream_v2(handle, stream), 0);
    assert_int_equal(rrto_client_cublasSetWorkspace_v2(handle, memory, 4096), 0);
    fake.n_ops = 0;
    begin();
    assert_int_equal(scale(handle), 0);
    assert_int_equal(fake.n_ops, 0);
    cudaGraphExec_t exec = finish();
    assert_int_equal(fake.n_ops, 1); /* the twin is made when the graph is */
    uint32_t twin = handle_of(fake_last(0, RRTO_OP_cublas_create));
    assert_int_not_equal(twin, own);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(rrto_client_cudaGraphLaunch(exec, other), 0);
        assert_int_equal(handle_of(fake_last(0, RRTO_OP_cublasSscal_v2)), twin);
    }
    assert_int_equal(fake.n_ops, 1 + 1 + 2); /* its state travels once */
    struct rrto_args_cublas_state sent;
    struct rrto_dec dec;
    const struct fake_op *op = fake_last(2, RRTO_OP_cublas_state);
    rrto_dec_init(&dec, op->bytes, op->n_bytes);
    assert_true(rrto_unpack_cublas_state(&dec, &sent));
    assert_int_equal(sent.handle, twin);
    assert_int_equal(sent.stream, other_id);
    assert_int_equal(sent.workspace, (uintptr_t)memory);

    /* the application's handle: its own state, as if nothing had been captured */
    assert_int_equal(scale(handle), 0);
    assert_int_equal(handle_of(fake_last(0, RRTO_OP_cublasSscal_v2)), own);
    assert_int_equal(handle_of(fake_last(1, RRTO_OP_cublas_state)), own);

    /* a result in host memory cannot be captured */
    begin();
    struct rrto_args_cublasSdot_v2 dot = {.handle = own};
    struct rrto_buf reply;
    rrto_buf_init(&reply, 64);
    assert_int_equal(rrto_client_prepare_cublas(handle), 0);
    assert_int_equal(rrto_issue_cublasSdot_v2(&dot, &(struct rrto_issue_extra){.wait = true, .reply = &reply}),
                     CUBLAS_STATUS_EXECUTION_FAILED);
    cudaGraph_t graph;
    assert_int_equal(rrto_client_cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureInvalidated);
    rrto_buf_fini(&reply);
    assert_int_equal(rrto_client_cudaGraphExecDestroy(exec), 0);
    assert_int_equal(rrto_client_cublasDestroy_v2(handle), 0);
}

/* Asynchronous ordinary calls beside a capture, and ops without a stream, are what they always are. */
static void beside(void **state)
{
    (void)state;
    cudaEvent_t event;
    void *more;
    cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;
    begin();
    assert_int_equal(rrto_client_cudaMemsetAsync(memory, 1, 10, other), 0);
    assert_non_null(fake_last(0, RRTO_OP_mem_set_d8));
    assert_int_equal(rrto_client_cudaEventCreate(&event), 0);
    assert_int_equal(rrto_client_cudaEventRecord(event, other), 0);
    assert_non_null(fake_last(0, RRTO_OP_event_record));
    assert_int_equal(rrto_client_cudaThreadExchangeStreamCaptureMode(&mode), 0);
    assert_int_equal(rrto_client_cudaMalloc(&more, 10), 0);
    assert_non_null(fake_last(0, RRTO_OP_mem_alloc));
    assert_int_equal(rrto_client_cudaFree(more), 0);
    assert_int_equal(rrto_client_cudaThreadExchangeStreamCaptureMode(&mode), 0);
    assert_int_equal(mode, cudaStreamCaptureModeRelaxed);
    assert_int_equal(rrto_client_cudaEventDestroy(event), 0);
    size_t before = fake.n_ops;
    cudaGraphExec_t exec = finish();
    assert_int_equal(rrto_client_cudaGraphLaunch(exec, stream), 0); /* an empty graph */
    assert_int_equal(fake.n_ops, before);
    assert_int_equal(rrto_client_cudaGraphExecDestroy(exec), 0);
    assert_int_equal(rrto_client_cudaGraphExecDestroy(exec), cudaErrorInvalidValue);
}

/* The stream that a capture began in ends it by being destroyed; another one makes it invalid. */
static void destroyed_streams(void **state)
{
    (void)state;
    cudaStream_t third;
    cudaEvent_t event;
    cudaGraph_t graph;
    assert_int_equal(rrto_client_cudaStreamCreateWithFlags(&third, 1), 0);
    assert_int_equal(rrto_client_cudaStreamBeginCapture(third, cudaStreamCaptureModeGlobal), 0);
    assert_int_equal(rrto_client_cudaMemsetAsync(memory, 1, 10, third), 0);
    assert_int_equal(rrto_client_cudaStreamDestroy(third), 0);
    assert_false(rrto_capture_watched());

    assert_int_equal(rrto_client_cudaStreamCreateWithFlags(&third, 1), 0);
    assert_int_equal(rrto_client_cudaEventCreate(&event), 0);
    begin();
    assert_int_equal(rrto_client_cudaEventRecord(event, stream), 0);
    assert_int_equal(rrto_client_cudaStreamWaitEvent(third, event, 0), 0);
    assert_int_equal(rrto_client_cudaStreamDestroy(third), 0);
    assert_int_equal(rrto_client_cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureInvalidated);
    assert_int_equal(rrto_client_cudaEventDestroy(event), 0);
}

/* Into a graph that exists, behind nodes of it; the stream's dependencies read and replaced. */
static void into_a_graph(void **state)
{
    (void)state;
    cudaGraph_t graph, seen;
    cudaGraphNode_t first, nodes[4];
    cudaStreamCaptureStatus status;
    const cudaGraphNode_t *dependencies;
    const cudaGraphEdgeData *edges;
    unsigned long long id;
    size_t n;
    assert_int_equal(rrto_client_cudaGraphCreate(&graph, 0), 0);
    assert_int_equal(rrto_client_cudaGraphAddEmptyNode(&first, graph, NULL, 0), 0);
    assert_int_equal(
        rrto_client_cudaStreamBeginCaptureToGraph(stream, graph, &first, NULL, 1, cudaStreamCaptureModeGlobal), 0);
    assert_int_equal(rrto_client_cudaMemsetAsync(memory, 1, 10, stream), 0);
    assert_int_equal(rrto_client_cudaStreamGetCaptureInfo(stream, &status, &id, &seen, &dependencies, &edges, &n), 0);
    assert_int_equal(status, cudaStreamCaptureStatusActive);
    assert_ptr_equal(seen, graph);
    assert_int_equal(n, 1);
    assert_ptr_not_equal(dependencies[0], first);
    assert_int_equal(edges[0].type, 0);
    assert_int_equal(rrto_client_cudaGraphDestroy(graph), cudaErrorInvalidValue);
    assert_int_equal(rrto_client_cudaGraphDestroyNode(first), cudaErrorInvalidValue);
    assert_int_equal(rrto_client_cudaStreamUpdateCaptureDependencies(stream, &first, NULL, 1, 1), 0);
    assert_int_equal(rrto_client_cudaMemsetAsync(memory, 1, 10, stream), 0);
    assert_int_equal(rrto_client_cudaStreamUpdateCaptureDependencies(other, &first, NULL, 1, 0), cudaErrorIllegalState);
    assert_int_equal(rrto_client_cudaStreamEndCapture(stream, &seen), 0); /* what was left aside is no unjoined work */
    assert_ptr_equal(seen, graph);
    n = 4;
    assert_int_equal(rrto_client_cudaGraphNodeGetDependentNodes(first, nodes, NULL, &n), 0);
    assert_int_equal(n, 2);
    n = 4;
    assert_int_equal(rrto_client_cudaGraphGetNodes(graph, nodes, &n), 0);
    assert_int_equal(n, 3);
    assert_null(nodes[3]);
    assert_int_equal(rrto_client_cudaGraphDestroyNode(nodes[1]), 0);
    n = 4;
    assert_int_equal(rrto_client_cudaGraphGetNodes(graph, nodes, &n), 0);
    assert_int_equal(n, 2);
    assert_int_equal(rrto_client_cudaGraphDestroy(graph), 0);
    assert_int_equal(rrto_client_cudaGraphDestroy(graph), cudaErrorInvalidValue);
    cudaGraphNodeType type;
    assert_int_equal(rrto_client_cudaGraphNodeGetType(first, &type), cudaErrorInvalidValue);
}

/* Rows between host and device become a node each: nothing is gathered in memory that is gone at the launch. */
static void rows(void **state)
{
    (void)state;
    static uint8_t source[10 * 50];
    begin();
    assert_int_equal(rrto_client_cudaMemcpy2DAsync(memory, 100, source, 50, 20, 10, cudaMemcpyHostToDevice, stream), 0);
    cudaGraphExec_t exec = finish();
    memset(source, 9, sizeof source);
    fake.n_ops = 0;
    assert_int_equal(rrto_client_cudaGraphLaunch(exec, stream), 0);
    assert_int_equal(fake.n_ops, 10);
    assert_int_equal(fake_last(9, RRTO_OP_mem_copy_h2d)->up[19], 9);
    assert_ptr_equal(fake_last(0, RRTO_OP_mem_copy_h2d)->up_at, source + 9 * 50);
    assert_int_equal(rrto_client_cudaGraphExecDestroy(exec), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(copies, setup, teardown),
        cmocka_unit_test_setup_teardown(freed_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(library, setup, teardown),
        cmocka_unit_test_setup_teardown(beside, setup, teardown),
        cmocka_unit_test_setup_teardown(destroyed_streams, setup, teardown),
        cmocka_unit_test_setup_teardown(into_a_graph, setup, teardown),
        cmocka_unit_test_setup_teardown(rows, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
