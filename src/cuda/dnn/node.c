/* SPDX-License-Identifier: Apache-2.0 */
/* Backend descriptors' contents: reference-counted nodes with their attributes in ascending order of names. */
#include "cuda/dnn/dnn.h"

#include <stdlib.h>
#include <string.h>

struct rrto_cudnn_node *rrto_cudnn_node_create(uint32_t type)
{
    struct rrto_cudnn_node *node = calloc(1, sizeof *node);
    if (node) {
        atomic_init(&node->references, 1);
        node->type = type;
        node->workspace_bytes = -1;
    }
    return node;
}

struct rrto_cudnn_node *rrto_cudnn_node_ref(struct rrto_cudnn_node *node)
{
    atomic_fetch_add_explicit(&node->references, 1, memory_order_relaxed);
    return node;
}

const void *rrto_cudnn_attribute_data(const struct rrto_cudnn_attribute *attribute)
{
    return attribute->n_bytes <= sizeof attribute->data.here ? attribute->data.here : attribute->data.elsewhere;
}

static void drop(struct rrto_cudnn_attribute *attribute)
{
    if (attribute->type == RRTO_CUDNN_TYPE_DESCRIPTOR) {
        struct rrto_cudnn_node *const *nodes = rrto_cudnn_attribute_data(attribute);
        for (uint32_t i = 0; i < attribute->n_bytes / sizeof *nodes; i++)
            rrto_cudnn_node_unref(nodes[i]);
    }
    if (attribute->n_bytes > sizeof attribute->data.here)
        free(attribute->data.elsewhere);
}

struct rrto_cudnn_node *rrto_cudnn_node_unref(struct rrto_cudnn_node *node)
{
    if (!node || atomic_fetch_sub_explicit(&node->references, 1, memory_order_acq_rel) != 1)
        return NULL;
    for (uint32_t i = 0; i < node->n_attributes; i++)
        drop(&node->attributes[i]);
    free(node->attributes);
    free(node->by_value);
    free(node);
    return NULL;
}

const struct rrto_cudnn_attribute *rrto_cudnn_node_find(const struct rrto_cudnn_node *node, uint32_t name)
{
    for (uint32_t i = 0; i < node->n_attributes; i++)
        if (node->attributes[i].name == name)
            return &node->attributes[i];
    return NULL;
}

/* The place of `name`, made if it is new. */
static struct rrto_cudnn_attribute *place(struct rrto_cudnn_node *node, uint32_t name)
{
    uint32_t at = 0;
    while (at < node->n_attributes && node->attributes[at].name < name)
        at++;
    if (at < node->n_attributes && node->attributes[at].name == name) {
        drop(&node->attributes[at]);
        return &node->attributes[at];
    }
    if (node->n_attributes == RRTO_CUDNN_MAX_ATTRIBUTES)
        return NULL;
    if (node->n_attributes == node->capacity) {
        uint32_t capacity = node->capacity ? node->capacity * 2 : 8;
        void *grown = realloc(node->attributes, capacity * sizeof *node->attributes);
        if (!grown)
            return NULL;
        node->attributes = grown;
        node->capacity = capacity;
    }
    memmove(&node->attributes[at + 1], &node->attributes[at], (node->n_attributes - at) * sizeof *node->attributes);
    node->n_attributes++;
    return &node->attributes[at];
}

bool rrto_cudnn_node_set(struct rrto_cudnn_node *node, uint32_t name, uint32_t type, uint32_t count, const void *data,
                         size_t n_bytes)
{
    void *elsewhere = NULL;
    if (n_bytes > RRTO_CUDNN_MAX_ELEMENTS * 16)
        return false;
    if (n_bytes > sizeof node->attributes->data.here) {
        elsewhere = malloc(n_bytes);
        if (!elsewhere)
            return false;
    }
    struct rrto_cudnn_attribute *attribute = place(node, name);
    if (!attribute) {
        free(elsewhere);
        return false;
    }
    *attribute =
        (struct rrto_cudnn_attribute){.name = name, .type = type, .count = count, .n_bytes = (uint32_t)n_bytes};
    if (elsewhere)
        attribute->data.elsewhere = elsewhere;
    void *to = elsewhere ? elsewhere : attribute->data.here;
    if (n_bytes)
        memcpy(to, data, n_bytes);
    if (type == RRTO_CUDNN_TYPE_DESCRIPTOR) {
        struct rrto_cudnn_node *const *nodes = to;
        for (size_t i = 0; i < n_bytes / sizeof *nodes; i++)
            rrto_cudnn_node_ref(nodes[i]);
    }
    return true;
}

struct rrto_cudnn_node *rrto_cudnn_node_child(const struct rrto_cudnn_node *node, uint32_t name)
{
    const struct rrto_cudnn_attribute *attribute = rrto_cudnn_node_find(node, name);
    if (!attribute || attribute->type != RRTO_CUDNN_TYPE_DESCRIPTOR || attribute->n_bytes == 0)
        return NULL;
    return *(struct rrto_cudnn_node *const *)rrto_cudnn_attribute_data(attribute);
}

int64_t rrto_cudnn_node_integer(const struct rrto_cudnn_node *node, uint32_t name, int64_t fallback)
{
    const struct rrto_cudnn_attribute *attribute = rrto_cudnn_node_find(node, name);
    if (!attribute || attribute->count == 0)
        return fallback;
    const void *data = rrto_cudnn_attribute_data(attribute);
    switch (rrto_cudnn_element_bytes(attribute->type)) {
    case 8: {
        int64_t value;
        memcpy(&value, data, sizeof value);
        return value;
    }
    case 4: {
        int32_t value;
        memcpy(&value, data, sizeof value);
        return value;
    }
    case 1:
        return *(const uint8_t *)data;
    default:
        return fallback;
    }
}
