/* SPDX-License-Identifier: Apache-2.0 */
/* Errors at the call that makes them: launch limits, unknown kernels and handles, a kernel without a body; last error,
 * which is each thread's own; what still works afterwards; errno, which none of it touches.
 *
 * Rule: 22, 24
 * Seen to fail: cudaGetLastError does not clear: every launch's line is wrong in plain, percall, async and replay; the
 * last error is the process's, not the thread's: the lines of the second thread are wrong, in all modes. */
#include "program.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>

static const dim3 one = {1, 1, 1};
static bool wrong;

static void expect(const char *what, int got, int expected)
{
    printf("%s = %d%s\n", what, got, got == expected ? "" : ", WRONG");
    wrong |= got != expected;
}
#define EXPECT(expected, call) expect(#call, (int)(call), (int)(expected))

static void launch(const char *what, const void *stub, dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream,
                   cudaError_t expected)
{
    float *pointer = NULL;
    unsigned n = 0;
    void *args[] = {&pointer, &pointer, &pointer, &n};
    int result = (int)cudaLaunchKernel(stub, grid, block, args, shared_bytes, stream);
    int peeked = (int)cudaPeekAtLastError(), last = (int)cudaGetLastError(), after = (int)cudaGetLastError();
    bool right = result == (int)expected && peeked == result && last == result && after == 0;
    printf("%s: %d (%s), then %d %d %d%s\n", what, result, cudaGetErrorName((cudaError_t)result), peeked, last, after,
           right ? "" : ", WRONG");
    wrong |= !right;
}

/* Another thread's mistake is not this one's, and this one's not the other's. */
static void *err_elsewhere(void *unused)
{
    (void)unused;
    EXPECT(cudaSuccess, cudaPeekAtLastError());
    EXPECT(cudaErrorInvalidResourceHandle, cudaStreamDestroy(NULL));
    EXPECT(cudaErrorInvalidResourceHandle, cudaPeekAtLastError());
    return NULL;
}

static void last_error_is_each_threads_own(void)
{
    pthread_t thread;
    EXPECT(cudaErrorInvalidDevice, cudaSetDevice(7));
    pthread_create(&thread, NULL, err_elsewhere, NULL);
    pthread_join(thread, NULL);
    EXPECT(cudaErrorInvalidDevice, cudaPeekAtLastError());
    EXPECT(cudaSuccess, cudaSetDevice(0)); /* success does not clear */
    EXPECT(cudaErrorInvalidDevice, cudaGetLastError());
    EXPECT(cudaSuccess, cudaGetLastError());
}

int main(void)
{
    static char no_stub;
    cudaStream_t stream;
    cudaEvent_t event;
    cudaFuncAttributes attributes;
    float in[4] = {1, 2, 3, 4}, out[4] = {0}, *device;
    register_kernels();
    errno = EDOM;
    OK(cudaMalloc((void **)&device, sizeof in)); /* connects */
    bool kept = errno == EDOM;
    launch("right", &vector_add_stub, one, one, 0, NULL, cudaSuccess);
    launch("empty grid", &vector_add_stub, (dim3){0, 1, 1}, one, 0, NULL, cudaErrorInvalidConfiguration);
    launch("empty block", &vector_add_stub, one, (dim3){1, 0, 1}, 0, NULL, cudaErrorInvalidConfiguration);
    launch("too many threads", &vector_add_stub, one, (dim3){1024, 2, 1}, 0, NULL, cudaErrorInvalidConfiguration);
    launch("block too deep", &vector_add_stub, one, (dim3){1, 1, 65}, 0, NULL, cudaErrorInvalidConfiguration);
    launch("grid too high", &vector_add_stub, (dim3){1, 65536, 1}, one, 0, NULL, cudaErrorInvalidConfiguration);
    launch("too much shared memory", &vector_add_stub, one, one, 1 << 20, NULL, cudaErrorInvalidValue);
    launch("no such kernel", &no_stub, one, one, 0, NULL, cudaErrorInvalidDeviceFunction);
    launch("no body", &nobody_stub, one, one, 0, NULL, cudaErrorNoKernelImageForDevice);
    launch("no body, again", &nobody_stub, one, one, 0, NULL, cudaErrorNoKernelImageForDevice);
    OK(cudaStreamCreate(&stream));
    OK(cudaStreamDestroy(stream));
    launch("destroyed stream", &vector_add_stub, one, one, 0, stream, cudaErrorInvalidResourceHandle);
    EXPECT(cudaErrorInvalidResourceHandle, cudaStreamSynchronize(stream));
    EXPECT(cudaErrorInvalidResourceHandle, cudaStreamDestroy(stream));
    OK(cudaEventCreate(&event));
    OK(cudaEventDestroy(event));
    EXPECT(cudaErrorInvalidResourceHandle, cudaEventSynchronize(event));
    EXPECT(cudaErrorInvalidDeviceFunction, cudaFuncGetAttributes(&attributes, &no_stub));
    (void)cudaGetLastError();
    OK(cudaFuncGetAttributes(&attributes, &vector_add_stub));
    printf("threads per block: %d\n", attributes.maxThreadsPerBlock);
    SAY(cudaSetDevice(7));
    size_t n_shared = 0;
    SAY(cudaOccupancyAvailableDynamicSMemPerBlock(&n_shared, &vector_add_stub, 1, 32)); /* not supported */
    last_error_is_each_threads_own();
    SAY(cudaStreamBeginCapture(NULL, cudaStreamCaptureModeGlobal));
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusActive;
    OK(cudaStreamIsCapturing(NULL, &status));
    printf("capturing: %d\n", (int)status);
    (void)cudaGetLastError();

    /* None of it harmed anything. */
    errno = EDOM;
    OK(cudaMemcpy(device, in, sizeof in, cudaMemcpyHostToDevice));
    OK(vector_add(device, device, device, 4, NULL));
    OK(cudaMemcpy(out, device, sizeof out, cudaMemcpyDeviceToHost));
    kept = kept && errno == EDOM;
    printf("sum: %g %g %g %g\n", (double)out[0], (double)out[1], (double)out[2], (double)out[3]);
    wrong |= out[0] != 2 || out[3] != 8;
    OK(cudaFree(device));

    /* The driver's codes for some of the same. */
    CUmodule module;
    CUfunction function;
    void *args[] = {&device, &device, &device, &(unsigned){0}};
    EXPECT(CUDA_ERROR_INVALID_IMAGE, cuModuleLoadData(&module, "no image"));
    OK(cuModuleLoadData(&module, kernels_ptx));
    EXPECT(CUDA_ERROR_NOT_FOUND, cuModuleGetFunction(&function, module, "no_such_name"));
    OK(cuModuleGetFunction(&function, module, "vector_add"));
    EXPECT(CUDA_ERROR_INVALID_VALUE, cuLaunchKernel(function, 0, 1, 1, 1, 1, 1, 0, NULL, args, NULL));
    EXPECT(CUDA_ERROR_INVALID_VALUE, cuLaunchKernel(function, 1, 1, 1, 2048, 1, 1, 0, NULL, args, NULL));
    EXPECT(CUDA_SUCCESS, cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, NULL, args, NULL));
    OK(cuModuleUnload(module));
    EXPECT(CUDA_ERROR_INVALID_HANDLE, cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, NULL, args, NULL));
    EXPECT(cudaSuccess, cudaGetLastError()); /* the driver's calls have none */
    OK(cudaDeviceSynchronize());
    unregister_kernels();
    printf("errno: %s\n", kept ? "kept" : "changed");
    return wrong || !kept;
}
