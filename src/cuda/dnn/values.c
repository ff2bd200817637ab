/* SPDX-License-Identifier: Apache-2.0 */
/* cuDNN's legacy descriptors but those of recurrent networks (rnn.c): see value.h. */
#include "cuda/dnn/dnn.h"
#include "cuda/dnn/value.h"

#include "gen/client_bodies.h"

#include <stdlib.h>
#include <string.h>

#define VALUE_MAGIC 0x56647272u

struct rrto_cudnn_value *rrto_cudnn_value_lookup(const void *descriptor, enum rrto_cudnn_kind kind)
{
    struct rrto_cudnn_value *value = (struct rrto_cudnn_value *)(uintptr_t)descriptor;
    return value && value->magic == VALUE_MAGIC && value->kind == kind ? value : NULL;
}

struct rrto_cudnn_value *rrto_cudnn_value_lookup_set(const void *descriptor, enum rrto_cudnn_kind kind)
{
    struct rrto_cudnn_value *value = rrto_cudnn_value_lookup(descriptor, kind);
    return value && value->n_words ? value : NULL;
}

int32_t rrto_cudnn_value_create(enum rrto_cudnn_kind kind, void **ret_descriptor)
{
    if (!ret_descriptor)
        return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
    size_t n_words = kind == RNN_DATA ? RRTO_CUDNN_VALUE_WORDS : RRTO_CUDNN_SHORT_WORDS;
    struct rrto_cudnn_value *value = calloc(1, sizeof *value + n_words * sizeof value->words[0]);
    if (!value)
        return CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
    value->magic = VALUE_MAGIC;
    value->kind = kind;
    *ret_descriptor = value;
    return CUDNN_STATUS_SUCCESS;
}

int32_t rrto_cudnn_value_destroy(const void *descriptor, enum rrto_cudnn_kind kind)
{
    struct rrto_cudnn_value *value = rrto_cudnn_value_lookup(descriptor, kind);
    if (!value)
        return descriptor ? CUDNN_STATUS_BAD_PARAM : CUDNN_STATUS_SUCCESS;
    value->magic = 0;
    free(value);
    return CUDNN_STATUS_SUCCESS;
}

bool rrto_cudnn_value_content(const void *descriptor, enum rrto_cudnn_kind kind, const void **ret_bytes,
                              uint32_t *ret_n)
{
    const struct rrto_cudnn_value *value = rrto_cudnn_value_lookup_set(descriptor, kind);
    if (descriptor && !value)
        return false;
    *ret_bytes = value ? value->words : NULL;
    *ret_n = value ? value->n_words * (uint32_t)sizeof value->words[0] : 0;
    return true;
}

RRTO_CUDNN_KIND(Tensor, tensor, TENSOR)
RRTO_CUDNN_KIND(Filter, filter, FILTER)
RRTO_CUDNN_KIND(Convolution, convolution, CONVOLUTION)
RRTO_CUDNN_KIND(Pooling, pooling, POOLING)
RRTO_CUDNN_KIND(Activation, activation, ACTIVATION)

/* Rows of n values each, after the head. Values below minimum are refused. */
static int32_t set_rows(struct rrto_cudnn_value *value, const int32_t *head, uint32_t n_head, int n,
                        const int *const *rows, const int *minimums, uint32_t n_rows)
{
    if (!value || n <= 0)
        return CUDNN_STATUS_BAD_PARAM;
    if (n > RRTO_CUDNN_DIM_MAX)
        return CUDNN_STATUS_NOT_SUPPORTED;
    for (uint32_t row = 0; row < n_rows; row++) {
        if (!rows[row])
            return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
        for (int i = 0; i < n; i++)
            if (rows[row][i] < minimums[row])
                return CUDNN_STATUS_BAD_PARAM;
    }
    memcpy(value->words, head, n_head * sizeof *head);
    for (uint32_t row = 0; row < n_rows; row++)
        memcpy(value->words + n_head + row * (uint32_t)n, rows[row], (size_t)n * sizeof(int));
    value->n_words = n_head + n_rows * (uint32_t)n;
    return CUDNN_STATUS_SUCCESS;
}

/* Tensors. */

enum { NCHW, NHWC, NCHW_VECT_C };

static int32_t set_tensor(cudnnTensorDescriptor_t descriptor, int type, int n, const int *dims, const int *strides)
{
    return set_rows(rrto_cudnn_value_lookup(descriptor, TENSOR), (int32_t[]){type, n}, 2, n,
                    (const int *const[]){dims, strides}, (const int[]){1, 0}, 2);
}

/* Packed strides; false when they overflow. */
static bool pack_strides(int format, int n, const int *dims, int *ret_strides)
{
    int64_t step = 1;
    if (format == NHWC && n >= 3) {
        ret_strides[1] = 1;
        step = dims[1];
        for (int i = n - 1; i >= 2; i--) {
            ret_strides[i] = (int)step;
            step *= dims[i];
            if (step > INT32_MAX)
                return false;
        }
        ret_strides[0] = (int)step;
        return true;
    }
    for (int i = n - 1; i >= 0; i--) {
        if (step > INT32_MAX)
            return false;
        ret_strides[i] = (int)step;
        step *= dims[i];
    }
    return true;
}

static int32_t set_packed_tensor(cudnnTensorDescriptor_t descriptor, int format, int type, int n, const int *dims)
{
    int strides[RRTO_CUDNN_DIM_MAX];
    if (n <= 0 || !dims)
        return CUDNN_STATUS_BAD_PARAM;
    if (n > RRTO_CUDNN_DIM_MAX || (format != NCHW && format != NHWC) || !pack_strides(format, n, dims, strides))
        return CUDNN_STATUS_NOT_SUPPORTED;
    return set_tensor(descriptor, type, n, dims, strides);
}

cudnnStatus_t rrto_client_cudnnSetTensorNdDescriptor(cudnnTensorDescriptor_t tensorDesc, cudnnDataType_t dataType,
                                                     int nbDims, const int *dimA, const int *strideA)
{
    return (cudnnStatus_t)set_tensor(tensorDesc, (int)dataType, nbDims, dimA, strideA);
}

cudnnStatus_t rrto_client_cudnnSetTensorNdDescriptorEx(cudnnTensorDescriptor_t tensorDesc, cudnnTensorFormat_t format,
                                                       cudnnDataType_t dataType, int nbDims, const int *dimA)
{
    return (cudnnStatus_t)set_packed_tensor(tensorDesc, (int)format, (int)dataType, nbDims, dimA);
}

cudnnStatus_t rrto_client_cudnnSetTensor4dDescriptor(cudnnTensorDescriptor_t tensorDesc, cudnnTensorFormat_t format,
                                                     cudnnDataType_t dataType, int n, int c, int h, int w)
{
    return (cudnnStatus_t)set_packed_tensor(tensorDesc, (int)format, (int)dataType, 4, (const int[]){n, c, h, w});
}

cudnnStatus_t rrto_client_cudnnSetTensor4dDescriptorEx(cudnnTensorDescriptor_t tensorDesc, cudnnDataType_t dataType,
                                                       int n, int c, int h, int w, int nStride, int cStride,
                                                       int hStride, int wStride)
{
    return (cudnnStatus_t)set_tensor(tensorDesc, (int)dataType, 4, (const int[]){n, c, h, w},
                                     (const int[]){nStride, cStride, hStride, wStride});
}

cudnnStatus_t rrto_client_cudnnGetTensor4dDescriptor(const cudnnTensorDescriptor_t tensorDesc,
                                                     cudnnDataType_t *dataType, int *n, int *c, int *h, int *w,
                                                     int *nStride, int *cStride, int *hStride, int *wStride)
{
    const struct rrto_cudnn_value *value = rrto_cudnn_value_lookup_set(tensorDesc, TENSOR);
    int *const places[] = {n, c, h, w, nStride, cStride, hStride, wStride};
    if (!value || value->words[1] != 4)
        return CUDNN_STATUS_BAD_PARAM;
    if (dataType)
        *dataType = (cudnnDataType_t)value->words[0];
    for (size_t i = 0; i < 8; i++)
        if (places[i])
            *places[i] = value->words[2 + i];
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t rrto_client_cudnnGetTensorNdDescriptor(const cudnnTensorDescriptor_t tensorDesc, int nbDimsRequested,
                                                     cudnnDataType_t *dataType, int *nbDims, int *dimA, int *strideA)
{
    const struct rrto_cudnn_value *value = rrto_cudnn_value_lookup_set(tensorDesc, TENSOR);
    if (!value || nbDimsRequested < 0)
        return CUDNN_STATUS_BAD_PARAM;
    int n = value->words[1], wanted = nbDimsRequested < n ? nbDimsRequested : n;
    if (dataType)
        *dataType = (cudnnDataType_t)value->words[0];
    if (nbDims)
        *nbDims = n;
    if (dimA)
        memcpy(dimA, value->words + 2, (size_t)wanted * sizeof(int));
    if (strideA)
        memcpy(strideA, value->words + 2 + n, (size_t)wanted * sizeof(int));
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t rrto_client_cudnnGetTensorSizeInBytes(const cudnnTensorDescriptor_t tensorDesc, size_t *size)
{
    const struct rrto_cudnn_value *value = rrto_cudnn_value_lookup_set(tensorDesc, TENSOR);
    if (!value || !size)
        return CUDNN_STATUS_BAD_PARAM;
    size_t last = 0, n = (size_t)value->words[1];
    for (size_t i = 0; i < n; i++)
        last += ((size_t)value->words[2 + i] - 1) * (size_t)value->words[2 + n + i];
    *size = (last + 1) * rrto_cudnn_data_bytes(value->words[0]);
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t rrto_client_cudnnDeriveBNTensorDescriptor(cudnnTensorDescriptor_t derivedBnDesc,
                                                        const cudnnTensorDescriptor_t xDesc, cudnnBatchNormMode_t mode)
{
    const struct rrto_cudnn_value *value = rrto_cudnn_value_lookup_set(xDesc, TENSOR);
    if (!value)
        return CUDNN_STATUS_BAD_PARAM;
    enum { PER_ACTIVATION = 0, DATA_FLOAT = 0, DATA_DOUBLE = 1 };
    int n = value->words[1], dims[RRTO_CUDNN_DIM_MAX];
    for (int i = 0; i < n; i++) /* one value for each channel, or for each activation */
        dims[i] = i == 1 || (i > 1 && (int)mode == PER_ACTIVATION) ? value->words[2 + i] : 1;
    int type = value->words[0] == DATA_DOUBLE ? DATA_DOUBLE : DATA_FLOAT;
    return (cudnnStatus_t)set_packed_tensor(derivedBnDesc, NCHW, type, n, dims);
}

/* Of alpha and beta: double for double tensors, else float. */
size_t rrto_client_scalar_bytes_cudnn_tensor(cudnnTensorDescriptor_t descriptor)
{
    const struct rrto_cudnn_value *value = rrto_cudnn_value_lookup_set(descriptor, TENSOR);
    return value && value->words[0] == 1 ? sizeof(double) : sizeof(float);
}

/* Filters. */

cudnnStatus_t rrto_client_cudnnSetFilterNdDescriptor(cudnnFilterDescriptor_t filterDesc, cudnnDataType_t dataType,
                                                     cudnnTensorFormat_t format, int nbDims, const int *filterDimA)
{
    return (cudnnStatus_t)set_rows(rrto_cudnn_value_lookup(filterDesc, FILTER),
                                   (int32_t[]){(int)dataType, (int)format, nbDims}, 3, nbDims,
                                   (const int *const[]){filterDimA}, (const int[]){1}, 1);
}

cudnnStatus_t rrto_client_cudnnSetFilter4dDescriptor(cudnnFilterDescriptor_t filterDesc, cudnnDataType_t dataType,
                                                     cudnnTensorFormat_t format, int k, int c, int h, int w)
{
    return rrto_client_cudnnSetFilterNdDescriptor(filterDesc, dataType, format, 4, (const int[]){k, c, h, w});
}

cudnnStatus_t rrto_client_cudnnGetFilterNdDescriptor(const cudnnFilterDescriptor_t filterDesc, int nbDimsRequested,
                                                     cudnnDataType_t *dataType, cudnnTensorFormat_t *format,
                                                     int *nbDims, int *filterDimA)
{
    const struct rrto_cudnn_value *value = rrto_cudnn_value_lookup_set(filterDesc, FILTER);
    if (!value || nbDimsRequested < 0)
        return CUDNN_STATUS_BAD_PARAM;
    int n = value->words[2];
    if (dataType)
        *dataType = (cudnnDataType_t)value->words[0];
    if (format)
        *format = (cudnnTensorFormat_t)value->words[1];
    if (nbDims)
        *nbDims = n;
    if (filterDimA)
        memcpy(filterDimA, value->words + 3, (size_t)(nbDimsRequested < n ? nbDimsRequested : n) * sizeof(int));
    return CUDNN_STATUS_SUCCESS;
}

/* Convolutions. */

enum { MATH_WORD = 3, GROUPS_WORD = 4 };

cudnnStatus_t rrto_client_cudnnSetConvolutionNdDescriptor(cudnnConvolutionDescriptor_t convDesc, int arrayLength,
                                                          const int *padA, const int *filterStrideA,
                                                          const int *dilationA, cudnnConvolutionMode_t mode,
                                                          cudnnDataType_t computeType)
{
    return (cudnnStatus_t)set_rows(rrto_cudnn_value_lookup(convDesc, CONVOLUTION),
                                   (int32_t[]){arrayLength, (int)mode, (int)computeType, 0, 1}, 5, arrayLength,
                                   (const int *const[]){padA, filterStrideA, dilationA}, (const int[]){0, 1, 1}, 3);
}

static int32_t set_convolution_word(cudnnConvolutionDescriptor_t descriptor, int word, int number)
{
    struct rrto_cudnn_value *value = rrto_cudnn_value_lookup_set(descriptor, CONVOLUTION);
    if (!value)
        return CUDNN_STATUS_BAD_PARAM;
    value->words[word] = number;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t rrto_client_cudnnSetConvolutionGroupCount(cudnnConvolutionDescriptor_t convDesc, int groupCount)
{
    return (cudnnStatus_t)set_convolution_word(convDesc, GROUPS_WORD, groupCount);
}

cudnnStatus_t rrto_client_cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t convDesc, cudnnMathType_t mathType)
{
    return (cudnnStatus_t)set_convolution_word(convDesc, MATH_WORD, (int)mathType);
}

/* Pooling. */

cudnnStatus_t rrto_client_cudnnSetPoolingNdDescriptor(cudnnPoolingDescriptor_t poolingDesc,
                                                      const cudnnPoolingMode_t mode,
                                                      const cudnnNanPropagation_t maxpoolingNanOpt, int nbDims,
                                                      const int *windowDimA, const int *paddingA, const int *strideA)
{
    return (cudnnStatus_t)set_rows(rrto_cudnn_value_lookup(poolingDesc, POOLING),
                                   (int32_t[]){(int)mode, (int)maxpoolingNanOpt, nbDims}, 3, nbDims,
                                   (const int *const[]){windowDimA, paddingA, strideA}, (const int[]){1, 0, 1}, 3);
}

cudnnStatus_t rrto_client_cudnnSetPooling2dDescriptor(cudnnPoolingDescriptor_t poolingDesc, cudnnPoolingMode_t mode,
                                                      cudnnNanPropagation_t maxpoolingNanOpt, int windowHeight,
                                                      int windowWidth, int verticalPadding, int horizontalPadding,
                                                      int verticalStride, int horizontalStride)
{
    return rrto_client_cudnnSetPoolingNdDescriptor(
        poolingDesc, mode, maxpoolingNanOpt, 2, (const int[]){windowHeight, windowWidth},
        (const int[]){verticalPadding, horizontalPadding}, (const int[]){verticalStride, horizontalStride});
}

/* Activations. */

cudnnStatus_t rrto_client_cudnnSetActivationDescriptor(cudnnActivationDescriptor_t activationDesc,
                                                       cudnnActivationMode_t mode, cudnnNanPropagation_t reluNanOpt,
                                                       double coef)
{
    struct rrto_cudnn_value *value = rrto_cudnn_value_lookup(activationDesc, ACTIVATION);
    if (!value)
        return CUDNN_STATUS_BAD_PARAM;
    value->words[0] = (int32_t)mode;
    value->words[1] = (int32_t)reluNanOpt;
    memcpy(value->words + 2, &coef, sizeof coef);
    value->n_words = 4;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t rrto_client_cudnnGetActivationDescriptor(const cudnnActivationDescriptor_t activationDesc,
                                                       cudnnActivationMode_t *mode, cudnnNanPropagation_t *reluNanOpt,
                                                       double *coef)
{
    const struct rrto_cudnn_value *value = rrto_cudnn_value_lookup_set(activationDesc, ACTIVATION);
    if (!value)
        return CUDNN_STATUS_BAD_PARAM;
    if (mode)
        *mode = (cudnnActivationMode_t)value->words[0];
    if (reluNanOpt)
        *reluNanOpt = (cudnnNanPropagation_t)value->words[1];
    if (coef)
        memcpy(coef, value->words + 2, sizeof *coef);
    return CUDNN_STATUS_SUCCESS;
}
