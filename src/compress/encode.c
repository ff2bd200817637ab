/* SPDX-License-Identifier: Apache-2.0 */
/* Coding: each chunk in the way that is shortest of those that the model calls worth trying. */
#include "compress/coder.h"

void rrto_payload_encode(struct rrto_payload_coder *coder, struct rrto_payload_past *past,
                         const struct rrto_payload_model *model, const void *data, size_t n, struct rrto_buf *out)
{
    struct rrto_payload_model clean = *model;
    rrto_payload_model_clean(&clean);
    rrto_payload_begin(coder, past, &clean, n);
    coder->data = data;
    rrto_buf_clear(&coder->next);
    coder->keeps = n > 0 && past && n <= past->bytes.max && rrto_buf_reserve(&coder->next, n);
    rrto_payload_pack_head(out, &clean);
}

void rrto_payload_encode_end(struct rrto_payload_coder *coder)
{
    if (!coder->past)
        return;
    struct rrto_buf *past = &coder->past->bytes;
    rrto_buf_clear(past);
    if (!coder->keeps)
        return;
    uint8_t *data = past->data;
    size_t capacity = past->capacity;
    past->data = coder->next.data;
    past->capacity = coder->next.capacity;
    past->size = coder->n;
    coder->next.data = data;
    coder->next.capacity = capacity;
    coder->keeps = false;
}

/* One word of four bytes, again and again. */
static bool encode_fill(struct rrto_buf *body, const uint8_t *data, size_t n)
{
    if (n <= RRTO_FILL_BYTES || memcmp(data, data + RRTO_FILL_BYTES, n - RRTO_FILL_BYTES) != 0)
        return false;
    rrto_buf_put(body, data, RRTO_FILL_BYTES);
    return true;
}

enum { BLOCK = 8, BYTES_PER_CHANGE = 64 };

static size_t same_blocks(const uint8_t *a, const uint8_t *b, size_t at, size_t n)
{
    while (n - at >= BLOCK && memcmp(a + at, b + at, BLOCK) == 0)
        at += BLOCK;
    while (at < n && a[at] == b[at])
        at++;
    return at;
}

/* Runs of bytes that are not as in the past; false when they are more than one byte in 64, heads included. */
static bool encode_changes(struct rrto_buf *body, const uint8_t *data, const uint8_t *past, size_t n)
{
    size_t end = 0;
    for (size_t at; (at = same_blocks(data, past, end, n)) < n;) {
        size_t run = at, same = 0;
        for (; at < n && same < BLOCK; at++)
            same = data[at] == past[at] ? same + 1 : 0;
        rrto_put_varint(body, run - end);
        end = at - same;
        if (body->size + (end - run) > n / BYTES_PER_CHANGE)
            return false;
        rrto_put_varint(body, end - run);
        rrto_buf_put(body, data + run, end - run);
    }
    return true;
}

/* Which prediction leaves least, tried on this plane. Leaves its residual in coder->residual and what is to be coded in
 * coder->coded. Returns the plane's byte, without the palette's bits. */
static unsigned choose_prediction(struct rrto_payload_coder *coder, struct rrto_plane plane, bool has_past,
                                  bool colours)
{
    uint64_t best = UINT64_MAX;
    unsigned choice = RRTO_PREDICT_NONE, worth = coder->model.predictors & ((1u << RRTO_PREDICTORS) - 1);
    if (!has_past)
        worth &= ~(1u << RRTO_PREDICT_PAST);
    if (worth == 0)
        worth = 1u << RRTO_PREDICT_NONE;
    bool only = (worth & (worth - 1)) == 0 && !colours;
    for (unsigned how = 0; how < RRTO_PREDICTORS; how++) {
        if (!(worth & 1u << how))
            continue;
        rrto_plane_predict(plane, (enum rrto_predictor)how, coder->trial, coder->numbers, coder->past_numbers);
        uint64_t cost = only ? 0 : rrto_entropy_estimate(coder->trial, plane.n, plane.width);
        unsigned flags = how;
        if (colours && how != RRTO_PREDICT_NONE) {
            rrto_plane_subtract(plane, coder->bytes, coder->trial, coder->last_residual);
            uint64_t with = rrto_entropy_estimate(coder->bytes, plane.n, plane.width);
            if (with < cost) {
                cost = with;
                flags |= RRTO_PLANE_COLOUR;
            }
        }
        if (cost < best) {
            best = cost;
            choice = flags;
            void *swap = coder->residual;
            coder->residual = coder->trial;
            coder->trial = swap;
        }
    }
    return choice;
}

static void encode_plane(struct rrto_payload_coder *coder, struct rrto_plane plane, unsigned flags)
{
    const void *coded = coder->residual;
    if (flags & RRTO_PLANE_COLOUR) {
        rrto_plane_subtract(plane, coder->coded, coder->residual, coder->last_residual);
        coded = coder->coded;
    }
    int fold = flags != RRTO_PREDICT_NONE;
    for (unsigned byte = 0; byte < plane.width; byte++) {
        if (plane.width > 1)
            rrto_words_split(coder->bytes, coded, plane.n, plane.width, byte, fold);
        rrto_entropy_put(&coder->entropy, &coder->body, plane.width > 1 ? coder->bytes : coded, plane.n,
                         flags == RRTO_PREDICT_NONE ? RRTO_ENTROPY_MATCHES : RRTO_ENTROPY_LITERALS);
    }
    void *swap = coder->last_residual;
    coder->last_residual = coder->residual;
    coder->residual = swap;
    coder->last = plane;
}

/* Whether the register is of use: keys of a wider word may be left in it, and would not be told apart in this one. */
static bool fits(const struct rrto_palette *known, unsigned width)
{
    return known->n > 0 && known->keys[known->n - 1] <= rrto_word_mask(width);
}

/* Indices into a palette: coder->numbers. RRTO_PALETTE_ABSENT: too many different words. */
static enum rrto_palette_source encode_palette(struct rrto_payload_coder *coder, struct rrto_words words,
                                               const struct rrto_palette *known, struct rrto_palette *palette,
                                               struct rrto_palette *ret_added)
{
    bool known_fits = fits(known, words.width);
    *palette = known_fits ? *known : (struct rrto_palette){0};
    if (rrto_palette_map(palette, &coder->index, words, coder->numbers, ret_added))
        return palette->n == ret_added->n ? RRTO_PALETTE_NEW : ret_added->n ? RRTO_PALETTE_MORE : RRTO_PALETTE_KEPT;
    *palette = (struct rrto_palette){0};
    if (known_fits && rrto_palette_map(palette, &coder->index, words, coder->numbers, ret_added))
        return RRTO_PALETTE_NEW;
    *palette = *known;
    return RRTO_PALETTE_ABSENT;
}

static void put_palette(struct rrto_payload_coder *coder, const struct rrto_palette *palette)
{
    size_t before = coder->body.size;
    rrto_palette_pack(&coder->body, palette, coder->model.width);
    coder->palette_bytes += coder->body.size - before;
}

static void encode_channel(struct rrto_payload_coder *coder, const struct rrto_chunk_place *place, unsigned channel)
{
    const struct rrto_payload_model *model = &coder->model;
    struct rrto_words words = rrto_channel_words(model, coder->held, place->n, channel), past_words = words;
    const uint8_t *past = rrto_payload_past_at(coder, place);
    past_words.at = past ? past + channel * model->width : NULL;
    bool wants_past = past && (model->predictors & 1u << RRTO_PREDICT_PAST);
    struct rrto_palette *palette = &coder->palettes[channel], added;
    const struct rrto_palette *known = &coder->kept[rrto_palette_register(coder, place, channel)];
    enum rrto_palette_source source =
        model->palette ? encode_palette(coder, words, known, palette, &added) : RRTO_PALETTE_ABSENT;
    struct rrto_plane plane = {.n = words.n, .row = model->row / model->channels, .width = model->width};
    if (source != RRTO_PALETTE_ABSENT) {
        plane.width = 1;
        if (wants_past)
            rrto_palette_map_near(palette, &coder->index, past_words, coder->past_numbers);
    } else {
        if (!model->palette)
            *palette = *known;
        rrto_words_gather(coder->numbers, words.at, words.step, words.n, words.width, words.order);
        if (wants_past)
            rrto_words_gather(coder->past_numbers, past_words.at, words.step, words.n, words.width, words.order);
    }
    bool colours = model->colours && coder->last.n == plane.n && coder->last.width == plane.width;
    unsigned flags = choose_prediction(coder, plane, wants_past, colours);
    rrto_put_u8(&coder->body, (uint8_t)(flags | (unsigned)source << RRTO_PLANE_PALETTE_SHIFT));
    if (source == RRTO_PALETTE_NEW || source == RRTO_PALETTE_MORE)
        put_palette(coder, source == RRTO_PALETTE_NEW ? palette : &added);
    encode_plane(coder, plane, flags);
}

/* False: there is not one word for each channel. */
static bool encode_planes(struct rrto_payload_coder *coder, const struct rrto_chunk_place *place)
{
    const struct rrto_payload_model *model = &coder->model;
    size_t step = (size_t)model->width * model->channels, tail = place->n % step;
    if (place->n < step)
        return false;
    if (place->plane == 0)
        coder->last.n = 0;
    for (unsigned channel = 0; channel < model->channels; channel++)
        encode_channel(coder, place, channel);
    rrto_buf_put(&coder->body, coder->held + place->n - tail, tail);
    return true;
}

static enum rrto_chunk encode_body(struct rrto_payload_coder *coder, const struct rrto_chunk_place *place)
{
    const uint8_t *data = coder->held, *past = rrto_payload_past_at(coder, place);
    struct rrto_buf *body = &coder->body;
    rrto_buf_clear(body);
    if (encode_fill(body, data, place->n))
        return RRTO_CHUNK_FILL;
    if (past && encode_changes(body, data, past, place->n) && !body->failed)
        return RRTO_CHUNK_CHANGES;
    rrto_buf_clear(body);
    if (coder->model.how == RRTO_PAYLOAD_PLANES && encode_planes(coder, place) && !body->failed &&
        body->size < place->n)
        return RRTO_CHUNK_PLANES;
    rrto_buf_clear(body);
    if (coder->model.how == RRTO_PAYLOAD_ZSTD &&
        rrto_entropy_frame(&coder->entropy, body, data, place->n, place->n, RRTO_ENTROPY_MATCHES))
        return RRTO_CHUNK_ZSTD;
    return RRTO_CHUNK_RAW;
}

/* The chunk at place into coder->body, if it is not RAW. */
static enum rrto_chunk encode_next(struct rrto_payload_coder *coder, const struct rrto_chunk_place *place)
{
    coder->palette_bytes = 0;
    uint8_t *held = coder->keeps ? coder->next.data + place->at : coder->place_bytes;
    memcpy(held, coder->data + place->at, place->n);
    coder->held = held;
    enum rrto_chunk kind = encode_body(coder, place);
    if (kind == RRTO_CHUNK_PLANES)
        rrto_payload_keep_palettes(coder, place);
    else
        coder->last.n = 0;
    rrto_payload_step(coder, place);
    return kind;
}

bool rrto_payload_encode_chunk(struct rrto_payload_coder *coder, struct rrto_buf *out)
{
    struct rrto_chunk_place place;
    if (!rrto_payload_place(coder, &place))
        return false;
    enum rrto_chunk kind = encode_next(coder, &place);
    rrto_put_u8(out, (uint8_t)kind);
    if (kind == RRTO_CHUNK_RAW) {
        rrto_buf_put(out, coder->held, place.n);
    } else {
        rrto_put_varint(out, coder->body.size);
        rrto_buf_put(out, coder->body.data, coder->body.size);
    }
    return true;
}

size_t rrto_payload_trial(struct rrto_payload_coder *coder)
{
    struct rrto_chunk_place place;
    if (!rrto_payload_place(coder, &place))
        return 0;
    return encode_next(coder, &place) == RRTO_CHUNK_RAW ? place.n : coder->body.size - coder->palette_bytes;
}
