/* SPDX-License-Identifier: Apache-2.0 */
/* cuDNN's legacy descriptors on the server: built once for each content (src/api/custom/cudnn_values.h) and kept in a
 * bounded cache. Used by the executor's thread only. */
#include "gen/server_bodies.h"
#include "gen/vendor.h"
#include "worker.h"

#include "api/custom/cudnn_values.h"
#include "base/map.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum kind { TENSOR = 1, FILTER, CONVOLUTION, POOLING, ACTIVATION, RNN, RNN_DATA };

/* One op uses at most this many descriptors: those of the op under execution are never given up. */
enum { CACHE_SLOTS = 4096, IN_USE = 32 };

struct slot {
    void *descriptor; /* NULL: empty */
    uint64_t hash, last_used;
    enum kind kind;
    uint32_t n_words;
    int32_t words[RRTO_CUDNN_VALUE_WORDS];
};
static struct slot slots[CACHE_SLOTS];
static struct rrto_map slot_of_hash;
static uint32_t n_slots, next_victim;
static uint64_t now;

typedef const struct rrto_vendor *vendor_table;

/* Reads n at words[at] and requires that exactly n_head + rows * n words are there. */
static bool count_rows(const int32_t *words, uint32_t n_words, uint32_t at, uint32_t n_head, uint32_t rows, int *ret_n)
{
    if (n_words < n_head)
        return false;
    int32_t n = words[at];
    *ret_n = n;
    return n > 0 && n <= RRTO_CUDNN_DIM_MAX && n_words == n_head + rows * (uint32_t)n;
}

static void *build_tensor(vendor_table vendor, const int32_t *words, uint32_t n_words)
{
    int n;
    cudnnTensorDescriptor_t tensor = NULL;
    if (!count_rows(words, n_words, 1, 2, 2, &n) || !vendor->cudnnCreateTensorDescriptor ||
        !vendor->cudnnSetTensorNdDescriptor || (int)vendor->cudnnCreateTensorDescriptor(&tensor) != 0)
        return NULL;
    if ((int)vendor->cudnnSetTensorNdDescriptor(tensor, (cudnnDataType_t)words[0], n, words + 2, words + 2 + n) == 0)
        return tensor;
    vendor->cudnnDestroyTensorDescriptor(tensor);
    return NULL;
}

static void *build_filter(vendor_table vendor, const int32_t *words, uint32_t n_words)
{
    int n;
    cudnnFilterDescriptor_t filter = NULL;
    if (!count_rows(words, n_words, 2, 3, 1, &n) || !vendor->cudnnCreateFilterDescriptor ||
        !vendor->cudnnSetFilterNdDescriptor || (int)vendor->cudnnCreateFilterDescriptor(&filter) != 0)
        return NULL;
    if ((int)vendor->cudnnSetFilterNdDescriptor(filter, (cudnnDataType_t)words[0], (cudnnTensorFormat_t)words[1], n,
                                                words + 3) == 0)
        return filter;
    vendor->cudnnDestroyFilterDescriptor(filter);
    return NULL;
}

static void *build_convolution(vendor_table vendor, const int32_t *words, uint32_t n_words)
{
    int n;
    cudnnConvolutionDescriptor_t convolution = NULL;
    if (!count_rows(words, n_words, 0, 5, 3, &n) || !vendor->cudnnCreateConvolutionDescriptor ||
        !vendor->cudnnSetConvolutionNdDescriptor || !vendor->cudnnSetConvolutionMathType ||
        !vendor->cudnnSetConvolutionGroupCount || (int)vendor->cudnnCreateConvolutionDescriptor(&convolution) != 0)
        return NULL;
    const int32_t *rows = words + 5;
    if ((int)vendor->cudnnSetConvolutionNdDescriptor(convolution, n, rows, rows + n, rows + 2 * n,
                                                     (cudnnConvolutionMode_t)words[1],
                                                     (cudnnDataType_t)words[2]) == 0 &&
        (int)vendor->cudnnSetConvolutionMathType(convolution, (cudnnMathType_t)words[3]) == 0 &&
        (int)vendor->cudnnSetConvolutionGroupCount(convolution, words[4]) == 0)
        return convolution;
    vendor->cudnnDestroyConvolutionDescriptor(convolution);
    return NULL;
}

static void *build_pooling(vendor_table vendor, const int32_t *words, uint32_t n_words)
{
    int n;
    cudnnPoolingDescriptor_t pooling = NULL;
    if (!count_rows(words, n_words, 2, 3, 3, &n) || !vendor->cudnnCreatePoolingDescriptor ||
        !vendor->cudnnSetPoolingNdDescriptor || (int)vendor->cudnnCreatePoolingDescriptor(&pooling) != 0)
        return NULL;
    const int32_t *rows = words + 3;
    if ((int)vendor->cudnnSetPoolingNdDescriptor(pooling, (cudnnPoolingMode_t)words[0], (cudnnNanPropagation_t)words[1],
                                                 n, rows, rows + n, rows + 2 * n) == 0)
        return pooling;
    vendor->cudnnDestroyPoolingDescriptor(pooling);
    return NULL;
}

static void *build_activation(vendor_table vendor, const int32_t *words, uint32_t n_words)
{
    cudnnActivationDescriptor_t activation = NULL;
    if (n_words != 4 || !vendor->cudnnCreateActivationDescriptor || !vendor->cudnnSetActivationDescriptor ||
        (int)vendor->cudnnCreateActivationDescriptor(&activation) != 0)
        return NULL;
    double coefficient;
    memcpy(&coefficient, words + 2, sizeof coefficient);
    if ((int)vendor->cudnnSetActivationDescriptor(activation, (cudnnActivationMode_t)words[0],
                                                  (cudnnNanPropagation_t)words[1], coefficient) == 0)
        return activation;
    vendor->cudnnDestroyActivationDescriptor(activation);
    return NULL;
}

/* A dropout descriptor without random state. The vendor wants a handle for it: one of our own, made at the first use.
 */
static cudnnDropoutDescriptor_t build_dropout(vendor_table vendor, float probability)
{
    static cudnnHandle_t handle;
    cudnnDropoutDescriptor_t dropout = NULL;
    if (!vendor->cudnnCreate || !vendor->cudnnCreateDropoutDescriptor || !vendor->cudnnSetDropoutDescriptor ||
        !vendor->cudnnDestroyDropoutDescriptor || (!handle && (int)vendor->cudnnCreate(&handle) != 0) ||
        (int)vendor->cudnnCreateDropoutDescriptor(&dropout) != 0)
        return NULL;
    if ((int)vendor->cudnnSetDropoutDescriptor(dropout, handle, probability, NULL, 0, 0) == 0)
        return dropout;
    vendor->cudnnDestroyDropoutDescriptor(dropout);
    return NULL;
}

/* The dropout descriptors that networks were built with, one for each probability: a network refers to its own. */
static cudnnDropoutDescriptor_t find_dropout(vendor_table vendor, float probability)
{
    enum { MAX = 64 };
    static struct {
        float probability;
        cudnnDropoutDescriptor_t descriptor;
    } known[MAX];
    static uint32_t n_known;
    for (uint32_t i = 0; i < n_known; i++)
        if (memcmp(&known[i].probability, &probability, sizeof probability) == 0)
            return known[i].descriptor;
    cudnnDropoutDescriptor_t dropout = n_known < MAX ? build_dropout(vendor, probability) : NULL;
    if (dropout) {
        known[n_known].probability = probability;
        known[n_known++].descriptor = dropout;
    }
    return dropout;
}

static void *build_rnn(vendor_table vendor, const int32_t *words, uint32_t n_words)
{
    cudnnRNNDescriptor_t rnn = NULL;
    float probability;
    if (n_words != RRTO_CUDNN_RNN_WORDS)
        return NULL;
    memcpy(&probability, words + 13, sizeof probability);
    cudnnDropoutDescriptor_t dropout = find_dropout(vendor, probability);
    if (!dropout || !vendor->cudnnCreateRNNDescriptor || !vendor->cudnnSetRNNDescriptor_v8 ||
        (int)vendor->cudnnCreateRNNDescriptor(&rnn) != 0)
        return NULL;
    if ((int)vendor->cudnnSetRNNDescriptor_v8(rnn, (cudnnRNNAlgo_t)words[0], (cudnnRNNMode_t)words[1],
                                              (cudnnRNNBiasMode_t)words[2], (cudnnDirectionMode_t)words[3],
                                              (cudnnRNNInputMode_t)words[4], (cudnnDataType_t)words[5],
                                              (cudnnDataType_t)words[6], (cudnnMathType_t)words[7], words[8], words[9],
                                              words[10], words[11], dropout, (uint32_t)words[12]) == 0)
        return rnn;
    vendor->cudnnDestroyRNNDescriptor(rnn);
    return NULL;
}

/* The lengths of all sequences, to be freed; NULL when the runs do not add up to them. */
static int *unfold_lengths(const int32_t *words, uint32_t n_words)
{
    int32_t batch = n_words >= RRTO_CUDNN_RNN_DATA_HEAD ? words[3] : 0;
    if (batch < 1 || batch > RRTO_CUDNN_SEQUENCES_MAX || words[8] < 1 || words[8] > RRTO_CUDNN_RUN_MAX ||
        n_words != RRTO_CUDNN_RNN_DATA_HEAD + 2 * (uint32_t)words[8])
        return NULL;
    int *lengths = malloc((size_t)batch * sizeof *lengths);
    int32_t n = 0;
    for (const int32_t *run = words + RRTO_CUDNN_RNN_DATA_HEAD; lengths && run < words + n_words; run += 2) {
        if (run[1] < 1 || run[1] > batch - n) {
            n = 0;
            break;
        }
        for (int32_t i = 0; i < run[1]; i++)
            lengths[n++] = run[0];
    }
    if (n == batch)
        return lengths;
    free(lengths);
    return NULL;
}

static void *build_rnn_data(vendor_table vendor, const int32_t *words, uint32_t n_words)
{
    cudnnRNNDataDescriptor_t data = NULL;
    int *lengths = unfold_lengths(words, n_words);
    if (!lengths || !vendor->cudnnCreateRNNDataDescriptor || !vendor->cudnnSetRNNDataDescriptor ||
        (int)vendor->cudnnCreateRNNDataDescriptor(&data) != 0) {
        free(lengths);
        return NULL;
    }
    int32_t fill[2] = {words[6], words[7]};
    int status = (int)vendor->cudnnSetRNNDataDescriptor(data, (cudnnDataType_t)words[0], (cudnnRNNDataLayout_t)words[1],
                                                        words[2], words[3], words[4], lengths, words[5] ? fill : NULL);
    free(lengths);
    if (status == 0)
        return data;
    vendor->cudnnDestroyRNNDataDescriptor(data);
    return NULL;
}

static void *build(vendor_table vendor, enum kind kind, const int32_t *words, uint32_t n_words)
{
    switch (kind) {
    case TENSOR:
        return build_tensor(vendor, words, n_words);
    case FILTER:
        return build_filter(vendor, words, n_words);
    case CONVOLUTION:
        return build_convolution(vendor, words, n_words);
    case POOLING:
        return build_pooling(vendor, words, n_words);
    case ACTIVATION:
        return build_activation(vendor, words, n_words);
    case RNN:
        return build_rnn(vendor, words, n_words);
    case RNN_DATA:
        return build_rnn_data(vendor, words, n_words);
    }
    return NULL;
}

static void empty(vendor_table vendor, struct slot *slot)
{
    switch (slot->kind) {
    case TENSOR:
        vendor->cudnnDestroyTensorDescriptor(slot->descriptor);
        break;
    case FILTER:
        vendor->cudnnDestroyFilterDescriptor(slot->descriptor);
        break;
    case CONVOLUTION:
        vendor->cudnnDestroyConvolutionDescriptor(slot->descriptor);
        break;
    case POOLING:
        vendor->cudnnDestroyPoolingDescriptor(slot->descriptor);
        break;
    case ACTIVATION:
        vendor->cudnnDestroyActivationDescriptor(slot->descriptor);
        break;
    case RNN:
        vendor->cudnnDestroyRNNDescriptor(slot->descriptor);
        break;
    case RNN_DATA:
        vendor->cudnnDestroyRNNDataDescriptor(slot->descriptor);
        break;
    }
    slot->descriptor = NULL;
    rrto_map_remove(&slot_of_hash, slot->hash, NULL);
}

/* An empty slot, made by giving up an old one when all are taken. */
static struct slot *free_slot(vendor_table vendor)
{
    if (n_slots < CACHE_SLOTS)
        return &slots[n_slots++];
    struct slot *slot;
    do {
        slot = &slots[next_victim++ % CACHE_SLOTS];
    } while (slot->descriptor && slot->last_used + IN_USE >= now);
    if (slot->descriptor)
        empty(vendor, slot);
    return slot;
}

static void *find_or_build(struct rrto_worker *worker, enum kind kind, const void *bytes, uint32_t n)
{
    vendor_table vendor = rrto_worker_vendor(worker);
    int32_t words[RRTO_CUDNN_VALUE_WORDS];
    uint32_t n_words = n / (uint32_t)sizeof words[0];
    if (n == 0 || n % sizeof words[0] != 0 || n > sizeof words)
        return NULL;
    memcpy(words, bytes, n);
    uint64_t hash = XXH3_64bits_withSeed(words, n, (uint64_t)kind), number;
    now++;
    struct slot *slot = rrto_map_get(&slot_of_hash, hash, &number) ? &slots[number] : NULL;
    if (slot && slot->kind == kind && slot->n_words == n_words && memcmp(slot->words, words, n) == 0) {
        slot->last_used = now;
        return slot->descriptor;
    }
    void *descriptor = build(vendor, kind, words, n_words);
    if (!descriptor)
        return NULL;
    if (slot) /* two contents of one hash: the newer one stays */
        empty(vendor, slot);
    else
        slot = free_slot(vendor);
    *slot = (struct slot){.descriptor = descriptor, .hash = hash, .last_used = now, .kind = kind, .n_words = n_words};
    memcpy(slot->words, words, n);
    if (!rrto_map_put(&slot_of_hash, hash, (uint64_t)(slot - slots)))
        slot->last_used = 0; /* not found again, but given up in its turn */
    return descriptor;
}

void *rrto_server_value_cudnn_tensor(struct rrto_worker *worker, const void *bytes, uint32_t n)
{
    return find_or_build(worker, TENSOR, bytes, n);
}

void *rrto_server_value_cudnn_filter(struct rrto_worker *worker, const void *bytes, uint32_t n)
{
    return find_or_build(worker, FILTER, bytes, n);
}

void *rrto_server_value_cudnn_convolution(struct rrto_worker *worker, const void *bytes, uint32_t n)
{
    return find_or_build(worker, CONVOLUTION, bytes, n);
}

void *rrto_server_value_cudnn_pooling(struct rrto_worker *worker, const void *bytes, uint32_t n)
{
    return find_or_build(worker, POOLING, bytes, n);
}

void *rrto_server_value_cudnn_activation(struct rrto_worker *worker, const void *bytes, uint32_t n)
{
    return find_or_build(worker, ACTIVATION, bytes, n);
}

void *rrto_server_value_cudnn_rnn(struct rrto_worker *worker, const void *bytes, uint32_t n)
{
    return find_or_build(worker, RNN, bytes, n);
}

void *rrto_server_value_cudnn_rnn_data(struct rrto_worker *worker, const void *bytes, uint32_t n)
{
    return find_or_build(worker, RNN_DATA, bytes, n);
}
