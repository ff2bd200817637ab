/* SPDX-License-Identifier: Apache-2.0 */
/* Writing and reading traces. Blocks are complete or absent: a crash costs the last one at most, and that is young. */
#include "replay/trace.h"

#include "base/log.h"
#include "base/status.h"
#include "codec/codec.h"
#include "compress/zstd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum {
    VERSION = 1,
    FILE_HEAD_BYTES = 32,
    BLOCK_HEAD_BYTES = 24,
    OP_HEAD_BYTES = 40,
    BLOCK_BYTES = 256 << 10, /* of ops, before compression */
    MAX_RAW_BYTES = BLOCK_BYTES + RRTO_OP_MAX_BYTES + 4096,
    MAX_BLOCK_BYTES = MAX_RAW_BYTES + (MAX_RAW_BYTES >> 7) + 4096,
    LEVEL = 1,
};
static const char file_magic[8] = "RRTOTRC";
#define BLOCK_MAGIC UINT32_C(0x4b4c4252) /* "RBLK" */

struct rrto_trace {
    int fd; /* -1: writing failed, nothing is written any more */
    struct rrto_buf raw, packed;
    uint32_t n_ops;    /* pending */
    uint64_t first_ns; /* of the first of them */
};

static bool write_all(int fd, const uint8_t *data, size_t n)
{
    while (n > 0) {
        ssize_t written = write(fd, data, n);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        data += written;
        n -= (size_t)written;
    }
    return true;
}

struct rrto_trace *rrto_trace_create(const char *path, uint32_t pid)
{
    struct rrto_trace *trace = calloc(1, sizeof *trace);
    if (!trace)
        return NULL;
    rrto_buf_init(&trace->raw, MAX_RAW_BYTES);
    rrto_buf_init(&trace->packed, MAX_BLOCK_BYTES);
    trace->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    rrto_buf_put(&trace->raw, file_magic, sizeof file_magic);
    rrto_put_u32(&trace->raw, VERSION);
    rrto_put_u32(&trace->raw, pid);
    rrto_buf_put(&trace->raw, NULL, FILE_HEAD_BYTES - trace->raw.size);
    if (trace->fd < 0 || trace->raw.failed || !write_all(trace->fd, trace->raw.data, trace->raw.size)) {
        rrto_warn("cannot write the trace %s: there will be none", path);
        return rrto_trace_close(trace);
    }
    rrto_buf_clear(&trace->raw);
    return trace;
}

/* Writes pending ops as a block now. */
static void flush(struct rrto_trace *trace)
{
    if (trace->fd >= 0 && trace->n_ops > 0) {
        struct rrto_buf *packed = &trace->packed;
        rrto_buf_clear(packed);
        rrto_buf_put(packed, NULL, BLOCK_HEAD_BYTES);
        bool ok = !trace->raw.failed && rrto_zstd_compress(packed, trace->raw.data, trace->raw.size, LEVEL) == RRTO_OK;
        if (ok) {
            size_t end = packed->size;
            uint32_t n_packed = (uint32_t)(end - BLOCK_HEAD_BYTES);
            packed->size = 0;
            rrto_put_u32(packed, BLOCK_MAGIC);
            rrto_put_u32(packed, (uint32_t)trace->raw.size);
            rrto_put_u32(packed, n_packed);
            rrto_put_u32(packed, trace->n_ops);
            rrto_put_u64(packed, XXH3_64bits(packed->data + BLOCK_HEAD_BYTES, n_packed));
            packed->size = end;
            ok = write_all(trace->fd, packed->data, end);
        }
        if (!ok) {
            rrto_warn("the trace could not be written further: it ends here");
            close(trace->fd);
            trace->fd = -1;
        }
    }
    rrto_buf_clear(&trace->raw);
    trace->n_ops = 0;
}

struct rrto_trace *rrto_trace_close(struct rrto_trace *trace)
{
    if (!trace)
        return NULL;
    flush(trace);
    if (trace->fd >= 0)
        close(trace->fd);
    rrto_buf_fini(&trace->raw);
    rrto_buf_fini(&trace->packed);
    free(trace);
    return NULL;
}

void rrto_trace_flush_old(struct rrto_trace *trace, uint64_t now_ns)
{
    /* a look at the clock may be older than an op that has come meanwhile */
    if (trace && trace->n_ops > 0 && now_ns > trace->first_ns && now_ns - trace->first_ns >= RRTO_TRACE_PENDING_NS)
        flush(trace);
}

void rrto_trace_op(struct rrto_trace *trace, const struct rrto_trace_op *op)
{
    struct rrto_buf *raw = &trace->raw;
    if (trace->fd < 0 || !rrto_buf_reserve(raw, OP_HEAD_BYTES + (size_t)op->n_bytes + 8))
        return;
    rrto_put_u64(raw, op->position);
    rrto_put_u64(raw, op->time_ns);
    rrto_put_u64(raw, op->source);
    rrto_put_u32(raw, op->lane);
    rrto_put_u8(raw, op->how);
    rrto_put_u8(raw, op->wait);
    rrto_put_u16(raw, 0);
    rrto_put_u32(raw, op->n_bytes);
    rrto_put_u32(raw, op->value);
    rrto_buf_put(raw, op->bytes, op->n_bytes);
    rrto_buf_put(raw, NULL, (8 - raw->size % 8) % 8);
    if (trace->n_ops++ == 0)
        trace->first_ns = op->time_ns;
    if (raw->size >= BLOCK_BYTES)
        flush(trace);
    else
        rrto_trace_flush_old(trace, op->time_ns);
}

/* --- reading --- */

struct rrto_trace_reader {
    int fd;
    uint32_t pid;
    struct rrto_buf packed, raw;
    size_t at;     /* in raw */
    uint32_t left; /* ops of the block */
    int status;    /* sticky */
};

/* How many of n bytes could be read. */
static size_t read_all(int fd, uint8_t *data, size_t n)
{
    size_t done = 0;
    while (done < n) {
        ssize_t got = read(fd, data + done, n - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        done += (size_t)got;
    }
    return done;
}

int rrto_trace_open(const char *path, struct rrto_trace_reader **ret_reader)
{
    uint8_t head[FILE_HEAD_BYTES];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return RRTO_IO;
    struct rrto_dec dec;
    bool ok = read_all(fd, head, sizeof head) == sizeof head && memcmp(head, file_magic, sizeof file_magic) == 0;
    rrto_dec_init(&dec, head + sizeof file_magic, sizeof head - sizeof file_magic);
    uint32_t version = rrto_get_u32(&dec), pid = rrto_get_u32(&dec);
    struct rrto_trace_reader *reader = ok && version == VERSION ? calloc(1, sizeof *reader) : NULL;
    if (!reader) {
        close(fd);
        return ok && version == VERSION ? RRTO_NO_MEMORY : RRTO_MISMATCH;
    }
    reader->fd = fd;
    reader->pid = pid;
    rrto_buf_init(&reader->packed, MAX_BLOCK_BYTES);
    rrto_buf_init(&reader->raw, MAX_RAW_BYTES);
    *ret_reader = reader;
    return RRTO_OK;
}

struct rrto_trace_reader *rrto_trace_reader_close(struct rrto_trace_reader *reader)
{
    if (reader) {
        close(reader->fd);
        rrto_buf_fini(&reader->packed);
        rrto_buf_fini(&reader->raw);
        free(reader);
    }
    return NULL;
}

uint32_t rrto_trace_reader_pid(const struct rrto_trace_reader *reader)
{
    return reader->pid;
}

static int read_block(struct rrto_trace_reader *reader)
{
    uint8_t head[BLOCK_HEAD_BYTES];
    size_t n = read_all(reader->fd, head, sizeof head);
    if (n < sizeof head)
        return n == 0 ? RRTO_NOT_FOUND : RRTO_TRUNCATED;
    struct rrto_dec dec;
    rrto_dec_init(&dec, head, sizeof head);
    uint32_t magic = rrto_get_u32(&dec), n_raw = rrto_get_u32(&dec), n_packed = rrto_get_u32(&dec);
    reader->left = rrto_get_u32(&dec);
    uint64_t hash = rrto_get_u64(&dec);
    if (magic != BLOCK_MAGIC || n_raw > MAX_RAW_BYTES || n_packed > MAX_BLOCK_BYTES || reader->left == 0)
        return RRTO_PROTOCOL;
    rrto_buf_clear(&reader->packed);
    rrto_buf_clear(&reader->raw);
    uint8_t *to = rrto_buf_reserve(&reader->packed, n_packed);
    if (!to)
        return RRTO_NO_MEMORY;
    if (read_all(reader->fd, to, n_packed) != n_packed)
        return RRTO_TRUNCATED;
    if (XXH3_64bits(to, n_packed) != hash)
        return RRTO_PROTOCOL;
    reader->at = 0;
    return rrto_zstd_decompress(&reader->raw, to, n_packed, n_raw);
}

int rrto_trace_read(struct rrto_trace_reader *reader, struct rrto_trace_op *ret_op)
{
    if (reader->status == RRTO_OK && reader->left == 0)
        reader->status = read_block(reader);
    if (reader->status != RRTO_OK)
        return reader->status;
    struct rrto_dec dec;
    rrto_dec_init(&dec, reader->raw.data + reader->at, reader->raw.size - reader->at);
    struct rrto_trace_op op;
    op.position = rrto_get_u64(&dec);
    op.time_ns = rrto_get_u64(&dec);
    op.source = rrto_get_u64(&dec);
    op.lane = rrto_get_u32(&dec);
    op.how = rrto_get_u8(&dec);
    op.wait = rrto_get_u8(&dec) != 0;
    (void)rrto_get_u16(&dec);
    op.n_bytes = rrto_get_u32(&dec);
    op.value = rrto_get_u32(&dec);
    op.bytes = rrto_get_bytes(&dec, op.n_bytes);
    (void)rrto_get_bytes(&dec, (8 - op.n_bytes % 8) % 8);
    if (dec.failed)
        return reader->status = RRTO_PROTOCOL;
    reader->at = (size_t)(dec.at - reader->raw.data);
    reader->left--;
    *ret_op = op;
    return RRTO_OK;
}
