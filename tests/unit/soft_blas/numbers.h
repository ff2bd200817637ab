/* SPDX-License-Identifier: Apache-2.0 */
/* Seeded numbers and comparison for the tests of the soft libraries. */
#ifndef RRTO_TESTS_SOFT_NUMBERS_H
#define RRTO_TESTS_SOFT_NUMBERS_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

/* In [-1, 1], multiples of 1/64: exact in 16-bit types too. */
static inline double next_number(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return ((double)(*state >> 25) - 64.0) / 64.0;
}

static inline float *new_floats(size_t n, uint32_t seed)
{
    float *floats = malloc((n + 1) * sizeof *floats);
    for (size_t i = 0; i < n; i++)
        floats[i] = (float)next_number(&seed);
    return floats;
}

static inline void assert_close(double got, double want, double tolerance, const char *what, long where)
{
    if (!(fabs(got - want) <= tolerance * (1.0 + fabs(want))))
        fail_msg("%s[%ld]: got %.9g, want %.9g", what, where, got, want);
}

#endif
