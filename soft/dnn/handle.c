/* SPDX-License-Identifier: Apache-2.0 */
/* Handles, versions, status texts. */
#include "dnn/descriptors.h"

#include <stdio.h>
#include <stdlib.h>

#include "blas/tiles.h"

#define EXPORT RRTO_SOFT_EXPORT cudnnStatus_t

/* Not older than what the newest supported wheel was built with. */
enum { VERSION_MAJOR = 9, VERSION_MINOR = 26, VERSION_PATCH = 0 };

EXPORT cudnnCreate(cudnnHandle_t *handle)
{
    if (!handle)
        return CUDNN_STATUS_BAD_PARAM;
    void *created = calloc(1, sizeof(struct rrto_dnn_handle));
    if (!created)
        return CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
    rrto_soft_tiles_prepare();
    *handle = (cudnnHandle_t)created;
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnDestroy(cudnnHandle_t handle)
{
    free((void *)handle);
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnSetStream(cudnnHandle_t handle, cudaStream_t streamId)
{
    if (!handle)
        return CUDNN_STATUS_BAD_PARAM;
    ((struct rrto_dnn_handle *)(void *)handle)->stream = (void *)streamId;
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnGetStream(cudnnHandle_t handle, cudaStream_t *streamId)
{
    if (!handle || !streamId)
        return CUDNN_STATUS_BAD_PARAM;
    *streamId = (cudaStream_t)((struct rrto_dnn_handle *)(void *)handle)->stream;
    return CUDNN_STATUS_SUCCESS;
}

RRTO_SOFT_EXPORT size_t cudnnGetVersion(void)
{
    return VERSION_MAJOR * 10000 + VERSION_MINOR * 100 + VERSION_PATCH;
}

RRTO_SOFT_EXPORT size_t cudnnGetMaxDeviceVersion(void)
{
    return 1200;
}

RRTO_SOFT_EXPORT size_t cudnnGetCudartVersion(void)
{
    return 13020;
}

EXPORT cudnnGetProperty(libraryPropertyType type, int *value)
{
    static const int parts[] = {VERSION_MAJOR, VERSION_MINOR, VERSION_PATCH};
    if (!value || (int)type < 0 || (int)type > 2)
        return CUDNN_STATUS_BAD_PARAM;
    *value = parts[type];
    return CUDNN_STATUS_SUCCESS;
}

RRTO_SOFT_EXPORT const char *cudnnGetErrorString(cudnnStatus_t status)
{
    int kind = (int)status / 1000; /* cuDNN numbers its errors by kind */
    static const char *const texts[] = {"CUDNN_STATUS_SUCCESS",        "CUDNN_STATUS_NOT_INITIALIZED",
                                        "CUDNN_STATUS_BAD_PARAM",      "CUDNN_STATUS_NOT_SUPPORTED",
                                        "CUDNN_STATUS_INTERNAL_ERROR", "CUDNN_STATUS_EXECUTION_FAILED"};
    return kind >= 0 && kind <= 5 ? texts[kind] : "CUDNN_STATUS_INTERNAL_ERROR";
}

RRTO_SOFT_EXPORT void cudnnGetLastErrorString(char *message, size_t max_size)
{
    if (message && max_size > 0)
        snprintf(message, max_size, "no details from the soft cuDNN");
}
