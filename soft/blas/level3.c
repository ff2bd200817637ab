/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix-matrix operations other than the general product (gemm_calls.c): one row per type, one macro per operation. */
#include "blas/common.h"

#include <string.h>

#define EXPORT RRTO_SOFT_EXPORT cublasStatus_t
#define AT_LEAST_1(n) ((n) > 1 ? (n) : 1)

#define SYMM(name, cblas, T, SCALAR)                                                                                   \
    EXPORT name(cublasHandle_t handle, cublasSideMode_t side, cublasFillMode_t uplo, int m, int n, const T *alpha,     \
                const T *A, int lda, const T *B, int ldb, const T *beta, T *C, int ldc)                                \
    {                                                                                                                  \
        enum CBLAS_SIDE where;                                                                                         \
        enum CBLAS_UPLO half;                                                                                          \
        RRTO_SOFT_CHECK(handle, rrto_soft_blas_side((int)side, &where) && rrto_soft_blas_uplo((int)uplo, &half) &&     \
                                    m >= 0 && n >= 0 && lda >= AT_LEAST_1(where == CblasLeft ? m : n) &&               \
                                    ldb >= AT_LEAST_1(m) && ldc >= AT_LEAST_1(m) && alpha && beta);                    \
        if (m > 0 && n > 0)                                                                                            \
            cblas(CblasColMajor, where, half, m, n, SCALAR(alpha), A, lda, B, ldb, SCALAR(beta), C, ldc);              \
        return CUBLAS_STATUS_SUCCESS;                                                                                  \
    }
#define SYMM_OF(U, l, T, SCALAR) SYMM(cublas##U##symm_v2, cblas_##l##symm, T, SCALAR)
RRTO_SOFT_TYPES(SYMM_OF)
SYMM(cublasChemm_v2, cblas_chemm, cuComplex, RRTO_SOFT_BY_POINTER)
SYMM(cublasZhemm_v2, cblas_zhemm, cuDoubleComplex, RRTO_SOFT_BY_POINTER)

/* A transposition that the rank updates know: a symmetric one has no conjugate, a Hermitian one no plain transpose.
 * cuBLAS lets real types say either. */
static bool rank_op(cublasOperation_t trans, bool hermitian, bool real, enum CBLAS_TRANSPOSE *ret_op)
{
    if (!rrto_soft_blas_op((int)trans, ret_op))
        return false;
    if (real && *ret_op == CblasConjTrans)
        *ret_op = CblasTrans;
    return *ret_op == CblasNoTrans || (*ret_op == CblasConjTrans) == hermitian;
}

/* A_T, B_T: the types of alpha and beta. */
#define SYRK(name, cblas, hermitian, A_T, A_SCALAR, B_T, B_SCALAR, T)                                                  \
    EXPORT name(cublasHandle_t handle, cublasFillMode_t uplo, cublasOperation_t trans, int n, int k, const A_T *alpha, \
                const T *A, int lda, const B_T *beta, T *C, int ldc)                                                   \
    {                                                                                                                  \
        enum CBLAS_UPLO half;                                                                                          \
        enum CBLAS_TRANSPOSE op;                                                                                       \
        RRTO_SOFT_CHECK(handle, rrto_soft_blas_uplo((int)uplo, &half) && rank_op(trans, hermitian, IS_REAL(T), &op) && \
                                    n >= 0 && k >= 0 && lda >= AT_LEAST_1(op == CblasNoTrans ? n : k) &&               \
                                    ldc >= AT_LEAST_1(n) && alpha && beta);                                            \
        if (n > 0)                                                                                                     \
            cblas(CblasColMajor, half, op, n, k, A_SCALAR(alpha), A, lda, B_SCALAR(beta), C, ldc);                     \
        return CUBLAS_STATUS_SUCCESS;                                                                                  \
    }
#define IS_REAL(T) _Generic((T){0}, float : true, double : true, default : false)
#define SYRK_OF(U, l, T, SCALAR) SYRK(cublas##U##syrk_v2, cblas_##l##syrk, false, T, SCALAR, T, SCALAR, T)
RRTO_SOFT_TYPES(SYRK_OF)
SYRK(cublasCherk_v2, cblas_cherk, true, float, RRTO_SOFT_BY_VALUE, float, RRTO_SOFT_BY_VALUE, cuComplex)
SYRK(cublasZherk_v2, cblas_zherk, true, double, RRTO_SOFT_BY_VALUE, double, RRTO_SOFT_BY_VALUE, cuDoubleComplex)

#define SYR2K(name, cblas, hermitian, A_T, A_SCALAR, B_T, B_SCALAR, T)                                                 \
    EXPORT name(cublasHandle_t handle, cublasFillMode_t uplo, cublasOperation_t trans, int n, int k, const A_T *alpha, \
                const T *A, int lda, const T *B, int ldb, const B_T *beta, T *C, int ldc)                              \
    {                                                                                                                  \
        enum CBLAS_UPLO half;                                                                                          \
        enum CBLAS_TRANSPOSE op;                                                                                       \
        RRTO_SOFT_CHECK(handle, rrto_soft_blas_uplo((int)uplo, &half) && rank_op(trans, hermitian, IS_REAL(T), &op) && \
                                    n >= 0 && k >= 0 && lda >= AT_LEAST_1(op == CblasNoTrans ? n : k) &&               \
                                    ldb >= AT_LEAST_1(op == CblasNoTrans ? n : k) && ldc >= AT_LEAST_1(n) && alpha &&  \
                                    beta);                                                                             \
        if (n > 0)                                                                                                     \
            cblas(CblasColMajor, half, op, n, k, A_SCALAR(alpha), A, lda, B, ldb, B_SCALAR(beta), C, ldc);             \
        return CUBLAS_STATUS_SUCCESS;                                                                                  \
    }
#define SYR2K_OF(U, l, T, SCALAR) SYR2K(cublas##U##syr2k_v2, cblas_##l##syr2k, false, T, SCALAR, T, SCALAR, T)
RRTO_SOFT_TYPES(SYR2K_OF)
SYR2K(cublasCher2k_v2, cblas_cher2k, true, cuComplex, RRTO_SOFT_BY_POINTER, float, RRTO_SOFT_BY_VALUE, cuComplex)
SYR2K(cublasZher2k_v2, cblas_zher2k, true, cuDoubleComplex, RRTO_SOFT_BY_POINTER, double, RRTO_SOFT_BY_VALUE,
      cuDoubleComplex)

/* The four words of a triangular call. */
struct triangle {
    enum CBLAS_SIDE side;
    enum CBLAS_UPLO uplo;
    enum CBLAS_TRANSPOSE op;
    enum CBLAS_DIAG diag;
};

static bool read_triangle(struct triangle *t, cublasSideMode_t side, cublasFillMode_t uplo, cublasOperation_t trans,
                          cublasDiagType_t diag)
{
    return rrto_soft_blas_side((int)side, &t->side) && rrto_soft_blas_uplo((int)uplo, &t->uplo) &&
           rrto_soft_blas_op((int)trans, &t->op) && rrto_soft_blas_diag((int)diag, &t->diag);
}

static void copy_matrix(void *to, int ld_to, const void *from, int ld_from, size_t size, int m, int n)
{
    for (int j = 0; j < n && to != from; j++)
        memcpy((char *)to + (size_t)j * (size_t)ld_to * size, (const char *)from + (size_t)j * (size_t)ld_from * size,
               (size_t)m * size);
}

#define TRSM(U, l, T, SCALAR)                                                                                          \
    EXPORT cublas##U##trsm_v2(cublasHandle_t handle, cublasSideMode_t side, cublasFillMode_t uplo,                     \
                              cublasOperation_t trans, cublasDiagType_t diag, int m, int n, const T *alpha,            \
                              const T *A, int lda, T *B, int ldb)                                                      \
    {                                                                                                                  \
        struct triangle t;                                                                                             \
        RRTO_SOFT_CHECK(handle, read_triangle(&t, side, uplo, trans, diag) && m >= 0 && n >= 0 &&                      \
                                    lda >= AT_LEAST_1(t.side == CblasLeft ? m : n) && ldb >= AT_LEAST_1(m) && alpha);  \
        if (m > 0 && n > 0)                                                                                            \
            cblas_##l##trsm(CblasColMajor, t.side, t.uplo, t.op, t.diag, m, n, SCALAR(alpha), A, lda, B, ldb);         \
        return CUBLAS_STATUS_SUCCESS;                                                                                  \
    }                                                                                                                  \
    EXPORT cublas##U##trsmBatched(cublasHandle_t handle, cublasSideMode_t side, cublasFillMode_t uplo,                 \
                                  cublasOperation_t trans, cublasDiagType_t diag, int m, int n, const T *alpha,        \
                                  const T *const A[], int lda, T *const B[], int ldb, int batchCount)                  \
    {                                                                                                                  \
        cublasStatus_t status = CUBLAS_STATUS_SUCCESS;                                                                 \
        RRTO_SOFT_CHECK(handle, batchCount >= 0 && (batchCount == 0 || (A && B)));                                     \
        for (int i = 0; i < batchCount && status == CUBLAS_STATUS_SUCCESS; i++)                                        \
            status = cublas##U##trsm_v2(handle, side, uplo, trans, diag, m, n, alpha, A[i], lda, B[i], ldb);           \
        return status;                                                                                                 \
    }                                                                                                                  \
    EXPORT cublas##U##trmm_v2(cublasHandle_t handle, cublasSideMode_t side, cublasFillMode_t uplo,                     \
                              cublasOperation_t trans, cublasDiagType_t diag, int m, int n, const T *alpha,            \
                              const T *A, int lda, const T *B, int ldb, T *C, int ldc)                                 \
    {                                                                                                                  \
        struct triangle t;                                                                                             \
        RRTO_SOFT_CHECK(handle, read_triangle(&t, side, uplo, trans, diag) && m >= 0 && n >= 0 &&                      \
                                    lda >= AT_LEAST_1(t.side == CblasLeft ? m : n) && ldb >= AT_LEAST_1(m) &&          \
                                    ldc >= AT_LEAST_1(m) && alpha);                                                    \
        if (m > 0 && n > 0) { /* cuBLAS writes C and keeps B; BLAS works in place */                                   \
            copy_matrix(C, ldc, B, ldb, sizeof *C, m, n);                                                              \
            cblas_##l##trmm(CblasColMajor, t.side, t.uplo, t.op, t.diag, m, n, SCALAR(alpha), A, lda, C, ldc);         \
        }                                                                                                              \
        return CUBLAS_STATUS_SUCCESS;                                                                                  \
    }
RRTO_SOFT_TYPES(TRSM)
