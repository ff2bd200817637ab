/* SPDX-License-Identifier: Apache-2.0 */
/* cuDNN's legacy descriptors: values on the client, built once for each content on the server. */
#include "loop.h"

#include "api/custom/cudnn_values.h"
#include "cuda/dnn/dnn.h"
#include "gen/server_bodies.h"

#include "../test.h"

#include <string.h>

static int setup(void **state)
{
    (void)state;
    loop_reset();
    return 0;
}

static void tensors_read_back(void **state)
{
    (void)state;
    cudnnTensorDescriptor_t tensor;
    const int dims[] = {2, 3, 4, 5}, strides[] = {60, 1, 15, 3};
    int n, got_dims[8], got_strides[8];
    cudnnDataType_t type;
    size_t n_bytes;
    const void *bytes;
    uint32_t n_content;
    assert_int_equal(rrto_client_cudnnCreateTensorDescriptor(&tensor), 0);
    assert_false(rrto_client_value_cudnn_tensor(tensor, &bytes, &n_content)); /* not set yet */
    assert_int_equal(rrto_client_cudnnSetTensorNdDescriptor(tensor, CUDNN_DATA_HALF, 4, dims, strides), 0);
    assert_int_equal(rrto_client_cudnnGetTensorNdDescriptor(tensor, 8, &type, &n, got_dims, got_strides), 0);
    assert_int_equal(n, 4);
    assert_int_equal(type, CUDNN_DATA_HALF);
    assert_memory_equal(got_dims, dims, sizeof dims);
    assert_memory_equal(got_strides, strides, sizeof strides);
    assert_int_equal(rrto_client_cudnnGetTensorSizeInBytes(tensor, &n_bytes), 0);
    assert_int_equal(n_bytes, 2 * 3 * 4 * 5 * 2);
    assert_true(rrto_client_value_cudnn_tensor(tensor, &bytes, &n_content));
    const int32_t words[] = {CUDNN_DATA_HALF, 4, 2, 3, 4, 5, 60, 1, 15, 3};
    assert_int_equal(n_content, sizeof words);
    assert_memory_equal(bytes, words, sizeof words);
    assert_int_equal(rrto_client_cudnnSetTensor4dDescriptor(tensor, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, 2, 3, 4, 5),
                     0);
    assert_int_equal(rrto_client_cudnnGetTensorNdDescriptor(tensor, 4, &type, &n, got_dims, got_strides), 0);
    const int nhwc[] = {60, 1, 15, 3};
    assert_memory_equal(got_strides, nhwc, sizeof nhwc);
    assert_int_equal(rrto_client_cudnnDestroyTensorDescriptor(tensor), 0);
}

static void bad_tensors_are_refused(void **state)
{
    (void)state;
    cudnnTensorDescriptor_t tensor;
    cudnnFilterDescriptor_t filter;
    int dims[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    assert_int_equal(rrto_client_cudnnCreateTensorDescriptor(&tensor), 0);
    assert_int_equal(rrto_client_cudnnCreateFilterDescriptor(&filter), 0);
    assert_int_equal(rrto_client_cudnnSetTensorNdDescriptor(tensor, CUDNN_DATA_FLOAT, 9, dims, dims),
                     CUDNN_STATUS_NOT_SUPPORTED);
    assert_int_equal(rrto_client_cudnnSetTensorNdDescriptor(tensor, CUDNN_DATA_FLOAT, 0, dims, dims),
                     CUDNN_STATUS_BAD_PARAM);
    dims[2] = 0;
    assert_int_equal(rrto_client_cudnnSetTensorNdDescriptor(tensor, CUDNN_DATA_FLOAT, 4, dims, dims),
                     CUDNN_STATUS_BAD_PARAM);
    assert_int_equal(rrto_client_cudnnSetTensorNdDescriptor((void *)filter, CUDNN_DATA_FLOAT, 2, dims, dims),
                     CUDNN_STATUS_BAD_PARAM);
    assert_int_equal(rrto_client_cudnnSetTensorNdDescriptor(NULL, CUDNN_DATA_FLOAT, 2, dims, dims),
                     CUDNN_STATUS_BAD_PARAM);
    assert_int_equal(rrto_client_cudnnDestroyTensorDescriptor((void *)filter), CUDNN_STATUS_BAD_PARAM);
    rrto_client_cudnnDestroyTensorDescriptor(tensor);
    rrto_client_cudnnDestroyFilterDescriptor(filter);
}

static void batch_norm_tensors_are_derived(void **state)
{
    (void)state;
    cudnnTensorDescriptor_t x, derived;
    int n, dims[8], strides[8];
    cudnnDataType_t type;
    assert_int_equal(rrto_client_cudnnCreateTensorDescriptor(&x), 0);
    assert_int_equal(rrto_client_cudnnCreateTensorDescriptor(&derived), 0);
    rrto_client_cudnnSetTensor4dDescriptor(x, CUDNN_TENSOR_NCHW, CUDNN_DATA_HALF, 8, 16, 7, 9);
    assert_int_equal(rrto_client_cudnnDeriveBNTensorDescriptor(derived, x, CUDNN_BATCHNORM_SPATIAL), 0);
    rrto_client_cudnnGetTensorNdDescriptor(derived, 8, &type, &n, dims, strides);
    assert_int_equal(type, CUDNN_DATA_FLOAT);
    assert_memory_equal(dims, ((int[]){1, 16, 1, 1}), 16);
    assert_int_equal(rrto_client_cudnnDeriveBNTensorDescriptor(derived, x, CUDNN_BATCHNORM_PER_ACTIVATION), 0);
    rrto_client_cudnnGetTensorNdDescriptor(derived, 8, &type, &n, dims, strides);
    assert_memory_equal(dims, ((int[]){1, 16, 7, 9}), 16);
    assert_int_equal(rrto_client_scalar_bytes_cudnn_tensor(x), sizeof(float));
    rrto_client_cudnnDestroyTensorDescriptor(x);
    rrto_client_cudnnDestroyTensorDescriptor(derived);
}

static void convolution_pooling_activation(void **state)
{
    (void)state;
    cudnnConvolutionDescriptor_t convolution;
    cudnnPoolingDescriptor_t pooling;
    cudnnActivationDescriptor_t activation;
    const void *bytes;
    uint32_t n;
    assert_int_equal(rrto_client_cudnnCreateConvolutionDescriptor(&convolution), 0);
    const int pads[] = {1, 2}, steps[] = {3, 4}, dilations[] = {1, 2};
    assert_int_equal(rrto_client_cudnnSetConvolutionNdDescriptor(convolution, 2, pads, steps, dilations,
                                                                 CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT),
                     0);
    assert_int_equal(rrto_client_cudnnSetConvolutionGroupCount(convolution, 4), 0);
    assert_int_equal(rrto_client_cudnnSetConvolutionMathType(convolution, CUDNN_FMA_MATH), 0);
    assert_true(rrto_client_value_cudnn_convolution(convolution, &bytes, &n));
    const int32_t words[] = {2, CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT, CUDNN_FMA_MATH, 4, 1, 2, 3, 4, 1, 2};
    assert_int_equal(n, sizeof words);
    assert_memory_equal(bytes, words, sizeof words);
    assert_int_equal(rrto_client_cudnnCreatePoolingDescriptor(&pooling), 0);
    assert_int_equal(rrto_client_cudnnSetPooling2dDescriptor(pooling, (cudnnPoolingMode_t)1, (cudnnNanPropagation_t)1,
                                                             2, 3, 0, 1, 2, 2),
                     0);
    assert_true(rrto_client_value_cudnn_pooling(pooling, &bytes, &n));
    const int32_t pool_words[] = {1, 1, 2, 2, 3, 0, 1, 2, 2};
    assert_int_equal(n, sizeof pool_words);
    assert_memory_equal(bytes, pool_words, sizeof pool_words);
    assert_int_equal(rrto_client_cudnnCreateActivationDescriptor(&activation), 0);
    assert_int_equal(
        rrto_client_cudnnSetActivationDescriptor(activation, (cudnnActivationMode_t)1, (cudnnNanPropagation_t)0, 2.5),
        0);
    double coefficient = 0;
    assert_int_equal(rrto_client_cudnnGetActivationDescriptor(activation, NULL, NULL, &coefficient), 0);
    assert_true(coefficient == 2.5);
    rrto_client_cudnnDestroyConvolutionDescriptor(convolution);
    rrto_client_cudnnDestroyPoolingDescriptor(pooling);
    rrto_client_cudnnDestroyActivationDescriptor(activation);
}

static void null_is_a_value(void **state)
{
    (void)state;
    const void *bytes = &bytes;
    uint32_t n = 7;
    assert_true(rrto_client_value_cudnn_activation(NULL, &bytes, &n));
    assert_int_equal(n, 0);
    assert_null(rrto_server_value_cudnn_activation(NULL, bytes, n));
}

/* More contents than the cache holds: it stays bounded, and what one op uses stays alive. */
static void server_builds_once_and_forgets(void **state)
{
    (void)state;
    int32_t words[] = {0, 1, 5, 1};
    void *first = rrto_server_value_cudnn_tensor(NULL, words, sizeof words);
    assert_non_null(first);
    assert_ptr_equal(rrto_server_value_cudnn_tensor(NULL, words, sizeof words), first);
    assert_int_equal(vendor.n_values, 1);
    for (int32_t i = 0; i < 10000; i++) {
        words[2] = i + 100;
        const int *made = rrto_server_value_cudnn_tensor(NULL, words, sizeof words);
        words[2] = 5;
        const int *fixed = rrto_server_value_cudnn_tensor(NULL, words, sizeof words);
        assert_int_equal(fixed[2], 5);
        assert_int_equal(made[2], i + 100);
    }
    assert_in_range(vendor.n_values, 1, 4096);
}

static void server_refuses_malformed_values(void **state)
{
    (void)state;
    const int32_t words[RRTO_CUDNN_VALUE_WORDS + 1] = {0, 2, 3, 3, 3, 1};
    assert_null(rrto_server_value_cudnn_tensor(NULL, words, 5 * 4));
    assert_null(rrto_server_value_cudnn_tensor(NULL, words, 23));
    assert_null(rrto_server_value_cudnn_tensor(NULL, words, sizeof words));
    const int32_t many[] = {0, 2147483647, 1, 1}, negative[] = {0, -1, 1, 1};
    assert_null(rrto_server_value_cudnn_tensor(NULL, many, sizeof many));
    assert_null(rrto_server_value_cudnn_tensor(NULL, negative, sizeof negative));
    assert_non_null(rrto_server_value_cudnn_tensor(NULL, words, 6 * 4));
}

/* What the server's vendor was given. */
static int got_lengths[300], got_batch, n_rnn_data;
static double got_fill;

static cudnnStatus_t rnn_data_create(cudnnRNNDataDescriptor_t *data)
{
    *data = (void *)&n_rnn_data;
    n_rnn_data++;
    return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t rnn_data_set(cudnnRNNDataDescriptor_t data, cudnnDataType_t type, cudnnRNNDataLayout_t layout,
                                  int longest, int batch, int vector, const int *lengths, void *fill)
{
    (void)data;
    assert_int_equal(type, CUDNN_DATA_DOUBLE);
    assert_int_equal(layout, CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED);
    assert_int_equal(longest, 300);
    assert_int_equal(vector, 6);
    got_batch = batch;
    memcpy(got_lengths, lengths, (size_t)batch * sizeof *lengths);
    memcpy(&got_fill, fill, sizeof got_fill);
    return CUDNN_STATUS_SUCCESS;
}

/* Lengths travel as runs: any batch of few different lengths, up to a limit. */
static void sequence_lengths_travel(void **state)
{
    (void)state;
    vendor.table.cudnnCreateRNNDataDescriptor = rnn_data_create;
    vendor.table.cudnnSetRNNDataDescriptor = rnn_data_set;
    cudnnRNNDataDescriptor_t data;
    int lengths[300];
    double fill = -1.5;
    const void *bytes;
    uint32_t n;
    assert_int_equal(rrto_client_cudnnCreateRNNDataDescriptor(&data), 0);
    for (int i = 0; i < 300; i++)
        lengths[i] = 300 - i / 100;
#define SET(batch)                                                                                                     \
    rrto_client_cudnnSetRNNDataDescriptor(data, CUDNN_DATA_DOUBLE, CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED, 300, batch, \
                                          6, lengths, &fill)
    assert_int_equal(SET(300), 0);
    assert_true(rrto_client_value_cudnn_rnn_data(data, &bytes, &n));
    assert_int_equal(n, (RRTO_CUDNN_RNN_DATA_HEAD + 2 * 3) * 4);
    assert_non_null(rrto_server_value_cudnn_rnn_data(NULL, bytes, n));
    assert_int_equal(got_batch, 300);
    assert_memory_equal(got_lengths, lengths, sizeof lengths);
    assert_true(got_fill == fill);
    int32_t words[RRTO_CUDNN_VALUE_WORDS];
    for (int bad = 0; bad < 4; bad++) { /* the batch, the runs, and the last one's count: too many, none */
        memcpy(words, bytes, n);
        words[bad == 0   ? 3
              : bad == 1 ? 8
                         : RRTO_CUDNN_RNN_DATA_HEAD + 5] = bad == 0   ? 301
                                                           : bad == 1 ? 4
                                                           : bad == 2 ? 101
                                                                      : 0;
        assert_null(rrto_server_value_cudnn_rnn_data(NULL, words, n));
    }
    for (int i = 0; i < 300; i++)
        lengths[i] = 300 - i;
    assert_int_equal(SET(RRTO_CUDNN_RUN_MAX), 0);
    assert_int_equal(SET(RRTO_CUDNN_RUN_MAX + 1), CUDNN_STATUS_NOT_SUPPORTED);
    assert_false(rrto_client_value_cudnn_rnn_data(data, &bytes, &n));
    lengths[0] = 301;
    assert_int_equal(SET(1), CUDNN_STATUS_BAD_PARAM);
    assert_int_equal(rrto_client_cudnnDestroyRNNDataDescriptor(data), 0);
#undef SET
}

/* A network's words are its settings and its dropout's probability; a dropout with random state is refused. */
static void networks_travel(void **state)
{
    (void)state;
    cudnnHandle_t handle;
    cudnnDropoutDescriptor_t dropout;
    cudnnRNNDescriptor_t rnn;
    const void *bytes;
    uint32_t n;
    float probability = 0.25f;
    assert_int_equal(rrto_client_cudnnCreate(&handle), 0);
    assert_int_equal(rrto_client_cudnnCreateDropoutDescriptor(&dropout), 0);
    assert_int_equal(rrto_client_cudnnCreateRNNDescriptor(&rnn), 0);
#define SET()                                                                                                          \
    rrto_client_cudnnSetRNNDescriptor_v8(rnn, CUDNN_RNN_ALGO_PERSIST_STATIC, CUDNN_GRU, CUDNN_RNN_DOUBLE_BIAS,         \
                                         CUDNN_BIDIRECTIONAL, CUDNN_LINEAR_INPUT, CUDNN_DATA_HALF, CUDNN_DATA_FLOAT,   \
                                         CUDNN_FMA_MATH, 32, 64, 63, 2, dropout, 1)
    assert_int_equal(SET(), CUDNN_STATUS_BAD_PARAM); /* no dropout set */
    assert_int_equal(rrto_client_cudnnSetDropoutDescriptor(dropout, handle, 0.5f, &n, 4, 1),
                     CUDNN_STATUS_NOT_SUPPORTED);
    assert_int_equal(rrto_client_cudnnSetDropoutDescriptor(dropout, handle, probability, NULL, 0, 1), 0);
    assert_int_equal(SET(), 0);
    assert_true(rrto_client_value_cudnn_rnn(rnn, &bytes, &n));
    int32_t words[RRTO_CUDNN_RNN_WORDS] = {CUDNN_RNN_ALGO_PERSIST_STATIC,
                                           CUDNN_GRU,
                                           CUDNN_RNN_DOUBLE_BIAS,
                                           CUDNN_BIDIRECTIONAL,
                                           CUDNN_LINEAR_INPUT,
                                           CUDNN_DATA_HALF,
                                           CUDNN_DATA_FLOAT,
                                           CUDNN_FMA_MATH,
                                           32,
                                           64,
                                           63,
                                           2,
                                           1};
    memcpy(words + 13, &probability, sizeof probability);
    assert_int_equal(n, sizeof words);
    assert_memory_equal(bytes, words, sizeof words);
    assert_int_equal(rrto_client_cudnnDestroyRNNDescriptor(rnn), 0);
    assert_int_equal(rrto_client_cudnnDestroyDropoutDescriptor(dropout), 0);
    assert_int_equal(rrto_client_cudnnDestroy(handle), 0);
#undef SET
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(tensors_read_back, setup),
        cmocka_unit_test_setup(bad_tensors_are_refused, setup),
        cmocka_unit_test_setup(batch_norm_tensors_are_derived, setup),
        cmocka_unit_test_setup(convolution_pooling_activation, setup),
        cmocka_unit_test_setup(null_is_a_value, setup),
        cmocka_unit_test_setup(server_builds_once_and_forgets, setup),
        cmocka_unit_test_setup(server_refuses_malformed_values, setup),
        cmocka_unit_test_setup(sequence_lengths_travel, setup),
        cmocka_unit_test_setup(networks_travel, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
