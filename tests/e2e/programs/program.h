/* SPDX-License-Identifier: Apache-2.0 */
/* For the end-to-end programs: ordinary CUDA programs in C that print what they see; the output must be the same in
 * every mode. */
#ifndef TESTS_E2E_PROGRAM_H
#define TESTS_E2E_PROGRAM_H

#include "gen/api_cudart.h"
#include "gen/api_driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Described by name only. */
cudaError_t cudaMallocManaged(void **memory, size_t n_bytes, unsigned int flags);
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);

/* A call that must succeed. */
#define OK(call)                                                                                                       \
    do {                                                                                                               \
        int ok_result = (int)(call);                                                                                   \
        if (ok_result != 0) {                                                                                          \
            printf("%s:%d: %s = %d (%s)\n", __FILE__, __LINE__, #call, ok_result,                                      \
                   cudaGetErrorName((cudaError_t)ok_result));                                                          \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

/* A call whose result is part of the output. */
#define SAY(call) printf("%s = %d\n", #call, (int)(call))

/* A sum of bytes in which order matters. */
static inline unsigned long long digest(const void *data, size_t n)
{
    unsigned long long h = 1469598103934665603ull;
    for (size_t i = 0; i < n; i++)
        h = (h ^ ((const unsigned char *)data)[i]) * 1099511628211ull;
    return h;
}

/* kernels.c: the kernel vector_add(a, b, c, n) of floats, registered as the compiler's start-up code does, and a kernel
 * that nobody has a body for. Addresses of "host stubs". */
extern const char vector_add_stub, nobody_stub;
extern const char table_shadow; /* of the variable `table`, 64 ints: 7, 8, 9, zeroes */
extern const char kernels_ptx[];
void register_kernels(void);
/* A fat binary of that text, registered without kernels; always in the same memory, so the one before must be gone. */
void **register_image(const char *ptx, size_t n_bytes);
void unregister_kernels(void);
/* c = a + b for n floats on a stream, through the runtime. */
cudaError_t vector_add(const float *a, const float *b, float *c, unsigned n, cudaStream_t stream);

#endif
