/* SPDX-License-Identifier: Apache-2.0 */
/* Byte-run patches. A run: one byte (low 4 bits: op index delta, high 4 bits: length - 1; 15 = the rest follows as a
 * varint, delta first), varint offset from the end of the previous run in the same op, else from the op's start; then
 * the bytes. */
#include "replay/patch.h"

#include "codec/codec.h"

enum {
    MERGE_GAP = 2,     /* a run costs two bytes of head: bridging so many equal bytes is no dearer */
    MAX_RUN_HEAD = 31, /* byte + three varints */
};

/* The next differing run at or after *at; false at the end. */
static bool next_run(const uint8_t *a, const uint8_t *b, size_t n, size_t *at, size_t *ret_length)
{
    size_t i = *at;
    while (i + 8 <= n && memcmp(a + i, b + i, 8) == 0)
        i += 8;
    while (i < n && a[i] == b[i])
        i++;
    if (i == n)
        return false;
    size_t end = i + 1;
    for (size_t j = end; j < n && j - end <= MERGE_GAP; j++)
        if (a[j] != b[j])
            end = j + 1;
    *at = i;
    *ret_length = end - i;
    return true;
}

static size_t varint_bytes(uint64_t value)
{
    size_t n = 1;
    for (; value >= 128; value >>= 7)
        n++;
    return n;
}

size_t rrto_patch_measure(const uint8_t *source, const uint8_t *op, size_t n, size_t *ret_cost)
{
    size_t changed = 0, cost = 0, length;
    bool first = true;
    for (size_t at = 0; next_run(source, op, n, &at, &length); at += length) {
        for (size_t i = 0; i < length; i++)
            changed += source[at + i] != op[at + i];
        cost += length + 1 + varint_bytes(at) + (length > 15 ? varint_bytes(length - 16) : 0) + (first ? 3 : 0);
        first = false;
    }
    *ret_cost = cost;
    return changed;
}

void rrto_patch_put(struct rrto_buf *buf, struct rrto_patch_state *state, uint64_t op_index, const uint8_t *source,
                    const uint8_t *op, size_t n)
{
    size_t length;
    for (size_t at = 0; next_run(source, op, n, &at, &length); at += length) {
        uint64_t delta = op_index - state->op, extra = length - 1;
        size_t offset = delta ? at : at - state->end;
        if (!rrto_buf_reserve(buf, MAX_RUN_HEAD + length))
            return;
        rrto_put_u8(buf, (uint8_t)((delta < 15 ? delta : 15) | (extra < 15 ? extra : 15) << 4));
        if (delta >= 15)
            rrto_put_varint(buf, delta - 15);
        if (extra >= 15)
            rrto_put_varint(buf, extra - 15);
        rrto_put_varint(buf, offset);
        rrto_buf_put(buf, op + at, length);
        *state = (struct rrto_patch_state){op_index, at + length};
    }
}

static void read_head(struct rrto_patch_reader *reader)
{
    reader->op = UINT64_MAX;
    if (reader->failed || reader->at == reader->end)
        return;
    struct rrto_dec dec;
    rrto_dec_init(&dec, reader->at, (size_t)(reader->end - reader->at));
    uint8_t head = rrto_get_u8(&dec);
    uint64_t delta = head & 15, extra = head >> 4;
    uint64_t more_delta = delta == 15 ? rrto_get_varint(&dec) : 0, more_extra = extra == 15 ? rrto_get_varint(&dec) : 0;
    uint64_t offset = rrto_get_varint(&dec);
    uint64_t left = (uint64_t)(dec.end - dec.at);
    /* everything below is far from overflow: an op has at most RRTO_OP_MAX_BYTES, a record RRTO_RECORD_MAX_OPS */
    if (dec.failed || more_delta > UINT32_MAX || more_extra >= left || extra + more_extra + 1 > left ||
        offset > UINT32_MAX) {
        reader->failed = true;
        return;
    }
    reader->op = reader->state.op + delta + more_delta;
    reader->length = extra + more_extra + 1;
    reader->offset = (size_t)offset + (delta ? 0 : reader->state.end);
    reader->at = dec.at;
}

void rrto_patch_reader_init(struct rrto_patch_reader *reader, const void *data, size_t n)
{
    *reader = (struct rrto_patch_reader){.at = data};
    reader->end = n ? reader->at + n : reader->at;
    read_head(reader);
}

bool rrto_patch_apply(struct rrto_patch_reader *reader, uint64_t op_index, uint8_t *op, size_t n, size_t until)
{
    while (!reader->failed && reader->op == op_index) {
        if (reader->offset > n || reader->length > n - reader->offset) {
            reader->failed = true;
            break;
        }
        if (reader->offset >= until)
            break;
        size_t now = until - reader->offset < reader->length ? until - reader->offset : (size_t)reader->length;
        memcpy(op + reader->offset, reader->at, now);
        reader->at += now;
        reader->offset += now;
        reader->length -= now;
        if (reader->length > 0)
            break;
        reader->state = (struct rrto_patch_state){op_index, reader->offset};
        read_head(reader);
    }
    return !reader->failed;
}

bool rrto_patch_reader_done(const struct rrto_patch_reader *reader)
{
    return !reader->failed && reader->op == UINT64_MAX;
}
