/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers on the device: Philox, a sequence per thread, as cuRAND numbers them, so that a seed gives the numbers
 * that it gives on a GPU (up to the last bits of logarithm, sine and cosine).
 *
 * distribution_elementwise_grid_stride_kernel<accumulator, unroll, distribution, transform> (n, { seed, offset, within,
 * captured }, -, object): object: output, i32 stride, transform's members; or OffsetCalculator<1>, output, transform's
 * members. */
#include "body.h"
#include "philox.h"

#include <math.h>

enum kind { UNIFORM, NORMAL, BERNOULLI, EXPONENTIAL, INTEGERS, INTEGERS_ANY };
/* numbers: 0 kind, 1 unroll; types: 0 output */

/* Box and Muller's transform of two words into two normal numbers. */
static void normal_pair(uint32_t a, uint32_t b, float *ret)
{
    const float angle = 0x1p-32f * 6.2831855f;
    float s = sqrtf(-2 * logf(philox_uniform(a))), v = (float)b * angle + angle / 2;
    ret[0] = sinf(v) * s;
    ret[1] = cosf(v) * s;
}

static bool bind_random(struct kernel_body *body, const struct kernel_name *name, const struct rrto_kernel_image *image)
{
    static const struct {
        const char *text;
        enum kind kind;
    } kinds[] = {{"::uniform_kernel<", UNIFORM},       {"::normal_kernel<", NORMAL},
                 {"::bernoulli_kernel<", BERNOULLI},   {"::exponential_kernel<", EXPONENTIAL},
                 {"random_from_to_kernel<", INTEGERS}, {"random_kernel<", INTEGERS_ANY}};
    if (name->n_args < 4 || image->sizes[1] != 32)
        return false;
    static const char outer[] = "distribution_nullary_kernel<";
    const char *at = memmem(name->args[3].text, name->args[3].n, outer, sizeof outer - 1);
    struct part result[1];
    if (!at || !part_template((struct part){at, name->args[3].n - (size_t)(at - name->args[3].text)}, result, 1))
        return false;
    body->types[0] = part_type(result[0]);
    body->numbers[1] = part_number(name->args[1], 0);
    enum type accumulator = part_type(name->args[0]);
    size_t i = 0, n = sizeof kinds / sizeof kinds[0];
    while (i < n && !part_contains(name->args[2], kinds[i].text))
        i++;
    if (i == n || !type_bytes(body->types[0]))
        return false;
    body->numbers[0] = kinds[i].kind;
    return kinds[i].kind < INTEGERS ? accumulator == TYPE_FLOAT && body->numbers[1] == 4
                                    : body->numbers[1] == 4 || body->numbers[1] == 2;
}

/* One result from a number of the distribution. at: where the transform's members may start. */
static void put_real(enum kind kind, float x, const uint8_t *params, uint32_t at, enum type type, uint8_t *to)
{
    float f[3];
    double p, value;
    memcpy(f, params + at, sizeof f);
    memcpy(&p, params + ((at + 7) & ~7u), sizeof p);
    switch (kind) {
    case UNIFORM: /* range, from, to: [from, to) */
        value = (double)((x == 1 ? 0 : x) * f[0] + f[1]);
        break;
    case NORMAL: /* mean, deviation */
        value = (double)(x * f[1] + f[0]);
        break;
    case BERNOULLI:
        value = (double)x < p;
        break;
    default: { /* exponential: rate */
        float logarithm = x >= 1 - 0x1p-24f ? -0x1p-24f : logf(x);
        value = (double)(-1 / f[0] * logarithm);
    }
    }
    element_put_f64(type, to, 0, value);
}

static int run_random(const struct kernel_body *body, const struct kernel_launch *launch)
{
    enum kind kind = (enum kind)body->numbers[0];
    const uint8_t *params = launch->params;
    uint32_t object = launch->image->offsets[3], philox_at = launch->image->offsets[1];
    int64_t n = param_integer(launch, 0), threads = (int64_t)launch->grid[0] * launch->block[0],
            unroll = body->numbers[1];
    uint64_t seed, offset;
    philox_state(params + philox_at, &seed, &offset);
    bool strided = launch->image->sizes[3] > 400;
    struct offsets offsets = {0};
    if (strided)
        offsets = offsets_read(params + object, 1);
    uint32_t pointer = strided ? object + ((offsets_bytes(1) + 7) & ~7u) : object,
             members = strided ? pointer + 8 : pointer + 12;
    uint8_t *output = FIELD(launch, pointer, uint8_t *);
    int32_t stride = strided ? 0 : FIELD(launch, pointer + 8, int32_t);
    uint64_t range = FIELD(launch, (members + 7) & ~7u, uint64_t);
    int64_t base = FIELD(launch, ((members + 7) & ~7u) + 8, int64_t);
    for (int64_t i = 0; i < n; i++) {
        /* Element i: which thread makes it, in which of its rounds, at which place. */
        int64_t round = i / (threads * unroll), place = i % (threads * unroll) / threads, thread = i % threads;
        uint32_t words[4];
        philox(seed, offset / 4 + (uint64_t)round, (uint64_t)thread, words);
        uint8_t *to = output + (strided ? (int64_t)offsets_get(&offsets, 0, (uint64_t)i) : i * stride);
        if (kind < INTEGERS) {
            float pair[2] = {philox_uniform(words[place]), 0};
            if (kind == NORMAL)
                normal_pair(words[place & ~1], words[place | 1], pair);
            put_real(kind, kind == NORMAL ? pair[place & 1] : pair[0], params, members, body->types[0], to);
            continue;
        }
        uint64_t bits = unroll == 4 ? words[place] : (uint64_t)words[2 * place] << 32 | words[2 * place + 1];
        if (kind == INTEGERS)
            element_put_i64(body->types[0], to, 0, (int64_t)(range ? bits % range : bits) + base);
        else if (type_class(body->types[0]) == CLASS_I64) /* up to the type's largest value */
            element_put_i64(body->types[0], to, 0,
                            (int64_t)(bits & (UINT64_MAX >> (65 - 8 * type_bytes(body->types[0])))));
        else
            return -1;
    }
    return 0;
}

const struct family families_random[] = {
    {.name = "distribution_elementwise_grid_stride_kernel", .bind = bind_random, .run = run_random, .n_params = 4},
    {0},
};
