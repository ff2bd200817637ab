/* SPDX-License-Identifier: Apache-2.0 */
/* Memory-efficient attention: fmha_cutlassF_<type>_..., one parameter, the Params object of AttentionKernel. One query
 * row at a time, in float with double sums of the softmax. */
#include "body.h"

#include <math.h>
#include <stdlib.h>

/* The object; the compiler's natural layout is that of the kernel's. */
struct attention {
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
    int32_t n_batches, n_heads;
    bool dropout;
};

static bool bind_attention(struct kernel_body *body, const struct kernel_name *name,
                           const struct rrto_kernel_image *image)
{
    body->types[0] = part_contains(name->family, "_f32_")   ? TYPE_FLOAT
                     : part_contains(name->family, "_f16_") ? TYPE_HALF
                                                            : TYPE_BFLOAT16;
    return image->n_params == 1 && image->sizes[0] >= sizeof(struct attention);
}

static const uint8_t *at(enum type type, const uint8_t *base, int64_t offset)
{
    return base + offset * (int64_t)type_bytes(type);
}

/* One query row of one head. work: head_dim, head_dim or head_dim_value, n_keys, head_dim_value floats. */
static void attend(const struct attention *a, enum type type, int64_t batch, int64_t head, int64_t row, float *work)
{
    float *q = work, *kv = q + a->head_dim,
          *score = kv + (a->head_dim > a->head_dim_value ? a->head_dim : a->head_dim_value), *out = score + a->n_keys;
    int64_t n = a->n_keys;
    if (a->mask) {
        int64_t last = row + (int32_t)a->causal_offset + 1;
        n = last < n ? last : n;
    }
    int64_t first = a->window > 0 && a->mask && n - a->window > 0 ? n - a->window : 0;
    load_f32(q, type, at(type, a->query, batch * a->q_batch + row * a->q_stride + head * a->q_head),
             (size_t)a->head_dim);
    float most = -INFINITY;
    for (int64_t k = first; k < n; k++) {
        load_f32(kv, type, at(type, a->key, batch * a->k_batch + k * a->k_stride + head * a->k_head),
                 (size_t)a->head_dim);
        float dot = 0;
        for (int32_t i = 0; i < a->head_dim; i++)
            dot += q[i] * kv[i];
        score[k] = dot * a->scale;
        if (a->bias)
            score[k] += (float)element_f64(type, a->bias,
                                           batch * a->bias_batch + head * a->bias_head + row * a->bias_stride + k);
        most = score[k] > most ? score[k] : most;
    }
    double sum = 0;
    for (int32_t i = 0; i < a->head_dim_value; i++)
        out[i] = 0;
    for (int64_t k = first; k < n; k++) {
        float e = most == -INFINITY ? 0 : expf(score[k] - most);
        sum += (double)e;
        load_f32(kv, type, at(type, a->value, batch * a->v_batch + k * a->v_stride + head * a->v_head),
                 (size_t)a->head_dim_value);
        for (int32_t i = 0; i < a->head_dim_value; i++)
            out[i] += e * kv[i];
    }
    float inverse = sum > 0 ? (float)(1 / sum) : 0;
    for (int32_t i = 0; i < a->head_dim_value; i++)
        out[i] *= inverse;
    store_f32(type,
              a->output +
                  (size_t)((batch * a->n_queries + row) * a->o_stride + head * a->head_dim_value) * type_bytes(type),
              out, (size_t)a->head_dim_value);
    int64_t lse_rows = (a->n_queries + 31) / 32 * 32;
    if (a->logsumexp)
        a->logsumexp[(batch * a->n_heads + head) * lse_rows + row] = sum > 0 ? most + (float)log(sum) : INFINITY;
}

static int run_attention(const struct kernel_body *body, const struct kernel_launch *launch)
{
    struct attention a = PARAM(launch, 0, struct attention);
    if (a.dropout || a.seqstart_q || a.seqlen_k || a.head_dim <= 0 || a.head_dim_value <= 0 || a.n_keys < 0)
        return -1;
    int32_t widest = a.head_dim > a.head_dim_value ? a.head_dim : a.head_dim_value;
    float *work =
        malloc(sizeof *work * ((size_t)a.head_dim + (size_t)widest + (size_t)a.n_keys + (size_t)a.head_dim_value));
    if (!work)
        return -1;
    for (int64_t batch = 0; batch < a.n_batches; batch++)
        for (int64_t head = 0; head < a.n_heads; head++)
            for (int64_t row = 0; row < a.n_queries; row++)
                attend(&a, body->types[0], batch, head, row, work);
    free(work);
    return 0;
}

/* pytorch_flash::flash_fwd_kernel<traits, dropout, causal, local, alibi, ...>: the Flash_fwd_params object. */
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

static bool bind_flash(struct kernel_body *body, const struct kernel_name *name, const struct rrto_kernel_image *image)
{
    if (name->n_args < 5 || image->sizes[0] < sizeof(struct flash))
        return false;
    body->types[0] = part_contains(name->args[0], "bfloat16_t") ? TYPE_BFLOAT16 : TYPE_HALF;
    body->numbers[0] = part_number(name->args[2], 0);
    return !part_number(name->args[1], 0) && !part_number(name->args[3], 0) && !part_number(name->args[4], 0);
}

/* The same rows as the other kernel's, with its strides; keys shared by several query heads are one call each. */
static int run_flash(const struct kernel_body *body, const struct kernel_launch *launch)
{
    struct flash f = PARAM(launch, 0, struct flash);
    if (f.seqstart_q || f.seqstart_k || f.probabilities || f.head_dim <= 0 || f.n_keys < 0 || f.heads_per_key <= 0)
        return -1;
    enum type type = body->types[0];
    float *work = malloc(sizeof *work * ((size_t)f.head_dim * 3 + (size_t)f.n_keys));
    if (!work)
        return -1;
    for (int64_t i = 0; i < (int64_t)f.n_batches * f.n_heads * f.n_queries; i++) {
        int64_t row = i % f.n_queries, head = i / f.n_queries % f.n_heads, batch = i / f.n_queries / f.n_heads;
        struct attention a = {
            .query = at(type, f.query, batch * f.q_batch + head * f.q_head + row * f.q_row),
            .key = at(type, f.key, batch * f.k_batch + head / f.heads_per_key * f.k_head),
            .value = at(type, f.value, batch * f.v_batch + head / f.heads_per_key * f.v_head),
            .output = f.output + (batch * f.o_batch + row * f.o_row + head * f.o_head) * (int64_t)type_bytes(type),
            .logsumexp = NULL,
            .scale = f.scale,
            .head_dim = f.head_dim,
            .head_dim_value = f.head_dim,
            .n_queries = 1,
            .n_keys = f.n_keys,
            .k_stride = (int32_t)f.k_row,
            .v_stride = (int32_t)f.v_row,
            .mask = body->numbers[0] ? 2 : 0,
            .causal_offset = (uint32_t)(row + f.n_keys - f.n_queries),
        };
        float logsumexp[32];
        a.logsumexp = logsumexp;
        attend(&a, type, 0, 0, 0, work);
        if (f.logsumexp)
            f.logsumexp[i] = logsumexp[0];
    }
    free(work);
    return 0;
}

const struct family families_attention[] = {
    {.name = "fmha_cutlassF_*", .bind = bind_attention, .run = run_attention, .n_params = 1},
    {.name = "flash_fwd_kernel", .bind = bind_flash, .run = run_flash, .n_params = 1},
    {0},
};
