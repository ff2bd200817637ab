/* SPDX-License-Identifier: Apache-2.0 */
/* Works until something fails; then says what, twice (it is sticky), and how long the failing call took. */
#include "program.h"

#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int main(void)
{
    float in[1000] = {1}, out[1000], *device;
    register_kernels();
    OK(cudaMalloc((void **)&device, sizeof in));
    for (int round = 0;; round++) {
        double start = now();
        int result = (int)cudaMemcpy(device, in, sizeof in, cudaMemcpyHostToDevice);
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
