/* SPDX-License-Identifier: Apache-2.0 */
/* cuDNN's backend API, as PyTorch uses it: graph, heuristic, configurations, plan, execution. */
#include "conv.h"

static cudnnHandle_t handle;

#define AT(offset) ((void *)(uintptr_t)(LOOP_ARENA + (offset)))

static int setup(void **state)
{
    (void)state;
    loop_reset();
    return rrto_client_cudnnCreate(&handle) == CUDNN_STATUS_SUCCESS ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    return rrto_client_cudnnDestroy(handle) == CUDNN_STATUS_SUCCESS ? 0 : -1;
}

/* The configurations of a finalised heuristic: two descriptors that the caller destroys. */
static void results(descriptor_t of, descriptor_t *ret_configs)
{
    int64_t n = 0;
    assert_int_equal(get(of, 202, RRTO_CUDNN_TYPE_DESCRIPTOR, 0, &n, NULL), 0);
    assert_int_equal(n, 2);
    ret_configs[0] = create(RRTO_CUDNN_ENGINECFG);
    ret_configs[1] = create(RRTO_CUDNN_ENGINECFG);
    assert_int_equal(get(of, 202, RRTO_CUDNN_TYPE_DESCRIPTOR, 2, &n, ret_configs), 0);
}

static void a_convolution_from_graph_to_execution(void **state)
{
    (void)state;
    descriptor_t over = graph(handle, 8, false), question = heuristic(over, 0), configs[2];
    assert_int_equal(rrto_client_cudnnBackendFinalize(question), 0);
    results(question, configs);
    destroy(question);
    destroy(over);

    descriptor_t engine = create(RRTO_CUDNN_ENGINE);
    int64_t n = 0, index = 0, workspace = 0, value = 0;
    int32_t notes[10], knob = 0;
    assert_int_equal(get(configs[0], 300, RRTO_CUDNN_TYPE_DESCRIPTOR, 1, &n, &engine), 0);
    assert_int_equal(get(engine, 1301, RRTO_CUDNN_TYPE_INT64, 1, &n, &index), 0);
    assert_int_equal(index, 7);
    assert_int_equal(get(engine, 1303, RRTO_CUDNN_TYPE_NUMERICAL_NOTE, 10, &n, notes), 0);
    assert_int_equal(n, 1);
    assert_int_equal(notes[0], RRTO_CUDNN_TYPE_FLOAT); /* what the fake vendor says */
    assert_int_equal(get(engine, 1305, RRTO_CUDNN_TYPE_BEHAVIOR_NOTE, 10, &n, notes), 0);
    assert_int_equal(n, 0);
    descriptor_t knobs[2] = {create(RRTO_CUDNN_KNOB_CHOICE), create(RRTO_CUDNN_KNOB_CHOICE)};
    assert_int_equal(get(configs[1], 302, RRTO_CUDNN_TYPE_DESCRIPTOR, 2, &n, knobs), 0);
    assert_int_equal(n, 2);
    assert_int_equal(get(knobs[1], 600, RRTO_CUDNN_TYPE_KNOB_TYPE, 1, &n, &knob), 0);
    assert_int_equal(get(knobs[1], 601, RRTO_CUDNN_TYPE_INT64, 1, &n, &value), 0);
    assert_int_equal(knob, 3);
    assert_int_equal(value, 1010);

    descriptor_t made = plan(handle, configs[0]);
    assert_int_equal(rrto_client_cudnnBackendFinalize(made), 0);
    assert_int_equal(get(made, 402, RRTO_CUDNN_TYPE_INT64, 1, &n, &workspace), 0);
    assert_int_equal(workspace, 4096);

    const int64_t uids[] = {'x', 'y', 'w'};
    void *pointers[] = {AT(0), AT(4096), AT(8192)};
    descriptor_t variables = pack(3, uids, pointers, AT(65536));
    assert_int_equal(rrto_client_cudnnSetStream(handle, (cudaStream_t)(uintptr_t)2), 0);
    assert_int_equal(rrto_client_cudnnBackendExecute(handle, made, variables), 0);
    assert_int_equal(vendor.n_executes, 1);
    assert_int_equal(vendor.n_pointers, 3);
    assert_memory_equal(vendor.pointers, pointers, sizeof pointers);
    assert_memory_equal(vendor.uids, uids, sizeof uids);
    assert_ptr_equal(vendor.plan_workspace, AT(65536));
    assert_int_equal(loop_count(RRTO_OP_cudnn_set_stream), 1);
    assert_int_equal(rrto_client_cudnnBackendExecute(handle, made, variables), 0);
    assert_int_equal(loop_count(RRTO_OP_cudnn_set_stream), 1);
    /* Other addresses are the same op to the search and to the check of the first execution. */
    int last = loop_last(RRTO_OP_cudnn_execute);
    pointers[0] = AT(12288);
    destroy(variables);
    variables = pack(3, uids, pointers, AT(65536));
    assert_int_equal(rrto_client_cudnnBackendExecute(handle, made, variables), 0);
    assert_true(rrto_op_token(loop.ops[last].bytes, loop.ops[last].n_bytes) ==
                rrto_op_token(loop.ops[last + 1].bytes, loop.ops[last + 1].n_bytes));
    assert_true(rrto_op_key(loop.ops[last].bytes, loop.ops[last].n_bytes) ==
                rrto_op_key(loop.ops[last + 1].bytes, loop.ops[last + 1].n_bytes));
    const descriptor_t all[] = {configs[0], configs[1], engine, knobs[0], knobs[1], made, variables};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        destroy(all[i]);
}

static void equal_content_has_equal_ids(void **state)
{
    (void)state;
    descriptor_t configs[2];
    for (int i = 0; i < 2; i++) {
        descriptor_t over = graph(handle, 16, false), question = heuristic(over, 0);
        assert_int_equal(rrto_client_cudnnBackendFinalize(question), 0);
        results(question, configs);
        descriptor_t made = plan(handle, configs[1]);
        assert_int_equal(rrto_client_cudnnBackendFinalize(made), 0);
        const descriptor_t all[] = {over, question, configs[0], configs[1], made};
        for (size_t k = 0; k < 5; k++)
            destroy(all[k]);
    }
    assert_int_equal(loop_count(RRTO_OP_cudnn_heuristic), 2);
    assert_int_equal(vendor.n_finalized_graphs, 1); /* the second question was answered from what is kept */
    assert_int_equal(vendor.n_plans, 1);
    for (int number = RRTO_OP_cudnn_heuristic, round = 0; round < 2; number = RRTO_OP_cudnn_plan, round++) {
        int second = loop_last((enum rrto_op)number), first = second - 1;
        while (loop.ops[first].number != number)
            first--;
        assert_int_equal(loop.ops[first].n_bytes, loop.ops[second].n_bytes);
        assert_memory_equal(loop.ops[first].bytes, loop.ops[second].bytes, loop.ops[first].n_bytes);
    }
    /* Another width is another question; so is another mode. */
    descriptor_t over = graph(handle, 17, false), question = heuristic(over, 0), fallback = heuristic(over, 2);
    assert_int_equal(rrto_client_cudnnBackendFinalize(question), 0);
    assert_int_equal(rrto_client_cudnnBackendFinalize(fallback), 0);
    assert_int_equal(vendor.n_finalized_graphs, 3);
    destroy(over);
    destroy(question);
    destroy(fallback);
}

/* PyTorch tries the next configuration, then the fallback heuristic. */
static void plans_fail_as_the_vendor_says(void **state)
{
    (void)state;
    descriptor_t over = graph(handle, 20, false), question = heuristic(over, 0), configs[2];
    assert_int_equal(rrto_client_cudnnBackendFinalize(question), 0);
    results(question, configs);
    vendor.fails = FAKE_PLAN;
    vendor.fail_status = CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH;
    vendor.fail_times = 2;
    descriptor_t plans[2] = {plan(handle, configs[0]), plan(handle, configs[1])};
    int open = vendor.n_descriptors;
    assert_int_equal(rrto_client_cudnnBackendFinalize(plans[0]), CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH);
    assert_int_equal(rrto_client_cudnnBackendFinalize(plans[1]), CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH);
    assert_int_equal(vendor.n_descriptors, open); /* what failed is gone */
    int64_t n, workspace;
    assert_int_equal(get(plans[0], 402, RRTO_CUDNN_TYPE_INT64, 1, &n, &workspace),
                     CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED);
    assert_int_equal(rrto_client_cudnnBackendFinalize(plans[1]), 0);
    const descriptor_t all[] = {over, question, configs[0], configs[1], plans[0], plans[1]};
    for (size_t i = 0; i < 6; i++)
        destroy(all[i]);
    vendor.fails = FAKE_HEURISTIC;
    vendor.fail_times = 1;
    vendor.fail_status = CUDNN_STATUS_NOT_SUPPORTED;
    open = vendor.n_descriptors;
    over = graph(handle, 21, false);
    question = heuristic(over, 0);
    assert_int_equal(rrto_client_cudnnBackendFinalize(question), CUDNN_STATUS_NOT_SUPPORTED);
    assert_int_equal(vendor.n_descriptors, open);
    destroy(question);
    destroy(over);
}

/* An application that names the engine itself, with a knob. */
static void own_engines_work(void **state)
{
    (void)state;
    descriptor_t over = graph(handle, 30, false), engine = create(RRTO_CUDNN_ENGINE),
                 config = create(RRTO_CUDNN_ENGINECFG);
    descriptor_t knob = create(RRTO_CUDNN_KNOB_CHOICE);
    const int64_t index = 42, value = 5;
    const int32_t type = 2;
    int64_t n, got = 0;
    assert_int_equal(set(engine, 1300, RRTO_CUDNN_TYPE_DESCRIPTOR, 1, &over), 0);
    assert_int_equal(rrto_client_cudnnBackendFinalize(engine), CUDNN_STATUS_BAD_PARAM); /* no index yet */
    assert_int_equal(set(engine, 1301, RRTO_CUDNN_TYPE_INT64, 1, &index), 0);
    assert_int_equal(set(config, 300, RRTO_CUDNN_TYPE_DESCRIPTOR, 1, &engine), CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED);
    vendor.fails = FAKE_ENGINE;
    vendor.fail_times = 1;
    vendor.fail_status = CUDNN_STATUS_NOT_SUPPORTED;
    assert_int_equal(rrto_client_cudnnBackendFinalize(engine), CUDNN_STATUS_NOT_SUPPORTED);
    assert_int_equal(rrto_client_cudnnBackendFinalize(engine), 0);
    assert_int_equal(get(engine, 1301, RRTO_CUDNN_TYPE_INT64, 1, &n, &got), 0);
    assert_int_equal(got, 42);
    set(knob, 600, RRTO_CUDNN_TYPE_KNOB_TYPE, 1, &type);
    set(knob, 601, RRTO_CUDNN_TYPE_INT64, 1, &value);
    assert_int_equal(rrto_client_cudnnBackendFinalize(knob), 0);
    assert_int_equal(set(config, 300, RRTO_CUDNN_TYPE_DESCRIPTOR, 1, &engine), 0);
    assert_int_equal(set(config, 302, RRTO_CUDNN_TYPE_DESCRIPTOR, 1, &knob), 0);
    assert_int_equal(rrto_client_cudnnBackendFinalize(config), 0);
    descriptor_t made = plan(handle, config);
    assert_int_equal(rrto_client_cudnnBackendFinalize(made), 0);
    const descriptor_t all[] = {over, engine, config, knob, made};
    for (size_t i = 0; i < 5; i++)
        destroy(all[i]);
}

static void values_are_read_at_the_call(void **state)
{
    (void)state;
    descriptor_t over = graph(handle, 40, true), question = heuristic(over, 0), configs[2];
    assert_int_equal(rrto_client_cudnnBackendFinalize(question), 0);
    results(question, configs);
    descriptor_t made = plan(handle, configs[0]);
    assert_int_equal(rrto_client_cudnnBackendFinalize(made), 0);
    double scalar = 2.5;
    const int64_t uids[] = {'x', 99, 'y', 'w'};
    void *pointers[] = {AT(0), &scalar, AT(4096), AT(8192)};
    descriptor_t variables = pack(4, uids, pointers, NULL);
    assert_int_equal(rrto_client_cudnnBackendExecute(handle, made, variables), 0);
    assert_true(vendor.by_value == 2.5);
    assert_ptr_equal(vendor.pointers[2], AT(4096));
    scalar = 3.5;
    assert_int_equal(rrto_client_cudnnBackendExecute(handle, made, variables), 0);
    assert_true(vendor.by_value == 3.5);
    const descriptor_t all[] = {over, question, configs[0], configs[1], made, variables};
    for (size_t i = 0; i < 6; i++)
        destroy(all[i]);
}

static void misuse_is_refused(void **state)
{
    (void)state;
    descriptor_t bad;
    int64_t number = 1, many[9] = {0};
    int32_t small = 0;
    assert_int_equal(rrto_client_cudnnBackendCreateDescriptor((cudnnBackendDescriptorType_t)999, &bad),
                     CUDNN_STATUS_NOT_SUPPORTED);
    assert_int_equal(rrto_client_cudnnBackendCreateDescriptor((cudnnBackendDescriptorType_t)RRTO_CUDNN_TENSOR, NULL),
                     CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    descriptor_t half = create(RRTO_CUDNN_TENSOR);
    assert_int_equal(rrto_client_cudnnBackendFinalize(half), CUDNN_STATUS_BAD_PARAM);
    assert_int_equal(set(half, 906, RRTO_CUDNN_TYPE_FLOAT, 1, &number), CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE);
    assert_int_equal(set(half, 700, RRTO_CUDNN_TYPE_FLOAT, 1, &number), CUDNN_STATUS_BAD_PARAM);
    assert_int_equal(set(half, 902, RRTO_CUDNN_TYPE_INT64, 9, many), CUDNN_STATUS_BAD_PARAM_OUT_OF_BOUND);
    assert_int_equal(set(half, 902, RRTO_CUDNN_TYPE_INT64, -1, many), CUDNN_STATUS_BAD_PARAM_OUT_OF_BOUND);
    assert_int_equal(set(half, 902, RRTO_CUDNN_TYPE_INT64, 2, NULL), CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    assert_int_equal(set(&number, 902, RRTO_CUDNN_TYPE_INT64, 2, many), CUDNN_STATUS_BAD_PARAM);
    destroy(half);
    descriptor_t whole = tensor(1, 1, 1, 1, 1, false);
    assert_int_equal(set(whole, 906, RRTO_CUDNN_TYPE_INT64, 1, &number), CUDNN_STATUS_NOT_INITIALIZED);
    assert_int_equal(get(whole, 901, RRTO_CUDNN_TYPE_DATA_TYPE, 1, &number, &small), 0);
    assert_int_equal(get(whole, 901, RRTO_CUDNN_TYPE_INT64, 1, &number, &number),
                     CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE);
    assert_int_equal(rrto_client_cudnnBackendExecute(handle, whole, whole), CUDNN_STATUS_BAD_PARAM);
    assert_int_equal(rrto_client_cudnnBackendDestroyDescriptor(whole), 0);
    assert_int_equal(rrto_client_cudnnBackendDestroyDescriptor(&number), CUDNN_STATUS_BAD_PARAM);
    assert_int_equal(loop.n_ops, 1); /* the handle: none of this travelled */
}

static void a_lost_session_has_the_right_status(void **state)
{
    (void)state;
    descriptor_t over = graph(handle, 50, false), question = heuristic(over, 0);
    loop.lost = true;
    assert_int_equal(rrto_client_cudnnBackendFinalize(question), CUDNN_STATUS_INTERNAL_ERROR);
    loop.error = (struct rrto_session_error){.library = "cuda", .code = 700};
    assert_int_equal(rrto_client_cudnnBackendFinalize(question), CUDNN_STATUS_EXECUTION_FAILED);
    loop.error = (struct rrto_session_error){.library = "cudnn", .code = 5001};
    assert_int_equal(rrto_client_cudnnBackendFinalize(question), 5001);
    loop.lost = false;
    destroy(question);
    destroy(over);
    assert_int_equal(rrto_client_cudnnGetVersion(), 91900);
    assert_string_equal(rrto_client_cudnnGetErrorString((cudnnStatus_t)3007),
                        "CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_convolution_from_graph_to_execution, setup, teardown),
        cmocka_unit_test_setup_teardown(equal_content_has_equal_ids, setup, teardown),
        cmocka_unit_test_setup_teardown(plans_fail_as_the_vendor_says, setup, teardown),
        cmocka_unit_test_setup_teardown(own_engines_work, setup, teardown),
        cmocka_unit_test_setup_teardown(values_are_read_at_the_call, setup, teardown),
        cmocka_unit_test_setup_teardown(misuse_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lost_session_has_the_right_status, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
