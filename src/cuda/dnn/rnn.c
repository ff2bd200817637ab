/* SPDX-License-Identifier: Apache-2.0 */
/* Recurrent networks: their descriptors, which are values, and where the weights stand, which the server says once. The
 * forward pass and the sizes are generated. */
#include "cuda/dnn/dnn.h"
#include "cuda/dnn/value.h"

#include "codec/codec.h"
#include "gen/client_bodies.h"
#include "gen/issue_ops.h"
#include "replay/issue.h"

#include <string.h>

RRTO_CUDNN_KIND(Dropout, dropout, DROPOUT)
RRTO_CUDNN_KIND(RNN, rnn, RNN)
RRTO_CUDNN_KIND(RNNData, rnn_data, RNN_DATA)

enum { REPLY_MAX_BYTES = 4096 };

/* Dropout's random state is device memory that the vendor's call fills: only a descriptor without one is a pure value.
 */
cudnnStatus_t rrto_client_cudnnSetDropoutDescriptor(cudnnDropoutDescriptor_t dropoutDesc, cudnnHandle_t handle,
                                                    float dropout, void *states, size_t stateSizeInBytes,
                                                    unsigned long long seed)
{
    (void)stateSizeInBytes;
    (void)seed; /* of the random state */
    struct rrto_cudnn_value *value = rrto_cudnn_value_lookup(dropoutDesc, DROPOUT);
    if (!value || !rrto_cudnn_handle(handle) || !(dropout >= 0.0f && dropout <= 1.0f))
        return CUDNN_STATUS_BAD_PARAM;
    if (states)
        return CUDNN_STATUS_NOT_SUPPORTED;
    memcpy(value->words, &dropout, sizeof dropout);
    value->n_words = 1;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t rrto_client_cudnnSetRNNDescriptor_v8(cudnnRNNDescriptor_t rnnDesc, cudnnRNNAlgo_t algo,
                                                   cudnnRNNMode_t cellMode, cudnnRNNBiasMode_t biasMode,
                                                   cudnnDirectionMode_t dirMode, cudnnRNNInputMode_t inputMode,
                                                   cudnnDataType_t dataType, cudnnDataType_t mathPrec,
                                                   cudnnMathType_t mathType, int32_t inputSize, int32_t hiddenSize,
                                                   int32_t projSize, int32_t numLayers,
                                                   cudnnDropoutDescriptor_t dropoutDesc, uint32_t auxFlags)
{
    struct rrto_cudnn_value *value = rrto_cudnn_value_lookup(rnnDesc, RNN);
    const struct rrto_cudnn_value *dropout = rrto_cudnn_value_lookup_set(dropoutDesc, DROPOUT);
    if (!value || !dropout || inputSize < 1 || hiddenSize < 1 || projSize < 1 || projSize > hiddenSize || numLayers < 1)
        return CUDNN_STATUS_BAD_PARAM;
    const int32_t words[RRTO_CUDNN_RNN_WORDS] = {
        (int32_t)algo,     (int32_t)cellMode, (int32_t)biasMode, (int32_t)dirMode, (int32_t)inputMode,
        (int32_t)dataType, (int32_t)mathPrec, (int32_t)mathType, inputSize,        hiddenSize,
        projSize,          numLayers,         (int32_t)auxFlags, dropout->words[0]};
    memcpy(value->words, words, sizeof words);
    value->n_words = RRTO_CUDNN_RNN_WORDS;
    return CUDNN_STATUS_SUCCESS;
}

/* The lengths as runs of equal ones: a batch mostly has few. Returns a cuDNN status. */
static int32_t set_runs(struct rrto_cudnn_value *value, int longest, int batch, const int *lengths)
{
    int32_t *runs = value->words + RRTO_CUDNN_RNN_DATA_HEAD, n = 0;
    for (int i = 0; i < batch; i++) {
        if (lengths[i] < 0 || lengths[i] > longest)
            return CUDNN_STATUS_BAD_PARAM;
        if (n > 0 && runs[2 * n - 2] == lengths[i]) {
            runs[2 * n - 1]++;
            continue;
        }
        if (n == RRTO_CUDNN_RUN_MAX)
            return CUDNN_STATUS_NOT_SUPPORTED;
        runs[2 * n] = lengths[i];
        runs[2 * n + 1] = 1;
        n++;
    }
    value->words[RRTO_CUDNN_RNN_DATA_HEAD - 1] = n;
    value->n_words = RRTO_CUDNN_RNN_DATA_HEAD + 2 * (uint32_t)n;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t rrto_client_cudnnSetRNNDataDescriptor(cudnnRNNDataDescriptor_t rnnDataDesc, cudnnDataType_t dataType,
                                                    cudnnRNNDataLayout_t layout, int maxSeqLength, int batchSize,
                                                    int vectorSize, const int *seqLengthArray, void *paddingFill)
{
    struct rrto_cudnn_value *value = rrto_cudnn_value_lookup(rnnDataDesc, RNN_DATA);
    if (!value || !seqLengthArray || maxSeqLength < 1 || batchSize < 1 || vectorSize < 1)
        return CUDNN_STATUS_BAD_PARAM;
    size_t element_bytes = rrto_cudnn_data_bytes((int32_t)dataType);
    if (batchSize > RRTO_CUDNN_SEQUENCES_MAX || element_bytes == 0 || element_bytes > 2 * sizeof(int32_t))
        return CUDNN_STATUS_NOT_SUPPORTED;
    const int32_t head[RRTO_CUDNN_RNN_DATA_HEAD] = {(int32_t)dataType, (int32_t)layout, maxSeqLength,
                                                    batchSize,         vectorSize,      paddingFill != NULL};
    value->n_words = 0; /* a refused setting leaves nothing behind */
    memcpy(value->words, head, sizeof head);
    if (paddingFill)
        memcpy(value->words + 6, paddingFill, element_bytes);
    return (cudnnStatus_t)set_runs(value, maxSeqLength, batchSize, seqLengthArray);
}

/* One half of the answer: the descriptor and the address, both optional. Without such weights both are cleared, as the
 * vendor does. */
static bool give(cudnnTensorDescriptor_t descriptor, void **ret_address, const void *space, int64_t offset,
                 const int32_t *words, uint32_t n_words)
{
    struct rrto_cudnn_value *tensor = rrto_cudnn_value_lookup(descriptor, TENSOR);
    if ((descriptor && !tensor) || n_words > RRTO_CUDNN_SHORT_WORDS)
        return false;
    if (tensor) {
        if (n_words)
            memcpy(tensor->words, words, n_words * sizeof *words);
        tensor->n_words = n_words;
    }
    if (ret_address)
        *ret_address = offset < 0 ? NULL : (uint8_t *)(uintptr_t)space + offset;
    return true;
}

cudnnStatus_t rrto_client_cudnnGetRNNWeightParams(cudnnHandle_t handle, cudnnRNNDescriptor_t rnnDesc,
                                                  int32_t pseudoLayer, size_t weightSpaceSize, const void *weightSpace,
                                                  int32_t linLayerID, cudnnTensorDescriptor_t mDesc, void **mAddr,
                                                  cudnnTensorDescriptor_t bDesc, void **bAddr)
{
    struct rrto_args_cudnn_rnn_weights args = {
        .space_bytes = weightSpaceSize, .layer = pseudoLayer, .linear = linLayerID};
    const void *rnn;
    if (!rrto_client_id_cudnn(handle, &args.handle) || !rnnDesc ||
        !rrto_cudnn_value_content(rnnDesc, RNN, &rnn, &args.n_rnn))
        return CUDNN_STATUS_BAD_PARAM;
    args.rnn = rnn;
    struct rrto_buf buf;
    rrto_buf_init(&buf, REPLY_MAX_BYTES);
    int32_t status =
        rrto_cudnn_status(rrto_issue_cudnn_rnn_weights(&args, &(struct rrto_issue_extra){.wait = true, .reply = &buf}));
    struct rrto_reply_cudnn_rnn_weights reply;
    struct rrto_dec dec;
    rrto_dec_init(&dec, buf.data, buf.size);
    if (status == CUDNN_STATUS_SUCCESS && !rrto_unpack_reply_cudnn_rnn_weights(&dec, &reply))
        status = CUDNN_STATUS_INTERNAL_ERROR;
    if (status == CUDNN_STATUS_SUCCESS &&
        !(give(mDesc, mAddr, weightSpace, reply.matrix_offset, reply.matrix, reply.n_matrix) &&
          give(bDesc, bAddr, weightSpace, reply.bias_offset, reply.bias, reply.n_bias)))
        status = CUDNN_STATUS_BAD_PARAM;
    rrto_buf_fini(&buf);
    return (cudnnStatus_t)status;
}
