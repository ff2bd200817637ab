/* SPDX-License-Identifier: Apache-2.0 */
/* The forward pass of recurrent networks: LSTM, GRU, and the plain cells with ReLU and tanh; one direction or both. All
 * steps of a layer's input are multiplied at once, then the state goes from step to step. Within the pass data is dense
 * (step, sequence, element), whatever its layout outside; steps beyond a sequence's end leave its state alone. */
#include <math.h>
#include <string.h>

#include <cblas.h>

#include "dnn/rnn.h"

#define EXPORT RRTO_SOFT_EXPORT cudnnStatus_t

struct pass {
    const struct rrto_dnn_rnn *rnn;
    const struct rrto_dnn_rnn_data *data;       /* of x; the lengths are those of y, too */
    int64_t n_gates, n_rows;                    /* rows: steps times sequences */
    const float *weights, *hx, *cx;             /* hx and cx may be NULL: zeroes */
    float *hy, *cy;                             /* may be NULL */
    float *in, *out, *products, *gates, *h, *c; /* work space */
};

static int64_t widest(const struct rrto_dnn_rnn *rnn)
{
    int64_t inner = rnn->n_directions * rnn->n_hidden;
    return rnn->n_input > inner ? rnn->n_input : inner;
}

/* The parts of the work space: in, out, products, gates, h, c. */
static void sizes(const struct rrto_dnn_rnn *rnn, const struct rrto_dnn_rnn_data *x, int64_t *ret_sizes)
{
    int64_t n_rows = x->longest * x->n_batch, n_gates = rrto_dnn_rnn_n_gates(rnn);
    ret_sizes[0] = ret_sizes[1] = n_rows * widest(rnn);
    ret_sizes[2] = n_rows * n_gates * rnn->n_hidden;
    ret_sizes[3] = x->n_batch * n_gates * rnn->n_hidden;
    ret_sizes[4] = ret_sizes[5] = x->n_batch * rnn->n_hidden;
}

int64_t rrto_dnn_rnn_n_work(const struct rrto_dnn_rnn *rnn, const struct rrto_dnn_rnn_data *x)
{
    int64_t parts[6], n = 0;
    sizes(rnn, x, parts);
    for (int i = 0; i < 6; i++)
        n += parts[i];
    return n;
}

/* to (rows x columns) = from (rows x inner) times the transposed matrix (columns x inner), plus a bias, if there is
 * one, on each row. */
static void multiply(int64_t rows, int64_t columns, int64_t inner, const float *from, const float *matrix,
                     const float *bias, float *to)
{
    for (int64_t i = 0; bias && i < rows; i++)
        memcpy(to + i * columns, bias, (size_t)columns * sizeof *to);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)rows, (blasint)columns, (blasint)inner, 1.0f, from,
                (blasint)inner, matrix, (blasint)inner, bias ? 1.0f : 0.0f, to, (blasint)columns);
}

static float sigmoid(float x)
{
    return 1.0f / (1.0f + expf(-x));
}

/* One step of one sequence. x and r are what the input's and the state's matrices gave, gates in a row, in cuDNN's
 * order: LSTM: input, forget, new memory, output; GRU: reset, update, new. */
static void step(int cell, int64_t n, const float *x, const float *r, float *h, float *c)
{
    for (int64_t i = 0; i < n; i++) {
        if (cell == CUDNN_LSTM) {
            float input = sigmoid(x[i] + r[i]), forget = sigmoid(x[n + i] + r[n + i]);
            float fresh = tanhf(x[2 * n + i] + r[2 * n + i]), output = sigmoid(x[3 * n + i] + r[3 * n + i]);
            c[i] = forget * c[i] + input * fresh;
            h[i] = output * tanhf(c[i]);
        } else if (cell == CUDNN_GRU) {
            float reset = sigmoid(x[i] + r[i]), update = sigmoid(x[n + i] + r[n + i]);
            float fresh = tanhf(x[2 * n + i] + reset * r[2 * n + i]);
            h[i] = (1.0f - update) * fresh + update * h[i];
        } else {
            float sum = x[i] + r[i];
            h[i] = cell == CUDNN_RNN_TANH ? tanhf(sum) : sum < 0.0f ? 0.0f : sum; /* NaN passes */
        }
    }
}

static void load_state(float *to, const float *from, int64_t n)
{
    if (from)
        memcpy(to, from, (size_t)n * sizeof *to);
    else
        memset(to, 0, (size_t)n * sizeof *to);
}

/* One layer in one direction: from p->in to its columns of p->out. */
static void run(const struct pass *p, int64_t layer, int64_t direction)
{
    const struct rrto_dnn_rnn *rnn = p->rnn;
    int64_t pseudo_layer = layer * rnn->n_directions + direction, n_batch = p->data->n_batch, hidden = rnn->n_hidden;
    int64_t n_columns = p->n_gates * hidden, n_out = rnn->n_directions * hidden, n_state = n_batch * hidden;
    struct rrto_dnn_rnn_weights at = rrto_dnn_rnn_weights(rnn, pseudo_layer);
    multiply(p->n_rows, n_columns, rrto_dnn_rnn_n_input(rnn, layer), p->in, p->weights + at.input,
             at.input_bias < 0 ? NULL : p->weights + at.input_bias, p->products);
    load_state(p->h, p->hx ? p->hx + pseudo_layer * n_state : NULL, n_state);
    load_state(p->c, p->cx ? p->cx + pseudo_layer * n_state : NULL, n_state);
    for (int64_t i = 0; i < p->data->longest; i++) {
        int64_t t = direction == 0 ? i : p->data->longest - 1 - i;
        multiply(n_batch, n_columns, hidden, p->h, p->weights + at.recurrent,
                 at.recurrent_bias < 0 ? NULL : p->weights + at.recurrent_bias, p->gates);
        for (int64_t b = 0; b < n_batch; b++) {
            float *out = p->out + (t * n_batch + b) * n_out + direction * hidden;
            if (t < p->data->lengths[b]) {
                step(rnn->cell, hidden, p->products + (t * n_batch + b) * n_columns, p->gates + b * n_columns,
                     p->h + b * hidden, p->c + b * hidden);
                memcpy(out, p->h + b * hidden, (size_t)hidden * sizeof *out);
            } else {
                memset(out, 0, (size_t)hidden * sizeof *out);
            }
        }
    }
    if (p->hy)
        memcpy(p->hy + pseudo_layer * n_state, p->h, (size_t)n_state * sizeof *p->hy);
    if (p->cy)
        memcpy(p->cy + pseudo_layer * n_state, p->c, (size_t)n_state * sizeof *p->cy);
}

static void run_layers(struct pass *p)
{
    for (int64_t layer = 0; layer < p->rnn->n_layers; layer++) {
        for (int64_t direction = 0; direction < p->rnn->n_directions; direction++)
            run(p, layer, direction);
        float *in = p->in;
        p->in = p->out; /* the next layer's input; after the last one, the result */
        p->out = in;
    }
}

/* Between the data's layout and the dense one. fill: what padding becomes in the data, NULL: it stays as it is. */
static void move_rows(const struct rrto_dnn_rnn_data *data, float *outside, float *dense, bool to_dense,
                      const float *fill)
{
    int64_t n = data->n_vector, packed = 0;
    for (int64_t t = 0; t < data->longest; t++)
        for (int64_t b = 0; b < data->n_batch; b++) {
            bool inside = t < data->lengths[b];
            int64_t row = t * data->n_batch + b;
            if (data->layout == CUDNN_RNN_DATA_LAYOUT_BATCH_MAJOR_UNPACKED)
                row = b * data->longest + t;
            if (data->layout == CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED) {
                row = packed;
                packed += inside;
            }
            float *there = outside + row * n, *here = dense + (t * data->n_batch + b) * n;
            if (inside)
                memcpy(to_dense ? here : there, to_dense ? there : here, (size_t)n * sizeof *here);
            else if (to_dense)
                memset(here, 0, (size_t)n * sizeof *here);
            else if (fill && data->layout != CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED)
                for (int64_t i = 0; i < n; i++)
                    there[i] = *fill;
        }
}

/* A buffer of the call as dense floats. */
struct buffer {
    struct rrto_dnn_tensor shape;
    struct rrto_dnn_view view;
    void *data;
    bool write;
};

static enum rrto_dnn_result open_buffer(struct buffer *buffer, int type, int64_t rows, int64_t columns,
                                        const void *data, bool read, bool write)
{
    *buffer = (struct buffer){
        .shape = {.type = type, .n_dims = 2, .dims = {rows, columns}}, .data = (void *)(uintptr_t)data, .write = write};
    rrto_dnn_pack_strides(&buffer->shape);
    if (!data)
        return RRTO_DNN_DONE;
    return rrto_dnn_tensor_ok(&buffer->shape) ? rrto_dnn_open(&buffer->view, &buffer->shape, data, read)
                                              : RRTO_DNN_UNSUPPORTED;
}

static int64_t n_rows_outside(const struct rrto_dnn_rnn_data *data)
{
    return data->layout == CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED ? data->n_steps : data->longest * data->n_batch;
}

static float fill_value(const struct rrto_dnn_rnn_data *data)
{
    struct buffer buffer;
    float value = 0.0f;
    if (open_buffer(&buffer, data->type, 1, 1, data->fill, true, false) == RRTO_DNN_DONE)
        value = buffer.view.data[0];
    rrto_dnn_close(&buffer.view, &buffer.shape, NULL, false);
    return value;
}

/* The states' descriptor: (layers * directions, batch, hidden), dense. */
static bool states_ok(const struct pass *p, const cudnnTensorDescriptor_t descriptor, const void *in, const void *out)
{
    const struct rrto_dnn_tensor *t = rrto_dnn_tensor_of(descriptor);
    if (!in && !out)
        return true;
    if (!t || t->n_dims < 3 || t->type != p->rnn->type)
        return false;
    int64_t stride = 1;
    for (int i = t->n_dims - 1; i >= 0; i--) {
        if (t->dims[i] > 1 && t->strides[i] != stride)
            return false;
        stride *= t->dims[i];
    }
    return t->dims[0] == p->rnn->n_layers * p->rnn->n_directions && t->dims[1] == p->data->n_batch &&
           t->dims[2] == p->rnn->n_hidden && rrto_dnn_tensor_size(t) == t->dims[0] * t->dims[1] * t->dims[2];
}

/* Cuts the work space. */
static void take_work(struct pass *p, float *work)
{
    int64_t parts[6];
    float **const places[6] = {&p->in, &p->out, &p->products, &p->gates, &p->h, &p->c};
    sizes(p->rnn, p->data, parts);
    for (int i = 0; i < 6; i++) {
        *places[i] = work;
        work += parts[i];
    }
}

static bool data_ok(const struct rrto_dnn_rnn *rnn, const struct rrto_dnn_rnn_data *x,
                    const struct rrto_dnn_rnn_data *y)
{
    return x->lengths && y->lengths && x->type == rnn->type && y->type == rnn->type && x->n_batch == y->n_batch &&
           x->longest == y->longest && x->n_vector == rnn->n_input &&
           y->n_vector == rnn->n_directions * rnn->n_hidden && x->n_steps > 0 &&
           memcmp(x->lengths, y->lengths, (size_t)x->n_batch * sizeof *x->lengths) == 0;
}

EXPORT cudnnRNNForward(cudnnHandle_t handle, cudnnRNNDescriptor_t rnnDesc, cudnnForwardMode_t fwdMode,
                       const int32_t *devSeqLengths, cudnnRNNDataDescriptor_t xDesc, const void *x,
                       cudnnRNNDataDescriptor_t yDesc, void *y, cudnnTensorDescriptor_t hDesc, const void *hx, void *hy,
                       cudnnTensorDescriptor_t cDesc, const void *cx, void *cy, size_t weightSpaceSize,
                       const void *weightSpace, size_t workSpaceSize, void *workSpace, size_t reserveSpaceSize,
                       void *reserveSpace)
{
    (void)devSeqLengths; /* the same as the descriptors' */
    (void)reserveSpaceSize;
    (void)reserveSpace;
    struct pass p = {.rnn = (const void *)rnnDesc, .data = (const void *)xDesc};
    const struct rrto_dnn_rnn_data *to = (const void *)yDesc;
    if (!handle || !p.rnn || !p.data || !to || !x || !y || !weightSpace)
        return CUDNN_STATUS_BAD_PARAM;
    if (!rrto_dnn_rnn_ok(p.rnn) || (fwdMode == CUDNN_FWD_MODE_TRAINING && p.rnn->dropout > 0.0f && p.rnn->n_layers > 1))
        return CUDNN_STATUS_NOT_SUPPORTED;
    bool lstm = p.rnn->cell == CUDNN_LSTM;
    if (!data_ok(p.rnn, p.data, to) || !states_ok(&p, hDesc, hx, hy) || (lstm && !states_ok(&p, cDesc, cx, cy)))
        return CUDNN_STATUS_BAD_PARAM;
    int64_t n_weights = rrto_dnn_rnn_n_weights(p.rnn), n_work = rrto_dnn_rnn_n_work(p.rnn, p.data);
    int64_t n_states = p.rnn->n_layers * p.rnn->n_directions * p.data->n_batch;
    int type = p.rnn->type;
    if (!workSpace || workSpaceSize < (size_t)n_work * sizeof(float) ||
        weightSpaceSize < (size_t)n_weights * (type == RRTO_DNN_FLOAT ? 4 : 2))
        return CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT;
    rrto_dnn_settle(handle);
    p.n_gates = rrto_dnn_rnn_n_gates(p.rnn);
    p.n_rows = p.data->longest * p.data->n_batch;
    take_work(&p, workSpace);

    enum { X, Y, WEIGHTS, HX, HY, CX, CY, N_BUFFERS };
    struct buffer buffers[N_BUFFERS] = {0};
    const struct {
        int64_t rows, columns;
        const void *data;
        bool read, write;
    } wanted[N_BUFFERS] = {
        [X] = {n_rows_outside(p.data), p.data->n_vector, x, true, false},
        [Y] = {n_rows_outside(to), to->n_vector, y, true, true}, /* padding may stay as it is */
        [WEIGHTS] = {1, n_weights, weightSpace, true, false},
        [HX] = {n_states, p.rnn->n_hidden, hx, true, false},
        [HY] = {n_states, p.rnn->n_hidden, hy, false, true},
        [CX] = {n_states, p.rnn->n_hidden, lstm ? cx : NULL, true, false},
        [CY] = {n_states, p.rnn->n_hidden, lstm ? cy : NULL, false, true},
    };
    enum rrto_dnn_result result = RRTO_DNN_DONE;
    for (int i = 0; i < N_BUFFERS && result == RRTO_DNN_DONE; i++)
        result = open_buffer(&buffers[i], type, wanted[i].rows, wanted[i].columns, wanted[i].data, wanted[i].read,
                             wanted[i].write);
    if (result == RRTO_DNN_DONE) {
        p.weights = buffers[WEIGHTS].view.data;
        p.hx = buffers[HX].view.data;
        p.hy = buffers[HY].view.data;
        p.cx = buffers[CX].view.data;
        p.cy = buffers[CY].view.data;
        float fill = to->filled ? fill_value(to) : 0.0f;
        move_rows(p.data, buffers[X].view.data, p.in, true, NULL);
        run_layers(&p);
        move_rows(to, buffers[Y].view.data, p.in, false, to->filled ? &fill : NULL);
    }
    for (int i = 0; i < N_BUFFERS; i++)
        if (buffers[i].view.data)
            rrto_dnn_close(&buffers[i].view, &buffers[i].shape, buffers[i].data,
                           buffers[i].write && result == RRTO_DNN_DONE);
    return rrto_dnn_status(result);
}
