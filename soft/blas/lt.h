/* SPDX-License-Identifier: Apache-2.0 */
/* What the soft cuBLASLt keeps in the descriptors that the application may hold on its stack. */
#ifndef RRTO_SOFT_BLAS_LT_H
#define RRTO_SOFT_BLAS_LT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RRTO_SOFT_EXPORT __attribute__((visibility("default")))

/* In cublasLtMatrixLayoutOpaque_t: 64 bytes. */
struct rrto_lt_layout {
    int64_t rows, columns, ld, batch_stride;
    int32_t type, order, n_batch, batch_mode;
    int64_t plane;
};

/* In cublasLtMatmulDescOpaque_t: 256 bytes. Attributes that change no result here are kept to be read back. */
struct rrto_lt_matmul {
    const void *bias;
    void *aux;
    const void *scale_a, *scale_b, *scale_c, *scale_d;
    void *amax_d;
    int64_t bias_batch, aux_ld, aux_batch, alpha_batch;
    int32_t compute, scale_type, pointer_mode, op_a, op_b, op_c, fill, epilogue, bias_type, aux_type, sm_count;
    int8_t fast_accumulation;
    int32_t scale_mode[5];
};

/* In cublasLtMatmulPreferenceOpaque_t: 64 bytes. */
struct rrto_lt_preference {
    uint64_t max_workspace, implementations;
    uint32_t search_mode, reductions, alignment[4];
    float max_waves;
};

/* In cublasLtMatmulAlgo_t: 64 bytes. There is one algorithm, number 0. */
struct rrto_lt_algorithm {
    uint32_t magic, id;
};
#define RRTO_LT_ALGORITHM 0x4c545251u

_Static_assert(sizeof(struct rrto_lt_layout) <= 64, "fits the vendor's struct");
_Static_assert(sizeof(struct rrto_lt_matmul) <= 256, "fits the vendor's struct");
_Static_assert(sizeof(struct rrto_lt_preference) <= 64, "fits the vendor's struct");
_Static_assert(sizeof(struct rrto_lt_algorithm) <= 64, "fits the vendor's struct");

/* A descriptor's attributes: number, place and size; a table ends with size 0. */
struct rrto_lt_attribute {
    int number;
    size_t offset, size;
};

/* Copies one attribute in or out. False: no such attribute, or the size is wrong. */
bool rrto_lt_set(const struct rrto_lt_attribute *table, void *descriptor, int number, const void *from, size_t n_bytes);
bool rrto_lt_get(const struct rrto_lt_attribute *table, const void *descriptor, int number, void *to, size_t n_bytes,
                 size_t *ret_n);

#endif
