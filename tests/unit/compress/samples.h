/* SPDX-License-Identifier: Apache-2.0 */
/* Payloads of every kind, seeded, and a whole coding and decoding. */
#ifndef RRTO_TESTS_UNIT_COMPRESS_SAMPLES_H
#define RRTO_TESTS_UNIT_COMPRESS_SAMPLES_H

#include "compress/payload.h"

struct random {
    uint64_t state;
};
uint32_t random_u32(struct random *random);
static inline uint32_t random_below(struct random *random, uint32_t n)
{
    return (uint32_t)(((uint64_t)random_u32(random) * n) >> 32);
}

enum sample {
    SAMPLE_RANDOM,
    SAMPLE_ZEROES,
    SAMPLE_CONSTANT,     /* one float */
    SAMPLE_U8_IMAGE,     /* rows of RGB RGB */
    SAMPLE_FLOAT_PLANES, /* normalized planes of an image */
    SAMPLE_HALF_PLANES,
    SAMPLE_FLOAT_PIXELS,  /* normalized RGB RGB */
    SAMPLE_SMOOTH_FLOATS, /* nearly every word another one */
    SAMPLE_DOUBLES,
    SAMPLE_CLASSES, /* int64, few values */
    SAMPLE_SIGNED,  /* int16 around zero */
    SAMPLE_SPECIAL, /* NaNs with payloads, denormals, -0, infinities among floats */
    SAMPLES
};
/* side: of images; n: at most so many bytes are written, the rest of the sample is left out. */
void sample_fill(enum sample kind, struct random *random, unsigned side, uint8_t *data, size_t n);
/* Like the data before, a little changed: nothing, few words, or every word by a little. */
void sample_change(struct random *random, uint8_t *data, size_t n);
/* Any model at all: what it cannot be is cleaned. */
void sample_model(struct random *random, struct rrto_payload_model *ret_model);

/* Codes; returns the number of chunks. */
unsigned sample_encode(struct rrto_payload_coder *coder, struct rrto_payload_past *past,
                       const struct rrto_payload_model *model, const uint8_t *data, size_t n, struct rrto_buf *out);
/* Decodes into exactly n bytes; a status. */
int sample_decode(struct rrto_payload_coder *coder, struct rrto_payload_past *past, const uint8_t *coded,
                  size_t n_coded, uint8_t *to, size_t n);

#endif
