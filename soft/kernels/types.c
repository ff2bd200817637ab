/* SPDX-License-Identifier: Apache-2.0 */
/* The conversion table. */
#include "types.h"

#include "blas/half.h"

#include <math.h>
#include <string.h>

/* Out-of-range conversions are undefined in C; the device saturates. Narrower integers are cut from 64 bits. */
static inline int64_t integer_from(double value)
{
    if (value != value)
        return 0;
    if (value >= 9223372036854775807.0)
        return INT64_MAX;
    if (value <= -9223372036854775808.0)
        return INT64_MIN;
    return (int64_t)value;
}

#define SAME(x) (x)
#define TO_INTEGER(x) integer_from((double)(x))
#define TO_BOOL(x) ((x) != 0)

/* X(type, C type, value from stored, stored from float or double, stored from int64) */
#define TYPES(X)                                                                                                       \
    X(TYPE_U8, uint8_t, SAME, TO_INTEGER, SAME)                                                                        \
    X(TYPE_I8, int8_t, SAME, TO_INTEGER, SAME)                                                                         \
    X(TYPE_I16, int16_t, SAME, TO_INTEGER, SAME)                                                                       \
    X(TYPE_I32, int32_t, SAME, TO_INTEGER, SAME)                                                                       \
    X(TYPE_I64, int64_t, SAME, TO_INTEGER, SAME)                                                                       \
    X(TYPE_U16, uint16_t, SAME, TO_INTEGER, SAME)                                                                      \
    X(TYPE_U32, uint32_t, SAME, TO_INTEGER, SAME)                                                                      \
    X(TYPE_U64, uint64_t, SAME, TO_INTEGER, SAME)                                                                      \
    X(TYPE_BOOL, uint8_t, TO_BOOL, TO_BOOL, TO_BOOL)                                                                   \
    X(TYPE_FLOAT, float, SAME, SAME, SAME)                                                                             \
    X(TYPE_DOUBLE, double, SAME, SAME, SAME)                                                                           \
    X(TYPE_HALF, uint16_t, rrto_soft_float_from_half, HALF_FROM, HALF_FROM)                                            \
    X(TYPE_BFLOAT16, uint16_t, rrto_soft_float_from_bfloat, BFLOAT16_FROM, BFLOAT16_FROM)
#define HALF_FROM(x) rrto_soft_half_from_float((float)(x))
#define BFLOAT16_FROM(x) rrto_soft_bfloat_from_float((float)(x))

#define TO_CLASS_I64(type, x)                                                                                          \
    _Generic((x), float : integer_from((double)(x)), double : integer_from((double)(x)), default : (int64_t)(x))
#define TO_CLASS_F32(type, x) (float)(x)
#define TO_CLASS_F64(type, x) (double)(x)

#define LOOP(name, to_type, from_type, expression)                                                                     \
    static void name(void *restrict to, const void *restrict from, size_t n)                                           \
    {                                                                                                                  \
        to_type *restrict t = to;                                                                                      \
        const from_type *restrict f = from;                                                                            \
        for (size_t i = 0; i < n; i++)                                                                                 \
            t[i] = (to_type)(expression);                                                                              \
    }
#define CONVERT(T, C, value, from_float, from_integer)                                                                 \
    LOOP(load_i64_##T, int64_t, C, TO_CLASS_I64(T, value(f[i])))                                                       \
    LOOP(load_f32_##T, float, C, value(f[i]))                                                                          \
    LOOP(load_f64_##T, double, C, value(f[i]))                                                                         \
    LOOP(store_i64_##T, C, int64_t, from_integer(f[i]))                                                                \
    LOOP(store_f32_##T, C, float, from_float(f[i]))                                                                    \
    LOOP(store_f64_##T, C, double, from_float(f[i]))
TYPES(CONVERT)
LOOP(convert_i64_f32, int64_t, float, integer_from((double)f[i]))
LOOP(convert_i64_f64, int64_t, double, integer_from(f[i]))
LOOP(convert_f32_i64, float, int64_t, f[i])
LOOP(convert_f32_f64, float, double, f[i])
LOOP(convert_f64_i64, double, int64_t, f[i])
LOOP(convert_f64_f32, double, float, f[i])

static const struct {
    size_t bytes;
    enum class class;
    int native;
    type_convert load[CLASS_N], store[CLASS_N];
} table[TYPE_N] = {
#define ROW(T, C, value, from_float, from_integer)                                                                     \
    [T] = {sizeof(C),                                                                                                  \
           T == TYPE_DOUBLE                                          ? CLASS_F64                                       \
           : T == TYPE_FLOAT || T == TYPE_HALF || T == TYPE_BFLOAT16 ? CLASS_F32                                       \
                                                                     : CLASS_I64,                                      \
           T == TYPE_DOUBLE || T == TYPE_FLOAT || T == TYPE_I64 || T == TYPE_U64,                                      \
           {load_i64_##T, load_f32_##T, load_f64_##T},                                                                 \
           {store_i64_##T, store_f32_##T, store_f64_##T}},
    TYPES(ROW)};

size_t type_bytes(enum type type)
{
    return type < TYPE_N ? table[type].bytes : 0;
}

enum class type_class(enum type type) { return table[type].class; }

int type_is_native(enum type type)
{
    return table[type].native;
}

type_convert type_load(enum class class, enum type type)
{
    return table[type].load[class];
}

type_convert type_store(enum type type, enum class class)
{
    return table[type].store[class];
}

type_convert class_convert(enum class to, enum class from)
{
    static const type_convert converts[CLASS_N][CLASS_N] = {
        [CLASS_I64] = {NULL, convert_i64_f32, convert_i64_f64},
        [CLASS_F32] = {convert_f32_i64, NULL, convert_f32_f64},
        [CLASS_F64] = {convert_f64_i64, convert_f64_f32, NULL},
    };
    return converts[to][from];
}

double type_scalar_f64(enum type type, const void *at)
{
    double value;
    table[type].load[CLASS_F64](&value, at, 1);
    return value;
}

int64_t type_scalar_i64(enum type type, const void *at)
{
    int64_t value;
    table[type].load[CLASS_I64](&value, at, 1);
    return value;
}

#define GATHER(T)                                                                                                      \
    for (size_t i = 0; i < n; i++)                                                                                     \
        ((T *)to)[i] = *(const T *)(from + (ptrdiff_t)i * stride);                                                     \
    break

void elements_gather(void *restrict to, const uint8_t *from, ptrdiff_t stride, size_t bytes, size_t n)
{
    switch (bytes) {
    case 1:
        GATHER(uint8_t);
    case 2:
        GATHER(uint16_t);
    case 4:
        GATHER(uint32_t);
    case 8:
        GATHER(uint64_t);
    default:
        for (size_t i = 0; i < n; i++)
            memcpy((uint8_t *)to + i * bytes, from + (ptrdiff_t)i * stride, bytes);
    }
}

#define SCATTER(T)                                                                                                     \
    for (size_t i = 0; i < n; i++)                                                                                     \
        *(T *)(to + (ptrdiff_t)i * stride) = ((const T *)from)[i];                                                     \
    break

void elements_scatter(uint8_t *to, ptrdiff_t stride, const void *restrict from, size_t bytes, size_t n)
{
    switch (bytes) {
    case 1:
        SCATTER(uint8_t);
    case 2:
        SCATTER(uint16_t);
    case 4:
        SCATTER(uint32_t);
    case 8:
        SCATTER(uint64_t);
    default:
        for (size_t i = 0; i < n; i++)
            memcpy(to + (ptrdiff_t)i * stride, (const uint8_t *)from + i * bytes, bytes);
    }
}
