/* SPDX-License-Identifier: Apache-2.0 */
/* Handles, their settings, versions, status texts, and the copies between host and device. */
#include "blas/common.h"

#include <stdlib.h>
#include <string.h>

#define EXPORT RRTO_SOFT_EXPORT cublasStatus_t
#define VERSION_MAJOR 13
#define VERSION_MINOR 2
#define VERSION_PATCH 0

static struct rrto_soft_blas *blas(cublasHandle_t handle)
{
    return (struct rrto_soft_blas *)(void *)handle;
}

EXPORT cublasCreate_v2(cublasHandle_t *handle)
{
    if (!handle)
        return CUBLAS_STATUS_INVALID_VALUE;
    struct rrto_soft_blas *created = calloc(1, sizeof *created);
    if (!created)
        return CUBLAS_STATUS_ALLOC_FAILED;
    rrto_soft_tiles_prepare();
    *handle = (cublasHandle_t)(void *)created;
    return CUBLAS_STATUS_SUCCESS;
}

EXPORT cublasDestroy_v2(cublasHandle_t handle)
{
    if (!handle)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    free(blas(handle));
    return CUBLAS_STATUS_SUCCESS;
}

EXPORT cublasGetVersion_v2(cublasHandle_t handle, int *version)
{
    (void)handle;
    if (!version)
        return CUBLAS_STATUS_INVALID_VALUE;
    *version = VERSION_MAJOR * 10000 + VERSION_MINOR * 100 + VERSION_PATCH;
    return CUBLAS_STATUS_SUCCESS;
}

EXPORT cublasGetProperty(libraryPropertyType type, int *value)
{
    static const int parts[] = {
        [MAJOR_VERSION] = VERSION_MAJOR, [MINOR_VERSION] = VERSION_MINOR, [PATCH_LEVEL] = VERSION_PATCH};
    if (!value || (unsigned)type >= sizeof parts / sizeof *parts)
        return CUBLAS_STATUS_INVALID_VALUE;
    *value = parts[type];
    return CUBLAS_STATUS_SUCCESS;
}

EXPORT cublasSetWorkspace_v2(cublasHandle_t handle, void *workspace, size_t workspaceSizeInBytes)
{
    if (!handle)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    blas(handle)->workspace = workspace; /* kept, never needed */
    blas(handle)->workspace_bytes = workspaceSizeInBytes;
    return CUBLAS_STATUS_SUCCESS;
}

EXPORT cublasSetStream_v2(cublasHandle_t handle, cudaStream_t streamId)
{
    if (!handle)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    blas(handle)->stream = (void *)streamId;
    return CUBLAS_STATUS_SUCCESS;
}

EXPORT cublasGetStream_v2(cublasHandle_t handle, cudaStream_t *streamId)
{
    if (!handle)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    if (!streamId)
        return CUBLAS_STATUS_INVALID_VALUE;
    *streamId = (cudaStream_t)blas(handle)->stream;
    return CUBLAS_STATUS_SUCCESS;
}

#define SETTING(Name, T, field) SETTING_NAMED(cublasSet##Name, cublasGet##Name, T, field)
#define SETTING_NAMED(set, get, T, field)                                                                              \
    EXPORT set(cublasHandle_t handle, T value)                                                                         \
    {                                                                                                                  \
        if (!handle)                                                                                                   \
            return CUBLAS_STATUS_NOT_INITIALIZED;                                                                      \
        blas(handle)->field = (int)value;                                                                              \
        return CUBLAS_STATUS_SUCCESS;                                                                                  \
    }                                                                                                                  \
    EXPORT get(cublasHandle_t handle, T *value)                                                                        \
    {                                                                                                                  \
        if (!handle)                                                                                                   \
            return CUBLAS_STATUS_NOT_INITIALIZED;                                                                      \
        if (!value)                                                                                                    \
            return CUBLAS_STATUS_INVALID_VALUE;                                                                        \
        *value = (T)blas(handle)->field;                                                                               \
        return CUBLAS_STATUS_SUCCESS;                                                                                  \
    }
SETTING_NAMED(cublasSetPointerMode_v2, cublasGetPointerMode_v2, cublasPointerMode_t, pointer_mode)
SETTING(MathMode, cublasMath_t, math_mode)
SETTING(AtomicsMode, cublasAtomicsMode_t, atomics_mode)
SETTING(SmCountTarget, int, sm_count_target)

/* Status: X(name, text) */
#define STATUSES(X)                                                                                                    \
    X(CUBLAS_STATUS_SUCCESS, "success")                                                                                \
    X(CUBLAS_STATUS_NOT_INITIALIZED, "the library was not initialised")                                                \
    X(CUBLAS_STATUS_ALLOC_FAILED, "an allocation failed")                                                              \
    X(CUBLAS_STATUS_INVALID_VALUE, "an argument has an unsupported value")                                             \
    X(CUBLAS_STATUS_NOT_SUPPORTED, "not supported by the soft GPU")

RRTO_SOFT_EXPORT const char *cublasGetStatusName(cublasStatus_t status)
{
#define X(name, text)                                                                                                  \
    case name:                                                                                                         \
        return #name;
    switch ((int)status) {
        STATUSES(X)
    default:
        return "CUBLAS_STATUS_INTERNAL_ERROR";
    }
#undef X
}

RRTO_SOFT_EXPORT const char *cublasGetStatusString(cublasStatus_t status)
{
#define X(name, text)                                                                                                  \
    case name:                                                                                                         \
        return text;
    switch ((int)status) {
        STATUSES(X)
    default:
        return "internal error";
    }
#undef X
}

static cublasStatus_t copy_columns(size_t rows, size_t columns, size_t size, const char *from, size_t ld_from, char *to,
                                   size_t ld_to)
{
    for (size_t j = 0; j < columns; j++)
        memcpy(to + j * ld_to * size, from + j * ld_from * size, rows * size);
    return CUBLAS_STATUS_SUCCESS;
}

#define COPY_CALLS(Direction)                                                                                          \
    EXPORT cublas##Direction##VectorAsync(int n, int elemSize, const void *from, int incx, void *to, int incy,         \
                                          cudaStream_t stream)                                                         \
    {                                                                                                                  \
        if (n < 0 || elemSize <= 0 || incx <= 0 || incy <= 0)                                                          \
            return CUBLAS_STATUS_INVALID_VALUE;                                                                        \
        rrto_soft_stream_settle((void *)stream);                                                                       \
        return copy_columns(1, (size_t)n, (size_t)elemSize, from, (size_t)incx, to, (size_t)incy);                     \
    }                                                                                                                  \
    EXPORT cublas##Direction##MatrixAsync(int rows, int cols, int elemSize, const void *A, int lda, void *B, int ldb,  \
                                          cudaStream_t stream)                                                         \
    {                                                                                                                  \
        if (rows < 0 || cols < 0 || elemSize <= 0 || lda < rows || ldb < rows)                                         \
            return CUBLAS_STATUS_INVALID_VALUE;                                                                        \
        rrto_soft_stream_settle((void *)stream);                                                                       \
        return copy_columns((size_t)rows, (size_t)cols, (size_t)elemSize, A, (size_t)lda, B, (size_t)ldb);             \
    }
COPY_CALLS(Set)
COPY_CALLS(Get)
