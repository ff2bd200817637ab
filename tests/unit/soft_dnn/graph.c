/* SPDX-License-Identifier: Apache-2.0 */
/* The graph API around the computation: what is answered, what is refused, and where. One and three spatial dimensions
 * too. */
#include "../test.h"

#include <math.h>
#include <string.h>

#include "graph_of.h"

static cudnnHandle_t handle;

static int make_handle(void **state)
{
    (void)state;
    return cudnnCreate(&handle) != CUDNN_STATUS_SUCCESS;
}

static int drop_handle(void **state)
{
    (void)state;
    return cudnnDestroy(handle) != CUDNN_STATUS_SUCCESS;
}

/* x (1, 1, 4), w (1, 1, 2), y (1, 1, 3) */
static struct graph_parts small(int type, int64_t n_out)
{
    static const int64_t zero[1] = {0}, one[1] = {1};
    struct graph_parts parts;
    parts.tensors[0] = new_tensor(UID_X, type, 3, (const int64_t[]){1, 1, 4}, (const int64_t[]){4, 4, 1});
    parts.tensors[1] = new_tensor(UID_W, type, 3, (const int64_t[]){1, 1, 2}, (const int64_t[]){2, 2, 1});
    parts.tensors[2] = new_tensor(UID_Y, type, 3, (const int64_t[]){1, 1, n_out}, (const int64_t[]){n_out, n_out, 1});
    parts.convolution = new_convolution(1, 1, zero, zero, one, one);
    finish_graph(&parts, handle, 0, 1.0, 0.0);
    return parts;
}

static void one_dimension(void **state)
{
    (void)state;
    struct graph_parts parts = small(CUDNN_DATA_FLOAT, 3);
    float x[4] = {1, 2, 3, 4}, w[2] = {10, 1}, y[3] = {NAN, NAN, NAN};
    cudnnBackendDescriptor_t plan = NULL;
    OK(new_plan(handle, parts.graph, &plan));
    drop_graph(&parts); /* a plan keeps what it was made from */
    cudnnBackendDescriptor_t pack = new_pack(x, w, y);
    OK(cudnnBackendExecute(handle, plan, pack));
    assert_memory_equal(y, ((float[]){12, 23, 34}), sizeof y);
    OK(cudnnBackendDestroyDescriptor(pack));
    pack = new_pack(x, NULL, y);
    assert_int_equal(cudnnBackendExecute(handle, plan, pack), CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    OK(cudnnBackendDestroyDescriptor(pack));
    OK(cudnnBackendDestroyDescriptor(plan));
}

static void three_dimensions(void **state)
{
    (void)state;
    static const int64_t zero[3] = {0, 0, 0}, one[3] = {1, 1, 1}, two[3] = {1, 1, 2};
    struct graph_parts parts;
    parts.tensors[0] =
        new_tensor(UID_X, CUDNN_DATA_FLOAT, 5, (const int64_t[]){1, 1, 2, 2, 4}, (const int64_t[]){16, 16, 8, 4, 1});
    parts.tensors[1] =
        new_tensor(UID_W, CUDNN_DATA_FLOAT, 5, (const int64_t[]){1, 1, 2, 2, 2}, (const int64_t[]){8, 8, 4, 2, 1});
    parts.tensors[2] =
        new_tensor(UID_Y, CUDNN_DATA_FLOAT, 5, (const int64_t[]){1, 1, 1, 1, 2}, (const int64_t[]){2, 2, 2, 2, 1});
    parts.convolution = new_convolution(3, 1, zero, zero, two, one);
    finish_graph(&parts, handle, 0, 1.0, 0.0);
    float x[16], w[8] = {1, 0, 0, 0, 0, 0, 0, 100}, y[2];
    for (int i = 0; i < 16; i++)
        x[i] = (float)i;
    cudnnBackendDescriptor_t plan = NULL, pack = new_pack(x, w, y);
    OK(new_plan(handle, parts.graph, &plan));
    OK(cudnnBackendExecute(handle, plan, pack));
    assert_memory_equal(y, ((float[]){1300, 2 + 1500}), sizeof y);
    OK(cudnnBackendDestroyDescriptor(plan));
    OK(cudnnBackendDestroyDescriptor(pack));
    drop_graph(&parts);
}

static void questions_about_an_engine(void **state)
{
    (void)state;
    struct graph_parts parts = small(CUDNN_DATA_FLOAT, 3);
    cudnnBackendDescriptor_t engine = new_descriptor(CUDNN_BACKEND_ENGINE_DESCRIPTOR), plan = NULL;
    int64_t index = 0, n = -1, bytes = -1;
    int notes[8];
    set(engine, CUDNN_ATTR_ENGINE_OPERATION_GRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &parts.graph);
    set(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1, &index);
    assert_int_equal(cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1, &n, &index),
                     CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED);
    OK(cudnnBackendFinalize(engine));
    OK(cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE, 8, &n, notes));
    assert_int_equal(n, 0);
    assert_int_equal(cudnnBackendSetAttribute(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1, &index),
                     CUDNN_STATUS_BAD_PARAM);
    OK(new_plan(handle, parts.graph, &plan));
    OK(cudnnBackendGetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &n, &bytes));
    assert_int_equal(n, 1);
    assert_int_equal(bytes, 0);
    OK(cudnnBackendDestroyDescriptor(plan));
    OK(cudnnBackendDestroyDescriptor(engine));
    cudnnBackendDescriptor_t other = new_descriptor(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
    index = 1;
    set(other, CUDNN_ATTR_ENGINE_OPERATION_GRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &parts.graph);
    set(other, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1, &index);
    assert_int_equal(cudnnBackendFinalize(other), CUDNN_STATUS_NOT_SUPPORTED);
    OK(cudnnBackendDestroyDescriptor(other));
    drop_graph(&parts);
}

static void refusals(void **state)
{
    (void)state;
    cudnnBackendDescriptor_t plan = NULL;
    struct graph_parts wrong_size = small(CUDNN_DATA_FLOAT, 5), wrong_type = small(CUDNN_DATA_DOUBLE, 3);
    assert_int_equal(new_plan(handle, wrong_size.graph, &plan), CUDNN_STATUS_BAD_PARAM);
    assert_int_equal(new_plan(handle, wrong_type.graph, &plan), CUDNN_STATUS_NOT_SUPPORTED);
    /* two operations: a fused graph */
    struct graph_parts parts = small(CUDNN_DATA_FLOAT, 3);
    cudnnBackendDescriptor_t both[2] = {parts.operation, parts.operation},
                             fused = new_descriptor(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    set(fused, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 2, both);
    OK(cudnnBackendFinalize(fused));
    assert_int_equal(new_plan(handle, fused, &plan), CUDNN_STATUS_NOT_SUPPORTED);
    OK(cudnnBackendDestroyDescriptor(fused));
    /* an attribute may only name finalised descriptors */
    cudnnBackendDescriptor_t open = new_descriptor(CUDNN_BACKEND_TENSOR_DESCRIPTOR),
                             graph = new_descriptor(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    assert_int_equal(cudnnBackendFinalize(open), CUDNN_STATUS_BAD_PARAM);
    assert_int_equal(
        cudnnBackendSetAttribute(graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &open),
        CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED);
    OK(cudnnBackendDestroyDescriptor(open));
    OK(cudnnBackendDestroyDescriptor(graph));
    drop_graph(&parts);
    drop_graph(&wrong_size);
    drop_graph(&wrong_type);
    assert_int_equal(cudnnGetVersion(), 92600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_dimension),
        cmocka_unit_test(three_dimensions),
        cmocka_unit_test(questions_about_an_engine),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, make_handle, drop_handle);
}
