/* SPDX-License-Identifier: Apache-2.0 */
/* Creating, setting and reading the legacy descriptors. */
#include "dnn/descriptors.h"

#include <stdlib.h>

#define EXPORT RRTO_SOFT_EXPORT cudnnStatus_t

#define CREATE_AND_DESTROY(Name, Handle, struct_name)                                                                  \
    EXPORT cudnnCreate##Name##Descriptor(Handle *descriptor)                                                           \
    {                                                                                                                  \
        if (!descriptor)                                                                                               \
            return CUDNN_STATUS_BAD_PARAM;                                                                             \
        void *created = calloc(1, sizeof(struct struct_name));                                                         \
        if (!created)                                                                                                  \
            return CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;                                                 \
        *descriptor = (Handle)created;                                                                                 \
        return CUDNN_STATUS_SUCCESS;                                                                                   \
    }                                                                                                                  \
    EXPORT cudnnDestroy##Name##Descriptor(Handle descriptor)                                                           \
    {                                                                                                                  \
        free((void *)descriptor);                                                                                      \
        return CUDNN_STATUS_SUCCESS;                                                                                   \
    }
CREATE_AND_DESTROY(Tensor, cudnnTensorDescriptor_t, rrto_dnn_tensor)
CREATE_AND_DESTROY(Filter, cudnnFilterDescriptor_t, rrto_dnn_filter)
CREATE_AND_DESTROY(Convolution, cudnnConvolutionDescriptor_t, rrto_dnn_convolution_settings)
CREATE_AND_DESTROY(Pooling, cudnnPoolingDescriptor_t, rrto_dnn_pooling)
CREATE_AND_DESTROY(Activation, cudnnActivationDescriptor_t, rrto_dnn_activation)

/* Dimensions, and strides where given, else those of the format. */
static cudnnStatus_t set_tensor(struct rrto_dnn_tensor *t, int format, cudnnDataType_t type, int n_dims,
                                const int *dims, const int *strides)
{
    if (!t || !dims || n_dims < 1 || n_dims > RRTO_DNN_MAX_DIMS)
        return CUDNN_STATUS_BAD_PARAM;
    if (format != CUDNN_TENSOR_NCHW && format != CUDNN_TENSOR_NHWC)
        return CUDNN_STATUS_NOT_SUPPORTED;
    t->type = (int)type;
    t->n_dims = n_dims;
    for (int i = 0; i < n_dims; i++) {
        if (dims[i] < 1)
            return CUDNN_STATUS_BAD_PARAM;
        t->dims[i] = dims[i];
    }
    rrto_dnn_pack_strides(t);
    if (format == CUDNN_TENSOR_NHWC && n_dims > 2) {
        int64_t stride = t->dims[1];
        t->strides[1] = 1;
        for (int i = n_dims - 1; i >= 2; i--) {
            t->strides[i] = stride;
            stride *= t->dims[i];
        }
        t->strides[0] = stride;
    }
    for (int i = 0; strides && i < n_dims; i++)
        t->strides[i] = strides[i];
    return CUDNN_STATUS_SUCCESS;
}

static struct rrto_dnn_tensor *tensor(cudnnTensorDescriptor_t descriptor)
{
    return (struct rrto_dnn_tensor *)(void *)descriptor;
}

EXPORT cudnnSetTensorNdDescriptor(cudnnTensorDescriptor_t tensorDesc, cudnnDataType_t dataType, int nbDims,
                                  const int *dimA, const int *strideA)
{
    return set_tensor(tensor(tensorDesc), CUDNN_TENSOR_NCHW, dataType, nbDims, dimA, strideA);
}

EXPORT cudnnSetTensorNdDescriptorEx(cudnnTensorDescriptor_t tensorDesc, cudnnTensorFormat_t format,
                                    cudnnDataType_t dataType, int nbDims, const int *dimA)
{
    return set_tensor(tensor(tensorDesc), (int)format, dataType, nbDims, dimA, NULL);
}

EXPORT cudnnSetTensor4dDescriptor(cudnnTensorDescriptor_t tensorDesc, cudnnTensorFormat_t format,
                                  cudnnDataType_t dataType, int n, int c, int h, int w)
{
    return set_tensor(tensor(tensorDesc), (int)format, dataType, 4, (const int[]){n, c, h, w}, NULL);
}

EXPORT cudnnSetTensor4dDescriptorEx(cudnnTensorDescriptor_t tensorDesc, cudnnDataType_t dataType, int n, int c, int h,
                                    int w, int nStride, int cStride, int hStride, int wStride)
{
    return set_tensor(tensor(tensorDesc), CUDNN_TENSOR_NCHW, dataType, 4, (const int[]){n, c, h, w},
                      (const int[]){nStride, cStride, hStride, wStride});
}

EXPORT cudnnGetTensorNdDescriptor(const cudnnTensorDescriptor_t tensorDesc, int nbDimsRequested,
                                  cudnnDataType_t *dataType, int *nbDims, int *dimA, int *strideA)
{
    const struct rrto_dnn_tensor *t = rrto_dnn_tensor_of(tensorDesc);
    if (!t || !dataType || !nbDims || !dimA || !strideA)
        return CUDNN_STATUS_BAD_PARAM;
    *dataType = (cudnnDataType_t)t->type;
    *nbDims = t->n_dims;
    for (int i = 0; i < t->n_dims && i < nbDimsRequested; i++) {
        dimA[i] = (int)t->dims[i];
        strideA[i] = (int)t->strides[i];
    }
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnGetTensor4dDescriptor(const cudnnTensorDescriptor_t tensorDesc, cudnnDataType_t *dataType, int *n, int *c,
                                  int *h, int *w, int *nStride, int *cStride, int *hStride, int *wStride)
{
    int n_dims, dims[4] = {0}, strides[4] = {0};
    cudnnStatus_t status = cudnnGetTensorNdDescriptor(tensorDesc, 4, dataType, &n_dims, dims, strides);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    if (n_dims != 4 || !n || !c || !h || !w || !nStride || !cStride || !hStride || !wStride)
        return CUDNN_STATUS_BAD_PARAM;
    int *ret_dims[4] = {n, c, h, w}, *ret_strides[4] = {nStride, cStride, hStride, wStride};
    for (int i = 0; i < 4; i++) {
        *ret_dims[i] = dims[i];
        *ret_strides[i] = strides[i];
    }
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnGetTensorSizeInBytes(const cudnnTensorDescriptor_t tensorDesc, size_t *size)
{
    const struct rrto_dnn_tensor *t = rrto_dnn_tensor_of(tensorDesc);
    if (!t || !size)
        return CUDNN_STATUS_BAD_PARAM;
    int64_t elements = 1;
    for (int i = 0; i < t->n_dims; i++)
        elements += (t->dims[i] - 1) * t->strides[i];
    static const size_t sizes[] = {4, 8, 2, 1, 4, 4, 1, 4, 32, 2, 8, 1};
    *size = (size_t)elements * (t->type >= 0 && t->type <= 11 ? sizes[t->type] : 1);
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnDeriveBNTensorDescriptor(cudnnTensorDescriptor_t derivedBnDesc, const cudnnTensorDescriptor_t xDesc,
                                     cudnnBatchNormMode_t mode)
{
    struct rrto_dnn_tensor *to = tensor(derivedBnDesc);
    const struct rrto_dnn_tensor *x = rrto_dnn_tensor_of(xDesc);
    if (!to || !x || x->n_dims < 2)
        return CUDNN_STATUS_BAD_PARAM;
    *to = (struct rrto_dnn_tensor){.type = CUDNN_DATA_FLOAT, .n_dims = x->n_dims};
    for (int i = 0; i < x->n_dims; i++)
        to->dims[i] = i == 1 || (i > 1 && mode == CUDNN_BATCHNORM_PER_ACTIVATION) ? x->dims[i] : 1;
    rrto_dnn_pack_strides(to);
    return CUDNN_STATUS_SUCCESS;
}

static struct rrto_dnn_filter *filter(cudnnFilterDescriptor_t descriptor)
{
    return (struct rrto_dnn_filter *)(void *)descriptor;
}

EXPORT cudnnSetFilterNdDescriptor(cudnnFilterDescriptor_t filterDesc, cudnnDataType_t dataType,
                                  cudnnTensorFormat_t format, int nbDims, const int *filterDimA)
{
    if (!filterDesc)
        return CUDNN_STATUS_BAD_PARAM;
    filter(filterDesc)->format = (int)format;
    return set_tensor(&filter(filterDesc)->tensor, (int)format, dataType, nbDims, filterDimA, NULL);
}

EXPORT cudnnSetFilter4dDescriptor(cudnnFilterDescriptor_t filterDesc, cudnnDataType_t dataType,
                                  cudnnTensorFormat_t format, int k, int c, int h, int w)
{
    return cudnnSetFilterNdDescriptor(filterDesc, dataType, format, 4, (const int[]){k, c, h, w});
}

EXPORT cudnnGetFilterNdDescriptor(const cudnnFilterDescriptor_t filterDesc, int nbDimsRequested,
                                  cudnnDataType_t *dataType, cudnnTensorFormat_t *format, int *nbDims, int *filterDimA)
{
    const struct rrto_dnn_filter *f = (const struct rrto_dnn_filter *)(const void *)filterDesc;
    if (!f || !dataType || !format || !nbDims || !filterDimA)
        return CUDNN_STATUS_BAD_PARAM;
    *dataType = (cudnnDataType_t)f->tensor.type;
    *format = (cudnnTensorFormat_t)f->format;
    *nbDims = f->tensor.n_dims;
    for (int i = 0; i < f->tensor.n_dims && i < nbDimsRequested; i++)
        filterDimA[i] = (int)f->tensor.dims[i];
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnSetConvolutionNdDescriptor(cudnnConvolutionDescriptor_t convDesc, int arrayLength, const int *padA,
                                       const int *filterStrideA, const int *dilationA, cudnnConvolutionMode_t mode,
                                       cudnnDataType_t computeType)
{
    struct rrto_dnn_convolution_settings *s = (void *)convDesc;
    if (!s || !padA || !filterStrideA || !dilationA || arrayLength < 1 || arrayLength > 3)
        return CUDNN_STATUS_BAD_PARAM;
    *s = (struct rrto_dnn_convolution_settings){
        .n_spatial = arrayLength, .mode = (int)mode, .compute_type = (int)computeType, .n_groups = 1};
    for (int i = 0; i < arrayLength; i++) {
        s->pad[i] = padA[i];
        s->stride[i] = filterStrideA[i];
        s->dilation[i] = dilationA[i];
    }
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnSetConvolutionGroupCount(cudnnConvolutionDescriptor_t convDesc, int groupCount)
{
    if (!convDesc || groupCount < 1)
        return CUDNN_STATUS_BAD_PARAM;
    ((struct rrto_dnn_convolution_settings *)(void *)convDesc)->n_groups = groupCount;
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t convDesc, cudnnMathType_t mathType)
{
    if (!convDesc)
        return CUDNN_STATUS_BAD_PARAM;
    ((struct rrto_dnn_convolution_settings *)(void *)convDesc)->math_type = (int)mathType;
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnSetPoolingNdDescriptor(cudnnPoolingDescriptor_t poolingDesc, const cudnnPoolingMode_t mode,
                                   const cudnnNanPropagation_t maxpoolingNanOpt, int nbDims, const int *windowDimA,
                                   const int *paddingA, const int *strideA)
{
    (void)maxpoolingNanOpt; /* NaN always propagates */
    struct rrto_dnn_pooling *p = (void *)poolingDesc;
    if (!p || !windowDimA || !paddingA || !strideA || nbDims < 1 || nbDims > 3)
        return CUDNN_STATUS_BAD_PARAM;
    *p = (struct rrto_dnn_pooling){.mode = (int)mode, .n_spatial = nbDims};
    for (int i = 0; i < nbDims; i++) {
        if (windowDimA[i] < 1 || strideA[i] < 1 || paddingA[i] < 0)
            return CUDNN_STATUS_BAD_PARAM;
        p->window[i] = windowDimA[i];
        p->pad[i] = paddingA[i];
        p->stride[i] = strideA[i];
    }
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnSetPooling2dDescriptor(cudnnPoolingDescriptor_t poolingDesc, cudnnPoolingMode_t mode,
                                   cudnnNanPropagation_t maxpoolingNanOpt, int windowHeight, int windowWidth,
                                   int verticalPadding, int horizontalPadding, int verticalStride, int horizontalStride)
{
    return cudnnSetPoolingNdDescriptor(poolingDesc, mode, maxpoolingNanOpt, 2, (const int[]){windowHeight, windowWidth},
                                       (const int[]){verticalPadding, horizontalPadding},
                                       (const int[]){verticalStride, horizontalStride});
}

EXPORT cudnnSetActivationDescriptor(cudnnActivationDescriptor_t activationDesc, cudnnActivationMode_t mode,
                                    cudnnNanPropagation_t reluNanOpt, double coef)
{
    struct rrto_dnn_activation *a = (void *)activationDesc;
    if (!a)
        return CUDNN_STATUS_BAD_PARAM;
    *a = (struct rrto_dnn_activation){.mode = (int)mode, .nan_propagation = (int)reluNanOpt, .coefficient = coef};
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnGetActivationDescriptor(const cudnnActivationDescriptor_t activationDesc, cudnnActivationMode_t *mode,
                                    cudnnNanPropagation_t *reluNanOpt, double *coef)
{
    const struct rrto_dnn_activation *a = (const void *)activationDesc;
    if (!a || !mode || !reluNanOpt || !coef)
        return CUDNN_STATUS_BAD_PARAM;
    *mode = (cudnnActivationMode_t)a->mode;
    *reluNanOpt = (cudnnNanPropagation_t)a->nan_propagation;
    *coef = a->coefficient;
    return CUDNN_STATUS_SUCCESS;
}
