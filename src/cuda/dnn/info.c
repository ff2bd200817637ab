/* SPDX-License-Identifier: Apache-2.0 */
/* cuDNN: names of statuses, and versions, which are the server's: what an application enables by version must be there
 * when it is executed. */
#include "cuda/dnn/dnn.h"

#include "gen/client_bodies.h"
#include "replay/issue.h"

#include <string.h>

#define STATUS_LIST(X)                                                                                                 \
    X(0, "SUCCESS")                                                                                                    \
    X(1001, "NOT_INITIALIZED")                                                                                         \
    X(1002, "SUBLIBRARY_VERSION_MISMATCH")                                                                             \
    X(1003, "SERIALIZATION_VERSION_MISMATCH")                                                                          \
    X(1004, "DEPRECATED")                                                                                              \
    X(1005, "LICENSE_ERROR")                                                                                           \
    X(1006, "RUNTIME_IN_PROGRESS")                                                                                     \
    X(1007, "RUNTIME_FP_OVERFLOW")                                                                                     \
    X(1008, "SUBLIBRARY_LOADING_FAILED")                                                                               \
    X(2000, "BAD_PARAM")                                                                                               \
    X(2001, "INVALID_VALUE")                                                                                           \
    X(2002, "BAD_PARAM_NULL_POINTER")                                                                                  \
    X(2003, "BAD_PARAM_MISALIGNED_POINTER")                                                                            \
    X(2004, "BAD_PARAM_NOT_FINALIZED")                                                                                 \
    X(2005, "BAD_PARAM_OUT_OF_BOUND")                                                                                  \
    X(2006, "BAD_PARAM_SIZE_INSUFFICIENT")                                                                             \
    X(2007, "BAD_PARAM_STREAM_MISMATCH")                                                                               \
    X(2008, "BAD_PARAM_SHAPE_MISMATCH")                                                                                \
    X(2009, "BAD_PARAM_DUPLICATED_ENTRIES")                                                                            \
    X(2010, "BAD_PARAM_ATTRIBUTE_TYPE")                                                                                \
    X(2011, "BAD_PARAM_CUDA_GRAPH_MISMATCH")                                                                           \
    X(2012, "BAD_PARAM_DESCRIPTOR_TYPE")                                                                               \
    X(3000, "NOT_SUPPORTED")                                                                                           \
    X(3001, "NOT_SUPPORTED_GRAPH_PATTERN")                                                                             \
    X(3002, "NOT_SUPPORTED_SHAPE")                                                                                     \
    X(3003, "NOT_SUPPORTED_DATA_TYPE")                                                                                 \
    X(3004, "NOT_SUPPORTED_LAYOUT")                                                                                    \
    X(3005, "NOT_SUPPORTED_INCOMPATIBLE_CUDA_DRIVER")                                                                  \
    X(3006, "NOT_SUPPORTED_INCOMPATIBLE_CUDART")                                                                       \
    X(3007, "NOT_SUPPORTED_ARCH_MISMATCH")                                                                             \
    X(3008, "NOT_SUPPORTED_RUNTIME_PREREQUISITE_MISSING")                                                              \
    X(3009, "NOT_SUPPORTED_SUBLIBRARY_UNAVAILABLE")                                                                    \
    X(3010, "NOT_SUPPORTED_SHARED_MEMORY_INSUFFICIENT")                                                                \
    X(3011, "NOT_SUPPORTED_PADDING")                                                                                   \
    X(3012, "NOT_SUPPORTED_BAD_LAUNCH_PARAM")                                                                          \
    X(3013, "NOT_SUPPORTED_CUDA_GRAPH_NATIVE_API")                                                                     \
    X(3014, "NOT_SUPPORTED_INVALID_DYNAMIC_SHAPE")                                                                     \
    X(4000, "INTERNAL_ERROR")                                                                                          \
    X(4001, "INTERNAL_ERROR_COMPILATION_FAILED")                                                                       \
    X(4002, "INTERNAL_ERROR_UNEXPECTED_VALUE")                                                                         \
    X(4003, "INTERNAL_ERROR_HOST_ALLOCATION_FAILED")                                                                   \
    X(4004, "INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED")                                                                 \
    X(4005, "INTERNAL_ERROR_BAD_LAUNCH_PARAM")                                                                         \
    X(4006, "INTERNAL_ERROR_TEXTURE_CREATION_FAILED")                                                                  \
    X(5000, "EXECUTION_FAILED")                                                                                        \
    X(5001, "EXECUTION_FAILED_CUDA_DRIVER")                                                                            \
    X(5002, "EXECUTION_FAILED_CUBLAS")                                                                                 \
    X(5003, "EXECUTION_FAILED_CUDART")                                                                                 \
    X(5004, "EXECUTION_FAILED_CURAND")

const char *rrto_client_cudnnGetErrorString(cudnnStatus_t status)
{
    switch ((int)status) {
#define X(number, name)                                                                                                \
    case number:                                                                                                       \
        return "CUDNN_STATUS_" name;
        STATUS_LIST(X)
#undef X
    default:
        return "CUDNN_UNKNOWN_STATUS";
    }
}

/* The vendor's text about the last error stays on the server; the status says what is known here. */
void rrto_client_cudnnGetLastErrorString(char *message, size_t max_size)
{
    if (message && max_size > 0)
        message[0] = '\0';
}

size_t rrto_client_cudnnGetVersion(void)
{
    const struct rrto_device_info *device = rrto_session_device();
    return device && device->cudnn_version ? (size_t)device->cudnn_version : 92600;
}

size_t rrto_client_cudnnGetMaxDeviceVersion(void)
{
    return rrto_client_cudnnGetVersion();
}

size_t rrto_client_cudnnGetCudartVersion(void)
{
    return 13000;
}

/* Versions are 10000 * major + 100 * minor + patch; property 0, 1, 2 is major, minor, patch. */
cudnnStatus_t rrto_client_cudnnGetProperty(libraryPropertyType type, int *value)
{
    if (!value || (int)type < 0 || (int)type > 2)
        return CUDNN_STATUS_BAD_PARAM;
    size_t version = rrto_client_cudnnGetVersion();
    *value = (int)((int)type == 0 ? version / 10000 : (int)type == 1 ? version / 100 % 100 : version % 100);
    return CUDNN_STATUS_SUCCESS;
}
