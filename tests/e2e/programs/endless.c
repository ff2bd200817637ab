/* SPDX-License-Identifier: Apache-2.0 */
/* Works until something fails; then says what, twice (it is sticky), and how long the failing call took. With an
 * argument it hardly ever waits: it copies up, much and without end, so that it is writing when the other end goes
 * away. */
#include "program.h"

#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

enum { MUCH = 1 << 20, WAIT_EVERY = 32 };

int main(int argc, char **argv)
{
    (void)argv;
    static float much[MUCH / sizeof(float)];
    float in[1000] = {1}, out[1000], *device;
    register_kernels();
    OK(cudaMalloc((void **)&device, MUCH));
    for (int round = 0;; round++) {
        double start = now();
        int result = (int)cudaMemcpy(device, in, sizeof in, cudaMemcpyHostToDevice);
        for (int i = 0; argc > 1 && i < WAIT_EVERY && !result; i++)
            result = (int)cudaMemcpyAsync(device, much, MUCH, cudaMemcpyHostToDevice, NULL);
        if (!result)
            result = (int)vector_add(device, device, device, 1000, NULL);
        if (!result)
            result = (int)cudaMemcpy(out, device, sizeof out, cudaMemcpyDeviceToHost);
        if (result) {
            printf("error %d after %.3f s\n", result, now() - start);
            int again = (int)cudaDeviceSynchronize(), last = (int)cudaGetLastError(), then = (int)cudaGetLastError();
            printf("again %d, last error %d %d\n", again, last, then);
            fflush(stdout);
            return 0;
        }
        if (round == 20) {
            printf("working\n");
            fflush(stdout);
        }
    }
}
