/* SPDX-License-Identifier: Apache-2.0 */
/* How cuDNN's legacy descriptors travel: as i32 words, shared by the client that writes them and the server that builds
 * from them.
 *
 *     tensor:      data type, n, n dimensions, n strides
 *     filter:      data type, format, n, n dimensions
 *     convolution: n, mode, compute type, math type, groups, n paddings, n strides, n dilations
 *     pooling:     mode, NaN propagation, n, n window sizes, n paddings, n strides
 *     activation:  mode, NaN propagation, coefficient (f64, low word first)
 *     rnn:         algorithm, cell, biases, direction, input mode, data type, math precision, math type, input size,
 *                  hidden size, projection size, layers, flags, dropout probability (f32)
 *     rnn data:    data type, layout, longest sequence, batch, vector size, whether padding is filled, the filling
 * element (8 bytes, zero beyond it), n, n pairs: a length, and how many sequences in a row have it
 *
 * No bytes at all stand for a NULL descriptor. */
#ifndef RRTO_API_CUSTOM_CUDNN_VALUES_H
#define RRTO_API_CUSTOM_CUDNN_VALUES_H

enum { RRTO_CUDNN_DIM_MAX = 8, RRTO_CUDNN_RUN_MAX = 128, RRTO_CUDNN_SEQUENCES_MAX = 1 << 20 };
enum { RRTO_CUDNN_RNN_WORDS = 14, RRTO_CUDNN_RNN_DATA_HEAD = 9 };
enum { RRTO_CUDNN_SHORT_WORDS = 5 + 3 * RRTO_CUDNN_DIM_MAX };                        /* the longest but rnn data */
enum { RRTO_CUDNN_VALUE_WORDS = RRTO_CUDNN_RNN_DATA_HEAD + 2 * RRTO_CUDNN_RUN_MAX }; /* the longest of them */

#endif
