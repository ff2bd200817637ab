/* SPDX-License-Identifier: Apache-2.0 */
/* cuBLAS and cuBLASLt: names and versions. Versions are the server's: what an application enables by version must be
 * there when it is executed. */
#include "cuda/blas/blas.h"

#include "gen/client_bodies.h"
#include "replay/issue.h"

/* number, name, text */
#define STATUS_LIST(X)                                                                                                 \
    X(0, "CUBLAS_STATUS_SUCCESS", "success")                                                                           \
    X(1, "CUBLAS_STATUS_NOT_INITIALIZED", "the library was not initialized")                                           \
    X(3, "CUBLAS_STATUS_ALLOC_FAILED", "an internal allocation failed")                                                \
    X(7, "CUBLAS_STATUS_INVALID_VALUE", "an unsupported value or parameter was passed to the function")                \
    X(8, "CUBLAS_STATUS_ARCH_MISMATCH", "the device lacks a feature that the function needs")                          \
    X(11, "CUBLAS_STATUS_MAPPING_ERROR", "an access to device memory failed")                                          \
    X(13, "CUBLAS_STATUS_EXECUTION_FAILED", "the function failed to launch on the device")                             \
    X(14, "CUBLAS_STATUS_INTERNAL_ERROR", "an internal operation failed")                                              \
    X(15, "CUBLAS_STATUS_NOT_SUPPORTED", "the functionality is not supported")                                         \
    X(16, "CUBLAS_STATUS_LICENSE_ERROR", "the functionality requires a license")

static const char *status_name(int status)
{
    switch (status) {
#define X(number, name, text)                                                                                          \
    case number:                                                                                                       \
        return name;
        STATUS_LIST(X)
#undef X
    default:
        return "CUBLAS_STATUS_UNKNOWN";
    }
}

static const char *status_text(int status)
{
    switch (status) {
#define X(number, name, text)                                                                                          \
    case number:                                                                                                       \
        return text;
        STATUS_LIST(X)
#undef X
    default:
        return "unknown status";
    }
}

const char *rrto_client_cublasGetStatusName(cublasStatus_t status)
{
    return status_name((int)status);
}

const char *rrto_client_cublasGetStatusString(cublasStatus_t status)
{
    return status_text((int)status);
}

const char *rrto_client_cublasLtGetStatusName(cublasStatus_t status)
{
    return status_name((int)status);
}

const char *rrto_client_cublasLtGetStatusString(cublasStatus_t status)
{
    return status_text((int)status);
}

/* The toolkit that the doors present: 13.0 unless the server says something newer. */
static uint64_t blas_version(bool lt)
{
    const struct rrto_device_info *device = rrto_session_device();
    uint64_t version = device ? (lt ? device->cublaslt_version : device->cublas_version) : 0;
    return version ? version : 130000;
}

cublasStatus_t rrto_client_cublasGetVersion_v2(cublasHandle_t handle, int *version)
{
    (void)handle; /* the vendor accepts NULL here */
    if (!version)
        return CUBLAS_STATUS_INVALID_VALUE;
    *version = (int)blas_version(false);
    return CUBLAS_STATUS_SUCCESS;
}

size_t rrto_client_cublasLtGetVersion(void)
{
    return (size_t)blas_version(true);
}

size_t rrto_client_cublasLtGetCudartVersion(void)
{
    return 13000;
}

size_t rrto_client_cublasGetCudartVersion(void)
{
    return 13000;
}

/* Versions are 10000 * major + 100 * minor + patch; property 0, 1, 2 is major, minor, patch. */
static cublasStatus_t get_property(int type, int *value, bool lt)
{
    if (!value || type < 0 || type > 2)
        return CUBLAS_STATUS_INVALID_VALUE;
    int version = (int)blas_version(lt);
    *value = type == 0 ? version / 10000 : type == 1 ? version / 100 % 100 : version % 100;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t rrto_client_cublasGetProperty(libraryPropertyType type, int *value)
{
    return get_property((int)type, value, false);
}

cublasStatus_t rrto_client_cublasLtGetProperty(libraryPropertyType type, int *value)
{
    return get_property((int)type, value, true);
}
