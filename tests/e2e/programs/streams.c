/* SPDX-License-Identifier: Apache-2.0 */
/* Streams and events, alone and between threads; kernels between copies; host functions; polling that has to end. */
#include "program.h"

#include <pthread.h>

enum { N = 5000 };
static float a[N], b[N], c[N];
static float *device_a, *device_b, *device_c;

static void inputs(int seed)
{
    for (int i = 0; i < N; i++) {
        a[i] = (float)(i * 7 + seed);
        b[i] = (float)(seed - i);
    }
}

/* What a device writes is ordered by nothing that ThreadSanitizer could see. */
__attribute__((no_sanitize("thread"))) static void spin_while(const volatile float *at, float value)
{
    while (*at == value) {}
}

static void across_streams(void)
{
    cudaStream_t first, second;
    cudaEvent_t event;
    float *pinned;
    OK(cudaStreamCreateWithFlags(&first, 1));
    OK(cudaStreamCreateWithFlags(&second, 1));
    OK(cudaEventCreateWithFlags(&event, 2));
    OK(cudaMallocHost((void **)&pinned, sizeof a));
    inputs(3);
    OK(cudaMemcpyAsync(device_a, a, sizeof a, cudaMemcpyHostToDevice, first));
    OK(cudaMemcpyAsync(device_b, b, sizeof b, cudaMemcpyHostToDevice, first));
    OK(vector_add(device_a, device_b, device_c, N, first));
    OK(cudaMemcpyAsync(pinned, device_c, sizeof c, cudaMemcpyDeviceToHost, first));
    OK(cudaEventRecord(event, first));
    OK(cudaStreamWaitEvent(second, event, 0));
    OK(cudaStreamSynchronize(second)); /* covers first by the event */
    printf("second stream synchronised: %llx\n", digest(pinned, sizeof a));
    OK(vector_add(device_c, device_b, device_a, N, second));
    OK(cudaMemcpyAsync(pinned, device_a, sizeof a, cudaMemcpyDeviceToHost, second));
    OK(cudaEventRecord(event, second));
    int result;
    while ((result = (int)cudaEventQuery(event)) == (int)cudaErrorNotReady) {}
    printf("polled: %d %llx\n", result, digest(pinned, sizeof a));
    memset(pinned, 0, sizeof a);
    OK(cudaMemcpyAsync(pinned, device_c, sizeof c, cudaMemcpyDeviceToHost, second));
    while ((result = (int)cudaStreamQuery(second)) == (int)cudaErrorNotReady) {}
    printf("stream polled: %d %llx\n", result, digest(pinned, sizeof a));
    /* No call at all: the bytes have to come by themselves. */
    volatile float *last = &pinned[N - 1];
    pinned[N - 1] = -12345.0f;
    OK(cudaMemcpyAsync(pinned, device_a, sizeof a, cudaMemcpyDeviceToHost, second));
    spin_while(last, -12345.0f);
    OK(cudaStreamSynchronize(second));
    printf("spun: %llx\n", digest(pinned, sizeof a));
    (void)cudaGetLastError();
    OK(cudaFreeHost(pinned)); /* with nothing pending */
    OK(cudaStreamDestroy(first));
    OK(cudaStreamDestroy(second));
    OK(cudaEventDestroy(event));
}

static void times(void)
{
    cudaEvent_t first, second, untimed;
    float ms = -1;
    OK(cudaEventCreate(&first));
    OK(cudaEventCreate(&second));
    OK(cudaEventCreateWithFlags(&untimed, 2));
    SAY(cudaEventElapsedTime(&ms, first, second));
    OK(cudaEventRecord(first, NULL));
    OK(vector_add(device_a, device_b, device_c, N, NULL));
    OK(cudaEventRecord(second, NULL));
    OK(cudaEventRecord(untimed, NULL));
    OK(cudaEventSynchronize(untimed));
    SAY(cudaEventQuery(first)); /* before it on the same stream */
    OK(cudaEventRecord(untimed, NULL));
    OK(cudaStreamSynchronize(NULL));
    SAY(cudaEventQuery(untimed));
    OK(cudaDeviceSynchronize());
    SAY(cudaEventElapsedTime(&ms, first, untimed));
    SAY(cudaEventElapsedTime(&ms, first, second));
    printf("not negative: %d\n", ms >= 0);
    OK(cudaEventDestroy(first));
    SAY(cudaEventRecord(first, NULL));
    SAY(cudaEventQuery(first));
    OK(cudaEventDestroy(second));
    OK(cudaEventDestroy(untimed));
    (void)cudaGetLastError();
}

static void note(void *data)
{
    ++*(int *)data;
}

static void callback(cudaStream_t stream, cudaError_t status, void *data)
{
    (void)stream;
    *(int *)data += 10 + (int)status;
}

static void host_functions(void)
{
    int n = 0;
    OK(vector_add(device_a, device_b, device_c, N, NULL));
    OK(cudaLaunchHostFunc(NULL, note, &n));
    OK(cudaStreamAddCallback(NULL, callback, &n, 0));
    OK(cudaDeviceSynchronize());
    printf("host functions: %d\n", n);
}

/* A thread with its own default stream and its own part of the work. */
static void *work(void *argument)
{
    int seed = *(int *)argument;
    cudaStream_t mine = (cudaStream_t)(void *)2;
    float x[256], y[256], z[256], *memory;
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 256; i++) {
            x[i] = (float)(seed * 1000 + round);
            y[i] = (float)i;
        }
        OK(cudaMalloc((void **)&memory, 3 * sizeof x));
        OK(cudaMemcpyAsync(memory, x, sizeof x, cudaMemcpyHostToDevice, mine));
        OK(cudaMemcpyAsync(memory + 256, y, sizeof y, cudaMemcpyHostToDevice, mine));
        OK(vector_add(memory, memory + 256, memory + 512, 256, mine));
        OK(cudaMemcpyAsync(z, memory + 512, sizeof z, cudaMemcpyDeviceToHost, mine));
        OK(cudaStreamSynchronize(mine));
        OK(cudaFree(memory)); /* for another thread to reuse at once */
        for (int i = 0; i < 256; i++) {
            if (z[i] != x[i] + y[i]) {
                printf("thread %d round %d: element %d is %g\n", seed, round, i, (double)z[i]);
                exit(1);
            }
        }
    }
    return NULL;
}

static void threads(void)
{
    pthread_t threads[4];
    int seeds[4] = {1, 2, 3, 4};
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, work, &seeds[i]);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    printf("threads: all right\n");
}

int main(void)
{
    register_kernels();
    OK(cudaMalloc((void **)&device_a, sizeof a));
    OK(cudaMalloc((void **)&device_b, sizeof a));
    OK(cudaMalloc((void **)&device_c, sizeof a));
    across_streams();
    times();
    host_functions();
    threads();
    OK(cudaFree(device_a));
    OK(cudaFree(device_b));
    OK(cudaFree(device_c));
    unregister_kernels();
    return 0;
}
