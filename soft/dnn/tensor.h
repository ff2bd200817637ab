/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors with any strides, and their dense float copies: what every computation of the soft cuDNN works on. */
#ifndef RRTO_SOFT_DNN_TENSOR_H
#define RRTO_SOFT_DNN_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RRTO_SOFT_EXPORT __attribute__((visibility("default")))

enum { RRTO_DNN_MAX_DIMS = 8 };

/* The numbers of cudnnDataType_t that are computed with. */
enum rrto_dnn_type { RRTO_DNN_FLOAT = 0, RRTO_DNN_HALF = 2, RRTO_DNN_BFLOAT16 = 9 };

struct rrto_dnn_tensor {
    int type;
    int n_dims;
    int64_t dims[RRTO_DNN_MAX_DIMS];
    int64_t strides[RRTO_DNN_MAX_DIMS]; /* elements; may be negative */
};

enum rrto_dnn_result { RRTO_DNN_DONE, RRTO_DNN_BAD, RRTO_DNN_UNSUPPORTED, RRTO_DNN_NO_MEMORY };

/* Whether the type is computed with and the dimensions are sane (2 to 8 of them, positive, their product within 2^40).
 */
bool rrto_dnn_tensor_ok(const struct rrto_dnn_tensor *tensor);
int64_t rrto_dnn_tensor_size(const struct rrto_dnn_tensor *tensor);
bool rrto_dnn_same_dims(const struct rrto_dnn_tensor *a, const struct rrto_dnn_tensor *b);
/* Row-major strides of dims, without gaps. */
void rrto_dnn_pack_strides(struct rrto_dnn_tensor *tensor);

/* A tensor as dense row-major floats: the data itself where it is that already, else a copy. */
struct rrto_dnn_view {
    float *data;
    bool copied;
};

/* Opens a view; with `read` false the content of a copy is unspecified. Every opened view is closed, with write true
 * for results: a copy is then stored back (rounded to the tensor's type). */
enum rrto_dnn_result rrto_dnn_open(struct rrto_dnn_view *view, const struct rrto_dnn_tensor *tensor, const void *data,
                                   bool read);
void rrto_dnn_close(struct rrto_dnn_view *view, const struct rrto_dnn_tensor *tensor, void *data, bool write);

#endif
