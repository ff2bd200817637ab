/* SPDX-License-Identifier: Apache-2.0 */
/* Creating, filling and reading the graph API's descriptors. Finalised ones never change, so a reference is as good as
 * a copy. */
#include "dnn/backend.h"

#include <stdlib.h>
#include <string.h>

#define EXPORT RRTO_SOFT_EXPORT cudnnStatus_t

static size_t element_bytes(int type)
{
    switch (type) {
    case CUDNN_TYPE_BOOLEAN:
    case CUDNN_TYPE_CHAR:
        return 1;
    case CUDNN_TYPE_HANDLE:
    case CUDNN_TYPE_INT64:
    case CUDNN_TYPE_DOUBLE:
    case CUDNN_TYPE_VOID_PTR:
    case CUDNN_TYPE_BACKEND_DESCRIPTOR:
        return 8;
    case CUDNN_TYPE_FRACTION:
        return 16;
    default:
        return type >= 0 && type <= 63 ? 4 : 0; /* enumerations, float, int32 */
    }
}

static void release(struct rrto_dnn_descriptor *descriptor);

static void clear(struct rrto_dnn_attribute *attribute)
{
    struct rrto_dnn_descriptor **held = attribute->elements;
    for (int64_t i = 0; attribute->type == CUDNN_TYPE_BACKEND_DESCRIPTOR && i < attribute->count; i++)
        release(held[i]);
    free(attribute->elements);
    attribute->elements = NULL;
    attribute->count = 0;
}

static void release(struct rrto_dnn_descriptor *descriptor)
{
    if (!descriptor || --descriptor->references > 0)
        return;
    for (int i = 0; i < descriptor->n_attributes; i++)
        clear(&descriptor->attributes[i]);
    free(descriptor->attributes);
    free(descriptor);
}

const struct rrto_dnn_attribute *rrto_dnn_attribute_find(const struct rrto_dnn_descriptor *descriptor, int name)
{
    for (int i = 0; i < descriptor->n_attributes; i++) {
        if (descriptor->attributes[i].name == name)
            return &descriptor->attributes[i];
    }
    return NULL;
}

int64_t rrto_dnn_attribute_int(const struct rrto_dnn_descriptor *descriptor, int name, int64_t fallback)
{
    const struct rrto_dnn_attribute *a = rrto_dnn_attribute_find(descriptor, name);
    if (!a || a->count < 1)
        return fallback;
    switch (element_bytes(a->type)) {
    case 1:
        return *(const int8_t *)a->elements;
    case 4:
        return *(const int32_t *)a->elements;
    case 8:
        return *(const int64_t *)a->elements;
    default:
        return fallback;
    }
}

double rrto_dnn_attribute_real(const struct rrto_dnn_descriptor *descriptor, int name, double fallback)
{
    const struct rrto_dnn_attribute *a = rrto_dnn_attribute_find(descriptor, name);
    if (a && a->count > 0 && a->type == CUDNN_TYPE_FLOAT)
        return (double)*(const float *)a->elements;
    return a && a->count > 0 && a->type == CUDNN_TYPE_DOUBLE ? *(const double *)a->elements : fallback;
}

struct rrto_dnn_descriptor *rrto_dnn_attribute_descriptor(const struct rrto_dnn_descriptor *descriptor, int name)
{
    const struct rrto_dnn_attribute *a = rrto_dnn_attribute_find(descriptor, name);
    if (!a || a->count < 1 || a->type != CUDNN_TYPE_BACKEND_DESCRIPTOR)
        return NULL;
    return *(struct rrto_dnn_descriptor **)a->elements;
}

EXPORT cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t descriptorType, cudnnBackendDescriptor_t *descriptor)
{
    if (!descriptor || (int)descriptorType < 0 || (int)descriptorType > 63)
        return CUDNN_STATUS_BAD_PARAM;
    struct rrto_dnn_descriptor *created = calloc(1, sizeof *created);
    if (!created)
        return CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
    created->type = (int)descriptorType;
    created->references = 1;
    *descriptor = created;
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t descriptor)
{
    release(descriptor);
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnBackendInitialize(cudnnBackendDescriptor_t descriptor)
{
    struct rrto_dnn_descriptor *d = descriptor;
    if (!d)
        return CUDNN_STATUS_BAD_PARAM;
    for (int i = 0; i < d->n_attributes; i++)
        clear(&d->attributes[i]);
    d->n_attributes = 0;
    d->final = false;
    return CUDNN_STATUS_SUCCESS;
}

/* Stores n elements under a name; descriptors gain a reference. */
static cudnnStatus_t store(struct rrto_dnn_descriptor *d, int name, int type, int64_t count, const void *elements)
{
    size_t size = element_bytes(type);
    void *copy = malloc((size_t)count * size + 1);
    if (!copy)
        return CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
    if (count > 0)
        memcpy(copy, elements, (size_t)count * size);
    struct rrto_dnn_attribute *slot = NULL;
    for (int i = 0; i < d->n_attributes; i++)
        slot = d->attributes[i].name == name ? &d->attributes[i] : slot;
    if (!slot) {
        void *grown = d->n_attributes < RRTO_DNN_MAX_ATTRIBUTES
                          ? realloc(d->attributes, (size_t)(d->n_attributes + 1) * sizeof *d->attributes)
                          : NULL;
        if (!grown) {
            free(copy);
            return CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
        }
        d->attributes = grown;
        slot = &d->attributes[d->n_attributes++];
        *slot = (struct rrto_dnn_attribute){.name = name};
    }
    struct rrto_dnn_descriptor **held = copy;
    for (int64_t i = 0; type == CUDNN_TYPE_BACKEND_DESCRIPTOR && i < count; i++)
        held[i]->references++;
    clear(slot); /* after taking the new references: they may be the same descriptors */
    *slot = (struct rrto_dnn_attribute){name, type, count, copy};
    return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnBackendSetAttribute(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t attributeName,
                                cudnnBackendAttributeType_t attributeType, int64_t elementCount,
                                const void *arrayOfElements)
{
    struct rrto_dnn_descriptor *d = descriptor;
    if (!d || elementCount < 0 || elementCount > RRTO_DNN_MAX_ELEMENTS || (elementCount > 0 && !arrayOfElements))
        return CUDNN_STATUS_BAD_PARAM;
    if (d->final)
        return CUDNN_STATUS_BAD_PARAM;
    if (element_bytes((int)attributeType) == 0)
        return CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE;
    struct rrto_dnn_descriptor *const *given = arrayOfElements;
    for (int64_t i = 0; attributeType == CUDNN_TYPE_BACKEND_DESCRIPTOR && i < elementCount; i++) {
        if (!given[i])
            return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
        if (!given[i]->final)
            return CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED;
    }
    return store(d, (int)attributeName, (int)attributeType, elementCount, arrayOfElements);
}

EXPORT cudnnBackendFinalize(cudnnBackendDescriptor_t descriptor)
{
    struct rrto_dnn_descriptor *d = descriptor;
    if (!d)
        return CUDNN_STATUS_BAD_PARAM;
    cudnnStatus_t status = rrto_dnn_finalise_check(d);
    d->final = status == CUDNN_STATUS_SUCCESS;
    return status;
}

/* The caller's descriptor becomes a finalised copy of ours. */
static cudnnStatus_t copy_into(struct rrto_dnn_descriptor *to, const struct rrto_dnn_descriptor *from)
{
    if (!to || to->type != from->type)
        return CUDNN_STATUS_BAD_PARAM_DESCRIPTOR_TYPE;
    cudnnStatus_t status = cudnnBackendInitialize(to);
    for (int i = 0; i < from->n_attributes && status == CUDNN_STATUS_SUCCESS; i++) {
        const struct rrto_dnn_attribute *a = &from->attributes[i];
        status = store(to, a->name, a->type, a->count, a->elements);
    }
    to->final = status == CUDNN_STATUS_SUCCESS;
    return status;
}

/* The one engine configuration that a heuristic answers, built at the question. */
static struct rrto_dnn_descriptor *new_config(struct rrto_dnn_descriptor *graph)
{
    void *engine = NULL, *config = NULL;
    int64_t index = 0;
    bool done =
        cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINE_DESCRIPTOR, &engine) == CUDNN_STATUS_SUCCESS &&
        store(engine, CUDNN_ATTR_ENGINE_OPERATION_GRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &graph) ==
            CUDNN_STATUS_SUCCESS &&
        store(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1, &index) == CUDNN_STATUS_SUCCESS &&
        cudnnBackendFinalize(engine) == CUDNN_STATUS_SUCCESS &&
        cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, &config) == CUDNN_STATUS_SUCCESS &&
        store(config, CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &engine) == CUDNN_STATUS_SUCCESS &&
        cudnnBackendFinalize(config) == CUDNN_STATUS_SUCCESS;
    release(engine);
    if (!done) {
        release(config);
        return NULL;
    }
    return config;
}

static cudnnStatus_t get_results(const struct rrto_dnn_descriptor *heuristic, int64_t requested, int64_t *ret_count,
                                 void *elements)
{
    if (ret_count)
        *ret_count = 1;
    if (requested < 1 || !elements)
        return CUDNN_STATUS_SUCCESS;
    struct rrto_dnn_descriptor *config =
        new_config(rrto_dnn_attribute_descriptor(heuristic, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH));
    if (!config)
        return CUDNN_STATUS_INTERNAL_ERROR;
    cudnnStatus_t status = copy_into(*(struct rrto_dnn_descriptor **)elements, config);
    release(config);
    return status;
}

static bool is_list_that_is_empty(int name)
{
    return name == CUDNN_ATTR_ENGINE_NUMERICAL_NOTE || name == CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE ||
           name == CUDNN_ATTR_ENGINE_KNOB_INFO || name == CUDNN_ATTR_ENGINE_LAYOUT_INFO ||
           name == CUDNN_ATTR_ENGINECFG_KNOB_CHOICES || name == CUDNN_ATTR_ENGINECFG_INTERMEDIATE_INFO;
}

EXPORT cudnnBackendGetAttribute(const cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t attributeName,
                                cudnnBackendAttributeType_t attributeType, int64_t requestedElementCount,
                                int64_t *elementCount, void *arrayOfElements)
{
    const struct rrto_dnn_descriptor *d = descriptor;
    int name = (int)attributeName;
    if (!d || requestedElementCount < 0)
        return CUDNN_STATUS_BAD_PARAM;
    if (!d->final)
        return CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED;
    if (name == CUDNN_ATTR_ENGINEHEUR_RESULTS && d->type == CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR)
        return get_results(d, requestedElementCount, elementCount, arrayOfElements);
    int64_t zero = 0, one = 1;
    struct rrto_dnn_attribute no_bytes = {name, CUDNN_TYPE_INT64, 1, &zero},
                              one_engine = {name, CUDNN_TYPE_INT64, 1, &one};
    struct rrto_dnn_attribute empty = {name, (int)attributeType, 0, NULL};
    const struct rrto_dnn_attribute *a = rrto_dnn_attribute_find(d, name);
    if (!a && name == CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE)
        a = &no_bytes; /* the columns live in memory of our own */
    if (!a && name == CUDNN_ATTR_OPERATIONGRAPH_ENGINE_GLOBAL_COUNT)
        a = &one_engine;
    if (!a && is_list_that_is_empty(name))
        a = &empty;
    if (!a)
        return CUDNN_STATUS_NOT_SUPPORTED;
    if (a->type != (int)attributeType)
        return CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE;
    if (elementCount)
        *elementCount = a->count;
    int64_t n = requestedElementCount < a->count ? requestedElementCount : a->count;
    if (n < 1 || !arrayOfElements)
        return CUDNN_STATUS_SUCCESS;
    if (a->type != CUDNN_TYPE_BACKEND_DESCRIPTOR) {
        memcpy(arrayOfElements, a->elements, (size_t)n * element_bytes(a->type));
        return CUDNN_STATUS_SUCCESS;
    }
    cudnnStatus_t status = CUDNN_STATUS_SUCCESS;
    for (int64_t i = 0; i < n && status == CUDNN_STATUS_SUCCESS; i++)
        status = copy_into(((struct rrto_dnn_descriptor **)arrayOfElements)[i],
                           ((struct rrto_dnn_descriptor **)a->elements)[i]);
    return status;
}
