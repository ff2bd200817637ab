/* SPDX-License-Identifier: Apache-2.0 */
/* Rounds of a copy up, two launches and a copy down, until something fails; then says what every kind of call answers,
 * here and in another thread. ../failstop.py makes a launch fail and knows what is right. */
#include "program.h"

#include <pthread.h>

enum { MAX_ROUNDS = 10, N = 1000 };

static void *elsewhere(void *unused)
{
    (void)unused;
    printf("another thread: %d %d\n", (int)cudaDeviceSynchronize(), (int)cudaGetLastError());
    return NULL;
}

int main(void)
{
    static float in[N];
    float *device, *pinned, *more;
    register_kernels();
    OK(cudaMalloc((void **)&device, sizeof in));
    OK(cudaMallocHost((void **)&pinned, sizeof in));
    for (int round = 1, failed = 0; round <= MAX_ROUNDS && !failed; round++) {
        in[5] = (float)round;
        pinned[5] = -1;
        OK(cudaMemcpyAsync(device, in, sizeof in, cudaMemcpyHostToDevice, NULL));
        int first = (int)vector_add(device, device, device, N, NULL);
        int second = (int)vector_add(device, device, device, N, NULL);
        int copied = (int)cudaMemcpyAsync(pinned, device, sizeof in, cudaMemcpyDeviceToHost, NULL);
        int waited = (int)cudaStreamSynchronize(NULL);
        printf("round %d: launches %d %d, copy %d, synchronise %d, value %g\n", round, first, second, copied, waited,
               (double)pinned[5]);
        failed = first || second || copied || waited;
    }
    pthread_t thread;
    pthread_create(&thread, NULL, elsewhere, NULL);
    pthread_join(thread, NULL);
    int peeked = (int)cudaPeekAtLastError(), last = (int)cudaGetLastError(), again = (int)cudaGetLastError();
    printf("last error: %d %d %d\n", peeked, last, again);
    printf("later: %d %d %d\n", (int)cudaMalloc((void **)&more, 512), (int)cudaStreamQuery(NULL),
           (int)cudaDeviceSynchronize());
    unregister_kernels();
    return 0;
}
