/* SPDX-License-Identifier: Apache-2.0 */
/* What coding and decoding share: scratch, the order of chunks, numbers of the format (never changed). */
#ifndef RRTO_COMPRESS_CODER_H
#define RRTO_COMPRESS_CODER_H

#include "compress/payload.h"

enum rrto_chunk {
    RRTO_CHUNK_RAW,
    RRTO_CHUNK_ZSTD,
    RRTO_CHUNK_FILL,
    RRTO_CHUNK_CHANGES,
    RRTO_CHUNK_PLANES,
    RRTO_CHUNKS
};
enum rrto_palette_source { RRTO_PALETTE_ABSENT, RRTO_PALETTE_KEPT, RRTO_PALETTE_NEW, RRTO_PALETTE_MORE };
/* A plane's byte: predictor in bits 0-2, colour in bit 3, palette source in bits 4-5. */
enum { RRTO_PLANE_COLOUR = 1 << 3, RRTO_PLANE_PALETTE_SHIFT = 4, RRTO_FILL_BYTES = 4 };

/* Where a chunk lies. plane: its number within its group. */
struct rrto_chunk_place {
    size_t at, n;
    unsigned plane;
};

struct rrto_payload_coder {
    struct rrto_entropy entropy;
    struct rrto_payload_model model;
    struct rrto_payload_past *past;
    const uint8_t *data;  /* of the payload to code; read once, a chunk at a time: its owner may be writing to it */
    const uint8_t *held;  /* the chunk under way, as it was read */
    struct rrto_buf next; /* if `keeps`: all chunks as they were read, what the past will be */
    bool keeps;
    uint8_t *to; /* of the payload to decode */
    size_t n, n_done;
    size_t group_at, band_at; /* the next chunk: bytes before its group, and before its band within a plane */
    unsigned plane;
    struct rrto_plane last; /* the plane coded last, if the next one may refer to it (n is 0 otherwise) */
    void *memory;
    void *last_residual, *residual, *trial, *coded; /* RRTO_PAYLOAD_CHUNK_BYTES each, like what follows */
    void *numbers, *past_numbers;
    uint8_t *bytes, *place_bytes;
    struct rrto_buf body;
    size_t palette_bytes;      /* in the body */
    struct rrto_palette *kept; /* the past's, or else own */
    struct rrto_palette own[RRTO_PAYLOAD_PALETTES];
    struct rrto_palette palettes[RRTO_PAYLOAD_CHANNELS]; /* of the chunk under way: are kept when it is done */
    struct rrto_palette_index index;
};

void rrto_payload_begin(struct rrto_payload_coder *coder, struct rrto_payload_past *past,
                        const struct rrto_payload_model *model, size_t n);
/* False: the payload is complete. */
bool rrto_payload_place(const struct rrto_payload_coder *coder, struct rrto_chunk_place *ret_place);
void rrto_payload_step(struct rrto_payload_coder *coder, const struct rrto_chunk_place *place);

void rrto_payload_pack_head(struct rrto_buf *out, const struct rrto_payload_model *model);
/* RRTO_TRUNCATED, RRTO_PROTOCOL. */
int rrto_payload_unpack_head(struct rrto_dec *dec, struct rrto_payload_model *ret_model);

/* Codes the next chunk for nobody: its bytes, without those of palettes, which a slot soon has. For trying a model. */
size_t rrto_payload_trial(struct rrto_payload_coder *coder);
/* The past's bytes of a place, or NULL. */
const uint8_t *rrto_payload_past_at(const struct rrto_payload_coder *coder, const struct rrto_chunk_place *place);
/* The palette that channel `channel` of a chunk uses and leaves. */
static inline unsigned rrto_palette_register(const struct rrto_payload_coder *coder,
                                             const struct rrto_chunk_place *place, unsigned channel)
{
    return (place->plane * coder->model.channels + channel) % RRTO_PAYLOAD_PALETTES;
}
void rrto_payload_keep_palettes(struct rrto_payload_coder *coder, const struct rrto_chunk_place *place);
/* The words of a channel of n bytes. */
static inline struct rrto_words rrto_channel_words(const struct rrto_payload_model *model, const uint8_t *at, size_t n,
                                                   unsigned channel)
{
    size_t step = (size_t)model->width * model->channels;
    return (struct rrto_words){at + channel * model->width, step, n / step, model->width, model->order};
}

#endif
