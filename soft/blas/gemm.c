/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix multiplication over OpenBLAS in fixed tiles. */
#include "blas/gemm.h"

#include "blas/stream.h"

#include <cblas.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "blas/half.h"
#include "blas/tiles.h"

size_t rrto_soft_type_size(int type)
{
    switch (type) {
    case RRTO_SOFT_R_16F:
    case RRTO_SOFT_R_16BF:
        return 2;
    case RRTO_SOFT_R_32F:
        return 4;
    case RRTO_SOFT_R_64F:
    case RRTO_SOFT_C_32F:
        return 8;
    case RRTO_SOFT_C_64F:
        return 16;
    default:
        return 0;
    }
}

static bool is_complex(int type)
{
    return type == RRTO_SOFT_C_32F || type == RRTO_SOFT_C_64F;
}

static bool is_float_like(int type)
{
    return type == RRTO_SOFT_R_32F || type == RRTO_SOFT_R_16F || type == RRTO_SOFT_R_16BF;
}

void rrto_soft_widen(float *to, const void *from, int type, size_t n, int64_t step)
{
    const uint16_t *halves = from;
    int64_t at = 0;
    switch (type) {
    case RRTO_SOFT_R_16F:
        for (size_t i = 0; i < n; i++, at += step)
            to[i] = rrto_soft_float_from_half(halves[at]);
        break;
    case RRTO_SOFT_R_16BF:
        for (size_t i = 0; i < n; i++, at += step)
            to[i] = rrto_soft_float_from_bfloat(halves[at]);
        break;
    case RRTO_SOFT_R_64F:
        for (size_t i = 0; i < n; i++, at += step)
            to[i] = (float)((const double *)from)[at];
        break;
    default:
        for (size_t i = 0; i < n; i++, at += step)
            to[i] = ((const float *)from)[at];
    }
}

void rrto_soft_narrow(void *to, const float *from, int type, size_t n, int64_t step)
{
    uint16_t *halves = to;
    int64_t at = 0;
    switch (type) {
    case RRTO_SOFT_R_16F:
        for (size_t i = 0; i < n; i++, at += step)
            halves[at] = rrto_soft_half_from_float(from[i]);
        break;
    case RRTO_SOFT_R_16BF:
        for (size_t i = 0; i < n; i++, at += step)
            halves[at] = rrto_soft_bfloat_from_float(from[i]);
        break;
    case RRTO_SOFT_R_64F:
        for (size_t i = 0; i < n; i++, at += step)
            ((double *)to)[at] = (double)from[i];
        break;
    default:
        for (size_t i = 0; i < n; i++, at += step)
            ((float *)to)[at] = from[i];
    }
}

/* The tanh form, which is what cuBLASLt's GELU epilogue computes. */
static float gelu(float x)
{
    const float root = 0.7978845608028654f; /* sqrt(2 / pi) */
    return 0.5f * x * (1.0f + tanhf(root * (x + 0.044715f * x * x * x)));
}

/* One matrix of the batch, all operands of one type. */
struct product {
    const struct rrto_soft_gemm *gemm;
    const char *a, *b;
    char *d;
    int64_t lda, ldb, ldd;
    const float *bias;
    int type;
    size_t size; /* of an element */
    int64_t tile_m, tile_n, n_tiles_m;
};

static enum CBLAS_TRANSPOSE transpose_of(int op)
{
    return op == RRTO_SOFT_OP_N ? CblasNoTrans : op == RRTO_SOFT_OP_T ? CblasTrans : CblasConjTrans;
}

static void finish(const struct product *p, int64_t row, int64_t column, int64_t m, int64_t n)
{
    enum rrto_soft_activation activation = p->gemm->activation;
    if (!p->bias && activation == RRTO_SOFT_NO_ACTIVATION)
        return;
    for (int64_t j = 0; j < n; j++) {
        float *d = (float *)p->d + row + (column + j) * p->ldd;
        for (int64_t i = 0; p->bias && i < m; i++)
            d[i] += p->bias[row + i];
        for (int64_t i = 0; activation == RRTO_SOFT_RELU && i < m; i++)
            d[i] = d[i] < 0.0f ? 0.0f : d[i];
        for (int64_t i = 0; activation == RRTO_SOFT_GELU && i < m; i++)
            d[i] = gelu(d[i]);
    }
}

static void multiply_tile(void *arg, size_t tile)
{
    const struct product *p = arg;
    const struct rrto_soft_gemm *g = p->gemm;
    int64_t row = (int64_t)tile % p->n_tiles_m * p->tile_m, column = (int64_t)tile / p->n_tiles_m * p->tile_n;
    int64_t m = g->m - row < p->tile_m ? g->m - row : p->tile_m,
            n = g->n - column < p->tile_n ? g->n - column : p->tile_n;
    int64_t at_a = g->a.op == RRTO_SOFT_OP_N ? row : row * p->lda;
    int64_t at_b = g->b.op == RRTO_SOFT_OP_N ? column * p->ldb : column;
    const char *a = p->a + at_a * (int64_t)p->size, *b = p->b + at_b * (int64_t)p->size;
    char *d = p->d + (row + column * p->ldd) * (int64_t)p->size;
    enum CBLAS_TRANSPOSE ta = transpose_of(g->a.op), tb = transpose_of(g->b.op);
    blasint im = (blasint)m, in = (blasint)n, ik = (blasint)g->k;
    blasint lda = (blasint)p->lda, ldb = (blasint)p->ldb, ldd = (blasint)p->ldd;
    float alpha[2] = {(float)g->alpha[0], (float)g->alpha[1]}, beta[2] = {(float)g->beta[0], (float)g->beta[1]};
    switch (p->type) {
    case RRTO_SOFT_R_32F:
        cblas_sgemm(CblasColMajor, ta, tb, im, in, ik, alpha[0], (const float *)a, lda, (const float *)b, ldb, beta[0],
                    (float *)d, ldd);
        finish(p, row, column, m, n);
        break;
    case RRTO_SOFT_R_64F:
        cblas_dgemm(CblasColMajor, ta, tb, im, in, ik, g->alpha[0], (const double *)a, lda, (const double *)b, ldb,
                    g->beta[0], (double *)d, ldd);
        break;
    case RRTO_SOFT_C_32F:
        cblas_cgemm(CblasColMajor, ta, tb, im, in, ik, alpha, a, lda, b, ldb, beta, d, ldd);
        break;
    default:
        cblas_zgemm(CblasColMajor, ta, tb, im, in, ik, g->alpha, a, lda, b, ldb, g->beta, d, ldd);
    }
}

/* About four million multiplications make a tile worth a thread's while; at most eight tiles, cut along the longer
 * side. */
static void cut(struct product *p)
{
    const struct rrto_soft_gemm *g = p->gemm;
    double work = (double)g->m * (double)g->n * (double)g->k;
    int64_t n_tiles = work < 8e6 ? 1 : work < 3.2e7 ? (int64_t)(work / 4e6) : 8;
    int64_t *side = g->m > g->n ? &p->tile_m : &p->tile_n;
    p->tile_m = g->m;
    p->tile_n = g->n;
    *side = (*side / n_tiles + 47) / 48 * 48;
    p->n_tiles_m = (g->m + p->tile_m - 1) / p->tile_m;
    size_t total = (size_t)(p->n_tiles_m * ((g->n + p->tile_n - 1) / p->tile_n));
    rrto_soft_tiles(multiply_tile, p, total);
}

/* Columns of d become those of c: where alpha op(A) op(B) + beta C is computed in place. */
static void copy_columns(char *d, int64_t ldd, const char *c, int64_t ldc, size_t size, int64_t m, int64_t n)
{
    for (int64_t j = 0; j < n && d != c; j++)
        memcpy(d + j * ldd * (int64_t)size, c + j * ldc * (int64_t)size, (size_t)m * size);
}

static int64_t n_columns(const struct rrto_soft_matrix *x, int64_t rows, int64_t columns)
{
    return x->op == RRTO_SOFT_OP_N ? columns : rows;
}

static int64_t n_rows(const struct rrto_soft_matrix *x, int64_t rows, int64_t columns)
{
    return x->op == RRTO_SOFT_OP_N ? rows : columns;
}

/* A packed float copy of x (rows x columns as stored), at `to`. */
static void widen_matrix(float *to, const struct rrto_soft_matrix *x, int64_t batch, int64_t rows, int64_t columns)
{
    size_t size = rrto_soft_type_size(x->type);
    for (int64_t j = 0; j < columns; j++) {
        const char *column = (const char *)x->data + (batch * x->batch + j * x->ld) * (int64_t)size;
        rrto_soft_widen(to + j * rows, column, x->type, (size_t)rows, 1);
    }
}

static enum rrto_soft_result multiply_uniform(const struct rrto_soft_gemm *g, const float *bias, int64_t batch)
{
    size_t size = rrto_soft_type_size(g->d.type);
    struct product p = {.gemm = g, .bias = bias, .type = g->d.type, .size = size};
    p.a = (const char *)g->a.data + batch * g->a.batch * (int64_t)size;
    p.b = (const char *)g->b.data + batch * g->b.batch * (int64_t)size;
    p.d = (char *)(uintptr_t)g->d.data + batch * g->d.batch * (int64_t)size;
    p.lda = g->a.ld;
    p.ldb = g->b.ld;
    p.ldd = g->d.ld;
    if (g->beta[0] != 0.0 || g->beta[1] != 0.0) {
        const char *c = (const char *)g->c.data + batch * g->c.batch * (int64_t)size;
        copy_columns(p.d, p.ldd, c, g->c.ld, size, g->m, g->n);
    }
    cut(&p);
    return RRTO_SOFT_DONE;
}

/* 16-bit operands, or a mix: through packed float copies. */
static enum rrto_soft_result multiply_widened(const struct rrto_soft_gemm *g, const float *bias, int64_t batch)
{
    int64_t rows_a = n_rows(&g->a, g->m, g->k), columns_a = n_columns(&g->a, g->m, g->k);
    int64_t rows_b = n_rows(&g->b, g->k, g->n), columns_b = n_columns(&g->b, g->k, g->n);
    size_t n_a = (size_t)(rows_a * columns_a), n_b = (size_t)(rows_b * columns_b), n_d = (size_t)(g->m * g->n);
    float *floats = malloc((n_a + n_b + n_d + 1) * sizeof *floats);
    if (!floats)
        return RRTO_SOFT_NO_MEMORY;
    float *d = floats + n_a + n_b;
    widen_matrix(floats, &g->a, batch, rows_a, columns_a);
    widen_matrix(floats + n_a, &g->b, batch, rows_b, columns_b);
    if (g->beta[0] != 0.0)
        widen_matrix(d, &g->c, batch, g->m, g->n);
    struct product p = {.gemm = g, .bias = bias, .type = RRTO_SOFT_R_32F, .size = sizeof *floats};
    p.a = (const char *)floats;
    p.b = (const char *)(floats + n_a);
    p.d = (char *)d;
    p.lda = rows_a ? rows_a : 1;
    p.ldb = rows_b ? rows_b : 1;
    p.ldd = g->m;
    cut(&p);
    size_t size = rrto_soft_type_size(g->d.type);
    for (int64_t j = 0; j < g->n; j++) {
        char *column = (char *)(uintptr_t)g->d.data + (batch * g->d.batch + j * g->d.ld) * (int64_t)size;
        rrto_soft_narrow(column, d + j * g->m, g->d.type, (size_t)g->m, 1);
    }
    free(floats);
    return RRTO_SOFT_DONE;
}

static bool good_matrix(const struct rrto_soft_matrix *x, int64_t rows, int64_t columns)
{
    return x->op >= RRTO_SOFT_OP_N && x->op <= RRTO_SOFT_OP_C && x->ld >= 1 && x->ld <= INT_MAX &&
           x->ld >= n_rows(x, rows, columns);
}

enum rrto_soft_result rrto_soft_gemm_check(const struct rrto_soft_gemm *g)
{
    if (g->m < 0 || g->n < 0 || g->k < 0 || g->n_batch < 0 || g->m > INT_MAX || g->n > INT_MAX || g->k > INT_MAX)
        return RRTO_SOFT_BAD_VALUE;
    if (!good_matrix(&g->a, g->m, g->k) || !good_matrix(&g->b, g->k, g->n) || !good_matrix(&g->d, g->m, g->n) ||
        !good_matrix(&g->c, g->m, g->n) || g->c.op != RRTO_SOFT_OP_N || g->d.op != RRTO_SOFT_OP_N)
        return RRTO_SOFT_BAD_VALUE;
    int type = g->d.type;
    bool uniform = g->a.type == type && g->b.type == type && g->c.type == type && rrto_soft_type_size(type) != 0;
    bool widened =
        is_float_like(g->a.type) && is_float_like(g->b.type) && is_float_like(g->c.type) && is_float_like(type);
    if (!uniform && !widened)
        return RRTO_SOFT_NOT_SUPPORTED;
    if ((g->bias || g->activation != RRTO_SOFT_NO_ACTIVATION) &&
        (!widened || (g->bias && !is_float_like(g->bias_type))))
        return RRTO_SOFT_NOT_SUPPORTED;
    if (!is_complex(type) && (g->alpha[1] != 0.0 || g->beta[1] != 0.0))
        return RRTO_SOFT_BAD_VALUE;
    return RRTO_SOFT_DONE;
}

enum rrto_soft_result rrto_soft_gemm(const struct rrto_soft_gemm *g)
{
    enum rrto_soft_result result = rrto_soft_gemm_check(g);
    if (result != RRTO_SOFT_DONE || g->m == 0 || g->n == 0)
        return result;
    bool sixteen = rrto_soft_type_size(g->d.type) == 2; /* summed in float, rounded once */
    bool uniform = g->a.type == g->d.type && g->b.type == g->d.type && g->c.type == g->d.type && !sixteen;
    float *bias = NULL;
    if (g->bias && !(bias = malloc((size_t)g->m * sizeof *bias)))
        return RRTO_SOFT_NO_MEMORY;
    for (int64_t batch = 0; batch < g->n_batch && result == RRTO_SOFT_DONE; batch++) {
        if (bias) {
            const char *source =
                (const char *)g->bias + batch * g->bias_batch * (int64_t)rrto_soft_type_size(g->bias_type);
            rrto_soft_widen(bias, source, g->bias_type, (size_t)g->m, 1);
        }
        result = uniform ? multiply_uniform(g, bias, batch) : multiply_widened(g, bias, batch);
    }
    free(bias);
    return result;
}

static int run_later(void *arg)
{
    return (int)rrto_soft_gemm(arg);
}

enum rrto_soft_result rrto_soft_gemm_enqueue(void *stream, const struct rrto_soft_gemm *gemm)
{
    int error;
    enum rrto_soft_result result = rrto_soft_gemm_check(gemm);
    if (result != RRTO_SOFT_DONE)
        return result;
    if (rrto_soft_defer(stream, run_later, gemm, sizeof *gemm, &error))
        return error ? RRTO_SOFT_NO_MEMORY : RRTO_SOFT_DONE;
    return rrto_soft_gemm(gemm);
}
