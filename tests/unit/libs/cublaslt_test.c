/* SPDX-License-Identifier: Apache-2.0 */
/* cuBLASLt: descriptors are values in the application's memory; heuristic and multiplication carry their content. */
#include "loop.h"

#include "base/status.h"
#include "cuda/blas/blas.h"
#include "gen/server_bodies.h"

#include "../test.h"

#include <string.h>

static cublasLtHandle_t handle;
static cublasLtMatmulDescOpaque_t desc;
static cublasLtMatrixLayoutOpaque_t a, b, c;
static cublasLtMatmulPreferenceOpaque_t preference;

#define AT(offset) ((void *)(uintptr_t)(LOOP_ARENA + (offset)))

enum { TRANSA = 3, EPILOGUE = 7, BIAS = 8, MAX_WORKSPACE = 1, ORDER = 1, BATCH_COUNT = 5 };

static int setup(void **state)
{
    (void)state;
    loop_reset();
    if (!handle && rrto_client_cublasLtCreate(&handle) != CUBLAS_STATUS_SUCCESS)
        return -1;
    memset(&desc, 0xee, sizeof desc); /* on the stack there is anything */
    rrto_client_cublasLtMatmulDescInit_internal(&desc, sizeof desc, CUBLAS_COMPUTE_32F, CUDA_R_32F);
    rrto_client_cublasLtMatrixLayoutInit_internal(&a, sizeof a, CUDA_R_32F, 4, 5, 4);
    rrto_client_cublasLtMatrixLayoutInit_internal(&b, sizeof b, CUDA_R_32F, 5, 6, 5);
    rrto_client_cublasLtMatrixLayoutInit_internal(&c, sizeof c, CUDA_R_32F, 4, 6, 4);
    rrto_client_cublasLtMatmulPreferenceInit_internal(&preference, sizeof preference);
    return 0;
}

static cublasStatus_t ask(cublasLtMatmulHeuristicResult_t *results, int requested, int *n)
{
    return rrto_client_cublasLtMatmulAlgoGetHeuristic(handle, &desc, &a, &b, &c, &c, &preference, requested, results,
                                                      n);
}

static cublasStatus_t multiply(const void *alpha, const void *beta, const cublasLtMatmulAlgo_t *algo)
{
    return rrto_client_cublasLtMatmul(handle, &desc, alpha, AT(0), &a, AT(256), &b, beta, AT(512), &c, AT(512), &c,
                                      algo, AT(4096), 1024, NULL);
}

static void set_bias(uint64_t address)
{
    uint32_t epilogue = 4;
    assert_int_equal(
        rrto_client_cublasLtMatmulDescSetAttribute(&desc, (cublasLtMatmulDescAttributes_t)EPILOGUE, &epilogue, 4), 0);
    assert_int_equal(
        rrto_client_cublasLtMatmulDescSetAttribute(&desc, (cublasLtMatmulDescAttributes_t)BIAS, &address, 8), 0);
}

static void attributes_are_checked_by_size(void **state)
{
    (void)state;
    int32_t value = 1;
    size_t n = 0;
    assert_int_equal(
        rrto_client_cublasLtMatmulDescSetAttribute(&desc, (cublasLtMatmulDescAttributes_t)TRANSA, &value, 4), 0);
    assert_int_equal(
        rrto_client_cublasLtMatmulDescSetAttribute(&desc, (cublasLtMatmulDescAttributes_t)TRANSA, &value, 8),
        CUBLAS_STATUS_INVALID_VALUE);
    assert_int_equal(rrto_client_cublasLtMatmulDescSetAttribute(&desc, (cublasLtMatmulDescAttributes_t)9, &value, 4),
                     CUBLAS_STATUS_INVALID_VALUE);
    assert_int_equal(rrto_client_cublasLtMatmulDescSetAttribute(&desc, (cublasLtMatmulDescAttributes_t)TRANSA, NULL, 4),
                     CUBLAS_STATUS_INVALID_VALUE);
    value = 0;
    assert_int_equal(
        rrto_client_cublasLtMatmulDescGetAttribute(&desc, (cublasLtMatmulDescAttributes_t)TRANSA, &value, 4, &n), 0);
    assert_int_equal(value, 1);
    assert_int_equal(n, 4);
    assert_int_equal(
        rrto_client_cublasLtMatmulDescGetAttribute(&desc, (cublasLtMatmulDescAttributes_t)BIAS, NULL, 0, &n), 0);
    assert_int_equal(n, 8);
    assert_int_equal(
        rrto_client_cublasLtMatmulDescGetAttribute(&desc, (cublasLtMatmulDescAttributes_t)BIAS, NULL, 0, NULL),
        CUBLAS_STATUS_INVALID_VALUE);
    /* A layout is no matmul descriptor. */
    assert_int_equal(
        rrto_client_cublasLtMatmulDescSetAttribute((void *)&a, (cublasLtMatmulDescAttributes_t)TRANSA, &value, 4),
        CUBLAS_STATUS_INVALID_VALUE);
    assert_int_equal(rrto_client_cublasLtMatmulDescInit_internal(&desc, 16, CUBLAS_COMPUTE_32F, CUDA_R_32F),
                     CUBLAS_STATUS_ALLOC_FAILED);
}

static void heuristic_travels_and_returns_blobs(void **state)
{
    (void)state;
    cublasLtMatmulHeuristicResult_t results[3];
    uint64_t workspace = 1 << 20;
    int32_t batch = 3, n = 0;
    rrto_client_cublasLtMatmulPreferenceSetAttribute(&preference, (cublasLtMatmulPreferenceAttributes_t)MAX_WORKSPACE,
                                                     &workspace, 8);
    rrto_client_cublasLtMatrixLayoutSetAttribute(&b, (cublasLtMatrixLayoutAttribute_t)BATCH_COUNT, &batch, 4);
    set_bias(LOOP_ARENA + 48);
    assert_int_equal(ask(results, 3, &n), 0);
    assert_int_equal(n, 2);
    assert_int_equal(((uint8_t *)&results[1].algo)[5], 0x41);
    assert_int_equal(results[1].workspaceSize, 2000);
    assert_int_equal(vendor.n_open, 0); /* nothing is left on the server */
    assert_int_equal(vendor.compute_type, CUBLAS_COMPUTE_32F);
    assert_int_equal(vendor.desc[TRANSA].n_bytes, 0); /* defaults do not travel */
    assert_int_equal(vendor.desc[EPILOGUE].bytes[0], 4);
    uint64_t address;
    memcpy(&address, vendor.desc[BIAS].bytes, 8);
    assert_int_equal(vendor.desc[BIAS].n_bytes, 8);
    assert_int_equal(address % 32, 16); /* aligned as the bias is, at another place */
    assert_int_not_equal(address, LOOP_ARENA + 48);
    assert_memory_equal(vendor.preference[MAX_WORKSPACE].bytes, &workspace, 8);
    assert_memory_equal(vendor.layouts[1][BATCH_COUNT].bytes, &batch, 4);
    assert_int_equal(vendor.layouts[0][BATCH_COUNT].n_bytes, 0);
    const uint64_t columns = 6;
    assert_memory_equal(vendor.layouts[2][3].bytes, &columns, 8);
}

/* The op's bytes are what a remembered answer is found by. */
static void heuristic_is_canonical(void **state)
{
    (void)state;
    cublasLtMatmulHeuristicResult_t result;
    int n;
    set_bias(LOOP_ARENA + 256);
    assert_int_equal(ask(&result, 1, &n), 0);
    /* Another descriptor, made in another order, with another bias of the same alignment, in other memory. */
    cublasLtMatmulDesc_t made;
    assert_int_equal(rrto_client_cublasLtMatmulDescCreate(&made, CUBLAS_COMPUTE_32F, CUDA_R_32F), 0);
    uint64_t bias = LOOP_ARENA + 512;
    uint32_t epilogue = 4;
    int32_t no = 0;
    rrto_client_cublasLtMatmulDescSetAttribute(made, (cublasLtMatmulDescAttributes_t)BIAS, &bias, 8);
    rrto_client_cublasLtMatmulDescSetAttribute(made, (cublasLtMatmulDescAttributes_t)TRANSA, &no, 4);
    rrto_client_cublasLtMatmulDescSetAttribute(made, (cublasLtMatmulDescAttributes_t)EPILOGUE, &epilogue, 4);
    assert_int_equal(
        rrto_client_cublasLtMatmulAlgoGetHeuristic(handle, made, &a, &b, &c, &c, &preference, 1, &result, &n), 0);
    rrto_client_cublasLtMatmulDescDestroy(made);
    int last = loop_last(RRTO_OP_cublaslt_heuristic);
    assert_int_equal(loop.ops[last].n_bytes, loop.ops[last - 1].n_bytes);
    assert_memory_equal(loop.ops[last].bytes, loop.ops[last - 1].bytes, loop.ops[last].n_bytes);
    /* A bias that is aligned differently is another question. */
    set_bias(LOOP_ARENA + 4);
    assert_int_equal(ask(&result, 1, &n), 0);
    assert_memory_not_equal(loop.ops[last + 1].bytes, loop.ops[last].bytes, loop.ops[last].n_bytes);
}

static void heuristic_refuses(void **state)
{
    (void)state;
    cublasLtMatmulHeuristicResult_t result;
    int n;
    uint32_t limited = 1;
    assert_int_equal(ask(&result, 0, &n), CUBLAS_STATUS_INVALID_VALUE);
    vendor.fails = FAKE_LT_HEURISTIC;
    vendor.fail_status = CUBLAS_STATUS_NOT_SUPPORTED;
    vendor.fail_times = 1;
    assert_int_equal(ask(&result, 1, &n), CUBLAS_STATUS_NOT_SUPPORTED); /* PyTorch falls back to GEMM */
    assert_int_equal(n, 0);
    assert_int_equal(ask(&result, 1, &n), 0);
    assert_int_equal(vendor.n_open, 0);
    rrto_client_cublasLtMatmulPreferenceSetAttribute(&preference, (cublasLtMatmulPreferenceAttributes_t)0, &limited, 4);
    assert_int_equal(ask(&result, 1, &n), CUBLAS_STATUS_NOT_SUPPORTED);
    memset(&c, 0, sizeof c);
    assert_int_equal(ask(&result, 1, &n), CUBLAS_STATUS_INVALID_VALUE);
    assert_int_equal(
        rrto_client_cublasLtMatmulAlgoGetHeuristic(NULL, &desc, &a, &b, &c, &c, &preference, 1, &result, &n),
        CUBLAS_STATUS_NOT_INITIALIZED);
}

static void matmul_carries_everything(void **state)
{
    (void)state;
    cublasLtMatmulAlgo_t algo;
    memset(&algo, 0x77, sizeof algo);
    float alpha = 1.5f, beta = 0.25f;
    set_bias(LOOP_ARENA + 48);
    assert_int_equal(multiply(&alpha, &beta, &algo), 0);
    assert_true(vendor.alpha == 1.5 && vendor.beta == 0.25);
    assert_ptr_equal(vendor.a, AT(0));
    assert_ptr_equal(vendor.d, AT(512));
    assert_ptr_equal(vendor.workspace, AT(4096));
    assert_int_equal(vendor.workspace_bytes, 1024);
    assert_true(vendor.algo_given);
    assert_memory_equal(vendor.algo, &algo, sizeof algo);
    const uint64_t bias = LOOP_ARENA + 48;
    assert_memory_equal(vendor.desc[BIAS].bytes, &bias, 8);
    assert_int_equal(vendor.n_open, 0);
    assert_int_equal(multiply(&alpha, &beta, NULL), 0);
    assert_false(vendor.algo_given);
}

static void alpha_has_the_size_of_the_scale_type(void **state)
{
    (void)state;
    double alpha = 3.0, beta = 0.5;
    rrto_client_cublasLtMatmulDescInit_internal(&desc, sizeof desc, CUBLAS_COMPUTE_64F, CUDA_R_64F);
    assert_int_equal(multiply(&alpha, &beta, NULL), 0);
    assert_true(vendor.alpha == 3.0 && vendor.beta == 0.5);
}

static void device_scalars_travel_as_addresses(void **state)
{
    (void)state;
    int32_t mode = 1;
    rrto_client_cublasLtMatmulDescSetAttribute(&desc, (cublasLtMatmulDescAttributes_t)2, &mode, 4);
    assert_int_equal(multiply(AT(64), AT(68), NULL), 0);
    assert_ptr_equal(vendor.alpha_at, AT(64));
    float host = 1;
    mode = 7;
    rrto_client_cublasLtMatmulDescSetAttribute(&desc, (cublasLtMatmulDescAttributes_t)2, &mode, 4);
    assert_int_equal(multiply(&host, &host, NULL), CUBLAS_STATUS_INVALID_VALUE);
}

static void a_copied_descriptor_is_the_descriptor(void **state)
{
    (void)state;
    float alpha = 1, beta = 0;
    set_bias(LOOP_ARENA + 48);
    cublasLtMatmulDescOpaque_t copy = desc;
    memset(&desc, 0, sizeof desc);
    assert_int_equal(multiply(&alpha, &beta, NULL), CUBLAS_STATUS_INVALID_VALUE); /* overwritten */
    desc = copy;
    assert_int_equal(multiply(&alpha, &beta, NULL), 0);
    assert_int_equal(vendor.desc[EPILOGUE].bytes[0], 4);
}

/* A failing multiplication is the vendor's data, returned unchanged. Its key leaves alpha, beta and addresses out. */
static void matmul_status_and_key(void **state)
{
    (void)state;
    float one = 1, two = 2, zero = 0;
    vendor.fails = FAKE_MATMUL;
    vendor.fail_status = CUBLAS_STATUS_NOT_SUPPORTED;
    vendor.fail_times = 1;
    set_bias(LOOP_ARENA + 48);
    assert_int_equal(multiply(&one, &zero, NULL), CUBLAS_STATUS_NOT_SUPPORTED);
    set_bias(LOOP_ARENA + 80); /* the same alignment */
    assert_int_equal(multiply(&two, &zero, NULL), 0);
    set_bias(LOOP_ARENA + 64);
    assert_int_equal(multiply(&two, &zero, NULL), 0);
    int last = loop_last(RRTO_OP_cublaslt_matmul);
    uint64_t key = rrto_op_key(loop.ops[last - 1].bytes, loop.ops[last - 1].n_bytes);
    assert_true(key == rrto_op_key(loop.ops[last - 2].bytes, loop.ops[last - 2].n_bytes));
    assert_true(key != rrto_op_key(loop.ops[last].bytes, loop.ops[last].n_bytes));
}

static void a_cublas_handle_is_a_cublaslt_handle(void **state)
{
    (void)state;
    cublasHandle_t blas;
    float one = 1;
    assert_int_equal(rrto_client_cublasCreate_v2(&blas), 0);
    assert_int_equal(rrto_client_cublasLtMatmul((cublasLtHandle_t)(void *)blas, &desc, &one, AT(0), &a, AT(256), &b,
                                                &one, AT(512), &c, AT(512), &c, NULL, NULL, 0, NULL),
                     0);
    rrto_client_cublasDestroy_v2(blas);
}

/* What no client of ours writes: the peer is told that it broke the protocol, and the vendor sees none of it. */
static int32_t server_matmul(const uint8_t *run, uint32_t n_run, uint64_t *addresses, uint32_t n_addresses,
                             uint64_t a_address)
{
    struct rrto_cublaslt_wire wire, layout;
    assert_true(rrto_cublaslt_wire_matmul_desc(&wire, &desc));
    assert_true(rrto_cublaslt_wire_layout(&layout, &a));
    memcpy(wire.bytes + wire.n_bytes, run, n_run);
    struct rrto_args_cublaslt_matmul args = {
        .desc = wire.bytes,
        .n_desc = wire.n_bytes + n_run,
        .desc_addresses = addresses,
        .n_desc_addresses = n_addresses,
        .a_layout = layout.bytes,
        .n_a_layout = layout.n_bytes,
        .b_layout = layout.bytes,
        .n_b_layout = layout.n_bytes,
        .c_layout = layout.bytes,
        .n_c_layout = layout.n_bytes,
        .d_layout = layout.bytes,
        .n_d_layout = layout.n_bytes,
        .a = a_address,
    };
    struct rrto_exec exec = {.worker = (struct rrto_worker *)(void *)&loop};
    int32_t status = rrto_server_cublaslt_matmul(&exec, &args);
    assert_int_equal(vendor.n_open, 0);
    return status;
}

static void the_server_refuses(void **state)
{
    (void)state;
    const uint8_t bias[] = {BIAS, 0, 4, 0, 16, 0, 0, 0}, emulation[] = {38, 0, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8};
    const uint8_t address_in_place[] = {BIAS, 0, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8};
    uint64_t inside[] = {LOOP_ARENA + 16, LOOP_ARENA}, outside[] = {0x1234};
    assert_int_equal(server_matmul(bias, sizeof bias, inside, 1, LOOP_ARENA), 0);
    int n = vendor.n_matmuls;
    assert_int_equal(server_matmul(bias, sizeof bias, outside, 1, LOOP_ARENA), RRTO_INVALID);
    assert_int_equal(server_matmul(bias, sizeof bias, inside, 0, LOOP_ARENA), RRTO_INVALID);
    assert_int_equal(server_matmul(bias, sizeof bias, inside, 2, LOOP_ARENA), RRTO_INVALID);
    assert_int_equal(server_matmul(bias, sizeof bias - 1, inside, 1, LOOP_ARENA), RRTO_INVALID);
    assert_int_equal(server_matmul(address_in_place, sizeof address_in_place, inside, 1, LOOP_ARENA), RRTO_INVALID);
    assert_int_equal(server_matmul(emulation, sizeof emulation, NULL, 0, LOOP_ARENA), RRTO_INVALID);
    assert_int_equal(server_matmul(bias, sizeof bias, inside, 1, LOOP_ARENA + LOOP_ARENA_BYTES), RRTO_INVALID);
    assert_int_equal(vendor.n_matmuls, n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(attributes_are_checked_by_size, setup),
        cmocka_unit_test_setup(heuristic_travels_and_returns_blobs, setup),
        cmocka_unit_test_setup(heuristic_is_canonical, setup),
        cmocka_unit_test_setup(heuristic_refuses, setup),
        cmocka_unit_test_setup(matmul_carries_everything, setup),
        cmocka_unit_test_setup(alpha_has_the_size_of_the_scale_type, setup),
        cmocka_unit_test_setup(device_scalars_travel_as_addresses, setup),
        cmocka_unit_test_setup(a_copied_descriptor_is_the_descriptor, setup),
        cmocka_unit_test_setup(matmul_status_and_key, setup),
        cmocka_unit_test_setup(a_cublas_handle_is_a_cublaslt_handle, setup),
        cmocka_unit_test_setup(the_server_refuses, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
