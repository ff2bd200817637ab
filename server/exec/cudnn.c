/* SPDX-License-Identifier: Apache-2.0 */
/* cuDNN's backend API on the server: heuristics, plans, executions. A client names a heuristic or a plan by an id that
 * stands for its content, so an id that is known already is answered from what is kept. */
#include "exec/cudnn.h"

#include "gen/ops.h"
#include "gen/server_bodies.h"
#include "worker.h"

#include "base/status.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_NOTES = 64, MAX_KNOBS = 64, REPLY_MAX_WORDS = 1 << 16 };

/* The configurations that one question led to, and what they were built from: kept as long as the worker. */
struct heuristic {
    struct rrto_cudnn_built built;
    cudnnBackendDescriptor_t configs[RRTO_CUDNN_MAX_CONFIGS];
    uint32_t n_configs;
    int64_t *reply; /* the words of the answer */
    uint32_t n_reply;
};

struct plan {
    cudnnBackendDescriptor_t descriptor;
    const struct heuristic *heuristic;
    int64_t workspace_bytes;
};

static bool have_functions(const struct rrto_vendor *vendor)
{
    return vendor->cudnnBackendCreateDescriptor && vendor->cudnnBackendDestroyDescriptor &&
           vendor->cudnnBackendSetAttribute && vendor->cudnnBackendGetAttribute && vendor->cudnnBackendFinalize &&
           vendor->cudnnBackendExecute;
}

static cudnnBackendDescriptor_t create(const struct rrto_vendor *vendor, uint32_t type)
{
    cudnnBackendDescriptor_t descriptor = NULL;
    if ((int)vendor->cudnnBackendCreateDescriptor((cudnnBackendDescriptorType_t)type, &descriptor) != 0)
        return NULL;
    return descriptor;
}

static void destroy(const struct rrto_vendor *vendor, cudnnBackendDescriptor_t descriptor)
{
    if (descriptor)
        vendor->cudnnBackendDestroyDescriptor(descriptor);
}

static int32_t set(const struct rrto_vendor *vendor, cudnnBackendDescriptor_t descriptor, uint32_t name, uint32_t type,
                   int64_t count, const void *data)
{
    return (int32_t)vendor->cudnnBackendSetAttribute(descriptor, (cudnnBackendAttributeName_t)name,
                                                     (cudnnBackendAttributeType_t)type, count, data);
}

/* How many elements were written, at most max; 0 when the attribute cannot be read. */
static int64_t get(const struct rrto_vendor *vendor, cudnnBackendDescriptor_t descriptor, uint32_t name, uint32_t type,
                   int64_t max, void *data)
{
    int64_t n = 0;
    if ((int)vendor->cudnnBackendGetAttribute(descriptor, (cudnnBackendAttributeName_t)name,
                                              (cudnnBackendAttributeType_t)type, max, &n, data) != 0)
        return 0;
    return n < 0 ? 0 : n < max || max == 0 ? n : max;
}

static void put_word(struct heuristic *heuristic, int64_t word)
{
    if (heuristic->n_reply < REPLY_MAX_WORDS)
        heuristic->reply[heuristic->n_reply++] = word;
}

static void put_notes(const struct rrto_vendor *vendor, struct heuristic *heuristic, cudnnBackendDescriptor_t engine,
                      uint32_t name, uint32_t type)
{
    int32_t notes[MAX_NOTES] = {0};
    int64_t n = get(vendor, engine, name, type, MAX_NOTES, notes);
    put_word(heuristic, n);
    for (int64_t i = 0; i < n; i++)
        put_word(heuristic, notes[i]);
}

static void put_knobs(const struct rrto_vendor *vendor, struct heuristic *heuristic, cudnnBackendDescriptor_t config)
{
    cudnnBackendDescriptor_t knobs[MAX_KNOBS];
    int64_t n_made = 0, n = get(vendor, config, RRTO_CUDNN_ENGINECFG_KNOB_CHOICES, RRTO_CUDNN_TYPE_DESCRIPTOR, 0, NULL);
    while (n_made < n && n_made < MAX_KNOBS && (knobs[n_made] = create(vendor, RRTO_CUDNN_KNOB_CHOICE)))
        n_made++;
    n = n_made ? get(vendor, config, RRTO_CUDNN_ENGINECFG_KNOB_CHOICES, RRTO_CUDNN_TYPE_DESCRIPTOR, n_made, knobs) : 0;
    put_word(heuristic, n);
    for (int64_t i = 0; i < n; i++) {
        int32_t type = 0;
        int64_t value = 0;
        get(vendor, knobs[i], RRTO_CUDNN_KNOB_CHOICE_TYPE, RRTO_CUDNN_TYPE_KNOB_TYPE, 1, &type);
        get(vendor, knobs[i], RRTO_CUDNN_KNOB_CHOICE_VALUE, RRTO_CUDNN_TYPE_INT64, 1, &value);
        put_word(heuristic, type);
        put_word(heuristic, value);
    }
    for (int64_t i = 0; i < n_made; i++)
        destroy(vendor, knobs[i]);
}

/* Puts what the client may ask about one configuration. */
static int32_t put_config(const struct rrto_vendor *vendor, struct heuristic *heuristic,
                          cudnnBackendDescriptor_t config)
{
    cudnnBackendDescriptor_t engine = create(vendor, RRTO_CUDNN_ENGINE);
    if (!engine)
        return CUDNN_STATUS_ALLOC_FAILED;
    int64_t index = -1, workspace = -1;
    get(vendor, config, RRTO_CUDNN_ENGINECFG_ENGINE, RRTO_CUDNN_TYPE_DESCRIPTOR, 1, &engine);
    get(vendor, engine, RRTO_CUDNN_ENGINE_INDEX, RRTO_CUDNN_TYPE_INT64, 1, &index);
    if (get(vendor, config, RRTO_CUDNN_ENGINECFG_WORKSPACE_SIZE, RRTO_CUDNN_TYPE_INT64, 1, &workspace) != 1)
        workspace = -1;
    put_word(heuristic, index);
    put_word(heuristic, workspace);
    put_notes(vendor, heuristic, engine, RRTO_CUDNN_ENGINE_NUMERICAL_NOTE, RRTO_CUDNN_TYPE_NUMERICAL_NOTE);
    put_notes(vendor, heuristic, engine, RRTO_CUDNN_ENGINE_BEHAVIOR_NOTE, RRTO_CUDNN_TYPE_BEHAVIOR_NOTE);
    put_knobs(vendor, heuristic, config);
    destroy(vendor, engine);
    return RRTO_OK;
}

/* The vendor's own choice of configurations for an operation graph. */
static int32_t search(const struct rrto_vendor *vendor, struct heuristic *heuristic,
                      const struct rrto_args_cudnn_heuristic *args)
{
    cudnnBackendDescriptor_t graph = heuristic->built.nodes[heuristic->built.n_nodes - 1];
    cudnnBackendDescriptor_t question = create(vendor, RRTO_CUDNN_ENGINEHEUR);
    if (!question)
        return CUDNN_STATUS_ALLOC_FAILED;
    int32_t status = set(vendor, question, RRTO_CUDNN_ENGINEHEUR_GRAPH, RRTO_CUDNN_TYPE_DESCRIPTOR, 1, &graph);
    if (status == RRTO_OK)
        status = set(vendor, question, RRTO_CUDNN_ENGINEHEUR_MODE, RRTO_CUDNN_TYPE_HEUR_MODE, 1, &args->mode);
    if (status == RRTO_OK && args->sm_count_target != 0)
        status = set(vendor, question, RRTO_CUDNN_ENGINEHEUR_SM_COUNT_TARGET, RRTO_CUDNN_TYPE_INT32, 1,
                     &args->sm_count_target);
    if (status == RRTO_OK)
        status = (int32_t)vendor->cudnnBackendFinalize(question);
    if (status == RRTO_OK) {
        int64_t n = get(vendor, question, RRTO_CUDNN_ENGINEHEUR_RESULTS, RRTO_CUDNN_TYPE_DESCRIPTOR, 0, NULL);
        uint32_t n_made = 0;
        while (n_made < n && n_made < RRTO_CUDNN_MAX_CONFIGS &&
               (heuristic->configs[n_made] = create(vendor, RRTO_CUDNN_ENGINECFG)))
            n_made++;
        n = n_made ? get(vendor, question, RRTO_CUDNN_ENGINEHEUR_RESULTS, RRTO_CUDNN_TYPE_DESCRIPTOR, n_made,
                         heuristic->configs)
                   : 0;
        while (n_made > n)
            destroy(vendor, heuristic->configs[--n_made]);
        heuristic->n_configs = n_made;
    }
    destroy(vendor, question);
    return status;
}

/* The one configuration that the application built itself: the root, or one without choices around it when the root is
 * an engine. */
static int32_t adopt(const struct rrto_vendor *vendor, struct heuristic *heuristic)
{
    cudnnBackendDescriptor_t root = heuristic->built.nodes[heuristic->built.n_nodes - 1];
    if (heuristic->built.root_type == RRTO_CUDNN_ENGINECFG) {
        heuristic->configs[0] = root;
        heuristic->built.n_nodes--; /* owned as a configuration from here on */
        heuristic->n_configs = 1;
        return RRTO_OK;
    }
    cudnnBackendDescriptor_t config = create(vendor, RRTO_CUDNN_ENGINECFG);
    if (!config)
        return CUDNN_STATUS_ALLOC_FAILED;
    int32_t status = set(vendor, config, RRTO_CUDNN_ENGINECFG_ENGINE, RRTO_CUDNN_TYPE_DESCRIPTOR, 1, &root);
    if (status == RRTO_OK)
        status = (int32_t)vendor->cudnnBackendFinalize(config);
    if (status != RRTO_OK) {
        destroy(vendor, config);
        return status;
    }
    heuristic->configs[0] = config;
    heuristic->n_configs = 1;
    return RRTO_OK;
}

static void forget(const struct rrto_vendor *vendor, struct heuristic *heuristic)
{
    while (heuristic->n_configs > 0)
        destroy(vendor, heuristic->configs[--heuristic->n_configs]);
    rrto_cudnn_graph_destroy(vendor, &heuristic->built);
    free(heuristic->reply);
    free(heuristic);
}

/* The root that each mode is about. */
static bool root_fits(const struct rrto_cudnn_built *built, int32_t mode)
{
    return mode == RRTO_CUDNN_MODE_OWN_ENGINE
               ? built->root_type == RRTO_CUDNN_ENGINE || built->root_type == RRTO_CUDNN_ENGINECFG
               : built->root_type == RRTO_CUDNN_OPERATIONGRAPH;
}

static int32_t answer(const struct rrto_vendor *vendor, cudnnHandle_t handle,
                      const struct rrto_args_cudnn_heuristic *args, struct heuristic *heuristic)
{
    int32_t status = rrto_cudnn_graph_build(vendor, handle, args->graph, args->n_graph, &heuristic->built);
    if (status != RRTO_OK)
        return status;
    if (!root_fits(&heuristic->built, args->mode))
        return RRTO_INVALID;
    heuristic->reply = malloc(REPLY_MAX_WORDS * sizeof *heuristic->reply);
    if (!heuristic->reply)
        return CUDNN_STATUS_ALLOC_FAILED;
    status = args->mode == RRTO_CUDNN_MODE_OWN_ENGINE ? adopt(vendor, heuristic) : search(vendor, heuristic, args);
    put_word(heuristic, heuristic->n_configs);
    for (uint32_t i = 0; status == RRTO_OK && i < heuristic->n_configs; i++)
        status = put_config(vendor, heuristic, heuristic->configs[i]);
    void *shrunk = realloc(heuristic->reply, heuristic->n_reply * sizeof *heuristic->reply);
    if (shrunk)
        heuristic->reply = shrunk;
    return status;
}

int32_t rrto_server_cudnn_heuristic(struct rrto_exec *exec, const struct rrto_args_cudnn_heuristic *args)
{
    const struct rrto_vendor *vendor = rrto_worker_vendor(exec->worker);
    bool handle_ok, known;
    cudnnHandle_t handle = rrto_objects_get(exec->worker, RRTO_KIND_cudnn, args->handle, &handle_ok);
    if (!handle_ok)
        return RRTO_INVALID;
    if (!have_functions(vendor))
        return CUDNN_STATUS_NOT_SUPPORTED;
    struct heuristic *heuristic = rrto_objects_get(exec->worker, RRTO_KIND_cudnn_heuristic, args->heuristic, &known);
    if (!known) {
        heuristic = calloc(1, sizeof *heuristic);
        if (!heuristic)
            return CUDNN_STATUS_ALLOC_FAILED;
        int32_t status = answer(vendor, handle, args, heuristic);
        if (status == RRTO_OK)
            status = rrto_objects_add(exec->worker, RRTO_KIND_cudnn_heuristic, args->heuristic, heuristic);
        if (status != RRTO_OK) {
            forget(vendor, heuristic);
            return status;
        }
    }
    struct rrto_reply_cudnn_heuristic reply = {.configs = heuristic->reply, .n_configs = heuristic->n_reply};
    rrto_pack_reply_cudnn_heuristic(&exec->reply, &reply);
    return RRTO_OK;
}

static int32_t make_plan(const struct rrto_vendor *vendor, cudnnHandle_t handle, cudnnBackendDescriptor_t config,
                         struct plan *ret_plan)
{
    cudnnBackendDescriptor_t descriptor = create(vendor, RRTO_CUDNN_EXECUTION_PLAN);
    if (!descriptor)
        return CUDNN_STATUS_ALLOC_FAILED;
    int32_t status = set(vendor, descriptor, RRTO_CUDNN_PLAN_HANDLE, RRTO_CUDNN_TYPE_HANDLE, 1, &handle);
    if (status == RRTO_OK)
        status = set(vendor, descriptor, RRTO_CUDNN_PLAN_ENGINECFG, RRTO_CUDNN_TYPE_DESCRIPTOR, 1, &config);
    if (status == RRTO_OK)
        status = (int32_t)vendor->cudnnBackendFinalize(descriptor);
    if (status != RRTO_OK) {
        destroy(vendor, descriptor);
        return status;
    }
    get(vendor, descriptor, RRTO_CUDNN_PLAN_WORKSPACE_SIZE, RRTO_CUDNN_TYPE_INT64, 1, &ret_plan->workspace_bytes);
    ret_plan->descriptor = descriptor;
    return RRTO_OK;
}

int32_t rrto_server_cudnn_plan(struct rrto_exec *exec, const struct rrto_args_cudnn_plan *args)
{
    const struct rrto_vendor *vendor = rrto_worker_vendor(exec->worker);
    bool handle_ok, heuristic_ok, known;
    cudnnHandle_t handle = rrto_objects_get(exec->worker, RRTO_KIND_cudnn, args->handle, &handle_ok);
    const struct heuristic *heuristic =
        rrto_objects_get(exec->worker, RRTO_KIND_cudnn_heuristic, args->heuristic, &heuristic_ok);
    if (!handle_ok || !heuristic_ok || args->index >= heuristic->n_configs)
        return RRTO_INVALID;
    struct plan *plan = rrto_objects_get(exec->worker, RRTO_KIND_cudnn_plan, args->plan, &known);
    if (!known) {
        plan = calloc(1, sizeof *plan);
        if (!plan)
            return CUDNN_STATUS_ALLOC_FAILED;
        plan->heuristic = heuristic;
        int32_t status = make_plan(vendor, handle, heuristic->configs[args->index], plan);
        if (status == RRTO_OK)
            status = rrto_objects_add(exec->worker, RRTO_KIND_cudnn_plan, args->plan, plan);
        if (status != RRTO_OK) {
            destroy(vendor, plan->descriptor);
            free(plan);
            return status;
        }
    }
    struct rrto_reply_cudnn_plan reply = {.workspace_bytes = plan->workspace_bytes};
    rrto_pack_reply_cudnn_plan(&exec->reply, &reply);
    return RRTO_OK;
}

static bool is_by_value(const struct rrto_cudnn_built *built, int64_t uid)
{
    for (uint32_t i = 0; i < built->n_by_value; i++)
        if (built->by_value[i] == uid)
            return true;
    return false;
}

/* The pointers of one execution: device addresses in the session's memory, and places in values for what is passed by
 * value. */
static bool gather(struct rrto_worker *worker, const struct rrto_args_cudnn_execute *args,
                   const struct rrto_cudnn_built *built, uint8_t *values, void **ret_pointers)
{
    uint32_t used = 0;
    for (uint32_t i = 0; i < args->n_uids; i++) {
        if (built->n_by_value && is_by_value(built, args->uids[i])) {
            if (args->n_values - used < RRTO_CUDNN_VALUE_BYTES)
                return false;
            ret_pointers[i] = values + used;
            used += RRTO_CUDNN_VALUE_BYTES;
        } else if (!args->addresses[i] || rrto_worker_address_ok(worker, args->addresses[i], 1)) {
            ret_pointers[i] = (void *)(uintptr_t)args->addresses[i];
        } else {
            return false;
        }
    }
    return used == args->n_values;
}

int32_t rrto_server_cudnn_execute(struct rrto_exec *exec, const struct rrto_args_cudnn_execute *args)
{
    const struct rrto_vendor *vendor = rrto_worker_vendor(exec->worker);
    bool handle_ok, plan_ok;
    cudnnHandle_t handle = rrto_objects_get(exec->worker, RRTO_KIND_cudnn, args->handle, &handle_ok);
    const struct plan *plan = rrto_objects_get(exec->worker, RRTO_KIND_cudnn_plan, args->plan, &plan_ok);
    void *pointers[RRTO_CUDNN_MAX_POINTERS];
    _Alignas(16) uint8_t values[RRTO_CUDNN_MAX_POINTERS * RRTO_CUDNN_VALUE_BYTES];
    if (!handle_ok || !plan_ok || args->n_uids > RRTO_CUDNN_MAX_POINTERS || args->n_uids != args->n_addresses ||
        args->n_values > sizeof values ||
        (args->workspace && !rrto_worker_address_ok(exec->worker, args->workspace, 1)))
        return RRTO_INVALID;
    if (args->n_values)
        memcpy(values, args->values, args->n_values);
    if (!gather(exec->worker, args, &plan->heuristic->built, values, pointers))
        return RRTO_INVALID;
    cudnnBackendDescriptor_t pack = create(vendor, RRTO_CUDNN_VARIANT_PACK);
    if (!pack)
        return CUDNN_STATUS_ALLOC_FAILED;
    void *workspace = (void *)(uintptr_t)args->workspace;
    int32_t status = set(vendor, pack, RRTO_CUDNN_PACK_POINTERS, RRTO_CUDNN_TYPE_VOID_PTR, args->n_uids, pointers);
    if (status == RRTO_OK)
        status = set(vendor, pack, RRTO_CUDNN_PACK_UNIQUE_IDS, RRTO_CUDNN_TYPE_INT64, args->n_uids, args->uids);
    if (status == RRTO_OK)
        status = set(vendor, pack, RRTO_CUDNN_PACK_WORKSPACE, RRTO_CUDNN_TYPE_VOID_PTR, 1, &workspace);
    if (status == RRTO_OK)
        status = (int32_t)vendor->cudnnBackendFinalize(pack);
    if (status == RRTO_OK)
        status = (int32_t)vendor->cudnnBackendExecute(handle, plan->descriptor, pack);
    destroy(vendor, pack);
    return status;
}
