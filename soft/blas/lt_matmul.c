/* SPDX-License-Identifier: Apache-2.0 */
/* cublasLtMatmul and its one algorithm. */
#include "blas/compute.h"
#include "blas/gemm.h"
#include "blas/lt.h"
#include "blas/stream.h"
#include "blas/tiles.h"

#include <stdlib.h>
#include <string.h>

#include "gen/api_cublaslt.h"

#define EXPORT RRTO_SOFT_EXPORT cublasStatus_t

enum { ORDER_COLUMN = 0, ORDER_ROW = 1 };
enum { EPILOGUE_RELU = 2, EPILOGUE_BIAS = 4, EPILOGUE_GELU = 32 };

static cublasStatus_t status_of(enum rrto_soft_result result)
{
    switch (result) {
    case RRTO_SOFT_DONE:
        return CUBLAS_STATUS_SUCCESS;
    case RRTO_SOFT_BAD_VALUE:
        return CUBLAS_STATUS_INVALID_VALUE;
    case RRTO_SOFT_NO_MEMORY:
        return CUBLAS_STATUS_ALLOC_FAILED;
    default:
        return CUBLAS_STATUS_NOT_SUPPORTED;
    }
}

static bool plain_order(const struct rrto_lt_layout *x)
{
    return (x->order == ORDER_COLUMN || x->order == ORDER_ROW) && x->batch_mode == 0 && x->plane == 0;
}

/* One operand. A matrix in row order is its transpose in column order. */
static bool set_operand(struct rrto_soft_matrix *to, const void *data, const struct rrto_lt_layout *x, int op)
{
    *to = (struct rrto_soft_matrix){.data = data, .type = x->type, .op = op, .ld = x->ld, .batch = x->batch_stride};
    if (x->order == ORDER_ROW) {
        bool real = x->type != RRTO_SOFT_C_32F && x->type != RRTO_SOFT_C_64F;
        if (op == RRTO_SOFT_OP_C && !real)
            return false; /* conjugated, not transposed: BLAS has no word for it */
        to->op = op == RRTO_SOFT_OP_N ? RRTO_SOFT_OP_T : RRTO_SOFT_OP_N;
    }
    return true;
}

static int64_t rows_of(const struct rrto_lt_layout *x, int op)
{
    return op == RRTO_SOFT_OP_N ? x->rows : x->columns;
}

static int64_t columns_of(const struct rrto_lt_layout *x, int op)
{
    return op == RRTO_SOFT_OP_N ? x->columns : x->rows;
}

static enum rrto_soft_result set_epilogue(struct rrto_soft_gemm *g, const struct rrto_lt_matmul *m,
                                          const struct rrto_lt_layout *d)
{
    int known = 1 | EPILOGUE_RELU | EPILOGUE_BIAS | EPILOGUE_GELU;
    if (m->epilogue & ~known || (m->epilogue & EPILOGUE_RELU && m->epilogue & EPILOGUE_GELU))
        return RRTO_SOFT_NOT_SUPPORTED;
    if (m->epilogue & EPILOGUE_RELU)
        g->activation = RRTO_SOFT_RELU;
    if (m->epilogue & EPILOGUE_GELU)
        g->activation = RRTO_SOFT_GELU;
    if (m->epilogue & EPILOGUE_BIAS) {
        if (d->order != ORDER_COLUMN)
            return RRTO_SOFT_NOT_SUPPORTED;
        g->bias = m->bias;
        g->bias_type = m->bias_type < 0 ? d->type : m->bias_type;
        g->bias_batch = m->bias_batch;
    }
    return RRTO_SOFT_DONE;
}

/* Everything but scalars and data. */
static enum rrto_soft_result describe(struct rrto_soft_gemm *g, const struct rrto_lt_matmul *m,
                                      const struct rrto_lt_layout *a, const struct rrto_lt_layout *b,
                                      const struct rrto_lt_layout *c, const struct rrto_lt_layout *d)
{
    *g = (struct rrto_soft_gemm){.m = d->rows, .n = d->columns, .k = columns_of(a, m->op_a), .n_batch = d->n_batch};
    if (m->op_a < 0 || m->op_a > 2 || m->op_b < 0 || m->op_b > 2 || rows_of(a, m->op_a) != g->m ||
        rows_of(b, m->op_b) != g->k || columns_of(b, m->op_b) != g->n || c->rows != g->m || c->columns != g->n)
        return RRTO_SOFT_BAD_VALUE;
    if (!plain_order(a) || !plain_order(b) || !plain_order(c) || !plain_order(d) || c->order != d->order ||
        m->op_c != 0 || m->fill != 2 || m->pointer_mode > 1 || m->scale_a || m->scale_b || m->scale_c || m->scale_d ||
        m->amax_d)
        return RRTO_SOFT_NOT_SUPPORTED;
    if (a->n_batch != d->n_batch || b->n_batch != d->n_batch || c->n_batch != d->n_batch)
        return RRTO_SOFT_BAD_VALUE;
    if (rrto_soft_scale_type(m->compute, d->type) < 0)
        return RRTO_SOFT_NOT_SUPPORTED;
    if (!set_operand(&g->a, NULL, a, m->op_a) || !set_operand(&g->b, NULL, b, m->op_b))
        return RRTO_SOFT_NOT_SUPPORTED;
    set_operand(&g->c, NULL, c, RRTO_SOFT_OP_N);
    set_operand(&g->d, NULL, d, RRTO_SOFT_OP_N);
    enum rrto_soft_result result = set_epilogue(g, m, d);
    if (result != RRTO_SOFT_DONE)
        return result;
    if (d->order == ORDER_ROW) { /* D = op(A) op(B) becomes D^T = op(B)^T op(A)^T, and D^T is in column order */
        struct rrto_soft_matrix first = g->b, second = g->a;
        int64_t rows = g->m;
        if ((first.op == RRTO_SOFT_OP_C || second.op == RRTO_SOFT_OP_C) &&
            (d->type == RRTO_SOFT_C_32F || d->type == RRTO_SOFT_C_64F))
            return RRTO_SOFT_NOT_SUPPORTED;
        first.op = first.op == RRTO_SOFT_OP_N ? RRTO_SOFT_OP_T : RRTO_SOFT_OP_N;
        second.op = second.op == RRTO_SOFT_OP_N ? RRTO_SOFT_OP_T : RRTO_SOFT_OP_N;
        g->a = first;
        g->b = second;
        g->m = g->n;
        g->n = rows;
        g->c.op = g->d.op = RRTO_SOFT_OP_N;
    }
    return rrto_soft_gemm_check(g);
}

EXPORT cublasLtMatmul(cublasLtHandle_t lightHandle, cublasLtMatmulDesc_t computeDesc, const void *alpha, const void *A,
                      cublasLtMatrixLayout_t Adesc, const void *B, cublasLtMatrixLayout_t Bdesc, const void *beta,
                      const void *C, cublasLtMatrixLayout_t Cdesc, void *D, cublasLtMatrixLayout_t Ddesc,
                      const cublasLtMatmulAlgo_t *algo, void *workspace, size_t workspaceSizeInBytes,
                      cudaStream_t stream)
{
    (void)workspace;
    (void)workspaceSizeInBytes;
    const struct rrto_lt_algorithm *algorithm = (const void *)algo;
    if (!lightHandle)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    if (!computeDesc || !Adesc || !Bdesc || !Cdesc || !Ddesc || !alpha || !beta)
        return CUBLAS_STATUS_INVALID_VALUE;
    if (algorithm && (algorithm->magic != RRTO_LT_ALGORITHM || algorithm->id != 0))
        return CUBLAS_STATUS_INVALID_VALUE;
    struct rrto_lt_matmul m;
    struct rrto_lt_layout a, b, c, d;
    memcpy(&m, computeDesc, sizeof m);
    memcpy(&a, Adesc, sizeof a);
    memcpy(&b, Bdesc, sizeof b);
    memcpy(&c, Cdesc, sizeof c);
    memcpy(&d, Ddesc, sizeof d);
    struct rrto_soft_gemm g;
    enum rrto_soft_result result = describe(&g, &m, &a, &b, &c, &d);
    if (result != RRTO_SOFT_DONE)
        return status_of(result);
    if (m.pointer_mode != 0)
        rrto_soft_stream_settle((void *)stream);
    if (!rrto_soft_read_scalar(g.alpha, alpha, m.scale_type) || !rrto_soft_read_scalar(g.beta, beta, m.scale_type))
        return CUBLAS_STATUS_NOT_SUPPORTED;
    g.a.data = d.order == ORDER_ROW ? B : A;
    g.b.data = d.order == ORDER_ROW ? A : B;
    g.c.data = C;
    g.d.data = D;
    if (m.epilogue & EPILOGUE_BIAS && !g.bias)
        return CUBLAS_STATUS_INVALID_VALUE;
    return status_of(rrto_soft_gemm_enqueue((void *)stream, &g));
}

static void set_algorithm(cublasLtMatmulAlgo_t *algo)
{
    struct rrto_lt_algorithm algorithm = {.magic = RRTO_LT_ALGORITHM};
    memset(algo, 0, sizeof *algo);
    memcpy(algo, &algorithm, sizeof algorithm);
}

EXPORT cublasLtMatmulAlgoCheck(cublasLtHandle_t lightHandle, cublasLtMatmulDesc_t operationDesc,
                               cublasLtMatrixLayout_t Adesc, cublasLtMatrixLayout_t Bdesc, cublasLtMatrixLayout_t Cdesc,
                               cublasLtMatrixLayout_t Ddesc, const cublasLtMatmulAlgo_t *algo,
                               cublasLtMatmulHeuristicResult_t *result)
{
    if (!lightHandle)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    if (!operationDesc || !Adesc || !Bdesc || !Cdesc || !Ddesc || !algo || !result)
        return CUBLAS_STATUS_INVALID_VALUE;
    struct rrto_lt_matmul m;
    struct rrto_lt_layout a, b, c, d;
    memcpy(&m, operationDesc, sizeof m);
    memcpy(&a, Adesc, sizeof a);
    memcpy(&b, Bdesc, sizeof b);
    memcpy(&c, Cdesc, sizeof c);
    memcpy(&d, Ddesc, sizeof d);
    struct rrto_soft_gemm g;
    cublasStatus_t status = status_of(describe(&g, &m, &a, &b, &c, &d));
    *result = (cublasLtMatmulHeuristicResult_t){.state = status, .wavesCount = 1.0f};
    set_algorithm(&result->algo);
    return status;
}

EXPORT cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t lightHandle, cublasLtMatmulDesc_t operationDesc,
                                      cublasLtMatrixLayout_t Adesc, cublasLtMatrixLayout_t Bdesc,
                                      cublasLtMatrixLayout_t Cdesc, cublasLtMatrixLayout_t Ddesc,
                                      cublasLtMatmulPreference_t preference, int requestedAlgoCount,
                                      cublasLtMatmulHeuristicResult_t heuristicResultsArray[], int *returnAlgoCount)
{
    (void)preference; /* no workspace is needed, so every limit is kept */
    if (!returnAlgoCount || !heuristicResultsArray || requestedAlgoCount < 1)
        return CUBLAS_STATUS_INVALID_VALUE;
    *returnAlgoCount = 0;
    cublasLtMatmulAlgo_t algo;
    set_algorithm(&algo);
    cublasStatus_t status = cublasLtMatmulAlgoCheck(lightHandle, operationDesc, Adesc, Bdesc, Cdesc, Ddesc, &algo,
                                                    &heuristicResultsArray[0]);
    *returnAlgoCount = status == CUBLAS_STATUS_SUCCESS;
    return status;
}

EXPORT cublasLtCreate(cublasLtHandle_t *lightHandle)
{
    if (!lightHandle)
        return CUBLAS_STATUS_INVALID_VALUE;
    void *created = calloc(1, 64); /* an identity; nothing is kept in it */
    if (!created)
        return CUBLAS_STATUS_ALLOC_FAILED;
    rrto_soft_tiles_prepare();
    *lightHandle = (cublasLtHandle_t)created;
    return CUBLAS_STATUS_SUCCESS;
}

EXPORT cublasLtDestroy(cublasLtHandle_t lightHandle)
{
    if (!lightHandle)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    free((void *)lightHandle);
    return CUBLAS_STATUS_SUCCESS;
}

RRTO_SOFT_EXPORT size_t cublasLtGetVersion(void)
{
    return 130200;
}
