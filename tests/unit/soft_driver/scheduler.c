/* SPDX-License-Identifier: Apache-2.0 */
/* The adversarial scheduler with a seed that makes everything as late as it may be: what a program may not rely on
 * really is not so, and what it may rely on is. */
#include "gen/api_driver.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

enum { N = 4096 };
static CUdeviceptr device, other;
static unsigned char *pinned, pageable[N];
static CUstream stream, second;

static int open_device(void **state)
{
    (void)state;
    CUcontext context;
    setenv("SOFT_GPU_SCHED", "adversarial:1", 1);
    assert_int_equal(cuInit(0), CUDA_SUCCESS);
    assert_int_equal(cuDevicePrimaryCtxRetain(&context, 0), CUDA_SUCCESS);
    assert_int_equal(cuCtxSetCurrent(context), CUDA_SUCCESS);
    assert_int_equal(cuMemAlloc_v2(&device, N), CUDA_SUCCESS);
    assert_int_equal(cuMemAlloc_v2(&other, N), CUDA_SUCCESS);
    assert_int_equal(cuMemHostAlloc((void **)&pinned, N, 0), CUDA_SUCCESS);
    assert_int_equal(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING), CUDA_SUCCESS);
    assert_int_equal(cuStreamCreate(&second, CU_STREAM_NON_BLOCKING), CUDA_SUCCESS);
    return 0;
}

static int byte_of(CUdeviceptr address)
{
    unsigned char byte;
    assert_int_equal(cuMemcpyDtoH_v2(&byte, address, 1), CUDA_SUCCESS);
    return byte;
}

static void unwritten_memory(void **state)
{
    (void)state;
    assert_int_not_equal(byte_of(device), 0);
}

static void late_writes(void **state)
{
    (void)state;
    assert_int_equal(cuMemsetD8Async(device, 7, N, stream), CUDA_SUCCESS);
    memset(pinned, 1, N);
    assert_int_equal(cuMemcpyDtoHAsync_v2(pinned, device, N, stream), CUDA_SUCCESS);
    assert_int_equal(pinned[N - 1], 1);
    assert_int_equal(cuStreamSynchronize(stream), CUDA_SUCCESS);
    assert_int_equal(pinned[N - 1], 7);
}

static void late_reads(void **state)
{
    (void)state;
    memset(pinned, 1, N);
    memset(pageable, 2, N);
    assert_int_equal(cuMemcpyHtoDAsync_v2(device, pinned, N, stream), CUDA_SUCCESS);
    assert_int_equal(cuMemcpyHtoDAsync_v2(other, pageable, N, stream), CUDA_SUCCESS);
    memset(pinned, 3, N);
    memset(pageable, 4, N);
    assert_int_equal(cuStreamSynchronize(stream), CUDA_SUCCESS);
    assert_int_equal(byte_of(device), 3);
    assert_int_equal(byte_of(other), 2);
}

static void no_order_without_an_event(void **state)
{
    (void)state;
    CUevent event;
    assert_int_equal(cuEventCreate(&event, 2), CUDA_SUCCESS);
    for (int with_event = 0; with_event < 2; with_event++) {
        assert_int_equal(cuMemsetD8_v2(device, 1, N), CUDA_SUCCESS);
        assert_int_equal(cuCtxSynchronize(), CUDA_SUCCESS);
        assert_int_equal(cuMemsetD8Async(device, 2, N, stream), CUDA_SUCCESS);
        assert_int_equal(cuEventRecord(event, stream), CUDA_SUCCESS);
        if (with_event)
            assert_int_equal(cuStreamWaitEvent(second, event, 0), CUDA_SUCCESS);
        assert_int_equal(cuMemcpyDtoHAsync_v2(pinned, device, N, second), CUDA_SUCCESS);
        assert_int_equal(cuStreamSynchronize(second), CUDA_SUCCESS);
        assert_int_equal(pinned[0], with_event ? 2 : 1);
    }
    assert_int_equal(cuEventDestroy_v2(event), CUDA_SUCCESS);
}

static void queries(void **state)
{
    (void)state;
    int n = 0;
    assert_int_equal(cuCtxSynchronize(), CUDA_SUCCESS);
    assert_int_equal(cuStreamQuery(stream), CUDA_SUCCESS);
    assert_int_equal(cuMemsetD8Async(device, 5, N, stream), CUDA_SUCCESS);
    assert_int_equal(cuMemcpyDtoHAsync_v2(pinned, device, N, stream), CUDA_SUCCESS);
    while (cuStreamQuery(stream) == CUDA_ERROR_NOT_READY)
        n++;
    assert_true(n > 0);
    assert_int_equal(pinned[0], 5);
}

static void legacy_stream(void **state)
{
    (void)state;
    CUstream blocking;
    assert_int_equal(cuStreamCreate(&blocking, 0), CUDA_SUCCESS);
    assert_int_equal(cuMemsetD8Async(device, 1, N, blocking), CUDA_SUCCESS);
    assert_int_equal(cuMemcpyDtoDAsync_v2(other, device, N, NULL), CUDA_SUCCESS);
    assert_int_equal(cuMemsetD8Async(device, 2, N, blocking), CUDA_SUCCESS);
    assert_int_equal(cuMemcpyDtoHAsync_v2(pinned, device, N, blocking), CUDA_SUCCESS);
    assert_int_equal(cuStreamDestroy_v2(blocking), CUDA_SUCCESS); /* at once; the work goes on */
    assert_int_equal(cuCtxSynchronize(), CUDA_SUCCESS);
    assert_int_equal(byte_of(other), 1);
    assert_int_equal(pinned[0], 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unwritten_memory),          cmocka_unit_test(late_writes), cmocka_unit_test(late_reads),
        cmocka_unit_test(no_order_without_an_event), cmocka_unit_test(queries),     cmocka_unit_test(legacy_stream),
    };
    return cmocka_run_group_tests(tests, open_device, NULL);
}
