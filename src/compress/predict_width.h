/* SPDX-License-Identifier: Apache-2.0 */
/* The predictors for numbers of one width: included by predict.c once for each TYPE, with NAME(verb) for the names.
 * The residuals are plain loops for the compiler to make vectors of. Going back is a chain, from each number to the
 * next, so there the steps between a number and its right neighbour count: see median_of. */
#include <string.h>

RRTO_SIMD static void NAME(subtract)(TYPE *to, const TYPE *a, const TYPE *restrict b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (TYPE)(a[i] - b[i]);
}

RRTO_SIMD static void NAME(add)(TYPE *to, const TYPE *a, const TYPE *restrict b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (TYPE)(a[i] + b[i]);
}

static void NAME(left)(TYPE *residual, const TYPE *x, size_t n)
{
    residual[0] = x[0];
    NAME(subtract)(residual + 1, x + 1, x, n - 1);
}

static void NAME(unleft)(TYPE *x, const TYPE *residual, size_t n)
{
    TYPE value = 0;
    for (size_t i = 0; i < n; i++)
        x[i] = value = (TYPE)(value + residual[i]);
}

static void NAME(up)(TYPE *residual, const TYPE *x, size_t n, size_t row)
{
    NAME(left)(residual, x, row);
    NAME(subtract)(residual + row, x + row, x, n - row);
}

static void NAME(unup)(TYPE *x, const TYPE *residual, size_t n, size_t row)
{
    NAME(unleft)(x, residual, row);
    for (size_t at = row; at < n; at += row)
        NAME(add)(x + at, residual + at, x + at - row, n - at < row ? n - at : row);
}

/* One row of residuals, but its first. The prediction, left + up - corner held between left and up, is
 * low + high - (corner held between low and high), which cannot overflow. */
RRTO_SIMD static void NAME(median_row)(TYPE *restrict residual, const TYPE *x, const TYPE *above, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        TYPE left = x[i - 1], up = above[i], corner = above[i - 1];
        TYPE low = left < up ? left : up, high = left < up ? up : left;
        TYPE held = corner < low ? low : corner;
        held = held > high ? high : held;
        residual[i] = (TYPE)(x[i] - (TYPE)(low + high - held));
    }
}

static void NAME(median)(TYPE *residual, const TYPE *x, size_t n, size_t row)
{
    NAME(left)(residual, x, row);
    for (size_t at = row; at < n; at += row) {
        residual[at] = (TYPE)(x[at] - x[at - row]);
        NAME(median_row)(residual + at, x + at, x + at - row, n - at < row ? n - at : row);
    }
}

/* The median of left, up and left + up - corner, in few steps after left is known. */
static inline TYPE NAME(median_of)(int64_t left, int64_t up, int64_t corner)
{
    int64_t low = left < up ? left : up, high = left < up ? up : left, edge = left + (up - corner);
    edge = edge < high ? edge : high;
    return (TYPE)(edge > low ? edge : low);
}

/* Rows that are two apart are begun together, the lower one a number behind the upper one: two chains at a time. */
static void NAME(unmedian_rows)(TYPE *x, const TYPE *residual, size_t row)
{
    const TYPE *above = x - row;
    TYPE *lower = x + row;
    TYPE left = x[0] = (TYPE)(above[0] + residual[0]);
    TYPE lower_left = lower[0] = (TYPE)(left + residual[row]);
    for (size_t i = 1; i < row; i++) {
        TYPE next = (TYPE)(NAME(median_of)(left, above[i], above[i - 1]) + residual[i]);
        if (i > 1)
            lower[i - 1] = lower_left = (TYPE)(NAME(median_of)(lower_left, left, x[i - 2]) + residual[row + i - 1]);
        x[i] = left = next;
    }
    if (row > 1)
        lower[row - 1] = (TYPE)(NAME(median_of)(lower_left, left, x[row - 2]) + residual[2 * row - 1]);
}

static void NAME(unmedian)(TYPE *x, const TYPE *residual, size_t n, size_t row)
{
    NAME(unleft)(x, residual, row);
    size_t at = row;
    for (; n - at >= 2 * row; at += 2 * row)
        NAME(unmedian_rows)(x + at, residual + at, row);
    for (; at < n; at += row) {
        size_t n_row = n - at < row ? n - at : row;
        TYPE left = x[at] = (TYPE)(x[at - row] + residual[at]);
        for (size_t i = at + 1; i < at + n_row; i++)
            x[i] = left = (TYPE)(NAME(median_of)(left, x[i - row], x[i - row - 1]) + residual[i]);
    }
}
