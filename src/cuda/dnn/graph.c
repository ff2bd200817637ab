/* SPDX-License-Identifier: Apache-2.0 */
/* Writes a tree of backend descriptors as the bytes of src/api/custom/cudnn_graph.h: children first, equal nodes once.
 */
#include "cuda/dnn/dnn.h"

#include "codec/codec.h"

#include <string.h>

struct writer {
    struct rrto_buf *buf;
    uint32_t n_nodes;
    size_t offsets[RRTO_CUDNN_MAX_NODES + 1];                  /* of the nodes written, and the end */
    const struct rrto_cudnn_node *nodes[RRTO_CUDNN_MAX_NODES]; /* the node that was written there first */
};

static bool write_attribute(struct writer *writer, const struct rrto_cudnn_attribute *attribute,
                            const uint32_t *children)
{
    const void *data = rrto_cudnn_attribute_data(attribute);
    uint32_t n_bytes = attribute->n_bytes;
    if (attribute->type == RRTO_CUDNN_TYPE_DESCRIPTOR) {
        data = children;
        n_bytes = attribute->count * (uint32_t)sizeof *children;
    } else if (attribute->type == RRTO_CUDNN_TYPE_HANDLE) {
        n_bytes = 0;
    }
    rrto_put_u32(writer->buf, attribute->name);
    rrto_put_u32(writer->buf, attribute->type);
    rrto_put_u32(writer->buf, attribute->count);
    rrto_put_u32(writer->buf, n_bytes);
    rrto_buf_put(writer->buf, data, n_bytes);
    rrto_buf_put(writer->buf, NULL, -n_bytes & 7u);
    return !writer->buf->failed;
}

/* Children are numbered before their parent's bytes begin, so that a node's bytes are contiguous. */
static bool write_node(struct writer *writer, const struct rrto_cudnn_node *node, uint32_t depth, uint32_t *ret_number)
{
    for (uint32_t i = 0; i < writer->n_nodes; i++)
        if (writer->nodes[i] == node) {
            *ret_number = i;
            return true;
        }
    if (depth > 16)
        return false;
    uint32_t children[RRTO_CUDNN_MAX_NODES], n_children = 0;
    for (uint32_t i = 0; i < node->n_attributes; i++) {
        const struct rrto_cudnn_attribute *attribute = &node->attributes[i];
        if (attribute->type != RRTO_CUDNN_TYPE_DESCRIPTOR)
            continue;
        struct rrto_cudnn_node *const *nodes = rrto_cudnn_attribute_data(attribute);
        for (uint32_t k = 0; k < attribute->count; k++)
            if (n_children == RRTO_CUDNN_MAX_NODES || !write_node(writer, nodes[k], depth + 1, &children[n_children++]))
                return false;
    }
    if (writer->n_nodes == RRTO_CUDNN_MAX_NODES)
        return false;
    size_t offset = writer->buf->size;
    rrto_put_u32(writer->buf, node->type);
    rrto_put_u32(writer->buf, node->n_attributes);
    const uint32_t *next = children;
    for (uint32_t i = 0; i < node->n_attributes; i++) {
        if (!write_attribute(writer, &node->attributes[i], next))
            return false;
        if (node->attributes[i].type == RRTO_CUDNN_TYPE_DESCRIPTOR)
            next += node->attributes[i].count;
    }
    size_t n_bytes = writer->buf->size - offset;
    for (uint32_t i = 0; i < writer->n_nodes; i++)
        if (writer->offsets[i + 1] - writer->offsets[i] == n_bytes &&
            memcmp(writer->buf->data + writer->offsets[i], writer->buf->data + offset, n_bytes) == 0) {
            writer->buf->size = offset; /* the same content stands there already */
            *ret_number = i;
            return true;
        }
    writer->nodes[writer->n_nodes] = node;
    writer->offsets[writer->n_nodes] = offset;
    writer->offsets[writer->n_nodes + 1] = writer->buf->size;
    *ret_number = writer->n_nodes++;
    return true;
}

bool rrto_cudnn_graph_write(struct rrto_buf *buf, struct rrto_cudnn_node *root)
{
    struct writer writer;
    writer.buf = buf;
    writer.n_nodes = 0;
    size_t start = buf->size;
    rrto_put_u32(buf, 0);
    rrto_put_u32(buf, 0);
    uint32_t number;
    if (!write_node(&writer, root, 0, &number) || buf->failed)
        return false;
    memcpy(buf->data + start, &writer.n_nodes, sizeof writer.n_nodes);
    return number + 1 == writer.n_nodes;
}
