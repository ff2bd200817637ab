/* SPDX-License-Identifier: Apache-2.0 */
/* The backend API: descriptors as the application sees them. A descriptor is a slot that holds a node; finalising
 * freezes the node, and from then on it is shared with everything built on it. */
#include "cuda/dnn/dnn.h"

#include "gen/client_bodies.h"

#include <stdlib.h>
#include <string.h>

#define DESCRIPTOR_MAGIC 0x6b6361626e727274u /* any value that freed or foreign memory is unlikely to hold */

struct descriptor {
    uint64_t magic;
    struct rrto_cudnn_node *node;
    bool finalized;
};

static struct descriptor *lookup(const void *pointer)
{
    struct descriptor *descriptor = (struct descriptor *)(uintptr_t)pointer;
    return descriptor && descriptor->magic == DESCRIPTOR_MAGIC ? descriptor : NULL;
}

cudnnStatus_t rrto_client_cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t descriptorType,
                                                       cudnnBackendDescriptor_t *descriptor)
{
    if (!descriptor)
        return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
    if (!rrto_cudnn_type_known((uint32_t)descriptorType))
        return CUDNN_STATUS_NOT_SUPPORTED;
    struct descriptor *made = calloc(1, sizeof *made);
    struct rrto_cudnn_node *node = made ? rrto_cudnn_node_create((uint32_t)descriptorType) : NULL;
    if (!node) {
        free(made);
        return CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
    }
    made->magic = DESCRIPTOR_MAGIC;
    made->node = node;
    *descriptor = made;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t rrto_client_cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t descriptor)
{
    struct descriptor *gone = lookup(descriptor);
    if (!gone)
        return descriptor ? CUDNN_STATUS_BAD_PARAM : CUDNN_STATUS_SUCCESS;
    gone->magic = 0;
    rrto_cudnn_node_unref(gone->node);
    free(gone);
    return CUDNN_STATUS_SUCCESS;
}

/* An old entry point that makes a fresh descriptor of the same kind out of one in the application's memory. */
cudnnStatus_t rrto_client_cudnnBackendInitialize(cudnnBackendDescriptor_t descriptor)
{
    struct descriptor *fresh = lookup(descriptor);
    if (!fresh)
        return CUDNN_STATUS_BAD_PARAM;
    struct rrto_cudnn_node *node = rrto_cudnn_node_create(fresh->node->type);
    if (!node)
        return CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
    rrto_cudnn_node_unref(fresh->node);
    fresh->node = node;
    fresh->finalized = false;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t rrto_client_cudnnBackendSetAttribute(cudnnBackendDescriptor_t descriptor,
                                                   cudnnBackendAttributeName_t attributeName,
                                                   cudnnBackendAttributeType_t attributeType, int64_t elementCount,
                                                   const void *arrayOfElements)
{
    struct descriptor *target = lookup(descriptor);
    if (!target)
        return CUDNN_STATUS_BAD_PARAM;
    if (target->finalized)
        return CUDNN_STATUS_NOT_INITIALIZED; /* the vendor's answer to changing what is final */
    uint32_t name = (uint32_t)attributeName, type = (uint32_t)attributeType;
    int32_t status = rrto_cudnn_attribute_check(target->node->type, name, type, elementCount);
    if (status != CUDNN_STATUS_SUCCESS)
        return (cudnnStatus_t)status;
    if (!arrayOfElements && elementCount > 0)
        return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
    size_t n_bytes = (size_t)elementCount * rrto_cudnn_element_bytes(type);
    if (type != RRTO_CUDNN_TYPE_DESCRIPTOR)
        return rrto_cudnn_node_set(target->node, name, type, (uint32_t)elementCount, arrayOfElements, n_bytes)
                   ? CUDNN_STATUS_SUCCESS
                   : CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
    struct rrto_cudnn_node *nodes[256];
    if (elementCount > (int64_t)(sizeof nodes / sizeof nodes[0]))
        return CUDNN_STATUS_BAD_PARAM_OUT_OF_BOUND;
    for (int64_t i = 0; i < elementCount; i++) {
        const struct descriptor *child = lookup(((void *const *)arrayOfElements)[i]);
        if (!child)
            return CUDNN_STATUS_BAD_PARAM;
        if (!child->finalized)
            return CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED;
        nodes[i] = child->node;
    }
    return rrto_cudnn_node_set(target->node, name, type, (uint32_t)elementCount, nodes, n_bytes)
               ? CUDNN_STATUS_SUCCESS
               : CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
}

cudnnStatus_t rrto_client_cudnnBackendFinalize(cudnnBackendDescriptor_t descriptor)
{
    struct descriptor *target = lookup(descriptor);
    if (!target)
        return CUDNN_STATUS_BAD_PARAM;
    if (target->finalized)
        return CUDNN_STATUS_SUCCESS;
    int32_t status = rrto_cudnn_node_check(target->node);
    if (status == CUDNN_STATUS_SUCCESS) {
        switch (target->node->type) {
        case RRTO_CUDNN_ENGINEHEUR:
            status = rrto_cudnn_finalize_heuristic(target->node);
            break;
        case RRTO_CUDNN_ENGINE:
        case RRTO_CUDNN_ENGINECFG:
            status = rrto_cudnn_finalize_engine(target->node);
            break;
        case RRTO_CUDNN_EXECUTION_PLAN:
            status = rrto_cudnn_finalize_plan(target->node);
            break;
        default:
            break;
        }
    }
    target->finalized = status == CUDNN_STATUS_SUCCESS;
    return (cudnnStatus_t)status;
}

/* Reading: what a query writes, and where. */
struct reading {
    int64_t requested;
    int64_t *ret_count; /* may be NULL */
    void *elements;     /* may be NULL: only the count is wanted */
};

static int32_t give(const struct reading *reading, const void *data, uint32_t count, size_t element_bytes)
{
    if (reading->ret_count)
        *reading->ret_count = count;
    int64_t n = reading->requested < count ? reading->requested : count;
    if (reading->elements && n > 0)
        memcpy(reading->elements, data, (size_t)n * element_bytes);
    return CUDNN_STATUS_SUCCESS;
}

/* Puts nodes, each made by make(owner, i), into the descriptors that the application made for them. */
typedef struct rrto_cudnn_node *(*make_node)(const struct rrto_cudnn_node *owner, uint32_t i);
static int32_t give_nodes(const struct reading *reading, const struct rrto_cudnn_node *owner, uint32_t type,
                          uint32_t count, make_node make)
{
    if (reading->ret_count)
        *reading->ret_count = count;
    for (uint32_t i = 0; reading->elements && i < count && i < reading->requested; i++) {
        struct descriptor *slot = lookup(((void *const *)reading->elements)[i]);
        if (!slot || slot->node->type != type)
            return CUDNN_STATUS_BAD_PARAM;
        struct rrto_cudnn_node *node = make(owner, i);
        if (!node)
            return CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
        rrto_cudnn_node_unref(slot->node);
        slot->node = node;
        slot->finalized = true;
    }
    return CUDNN_STATUS_SUCCESS;
}

static const struct rrto_cudnn_config *config_of(const struct rrto_cudnn_node *node)
{
    return &node->heuristic->configs[node->index];
}

static struct rrto_cudnn_node *make_config(const struct rrto_cudnn_node *owner, uint32_t i)
{
    struct rrto_cudnn_node *node = rrto_cudnn_node_create(RRTO_CUDNN_ENGINECFG);
    if (node) {
        node->heuristic = owner->heuristic;
        node->index = i;
    }
    return node;
}

static struct rrto_cudnn_node *make_engine(const struct rrto_cudnn_node *owner, uint32_t i)
{
    (void)i;
    struct rrto_cudnn_node *own = rrto_cudnn_node_child(owner, RRTO_CUDNN_ENGINECFG_ENGINE);
    if (own)
        return rrto_cudnn_node_ref(own);
    struct rrto_cudnn_node *node = rrto_cudnn_node_create(RRTO_CUDNN_ENGINE);
    const struct rrto_cudnn_config *config = config_of(owner);
    if (!node)
        return NULL;
    node->heuristic = owner->heuristic;
    node->index = owner->index;
    if (!rrto_cudnn_node_set(node, RRTO_CUDNN_ENGINE_GRAPH, RRTO_CUDNN_TYPE_DESCRIPTOR, 1, &owner->heuristic->graph,
                             sizeof(void *)) ||
        !rrto_cudnn_node_set(node, RRTO_CUDNN_ENGINE_INDEX, RRTO_CUDNN_TYPE_INT64, 1, &config->engine_index,
                             sizeof(int64_t)))
        return rrto_cudnn_node_unref(node);
    return node;
}

static struct rrto_cudnn_node *make_knob_choice(const struct rrto_cudnn_node *owner, uint32_t i)
{
    const struct rrto_cudnn_knob *knob = &config_of(owner)->knobs[i];
    struct rrto_cudnn_node *node = rrto_cudnn_node_create(RRTO_CUDNN_KNOB_CHOICE);
    if (node && (!rrto_cudnn_node_set(node, RRTO_CUDNN_KNOB_CHOICE_TYPE, RRTO_CUDNN_TYPE_KNOB_TYPE, 1, &knob->type,
                                      sizeof(int32_t)) ||
                 !rrto_cudnn_node_set(node, RRTO_CUDNN_KNOB_CHOICE_VALUE, RRTO_CUDNN_TYPE_INT64, 1, &knob->value,
                                      sizeof(int64_t))))
        return rrto_cudnn_node_unref(node);
    return node;
}

static struct rrto_cudnn_node *make_plan_config(const struct rrto_cudnn_node *owner, uint32_t i)
{
    (void)i;
    return rrto_cudnn_node_ref(rrto_cudnn_node_child(owner, RRTO_CUDNN_PLAN_ENGINECFG));
}

/* Attributes that were answered by the server. *ret_status is written when name is one of them. */
static bool read_answer(const struct rrto_cudnn_node *node, uint32_t name, const struct reading *reading,
                        int32_t *ret_status)
{
    switch (name) {
    case RRTO_CUDNN_ENGINEHEUR_RESULTS:
        *ret_status = give_nodes(reading, node, RRTO_CUDNN_ENGINECFG, node->heuristic->n_configs, make_config);
        return true;
    case RRTO_CUDNN_ENGINECFG_ENGINE:
        *ret_status = give_nodes(reading, node, RRTO_CUDNN_ENGINE, 1, make_engine);
        return true;
    case RRTO_CUDNN_ENGINECFG_KNOB_CHOICES:
        *ret_status = give_nodes(reading, node, RRTO_CUDNN_KNOB_CHOICE, config_of(node)->n_knobs, make_knob_choice);
        return true;
    case RRTO_CUDNN_ENGINECFG_WORKSPACE_SIZE:
        *ret_status = config_of(node)->workspace_bytes < 0
                          ? CUDNN_STATUS_NOT_SUPPORTED
                          : give(reading, &config_of(node)->workspace_bytes, 1, sizeof(int64_t));
        return true;
    case RRTO_CUDNN_ENGINE_INDEX:
        *ret_status = give(reading, &config_of(node)->engine_index, 1, sizeof(int64_t));
        return true;
    case RRTO_CUDNN_ENGINE_NUMERICAL_NOTE:
        *ret_status = give(reading, config_of(node)->numerical, config_of(node)->n_numerical, sizeof(int32_t));
        return true;
    case RRTO_CUDNN_ENGINE_BEHAVIOR_NOTE:
        *ret_status = give(reading, config_of(node)->behavior, config_of(node)->n_behavior, sizeof(int32_t));
        return true;
    case RRTO_CUDNN_ENGINE_KNOB_INFO: /* not carried: an engine without knobs to turn */
    case RRTO_CUDNN_ENGINE_LAYOUT_INFO:
    case RRTO_CUDNN_ENGINECFG_INTERMEDIATE_INFO:
    case RRTO_CUDNN_PLAN_COMPUTED_UIDS:
        *ret_status = give(reading, NULL, 0, 0);
        return true;
    case RRTO_CUDNN_PLAN_ENGINECFG:
        *ret_status = give_nodes(reading, node, RRTO_CUDNN_ENGINECFG, 1, make_plan_config);
        return true;
    case RRTO_CUDNN_PLAN_WORKSPACE_SIZE:
        *ret_status = give(reading, &node->workspace_bytes, 1, sizeof(int64_t));
        return true;
    default:
        return false;
    }
}

cudnnStatus_t rrto_client_cudnnBackendGetAttribute(const cudnnBackendDescriptor_t descriptor,
                                                   cudnnBackendAttributeName_t attributeName,
                                                   cudnnBackendAttributeType_t attributeType,
                                                   int64_t requestedElementCount, int64_t *elementCount,
                                                   void *arrayOfElements)
{
    const struct descriptor *source = lookup(descriptor);
    if (!source)
        return CUDNN_STATUS_BAD_PARAM;
    if (!source->finalized)
        return CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED;
    if (requestedElementCount < 0)
        return CUDNN_STATUS_BAD_PARAM;
    const struct reading reading = {requestedElementCount, elementCount, arrayOfElements};
    uint32_t name = (uint32_t)attributeName;
    if (!rrto_cudnn_attribute_exists(source->node->type, name))
        return CUDNN_STATUS_BAD_PARAM;
    int32_t status;
    if (read_answer(source->node, name, &reading, &status))
        return (cudnnStatus_t)status;
    const struct rrto_cudnn_attribute *attribute = rrto_cudnn_node_find(source->node, name);
    if (!attribute) {
        if (elementCount)
            *elementCount = 0;
        return CUDNN_STATUS_NOT_SUPPORTED;
    }
    if (attribute->type != (uint32_t)attributeType)
        return CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE;
    if (attribute->type == RRTO_CUDNN_TYPE_DESCRIPTOR) /* what the application set itself, other than the kinds above */
        return CUDNN_STATUS_NOT_SUPPORTED;
    return (cudnnStatus_t)give(&reading, rrto_cudnn_attribute_data(attribute), attribute->count,
                               rrto_cudnn_element_bytes(attribute->type));
}

cudnnStatus_t rrto_client_cudnnBackendExecute(cudnnHandle_t handle, cudnnBackendDescriptor_t executionPlan,
                                              cudnnBackendDescriptor_t variantPack)
{
    struct rrto_cudnn *cudnn = rrto_cudnn_handle(handle);
    const struct descriptor *plan = lookup(executionPlan), *pack = lookup(variantPack);
    if (!cudnn || !plan || !pack || plan->node->type != RRTO_CUDNN_EXECUTION_PLAN ||
        pack->node->type != RRTO_CUDNN_VARIANT_PACK)
        return CUDNN_STATUS_BAD_PARAM;
    if (!plan->finalized || !pack->finalized)
        return CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED;
    int32_t status = rrto_client_prepare_cudnn(handle);
    return (cudnnStatus_t)(status == CUDNN_STATUS_SUCCESS ? rrto_cudnn_execute(cudnn, plan->node, pack->node) : status);
}
