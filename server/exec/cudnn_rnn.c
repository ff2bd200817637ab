/* SPDX-License-Identifier: Apache-2.0 */
/* Where cuDNN puts a recurrent network's weights. Used by the executor's thread only. */
#include "gen/ops.h"
#include "gen/server_bodies.h"
#include "gen/vendor.h"
#include "worker.h"

#include "api/custom/cudnn_values.h"
#include "base/status.h"

#include <string.h>

/* The vendor only adds to the start of the weight space, so any start gives the offsets. Not NULL: that stands for
 * "there is no such matrix". */
#define START ((uintptr_t)1 << 40)

enum { WORDS = 2 + 2 * RRTO_CUDNN_DIM_MAX };

static bool have_functions(const struct rrto_vendor *vendor)
{
    return vendor->cudnnGetRNNWeightParams && vendor->cudnnCreateTensorDescriptor &&
           vendor->cudnnDestroyTensorDescriptor && vendor->cudnnGetTensorNdDescriptor;
}

/* The descriptor's words, and how many; 0 when there are no such weights. */
static uint32_t read_tensor(const struct rrto_vendor *vendor, cudnnTensorDescriptor_t tensor, const void *address,
                            int32_t *words)
{
    cudnnDataType_t type;
    int n = 0, dims[RRTO_CUDNN_DIM_MAX] = {0}, strides[RRTO_CUDNN_DIM_MAX] = {0};
    if (!address ||
        (int)vendor->cudnnGetTensorNdDescriptor(tensor, RRTO_CUDNN_DIM_MAX, &type, &n, dims, strides) != 0 || n < 1 ||
        n > RRTO_CUDNN_DIM_MAX)
        return 0;
    words[0] = (int32_t)type;
    words[1] = n;
    memcpy(words + 2, dims, (size_t)n * sizeof *dims);
    memcpy(words + 2 + n, strides, (size_t)n * sizeof *strides);
    return 2 + 2 * (uint32_t)n;
}

static int64_t offset_of(const void *address)
{
    return address ? (int64_t)((uintptr_t)address - START) : -1;
}

int32_t rrto_server_cudnn_rnn_weights(struct rrto_exec *exec, const struct rrto_args_cudnn_rnn_weights *args)
{
    const struct rrto_vendor *vendor = rrto_worker_vendor(exec->worker);
    bool handle_ok;
    cudnnHandle_t handle = rrto_objects_get(exec->worker, RRTO_KIND_cudnn, args->handle, &handle_ok);
    cudnnRNNDescriptor_t rnn = rrto_server_value_cudnn_rnn(exec->worker, args->rnn, args->n_rnn);
    if (!handle_ok || !rnn)
        return RRTO_INVALID;
    if (!have_functions(vendor))
        return CUDNN_STATUS_NOT_SUPPORTED;
    cudnnTensorDescriptor_t matrix = NULL, bias = NULL;
    int32_t status = (int32_t)vendor->cudnnCreateTensorDescriptor(&matrix);
    if (status == RRTO_OK)
        status = (int32_t)vendor->cudnnCreateTensorDescriptor(&bias);
    void *matrix_address = NULL, *bias_address = NULL;
    if (status == RRTO_OK)
        status =
            (int32_t)vendor->cudnnGetRNNWeightParams(handle, rnn, args->layer, args->space_bytes, (const void *)START,
                                                     args->linear, matrix, &matrix_address, bias, &bias_address);
    if (status == RRTO_OK) {
        int32_t matrix_words[WORDS], bias_words[WORDS];
        struct rrto_reply_cudnn_rnn_weights reply = {.matrix_offset = offset_of(matrix_address),
                                                     .bias_offset = offset_of(bias_address),
                                                     .matrix = matrix_words,
                                                     .bias = bias_words};
        reply.n_matrix = read_tensor(vendor, matrix, matrix_address, matrix_words);
        reply.n_bias = read_tensor(vendor, bias, bias_address, bias_words);
        rrto_pack_reply_cudnn_rnn_weights(&exec->reply, &reply);
    }
    if (matrix)
        vendor->cudnnDestroyTensorDescriptor(matrix);
    if (bias)
        vendor->cudnnDestroyTensorDescriptor(bias);
    return status;
}
