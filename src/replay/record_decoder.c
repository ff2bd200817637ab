/* SPDX-License-Identifier: Apache-2.0 */
/* The streaming decoder of the record stream: a state machine over bytes that may be cut anywhere. Everything that it
 * reads comes from an untrusted peer. */
#include "base/status.h"
#include "codec/codec.h"
#include "replay/coded.h"
#include "replay/patch.h"
#include "replay/record.h"

#include <stdlib.h>

enum state { KIND, N, DISTANCE, N_PATCH, BODY, PATCH, HASH, PAYLOAD, CODED, ENDED };

struct rrto_record_decoder {
    struct rrto_log log;
    struct rrto_slots slots;
    uint64_t hash;
    const struct rrto_record_callbacks *callbacks;
    void *arg;
    int status;

    enum state state;
    unsigned kind, flags;
    uint64_t varint; /* being collected */
    unsigned shift;
    uint64_t n, distance, n_patch;
    struct rrto_buf bytes; /* being collected: a literal op, or patches */
    uint64_t wanted_hash;
    unsigned n_hash;
    uint64_t last_source_end;

    struct rrto_buf op;            /* the op being reconstructed */
    struct rrto_record_op pending; /* the op whose payload is being received */
    uint64_t n_received;
    struct rrto_coded_reader *coded; /* NULL: payloads come as they are */
};

struct rrto_record_decoder *rrto_record_decoder_create(uint64_t log_bytes, unsigned slot_kinds,
                                                       const struct rrto_record_callbacks *callbacks, void *arg)
{
    struct rrto_record_decoder *decoder = calloc(1, sizeof *decoder);
    if (!decoder)
        return NULL;
    if (rrto_log_init(&decoder->log, log_bytes) != RRTO_OK) {
        free(decoder);
        return NULL;
    }
    rrto_buf_init(&decoder->bytes, RRTO_OP_MAX_BYTES + RRTO_RECORD_MAX_PATCH_BYTES);
    rrto_buf_init(&decoder->op, RRTO_OP_MAX_BYTES);
    rrto_slots_init(&decoder->slots, slot_kinds);
    decoder->callbacks = callbacks;
    decoder->arg = arg;
    decoder->last_source_end = RRTO_RECORD_NO_SOURCE;
    return decoder;
}

struct rrto_record_decoder *rrto_record_decoder_destroy(struct rrto_record_decoder *decoder)
{
    if (decoder) {
        rrto_log_fini(&decoder->log);
        rrto_buf_fini(&decoder->bytes);
        rrto_buf_fini(&decoder->op);
        if (decoder->coded)
            rrto_coded_reader_fini(decoder->coded);
        free(decoder->coded);
        free(decoder);
    }
    return NULL;
}

int rrto_record_decoder_accept_coded(struct rrto_record_decoder *decoder, uint64_t past_bytes, uint64_t (*now_ns)(void))
{
    decoder->coded = malloc(sizeof *decoder->coded);
    if (!decoder->coded)
        return RRTO_NO_MEMORY;
    rrto_coded_reader_init(decoder->coded, past_bytes, now_ns);
    return RRTO_OK;
}

uint64_t rrto_record_decoder_coded_ns(const struct rrto_record_decoder *decoder)
{
    return decoder->coded ? decoder->coded->spent_ns : 0;
}

static int fail(struct rrto_record_decoder *decoder, int status)
{
    if (decoder->status == RRTO_OK)
        decoder->status = status;
    return decoder->status;
}

/* One op has been reconstructed: into the log, then to the owner, or its payload first. */
static int finish_op(struct rrto_record_decoder *decoder, uint64_t source, const uint8_t *bytes, size_t n,
                     const struct rrto_slot *slots, unsigned n_slots, bool last)
{
    decoder->hash = rrto_record_hash(decoder->hash, bytes, n);
    if (last && decoder->flags & RRTO_RECORD_HASH && decoder->hash != decoder->wanted_hash)
        return fail(decoder, RRTO_MISMATCH);
    struct rrto_record_op op = {
        .position = rrto_log_append(&decoder->log, bytes, n, slots, n_slots),
        .bytes = bytes,
        .n_bytes = n,
        .hash = decoder->hash,
        .wait = last && decoder->flags & RRTO_RECORD_WAIT,
        .predicted = decoder->kind == RRTO_RECORD_PREDICTED,
        .source = source,
    };
    decoder->state = KIND;
    int status = RRTO_OK;
    if (last && decoder->flags & RRTO_RECORD_PAYLOAD) {
        status = decoder->callbacks->payload(decoder->arg, &op, &op.payload, &op.n_payload);
        if (status == RRTO_OK && op.n_payload > 0) {
            if (!op.payload)
                return fail(decoder, RRTO_NO_MEMORY);
            decoder->pending = op;
            decoder->n_received = 0;
            decoder->state = PAYLOAD;
            if (!(decoder->flags & RRTO_RECORD_CODED))
                return RRTO_OK;
            decoder->state = CODED;
            status = rrto_coded_reader_begin(decoder->coded, op.payload, op.n_payload);
            return status == RRTO_OK ? RRTO_OK : fail(decoder, status);
        }
        if (status == RRTO_OK && decoder->flags & RRTO_RECORD_CODED)
            status = RRTO_PROTOCOL; /* nothing to be coded */
    }
    if (status == RRTO_OK)
        status = decoder->callbacks->op(decoder->arg, &op);
    return status == RRTO_OK ? RRTO_OK : fail(decoder, status);
}

/* Makes, in decoder->op, the op of this index in the record of the one at `from`: what its slots predict, with the
 * patches. Words are predicted in their order, each with all before it known. *ret_slots: the op's own. */
static bool reconstruct(struct rrto_record_decoder *decoder, struct rrto_patch_reader *patches, uint64_t index,
                        uint64_t position, const uint8_t *from, size_t n, const struct rrto_slot **ret_slots,
                        unsigned *ret_n_slots)
{
    unsigned n_old;
    const struct rrto_slot *old = rrto_log_slots(&decoder->log, position, &n_old);
    uint8_t *op = decoder->op.data;
    bool patched = patches->op == index;
    size_t offset;
    uint32_t value;
    rrto_slots_begin(&decoder->slots, from, old, n_old);
    while (rrto_slots_predict(&decoder->slots, &offset, &value)) {
        memcpy(op + offset, &value, sizeof value);
        if (!rrto_patch_apply(patches, index, op, n, offset + sizeof value))
            return false;
        memcpy(&value, op + offset, sizeof value);
        rrto_slots_learn(&decoder->slots, value);
    }
    if (!rrto_patch_apply(patches, index, op, n, n))
        return false;
    *ret_slots = rrto_slots_end(&decoder->slots, op, n, patched, ret_n_slots);
    return true;
}

static int run_predicted(struct rrto_record_decoder *decoder)
{
    uint64_t source = decoder->last_source_end;
    if (decoder->distance > 0) {
        if (decoder->distance > decoder->log.head)
            return fail(decoder, RRTO_PROTOCOL);
        source = decoder->log.head - decoder->distance;
    } else if (source == RRTO_RECORD_NO_SOURCE) {
        return fail(decoder, RRTO_PROTOCOL);
    }
    struct rrto_patch_reader patches;
    rrto_patch_reader_init(&patches, decoder->bytes.data,
                           decoder->flags & RRTO_RECORD_PATCHED ? decoder->bytes.size : 0);
    uint64_t n_ops = decoder->n;
    decoder->last_source_end = source + n_ops;
    for (uint64_t i = 0; i < n_ops; i++) {
        size_t n;
        const uint8_t *from = rrto_log_get(&decoder->log, source + i, &n);
        if (!from)
            return fail(decoder, RRTO_PROTOCOL);
        rrto_buf_clear(&decoder->op);
        rrto_buf_put(&decoder->op, from, n);
        if (decoder->op.failed)
            return fail(decoder, RRTO_NO_MEMORY);
        bool last = i + 1 == n_ops;
        const struct rrto_slot *slots;
        unsigned n_slots;
        if (!reconstruct(decoder, &patches, i, source + i, from, n, &slots, &n_slots) ||
            (last && !rrto_patch_reader_done(&patches)))
            return fail(decoder, RRTO_PROTOCOL);
        int status = finish_op(decoder, source + i, decoder->op.data, n, slots, n_slots, last);
        if (status != RRTO_OK)
            return status;
    }
    return RRTO_OK;
}

static int run(struct rrto_record_decoder *decoder)
{
    return decoder->kind == RRTO_RECORD_PREDICTED
               ? run_predicted(decoder)
               : finish_op(decoder, RRTO_RECORD_NO_SOURCE, decoder->bytes.data, decoder->bytes.size, NULL, 0, true);
}

/* Everything but the hash has been read. */
static int after_body(struct rrto_record_decoder *decoder)
{
    if (decoder->flags & RRTO_RECORD_HASH) {
        decoder->state = HASH;
        decoder->wanted_hash = 0;
        decoder->n_hash = 0;
        return RRTO_OK;
    }
    return run(decoder);
}

static int take_kind(struct rrto_record_decoder *decoder, uint8_t byte)
{
    decoder->kind = byte & 3;
    decoder->flags = byte & ~3u;
    unsigned allowed = RRTO_RECORD_WAIT | RRTO_RECORD_PAYLOAD | RRTO_RECORD_HASH;
    if (decoder->kind == RRTO_RECORD_PREDICTED)
        allowed |= RRTO_RECORD_PATCHED;
    if (decoder->coded && decoder->flags & RRTO_RECORD_PAYLOAD)
        allowed |= RRTO_RECORD_CODED;
    if (decoder->kind == RRTO_RECORD_END)
        allowed = 0;
    if (decoder->kind > RRTO_RECORD_END || decoder->flags & ~allowed)
        return fail(decoder, RRTO_PROTOCOL);
    if (decoder->kind == RRTO_RECORD_END) {
        decoder->state = ENDED;
        if (decoder->callbacks->end)
            decoder->callbacks->end(decoder->arg);
        return RRTO_OK;
    }
    decoder->state = N;
    decoder->varint = 0;
    decoder->shift = 0;
    rrto_buf_clear(&decoder->bytes);
    return RRTO_OK;
}

static int collect(struct rrto_record_decoder *decoder, enum state state, uint64_t n)
{
    if (!rrto_buf_reserve(&decoder->bytes, (size_t)n))
        return fail(decoder, RRTO_NO_MEMORY);
    decoder->n_patch = n; /* for a literal: its bytes */
    decoder->state = state;
    return RRTO_OK;
}

static int take_number(struct rrto_record_decoder *decoder, uint64_t value)
{
    switch (decoder->state) {
    case N:
        decoder->n = value;
        if (decoder->kind == RRTO_RECORD_LITERAL) {
            if (value < RRTO_OP_HEADER_BYTES || value > RRTO_OP_MAX_BYTES)
                return fail(decoder, RRTO_TOO_LARGE);
            return collect(decoder, BODY, value);
        }
        if (value == 0 || value > RRTO_RECORD_MAX_OPS)
            return fail(decoder, RRTO_TOO_LARGE);
        decoder->state = DISTANCE;
        return RRTO_OK;
    case DISTANCE:
        decoder->distance = value;
        if (decoder->flags & RRTO_RECORD_PATCHED)
            decoder->state = N_PATCH;
        else
            return after_body(decoder);
        return RRTO_OK;
    default: /* N_PATCH */
        if (value == 0 || value > RRTO_RECORD_MAX_PATCH_BYTES)
            return fail(decoder, RRTO_TOO_LARGE);
        return collect(decoder, PATCH, value);
    }
}

/* One byte of a varint: at most ten, the shortest form only. */
static int take_varint_byte(struct rrto_record_decoder *decoder, uint8_t byte)
{
    if (decoder->shift == 63 && byte > 1)
        return fail(decoder, RRTO_PROTOCOL);
    decoder->varint |= (uint64_t)(byte & 127) << decoder->shift;
    if (byte & 128) {
        decoder->shift += 7;
        return RRTO_OK;
    }
    if (byte == 0 && decoder->shift > 0)
        return fail(decoder, RRTO_PROTOCOL);
    uint64_t value = decoder->varint;
    decoder->varint = 0;
    decoder->shift = 0;
    return take_number(decoder, value);
}

static int payload_complete(struct rrto_record_decoder *decoder)
{
    decoder->state = KIND;
    int status = decoder->callbacks->op(decoder->arg, &decoder->pending);
    return status == RRTO_OK ? RRTO_OK : fail(decoder, status);
}

/* Bytes of a coded payload; returns how many of them were. */
static size_t take_coded(struct rrto_record_decoder *decoder, const uint8_t *data, size_t n)
{
    size_t taken;
    bool complete;
    int status = rrto_coded_reader_feed(decoder->coded, data, n, &taken, &complete);
    if (status != RRTO_OK)
        fail(decoder, status);
    else if (complete)
        payload_complete(decoder);
    return taken;
}

int rrto_record_decoder_received(struct rrto_record_decoder *decoder, uint64_t n)
{
    if (decoder->status != RRTO_OK)
        return decoder->status;
    if (decoder->state != PAYLOAD || n > decoder->pending.n_payload - decoder->n_received)
        return fail(decoder, RRTO_INVALID);
    decoder->n_received += n;
    if (decoder->n_received < decoder->pending.n_payload)
        return RRTO_OK;
    return payload_complete(decoder);
}

uint64_t rrto_record_decoder_wanted(const struct rrto_record_decoder *decoder, void **ret_to)
{
    if (decoder->status != RRTO_OK || decoder->state != PAYLOAD)
        return 0;
    *ret_to = (uint8_t *)decoder->pending.payload + decoder->n_received;
    return decoder->pending.n_payload - decoder->n_received;
}

int rrto_record_decoder_feed(struct rrto_record_decoder *decoder, const void *data, size_t n)
{
    const uint8_t *at = data, *end = at + n;
    while (decoder->status == RRTO_OK && at < end) {
        size_t left = (size_t)(end - at), take;
        void *to = NULL;
        switch (decoder->state) {
        case KIND:
            take_kind(decoder, *at++);
            break;
        case N:
        case DISTANCE:
        case N_PATCH:
            take_varint_byte(decoder, *at++);
            break;
        case BODY:
        case PATCH:
            take = (size_t)decoder->n_patch - decoder->bytes.size;
            take = take < left ? take : left;
            rrto_buf_put(&decoder->bytes, at, take);
            at += take;
            if (decoder->bytes.size == decoder->n_patch)
                after_body(decoder);
            break;
        case HASH:
            decoder->wanted_hash |= (uint64_t)*at++ << (8 * decoder->n_hash);
            if (++decoder->n_hash == 8)
                run(decoder);
            break;
        case PAYLOAD:
            take = (size_t)rrto_record_decoder_wanted(decoder, &to);
            take = take < left ? take : left;
            memcpy(to, at, take);
            at += take;
            rrto_record_decoder_received(decoder, take);
            break;
        case CODED:
            at += take_coded(decoder, at, left);
            break;
        case ENDED:
            fail(decoder, RRTO_PROTOCOL);
            break;
        }
    }
    return decoder->status;
}

bool rrto_record_decoder_idle(const struct rrto_record_decoder *decoder)
{
    return decoder->state == KIND || decoder->state == ENDED;
}

const struct rrto_log *rrto_record_decoder_log(const struct rrto_record_decoder *decoder)
{
    return &decoder->log;
}

uint64_t rrto_record_decoder_hash(const struct rrto_record_decoder *decoder)
{
    return decoder->hash;
}

int rrto_record_decoder_status(const struct rrto_record_decoder *decoder)
{
    return decoder->status;
}
