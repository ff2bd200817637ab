/* SPDX-License-Identifier: Apache-2.0 */
/* cuBLASLt's matmul descriptors, matrix layouts and preferences. They may live in the application's memory, be copied
 * and thrown away there, so each is a flat value with no pointer of ours in it. One table per kind names the
 * attributes; setting, reading and writing to the wire follow from it. */
#include "cuda/blas/blas.h"

#include "api/scalars.h"
#include "gen/client_bodies.h"

#include <stdlib.h>
#include <string.h>

enum { DESC_MAGIC = 0x444d7272, LAYOUT_MAGIC = 0x4c4d7272, PREFERENCE_MAGIC = 0x504d7272 };

struct matmul_desc {
    uint32_t magic;
    int32_t compute_type, scale_type, pointer_mode, trans_a, trans_b, trans_c, fill_mode, epilogue, sm_count_target,
        aux_data_type, bias_data_type, a_scale_mode, b_scale_mode, c_scale_mode, d_scale_mode, aux_scale_mode,
        d_out_scale_mode;
    int8_t fast_accum;
    int64_t bias_batch_stride, aux_ld, aux_batch_stride, alpha_vector_batch_stride;
    uint64_t bias, aux, a_scale, b_scale, c_scale, d_scale, amax_d, aux_scale, aux_amax, d_out_scale, emulation;
};

struct layout {
    uint32_t magic;
    uint32_t type;
    int32_t order, batch_count;
    uint64_t rows, columns;
    int64_t ld, batch_stride, plane_offset;
    uint32_t batch_mode;
};

struct preference {
    uint32_t magic;
    uint32_t search_mode, reduction_mask, alignment_a, alignment_b, alignment_c, alignment_d;
    float max_waves;
    uint64_t max_workspace, implementation_mask;
};

_Static_assert(sizeof(struct matmul_desc) <= RRTO_CUBLASLT_MATMUL_DESC_BYTES, "fits the application's storage");
_Static_assert(sizeof(struct layout) <= RRTO_CUBLASLT_LAYOUT_BYTES, "fits the application's storage");
_Static_assert(sizeof(struct preference) <= RRTO_CUBLASLT_PREFERENCE_BYTES, "fits the application's storage");

enum use { VALUE, ALWAYS /* written even when it equals the default */, ADDRESS, ONLY_NULL };

struct attribute {
    uint16_t number;
    uint8_t n_bytes, use;
    uint16_t offset;
};

#define ROW(kind, number, field, use)                                                                                  \
    {                                                                                                                  \
        number, (uint8_t)sizeof(((struct kind *)0)->field), use, (uint16_t)offsetof(struct kind, field)                \
    }

/* Ascending numbers: that is the canonical order. */
static const struct attribute matmul_desc_attributes[] = {
    ROW(matmul_desc, 0, compute_type, ALWAYS),
    ROW(matmul_desc, 1, scale_type, ALWAYS),
    ROW(matmul_desc, 2, pointer_mode, VALUE),
    ROW(matmul_desc, 3, trans_a, VALUE),
    ROW(matmul_desc, 4, trans_b, VALUE),
    ROW(matmul_desc, 5, trans_c, VALUE),
    ROW(matmul_desc, 6, fill_mode, VALUE),
    ROW(matmul_desc, 7, epilogue, VALUE),
    ROW(matmul_desc, 8, bias, ADDRESS),
    ROW(matmul_desc, 10, bias_batch_stride, VALUE),
    ROW(matmul_desc, 11, aux, ADDRESS),
    ROW(matmul_desc, 12, aux_ld, VALUE),
    ROW(matmul_desc, 13, aux_batch_stride, VALUE),
    ROW(matmul_desc, 14, alpha_vector_batch_stride, VALUE),
    ROW(matmul_desc, 15, sm_count_target, VALUE),
    ROW(matmul_desc, 17, a_scale, ADDRESS),
    ROW(matmul_desc, 18, b_scale, ADDRESS),
    ROW(matmul_desc, 19, c_scale, ADDRESS),
    ROW(matmul_desc, 20, d_scale, ADDRESS),
    ROW(matmul_desc, 21, amax_d, ADDRESS),
    ROW(matmul_desc, 22, aux_data_type, VALUE),
    ROW(matmul_desc, 23, aux_scale, ADDRESS),
    ROW(matmul_desc, 24, aux_amax, ADDRESS),
    ROW(matmul_desc, 25, fast_accum, VALUE),
    ROW(matmul_desc, 26, bias_data_type, VALUE),
    ROW(matmul_desc, 31, a_scale_mode, VALUE),
    ROW(matmul_desc, 32, b_scale_mode, VALUE),
    ROW(matmul_desc, 33, c_scale_mode, VALUE),
    ROW(matmul_desc, 34, d_scale_mode, VALUE),
    ROW(matmul_desc, 35, aux_scale_mode, VALUE),
    ROW(matmul_desc, 36, d_out_scale, ADDRESS),
    ROW(matmul_desc, 37, d_out_scale_mode, VALUE),
    ROW(matmul_desc, 38, emulation, ONLY_NULL),
};

static const struct attribute layout_attributes[] = {
    ROW(layout, 0, type, ALWAYS),        ROW(layout, 1, order, VALUE),        ROW(layout, 2, rows, ALWAYS),
    ROW(layout, 3, columns, ALWAYS),     ROW(layout, 4, ld, ALWAYS),          ROW(layout, 5, batch_count, VALUE),
    ROW(layout, 6, batch_stride, VALUE), ROW(layout, 7, plane_offset, VALUE), ROW(layout, 8, batch_mode, VALUE),
};

static const struct attribute preference_attributes[] = {
    ROW(preference, 0, search_mode, VALUE),          ROW(preference, 1, max_workspace, VALUE),
    ROW(preference, 3, reduction_mask, VALUE),       ROW(preference, 5, alignment_a, VALUE),
    ROW(preference, 6, alignment_b, VALUE),          ROW(preference, 7, alignment_c, VALUE),
    ROW(preference, 8, alignment_d, VALUE),          ROW(preference, 9, max_waves, VALUE),
    ROW(preference, 12, implementation_mask, VALUE),
};

static const struct matmul_desc default_matmul_desc = {.magic = DESC_MAGIC,
                                                       .fill_mode = 2 /* FULL */,
                                                       .epilogue = 1 /* DEFAULT */,
                                                       .aux_data_type = -1,
                                                       .bias_data_type = -1};
static const struct layout default_layout = {.magic = LAYOUT_MAGIC, .batch_count = 1};
static const struct preference default_preference = {.magic = PREFERENCE_MAGIC,
                                                     .reduction_mask = 7,
                                                     .alignment_a = 256,
                                                     .alignment_b = 256,
                                                     .alignment_c = 256,
                                                     .alignment_d = 256,
                                                     .implementation_mask = UINT64_MAX};

struct rrto_cublaslt_kind {
    const struct attribute *attributes;
    size_t n_attributes;
    const void *defaults; /* starts with the magic */
    size_t n_bytes, n_storage;
};

#define KIND(name, storage)                                                                                            \
    const struct rrto_cublaslt_kind rrto_cublaslt_##name##_kind = {                                                    \
        name##_attributes, sizeof name##_attributes / sizeof name##_attributes[0], &default_##name,                    \
        sizeof default_##name, storage}
KIND(matmul_desc, RRTO_CUBLASLT_MATMUL_DESC_BYTES);
KIND(layout, RRTO_CUBLASLT_LAYOUT_BYTES);
KIND(preference, RRTO_CUBLASLT_PREFERENCE_BYTES);

static bool is_kind(const struct rrto_cublaslt_kind *kind, const void *value)
{
    return value && memcmp(value, kind->defaults, sizeof(uint32_t)) == 0;
}

void rrto_cublaslt_value_init(const struct rrto_cublaslt_kind *kind, void *value)
{
    memset(value, 0, kind->n_storage);
    memcpy(value, kind->defaults, kind->n_bytes);
}

cublasStatus_t rrto_cublaslt_value_create(const struct rrto_cublaslt_kind *kind, void **ret_value)
{
    *ret_value = malloc(kind->n_storage);
    if (!*ret_value)
        return CUBLAS_STATUS_ALLOC_FAILED;
    rrto_cublaslt_value_init(kind, *ret_value);
    return CUBLAS_STATUS_SUCCESS;
}

/* A copy in the application's own memory is never destroyed through us, so destroying ends the value's life by its
 * magic. */
cublasStatus_t rrto_cublaslt_value_destroy(const struct rrto_cublaslt_kind *kind, void *value)
{
    if (!value)
        return CUBLAS_STATUS_SUCCESS;
    if (!is_kind(kind, value))
        return CUBLAS_STATUS_INVALID_VALUE;
    memset(value, 0, sizeof(uint32_t));
    free(value);
    return CUBLAS_STATUS_SUCCESS;
}

static const struct attribute *find(const struct rrto_cublaslt_kind *kind, int number)
{
    for (size_t i = 0; i < kind->n_attributes; i++)
        if (kind->attributes[i].number == number)
            return &kind->attributes[i];
    return NULL;
}

cublasStatus_t rrto_cublaslt_value_set(const struct rrto_cublaslt_kind *kind, void *value, int number, const void *data,
                                       size_t n_bytes)
{
    const struct attribute *attribute = find(kind, number);
    if (!is_kind(kind, value) || !attribute || !data || n_bytes != attribute->n_bytes)
        return CUBLAS_STATUS_INVALID_VALUE;
    static const uint64_t zero;
    if (attribute->use == ONLY_NULL && memcmp(data, &zero, n_bytes) != 0)
        return CUBLAS_STATUS_NOT_SUPPORTED;
    memcpy((uint8_t *)value + attribute->offset, data, n_bytes);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t rrto_cublaslt_value_get(const struct rrto_cublaslt_kind *kind, const void *value, int number, void *data,
                                       size_t n_bytes, size_t *ret_n_bytes)
{
    const struct attribute *attribute = find(kind, number);
    if (!is_kind(kind, value) || !attribute || (n_bytes == 0 && !ret_n_bytes))
        return CUBLAS_STATUS_INVALID_VALUE;
    if (n_bytes != 0) {
        if (!data || n_bytes != attribute->n_bytes)
            return CUBLAS_STATUS_INVALID_VALUE;
        memcpy(data, (const uint8_t *)value + attribute->offset, n_bytes);
    }
    if (ret_n_bytes)
        *ret_n_bytes = attribute->n_bytes;
    return CUBLAS_STATUS_SUCCESS;
}

static bool wire(const struct rrto_cublaslt_kind *kind, struct rrto_cublaslt_wire *ret_wire, const void *value)
{
    ret_wire->n_bytes = 0;
    ret_wire->n_addresses = 0;
    if (!is_kind(kind, value))
        return false;
    uint8_t *at = ret_wire->bytes;
    for (size_t i = 0; i < kind->n_attributes; i++) {
        const struct attribute *attribute = &kind->attributes[i];
        const uint8_t *data = (const uint8_t *)value + attribute->offset;
        if (attribute->use != ALWAYS &&
            memcmp(data, (const uint8_t *)kind->defaults + attribute->offset, attribute->n_bytes) == 0)
            continue;
        uint16_t n_bytes = attribute->n_bytes;
        uint32_t alignment;
        if (attribute->use == ADDRESS) {
            uint64_t address;
            memcpy(&address, data, sizeof address);
            ret_wire->addresses[ret_wire->n_addresses++] = address;
            alignment = (uint32_t)((address | 256) & -(address | 256));
            data = (const uint8_t *)&alignment;
            n_bytes = sizeof alignment;
        }
        memcpy(at, &attribute->number, 2);
        memcpy(at + 2, &n_bytes, 2);
        memcpy(at + 4, data, n_bytes);
        at += 4 + n_bytes;
    }
    ret_wire->n_bytes = (uint32_t)(at - ret_wire->bytes);
    return true;
}

bool rrto_cublaslt_wire_matmul_desc(struct rrto_cublaslt_wire *ret_wire, const void *desc)
{
    return wire(&rrto_cublaslt_matmul_desc_kind, ret_wire, desc);
}

bool rrto_cublaslt_wire_layout(struct rrto_cublaslt_wire *ret_wire, const void *layout)
{
    return wire(&rrto_cublaslt_layout_kind, ret_wire, layout);
}

bool rrto_cublaslt_wire_preference(struct rrto_cublaslt_wire *ret_wire, const void *preference)
{
    return wire(&rrto_cublaslt_preference_kind, ret_wire, preference);
}

int32_t rrto_cublaslt_pointer_mode(const void *desc)
{
    return ((const struct matmul_desc *)desc)->pointer_mode;
}

size_t rrto_cublaslt_scale_bytes(const void *desc)
{
    return rrto_cublas_type_bytes((cudaDataType)((const struct matmul_desc *)desc)->scale_type);
}

void rrto_cublaslt_start_matmul_desc(void *value, int compute_type, int scale_type)
{
    struct matmul_desc *desc = value;
    desc->compute_type = compute_type;
    desc->scale_type = scale_type;
}

void rrto_cublaslt_start_layout(void *value, int type, uint64_t rows, uint64_t columns, int64_t ld)
{
    struct layout *layout = value;
    layout->type = (uint32_t)type;
    layout->rows = rows;
    layout->columns = columns;
    layout->ld = ld;
}
