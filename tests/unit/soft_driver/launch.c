/* SPDX-License-Identifier: Apache-2.0 */
/* Modules, functions and launches, with a module of PTX text. */
#include "gen/api_driver.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

static const char text[] =
    ".version 7.0\n.target sm_52\n.address_size 64\n"
    ".visible .global .align 4 .u32 numbers[3] = {5, 6, 7};\n"
    ".visible .entry vector_add(.param .u64 a, .param .u64 b, .param .u64 c, .param .u32 n) { ret; }\n"
    ".visible .entry nobody(.param .u32 n) { ret; }\n";

static CUmodule module;
static CUdeviceptr memory;

static int load(void **state)
{
    (void)state;
    CUcontext primary;
    return cuInit(0) || cuDevicePrimaryCtxRetain(&primary, 0) || cuCtxSetCurrent(primary) ||
           cuModuleLoadData(&module, text) || cuMemAlloc_v2(&memory, 4096);
}

static int unload(void **state)
{
    (void)state;
    return cuModuleUnload(module) || cuMemFree_v2(memory);
}

static void functions(void **state)
{
    (void)state;
    CUfunction function, again;
    assert_int_equal(cuModuleGetFunction(&function, module, "vector_add"), CUDA_SUCCESS);
    assert_int_equal(cuModuleGetFunction(&again, module, "vector_add"), CUDA_SUCCESS);
    assert_ptr_equal(function, again);
    assert_int_equal(cuModuleGetFunction(&again, module, "missing"), CUDA_ERROR_NOT_FOUND);
    assert_int_equal(cuModuleGetFunction(&again, module, "nobody"), CUDA_ERROR_NO_BINARY_FOR_GPU);
    uint32_t zero = 0;
    setenv("SOFT_GPU_BODILESS", "1", 1);
    assert_int_equal(cuModuleGetFunction(&again, module, "nobody"), CUDA_SUCCESS);
    unsetenv("SOFT_GPU_BODILESS");
    assert_int_equal(cuLaunchKernel(again, 1, 1, 1, 1, 1, 1, 0, NULL, (void *[]){&zero}, NULL),
                     CUDA_ERROR_NOT_SUPPORTED);
    size_t offset, n;
    assert_int_equal(cuFuncGetParamInfo(function, 3, &offset, &n), CUDA_SUCCESS);
    assert_true(offset == 24 && n == 4);
    assert_int_equal(cuFuncGetParamInfo(function, 4, &offset, &n), CUDA_ERROR_INVALID_VALUE);
    int value;
    assert_int_equal(cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, function), CUDA_SUCCESS);
    assert_int_equal(value, 1024);
    assert_int_equal(cuOccupancyMaxActiveBlocksPerMultiprocessor(&value, function, 256, 0), CUDA_SUCCESS);
    assert_int_equal(value, 8); /* 2,048 threads */
    assert_int_equal(cuOccupancyMaxActiveBlocksPerMultiprocessor(&value, function, 32, 80000), CUDA_SUCCESS);
    assert_int_equal(value, 2); /* shared memory */
    CUmodule broken;
    assert_int_equal(cuModuleLoadData(&broken, "no image at all"), CUDA_ERROR_INVALID_IMAGE);
    assert_int_equal(cuModuleLoadData(&broken, ".version 7.0\n.entry x("), CUDA_ERROR_INVALID_IMAGE);
}

static void variables(void **state)
{
    (void)state;
    CUdeviceptr address;
    size_t n;
    unsigned int numbers[3];
    assert_int_equal(cuModuleGetGlobal_v2(&address, &n, module, "numbers"), CUDA_SUCCESS);
    assert_int_equal(n, 12);
    assert_int_equal(cuMemcpyDtoH_v2(numbers, address, n), CUDA_SUCCESS);
    assert_memory_equal(numbers, ((unsigned int[]){5, 6, 7}), 12);
    assert_int_equal(cuModuleGetGlobal_v2(&address, &n, module, "missing"), CUDA_ERROR_NOT_FOUND);
}

static void launches(void **state)
{
    (void)state;
    CUfunction function;
    float a[4] = {1, 2, 3, 4}, sum[4];
    CUdeviceptr to = memory + 1024;
    unsigned int n = 3;
    assert_int_equal(cuModuleGetFunction(&function, module, "vector_add"), CUDA_SUCCESS);
    assert_int_equal(cuMemcpyHtoD_v2(memory, a, sizeof a), CUDA_SUCCESS);
    void *params[] = {&memory, &memory, &to, &n};
    for (int way = 0; way < 2; way++) {
        struct {
            CUdeviceptr a, b, c;
            unsigned int n;
        } block = {memory, memory, to, n};
        size_t n_block = 28;
        void *extra[] = {(void *)1, &block, (void *)2, &n_block, NULL};
        assert_int_equal(cuMemsetD8_v2(to, 0, 16), CUDA_SUCCESS);
        assert_int_equal(cuLaunchKernel(function, 1, 1, 1, 32, 1, 1, 0, NULL, way ? NULL : params, way ? extra : NULL),
                         CUDA_SUCCESS);
        assert_int_equal(cuMemcpyDtoH_v2(sum, to, sizeof sum), CUDA_SUCCESS);
        assert_true(sum[0] == 2 && sum[1] == 4 && sum[2] == 6 && sum[3] == 0);
        n_block = 27; /* one byte short */
        assert_int_equal(cuLaunchKernel(function, 1, 1, 1, 32, 1, 1, 0, NULL, NULL, extra), CUDA_ERROR_INVALID_VALUE);
    }
    assert_int_equal(cuLaunchKernel(function, 0, 1, 1, 32, 1, 1, 0, NULL, params, NULL), CUDA_ERROR_INVALID_VALUE);
    assert_int_equal(cuLaunchKernel(function, 1, 1, 1, 1025, 1, 1, 0, NULL, params, NULL), CUDA_ERROR_INVALID_VALUE);
    assert_int_equal(cuLaunchKernel(function, 1, 65536, 1, 32, 1, 1, 0, NULL, params, NULL), CUDA_ERROR_INVALID_VALUE);
    assert_int_equal(cuLaunchKernel(function, 1, 1, 1, 32, 1, 1, 60000, NULL, params, NULL), CUDA_ERROR_INVALID_VALUE);
    assert_int_equal(cuFuncSetAttribute(function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 60000),
                     CUDA_SUCCESS);
    assert_int_equal(cuLaunchKernel(function, 1, 1, 1, 32, 1, 1, 60000, NULL, params, NULL), CUDA_SUCCESS);
    assert_int_equal(cuLaunchKernel(NULL, 1, 1, 1, 32, 1, 1, 0, NULL, params, NULL), CUDA_ERROR_INVALID_HANDLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(functions), cmocka_unit_test(variables),
                                       cmocka_unit_test(launches)};
    return cmocka_run_group_tests(tests, load, unload);
}
