/* SPDX-License-Identifier: Apache-2.0 */
/* cuDNN's legacy descriptors on the server: built once for each content (src/api/custom/cudnn_values.h) and kept in a
 * bounded cache. Used by the executor's thread only. */
#include "gen/server_bodies.h"
#include "gen/vendor.h"
#include "worker.h"

#include "api/custom/cudnn_values.h"
#include "base/map.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum kind { TENSOR = 1, FILTER, CONVOLUTION, POOLING, ACTIVATION };

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
