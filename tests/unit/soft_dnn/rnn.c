/* SPDX-License-Identifier: Apache-2.0 */
/* Recurrent networks against loops that take one sequence at a time: every cell, bias mode and layout, one direction
 * and both. The weights are found the way an application finds them. */
#include "../test.h"

#include <stdbool.h>
#include <string.h>

#include "../soft_blas/numbers.h"
#include "gen/api_cudnn.h"

#define OK(call) assert_int_equal(call, CUDNN_STATUS_SUCCESS)

enum { LONGEST = 5, BATCH = 3, INPUT = 6, HIDDEN = 4, LAYERS = 2, STATES = LAYERS * 2 * BATCH * HIDDEN };
enum { MOST_IN = LONGEST * BATCH * INPUT, MOST_OUT = LONGEST * BATCH * 2 * HIDDEN };

static const int lengths[BATCH] = {5, 3, 1};
static cudnnHandle_t handle;

static int make_handle(void **state)
{
    (void)state;
    return cudnnCreate(&handle) != CUDNN_STATUS_SUCCESS;
}

static int drop_handle(void **state)
{
    (void)state;
    return cudnnDestroy(handle) != CUDNN_STATUS_SUCCESS;
}

struct network {
    cudnnRNNMode_t cell;
    cudnnRNNBiasMode_t bias;
    int n_directions;
    cudnnDropoutDescriptor_t dropout;
    cudnnRNNDescriptor_t rnn;
    float *weights;
    size_t weight_bytes;
};

static struct network new_network(cudnnRNNMode_t cell, cudnnRNNBiasMode_t bias, int n_directions)
{
    struct network n = {.cell = cell, .bias = bias, .n_directions = n_directions};
    OK(cudnnCreateDropoutDescriptor(&n.dropout));
    OK(cudnnSetDropoutDescriptor(n.dropout, handle, 0.0f, NULL, 0, 0));
    OK(cudnnCreateRNNDescriptor(&n.rnn));
    OK(cudnnSetRNNDescriptor_v8(n.rnn, CUDNN_RNN_ALGO_STANDARD, cell, bias,
                                n_directions == 2 ? CUDNN_BIDIRECTIONAL : CUDNN_UNIDIRECTIONAL, CUDNN_LINEAR_INPUT,
                                CUDNN_DATA_FLOAT, CUDNN_DATA_FLOAT, CUDNN_DEFAULT_MATH, INPUT, HIDDEN, HIDDEN, LAYERS,
                                n.dropout, 1));
    OK(cudnnGetRNNWeightSpaceSize(handle, n.rnn, &n.weight_bytes));
    n.weights = new_floats(n.weight_bytes / sizeof(float), 5);
    return n;
}

static void free_network(struct network *n)
{
    OK(cudnnDestroyRNNDescriptor(n->rnn));
    OK(cudnnDestroyDropoutDescriptor(n->dropout));
    free(n->weights);
}

static cudnnRNNDataDescriptor_t new_data(cudnnRNNDataLayout_t layout, int vector, float *fill)
{
    cudnnRNNDataDescriptor_t data;
    OK(cudnnCreateRNNDataDescriptor(&data));
    OK(cudnnSetRNNDataDescriptor(data, CUDNN_DATA_FLOAT, layout, LONGEST, BATCH, vector, lengths, fill));
    return data;
}

/* Where step t of sequence b starts in data of that layout, in vectors. */
static int row(cudnnRNNDataLayout_t layout, int t, int b)
{
    if (layout == CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_UNPACKED)
        return t * BATCH + b;
    if (layout == CUDNN_RNN_DATA_LAYOUT_BATCH_MAJOR_UNPACKED)
        return b * LONGEST + t;
    int before = b;
    for (int i = 0; i < BATCH; i++)
        before += lengths[i] < t ? lengths[i] : t;
    return before;
}

/* One gate's matrix times a vector, plus its bias, as the application sees them. */
static void linear(const struct network *n, int pseudo_layer, int id, int n_in, const double *in, double *out)
{
    cudnnTensorDescriptor_t m, b;
    void *matrix, *bias;
    cudnnDataType_t type;
    int n_dims, dims[3], strides[3];
    OK(cudnnCreateTensorDescriptor(&m));
    OK(cudnnCreateTensorDescriptor(&b));
    OK(cudnnGetRNNWeightParams(handle, n->rnn, pseudo_layer, n->weight_bytes, n->weights, id, m, &matrix, b, &bias));
    OK(cudnnGetTensorNdDescriptor(m, 3, &type, &n_dims, dims, strides));
    assert_int_equal(n_dims, 3);
    assert_memory_equal(dims, ((int[]){1, HIDDEN, n_in}), sizeof dims);
    for (int i = 0; i < HIDDEN; i++) {
        out[i] = bias ? (double)((float *)bias)[i] : 0;
        for (int k = 0; k < n_in; k++)
            out[i] += (double)((float *)matrix)[i * n_in + k] * in[k];
    }
    OK(cudnnDestroyTensorDescriptor(m));
    OK(cudnnDestroyTensorDescriptor(b));
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static void cell_step(const struct network *n, int pseudo_layer, int n_in, const double *in, double *h, double *c)
{
    int n_gates = n->cell == CUDNN_LSTM ? 4 : n->cell == CUDNN_GRU ? 3 : 1;
    double x[4][HIDDEN], r[4][HIDDEN];
    for (int gate = 0; gate < n_gates; gate++) {
        linear(n, pseudo_layer, gate, n_in, in, x[gate]);
        linear(n, pseudo_layer, n_gates + gate, HIDDEN, h, r[gate]);
    }
    for (int i = 0; i < HIDDEN; i++)
        switch (n->cell) {
        case CUDNN_LSTM:
            c[i] = sigmoid(x[1][i] + r[1][i]) * c[i] + sigmoid(x[0][i] + r[0][i]) * tanh(x[2][i] + r[2][i]);
            h[i] = sigmoid(x[3][i] + r[3][i]) * tanh(c[i]);
            break;
        case CUDNN_GRU: {
            double z = sigmoid(x[1][i] + r[1][i]);
            h[i] = (1 - z) * tanh(x[2][i] + sigmoid(x[0][i] + r[0][i]) * r[2][i]) + z * h[i];
            break;
        }
        case CUDNN_RNN_TANH:
            h[i] = tanh(x[0][i] + r[0][i]);
            break;
        default:
            h[i] = fmax(0, x[0][i] + r[0][i]);
        }
}

/* One sequence through all layers; hy and cy are of that sequence: [pseudo layer][hidden]. */
static void one_sequence(const struct network *n, int length, double values[LONGEST][2 * HIDDEN + INPUT],
                         double (*hy)[HIDDEN], double (*cy)[HIDDEN])
{
    for (int layer = 0; layer < LAYERS; layer++) {
        double next[LONGEST][2 * HIDDEN] = {{0}};
        for (int d = 0; d < n->n_directions; d++)
            for (int i = 0; i < length; i++) {
                int t = d ? length - 1 - i : i, p = layer * n->n_directions + d;
                cell_step(n, p, layer ? n->n_directions * HIDDEN : INPUT, values[t], hy[p], cy[p]);
                memcpy(next[t] + d * HIDDEN, hy[p], sizeof hy[p]);
            }
        for (int t = 0; t < length; t++)
            memcpy(values[t], next[t], sizeof next[t]);
    }
}

static void check(const struct network *n, cudnnRNNDataLayout_t layout, bool states)
{
    float fill = 9.0f;
    cudnnRNNDataDescriptor_t xd = new_data(layout, INPUT, NULL), yd = new_data(layout, n->n_directions * HIDDEN, &fill);
    cudnnTensorDescriptor_t hd;
    OK(cudnnCreateTensorDescriptor(&hd));
    OK(cudnnSetTensorNdDescriptor(hd, CUDNN_DATA_FLOAT, 3, (const int[]){LAYERS * n->n_directions, BATCH, HIDDEN},
                                  (const int[]){BATCH * HIDDEN, HIDDEN, 1}));
    float *x = new_floats(MOST_IN, 1), *y = new_floats(MOST_OUT, 2), *hx = new_floats(STATES, 3);
    float *cx = new_floats(STATES, 4), *hy = new_floats(STATES, 6), *cy = new_floats(STATES, 7);
    size_t work_bytes, reserve_bytes;
    OK(cudnnGetRNNTempSpaceSizes(handle, n->rnn, CUDNN_FWD_MODE_INFERENCE, xd, &work_bytes, &reserve_bytes));
    void *work = malloc(work_bytes);
    assert_int_equal(cudnnRNNForward(handle, n->rnn, CUDNN_FWD_MODE_INFERENCE, NULL, xd, x, yd, y, hd, NULL, hy, hd,
                                     NULL, cy, n->weight_bytes, n->weights, work_bytes - 1, work, 0, NULL),
                     CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT);
    OK(cudnnRNNForward(handle, n->rnn, CUDNN_FWD_MODE_INFERENCE, NULL, xd, x, yd, y, hd, states ? hx : NULL, hy, hd,
                       states ? cx : NULL, cy, n->weight_bytes, n->weights, work_bytes, work, 0, NULL));
    for (int b = 0; b < BATCH; b++) {
        double values[LONGEST][2 * HIDDEN + INPUT] = {{0}}, h[LAYERS * 2][HIDDEN], c[LAYERS * 2][HIDDEN];
        int n_out = n->n_directions * HIDDEN;
        for (int p = 0; p < LAYERS * n->n_directions; p++)
            for (int i = 0; i < HIDDEN; i++) {
                h[p][i] = states ? (double)hx[(p * BATCH + b) * HIDDEN + i] : 0;
                c[p][i] = states ? (double)cx[(p * BATCH + b) * HIDDEN + i] : 0;
            }
        for (int t = 0; t < lengths[b]; t++)
            for (int i = 0; i < INPUT; i++)
                values[t][i] = (double)x[row(layout, t, b) * INPUT + i];
        one_sequence(n, lengths[b], values, h, c);
        for (int t = 0; t < LONGEST; t++)
            for (int i = 0; i < n_out && (t < lengths[b] || layout != CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED); i++)
                assert_close((double)y[row(layout, t, b) * n_out + i], t < lengths[b] ? values[t][i] : 9.0, 1e-5, "y",
                             t * n_out + i);
        for (int p = 0; p < LAYERS * n->n_directions; p++)
            for (int i = 0; i < HIDDEN; i++) {
                assert_close((double)hy[(p * BATCH + b) * HIDDEN + i], h[p][i], 1e-5, "hy", p * HIDDEN + i);
                if (n->cell == CUDNN_LSTM)
                    assert_close((double)cy[(p * BATCH + b) * HIDDEN + i], c[p][i], 1e-5, "cy", p * HIDDEN + i);
            }
    }
    float *const buffers[] = {x, y, hx, cx, hy, cy};
    for (size_t i = 0; i < 6; i++)
        free(buffers[i]);
    free(work);
    OK(cudnnDestroyTensorDescriptor(hd));
    OK(cudnnDestroyRNNDataDescriptor(xd));
    OK(cudnnDestroyRNNDataDescriptor(yd));
}

static void cells_and_layouts(void **state)
{
    (void)state;
    for (int cell = CUDNN_RNN_RELU; cell <= CUDNN_GRU; cell++)
        for (int which = 0; which < 4; which++) {
            struct network n =
                new_network((cudnnRNNMode_t)cell, which & 2 ? CUDNN_RNN_DOUBLE_BIAS : (cudnnRNNBiasMode_t)(cell % 4),
                            which & 1 ? 2 : 1);
            for (int layout = 0; layout < 3; layout++)
                check(&n, (cudnnRNNDataLayout_t)layout, layout != 1);
            free_network(&n);
        }
}

/* What is not computed says so. */
static void refused(void **state)
{
    (void)state;
    struct network n = new_network(CUDNN_LSTM, CUDNN_RNN_NO_BIAS, 1);
    void *address = &n;
    OK(cudnnGetRNNWeightParams(handle, n.rnn, 0, n.weight_bytes, n.weights, 0, NULL, NULL, NULL, &address));
    assert_null(address); /* no such bias */
    assert_int_equal(
        cudnnGetRNNWeightParams(handle, n.rnn, LAYERS, n.weight_bytes, n.weights, 0, NULL, &address, NULL, NULL),
        CUDNN_STATUS_BAD_PARAM);
    OK(cudnnSetRNNDescriptor_v8(n.rnn, CUDNN_RNN_ALGO_STANDARD, CUDNN_LSTM, CUDNN_RNN_DOUBLE_BIAS, CUDNN_UNIDIRECTIONAL,
                                CUDNN_LINEAR_INPUT, CUDNN_DATA_FLOAT, CUDNN_DATA_FLOAT, CUDNN_DEFAULT_MATH, INPUT,
                                HIDDEN, HIDDEN - 1, LAYERS, n.dropout, 1));
    assert_int_equal(cudnnGetRNNWeightSpaceSize(handle, n.rnn, &n.weight_bytes), CUDNN_STATUS_NOT_SUPPORTED);
    assert_int_equal(cudnnSetDropoutDescriptor(n.dropout, handle, 0.5f, n.weights, 4, 0), CUDNN_STATUS_NOT_SUPPORTED);
    cudnnRNNDataDescriptor_t data;
    OK(cudnnCreateRNNDataDescriptor(&data)); /* packed: the longest sequence comes first */
    assert_int_equal(cudnnSetRNNDataDescriptor(data, CUDNN_DATA_FLOAT, CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED, 5, 2, 1,
                                               (const int[]){1, 5}, NULL),
                     CUDNN_STATUS_BAD_PARAM);
    OK(cudnnDestroyRNNDataDescriptor(data));
    free_network(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(cells_and_layouts), cmocka_unit_test(refused)};
    return cmocka_run_group_tests(tests, make_handle, drop_handle);
}
