/* SPDX-License-Identifier: Apache-2.0 */
/* cublasSet/GetVector and Matrix: column copies between host and device, through the runtime's own copies. */
#include "cuda/blas/blas.h"

#include "gen/client_bodies.h"

enum { HOST_TO_DEVICE = 1, DEVICE_TO_HOST = 2 };

/* Columns of `height` elements of row_bytes each are rows of a two-dimensional copy. */
static cublasStatus_t copy(void *dst, size_t dst_pitch, const void *src, size_t src_pitch, size_t row_bytes,
                           size_t n_rows, int direction, cudaStream_t stream, bool async)
{
    if (row_bytes == 0 || n_rows == 0)
        return CUBLAS_STATUS_SUCCESS;
    bool dense = n_rows == 1 || (dst_pitch == row_bytes && src_pitch == row_bytes);
    int error;
    if (dense && async)
        error = (int)rrto_client_cudaMemcpyAsync(dst, src, row_bytes * n_rows, (cudaMemcpyKind)direction, stream);
    else if (dense)
        error = (int)rrto_client_cudaMemcpy(dst, src, row_bytes * n_rows, (cudaMemcpyKind)direction);
    else if (async)
        error = (int)rrto_client_cudaMemcpy2DAsync(dst, dst_pitch, src, src_pitch, row_bytes, n_rows,
                                                   (cudaMemcpyKind)direction, stream);
    else
        error =
            (int)rrto_client_cudaMemcpy2D(dst, dst_pitch, src, src_pitch, row_bytes, n_rows, (cudaMemcpyKind)direction);
    return error == 0 ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_MAPPING_ERROR;
}

static cublasStatus_t vector(int n, int element_bytes, const void *src, int src_step, void *dst, int dst_step,
                             int direction, cudaStream_t stream, bool async)
{
    if (n < 0 || element_bytes <= 0 || src_step <= 0 || dst_step <= 0)
        return CUBLAS_STATUS_INVALID_VALUE;
    size_t bytes = (size_t)element_bytes;
    return copy(dst, bytes * (size_t)dst_step, src, bytes * (size_t)src_step, bytes, (size_t)n, direction, stream,
                async);
}

static cublasStatus_t matrix(int rows, int columns, int element_bytes, const void *src, int src_ld, void *dst,
                             int dst_ld, int direction, cudaStream_t stream, bool async)
{
    if (rows < 0 || columns < 0 || element_bytes <= 0 || src_ld < rows || dst_ld < rows || src_ld <= 0 || dst_ld <= 0)
        return CUBLAS_STATUS_INVALID_VALUE;
    size_t bytes = (size_t)element_bytes;
    return copy(dst, bytes * (size_t)dst_ld, src, bytes * (size_t)src_ld, bytes * (size_t)rows, (size_t)columns,
                direction, stream, async);
}

cublasStatus_t rrto_client_cublasSetVector(int n, int elemSize, const void *x, int incx, void *y, int incy)
{
    return vector(n, elemSize, x, incx, y, incy, HOST_TO_DEVICE, NULL, false);
}

cublasStatus_t rrto_client_cublasGetVector(int n, int elemSize, const void *x, int incx, void *y, int incy)
{
    return vector(n, elemSize, x, incx, y, incy, DEVICE_TO_HOST, NULL, false);
}

cublasStatus_t rrto_client_cublasSetVectorAsync(int n, int elemSize, const void *x, int incx, void *y, int incy,
                                                cudaStream_t stream)
{
    return vector(n, elemSize, x, incx, y, incy, HOST_TO_DEVICE, stream, true);
}

cublasStatus_t rrto_client_cublasGetVectorAsync(int n, int elemSize, const void *x, int incx, void *y, int incy,
                                                cudaStream_t stream)
{
    return vector(n, elemSize, x, incx, y, incy, DEVICE_TO_HOST, stream, true);
}

cublasStatus_t rrto_client_cublasSetMatrix(int rows, int cols, int elemSize, const void *A, int lda, void *B, int ldb)
{
    return matrix(rows, cols, elemSize, A, lda, B, ldb, HOST_TO_DEVICE, NULL, false);
}

cublasStatus_t rrto_client_cublasGetMatrix(int rows, int cols, int elemSize, const void *A, int lda, void *B, int ldb)
{
    return matrix(rows, cols, elemSize, A, lda, B, ldb, DEVICE_TO_HOST, NULL, false);
}

cublasStatus_t rrto_client_cublasSetMatrixAsync(int rows, int cols, int elemSize, const void *A, int lda, void *B,
                                                int ldb, cudaStream_t stream)
{
    return matrix(rows, cols, elemSize, A, lda, B, ldb, HOST_TO_DEVICE, stream, true);
}

cublasStatus_t rrto_client_cublasGetMatrixAsync(int rows, int cols, int elemSize, const void *A, int lda, void *B,
                                                int ldb, cudaStream_t stream)
{
    return matrix(rows, cols, elemSize, A, lda, B, ldb, DEVICE_TO_HOST, stream, true);
}
