/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: the payload codec. The first byte says what the rest is. Even: a coded payload, to be decoded after a
 * past that has bytes and palettes. Odd: a model and a payload, to be coded (after a past, too), damaged in one byte or
 * not, and decoded: what was not damaged has to come back. */
#include "compress/payload.h"
#include "base/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { MAX_BYTES = 1 << 16, PAST_BYTES = 3000, HEAD_BYTES = 16 };

static struct rrto_payload_coder *encoder, *decoder;
static struct rrto_buf coded;
static uint8_t to[MAX_BYTES];

/* Rows of 30 words of which there are 100. */
static void fill_past(struct rrto_payload_past *past)
{
    uint8_t bytes[PAST_BYTES];
    for (unsigned i = 0; i < PAST_BYTES; i++)
        bytes[i] = (uint8_t)(i % 4 == 3 ? 0x3f : i % 4 == 0 ? (i / 4 % 30 + i / 120) * 3 % 100 : 0);
    rrto_payload_past_init(past, MAX_BYTES);
    rrto_payload_past_keep(past, bytes, PAST_BYTES);
    for (unsigned p = 0; p < RRTO_PAYLOAD_PALETTES; p += 3)
        for (past->palettes[p].n = 0; past->palettes[p].n < 100; past->palettes[p].n++)
            past->palettes[p].keys[past->palettes[p].n] = past->palettes[p].n;
}

/* Feeds what there is, chunk by chunk. */
static int decode(struct rrto_payload_past *past, const uint8_t *bytes, size_t n_coded, size_t n)
{
    size_t at, used, n_done = 0;
    int status = rrto_payload_decode(decoder, past, to, n, bytes, n_coded, &at);
    while (status == RRTO_OK && n_done < n) {
        size_t before = n_done;
        status = rrto_payload_decode_chunk(decoder, bytes + at, n_coded - at, &used, &n_done);
        at += used;
        if (n_done > n || at > n_coded || (status == RRTO_OK && n_done <= before))
            __builtin_trap();
    }
    return status;
}

static void decode_input(const uint8_t *data, size_t n)
{
    struct rrto_payload_past past;
    fill_past(&past);
    if (n >= 2)
        (void)decode(&past, data + 2, n - 2, data[0] | (size_t)data[1] << 8);
    rrto_payload_past_fini(&past);
}

static void take_model(const uint8_t *head, struct rrto_payload_model *ret_model)
{
    *ret_model = (struct rrto_payload_model){.how = head[0] % 4 ? RRTO_PAYLOAD_PLANES : head[0] / 4 % RRTO_PAYLOAD_HOWS,
                                             .width = (uint8_t)(1u << head[1] % 3),
                                             .order = head[1] / 3 % RRTO_ORDERS,
                                             .channels = (uint8_t)(1 + head[2] % 16),
                                             .group = (uint8_t)(1 + head[2] / 16),
                                             .predictors = head[3],
                                             .palette = head[4] & 1,
                                             .colours = head[4] & 2};
    ret_model->row = ret_model->channels * head[5];
    ret_model->plane = ret_model->channels * (head[6] | (uint32_t)head[7] << 8);
    ret_model->band = head[8] | (uint32_t)(head[9] & 15) << 8;
    rrto_payload_model_clean(ret_model);
}

static void code_input(const uint8_t *data, size_t n)
{
    if (n < HEAD_BYTES || n > MAX_BYTES)
        return;
    struct rrto_payload_past pasts[2];
    struct rrto_payload_model model;
    size_t n_payload = n - HEAD_BYTES, damaged = data[10] | (size_t)data[11] << 8;
    bool damage = data[12] & 1;
    take_model(data, &model);
    if (data[12] & 2)
        rrto_payload_infer(encoder, NULL, data + HEAD_BYTES, n_payload, &model);
    for (int side = 0; side < 2; side++)
        fill_past(&pasts[side]);
    rrto_buf_clear(&coded);
    rrto_payload_encode(encoder, &pasts[0], &model, data + HEAD_BYTES, n_payload, &coded);
    while (rrto_payload_encode_chunk(encoder, &coded))
        ;
    if (coded.failed)
        __builtin_trap();
    if (damage)
        coded.data[damaged % coded.size] ^= (uint8_t)(data[13] | 1);
    int status = decode(&pasts[1], coded.data, coded.size, n_payload);
    if (!damage && (status != RRTO_OK || memcmp(to, data + HEAD_BYTES, n_payload) != 0 ||
                    memcmp(pasts[0].palettes, pasts[1].palettes, sizeof pasts[0].palettes) != 0))
        __builtin_trap();
    for (int side = 0; side < 2; side++)
        rrto_payload_past_fini(&pasts[side]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (!encoder) {
        encoder = rrto_payload_coder_create();
        decoder = rrto_payload_coder_create();
        rrto_buf_init(&coded, 4 * MAX_BYTES);
        if (!encoder || !decoder)
            __builtin_trap();
    }
    if (n > 0 && data[0] % 2)
        code_input(data + 1, n - 1);
    else if (n > 0)
        decode_input(data + 1, n - 1);
    return 0;
}
