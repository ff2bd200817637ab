/* SPDX-License-Identifier: Apache-2.0 */
/* For the semantic tests of cuBLAS, cuBLASLt and cuDNN: square matrices, of which one is the identity, so that a
 * product is as easy to judge as a sum. */
#ifndef TESTS_E2E_SEMANTICS_LIBRARIES_H
#define TESTS_E2E_SEMANTICS_LIBRARIES_H

#include "driver.h"
#include "gen/api_cublas.h"
#include "gen/api_cublaslt.h"
#include "gen/api_cudnn.h"

enum { SIDE = 16, CELLS = SIDE * SIDE };

static CUstream stream;
static CUdeviceptr matrix, identity, product;
static cublasHandle_t blas;
static cublasLtHandle_t lt;

static inline float *floats(CUdeviceptr address)
{
    return (float *)(uintptr_t)address;
}

static inline void start_libraries(void)
{
    static float one[CELLS];
    for (int i = 0; i < SIDE; i++)
        one[i * SIDE + i] = 1;
    start();
    stream = new_stream(false);
    matrix = device_floats(CELLS);
    identity = device_floats(CELLS);
    product = device_floats(CELLS);
    OK(cuMemcpyHtoD_v2(identity, one, sizeof one));
    OK(cuCtxSynchronize()); /* the stream does not wait for the legacy one */
    OK(cublasCreate_v2(&blas));
    OK(cublasSetStream_v2(blas, (cudaStream_t)(void *)stream));
    OK(cublasLtCreate(&lt));
}

/* matrix = what fill(seed) makes; from pageable memory, so that the source may change at once. */
static inline void set_matrix(int seed)
{
    static float in[CELLS];
    fill(in, CELLS, seed);
    OK(cuMemcpyHtoDAsync_v2(matrix, in, sizeof in, stream));
    memset(in, 0x7f, sizeof in);
}

/* product = alpha * matrix * identity + beta * product */
static inline cublasStatus_t multiply(const float *alpha, const float *beta)
{
    return cublasSgemm_v2(blas, CUBLAS_OP_N, CUBLAS_OP_N, SIDE, SIDE, SIDE, alpha, floats(matrix), SIDE,
                          floats(identity), SIDE, beta, floats(product), SIDE);
}

/* Whether the product is factor times what fill(seed) makes. */
static inline bool product_is(int seed, float factor)
{
    static float out[CELLS];
    OK(cuMemcpyDtoHAsync_v2(out, product, sizeof out, stream));
    OK(cuStreamSynchronize(stream));
    return filled(out, CELLS, seed, factor);
}

#endif
