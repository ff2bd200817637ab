/* SPDX-License-Identifier: Apache-2.0 */
/* What may be set on which backend descriptor. The kinds that convolutions and plans are made of are described
 * attribute by attribute; of the others only the range of names is known, and the server's cuDNN judges the rest. */
#include "cuda/dnn/dnn.h"

#include <string.h>

enum { INT64 = RRTO_CUDNN_TYPE_INT64, DESCRIPTOR = RRTO_CUDNN_TYPE_DESCRIPTOR, SCALE = 255 /* float or double */ };

struct row {
    uint16_t name;
    uint8_t type, access;
    uint16_t max_count;
};
struct kind {
    uint16_t type, first, last;
    const struct row *rows; /* NULL: only the range is known */
    size_t n_rows;
};

enum { R = RRTO_CUDNN_SETTABLE | RRTO_CUDNN_REQUIRED, S = RRTO_CUDNN_SETTABLE, O = RRTO_CUDNN_READ_ONLY };

static const struct row convolution_rows[] = {
    {100, RRTO_CUDNN_TYPE_DATA_TYPE, R, 1},
    {101, RRTO_CUDNN_TYPE_CONVOLUTION_MODE, R, 1},
    {102, INT64, R, 8},
    {103, INT64, R, 8},
    {104, INT64, R, 8},
    {105, INT64, R, 8},
    {106, INT64, R, 1},
};
static const struct row heuristic_rows[] = {
    {200, RRTO_CUDNN_TYPE_HEUR_MODE, R, 1}, {201, DESCRIPTOR, R, 1}, {202, DESCRIPTOR, O, 0},
    {203, RRTO_CUDNN_TYPE_INT32, S, 1},     {204, DESCRIPTOR, S, 1},
};
static const struct row config_rows[] = {
    {300, DESCRIPTOR, R, 1}, {301, DESCRIPTOR, O, 0}, {302, DESCRIPTOR, S, 256}, {303, INT64, O, 1}, {304, INT64, O, 1},
};
static const struct row plan_rows[] = {
    {400, RRTO_CUDNN_TYPE_HANDLE, S, 1},
    {401, DESCRIPTOR, R, 1},
    {402, INT64, O, 1},
    {403, INT64, O, 0},
    {404, INT64, S, 64},
};
static const struct row knob_choice_rows[] = {
    {600, RRTO_CUDNN_TYPE_KNOB_TYPE, R, 1},
    {601, INT64, R, 1},
};
static const struct row forward_rows[] = {
    {700, SCALE, S, 1},      {701, SCALE, S, 1},      {702, DESCRIPTOR, R, 1},
    {703, DESCRIPTOR, R, 1}, {704, DESCRIPTOR, R, 1}, {705, DESCRIPTOR, R, 1},
};
static const struct row backward_data_rows[] = {
    {706, SCALE, S, 1},      {707, SCALE, S, 1},      {708, DESCRIPTOR, R, 1},
    {709, DESCRIPTOR, R, 1}, {710, DESCRIPTOR, R, 1}, {711, DESCRIPTOR, R, 1},
};
static const struct row backward_filter_rows[] = {
    {712, SCALE, S, 1},      {713, SCALE, S, 1},      {714, DESCRIPTOR, R, 1},
    {715, DESCRIPTOR, R, 1}, {716, DESCRIPTOR, R, 1}, {717, DESCRIPTOR, R, 1},
};
static const struct row graph_rows[] = {
    {800, RRTO_CUDNN_TYPE_HANDLE, S, 1},
    {801, DESCRIPTOR, R, 256},
    {802, INT64, O, 1},
    {803, RRTO_CUDNN_TYPE_BOOLEAN, S, 1},
};
static const struct row tensor_rows[] = {
    {900, INT64, R, 1},
    {901, RRTO_CUDNN_TYPE_DATA_TYPE, R, 1},
    {902, INT64, R, 8},
    {903, INT64, R, 8},
    {904, INT64, S, 1},
    {905, INT64, S, 1},
    {906, INT64, R, 1},
    {907, RRTO_CUDNN_TYPE_BOOLEAN, S, 1},
    {908, RRTO_CUDNN_TYPE_BOOLEAN, S, 1},
    {909, RRTO_CUDNN_TYPE_REORDERING_MODE, S, 1},
    {913, DESCRIPTOR, S, 1},
};
static const struct row pack_rows[] = {
    {1000, INT64, R, RRTO_CUDNN_MAX_POINTERS},
    {1001, RRTO_CUDNN_TYPE_VOID_PTR, R, RRTO_CUDNN_MAX_POINTERS},
    {1003, RRTO_CUDNN_TYPE_VOID_PTR, S, 1},
};
static const struct row engine_rows[] = {
    {1300, DESCRIPTOR, R, 1},
    {1301, INT64, R, 1},
    {1302, DESCRIPTOR, O, 0},
    {1303, RRTO_CUDNN_TYPE_NUMERICAL_NOTE, O, 0},
    {1304, DESCRIPTOR, O, 0},
    {1305, RRTO_CUDNN_TYPE_BEHAVIOR_NOTE, O, 0},
    {1306, RRTO_CUDNN_TYPE_INT32, S, 1},
};

#define DESCRIBED(type, first, last, rows)                                                                             \
    {                                                                                                                  \
        type, first, last, rows, sizeof rows / sizeof rows[0]                                                          \
    }
static const struct kind kinds[] = {
    {RRTO_CUDNN_POINTWISE, 0, 9, NULL, 0},
    DESCRIBED(RRTO_CUDNN_CONVOLUTION, 100, 106, convolution_rows),
    DESCRIBED(RRTO_CUDNN_ENGINE, 1300, 1308, engine_rows),
    DESCRIBED(RRTO_CUDNN_ENGINECFG, 300, 304, config_rows),
    DESCRIBED(RRTO_CUDNN_ENGINEHEUR, 200, 204, heuristic_rows),
    DESCRIBED(RRTO_CUDNN_EXECUTION_PLAN, 400, 407, plan_rows),
    DESCRIBED(RRTO_CUDNN_KNOB_CHOICE, 600, 601, knob_choice_rows),
    DESCRIBED(RRTO_CUDNN_OPERATION_CONVOLUTION_FORWARD, 700, 705, forward_rows),
    DESCRIBED(RRTO_CUDNN_OPERATION_CONVOLUTION_BACKWARD_FILTER, 712, 717, backward_filter_rows),
    DESCRIBED(RRTO_CUDNN_OPERATION_CONVOLUTION_BACKWARD_DATA, 706, 711, backward_data_rows),
    {13, 750, 758, NULL, 0}, /* pointwise operation */
    {14, 770, 774, NULL, 0}, /* generate statistics */
    DESCRIBED(RRTO_CUDNN_OPERATIONGRAPH, 800, 804, graph_rows),
    DESCRIBED(RRTO_CUDNN_VARIANT_PACK, 1000, 1012, pack_rows),
    DESCRIBED(RRTO_CUDNN_TENSOR, 900, 913, tensor_rows),
    {18, 1500, 1503, NULL, 0}, /* matmul */
    {19, 1520, 1527, NULL, 0}, /* matmul operation */
    {20, 780, 796, NULL, 0},   /* batch norm: finalise statistics */
    {21, 1600, 1602, NULL, 0}, /* reduction */
    {22, 1610, 1612, NULL, 0}, /* reduction operation */
    {23, 1620, 1630, NULL, 0}, /* batch norm: backward weights */
    {24, 1700, 1708, NULL, 0}, /* resample */
    {25, 1710, 1716, NULL, 0}, /* resample forward */
    {26, 1720, 1727, NULL, 0}, /* resample backward */
    {27, 1800, 1899, NULL, 0}, /* concatenate */
    {28, 1900, 1999, NULL, 0}, /* signal */
    {29, 2000, 2099, NULL, 0}, /* norm forward */
    {30, 2100, 2199, NULL, 0}, /* norm backward */
    {31, 2200, 2249, NULL, 0}, /* reshape */
    {32, 2300, 2305, NULL, 0}, /* random numbers */
    {33, 2310, 2313, NULL, 0}, /* random number operation */
};

static const struct kind *find_kind(uint32_t descriptor_type)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (kinds[i].type == descriptor_type)
            return &kinds[i];
    return NULL;
}

bool rrto_cudnn_type_known(uint32_t descriptor_type)
{
    return find_kind(descriptor_type) != NULL;
}

bool rrto_cudnn_attribute_exists(uint32_t descriptor_type, uint32_t name)
{
    const struct kind *kind = find_kind(descriptor_type);
    return kind && name >= kind->first && name <= kind->last;
}

int32_t rrto_cudnn_attribute_check(uint32_t descriptor_type, uint32_t name, uint32_t type, int64_t count)
{
    const struct kind *kind = find_kind(descriptor_type);
    if (!kind || name < kind->first || name > kind->last)
        return CUDNN_STATUS_BAD_PARAM;
    if (rrto_cudnn_element_bytes(type) == 0)
        return CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE;
    if (count < 0 || count > RRTO_CUDNN_MAX_ELEMENTS)
        return CUDNN_STATUS_BAD_PARAM_OUT_OF_BOUND;
    if (!kind->rows) /* an address in a graph means nothing to the server */
        return type == RRTO_CUDNN_TYPE_VOID_PTR ? CUDNN_STATUS_NOT_SUPPORTED : CUDNN_STATUS_SUCCESS;
    for (size_t i = 0; i < kind->n_rows; i++) {
        const struct row *row = &kind->rows[i];
        if (row->name != name)
            continue;
        if (row->access & RRTO_CUDNN_READ_ONLY)
            return CUDNN_STATUS_BAD_PARAM;
        bool scale = type == RRTO_CUDNN_TYPE_FLOAT || type == RRTO_CUDNN_TYPE_DOUBLE;
        if (row->type == SCALE ? !scale : row->type != type)
            return CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE;
        return count <= row->max_count ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_BAD_PARAM_OUT_OF_BOUND;
    }
    return CUDNN_STATUS_NOT_SUPPORTED; /* exists in the vendor's library, but is not carried */
}

static uint32_t count_of(const struct rrto_cudnn_node *node, uint32_t name)
{
    const struct rrto_cudnn_attribute *attribute = rrto_cudnn_node_find(node, name);
    return attribute ? attribute->count : 0;
}

int32_t rrto_cudnn_node_check(const struct rrto_cudnn_node *node)
{
    const struct kind *kind = find_kind(node->type);
    for (size_t i = 0; kind && i < kind->n_rows; i++)
        if ((kind->rows[i].access & RRTO_CUDNN_REQUIRED) && count_of(node, kind->rows[i].name) == 0)
            return CUDNN_STATUS_BAD_PARAM;
    switch (node->type) {
    case RRTO_CUDNN_TENSOR:
        return count_of(node, 902) == count_of(node, 903) ? CUDNN_STATUS_SUCCESS
                                                          : CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH;
    case RRTO_CUDNN_CONVOLUTION: {
        int64_t n = rrto_cudnn_node_integer(node, 106, 0);
        for (uint32_t name = 102; name <= 105; name++)
            if (count_of(node, name) != n)
                return CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH;
        return CUDNN_STATUS_SUCCESS;
    }
    case RRTO_CUDNN_VARIANT_PACK:
        return count_of(node, RRTO_CUDNN_PACK_UNIQUE_IDS) == count_of(node, RRTO_CUDNN_PACK_POINTERS)
                   ? CUDNN_STATUS_SUCCESS
                   : CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH;
    default:
        return CUDNN_STATUS_SUCCESS;
    }
}
