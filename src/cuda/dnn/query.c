/* SPDX-License-Identifier: Apache-2.0 */
/* The backend API's questions to the server. Each is interned by its content: equal content has the same id for as long
 * as the process lives, so a rebuilt plan is the same plan, and its execution the same op. */
#include "cuda/dnn/dnn.h"

#include "base/map.h"
#include "codec/codec.h"
#include "cuda/host_function.h"
#include "gen/client_bodies.h"
#include "gen/issue_ops.h"
#include "replay/issue.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { GRAPH_MAX_BYTES = 512 << 10, REPLY_MAX_BYTES = 1 << 20 };

/* A heuristic question: its bytes, and what became of it. Never freed. */
struct question {
    struct rrto_cudnn_heuristic answer; /* first: the answer is what others hold */
    struct question *next;              /* of the same hash */
    size_t n_key;
    uint8_t key[];
};

/* The key of a plan. */
struct plan {
    uint32_t handle, heuristic, index, id;
    struct plan *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of all below; never held while issuing */
static struct rrto_map questions, plans;
static uint32_t next_heuristic = 1, next_plan = 1;

/* NULL: out of memory. */
static struct question *intern_question(uint32_t handle, const uint8_t *key, size_t n_key,
                                        struct rrto_cudnn_node *graph)
{
    uint64_t hash = XXH3_64bits(key, n_key), found = 0;
    pthread_mutex_lock(&lock);
    struct question *head = rrto_map_get(&questions, hash, &found) ? (struct question *)(uintptr_t)found : NULL;
    struct question *question = head;
    while (question && (question->n_key != n_key || memcmp(question->key, key, n_key) != 0))
        question = question->next;
    if (!question && (question = calloc(1, sizeof *question + n_key))) {
        question->next = head;
        if (rrto_map_put(&questions, hash, (uintptr_t)question)) {
            question->n_key = n_key;
            memcpy(question->key, key, n_key);
            question->answer.id = next_heuristic++;
            question->answer.handle = handle;
            question->answer.graph = rrto_cudnn_node_ref(graph);
        } else {
            free(question);
            question = NULL;
        }
    }
    pthread_mutex_unlock(&lock);
    return question;
}

/* 0: out of memory. */
static uint32_t intern_plan(uint32_t handle, uint32_t heuristic, uint32_t index)
{
    uint64_t key = rrto_mix64((uint64_t)heuristic << 32 | index) ^ handle, found = 0;
    pthread_mutex_lock(&lock);
    struct plan *head = rrto_map_get(&plans, key, &found) ? (struct plan *)(uintptr_t)found : NULL;
    struct plan *plan = head;
    while (plan && (plan->handle != handle || plan->heuristic != heuristic || plan->index != index))
        plan = plan->next;
    if (!plan && (plan = malloc(sizeof *plan))) {
        *plan = (struct plan){.handle = handle, .heuristic = heuristic, .index = index, .id = next_plan, .next = head};
        if (rrto_map_put(&plans, key, (uintptr_t)plan)) {
            next_plan++;
        } else {
            free(plan);
            plan = NULL;
        }
    }
    uint32_t id = plan ? plan->id : 0;
    pthread_mutex_unlock(&lock);
    return id;
}

/* The reply: i64 words: n_configs, then for each: engine index, workspace bytes (-1: unknown), n and numerical notes, n
 * and behaviour notes, n and (type, value) of knobs. */
struct words {
    const int64_t *at, *end;
    bool failed;
};

static int64_t take(struct words *words)
{
    if (words->at == words->end) {
        words->failed = true;
        return 0;
    }
    return *words->at++;
}

static uint32_t take_count(struct words *words)
{
    int64_t n = take(words);
    if (n < 0 || n > words->end - words->at) {
        words->failed = true;
        return 0;
    }
    return (uint32_t)n;
}

static int32_t *take_notes(struct words *words, uint32_t *ret_n)
{
    uint32_t n = take_count(words);
    int32_t *notes = calloc(n ? n : 1, sizeof *notes);
    for (uint32_t i = 0; notes && i < n; i++)
        notes[i] = (int32_t)take(words);
    *ret_n = notes ? n : 0;
    words->failed |= !notes;
    return notes;
}

static void free_configs(struct rrto_cudnn_config *configs, uint32_t n_configs)
{
    for (uint32_t i = 0; configs && i < n_configs; i++) {
        free(configs[i].numerical);
        free(configs[i].behavior);
        free(configs[i].knobs);
    }
    free(configs);
}

static struct rrto_cudnn_config *parse_configs(const int64_t *data, uint32_t n_words, uint32_t *ret_n_configs)
{
    struct words words = {data, data + n_words, false};
    uint32_t n_configs = take_count(&words);
    if (words.failed || n_configs > RRTO_CUDNN_MAX_CONFIGS)
        return NULL;
    struct rrto_cudnn_config *configs = calloc(n_configs ? n_configs : 1, sizeof *configs);
    for (uint32_t i = 0; configs && i < n_configs; i++) {
        struct rrto_cudnn_config *config = &configs[i];
        config->engine_index = take(&words);
        config->workspace_bytes = take(&words);
        config->numerical = take_notes(&words, &config->n_numerical);
        config->behavior = take_notes(&words, &config->n_behavior);
        uint32_t n_knobs = take_count(&words);
        config->knobs = calloc(n_knobs ? n_knobs : 1, sizeof *config->knobs);
        words.failed |= !config->knobs;
        for (uint32_t k = 0; config->knobs && k < n_knobs; k++) {
            config->knobs[k].type = (int32_t)take(&words);
            config->knobs[k].value = take(&words);
        }
        config->n_knobs = config->knobs ? n_knobs : 0;
    }
    if (words.failed) {
        free_configs(configs, n_configs);
        return NULL;
    }
    *ret_n_configs = n_configs;
    return configs;
}

static int32_t keep_answer(struct rrto_cudnn_heuristic *heuristic, const struct rrto_buf *buf)
{
    struct rrto_dec dec;
    struct rrto_reply_cudnn_heuristic reply;
    rrto_dec_init(&dec, buf->data, buf->size);
    rrto_unpack_reply_cudnn_heuristic(&dec, &reply);
    uint32_t n_configs = 0;
    struct rrto_cudnn_config *configs = dec.failed ? NULL : parse_configs(reply.configs, reply.n_configs, &n_configs);
    if (!configs)
        return CUDNN_STATUS_INTERNAL_ERROR;
    pthread_mutex_lock(&lock);
    if (!heuristic->answered) {
        heuristic->configs = configs;
        heuristic->n_configs = n_configs;
        heuristic->answered = true;
        configs = NULL;
    }
    pthread_mutex_unlock(&lock);
    free_configs(configs, n_configs);
    return CUDNN_STATUS_SUCCESS;
}

/* Asks about the tree under root, which contains the operation graph. */
static int32_t ask(struct rrto_cudnn_node *root, struct rrto_cudnn_node *graph, int32_t mode, int32_t sm_count_target,
                   struct rrto_cudnn_heuristic **ret_heuristic)
{
    void *application_handle = (void *)(uintptr_t)rrto_cudnn_node_integer(graph, RRTO_CUDNN_GRAPH_HANDLE, 0);
    struct rrto_cudnn *handle = rrto_cudnn_handle(application_handle);
    if (!handle) /* newer callers name a device description instead; it is not carried */
        return application_handle ? CUDNN_STATUS_BAD_PARAM : CUDNN_STATUS_NOT_SUPPORTED;
    struct rrto_buf key, reply;
    rrto_buf_init(&key, GRAPH_MAX_BYTES);
    rrto_buf_init(&reply, REPLY_MAX_BYTES);
    rrto_put_u32(&key, handle->id);
    rrto_put_i32(&key, mode);
    rrto_put_i32(&key, sm_count_target);
    rrto_put_u32(&key, 0);
    const size_t n_head = key.size;
    int32_t status = CUDNN_STATUS_NOT_SUPPORTED;
    struct question *question = NULL;
    if (rrto_cudnn_graph_write(&key, root)) {
        question = intern_question(handle->id, key.data, key.size, graph);
        status = question ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
    }
    if (question) {
        struct rrto_args_cudnn_heuristic args = {
            .heuristic = question->answer.id,
            .handle = handle->id,
            .mode = mode,
            .sm_count_target = sm_count_target,
            .graph = key.data + n_head,
            .n_graph = (uint32_t)(key.size - n_head),
        };
        status = rrto_cudnn_status(
            rrto_issue_cudnn_heuristic(&args, &(struct rrto_issue_extra){.wait = true, .reply = &reply}));
        if (status == CUDNN_STATUS_SUCCESS)
            status = keep_answer(&question->answer, &reply);
        *ret_heuristic = &question->answer;
    }
    rrto_buf_fini(&key);
    rrto_buf_fini(&reply);
    return status;
}

int32_t rrto_cudnn_finalize_heuristic(struct rrto_cudnn_node *node)
{
    struct rrto_cudnn_node *graph = rrto_cudnn_node_child(node, RRTO_CUDNN_ENGINEHEUR_GRAPH);
    return ask(graph, graph, (int32_t)rrto_cudnn_node_integer(node, RRTO_CUDNN_ENGINEHEUR_MODE, 0),
               (int32_t)rrto_cudnn_node_integer(node, RRTO_CUDNN_ENGINEHEUR_SM_COUNT_TARGET, 0), &node->heuristic);
}

int32_t rrto_cudnn_finalize_engine(struct rrto_cudnn_node *node)
{
    struct rrto_cudnn_node *engine =
        node->type == RRTO_CUDNN_ENGINECFG ? rrto_cudnn_node_child(node, RRTO_CUDNN_ENGINECFG_ENGINE) : node;
    struct rrto_cudnn_node *graph = engine ? rrto_cudnn_node_child(engine, RRTO_CUDNN_ENGINE_GRAPH) : NULL;
    if (!graph)
        return CUDNN_STATUS_BAD_PARAM;
    int32_t status = ask(node, graph, RRTO_CUDNN_MODE_OWN_ENGINE, 0, &node->heuristic);
    if (status == CUDNN_STATUS_SUCCESS && node->heuristic->n_configs != 1)
        status = CUDNN_STATUS_INTERNAL_ERROR;
    node->index = 0;
    return status;
}

/* Notes each tensor below node whose content is passed by value. */
static bool find_by_value(struct rrto_cudnn_node *plan, const struct rrto_cudnn_node *node)
{
    if (node->type == RRTO_CUDNN_TENSOR) {
        if (!rrto_cudnn_node_integer(node, RRTO_CUDNN_TENSOR_IS_BY_VALUE, 0))
            return true;
        int64_t uid = rrto_cudnn_node_integer(node, RRTO_CUDNN_TENSOR_UNIQUE_ID, 0);
        for (uint32_t i = 0; i < plan->n_by_value; i++)
            if (plan->by_value[i].uid == uid)
                return true;
        void *grown = realloc(plan->by_value, (plan->n_by_value + 1) * sizeof *plan->by_value);
        if (!grown)
            return false;
        plan->by_value = grown;
        size_t n_bytes = rrto_cudnn_data_bytes((int32_t)rrto_cudnn_node_integer(node, RRTO_CUDNN_TENSOR_DATA_TYPE, -1));
        plan->by_value[plan->n_by_value++] = (struct rrto_cudnn_by_value){uid, n_bytes};
        return n_bytes != 0;
    }
    for (uint32_t i = 0; i < node->n_attributes; i++) {
        const struct rrto_cudnn_attribute *attribute = &node->attributes[i];
        if (attribute->type != RRTO_CUDNN_TYPE_DESCRIPTOR)
            continue;
        struct rrto_cudnn_node *const *nodes = rrto_cudnn_attribute_data(attribute);
        for (uint32_t k = 0; k < attribute->count; k++)
            if (!find_by_value(plan, nodes[k]))
                return false;
    }
    return true;
}

int32_t rrto_cudnn_finalize_plan(struct rrto_cudnn_node *node)
{
    const struct rrto_cudnn_node *config = rrto_cudnn_node_child(node, RRTO_CUDNN_PLAN_ENGINECFG);
    if (!config || !config->heuristic)
        return CUDNN_STATUS_BAD_PARAM;
    uint32_t handle = config->heuristic->handle;
    const void *own = (const void *)(uintptr_t)rrto_cudnn_node_integer(node, RRTO_CUDNN_PLAN_HANDLE, 0);
    if (own) {
        const struct rrto_cudnn *cudnn = rrto_cudnn_handle(own);
        if (!cudnn)
            return CUDNN_STATUS_BAD_PARAM;
        handle = cudnn->id;
    }
    node->heuristic = config->heuristic;
    node->index = config->index;
    node->plan = intern_plan(handle, config->heuristic->id, config->index);
    if (node->plan == 0 || !find_by_value(node, config->heuristic->graph))
        return CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
    struct rrto_args_cudnn_plan args = {
        .plan = node->plan, .handle = handle, .heuristic = config->heuristic->id, .index = config->index};
    struct rrto_buf buf;
    rrto_buf_init(&buf, REPLY_MAX_BYTES);
    struct rrto_issue_extra extra = {.wait = true, .reply = &buf, .apart = rrto_host_functions_load_apart()};
    int32_t status = rrto_cudnn_status(rrto_issue_cudnn_plan(&args, &extra));
    if (status == CUDNN_STATUS_SUCCESS) {
        struct rrto_dec dec;
        struct rrto_reply_cudnn_plan reply;
        rrto_dec_init(&dec, buf.data, buf.size);
        rrto_unpack_reply_cudnn_plan(&dec, &reply);
        if (dec.failed)
            status = CUDNN_STATUS_INTERNAL_ERROR;
        node->workspace_bytes = reply.workspace_bytes;
    }
    rrto_buf_fini(&buf);
    return status;
}

static const struct rrto_cudnn_by_value *by_value(const struct rrto_cudnn_node *plan, int64_t uid)
{
    for (uint32_t i = 0; i < plan->n_by_value; i++)
        if (plan->by_value[i].uid == uid)
            return &plan->by_value[i];
    return NULL;
}

int32_t rrto_cudnn_execute(struct rrto_cudnn *handle, const struct rrto_cudnn_node *plan,
                           const struct rrto_cudnn_node *pack)
{
    const struct rrto_cudnn_attribute *uids = rrto_cudnn_node_find(pack, RRTO_CUDNN_PACK_UNIQUE_IDS);
    const struct rrto_cudnn_attribute *pointers = rrto_cudnn_node_find(pack, RRTO_CUDNN_PACK_POINTERS);
    const int64_t *uid = rrto_cudnn_attribute_data(uids);
    const uint64_t *pointer = rrto_cudnn_attribute_data(pointers);
    uint64_t addresses[RRTO_CUDNN_MAX_POINTERS];
    uint8_t values[RRTO_CUDNN_MAX_POINTERS * RRTO_CUDNN_VALUE_BYTES];
    uint32_t n_values = 0;
    for (uint32_t i = 0; i < uids->count; i++) {
        const struct rrto_cudnn_by_value *value = plan->n_by_value ? by_value(plan, uid[i]) : NULL;
        addresses[i] = value ? 0 : pointer[i];
        if (!value)
            continue;
        if (!pointer[i])
            return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
        memset(values + n_values, 0, RRTO_CUDNN_VALUE_BYTES);
        memcpy(values + n_values, (const void *)(uintptr_t)pointer[i], value->n_bytes);
        n_values += RRTO_CUDNN_VALUE_BYTES;
    }
    struct rrto_args_cudnn_execute args = {
        .handle = handle->id,
        .plan = plan->plan,
        .uids = uid,
        .n_uids = uids->count,
        .addresses = addresses,
        .n_addresses = uids->count,
        .values = values,
        .n_values = n_values,
        .workspace = (uint64_t)rrto_cudnn_node_integer(pack, RRTO_CUDNN_PACK_WORKSPACE, 0),
    };
    return rrto_cudnn_status(rrto_issue_cudnn_execute(&args, NULL));
}
