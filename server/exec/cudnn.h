/* SPDX-License-Identifier: Apache-2.0 */
/* cuDNN on the server: building vendor descriptors from what travels. Used by the executor's thread only. */
#ifndef RRTO_SERVER_EXEC_CUDNN_H
#define RRTO_SERVER_EXEC_CUDNN_H

#include "gen/vendor.h"

#include "api/custom/cudnn_graph.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A graph built from its wire form: the vendor's descriptors, one for each node, all finalised; the last is the root.
 */
struct rrto_cudnn_built {
    uint32_t n_nodes, root_type;
    cudnnBackendDescriptor_t nodes[RRTO_CUDNN_MAX_NODES];
    /* Tensors that are passed by value: where their bytes stand in an execution's values. */
    uint32_t n_by_value;
    int64_t by_value[RRTO_CUDNN_MAX_POINTERS];
};

/* Builds; handle takes the place of every handle attribute. Returns RRTO_OK, a cuDNN status (> 0), or RRTO_INVALID for
 * bytes that no client writes. On failure nothing is left behind. */
int32_t rrto_cudnn_graph_build(const struct rrto_vendor *vendor, cudnnHandle_t handle, const uint8_t *bytes,
                               size_t n_bytes, struct rrto_cudnn_built *ret_built);
void rrto_cudnn_graph_destroy(const struct rrto_vendor *vendor, struct rrto_cudnn_built *built);

#endif
