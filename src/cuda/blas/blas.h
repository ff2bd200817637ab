/* SPDX-License-Identifier: Apache-2.0 */
/* What the cuBLAS and cuBLASLt front ends share: the handle and the wire form of cuBLASLt's descriptors. */
#ifndef RRTO_CUDA_BLAS_BLAS_H
#define RRTO_CUDA_BLAS_BLAS_H

#include "api/custom/cublaslt_wire.h"
#include "gen/client_bodies.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The state of a handle that decides how the server executes: compared as a whole, so every byte of it is initialised.
 */
struct rrto_cublas_state {
    uint64_t workspace, workspace_bytes;
    uint32_t stream; /* session id, looked up when the state is brought to the server */
    uint32_t user_workspace;
    int32_t pointer_mode, math_mode, atomics_mode, sm_count_target;
};

struct rrto_cublas {
    uint64_t magic;
    pthread_mutex_t lock; /* of the fields below; held while the state op is issued, which never waits for a reply */
    void *stream;         /* cudaStream_t */
    struct rrto_cublas_state state, server_state;
    uint32_t id;
};

/* The live handle, or NULL. A cublasLtHandle_t may be a cublasHandle_t. */
struct rrto_cublas *rrto_cublas_handle(const void *handle);

/* The session's id of a stream (src/cuda); false when there is no such stream. */
bool rrto_client_id_stream(cudaStream_t handle, uint32_t *ret_id);

/* Turns what issue returned into a cuBLAS status. */
int32_t rrto_cublas_status(int32_t issued);

/* cuBLASLt's descriptors as values in the application's memory (lt_values.c); the sizes are the vendor's. */
enum { RRTO_CUBLASLT_MATMUL_DESC_BYTES = 256, RRTO_CUBLASLT_LAYOUT_BYTES = 64, RRTO_CUBLASLT_PREFERENCE_BYTES = 64 };
struct rrto_cublaslt_kind;
extern const struct rrto_cublaslt_kind rrto_cublaslt_matmul_desc_kind, rrto_cublaslt_layout_kind,
    rrto_cublaslt_preference_kind;
/* Defaults at value, which has the kind's size. */
void rrto_cublaslt_value_init(const struct rrto_cublaslt_kind *kind, void *value);
void rrto_cublaslt_start_matmul_desc(void *value, int compute_type, int scale_type);
void rrto_cublaslt_start_layout(void *value, int type, uint64_t rows, uint64_t columns, int64_t ld);
/* With the vendor's rules and statuses for the calls of these names. */
cublasStatus_t rrto_cublaslt_value_create(const struct rrto_cublaslt_kind *kind, void **ret_value);
cublasStatus_t rrto_cublaslt_value_destroy(const struct rrto_cublaslt_kind *kind, void *value);
cublasStatus_t rrto_cublaslt_value_set(const struct rrto_cublaslt_kind *kind, void *value, int number, const void *data,
                                       size_t n_bytes);
cublasStatus_t rrto_cublaslt_value_get(const struct rrto_cublaslt_kind *kind, const void *value, int number, void *data,
                                       size_t n_bytes, size_t *ret_n_bytes);

/* A cuBLASLt descriptor in its wire form (src/api/custom/cublaslt_wire.h), and the addresses that stand beside it. */
struct rrto_cublaslt_wire {
    uint8_t bytes[RRTO_CUBLASLT_MAX_WIRE];
    uint32_t n_bytes;
    uint64_t addresses[RRTO_CUBLASLT_MAX_ADDRESSES];
    uint32_t n_addresses;
};
/* False when the descriptor is not one of ours. NULL is written as nothing where the call allows it (C layouts may be
 * absent). */
bool rrto_cublaslt_wire_matmul_desc(struct rrto_cublaslt_wire *ret_wire, const void *desc);
bool rrto_cublaslt_wire_layout(struct rrto_cublaslt_wire *ret_wire, const void *layout);
bool rrto_cublaslt_wire_preference(struct rrto_cublaslt_wire *ret_wire, const void *preference);
/* Of a valid matmul descriptor. */
int32_t rrto_cublaslt_pointer_mode(const void *desc);
size_t rrto_cublaslt_scale_bytes(const void *desc);

#endif
