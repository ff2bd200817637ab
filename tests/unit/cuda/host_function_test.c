/* SPDX-License-Identifier: Apache-2.0 */
/* Host functions: a gate for each, which is opened when it has run; copies behind them, whose sources are read then;
 * which streams are behind them. */
#include "../test.h"
#include "cuda/behind.h"
#include "cuda/error.h"
#include "cuda/host_function.h"
#include "cuda/stream.h"
#include "fake.h"
#include "gen/client_bodies.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

enum { NON_BLOCKING = 1, N = 100 };

static atomic_int go;

static int setup(void **state)
{
    (void)state;
    fake_reset();
    atomic_store(&go, 0);
    return 0;
}

static void wait_for_go(void *n)
{
    while (!atomic_load(&go))
        sched_yield();
    ++*(int *)n;
}

static void count(void *n)
{
    ++*(int *)n;
}

/* With everything that belongs to them. */
static void until_all_have_run(void)
{
    atomic_store(&go, 1);
    assert_int_equal(rrto_host_functions_wait_all(), 0);
}

static size_t n_of(uint16_t number)
{
    size_t n = 0;
    for (size_t i = 0; i < fake.n_ops; i++)
        n += fake.ops[i].number == number;
    return n;
}

static void a_gate_for_a_function(void **state)
{
    (void)state;
    int n = 0;
    assert_int_equal(rrto_client_cudaLaunchHostFunc(NULL, wait_for_go, &n), 0);
    assert_non_null(fake_last(0, RRTO_OP_stream_gate));
    assert_true(rrto_host_functions_any());
    assert_int_equal(rrto_client_cudaStreamQuery(NULL), cudaErrorNotReady);
    assert_int_equal(rrto_client_cudaStreamSynchronize(NULL), 0); /* the server waits */
    until_all_have_run();
    assert_int_equal(n, 1);
    assert_non_null(fake_last(0, RRTO_OP_gate_open));
    assert_memory_equal(fake.ops[0].bytes + RRTO_OP_HEADER_BYTES, fake_last(0, RRTO_OP_gate_open)->bytes + 8, 4);
    assert_int_equal(rrto_client_cudaLaunchHostFunc(NULL, NULL, &n), cudaErrorInvalidValue);
}

/* Nothing comes between them: one gate. */
static void functions_in_a_row(void **state)
{
    (void)state;
    int n = 0, m = 0;
    assert_int_equal(rrto_client_cudaLaunchHostFunc(NULL, wait_for_go, &n), 0);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(rrto_client_cudaLaunchHostFunc(NULL, count, &n), 0);
    assert_int_equal(fake.n_ops, 1);
    assert_int_equal(rrto_client_cudaMemsetAsync(NULL, 0, 0, NULL), 0); /* is no op */
    assert_int_equal(rrto_client_cudaStreamSynchronize(NULL), 0);
    assert_int_equal(rrto_client_cudaLaunchHostFunc(NULL, count, &m), 0);
    assert_int_equal(n_of(RRTO_OP_stream_gate), 2);
    assert_int_equal(m, 0);
    until_all_have_run();
    assert_int_equal(n, 1001);
    assert_int_equal(m, 1);
    assert_int_equal(n_of(RRTO_OP_gate_open), 2);
}

static int told;

static void callback(cudaStream_t stream, cudaError_t status, void *data)
{
    (void)stream, (void)data;
    told = (int)status;
}

static void errors(void **state)
{
    (void)state;
    int n = 0;
    fake.await_status = 719;
    assert_int_equal(rrto_client_cudaLaunchHostFunc(NULL, count, &n), 0);
    until_all_have_run();
    assert_int_equal(n, 0);
    assert_int_equal(rrto_client_cudaStreamAddCallback(NULL, callback, NULL, 0), 0);
    until_all_have_run();
    assert_int_equal(told, 719);
    fake.device.n_gates = 0;
    assert_int_equal(rrto_client_cudaLaunchHostFunc(NULL, count, &n), cudaErrorNotSupported);
    assert_false(rrto_host_functions_any());
}

static void fill(void *to)
{
    while (!atomic_load(&go))
        sched_yield();
    memset(to, 7, N);
}

/* A page-locked source is read when the function has run, a pageable one, or another stream's, at the call. */
static void sources(void **state)
{
    (void)state;
    cudaStream_t held, other;
    void *memory, *pinned;
    assert_int_equal(rrto_client_cudaMalloc(&memory, N), 0);
    assert_int_equal(rrto_client_cudaMallocHost(&pinned, N), 0);
    assert_int_equal(rrto_client_cudaStreamCreateWithFlags(&held, NON_BLOCKING), 0);
    assert_int_equal(rrto_client_cudaStreamCreateWithFlags(&other, NON_BLOCKING), 0);
    memset(pinned, 1, N);
    assert_int_equal(rrto_client_cudaLaunchHostFunc(held, fill, pinned), 0);
    assert_int_equal(rrto_client_cudaMemcpyAsync(memory, pinned, N, cudaMemcpyHostToDevice, held), 0);
    assert_non_null(fake_last(0, RRTO_OP_mem_copy_h2d_late));
    assert_int_equal(rrto_client_cudaMemcpyAsync(memory, pinned, N, cudaMemcpyHostToDevice, other), 0);
    const struct fake_op *op = fake_last(0, RRTO_OP_mem_copy_h2d);
    assert_true(op && op->up[0] == 1);
    until_all_have_run();
    op = fake_last(0, RRTO_OP_gate_fill);
    assert_non_null(op);
    assert_int_equal(op->n_up, N);
    assert_int_equal(op->up[N - 1], 7);
    assert_non_null(fake_last(1, RRTO_OP_gate_open));
    assert_int_equal(rrto_client_cudaMemcpyAsync(memory, pinned, N, cudaMemcpyHostToDevice, held), 0);
    assert_non_null(fake_last(0, RRTO_OP_mem_copy_h2d));
    assert_int_equal(rrto_client_cudaFree(memory), 0);
    assert_int_equal(rrto_client_cudaFreeHost(pinned), 0);
    assert_int_equal(rrto_client_cudaStreamDestroy(held), 0);
    assert_int_equal(rrto_client_cudaStreamDestroy(other), 0);
}

/* Which streams come behind a function: by events and by the legacy stream. */
static void other_streams(void **state)
{
    (void)state;
    cudaStream_t held, blocking, by_event, apart;
    uint32_t held_id, blocking_id, by_event_id, apart_id;
    cudaEvent_t before, event;
    int n = 0;
    assert_int_equal(rrto_client_cudaStreamCreateWithFlags(&held, 0), 0);
    assert_int_equal(rrto_client_cudaStreamCreateWithFlags(&blocking, 0), 0);
    assert_int_equal(rrto_client_cudaStreamCreateWithFlags(&by_event, NON_BLOCKING), 0);
    assert_int_equal(rrto_client_cudaStreamCreateWithFlags(&apart, NON_BLOCKING), 0);
    assert_int_equal(rrto_client_cudaEventCreateWithFlags(&before, 2), 0);
    assert_int_equal(rrto_client_cudaEventCreateWithFlags(&event, 2), 0);
    assert_int_equal(rrto_client_cudaEventRecord(before, held), 0);
    assert_int_equal(rrto_client_cudaLaunchHostFunc(held, wait_for_go, &n), 0);
    assert_int_equal(rrto_client_cudaEventRecord(event, held), 0);
    assert_int_equal(rrto_client_cudaStreamWaitEvent(apart, before, 0), 0);
    assert_int_equal(rrto_client_cudaStreamWaitEvent(by_event, event, 0), 0);
    assert_true(rrto_stream_id(held, &held_id) && rrto_stream_id(apart, &apart_id));
    assert_true(rrto_stream_id(blocking, &blocking_id) && rrto_stream_id(by_event, &by_event_id));
    assert_true(rrto_host_functions_pending(held_id));
    assert_true(rrto_host_functions_pending(by_event_id));
    assert_false(rrto_host_functions_pending(apart_id));
    assert_false(rrto_host_functions_pending(blocking_id)); /* nothing has come to the legacy stream yet */
    assert_true(rrto_host_functions_keep(0));
    assert_true(rrto_stream_id(NULL, &held_id) && held_id == 0);
    assert_true(rrto_stream_id(blocking, &blocking_id) && rrto_stream_id(apart, &apart_id));
    assert_true(rrto_host_functions_pending(blocking_id));
    assert_false(rrto_host_functions_pending(apart_id));
    until_all_have_run();
    assert_false(rrto_host_functions_any());
    assert_false(rrto_host_functions_pending(by_event_id));
}

/* A query says nothing about the stream: the legacy one does not come behind one that was first seen by being asked. */
static void a_query_first(void **state)
{
    (void)state;
    cudaStream_t first, queried;
    uint32_t id;
    int n = 0, m = 0;
    assert_int_equal(rrto_client_cudaStreamCreateWithFlags(&first, NON_BLOCKING), 0);
    assert_int_equal(rrto_client_cudaStreamCreateWithFlags(&queried, NON_BLOCKING), 0);
    assert_int_equal(rrto_client_cudaLaunchHostFunc(first, wait_for_go, &n), 0);
    (void)rrto_client_cudaStreamQuery(queried);
    assert_int_equal(rrto_client_cudaLaunchHostFunc(queried, wait_for_go, &m), 0);
    assert_true(rrto_stream_id(NULL, &id) && id == 0);
    assert_false(rrto_host_functions_pending(0));
    assert_true(rrto_stream_id(queried, &id));
    assert_true(rrto_host_functions_pending(id));
    until_all_have_run();
    assert_int_equal(n + m, 2);
    assert_int_equal(rrto_client_cudaStreamDestroy(first), 0);
    assert_int_equal(rrto_client_cudaStreamDestroy(queried), 0);
}

static void more_than_the_server_has(void **state)
{
    (void)state;
    fake.device.n_gates = 2;
    assert_int_equal(rrto_host_functions_begin(3), (int)cudaErrorNotSupported);
    assert_int_equal(rrto_host_functions_begin(2), 0);
    rrto_host_functions_end(); /* none was needed */
    assert_false(rrto_host_functions_any());
    int n = 0;
    atomic_store(&go, 1);
    for (int i = 0; i < 50; i++) { /* each waits for one before it */
        assert_int_equal(rrto_client_cudaLaunchHostFunc(NULL, wait_for_go, &n), 0);
        assert_int_equal(rrto_client_cudaStreamSynchronize(NULL), 0);
    }
    until_all_have_run();
    assert_int_equal(n, 50);
}

/* A function of another thread gets in between: what puts all streams behind each other tries again. */
static void freeing_is_apart(void **state)
{
    (void)state;
    void *some;
    assert_int_equal(rrto_client_cudaMalloc(&some, N), 0);
    fake.n_between = 3;
    assert_int_equal(rrto_client_cudaFree(some), 0);
    assert_int_equal(fake.n_between, 0);
    assert_non_null(fake_last(0, RRTO_OP_mem_free));
}

/* So does what loads code on a real GPU, whose driver may wait for the device there; the soft one's does not. */
static void loading_is_apart(void **state)
{
    (void)state;
    cublasHandle_t blas;
    cudnnHandle_t dnn;
    fake.n_between = 2;
    assert_int_equal(rrto_client_cublasCreate_v2(&blas), 0);
    assert_int_equal(fake.n_between, 0);
    fake.n_between = 1;
    assert_int_equal(rrto_client_cublasDestroy_v2(blas), 0);
    assert_int_equal(fake.n_between, 0);
    fake.n_between = 1;
    assert_int_equal(rrto_client_cudnnCreate(&dnn), 0);
    assert_int_equal(fake.n_between, 0);
    fake.n_between = 1;
    assert_int_equal(rrto_client_cudnnDestroy(dnn), 0);
    assert_int_equal(fake.n_between, 0);
    fake.device.soft = true;
    fake.n_between = 1;
    assert_int_equal(rrto_client_cublasCreate_v2(&blas), 0);
    assert_int_equal(rrto_client_cublasDestroy_v2(blas), 0);
    assert_int_equal(fake.n_between, 1);
}

static void wait_for_this(void *flag)
{
    while (!atomic_load((atomic_int *)flag))
        sched_yield();
}

static bool copies(cudaMemcpyKind kind, cudaStream_t stream, void *device, void *host, size_t n)
{
    bool up = kind == cudaMemcpyHostToDevice;
    return rrto_client_cudaMemcpyAsync(up ? device : host, up ? host : device, n, kind, stream) == cudaSuccess;
}

/* 256 MiB of copies, in whatever streams: then each is waited for, until the others are known to be done. That their
 * functions have run does not say so. */
static void what_the_server_keeps(void **state)
{
    (void)state;
    enum { N_HELD = 4, PIECE = 32 << 20 };
    cudaStream_t streams[N_HELD], beside, free_to_go;
    atomic_int flags[2] = {0, 1};
    void *device, *host;
    assert_int_equal(rrto_client_cudaMalloc(&device, PIECE + 1), 0);
    assert_int_equal(rrto_client_cudaMallocHost(&host, PIECE + 1), 0);
    assert_int_equal(rrto_client_cudaStreamCreateWithFlags(&beside, NON_BLOCKING), 0);
    assert_int_equal(rrto_client_cudaStreamCreateWithFlags(&free_to_go, NON_BLOCKING), 0);
    for (int i = 0; i < N_HELD; i++) {
        assert_int_equal(rrto_client_cudaStreamCreateWithFlags(&streams[i], NON_BLOCKING), 0);
        assert_int_equal(rrto_client_cudaLaunchHostFunc(streams[i], wait_for_this, &flags[0]), 0);
        assert_true(copies(cudaMemcpyHostToDevice, streams[i], device, host, PIECE));
        assert_non_null(fake_last(0, RRTO_OP_mem_copy_h2d_late));
        assert_true(copies(cudaMemcpyDeviceToHost, streams[i], device, host, PIECE));
        assert_false(fake_last(0, RRTO_OP_mem_copy_d2h)->wait);
    }
    for (int i = 0; i < 3; i++) { /* one that is refused makes no room for the next */
        assert_int_equal(rrto_client_cudaLaunchHostFunc(free_to_go, wait_for_this, &flags[1]), 0);
        assert_true(copies(cudaMemcpyHostToDevice, free_to_go, device, host, PIECE));
        assert_int_equal(n_of(RRTO_OP_mem_copy_h2d_late), N_HELD);
        assert_int_equal(n_of(RRTO_OP_stream_synchronize), 3 * i + 1);
        assert_true(copies(cudaMemcpyHostToDevice, beside, device, host, PIECE + 1)); /* in two pieces */
        assert_non_null(fake_last(0, RRTO_OP_stream_synchronize));
        assert_int_equal(n_of(RRTO_OP_mem_copy_h2d), 3 * (i + 1));
        assert_true(copies(cudaMemcpyDeviceToHost, beside, device, host, 1));
        assert_true(fake_last(0, RRTO_OP_mem_copy_d2h)->wait);
    }
    atomic_store(&flags[0], 1);
    until_all_have_run();
    atomic_store(&flags[0], 0);
    assert_int_equal(rrto_client_cudaLaunchHostFunc(streams[0], wait_for_this, &flags[0]), 0);
    assert_true(copies(cudaMemcpyDeviceToHost, beside, device, host, 1));
    assert_true(fake_last(0, RRTO_OP_mem_copy_d2h)->wait);
    fake.completed = fake.n_ops;
    assert_true(copies(cudaMemcpyDeviceToHost, beside, device, host, 1));
    assert_false(fake_last(0, RRTO_OP_mem_copy_d2h)->wait);
    assert_true(copies(cudaMemcpyHostToDevice, streams[0], device, host, PIECE));
    assert_non_null(fake_last(0, RRTO_OP_mem_copy_h2d_late));
    atomic_store(&flags[0], 1);
    until_all_have_run();
    fake.completed = fake.n_ops;
    assert_int_equal(rrto_client_cudaFree(device), 0);
    assert_int_equal(rrto_client_cudaFreeHost(host), 0);
    for (int i = 0; i < N_HELD; i++)
        assert_int_equal(rrto_client_cudaStreamDestroy(streams[i]), 0);
    assert_int_equal(rrto_client_cudaStreamDestroy(beside), 0);
    assert_int_equal(rrto_client_cudaStreamDestroy(free_to_go), 0);
}

static void *free_this(void *host)
{
    return (void *)(intptr_t)rrto_client_cudaFreeHost(host);
}

/* Freeing page-locked memory waits for the functions that are there, and not for those that come meanwhile, be it in a
 * row with them. */
static void freeing_ends(void **state)
{
    (void)state;
    cudaStream_t stream, late;
    atomic_int first = 0, second = 0;
    void *host, *other, *device, *result;
    pthread_t thread;
    assert_int_equal(rrto_client_cudaMallocHost(&host, N), 0);
    assert_int_equal(rrto_client_cudaMallocHost(&other, N), 0);
    assert_int_equal(rrto_client_cudaMalloc(&device, N), 0);
    assert_int_equal(rrto_client_cudaStreamCreateWithFlags(&stream, NON_BLOCKING), 0);
    assert_int_equal(rrto_client_cudaStreamCreateWithFlags(&late, NON_BLOCKING), 0);
    assert_int_equal(rrto_client_cudaLaunchHostFunc(stream, wait_for_this, &first), 0);
    assert_int_equal(pthread_create(&thread, NULL, free_this, host), 0);
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL); /* it waits */
    assert_int_equal(rrto_client_cudaLaunchHostFunc(stream, wait_for_this, &second), 0);
    assert_int_equal(rrto_client_cudaLaunchHostFunc(late, wait_for_this, &second), 0);
    assert_true(copies(cudaMemcpyHostToDevice, late, device, other, N));
    assert_int_equal(n_of(RRTO_OP_stream_gate), 3); /* none has joined */
    atomic_store(&first, 1);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_int_equal((intptr_t)result, 0);
    assert_true(rrto_host_functions_any());
    atomic_store(&second, 1);
    until_all_have_run();
    assert_int_equal(rrto_client_cudaFreeHost(other), 0);
    assert_int_equal(rrto_client_cudaFree(device), 0);
    assert_int_equal(rrto_client_cudaStreamDestroy(stream), 0);
    assert_int_equal(rrto_client_cudaStreamDestroy(late), 0);
}

static void *memory, *pinned, *registered;
static cudaStream_t held;

static int32_t wait_for_stream(void)
{
    return rrto_host_functions_wait(0);
}
static int32_t launch_one_more(void)
{
    return rrto_host_functions_begin(1);
}
static int32_t copy_pageable(void)
{
    return (int32_t)rrto_client_cudaMemcpyAsync(memory, fake.device.name, N, cudaMemcpyHostToDevice, held);
}
static int32_t copy_down(void)
{
    static char to[N];
    return (int32_t)rrto_client_cudaMemcpy(to, memory, N, cudaMemcpyDeviceToHost);
}
static int32_t free_memory(void)
{
    return (int32_t)rrto_client_cudaFree(memory);
}
static int32_t free_pinned(void)
{
    return (int32_t)rrto_client_cudaFreeHost(pinned);
}
static int32_t unregister(void)
{
    return (int32_t)rrto_client_cudaHostUnregister(registered);
}

static void *call(void *wait)
{
    int32_t (*function)(void);
    memcpy(&function, wait, sizeof function);
    return (void *)(intptr_t)function();
}

/* A function that does not return is not waited for when the session is lost, nor when the process is ending. */
static void waits_end_with_the_session(void **state)
{
    (void)state;
    static int32_t (*waits[])(void) = {wait_for_stream, rrto_host_functions_wait_all,
                                       launch_one_more, copy_pageable,
                                       copy_down,       free_memory,
                                       free_pinned,     unregister};
    enum { N_WAITS = sizeof waits / sizeof waits[0] };
    static char page[4096];
    pthread_t threads[N_WAITS];
    registered = page;
    assert_int_equal(rrto_client_cudaStreamCreateWithFlags(&held, 0), 0);
    assert_int_equal(rrto_client_cudaMalloc(&memory, N), 0);
    assert_int_equal(rrto_client_cudaMallocHost(&pinned, N), 0);
    assert_int_equal(rrto_client_cudaHostRegister(registered, sizeof page, 0), 0);
    for (int leaving = 0; leaving < 2; leaving++) {
        int n = 0;
        atomic_store(&go, 0);
        fake.device.n_gates = 1;
        assert_int_equal(rrto_client_cudaLaunchHostFunc(held, wait_for_go, &n), 0);
        assert_int_equal(rrto_client_cudaMemsetAsync(memory, 0, N, NULL), 0); /* the legacy stream is behind it */
        for (int i = 0; i < N_WAITS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, call, &waits[i]), 0);
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
        fake.error = (struct rrto_session_error){.library = "", .left = leaving};
        fake.lost = true;
        for (int i = 0; i < N_WAITS; i++) {
            void *result;
            assert_int_equal(pthread_join(threads[i], &result), 0);
            assert_int_equal((intptr_t)result, leaving ? RRTO_CUDA_UNLOADING : RRTO_CUDA_LOST);
        }
        assert_int_equal(n, 0);
        fake.lost = false;
        until_all_have_run();
        assert_int_equal(n, 1);
    }
    assert_int_equal(rrto_client_cudaFree(memory), 0); /* none of them has done it */
    assert_int_equal(rrto_client_cudaFreeHost(pinned), 0);
    assert_int_equal(rrto_client_cudaHostUnregister(registered), 0);
    assert_int_equal(rrto_client_cudaStreamDestroy(held), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_gate_for_a_function, setup),
        cmocka_unit_test_setup(functions_in_a_row, setup),
        cmocka_unit_test_setup(errors, setup),
        cmocka_unit_test_setup(sources, setup),
        cmocka_unit_test_setup(other_streams, setup),
        cmocka_unit_test_setup(a_query_first, setup),
        cmocka_unit_test_setup(more_than_the_server_has, setup),
        cmocka_unit_test_setup(freeing_is_apart, setup),
        cmocka_unit_test_setup(loading_is_apart, setup),
        cmocka_unit_test_setup(what_the_server_keeps, setup),
        cmocka_unit_test_setup(freeing_ends, setup),
        cmocka_unit_test_setup(waits_end_with_the_session, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
