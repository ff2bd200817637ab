/* SPDX-License-Identifier: Apache-2.0 */
/* The calls that make, set and read cuBLASLt's descriptors; the values behind them are in lt_values.c. */
#include "cuda/blas/blas.h"

/* Matmul descriptors. */

cublasStatus_t rrto_client_cublasLtMatmulDescInit_internal(cublasLtMatmulDesc_t matmulDesc, size_t size,
                                                           cublasComputeType_t computeType, cudaDataType_t scaleType)
{
    if (!matmulDesc)
        return CUBLAS_STATUS_INVALID_VALUE;
    if (size < RRTO_CUBLASLT_MATMUL_DESC_BYTES)
        return CUBLAS_STATUS_ALLOC_FAILED;
    rrto_cublaslt_value_init(&rrto_cublaslt_matmul_desc_kind, matmulDesc);
    rrto_cublaslt_start_matmul_desc(matmulDesc, (int)computeType, (int)scaleType);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t rrto_client_cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *matmulDesc, cublasComputeType_t computeType,
                                                    cudaDataType_t scaleType)
{
    void *value;
    if (!matmulDesc)
        return CUBLAS_STATUS_INVALID_VALUE;
    cublasStatus_t status = rrto_cublaslt_value_create(&rrto_cublaslt_matmul_desc_kind, &value);
    if (status == CUBLAS_STATUS_SUCCESS) {
        rrto_cublaslt_start_matmul_desc(value, (int)computeType, (int)scaleType);
        *matmulDesc = value;
    }
    return status;
}

cublasStatus_t rrto_client_cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t matmulDesc)
{
    return rrto_cublaslt_value_destroy(&rrto_cublaslt_matmul_desc_kind, matmulDesc);
}

cublasStatus_t rrto_client_cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t matmulDesc,
                                                          cublasLtMatmulDescAttributes_t attr, const void *buf,
                                                          size_t sizeInBytes)
{
    return rrto_cublaslt_value_set(&rrto_cublaslt_matmul_desc_kind, matmulDesc, (int)attr, buf, sizeInBytes);
}

cublasStatus_t rrto_client_cublasLtMatmulDescGetAttribute(cublasLtMatmulDesc_t matmulDesc,
                                                          cublasLtMatmulDescAttributes_t attr, void *buf,
                                                          size_t sizeInBytes, size_t *sizeWritten)
{
    return rrto_cublaslt_value_get(&rrto_cublaslt_matmul_desc_kind, matmulDesc, (int)attr, buf, sizeInBytes,
                                   sizeWritten);
}

/* Matrix layouts. */

cublasStatus_t rrto_client_cublasLtMatrixLayoutInit_internal(cublasLtMatrixLayout_t matLayout, size_t size,
                                                             cudaDataType type, uint64_t rows, uint64_t cols,
                                                             int64_t ld)
{
    if (!matLayout)
        return CUBLAS_STATUS_INVALID_VALUE;
    if (size < RRTO_CUBLASLT_LAYOUT_BYTES)
        return CUBLAS_STATUS_ALLOC_FAILED;
    rrto_cublaslt_value_init(&rrto_cublaslt_layout_kind, matLayout);
    rrto_cublaslt_start_layout(matLayout, (int)type, rows, cols, ld);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t rrto_client_cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *matLayout, cudaDataType type,
                                                      uint64_t rows, uint64_t cols, int64_t ld)
{
    void *value;
    if (!matLayout)
        return CUBLAS_STATUS_INVALID_VALUE;
    cublasStatus_t status = rrto_cublaslt_value_create(&rrto_cublaslt_layout_kind, &value);
    if (status == CUBLAS_STATUS_SUCCESS) {
        rrto_cublaslt_start_layout(value, (int)type, rows, cols, ld);
        *matLayout = value;
    }
    return status;
}

cublasStatus_t rrto_client_cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t matLayout)
{
    return rrto_cublaslt_value_destroy(&rrto_cublaslt_layout_kind, matLayout);
}

cublasStatus_t rrto_client_cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t matLayout,
                                                            cublasLtMatrixLayoutAttribute_t attr, const void *buf,
                                                            size_t sizeInBytes)
{
    return rrto_cublaslt_value_set(&rrto_cublaslt_layout_kind, matLayout, (int)attr, buf, sizeInBytes);
}

cublasStatus_t rrto_client_cublasLtMatrixLayoutGetAttribute(cublasLtMatrixLayout_t matLayout,
                                                            cublasLtMatrixLayoutAttribute_t attr, void *buf,
                                                            size_t sizeInBytes, size_t *sizeWritten)
{
    return rrto_cublaslt_value_get(&rrto_cublaslt_layout_kind, matLayout, (int)attr, buf, sizeInBytes, sizeWritten);
}

/* Preferences. */

cublasStatus_t rrto_client_cublasLtMatmulPreferenceInit_internal(cublasLtMatmulPreference_t pref, size_t size)
{
    if (!pref)
        return CUBLAS_STATUS_INVALID_VALUE;
    if (size < RRTO_CUBLASLT_PREFERENCE_BYTES)
        return CUBLAS_STATUS_ALLOC_FAILED;
    rrto_cublaslt_value_init(&rrto_cublaslt_preference_kind, pref);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t rrto_client_cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *pref)
{
    void *value;
    if (!pref)
        return CUBLAS_STATUS_INVALID_VALUE;
    cublasStatus_t status = rrto_cublaslt_value_create(&rrto_cublaslt_preference_kind, &value);
    if (status == CUBLAS_STATUS_SUCCESS)
        *pref = value;
    return status;
}

cublasStatus_t rrto_client_cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t pref)
{
    return rrto_cublaslt_value_destroy(&rrto_cublaslt_preference_kind, pref);
}

cublasStatus_t rrto_client_cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t pref,
                                                                cublasLtMatmulPreferenceAttributes_t attr,
                                                                const void *buf, size_t sizeInBytes)
{
    return rrto_cublaslt_value_set(&rrto_cublaslt_preference_kind, pref, (int)attr, buf, sizeInBytes);
}

cublasStatus_t rrto_client_cublasLtMatmulPreferenceGetAttribute(cublasLtMatmulPreference_t pref,
                                                                cublasLtMatmulPreferenceAttributes_t attr, void *buf,
                                                                size_t sizeInBytes, size_t *sizeWritten)
{
    return rrto_cublaslt_value_get(&rrto_cublaslt_preference_kind, pref, (int)attr, buf, sizeInBytes, sizeWritten);
}
