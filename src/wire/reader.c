/* SPDX-License-Identifier: Apache-2.0 */
/* Buffered reading of chunks. */
#include "wire/reader.h"

#include "base/clock.h"
#include "base/status.h"

#include <string.h>

/* Below this, bytes go through the buffer: the next chunk's header then comes with the same system call. */
enum { DIRECT_BYTES = 16 << 10 };

void rrto_reader_init(struct rrto_reader *reader, struct rrto_conn *conn)
{
    reader->conn = conn;
    reader->at = reader->end = reader->left = 0;
    reader->spin_ns = 0;
    reader->waited_ns = reader->woke_ns = reader->woke_first_ns = 0;
}

/* Reads once, waiting if nothing is there, and accounts for the wait. */
static int read_some(struct rrto_reader *reader, void *data, size_t n, int timeout_ms, size_t *ret_n)
{
    int status = rrto_conn_try_read(reader->conn, data, n, ret_n);
    if (status != RRTO_TIMEOUT || timeout_ms == 0)
        return status;
    uint64_t start = rrto_now_ns(), now = start;
    while (status == RRTO_TIMEOUT && now - start < reader->spin_ns) {
        status = rrto_conn_try_read(reader->conn, data, n, ret_n);
        now = rrto_now_ns();
    }
    if (status == RRTO_TIMEOUT)
        status = rrto_conn_read(reader->conn, data, n, timeout_ms, ret_n);
    now = rrto_now_ns();
    reader->waited_ns += now - start;
    if (status == RRTO_OK) {
        reader->woke_ns = now;
        reader->woke_first_ns = reader->woke_first_ns ? reader->woke_first_ns : now;
    }
    return status;
}

/* At least n (at most the buffer's size) unread bytes into the buffer. */
static int fill(struct rrto_reader *reader, uint32_t n, int timeout_ms)
{
    while (reader->end - reader->at < n) {
        if (reader->at == reader->end) {
            reader->at = reader->end = 0;
        } else if (reader->at + n > RRTO_READER_BYTES) {
            memmove(reader->buffer, reader->buffer + reader->at, reader->end - reader->at);
            reader->end -= reader->at;
            reader->at = 0;
        }
        size_t got = 0;
        int status = read_some(reader, reader->buffer + reader->end, RRTO_READER_BYTES - reader->end, timeout_ms, &got);
        if (status != RRTO_OK)
            return status;
        reader->end += (uint32_t)got;
    }
    return RRTO_OK;
}

bool rrto_reader_has_chunk(const struct rrto_reader *reader)
{
    return reader->left == 0 && reader->end - reader->at >= RRTO_CHUNK_HEADER_BYTES;
}

int rrto_reader_chunk(struct rrto_reader *reader, int timeout_ms, struct rrto_chunk *ret_chunk)
{
    if (reader->left)
        return RRTO_INVALID;
    int status = fill(reader, RRTO_CHUNK_HEADER_BYTES, timeout_ms);
    if (status == RRTO_CLOSED && reader->at != reader->end)
        return RRTO_TRUNCATED;
    if (status != RRTO_OK)
        return status;
    status = rrto_chunk_decode(reader->buffer + reader->at, ret_chunk);
    if (status != RRTO_OK)
        return status;
    reader->at += RRTO_CHUNK_HEADER_BYTES;
    reader->left = ret_chunk->n_bytes;
    return RRTO_OK;
}

static int cut_off(int status)
{
    return status == RRTO_CLOSED ? RRTO_TRUNCATED : status; /* a chunk without its end */
}

int rrto_reader_some(struct rrto_reader *reader, const uint8_t **ret_data, size_t *ret_n)
{
    *ret_data = reader->buffer + reader->at;
    *ret_n = 0;
    if (reader->left == 0)
        return RRTO_OK;
    if (reader->at == reader->end) {
        int status = fill(reader, 1, -1);
        if (status != RRTO_OK)
            return cut_off(status);
    }
    uint32_t n = reader->end - reader->at;
    if (n > reader->left)
        n = reader->left;
    *ret_data = reader->buffer + reader->at;
    *ret_n = n;
    reader->at += n;
    reader->left -= n;
    return RRTO_OK;
}

int rrto_reader_read(struct rrto_reader *reader, void *data, size_t n)
{
    if (n > reader->left)
        return RRTO_PROTOCOL;
    uint8_t *out = data;
    while (n > 0) {
        if (reader->at == reader->end && n >= DIRECT_BYTES) {
            size_t got = 0;
            int status = read_some(reader, out, n, -1, &got);
            if (status != RRTO_OK)
                return cut_off(status);
            out += got;
            n -= got;
            reader->left -= (uint32_t)got;
            continue;
        }
        if (reader->at == reader->end) {
            int status = fill(reader, 1, -1);
            if (status != RRTO_OK)
                return cut_off(status);
        }
        uint32_t part = reader->end - reader->at;
        if (part > n)
            part = (uint32_t)n;
        memcpy(out, reader->buffer + reader->at, part);
        reader->at += part;
        reader->left -= part;
        out += part;
        n -= part;
    }
    return RRTO_OK;
}

int rrto_reader_skip(struct rrto_reader *reader)
{
    while (reader->left) {
        const uint8_t *data;
        size_t n;
        int status = rrto_reader_some(reader, &data, &n);
        if (status != RRTO_OK)
            return status;
    }
    return RRTO_OK;
}
