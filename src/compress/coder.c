/* SPDX-License-Identifier: Apache-2.0 */
/* Scratch, past, model and the order of chunks. */
#include "compress/coder.h"

#include "base/status.h"

#include <stdlib.h>

enum { BUFFERS = 8, SLACK_BYTES = 64 };

struct rrto_payload_coder *rrto_payload_coder_create(void)
{
    struct rrto_payload_coder *coder = calloc(1, sizeof *coder);
    if (!coder)
        return NULL;
    rrto_buf_init(&coder->body, 4 * RRTO_PAYLOAD_CHUNK_BYTES);
    rrto_buf_init(&coder->next, SIZE_MAX);
    size_t n = RRTO_PAYLOAD_CHUNK_BYTES + SLACK_BYTES;
    uint8_t *memory = malloc(BUFFERS * n);
    coder->memory = coder->last_residual = memory;
    if (!memory || !rrto_buf_reserve(&coder->body, 2 * RRTO_PAYLOAD_CHUNK_BYTES) ||
        rrto_entropy_init(&coder->entropy) != RRTO_OK) {
        rrto_payload_coder_destroy(coder);
        return NULL;
    }
    void **buffers[] = {&coder->residual, &coder->trial, &coder->coded, &coder->numbers, &coder->past_numbers};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
        *buffers[i] = memory + (i + 1) * n;
    coder->bytes = memory + (BUFFERS - 2) * n;
    coder->place_bytes = memory + (BUFFERS - 1) * n;
    return coder;
}

void rrto_payload_coder_destroy(struct rrto_payload_coder *coder)
{
    if (!coder)
        return;
    rrto_entropy_fini(&coder->entropy);
    rrto_buf_fini(&coder->body);
    rrto_buf_fini(&coder->next);
    free(coder->memory);
    free(coder);
}

const struct rrto_payload_model *rrto_payload_coder_model(const struct rrto_payload_coder *coder)
{
    return &coder->model;
}

void rrto_payload_past_init(struct rrto_payload_past *past, size_t max_bytes)
{
    *past = (struct rrto_payload_past){0};
    rrto_buf_init(&past->bytes, max_bytes);
}

void rrto_payload_past_fini(struct rrto_payload_past *past)
{
    rrto_buf_fini(&past->bytes);
}

void rrto_payload_past_keep(struct rrto_payload_past *past, const void *data, size_t n)
{
    rrto_buf_clear(&past->bytes);
    rrto_buf_put(&past->bytes, data, n);
}

void rrto_payload_model_clean(struct rrto_payload_model *model)
{
    if (model->how >= RRTO_PAYLOAD_HOWS)
        model->how = RRTO_PAYLOAD_RAW;
    bool planes = model->how == RRTO_PAYLOAD_PLANES;
    if (!planes || (model->width != 1 && model->width != 2 && model->width != 4))
        model->width = 1;
    if (!planes || model->order >= RRTO_ORDERS || (model->width == 1 && model->order == RRTO_ORDER_FLOAT))
        model->order = RRTO_ORDER_UNSIGNED;
    if (!planes || model->channels == 0 || model->channels > RRTO_PAYLOAD_CHANNELS)
        model->channels = 1;
    uint32_t most = (uint32_t)RRTO_PAYLOAD_CHUNK_BYTES / model->width;
    if (!planes || model->row > most || model->row % model->channels)
        model->row = 0;
    if (!planes || model->plane % model->channels || model->plane > UINT32_MAX / (4 * RRTO_PAYLOAD_CHANNELS))
        model->plane = 0;
    if (model->group == 0 || model->group > RRTO_PAYLOAD_CHANNELS || model->plane == 0)
        model->group = 1;
    if (model->band == 0 || model->band > most)
        model->band = most;
    uint32_t unit = model->row ? model->row : model->channels;
    model->band -= model->band % unit;
    if (model->band == 0)
        model->band = unit;
}

void rrto_payload_pack_head(struct rrto_buf *out, const struct rrto_payload_model *model)
{
    rrto_put_u8(out, model->how);
    rrto_put_varint(out, model->band);
    if (model->how != RRTO_PAYLOAD_PLANES)
        return;
    rrto_put_u8(out, (uint8_t)(model->width | model->order << 4));
    rrto_put_u8(out, model->channels);
    rrto_put_u8(out, model->group);
    rrto_put_varint(out, model->row);
    rrto_put_varint(out, model->plane);
}

static uint32_t get_u32_varint(struct rrto_dec *dec)
{
    uint64_t value = rrto_get_varint(dec);
    return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value; /* which none may be: cleaning changes it */
}

int rrto_payload_unpack_head(struct rrto_dec *dec, struct rrto_payload_model *ret_model)
{
    struct rrto_payload_model model = {.how = rrto_get_u8(dec), .width = 1, .channels = 1, .group = 1};
    model.band = get_u32_varint(dec);
    if (model.how == RRTO_PAYLOAD_PLANES) {
        uint8_t word = rrto_get_u8(dec);
        model.width = word & 15;
        model.order = word >> 4;
        model.channels = rrto_get_u8(dec);
        model.group = rrto_get_u8(dec);
        model.row = get_u32_varint(dec);
        model.plane = get_u32_varint(dec);
    }
    if (dec->failed)
        return dec->at == dec->end ? RRTO_TRUNCATED : RRTO_PROTOCOL;
    /* A model that cleaning would change is not one that an encoder sends. */
    struct rrto_payload_model clean = model;
    rrto_payload_model_clean(&clean);
    if (clean.how != model.how || clean.width != model.width || clean.order != model.order ||
        clean.channels != model.channels || clean.group != model.group || clean.row != model.row ||
        clean.plane != model.plane || clean.band != model.band)
        return RRTO_PROTOCOL;
    *ret_model = model;
    return RRTO_OK;
}

void rrto_payload_begin(struct rrto_payload_coder *coder, struct rrto_payload_past *past,
                        const struct rrto_payload_model *model, size_t n)
{
    coder->model = *model;
    coder->past = past;
    coder->n = n;
    coder->keeps = false;
    coder->n_done = coder->group_at = coder->band_at = 0;
    coder->plane = 0;
    coder->last.n = 0;
    coder->kept = past ? past->palettes : coder->own;
    memset(coder->own, 0, sizeof coder->own);
}

void rrto_payload_keep_palettes(struct rrto_payload_coder *coder, const struct rrto_chunk_place *place)
{
    for (unsigned channel = 0; channel < coder->model.channels; channel++)
        coder->kept[rrto_palette_register(coder, place, channel)] = coder->palettes[channel];
}

/* A group is coded band by band, and each band plane by plane, so that the planes' bands are neighbours. What is left
 * when no whole group is left is one plane. */
bool rrto_payload_place(const struct rrto_payload_coder *coder, struct rrto_chunk_place *ret_place)
{
    if (coder->n_done == coder->n)
        return false;
    const struct rrto_payload_model *model = &coder->model;
    size_t left = coder->n - coder->group_at, band = (size_t)model->band * model->width;
    size_t plane = (size_t)model->plane * model->width;
    if (plane == 0 || left / model->group < plane)
        plane = left;
    size_t in_plane = plane - coder->band_at;
    *ret_place = (struct rrto_chunk_place){.at = coder->group_at + coder->plane * plane + coder->band_at,
                                           .n = in_plane < band ? in_plane : band,
                                           .plane = coder->plane};
    return true;
}

void rrto_payload_step(struct rrto_payload_coder *coder, const struct rrto_chunk_place *place)
{
    const struct rrto_payload_model *model = &coder->model;
    size_t left = coder->n - coder->group_at, plane = (size_t)model->plane * model->width;
    unsigned group = model->group;
    coder->n_done += place->n;
    if (plane == 0 || left / group < plane) {
        plane = left;
        group = 1;
    }
    if (++coder->plane < group)
        return;
    coder->plane = 0;
    coder->band_at += place->n;
    if (coder->band_at == plane) {
        coder->group_at += group * plane;
        coder->band_at = 0;
    }
}

const uint8_t *rrto_payload_past_at(const struct rrto_payload_coder *coder, const struct rrto_chunk_place *place)
{
    if (!coder->past || coder->past->bytes.size < place->at + place->n)
        return NULL;
    return coder->past->bytes.data + place->at;
}
