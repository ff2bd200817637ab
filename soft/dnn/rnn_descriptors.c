/* SPDX-License-Identifier: Apache-2.0 */
/* Recurrent networks: creating and setting their descriptors, sizes, and the layout of the weights. */
#include "dnn/rnn.h"

#include <stdlib.h>
#include <string.h>

#define EXPORT RRTO_SOFT_EXPORT cudnnStatus_t

struct dropout {
    float probability;
};

static cudnnStatus_t create(void *ret_descriptor, size_t n_bytes)
{
    if (!ret_descriptor)
        return CUDNN_STATUS_BAD_PARAM;
    void *created = calloc(1, n_bytes);
    if (!created)
        return CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
    memcpy(ret_descriptor, &created, sizeof created);
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnCreateDropoutDescriptor(cudnnDropoutDescriptor_t *dropoutDesc)
{
    return create(dropoutDesc, sizeof(struct dropout));
}

EXPORT cudnnDestroyDropoutDescriptor(cudnnDropoutDescriptor_t dropoutDesc)
{
    free((void *)dropoutDesc);
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnSetDropoutDescriptor(cudnnDropoutDescriptor_t dropoutDesc, cudnnHandle_t handle, float dropout,
                                 void *states, size_t stateSizeInBytes, unsigned long long seed)
{
    (void)stateSizeInBytes;
    (void)seed;
    if (!dropoutDesc || !handle || !(dropout >= 0.0f && dropout <= 1.0f))
        return CUDNN_STATUS_BAD_PARAM;
    if (states)
        return CUDNN_STATUS_NOT_SUPPORTED;
    ((struct dropout *)(void *)dropoutDesc)->probability = dropout;
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnCreateRNNDescriptor(cudnnRNNDescriptor_t *rnnDesc)
{
    return create(rnnDesc, sizeof(struct rrto_dnn_rnn));
}

EXPORT cudnnDestroyRNNDescriptor(cudnnRNNDescriptor_t rnnDesc)
{
    free((void *)rnnDesc);
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnSetRNNDescriptor_v8(cudnnRNNDescriptor_t rnnDesc, cudnnRNNAlgo_t algo, cudnnRNNMode_t cellMode,
                                cudnnRNNBiasMode_t biasMode, cudnnDirectionMode_t dirMode,
                                cudnnRNNInputMode_t inputMode, cudnnDataType_t dataType, cudnnDataType_t mathPrec,
                                cudnnMathType_t mathType, int32_t inputSize, int32_t hiddenSize, int32_t projSize,
                                int32_t numLayers, cudnnDropoutDescriptor_t dropoutDesc, uint32_t auxFlags)
{
    (void)algo; /* one algorithm, in float, with and without padding */
    (void)mathPrec;
    (void)mathType;
    (void)auxFlags;
    struct rrto_dnn_rnn *rnn = (void *)rnnDesc;
    if (!rnn || !dropoutDesc || inputSize < 1 || hiddenSize < 1 || projSize < 1 || projSize > hiddenSize ||
        numLayers < 1 || (int)cellMode < 0 || (int)cellMode > CUDNN_GRU || (int)biasMode < 0 ||
        (int)biasMode > CUDNN_RNN_SINGLE_REC_BIAS)
        return CUDNN_STATUS_BAD_PARAM;
    *rnn = (struct rrto_dnn_rnn){
        .cell = (int)cellMode,
        .bias = (int)biasMode,
        .input_mode = (int)inputMode,
        .type = (int)dataType,
        .n_directions = dirMode == CUDNN_BIDIRECTIONAL ? 2 : 1,
        .n_layers = numLayers,
        .n_input = inputSize,
        .n_hidden = hiddenSize,
        .n_projection = projSize,
        .dropout = ((const struct dropout *)(const void *)dropoutDesc)->probability,
    };
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnCreateRNNDataDescriptor(cudnnRNNDataDescriptor_t *rnnDataDesc)
{
    return create(rnnDataDesc, sizeof(struct rrto_dnn_rnn_data));
}

EXPORT cudnnDestroyRNNDataDescriptor(cudnnRNNDataDescriptor_t rnnDataDesc)
{
    struct rrto_dnn_rnn_data *data = (void *)rnnDataDesc;
    if (data)
        free(data->lengths);
    free(data);
    return CUDNN_STATUS_SUCCESS;
}

static size_t element_bytes(int type)
{
    return type == RRTO_DNN_FLOAT ? 4 : 2;
}

EXPORT cudnnSetRNNDataDescriptor(cudnnRNNDataDescriptor_t rnnDataDesc, cudnnDataType_t dataType,
                                 cudnnRNNDataLayout_t layout, int maxSeqLength, int batchSize, int vectorSize,
                                 const int *seqLengthArray, void *paddingFill)
{
    struct rrto_dnn_rnn_data *data = (void *)rnnDataDesc;
    if (!data || !seqLengthArray || maxSeqLength < 1 || batchSize < 1 || vectorSize < 1 || (int)layout < 0 ||
        (int)layout > CUDNN_RNN_DATA_LAYOUT_BATCH_MAJOR_UNPACKED)
        return CUDNN_STATUS_BAD_PARAM;
    int64_t n_steps = 0;
    for (int i = 0; i < batchSize; i++) {
        if (seqLengthArray[i] < 0 || seqLengthArray[i] > maxSeqLength ||
            (layout == CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED && i > 0 && seqLengthArray[i] > seqLengthArray[i - 1]))
            return CUDNN_STATUS_BAD_PARAM; /* packed: the longest first */
        n_steps += seqLengthArray[i];
    }
    int *lengths = malloc((size_t)batchSize * sizeof *lengths);
    if (!lengths)
        return CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
    memcpy(lengths, seqLengthArray, (size_t)batchSize * sizeof *lengths);
    free(data->lengths);
    *data = (struct rrto_dnn_rnn_data){
        .type = (int)dataType,
        .layout = (int)layout,
        .longest = maxSeqLength,
        .n_batch = batchSize,
        .n_vector = vectorSize,
        .filled = paddingFill != NULL,
        .n_steps = n_steps,
        .lengths = lengths,
    };
    if (paddingFill)
        memcpy(data->fill, paddingFill, element_bytes(data->type));
    return CUDNN_STATUS_SUCCESS;
}

bool rrto_dnn_rnn_ok(const struct rrto_dnn_rnn *rnn)
{
    return rnn->n_hidden > 0 && rnn->n_projection == rnn->n_hidden && rnn->input_mode == CUDNN_LINEAR_INPUT &&
           (rnn->type == RRTO_DNN_FLOAT || rnn->type == RRTO_DNN_HALF || rnn->type == RRTO_DNN_BFLOAT16) &&
           rrto_dnn_rnn_n_weights(rnn) < INT64_C(1) << 40;
}

int64_t rrto_dnn_rnn_n_gates(const struct rrto_dnn_rnn *rnn)
{
    return rnn->cell == CUDNN_LSTM ? 4 : rnn->cell == CUDNN_GRU ? 3 : 1;
}

int64_t rrto_dnn_rnn_n_input(const struct rrto_dnn_rnn *rnn, int64_t layer)
{
    return layer == 0 ? rnn->n_input : rnn->n_directions * rnn->n_hidden;
}

/* Elements of the matrices of all layers before this one. */
static int64_t matrices_before(const struct rrto_dnn_rnn *rnn, int64_t pseudo_layer)
{
    int64_t n = 0;
    for (int64_t i = 0; i < pseudo_layer; i++)
        n += rrto_dnn_rnn_n_input(rnn, i / rnn->n_directions) + rnn->n_hidden;
    return n * rrto_dnn_rnn_n_gates(rnn) * rnn->n_hidden;
}

static int64_t biases_of_layer(const struct rrto_dnn_rnn *rnn)
{
    return rnn->bias == CUDNN_RNN_NO_BIAS ? 0 : rnn->bias == CUDNN_RNN_DOUBLE_BIAS ? 2 : 1;
}

struct rrto_dnn_rnn_weights rrto_dnn_rnn_weights(const struct rrto_dnn_rnn *rnn, int64_t pseudo_layer)
{
    int64_t rows = rrto_dnn_rnn_n_gates(rnn) * rnn->n_hidden, input = matrices_before(rnn, pseudo_layer);
    int64_t bias = matrices_before(rnn, rnn->n_layers * rnn->n_directions) + pseudo_layer * biases_of_layer(rnn) * rows;
    bool of_input = rnn->bias == CUDNN_RNN_SINGLE_INP_BIAS || rnn->bias == CUDNN_RNN_DOUBLE_BIAS;
    bool of_state = rnn->bias == CUDNN_RNN_SINGLE_REC_BIAS || rnn->bias == CUDNN_RNN_DOUBLE_BIAS;
    return (struct rrto_dnn_rnn_weights){
        .input = input,
        .recurrent = input + rows * rrto_dnn_rnn_n_input(rnn, pseudo_layer / rnn->n_directions),
        .input_bias = of_input ? bias : -1,
        .recurrent_bias = of_state ? bias + (of_input ? rows : 0) : -1,
    };
}

int64_t rrto_dnn_rnn_n_weights(const struct rrto_dnn_rnn *rnn)
{
    int64_t n = rnn->n_layers * rnn->n_directions;
    return matrices_before(rnn, n) + n * biases_of_layer(rnn) * rrto_dnn_rnn_n_gates(rnn) * rnn->n_hidden;
}

EXPORT cudnnGetRNNWeightSpaceSize(cudnnHandle_t handle, cudnnRNNDescriptor_t rnnDesc, size_t *weightSpaceSize)
{
    const struct rrto_dnn_rnn *rnn = (const void *)rnnDesc;
    if (!handle || !rnn || !weightSpaceSize)
        return CUDNN_STATUS_BAD_PARAM;
    if (!rrto_dnn_rnn_ok(rnn))
        return CUDNN_STATUS_NOT_SUPPORTED;
    *weightSpaceSize = (size_t)rrto_dnn_rnn_n_weights(rnn) * element_bytes(rnn->type);
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnGetRNNTempSpaceSizes(cudnnHandle_t handle, cudnnRNNDescriptor_t rnnDesc, cudnnForwardMode_t fwdMode,
                                 cudnnRNNDataDescriptor_t xDesc, size_t *workSpaceSize, size_t *reserveSpaceSize)
{
    (void)fwdMode; /* nothing is kept for gradients, which are not computed */
    const struct rrto_dnn_rnn *rnn = (const void *)rnnDesc;
    const struct rrto_dnn_rnn_data *x = (const void *)xDesc;
    if (!handle || !rnn || !x || !x->lengths)
        return CUDNN_STATUS_BAD_PARAM;
    if (!rrto_dnn_rnn_ok(rnn))
        return CUDNN_STATUS_NOT_SUPPORTED;
    if (workSpaceSize)
        *workSpaceSize = (size_t)rrto_dnn_rnn_n_work(rnn, x) * sizeof(float);
    if (reserveSpaceSize)
        *reserveSpaceSize = 0;
    return CUDNN_STATUS_SUCCESS;
}

/* Describes one gate's weights (rows x columns) and says where they stand; first < 0: there are none. */
static cudnnStatus_t tell(const struct rrto_dnn_rnn *rnn, cudnnTensorDescriptor_t descriptor, void **ret_address,
                          const void *space, int64_t first, int64_t gate, int64_t columns)
{
    int64_t at = first + gate * rnn->n_hidden * columns;
    if (ret_address)
        *ret_address = first < 0 ? NULL : (uint8_t *)(uintptr_t)space + (size_t)at * element_bytes(rnn->type);
    if (!descriptor || first < 0)
        return CUDNN_STATUS_SUCCESS;
    return cudnnSetTensorNdDescriptor(descriptor, (cudnnDataType_t)rnn->type, 3,
                                      (const int[]){1, (int)rnn->n_hidden, (int)columns},
                                      (const int[]){(int)(rnn->n_hidden * columns), (int)columns, 1});
}

EXPORT cudnnGetRNNWeightParams(cudnnHandle_t handle, cudnnRNNDescriptor_t rnnDesc, int32_t pseudoLayer,
                               size_t weightSpaceSize, const void *weightSpace, int32_t linLayerID,
                               cudnnTensorDescriptor_t mDesc, void **mAddr, cudnnTensorDescriptor_t bDesc, void **bAddr)
{
    const struct rrto_dnn_rnn *rnn = (const void *)rnnDesc;
    if (!handle || !rnn)
        return CUDNN_STATUS_BAD_PARAM;
    if (!rrto_dnn_rnn_ok(rnn))
        return CUDNN_STATUS_NOT_SUPPORTED;
    int64_t n_gates = rrto_dnn_rnn_n_gates(rnn);
    if (pseudoLayer < 0 || pseudoLayer >= rnn->n_layers * rnn->n_directions || linLayerID < 0 ||
        linLayerID >= 2 * n_gates || weightSpaceSize < (size_t)rrto_dnn_rnn_n_weights(rnn) * element_bytes(rnn->type))
        return CUDNN_STATUS_BAD_PARAM;
    struct rrto_dnn_rnn_weights w = rrto_dnn_rnn_weights(rnn, pseudoLayer);
    bool recurrent = linLayerID >= n_gates;
    int64_t gate = linLayerID % n_gates;
    int64_t columns = recurrent ? rnn->n_hidden : rrto_dnn_rnn_n_input(rnn, pseudoLayer / rnn->n_directions);
    cudnnStatus_t status = tell(rnn, mDesc, mAddr, weightSpace, recurrent ? w.recurrent : w.input, gate, columns);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    return tell(rnn, bDesc, bAddr, weightSpace, recurrent ? w.recurrent_bias : w.input_bias, gate, 1);
}
