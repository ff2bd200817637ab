/* SPDX-License-Identifier: Apache-2.0 */
/* Start-up, contexts, memory in both ways, streams and events. */
#include "gen/api_driver.h"
#include "test.h"

#include <string.h>
#include <sys/mman.h>

enum { GRANULE = 2 << 20 };

static int context(void **state)
{
    (void)state;
    CUcontext primary;
    return cuInit(0) || cuDevicePrimaryCtxRetain(&primary, 0) || cuCtxSetCurrent(primary);
}

static void before_initialisation(void **state)
{
    (void)state;
    int count;
    CUdeviceptr address;
    assert_int_equal(cuDeviceGetCount(&count), CUDA_ERROR_NOT_INITIALIZED);
    assert_int_equal(cuInit(0), CUDA_SUCCESS);
    assert_int_equal(cuDeviceGetCount(&count), CUDA_SUCCESS);
    assert_int_equal(count, 1);
    assert_int_equal(cuMemAlloc_v2(&address, 16), CUDA_ERROR_INVALID_CONTEXT);
    assert_int_equal(cuDeviceGetCount(NULL), CUDA_ERROR_INVALID_VALUE);
    CUdevice device;
    assert_int_equal(cuDeviceGet(&device, 1), CUDA_ERROR_INVALID_DEVICE);
}

static void claims(void **state)
{
    (void)state;
    char name[64];
    int value;
    assert_int_equal(cuDeviceGetName(name, sizeof name, 0), CUDA_SUCCESS);
    assert_string_equal(name, "rrto soft GPU");
    static const struct {
        CUdevice_attribute attribute;
        int value;
    } expected[] = {
        {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, 8},
        {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, 0},
        {CU_DEVICE_ATTRIBUTE_WARP_SIZE, 32},
        {CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY, 0},
        {CU_DEVICE_ATTRIBUTE_MANAGED_MEMORY, 0},
        {CU_DEVICE_ATTRIBUTE_PAGEABLE_MEMORY_ACCESS, 0},
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        assert_int_equal(cuDeviceGetAttribute(&value, expected[i].attribute, 0), CUDA_SUCCESS);
        assert_int_equal(value, expected[i].value);
    }
    assert_int_equal(cuDeviceGetAttribute(&value, (CUdevice_attribute)0, 0), CUDA_ERROR_INVALID_VALUE);
}

static void plain_memory(void **state)
{
    (void)state;
    size_t before, after, total, n;
    CUdeviceptr address, base;
    assert_int_equal(cuMemGetInfo_v2(&before, &total), CUDA_SUCCESS);
    assert_int_equal(cuMemAlloc_v2(&address, 5000), CUDA_SUCCESS);
    assert_int_equal(cuMemGetInfo_v2(&after, &total), CUDA_SUCCESS);
    assert_true(before - after >= 5000 && before - after <= 8192);
    assert_int_equal(cuMemGetAddressRange_v2(&base, &n, address + 100), CUDA_SUCCESS);
    assert_true(base == address && n >= 5000);
    unsigned int type = 0;
    assert_int_equal(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, address), CUDA_SUCCESS);
    assert_int_equal(type, CU_MEMORYTYPE_DEVICE);
    assert_int_equal(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, (CUdeviceptr)(uintptr_t)&type),
                     CUDA_ERROR_INVALID_VALUE);
    unsigned int words[4] = {0}, expected[4] = {7, 0x01010101, 0x01010101, 7};
    assert_int_equal(cuMemsetD32_v2(address, 7, 4), CUDA_SUCCESS);
    assert_int_equal(cuMemsetD8Async(address + 4, 1, 8, NULL), CUDA_SUCCESS);
    assert_int_equal(cuMemcpyDtoH_v2(words, address, sizeof words), CUDA_SUCCESS);
    assert_memory_equal(words, expected, sizeof words);
    CUDA_MEMCPY2D copy = {.srcMemoryType = CU_MEMORYTYPE_HOST,
                          .srcHost = "abcdefgh",
                          .srcPitch = 4,
                          .dstMemoryType = CU_MEMORYTYPE_DEVICE,
                          .dstDevice = address,
                          .dstPitch = 8,
                          .WidthInBytes = 2,
                          .Height = 2};
    assert_int_equal(cuMemsetD16_v2(address, 0x2e2e, 8), CUDA_SUCCESS);
    assert_int_equal(cuMemcpy2D_v2(&copy), CUDA_SUCCESS);
    char rows[10];
    assert_int_equal(cuMemcpyDtoHAsync_v2(rows, address, 10, NULL), CUDA_SUCCESS);
    assert_memory_equal(rows, "ab......ef", 10);
    assert_int_equal(cuMemFree_v2(address + 1), CUDA_ERROR_INVALID_VALUE);
    assert_int_equal(cuMemFree_v2(address), CUDA_SUCCESS);
    assert_int_equal(cuMemFree_v2(address), CUDA_ERROR_INVALID_VALUE);
    assert_int_equal(cuMemAlloc_v2(&address, (size_t)1 << 50), CUDA_ERROR_OUT_OF_MEMORY);
    assert_int_equal(cuMemGetInfo_v2(&after, &total), CUDA_SUCCESS);
    assert_true(before == after);
}

/* An address where n bytes are free now, under sanitizers, too. */
static CUdeviceptr free_range(size_t n)
{
    void *at = mmap(NULL, n + GRANULE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(at != MAP_FAILED);
    assert_int_equal(munmap(at, n + GRANULE), 0);
    return ((CUdeviceptr)(uintptr_t)at + GRANULE - 1) / GRANULE * GRANULE;
}

/* What the worker does: a range, blocks mapped into it, moved, given back. */
static void mapped_memory(void **state)
{
    (void)state;
    CUmemAllocationProp properties = {.type = CU_MEM_ALLOCATION_TYPE_PINNED,
                                      .location = {.type = (CUmemLocationType)1}};
    CUmemAccessDesc access = {.location = {.type = (CUmemLocationType)1}, .flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
    size_t granularity, before, after, total;
    assert_int_equal(cuMemGetAllocationGranularity(&granularity, &properties, CU_MEM_ALLOC_GRANULARITY_MINIMUM),
                     CUDA_SUCCESS);
    assert_int_equal(granularity, GRANULE);
    assert_int_equal(cuMemGetInfo_v2(&before, &total), CUDA_SUCCESS);
    CUdeviceptr wish = free_range(8 * GRANULE), range, other;
    assert_int_equal(cuMemAddressReserve(&range, 8 * GRANULE, 0, wish, 0), CUDA_SUCCESS);
    assert_true(range == wish);
    assert_int_equal(cuMemAddressReserve(&other, GRANULE, 0, wish, 0), CUDA_SUCCESS); /* taken: another one */
    assert_true(other != wish && other % GRANULE == 0);
    CUmemGenericAllocationHandle handle;
    assert_int_equal(cuMemCreate(&handle, 2 * GRANULE, &properties, 0), CUDA_SUCCESS);
    assert_int_equal(cuMemMap(range, 2 * GRANULE, 0, handle, 0), CUDA_SUCCESS);
    assert_int_equal(cuMemMap(range + GRANULE, 2 * GRANULE, 0, handle, 0), CUDA_ERROR_INVALID_VALUE); /* occupied */
    assert_int_equal(cuMemSetAccess(range, 2 * GRANULE, &access, 1), CUDA_SUCCESS);
    assert_int_equal(cuMemsetD32_v2(range, 42, 2 * GRANULE / 4), CUDA_SUCCESS);
    assert_int_equal(cuMemUnmap(range, 2 * GRANULE), CUDA_SUCCESS);
    assert_int_equal(cuMemMap(range + 4 * GRANULE, 2 * GRANULE, 0, handle, 0), CUDA_SUCCESS);
    assert_int_equal(cuMemSetAccess(range + 4 * GRANULE, 2 * GRANULE, &access, 1), CUDA_SUCCESS);
    unsigned int word = 0;
    assert_int_equal(cuMemcpyDtoH_v2(&word, range + 6 * GRANULE - 4, 4), CUDA_SUCCESS);
    assert_int_equal(word, 42); /* the content went with it */
    assert_int_equal(cuMemRelease(handle), CUDA_SUCCESS);
    assert_int_equal(cuMemRelease(handle), CUDA_ERROR_INVALID_VALUE);
    assert_int_equal(cuMemGetInfo_v2(&after, &total), CUDA_SUCCESS);
    assert_true(before - after == 2 * GRANULE);                                           /* still mapped */
    assert_int_equal(cuMemUnmap(range + 4 * GRANULE, GRANULE), CUDA_ERROR_INVALID_VALUE); /* not in parts */
    assert_int_equal(cuMemUnmap(range + 4 * GRANULE, 2 * GRANULE), CUDA_SUCCESS);
    assert_int_equal(cuMemGetInfo_v2(&after, &total), CUDA_SUCCESS);
    assert_true(before == after);
    assert_int_equal(cuMemAddressFree(range, 8 * GRANULE), CUDA_SUCCESS);
    assert_int_equal(cuMemAddressFree(other, GRANULE), CUDA_SUCCESS);
}

static void streams_and_events(void **state)
{
    (void)state;
    CUstream stream;
    CUevent start, end, silent;
    float ms = -1;
    assert_int_equal(cuStreamCreateWithPriority(&stream, CU_STREAM_NON_BLOCKING, -100), CUDA_SUCCESS);
    int priority;
    assert_int_equal(cuStreamGetPriority(stream, &priority), CUDA_SUCCESS);
    assert_int_equal(priority, -5);
    assert_int_equal(cuEventCreate(&start, 0), CUDA_SUCCESS);
    assert_int_equal(cuEventCreate(&end, 0), CUDA_SUCCESS);
    assert_int_equal(cuEventCreate(&silent, 2), CUDA_SUCCESS);
    assert_int_equal(cuEventElapsedTime_v2(&ms, start, end), CUDA_ERROR_INVALID_HANDLE); /* not recorded */
    assert_int_equal(cuEventRecord(start, stream), CUDA_SUCCESS);
    assert_int_equal(cuEventRecord(end, stream), CUDA_SUCCESS);
    assert_int_equal(cuEventRecord(silent, stream), CUDA_SUCCESS);
    assert_int_equal(cuStreamWaitEvent(NULL, end, 0), CUDA_SUCCESS);
    assert_int_equal(cuEventElapsedTime_v2(&ms, start, end), CUDA_SUCCESS);
    assert_true(ms >= 0 && ms < 1000);
    assert_int_equal(cuEventElapsedTime_v2(&ms, start, silent), CUDA_ERROR_INVALID_HANDLE);
    assert_int_equal(cuStreamQuery(stream), CUDA_SUCCESS);
    assert_int_equal(cuStreamDestroy_v2(stream), CUDA_SUCCESS);
    assert_int_equal(cuStreamDestroy_v2(NULL), CUDA_ERROR_INVALID_HANDLE);
    assert_int_equal(cuEventDestroy_v2(start), CUDA_SUCCESS);
    assert_int_equal(cuEventDestroy_v2(end), CUDA_SUCCESS);
    assert_int_equal(cuEventDestroy_v2(silent), CUDA_SUCCESS);
    void *function = NULL;
    assert_int_equal(cuGetProcAddress("cuMemAlloc", &function, 13000, 0), CUDA_SUCCESS);
    assert_ptr_equal(function, (void *)(uintptr_t)cuMemAlloc_v2);
    assert_int_equal(cuGetProcAddress("cuNoSuchThing", &function, 13000, 0), CUDA_ERROR_NOT_FOUND);
    const char *name;
    assert_int_equal(cuGetErrorName(CUDA_ERROR_NO_BINARY_FOR_GPU, &name), CUDA_SUCCESS);
    assert_string_equal(name, "CUDA_ERROR_NO_BINARY_FOR_GPU");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_initialisation),
        cmocka_unit_test_setup(claims, context),
        cmocka_unit_test_setup(plain_memory, context),
        cmocka_unit_test_setup(mapped_memory, context),
        cmocka_unit_test_setup(streams_and_events, context),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
