/* SPDX-License-Identifier: Apache-2.0 */
/* The predictors for one width each (predict_width.h), and the choice of the width. */
#include "compress/predict.h"

#include "compress/simd.h"

#define TYPE uint8_t
#define NAME(verb) verb##_1
#include "compress/predict_width.h"
#undef TYPE
#undef NAME
#define TYPE uint16_t
#define NAME(verb) verb##_2
#include "compress/predict_width.h"
#undef TYPE
#undef NAME
#define TYPE uint32_t
#define NAME(verb) verb##_4
#include "compress/predict_width.h"
#undef TYPE
#undef NAME

#define BY_WIDTH(verb, ...)                                                                                            \
    do {                                                                                                               \
        if (plane.width == 4)                                                                                          \
            verb##_4(__VA_ARGS__);                                                                                     \
        else if (plane.width == 2)                                                                                     \
            verb##_2(__VA_ARGS__);                                                                                     \
        else                                                                                                           \
            verb##_1(__VA_ARGS__);                                                                                     \
    } while (0)

void rrto_plane_subtract(struct rrto_plane plane, void *to, const void *a, const void *b)
{
    BY_WIDTH(subtract, to, a, b, plane.n);
}

void rrto_plane_add(struct rrto_plane plane, void *to, const void *a, const void *b)
{
    BY_WIDTH(add, to, a, b, plane.n);
}

/* Where prediction from the row above begins: rows of no length, or longer than the plane, are one row. */
static size_t first_row(struct rrto_plane plane)
{
    return plane.row && plane.row < plane.n ? plane.row : plane.n;
}

void rrto_plane_predict(struct rrto_plane plane, enum rrto_predictor how, void *residual, const void *x,
                        const void *past)
{
    if (plane.n == 0)
        return;
    if (how == RRTO_PREDICT_LEFT)
        BY_WIDTH(left, residual, x, plane.n);
    else if (how == RRTO_PREDICT_UP)
        BY_WIDTH(up, residual, x, plane.n, first_row(plane));
    else if (how == RRTO_PREDICT_MEDIAN)
        BY_WIDTH(median, residual, x, plane.n, first_row(plane));
    else if (how == RRTO_PREDICT_PAST)
        BY_WIDTH(subtract, residual, x, past, plane.n);
    else
        memcpy(residual, x, plane.n * plane.width);
}

void rrto_plane_unpredict(struct rrto_plane plane, enum rrto_predictor how, void *x, const void *residual,
                          const void *past)
{
    if (plane.n == 0)
        return;
    if (how == RRTO_PREDICT_LEFT)
        BY_WIDTH(unleft, x, residual, plane.n);
    else if (how == RRTO_PREDICT_UP)
        BY_WIDTH(unup, x, residual, plane.n, first_row(plane));
    else if (how == RRTO_PREDICT_MEDIAN)
        BY_WIDTH(unmedian, x, residual, plane.n, first_row(plane));
    else if (how == RRTO_PREDICT_PAST)
        BY_WIDTH(add, x, residual, past, plane.n);
    else
        memcpy(x, residual, plane.n * plane.width);
}
