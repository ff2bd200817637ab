/* SPDX-License-Identifier: Apache-2.0 */
/* Attention in one kernel: memory-efficient (fmha_cutlassF_<type>_..., one parameter, the Params object of
 * AttentionKernel) and flash attention. One query row at a time, in float with a double sum of the softmax. */
#include "body.h"

#include <math.h>
#include <stdlib.h>

/* What both kernels come down to: strides in elements. */
struct attention {
    const uint8_t *query, *key, *value, *bias;
    uint8_t *output;
    float *logsumexp;
    int64_t lse_rows;
    uint32_t causal_offset; /* a query sees the keys up to its own row plus this */
    int32_t window;
    float scale;
    bool mask;
    int32_t head_dim, head_dim_value, n_queries, n_keys, n_batches, n_heads;
    int64_t q_stride, k_stride, v_stride, bias_stride, o_stride;
    int64_t q_head, k_head, v_head, bias_head, o_head;
    int64_t q_batch, k_batch, v_batch, bias_batch, o_batch;
};

/* The object; the compiler's natural layout is that of the kernel's. */
struct params {
    const uint8_t *query, *key, *value, *bias;
    const int32_t *seqstart_q, *seqstart_k, *seqlen_k;
    uint32_t causal_offset;
    uint8_t *output;
    float *accumulator, *logsumexp;
    int32_t window;
    float scale;
    int32_t head_dim, head_dim_value, n_queries, n_keys, n_keys_absolute;
    uint8_t mask; /* 0 none, 1 causal from the top left, 2 from the bottom right */
    int32_t q_stride, k_stride, v_stride, bias_stride, o_stride;
    int32_t q_head, k_head, v_head;
    int64_t bias_head, q_batch, k_batch, v_batch, bias_batch;
    int32_t n_batches;
};
/* The end of the object in PyTorch 2.11, and in 2.15: two words that are zero, and the number of query heads per key
 * head, have come. */
struct params_end {
    int32_t unknown[2], n_heads, heads_per_key;
    bool dropout;
};
enum { OLD_BYTES = 272, NEW_BYTES = 280 };

static bool bind_attention(struct kernel_body *body, const struct kernel_name *name,
                           const struct rrto_kernel_image *image)
{
    body->types[0] = part_contains(name->family, "_f32_")   ? TYPE_FLOAT
                     : part_contains(name->family, "_f16_") ? TYPE_HALF
                                                            : TYPE_BFLOAT16;
    body->numbers[0] = image->sizes[0] == NEW_BYTES;
    return image->n_params == 1 && (image->sizes[0] == OLD_BYTES || image->sizes[0] == NEW_BYTES);
}

static const uint8_t *at(enum type type, const uint8_t *base, int64_t offset)
{
    return base + offset * (int64_t)type_bytes(type);
}

/* Eight sums side by side, in a written order: as fast as the compiler's vectors, and the same everywhere. */
static float dot(const float *x, const float *y, int32_t n)
{
    float sums[8] = {0};
    int32_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int32_t j = 0; j < 8; j++)
            sums[j] += x[i + j] * y[i + j];
    for (; i < n; i++)
        sums[0] += x[i] * y[i];
    return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

/* Working memory of one head: its keys and values as floats, one query, its scores, one result. */
struct head {
    float *keys, *values, *query, *scores, *result;
};

static bool head_init(struct head *head, const struct attention *a)
{
    size_t n = (size_t)a->n_keys, d = (size_t)a->head_dim, dv = (size_t)a->head_dim_value;
    float *work = malloc(sizeof *work * (n * (d + dv + 1) + d + dv));
    *head = (struct head){work, work + n * d, work + n * (d + dv), work + n * (d + dv) + d, NULL};
    head->result = head->scores + n;
    return work;
}

static void head_load(struct head *head, const struct attention *a, enum type type, int64_t batch, int64_t index)
{
    for (int64_t k = 0; k < a->n_keys; k++) {
        load_f32(head->keys + k * a->head_dim, type,
                 at(type, a->key, batch * a->k_batch + k * a->k_stride + index * a->k_head), (size_t)a->head_dim);
        load_f32(head->values + k * a->head_dim_value, type,
                 at(type, a->value, batch * a->v_batch + k * a->v_stride + index * a->v_head),
                 (size_t)a->head_dim_value);
    }
}

/* One query row of a loaded head. */
static void attend(struct head *h, const struct attention *a, enum type type, int64_t batch, int64_t head, int64_t row)
{
    int64_t n = a->n_keys;
    if (a->mask) {
        int64_t last = row + (int32_t)a->causal_offset + 1;
        n = last < n ? last : n;
    }
    int64_t first = a->window > 0 && a->mask && n - a->window > 0 ? n - a->window : 0;
    load_f32(h->query, type, at(type, a->query, batch * a->q_batch + row * a->q_stride + head * a->q_head),
             (size_t)a->head_dim);
    float most = -INFINITY;
    for (int64_t k = first; k < n; k++) {
        float score = dot(h->query, h->keys + k * a->head_dim, a->head_dim) * a->scale;
        if (a->bias)
            score += (float)element_f64(type, a->bias,
                                        batch * a->bias_batch + head * a->bias_head + row * a->bias_stride + k);
        h->scores[k] = score;
        most = score > most ? score : most;
    }
    double sum = 0;
    memset(h->result, 0, sizeof *h->result * (size_t)a->head_dim_value);
    for (int64_t k = first; k < n; k++) {
        float e = most == -INFINITY ? 0 : expf(h->scores[k] - most);
        const float *value = h->values + k * a->head_dim_value;
        sum += (double)e;
        for (int32_t i = 0; i < a->head_dim_value; i++)
            h->result[i] += e * value[i];
    }
    float inverse = sum > 0 ? (float)(1 / sum) : 0;
    for (int32_t i = 0; i < a->head_dim_value; i++)
        h->result[i] *= inverse;
    int64_t output = batch * a->o_batch + row * a->o_stride + head * a->o_head;
    store_f32(type, a->output + output * (int64_t)type_bytes(type), h->result, (size_t)a->head_dim_value);
    if (a->logsumexp)
        a->logsumexp[(batch * a->n_heads + head) * a->lse_rows + row] = sum > 0 ? most + (float)log(sum) : INFINITY;
}

/* All rows of all heads; several query heads may share the keys of one (heads_per_key). */
static int attend_all(const struct attention *a, enum type type, int64_t heads_per_key)
{
    struct head head;
    if (a->head_dim <= 0 || a->head_dim_value <= 0 || a->n_keys < 0 || heads_per_key <= 0 || !head_init(&head, a))
        return -1;
    for (int64_t batch = 0; batch < a->n_batches; batch++)
        for (int64_t index = 0; index < a->n_heads; index++) {
            if (index % heads_per_key == 0)
                head_load(&head, a, type, batch, index / heads_per_key);
            for (int64_t row = 0; row < a->n_queries; row++)
                attend(&head, a, type, batch, index, row);
        }
    free(head.keys);
    return 0;
}

static int run_attention(const struct kernel_body *body, const struct kernel_launch *launch)
{
    struct params p = PARAM(launch, 0, struct params);
    struct params_end end = {.heads_per_key = 1};
    uint32_t after = launch->image->offsets[0] + (uint32_t)offsetof(struct params, n_batches) + 4;
    if (body->numbers[0]) {
        end = FIELD(launch, after, struct params_end);
    } else {
        end.n_heads = FIELD(launch, after, int32_t);
        end.dropout = FIELD(launch, after + 4, uint8_t);
    }
    if (end.unknown[0] || end.unknown[1] || end.dropout || p.seqstart_q || p.seqlen_k)
        return -1;
    struct attention a = {
        .query = p.query,
        .key = p.key,
        .value = p.value,
        .bias = p.bias,
        .output = p.output,
        .logsumexp = p.logsumexp,
        .lse_rows = (p.n_queries + 31) / 32 * 32,
        .causal_offset = p.causal_offset,
        .window = p.window,
        .scale = p.scale,
        .mask = p.mask,
        .head_dim = p.head_dim,
        .head_dim_value = p.head_dim_value,
        .n_queries = p.n_queries,
        .n_keys = p.n_keys,
        .n_batches = p.n_batches,
        .n_heads = end.n_heads,
        .q_stride = p.q_stride,
        .k_stride = p.k_stride,
        .v_stride = p.v_stride,
        .bias_stride = p.bias_stride,
        .o_stride = p.o_stride,
        .q_head = p.q_head,
        .k_head = p.k_head,
        .v_head = p.v_head,
        .bias_head = p.bias_head,
        .o_head = p.head_dim_value,
        .q_batch = p.q_batch,
        .k_batch = p.k_batch,
        .v_batch = p.v_batch,
        .bias_batch = p.bias_batch,
        .o_batch = (int64_t)p.n_queries * p.o_stride,
    };
    return attend_all(&a, body->types[0], end.heads_per_key);
}

/* pytorch_flash::flash_fwd_kernel, flash_fwd_splitkv_kernel: the Flash_fwd_params object. */
struct flash {
    const uint8_t *query, *key, *value;
    int64_t q_batch, k_batch, v_batch, q_row, k_row, v_row, q_head, k_head, v_head;
    int32_t n_heads, n_key_heads, heads_per_key;
    uint8_t *output;
    float *accumulator;
    int64_t o_batch, o_row, o_head;
    void *probabilities;
    float *logsumexp, *logsumexp_accumulator;
    int32_t n_batches, n_queries, n_keys, n_new_keys, head_dim, rounded[3], rotary, total_queries;
    float scale, scale_log2;
    const int32_t *seqstart_q, *seqstart_k;
};

/* The arguments after the traits: dropout (not of the split kernel), causal, local, alibi, two of shape, soft cap ...;
 * appending is the split kernel's last one. The split kernel writes the whole result, which leaves nothing to combine.
 */
static bool bind_flash(struct kernel_body *body, const struct kernel_name *name, const struct rrto_kernel_image *image)
{
    bool split = body->family->variant;
    unsigned causal = split ? 1 : 2;
    if (name->n_args < causal + 6 || image->sizes[0] < sizeof(struct flash))
        return false;
    body->types[0] = part_contains(name->args[0], "bfloat16_t") ? TYPE_BFLOAT16 : TYPE_HALF;
    body->numbers[0] = part_number(name->args[causal], 0);
    bool special = split ? part_number(name->args[name->n_args - 1], 0) : part_number(name->args[1], 0);
    return !special && !part_number(name->args[causal + 1], 0) && !part_number(name->args[causal + 2], 0) &&
           !part_number(name->args[causal + 5], 0);
}

static int run_flash(const struct kernel_body *body, const struct kernel_launch *launch)
{
    struct flash f = PARAM(launch, 0, struct flash);
    if (f.seqstart_q || f.seqstart_k || f.probabilities)
        return -1;
    struct attention a = {
        .query = f.query,
        .key = f.key,
        .value = f.value,
        .output = f.output,
        .logsumexp = f.logsumexp,
        .lse_rows = f.n_queries,
        .causal_offset = (uint32_t)(f.n_keys - f.n_queries),
        .mask = body->numbers[0],
        .scale = f.scale,
        .head_dim = f.head_dim,
        .head_dim_value = f.head_dim,
        .n_queries = f.n_queries,
        .n_keys = f.n_keys,
        .n_batches = f.n_batches,
        .n_heads = f.n_heads,
        .q_stride = f.q_row,
        .k_stride = f.k_row,
        .v_stride = f.v_row,
        .o_stride = f.o_row,
        .q_head = f.q_head,
        .k_head = f.k_head,
        .v_head = f.v_head,
        .o_head = f.o_head,
        .q_batch = f.q_batch,
        .k_batch = f.k_batch,
        .v_batch = f.v_batch,
        .o_batch = f.o_batch,
    };
    return attend_all(&a, body->types[0], f.heads_per_key);
}

const struct family families_attention[] = {
    {.name = "fmha_cutlassF_*", .bind = bind_attention, .run = run_attention, .n_params = 1},
    {.name = "flash_fwd_kernel", .bind = bind_flash, .run = run_flash, .n_params = 1},
    {.name = "flash_fwd_splitkv_kernel", .bind = bind_flash, .run = run_flash, .variant = 1, .n_params = 1},
    {.name = "flash_fwd_splitkv_combine_kernel", .bind = bind_nothing, .run = run_nothing},
    {0},
};
