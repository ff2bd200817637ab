/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/coded.h"

#include "base/status.h"

/* What may have come of a chunk, or of a head, without it being complete. */
enum { BUFFER_BYTES = RRTO_PAYLOAD_CODED_BYTES + RRTO_PAYLOAD_HEAD_BYTES };

void rrto_coded_slots_init(struct rrto_coded_slots *slots, uint64_t past_bytes)
{
    for (unsigned i = 0; i < RRTO_CODED_SLOTS; i++)
        rrto_payload_past_init(&slots->pasts[i], past_bytes / RRTO_CODED_SLOTS);
}

void rrto_coded_slots_fini(struct rrto_coded_slots *slots)
{
    for (unsigned i = 0; i < RRTO_CODED_SLOTS; i++)
        rrto_payload_past_fini(&slots->pasts[i]);
}

void rrto_coded_count(struct rrto_counters_coded *to, uint64_t n, uint64_t n_sent,
                      const struct rrto_payload_model *model)
{
    to->payloads++;
    to->bytes += n;
    to->sent_bytes += n_sent;
    to->row = model->row;
    to->plane = model->plane;
    to->band = model->band;
    to->how = model->how;
    to->width = model->width;
    to->order = model->order;
    to->channels = model->channels;
    to->group = model->group;
}

/* False: out of memory. */
static bool keep(struct rrto_payload_past *past, const void *data, size_t n)
{
    rrto_payload_past_keep(past, data, n);
    return n > past->bytes.max || !past->bytes.failed;
}

void rrto_coded_reader_init(struct rrto_coded_reader *reader, uint64_t past_bytes, uint64_t (*now_ns)(void))
{
    memset(reader, 0, sizeof *reader);
    reader->now_ns = now_ns;
    rrto_coded_slots_init(&reader->slots, past_bytes);
    rrto_buf_init(&reader->bytes, BUFFER_BYTES);
}

void rrto_coded_reader_fini(struct rrto_coded_reader *reader)
{
    rrto_payload_coder_destroy(reader->coder);
    reader->coder = NULL;
    rrto_coded_slots_fini(&reader->slots);
    rrto_buf_fini(&reader->bytes);
}

int rrto_coded_reader_begin(struct rrto_coded_reader *reader, void *to, size_t n)
{
    if (!reader->coder)
        reader->coder = rrto_payload_coder_create();
    if (!reader->coder)
        return RRTO_NO_MEMORY;
    reader->to = to;
    reader->n = n;
    reader->n_done = 0;
    reader->state = RRTO_CODED_SLOT;
    rrto_buf_clear(&reader->bytes);
    return RRTO_OK;
}

const struct rrto_payload_model *rrto_coded_reader_model(const struct rrto_coded_reader *reader)
{
    return rrto_payload_coder_model(reader->coder);
}

/* One step with what has come: RRTO_TRUNCATED when that is too little. */
static int step(struct rrto_coded_reader *reader, const uint8_t *data, size_t n, size_t *ret_used)
{
    *ret_used = 0;
    if (reader->state == RRTO_CODED_CHUNKS)
        return rrto_payload_decode_chunk(reader->coder, data, n, ret_used, &reader->n_done);
    if (reader->state == RRTO_CODED_HEAD) {
        reader->state = RRTO_CODED_CHUNKS;
        int status = rrto_payload_decode(reader->coder, &reader->slots.pasts[reader->slot], reader->to, reader->n, data,
                                         n, ret_used);
        if (status == RRTO_TRUNCATED)
            reader->state = RRTO_CODED_HEAD;
        return status;
    }
    if (n == 0)
        return RRTO_TRUNCATED;
    reader->slot = data[0];
    reader->state = RRTO_CODED_HEAD;
    *ret_used = 1;
    return reader->slot < RRTO_CODED_SLOTS ? RRTO_OK : RRTO_PROTOCOL;
}

static int feed(struct rrto_coded_reader *reader, const void *data, size_t n, size_t *ret_taken, bool *ret_complete)
{
    struct rrto_buf *bytes = &reader->bytes;
    size_t room = BUFFER_BYTES - bytes->size, take = n < room ? n : room, at = 0, used;
    int status = RRTO_OK;
    *ret_taken = 0;
    *ret_complete = false;
    rrto_buf_put(bytes, data, take);
    if (bytes->failed)
        return RRTO_NO_MEMORY;
    while (status == RRTO_OK && reader->n_done < reader->n) {
        status = step(reader, bytes->data + at, bytes->size - at, &used);
        at += used;
    }
    if (status == RRTO_OK) { /* what is left has come just now, and is what follows the payload */
        *ret_taken = take - (bytes->size - at);
        *ret_complete = true;
        rrto_buf_clear(bytes);
        return keep(&reader->slots.pasts[reader->slot], reader->to, reader->n) ? RRTO_OK : RRTO_NO_MEMORY;
    }
    if (status != RRTO_TRUNCATED || bytes->size - at == BUFFER_BYTES)
        return RRTO_PROTOCOL;
    memmove(bytes->data, bytes->data + at, bytes->size - at);
    bytes->size -= at;
    *ret_taken = take;
    return RRTO_OK;
}

int rrto_coded_reader_feed(struct rrto_coded_reader *reader, const void *data, size_t n, size_t *ret_taken,
                           bool *ret_complete)
{
    uint64_t start = reader->now_ns();
    int status = feed(reader, data, n, ret_taken, ret_complete);
    reader->spent_ns += reader->now_ns() - start;
    return status;
}
