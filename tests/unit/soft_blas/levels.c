/* SPDX-License-Identifier: Apache-2.0 */
/* Vector and matrix-vector calls, triangular and rank updates: one obvious case each, by hand or by loops. */
#include "../test.h"

#include <complex.h>
#include <string.h>

#include "gen/api_cublas.h"
#include "numbers.h"

#define OK(call) assert_int_equal(call, CUBLAS_STATUS_SUCCESS)

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

static void vectors(void **state)
{
    (void)state;
    float x[5] = {1, -7, 3, 2, 0.5f}, y[5] = {1, 1, 1, 1, 1}, two = 2.0f, result;
    int index;
    OK(cublasSaxpy_v2(handle, 5, &two, x, 1, y, 1));
    assert_memory_equal(y, ((float[]){3, -13, 7, 5, 2}), sizeof y);
    OK(cublasSdot_v2(handle, 3, x, 2, y, 2, &result));
    assert_float_equal(result, 3 + 21 + 1, 1e-6);
    OK(cublasIsamax_v2(handle, 5, x, 1, &index));
    assert_int_equal(index, 2); /* counted from 1 */
    OK(cublasIsamin_v2(handle, 5, x, 1, &index));
    assert_int_equal(index, 5);
    OK(cublasIsamax_v2(handle, 0, x, 1, &index));
    assert_int_equal(index, 0);
    OK(cublasSasum_v2(handle, 5, x, 1, &result));
    assert_float_equal(result, 13.5, 1e-6);
    OK(cublasSnrm2_v2(handle, 2, (float[]){3, 4}, 1, &result));
    assert_float_equal(result, 5, 1e-6);
    OK(cublasSscal_v2(handle, 2, &two, x, 2));
    assert_memory_equal(x, ((float[]){2, -7, 6, 2, 0.5f}), sizeof x);
    OK(cublasScopy_v2(handle, 5, x, 1, y, -1)); /* a negative step runs backwards */
    assert_memory_equal(y, ((float[]){0.5f, 2, 6, -7, 2}), sizeof y);
    OK(cublasSswap_v2(handle, 1, x, 1, y, 1));
    assert_float_equal(x[0], 0.5, 0);
    uint16_t halves[2] = {0x3c00, 0x4000}, out; /* 1 and 2 */
    OK(cublasDotEx(handle, 2, halves, CUDA_R_16F, 1, halves, CUDA_R_16F, 1, &out, CUDA_R_16F, CUDA_R_32F));
    assert_int_equal(out, 0x4500); /* 5 */
    float c = 0, s = 1, p = 1, q = 2;
    OK(cublasSrot_v2(handle, 1, &p, 1, &q, 1, &c, &s));
    assert_float_equal(p, 2, 0);
    assert_float_equal(q, -1, 0);
}

static void complex_vectors(void **state)
{
    (void)state;
    cuComplex x[2] = {{1, 2}, {0, 1}}, y[2] = {{3, 0}, {1, 1}}, result;
    float norm;
    OK(cublasCdotu_v2(handle, 2, x, 1, y, 1, &result)); /* (1+2i)3 + i(1+i) */
    assert_true(result.x == 2 && result.y == 7);
    OK(cublasCdotc_v2(handle, 2, x, 1, y, 1, &result)); /* (1-2i)3 - i(1+i) */
    assert_true(result.x == 4 && result.y == -7);
    OK(cublasScasum_v2(handle, 2, x, 1, &norm));
    assert_float_equal(norm, 4, 1e-6);
    float half = 0.5f;
    OK(cublasCsscal_v2(handle, 2, &half, x, 1));
    assert_true(x[0].x == 0.5f && x[0].y == 1.0f);
}

static void matrix_vector(void **state)
{
    (void)state;
    /* column-major 2 x 3: [1 3 5; 2 4 6] */
    float a[6] = {1, 2, 3, 4, 5, 6}, x[3] = {1, 1, 1}, y[3] = {0, 0, 0}, one = 1, zero = 0;
    OK(cublasSgemv_v2(handle, CUBLAS_OP_N, 2, 3, &one, a, 2, x, 1, &zero, y, 1));
    assert_memory_equal(y, ((float[]){9, 12, 0}), sizeof y);
    OK(cublasSgemv_v2(handle, CUBLAS_OP_T, 2, 3, &one, a, 2, x, 1, &zero, y, 1));
    assert_memory_equal(y, ((float[]){3, 7, 11}), sizeof y);
    OK(cublasSger_v2(handle, 2, 2, &one, x, 1, x, 1, a, 2));
    assert_memory_equal(a, ((float[]){2, 3, 4, 5, 5, 6}), sizeof a);
    float t[4] = {2, 3, 0, 4}, b[2] = {2, 11}; /* lower [2 0; 3 4] */
    OK(cublasStrsv_v2(handle, CUBLAS_FILL_MODE_LOWER, CUBLAS_OP_N, CUBLAS_DIAG_NON_UNIT, 2, t, 2, b, 1));
    assert_memory_equal(b, ((float[]){1, 2}), sizeof b);
    OK(cublasStrmv_v2(handle, CUBLAS_FILL_MODE_LOWER, CUBLAS_OP_N, CUBLAS_DIAG_NON_UNIT, 2, t, 2, b, 1));
    assert_memory_equal(b, ((float[]){2, 11}), sizeof b);
    OK(cublasSsymv_v2(handle, CUBLAS_FILL_MODE_LOWER, 2, &one, t, 2, x, 1, &zero, y, 1)); /* [2 3; 3 4] */
    assert_memory_equal(y, ((float[]){5, 7, 11}), sizeof y);
    assert_int_equal(cublasSgemv_v2(handle, CUBLAS_OP_N, 2, 3, &one, a, 1, x, 1, &zero, y, 1),
                     CUBLAS_STATUS_INVALID_VALUE);
}

/* trsm undoes trmm, on both sides, in both fills and transpositions, for a complex type. */
static void triangular_matrices(void **state)
{
    (void)state;
    enum { M = 5, N = 4 };
    cuDoubleComplex a[M * M], b[M * N], c[M * N], one = {1, 0};
    uint32_t seed = 7;
    for (int i = 0; i < M * M; i++)
        a[i] = (cuDoubleComplex){next_number(&seed) + (i % (M + 1) == 0 ? 3 : 0), next_number(&seed)};
    for (int i = 0; i < M * N; i++)
        b[i] = (cuDoubleComplex){next_number(&seed), next_number(&seed)};
    for (int which = 0; which < 12; which++) {
        cublasSideMode_t side = which & 1 ? CUBLAS_SIDE_LEFT : CUBLAS_SIDE_RIGHT;
        cublasFillMode_t fill = which & 2 ? CUBLAS_FILL_MODE_LOWER : CUBLAS_FILL_MODE_UPPER;
        cublasOperation_t op = (cublasOperation_t)(which / 4);
        OK(cublasZtrmm_v2(handle, side, fill, op, CUBLAS_DIAG_NON_UNIT, M, N, &one, a, M, b, M, c, M));
        assert_memory_not_equal(b, c, sizeof b);
        OK(cublasZtrsm_v2(handle, side, fill, op, CUBLAS_DIAG_NON_UNIT, M, N, &one, a, M, c, M));
        for (int i = 0; i < M * N; i++) {
            assert_close(c[i].x, b[i].x, 1e-12, "real", i);
            assert_close(c[i].y, b[i].y, 1e-12, "imaginary", i);
        }
    }
}

static void rank_updates(void **state)
{
    (void)state;
    enum { N = 6, K = 3 };
    double *a = malloc(N * K * sizeof *a), c[N * N] = {0}, one = 1, zero = 0;
    uint32_t seed = 3;
    for (int i = 0; i < N * K; i++)
        a[i] = next_number(&seed);
    OK(cublasDsyrk_v2(handle, CUBLAS_FILL_MODE_LOWER, CUBLAS_OP_N, N, K, &one, a, N, &zero, c, N));
    for (int j = 0; j < N; j++) {
        for (int i = 0; i < N; i++) {
            double want = 0;
            for (int k = 0; k < K && i >= j; k++)
                want += a[i + k * N] * a[j + k * N];
            assert_close(c[i + j * N], want, 1e-14, "element", i + j * N);
        }
    }
    assert_int_equal(cublasDsyrk_v2(handle, CUBLAS_FILL_MODE_FULL, CUBLAS_OP_N, N, K, &one, a, N, &zero, c, N),
                     CUBLAS_STATUS_INVALID_VALUE);
    free(a);
}

static void settings(void **state)
{
    (void)state;
    cublasPointerMode_t mode = CUBLAS_POINTER_MODE_HOST;
    cudaStream_t stream = NULL;
    int version = 0;
    OK(cublasSetPointerMode_v2(handle, CUBLAS_POINTER_MODE_DEVICE));
    OK(cublasGetPointerMode_v2(handle, &mode));
    assert_int_equal(mode, CUBLAS_POINTER_MODE_DEVICE);
    OK(cublasSetPointerMode_v2(handle, CUBLAS_POINTER_MODE_HOST));
    OK(cublasSetStream_v2(handle, (cudaStream_t)(void *)&version));
    OK(cublasGetStream_v2(handle, &stream));
    assert_ptr_equal(stream, &version);
    OK(cublasSetStream_v2(handle, NULL));
    OK(cublasGetVersion_v2(handle, &version));
    int major = 0, minor = 0, patch = 0;
    OK(cublasGetProperty(MAJOR_VERSION, &major));
    OK(cublasGetProperty(MINOR_VERSION, &minor));
    OK(cublasGetProperty(PATCH_LEVEL, &patch));
    assert_int_equal(major * 10000 + minor * 100 + patch, version);
    assert_int_equal(cublasGetProperty((libraryPropertyType)3, &major), CUBLAS_STATUS_INVALID_VALUE);
    assert_in_range(version, 130000, 139999);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),       cmocka_unit_test(complex_vectors),
        cmocka_unit_test(matrix_vector), cmocka_unit_test(triangular_matrices),
        cmocka_unit_test(rank_updates),  cmocka_unit_test(settings),
    };
    return cmocka_run_group_tests(tests, make_handle, drop_handle);
}
