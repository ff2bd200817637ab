/* SPDX-License-Identifier: Apache-2.0 */
/* reduce_kernel<threads, vector, ReduceOp<T, ops, index, out, ...>>: one parameter, the ReduceOp object (PyTorch's
 * Reduce.cuh): ops, identity | config: 64 bytes, i32 n_inputs at 4, i32 n_outputs at 8 | OffsetCalculator<1> of the
 * input, <2> of (output, input base) | source, two destinations, two buffers, semaphores, i64 base index, bool
 * accumulate, bool final, i32 number of outputs. What stands before the config depends on ops; everything behind it has
 * fixed sizes, so it is found from the end. Sums are made in double. */
#include "body.h"

#include <math.h>

enum kind {
    SUM,
    MEAN,
    PROD,
    MAX,
    MIN,
    AND,
    OR,
    ARG_MAX,
    ARG_MIN,
    NORM_1,
    NORM_2,
    NORM,
    WELFORD,
    MIN_MAX,
    ABS_MAX,
    ABS_MIN,
    NAN_SUM,
    MAX_INDEX,
    MIN_INDEX
};
/* types[0] input, types[1] output, types[2] type of a scalar in ops; numbers[0] kind */

static const struct {
    const char *name;
    enum kind kind;
} kinds[] = {
    {"sum_functor", SUM},   {"ReductionAddOp", SUM}, {"MeanOps", MEAN},        {"prod_functor", PROD},
    {"MaxNanFunctor", MAX}, {"MinNanFunctor", MIN},  {"and_kernel_cuda", AND}, {"or_kernel_cuda", OR},
    {"ArgMaxOps", ARG_MAX}, {"ArgMinOps", ARG_MIN},  {"NormOneOps", NORM_1},   {"NormTwoOps", NORM_2},
    {"NormOps", NORM},      {"WelfordOps", WELFORD}, {"MinMaxOps", MIN_MAX},   {"AbsMaxOps", ABS_MAX},
    {"AbsMinOps", ABS_MIN}, {"NanSumOps", NAN_SUM},  {"MaxOps", MAX_INDEX},    {"MinOps", MIN_INDEX},
};

static bool bind_reduce(struct kernel_body *body, const struct kernel_name *name, const struct rrto_kernel_image *image)
{
    struct part op[6], inner[4];
    if (name->n_args < 3 || part_template(name->args[2], op, 6) < 4 || image->sizes[0] < 1040)
        return false;
    body->types[0] = part_type(op[0]);
    body->types[1] = part_type(op[3]);
    struct part ops = op[1];
    if (part_is(part_base(ops), "func_wrapper_t") && part_template(ops, inner, 2) == 2)
        ops = inner[1];
    unsigned n = part_template(ops, inner, 4);
    body->types[2] = n > 1 ? part_type(inner[1]) : n ? part_type(inner[0]) : TYPE_NONE;
    if (part_is(part_base(ops), "MeanOps") && n > 2)
        body->types[2] = part_type(inner[2]);
    if (!type_bytes(body->types[0]) || !type_bytes(body->types[1]))
        return false;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (part_is(part_base(ops), kinds[i].name)) {
            body->numbers[0] = kinds[i].kind;
            return true;
        }
    return false;
}

/* While one output is reduced. Integers are kept as integers where a double would lose bits. */
struct state {
    double value, second;
    int64_t integer;
    int64_t index, count;
};

static void state_init(struct state *state, enum kind kind)
{
    *state = (struct state){.index = -1};
    if (kind == PROD || kind == AND)
        state->value = 1;
    state->integer = kind == PROD;
}

static void take_real(struct state *state, enum kind kind, double norm, const double *x, size_t n, int64_t at)
{
    for (size_t i = 0; i < n; i++) {
        double v = x[i];
        bool first = state->count++ == 0;
        switch (kind) {
        case SUM:
        case MEAN:
            state->value += v;
            break;
        case NAN_SUM:
            state->value += v == v ? v : 0;
            break;
        case PROD:
            state->value *= v;
            break;
        case NORM_1:
            state->value += fabs(v);
            break;
        case NORM_2:
            state->value += v * v;
            break;
        case NORM:
            state->value += pow(fabs(v), norm);
            break;
        case AND:
            state->value = state->value != 0 && v != 0;
            break;
        case OR:
            state->value = state->value != 0 || v != 0;
            break;
        case ABS_MAX:
        case ABS_MIN:
            v = fabs(v);
            if (first || (kind == ABS_MAX ? v > state->value : v < state->value) || v != v)
                state->value = v;
            break;
        case WELFORD: {
            double delta = v - state->value;
            state->value += delta / (double)state->count;
            state->second += delta * (v - state->value);
            break;
        }
        case MIN_MAX:
            if (first || v < state->value || v != v)
                state->value = v;
            if (first || v > state->second || v != v)
                state->second = v;
            break;
        default: { /* the larger (smaller) one, the first of equals; NaN beats all */
            bool larger = kind == MAX || kind == ARG_MAX || kind == MAX_INDEX;
            if (first || (state->value == state->value && ((larger ? v > state->value : v < state->value) || v != v))) {
                state->value = v;
                state->index = at + (int64_t)i;
            }
        }
        }
    }
}

static void take_integer(struct state *state, enum kind kind, const int64_t *x, size_t n, int64_t at)
{
    for (size_t i = 0; i < n; i++) {
        int64_t v = x[i];
        bool first = state->count++ == 0;
        bool larger = kind == MAX || kind == ARG_MAX || kind == MAX_INDEX;
        if (kind == SUM)
            state->integer = (int64_t)((uint64_t)state->integer + (uint64_t)v);
        else if (kind == PROD)
            state->integer = (int64_t)((uint64_t)state->integer * (uint64_t)v);
        else if (kind == AND)
            state->integer = first ? v != 0 : state->integer && v;
        else if (kind == OR)
            state->integer = first ? v != 0 : state->integer || v;
        else if (kind == MIN_MAX) {
            state->integer = first || v < state->integer ? v : state->integer;
            state->second = first || v > (int64_t)state->second ? (double)v : state->second;
        } else if (first || (larger ? v > state->integer : v < state->integer)) {
            state->integer = v;
            state->index = at + (int64_t)i;
        }
    }
}

/* What is written for one output. */
static void finish(struct state *state, enum kind kind, const uint8_t *ops, enum type scalar)
{
    switch (kind) {
    case MEAN:
        state->value *= type_scalar_f64(scalar, ops);
        break;
    case NORM_2:
        state->value = sqrt(state->value);
        break;
    case NORM:
        state->value = pow(state->value, 1 / type_scalar_f64(scalar, ops));
        break;
    case WELFORD: { /* acc correction; bool square root */
        double divisor = (double)state->count - type_scalar_f64(scalar, ops);
        double variance = state->second / (divisor > 0 ? divisor : 0);
        state->second = state->value;
        state->value = ops[type_bytes(scalar)] ? sqrt(variance) : variance;
        break;
    }
    default:
        break;
    }
}

static int run_reduce(const struct kernel_body *body, const struct kernel_launch *launch)
{
    enum kind kind = (enum kind)body->numbers[0];
    enum type in = body->types[0], out = body->types[1];
    const uint8_t *object = launch->params + launch->image->offsets[0];
    uint32_t source = launch->image->sizes[0] - 64, head = source - 976 < 4 ? 4 : source - 976;
    int32_t n_inputs, n_outputs, n_destinations;
    const uint8_t *from;
    uint8_t *to[2];
    int64_t base;
    memcpy(&n_inputs, object + head + 4, 4);
    memcpy(&n_outputs, object + head + 8, 4);
    memcpy(&from, object + source, 8);
    memcpy(to, object + source + 8, 16);
    memcpy(&base, object + source + 48, 8);
    memcpy(&n_destinations, object + source + 60, 4);
    if (object[source + 56] || !object[source + 57]) /* accumulates in, or leaves, a buffer: more than 2^31 elements */
        return -1;
    struct offsets input = offsets_read(object + head + 64, 1),
                   output = offsets_read(object + head + 64 + offsets_bytes(1), 2);
    bool integers = type_class(in) == CLASS_I64 && kind != MEAN;
    double norm = kind == NORM ? type_scalar_f64(body->types[2], object) : 0;
    uint64_t gathered[BLOCK], loaded[BLOCK];
    for (int64_t o = 0; o < n_outputs; o++) {
        const uint8_t *row = from + offsets_get(&output, 1, (uint64_t)o);
        struct state state;
        state_init(&state, kind);
        for (int64_t at = 0; at < n_inputs; at += BLOCK) {
            size_t n = n_inputs - at < BLOCK ? (size_t)(n_inputs - at) : BLOCK;
            offsets_gather(&input, 0, (uint64_t)at, n, row, type_bytes(in), 1, gathered);
            type_load(integers ? CLASS_I64 : CLASS_F64, in)(loaded, gathered, n);
            if (integers)
                take_integer(&state, kind, (const int64_t *)loaded, n, base + at);
            else
                take_real(&state, kind, norm, (const double *)loaded, n, base + at);
        }
        finish(&state, kind, object, body->types[2]);
        uint32_t offset = offsets_get(&output, 0, (uint64_t)o);
        uint8_t *first = to[0] + offset;
        if (kind == ARG_MAX || kind == ARG_MIN)
            element_put_i64(out, first, 0, state.index);
        else if (integers)
            element_put_i64(out, first, 0, state.integer);
        else
            element_put_f64(out, first, 0, state.value);
        if (n_destinations < 2)
            continue;
        int64_t place = offset / (uint32_t)type_bytes(out);
        if (kind == MAX_INDEX || kind == MIN_INDEX)
            element_put_i64(TYPE_I64, to[1], place, state.index);
        else
            element_put_f64(out, to[1], place, state.second);
    }
    return 0;
}

const struct family families_reduce[] = {
    {.name = "reduce_kernel", .bind = bind_reduce, .run = run_reduce, .n_params = 1},
    {0},
};
