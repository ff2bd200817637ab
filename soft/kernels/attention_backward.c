/* SPDX-License-Identifier: Apache-2.0 */
/* Gradients of memory-efficient attention (fmha_cutlassB_<type>_..., one parameter, the Params object of
 * AttentionBackwardKernel), in float, one query row at a time. Not here: dropout inside attention, packed sequences. */
#include "body.h"

#include <math.h>
#include <stdlib.h>

/* The object after its dimensions; the compiler's natural layout is that of the kernel's. Strides in elements. At its
 * end stand those of the gradients. */
struct strides {
    int64_t q_row, k_row, v_row, bias_row, go_row, gb_row;
    int8_t packed; /* 3 when the gradients of queries, keys and values lie side by side */
    uint64_t random[4], random_offset;
    float dropout;
    int64_t o_head;
    int32_t q_head, k_head, v_head;
    int64_t bias_head, o_batch, q_batch, k_batch, v_batch, bias_batch, lse_batch, lse_head, delta_batch, delta_head;
    int32_t n_batches;
};
struct gradient_strides {
    int64_t go_batch, gq_batch, gk_batch, gv_batch, gb_batch, go_head, gq_head, gk_head, gv_head, gb_head;
};
/* Its begin. */
struct object {
    const uint8_t *query, *key, *value, *bias;
    const float *logsumexp;
    const uint8_t *output, *grad_output;
    float *delta;
    const int32_t *sequences_q, *sequences_k;
    uint8_t *grad_query, *grad_key, *grad_value, *grad_bias;
    void *workspaces[3];
    int32_t window;
    float scale;
    int32_t head_dim, head_dim_value, n_queries, n_keys, n_heads;
};
/* PyTorch 2.11 and 2.15: the number of query heads per key head has come before the mask, and two words that are zero
 * after the number of batches. */
enum { OLD_BYTES = 464, NEW_BYTES = 480 };

struct backward {
    struct object o;
    struct strides s;
    struct gradient_strides g;
    int32_t heads_per_key;
    uint8_t mask; /* 0 none, 1 causal from the top left, 2 from the bottom right */
    enum type type;
};

static bool bind_attention(struct kernel_body *body, const struct kernel_name *name,
                           const struct rrto_kernel_image *image)
{
    body->types[0] = part_contains(name->family, "_f32_")   ? TYPE_FLOAT
                     : part_contains(name->family, "_f16_") ? TYPE_HALF
                                                            : TYPE_BFLOAT16;
    body->numbers[0] = image->sizes[0] == NEW_BYTES;
    return image->n_params == 1 && (image->sizes[0] == OLD_BYTES || image->sizes[0] == NEW_BYTES) &&
           !part_contains(name->family, "_dropout_");
}

/* Working memory: a head's rows as floats, and its gradients. */
struct rows {
    float *keys, *values, *grad_keys, *grad_values; /* n_keys rows */
    float *query, *grad_query, *output, *grad_output, *weights, *grad_weights;
};

static float *rows_init(struct rows *rows, const struct object *o)
{
    size_t n = (size_t)o->n_keys, d = (size_t)o->head_dim, dv = (size_t)o->head_dim_value;
    float *work = calloc(2 * n * (d + dv) + 2 * (d + dv) + 2 * n + 1, sizeof *work), *at = work;
    if (!work)
        return NULL;
    struct {
        float **to;
        size_t n;
    } parts[] = {{&rows->keys, n * d}, {&rows->values, n * dv}, {&rows->grad_keys, n * d}, {&rows->grad_values, n * dv},
                 {&rows->query, d},    {&rows->grad_query, d},  {&rows->output, dv},       {&rows->grad_output, dv},
                 {&rows->weights, n},  {&rows->grad_weights, n}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        *parts[i].to = at;
        at += parts[i].n;
    }
    return work;
}

static void get(const struct backward *b, float *to, const uint8_t *base, int64_t offset, int32_t n)
{
    load_f32(to, b->type, base + offset * (int64_t)type_bytes(b->type), (size_t)n);
}

static void put(const struct backward *b, uint8_t *base, int64_t offset, const float *from, int32_t n)
{
    store_f32(b->type, base + offset * (int64_t)type_bytes(b->type), from, (size_t)n);
}

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

static void add_scaled(float *to, float factor, const float *from, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        to[i] += factor * from[i];
}

/* One query row: its own gradient, and what it adds to those of its head's keys and values. */
static void row_backward(const struct backward *b, struct rows *r, int64_t batch, int64_t head, int64_t row)
{
    const struct object *o = &b->o;
    const struct strides *s = &b->s;
    const struct gradient_strides *g = &b->g;
    int64_t last = b->mask ? row + 1 + (b->mask == 2 ? o->n_keys - o->n_queries : 0) : o->n_keys;
    last = last < o->n_keys ? last : o->n_keys;
    get(b, r->query, o->query, batch * s->q_batch + row * s->q_row + head * s->q_head, o->head_dim);
    get(b, r->output, o->output, batch * s->o_batch + row * o->head_dim_value * (int64_t)o->n_heads + head * s->o_head,
        o->head_dim_value);
    get(b, r->grad_output, o->grad_output, batch * g->go_batch + row * s->go_row + head * g->go_head,
        o->head_dim_value);
    memset(r->grad_query, 0, sizeof *r->grad_query * (size_t)o->head_dim);
    float logsumexp = o->logsumexp[batch * s->lse_batch + head * s->lse_head + row],
          delta = dot(r->output, r->grad_output, o->head_dim_value);
    for (int64_t k = 0; k < last; k++) {
        const float *key = r->keys + k * o->head_dim, *value = r->values + k * o->head_dim_value;
        float score = dot(r->query, key, o->head_dim) * o->scale;
        if (o->bias)
            score += (float)element_f64(b->type, o->bias,
                                        batch * s->bias_batch + head * s->bias_head + row * s->bias_row + k);
        float weight = expf(score - logsumexp);
        float gradient = weight * (dot(r->grad_output, value, o->head_dim_value) - delta);
        add_scaled(r->grad_values + k * o->head_dim_value, weight, r->grad_output, o->head_dim_value);
        add_scaled(r->grad_query, gradient * o->scale, key, o->head_dim);
        add_scaled(r->grad_keys + k * o->head_dim, gradient * o->scale, r->query, o->head_dim);
        r->grad_weights[k] = gradient;
    }
    for (int64_t k = last > 0 ? last : 0; k < o->n_keys; k++)
        r->grad_weights[k] = 0;
    put(b, o->grad_query, batch * g->gq_batch + row * s->packed * o->n_heads * (int64_t)o->head_dim + head * g->gq_head,
        r->grad_query, o->head_dim);
    if (o->grad_bias)
        put(b, o->grad_bias, batch * g->gb_batch + head * g->gb_head + row * s->gb_row, r->grad_weights, o->n_keys);
}

static void head_backward(const struct backward *b, struct rows *r, int64_t batch, int64_t head)
{
    const struct object *o = &b->o;
    const struct strides *s = &b->s;
    const struct gradient_strides *g = &b->g;
    for (int64_t k = 0; k < o->n_keys; k++) {
        int64_t from = head / b->heads_per_key;
        get(b, r->keys + k * o->head_dim, o->key, batch * s->k_batch + k * s->k_row + from * s->k_head, o->head_dim);
        get(b, r->values + k * o->head_dim_value, o->value, batch * s->v_batch + k * s->v_row + from * s->v_head,
            o->head_dim_value);
    }
    memset(r->grad_keys, 0, sizeof *r->grad_keys * (size_t)o->n_keys * (size_t)(o->head_dim + o->head_dim_value));
    for (int64_t row = 0; row < o->n_queries; row++)
        row_backward(b, r, batch, head, row);
    int64_t pitch = (int64_t)s->packed * o->n_heads;
    for (int64_t k = 0; k < o->n_keys; k++) {
        put(b, o->grad_key, batch * g->gk_batch + k * pitch * o->head_dim + head * g->gk_head,
            r->grad_keys + k * o->head_dim, o->head_dim);
        put(b, o->grad_value, batch * g->gv_batch + k * pitch * o->head_dim_value + head * g->gv_head,
            r->grad_values + k * o->head_dim_value, o->head_dim_value);
    }
}

static int run_attention(const struct kernel_body *body, const struct kernel_launch *launch)
{
    const uint8_t *params = launch->params + launch->image->offsets[0];
    struct backward b = {.type = body->types[0], .heads_per_key = 1};
    struct rows rows;
    uint32_t after = offsetof(struct object, n_heads) + 4;
    memcpy(&b.o, params, after);
    if (body->numbers[0]) {
        memcpy(&b.heads_per_key, params + after, 4);
        after += 4;
    }
    b.mask = params[after];
    memcpy(&b.s, params + ((after + 8) & ~7u), sizeof b.s);
    memcpy(&b.g, params + launch->image->sizes[0] - sizeof b.g, sizeof b.g);
    uint64_t unknown = 0;
    if (body->numbers[0])
        memcpy(&unknown, params + ((after + 8) & ~7u) + offsetof(struct strides, n_batches) + 4, sizeof unknown);
    if (unknown || b.o.sequences_q || b.o.window > 0 || b.s.dropout > 0 || b.heads_per_key < 1 || b.o.head_dim <= 0 ||
        b.o.head_dim_value <= 0 || b.o.n_keys < 0 || b.mask > 2)
        return -1;
    float *work = rows_init(&rows, &b.o);
    if (!work)
        return -1;
    for (int64_t batch = 0; batch < b.s.n_batches; batch++)
        for (int64_t head = 0; head < b.o.n_heads; head++)
            head_backward(&b, &rows, batch, head);
    free(work);
    return 0;
}

const struct family families_attention_backward[] = {
    {.name = "fmha_cutlassB_*", .bind = bind_attention, .run = run_attention, .n_params = 1},
    {0},
};
