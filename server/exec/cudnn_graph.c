/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the wire form of a backend graph (src/api/custom/cudnn_graph.h) and builds the vendor's descriptors from it, in
 * its order. Every count and reference is checked; a handle or an address of the peer's choice never reaches the
 * vendor. */
#include "exec/cudnn.h"

#include "base/status.h"
#include "codec/codec.h"

#include <string.h>

struct attribute {
    uint32_t name, type, count, n_bytes;
    const uint8_t *data; /* 8-aligned when the graph is */
};

static bool read_attribute(struct rrto_dec *dec, struct attribute *ret_attribute)
{
    ret_attribute->name = rrto_get_u32(dec);
    ret_attribute->type = rrto_get_u32(dec);
    ret_attribute->count = rrto_get_u32(dec);
    ret_attribute->n_bytes = rrto_get_u32(dec);
    ret_attribute->data = rrto_get_bytes(dec, ret_attribute->n_bytes);
    const uint8_t *padding = rrto_get_bytes(dec, -ret_attribute->n_bytes & 7u);
    if (dec->failed)
        return false;
    for (uint32_t i = 0; i < (-ret_attribute->n_bytes & 7u); i++)
        if (padding[i] != 0)
            return false;
    size_t element_bytes = rrto_cudnn_element_bytes(ret_attribute->type);
    if (ret_attribute->type == RRTO_CUDNN_TYPE_DESCRIPTOR)
        element_bytes = sizeof(uint32_t);
    if (ret_attribute->type == RRTO_CUDNN_TYPE_HANDLE)
        return ret_attribute->n_bytes == 0 && ret_attribute->count == 1;
    return element_bytes != 0 && ret_attribute->type != RRTO_CUDNN_TYPE_VOID_PTR &&
           ret_attribute->count <= RRTO_CUDNN_MAX_ELEMENTS &&
           ret_attribute->n_bytes == ret_attribute->count * element_bytes;
}

/* Graphs and what they are made of; the server itself makes heuristics, plans and packs. */
static bool type_allowed(uint32_t type)
{
    return type <= RRTO_CUDNN_DESCRIPTOR_TYPE_MAX && type != RRTO_CUDNN_ENGINEHEUR &&
           type != RRTO_CUDNN_EXECUTION_PLAN && type != RRTO_CUDNN_VARIANT_PACK && type != RRTO_CUDNN_DEVICEPROP &&
           type != RRTO_CUDNN_KERNEL_CACHE;
}

static int32_t set_attribute(const struct rrto_vendor *vendor, cudnnHandle_t handle,
                             const struct rrto_cudnn_built *built, cudnnBackendDescriptor_t node,
                             const struct attribute *attribute)
{
    cudnnBackendDescriptor_t children[RRTO_CUDNN_MAX_NODES];
    const void *data = attribute->data;
    if (attribute->type == RRTO_CUDNN_TYPE_DESCRIPTOR) {
        if (attribute->count > RRTO_CUDNN_MAX_NODES)
            return RRTO_INVALID;
        for (uint32_t i = 0; i < attribute->count; i++) {
            uint32_t number;
            memcpy(&number, attribute->data + i * sizeof number, sizeof number);
            if (number >= built->n_nodes)
                return RRTO_INVALID;
            children[i] = built->nodes[number];
        }
        data = children;
    } else if (attribute->type == RRTO_CUDNN_TYPE_HANDLE) {
        data = &handle;
    }
    return (int32_t)vendor->cudnnBackendSetAttribute(node, (cudnnBackendAttributeName_t)attribute->name,
                                                     (cudnnBackendAttributeType_t)attribute->type, attribute->count,
                                                     data);
}

/* What a tensor's attributes say that execution needs to know. */
struct tensor {
    int64_t uid;
    bool by_value;
};

static void note_tensor(struct tensor *tensor, const struct attribute *attribute)
{
    if (attribute->name == RRTO_CUDNN_TENSOR_UNIQUE_ID && attribute->n_bytes == sizeof tensor->uid)
        memcpy(&tensor->uid, attribute->data, sizeof tensor->uid);
    if (attribute->name == RRTO_CUDNN_TENSOR_IS_BY_VALUE && attribute->n_bytes == 1)
        tensor->by_value = attribute->data[0] != 0;
}

static bool keep_tensor(struct rrto_cudnn_built *built, const struct tensor *tensor)
{
    if (!tensor->by_value)
        return true;
    for (uint32_t i = 0; i < built->n_by_value; i++)
        if (built->by_value[i] == tensor->uid)
            return true;
    if (built->n_by_value == RRTO_CUDNN_MAX_POINTERS)
        return false;
    built->by_value[built->n_by_value++] = tensor->uid;
    return true;
}

static int32_t build_node(const struct rrto_vendor *vendor, cudnnHandle_t handle, struct rrto_dec *dec,
                          struct rrto_cudnn_built *built)
{
    uint32_t type = rrto_get_u32(dec), n_attributes = rrto_get_u32(dec);
    if (dec->failed || !type_allowed(type) || n_attributes > RRTO_CUDNN_MAX_ATTRIBUTES)
        return RRTO_INVALID;
    cudnnBackendDescriptor_t node = NULL;
    int32_t status = (int32_t)vendor->cudnnBackendCreateDescriptor((cudnnBackendDescriptorType_t)type, &node);
    if (status != RRTO_OK)
        return status;
    struct tensor tensor = {0};
    for (uint32_t i = 0; status == RRTO_OK && i < n_attributes; i++) {
        struct attribute attribute;
        status =
            read_attribute(dec, &attribute) ? set_attribute(vendor, handle, built, node, &attribute) : RRTO_INVALID;
        if (status == RRTO_OK && type == RRTO_CUDNN_TENSOR)
            note_tensor(&tensor, &attribute);
    }
    if (status == RRTO_OK && !keep_tensor(built, &tensor))
        status = RRTO_INVALID;
    if (status == RRTO_OK)
        status = (int32_t)vendor->cudnnBackendFinalize(node);
    if (status != RRTO_OK) {
        vendor->cudnnBackendDestroyDescriptor(node);
        return status;
    }
    built->nodes[built->n_nodes++] = node;
    built->root_type = type;
    return RRTO_OK;
}

int32_t rrto_cudnn_graph_build(const struct rrto_vendor *vendor, cudnnHandle_t handle, const uint8_t *bytes,
                               size_t n_bytes, struct rrto_cudnn_built *ret_built)
{
    ret_built->n_nodes = 0;
    ret_built->n_by_value = 0;
    struct rrto_dec dec;
    rrto_dec_init(&dec, bytes, n_bytes);
    uint32_t n_nodes = rrto_get_u32(&dec), zero = rrto_get_u32(&dec);
    int32_t status = dec.failed || n_nodes == 0 || n_nodes > RRTO_CUDNN_MAX_NODES || zero != 0 ? RRTO_INVALID : RRTO_OK;
    for (uint32_t i = 0; status == RRTO_OK && i < n_nodes; i++)
        status = build_node(vendor, handle, &dec, ret_built);
    if (status == RRTO_OK && dec.at != dec.end)
        status = RRTO_INVALID;
    if (status != RRTO_OK)
        rrto_cudnn_graph_destroy(vendor, ret_built);
    return status;
}

void rrto_cudnn_graph_destroy(const struct rrto_vendor *vendor, struct rrto_cudnn_built *built)
{
    while (built->n_nodes > 0) /* parents before children */
        vendor->cudnnBackendDestroyDescriptor(built->nodes[--built->n_nodes]);
}
