/* SPDX-License-Identifier: Apache-2.0 */
/* Registration, module loading, launches. */
#include "../fatbin/images.h"
#include "../test.h"
#include "base/map.h"
#include "cuda/module.h"
#include "cuda/register.h"
#include "fake.h"
#include "gen/client_bodies.h"

#include <string.h>

static struct rrto_buf cubin, fatbin;
static struct rrto_fatbin_wrapper wrapper;
static char axpy_stub, unknown_stub, missing_stub, counter_shadow;

static int setup(void **state)
{
    (void)state;
    fake_reset();
    return 0;
}

static int group_setup(void **state)
{
    (void)state;
    rrto_buf_init(&cubin, 1 << 20);
    rrto_buf_init(&fatbin, 1 << 20);
    make_cubin(&cubin);
    fatbin_begin(&fatbin);
    fatbin_add(&fatbin, 2, 75, RRTO_FATBIN_ZSTD, cubin.data, cubin.size);
    fatbin_add(&fatbin, 2, 80, RRTO_FATBIN_ZSTD, cubin.data, cubin.size);
    fatbin_end(&fatbin);
    wrapper = (struct rrto_fatbin_wrapper){RRTO_FATBIN_WRAPPER_MAGIC, 1, fatbin.data, NULL};
    return 0;
}

static void **register_module(void)
{
    void **handle = rrto_client___cudaRegisterFatBinary(&wrapper);
    rrto_client___cudaRegisterFunction(handle, &axpy_stub, NULL, "axpy", -1, NULL, NULL, NULL, NULL, NULL);
    rrto_client___cudaRegisterFunction(handle, &missing_stub, NULL, "not_in_there", -1, NULL, NULL, NULL, NULL, NULL);
    rrto_client___cudaRegisterVar(handle, &counter_shadow, NULL, "counter", 0, 16, 0, 0);
    rrto_client___cudaRegisterFatBinaryEnd(handle);
    return handle;
}

static const dim3 one = {1, 1, 1};

struct arguments {
    uint32_t n;
    float a;
    uint64_t x, y;
};

static cudaError_t launch(const void *stub, dim3 grid, dim3 block, size_t shared_bytes)
{
    static struct arguments arguments = {7, 2.5f, 0x1122334455667788, 0x99};
    void *args[] = {&arguments.n, &arguments.a, &arguments.x, &arguments.y};
    return rrto_client_cudaLaunchKernel(stub, grid, block, args, shared_bytes, NULL);
}

static void unpack_launch(const struct fake_op *op, struct rrto_args_launch *ret)
{
    struct rrto_dec dec;
    rrto_dec_init(&dec, op->bytes, op->n_bytes);
    assert_true(rrto_unpack_launch(&dec, ret));
}

static void the_first_launch_loads_and_the_next_only_launches(void **state)
{
    (void)state;
    void **handle = register_module();
    assert_int_equal(fake.n_ops, 0); /* registering does nothing */
    assert_int_equal(launch(&axpy_stub, (dim3){3, 2, 1}, (dim3){64, 1, 1}, 128), 0);
    const struct fake_op *load = fake_last(2, RRTO_OP_module_load), *get = fake_last(1, RRTO_OP_function_get);
    const struct fake_op *op = fake_last(0, RRTO_OP_launch);
    assert_true(load && get && op);
    assert_false(load->wait);
    assert_true(get->wait);
    assert_true(load->n_up < fatbin.size); /* one entry, still compressed */
    struct rrto_args_launch args;
    unpack_launch(op, &args);
    assert_true(args.grid_x == 3 && args.grid_y == 2 && args.block_x == 64 && args.shared_bytes == 128 &&
                args.stream == 0);
    struct arguments expected = {7, 2.5f, 0x1122334455667788, 0x99};
    assert_int_equal(args.n_params, sizeof expected);
    assert_memory_equal(args.params, &expected, sizeof expected);
    size_t n_before = fake.n_ops;
    assert_int_equal(launch(&axpy_stub, one, one, 0), 0);
    assert_int_equal(fake.n_ops, n_before + 1);
    rrto_client___cudaUnregisterFatBinary(handle);
    assert_non_null(fake_last(0, RRTO_OP_module_unload));
    assert_int_equal(launch(&axpy_stub, one, one, 0), cudaErrorInvalidDeviceFunction);
}

static void limits_are_told_at_the_launch(void **state)
{
    (void)state;
    void **handle = register_module();
    assert_int_equal(launch(&axpy_stub, one, one, 0), 0);
    size_t n_before = fake.n_ops;
    assert_int_equal(launch(&axpy_stub, (dim3){0, 1, 1}, one, 0), cudaErrorInvalidConfiguration);
    assert_int_equal(launch(&axpy_stub, (dim3){1, 65536, 1}, one, 0), cudaErrorInvalidConfiguration);
    assert_int_equal(launch(&axpy_stub, one, (dim3){1, 1, 65}, 0), cudaErrorInvalidConfiguration);
    assert_int_equal(launch(&axpy_stub, one, (dim3){1024, 2, 1}, 0), cudaErrorInvalidConfiguration);
    assert_int_equal(launch(&axpy_stub, one, (dim3){257, 1, 1}, 0), cudaErrorLaunchOutOfResources); /* of this kernel */
    assert_int_equal(launch(&axpy_stub, one, one, 49152), cudaErrorInvalidValue);
    assert_int_equal(launch(&unknown_stub, one, one, 0), cudaErrorInvalidDeviceFunction);
    assert_int_equal(launch(&missing_stub, one, one, 0), cudaErrorInvalidDeviceFunction);
    assert_int_equal(fake.n_ops, n_before);
    assert_int_equal(rrto_client_cudaFuncSetAttribute(&axpy_stub, cudaFuncAttributeMaxDynamicSharedMemorySize, 65536),
                     0);
    assert_int_equal(launch(&axpy_stub, one, one, 65536), 0);
    rrto_client___cudaUnregisterFatBinary(handle);
}

static void a_kernel_without_a_body(void **state)
{
    (void)state;
    void **handle = register_module();
    fake.fail_number = RRTO_OP_function_get;
    fake.fail_status = 209;
    assert_int_equal(launch(&axpy_stub, one, one, 0), cudaErrorNoKernelImageForDevice);
    size_t n_before = fake.n_ops;
    assert_int_equal(launch(&axpy_stub, one, one, 0), cudaErrorNoKernelImageForDevice);
    assert_int_equal(fake.n_ops, n_before); /* asked once */
    rrto_client___cudaUnregisterFatBinary(handle);
}

static void no_image_for_the_gpu(void **state)
{
    (void)state;
    void **handle = register_module();
    fake.device.attributes[75] = 9;
    assert_int_equal(launch(&axpy_stub, one, one, 0), cudaErrorNoKernelImageForDevice);
    assert_int_equal(fake.n_ops, 0);
    rrto_client___cudaUnregisterFatBinary(handle);
}

static void the_new_launch_calls(void **state)
{
    (void)state;
    void **handle = register_module();
    cudaKernel_t kernel = NULL;
    assert_int_equal(rrto_client___cudaGetKernel(&kernel, &axpy_stub), 0);
    assert_int_equal(fake.n_ops, 0);
    assert_int_equal(rrto_client___cudaGetKernel(&kernel, &unknown_stub), cudaErrorInvalidDeviceFunction);
    assert_int_equal(rrto_client___cudaGetKernel(&kernel, &axpy_stub), 0);
    assert_int_equal(
        rrto_client___cudaPushCallConfiguration((dim3){5, 1, 1}, (dim3){32, 1, 1}, 16, (cudaStream_t)(void *)1), 0);
    dim3 grid, block;
    size_t shared_bytes;
    cudaStream_t stream = NULL;
    assert_int_equal(rrto_client___cudaPopCallConfiguration(&grid, &block, &shared_bytes, &stream), 0);
    assert_true(grid.x == 5 && block.x == 32 && shared_bytes == 16 && (void *)stream == (void *)1);
    assert_int_equal(rrto_client___cudaPopCallConfiguration(&grid, &block, &shared_bytes, &stream),
                     cudaErrorMissingConfiguration);
    struct arguments arguments = {1, 1, 1, 1};
    void *args[] = {&arguments.n, &arguments.a, &arguments.x, &arguments.y};
    assert_int_equal(rrto_client___cudaLaunchKernel(kernel, grid, block, args, 0, NULL), 0);
    assert_non_null(fake_last(0, RRTO_OP_launch));
    cudaLaunchAttribute attributes[2] = {{.id = cudaLaunchAttributeClusterDimension},
                                         {.id = cudaLaunchAttributeMemSyncDomain}};
    memset(&attributes[0].val, 0xee, sizeof attributes[0].val);
    attributes[0].val.clusterDim.x = 2;
    attributes[0].val.clusterDim.y = attributes[0].val.clusterDim.z = 1;
    cudaLaunchConfig_t config = {.gridDim = {4, 1, 1}, .blockDim = {32, 1, 1}, .attrs = attributes, .numAttrs = 2};
    assert_int_equal(rrto_client_cudaLaunchKernelExC(&config, &axpy_stub, args), 0);
    struct rrto_args_launch launched;
    unpack_launch(fake_last(0, RRTO_OP_launch), &launched);
    assert_int_equal(launched.n_attributes, 72); /* the hint stays here */
    assert_int_equal(launched.attributes[8], 2);
    assert_int_equal(launched.attributes[40], 0); /* no garbage of the union */
    assert_int_equal(rrto_client_cudaLaunchCooperativeKernel(&axpy_stub, (dim3){9, 1, 1}, block, args, 0, NULL),
                     cudaErrorCooperativeLaunchTooLarge);
    assert_int_equal(rrto_client_cudaLaunchCooperativeKernel(&axpy_stub, (dim3){8, 1, 1}, block, args, 0, NULL), 0);
    unpack_launch(fake_last(0, RRTO_OP_launch), &launched);
    assert_int_equal(launched.flags, 1);
    rrto_client___cudaUnregisterFatBinary(handle);
    assert_int_equal(rrto_client___cudaLaunchKernel(kernel, grid, block, args, 0, NULL),
                     cudaErrorInvalidDeviceFunction);
}

static void page_locked_pointers_are_refused(void **state)
{
    (void)state;
    void **handle = register_module();
    void *pinned = NULL;
    assert_int_equal(rrto_client_cudaMallocHost(&pinned, 64), 0);
    struct arguments arguments = {.n = 1, .x = (uintptr_t)pinned + 8};
    void *args[] = {&arguments.n, &arguments.a, &arguments.x, &arguments.y};
    assert_int_equal(rrto_client_cudaLaunchKernel(&axpy_stub, one, one, args, 0, NULL), cudaErrorInvalidValue);
    arguments.x = (uintptr_t)pinned + 64;
    assert_int_equal(rrto_client_cudaLaunchKernel(&axpy_stub, one, one, args, 0, NULL), 0);
    assert_int_equal(rrto_client_cudaFreeHost(pinned), 0);
    rrto_client___cudaUnregisterFatBinary(handle);
}

static void symbols(void **state)
{
    (void)state;
    void **handle = register_module();
    uint32_t value[4] = {5, 6, 7, 8};
    void *address = NULL;
    size_t n = 0;
    assert_int_equal(rrto_client_cudaMemcpyToSymbol(&counter_shadow, value, 8, 4, cudaMemcpyHostToDevice), 0);
    const struct fake_op *op = fake_last(0, RRTO_OP_symbol_copy_h2d);
    assert_true(op && op->n_up == 8);
    assert_int_equal(rrto_client_cudaMemcpyToSymbol(&counter_shadow, value, 16, 4, cudaMemcpyHostToDevice),
                     cudaErrorInvalidValue);
    assert_int_equal(rrto_client_cudaMemcpyToSymbol(value, value, 4, 0, cudaMemcpyHostToDevice),
                     cudaErrorInvalidSymbol);
    assert_int_equal(rrto_client_cudaGetSymbolSize(&n, &counter_shadow), 0);
    assert_int_equal(n, 16);
    assert_int_equal(rrto_client_cudaGetSymbolAddress(&address, &counter_shadow), 0);
    assert_int_equal((uintptr_t)address, 0x500000000000);
    assert_int_equal(rrto_client_cudaMemcpyFromSymbol(value, &counter_shadow, 16, 0, cudaMemcpyDeviceToHost), 0);
    assert_non_null(fake_last(0, RRTO_OP_mem_copy_d2h));
    assert_int_equal(rrto_client_cudaMemset(address, 0, 16), 0);
    assert_int_equal(rrto_client_cudaMemset(address, 0, 17), cudaErrorInvalidValue);
    rrto_client___cudaUnregisterFatBinary(handle);
}

static void driver_modules(void **state)
{
    (void)state;
    CUmodule module;
    CUfunction function;
    CUcontext context;
    assert_int_equal(rrto_client_cuDevicePrimaryCtxRetain(&context, 0), 0);
    assert_int_equal(rrto_client_cuCtxSetCurrent(context), 0);
    assert_int_equal(rrto_client_cuModuleLoadData(&module, "nothing of ours"), CUDA_ERROR_INVALID_IMAGE);
    assert_int_equal(rrto_client_cuModuleLoadData(&module, example_ptx), 0);
    const struct fake_op *load = fake_last(0, RRTO_OP_module_load);
    assert_true(load && load->wait);
    assert_int_equal(rrto_client_cuModuleGetFunction(&function, module, "axpz"), CUDA_ERROR_NOT_FOUND);
    assert_int_equal(rrto_client_cuModuleGetFunction(&function, module, "axpy"), 0);
    size_t offset, n;
    assert_int_equal(rrto_client_cuFuncGetParamInfo(function, 2, &offset, &n), 0);
    assert_true(offset == 16 && n == 20);
    assert_int_equal(rrto_client_cuFuncGetParamInfo(function, 4, &offset, &n), CUDA_ERROR_INVALID_VALUE);
    uint8_t block[40];
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = (uint8_t)i;
    size_t n_block = sizeof block;
    void *extra[] = {(void *)1, block, (void *)2, &n_block, NULL};
    assert_int_equal(rrto_client_cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, NULL, NULL, extra), 0);
    struct rrto_args_launch launched;
    unpack_launch(fake_last(0, RRTO_OP_launch), &launched);
    assert_int_equal(launched.n_params, sizeof block);
    assert_memory_equal(launched.params, block, sizeof block); /* padding, too */
    assert_int_equal(rrto_client_cuLaunchKernel(function, 0, 1, 1, 1, 1, 1, 0, NULL, NULL, extra),
                     CUDA_ERROR_INVALID_VALUE);
    assert_int_equal(rrto_client_cuModuleUnload(module), 0);
    assert_int_equal(rrto_client_cuModuleUnload(module), CUDA_ERROR_INVALID_HANDLE);
    assert_int_equal(rrto_client_cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, NULL, NULL, extra),
                     CUDA_ERROR_INVALID_HANDLE);
}

static void many_registrations(void **state)
{
    (void)state;
    enum { MODULES = 484, KERNELS = 50 };
    static char stubs[MODULES][KERNELS];
    static void **handles[MODULES];
    for (int i = 0; i < MODULES; i++) {
        handles[i] = rrto_client___cudaRegisterFatBinary(&wrapper);
        for (int k = 0; k < KERNELS; k++)
            rrto_client___cudaRegisterFunction(handles[i], &stubs[i][k], NULL, "axpy", -1, NULL, NULL, NULL, NULL,
                                               NULL);
    }
    assert_int_equal(launch(&stubs[483][49], one, one, 0), 0);
    assert_int_equal(launch(&stubs[0][0], one, one, 0), 0);
    /* Addresses that come again, as after dlclose and dlopen, mean the newest module. */
    rrto_client___cudaUnregisterFatBinary(handles[0]);
    assert_int_equal(launch(&stubs[0][0], one, one, 0), cudaErrorInvalidDeviceFunction);
    handles[0] = rrto_client___cudaRegisterFatBinary(&wrapper);
    rrto_client___cudaRegisterFunction(handles[0], &stubs[0][0], NULL, "axpy", -1, NULL, NULL, NULL, NULL, NULL);
    assert_int_equal(launch(&stubs[0][0], one, one, 0), 0);
    for (int i = 0; i < MODULES; i++)
        rrto_client___cudaUnregisterFatBinary(handles[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_first_launch_loads_and_the_next_only_launches, setup),
        cmocka_unit_test_setup(limits_are_told_at_the_launch, setup),
        cmocka_unit_test_setup(a_kernel_without_a_body, setup),
        cmocka_unit_test_setup(no_image_for_the_gpu, setup),
        cmocka_unit_test_setup(the_new_launch_calls, setup),
        cmocka_unit_test_setup(page_locked_pointers_are_refused, setup),
        cmocka_unit_test_setup(symbols, setup),
        cmocka_unit_test_setup(driver_modules, setup),
        cmocka_unit_test_setup(many_registrations, setup),
    };
    return cmocka_run_group_tests(tests, group_setup, NULL);
}
