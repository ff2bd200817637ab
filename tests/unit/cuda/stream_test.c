/* SPDX-License-Identifier: Apache-2.0 */
/* Streams, events, contexts and last errors. */
#include "../test.h"
#include "base/status.h"
#include "cuda/host_function.h"
#include "cuda/object.h"
#include "cuda/stream.h"
#include "fake.h"
#include "gen/calls.h"
#include "gen/client_bodies.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

static int setup(void **state)
{
    (void)state;
    fake_reset();
    return 0;
}

static void special_streams(void **state)
{
    (void)state;
    uint32_t id = 99, mine, again;
    assert_true(rrto_stream_id(NULL, &id) && id == 0);
    assert_true(rrto_stream_id((void *)1, &id) && id == 0);
    assert_true(rrto_stream_id((void *)2, &mine) && mine != 0);
    assert_non_null(fake_last(0, RRTO_OP_stream_create));
    assert_true(rrto_stream_id((void *)2, &again) && again == mine);
    assert_false(rrto_stream_id((void *)3, &id));
    assert_false(rrto_stream_id("no stream at all, but readable", &id));
}

static void *own_stream(void *ret)
{
    rrto_stream_id((void *)2, ret);
    return NULL;
}

/* On a thread that has no stream yet. */
static void *record_in_a_lost_session(void *event)
{
    int result = rrto_event_record(event, (void *)2, 0);
    return (void *)(intptr_t)result;
}

/* The session's error, not "invalid handle": the thread's stream cannot be made any more. */
static void a_first_use_in_a_lost_session(void **state)
{
    (void)state;
    void *event, *result = NULL;
    pthread_t thread;
    assert_int_equal(rrto_event_create(0, &event), 0);
    fake.status = RRTO_LOST;
    fake.lost = true;
    fake.error = (struct rrto_session_error){.library = "cuda", .code = 700};
    assert_int_equal(pthread_create(&thread, NULL, record_in_a_lost_session, event), 0);
    pthread_join(thread, &result);
    assert_int_equal((intptr_t)result, 700);
}

static void per_thread_streams_differ_and_are_taken_over(void **state)
{
    (void)state;
    uint32_t mine, first = 0, second = 0;
    pthread_t thread;
    assert_true(rrto_stream_id((void *)2, &mine));
    assert_int_equal(pthread_create(&thread, NULL, own_stream, &first), 0);
    pthread_join(thread, NULL);
    assert_int_equal(pthread_create(&thread, NULL, own_stream, &second), 0);
    pthread_join(thread, NULL);
    assert_int_not_equal(first, mine);
    assert_int_equal(first, second); /* of a thread that has ended */
}

static void *null_stream(void *ret)
{
    rrto_stream_peek_id(NULL, ret);
    return NULL;
}

static void null_stream_of_a_function(void *ret)
{
    rrto_stream_peek_id(NULL, ret);
}

/* What NULL means is said for one thread, for as long as a call lasts: no function of the application's sees it. */
static void null_is_the_threads_own_in_a_variant(void **state)
{
    (void)state;
    uint32_t mine, id = 99, of_function = 99, of_other = 99;
    pthread_t thread;
    assert_true(rrto_stream_id((void *)2, &mine) && mine != 0);
    assert_false(rrto_client_per_thread(true));
    assert_true(rrto_client_per_thread(true)); /* a body that calls another one */
    assert_true(rrto_stream_is_per_thread());
    assert_true(rrto_stream_id(NULL, &id) && id == mine);
    assert_true(rrto_stream_id((void *)1, &id) && id == 0);
    assert_int_equal(rrto_stream_host_function(NULL, null_stream_of_a_function, &of_function), 0);
    assert_int_equal(rrto_host_functions_wait_all(), 0);
    assert_int_equal(pthread_create(&thread, NULL, null_stream, &of_other), 0);
    pthread_join(thread, NULL);
    assert_int_equal(of_function, 0);
    assert_int_equal(of_other, 0);
    assert_true(rrto_client_per_thread(false));
    assert_false(rrto_stream_is_per_thread());
    assert_true(rrto_stream_id(NULL, &id) && id == 0);
}

static void handles_die(void **state)
{
    (void)state;
    cudaStream_t stream;
    cudaEvent_t event;
    assert_int_equal(rrto_client_cudaStreamCreateWithFlags(&stream, 1), 0);
    assert_int_equal(rrto_client_cudaStreamCreateWithFlags(&stream, 2), cudaErrorInvalidValue);
    assert_int_equal(rrto_client_cudaEventCreate(&event), 0);
    assert_int_equal(rrto_client_cudaStreamSynchronize((cudaStream_t)(void *)event), cudaErrorInvalidResourceHandle);
    assert_int_equal(rrto_client_cudaStreamDestroy(stream), 0);
    assert_int_equal(rrto_client_cudaStreamDestroy(stream), cudaErrorInvalidResourceHandle);
    assert_int_equal(rrto_client_cudaStreamSynchronize(stream), cudaErrorInvalidResourceHandle);
    assert_int_equal(rrto_client_cudaEventDestroy(event), 0);
    assert_int_equal(rrto_client_cudaEventRecord(event, NULL), cudaErrorInvalidResourceHandle);
}

static void ids_are_never_reused(void **state)
{
    (void)state;
    uint32_t last = 0;
    for (int i = 0; i < 10000; i++) {
        void *event;
        uint32_t id;
        assert_int_equal(rrto_event_create(2, &event), 0);
        assert_true(rrto_event_id(event, &id) && id > last);
        last = id;
        assert_int_equal(rrto_event_destroy(event), 0);
    }
}

static void events_and_queries(void **state)
{
    (void)state;
    cudaEvent_t first, second, untimed;
    float ms = 0;
    assert_int_equal(rrto_client_cudaEventCreate(&first), 0);
    assert_int_equal(rrto_client_cudaEventCreate(&second), 0);
    assert_int_equal(rrto_client_cudaEventCreateWithFlags(&untimed, 2), 0);
    size_t n_before = fake.n_ops;
    assert_int_equal(rrto_client_cudaEventQuery(first), 0); /* never recorded */
    assert_int_equal(rrto_client_cudaStreamWaitEvent(NULL, first, 0), 0);
    assert_int_equal(rrto_client_cudaEventSynchronize(first), 0);
    assert_int_equal(fake.n_ops, n_before);
    assert_int_equal(rrto_client_cudaEventElapsedTime(&ms, first, second), cudaErrorInvalidResourceHandle);
    assert_int_equal(rrto_client_cudaEventRecord(first, NULL), 0);
    assert_int_equal(rrto_client_cudaEventRecord(second, NULL), 0);
    assert_int_equal(rrto_client_cudaEventRecord(untimed, NULL), 0);
    n_before = fake.n_ops;
    assert_int_equal(rrto_client_cudaEventQuery(first), cudaErrorNotReady);
    assert_int_equal(rrto_client_cudaStreamQuery(NULL), cudaErrorNotReady);
    assert_int_equal(rrto_client_cudaEventElapsedTime(&ms, first, second), cudaErrorNotReady);
    fake.completed = fake.n_ops;
    assert_int_equal(rrto_client_cudaEventQuery(first), 0);
    assert_int_equal(rrto_client_cudaStreamQuery(NULL), 0);
    assert_int_equal(fake.n_ops, n_before); /* queries are no ops */
    assert_int_equal(rrto_client_cudaEventElapsedTime(&ms, first, untimed), cudaErrorInvalidResourceHandle);
    assert_int_equal(rrto_client_cudaEventElapsedTime(&ms, first, second), 0);
    assert_true(ms == 1.5f);
    assert_int_equal(rrto_client_cudaStreamWaitEvent(NULL, first, 0), 0);
    assert_non_null(fake_last(0, RRTO_OP_stream_wait_event));
}

static void what_synchronising_said_stays_true(void **state)
{
    (void)state;
    cudaStream_t stream;
    cudaEvent_t first, second, elsewhere;
    assert_int_equal(rrto_client_cudaStreamCreateWithFlags(&stream, 1), 0);
    assert_int_equal(rrto_client_cudaEventCreate(&first), 0);
    assert_int_equal(rrto_client_cudaEventCreate(&second), 0);
    assert_int_equal(rrto_client_cudaEventCreate(&elsewhere), 0);
    assert_int_equal(rrto_client_cudaEventRecord(first, stream), 0);
    assert_int_equal(rrto_client_cudaEventRecord(elsewhere, NULL), 0);
    assert_int_equal(rrto_client_cudaEventRecord(second, stream), 0);
    assert_int_equal(rrto_client_cudaEventQuery(first), cudaErrorNotReady);
    assert_int_equal(rrto_client_cudaEventSynchronize(second), 0);
    assert_int_equal(rrto_client_cudaEventQuery(second), 0);
    assert_int_equal(rrto_client_cudaEventQuery(first), 0); /* before it on the same stream */
    assert_int_equal(rrto_client_cudaEventQuery(elsewhere), cudaErrorNotReady);
    assert_int_equal(rrto_client_cudaEventRecord(first, stream), 0);
    assert_int_equal(rrto_client_cudaEventQuery(first), cudaErrorNotReady); /* recorded anew */
    assert_int_equal(rrto_client_cudaStreamSynchronize(stream), 0);
    assert_int_equal(rrto_client_cudaEventQuery(first), 0);
    assert_int_equal(rrto_client_cudaEventQuery(elsewhere), cudaErrorNotReady);
    assert_int_equal(rrto_client_cudaDeviceSynchronize(), 0);
    assert_int_equal(rrto_client_cudaEventQuery(elsewhere), 0);
}

static void last_errors(void **state)
{
    (void)state;
    assert_int_equal(rrto_client_result_cudart(RRTO_CALL_cudaMalloc, 0), 0);
    assert_int_equal(rrto_client_cudaGetLastError(), 0);
    assert_int_equal(rrto_client_result_cudart(RRTO_CALL_cudaMalloc, 2), 2);
    assert_int_equal(rrto_client_result_cudart(RRTO_CALL_cudaFree, 0), 0);
    assert_int_equal(rrto_client_cudaPeekAtLastError(), 2);
    assert_int_equal(rrto_client_cudaGetLastError(), 2);
    assert_int_equal(rrto_client_cudaGetLastError(), 0);
    assert_string_equal(rrto_client_cudaGetErrorName(2), "cudaErrorMemoryAllocation");
    assert_string_equal(rrto_client_cudaGetErrorString(2), "out of memory");
    assert_string_equal(rrto_client_cudaGetErrorString((cudaError_t)12345), "unrecognized error code");
    const char *text;
    assert_int_equal(rrto_client_cuGetErrorName(CUDA_ERROR_INVALID_HANDLE, &text), 0);
    assert_string_equal(text, "CUDA_ERROR_INVALID_HANDLE");
    assert_int_equal(rrto_client_cuGetErrorName((CUresult)9, &text), CUDA_ERROR_INVALID_VALUE);
    assert_null(text);
}

static void *driver_thread(void *unused)
{
    (void)unused;
    CUcontext context = NULL, popped = NULL;
    CUdevice device = 7;
    CUdeviceptr address;
    assert_int_equal(rrto_client_cuCtxGetCurrent(&context), 0);
    assert_null(context);
    assert_int_equal(rrto_client_cuMemAlloc_v2(&address, 100), CUDA_ERROR_INVALID_CONTEXT);
    assert_int_equal(rrto_client_cuCtxPopCurrent_v2(&popped), CUDA_ERROR_INVALID_CONTEXT);
    assert_int_equal(rrto_client_cuDevicePrimaryCtxRetain(&context, 0), 0);
    assert_int_equal(rrto_client_cuCtxSetCurrent(context), 0);
    assert_int_equal(rrto_client_cuMemAlloc_v2(&address, 100), 0);
    assert_int_equal(rrto_client_cuMemFree_v2(address), 0);
    assert_int_equal(rrto_client_cuCtxGetDevice(&device), 0);
    assert_int_equal(device, 0);
    CUcontext other;
    assert_int_equal(rrto_client_cuCtxCreate_v2(&other, 0, 0), 0);
    assert_ptr_not_equal(other, context);
    assert_int_equal(rrto_client_cuCtxPopCurrent_v2(&popped), 0);
    assert_ptr_equal(popped, other);
    assert_int_equal(rrto_client_cuCtxDestroy_v2(other), 0);
    assert_int_equal(rrto_client_cuCtxPushCurrent_v2(other), CUDA_ERROR_INVALID_CONTEXT);
    for (int i = 0; i < 3000; i++) { /* however many there have been: one takes another's place at last */
        CUcontext one;
        assert_int_equal(rrto_client_cuCtxCreate_v2(&one, 0, 0), 0);
        assert_ptr_not_equal(one, context);
        assert_int_equal(rrto_client_cuCtxDestroy_v2(one), 0);
    }
    assert_int_equal(rrto_client_cuDevicePrimaryCtxRelease_v2(0), 0);
    assert_int_equal(rrto_client_cuDevicePrimaryCtxRelease_v2(0), CUDA_ERROR_INVALID_CONTEXT);
    return NULL;
}

static void contexts(void **state)
{
    (void)state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, driver_thread, NULL), 0);
    pthread_join(thread, NULL);
    unsigned int flags;
    int active = 0;
    assert_int_equal(rrto_client_cudaSetDevice(0), 0);
    assert_int_equal(rrto_client_cudaSetDevice(1), cudaErrorInvalidDevice);
    assert_int_equal(rrto_client_cuDevicePrimaryCtxGetState(0, &flags, &active), 0);
    assert_int_equal(active, 1);
}

static void device_questions(void **state)
{
    (void)state;
    cudaDeviceProp properties;
    int value = -1;
    assert_int_equal(rrto_client_cudaGetDeviceProperties(&properties, 0), 0);
    assert_string_equal(properties.name, "Fake GPU");
    assert_int_equal(properties.major, 8);
    assert_int_equal(properties.maxThreadsDim[2], 64);
    assert_int_equal(properties.canMapHostMemory, 0); /* whatever the GPU can do */
    assert_int_equal(properties.managedMemory, 0);
    assert_int_equal(rrto_client_cudaDeviceGetAttribute(&value, cudaDevAttrCanMapHostMemory, 0), 0);
    assert_int_equal(value, 0);
    assert_int_equal(rrto_client_cudaDeviceGetAttribute(&value, cudaDevAttrMemoryPoolsSupported, 0), 0);
    assert_int_equal(value, 1);
    assert_int_equal(rrto_client_cudaGetDeviceProperties(&properties, 1), cudaErrorInvalidDevice);
    char text[32];
    assert_int_equal(rrto_client_cudaDeviceGetPCIBusId(text, sizeof text, 0), 0);
    assert_string_equal(text, "0000:3b:00.0");
    assert_int_equal(rrto_client_cudaDeviceGetByPCIBusId(&value, text), 0);
    assert_int_equal(value, 0);
    assert_int_equal(rrto_client_cudaDeviceGetByPCIBusId(&value, "0000:01:00.0"), cudaErrorInvalidDevice);
    nvmlDevice_t device;
    assert_int_equal(rrto_client_nvmlDeviceGetHandleByIndex_v2(0, &device), 0);
    assert_int_equal(rrto_client_nvmlDeviceGetUUID(device, text, sizeof text), NVML_ERROR_INSUFFICIENT_SIZE);
    char uuid[96];
    assert_int_equal(rrto_client_nvmlDeviceGetUUID(device, uuid, sizeof uuid), 0);
    assert_string_equal(uuid, "GPU-10111213-1415-1617-1819-1a1b1c1d1e1f");
    assert_int_equal(rrto_client_nvmlSystemGetDriverVersion(text, sizeof text), 0);
    assert_string_equal(text, "13.0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(special_streams, setup),
        cmocka_unit_test_setup(a_first_use_in_a_lost_session, setup), /* before any thread leaves a stream */
        cmocka_unit_test_setup(per_thread_streams_differ_and_are_taken_over, setup),
        cmocka_unit_test_setup(null_is_the_threads_own_in_a_variant, setup),
        cmocka_unit_test_setup(handles_die, setup),
        cmocka_unit_test_setup(ids_are_never_reused, setup),
        cmocka_unit_test_setup(events_and_queries, setup),
        cmocka_unit_test_setup(what_synchronising_said_stays_true, setup),
        cmocka_unit_test_setup(last_errors, setup),
        cmocka_unit_test_setup(contexts, setup),
        cmocka_unit_test_setup(device_questions, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
