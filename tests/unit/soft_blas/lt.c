/* SPDX-License-Identifier: Apache-2.0 */
/* cuBLASLt: descriptors, the heuristic, orders, batches and epilogues against plain loops. */
#include "../test.h"

#include <stdlib.h>
#include <string.h>

#include "blas/half.h"
#include "gen/api_cublaslt.h"
#include "numbers.h"

#define OK(call) assert_int_equal(call, CUBLAS_STATUS_SUCCESS)

enum { M = 11, N = 6, K = 9, BATCHES = 2 };

static cublasLtHandle_t handle;

static int make_handle(void **state)
{
    (void)state;
    return cublasLtCreate(&handle) != CUBLAS_STATUS_SUCCESS;
}

static int drop_handle(void **state)
{
    (void)state;
    return cublasLtDestroy(handle) != CUBLAS_STATUS_SUCCESS;
}

static cublasLtMatrixLayout_t layout(int rows, int columns, int ld, int order, int64_t stride)
{
    cublasLtMatrixLayout_t made;
    int32_t batches = BATCHES;
    OK(cublasLtMatrixLayoutCreate(&made, CUDA_R_32F, (uint64_t)rows, (uint64_t)columns, ld));
    OK(cublasLtMatrixLayoutSetAttribute(made, CUBLASLT_MATRIX_LAYOUT_ORDER, &order, sizeof order));
    OK(cublasLtMatrixLayoutSetAttribute(made, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &batches, sizeof batches));
    OK(cublasLtMatrixLayoutSetAttribute(made, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &stride, sizeof stride));
    return made;
}

static double activate(double x, int epilogue)
{
    if (epilogue & 2)
        return x < 0 ? 0 : x;
    if (epilogue & 32)
        return 0.5 * x * (1 + tanh(sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x)));
    return x;
}

/* D (M x N) = epilogue(alpha op(A) op(B) + beta C), each of A, B and D in column or row order. */
static void check(int op_a, int op_b, int order_a, int order_b, int order_d, int epilogue, float beta)
{
    int rows_a = op_a ? K : M, columns_a = op_a ? M : K, rows_b = op_b ? N : K, columns_b = op_b ? K : N;
    int lda = (order_a ? columns_a : rows_a) + 1, ldb = (order_b ? columns_b : rows_b) + 2, ldd = (order_d ? N : M) + 3;
    int64_t size = 400;
    float *a = new_floats((size_t)size * BATCHES, 1), *b = new_floats((size_t)size * BATCHES, 2),
          *c = new_floats((size_t)size * BATCHES, 3), *d = new_floats((size_t)size * BATCHES, 4),
          *bias = new_floats(M, 5);
    cublasLtMatmulDesc_t desc;
    OK(cublasLtMatmulDescCreate(&desc, CUBLAS_COMPUTE_32F, CUDA_R_32F));
    OK(cublasLtMatmulDescSetAttribute(desc, CUBLASLT_MATMUL_DESC_TRANSA, &op_a, sizeof op_a));
    OK(cublasLtMatmulDescSetAttribute(desc, CUBLASLT_MATMUL_DESC_TRANSB, &op_b, sizeof op_b));
    OK(cublasLtMatmulDescSetAttribute(desc, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue));
    OK(cublasLtMatmulDescSetAttribute(desc, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof bias));
    cublasLtMatrixLayout_t la = layout(rows_a, columns_a, lda, order_a, size),
                           lb = layout(rows_b, columns_b, ldb, order_b, size), ld = layout(M, N, ldd, order_d, size);
    cublasLtMatmulPreference_t preference;
    uint64_t workspace = 1 << 20;
    OK(cublasLtMatmulPreferenceCreate(&preference));
    OK(cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace,
                                            sizeof workspace));
    cublasLtMatmulHeuristicResult_t results[3];
    int n_results = 0;
    OK(cublasLtMatmulAlgoGetHeuristic(handle, desc, la, lb, ld, ld, preference, 3, results, &n_results));
    assert_int_equal(n_results, 1);
    float alpha = 0.5f;
    OK(cublasLtMatmul(handle, desc, &alpha, a, la, b, lb, &beta, c, ld, d, ld, &results[0].algo, NULL, 0, NULL));
    for (int batch = 0; batch < BATCHES; batch++) {
        for (int i = 0; i < M * N; i++) {
            int row = i % M, column = i / M;
            double sum = 0;
            for (int k = 0; k < K; k++) {
                int ra = op_a ? k : row, ca = op_a ? row : k, rb = op_b ? column : k, cb = op_b ? k : column;
                sum += (double)a[batch * size + (order_a ? ra * lda + ca : ra + ca * lda)] *
                       (double)b[batch * size + (order_b ? rb * ldb + cb : rb + cb * ldb)];
            }
            int64_t at = batch * size + (order_d ? row * ldd + column : row + column * ldd);
            double want = 0.5 * sum + (double)beta * (double)c[at] + (epilogue & 4 ? (double)bias[row] : 0);
            assert_close((double)d[at], activate(want, epilogue), 1e-5, "element", i);
        }
    }
    OK(cublasLtMatmulPreferenceDestroy(preference));
    OK(cublasLtMatmulDescDestroy(desc));
    OK(cublasLtMatrixLayoutDestroy(la));
    OK(cublasLtMatrixLayoutDestroy(lb));
    OK(cublasLtMatrixLayoutDestroy(ld));
    free(a);
    free(b);
    free(c);
    free(d);
    free(bias);
}

static void transpositions_and_orders(void **state)
{
    (void)state;
    for (int which = 0; which < 32; which++)
        check(which & 1, which >> 1 & 1, which >> 2 & 1, which >> 3 & 1, which >> 4 & 1, 1, which % 3 ? 0.25f : 0.0f);
}

static void epilogues(void **state)
{
    (void)state;
    static const int all[] = {1, 2, 4, 2 | 4, 32, 32 | 4};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        check(1, 0, 0, 0, 0, all[i], 0.0f);
}

/* 16-bit in and out: the bias is added before the one rounding. */
static void halves_with_bias(void **state)
{
    (void)state;
    uint16_t a[2] = {0x6400, 0x3c00}, b[2] = {0x3c00, 0x3c00}, d[1], bias[1] = {0x3c00}; /* 1024, 1; 1, 1; bias 1 */
    const void *bias_at = bias;
    cublasLtMatmulDescOpaque_t desc;
    cublasLtMatrixLayoutOpaque_t la, lb, ld;
    int op = CUBLAS_OP_T, epilogue = 4;
    float one = 1, zero = 0;
    OK(cublasLtMatmulDescInit_internal(&desc, sizeof desc, CUBLAS_COMPUTE_32F, CUDA_R_32F));
    OK(cublasLtMatmulDescSetAttribute(&desc, CUBLASLT_MATMUL_DESC_TRANSA, &op, sizeof op));
    OK(cublasLtMatmulDescSetAttribute(&desc, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue));
    OK(cublasLtMatmulDescSetAttribute(&desc, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias_at, sizeof bias_at));
    OK(cublasLtMatrixLayoutInit_internal(&la, sizeof la, CUDA_R_16F, 2, 1, 2));
    OK(cublasLtMatrixLayoutInit_internal(&lb, sizeof lb, CUDA_R_16F, 2, 1, 2));
    OK(cublasLtMatrixLayoutInit_internal(&ld, sizeof ld, CUDA_R_16F, 1, 1, 1));
    OK(cublasLtMatmul(handle, &desc, &one, a, &la, b, &lb, &zero, d, &ld, d, &ld, NULL, NULL, 0, NULL));
    assert_int_equal(d[0], rrto_soft_half_from_float(1026.0f));
}

static void refusals(void **state)
{
    (void)state;
    cublasLtMatmulDescOpaque_t desc, copy;
    cublasLtMatrixLayoutOpaque_t square, wrong;
    cublasLtMatmulHeuristicResult_t result;
    int n = -1, epilogue = 128 | 2, wide = 0;
    size_t written = 0;
    OK(cublasLtMatmulDescInit_internal(&desc, sizeof desc, CUBLAS_COMPUTE_32F, CUDA_R_32F));
    OK(cublasLtMatrixLayoutInit_internal(&square, sizeof square, CUDA_R_32F, 4, 4, 4));
    OK(cublasLtMatrixLayoutInit_internal(&wrong, sizeof wrong, CUDA_R_32F, 4, 4, 3));
    cublasLtMatmulPreferenceOpaque_t preference;
    OK(cublasLtMatmulPreferenceInit_internal(&preference, sizeof preference));
    assert_int_equal(
        cublasLtMatmulAlgoGetHeuristic(handle, &desc, &wrong, &square, &square, &square, &preference, 1, &result, &n),
        CUBLAS_STATUS_INVALID_VALUE);
    assert_int_equal(n, 0);
    memcpy(&copy, &desc, sizeof copy); /* a copied descriptor stands on its own */
    OK(cublasLtMatmulDescSetAttribute(&desc, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue));
    assert_int_equal(
        cublasLtMatmulAlgoGetHeuristic(handle, &desc, &square, &square, &square, &square, &preference, 1, &result, &n),
        CUBLAS_STATUS_NOT_SUPPORTED);
    OK(cublasLtMatmulAlgoGetHeuristic(handle, &copy, &square, &square, &square, &square, &preference, 1, &result, &n));
    OK(cublasLtMatmulDescGetAttribute(&desc, CUBLASLT_MATMUL_DESC_EPILOGUE, &wide, sizeof wide, &written));
    assert_int_equal(wide, epilogue);
    assert_int_equal(written, 4);
    assert_int_equal(cublasLtMatmulDescSetAttribute(&desc, (cublasLtMatmulDescAttributes_t)99, &wide, 4),
                     CUBLAS_STATUS_INVALID_VALUE);
    assert_int_equal(cublasLtMatmulDescSetAttribute(&desc, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &wide, 4),
                     CUBLAS_STATUS_INVALID_VALUE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transpositions_and_orders),
        cmocka_unit_test(epilogues),
        cmocka_unit_test(halves_with_bias),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, make_handle, drop_handle);
}
