/* SPDX-License-Identifier: Apache-2.0 */
/* cuBLAS handles: state is local, and reaches the server once, before a call that depends on it. */
#include "loop.h"

#include "cuda/blas/blas.h"

#include "../test.h"

#include <string.h>

static cublasHandle_t handle;

static int setup(void **state)
{
    (void)state;
    loop_reset();
    return rrto_client_cublasCreate_v2(&handle) == CUBLAS_STATUS_SUCCESS ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    loop.lost = false;
    return rrto_client_cublasDestroy_v2(handle) == CUBLAS_STATUS_SUCCESS ? 0 : -1;
}

#define STREAM(n) ((cudaStream_t)(uintptr_t)(n))
#define AT(offset) ((void *)(uintptr_t)(LOOP_ARENA + (offset)))

static void state_is_sent_once(void **state)
{
    (void)state;
    assert_int_equal(rrto_client_cublasSetStream_v2(handle, STREAM(2)), 0);
    assert_int_equal(rrto_client_cublasSetMathMode(handle, CUBLAS_TF32_TENSOR_OP_MATH), 0);
    assert_int_equal(loop.n_ops, 1); /* the creation */
    assert_int_equal(rrto_client_prepare_cublas(handle), 0);
    assert_int_equal(rrto_client_prepare_cublas(handle), 0);
    assert_int_equal(loop_count(RRTO_OP_cublas_state), 1);
    assert_ptr_equal(vendor.stream, (void *)0x5101);
    assert_int_equal(vendor.math_mode, CUBLAS_TF32_TENSOR_OP_MATH);
    /* What PyTorch does around each call: the same again changes nothing. */
    assert_int_equal(rrto_client_cublasSetStream_v2(handle, STREAM(2)), 0);
    assert_int_equal(rrto_client_cublasSetMathMode(handle, CUBLAS_DEFAULT_MATH), 0);
    assert_int_equal(rrto_client_cublasSetMathMode(handle, CUBLAS_TF32_TENSOR_OP_MATH), 0);
    assert_int_equal(rrto_client_prepare_cublas(handle), 0);
    assert_int_equal(loop_count(RRTO_OP_cublas_state), 1);
}

static void default_state_is_not_sent(void **state)
{
    (void)state;
    assert_int_equal(rrto_client_prepare_cublas(handle), 0);
    assert_int_equal(loop_count(RRTO_OP_cublas_state), 0);
}

static void setting_the_stream_drops_the_workspace(void **state)
{
    (void)state;
    assert_int_equal(rrto_client_cublasSetWorkspace_v2(handle, AT(4096), 8192), 0);
    assert_int_equal(rrto_client_prepare_cublas(handle), 0);
    assert_ptr_equal(vendor.workspace, AT(4096));
    assert_int_equal(vendor.workspace_bytes, 8192);
    assert_int_equal(rrto_client_cublasSetStream_v2(handle, STREAM(0)),
                     0); /* the same stream: still back to the default */
    assert_int_equal(rrto_client_prepare_cublas(handle), 0);
    assert_null(vendor.workspace);
    assert_int_equal(vendor.n_set_workspace, 1);
    assert_int_equal(rrto_client_cublasSetWorkspace_v2(handle, AT(4097), 8192), CUBLAS_STATUS_INVALID_VALUE);
}

static void workspace_without_bytes_is_not_the_default(void **state)
{
    (void)state;
    assert_int_equal(rrto_client_cublasSetWorkspace_v2(handle, NULL, 0), 0);
    assert_int_equal(rrto_client_prepare_cublas(handle), 0);
    assert_int_equal(vendor.n_set_workspace, 1);
}

static void modes_read_back(void **state)
{
    (void)state;
    cublasPointerMode_t pointer_mode;
    cublasMath_t math;
    cudaStream_t stream;
    assert_false(rrto_client_device_scalars_cublas(handle));
    assert_int_equal(rrto_client_cublasSetPointerMode_v2(handle, CUBLAS_POINTER_MODE_DEVICE), 0);
    assert_true(rrto_client_device_scalars_cublas(handle));
    assert_int_equal(rrto_client_cublasGetPointerMode_v2(handle, &pointer_mode), 0);
    assert_int_equal(pointer_mode, CUBLAS_POINTER_MODE_DEVICE);
    assert_int_equal(rrto_client_cublasSetMathMode(handle, (cublasMath_t)(CUBLAS_PEDANTIC_MATH | 16)), 0);
    assert_int_equal(rrto_client_cublasGetMathMode(handle, &math), 0);
    assert_int_equal(math, CUBLAS_PEDANTIC_MATH | 16);
    assert_int_equal(rrto_client_cublasSetPointerMode_v2(handle, (cublasPointerMode_t)2), CUBLAS_STATUS_INVALID_VALUE);
    assert_int_equal(rrto_client_cublasSetStream_v2(handle, STREAM(3)), 0);
    assert_int_equal(rrto_client_cublasGetStream_v2(handle, &stream), 0);
    assert_ptr_equal(stream, STREAM(3));
    assert_int_equal(rrto_client_prepare_cublas(handle), 0);
    assert_int_equal(vendor.pointer_mode, 1);
}

static void bad_handles_and_streams(void **state)
{
    (void)state;
    uint32_t id;
    assert_int_equal(rrto_client_cublasSetStream_v2(NULL, STREAM(1)), CUBLAS_STATUS_NOT_INITIALIZED);
    assert_int_equal(rrto_client_cublasDestroy_v2(NULL), CUBLAS_STATUS_NOT_INITIALIZED);
    assert_false(rrto_client_id_cublas(NULL, &id));
    assert_int_equal(rrto_client_cublasSetStream_v2(handle, STREAM(77)), CUBLAS_STATUS_INVALID_VALUE);
    /* A stream that is destroyed while it is set: found out when it would be used. */
    assert_int_equal(rrto_client_cublasSetStream_v2(handle, STREAM(4)), 0);
    loop.streams[3] = 0;
    assert_int_equal(rrto_client_prepare_cublas(handle), CUBLAS_STATUS_INVALID_VALUE);
}

static void a_lost_session_has_the_right_status(void **state)
{
    (void)state;
    cublasHandle_t other;
    loop.lost = true;
    assert_int_equal(rrto_client_cublasCreate_v2(&other), CUBLAS_STATUS_INTERNAL_ERROR); /* transport trouble */
    loop.error = (struct rrto_session_error){.library = "cublas", .code = CUBLAS_STATUS_ARCH_MISMATCH};
    assert_int_equal(rrto_client_cublasCreate_v2(&other), CUBLAS_STATUS_ARCH_MISMATCH);
    loop.error = (struct rrto_session_error){.library = "cuda", .code = 700};
    assert_int_equal(rrto_client_cublasCreate_v2(&other), CUBLAS_STATUS_EXECUTION_FAILED);
}

static void copies_choose_their_shape(void **state)
{
    (void)state;
    float host[64] = {0};
    assert_int_equal(rrto_client_cublasSetVector(8, 4, host, 1, AT(0), 1), 0);
    assert_string_equal(loop.copy, "1D");
    assert_int_equal(rrto_client_cublasGetVectorAsync(8, 4, AT(0), 2, host, 1, STREAM(1)), 0);
    assert_string_equal(loop.copy, "2D async");
    assert_int_equal(rrto_client_cublasSetMatrixAsync(4, 4, 4, host, 4, AT(0), 4, STREAM(1)), 0);
    assert_string_equal(loop.copy, "1D async");
    assert_int_equal(rrto_client_cublasGetMatrix(3, 4, 4, AT(0), 4, host, 3), 0);
    assert_string_equal(loop.copy, "2D");
    assert_int_equal(rrto_client_cublasSetMatrix(4, 4, 4, host, 3, AT(0), 4), CUBLAS_STATUS_INVALID_VALUE);
    assert_int_equal(rrto_client_cublasSetVector(8, 4, host, 0, AT(0), 1), CUBLAS_STATUS_INVALID_VALUE);
}

static void versions_are_the_servers(void **state)
{
    (void)state;
    int value;
    assert_int_equal(rrto_client_cublasGetVersion_v2(handle, &value), 0);
    assert_int_equal(value, 130100);
    assert_int_equal(rrto_client_cublasLtGetVersion(), 130101);
    assert_int_equal(rrto_client_cublasGetProperty((libraryPropertyType)0, &value), 0);
    assert_int_equal(value, 13);
    assert_int_equal(rrto_client_cublasGetProperty((libraryPropertyType)1, &value), 0);
    assert_int_equal(value, 1);
    assert_string_equal(rrto_client_cublasGetStatusName(CUBLAS_STATUS_NOT_SUPPORTED), "CUBLAS_STATUS_NOT_SUPPORTED");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(state_is_sent_once, setup, teardown),
        cmocka_unit_test_setup_teardown(default_state_is_not_sent, setup, teardown),
        cmocka_unit_test_setup_teardown(setting_the_stream_drops_the_workspace, setup, teardown),
        cmocka_unit_test_setup_teardown(workspace_without_bytes_is_not_the_default, setup, teardown),
        cmocka_unit_test_setup_teardown(modes_read_back, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_handles_and_streams, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lost_session_has_the_right_status, setup, teardown),
        cmocka_unit_test_setup_teardown(copies_choose_their_shape, setup, teardown),
        cmocka_unit_test_setup_teardown(versions_are_the_servers, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
