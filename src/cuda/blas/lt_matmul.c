/* SPDX-License-Identifier: Apache-2.0 */
/* cuBLASLt handles, the heuristic and the multiplication: the calls that need the server. An algorithm is the server's
 * own blob; the application carries it around as it would the vendor's. */
#include "cuda/blas/blas.h"

#include "codec/codec.h"
#include "gen/client_bodies.h"
#include "gen/issue_ops.h"
#include "replay/issue.h"

#include <stdlib.h>
#include <string.h>

#define LT_HANDLE_MAGIC 0x746c62756c727274u

enum { REPLY_MAX_BYTES = RRTO_CUBLASLT_MAX_RESULTS * RRTO_CUBLASLT_RESULT_BYTES + 64 };

/* A context of its own would hold nothing: the server has one for the session, made at its first use. */
struct lt_handle {
    uint64_t magic;
};

static bool valid_handle(const void *handle)
{
    return rrto_cublas_handle(handle) || (handle && ((const struct lt_handle *)handle)->magic == LT_HANDLE_MAGIC);
}

cublasStatus_t rrto_client_cublasLtCreate(cublasLtHandle_t *lightHandle)
{
    if (!lightHandle)
        return CUBLAS_STATUS_INVALID_VALUE;
    struct lt_handle *handle = malloc(sizeof *handle);
    if (!handle)
        return CUBLAS_STATUS_ALLOC_FAILED;
    handle->magic = LT_HANDLE_MAGIC;
    *lightHandle = (cublasLtHandle_t)(void *)handle;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t rrto_client_cublasLtDestroy(cublasLtHandle_t lightHandle)
{
    struct lt_handle *handle = (struct lt_handle *)(void *)lightHandle;
    if (!handle || handle->magic != LT_HANDLE_MAGIC)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    handle->magic = 0;
    free(handle);
    return CUBLAS_STATUS_SUCCESS;
}

/* The five descriptors that every question about a multiplication is made of. */
struct problem {
    struct rrto_cublaslt_wire desc, a, b, c, d;
};

static bool wire_problem(struct problem *ret_problem, const void *desc, const void *a, const void *b, const void *c,
                         const void *d)
{
    return rrto_cublaslt_wire_matmul_desc(&ret_problem->desc, desc) && rrto_cublaslt_wire_layout(&ret_problem->a, a) &&
           rrto_cublaslt_wire_layout(&ret_problem->b, b) && rrto_cublaslt_wire_layout(&ret_problem->c, c) &&
           rrto_cublaslt_wire_layout(&ret_problem->d, d);
}

cublasStatus_t rrto_client_cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t lightHandle,
                                                          cublasLtMatmulDesc_t operationDesc,
                                                          cublasLtMatrixLayout_t Adesc, cublasLtMatrixLayout_t Bdesc,
                                                          cublasLtMatrixLayout_t Cdesc, cublasLtMatrixLayout_t Ddesc,
                                                          cublasLtMatmulPreference_t preference, int requestedAlgoCount,
                                                          cublasLtMatmulHeuristicResult_t *heuristicResultsArray,
                                                          int *returnAlgoCount)
{
    if (!valid_handle(lightHandle))
        return CUBLAS_STATUS_NOT_INITIALIZED;
    struct problem problem;
    struct rrto_cublaslt_wire wire;
    if (requestedAlgoCount <= 0 || !heuristicResultsArray || !returnAlgoCount ||
        !wire_problem(&problem, operationDesc, Adesc, Bdesc, Cdesc, Ddesc) ||
        !rrto_cublaslt_wire_preference(&wire, preference))
        return CUBLAS_STATUS_INVALID_VALUE;
    /* A search that starts from the caller's algorithm (attribute 0, first when it is set) is not carried. */
    static const uint8_t search_mode[2] = {0, 0};
    if (wire.n_bytes >= 2 && memcmp(wire.bytes, search_mode, 2) == 0)
        return CUBLAS_STATUS_NOT_SUPPORTED;
    *returnAlgoCount = 0;
    struct rrto_args_cublaslt_heuristic args = {
        .desc = problem.desc.bytes,
        .n_desc = problem.desc.n_bytes,
        .a = problem.a.bytes,
        .n_a = problem.a.n_bytes,
        .b = problem.b.bytes,
        .n_b = problem.b.n_bytes,
        .c = problem.c.bytes,
        .n_c = problem.c.n_bytes,
        .d = problem.d.bytes,
        .n_d = problem.d.n_bytes,
        .preference = wire.bytes,
        .n_preference = wire.n_bytes,
        .requested = requestedAlgoCount < RRTO_CUBLASLT_MAX_RESULTS ? requestedAlgoCount : RRTO_CUBLASLT_MAX_RESULTS,
    };
    struct rrto_buf buf;
    rrto_buf_init(&buf, REPLY_MAX_BYTES);
    int32_t status = rrto_cublas_status(
        rrto_issue_cublaslt_heuristic(&args, &(struct rrto_issue_extra){.wait = true, .reply = &buf}));
    if (status == CUBLAS_STATUS_SUCCESS) {
        struct rrto_dec dec;
        struct rrto_reply_cublaslt_heuristic reply;
        rrto_dec_init(&dec, buf.data, buf.size);
        rrto_unpack_reply_cublaslt_heuristic(&dec, &reply);
        size_t n = reply.n_results / RRTO_CUBLASLT_RESULT_BYTES;
        if (dec.failed || reply.n_results % RRTO_CUBLASLT_RESULT_BYTES != 0 || n > (size_t)requestedAlgoCount) {
            status = CUBLAS_STATUS_INTERNAL_ERROR;
        } else {
            memcpy(heuristicResultsArray, reply.results, reply.n_results);
            *returnAlgoCount = (int)n;
        }
    }
    rrto_buf_fini(&buf);
    return (cublasStatus_t)status;
}

cublasStatus_t rrto_client_cublasLtMatmul(cublasLtHandle_t lightHandle, cublasLtMatmulDesc_t computeDesc,
                                          const void *alpha, const void *A, cublasLtMatrixLayout_t Adesc, const void *B,
                                          cublasLtMatrixLayout_t Bdesc, const void *beta, const void *C,
                                          cublasLtMatrixLayout_t Cdesc, void *D, cublasLtMatrixLayout_t Ddesc,
                                          const cublasLtMatmulAlgo_t *algo, void *workspace,
                                          size_t workspaceSizeInBytes, cudaStream_t stream)
{
    if (!valid_handle(lightHandle))
        return CUBLAS_STATUS_NOT_INITIALIZED;
    struct problem problem;
    uint32_t stream_id;
    if (!wire_problem(&problem, computeDesc, Adesc, Bdesc, Cdesc, Ddesc) || !alpha ||
        !rrto_client_id_stream(stream, &stream_id))
        return CUBLAS_STATUS_INVALID_VALUE;
    int32_t mode = rrto_cublaslt_pointer_mode(computeDesc);
    size_t n_scale = rrto_cublaslt_scale_bytes(computeDesc);
    bool beta_used = mode != RRTO_CUBLASLT_ALPHA_VECTOR_BETA_ZERO;
    if (mode < RRTO_CUBLASLT_HOST || mode > RRTO_CUBLASLT_ALPHA_VECTOR_BETA_HOST || n_scale == 0 || n_scale > 16 ||
        (beta_used && !beta))
        return CUBLAS_STATUS_INVALID_VALUE;
    uint64_t alpha_value[2] = {0, 0}, beta_value[2] = {0, 0};
    if (mode == RRTO_CUBLASLT_HOST)
        memcpy(alpha_value, alpha, n_scale);
    if (mode == RRTO_CUBLASLT_HOST || mode == RRTO_CUBLASLT_ALPHA_VECTOR_BETA_HOST)
        memcpy(beta_value, beta, n_scale);
    struct rrto_args_cublaslt_matmul args = {
        .desc = problem.desc.bytes,
        .n_desc = problem.desc.n_bytes,
        .desc_addresses = problem.desc.addresses,
        .n_desc_addresses = problem.desc.n_addresses,
        .a_layout = problem.a.bytes,
        .n_a_layout = problem.a.n_bytes,
        .b_layout = problem.b.bytes,
        .n_b_layout = problem.b.n_bytes,
        .c_layout = problem.c.bytes,
        .n_c_layout = problem.c.n_bytes,
        .d_layout = problem.d.bytes,
        .n_d_layout = problem.d.n_bytes,
        .algo = (const uint8_t *)algo,
        .n_algo = algo ? RRTO_CUBLASLT_ALGO_BYTES : 0,
        .alpha_low = alpha_value[0],
        .alpha_high = alpha_value[1],
        .beta_low = beta_value[0],
        .beta_high = beta_value[1],
        .alpha_address = mode == RRTO_CUBLASLT_HOST ? 0 : (uintptr_t)alpha,
        .beta_address = mode == RRTO_CUBLASLT_DEVICE || mode == RRTO_CUBLASLT_DEVICE_VECTOR ? (uintptr_t)beta : 0,
        .a = (uintptr_t)A,
        .b = (uintptr_t)B,
        .c = (uintptr_t)C,
        .d = (uintptr_t)D,
        .workspace = (uintptr_t)workspace,
        .workspace_bytes = workspaceSizeInBytes,
        .stream = stream_id,
    };
    return (cublasStatus_t)rrto_cublas_status(rrto_issue_cublaslt_matmul(&args, NULL));
}
