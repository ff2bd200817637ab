/* SPDX-License-Identifier: Apache-2.0 */
/* Recurrent networks: the descriptors, and where the weights stand. */
#ifndef RRTO_SOFT_DNN_RNN_H
#define RRTO_SOFT_DNN_RNN_H

#include "dnn/descriptors.h"

struct rrto_dnn_rnn {
    int cell, bias, input_mode, type;
    int64_t n_directions, n_layers, n_input, n_hidden, n_projection;
    float dropout; /* probability, between layers, in training */
};

struct rrto_dnn_rnn_data {
    int type, layout;
    int64_t longest, n_batch, n_vector;
    bool filled;                 /* padding of results is set to fill */
    _Alignas(8) uint8_t fill[8]; /* a number of the data's type */
    int64_t n_steps;             /* the sum of the lengths */
    int *lengths;                /* n_batch of them */
};

/* Where the weights of one layer in one direction stand, in elements. Each is one block, its gates in a row: the input
 * matrix (gates * hidden x input), the recurrent matrix (gates * hidden x hidden) and their biases (-1: none). First
 * come the matrices of all layers, then all biases. */
struct rrto_dnn_rnn_weights {
    int64_t input, recurrent, input_bias, recurrent_bias;
};

/* Whether the network is one that is computed here. */
bool rrto_dnn_rnn_ok(const struct rrto_dnn_rnn *rnn);
int64_t rrto_dnn_rnn_n_gates(const struct rrto_dnn_rnn *rnn);
/* How long the input of a layer is. */
int64_t rrto_dnn_rnn_n_input(const struct rrto_dnn_rnn *rnn, int64_t layer);
/* pseudo_layer: layer * directions + direction. */
struct rrto_dnn_rnn_weights rrto_dnn_rnn_weights(const struct rrto_dnn_rnn *rnn, int64_t pseudo_layer);
/* Elements of the weight space. */
int64_t rrto_dnn_rnn_n_weights(const struct rrto_dnn_rnn *rnn);
/* Floats of the work space of one forward pass. */
int64_t rrto_dnn_rnn_n_work(const struct rrto_dnn_rnn *rnn, const struct rrto_dnn_rnn_data *x);

#endif
