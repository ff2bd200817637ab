/* SPDX-License-Identifier: Apache-2.0 */
/* The payload codec: lossless coding of the bytes that an application copies to or from the device, by what they are
 * made of: words of some width, a few hundred different ones, in rows, planes and channels, or nearly what they were
 * the last time. docs/codec.md is the format.
 *
 * Pure: no I/O, no clock. A payload becomes a head and chunks of at most RRTO_PAYLOAD_CHUNK_BYTES each, which can be
 * sent, and decoded, one by one. All memory is bounded, and taken with the first payload. Every payload comes back byte
 * for byte. What a decoder reads is not trusted: anything that does not hold is an error, and then what it has written
 * so far, within the payload, is of no use. */
#ifndef RRTO_COMPRESS_PAYLOAD_H
#define RRTO_COMPRESS_PAYLOAD_H

#include "compress/entropy.h"
#include "compress/palette.h"
#include "compress/predict.h"

enum {
    RRTO_PAYLOAD_CHUNK_BYTES = 1 << 18,                      /* of the payload, in one chunk */
    RRTO_PAYLOAD_CODED_BYTES = RRTO_PAYLOAD_CHUNK_BYTES + 8, /* a coded chunk, at most: it is sent as it is otherwise */
    RRTO_PAYLOAD_HEAD_BYTES = 64,
    RRTO_PAYLOAD_CHANNELS = 16,
    RRTO_PAYLOAD_PALETTES = 16
};

/* How the chunks of a payload are coded; numbers of the format. */
enum rrto_payload_how { RRTO_PAYLOAD_RAW, RRTO_PAYLOAD_ZSTD, RRTO_PAYLOAD_PLANES, RRTO_PAYLOAD_HOWS };

/* What a payload is made of. The head tells all but what is marked. */
struct rrto_payload_model {
    uint8_t how, width, order; /* width: bytes of a word: 1, 2, 4 */
    uint8_t channels;          /* words that take turns: 3 for RGB RGB RGB */
    uint8_t group;             /* planes that belong together: 3 for RRR.. GGG.. BBB.. */
    uint32_t row;              /* words of a row, all channels together; 0: none */
    uint32_t plane;            /* words of a plane, all channels together; 0: the payload is one plane */
    uint32_t band;             /* words of a chunk, at most */
    bool palette;              /* not in the head: worth trying */
    bool colours;              /* not in the head: a plane's residuals may predict the next one's */
    uint8_t predictors;        /* not in the head: those worth trying, 1 << enum rrto_predictor */
};

/* What both sides keep of a slot: the last payload, and its palettes. Equal on both sides because both do the same. */
struct rrto_payload_past {
    struct rrto_buf bytes;
    struct rrto_palette palettes[RRTO_PAYLOAD_PALETTES];
};

/* max_bytes: of a payload that is kept. */
void rrto_payload_past_init(struct rrto_payload_past *past, size_t max_bytes);
void rrto_payload_past_fini(struct rrto_payload_past *past);
/* After a payload has been coded, or decoded: keeps it, if it is not too large. */
void rrto_payload_past_keep(struct rrto_payload_past *past, const void *data, size_t n);

/* Scratch for coding or decoding one payload at a time, some 2.8 MiB, and for coding as much as a past may keep. NULL:
 * out of memory. */
struct rrto_payload_coder;
struct rrto_payload_coder *rrto_payload_coder_create(void);
void rrto_payload_coder_destroy(struct rrto_payload_coder *coder);

/* Finds the model from the data alone; past: may be NULL, is only read. Some milliseconds, whatever n is: once for a
 * slot, and again when the ratio falls. Never fails; the worst model is RRTO_PAYLOAD_RAW. */
void rrto_payload_infer(struct rrto_payload_coder *coder, struct rrto_payload_past *past, const void *data, size_t n,
                        struct rrto_payload_model *ret_model);
/* The same for what comes once, such as weights, in a tenth of the time: no structure is looked for, only whether the
 * bytes of words of some width are worth coding each on its own. */
void rrto_payload_infer_bulk(struct rrto_payload_coder *coder, const void *data, size_t n,
                             struct rrto_payload_model *ret_model);
/* Makes a model sound, whatever it was: what the format cannot say is set to what it can. */
void rrto_payload_model_clean(struct rrto_payload_model *model);

/* Begins a payload: appends the head. data and past are lent until the end. past may be NULL, on both sides. */
void rrto_payload_encode(struct rrto_payload_coder *coder, struct rrto_payload_past *past,
                         const struct rrto_payload_model *model, const void *data, size_t n, struct rrto_buf *out);
/* Appends the next chunk. False when there was none left: the payload is complete. out must have a maximum that leaves
 * RRTO_PAYLOAD_CODED_BYTES; out->failed otherwise. */
bool rrto_payload_encode_chunk(struct rrto_payload_coder *coder, struct rrto_buf *out);

/* After the last chunk: the past keeps what was coded, if it is not too large. Every byte of data has been read exactly
 * once, so that both sides keep the same even where somebody has been writing to it meanwhile. */
void rrto_payload_encode_end(struct rrto_payload_coder *coder);

/* Begins a payload of n bytes, which go to `to`. RRTO_TRUNCATED: the head has not come completely; RRTO_PROTOCOL.
 * ret_used: bytes of the head. */
int rrto_payload_decode(struct rrto_payload_coder *coder, struct rrto_payload_past *past, void *to, size_t n,
                        const void *coded, size_t n_coded, size_t *ret_used);
/* The model of the payload under way, or of the last one. */
const struct rrto_payload_model *rrto_payload_coder_model(const struct rrto_payload_coder *coder);
/* Decodes the next chunk if it has come completely. RRTO_TRUNCATED: it has not, and nothing has happened; more than
 * RRTO_PAYLOAD_CODED_BYTES are never needed. RRTO_PROTOCOL: the payload is lost. ret_n: bytes of the payload that are
 * there now, in chunks; n when it is complete. */
int rrto_payload_decode_chunk(struct rrto_payload_coder *coder, const void *coded, size_t n_coded, size_t *ret_used,
                              size_t *ret_n);

#endif
