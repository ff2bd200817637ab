/* SPDX-License-Identifier: Apache-2.0 */
/* Errors at the call that makes them: launch limits, unknown kernels and handles, a kernel without a body; last error;
 * what still works afterwards; errno, which none of it touches.
 *
 * Rule: 22, 24 */
#include "program.h"

#include <errno.h>
#include <stdbool.h>

static const dim3 one = {1, 1, 1};

static void launch(const char *what, const void *stub, dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream)
{
    float *pointer = NULL;
    unsigned n = 0;
    void *args[] = {&pointer, &pointer, &pointer, &n};
    int result = (int)cudaLaunchKernel(stub, grid, block, args, shared_bytes, stream);
    int peeked = (int)cudaPeekAtLastError(), last = (int)cudaGetLastError(), after = (int)cudaGetLastError();
    printf("%s: %d (%s), then %d %d %d\n", what, result, cudaGetErrorName((cudaError_t)result), peeked, last, after);
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
    launch("right", &vector_add_stub, one, one, 0, NULL);
    launch("empty grid", &vector_add_stub, (dim3){0, 1, 1}, one, 0, NULL);
    launch("empty block", &vector_add_stub, one, (dim3){1, 0, 1}, 0, NULL);
    launch("too many threads", &vector_add_stub, one, (dim3){1024, 2, 1}, 0, NULL);
    launch("block too deep", &vector_add_stub, one, (dim3){1, 1, 65}, 0, NULL);
    launch("grid too high", &vector_add_stub, (dim3){1, 65536, 1}, one, 0, NULL);
    launch("too much shared memory", &vector_add_stub, one, one, 1 << 20, NULL);
    launch("no such kernel", &no_stub, one, one, 0, NULL);
    launch("no body", &nobody_stub, one, one, 0, NULL);
    launch("no body, again", &nobody_stub, one, one, 0, NULL);
    OK(cudaStreamCreate(&stream));
    OK(cudaStreamDestroy(stream));
    launch("destroyed stream", &vector_add_stub, one, one, 0, stream);
    SAY(cudaStreamSynchronize(stream));
    SAY(cudaStreamDestroy(stream));
    OK(cudaEventCreate(&event));
    OK(cudaEventDestroy(event));
    SAY(cudaEventSynchronize(event));
    SAY(cudaFuncGetAttributes(&attributes, &no_stub));
    (void)cudaGetLastError();
    OK(cudaFuncGetAttributes(&attributes, &vector_add_stub));
    printf("threads per block: %d\n", attributes.maxThreadsPerBlock);
    SAY(cudaSetDevice(7));
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
    OK(cudaFree(device));

    /* The driver's codes for some of the same. */
    CUmodule module;
    CUfunction function;
    void *args[] = {&device, &device, &device, &(unsigned){0}};
    SAY(cuModuleLoadData(&module, "no image"));
    OK(cuModuleLoadData(&module, kernels_ptx));
    SAY(cuModuleGetFunction(&function, module, "no_such_name"));
    OK(cuModuleGetFunction(&function, module, "vector_add"));
    SAY(cuLaunchKernel(function, 0, 1, 1, 1, 1, 1, 0, NULL, args, NULL));
    SAY(cuLaunchKernel(function, 1, 1, 1, 2048, 1, 1, 0, NULL, args, NULL));
    SAY(cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, NULL, args, NULL));
    OK(cuModuleUnload(module));
    SAY(cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, NULL, args, NULL));
    printf("the runtime's last error: %d\n", (int)cudaGetLastError());
    OK(cudaDeviceSynchronize());
    unregister_kernels();
    printf("errno: %s\n", kept ? "kept" : "changed");
    return !kept;
}
