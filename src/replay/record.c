/* SPDX-License-Identifier: Apache-2.0 */
/* The encoder of the record stream, and the audit hash. */
#include "replay/record.h"

#include "base/status.h"
#include "codec/codec.h"
#include "replay/patch.h"

#define XXH_INLINE_ALL
#include <sys/mman.h>
#include <xxhash.h>

enum { MAX_OUT_BYTES = 64 << 20, MAX_RECORD_HEAD = 1 + 3 * 10 + 8 };

/* The audit hash after an op, by the hash of that op alone. */
static inline uint64_t chain(uint64_t hash, uint64_t own)
{
    uint64_t mixed = (hash ^ own) * UINT64_C(0x9e3779b97f4a7c15);
    return mixed ^ mixed >> 32;
}

uint64_t rrto_record_hash(uint64_t hash, const void *op, size_t n_bytes)
{
    /* Without a seed, which XXH3 would expand to 192 bytes for every op of more than 240. */
    return chain(hash, XXH3_64bits(op, n_bytes));
}

static inline uint64_t *own_hash(const struct rrto_record_encoder *encoder, uint64_t position)
{
    return &encoder->own_hashes[position & (encoder->log.max_ops - 1)];
}

int rrto_record_encoder_init(struct rrto_record_encoder *encoder, uint64_t log_bytes, unsigned slot_kinds)
{
    memset(encoder, 0, sizeof *encoder);
    rrto_buf_init(&encoder->out, MAX_OUT_BYTES);
    rrto_buf_init(&encoder->predicted, RRTO_OP_MAX_BYTES);
    rrto_slots_init(&encoder->slots, slot_kinds);
    rrto_buf_init(&encoder->patches, RRTO_RECORD_MAX_PATCH_BYTES + 2 * RRTO_OP_MAX_BYTES);
    encoder->last_source_end = RRTO_RECORD_NO_SOURCE;
    int status = rrto_log_init(&encoder->log, log_bytes);
    if (status != RRTO_OK)
        return status;
    void *at = mmap(NULL, encoder->log.max_ops * sizeof *encoder->own_hashes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    encoder->own_hashes = at == MAP_FAILED ? NULL : at;
    return at == MAP_FAILED ? RRTO_NO_MEMORY : RRTO_OK;
}

void rrto_record_encoder_fini(struct rrto_record_encoder *encoder)
{
    if (encoder->own_hashes)
        munmap(encoder->own_hashes, encoder->log.max_ops * sizeof *encoder->own_hashes);
    encoder->own_hashes = NULL;
    rrto_log_fini(&encoder->log);
    rrto_buf_fini(&encoder->out);
    rrto_buf_fini(&encoder->predicted);
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
    encoder->n_records++;
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
static inline void open_at(struct rrto_record_encoder *encoder, uint64_t source)
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

/* What the op is predicted to be, by the slots of the one at `source`: that itself where it has none. op: what it is;
 * NULL: that is not known yet, and every prediction is taken to be right. */
static const uint8_t *predict(struct rrto_record_encoder *encoder, uint64_t source, const uint8_t *source_op,
                              const uint8_t *op, size_t n_bytes)
{
    unsigned n_slots;
    size_t offset;
    uint32_t value;
    const struct rrto_slot *slots = rrto_log_slots(&encoder->log, source, &n_slots);
    rrto_slots_begin(&encoder->slots, source_op, slots, n_slots);
    if (n_slots == 0)
        return source_op;
    rrto_buf_clear(&encoder->predicted);
    rrto_buf_put(&encoder->predicted, source_op, n_bytes);
    if (encoder->predicted.failed)
        return NULL;
    while (rrto_slots_predict(&encoder->slots, &offset, &value)) {
        memcpy(encoder->predicted.data + offset, &value, sizeof value);
        if (op)
            memcpy(&value, op + offset, sizeof value);
        rrto_slots_learn(&encoder->slots, value);
    }
    return encoder->predicted.data;
}

const uint8_t *rrto_record_predicted(struct rrto_record_encoder *encoder, uint64_t source, size_t *ret_n_bytes)
{
    const uint8_t *op = rrto_log_get(&encoder->log, source, ret_n_bytes);
    return op ? predict(encoder, source, op, NULL, *ret_n_bytes) : NULL;
}

size_t rrto_record_cost(struct rrto_record_encoder *encoder, uint64_t source, const void *op, size_t n_bytes)
{
    size_t n_source, cost;
    const uint8_t *source_op = rrto_log_get(&encoder->log, source, &n_source);
    if (!source_op || n_source != n_bytes)
        return SIZE_MAX;
    const uint8_t *predicted = predict(encoder, source, source_op, op, n_bytes);
    if (!predicted)
        return SIZE_MAX;
    (void)rrto_patch_measure(predicted, op, n_bytes, &cost);
    return cost > 0 && encoder->no_patches ? SIZE_MAX : cost;
}

static void put_literal(struct rrto_record_encoder *encoder, const void *op, size_t n_bytes, unsigned flags)
{
    close_with(encoder, 0);
    if (!rrto_buf_reserve(&encoder->out, MAX_RECORD_HEAD + n_bytes))
        return;
    encoder->n_records++;
    rrto_put_u8(&encoder->out, (uint8_t)(RRTO_RECORD_LITERAL | flags));
    rrto_put_varint(&encoder->out, n_bytes);
    rrto_buf_put(&encoder->out, op, n_bytes);
    if (flags & RRTO_RECORD_HASH)
        rrto_put_u64(&encoder->out, encoder->hash);
}

/* The op joins the open record, relative to what it was predicted to be; false: better literally. */
static bool put_patched(struct rrto_record_encoder *encoder, uint64_t source, const uint8_t *predicted,
                        const uint8_t *op, size_t n_bytes, size_t *ret_changed)
{
    if (encoder->no_patches)
        return false;
    size_t cost, changed = rrto_patch_measure(predicted, op, n_bytes, &cost);
    if (cost >= n_bytes || cost > RRTO_RECORD_MAX_PATCH_BYTES / 2)
        return false;
    open_at(encoder, source);
    struct rrto_patch_state state = {encoder->patched_to, encoder->patched_end};
    rrto_patch_put(&encoder->patches, &state, encoder->n_open, predicted, op, n_bytes);
    encoder->patched_to = state.op;
    encoder->patched_end = state.end;
    *ret_changed = changed;
    return true;
}

/* The op is the one at `source`, which has no slots: nothing was predicted wrong, and there is nothing to learn. Equal
 * bytes have equal hashes, so that one's stands. */
static inline void repeat(struct rrto_record_encoder *encoder, uint64_t source, const void *op, size_t n_bytes,
                          unsigned flags)
{
    open_at(encoder, source);
    encoder->n_open++;
    uint64_t own = *own_hash(encoder, source);
    *own_hash(encoder, encoder->log.head) = own;
    encoder->hash = chain(encoder->hash, own);
    rrto_log_append(&encoder->log, op, n_bytes, NULL, 0);
    if (flags & RRTO_RECORD_WAIT)
        flags |= RRTO_RECORD_HASH;
    if (__builtin_expect(flags & (RRTO_RECORD_WAIT | RRTO_RECORD_PAYLOAD), 0))
        close_with(encoder, flags & (RRTO_RECORD_WAIT | RRTO_RECORD_PAYLOAD | RRTO_RECORD_CODED | RRTO_RECORD_HASH));
}

enum rrto_record_how rrto_record_encode(struct rrto_record_encoder *encoder, uint64_t source, const void *op,
                                        size_t n_bytes, unsigned flags, size_t *ret_changed)
{
    if (flags & RRTO_RECORD_SAME && rrto_log_entry(&encoder->log, source)->n_slots == 0) {
        repeat(encoder, source, op, n_bytes, flags);
        if (ret_changed)
            *ret_changed = 0;
        return RRTO_RECORD_AS_PREDICTED;
    }
    enum rrto_record_how how = RRTO_RECORD_AS_LITERAL;
    const struct rrto_slot *slots = NULL;
    unsigned n_slots = 0;
    size_t n_source = 0, changed = 0;
    const uint8_t *source_op = source == RRTO_RECORD_NO_SOURCE ? NULL : rrto_log_get(&encoder->log, source, &n_source);
    const uint8_t *predicted =
        source_op && n_source == n_bytes ? predict(encoder, source, source_op, op, n_bytes) : NULL;
    bool same = flags & RRTO_RECORD_SAME && predicted == source_op;
    if (predicted && (same || memcmp(predicted, op, n_bytes) == 0)) {
        how = RRTO_RECORD_AS_PREDICTED;
        open_at(encoder, source);
    } else if (predicted && put_patched(encoder, source, predicted, op, n_bytes, &changed)) {
        how = RRTO_RECORD_AS_PATCHED;
    }
    flags &= RRTO_RECORD_WAIT | RRTO_RECORD_PAYLOAD | RRTO_RECORD_CODED;
    if (flags & RRTO_RECORD_WAIT)
        flags |= RRTO_RECORD_HASH;
    uint64_t own = XXH3_64bits(op, n_bytes);
    *own_hash(encoder, encoder->log.head) = own;
    encoder->hash = chain(encoder->hash, own);
    if (how == RRTO_RECORD_AS_LITERAL) {
        put_literal(encoder, op, n_bytes, flags);
    } else {
        encoder->n_open++;
        slots = rrto_slots_end(&encoder->slots, op, n_bytes, how == RRTO_RECORD_AS_PATCHED, &n_slots);
    }
    rrto_log_append(&encoder->log, op, n_bytes, slots, n_slots);
    if (flags)
        close_with(encoder, flags);
    if (ret_changed)
        *ret_changed = changed;
    return how;
}
