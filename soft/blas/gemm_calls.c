/* SPDX-License-Identifier: Apache-2.0 */
/* cuBLAS's general matrix products: every entry fills one struct and meets in run(). */
#include "blas/common.h"
#include "blas/compute.h"
#include "blas/gemm.h"

#define EXPORT RRTO_SOFT_EXPORT cublasStatus_t

static struct rrto_soft_blas *blas(cublasHandle_t handle)
{
    return (struct rrto_soft_blas *)(void *)handle;
}

static cublasStatus_t run(cublasHandle_t handle, const struct rrto_soft_gemm *gemm)
{
    if (!handle)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    switch (rrto_soft_gemm_enqueue(blas(handle)->stream, gemm)) {
    case RRTO_SOFT_DONE:
        return CUBLAS_STATUS_SUCCESS;
    case RRTO_SOFT_BAD_VALUE:
        return CUBLAS_STATUS_INVALID_VALUE;
    case RRTO_SOFT_NOT_SUPPORTED:
        return CUBLAS_STATUS_NOT_SUPPORTED;
    default:
        return CUBLAS_STATUS_ALLOC_FAILED;
    }
}

/* What all of them have in common. The scalars are read here, at the call; those in device memory when everything
 * before is done. */
static cublasStatus_t start(cublasHandle_t handle, struct rrto_soft_gemm *g, cublasOperation_t transa,
                            cublasOperation_t transb, int m, int n, int k, const void *alpha, const void *beta,
                            int scale_type)
{
    if (!alpha || !beta || m < 0 || n < 0 || k < 0)
        return CUBLAS_STATUS_INVALID_VALUE;
    if (handle && blas(handle)->pointer_mode != 0)
        rrto_soft_stream_settle(blas(handle)->stream);
    *g = (struct rrto_soft_gemm){.m = m, .n = n, .k = k, .n_batch = 1};
    g->a.op = (int)transa;
    g->b.op = (int)transb;
    if (!rrto_soft_read_scalar(g->alpha, alpha, scale_type) || !rrto_soft_read_scalar(g->beta, beta, scale_type))
        return CUBLAS_STATUS_NOT_SUPPORTED;
    return CUBLAS_STATUS_SUCCESS;
}

static void set(struct rrto_soft_matrix *x, const void *data, int type, int ld, long long int batch)
{
    x->data = data;
    x->type = type;
    x->ld = ld;
    x->batch = batch;
}

/* Pointer arrays, which are in device memory: one product after the other. */
static cublasStatus_t run_array(cublasHandle_t handle, struct rrto_soft_gemm *g, const void *const a[],
                                const void *const b[], void *const c[], int n_batch)
{
    cublasStatus_t status = n_batch < 0 ? CUBLAS_STATUS_INVALID_VALUE : CUBLAS_STATUS_SUCCESS;
    if (handle)
        rrto_soft_stream_settle(blas(handle)->stream);
    for (int i = 0; i < n_batch && status == CUBLAS_STATUS_SUCCESS; i++) {
        g->a.data = a[i];
        g->b.data = b[i];
        g->c.data = g->d.data = c[i];
        status = run(handle, g);
    }
    return status;
}

#define GEMM(U, TYPE, T)                                                                                               \
    EXPORT cublas##U##gemm_v2(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m, int n, \
                              int k, const T *alpha, const T *A, int lda, const T *B, int ldb, const T *beta, T *C,    \
                              int ldc)                                                                                 \
    {                                                                                                                  \
        struct rrto_soft_gemm g;                                                                                       \
        cublasStatus_t status = start(handle, &g, transa, transb, m, n, k, alpha, beta, TYPE);                         \
        if (status != CUBLAS_STATUS_SUCCESS)                                                                           \
            return status;                                                                                             \
        set(&g.a, A, TYPE, lda, 0);                                                                                    \
        set(&g.b, B, TYPE, ldb, 0);                                                                                    \
        set(&g.c, C, TYPE, ldc, 0);                                                                                    \
        g.d = g.c;                                                                                                     \
        return run(handle, &g);                                                                                        \
    }                                                                                                                  \
    EXPORT cublas##U##gemmStridedBatched(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb,    \
                                         int m, int n, int k, const T *alpha, const T *A, int lda,                     \
                                         long long int strideA, const T *B, int ldb, long long int strideB,            \
                                         const T *beta, T *C, int ldc, long long int strideC, int batchCount)          \
    {                                                                                                                  \
        struct rrto_soft_gemm g;                                                                                       \
        cublasStatus_t status = start(handle, &g, transa, transb, m, n, k, alpha, beta, TYPE);                         \
        if (status != CUBLAS_STATUS_SUCCESS)                                                                           \
            return status;                                                                                             \
        set(&g.a, A, TYPE, lda, strideA);                                                                              \
        set(&g.b, B, TYPE, ldb, strideB);                                                                              \
        set(&g.c, C, TYPE, ldc, strideC);                                                                              \
        g.d = g.c;                                                                                                     \
        g.n_batch = batchCount;                                                                                        \
        return run(handle, &g);                                                                                        \
    }                                                                                                                  \
    EXPORT cublas##U##gemmBatched(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m,    \
                                  int n, int k, const T *alpha, const T *const Aarray[], int lda,                      \
                                  const T *const Barray[], int ldb, const T *beta, T *const Carray[], int ldc,         \
                                  int batchCount)                                                                      \
    {                                                                                                                  \
        struct rrto_soft_gemm g;                                                                                       \
        cublasStatus_t status = start(handle, &g, transa, transb, m, n, k, alpha, beta, TYPE);                         \
        if (status != CUBLAS_STATUS_SUCCESS)                                                                           \
            return status;                                                                                             \
        set(&g.a, NULL, TYPE, lda, 0);                                                                                 \
        set(&g.b, NULL, TYPE, ldb, 0);                                                                                 \
        set(&g.c, NULL, TYPE, ldc, 0);                                                                                 \
        g.d = g.c;                                                                                                     \
        return run_array(handle, &g, (const void *const *)Aarray, (const void *const *)Barray, (void *const *)Carray,  \
                         batchCount);                                                                                  \
    }
GEMM(S, RRTO_SOFT_R_32F, float)
GEMM(D, RRTO_SOFT_R_64F, double)
GEMM(C, RRTO_SOFT_C_32F, cuComplex)
GEMM(Z, RRTO_SOFT_C_64F, cuDoubleComplex)

EXPORT cublasSgemmEx(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m, int n, int k,
                     const float *alpha, const void *A, cudaDataType Atype, int lda, const void *B, cudaDataType Btype,
                     int ldb, const float *beta, void *C, cudaDataType Ctype, int ldc)
{
    struct rrto_soft_gemm g;
    cublasStatus_t status = start(handle, &g, transa, transb, m, n, k, alpha, beta, RRTO_SOFT_R_32F);
    if (status != CUBLAS_STATUS_SUCCESS)
        return status;
    set(&g.a, A, (int)Atype, lda, 0);
    set(&g.b, B, (int)Btype, ldb, 0);
    set(&g.c, C, (int)Ctype, ldc, 0);
    g.d = g.c;
    return run(handle, &g);
}

EXPORT cublasGemmStridedBatchedEx(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m,
                                  int n, int k, const void *alpha, const void *A, cudaDataType Atype, int lda,
                                  long long int strideA, const void *B, cudaDataType Btype, int ldb,
                                  long long int strideB, const void *beta, void *C, cudaDataType Ctype, int ldc,
                                  long long int strideC, int batchCount, cublasComputeType_t computeType,
                                  cublasGemmAlgo_t algo)
{
    (void)algo; /* a hint */
    struct rrto_soft_gemm g;
    int scale_type = rrto_soft_scale_type((int)computeType, (int)Ctype);
    cublasStatus_t status = start(handle, &g, transa, transb, m, n, k, alpha, beta, scale_type);
    if (status != CUBLAS_STATUS_SUCCESS)
        return status;
    set(&g.a, A, (int)Atype, lda, strideA);
    set(&g.b, B, (int)Btype, ldb, strideB);
    set(&g.c, C, (int)Ctype, ldc, strideC);
    g.d = g.c;
    g.n_batch = batchCount;
    return run(handle, &g);
}

EXPORT cublasGemmEx(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m, int n, int k,
                    const void *alpha, const void *A, cudaDataType Atype, int lda, const void *B, cudaDataType Btype,
                    int ldb, const void *beta, void *C, cudaDataType Ctype, int ldc, cublasComputeType_t computeType,
                    cublasGemmAlgo_t algo)
{
    return cublasGemmStridedBatchedEx(handle, transa, transb, m, n, k, alpha, A, Atype, lda, 0, B, Btype, ldb, 0, beta,
                                      C, Ctype, ldc, 0, 1, computeType, algo);
}

EXPORT cublasGemmBatchedEx(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m, int n,
                           int k, const void *alpha, const void *const Aarray[], cudaDataType Atype, int lda,
                           const void *const Barray[], cudaDataType Btype, int ldb, const void *beta,
                           void *const Carray[], cudaDataType Ctype, int ldc, int batchCount,
                           cublasComputeType_t computeType, cublasGemmAlgo_t algo)
{
    (void)algo;
    struct rrto_soft_gemm g;
    int scale_type = rrto_soft_scale_type((int)computeType, (int)Ctype);
    cublasStatus_t status = start(handle, &g, transa, transb, m, n, k, alpha, beta, scale_type);
    if (status != CUBLAS_STATUS_SUCCESS)
        return status;
    set(&g.a, NULL, (int)Atype, lda, 0);
    set(&g.b, NULL, (int)Btype, ldb, 0);
    set(&g.c, NULL, (int)Ctype, ldc, 0);
    g.d = g.c;
    return run_array(handle, &g, Aarray, Barray, Carray, batchCount);
}
