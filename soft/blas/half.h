/* SPDX-License-Identifier: Apache-2.0 */
/* 16-bit floating point, IEEE half and bfloat16, to and from float: in plain integer arithmetic, so that every compiler
 * and every instruction set rounds alike (to nearest, ties to even). */
#ifndef RRTO_SOFT_BLAS_HALF_H
#define RRTO_SOFT_BLAS_HALF_H

#include <stdint.h>
#include <string.h>

static inline uint32_t rrto_soft_float_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float rrto_soft_float_from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline float rrto_soft_float_from_bfloat(uint16_t bits)
{
    return rrto_soft_float_from_bits((uint32_t)bits << 16);
}

static inline uint16_t rrto_soft_bfloat_from_float(float value)
{
    uint32_t bits = rrto_soft_float_bits(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)(bits >> 16 | 0x40u); /* keep a NaN a NaN */
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

static inline float rrto_soft_float_from_half(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16, rest = half & 0x7fffu;
    if (rest >= 0x7c00u) /* infinity, NaN */
        return rrto_soft_float_from_bits(sign | 0x7f800000u | (rest & 0x3ffu) << 13);
    if (rest >= 0x400u) /* normal: rebias the exponent */
        return rrto_soft_float_from_bits(sign | ((rest << 13) + (112u << 23)));
    float magnitude = (float)rest * 0x1p-24f; /* subnormal or zero: exact */
    return rrto_soft_float_from_bits(sign | rrto_soft_float_bits(magnitude));
}

static inline uint16_t rrto_soft_half_from_float(float value)
{
    uint32_t bits = rrto_soft_float_bits(value), sign = bits >> 16 & 0x8000u, rest = bits & 0x7fffffffu;
    if (rest > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00u);
    if (rest >= 0x477ff000u) /* rounds to 65520 or more */
        return (uint16_t)(sign | 0x7c00u);
    if (rest >= 0x38800000u) /* normal */
        return (uint16_t)(sign | ((rest - (112u << 23) + 0xfffu + (rest >> 13 & 1u)) >> 13));
    /* Subnormal: adding 0.5 leaves the multiple of 2^-24, rounded to even by the hardware, in the low mantissa bits. */
    float shifted = rrto_soft_float_from_bits(rest) + 0.5f;
    return (uint16_t)(sign | (rrto_soft_float_bits(shifted) - 0x3f000000u));
}

#endif
