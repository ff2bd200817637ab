/* SPDX-License-Identifier: Apache-2.0 */
/* The shape of an inference: an input up, a chain of kernels, an output down, again and again; with a branch that some
 * frames take, a second shape, and allocations that come and go. What is replayed must be what would have been sent. */
#include "program.h"

enum { N = 3000, LAYERS = 12, FRAMES = 40 };
static float input[N], output[N];

int main(void)
{
    float *weights[LAYERS], *activation[2], *extra = NULL;
    register_kernels();
    for (int i = 0; i < LAYERS; i++) {
        OK(cudaMalloc((void **)&weights[i], sizeof input));
        for (int k = 0; k < N; k++)
            input[k] = (float)((k * (i + 3)) % 17) * 0.125f;
        OK(cudaMemcpy(weights[i], input, sizeof input, cudaMemcpyHostToDevice));
    }
    OK(cudaMalloc((void **)&activation[0], sizeof input));
    OK(cudaMalloc((void **)&activation[1], sizeof input));
    for (int frame = 0; frame < FRAMES; frame++) {
        unsigned n = frame % 10 == 7 ? N / 2 : N; /* a second shape */
        for (unsigned k = 0; k < n; k++)
            input[k] = (float)((k + (unsigned)frame * 31u) % 101u);
        OK(cudaMemcpyAsync(activation[0], input, n * sizeof(float), cudaMemcpyHostToDevice, NULL));
        OK(cudaStreamSynchronize(NULL));
        for (int i = 0; i < LAYERS; i++) {
            if (i == 5 && frame % 6 == 5) { /* a branch, with memory of its own */
                OK(cudaMalloc((void **)&extra, n * sizeof(float)));
                OK(vector_add(activation[i & 1], activation[i & 1], extra, n, NULL));
                OK(vector_add(extra, weights[i], activation[~i & 1], n, NULL));
                OK(cudaFree(extra));
                continue;
            }
            OK(vector_add(activation[i & 1], weights[i], activation[~i & 1], n, NULL));
        }
        OK(cudaMemcpyAsync(output, activation[LAYERS & 1], n * sizeof(float), cudaMemcpyDeviceToHost, NULL));
        OK(cudaStreamSynchronize(NULL));
        printf("frame %d: %llx\n", frame, digest(output, n * sizeof(float)));
        if (frame % 9 == 8) { /* a second output */
            OK(cudaMemcpy(output, activation[1], 64, cudaMemcpyDeviceToHost));
            printf("  and %llx\n", digest(output, 64));
        }
    }
    for (int i = 0; i < LAYERS; i++)
        OK(cudaFree(weights[i]));
    OK(cudaFree(activation[0]));
    OK(cudaFree(activation[1]));
    unregister_kernels();
    return 0;
}
