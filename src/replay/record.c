/* SPDX-License-Identifier: Apache-2.0 */
/* The encoder of the record stream, and the audit hash. */
#include "replay/record.h"

#include "base/status.h"
#include "codec/codec.h"
#include "replay/patch.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { MAX_OUT_BYTES = 64 << 20, MAX_RECORD_HEAD = 1 + 3 * 10 + 8 };

uint64_t rrto_record_hash(uint64_t hash, const void *op, size_t n_bytes)
{
    return XXH3_64bits_withSeed(op, n_bytes, hash);
}

int rrto_record_encoder_init(struct rrto_record_encoder *encoder, uint64_t log_bytes)
{
    memset(encoder, 0, sizeof *encoder);
    rrto_buf_init(&encoder->out, MAX_OUT_BYTES);
    rrto_buf_init(&encoder->patches, RRTO_RECORD_MAX_PATCH_BYTES + 2 * RRTO_OP_MAX_BYTES);
    encoder->last_source_end = RRTO_RECORD_NO_SOURCE;
    return rrto_log_init(&encoder->log, log_bytes);
}

void rrto_record_encoder_fini(struct rrto_record_encoder *encoder)
{
    rrto_log_fini(&encoder->log);
    rrto_buf_fini(&encoder->out);
    rrto_buf_fini(&encoder->patches);
}

static void close_with(struct rrto_record_encoder *encoder, unsigned flags)
{
    if (encoder->n_open == 0)
        return;
    struct rrto_buf *out = &encoder->out;
    size_t n_patches = encoder->patches.size;
    rrto_put_u8(out, (uint8_t)(RRTO_RECORD_PREDICTED | flags | (n_patches ? RRTO_RECORD_PATCHED : 0u)));
    rrto_put_varint(out, encoder->n_open);
    rrto_put_varint(out,
                    encoder->open_source == encoder->last_source_end ? 0 : encoder->open_head - encoder->open_source);
    if (n_patches) {
        rrto_put_varint(out, n_patches);
        rrto_buf_put(out, encoder->patches.data, n_patches);
    }
    if (flags & RRTO_RECORD_HASH)
        rrto_put_u64(out, encoder->hash);
    if (encoder->patches.failed)
        out->failed = true;
    encoder->last_source_end = encoder->open_source + encoder->n_open;
    encoder->n_open = 0;
    rrto_buf_clear(&encoder->patches);
}

void rrto_record_close(struct rrto_record_encoder *encoder)
{
    close_with(encoder, 0);
}

void rrto_record_end(struct rrto_record_encoder *encoder)
{
    close_with(encoder, 0);
    rrto_put_u8(&encoder->out, RRTO_RECORD_END);
}

/* Makes the open record one that may grow by the op at `source`. */
static void open_at(struct rrto_record_encoder *encoder, uint64_t source)
{
    if (encoder->n_open > 0 &&
        (source != encoder->open_source + encoder->n_open || encoder->n_open == RRTO_RECORD_MAX_OPS ||
         encoder->patches.size > RRTO_RECORD_MAX_PATCH_BYTES / 2))
        close_with(encoder, 0);
    if (encoder->n_open == 0) {
        encoder->open_source = source;
        encoder->open_head = encoder->log.head;
        encoder->patched_to = 0;
        encoder->patched_end = 0;
    }
}

enum rrto_record_how rrto_record_encode(struct rrto_record_encoder *encoder, uint64_t source, const void *op,
                                        size_t n_bytes, unsigned flags, size_t *ret_changed)
{
    enum rrto_record_how how = RRTO_RECORD_AS_LITERAL;
    size_t n_source = 0, changed = 0;
    const uint8_t *source_op = source == RRTO_RECORD_NO_SOURCE ? NULL : rrto_log_get(&encoder->log, source, &n_source);
    flags &= RRTO_RECORD_WAIT | RRTO_RECORD_PAYLOAD;
    if (flags & RRTO_RECORD_WAIT)
        flags |= RRTO_RECORD_HASH;

    if (source_op && n_source == n_bytes) {
        if (memcmp(source_op, op, n_bytes) == 0) {
            how = RRTO_RECORD_AS_PREDICTED;
            open_at(encoder, source);
        } else if (!encoder->no_patches) {
            size_t cost;
            changed = rrto_patch_measure(source_op, op, n_bytes, &cost);
            if (cost < n_bytes && cost <= RRTO_RECORD_MAX_PATCH_BYTES / 2) {
                how = RRTO_RECORD_AS_PATCHED;
                open_at(encoder, source);
                struct rrto_patch_state state = {encoder->patched_to, encoder->patched_end};
                rrto_patch_put(&encoder->patches, &state, encoder->n_open, source_op, op, n_bytes);
                encoder->patched_to = state.op;
                encoder->patched_end = state.end;
            } else {
                changed = 0;
            }
        }
    }
    encoder->hash = rrto_record_hash(encoder->hash, op, n_bytes);
    if (how == RRTO_RECORD_AS_LITERAL) {
        close_with(encoder, 0);
        if (rrto_buf_reserve(&encoder->out, MAX_RECORD_HEAD + n_bytes)) {
            rrto_put_u8(&encoder->out, (uint8_t)(RRTO_RECORD_LITERAL | flags));
            rrto_put_varint(&encoder->out, n_bytes);
            rrto_buf_put(&encoder->out, op, n_bytes);
            if (flags & RRTO_RECORD_HASH)
                rrto_put_u64(&encoder->out, encoder->hash);
        }
    } else {
        encoder->n_open++;
    }
    rrto_log_append(&encoder->log, op, n_bytes);
    if (flags)
        close_with(encoder, flags);
    if (ret_changed)
        *ret_changed = changed;
    return how;
}
