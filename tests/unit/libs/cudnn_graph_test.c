/* SPDX-License-Identifier: Apache-2.0 */
/* The wire form of a backend graph: the server builds what the client wrote, and refuses everything else. */
#include "conv.h"

#include "base/status.h"
#include "exec/cudnn.h"

#include <stdlib.h>

static uint8_t *bytes; /* a graph of two operations, 8-aligned */
static size_t n_bytes;

static int setup(void **state)
{
    (void)state;
    loop_reset();
    cudnnHandle_t handle;
    if (rrto_client_cudnnCreate(&handle) != CUDNN_STATUS_SUCCESS)
        return -1;
    descriptor_t over = graph(handle, 8, true), question = heuristic(over, 0);
    if (rrto_client_cudnnBackendFinalize(question) != CUDNN_STATUS_SUCCESS)
        return -1;
    int at = loop_last(RRTO_OP_cudnn_heuristic);
    struct rrto_dec dec;
    struct rrto_args_cudnn_heuristic args;
    rrto_dec_init(&dec, loop.ops[at].bytes, loop.ops[at].n_bytes);
    if (loop.ops[at].n_bytes > sizeof loop.ops[at].bytes || !rrto_unpack_cudnn_heuristic(&dec, &args))
        return -1;
    n_bytes = args.n_graph;
    bytes = malloc(n_bytes);
    memcpy(bytes, args.graph, n_bytes);
    destroy(question);
    destroy(over);
    rrto_client_cudnnDestroy(handle);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(bytes);
    return 0;
}

static int32_t build(const uint8_t *data, size_t n)
{
    static struct rrto_cudnn_built built;
    int open = vendor.n_descriptors;
    int32_t status = rrto_cudnn_graph_build(&vendor.table, (cudnnHandle_t)(void *)&vendor, data, n, &built);
    if (status == RRTO_OK)
        rrto_cudnn_graph_destroy(&vendor.table, &built);
    assert_int_equal(vendor.n_descriptors, open);
    return status;
}

static void what_was_written_is_built(void **state)
{
    (void)state;
    struct rrto_cudnn_built built;
    assert_int_equal(rrto_cudnn_graph_build(&vendor.table, (cudnnHandle_t)(void *)&vendor, bytes, n_bytes, &built),
                     RRTO_OK);
    assert_int_equal(built.root_type, RRTO_CUDNN_OPERATIONGRAPH);
    assert_int_equal(built.n_nodes,
                     9); /* four tensors (y once), convolution, multiplication, two operations, the graph */
    assert_int_equal(built.n_by_value, 1);
    assert_int_equal(built.by_value[0], 99);
    rrto_cudnn_graph_destroy(&vendor.table, &built);
}

static void truncation_is_refused(void **state)
{
    (void)state;
    for (size_t n = 0; n < n_bytes; n++)
        assert_int_equal(build(bytes, n), RRTO_INVALID);
    uint8_t *longer = calloc(1, n_bytes + 8);
    memcpy(longer, bytes, n_bytes);
    assert_int_equal(build(longer, n_bytes + 8), RRTO_INVALID);
    free(longer);
}

/* Any one bit: refused by us or by the vendor, or built; never a stray access, never a leak. */
static void flipped_bits_do_no_harm(void **state)
{
    (void)state;
    size_t n_refused = 0;
    for (size_t bit = 0; bit < n_bytes * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        n_refused += build(bytes, n_bytes) != RRTO_OK;
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(n_refused > 100);
    assert_int_equal(build(bytes, n_bytes), RRTO_OK);
}

static void put32(uint8_t **at, uint32_t value)
{
    memcpy(*at, &value, sizeof value);
    *at += sizeof value;
}

/* A graph of one node with one attribute. */
static int32_t build_one(uint32_t descriptor_type, uint32_t name, uint32_t type, uint32_t count, uint32_t n,
                         uint64_t data)
{
    _Alignas(8) uint8_t one[64] = {0};
    uint8_t *at = one;
    const uint32_t head[] = {1, 0, descriptor_type, 1, name, type, count, n};
    for (size_t i = 0; i < 8; i++)
        put32(&at, head[i]);
    memcpy(at, &data, sizeof data);
    return build(one, (size_t)(at - one) + (n ? 8 : 0));
}

static void dangerous_attributes_are_refused(void **state)
{
    (void)state;
    const uint32_t name = RRTO_CUDNN_TENSOR_UNIQUE_ID;
    assert_int_equal(build_one(RRTO_CUDNN_TENSOR, name, RRTO_CUDNN_TYPE_INT64, 1, 8, 5), RRTO_OK);
    assert_int_equal(build_one(RRTO_CUDNN_TENSOR, name, RRTO_CUDNN_TYPE_VOID_PTR, 1, 8, 0x1234), RRTO_INVALID);
    assert_int_equal(build_one(RRTO_CUDNN_TENSOR, name, RRTO_CUDNN_TYPE_HANDLE, 1, 8, 0x1234), RRTO_INVALID);
    assert_int_equal(build_one(RRTO_CUDNN_TENSOR, name, RRTO_CUDNN_TYPE_DESCRIPTOR, 1, 4, 0),
                     RRTO_INVALID); /* itself */
    assert_int_equal(build_one(RRTO_CUDNN_TENSOR, name, RRTO_CUDNN_TYPE_INT64, 2, 8, 5), RRTO_INVALID);
    assert_int_equal(build_one(RRTO_CUDNN_TENSOR, name, 200, 1, 8, 5), RRTO_INVALID);
    assert_int_equal(build_one(RRTO_CUDNN_VARIANT_PACK, 1000, RRTO_CUDNN_TYPE_INT64, 1, 8, 5), RRTO_INVALID);
    assert_int_equal(build_one(RRTO_CUDNN_EXECUTION_PLAN, 400, RRTO_CUDNN_TYPE_HANDLE, 1, 0, 0), RRTO_INVALID);
    assert_int_equal(build_one(1000, 0, RRTO_CUDNN_TYPE_INT64, 1, 8, 5), RRTO_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_written_is_built, setup, teardown),
        cmocka_unit_test_setup_teardown(truncation_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(flipped_bits_do_no_harm, setup, teardown),
        cmocka_unit_test_setup_teardown(dangerous_attributes_are_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
