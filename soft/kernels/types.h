/* SPDX-License-Identifier: Apache-2.0 */
/* Element types, and the three classes in which all computing is done: float, double, int64. One conversion table
 * between them. */
#ifndef SOFT_KERNELS_TYPES_H
#define SOFT_KERNELS_TYPES_H

#include <stddef.h>
#include <stdint.h>

/* The numbers are those of PyTorch's ScalarType, which kernels receive as data. */
enum type {
    TYPE_U8 = 0,
    TYPE_I8 = 1,
    TYPE_I16 = 2,
    TYPE_I32 = 3,
    TYPE_I64 = 4,
    TYPE_HALF = 5,
    TYPE_FLOAT = 6,
    TYPE_DOUBLE = 7,
    TYPE_BOOL = 11,
    TYPE_BFLOAT16 = 15,
    TYPE_U16 = 27,
    TYPE_U32 = 28,
    TYPE_U64 = 29,
    TYPE_N,
    TYPE_NONE = 255,
};

/* What a value is computed in. */
enum class { CLASS_I64, CLASS_F32, CLASS_F64, CLASS_N };

/* Bytes of an element; 0 for a type that is not supported. */
size_t type_bytes(enum type type);
enum class type_class(enum type type);
/* Whether memory of this type can be used as an array of its class. */
int type_is_native(enum type type);

/* n packed elements of a type to an array of a class, and back. */
typedef void (*type_convert)(void *restrict to, const void *restrict from, size_t n);
type_convert type_load(enum class class, enum type type);
type_convert type_store(enum type type, enum class class);
/* From one class to another. */
type_convert class_convert(enum class to, enum class from);

/* One scalar of a type, as a double or integer. */
double type_scalar_f64(enum type type, const void *at);
int64_t type_scalar_i64(enum type type, const void *at);

/* Strided to packed and back: n elements of `bytes` bytes. */
void elements_gather(void *restrict to, const uint8_t *from, ptrdiff_t stride, size_t bytes, size_t n);
void elements_scatter(uint8_t *to, ptrdiff_t stride, const void *restrict from, size_t bytes, size_t n);

#endif
