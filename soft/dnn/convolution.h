/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution and its two gradients over 1 to 3 spatial dimensions, any strides, padding, dilation and groups. */
#ifndef RRTO_SOFT_DNN_CONVOLUTION_H
#define RRTO_SOFT_DNN_CONVOLUTION_H

#include "dnn/tensor.h"

enum rrto_dnn_direction { RRTO_DNN_FORWARD, RRTO_DNN_BACKWARD_DATA, RRTO_DNN_BACKWARD_FILTER };

/* x (n, c, spatial...), w (k, c / groups, spatial...), y (n, k, spatial...); x is dx backward in data, w is dw backward
 * in the filter. */
struct rrto_dnn_convolution {
    enum rrto_dnn_direction direction;
    struct rrto_dnn_tensor x, w, y;
    int n_spatial;
    bool flip; /* the mathematician's convolution: the kernel mirrored */
    int64_t pad_before[3], pad_after[3], stride[3], dilation[3];
    double alpha, beta;
};

/* DONE when the sizes fit together and the types are computed with. */
enum rrto_dnn_result rrto_dnn_convolution_check(const struct rrto_dnn_convolution *convolution);

/* result = alpha * convolution + beta * result. Blocks until done. */
enum rrto_dnn_result rrto_dnn_convolution_run(const struct rrto_dnn_convolution *convolution, void *x, void *w,
                                              void *y);

#endif
