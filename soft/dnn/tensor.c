/* SPDX-License-Identifier: Apache-2.0 */
/* Strides, and copies between strided tensors of any type and dense floats. */
#include "dnn/tensor.h"

#include <stdlib.h>
#include <string.h>

#include "blas/gemm.h"

/* cudnnDataType_t to cudaDataType, which the widening code speaks. */
static int cuda_type(int type)
{
    return type == RRTO_DNN_HALF ? RRTO_SOFT_R_16F : type == RRTO_DNN_BFLOAT16 ? RRTO_SOFT_R_16BF : RRTO_SOFT_R_32F;
}

bool rrto_dnn_tensor_ok(const struct rrto_dnn_tensor *tensor)
{
    if (tensor->type != RRTO_DNN_FLOAT && tensor->type != RRTO_DNN_HALF && tensor->type != RRTO_DNN_BFLOAT16)
        return false;
    if (tensor->n_dims < 2 || tensor->n_dims > RRTO_DNN_MAX_DIMS)
        return false;
    int64_t size = 1;
    for (int i = 0; i < tensor->n_dims; i++) {
        if (tensor->dims[i] < 1 || tensor->dims[i] > ((int64_t)1 << 40) / size)
            return false;
        size *= tensor->dims[i];
    }
    return true;
}

int64_t rrto_dnn_tensor_size(const struct rrto_dnn_tensor *tensor)
{
    int64_t size = 1;
    for (int i = 0; i < tensor->n_dims; i++)
        size *= tensor->dims[i];
    return size;
}

bool rrto_dnn_same_dims(const struct rrto_dnn_tensor *a, const struct rrto_dnn_tensor *b)
{
    return a->n_dims == b->n_dims && memcmp(a->dims, b->dims, (size_t)a->n_dims * sizeof a->dims[0]) == 0;
}

void rrto_dnn_pack_strides(struct rrto_dnn_tensor *tensor)
{
    int64_t stride = 1;
    for (int i = tensor->n_dims - 1; i >= 0; i--) {
        tensor->strides[i] = stride;
        stride *= tensor->dims[i];
    }
}

static bool is_dense_float(const struct rrto_dnn_tensor *tensor)
{
    int64_t stride = 1;
    for (int i = tensor->n_dims - 1; i >= 0; i--) {
        if (tensor->dims[i] != 1 && tensor->strides[i] != stride)
            return false;
        stride *= tensor->dims[i];
    }
    return tensor->type == RRTO_DNN_FLOAT;
}

/* Moves dimension after dimension; the last one in one go. */
static void copy(const struct rrto_dnn_tensor *t, int dim, char *strided, float *dense, bool in)
{
    int64_t size = (int64_t)rrto_soft_type_size(cuda_type(t->type));
    if (dim == t->n_dims - 1) {
        if (in)
            rrto_soft_widen(dense, strided, cuda_type(t->type), (size_t)t->dims[dim], t->strides[dim]);
        else
            rrto_soft_narrow(strided, dense, cuda_type(t->type), (size_t)t->dims[dim], t->strides[dim]);
        return;
    }
    int64_t inner = 1;
    for (int i = dim + 1; i < t->n_dims; i++)
        inner *= t->dims[i];
    for (int64_t i = 0; i < t->dims[dim]; i++)
        copy(t, dim + 1, strided + i * t->strides[dim] * size, dense + i * inner, in);
}

enum rrto_dnn_result rrto_dnn_open(struct rrto_dnn_view *view, const struct rrto_dnn_tensor *tensor, const void *data,
                                   bool read)
{
    view->copied = !is_dense_float(tensor);
    view->data = view->copied ? malloc((size_t)rrto_dnn_tensor_size(tensor) * sizeof(float)) : (float *)(uintptr_t)data;
    if (view->copied && !view->data)
        return RRTO_DNN_NO_MEMORY;
    if (view->copied && read)
        copy(tensor, 0, (char *)(uintptr_t)data, view->data, true);
    return RRTO_DNN_DONE;
}

void rrto_dnn_close(struct rrto_dnn_view *view, const struct rrto_dnn_tensor *tensor, void *data, bool write)
{
    if (!view->copied)
        return;
    if (write)
        copy(tensor, 0, data, view->data, false);
    free(view->data);
    *view = (struct rrto_dnn_view){0};
}
