/* SPDX-License-Identifier: Apache-2.0 */
/* Encoders and decoders of the fixed layouts in docs/wire.md. Both supported byte orders are little-endian: memcpy is
 * the encoding. */
#include "wire/frame.h"

#include "base/status.h"

#include <string.h>

static const uint8_t magic[4] = {'R', 'R', 'T', 'O'};

static bool all_zero(const uint8_t *data, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (data[i])
            return false;
    }
    return true;
}

/* Copies text into a NUL-padded field of n bytes, cut if need be. */
static void put_text(uint8_t *out, size_t n, const char *text)
{
    size_t length = strnlen(text, n);
    memset(out, 0, n);
    memcpy(out, text, length);
}

/* The other way: only printable characters go on, since the text ends in somebody's log. */
static void get_text(char *out, size_t n, const uint8_t *in)
{
    size_t i = 0;
    for (; i < n && in[i]; i++)
        out[i] = in[i] >= 0x20 && in[i] < 0x7f ? (char)in[i] : '?';
    out[i] = '\0';
}

void rrto_hello_encode(uint8_t out[RRTO_HELLO_BYTES], const struct rrto_hello *hello)
{
    memset(out, 0, RRTO_HELLO_BYTES);
    memcpy(out, magic, 4);
    memcpy(out + 4, &hello->major, 2);
    memcpy(out + 6, &hello->minor, 2);
    memcpy(out + 8, &hello->flags, 4);
    memcpy(out + 12, &hello->pid, 4);
    put_text(out + 16, 16, hello->build);
}

int rrto_hello_decode(const uint8_t in[RRTO_HELLO_BYTES], struct rrto_hello *ret_hello)
{
    if (memcmp(in, magic, 4) != 0)
        return RRTO_PROTOCOL;
    struct rrto_hello hello = {0};
    memcpy(&hello.major, in + 4, 2);
    memcpy(&hello.minor, in + 6, 2);
    memcpy(&hello.flags, in + 8, 4);
    memcpy(&hello.pid, in + 12, 4);
    get_text(hello.build, 16, in + 16);
    /* A later major version may use the reserved bytes: it is refused by its version, with a better sentence. */
    if (hello.major == RRTO_WIRE_MAJOR && !all_zero(in + 32, 32))
        return RRTO_PROTOCOL;
    *ret_hello = hello;
    return RRTO_OK;
}

void rrto_hello_answer_encode(uint8_t out[RRTO_HELLO_BYTES], const struct rrto_hello_answer *answer)
{
    memset(out, 0, RRTO_HELLO_BYTES);
    memcpy(out, magic, 4);
    memcpy(out + 4, &answer->major, 2);
    memcpy(out + 6, &answer->minor, 2);
    memcpy(out + 8, &answer->status, 4);
    put_text(out + 12, 52, answer->text);
}

int rrto_hello_answer_decode(const uint8_t in[RRTO_HELLO_BYTES], struct rrto_hello_answer *ret_answer)
{
    if (memcmp(in, magic, 4) != 0)
        return RRTO_PROTOCOL;
    memcpy(&ret_answer->major, in + 4, 2);
    memcpy(&ret_answer->minor, in + 6, 2);
    memcpy(&ret_answer->status, in + 8, 4);
    get_text(ret_answer->text, 52, in + 12);
    return RRTO_OK;
}

void rrto_chunk_encode(uint8_t out[RRTO_CHUNK_HEADER_BYTES], const struct rrto_chunk *chunk)
{
    memcpy(out, &chunk->n_bytes, 4);
    out[4] = chunk->type;
    out[5] = chunk->flags;
    out[6] = out[7] = 0;
}

int rrto_chunk_decode(const uint8_t in[RRTO_CHUNK_HEADER_BYTES], struct rrto_chunk *ret_chunk)
{
    /* The fixed head of each type: a chunk has at least that; SUBSCRIBE has no more. */
    static const uint8_t head_bytes[] = {
        [RRTO_CHUNK_REPLY] = RRTO_REPLY_HEAD_BYTES, [RRTO_CHUNK_DATA] = RRTO_DATA_HEAD_BYTES,
        [RRTO_CHUNK_ERROR] = RRTO_ERROR_HEAD_BYTES, [RRTO_CHUNK_SUBSCRIBE] = RRTO_SUBSCRIBE_BYTES,
        [RRTO_CHUNK_TEXT] = RRTO_TEXT_HEAD_BYTES,   [RRTO_CHUNK_CODED] = RRTO_CODED_HEAD_BYTES};
    struct rrto_chunk chunk;
    memcpy(&chunk.n_bytes, in, 4);
    chunk.type = in[4];
    chunk.flags = in[5];
    if (chunk.type < RRTO_CHUNK_CONTROL || chunk.type > RRTO_CHUNK_CODED || in[6] || in[7])
        return RRTO_PROTOCOL;
    if (chunk.flags & ~(chunk.type == RRTO_CHUNK_OPS ? RRTO_CHUNK_END : 0))
        return RRTO_PROTOCOL;
    if (chunk.n_bytes > RRTO_CHUNK_MAX_BYTES)
        return RRTO_TOO_LARGE;
    if (chunk.n_bytes < head_bytes[chunk.type])
        return RRTO_PROTOCOL;
    if (chunk.type == RRTO_CHUNK_SUBSCRIBE && chunk.n_bytes != RRTO_SUBSCRIBE_BYTES)
        return RRTO_PROTOCOL;
    *ret_chunk = chunk;
    return RRTO_OK;
}

static const char *const library_names[] = {"", "cuda", "cublas", "cublaslt", "cudnn"};

const char *rrto_wire_library_name(uint8_t library)
{
    return library < sizeof library_names / sizeof *library_names ? library_names[library] : "";
}

uint8_t rrto_wire_library_number(const char *name)
{
    for (uint8_t i = RRTO_WIRE_CUDA; i <= RRTO_WIRE_CUDNN; i++) {
        if (strcmp(name, library_names[i]) == 0)
            return i;
    }
    return strcmp(name, "ops") == 0 ? RRTO_WIRE_CUDA : RRTO_WIRE_PROTOCOL;
}

void rrto_reply_head_encode(uint8_t out[RRTO_REPLY_HEAD_BYTES], const struct rrto_reply_head *head)
{
    memset(out, 0, RRTO_REPLY_HEAD_BYTES);
    memcpy(out, &head->position, 8);
    memcpy(out + 8, &head->audit_hash, 8);
    memcpy(out + 16, &head->status, 4);
    out[20] = head->library;
    out[21] = head->flags;
    memcpy(out + 22, &head->link_rate, 2);
    memcpy(out + 24, &head->starved_us, 4);
}

int rrto_reply_head_decode(const uint8_t in[RRTO_REPLY_HEAD_BYTES], struct rrto_reply_head *ret_head)
{
    if (in[20] > RRTO_WIRE_CUDNN || in[21] & ~(RRTO_REPLY_TIMES | RRTO_REPLY_CODING))
        return RRTO_PROTOCOL;
    memcpy(&ret_head->position, in, 8);
    memcpy(&ret_head->audit_hash, in + 8, 8);
    memcpy(&ret_head->status, in + 16, 4);
    ret_head->library = in[20];
    ret_head->flags = in[21];
    memcpy(&ret_head->link_rate, in + 22, 2);
    memcpy(&ret_head->starved_us, in + 24, 4);
    return RRTO_OK;
}

void rrto_reply_times_encode(uint8_t out[RRTO_REPLY_TIMES_BYTES], const struct rrto_reply_times *times)
{
    memcpy(out, &times->arriving_us, 4);
    memcpy(out + 4, &times->queue_us, 4);
    memcpy(out + 8, &times->compute_us, 4);
}

void rrto_reply_times_decode(const uint8_t in[RRTO_REPLY_TIMES_BYTES], struct rrto_reply_times *ret_times)
{
    memcpy(&ret_times->arriving_us, in, 4);
    memcpy(&ret_times->queue_us, in + 4, 4);
    memcpy(&ret_times->compute_us, in + 8, 4);
}

void rrto_data_head_encode(uint8_t out[RRTO_DATA_HEAD_BYTES], const struct rrto_data_head *head)
{
    memcpy(out, &head->position, 8);
    memcpy(out + 8, &head->offset, 8);
}

void rrto_data_head_decode(const uint8_t in[RRTO_DATA_HEAD_BYTES], struct rrto_data_head *ret_head)
{
    memcpy(&ret_head->position, in, 8);
    memcpy(&ret_head->offset, in + 8, 8);
}

void rrto_coded_head_encode(uint8_t out[RRTO_CODED_HEAD_BYTES], const struct rrto_coded_head *head)
{
    memcpy(out, &head->position, 8);
    memcpy(out + 8, &head->offset, 8);
    memcpy(out + 16, &head->n_bytes, 4);
    memcpy(out + 20, &head->coding_us, 4);
}

int rrto_coded_head_decode(const uint8_t in[RRTO_CODED_HEAD_BYTES], struct rrto_coded_head *ret_head)
{
    struct rrto_coded_head head;
    memcpy(&head.position, in, 8);
    memcpy(&head.offset, in + 8, 8);
    memcpy(&head.n_bytes, in + 16, 4);
    memcpy(&head.coding_us, in + 20, 4);
    if (head.n_bytes == 0 || head.n_bytes > RRTO_RESULT_MAX_BYTES)
        return RRTO_PROTOCOL;
    *ret_head = head;
    return RRTO_OK;
}

void rrto_error_head_encode(uint8_t out[RRTO_ERROR_HEAD_BYTES], const struct rrto_error_head *head)
{
    memset(out, 0, RRTO_ERROR_HEAD_BYTES);
    memcpy(out, &head->position, 8);
    memcpy(out + 8, &head->code, 4);
    out[12] = head->library;
}

int rrto_error_head_decode(const uint8_t in[RRTO_ERROR_HEAD_BYTES], struct rrto_error_head *ret_head)
{
    if (in[12] > RRTO_WIRE_CUDNN || in[13] || in[14] || in[15])
        return RRTO_PROTOCOL;
    memcpy(&ret_head->position, in, 8);
    memcpy(&ret_head->code, in + 8, 4);
    ret_head->library = in[12];
    return RRTO_OK;
}

void rrto_subscribe_encode(uint8_t out[RRTO_SUBSCRIBE_BYTES], uint64_t position)
{
    memcpy(out, &position, 8);
}

uint64_t rrto_subscribe_decode(const uint8_t in[RRTO_SUBSCRIBE_BYTES])
{
    uint64_t position;
    memcpy(&position, in, 8);
    return position;
}

void rrto_text_head_encode(uint8_t out[RRTO_TEXT_HEAD_BYTES], const struct rrto_text_head *head)
{
    memset(out, 0, RRTO_TEXT_HEAD_BYTES);
    out[0] = head->fd;
    memcpy(out + 8, &head->n_lost, 8);
}

int rrto_text_head_decode(const uint8_t in[RRTO_TEXT_HEAD_BYTES], struct rrto_text_head *ret_head)
{
    if (in[0] < 1 || in[0] > 2 || !all_zero(in + 1, 7))
        return RRTO_PROTOCOL;
    ret_head->fd = in[0];
    memcpy(&ret_head->n_lost, in + 8, 8);
    return RRTO_OK;
}
