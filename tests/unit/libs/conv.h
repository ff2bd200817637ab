/* SPDX-License-Identifier: Apache-2.0 */
/* Builds the descriptors of one convolution as PyTorch does, for the tests of the backend API. */
#ifndef TESTS_LIBS_CONV_H
#define TESTS_LIBS_CONV_H

#include "loop.h"

#include "cuda/dnn/dnn.h"

#include "../test.h"

#include <string.h>

typedef cudnnBackendDescriptor_t descriptor_t;

static inline descriptor_t create(int type)
{
    descriptor_t descriptor = NULL;
    assert_int_equal(rrto_client_cudnnBackendCreateDescriptor((cudnnBackendDescriptorType_t)type, &descriptor), 0);
    return descriptor;
}

static inline cudnnStatus_t set(descriptor_t descriptor, int name, int type, int64_t count, const void *data)
{
    return rrto_client_cudnnBackendSetAttribute(descriptor, (cudnnBackendAttributeName_t)name,
                                                (cudnnBackendAttributeType_t)type, count, data);
}

static inline cudnnStatus_t get(descriptor_t descriptor, int name, int type, int64_t requested, int64_t *n, void *data)
{
    return rrto_client_cudnnBackendGetAttribute(descriptor, (cudnnBackendAttributeName_t)name,
                                                (cudnnBackendAttributeType_t)type, requested, n, data);
}

static inline void destroy(descriptor_t descriptor)
{
    assert_int_equal(rrto_client_cudnnBackendDestroyDescriptor(descriptor), 0);
}

/* A finalised 4-d tensor. */
static inline descriptor_t tensor(int64_t uid, int64_t n, int64_t c, int64_t h, int64_t w, bool by_value)
{
    descriptor_t descriptor = create(RRTO_CUDNN_TENSOR);
    const int64_t alignment = 16, dims[] = {n, c, h, w}, strides[] = {c * h * w, h * w, w, 1};
    const int32_t type = by_value ? 1 : 0; /* a double or floats */
    const bool yes = true;
    assert_int_equal(set(descriptor, 901, RRTO_CUDNN_TYPE_DATA_TYPE, 1, &type), 0);
    assert_int_equal(set(descriptor, 902, RRTO_CUDNN_TYPE_INT64, 4, dims), 0);
    assert_int_equal(set(descriptor, 903, RRTO_CUDNN_TYPE_INT64, 4, strides), 0);
    assert_int_equal(set(descriptor, 906, RRTO_CUDNN_TYPE_INT64, 1, &uid), 0);
    assert_int_equal(set(descriptor, 900, RRTO_CUDNN_TYPE_INT64, 1, &alignment), 0);
    if (by_value)
        assert_int_equal(set(descriptor, 908, RRTO_CUDNN_TYPE_BOOLEAN, 1, &yes), 0);
    assert_int_equal(rrto_client_cudnnBackendFinalize(descriptor), 0);
    return descriptor;
}

static inline descriptor_t convolution(void)
{
    descriptor_t descriptor = create(RRTO_CUDNN_CONVOLUTION);
    const int64_t two = 2, ones[] = {1, 1}, zeroes[] = {0, 0};
    const int32_t type = 0, mode = 1;
    assert_int_equal(set(descriptor, 106, RRTO_CUDNN_TYPE_INT64, 1, &two), 0);
    assert_int_equal(set(descriptor, 100, RRTO_CUDNN_TYPE_DATA_TYPE, 1, &type), 0);
    assert_int_equal(set(descriptor, 101, RRTO_CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode), 0);
    assert_int_equal(set(descriptor, 105, RRTO_CUDNN_TYPE_INT64, 2, zeroes), 0);
    assert_int_equal(set(descriptor, 104, RRTO_CUDNN_TYPE_INT64, 2, zeroes), 0);
    assert_int_equal(set(descriptor, 103, RRTO_CUDNN_TYPE_INT64, 2, ones), 0);
    assert_int_equal(set(descriptor, 102, RRTO_CUDNN_TYPE_INT64, 2, ones), 0);
    assert_int_equal(rrto_client_cudnnBackendFinalize(descriptor), 0);
    return descriptor;
}

/* A finalised graph of one forward convolution, whatever it is built from destroyed again. by_value: with a second
 * operation, multiplication by a scalar of uid 99. */
static inline descriptor_t graph(cudnnHandle_t handle, int64_t width, bool by_value)
{
    descriptor_t x = tensor('x', 1, 3, 8, width, false), w = tensor('w', 4, 3, 3, 3, false),
                 y = tensor('y', 1, 4, 6, width - 2, false);
    descriptor_t conv = convolution(), operations[2] = {create(RRTO_CUDNN_OPERATION_CONVOLUTION_FORWARD)},
                 made = create(RRTO_CUDNN_OPERATIONGRAPH);
    const float alpha = 1, beta = 0;
    assert_int_equal(set(operations[0], 700, RRTO_CUDNN_TYPE_FLOAT, 1, &alpha), 0);
    assert_int_equal(set(operations[0], 701, RRTO_CUDNN_TYPE_FLOAT, 1, &beta), 0);
    assert_int_equal(set(operations[0], 702, RRTO_CUDNN_TYPE_DESCRIPTOR, 1, &conv), 0);
    assert_int_equal(set(operations[0], 704, RRTO_CUDNN_TYPE_DESCRIPTOR, 1, &x), 0);
    assert_int_equal(set(operations[0], 703, RRTO_CUDNN_TYPE_DESCRIPTOR, 1, &w), 0);
    assert_int_equal(set(operations[0], 705, RRTO_CUDNN_TYPE_DESCRIPTOR, 1, &y), 0);
    assert_int_equal(rrto_client_cudnnBackendFinalize(operations[0]), 0);
    int64_t n_operations = 1;
    if (by_value) {
        descriptor_t pointwise = create(RRTO_CUDNN_POINTWISE), scalar = tensor(99, 1, 1, 1, 1, true);
        const int32_t multiply = 1, type = 0;
        assert_int_equal(set(pointwise, 0, 14, 1, &multiply), 0);
        assert_int_equal(set(pointwise, 1, RRTO_CUDNN_TYPE_DATA_TYPE, 1, &type), 0);
        assert_int_equal(rrto_client_cudnnBackendFinalize(pointwise), 0);
        operations[1] = create(13);
        assert_int_equal(set(operations[1], 750, RRTO_CUDNN_TYPE_DESCRIPTOR, 1, &pointwise), 0);
        assert_int_equal(set(operations[1], 751, RRTO_CUDNN_TYPE_DESCRIPTOR, 1, &y), 0);
        assert_int_equal(set(operations[1], 752, RRTO_CUDNN_TYPE_DESCRIPTOR, 1, &scalar), 0);
        assert_int_equal(set(operations[1], 753, RRTO_CUDNN_TYPE_DESCRIPTOR, 1, &y), 0);
        assert_int_equal(rrto_client_cudnnBackendFinalize(operations[1]), 0);
        destroy(pointwise);
        destroy(scalar);
        n_operations = 2;
    }
    assert_int_equal(set(made, 800, RRTO_CUDNN_TYPE_HANDLE, 1, &handle), 0);
    assert_int_equal(set(made, 801, RRTO_CUDNN_TYPE_DESCRIPTOR, n_operations, operations), 0);
    assert_int_equal(rrto_client_cudnnBackendFinalize(made), 0);
    for (int64_t i = 0; i < n_operations; i++)
        destroy(operations[i]);
    destroy(x);
    destroy(w);
    destroy(y);
    destroy(conv);
    return made;
}

/* Not finalised. */
static inline descriptor_t heuristic(descriptor_t on_graph, int32_t mode)
{
    descriptor_t made = create(RRTO_CUDNN_ENGINEHEUR);
    assert_int_equal(set(made, 201, RRTO_CUDNN_TYPE_DESCRIPTOR, 1, &on_graph), 0);
    assert_int_equal(set(made, 200, RRTO_CUDNN_TYPE_HEUR_MODE, 1, &mode), 0);
    return made;
}

static inline descriptor_t plan(cudnnHandle_t handle, descriptor_t config)
{
    descriptor_t made = create(RRTO_CUDNN_EXECUTION_PLAN);
    assert_int_equal(set(made, 400, RRTO_CUDNN_TYPE_HANDLE, 1, &handle), 0);
    assert_int_equal(set(made, 401, RRTO_CUDNN_TYPE_DESCRIPTOR, 1, &config), 0);
    return made;
}

static inline descriptor_t pack(int64_t n, const int64_t *uids, void *const *pointers, void *workspace)
{
    descriptor_t made = create(RRTO_CUDNN_VARIANT_PACK);
    assert_int_equal(set(made, 1001, RRTO_CUDNN_TYPE_VOID_PTR, n, pointers), 0);
    assert_int_equal(set(made, 1000, RRTO_CUDNN_TYPE_INT64, n, uids), 0);
    assert_int_equal(set(made, 1003, RRTO_CUDNN_TYPE_VOID_PTR, 1, &workspace), 0);
    assert_int_equal(rrto_client_cudnnBackendFinalize(made), 0);
    return made;
}

#endif
