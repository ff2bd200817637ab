/* SPDX-License-Identifier: Apache-2.0 */
/* Without the adversarial scheduler: a word that is waited for, or a host function, makes queues of streams until it
 * has come; before and after that everything is done at the call. */
#include "gen/api_driver.h"
#include "test.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

enum { N = 4096, GEQ = 0 };
int cuStreamWaitValue32_v2(CUstream stream, CUdeviceptr address, uint32_t value, unsigned int flags);

static CUdeviceptr device, other;
static unsigned char *pinned;
static uint32_t *word;
static CUstream stream, second;

static int open_device(void **state)
{
    (void)state;
    CUcontext context;
    assert_int_equal(cuInit(0), CUDA_SUCCESS);
    assert_int_equal(cuDevicePrimaryCtxRetain(&context, 0), CUDA_SUCCESS);
    assert_int_equal(cuCtxSetCurrent(context), CUDA_SUCCESS);
    assert_int_equal(cuMemAlloc_v2(&device, N), CUDA_SUCCESS);
    assert_int_equal(cuMemAlloc_v2(&other, N), CUDA_SUCCESS);
    assert_int_equal(cuMemHostAlloc((void **)&pinned, N, 0), CUDA_SUCCESS);
    assert_int_equal(cuMemHostAlloc((void **)&word, sizeof *word, 0), CUDA_SUCCESS);
    assert_int_equal(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING), CUDA_SUCCESS);
    assert_int_equal(cuStreamCreate(&second, CU_STREAM_NON_BLOCKING), CUDA_SUCCESS);
    return 0;
}

static CUdeviceptr address_of(const void *host)
{
    return (CUdeviceptr)(uintptr_t)host;
}

static void write_word(uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static void one_stream_waits_others_do_not(void **state)
{
    (void)state;
    *word = 0;
    memset(pinned, 1, N);
    assert_int_equal(cuMemsetD8Async(device, 1, N, stream), CUDA_SUCCESS);
    assert_int_equal(cuStreamWaitValue32_v2(stream, address_of(word), 3, GEQ), CUDA_SUCCESS);
    assert_int_equal(cuMemcpyHtoDAsync_v2(device, pinned, N, stream), CUDA_SUCCESS); /* the source is read late */
    assert_int_equal(cuMemcpyDtoHAsync_v2(pinned + N / 2, device, N / 2, stream), CUDA_SUCCESS);
    assert_int_equal(cuMemsetD8Async(other, 5, N, second), CUDA_SUCCESS);
    assert_int_equal(cuStreamSynchronize(second), CUDA_SUCCESS);
    assert_int_equal(*(unsigned char *)(uintptr_t)other, 5);
    write_word(2);
    for (int i = 0; i < 100; i++) {
        sched_yield();
        assert_int_equal(cuStreamQuery(stream), CUDA_ERROR_NOT_READY);
    }
    memset(pinned, 9, N / 2);
    write_word(4); /* beyond it is as good */
    assert_int_equal(cuStreamSynchronize(stream), CUDA_SUCCESS);
    assert_int_equal(*(unsigned char *)(uintptr_t)device, 9);
    assert_int_equal(pinned[N / 2], 9);
    assert_int_equal(cuMemsetD8Async(device, 6, N, stream), CUDA_SUCCESS); /* at the call again */
    assert_int_equal(*(unsigned char *)(uintptr_t)device, 6);
}

static void events_behind_a_word(void **state)
{
    (void)state;
    CUevent before, behind;
    *word = UINT32_MAX; /* cyclically */
    assert_int_equal(cuEventCreate(&before, 2), CUDA_SUCCESS);
    assert_int_equal(cuEventCreate(&behind, 2), CUDA_SUCCESS);
    assert_int_equal(cuEventRecord(before, stream), CUDA_SUCCESS);
    assert_int_equal(cuStreamWaitValue32_v2(stream, address_of(word), 1, GEQ), CUDA_SUCCESS);
    assert_int_equal(cuMemsetD8Async(device, 7, N, stream), CUDA_SUCCESS);
    assert_int_equal(cuEventRecord(behind, stream), CUDA_SUCCESS);
    assert_int_equal(cuStreamWaitEvent(second, behind, 0), CUDA_SUCCESS);
    assert_int_equal(cuMemcpyDtoDAsync_v2(other, device, N, second), CUDA_SUCCESS);
    assert_int_equal(cuEventSynchronize(before), CUDA_SUCCESS);
    assert_int_equal(cuEventQuery(behind), CUDA_ERROR_NOT_READY);
    assert_int_equal(cuStreamQuery(second), CUDA_ERROR_NOT_READY);
    write_word(1);
    assert_int_equal(cuStreamSynchronize(second), CUDA_SUCCESS);
    assert_int_equal(cuEventQuery(behind), CUDA_SUCCESS);
    assert_int_equal(*(unsigned char *)(uintptr_t)other, 7);
    assert_int_equal(cuEventDestroy_v2(before), CUDA_SUCCESS);
    assert_int_equal(cuEventDestroy_v2(behind), CUDA_SUCCESS);
}

static atomic_int go;

static void wait_for_go(void *ran)
{
    while (!atomic_load(&go))
        sched_yield();
    *(int *)ran = 1;
}

static void a_host_function_holds_its_stream_only(void **state)
{
    (void)state;
    int ran = 0;
    assert_int_equal(cuLaunchHostFunc(stream, wait_for_go, &ran), CUDA_SUCCESS);
    assert_int_equal(cuMemsetD8Async(device, 8, N, stream), CUDA_SUCCESS);
    assert_int_equal(cuMemsetD8Async(other, 8, N, second), CUDA_SUCCESS);
    assert_int_equal(cuStreamSynchronize(second), CUDA_SUCCESS);
    assert_int_equal(cuStreamQuery(stream), CUDA_ERROR_NOT_READY);
    atomic_store(&go, 1);
    assert_int_equal(cuCtxSynchronize(), CUDA_SUCCESS);
    assert_int_equal(ran, 1);
    assert_int_equal(*(unsigned char *)(uintptr_t)device, 8);
}

static void wrong_words(void **state)
{
    (void)state;
    assert_int_equal(cuStreamWaitValue32_v2(stream, 0, 1, GEQ), CUDA_ERROR_INVALID_VALUE);
    assert_int_equal(cuStreamWaitValue32_v2(stream, address_of(word) + 1, 1, GEQ), CUDA_ERROR_INVALID_VALUE);
    assert_int_equal(cuStreamWaitValue32_v2(stream, address_of(word), 1, 1), CUDA_ERROR_NOT_SUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_stream_waits_others_do_not),
        cmocka_unit_test(events_behind_a_word),
        cmocka_unit_test(a_host_function_holds_its_stream_only),
        cmocka_unit_test(wrong_words),
    };
    return cmocka_run_group_tests(tests, open_device, NULL);
}
