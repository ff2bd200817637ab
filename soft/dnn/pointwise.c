/* SPDX-License-Identifier: Apache-2.0 */
/* Activation, softmax, pooling and broadcast addition: result = alpha * f(x) + beta * result, on dense float views. */
#include <math.h>

#include "dnn/descriptors.h"

#define EXPORT RRTO_SOFT_EXPORT cudnnStatus_t

/* What the calls have in common: an input, an output, two scalars, and a function over the dense views. */
struct call {
    const struct rrto_dnn_tensor *x, *y;
    const void *x_data;
    void *y_data;
    double alpha, beta;
    const float *in;
    float *out;
};

static bool start(struct call *call, cudnnTensorDescriptor_t x_desc, const void *x, cudnnTensorDescriptor_t y_desc,
                  void *y, const void *alpha, const void *beta)
{
    if (!x_desc || !y_desc || !x || !y || !alpha || !beta)
        return false;
    *call = (struct call){.x = rrto_dnn_tensor_of(x_desc), .y = rrto_dnn_tensor_of(y_desc), .x_data = x, .y_data = y};
    call->alpha = rrto_dnn_scalar(alpha);
    call->beta = rrto_dnn_scalar(beta);
    return true;
}

static float blend(const struct call *call, double value, float before)
{
    return (float)(call->alpha * value + (call->beta == 0.0 ? 0.0 : call->beta * (double)before));
}

static cudnnStatus_t run(struct call *call, void (*fn)(struct call *, const void *), const void *arg)
{
    struct rrto_dnn_view in = {0}, out = {0};
    if (!rrto_dnn_tensor_ok(call->x) || !rrto_dnn_tensor_ok(call->y))
        return CUDNN_STATUS_NOT_SUPPORTED;
    enum rrto_dnn_result result = rrto_dnn_open(&in, call->x, call->x_data, true);
    if (result == RRTO_DNN_DONE)
        result = rrto_dnn_open(&out, call->y, call->y_data, call->beta != 0.0);
    if (result == RRTO_DNN_DONE) {
        call->in = in.data;
        call->out = out.data;
        fn(call, arg);
    }
    rrto_dnn_close(&in, call->x, NULL, false);
    rrto_dnn_close(&out, call->y, call->y_data, result == RRTO_DNN_DONE);
    return rrto_dnn_status(result);
}

static double activate(const struct rrto_dnn_activation *a, double x)
{
    switch (a->mode) {
    case CUDNN_ACTIVATION_SIGMOID:
        return 1.0 / (1.0 + exp(-x));
    case CUDNN_ACTIVATION_RELU:
        return x < 0.0 ? 0.0 : x; /* NaN stays NaN */
    case CUDNN_ACTIVATION_TANH:
        return tanh(x);
    case CUDNN_ACTIVATION_CLIPPED_RELU:
        return x < 0.0 ? 0.0 : x > a->coefficient ? a->coefficient : x;
    case CUDNN_ACTIVATION_ELU:
        return x < 0.0 ? a->coefficient * expm1(x) : x;
    case CUDNN_ACTIVATION_SWISH:
        return x / (1.0 + exp(-a->coefficient * x));
    default:
        return x;
    }
}

static void activate_all(struct call *call, const void *arg)
{
    int64_t size = rrto_dnn_tensor_size(call->x);
    for (int64_t i = 0; i < size; i++)
        call->out[i] = blend(call, activate(arg, (double)call->in[i]), call->out[i]);
}

EXPORT cudnnActivationForward(cudnnHandle_t handle, cudnnActivationDescriptor_t activationDesc, const void *alpha,
                              const cudnnTensorDescriptor_t xDesc, const void *x, const void *beta,
                              const cudnnTensorDescriptor_t yDesc, void *y)
{
    rrto_dnn_settle(handle);
    struct call call;
    if (!handle || !activationDesc || !start(&call, xDesc, x, yDesc, y, alpha, beta) ||
        !rrto_dnn_same_dims(call.x, call.y))
        return CUDNN_STATUS_BAD_PARAM;
    return run(&call, activate_all, (const void *)activationDesc);
}

struct softmax {
    bool logarithm;
    int64_t outer, members, inner;
};

static void softmax_all(struct call *call, const void *arg)
{
    const struct softmax *s = arg;
    for (int64_t row = 0; row < s->outer * s->inner; row++) {
        int64_t at = row / s->inner * s->members * s->inner + row % s->inner;
        double largest = -INFINITY, sum = 0.0;
        for (int64_t i = 0; i < s->members; i++)
            largest = fmax(largest, (double)call->in[at + i * s->inner]);
        for (int64_t i = 0; i < s->members; i++)
            sum += exp((double)call->in[at + i * s->inner] - largest);
        for (int64_t i = 0; i < s->members; i++) {
            double shifted = (double)call->in[at + i * s->inner] - largest;
            float *out = &call->out[at + i * s->inner];
            *out = blend(call, s->logarithm ? shifted - log(sum) : exp(shifted) / sum, *out);
        }
    }
}

EXPORT cudnnSoftmaxForward(cudnnHandle_t handle, cudnnSoftmaxAlgorithm_t algo, cudnnSoftmaxMode_t mode,
                           const void *alpha, const cudnnTensorDescriptor_t xDesc, const void *x, const void *beta,
                           const cudnnTensorDescriptor_t yDesc, void *y)
{
    rrto_dnn_settle(handle);
    struct call call;
    if (!handle || !start(&call, xDesc, x, yDesc, y, alpha, beta) || !rrto_dnn_same_dims(call.x, call.y) ||
        call.x->n_dims < 2)
        return CUDNN_STATUS_BAD_PARAM;
    int64_t size = rrto_dnn_tensor_size(call.x), pixels = size / call.x->dims[0] / call.x->dims[1];
    bool channel = mode == CUDNN_SOFTMAX_MODE_CHANNEL;
    struct softmax s = {algo == CUDNN_SOFTMAX_LOG, call.x->dims[0], channel ? call.x->dims[1] : size / call.x->dims[0],
                        channel ? pixels : 1};
    return run(&call, softmax_all, &s);
}

/* The window of one output pixel, as depth, height, width. */
struct window {
    int64_t first[3], end[3], full; /* full: elements with those in the padding */
};

static struct window window_at(const struct rrto_dnn_pooling *p, const struct rrto_dnn_tensor *x, const int64_t at[3])
{
    struct window w = {{0, 0, 0}, {1, 1, 1}, 1};
    for (int i = 0; i < p->n_spatial; i++) {
        int d = 3 - p->n_spatial + i;
        int64_t first = at[d] * p->stride[i] - p->pad[i], end = first + p->window[i], size = x->dims[2 + i];
        w.full *= (end < size + p->pad[i] ? end : size + p->pad[i]) - first;
        w.first[d] = first < 0 ? 0 : first;
        w.end[d] = end < size ? end : size;
    }
    return w;
}

static double pool(const struct rrto_dnn_pooling *p, const struct window *w, const float *plane, const int64_t size[3])
{
    bool largest = p->mode == CUDNN_POOLING_MAX || p->mode == CUDNN_POOLING_MAX_DETERMINISTIC;
    double value = largest ? -INFINITY : 0.0;
    int64_t inside = 0;
    for (int64_t d = w->first[0]; d < w->end[0]; d++) {
        for (int64_t h = w->first[1]; h < w->end[1]; h++) {
            for (int64_t c = w->first[2]; c < w->end[2]; c++, inside++) {
                double element = (double)plane[(d * size[1] + h) * size[2] + c];
                if (!largest)
                    value += element;
                else if (element > value || isnan(element))
                    value = element;
            }
        }
    }
    if (largest)
        return value;
    return value / (double)(p->mode == CUDNN_POOLING_AVERAGE_COUNT_INCLUDE_PADDING ? w->full : inside > 0 ? inside : 1);
}

static void pool_all(struct call *call, const void *arg)
{
    const struct rrto_dnn_pooling *p = arg;
    int64_t in[3] = {1, 1, 1}, out[3] = {1, 1, 1};
    for (int i = 0; i < p->n_spatial; i++) {
        in[3 - p->n_spatial + i] = call->x->dims[2 + i];
        out[3 - p->n_spatial + i] = call->y->dims[2 + i];
    }
    int64_t n_in = in[0] * in[1] * in[2], n_out = out[0] * out[1] * out[2];
    for (int64_t i = 0; i < rrto_dnn_tensor_size(call->y); i++) {
        int64_t pixel = i % n_out, at[3] = {pixel / out[2] / out[1], pixel / out[2] % out[1], pixel % out[2]};
        struct window w = window_at(p, call->x, at);
        call->out[i] = blend(call, pool(p, &w, call->in + i / n_out * n_in, in), call->out[i]);
    }
}

EXPORT cudnnPoolingForward(cudnnHandle_t handle, const cudnnPoolingDescriptor_t poolingDesc, const void *alpha,
                           const cudnnTensorDescriptor_t xDesc, const void *x, const void *beta,
                           const cudnnTensorDescriptor_t yDesc, void *y)
{
    rrto_dnn_settle(handle);
    struct call call;
    const struct rrto_dnn_pooling *p = (const void *)poolingDesc;
    if (!handle || !p || !start(&call, xDesc, x, yDesc, y, alpha, beta) || call.x->n_dims != p->n_spatial + 2 ||
        call.y->n_dims != call.x->n_dims || call.x->dims[0] != call.y->dims[0] || call.x->dims[1] != call.y->dims[1])
        return CUDNN_STATUS_BAD_PARAM;
    for (int i = 0; i < p->n_spatial; i++) {
        int64_t room = call.x->dims[2 + i] + 2 * p->pad[i] - p->window[i];
        if (room < 0 || room / p->stride[i] + 1 != call.y->dims[2 + i] || p->pad[i] >= p->window[i])
            return CUDNN_STATUS_BAD_PARAM;
    }
    return run(&call, pool_all, p);
}

/* A's dimensions are C's, or 1. */
static void add_all(struct call *call, const void *unused)
{
    (void)unused;
    for (int64_t i = 0; i < rrto_dnn_tensor_size(call->y); i++) {
        int64_t rest = i, from = 0, stride = 1;
        for (int d = call->y->n_dims - 1; d >= 0; d--) {
            int64_t index = rest % call->y->dims[d];
            rest /= call->y->dims[d];
            from += call->x->dims[d] == 1 ? 0 : index * stride;
            stride *= call->x->dims[d];
        }
        call->out[i] = blend(call, (double)call->in[from], call->out[i]);
    }
}

EXPORT cudnnAddTensor(cudnnHandle_t handle, const void *alpha, const cudnnTensorDescriptor_t aDesc, const void *A,
                      const void *beta, const cudnnTensorDescriptor_t cDesc, void *C)
{
    rrto_dnn_settle(handle);
    struct call call;
    if (!handle || !start(&call, aDesc, A, cDesc, C, alpha, beta) || call.x->n_dims != call.y->n_dims)
        return CUDNN_STATUS_BAD_PARAM;
    for (int d = 0; d < call.x->n_dims; d++) {
        if (call.x->dims[d] != call.y->dims[d] && call.x->dims[d] != 1)
            return CUDNN_STATUS_BAD_PARAM;
    }
    return run(&call, add_all, NULL);
}
