/* SPDX-License-Identifier: Apache-2.0 */
/* The legacy descriptors and the handle, as the soft cuDNN keeps them behind the vendor's opaque pointers. */
#ifndef RRTO_SOFT_DNN_DESCRIPTORS_H
#define RRTO_SOFT_DNN_DESCRIPTORS_H

#include "blas/stream.h"
#include "dnn/tensor.h"
#include "gen/api_cudnn.h"

struct rrto_dnn_handle {
    void *stream;
};

struct rrto_dnn_filter {
    struct rrto_dnn_tensor tensor;
    int format;
};

struct rrto_dnn_convolution_settings {
    int n_spatial, mode, compute_type, n_groups, math_type;
    int pad[3], stride[3], dilation[3];
};

struct rrto_dnn_pooling {
    int mode, n_spatial;
    int window[3], pad[3], stride[3];
};

struct rrto_dnn_activation {
    int mode, nan_propagation;
    double coefficient;
};

static inline void *rrto_dnn_stream(cudnnHandle_t handle)
{
    return ((const struct rrto_dnn_handle *)(const void *)handle)->stream;
}

/* Entry of a call that computes at the call: everything before it is done. */
static inline void rrto_dnn_settle(cudnnHandle_t handle)
{
    if (handle)
        rrto_soft_stream_settle(rrto_dnn_stream(handle));
}

static inline const struct rrto_dnn_tensor *rrto_dnn_tensor_of(const cudnnTensorDescriptor_t descriptor)
{
    return (const struct rrto_dnn_tensor *)(const void *)descriptor;
}

static inline cudnnStatus_t rrto_dnn_status(enum rrto_dnn_result result)
{
    switch (result) {
    case RRTO_DNN_DONE:
        return CUDNN_STATUS_SUCCESS;
    case RRTO_DNN_BAD:
        return CUDNN_STATUS_BAD_PARAM;
    case RRTO_DNN_UNSUPPORTED:
        return CUDNN_STATUS_NOT_SUPPORTED;
    default:
        return CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
    }
}

/* alpha and beta are floats for every type that is computed with here. */
static inline double rrto_dnn_scalar(const void *scalar)
{
    return (double)*(const float *)scalar;
}

#endif
