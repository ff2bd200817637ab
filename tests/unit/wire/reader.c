/* SPDX-License-Identifier: Apache-2.0 */
/* Connections and the chunk reader over a socketpair: cut anywhere, ended anywhere, full, timed out, shut down. */
#include "wire/reader.h"

#include "base/status.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

struct pair {
    struct rrto_conn a, b;
    struct rrto_reader reader; /* of b */
};

static int setup(void **state)
{
    struct pair *pair = calloc(1, sizeof *pair);
    int fds[2];
    if (!pair || socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
        return -1;
    rrto_conn_init_socket(&pair->a, fds[0]);
    rrto_conn_init_socket(&pair->b, fds[1]);
    rrto_reader_init(&pair->reader, &pair->b);
    *state = pair;
    return 0;
}

static int teardown(void **state)
{
    struct pair *pair = *state;
    rrto_conn_close(&pair->a);
    rrto_conn_close(&pair->b);
    rrto_conn_close(&pair->b); /* twice is harmless */
    free(pair);
    return 0;
}

static void put_chunk(struct rrto_conn *conn, const void *data, uint32_t n)
{
    uint8_t header[RRTO_CHUNK_HEADER_BYTES];
    rrto_chunk_encode(header, &(struct rrto_chunk){.n_bytes = n, .type = RRTO_CHUNK_OPS});
    struct iovec iov[2] = {{header, sizeof header}, {(void *)(uintptr_t)data, n}};
    assert_int_equal(rrto_conn_writev(conn, iov, 2, 1000), RRTO_OK);
}

static void several_at_once(void **state)
{
    struct pair *pair = *state;
    put_chunk(&pair->a, "one", 3);
    put_chunk(&pair->a, NULL, 0);
    put_chunk(&pair->a, "three", 5);
    struct rrto_chunk chunk;
    char text[8] = {0};
    const uint8_t *data;
    size_t n;
    assert_false(rrto_reader_has_chunk(&pair->reader));
    assert_int_equal(rrto_reader_chunk(&pair->reader, 1000, &chunk), RRTO_OK);
    assert_false(rrto_reader_has_chunk(&pair->reader)); /* the present one is not read yet */
    assert_int_equal(rrto_reader_chunk(&pair->reader, 1000, &chunk), RRTO_INVALID);
    assert_int_equal(rrto_reader_read(&pair->reader, text, 4), RRTO_PROTOCOL);
    assert_int_equal(rrto_reader_read(&pair->reader, text, 3), RRTO_OK);
    assert_string_equal(text, "one");
    assert_true(rrto_reader_has_chunk(&pair->reader));
    assert_int_equal(rrto_reader_chunk(&pair->reader, 0, &chunk), RRTO_OK);
    assert_int_equal(chunk.n_bytes, 0);
    assert_int_equal(rrto_reader_some(&pair->reader, &data, &n), RRTO_OK);
    assert_int_equal(n, 0);
    assert_int_equal(rrto_reader_chunk(&pair->reader, 0, &chunk), RRTO_OK);
    assert_int_equal(rrto_reader_some(&pair->reader, &data, &n), RRTO_OK);
    assert_int_equal(n, 5);
    assert_memory_equal(data, "three", 5);
    assert_int_equal(rrto_reader_chunk(&pair->reader, 0, &chunk), RRTO_TIMEOUT);
    assert_int_equal(pair->b.bytes_read, pair->a.bytes_written);
}

/* A byte at a time: the header and the payload are put together again. */
static void byte_by_byte(void **state)
{
    struct pair *pair = *state;
    const uint8_t bytes[] = {3, 0, 0, 0, RRTO_CHUNK_OPS, RRTO_CHUNK_END, 0, 0, 'a', 'b', 'c'};
    struct rrto_chunk chunk;
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(rrto_conn_write(&pair->a, bytes + i, 1, 1000), RRTO_OK);
        assert_int_equal(rrto_reader_chunk(&pair->reader, 0, &chunk), RRTO_TIMEOUT);
    }
    assert_int_equal(rrto_conn_write(&pair->a, bytes + 7, 4, 1000), RRTO_OK);
    assert_int_equal(rrto_reader_chunk(&pair->reader, 0, &chunk), RRTO_OK);
    assert_int_equal(chunk.flags, RRTO_CHUNK_END);
    assert_int_equal(rrto_reader_skip(&pair->reader), RRTO_OK);
    rrto_conn_shutdown(&pair->a);
    assert_int_equal(rrto_reader_chunk(&pair->reader, 1000, &chunk), RRTO_CLOSED);
}

static void ended_inside(void **state)
{
    struct pair *pair = *state;
    const uint8_t bytes[] = {3, 0, 0, 0, RRTO_CHUNK_OPS, 0, 0, 0, 'a'};
    struct rrto_chunk chunk;
    char text[3];
    assert_int_equal(rrto_conn_write(&pair->a, bytes, sizeof bytes, 1000), RRTO_OK);
    rrto_conn_close(&pair->a);
    assert_int_equal(rrto_reader_chunk(&pair->reader, 1000, &chunk), RRTO_OK);
    assert_int_equal(rrto_reader_read(&pair->reader, text, 3), RRTO_TRUNCATED);
}

static void ended_in_header(void **state)
{
    struct pair *pair = *state;
    struct rrto_chunk chunk;
    assert_int_equal(rrto_conn_write(&pair->a, "\3", 1, 1000), RRTO_OK);
    rrto_conn_close(&pair->a);
    assert_int_equal(rrto_reader_chunk(&pair->reader, 1000, &chunk), RRTO_TRUNCATED);
}

enum { LARGE = 3 << 20 };

static void *send_large(void *arg)
{
    uint8_t *data = malloc(LARGE);
    for (uint32_t i = 0; i < LARGE; i++)
        data[i] = (uint8_t)(i * 2654435761u >> 24);
    put_chunk(arg, data, LARGE);
    put_chunk(arg, "end", 3);
    free(data);
    return NULL;
}

/* More than the socket holds: the writer waits for room, the reader receives in place. */
static void large(void **state)
{
    struct pair *pair = *state;
    pthread_t thread;
    pair->reader.spin_ns = 20000;
    assert_int_equal(pthread_create(&thread, NULL, send_large, &pair->a), 0);
    uint8_t *data = malloc(LARGE);
    struct rrto_chunk chunk;
    assert_int_equal(rrto_reader_chunk(&pair->reader, -1, &chunk), RRTO_OK);
    assert_int_equal(chunk.n_bytes, LARGE);
    assert_int_equal(rrto_reader_read(&pair->reader, data, 5), RRTO_OK);
    assert_int_equal(rrto_reader_read(&pair->reader, data + 5, LARGE - 5), RRTO_OK);
    for (uint32_t i = 0; i < LARGE; i++) {
        if (data[i] != (uint8_t)(i * 2654435761u >> 24))
            fail_msg("byte %u differs", i);
    }
    assert_int_equal(rrto_reader_chunk(&pair->reader, -1, &chunk), RRTO_OK);
    assert_int_equal(chunk.n_bytes, 3);
    free(data);
    pthread_join(thread, NULL);
}

static void full_and_timeout(void **state)
{
    struct pair *pair = *state;
    static uint8_t data[1 << 20];
    struct iovec iov = {data, sizeof data};
    size_t sent = 0, last = 1;
    while (last > 0) {
        assert_int_equal(rrto_conn_try_writev(&pair->a, &iov, 1, &last), RRTO_OK);
        sent += last;
    }
    assert_true(sent > 0);
    assert_int_equal(rrto_conn_writev(&pair->a, &iov, 1, 10), RRTO_TIMEOUT);
    uint8_t byte;
    assert_int_equal(rrto_conn_read_all(&pair->a, &byte, 1, 10), RRTO_TIMEOUT);
}

static void *blocked_read(void *arg)
{
    uint8_t byte;
    return (void *)(intptr_t)rrto_conn_read_all(arg, &byte, 1, -1);
}

static void shutdown_wakes(void **state)
{
    struct pair *pair = *state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, blocked_read, &pair->b), 0);
    rrto_conn_shutdown(&pair->b);
    void *result;
    pthread_join(thread, &result);
    assert_int_equal((intptr_t)result, RRTO_CLOSED);
}

/* No SIGPIPE: the process lives and gets a status. */
static void closed_peer(void **state)
{
    struct pair *pair = *state;
    rrto_conn_close(&pair->b);
    int status = rrto_conn_write(&pair->a, "x", 1, 1000);
    assert_int_equal(status, RRTO_CLOSED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(several_at_once), TEST(byte_by_byte),     TEST(ended_inside),   TEST(ended_in_header),
        TEST(large),           TEST(full_and_timeout), TEST(shutdown_wakes), TEST(closed_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
