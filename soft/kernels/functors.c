/* SPDX-License-Identifier: Apache-2.0 */
/* The table of functors, and finding one by the functor's text in a kernel's name. */
#include "functors.h"

#include <math.h>
#include <string.h>
#include <tgmath.h>

#define MAX(x, y) ((x) > (y) ? (x) : (y))
#define MIN(x, y) ((x) < (y) ? (x) : (y))
/* The order of PyTorch's OpType: GE, GT, LE, LT. */
#define COMPARE(op, x, y) ((op) == 0 ? (x) >= (y) : (op) == 1 ? (x) > (y) : (op) == 2 ? (x) <= (y) : (x) < (y))
/* The result of fmod with the sign of the divisor. */
#define REMAINDER(x, y) (fmod(x, y) != 0 && (fmod(x, y) < 0) != ((y) < 0) ? fmod(x, y) + (y) : fmod(x, y))
#define FLOOR_DIVIDE(x, y) ((y) == 0 ? (x) / (y) : nearbyint(((x)-REMAINDER(x, y)) / (y)))

static inline int64_t floor_divide(int64_t a, int64_t b)
{
    if (b == 0)
        return 0;
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

static inline int64_t integer_power(int64_t base, int64_t exponent)
{
    if (exponent < 0)
        return base == 1 ? 1 : base == -1 ? (exponent & 1 ? -1 : 1) : 0;
    uint64_t result = 1, square = (uint64_t)base;
    for (; exponent; exponent >>= 1, square *= square)
        if (exponent & 1)
            result *= square;
    return (int64_t)result;
}

#ifdef __clang__
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define INDEPENDENT _Pragma("GCC ivdep")
#endif

/* The loop over the elements. Inputs that a row does not have point to others: their loads are dead. The only
 * dependence between iterations could come from the output being an input, at the same index. */
#define LOOP(function, C, member, expression)                                                                          \
    static void function(void *out, const void *const *in, size_t n, const struct scalar *state)                       \
    {                                                                                                                  \
        C *to = out;                                                                                                   \
        const C *in_a = in[0], *in_b = in[1], *in_c = in[2], *in_d = in[3], *in_e = in[4];                             \
        const C s0 = state[0].member, s1 = state[1].member, s2 = state[2].member;                                      \
        (void)s0, (void)s1, (void)s2;                                                                                  \
        INDEPENDENT for (size_t i = 0; i < n; i++)                                                                     \
        {                                                                                                              \
            const C a = in_a[i], b = in_b[i], c = in_c[i], d = in_d[i], e = in_e[i];                                   \
            (void)a, (void)b, (void)c, (void)d, (void)e;                                                               \
            to[i] = (C)(expression);                                                                                   \
        }                                                                                                              \
    }

#pragma GCC diagnostic ignored "-Wfloat-conversion"
#pragma GCC diagnostic ignored "-Wconversion"
#define INTEGER(id, name, n, own, outer, out, state, expression) LOOP(id##_i64, int64_t, i64, expression)
#define REAL(id, name, n, own, outer, out, state, expression)
#define BOTH INTEGER
#define EITHER(id, name, n, own, outer, out, state, real, integer) LOOP(id##_i64, int64_t, i64, integer)
#define K(x) (int64_t)(x)
#include "functors.def"
#undef INTEGER
#undef REAL
#undef BOTH
#undef EITHER
#undef K

#define INTEGER(id, name, n, own, outer, out, state, expression)
#define BOTH REAL
#define EITHER(id, name, n, own, outer, out, state, real, integer) REAL(id, name, n, own, outer, out, state, real)
#define REAL(id, name, n, own, outer, out, state, expression) LOOP(id##_f32, float, f32, expression)
#define K(x) ((float)(x))
#include "functors.def"
#undef REAL
#undef K
#define REAL(id, name, n, own, outer, out, state, expression) LOOP(id##_f64, double, f64, expression)
#define K(x) ((double)(x))
#include "functors.def"
#undef INTEGER
#undef REAL
#undef BOTH
#undef EITHER
#undef K

static const struct functor_row rows[] = {
#define INTEGER(id, name, n, own, outer, out, state, expression)                                                       \
    {name, n, own, outer, out, state, {id##_i64, NULL, NULL}},
#define REAL(id, name, n, own, outer, out, state, expression)                                                          \
    {name, n, own, outer, out, state, {NULL, id##_f32, id##_f64}},
#define BOTH(id, name, n, own, outer, out, state, expression)                                                          \
    {name, n, own, outer, out, state, {id##_i64, id##_f32, id##_f64}},
#define EITHER(id, name, n, own, outer, out, state, real, integer) BOTH(id, name, n, own, outer, out, state, real)
#include "functors.def"
};

static const struct functor_row *row_find(struct part text, unsigned n_inputs)
{
    struct part base = part_base(text);
    unsigned own = part_own_number(text), outer = part_lambda_number(text, 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct functor_row *row = &rows[i];
        if (part_is(base, row->name) && row->n_inputs == n_inputs && (!row->own || row->own == own) &&
            (!row->outer || row->outer == (outer ? outer : NO_OUTER)))
            return row;
    }
    return NULL;
}

static enum type op_math(enum type type)
{
    return type == TYPE_HALF || type == TYPE_BFLOAT16 ? TYPE_FLOAT : type;
}

/* Adds a member of the functor object at its natural place. */
static void member_add(struct functor *functor, enum type type)
{
    uint32_t bytes = (uint32_t)type_bytes(type);
    if (bytes > functor->alignment)
        functor->alignment = bytes;
    functor->n_bytes = (functor->n_bytes + bytes - 1) & ~(bytes - 1);
    functor->members[functor->n_members].type = type;
    functor->members[functor->n_members++].offset = functor->n_bytes;
    functor->n_bytes += bytes;
}

static void object_pad(struct functor *functor, uint32_t alignment)
{
    if (alignment > functor->alignment)
        functor->alignment = alignment;
    functor->n_bytes = (functor->n_bytes + functor->alignment - 1) & ~(functor->alignment - 1);
}

/* The object's layout. element: T; exponent: the second template argument. A lambda with captures that was made for
 * host and device has 8 bytes more. */
static bool layout_make(struct functor *functor, struct part text, enum type element, enum type second)
{
    functor->alignment = 1;
    for (const char *state = functor->row->state; *state; state++) {
        enum type type = *state == 'o'   ? op_math(element)
                         : *state == 't' ? element
                         : *state == 'x' ? second
                         : *state == 'i' ? TYPE_I32
                         : *state == 'l' ? TYPE_I64
                         : *state == 'd' ? TYPE_DOUBLE
                                         : TYPE_BOOL;
        if (type == TYPE_NONE)
            return false;
        member_add(functor, type);
    }
    if (functor->n_members && part_contains(text, "{lambda(")) {
        object_pad(functor, 8);
        functor->n_bytes += 8;
    }
    object_pad(functor, 1);
    return true;
}

/* The functor's own types: of its lambda's parameters, or its first template argument for every input. */
static unsigned own_types(struct part text, enum type *ret, unsigned max)
{
    struct part parts[FUNCTOR_MAX_INPUTS];
    unsigned n = part_lambda(text, parts, max);
    for (unsigned i = 0; i < n; i++)
        ret[i] = part_type(parts[i]);
    return n;
}

static enum type result_type(const struct functor_row *row, const enum type *inputs, unsigned n_inputs,
                             enum type element, enum type second)
{
    switch (row->out) {
    case 'b':
        return TYPE_BOOL;
    case 'h':
        return TYPE_HALF;
    case 'B':
        return TYPE_BFLOAT16;
    case 'o':
        return op_math(inputs[0]);
    case 'x':
        return second;
    case 'l':
        return inputs[n_inputs - 1];
    default:
        return n_inputs ? inputs[0] : element;
    }
}

/* Double if any operand is, else float if any is floating, else int64. */
static enum class class_of(const struct functor *functor, enum type element) {
    enum class class = type_class(element);
    for (unsigned i = 0; i < functor->n_inputs; i++) if (type_class(functor->inputs[i]) > class) class =
        type_class(functor->inputs[i]);
    return class;
}

bool functor_find(struct part text, struct functor *ret)
{
    struct functor functor = {0};
    struct part arguments[4], inner = text, base = part_base(text);
    enum type types[FUNCTOR_MAX_INPUTS], wrapper[3] = {TYPE_NONE, TYPE_NONE, TYPE_NONE};
    /* BinaryFunctor<A, B, R, F>, AUnaryFunctor (the first input is a scalar), BUnaryFunctor (the second one is). */
    bool binary = part_is(base, "BinaryFunctor"), first = part_is(base, "AUnaryFunctor"),
         second = part_is(base, "BUnaryFunctor");
    bool wrapped = binary || first || second;
    if (wrapped) {
        if (part_template(text, arguments, 4) != 4)
            return false;
        inner = arguments[3];
        for (int i = 0; i < 3; i++)
            wrapper[i] = part_type(arguments[i]);
    }
    struct part own_arguments[4] = {0};
    unsigned n_arguments = part_template(inner, own_arguments, 4), n = own_types(inner, types, FUNCTOR_MAX_INPUTS);
    bool lambda = n > 0;
    enum type other = n_arguments > 1 ? part_type(own_arguments[1]) : TYPE_NONE;
    enum type element = n ? types[n - 1] : n_arguments ? part_type(own_arguments[0]) : TYPE_NONE;
    if (n == 2 && types[1] == TYPE_BOOL)
        element = types[0]; /* masks */
    if (element == TYPE_NONE)
        return false;
    if (n)
        functor.row = row_find(inner, n);
    else
        for (unsigned i = 0; i < 4 && !functor.row; i++)
            functor.row = row_find(inner, n = i);
    if (!functor.row || !layout_make(&functor, inner, element, other))
        return false;
    functor.n_inputs = n;
    for (unsigned i = 0; i < n; i++)
        functor.inputs[i] = wrapped && i < 2 ? wrapper[i] : lambda ? types[i] : element;
    for (unsigned i = 0; i < n; i++)
        if (functor.inputs[i] == TYPE_NONE)
            return false;
    functor.class = class_of(&functor, element);
    functor.out = wrapped ? wrapper[2] : result_type(functor.row, functor.inputs, n, element, other);
    if (first || second) {
        if (n != 2)
            return false;
        functor.bound = first ? 1 : 2;
        functor.n_inputs = 1;
        if (first)
            functor.inputs[0] = functor.inputs[1];
        if (!functor.n_bytes)
            functor.n_bytes = 1;
        member_add(&functor, element);
        object_pad(&functor, 1);
    }
    functor.run = functor.row->run[functor.class];
    if (!functor.run || functor.out == TYPE_NONE)
        return false;
    *ret = functor;
    return true;
}

void functor_state(const struct functor *functor, const uint8_t *object, struct scalar *ret)
{
    memset(ret, 0, sizeof *ret * (FUNCTOR_MAX_STATE + 1));
    for (unsigned i = 0; i < functor->n_members; i++) {
        enum type type = functor->members[i].type;
        const uint8_t *at = object + functor->members[i].offset;
        ret[i].i64 = type_scalar_i64(type, at);
        ret[i].f64 = type_scalar_f64(type, at);
        ret[i].f32 = (float)ret[i].f64;
    }
}
