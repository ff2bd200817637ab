/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the cuDNN front end share: the handle, and the backend API's nodes. */
#ifndef RRTO_CUDA_DNN_DNN_H
#define RRTO_CUDA_DNN_DNN_H

#include "api/custom/cudnn_graph.h"
#include "base/buf.h"
#include "gen/client_bodies.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rrto_cudnn {
    uint64_t magic;
    pthread_mutex_t lock; /* of the fields below; held while the stream op is issued, which never waits for a reply */
    void *stream;         /* cudaStream_t */
    uint32_t id, server_stream;
};
/* The session's id of a stream (src/cuda); false when there is no such stream. */
bool rrto_client_id_stream(cudaStream_t handle, uint32_t *ret_id);
/* The live handle, or NULL. */
struct rrto_cudnn *rrto_cudnn_handle(const void *handle);
/* Turns what issue returned into a cuDNN status. */
int32_t rrto_cudnn_status(int32_t issued);

/* The content of descriptors that no generated call takes yet; the others are declared with the generated code. */
bool rrto_client_value_cudnn_filter(cudnnFilterDescriptor_t descriptor, const void **ret_bytes, uint32_t *ret_n);
bool rrto_client_value_cudnn_convolution(cudnnConvolutionDescriptor_t descriptor, const void **ret_bytes,
                                         uint32_t *ret_n);
bool rrto_client_value_cudnn_dropout(cudnnDropoutDescriptor_t descriptor, const void **ret_bytes, uint32_t *ret_n);

/* What the server said about one engine configuration. Kept as long as the process: applications keep and compare
 * these. */
struct rrto_cudnn_config {
    int64_t engine_index, workspace_bytes; /* -1: not known before the plan */
    uint32_t n_numerical, n_behavior, n_knobs;
    int32_t *numerical, *behavior;
    struct rrto_cudnn_knob {
        int32_t type;
        int64_t value;
    } * knobs;
};

/* A question about a graph, and its answer, the same for equal content. */
struct rrto_cudnn_heuristic {
    uint32_t id, handle;
    bool answered;
    uint32_t n_configs;
    struct rrto_cudnn_config *configs;
    struct rrto_cudnn_node *graph; /* the operation graph */
};

/* A backend descriptor's content. Mutable and owned by one descriptor until it is finalised; then shared and immutable,
 * so that whatever was built on it outlives the descriptor. */
struct rrto_cudnn_attribute {
    uint32_t name, type, count, n_bytes;
    union {
        uint8_t here[64];
        void *elsewhere;
        struct rrto_cudnn_node *nodes_here[8];
    } data; /* elements as the application gave them; descriptors as node references */
};
struct rrto_cudnn_node {
    atomic_uint references;
    uint32_t type;
    uint32_t n_attributes, capacity;
    struct rrto_cudnn_attribute *attributes; /* ascending names */
    /* Set by finalising (query.c). ENGINEHEUR: heuristic. ENGINE, ENGINECFG, EXECUTION_PLAN: heuristic and index. */
    struct rrto_cudnn_heuristic *heuristic;
    uint32_t index;
    /* EXECUTION_PLAN */
    uint32_t plan;
    int64_t workspace_bytes;
    uint32_t n_by_value;
    struct rrto_cudnn_by_value {
        int64_t uid;
        size_t n_bytes;
    } * by_value;
};

struct rrto_cudnn_node *rrto_cudnn_node_create(uint32_t type); /* NULL: out of memory */
struct rrto_cudnn_node *rrto_cudnn_node_ref(struct rrto_cudnn_node *node);
struct rrto_cudnn_node *rrto_cudnn_node_unref(struct rrto_cudnn_node *node); /* accepts NULL, returns NULL */
/* Replaces or adds an attribute of a mutable node; elements are n_bytes at data (NULL: none). False: out of memory or
 * too many. */
bool rrto_cudnn_node_set(struct rrto_cudnn_node *node, uint32_t name, uint32_t type, uint32_t count, const void *data,
                         size_t n_bytes);
const struct rrto_cudnn_attribute *rrto_cudnn_node_find(const struct rrto_cudnn_node *node, uint32_t name);
const void *rrto_cudnn_attribute_data(const struct rrto_cudnn_attribute *attribute);
/* The one node, or the first of the nodes, of a descriptor attribute; NULL when it is not set. */
struct rrto_cudnn_node *rrto_cudnn_node_child(const struct rrto_cudnn_node *node, uint32_t name);
/* A scalar attribute (4 or 8 bytes, or a boolean), or fallback when it is not set. */
int64_t rrto_cudnn_node_integer(const struct rrto_cudnn_node *node, uint32_t name, int64_t fallback);

/* Attributes that we know (attributes.c): whether a type has the name, what it holds, and which must be set before
 * finalising. */
enum rrto_cudnn_access { RRTO_CUDNN_SETTABLE = 1, RRTO_CUDNN_REQUIRED = 2, RRTO_CUDNN_READ_ONLY = 4 };
/* Whether `name` with elements of `type` may be set on a descriptor of that kind: CUDNN_STATUS_SUCCESS or the vendor's
 * status. */
int32_t rrto_cudnn_attribute_check(uint32_t descriptor_type, uint32_t name, uint32_t type, int64_t count);
/* Whether a kind of descriptor has an attribute of that name. */
bool rrto_cudnn_attribute_exists(uint32_t descriptor_type, uint32_t name);
/* Whether a kind of descriptor exists. */
bool rrto_cudnn_type_known(uint32_t descriptor_type);
/* CUDNN_STATUS_SUCCESS when all that must be set is set and shapes agree. */
int32_t rrto_cudnn_node_check(const struct rrto_cudnn_node *node);

/* The wire form of the tree under root. Appends to buf. False: too large. */
bool rrto_cudnn_graph_write(struct rrto_buf *buf, struct rrto_cudnn_node *root);

/* The questions (query.c). Each fills node's answer fields. */
int32_t rrto_cudnn_finalize_heuristic(struct rrto_cudnn_node *node);
int32_t rrto_cudnn_finalize_engine(struct rrto_cudnn_node *node); /* ENGINE or ENGINECFG built by the application */
int32_t rrto_cudnn_finalize_plan(struct rrto_cudnn_node *node);
int32_t rrto_cudnn_execute(struct rrto_cudnn *handle, const struct rrto_cudnn_node *plan,
                           const struct rrto_cudnn_node *pack);

#endif
