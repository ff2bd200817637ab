/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors as kernels are given them: PyTorch's TensorInfo and PackedTensorAccessor. */
#ifndef SOFT_KERNELS_TENSOR_H
#define SOFT_KERNELS_TENSOR_H

#include "body.h"

/* TensorInfo: pointer, sizes[25], strides[25], i32 dims; the integers have 4 or 8 bytes. */
struct tensor {
    uint8_t *data;
    int64_t size[25], stride[25];
    int dims;
};

static inline struct tensor tensor_read(const struct kernel_launch *launch, uint32_t k)
{
    struct tensor tensor = {.data = param_pointer(launch, k)};
    bool wide = launch->image->sizes[k] > 300;
    const uint8_t *at = launch->params + launch->image->offsets[k] + 8;
    for (int i = 0; i < 25; i++) {
        tensor.size[i] = type_scalar_i64(wide ? TYPE_I64 : TYPE_I32, at + (wide ? 8 : 4) * i);
        tensor.stride[i] = type_scalar_i64(wide ? TYPE_I64 : TYPE_I32, at + (wide ? 8 : 4) * (25 + i));
    }
    memcpy(&tensor.dims, at + (wide ? 400 : 200), 4);
    tensor.dims = tensor.dims < 0 ? 0 : tensor.dims > 25 ? 25 : tensor.dims;
    return tensor;
}

static inline int64_t tensor_count(const struct tensor *tensor)
{
    int64_t n = 1;
    for (int i = 0; i < tensor->dims; i++)
        n *= tensor->size[i];
    return n;
}

static inline int64_t tensor_offset(const struct tensor *tensor, int64_t index)
{
    int64_t offset = 0;
    for (int i = tensor->dims - 1; i >= 0; i--) {
        int64_t size = tensor->size[i] ? tensor->size[i] : 1;
        offset += (i ? index % size : index) * tensor->stride[i];
        index /= size;
    }
    return offset;
}

/* A PackedTensorAccessor of n dimensions: pointer, sizes, strides; its integers have `bytes` bytes. */
struct accessor {
    uint8_t *data;
    int64_t sizes[4], strides[4];
};

static inline struct accessor accessor_read(const struct kernel_launch *launch, uint32_t k, unsigned n)
{
    struct accessor accessor = {.data = param_pointer(launch, k)};
    unsigned bytes = (launch->image->sizes[k] - 8) / (2 * n);
    const uint8_t *at = launch->params + launch->image->offsets[k] + 8;
    for (unsigned i = 0; i < n; i++) {
        accessor.sizes[i] = bytes == 8 ? type_scalar_i64(TYPE_I64, at + 8 * i) : type_scalar_i64(TYPE_I32, at + 4 * i);
        accessor.strides[i] =
            bytes == 8 ? type_scalar_i64(TYPE_I64, at + 8 * (n + i)) : type_scalar_i64(TYPE_I32, at + 4 * (n + i));
    }
    return accessor;
}

static inline int64_t accessor_offset(const struct accessor *a, int64_t n, int64_t c, int64_t h, int64_t w)
{
    return n * a->strides[0] + c * a->strides[1] + h * a->strides[2] + w * a->strides[3];
}

#endif
