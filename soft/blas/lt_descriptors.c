/* SPDX-License-Identifier: Apache-2.0 */
/* The descriptors of cuBLASLt: structs that the application may hold itself, with attribute tables. */
#include "blas/lt.h"

#include <stdlib.h>
#include <string.h>

#include "gen/api_cublaslt.h"

#define EXPORT RRTO_SOFT_EXPORT cublasStatus_t
#define ROW(number, type, field)                                                                                       \
    {                                                                                                                  \
        number, offsetof(struct type, field), sizeof(((struct type *)0)->field)                                        \
    }

static const struct rrto_lt_attribute layout_attributes[] = {
    ROW(0, rrto_lt_layout, type),         ROW(1, rrto_lt_layout, order),
    ROW(2, rrto_lt_layout, rows),         ROW(3, rrto_lt_layout, columns),
    ROW(4, rrto_lt_layout, ld),           ROW(5, rrto_lt_layout, n_batch),
    ROW(6, rrto_lt_layout, batch_stride), ROW(7, rrto_lt_layout, plane),
    ROW(8, rrto_lt_layout, batch_mode),   {0, 0, 0},
};

static const struct rrto_lt_attribute matmul_attributes[] = {
    ROW(0, rrto_lt_matmul, compute),
    ROW(1, rrto_lt_matmul, scale_type),
    ROW(2, rrto_lt_matmul, pointer_mode),
    ROW(3, rrto_lt_matmul, op_a),
    ROW(4, rrto_lt_matmul, op_b),
    ROW(5, rrto_lt_matmul, op_c),
    ROW(6, rrto_lt_matmul, fill),
    ROW(7, rrto_lt_matmul, epilogue),
    ROW(8, rrto_lt_matmul, bias),
    ROW(10, rrto_lt_matmul, bias_batch),
    ROW(11, rrto_lt_matmul, aux),
    ROW(12, rrto_lt_matmul, aux_ld),
    ROW(13, rrto_lt_matmul, aux_batch),
    ROW(14, rrto_lt_matmul, alpha_batch),
    ROW(15, rrto_lt_matmul, sm_count),
    ROW(17, rrto_lt_matmul, scale_a),
    ROW(18, rrto_lt_matmul, scale_b),
    ROW(19, rrto_lt_matmul, scale_c),
    ROW(20, rrto_lt_matmul, scale_d),
    ROW(21, rrto_lt_matmul, amax_d),
    ROW(22, rrto_lt_matmul, aux_type),
    ROW(25, rrto_lt_matmul, fast_accumulation),
    ROW(26, rrto_lt_matmul, bias_type),
    ROW(31, rrto_lt_matmul, scale_mode[0]),
    ROW(32, rrto_lt_matmul, scale_mode[1]),
    ROW(33, rrto_lt_matmul, scale_mode[2]),
    ROW(34, rrto_lt_matmul, scale_mode[3]),
    ROW(35, rrto_lt_matmul, scale_mode[4]),
    {0, 0, 0},
};

static const struct rrto_lt_attribute preference_attributes[] = {
    ROW(0, rrto_lt_preference, search_mode),      ROW(1, rrto_lt_preference, max_workspace),
    ROW(3, rrto_lt_preference, reductions),       ROW(5, rrto_lt_preference, alignment[0]),
    ROW(6, rrto_lt_preference, alignment[1]),     ROW(7, rrto_lt_preference, alignment[2]),
    ROW(8, rrto_lt_preference, alignment[3]),     ROW(9, rrto_lt_preference, max_waves),
    ROW(12, rrto_lt_preference, implementations), {0, 0, 0},
};

static const struct rrto_lt_attribute *find(const struct rrto_lt_attribute *table, int number)
{
    for (; table->size; table++) {
        if (table->number == number)
            return table;
    }
    return NULL;
}

bool rrto_lt_set(const struct rrto_lt_attribute *table, void *descriptor, int number, const void *from, size_t n_bytes)
{
    const struct rrto_lt_attribute *row = find(table, number);
    if (!row || !from || n_bytes < row->size)
        return false;
    memcpy((char *)descriptor + row->offset, from, row->size);
    return true;
}

bool rrto_lt_get(const struct rrto_lt_attribute *table, const void *descriptor, int number, void *to, size_t n_bytes,
                 size_t *ret_n)
{
    const struct rrto_lt_attribute *row = find(table, number);
    if (!row)
        return false;
    if (ret_n)
        *ret_n = row->size;
    if (n_bytes == 0)
        return ret_n != NULL; /* only the size was asked for */
    if (!to || n_bytes < row->size)
        return false;
    memcpy(to, (const char *)descriptor + row->offset, row->size);
    return true;
}

/* The calls around one kind of descriptor. */
#define DESCRIPTOR_CALLS(Name, Handle, Attribute, table)                                                               \
    EXPORT Name##Destroy(Handle descriptor)                                                                            \
    {                                                                                                                  \
        free(descriptor);                                                                                              \
        return CUBLAS_STATUS_SUCCESS;                                                                                  \
    }                                                                                                                  \
    EXPORT Name##SetAttribute(Handle descriptor, Attribute attr, const void *buf, size_t sizeInBytes)                  \
    {                                                                                                                  \
        bool done = descriptor && rrto_lt_set(table, descriptor, (int)attr, buf, sizeInBytes);                         \
        return done ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;                                             \
    }                                                                                                                  \
    EXPORT Name##GetAttribute(Handle descriptor, Attribute attr, void *buf, size_t sizeInBytes, size_t *sizeWritten)   \
    {                                                                                                                  \
        bool done = descriptor && rrto_lt_get(table, descriptor, (int)attr, buf, sizeInBytes, sizeWritten);            \
        return done ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;                                             \
    }
DESCRIPTOR_CALLS(cublasLtMatrixLayout, cublasLtMatrixLayout_t, cublasLtMatrixLayoutAttribute_t, layout_attributes)
DESCRIPTOR_CALLS(cublasLtMatmulDesc, cublasLtMatmulDesc_t, cublasLtMatmulDescAttributes_t, matmul_attributes)
DESCRIPTOR_CALLS(cublasLtMatmulPreference, cublasLtMatmulPreference_t, cublasLtMatmulPreferenceAttributes_t,
                 preference_attributes)

EXPORT cublasLtMatrixLayoutInit_internal(cublasLtMatrixLayout_t matLayout, size_t size, cudaDataType type,
                                         uint64_t rows, uint64_t cols, int64_t ld)
{
    if (!matLayout || size < sizeof(struct rrto_lt_layout))
        return CUBLAS_STATUS_INVALID_VALUE;
    struct rrto_lt_layout layout = {
        .rows = (int64_t)rows, .columns = (int64_t)cols, .ld = ld, .type = (int)type, .n_batch = 1};
    memset(matLayout, 0, size);
    memcpy(matLayout, &layout, sizeof layout);
    return CUBLAS_STATUS_SUCCESS;
}

EXPORT cublasLtMatmulDescInit_internal(cublasLtMatmulDesc_t matmulDesc, size_t size, cublasComputeType_t computeType,
                                       cudaDataType_t scaleType)
{
    if (!matmulDesc || size < sizeof(struct rrto_lt_matmul))
        return CUBLAS_STATUS_INVALID_VALUE;
    struct rrto_lt_matmul matmul = {.compute = (int)computeType,
                                    .scale_type = (int)scaleType,
                                    .fill = 2,
                                    .epilogue = 1,
                                    .bias_type = -1,
                                    .aux_type = -1};
    memset(matmulDesc, 0, size);
    memcpy(matmulDesc, &matmul, sizeof matmul);
    return CUBLAS_STATUS_SUCCESS;
}

EXPORT cublasLtMatmulPreferenceInit_internal(cublasLtMatmulPreference_t pref, size_t size)
{
    if (!pref || size < sizeof(struct rrto_lt_preference))
        return CUBLAS_STATUS_INVALID_VALUE;
    struct rrto_lt_preference preference = {
        .implementations = UINT64_MAX, .reductions = 7, .alignment = {256, 256, 256, 256}};
    memset(pref, 0, size);
    memcpy(pref, &preference, sizeof preference);
    return CUBLAS_STATUS_SUCCESS;
}

/* The created ones are exactly what an application would hold itself. */
#define CREATE(Handle, variable, n_bytes, init)                                                                        \
    do {                                                                                                               \
        if (!(variable))                                                                                               \
            return CUBLAS_STATUS_INVALID_VALUE;                                                                        \
        Handle created = malloc(n_bytes);                                                                              \
        if (!created)                                                                                                  \
            return CUBLAS_STATUS_ALLOC_FAILED;                                                                         \
        *(variable) = created;                                                                                         \
        return init;                                                                                                   \
    } while (0)

EXPORT cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *matLayout, cudaDataType type, uint64_t rows, uint64_t cols,
                                  int64_t ld)
{
    CREATE(cublasLtMatrixLayout_t, matLayout, 64, cublasLtMatrixLayoutInit_internal(created, 64, type, rows, cols, ld));
}

EXPORT cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *matmulDesc, cublasComputeType_t computeType,
                                cudaDataType_t scaleType)
{
    CREATE(cublasLtMatmulDesc_t, matmulDesc, 256,
           cublasLtMatmulDescInit_internal(created, 256, computeType, scaleType));
}

EXPORT cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *pref)
{
    CREATE(cublasLtMatmulPreference_t, pref, 64, cublasLtMatmulPreferenceInit_internal(created, 64));
}
