/* SPDX-License-Identifier: Apache-2.0 */
/* Prediction of a plane's numbers from their neighbours or from the past, and back. All arithmetic is modulo
 * 2^(8 * width), so every plane comes back as it was. Pure; any thread. */
#ifndef RRTO_COMPRESS_PREDICT_H
#define RRTO_COMPRESS_PREDICT_H

#include <stddef.h>
#include <stdint.h>

/* Numbers of the format: never changed. */
enum rrto_predictor {
    RRTO_PREDICT_NONE,   /* zero */
    RRTO_PREDICT_LEFT,   /* the number before; before the first one, zero */
    RRTO_PREDICT_UP,     /* the number a row before; in the first row, as LEFT */
    RRTO_PREDICT_MEDIAN, /* of left, up, and left + up - (up's left): the median edge detector of JPEG-LS (Weinberger,
                            Seroussi, Sapiro 2000); in the first row as LEFT, in the first column as UP */
    RRTO_PREDICT_PAST,   /* the number at this place in the payload before */
    RRTO_PREDICTORS
};

/* A plane: n numbers of `width` bytes (1, 2, 4) in rows of `row` (0: one row). past: n numbers, for PAST only. */
struct rrto_plane {
    size_t n, row;
    unsigned width;
};

/* residual = x - prediction */
void rrto_plane_predict(struct rrto_plane plane, enum rrto_predictor how, void *residual, const void *x,
                        const void *past);
/* x = residual + prediction. x and residual do not overlap. */
void rrto_plane_unpredict(struct rrto_plane plane, enum rrto_predictor how, void *x, const void *residual,
                          const void *past);
/* to = a - b and to = a + b, number by number. to may be a. */
void rrto_plane_subtract(struct rrto_plane plane, void *to, const void *a, const void *b);
void rrto_plane_add(struct rrto_plane plane, void *to, const void *a, const void *b);

#endif
