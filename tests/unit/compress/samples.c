/* SPDX-License-Identifier: Apache-2.0 */
#include "samples.h"

#include "base/status.h"

#include <string.h>

uint32_t random_u32(struct random *random)
{
    random->state = random->state * 6364136223846793005u + 1442695040888963407u;
    uint64_t x = random->state ^ random->state >> 33;
    return (uint32_t)((x * 0xff51afd7ed558ccdu) >> 32);
}

/* A picture of stripes, ramps, edges and noise: 0 to 255. */
static unsigned pixel(struct random *random, unsigned x, unsigned y, unsigned channel)
{
    unsigned stripe = x * x * 7 % 61, ramp = x + 2 * y + 20 * channel, edge = (x / 13 + y / 9) % 2 * 40;
    return (stripe + ramp / 3 + edge + random_below(random, 4)) % 256;
}

static float normalized(unsigned value, unsigned channel)
{
    static const float MEAN[] = {0.485f, 0.456f, 0.406f}, STD[] = {0.229f, 0.224f, 0.225f};
    return ((float)value / 255.0f - MEAN[channel]) / STD[channel];
}

static uint16_t half(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (uint16_t)((bits >> 16 & 0x8000) | ((((bits >> 23) & 255) - 112) << 10 & 0x7c00) | (bits >> 13 & 0x3ff));
}

static uint32_t special(struct random *random)
{
    static const uint32_t BITS[] = {0x80000000, 0,          1,          0x80000001, 0x7fc00000,
                                    0x7f800001, 0xffc12345, 0x7f800000, 0xff800000};
    return BITS[random_below(random, sizeof BITS / sizeof BITS[0])];
}

static size_t put(uint8_t *data, size_t at, size_t n, const void *value, size_t size)
{
    memcpy(data + at, value, n - at < size ? n - at : size);
    return at + size;
}

/* The word that comes as number i. */
static size_t put_word(enum sample kind, struct random *random, unsigned side, uint8_t *data, size_t at, size_t n,
                       size_t i)
{
    unsigned in_plane = (unsigned)(i % ((size_t)side * side)), plane = (unsigned)(i / ((size_t)side * side)) % 3;
    unsigned in_pixels = (unsigned)(i / 3 % ((size_t)side * side)), channel = (unsigned)(i % 3);
    float value;
    double wide = (double)i / 1000.0;
    int64_t class_number = (int64_t)(in_plane / side / 8);
    int16_t near_zero = (int16_t)(random_below(random, 40) - 20u);
    uint16_t two;
    uint32_t bits = random_u32(random);
    uint8_t byte;
    switch (kind) {
    case SAMPLE_U8_IMAGE:
        byte = (uint8_t)pixel(random, in_pixels % side, in_pixels / side, channel);
        return put(data, at, n, &byte, 1);
    case SAMPLE_FLOAT_PLANES:
        value = normalized(pixel(random, in_plane % side, in_plane / side, plane), plane);
        return put(data, at, n, &value, 4);
    case SAMPLE_HALF_PLANES:
        two = half(normalized(pixel(random, in_plane % side, in_plane / side, plane), plane));
        return put(data, at, n, &two, 2);
    case SAMPLE_FLOAT_PIXELS:
        value = normalized(pixel(random, in_pixels % side, in_pixels / side, channel), channel);
        return put(data, at, n, &value, 4);
    case SAMPLE_SMOOTH_FLOATS:
        value = (float)(in_plane % side) * 0.37f + (float)(in_plane / side) * 0.11f +
                (float)random_below(random, 1000) * 1e-4f;
        return put(data, at, n, &value, 4);
    case SAMPLE_DOUBLES:
        return put(data, at, n, &wide, 8);
    case SAMPLE_CLASSES:
        return put(data, at, n, &class_number, 8);
    case SAMPLE_SIGNED:
        return put(data, at, n, &near_zero, 2);
    case SAMPLE_SPECIAL:
        if (random_below(random, 4) == 0)
            bits = special(random);
        return put(data, at, n, &bits, 4);
    case SAMPLE_CONSTANT:
        bits = 0x3f9d70a4;
        return put(data, at, n, &bits, 4);
    default:
        return put(data, at, n, &bits, 4);
    }
}

void sample_fill(enum sample kind, struct random *random, unsigned side, uint8_t *data, size_t n)
{
    memset(data, 0, n);
    if (kind == SAMPLE_ZEROES)
        return;
    for (size_t at = 0, i = 0; at < n; i++)
        at = put_word(kind, random, side, data, at, n, i);
}

void sample_change(struct random *random, uint8_t *data, size_t n)
{
    unsigned how = random_below(random, 3);
    size_t n_changes = how == 0 || n == 0 ? 0 : how == 1 ? 1 + n / 5000 : n;
    for (size_t i = 0; i < n_changes; i++) {
        size_t at = how == 1 ? random_below(random, (uint32_t)n) : i;
        data[at] = (uint8_t)(data[at] + random_below(random, 3));
    }
}

void sample_model(struct random *random, struct rrto_payload_model *ret_model)
{
    struct rrto_payload_model model = {
        .how = random_below(random, 8) == 0 ? (uint8_t)random_below(random, RRTO_PAYLOAD_HOWS) : RRTO_PAYLOAD_PLANES,
        .width = (uint8_t)(1u << random_below(random, 3)),
        .order = (uint8_t)random_below(random, RRTO_ORDERS),
        .channels = (uint8_t)(1 + random_below(random, random_below(random, 2) ? 4 : 16)),
        .group = (uint8_t)(1 + random_below(random, 4)),
        .palette = random_below(random, 2),
        .colours = random_below(random, 2),
        .predictors = (uint8_t)random_u32(random),
    };
    model.row = model.channels * random_below(random, 300);
    model.plane = random_below(random, 2) * model.channels * random_below(random, 20000);
    model.band = random_below(random, 2) * random_below(random, 10000);
    rrto_payload_model_clean(&model);
    *ret_model = model;
}

unsigned sample_encode(struct rrto_payload_coder *coder, struct rrto_payload_past *past,
                       const struct rrto_payload_model *model, const uint8_t *data, size_t n, struct rrto_buf *out)
{
    unsigned n_chunks = 0;
    rrto_buf_clear(out);
    rrto_payload_encode(coder, past, model, data, n, out);
    while (rrto_payload_encode_chunk(coder, out))
        n_chunks++;
    return n_chunks;
}

int sample_decode(struct rrto_payload_coder *coder, struct rrto_payload_past *past, const uint8_t *coded,
                  size_t n_coded, uint8_t *to, size_t n)
{
    size_t at, used, n_done = 0;
    int status = rrto_payload_decode(coder, past, to, n, coded, n_coded, &at);
    while (status == RRTO_OK && n_done < n) {
        status = rrto_payload_decode_chunk(coder, coded + at, n_coded - at, &used, &n_done);
        at += used;
    }
    return status != RRTO_OK || at == n_coded ? status : RRTO_PROTOCOL;
}
