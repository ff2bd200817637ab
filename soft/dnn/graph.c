/* SPDX-License-Identifier: Apache-2.0 */
/* What the graph API computes: graphs of one convolution, or one of its gradients. Everything else is refused at the
 * heuristic and at the plan, where an application expects to be refused. */
#include <string.h>

#include "dnn/backend.h"

#define EXPORT RRTO_SOFT_EXPORT cudnnStatus_t

/* The attributes of the three operations: alpha, beta, convolution, w, x, y in each one's own numbers. */
static const struct operation {
    int type;
    enum rrto_dnn_direction direction;
    int alpha, beta, convolution, w, x, y;
} operations[] = {
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR, RRTO_DNN_FORWARD,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y},
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR, RRTO_DNN_BACKWARD_DATA,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY},
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR, RRTO_DNN_BACKWARD_FILTER,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY},
};

static const struct operation *find_operation(int type)
{
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        if (operations[i].type == type)
            return &operations[i];
    }
    return NULL;
}

/* An int64 array of exactly n elements. */
static bool read_array(const struct rrto_dnn_descriptor *d, int name, int64_t *to, int64_t n)
{
    const struct rrto_dnn_attribute *a = d ? rrto_dnn_attribute_find(d, name) : NULL;
    if (!a || a->type != CUDNN_TYPE_INT64 || a->count != n)
        return false;
    memcpy(to, a->elements, (size_t)n * sizeof *to);
    return true;
}

static enum rrto_dnn_result read_tensor(const struct rrto_dnn_descriptor *operation, int name,
                                        struct rrto_dnn_tensor *ret_tensor, int64_t *ret_uid)
{
    const struct rrto_dnn_descriptor *d = rrto_dnn_attribute_descriptor(operation, name);
    const struct rrto_dnn_attribute *dims = d ? rrto_dnn_attribute_find(d, CUDNN_ATTR_TENSOR_DIMENSIONS) : NULL;
    if (!dims || d->type != CUDNN_BACKEND_TENSOR_DESCRIPTOR || dims->count < 1 || dims->count > RRTO_DNN_MAX_DIMS)
        return RRTO_DNN_BAD;
    *ret_tensor = (struct rrto_dnn_tensor){.n_dims = (int)dims->count};
    ret_tensor->type = (int)rrto_dnn_attribute_int(d, CUDNN_ATTR_TENSOR_DATA_TYPE, -1);
    if (!read_array(d, CUDNN_ATTR_TENSOR_DIMENSIONS, ret_tensor->dims, dims->count) ||
        !read_array(d, CUDNN_ATTR_TENSOR_STRIDES, ret_tensor->strides, dims->count))
        return RRTO_DNN_BAD;
    *ret_uid = rrto_dnn_attribute_int(d, CUDNN_ATTR_TENSOR_UNIQUE_ID, 0);
    bool special = rrto_dnn_attribute_int(d, CUDNN_ATTR_TENSOR_IS_VIRTUAL, 0) != 0 ||
                   rrto_dnn_attribute_int(d, CUDNN_ATTR_TENSOR_IS_BY_VALUE, 0) != 0 ||
                   rrto_dnn_attribute_int(d, CUDNN_ATTR_TENSOR_VECTOR_COUNT, 1) != 1;
    return special ? RRTO_DNN_UNSUPPORTED : RRTO_DNN_DONE;
}

static enum rrto_dnn_result read_settings(struct rrto_dnn_convolution *c, const struct rrto_dnn_descriptor *d)
{
    if (!d || d->type != CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR)
        return RRTO_DNN_BAD;
    int64_t n = rrto_dnn_attribute_int(d, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, 0);
    if (n < 1 || n > 3)
        return RRTO_DNN_UNSUPPORTED;
    c->n_spatial = (int)n;
    c->flip = rrto_dnn_attribute_int(d, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_CROSS_CORRELATION) == CUDNN_CONVOLUTION;
    bool read = read_array(d, CUDNN_ATTR_CONVOLUTION_DILATIONS, c->dilation, n) &&
                read_array(d, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, c->stride, n) &&
                read_array(d, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, c->pad_before, n) &&
                read_array(d, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, c->pad_after, n);
    return read ? RRTO_DNN_DONE : RRTO_DNN_BAD;
}

enum rrto_dnn_result rrto_dnn_graph_read(struct rrto_dnn_graph *ret_graph, const struct rrto_dnn_descriptor *graph)
{
    const struct rrto_dnn_attribute *ops = graph ? rrto_dnn_attribute_find(graph, CUDNN_ATTR_OPERATIONGRAPH_OPS) : NULL;
    if (!ops || ops->type != CUDNN_TYPE_BACKEND_DESCRIPTOR)
        return RRTO_DNN_BAD;
    const struct rrto_dnn_descriptor *d = ops->count == 1 ? *(struct rrto_dnn_descriptor **)ops->elements : NULL;
    const struct operation *operation = d ? find_operation(d->type) : NULL;
    if (!operation)
        return RRTO_DNN_UNSUPPORTED; /* fused graphs, and operations other than convolutions */
    struct rrto_dnn_convolution *c = &ret_graph->convolution;
    *c = (struct rrto_dnn_convolution){.direction = operation->direction};
    c->alpha = rrto_dnn_attribute_real(d, operation->alpha, 1.0);
    c->beta = rrto_dnn_attribute_real(d, operation->beta, 0.0);
    enum rrto_dnn_result result = read_settings(c, rrto_dnn_attribute_descriptor(d, operation->convolution));
    if (result == RRTO_DNN_DONE)
        result = read_tensor(d, operation->x, &c->x, &ret_graph->x_uid);
    if (result == RRTO_DNN_DONE)
        result = read_tensor(d, operation->w, &c->w, &ret_graph->w_uid);
    if (result == RRTO_DNN_DONE)
        result = read_tensor(d, operation->y, &c->y, &ret_graph->y_uid);
    return result == RRTO_DNN_DONE ? rrto_dnn_convolution_check(c) : result;
}

static const struct rrto_dnn_descriptor *graph_of_plan(const struct rrto_dnn_descriptor *plan)
{
    const struct rrto_dnn_descriptor *config =
        rrto_dnn_attribute_descriptor(plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG);
    const struct rrto_dnn_descriptor *engine =
        config ? rrto_dnn_attribute_descriptor(config, CUDNN_ATTR_ENGINECFG_ENGINE) : NULL;
    return engine ? rrto_dnn_attribute_descriptor(engine, CUDNN_ATTR_ENGINE_OPERATION_GRAPH) : NULL;
}

static cudnnStatus_t check_graph(const struct rrto_dnn_descriptor *graph)
{
    struct rrto_dnn_graph read;
    return graph ? rrto_dnn_status(rrto_dnn_graph_read(&read, graph)) : CUDNN_STATUS_BAD_PARAM;
}

static cudnnStatus_t check_tensor(const struct rrto_dnn_descriptor *d)
{
    const struct rrto_dnn_attribute *dims = rrto_dnn_attribute_find(d, CUDNN_ATTR_TENSOR_DIMENSIONS);
    const struct rrto_dnn_attribute *strides = rrto_dnn_attribute_find(d, CUDNN_ATTR_TENSOR_STRIDES);
    bool complete = dims && strides && dims->count == strides->count && dims->count <= RRTO_DNN_MAX_DIMS &&
                    rrto_dnn_attribute_find(d, CUDNN_ATTR_TENSOR_DATA_TYPE) &&
                    rrto_dnn_attribute_find(d, CUDNN_ATTR_TENSOR_UNIQUE_ID);
    return complete ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_BAD_PARAM;
}

cudnnStatus_t rrto_dnn_finalise_check(const struct rrto_dnn_descriptor *d)
{
    switch (d->type) {
    case CUDNN_BACKEND_TENSOR_DESCRIPTOR:
        return check_tensor(d);
    case CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR:
        return rrto_dnn_attribute_descriptor(d, CUDNN_ATTR_OPERATIONGRAPH_OPS) ? CUDNN_STATUS_SUCCESS
                                                                               : CUDNN_STATUS_BAD_PARAM;
    case CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR:
        return check_graph(rrto_dnn_attribute_descriptor(d, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH));
    case CUDNN_BACKEND_ENGINE_DESCRIPTOR:
        if (rrto_dnn_attribute_int(d, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, -1) != 0)
            return CUDNN_STATUS_NOT_SUPPORTED; /* there is one engine */
        return check_graph(rrto_dnn_attribute_descriptor(d, CUDNN_ATTR_ENGINE_OPERATION_GRAPH));
    case CUDNN_BACKEND_ENGINECFG_DESCRIPTOR:
        return rrto_dnn_attribute_descriptor(d, CUDNN_ATTR_ENGINECFG_ENGINE) ? CUDNN_STATUS_SUCCESS
                                                                             : CUDNN_STATUS_BAD_PARAM;
    case CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR:
        return check_graph(graph_of_plan(d));
    default:
        return CUDNN_STATUS_SUCCESS;
    }
}

/* The variant pack's pointer for a tensor, or NULL. */
static void *find_pointer(const struct rrto_dnn_attribute *uids, const struct rrto_dnn_attribute *pointers, int64_t uid)
{
    for (int64_t i = 0; i < uids->count; i++) {
        if (((const int64_t *)uids->elements)[i] == uid)
            return ((void **)pointers->elements)[i];
    }
    return NULL;
}

struct execution {
    struct rrto_dnn_convolution convolution;
    void *x, *w, *y;
};

static int run_later(void *arg)
{
    const struct execution *e = arg;
    return (int)rrto_dnn_convolution_run(&e->convolution, e->x, e->w, e->y);
}

EXPORT cudnnBackendExecute(cudnnHandle_t handle, cudnnBackendDescriptor_t executionPlan,
                           cudnnBackendDescriptor_t variantPack)
{
    const struct rrto_dnn_descriptor *plan = executionPlan, *pack = variantPack;
    if (!handle || !plan || !pack || plan->type != CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR ||
        pack->type != CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR)
        return CUDNN_STATUS_BAD_PARAM;
    if (!plan->final || !pack->final)
        return CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED;
    const struct rrto_dnn_attribute *uids = rrto_dnn_attribute_find(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
    const struct rrto_dnn_attribute *pointers = rrto_dnn_attribute_find(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
    if (!uids || !pointers || uids->type != CUDNN_TYPE_INT64 || pointers->type != CUDNN_TYPE_VOID_PTR ||
        uids->count != pointers->count)
        return CUDNN_STATUS_BAD_PARAM;
    struct rrto_dnn_graph graph;
    enum rrto_dnn_result result = rrto_dnn_graph_read(&graph, graph_of_plan(plan));
    if (result != RRTO_DNN_DONE)
        return rrto_dnn_status(result);
    void *x = find_pointer(uids, pointers, graph.x_uid), *w = find_pointer(uids, pointers, graph.w_uid),
         *y = find_pointer(uids, pointers, graph.y_uid);
    if (!x || !w || !y)
        return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
    struct execution execution = {graph.convolution, x, w, y};
    int error;
    result = rrto_dnn_convolution_check(&graph.convolution);
    if (result == RRTO_DNN_DONE &&
        rrto_soft_defer(rrto_dnn_stream(handle), run_later, &execution, sizeof execution, &error))
        return error ? CUDNN_STATUS_EXECUTION_FAILED : CUDNN_STATUS_SUCCESS;
    if (result == RRTO_DNN_DONE)
        result = rrto_dnn_convolution_run(&graph.convolution, x, w, y);
    return rrto_dnn_status(result);
}
