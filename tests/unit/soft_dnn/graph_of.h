/* SPDX-License-Identifier: Apache-2.0 */
/* Building a convolution through the graph API, as an application does. */
#ifndef RRTO_TESTS_SOFT_DNN_GRAPH_OF_H
#define RRTO_TESTS_SOFT_DNN_GRAPH_OF_H

#include "gen/api_cudnn.h"

#define OK(call) assert_int_equal(call, CUDNN_STATUS_SUCCESS)

enum { UID_X = 'x', UID_W = 'w', UID_Y = 'y' };

struct graph_parts {
    cudnnBackendDescriptor_t tensors[3], convolution, operation, graph;
};

static inline cudnnBackendDescriptor_t new_descriptor(cudnnBackendDescriptorType_t type)
{
    cudnnBackendDescriptor_t d = NULL;
    OK(cudnnBackendCreateDescriptor(type, &d));
    return d;
}

static inline void set(cudnnBackendDescriptor_t d, int name, int type, int64_t n, const void *elements)
{
    OK(cudnnBackendSetAttribute(d, (cudnnBackendAttributeName_t)name, (cudnnBackendAttributeType_t)type, n, elements));
}

static inline cudnnBackendDescriptor_t new_tensor(int64_t uid, int type, int n_dims, const int64_t *dims,
                                                  const int64_t *strides)
{
    cudnnBackendDescriptor_t d = new_descriptor(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    int64_t alignment = 16;
    cudnnDataType_t data_type = (cudnnDataType_t)type;
    set(d, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &data_type);
    set(d, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, n_dims, dims);
    set(d, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, n_dims, strides);
    set(d, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &uid);
    set(d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1, &alignment);
    OK(cudnnBackendFinalize(d));
    return d;
}

static inline cudnnBackendDescriptor_t new_convolution(int64_t n_spatial, int mode, const int64_t *before,
                                                       const int64_t *after, const int64_t *stride,
                                                       const int64_t *dilation)
{
    cudnnBackendDescriptor_t d = new_descriptor(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
    cudnnDataType_t compute = CUDNN_DATA_FLOAT;
    cudnnConvolutionMode_t convolution_mode = (cudnnConvolutionMode_t)mode;
    set(d, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &compute);
    set(d, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &convolution_mode);
    set(d, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, 1, &n_spatial);
    set(d, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, n_spatial, before);
    set(d, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, n_spatial, after);
    set(d, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, n_spatial, stride);
    set(d, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, n_spatial, dilation);
    OK(cudnnBackendFinalize(d));
    return d;
}

/* The operation's attributes stand in this order of numbers: alpha, beta, convolution, then w x y (forward), w dx dy,
 * dw x dy. */
static inline void finish_graph(struct graph_parts *parts, cudnnHandle_t handle, int direction, double alpha,
                                double beta)
{
    static const struct {
        cudnnBackendDescriptorType_t type;
        int alpha, x, w, y;
    } operations[] = {
        {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR, 700, 704, 703, 705},
        {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR, 706, 710, 709, 711},
        {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR, 712, 716, 715, 717},
    };
    parts->operation = new_descriptor(operations[direction].type);
    set(parts->operation, operations[direction].alpha, CUDNN_TYPE_DOUBLE, 1, &alpha);
    set(parts->operation, operations[direction].alpha + 1, CUDNN_TYPE_DOUBLE, 1, &beta);
    set(parts->operation, operations[direction].alpha + 2, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &parts->convolution);
    set(parts->operation, operations[direction].x, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &parts->tensors[0]);
    set(parts->operation, operations[direction].w, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &parts->tensors[1]);
    set(parts->operation, operations[direction].y, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &parts->tensors[2]);
    OK(cudnnBackendFinalize(parts->operation));
    parts->graph = new_descriptor(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    set(parts->graph, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle);
    set(parts->graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &parts->operation);
    OK(cudnnBackendFinalize(parts->graph));
}

static inline void drop_graph(struct graph_parts *parts)
{
    for (int i = 0; i < 3; i++)
        OK(cudnnBackendDestroyDescriptor(parts->tensors[i]));
    OK(cudnnBackendDestroyDescriptor(parts->convolution));
    OK(cudnnBackendDestroyDescriptor(parts->operation));
    OK(cudnnBackendDestroyDescriptor(parts->graph));
}

/* A plan through the heuristic: what it answers goes into a configuration of the caller's. */
static inline cudnnStatus_t new_plan(cudnnHandle_t handle, cudnnBackendDescriptor_t graph,
                                     cudnnBackendDescriptor_t *ret_plan)
{
    cudnnBackendDescriptor_t heuristic = new_descriptor(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    cudnnBackendDescriptor_t config = new_descriptor(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    cudnnBackendHeurMode_t mode = CUDNN_HEUR_MODE_INSTANT;
    int64_t n = 0;
    set(heuristic, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &graph);
    set(heuristic, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
    cudnnStatus_t status = cudnnBackendFinalize(heuristic);
    if (status == CUDNN_STATUS_SUCCESS) {
        OK(cudnnBackendGetAttribute(heuristic, CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, &n,
                                    NULL));
        assert_int_equal(n, 1);
        OK(cudnnBackendGetAttribute(heuristic, CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &n,
                                    &config));
        *ret_plan = new_descriptor(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
        set(*ret_plan, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle);
        set(*ret_plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &config);
        status = cudnnBackendFinalize(*ret_plan);
    }
    OK(cudnnBackendDestroyDescriptor(heuristic));
    OK(cudnnBackendDestroyDescriptor(config));
    return status;
}

static inline cudnnBackendDescriptor_t new_pack(void *x, void *w, void *y)
{
    cudnnBackendDescriptor_t pack = new_descriptor(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    void *pointers[3] = {x, w, y}, *workspace = NULL;
    int64_t uids[3] = {UID_X, UID_W, UID_Y};
    set(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, 3, uids);
    set(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, 3, pointers);
    set(pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace);
    OK(cudnnBackendFinalize(pack));
    return pack;
}

#endif
