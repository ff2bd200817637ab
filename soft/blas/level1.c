/* SPDX-License-Identifier: Apache-2.0 */
/* Vector operations: one row per type, one macro per operation. Empty vectors are fine, as in cuBLAS. */
#include "blas/common.h"
#include "blas/gemm.h"

#define EXPORT RRTO_SOFT_EXPORT cublasStatus_t

#define AXPY(U, l, T, SCALAR)                                                                                          \
    EXPORT cublas##U##axpy_v2(cublasHandle_t handle, int n, const T *alpha, const T *x, int incx, T *y, int incy)      \
    {                                                                                                                  \
        RRTO_SOFT_CHECK(handle, n <= 0 || (alpha && x && y));                                                          \
        if (n > 0)                                                                                                     \
            cblas_##l##axpy(n, SCALAR(alpha), x, incx, y, incy);                                                       \
        return CUBLAS_STATUS_SUCCESS;                                                                                  \
    }
RRTO_SOFT_TYPES(AXPY)

#define SCAL(name, cblas, A, T, SCALAR)                                                                                \
    EXPORT name(cublasHandle_t handle, int n, const A *alpha, T *x, int incx)                                          \
    {                                                                                                                  \
        RRTO_SOFT_CHECK(handle, n <= 0 || (alpha && x));                                                               \
        if (n > 0 && incx > 0)                                                                                         \
            cblas(n, SCALAR(alpha), x, incx);                                                                          \
        return CUBLAS_STATUS_SUCCESS;                                                                                  \
    }
SCAL(cublasSscal_v2, cblas_sscal, float, float, RRTO_SOFT_BY_VALUE)
SCAL(cublasDscal_v2, cblas_dscal, double, double, RRTO_SOFT_BY_VALUE)
SCAL(cublasCscal_v2, cblas_cscal, cuComplex, cuComplex, RRTO_SOFT_BY_POINTER)
SCAL(cublasZscal_v2, cblas_zscal, cuDoubleComplex, cuDoubleComplex, RRTO_SOFT_BY_POINTER)
SCAL(cublasCsscal_v2, cblas_csscal, float, cuComplex, RRTO_SOFT_BY_VALUE)
SCAL(cublasZdscal_v2, cblas_zdscal, double, cuDoubleComplex, RRTO_SOFT_BY_VALUE)

#define COPY(U, l, T, SCALAR)                                                                                          \
    EXPORT cublas##U##copy_v2(cublasHandle_t handle, int n, const T *x, int incx, T *y, int incy)                      \
    {                                                                                                                  \
        RRTO_SOFT_CHECK(handle, n <= 0 || (x && y));                                                                   \
        if (n > 0)                                                                                                     \
            cblas_##l##copy(n, x, incx, y, incy);                                                                      \
        return CUBLAS_STATUS_SUCCESS;                                                                                  \
    }                                                                                                                  \
    EXPORT cublas##U##swap_v2(cublasHandle_t handle, int n, T *x, int incx, T *y, int incy)                            \
    {                                                                                                                  \
        RRTO_SOFT_CHECK(handle, n <= 0 || (x && y));                                                                   \
        if (n > 0)                                                                                                     \
            cblas_##l##swap(n, x, incx, y, incy);                                                                      \
        return CUBLAS_STATUS_SUCCESS;                                                                                  \
    }
RRTO_SOFT_TYPES(COPY)

/* cuBLAS counts from 1 and answers 0 for an empty vector. */
#define INDEX(U, l, T, SCALAR)                                                                                         \
    EXPORT cublasI##l##amax_v2(cublasHandle_t handle, int n, const T *x, int incx, int *result)                        \
    {                                                                                                                  \
        RRTO_SOFT_CHECK(handle, result && (n <= 0 || x));                                                              \
        *result = n > 0 && incx > 0 ? (int)cblas_i##l##amax(n, x, incx) + 1 : 0;                                       \
        return CUBLAS_STATUS_SUCCESS;                                                                                  \
    }                                                                                                                  \
    EXPORT cublasI##l##amin_v2(cublasHandle_t handle, int n, const T *x, int incx, int *result)                        \
    {                                                                                                                  \
        RRTO_SOFT_CHECK(handle, result && (n <= 0 || x));                                                              \
        *result = n > 0 && incx > 0 ? (int)cblas_i##l##amin(n, x, incx) + 1 : 0;                                       \
        return CUBLAS_STATUS_SUCCESS;                                                                                  \
    }
RRTO_SOFT_TYPES(INDEX)

#define NORM(name, cblas, T, R)                                                                                        \
    EXPORT name(cublasHandle_t handle, int n, const T *x, int incx, R *result)                                         \
    {                                                                                                                  \
        RRTO_SOFT_CHECK(handle, result && (n <= 0 || x));                                                              \
        *result = n > 0 && incx > 0 ? cblas(n, x, incx) : 0;                                                           \
        return CUBLAS_STATUS_SUCCESS;                                                                                  \
    }
NORM(cublasSnrm2_v2, cblas_snrm2, float, float)
NORM(cublasDnrm2_v2, cblas_dnrm2, double, double)
NORM(cublasScnrm2_v2, cblas_scnrm2, cuComplex, float)
NORM(cublasDznrm2_v2, cblas_dznrm2, cuDoubleComplex, double)
NORM(cublasSasum_v2, cblas_sasum, float, float)
NORM(cublasDasum_v2, cblas_dasum, double, double)
NORM(cublasScasum_v2, cblas_scasum, cuComplex, float)
NORM(cublasDzasum_v2, cblas_dzasum, cuDoubleComplex, double)

#define DOT_REAL(U, l, T, SCALAR)                                                                                      \
    EXPORT cublas##U##dot_v2(cublasHandle_t handle, int n, const T *x, int incx, const T *y, int incy, T *result)      \
    {                                                                                                                  \
        RRTO_SOFT_CHECK(handle, result && (n <= 0 || (x && y)));                                                       \
        *result = n > 0 ? cblas_##l##dot(n, x, incx, y, incy) : 0;                                                     \
        return CUBLAS_STATUS_SUCCESS;                                                                                  \
    }
RRTO_SOFT_REAL_TYPES(DOT_REAL)

#define DOT_COMPLEX(name, cblas, T)                                                                                    \
    EXPORT name(cublasHandle_t handle, int n, const T *x, int incx, const T *y, int incy, T *result)                   \
    {                                                                                                                  \
        RRTO_SOFT_CHECK(handle, result && (n <= 0 || (x && y)));                                                       \
        *result = (T){0};                                                                                              \
        if (n > 0)                                                                                                     \
            cblas(n, x, incx, y, incy, (void *)result);                                                                \
        return CUBLAS_STATUS_SUCCESS;                                                                                  \
    }
DOT_COMPLEX(cublasCdotu_v2, cblas_cdotu_sub, cuComplex)
DOT_COMPLEX(cublasCdotc_v2, cblas_cdotc_sub, cuComplex)
DOT_COMPLEX(cublasZdotu_v2, cblas_zdotu_sub, cuDoubleComplex)
DOT_COMPLEX(cublasZdotc_v2, cblas_zdotc_sub, cuDoubleComplex)

/* 16-bit and float vectors, summed in double in index order and rounded once; the other types have calls of their own.
 */
EXPORT cublasDotEx(cublasHandle_t handle, int n, const void *x, cudaDataType xType, int incx, const void *y,
                   cudaDataType yType, int incy, void *result, cudaDataType resultType, cudaDataType executionType)
{
    (void)executionType;
    RRTO_SOFT_CHECK(handle, result && (n <= 0 || (x && y)));
    int type = (int)xType;
    if ((int)yType != type || (int)resultType != type ||
        (type != RRTO_SOFT_R_16F && type != RRTO_SOFT_R_16BF && type != RRTO_SOFT_R_32F))
        return CUBLAS_STATUS_NOT_SUPPORTED;
    int64_t size = (int64_t)rrto_soft_type_size(type);
    const char *at_x = (const char *)x - (incx < 0 ? (n - 1) * (int64_t)incx * size : 0);
    const char *at_y = (const char *)y - (incy < 0 ? (n - 1) * (int64_t)incy * size : 0);
    double sum = 0.0;
    for (int i = 0; i < n; i++) {
        float a, b;
        rrto_soft_widen(&a, at_x + i * (int64_t)incx * size, type, 1, 1);
        rrto_soft_widen(&b, at_y + i * (int64_t)incy * size, type, 1, 1);
        sum += (double)a * (double)b;
    }
    float rounded = (float)sum;
    rrto_soft_narrow(result, &rounded, type, 1, 1);
    return CUBLAS_STATUS_SUCCESS;
}

#define ROT(name, cblas, T, R)                                                                                         \
    EXPORT name(cublasHandle_t handle, int n, T *x, int incx, T *y, int incy, const R *c, const R *s)                  \
    {                                                                                                                  \
        RRTO_SOFT_CHECK(handle, c &&s && (n <= 0 || (x && y)));                                                        \
        if (n > 0)                                                                                                     \
            cblas(n, x, incx, y, incy, *c, *s);                                                                        \
        return CUBLAS_STATUS_SUCCESS;                                                                                  \
    }
ROT(cublasSrot_v2, cblas_srot, float, float)
ROT(cublasDrot_v2, cblas_drot, double, double)
ROT(cublasCsrot_v2, cblas_csrot, cuComplex, float)
ROT(cublasZdrot_v2, cblas_zdrot, cuDoubleComplex, double)

#define ROTG(name, cblas, T, R)                                                                                        \
    EXPORT name(cublasHandle_t handle, T *a, T *b, R *c, T *s)                                                         \
    {                                                                                                                  \
        RRTO_SOFT_CHECK(handle, a &&b &&c &&s);                                                                        \
        cblas((void *)a, (void *)b, c, (void *)s);                                                                     \
        return CUBLAS_STATUS_SUCCESS;                                                                                  \
    }
ROTG(cublasSrotg_v2, cblas_srotg, float, float)
ROTG(cublasDrotg_v2, cblas_drotg, double, double)
ROTG(cublasCrotg_v2, cblas_crotg, cuComplex, float)
ROTG(cublasZrotg_v2, cblas_zrotg, cuDoubleComplex, double)

#define ROTM(U, l, T, SCALAR)                                                                                          \
    EXPORT cublas##U##rotm_v2(cublasHandle_t handle, int n, T *x, int incx, T *y, int incy, const T *param)            \
    {                                                                                                                  \
        RRTO_SOFT_CHECK(handle, param && (n <= 0 || (x && y)));                                                        \
        if (n > 0)                                                                                                     \
            cblas_##l##rotm(n, x, incx, y, incy, param);                                                               \
        return CUBLAS_STATUS_SUCCESS;                                                                                  \
    }                                                                                                                  \
    EXPORT cublas##U##rotmg_v2(cublasHandle_t handle, T *d1, T *d2, T *x1, const T *y1, T *param)                      \
    {                                                                                                                  \
        RRTO_SOFT_CHECK(handle, d1 &&d2 &&x1 &&y1 &&param);                                                            \
        cblas_##l##rotmg(d1, d2, x1, *y1, param);                                                                      \
        return CUBLAS_STATUS_SUCCESS;                                                                                  \
    }
RRTO_SOFT_REAL_TYPES(ROTM)
