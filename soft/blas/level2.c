/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix-vector operations: one row per type, one macro per operation. */
#include "blas/common.h"

#define EXPORT RRTO_SOFT_EXPORT cublasStatus_t
#define AT_LEAST_1(n) ((n) > 1 ? (n) : 1)

#define GEMV(U, l, T, SCALAR)                                                                                          \
    EXPORT cublas##U##gemv_v2(cublasHandle_t handle, cublasOperation_t trans, int m, int n, const T *alpha,            \
                              const T *A, int lda, const T *x, int incx, const T *beta, T *y, int incy)                \
    {                                                                                                                  \
        enum CBLAS_TRANSPOSE op;                                                                                       \
        RRTO_SOFT_CHECK(handle, rrto_soft_blas_op((int)trans, &op) && m >= 0 && n >= 0 && lda >= AT_LEAST_1(m) &&      \
                                    incx && incy && alpha && beta);                                                    \
        if (m > 0 && n > 0)                                                                                            \
            cblas_##l##gemv(CblasColMajor, op, m, n, SCALAR(alpha), A, lda, x, incx, SCALAR(beta), y, incy);           \
        return CUBLAS_STATUS_SUCCESS;                                                                                  \
    }
RRTO_SOFT_TYPES(GEMV)

#define GER(name, cblas, T, SCALAR)                                                                                    \
    EXPORT name(cublasHandle_t handle, int m, int n, const T *alpha, const T *x, int incx, const T *y, int incy, T *A, \
                int lda)                                                                                               \
    {                                                                                                                  \
        RRTO_SOFT_CHECK(handle, m >= 0 && n >= 0 && lda >= AT_LEAST_1(m) && incx && incy && alpha);                    \
        if (m > 0 && n > 0)                                                                                            \
            cblas(CblasColMajor, m, n, SCALAR(alpha), x, incx, y, incy, A, lda);                                       \
        return CUBLAS_STATUS_SUCCESS;                                                                                  \
    }
GER(cublasSger_v2, cblas_sger, float, RRTO_SOFT_BY_VALUE)
GER(cublasDger_v2, cblas_dger, double, RRTO_SOFT_BY_VALUE)
GER(cublasCgeru_v2, cblas_cgeru, cuComplex, RRTO_SOFT_BY_POINTER)
GER(cublasCgerc_v2, cblas_cgerc, cuComplex, RRTO_SOFT_BY_POINTER)
GER(cublasZgeru_v2, cblas_zgeru, cuDoubleComplex, RRTO_SOFT_BY_POINTER)
GER(cublasZgerc_v2, cblas_zgerc, cuDoubleComplex, RRTO_SOFT_BY_POINTER)

#define SYMV(name, cblas, T, SCALAR)                                                                                   \
    EXPORT name(cublasHandle_t handle, cublasFillMode_t uplo, int n, const T *alpha, const T *A, int lda, const T *x,  \
                int incx, const T *beta, T *y, int incy)                                                               \
    {                                                                                                                  \
        enum CBLAS_UPLO half;                                                                                          \
        RRTO_SOFT_CHECK(handle, rrto_soft_blas_uplo((int)uplo, &half) && n >= 0 && lda >= AT_LEAST_1(n) && incx &&     \
                                    incy && alpha && beta);                                                            \
        if (n > 0)                                                                                                     \
            cblas(CblasColMajor, half, n, SCALAR(alpha), A, lda, x, incx, SCALAR(beta), y, incy);                      \
        return CUBLAS_STATUS_SUCCESS;                                                                                  \
    }
SYMV(cublasSsymv_v2, cblas_ssymv, float, RRTO_SOFT_BY_VALUE)
SYMV(cublasDsymv_v2, cblas_dsymv, double, RRTO_SOFT_BY_VALUE)
SYMV(cublasChemv_v2, cblas_chemv, cuComplex, RRTO_SOFT_BY_POINTER)
SYMV(cublasZhemv_v2, cblas_zhemv, cuDoubleComplex, RRTO_SOFT_BY_POINTER)

/* A: the type of alpha, real for the Hermitian ones. */
#define SYR(name, cblas, A_T, T)                                                                                       \
    EXPORT name(cublasHandle_t handle, cublasFillMode_t uplo, int n, const A_T *alpha, const T *x, int incx, T *A,     \
                int lda)                                                                                               \
    {                                                                                                                  \
        enum CBLAS_UPLO half;                                                                                          \
        RRTO_SOFT_CHECK(handle,                                                                                        \
                        rrto_soft_blas_uplo((int)uplo, &half) && n >= 0 && lda >= AT_LEAST_1(n) && incx && alpha);     \
        if (n > 0)                                                                                                     \
            cblas(CblasColMajor, half, n, *alpha, x, incx, A, lda);                                                    \
        return CUBLAS_STATUS_SUCCESS;                                                                                  \
    }
SYR(cublasSsyr_v2, cblas_ssyr, float, float)
SYR(cublasDsyr_v2, cblas_dsyr, double, double)
SYR(cublasCher_v2, cblas_cher, float, cuComplex)
SYR(cublasZher_v2, cblas_zher, double, cuDoubleComplex)

#define SYR2(name, cblas, T, SCALAR)                                                                                   \
    EXPORT name(cublasHandle_t handle, cublasFillMode_t uplo, int n, const T *alpha, const T *x, int incx, const T *y, \
                int incy, T *A, int lda)                                                                               \
    {                                                                                                                  \
        enum CBLAS_UPLO half;                                                                                          \
        RRTO_SOFT_CHECK(handle, rrto_soft_blas_uplo((int)uplo, &half) && n >= 0 && lda >= AT_LEAST_1(n) && incx &&     \
                                    incy && alpha);                                                                    \
        if (n > 0)                                                                                                     \
            cblas(CblasColMajor, half, n, SCALAR(alpha), x, incx, y, incy, A, lda);                                    \
        return CUBLAS_STATUS_SUCCESS;                                                                                  \
    }
SYR2(cublasSsyr2_v2, cblas_ssyr2, float, RRTO_SOFT_BY_VALUE)
SYR2(cublasDsyr2_v2, cblas_dsyr2, double, RRTO_SOFT_BY_VALUE)
SYR2(cublasCher2_v2, cblas_cher2, cuComplex, RRTO_SOFT_BY_POINTER)
SYR2(cublasZher2_v2, cblas_zher2, cuDoubleComplex, RRTO_SOFT_BY_POINTER)

#define TRIANGULAR(name, cblas, T)                                                                                     \
    EXPORT name(cublasHandle_t handle, cublasFillMode_t uplo, cublasOperation_t trans, cublasDiagType_t diag, int n,   \
                const T *A, int lda, T *x, int incx)                                                                   \
    {                                                                                                                  \
        enum CBLAS_UPLO half;                                                                                          \
        enum CBLAS_TRANSPOSE op;                                                                                       \
        enum CBLAS_DIAG unit;                                                                                          \
        RRTO_SOFT_CHECK(handle, rrto_soft_blas_uplo((int)uplo, &half) && rrto_soft_blas_op((int)trans, &op) &&         \
                                    rrto_soft_blas_diag((int)diag, &unit) && n >= 0 && lda >= AT_LEAST_1(n) && incx);  \
        if (n > 0)                                                                                                     \
            cblas(CblasColMajor, half, op, unit, n, A, lda, x, incx);                                                  \
        return CUBLAS_STATUS_SUCCESS;                                                                                  \
    }
#define TRMV_TRSV(U, l, T, SCALAR)                                                                                     \
    TRIANGULAR(cublas##U##trmv_v2, cblas_##l##trmv, T)                                                                 \
    TRIANGULAR(cublas##U##trsv_v2, cblas_##l##trsv, T)
RRTO_SOFT_TYPES(TRMV_TRSV)
