/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: the fixed layouts, control messages and chunk streams that a peer sends, and server names. The first
 * byte chooses. */
#include "base/status.h"
#include "wire/connect.h"
#include "wire/control.h"
#include "wire/frame.h"
#include "wire/reader.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What decodes has to encode to the same bytes. */
static void fixed(const uint8_t *data, size_t n)
{
    uint8_t in[RRTO_HELLO_BYTES] = {0}, out[RRTO_HELLO_BYTES];
    struct rrto_chunk chunk;
    struct rrto_reply_head reply;
    struct rrto_error_head error;
    struct rrto_text_head text;
    struct rrto_hello hello;
    struct rrto_hello_answer answer;
    memcpy(in, data, n < sizeof in ? n : sizeof in);
    if (rrto_chunk_decode(in, &chunk) == RRTO_OK) {
        rrto_chunk_encode(out, &chunk);
        if (memcmp(in, out, RRTO_CHUNK_HEADER_BYTES) != 0 || chunk.n_bytes > RRTO_CHUNK_MAX_BYTES)
            __builtin_trap();
    }
    if (rrto_reply_head_decode(in, &reply) == RRTO_OK) {
        rrto_reply_head_encode(out, &reply);
        if (memcmp(in, out, 21) != 0 || memcmp(in + 24, out + 24, 4) != 0)
            __builtin_trap();
    }
    if (rrto_error_head_decode(in, &error) == RRTO_OK) {
        rrto_error_head_encode(out, &error);
        if (memcmp(in, out, RRTO_ERROR_HEAD_BYTES) != 0)
            __builtin_trap();
    }
    if (rrto_text_head_decode(in, &text) == RRTO_OK) {
        rrto_text_head_encode(out, &text);
        if (memcmp(in, out, RRTO_TEXT_HEAD_BYTES) != 0)
            __builtin_trap();
    }
    if (rrto_hello_decode(in, &hello) == RRTO_OK && strlen(hello.build) > 16)
        __builtin_trap();
    if (rrto_hello_answer_decode(in, &answer) == RRTO_OK && strlen(answer.text) > 52)
        __builtin_trap();
}

static void control(const uint8_t *data, size_t n)
{
    struct rrto_control *message = malloc(sizeof *message);
    if (message && rrto_control_decode(data, n, message) == RRTO_OK) {
        struct rrto_buf buf;
        rrto_buf_init(&buf, RRTO_CONTROL_MAX_BYTES);
        if (rrto_control_encode(&buf, message) != RRTO_OK)
            __builtin_trap();
        rrto_buf_fini(&buf);
    }
    free(message);
}

/* A stream of chunks through the reader: it ends, and hands out no more than a chunk has. */
static void stream(const uint8_t *data, size_t n)
{
    static struct rrto_reader reader;
    int fds[2];
    if (n > 100000 || socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
        return;
    struct rrto_conn writer, conn;
    rrto_conn_init_socket(&writer, fds[0]);
    rrto_conn_init_socket(&conn, fds[1]);
    (void)rrto_conn_write(&writer, data, n, 1000);
    rrto_conn_close(&writer);
    rrto_reader_init(&reader, &conn);
    struct rrto_chunk chunk;
    while (rrto_reader_chunk(&reader, 1000, &chunk) == RRTO_OK) {
        size_t total = 0, part;
        const uint8_t *bytes;
        int status;
        while ((status = rrto_reader_some(&reader, &bytes, &part)) == RRTO_OK && part > 0)
            total += part;
        if (status != RRTO_OK)
            break;
        if (total != chunk.n_bytes)
            __builtin_trap();
    }
    rrto_conn_close(&conn);
}

static void name(const uint8_t *data, size_t n)
{
    char text[600], why[400], printed[300];
    struct rrto_address address, again;
    size_t length = n < sizeof text - 1 ? n : sizeof text - 1;
    memcpy(text, data, length);
    text[length] = '\0';
    if (rrto_address_parse(text, &address, why, sizeof why) != RRTO_OK)
        return;
    rrto_address_print(&address, printed, sizeof printed);
    if (rrto_address_parse(printed, &again, why, sizeof why) != RRTO_OK || again.kind != address.kind ||
        strcmp(again.host, address.host) != 0 || again.port != address.port)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    static void (*const targets[])(const uint8_t *, size_t) = {fixed, control, stream, name};
    targets[data[0] % 4](data + 1, n - 1);
    return 0;
}
