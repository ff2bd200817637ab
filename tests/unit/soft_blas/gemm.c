/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products of every type, transposition and batching against three nested loops. */
#include "../test.h"

#include <complex.h>
#include <string.h>

#include "blas/gemm.h"
#include "blas/half.h"
#include "gen/api_cublas.h"
#include "numbers.h"

static cublasHandle_t handle;

static int make_handle(void **state)
{
    (void)state;
    return cublasCreate_v2(&handle) != CUBLAS_STATUS_SUCCESS;
}

static int drop_handle(void **state)
{
    (void)state;
    return cublasDestroy_v2(handle) != CUBLAS_STATUS_SUCCESS;
}

/* One element of a typed array as a complex number, and back. */
static double complex load(const void *data, int type, int64_t at)
{
    switch (type) {
    case CUDA_R_32F:
        return (double)((const float *)data)[at];
    case CUDA_R_64F:
        return ((const double *)data)[at];
    case CUDA_R_16F:
        return (double)rrto_soft_float_from_half(((const uint16_t *)data)[at]);
    case CUDA_R_16BF:
        return (double)rrto_soft_float_from_bfloat(((const uint16_t *)data)[at]);
    case CUDA_C_32F:
        return (double)((const float *)data)[2 * at] + (double)((const float *)data)[2 * at + 1] * I;
    default:
        return ((const double *)data)[2 * at] + ((const double *)data)[2 * at + 1] * I;
    }
}

static void store(void *data, int type, int64_t at, double real, double imaginary)
{
    switch (type) {
    case CUDA_R_32F:
        ((float *)data)[at] = (float)real;
        break;
    case CUDA_R_64F:
        ((double *)data)[at] = real;
        break;
    case CUDA_R_16F:
        ((uint16_t *)data)[at] = rrto_soft_half_from_float((float)real);
        break;
    case CUDA_R_16BF:
        ((uint16_t *)data)[at] = rrto_soft_bfloat_from_float((float)real);
        break;
    case CUDA_C_32F:
        ((float *)data)[2 * at] = (float)real;
        ((float *)data)[2 * at + 1] = (float)imaginary;
        break;
    default:
        ((double *)data)[2 * at] = real;
        ((double *)data)[2 * at + 1] = imaginary;
    }
}

static void *make(int type, int64_t n, uint32_t seed)
{
    void *data = malloc((size_t)n * 16 + 16);
    for (int64_t i = 0; i < n; i++) {
        double real = next_number(&seed);
        store(data, type, i, real, next_number(&seed));
    }
    return data;
}

static double complex element(const void *data, int type, int op, int64_t ld, int64_t row, int64_t column,
                              int64_t offset)
{
    double complex value = load(data, type, offset + (op == CUBLAS_OP_N ? row + column * ld : column + row * ld));
    return op == CUBLAS_OP_C ? conj(value) : value;
}

struct problem {
    int m, n, k, op_a, op_b, type_ab, type_c, compute, n_batch;
    double beta;
};

static double tolerance_of(int type)
{
    return type == CUDA_R_16BF                        ? 8e-3
           : type == CUDA_R_16F                       ? 1e-3
           : type == CUDA_R_64F || type == CUDA_C_64F ? 1e-12
                                                      : 1e-5;
}

static void run(const struct problem *p)
{
    int lda = (p->op_a == CUBLAS_OP_N ? p->m : p->k) + 3, ldb = (p->op_b == CUBLAS_OP_N ? p->k : p->n) + 1,
        ldc = p->m + 2;
    int64_t size_a = (int64_t)lda * (p->op_a == CUBLAS_OP_N ? p->k : p->m) + 5;
    int64_t size_b = (int64_t)ldb * (p->op_b == CUBLAS_OP_N ? p->n : p->k) + 7, size_c = (int64_t)ldc * p->n + 9;
    void *a = make(p->type_ab, size_a * p->n_batch, 1), *b = make(p->type_ab, size_b * p->n_batch, 2);
    void *c = make(p->type_c, size_c * p->n_batch, 3), *before = make(p->type_c, size_c * p->n_batch, 3);
    bool is_complex = p->type_c == CUDA_C_32F || p->type_c == CUDA_C_64F;
    int scale = p->compute == CUBLAS_COMPUTE_64F   ? (is_complex ? CUDA_C_64F : CUDA_R_64F)
                : p->compute == CUBLAS_COMPUTE_16F ? CUDA_R_16F
                                                   : (is_complex ? CUDA_C_32F : CUDA_R_32F);
    double alpha_bytes[2], beta_bytes[2];
    store(alpha_bytes, scale, 0, 0.75, is_complex ? -0.5 : 0.0);
    store(beta_bytes, scale, 0, p->beta, 0.0);
    double complex alpha = is_complex ? 0.75 - 0.5 * I : 0.75;
    cublasStatus_t status = cublasGemmStridedBatchedEx(
        handle, (cublasOperation_t)p->op_a, (cublasOperation_t)p->op_b, p->m, p->n, p->k, alpha_bytes, a,
        (cudaDataType)p->type_ab, lda, size_a, b, (cudaDataType)p->type_ab, ldb, size_b, beta_bytes, c,
        (cudaDataType)p->type_c, ldc, size_c, p->n_batch, (cublasComputeType_t)p->compute, CUBLAS_GEMM_DEFAULT);
    assert_int_equal(status, CUBLAS_STATUS_SUCCESS);
    for (int batch = 0; batch < p->n_batch; batch++) {
        for (int64_t at = 0; at < size_c; at++) {
            int64_t row = at % ldc, column = at / ldc;
            double complex want = load(before, p->type_c, batch * size_c + at);
            if (row < p->m && column < p->n) { /* else: padding, which must stay as it was */
                double complex sum = 0.0;
                for (int64_t i = 0; i < p->k; i++)
                    sum += element(a, p->type_ab, p->op_a, lda, row, i, batch * size_a) *
                           element(b, p->type_ab, p->op_b, ldb, i, column, batch * size_b);
                want = alpha * sum + p->beta * want;
            }
            double complex got = load(c, p->type_c, batch * size_c + at);
            assert_close(creal(got), creal(want), tolerance_of(p->type_c), "real part", at);
            assert_close(cimag(got), cimag(want), tolerance_of(p->type_c), "imaginary part", at);
        }
    }
    free(a);
    free(b);
    free(c);
    free(before);
}

static void every_type_and_transposition(void **state)
{
    (void)state;
    static const struct {
        int ab, c, compute;
    } types[] = {
        {CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F},   {CUDA_R_64F, CUDA_R_64F, CUBLAS_COMPUTE_64F},
        {CUDA_C_32F, CUDA_C_32F, CUBLAS_COMPUTE_32F},   {CUDA_C_64F, CUDA_C_64F, CUBLAS_COMPUTE_64F},
        {CUDA_R_16F, CUDA_R_16F, CUBLAS_COMPUTE_32F},   {CUDA_R_16F, CUDA_R_32F, CUBLAS_COMPUTE_32F},
        {CUDA_R_16BF, CUDA_R_16BF, CUBLAS_COMPUTE_32F}, {CUDA_R_16BF, CUDA_R_32F, CUBLAS_COMPUTE_32F},
        {CUDA_R_16F, CUDA_R_16F, CUBLAS_COMPUTE_16F},
    };
    for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
        for (int ops = 0; ops < 9; ops++) {
            struct problem p = {
                13, 7, 19, ops / 3, ops % 3, types[t].ab, types[t].c, types[t].compute, 2, ops % 2 ? 0.5 : 0.0};
            run(&p);
        }
    }
}

static void large_enough_for_tiles(void **state)
{
    (void)state;
    run(&(struct problem){301, 150, 250, CUBLAS_OP_N, CUBLAS_OP_T, CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F, 1, 1.0});
    run(&(struct problem){90, 420, 300, CUBLAS_OP_T, CUBLAS_OP_N, CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F, 1, 0.0});
}

static void edges(void **state)
{
    (void)state;
    run(&(struct problem){5, 4, 0, CUBLAS_OP_N, CUBLAS_OP_N, CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F, 1, 0.5});
    run(&(struct problem){1, 1, 1, CUBLAS_OP_N, CUBLAS_OP_N, CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F, 3, 0.0});
    float one = 1.0f, zero = 0.0f, a[4] = {1, 2, 3, 4}, b[4] = {1, 0, 0, 1}, c[4] = {NAN, NAN, NAN, NAN};
    assert_int_equal(cublasSgemm_v2(handle, CUBLAS_OP_N, CUBLAS_OP_N, 0, 2, 2, &one, a, 2, b, 2, &zero, c, 2),
                     CUBLAS_STATUS_SUCCESS);
    assert_true(isnan(c[0]));
    assert_int_equal(cublasSgemm_v2(handle, CUBLAS_OP_N, CUBLAS_OP_N, 2, 2, 2, &one, a, 2, b, 2, &zero, c, 2),
                     CUBLAS_STATUS_SUCCESS);
    assert_memory_equal(c, a, sizeof c); /* beta 0: what was there is not read */
}

static void batches_of_pointers(void **state)
{
    (void)state;
    float one = 1.0f, zero = 0.0f, data[3][4] = {{1, 2, 3, 4}, {2, 0, 0, 2}, {0}};
    const float *a[2] = {data[0], data[1]}, *b[2] = {data[1], data[1]};
    float out[2][4], *c[2] = {out[0], out[1]};
    assert_int_equal(cublasSgemmBatched(handle, CUBLAS_OP_N, CUBLAS_OP_N, 2, 2, 2, &one, a, 2, b, 2, &zero, c, 2, 2),
                     CUBLAS_STATUS_SUCCESS);
    assert_memory_equal(out[0], ((float[]){2, 4, 6, 8}), sizeof out[0]);
    assert_memory_equal(out[1], ((float[]){4, 0, 0, 4}), sizeof out[1]);
}

static void wrong_arguments(void **state)
{
    (void)state;
    float one = 1.0f, x[16] = {0};
    assert_int_equal(cublasSgemm_v2(handle, CUBLAS_OP_N, CUBLAS_OP_N, 2, 2, 2, &one, x, 1, x, 2, &one, x, 2),
                     CUBLAS_STATUS_INVALID_VALUE);
    assert_int_equal(cublasSgemm_v2(handle, CUBLAS_OP_N, CUBLAS_OP_N, -1, 2, 2, &one, x, 2, x, 2, &one, x, 2),
                     CUBLAS_STATUS_INVALID_VALUE);
    assert_int_equal(cublasSgemm_v2(handle, (cublasOperation_t)7, CUBLAS_OP_N, 2, 2, 2, &one, x, 2, x, 2, &one, x, 2),
                     CUBLAS_STATUS_INVALID_VALUE);
    assert_int_equal(cublasSgemm_v2(NULL, CUBLAS_OP_N, CUBLAS_OP_N, 2, 2, 2, &one, x, 2, x, 2, &one, x, 2),
                     CUBLAS_STATUS_NOT_INITIALIZED);
    assert_int_equal(cublasGemmEx(handle, CUBLAS_OP_N, CUBLAS_OP_N, 2, 2, 2, &one, x, CUDA_R_8I, 2, x, CUDA_R_8I, 2,
                                  &one, x, CUDA_R_32I, 2, CUBLAS_COMPUTE_32I, CUBLAS_GEMM_DEFAULT),
                     CUBLAS_STATUS_NOT_SUPPORTED);
}

/* Halves: every bit pattern survives the way to float and back; rounding is to nearest even. */
static void sixteen_bits(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 65536; bits++) {
        float half = rrto_soft_float_from_half((uint16_t)bits), bfloat = rrto_soft_float_from_bfloat((uint16_t)bits);
        if (!isnan(half))
            assert_int_equal(rrto_soft_half_from_float(half), bits);
        else
            assert_true(isnan(rrto_soft_float_from_half(rrto_soft_half_from_float(half))));
        if (!isnan(bfloat))
            assert_int_equal(rrto_soft_bfloat_from_float(bfloat), bits);
    }
    assert_int_equal(rrto_soft_half_from_float(2049.0f), 0x6800);  /* tie to 2048 */
    assert_int_equal(rrto_soft_half_from_float(2051.0f), 0x6802);  /* tie to 2052 */
    assert_int_equal(rrto_soft_half_from_float(65519.0f), 0x7bff); /* largest */
    assert_int_equal(rrto_soft_half_from_float(65520.0f), 0x7c00); /* infinity */
    assert_int_equal(rrto_soft_half_from_float(0x1p-25f), 0);      /* tie to 0 */
    assert_int_equal(rrto_soft_half_from_float(0x1.8p-24f), 2);    /* tie to 2 units */
    assert_int_equal(rrto_soft_bfloat_from_float(0x1.01p0f), 0x3f80);
}

/* Two runs are equal bit for bit, whoever took which tile. */
static void repeatable(void **state)
{
    (void)state;
    enum { N = 256 };
    float one = 1.0f, zero = 0.0f, *a = new_floats(N * N, 1), *b = new_floats(N * N, 2), *c = new_floats(N * N, 3),
          *d = new_floats(N * N, 4);
    for (int i = 0; i < N * N; i++)
        a[i] *= 1.1f;
    for (int round = 0; round < 20; round++) {
        cublasSgemm_v2(handle, CUBLAS_OP_N, CUBLAS_OP_N, N, N, N, &one, a, N, b, N, &zero, round ? d : c, N);
        if (round)
            assert_memory_equal(c, d, N * N * sizeof *c);
    }
    free(a);
    free(b);
    free(c);
    free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_and_transposition),
        cmocka_unit_test(large_enough_for_tiles),
        cmocka_unit_test(edges),
        cmocka_unit_test(batches_of_pointers),
        cmocka_unit_test(wrong_arguments),
        cmocka_unit_test(sixteen_bits),
        cmocka_unit_test(repeatable),
    };
    return cmocka_run_group_tests(tests, make_handle, drop_handle);
}
