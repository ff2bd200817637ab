/* SPDX-License-Identifier: Apache-2.0 */
/* How cuDNN's legacy descriptors travel: as i32 words, shared by the client that writes them and the server that builds
 * from them.
 *
 *     tensor:      data type, n, n dimensions, n strides
 *     filter:      data type, format, n, n dimensions
 *     convolution: n, mode, compute type, math type, groups, n paddings, n strides, n dilations
 *     pooling:     mode, NaN propagation, n, n window sizes, n paddings, n strides
 *     activation:  mode, NaN propagation, coefficient (f64, low word first)
 *
 * No bytes at all stand for a NULL descriptor. */
#ifndef RRTO_API_CUSTOM_CUDNN_VALUES_H
#define RRTO_API_CUSTOM_CUDNN_VALUES_H

enum { RRTO_CUDNN_DIM_MAX = 8, RRTO_CUDNN_VALUE_WORDS = 5 + 3 * RRTO_CUDNN_DIM_MAX };

#endif
