/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding: nothing of a chunk is believed. Sizes come from the model, which was checked, and from the payload's
 * length, which the caller knows; a chunk can only fill its own place. */
#include "compress/coder.h"

#include "base/status.h"

int rrto_payload_decode(struct rrto_payload_coder *coder, struct rrto_payload_past *past, void *to, size_t n,
                        const void *coded, size_t n_coded, size_t *ret_used)
{
    struct rrto_dec dec;
    rrto_dec_init(&dec, coded, n_coded);
    struct rrto_payload_model model;
    int status = rrto_payload_unpack_head(&dec, &model);
    if (status != RRTO_OK)
        return status;
    rrto_payload_begin(coder, past, &model, n);
    coder->to = to;
    *ret_used = (size_t)(dec.at - dec.start);
    return RRTO_OK;
}

static int decode_fill(struct rrto_dec *dec, uint8_t *to, size_t n)
{
    const uint8_t *word = rrto_get_bytes(dec, RRTO_FILL_BYTES);
    if (!word)
        return RRTO_PROTOCOL;
    for (size_t i = 0; i < n; i++)
        to[i] = word[i % RRTO_FILL_BYTES];
    return RRTO_OK;
}

static int decode_changes(struct rrto_dec *dec, uint8_t *to, const uint8_t *past, size_t n)
{
    if (!past)
        return RRTO_PROTOCOL;
    memcpy(to, past, n);
    for (size_t at = 0; dec->at < dec->end;) {
        uint64_t gap = rrto_get_varint(dec), length = rrto_get_varint(dec);
        if (dec->failed || gap > n - at || length > n - at - gap || length == 0)
            return RRTO_PROTOCOL;
        const uint8_t *bytes = rrto_get_bytes(dec, length);
        if (!bytes)
            return RRTO_PROTOCOL;
        memcpy(to + at + gap, bytes, length);
        at += gap + length;
    }
    return RRTO_OK;
}

static int decode_palette(struct rrto_dec *dec, enum rrto_palette_source source, unsigned width,
                          const struct rrto_palette *known, struct rrto_palette *palette)
{
    *palette = *known;
    if (source == RRTO_PALETTE_NEW)
        return rrto_palette_unpack(dec, palette, width);
    if (source == RRTO_PALETTE_MORE) {
        struct rrto_palette added;
        int status = rrto_palette_unpack(dec, &added, width);
        if (status != RRTO_OK)
            return status;
        return rrto_palette_merge(palette, &added) ? RRTO_OK : RRTO_PROTOCOL;
    }
    return source == RRTO_PALETTE_ABSENT || palette->n > 0 ? RRTO_OK : RRTO_PROTOCOL;
}

/* The plane's residuals in coder->residual. */
static int decode_residual(struct rrto_payload_coder *coder, struct rrto_dec *dec, struct rrto_plane plane,
                           unsigned flags)
{
    uint8_t *to = plane.width == 1 ? coder->residual : coder->bytes;
    for (unsigned byte = 0; byte < plane.width; byte++)
        if (rrto_entropy_get(&coder->entropy, dec, to + byte * plane.n, plane.n) != RRTO_OK)
            return RRTO_PROTOCOL;
    if (plane.width > 1)
        rrto_words_join(coder->residual, coder->bytes, plane.n, plane.width, flags != RRTO_PREDICT_NONE);
    if (!(flags & RRTO_PLANE_COLOUR))
        return RRTO_OK;
    if ((flags & ~(unsigned)RRTO_PLANE_COLOUR) == RRTO_PREDICT_NONE || coder->last.n != plane.n ||
        coder->last.width != plane.width)
        return RRTO_PROTOCOL;
    rrto_plane_add(plane, coder->residual, coder->residual, coder->last_residual);
    return RRTO_OK;
}

static uint8_t largest(const uint8_t *bytes, size_t n)
{
    uint8_t most = 0;
    for (size_t i = 0; i < n; i++)
        most = bytes[i] > most ? bytes[i] : most;
    return most;
}

/* Indices or keys from coder->numbers to where they belong. */
static int place_words(struct rrto_payload_coder *coder, struct rrto_words words, uint8_t *to,
                       const struct rrto_palette *palette)
{
    if (!palette) {
        rrto_words_scatter(to, words.step, coder->numbers, words.n, words.width, words.order);
        return RRTO_OK;
    }
    if (largest(coder->numbers, words.n) >= palette->n)
        return RRTO_PROTOCOL;
    uint32_t in_palette[RRTO_PALETTE_WORDS] = {0};
    for (uint32_t i = 0; i < palette->n; i++)
        in_palette[i] = rrto_key_word(palette->keys[i], words.width, words.order);
    rrto_words_look_up(to, words.step, coder->numbers, words.n, words.width, in_palette);
    return RRTO_OK;
}

static int decode_channel(struct rrto_payload_coder *coder, struct rrto_dec *dec, const struct rrto_chunk_place *place,
                          unsigned channel)
{
    const struct rrto_payload_model *model = &coder->model;
    unsigned byte = rrto_get_u8(dec), how = byte & 7, source = byte >> RRTO_PLANE_PALETTE_SHIFT;
    const uint8_t *past = rrto_payload_past_at(coder, place);
    if (dec->failed || how >= RRTO_PREDICTORS || source > RRTO_PALETTE_MORE || (how == RRTO_PREDICT_PAST && !past))
        return RRTO_PROTOCOL;
    struct rrto_palette *palette = &coder->palettes[channel];
    const struct rrto_palette *known = &coder->kept[rrto_palette_register(coder, place, channel)];
    if (decode_palette(dec, source, model->width, known, palette) != RRTO_OK)
        return RRTO_PROTOCOL;
    struct rrto_words words = rrto_channel_words(model, coder->to + place->at, place->n, channel);
    struct rrto_plane plane = {.n = words.n, .row = model->row / model->channels, .width = model->width};
    if (source != RRTO_PALETTE_ABSENT)
        plane.width = 1;
    if (decode_residual(coder, dec, plane, byte & (7u | RRTO_PLANE_COLOUR)) != RRTO_OK)
        return RRTO_PROTOCOL;
    if (how == RRTO_PREDICT_PAST) {
        struct rrto_words of_past = words;
        of_past.at = past + channel * model->width;
        if (source != RRTO_PALETTE_ABSENT)
            rrto_palette_map_near(palette, &coder->index, of_past, coder->past_numbers);
        else
            rrto_words_gather(coder->past_numbers, of_past.at, words.step, words.n, words.width, words.order);
    }
    rrto_plane_unpredict(plane, how, coder->numbers, coder->residual, coder->past_numbers);
    void *swap = coder->last_residual;
    coder->last_residual = coder->residual;
    coder->residual = swap;
    coder->last = plane;
    return place_words(coder, words, coder->to + place->at + channel * model->width,
                       source != RRTO_PALETTE_ABSENT ? palette : NULL);
}

static int decode_planes(struct rrto_payload_coder *coder, struct rrto_dec *dec, const struct rrto_chunk_place *place)
{
    const struct rrto_payload_model *model = &coder->model;
    size_t step = (size_t)model->width * model->channels, n_tail = place->n % step;
    if (model->how != RRTO_PAYLOAD_PLANES || place->n < step)
        return RRTO_PROTOCOL;
    if (place->plane == 0)
        coder->last.n = 0;
    for (unsigned channel = 0; channel < model->channels; channel++)
        if (decode_channel(coder, dec, place, channel) != RRTO_OK)
            return RRTO_PROTOCOL;
    const uint8_t *tail = rrto_get_bytes(dec, n_tail);
    if (!tail)
        return RRTO_PROTOCOL;
    memcpy(coder->to + place->at + place->n - n_tail, tail, n_tail);
    rrto_payload_keep_palettes(coder, place);
    return RRTO_OK;
}

static int decode_body(struct rrto_payload_coder *coder, enum rrto_chunk kind, struct rrto_dec *dec,
                       const struct rrto_chunk_place *place)
{
    uint8_t *to = coder->to + place->at;
    int status = RRTO_OK;
    if (kind == RRTO_CHUNK_RAW)
        memcpy(to, rrto_get_bytes(dec, place->n), place->n);
    else if (kind == RRTO_CHUNK_ZSTD)
        status = rrto_entropy_unframe(&coder->entropy, to, place->n, dec->at, (size_t)(dec->end - dec->at));
    else if (kind == RRTO_CHUNK_FILL)
        status = decode_fill(dec, to, place->n);
    else if (kind == RRTO_CHUNK_CHANGES)
        status = decode_changes(dec, to, rrto_payload_past_at(coder, place), place->n);
    else
        status = decode_planes(coder, dec, place);
    if (kind == RRTO_CHUNK_ZSTD || status != RRTO_OK)
        return status;
    return dec->at == dec->end ? RRTO_OK : RRTO_PROTOCOL; /* nothing may be left */
}

int rrto_payload_decode_chunk(struct rrto_payload_coder *coder, const void *coded, size_t n_coded, size_t *ret_used,
                              size_t *ret_n)
{
    struct rrto_chunk_place place;
    struct rrto_dec dec, body;
    *ret_used = 0;
    *ret_n = coder->n_done;
    if (!rrto_payload_place(coder, &place))
        return RRTO_PROTOCOL;
    rrto_dec_init(&dec, coded, n_coded);
    unsigned kind = rrto_get_u8(&dec);
    uint64_t n_body = kind == RRTO_CHUNK_RAW ? place.n : rrto_get_varint(&dec);
    if (dec.failed)
        return dec.at == dec.end ? RRTO_TRUNCATED : RRTO_PROTOCOL;
    if (kind >= RRTO_CHUNKS || n_body > place.n)
        return RRTO_PROTOCOL;
    const uint8_t *bytes = rrto_get_bytes(&dec, n_body);
    if (!bytes)
        return RRTO_TRUNCATED;
    rrto_dec_init(&body, bytes, n_body);
    int status = decode_body(coder, kind, &body, &place);
    if (status != RRTO_OK)
        return RRTO_PROTOCOL;
    if (kind != RRTO_CHUNK_PLANES)
        coder->last.n = 0;
    rrto_payload_step(coder, &place);
    *ret_used = (size_t)(dec.at - dec.start);
    *ret_n = coder->n_done;
    return RRTO_OK;
}
