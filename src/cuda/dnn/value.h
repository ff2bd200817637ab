/* SPDX-License-Identifier: Apache-2.0 */
/* cuDNN's legacy descriptors on the client: pure values, kept as the words that travel (src/api/custom/cudnn_values.h).
 * A descriptor has no lock: like the vendor's, it is one thread's at a time. */
#ifndef RRTO_CUDA_DNN_VALUE_H
#define RRTO_CUDA_DNN_VALUE_H

#include "api/custom/cudnn_values.h"

#include <stdbool.h>
#include <stdint.h>

enum rrto_cudnn_kind { TENSOR = 1, FILTER, CONVOLUTION, POOLING, ACTIVATION, DROPOUT, RNN, RNN_DATA };

struct rrto_cudnn_value {
    uint32_t magic, kind;
    uint32_t n_words; /* 0: created, not yet set */
    int32_t words[];  /* as many as the kind may need */
};

/* The live descriptor of that kind, or NULL; with _set, one that has been set. */
struct rrto_cudnn_value *rrto_cudnn_value_lookup(const void *descriptor, enum rrto_cudnn_kind kind);
struct rrto_cudnn_value *rrto_cudnn_value_lookup_set(const void *descriptor, enum rrto_cudnn_kind kind);
/* Each returns a cuDNN status. */
int32_t rrto_cudnn_value_create(enum rrto_cudnn_kind kind, void **ret_descriptor);
int32_t rrto_cudnn_value_destroy(const void *descriptor, enum rrto_cudnn_kind kind);
/* What travels; lent until the descriptor is set again. NULL travels as nothing: some calls have optional descriptors.
 * False: not one of that kind, or not set. */
bool rrto_cudnn_value_content(const void *descriptor, enum rrto_cudnn_kind kind, const void **ret_bytes,
                              uint32_t *ret_n);

/* What the generated code calls for one type of descriptor. */
#define RRTO_CUDNN_KIND(type, name, constant)                                                                          \
    bool rrto_client_value_cudnn_##name(cudnn##type##Descriptor_t descriptor, const void **ret_bytes, uint32_t *ret_n) \
    {                                                                                                                  \
        return rrto_cudnn_value_content(descriptor, constant, ret_bytes, ret_n);                                       \
    }                                                                                                                  \
    cudnnStatus_t rrto_client_cudnnCreate##type##Descriptor(cudnn##type##Descriptor_t *descriptor)                     \
    {                                                                                                                  \
        return (cudnnStatus_t)rrto_cudnn_value_create(constant, (void **)descriptor);                                  \
    }                                                                                                                  \
    cudnnStatus_t rrto_client_cudnnDestroy##type##Descriptor(cudnn##type##Descriptor_t descriptor)                     \
    {                                                                                                                  \
        return (cudnnStatus_t)rrto_cudnn_value_destroy(descriptor, constant);                                          \
    }

#endif
