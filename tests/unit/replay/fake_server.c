/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_server.h"

#include "base/clock.h"
#include "base/status.h"
#include "replay/arrival.h"
#include "wire/control.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct rrto_op_info infos[FAKE_N] = {
    [FAKE_WORK] = {"work", "ops", RRTO_OP_DEVICE, 8, -1, 8},
    [FAKE_H2D] = {"h2d", "ops", RRTO_OP_DEVICE | RRTO_OP_INFALLIBLE | RRTO_OP_INVISIBLE | RRTO_OP_UP, 16, 8, 20},
    [FAKE_D2H] = {"d2h", "ops", RRTO_OP_DEVICE | RRTO_OP_DOWN, 16, 8, 20},
    [FAKE_SYNC] = {"sync", "ops", RRTO_OP_DEVICE | RRTO_OP_SYNC | RRTO_OP_ELIDABLE, 8, -1, 12},
    [FAKE_QUESTION] = {"question", "ops", RRTO_OP_MEMO | RRTO_OP_SYNC, -1, -1, 16},
    [FAKE_CHECKED] = {"checked", "ops", RRTO_OP_DEVICE | RRTO_OP_CHECKED, -1, -1, 24},
    [FAKE_DEVICE_SYNC] = {"device_sync", "ops", RRTO_OP_DEVICE | RRTO_OP_SYNC, -1, -1, 8},
    [FAKE_STREAM_CREATE] = {"stream_create", "ops", RRTO_OP_INFALLIBLE | RRTO_OP_INVISIBLE, -1, -1, 12},
    [FAKE_HIDDEN] = {"hidden", "ops", RRTO_OP_DEVICE | RRTO_OP_INFALLIBLE | RRTO_OP_INVISIBLE, 8, -1, 12},
    [FAKE_CLOSE] = {"close", "ops", RRTO_OP_DEVICE | RRTO_OP_CLOSES, 8, -1, 12},
    [FAKE_OPEN] = {"open", "ops", RRTO_OP_OPENS, -1, -1, 8},
};

static const struct rrto_op_info *info(uint16_t number)
{
    return number > 0 && number < FAKE_N ? &infos[number] : NULL;
}

static uint64_t token(const uint8_t *op, size_t n)
{
    return rrto_record_hash(1, op, n < 16 ? n : 16); /* number, stream, kernel */
}

static uint64_t one_token(const uint8_t *op, size_t n)
{
    (void)op;
    (void)n;
    return 5;
}

static uint64_t key(const uint8_t *op, size_t n)
{
    uint64_t value = 0;
    assert_true(n >= 16);
    memcpy(&value, op + 8, sizeof value);
    return value;
}

const struct rrto_optable *fake_optable(void)
{
    static const struct rrto_optable table = {info, token, key, FAKE_DEVICE_SYNC, FAKE_STREAM_CREATE, NULL};
    return &table;
}

const struct rrto_optable *fake_optable_colliding(void)
{
    static const struct rrto_optable table = {info, one_token, key, FAKE_DEVICE_SYNC, FAKE_STREAM_CREATE, NULL};
    return &table;
}

static int on_payload(void *arg, const struct rrto_record_op *op, void **ret_to, uint64_t *ret_n)
{
    struct fake_server *server = arg;
    *ret_n = rrto_optable_payload(info(rrto_op_number(op->bytes)), op->bytes, op->n_bytes);
    free(server->staging);
    *ret_to = server->staging = malloc(*ret_n + 1);
    return RRTO_OK;
}

static void put(struct fake_server *server, uint8_t type, const void *head, size_t n_head, const void *data, size_t n)
{
    uint8_t bytes[RRTO_CHUNK_HEADER_BYTES];
    rrto_chunk_encode(bytes, &(struct rrto_chunk){(uint32_t)(n_head + n), type, 0});
    struct iovec iov[3] = {{bytes, sizeof bytes}, {(void *)(uintptr_t)head, n_head}, {(void *)(uintptr_t)data, n}};
    (void)rrto_conn_writev(&server->conn, iov, 3, -1);
}

/* As a server that measures payloads: of less than 16 KiB on the way it knows nothing. */
static uint16_t take_rate(struct fake_server *server)
{
    uint64_t n = server->n_stream_bytes - server->n_measured;
    server->n_measured = server->n_stream_bytes;
    return n < RRTO_ARRIVAL_LEAST_BYTES ? 0 : __atomic_load_n(&server->link_rate, __ATOMIC_RELAXED);
}

static void reply(struct fake_server *server, uint64_t position, int32_t status, const void *fields, size_t n)
{
    uint8_t head[RRTO_REPLY_HEAD_BYTES + RRTO_REPLY_TIMES_BYTES];
    size_t n_head = RRTO_REPLY_HEAD_BYTES;
    struct rrto_reply_head values = {.position = position,
                                     .audit_hash = server->hash,
                                     .status = status,
                                     .library = RRTO_WIRE_CUDA,
                                     .flags = server->times ? RRTO_REPLY_TIMES : 0,
                                     .link_rate = take_rate(server),
                                     .starved_us = __atomic_load_n(&server->starved_us, __ATOMIC_RELAXED)};
    rrto_reply_head_encode(head, &values);
    if (server->times) {
        rrto_reply_times_encode(head + n_head, server->times);
        n_head += server->times_cut ? RRTO_REPLY_TIMES_BYTES - 1 : RRTO_REPLY_TIMES_BYTES;
    }
    put(server, RRTO_CHUNK_REPLY, head, n_head, fields, n);
}

/* What a D2H at this position brings: bytes that tell the position. In two pieces. */
static void data(struct fake_server *server, uint64_t position, uint64_t n)
{
    uint8_t *bytes = malloc(n), head[RRTO_DATA_HEAD_BYTES];
    for (uint64_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(position * 31 + i);
    uint64_t half = n / 2;
    rrto_data_head_encode(head, &(struct rrto_data_head){position, 0});
    put(server, RRTO_CHUNK_DATA, head, sizeof head, bytes, half);
    rrto_data_head_encode(head, &(struct rrto_data_head){position, half});
    put(server, RRTO_CHUNK_DATA, head, sizeof head, bytes + half, n - half);
    free(bytes);
}

static void texts(struct fake_server *server)
{
    enum { MIB = 1 << 20 };
    uint8_t head[RRTO_TEXT_HEAD_BYTES];
    char *bytes = malloc(MIB);
    rrto_text_head_encode(head, &(struct rrto_text_head){.fd = 1});
    for (uint32_t i = 0; i < server->n_texts; i++) {
        memset(bytes, 'a' + (int)(i % 26), MIB);
        put(server, RRTO_CHUNK_TEXT, head, sizeof head, bytes, MIB);
    }
    free(bytes);
}

static int on_op(void *arg, const struct rrto_record_op *op)
{
    struct fake_server *server = arg;
    uint16_t number = rrto_op_number(op->bytes);
    if (op->position == server->close_at)
        return RRTO_CLOSED;
    if (op->position == server->fail_at) {
        uint8_t head[RRTO_ERROR_HEAD_BYTES];
        rrto_error_head_encode(head, &(struct rrto_error_head){op->position, 700, RRTO_WIRE_CUDA});
        put(server, RRTO_CHUNK_ERROR, head, sizeof head, "illegal address", 15);
        return RRTO_REFUSED;
    }
    if ((server->n_ops & (server->n_ops - 1)) == 0) /* full: there is room for powers of two */
        server->ops = realloc(server->ops, (server->n_ops ? 2 * server->n_ops : 1) * sizeof *server->ops);
    struct fake_received *received = &server->ops[server->n_ops++];
    *received =
        (struct fake_received){.number = number, .n = op->n_bytes, .wait = op->wait, .predicted = op->predicted};
    memcpy(received->bytes, op->bytes, op->n_bytes < 64 ? op->n_bytes : 64);
    if (op->n_payload > 0)
        received->payload_hash = rrto_record_hash(0, op->payload, op->n_payload);
    server->hash = op->hash;
    if (number == FAKE_D2H)
        data(server, op->position, rrto_optable_payload(info(number), op->bytes, op->n_bytes));
    if (number == FAKE_DEVICE_SYNC)
        texts(server);
    if (op->wait) {
        uint64_t answer;
        memcpy(&answer, op->n_bytes >= 16 ? op->bytes + 8 : op->bytes, sizeof answer);
        answer = answer * 3;
        reply(server, op->position, number == FAKE_CHECKED ? server->checked_status : 0, &answer,
              number == FAKE_QUESTION ? sizeof answer : 0);
    }
    return RRTO_OK;
}

static void on_end(void *arg)
{
    ((struct fake_server *)arg)->ended = true;
}

static void await_release(struct fake_server *server)
{
    char byte;
    while (read(server->release[0], &byte, 1) != 1) {}
}

static void *serve(void *arg)
{
    struct fake_server *server = arg;
    static const struct rrto_record_callbacks callbacks = {on_payload, on_op, on_end};
    struct rrto_reader *reader = malloc(sizeof *reader);
    struct rrto_control *control = malloc(sizeof *control);
    struct rrto_chunk chunk;
    rrto_reader_init(reader, &server->conn);
    server->decoder = rrto_record_decoder_create(1 << 20, RRTO_SLOTS_ALL, &callbacks, server);
    if (server->past_bytes)
        assert_int_equal(rrto_record_decoder_accept_coded(server->decoder, server->past_bytes, rrto_now_ns), RRTO_OK);
    if (server->read_delay)
        await_release(server);
    while (server->status == RRTO_OK && rrto_reader_chunk(reader, -1, &chunk) == RRTO_OK) {
        if (chunk.type == RRTO_CHUNK_SUBSCRIBE) {
            uint8_t bytes[RRTO_SUBSCRIBE_BYTES];
            if (rrto_reader_read(reader, bytes, sizeof bytes) != RRTO_OK)
                break;
            server->n_subscriptions++;
            if (server->hold)
                await_release(server);
            reply(server, rrto_subscribe_decode(bytes), 0, NULL, 0);
            continue;
        }
        if (chunk.type == RRTO_CHUNK_CONTROL) {
            uint8_t bytes[64];
            if (chunk.n_bytes > sizeof bytes || rrto_reader_read(reader, bytes, chunk.n_bytes) != RRTO_OK)
                break;
            assert_int_equal(rrto_control_decode(bytes, chunk.n_bytes, control), RRTO_OK);
            assert_int_equal(control->kind, RRTO_CONTROL_LINK);
            server->n_links++;
            server->n_probes += control->link.probe;
            server->link_said = control->link.rate_down;
            continue;
        }
        server->n_chunks++;
        server->n_frames += chunk.flags & RRTO_CHUNK_END;
        size_t n = 1;
        while (n > 0 && server->status == RRTO_OK) {
            const uint8_t *bytes;
            if (rrto_reader_some(reader, &bytes, &n) != RRTO_OK)
                break;
            server->n_stream_bytes += n;
            server->status = rrto_record_decoder_feed(server->decoder, bytes, n);
        }
    }
    rrto_conn_shutdown(&server->conn);
    free(control);
    free(reader);
    return NULL;
}

void fake_init(struct fake_server *server)
{
    int fds[2];
    memset(server, 0, sizeof *server);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(pipe(server->release), 0);
    server->fd = fds[0];
    rrto_conn_init_socket(&server->conn, fds[1]);
    server->fail_at = server->close_at = UINT64_MAX;
}

void fake_start(struct fake_server *server)
{
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

void fake_release(struct fake_server *server)
{
    assert_int_equal(write(server->release[1], "x", 1), 1);
}

void fake_stop(struct fake_server *server)
{
    assert_int_equal(pthread_join(server->thread, NULL), 0);
}

void fake_fini(struct fake_server *server)
{
    rrto_record_decoder_destroy(server->decoder);
    rrto_conn_close(&server->conn);
    close(server->release[0]);
    close(server->release[1]);
    free(server->staging);
    free(server->ops);
}
