/* SPDX-License-Identifier: Apache-2.0 */
/* How many bytes alpha, beta and results have where the prototype says void *. For [scalar EXPR] and [result EXPR] in
 * the descriptions. */
#ifndef RRTO_API_SCALARS_H
#define RRTO_API_SCALARS_H

#include "gen/api_cublas.h"

#include <stdbool.h>

/* Bytes of one element of a cudaDataType; 16 for one that is not known, so that nothing is cut off. */
static inline size_t rrto_cublas_type_bytes(cudaDataType type)
{
    switch ((int)type) {
    case CUDA_R_8I:
    case CUDA_R_8U:
    case CUDA_R_8F_E4M3:
    case CUDA_R_8F_E5M2:
        return 1;
    case CUDA_R_16F:
    case CUDA_R_16BF:
    case CUDA_C_8I:
    case CUDA_C_8U:
    case CUDA_R_16I:
    case CUDA_R_16U:
        return 2;
    case CUDA_R_32F:
    case CUDA_R_32I:
    case CUDA_R_32U:
    case CUDA_C_16F:
    case CUDA_C_16BF:
        return 4;
    case CUDA_R_64F:
    case CUDA_C_32F:
    case CUDA_R_64I:
    case CUDA_R_64U:
        return 8;
    default:
        return 16;
    }
}

/* Bytes of alpha and beta of a GEMM: the scale type follows from the compute type and from whether C is complex. */
static inline size_t rrto_cublas_scalar_bytes(cublasComputeType_t compute, cudaDataType c)
{
    bool complex_c = c == CUDA_C_32F || c == CUDA_C_64F || c == CUDA_C_16F || c == CUDA_C_16BF || c == CUDA_C_8I;
    switch ((int)compute) {
    case CUBLAS_COMPUTE_16F:
    case CUBLAS_COMPUTE_16F_PEDANTIC:
        return complex_c ? 4 : 2;
    case CUBLAS_COMPUTE_64F:
    case CUBLAS_COMPUTE_64F_PEDANTIC:
        return complex_c ? 16 : 8;
    default:
        return complex_c ? 8 : 4;
    }
}

#endif
