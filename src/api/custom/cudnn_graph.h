/* SPDX-License-Identifier: Apache-2.0 */
/* The wire form of a cuDNN backend graph, shared by the client that writes it and the server that builds from it.
 *
 *     u32 n_nodes, u32 0, then the nodes; a node names only nodes before it; the last one is the root.
 *     node:      u32 descriptor type, u32 n_attributes, then the attributes in ascending order of their names
 *     attribute: u32 name, u32 type, u32 count, u32 n_bytes, n_bytes of elements, zero padding to a multiple of 8
 *
 * Elements are the vendor's, except: a descriptor is the u32 number of its node, and a handle has no bytes (the server
 * puts its own). Equal nodes appear once. Nothing in it is an address, so equal graphs have equal bytes. */
#ifndef RRTO_API_CUSTOM_CUDNN_GRAPH_H
#define RRTO_API_CUSTOM_CUDNN_GRAPH_H

#include <stddef.h>
#include <stdint.h>

enum {
    RRTO_CUDNN_MAX_NODES = 512,
    RRTO_CUDNN_MAX_ATTRIBUTES = 64,
    RRTO_CUDNN_MAX_ELEMENTS = 4096,
    RRTO_CUDNN_MAX_CONFIGS = 256,
    RRTO_CUDNN_MAX_POINTERS = 64, /* of one execution */
    RRTO_CUDNN_VALUE_BYTES = 16,  /* of one tensor that is passed by value: a scalar, zero padded */
};

/* cudnn_heuristic's modes are the vendor's; this one asks about an engine, or an engine configuration, that the
 * application built itself. */
enum { RRTO_CUDNN_MODE_OWN_ENGINE = -1 };

/* cudnnBackendAttributeType_t */
enum {
    RRTO_CUDNN_TYPE_HANDLE = 0,
    RRTO_CUDNN_TYPE_DATA_TYPE = 1,
    RRTO_CUDNN_TYPE_BOOLEAN = 2,
    RRTO_CUDNN_TYPE_INT64 = 3,
    RRTO_CUDNN_TYPE_FLOAT = 4,
    RRTO_CUDNN_TYPE_DOUBLE = 5,
    RRTO_CUDNN_TYPE_VOID_PTR = 6,
    RRTO_CUDNN_TYPE_CONVOLUTION_MODE = 7,
    RRTO_CUDNN_TYPE_HEUR_MODE = 8,
    RRTO_CUDNN_TYPE_KNOB_TYPE = 9,
    RRTO_CUDNN_TYPE_NUMERICAL_NOTE = 11,
    RRTO_CUDNN_TYPE_LAYOUT_TYPE = 12,
    RRTO_CUDNN_TYPE_DESCRIPTOR = 15,
    RRTO_CUDNN_TYPE_BEHAVIOR_NOTE = 19,
    RRTO_CUDNN_TYPE_REORDERING_MODE = 20,
    RRTO_CUDNN_TYPE_INT32 = 23,
    RRTO_CUDNN_TYPE_CHAR = 24,
    RRTO_CUDNN_TYPE_FRACTION = 26,
    RRTO_CUDNN_TYPE_MAX = 63, /* later ones are enumerations of four bytes until somebody teaches us otherwise */
};

/* Bytes of one element in the application's memory; 0: no such type. */
static inline size_t rrto_cudnn_element_bytes(uint32_t type)
{
    switch (type) {
    case RRTO_CUDNN_TYPE_HANDLE:
    case RRTO_CUDNN_TYPE_INT64:
    case RRTO_CUDNN_TYPE_DOUBLE:
    case RRTO_CUDNN_TYPE_VOID_PTR:
    case RRTO_CUDNN_TYPE_DESCRIPTOR:
        return 8;
    case RRTO_CUDNN_TYPE_BOOLEAN:
    case RRTO_CUDNN_TYPE_CHAR:
        return 1;
    case RRTO_CUDNN_TYPE_FRACTION:
        return 16;
    default:
        return type <= RRTO_CUDNN_TYPE_MAX ? 4 : 0;
    }
}

/* Bytes of a scalar of a cudnnDataType_t that may be passed by value; 0: none. */
static inline size_t rrto_cudnn_data_bytes(int32_t type)
{
    switch (type) {
    case 1:  /* double */
    case 10: /* int64 */
    case 20: /* complex of two floats */
        return 8;
    case 21:
        return 16;
    case 0: /* float */
    case 4: /* int32 */
    case 14:
    case 19:
        return 4;
    case 2: /* half, bfloat16 */
    case 9:
        return 2;
    case 3: /* int8, uint8, boolean, 8-bit floats */
    case 6:
    case 11:
    case 12:
    case 13:
    case 15:
        return 1;
    default:
        return 0;
    }
}

/* cudnnBackendDescriptorType_t and attribute names that both sides treat specially. */
enum {
    RRTO_CUDNN_POINTWISE = 0,
    RRTO_CUDNN_CONVOLUTION = 1,
    RRTO_CUDNN_ENGINE = 2,
    RRTO_CUDNN_ENGINECFG = 3,
    RRTO_CUDNN_ENGINEHEUR = 4,
    RRTO_CUDNN_EXECUTION_PLAN = 5,
    RRTO_CUDNN_KNOB_CHOICE = 7,
    RRTO_CUDNN_OPERATION_CONVOLUTION_FORWARD = 10,
    RRTO_CUDNN_OPERATION_CONVOLUTION_BACKWARD_FILTER = 11,
    RRTO_CUDNN_OPERATION_CONVOLUTION_BACKWARD_DATA = 12,
    RRTO_CUDNN_OPERATIONGRAPH = 15,
    RRTO_CUDNN_VARIANT_PACK = 16,
    RRTO_CUDNN_TENSOR = 17,
    RRTO_CUDNN_DEVICEPROP = 38,
    RRTO_CUDNN_KERNEL_CACHE = 34,
    RRTO_CUDNN_DESCRIPTOR_TYPE_MAX = 63,

    RRTO_CUDNN_ENGINEHEUR_MODE = 200,
    RRTO_CUDNN_ENGINEHEUR_GRAPH = 201,
    RRTO_CUDNN_ENGINEHEUR_RESULTS = 202,
    RRTO_CUDNN_ENGINEHEUR_SM_COUNT_TARGET = 203,
    RRTO_CUDNN_ENGINECFG_ENGINE = 300,
    RRTO_CUDNN_ENGINECFG_INTERMEDIATE_INFO = 301,
    RRTO_CUDNN_ENGINECFG_KNOB_CHOICES = 302,
    RRTO_CUDNN_ENGINECFG_WORKSPACE_SIZE = 303,
    RRTO_CUDNN_PLAN_HANDLE = 400,
    RRTO_CUDNN_PLAN_ENGINECFG = 401,
    RRTO_CUDNN_PLAN_WORKSPACE_SIZE = 402,
    RRTO_CUDNN_PLAN_COMPUTED_UIDS = 403,
    RRTO_CUDNN_PLAN_RUN_ONLY_UIDS = 404,
    RRTO_CUDNN_KNOB_CHOICE_TYPE = 600,
    RRTO_CUDNN_KNOB_CHOICE_VALUE = 601,
    RRTO_CUDNN_GRAPH_HANDLE = 800,
    RRTO_CUDNN_GRAPH_OPS = 801,
    RRTO_CUDNN_TENSOR_DATA_TYPE = 901,
    RRTO_CUDNN_TENSOR_UNIQUE_ID = 906,
    RRTO_CUDNN_TENSOR_IS_BY_VALUE = 908,
    RRTO_CUDNN_PACK_UNIQUE_IDS = 1000,
    RRTO_CUDNN_PACK_POINTERS = 1001,
    RRTO_CUDNN_PACK_WORKSPACE = 1003,
    RRTO_CUDNN_ENGINE_GRAPH = 1300,
    RRTO_CUDNN_ENGINE_INDEX = 1301,
    RRTO_CUDNN_ENGINE_KNOB_INFO = 1302,
    RRTO_CUDNN_ENGINE_NUMERICAL_NOTE = 1303,
    RRTO_CUDNN_ENGINE_LAYOUT_INFO = 1304,
    RRTO_CUDNN_ENGINE_BEHAVIOR_NOTE = 1305,
};

#endif
