/* SPDX-License-Identifier: Apache-2.0 */
/* Handles that are made and destroyed within each round: streams, events, modules and their functions, a cuBLAS handle,
 * a cuDNN handle and descriptors. Handles are named by numbers that are never used again, so every op of a round that
 * names one differs from its counterpart in the round before; such rounds are right, and are predicted all the same.
 *
 * Report: replay ops_literal < 60
 * Report: replay ops_predicted > 1300
 * Rule: 18
 * Seen to fail: numbers of modules are used again once they are free: the variable's size is the remembered one of
 * another module, a line is wrong in async and replay, with and without the scheduler; so are those of all handles: the
 * server refuses a number that lives, in every mode; the search does not insist on the expected op where a name is new:
 * the report says 422 literals in replay. */
#include "driver.h"

#include "gen/api_cublas.h"
#include "gen/api_cudnn.h"

#include <dlfcn.h>

enum { N = 256, REPEATS = 5 * ROUNDS, BYTES = N * sizeof(float) };
static float input[N], back[N];
static CUdeviceptr x, y;
static void *blas, *dnn;

/* A function of a library that is opened at run time, so that the program runs on whatever lies in its place. */
#define FROM(library, name) ((__typeof__(&name))find(library, #name))

static void *find(void *library, const char *name)
{
    void *function = library ? dlsym(library, name) : NULL;
    if (!function) {
        printf("%s: not there\n", name);
        exit(1);
    }
    return function;
}

/* Two streams and two events of this round: a sum on one stream, copied down on the other. */
static bool streams_and_events(int round)
{
    CUstream first = new_stream(false), second = new_stream(false);
    CUevent done = new_event(), timed;
    OK(cuEventCreate(&timed, 0));
    fill(input, N, round);
    OK(cuMemcpyHtoDAsync_v2(x, input, BYTES, first));
    OK(cuEventRecord(timed, first));
    add(x, x, y, N, first);
    OK(cuEventRecord(done, first));
    OK(cuStreamWaitEvent(second, done, 0));
    OK(cuEventDestroy_v2(done)); /* waited for already */
    OK(cuStreamDestroy_v2(first));
    OK(cuMemcpyDtoHAsync_v2(back, y, BYTES, second));
    OK(cuEventSynchronize(timed));
    OK(cuEventDestroy_v2(timed));
    OK(cuStreamDestroy_v2(second));
    return filled(back, N, round, 2);
}

/* One of two modules, in turn, and its function: the sum with it. The variable of one is longer than the other's. */
static bool module_and_function(int round)
{
    static const char *const ptx[] = {VECTOR_ADD_PTX ".visible .global .align 4 .u32 table[5];\n",
                                      VECTOR_ADD_PTX ".visible .global .align 4 .u32 table[7];\n"};
    CUmodule module;
    CUfunction function;
    CUdeviceptr table;
    size_t n_table;
    unsigned n = N;
    void *args[] = {&x, &x, &y, &n};
    OK(cuModuleLoadData(&module, ptx[round % 2]));
    OK(cuModuleGetFunction(&function, module, "vector_add"));
    OK(cuModuleGetGlobal_v2(&table, &n_table, module, "table"));
    fill(input, N, round + 1);
    OK(cuMemcpyHtoD_v2(x, input, BYTES));
    OK(cuLaunchKernel(function, (N + 127) / 128, 1, 1, 128, 1, 1, 0, NULL, args, NULL));
    OK(cuModuleUnload(module));
    OK(cuMemcpyDtoH_v2(back, y, BYTES));
    return filled(back, N, round + 1, 2) && n_table == (round % 2 ? 28 : 20);
}

/* y = 3 (x + x), seen as matrices: x is 1 column, times a 1 x 1 matrix that holds `three`. */
static bool library_handles(int round)
{
    cublasHandle_t handle;
    cudnnHandle_t dnn_handle;
    cudnnTensorDescriptor_t tensor;
    CUdeviceptr factor = device_floats(1);
    float three = 3, one = 1, zero = 0;
    OK(FROM(blas, cublasCreate_v2)(&handle));
    OK(FROM(dnn, cudnnCreate)(&dnn_handle));
    OK(FROM(dnn, cudnnCreateTensorDescriptor)(&tensor));
    OK(FROM(dnn, cudnnSetTensor4dDescriptor)(tensor, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, 1, 1, 1, N));
    fill(input, N, round + 2);
    OK(cuMemcpyHtoD_v2(x, input, BYTES));
    OK(cuMemcpyHtoD_v2(factor, &three, sizeof three));
    OK(cuMemsetD8_v2(y, 0, BYTES));
    OK(FROM(dnn, cudnnAddTensor)(dnn_handle, &one, tensor, (void *)x, &one, tensor, (void *)y));
    OK(FROM(dnn, cudnnAddTensor)(dnn_handle, &one, tensor, (void *)x, &one, tensor, (void *)y));
    OK(FROM(blas, cublasSgemm_v2)(handle, CUBLAS_OP_N, CUBLAS_OP_N, N, 1, 1, &one, (float *)y, N, (float *)factor, 1,
                                  &zero, (float *)x, N));
    OK(FROM(dnn, cudnnDestroyTensorDescriptor)(tensor));
    OK(FROM(dnn, cudnnDestroy)(dnn_handle));
    OK(FROM(blas, cublasDestroy_v2)(handle));
    OK(cuMemFree_v2(factor));
    OK(cuMemcpyDtoH_v2(back, x, BYTES));
    return filled(back, N, round + 2, 6);
}

int main(void)
{
    bool made_here = true, modules = true, libraries = true;
    start();
    blas = dlopen("libcublas.so.13", RTLD_NOW);
    dnn = dlopen("libcudnn.so.9", RTLD_NOW);
    x = device_floats(N);
    y = device_floats(N);
    for (int round = 0; round < REPEATS; round++) {
        made_here = streams_and_events(round) && made_here;
        modules = module_and_function(round) && modules;
        libraries = library_handles(round) && libraries;
    }
    check("streams and events of each round", made_here);
    check("a module and its function of each round", modules);
    check("library handles and descriptors of each round", libraries);
    return wrong;
}
