/* SPDX-License-Identifier: Apache-2.0 */
/* The graph API's descriptors: a type, a list of attributes, and a lock once finalised. */
#ifndef RRTO_SOFT_DNN_BACKEND_H
#define RRTO_SOFT_DNN_BACKEND_H

#include "dnn/convolution.h"
#include "dnn/descriptors.h"

struct rrto_dnn_attribute {
    int name, type;
    int64_t count;
    void *elements; /* descriptors: pointers, each holding a reference */
};

struct rrto_dnn_descriptor {
    int type;
    int references;
    bool final;
    int n_attributes;
    struct rrto_dnn_attribute *attributes;
};

enum { RRTO_DNN_MAX_ELEMENTS = 4096, RRTO_DNN_MAX_ATTRIBUTES = 128 };

/* The attribute of that name, or NULL. */
const struct rrto_dnn_attribute *rrto_dnn_attribute_find(const struct rrto_dnn_descriptor *descriptor, int name);
/* Its first element as a number or as a descriptor; the fallback, or NULL, when it is not there or of another kind. */
int64_t rrto_dnn_attribute_int(const struct rrto_dnn_descriptor *descriptor, int name, int64_t fallback);
double rrto_dnn_attribute_real(const struct rrto_dnn_descriptor *descriptor, int name, double fallback);
struct rrto_dnn_descriptor *rrto_dnn_attribute_descriptor(const struct rrto_dnn_descriptor *descriptor, int name);

/* The convolution that an operation graph consists of. UNSUPPORTED: any other graph. */
struct rrto_dnn_graph {
    struct rrto_dnn_convolution convolution;
    int64_t x_uid, w_uid, y_uid;
};
enum rrto_dnn_result rrto_dnn_graph_read(struct rrto_dnn_graph *ret_graph, const struct rrto_dnn_descriptor *graph);

/* What finalising a descriptor checks. */
cudnnStatus_t rrto_dnn_finalise_check(const struct rrto_dnn_descriptor *descriptor);

#endif
