/* SPDX-License-Identifier: Apache-2.0 */
/* im2col and col2im: a convolution's input as a matrix with a row per (channel, kernel element) and a column per output
 * pixel. */
#ifndef RRTO_SOFT_DNN_COLUMNS_H
#define RRTO_SOFT_DNN_COLUMNS_H

#include <stdint.h>

/* Depth, height, width; unused leading dimensions are 1. */
struct rrto_dnn_geometry {
    int64_t in[3], kernel[3], out[3], pad[3], stride[3], dilation[3];
    int64_t n_in, n_kernel, n_out; /* products */
};

/* columns[(c - first_channel) * n_kernel + element][pixel - first_pixel], rows n_pixels apart, from a dense image
 * (channel, spatial). */
void rrto_dnn_to_columns(const struct rrto_dnn_geometry *geometry, const float *image, int64_t first_channel,
                         int64_t n_channels, int64_t first_pixel, int64_t n_pixels, float *columns);
/* The reverse over all pixels: adds the columns into the image's channels [first_channel, first_channel + n_channels).
 */
void rrto_dnn_add_columns(const struct rrto_dnn_geometry *geometry, float *image, int64_t first_channel,
                          int64_t n_channels, const float *columns);

#endif
