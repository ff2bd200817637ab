/* SPDX-License-Identifier: Apache-2.0 */
/* D = epilogue(alpha op(A) op(B) + beta C), column-major, batched, for every type that the soft GPU multiplies: the one
 * place that cuBLAS, cuBLASLt and cuDNN calls come together in. 16-bit inputs are widened and summed in float. */
#ifndef RRTO_SOFT_BLAS_GEMM_H
#define RRTO_SOFT_BLAS_GEMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The numbers of cudaDataType. */
enum rrto_soft_type {
    RRTO_SOFT_R_32F = 0,
    RRTO_SOFT_R_64F = 1,
    RRTO_SOFT_R_16F = 2,
    RRTO_SOFT_C_32F = 4,
    RRTO_SOFT_C_64F = 5,
    RRTO_SOFT_R_16BF = 14,
};

/* The numbers of cublasOperation_t. */
enum rrto_soft_op { RRTO_SOFT_OP_N = 0, RRTO_SOFT_OP_T = 1, RRTO_SOFT_OP_C = 2 };

enum rrto_soft_activation { RRTO_SOFT_NO_ACTIVATION, RRTO_SOFT_RELU, RRTO_SOFT_GELU };

struct rrto_soft_matrix {
    const void *data;
    int type;      /* enum rrto_soft_type */
    int op;        /* enum rrto_soft_op; C and D: N */
    int64_t ld;    /* elements between columns */
    int64_t batch; /* elements between matrices of a batch */
};

struct rrto_soft_gemm {
    int64_t m, n, k;
    struct rrto_soft_matrix a, b, c, d; /* c.data may be d.data; c is not read when beta is 0 */
    double alpha[2], beta[2];           /* real and imaginary part */
    int64_t n_batch;
    const void *bias; /* m elements added to each column, or NULL */
    int bias_type;
    int64_t bias_batch;
    enum rrto_soft_activation activation;
};

enum rrto_soft_result { RRTO_SOFT_DONE, RRTO_SOFT_BAD_VALUE, RRTO_SOFT_NOT_SUPPORTED, RRTO_SOFT_NO_MEMORY };

/* Bytes of one element; 0 for a type that is not multiplied here. */
size_t rrto_soft_type_size(int type);

/* Whether gemm would be carried out; touches no matrix. */
enum rrto_soft_result rrto_soft_gemm_check(const struct rrto_soft_gemm *gemm);

/* Computes. Blocks until done; any thread. */
enum rrto_soft_result rrto_soft_gemm(const struct rrto_soft_gemm *gemm);
/* Checks, then computes when the stream gets there (blas/stream.h). */
enum rrto_soft_result rrto_soft_gemm_enqueue(void *stream, const struct rrto_soft_gemm *gemm);

/* Reads n elements of a type, step elements apart, into floats, and back. Real types only (R_32F, R_64F, R_16F,
 * R_16BF). */
void rrto_soft_widen(float *to, const void *from, int type, size_t n, int64_t step);
void rrto_soft_narrow(void *to, const float *from, int type, size_t n, int64_t step);

#endif
