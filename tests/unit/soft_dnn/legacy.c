/* SPDX-License-Identifier: Apache-2.0 */
/* Batch normalisation, activation, pooling, softmax and addition against loops; descriptors read back as they were set.
 */
#include "../test.h"

#include <stdbool.h>
#include <string.h>

#include "../soft_blas/numbers.h"
#include "gen/api_cudnn.h"

#define OK(call) assert_int_equal(call, CUDNN_STATUS_SUCCESS)

enum { N = 2, C = 3, H = 4, W = 5, PIXELS = H * W, ALL = N * C * PIXELS };

static cudnnHandle_t handle;
static const float one = 1.0f, zero = 0.0f;

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

static cudnnTensorDescriptor_t tensor(cudnnTensorFormat_t format, int n, int c, int h, int w)
{
    cudnnTensorDescriptor_t made;
    OK(cudnnCreateTensorDescriptor(&made));
    OK(cudnnSetTensor4dDescriptor(made, format, CUDNN_DATA_FLOAT, n, c, h, w));
    return made;
}

static int place(bool channels_last, int n, int c, int pixel)
{
    return channels_last ? (n * PIXELS + pixel) * C + c : (n * C + c) * PIXELS + pixel;
}

static void descriptors(void **state)
{
    (void)state;
    cudnnTensorDescriptor_t d = tensor(CUDNN_TENSOR_NHWC, N, C, H, W), derived = tensor(CUDNN_TENSOR_NCHW, 1, 1, 1, 1);
    cudnnDataType_t type;
    int n_dims, dims[4], strides[4];
    size_t bytes;
    OK(cudnnGetTensorNdDescriptor(d, 4, &type, &n_dims, dims, strides));
    assert_int_equal(n_dims, 4);
    assert_memory_equal(dims, ((int[]){N, C, H, W}), sizeof dims);
    assert_memory_equal(strides, ((int[]){PIXELS * C, 1, W * C, C}), sizeof strides);
    OK(cudnnGetTensorSizeInBytes(d, &bytes));
    assert_int_equal(bytes, ALL * 4);
    OK(cudnnDeriveBNTensorDescriptor(derived, d, CUDNN_BATCHNORM_SPATIAL));
    OK(cudnnGetTensorNdDescriptor(derived, 4, &type, &n_dims, dims, strides));
    assert_memory_equal(dims, ((int[]){1, C, 1, 1}), sizeof dims);
    OK(cudnnDestroyTensorDescriptor(d));
    OK(cudnnDestroyTensorDescriptor(derived));
}

static void batch_norm_inference(void **state)
{
    (void)state;
    float *x = new_floats(ALL, 1), *y = new_floats(ALL, 2), *before = new_floats(ALL, 2),
          *p = new_floats(4 * C * PIXELS, 3);
    for (int which = 0; which < 4; which++) {
        bool last = which & 1, spatial = which & 2;
        int n_params = spatial ? C : C * PIXELS;
        float *scale = p, *bias = p + n_params, *mean = bias + n_params, *variance = mean + n_params, half = 0.5f;
        for (int i = 0; i < n_params; i++)
            variance[i] = fabsf(variance[i]) + 0.1f;
        cudnnTensorDescriptor_t d = tensor(last ? CUDNN_TENSOR_NHWC : CUDNN_TENSOR_NCHW, N, C, H, W);
        cudnnTensorDescriptor_t params =
            spatial ? tensor(CUDNN_TENSOR_NCHW, 1, C, 1, 1) : tensor(CUDNN_TENSOR_NCHW, 1, C, H, W);
        cudnnBatchNormMode_t mode = spatial ? CUDNN_BATCHNORM_SPATIAL : CUDNN_BATCHNORM_PER_ACTIVATION;
        memcpy(y, before, ALL * sizeof *y);
        OK(cudnnBatchNormalizationForwardInference(handle, mode, &one, which == 3 ? &half : &zero, d, x, d, y, params,
                                                   scale, bias, mean, variance, 1e-3));
        for (int i = 0; i < ALL; i++) {
            int n = i / C / PIXELS, c = i / PIXELS % C, pixel = i % PIXELS, at = place(last, n, c, pixel);
            int g = spatial ? c : c * PIXELS + pixel;
            double want = (double)scale[g] * ((double)x[at] - (double)mean[g]) / sqrt((double)variance[g] + 1e-3) +
                          (double)bias[g];
            assert_close((double)y[at], want + (which == 3 ? 0.5 * (double)before[at] : 0), 1e-5, "y", i);
        }
        OK(cudnnDestroyTensorDescriptor(d));
        OK(cudnnDestroyTensorDescriptor(params));
    }
    free(x);
    free(y);
    free(before);
    free(p);
}

/* The loss that the gradient is checked on: sum of y * weight. */
static double loss(const float *x, const float *scale, const float *bias, const float *weight)
{
    double total = 0;
    for (int c = 0; c < C; c++) {
        double sum = 0, squares = 0;
        for (int n = 0; n < N; n++)
            for (int i = 0; i < PIXELS; i++) {
                sum += (double)x[place(false, n, c, i)];
                squares += (double)x[place(false, n, c, i)] * (double)x[place(false, n, c, i)];
            }
        double mean = sum / (N * PIXELS), variance = squares / (N * PIXELS) - mean * mean;
        for (int n = 0; n < N; n++)
            for (int i = 0; i < PIXELS; i++) {
                int at = place(false, n, c, i);
                total += (double)weight[at] *
                         (((double)x[at] - mean) / sqrt(variance + 1e-2) * (double)scale[c] + (double)bias[c]);
            }
    }
    return total;
}

static void batch_norm_training(void **state)
{
    (void)state;
    float *x = new_floats(ALL, 1), *y = new_floats(ALL, 2), *dy = new_floats(ALL, 3), *dx = new_floats(ALL, 4);
    float scale[C] = {1, 0.5f, -2}, bias[C] = {0, 1, -1}, running_mean[C] = {1, 1, 1}, running_variance[C] = {2, 2, 2};
    float saved_mean[C], saved_inverse[C], dscale[C], dbias[C];
    cudnnTensorDescriptor_t d = tensor(CUDNN_TENSOR_NCHW, N, C, H, W), params = tensor(CUDNN_TENSOR_NCHW, 1, C, 1, 1);
    size_t bytes = 1;
    OK(cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize(handle, CUDNN_BATCHNORM_SPATIAL, CUDNN_BATCHNORM_OPS_BN,
                                                                d, NULL, d, params, NULL, &bytes));
    assert_int_equal(bytes, 0);
    OK(cudnnBatchNormalizationForwardTrainingEx(
        handle, CUDNN_BATCHNORM_SPATIAL, CUDNN_BATCHNORM_OPS_BN, &one, &zero, d, x, NULL, NULL, d, y, params, scale,
        bias, 0.25, running_mean, running_variance, 1e-2, saved_mean, saved_inverse, NULL, NULL, 0, NULL, 0));
    for (int c = 0; c < C; c++) {
        double sum = 0, squares = 0, out = 0;
        for (int n = 0; n < N; n++)
            for (int i = 0; i < PIXELS; i++) {
                sum += (double)x[place(false, n, c, i)];
                out += (double)y[place(false, n, c, i)];
            }
        double mean = sum / (N * PIXELS);
        for (int n = 0; n < N; n++)
            for (int i = 0; i < PIXELS; i++)
                squares += pow((double)x[place(false, n, c, i)] - mean, 2);
        assert_close((double)saved_mean[c], mean, 1e-6, "mean", c);
        assert_close((double)saved_inverse[c], 1 / sqrt(squares / (N * PIXELS) + 1e-2), 1e-6, "inverse", c);
        assert_close((double)running_mean[c], 0.75 + 0.25 * mean, 1e-6, "running mean", c);
        assert_close((double)running_variance[c], 1.5 + 0.25 * squares / (N * PIXELS - 1), 1e-6, "running variance", c);
        assert_close(out / (N * PIXELS), (double)bias[c], 1e-5, "mean of y", c);
    }
    OK(cudnnBatchNormalizationBackwardEx(handle, CUDNN_BATCHNORM_SPATIAL, CUDNN_BATCHNORM_OPS_BN, &one, &zero, &one,
                                         &zero, d, x, NULL, NULL, d, dy, NULL, NULL, d, dx, params, scale, bias, dscale,
                                         dbias, 1e-2, saved_mean, saved_inverse, NULL, NULL, 0, NULL, 0));
    for (int i = 0; i < ALL; i += 7) { /* central differences */
        float kept = x[i], step = 1e-2f;
        x[i] = kept + step;
        double up = loss(x, scale, bias, dy);
        x[i] = kept - step;
        double down = loss(x, scale, bias, dy);
        x[i] = kept;
        assert_close((double)dx[i], (up - down) / 0.02, 3e-3, "dx", i);
    }
    for (int c = 0; c < C; c++) {
        float kept = scale[c];
        scale[c] = kept + 0.5f;
        double up = loss(x, scale, bias, dy);
        scale[c] = kept - 0.5f;
        assert_close((double)dscale[c], up - loss(x, scale, bias, dy), 1e-4, "dscale", c);
        scale[c] = kept;
        bias[c] += 1.0f;
        assert_close((double)dbias[c], loss(x, scale, bias, dy) - (up - 0.5 * (double)dscale[c]), 1e-4, "dbias", c);
        bias[c] -= 1.0f;
    }
    OK(cudnnDestroyTensorDescriptor(d));
    OK(cudnnDestroyTensorDescriptor(params));
    free(x);
    free(y);
    free(dy);
    free(dx);
}

static void activations(void **state)
{
    (void)state;
    static const double in[5] = {-3, -0.5, 0, 0.5, 3};
    cudnnTensorDescriptor_t d = tensor(CUDNN_TENSOR_NCHW, 1, 5, 1, 1);
    cudnnActivationDescriptor_t a;
    OK(cudnnCreateActivationDescriptor(&a));
    for (int mode = 0; mode <= 5; mode++) {
        float x[5], y[5];
        for (int i = 0; i < 5; i++)
            x[i] = (float)in[i];
        OK(cudnnSetActivationDescriptor(a, (cudnnActivationMode_t)mode, CUDNN_PROPAGATE_NAN, 1.5));
        OK(cudnnActivationForward(handle, a, &one, d, x, &zero, d, y));
        for (int i = 0; i < 5; i++) {
            double v = in[i], want[6] = {1 / (1 + exp(-v)),
                                         v > 0 ? v : 0,
                                         tanh(v),
                                         v < 0 ? 0 : v > 1.5 ? 1.5 : v,
                                         v > 0 ? v : 1.5 * (exp(v) - 1),
                                         v};
            assert_close((double)y[i], want[mode], 1e-6, "activation", mode * 10 + i);
        }
    }
    OK(cudnnDestroyActivationDescriptor(a));
    OK(cudnnDestroyTensorDescriptor(d));
}

static void pooling(void **state)
{
    (void)state;
    float *x = new_floats(N * C * PIXELS, 9), y[N * C * 3 * 3];
    cudnnTensorDescriptor_t from = tensor(CUDNN_TENSOR_NCHW, N, C, H, W), to = tensor(CUDNN_TENSOR_NCHW, N, C, 2, 3);
    cudnnPoolingDescriptor_t p;
    OK(cudnnCreatePoolingDescriptor(&p));
    for (int mode = 0; mode <= 2; mode++) {
        OK(cudnnSetPooling2dDescriptor(p, (cudnnPoolingMode_t)mode, CUDNN_PROPAGATE_NAN, 3, 3, 1, 1, 2, 2));
        OK(cudnnPoolingForward(handle, p, &one, from, x, &zero, to, y));
        for (int i = 0; i < N * C * 6; i++) {
            double best = -1e9, sum = 0, inside = 0;
            for (int h = i / 3 % 2 * 2 - 1; h < i / 3 % 2 * 2 + 2; h++)
                for (int w = i % 3 * 2 - 1; w < i % 3 * 2 + 2; w++)
                    if (h >= 0 && h < H && w >= 0 && w < W) {
                        double v = (double)x[i / 6 * PIXELS + h * W + w];
                        best = v > best ? v : best;
                        sum += v;
                        inside++;
                    }
            assert_close((double)y[i],
                         mode == 0   ? best
                         : mode == 1 ? sum / 9
                                     : sum / inside,
                         1e-6, "pool", mode * 100 + i);
        }
    }
    OK(cudnnDestroyPoolingDescriptor(p));
    OK(cudnnDestroyTensorDescriptor(from));
    OK(cudnnDestroyTensorDescriptor(to));
    free(x);
}

static void softmax_and_addition(void **state)
{
    (void)state;
    float *x = new_floats(ALL, 11), *y = new_floats(ALL, 12), bias[C] = {1, 2, 3};
    cudnnTensorDescriptor_t d = tensor(CUDNN_TENSOR_NCHW, N, C, H, W), b = tensor(CUDNN_TENSOR_NCHW, 1, C, 1, 1);
    OK(cudnnSoftmaxForward(handle, CUDNN_SOFTMAX_ACCURATE, CUDNN_SOFTMAX_MODE_CHANNEL, &one, d, x, &zero, d, y));
    for (int n = 0; n < N; n++)
        for (int i = 0; i < PIXELS; i++) {
            double sum = 0;
            for (int c = 0; c < C; c++)
                sum += exp((double)x[place(false, n, c, i)]);
            for (int c = 0; c < C; c++)
                assert_close((double)y[place(false, n, c, i)], exp((double)x[place(false, n, c, i)]) / sum, 1e-6,
                             "softmax", i);
        }
    memcpy(y, x, ALL * sizeof *y);
    OK(cudnnAddTensor(handle, &one, b, bias, &one, d, y));
    for (int i = 0; i < ALL; i++)
        assert_close((double)y[i], (double)x[i] + (double)bias[i / PIXELS % C], 1e-6, "sum", i);
    OK(cudnnDestroyTensorDescriptor(d));
    OK(cudnnDestroyTensorDescriptor(b));
    free(x);
    free(y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptors),
        cmocka_unit_test(batch_norm_inference),
        cmocka_unit_test(batch_norm_training),
        cmocka_unit_test(activations),
        cmocka_unit_test(pooling),
        cmocka_unit_test(softmax_and_addition),
    };
    return cmocka_run_group_tests(tests, make_handle, drop_handle);
}
