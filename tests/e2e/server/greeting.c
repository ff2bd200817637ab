/* SPDX-License-Identifier: Apache-2.0 */
/* Before a session: every wrong hello gets one sentence, and nobody can hold the server up. */
#include "harness.h"

#include "../../unit/test.h"
#include "base/status.h"
#include "wire/connect.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct server server;

static int start(void **state)
{
    (void)state;
    const char *const arguments[] = {"--sessions", "2", "--hello-timeout", "300", "--pending", "8", NULL};
    server_start(&server, arguments);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    return server_stop(&server) == 0 ? 0 : -1;
}

/* Sends n bytes and reads the answer; its status, or the connection's. */
static int try_hello(const void *bytes, size_t n, char *ret_text)
{
    struct client client;
    uint8_t answer_bytes[RRTO_HELLO_BYTES];
    struct rrto_hello_answer answer;
    ret_text[0] = '\0';
    client_connect(&client, &server);
    if (n)
        assert_int_equal(rrto_conn_write(&client.conn, bytes, n, 1000), RRTO_OK);
    int status = rrto_conn_read_all(&client.conn, answer_bytes, sizeof answer_bytes, 10000);
    if (status == RRTO_OK) {
        assert_int_equal(rrto_hello_answer_decode(answer_bytes, &answer), RRTO_OK);
        strcpy(ret_text, answer.text);
        status = answer.status;
        uint8_t more;
        if (status != RRTO_OK)
            assert_int_equal(rrto_conn_read_all(&client.conn, &more, 1, 10000), RRTO_CLOSED);
    }
    rrto_conn_close(&client.conn);
    return status;
}

static void good_hello(uint8_t bytes[RRTO_HELLO_BYTES])
{
    struct rrto_hello hello = {.major = RRTO_WIRE_MAJOR, .minor = RRTO_WIRE_MINOR, .pid = 1};
    rrto_hello_encode(bytes, &hello);
}

static void accepted(void **state)
{
    (void)state;
    uint8_t bytes[RRTO_HELLO_BYTES];
    char text[64];
    good_hello(bytes);
    assert_int_equal(try_hello(bytes, sizeof bytes, text), RRTO_OK);
    assert_int_equal(find_worker(server.pid, 0), 0); /* the worker ends with its client */
}

static void refused(void **state)
{
    (void)state;
    uint8_t bytes[RRTO_HELLO_BYTES];
    char text[64];
    assert_int_equal(try_hello("GET / HTTP/1.1\r\n\r\n", 18, text), RRTO_PROTOCOL); /* at once, short as it is */
    assert_string_equal(text, "this is no rrto hello");
    good_hello(bytes);
    bytes[4]++;
    assert_int_equal(try_hello(bytes, sizeof bytes, text), RRTO_MISMATCH);
    assert_non_null(strstr(text, "version"));
    good_hello(bytes);
    bytes[8] = 0x80;
    assert_int_equal(try_hello(bytes, sizeof bytes, text), RRTO_UNSUPPORTED);
    good_hello(bytes);
    bytes[63] = 1;
    assert_int_equal(try_hello(bytes, sizeof bytes, text), RRTO_PROTOCOL);
}

static void slow(void **state)
{
    (void)state;
    uint8_t bytes[RRTO_HELLO_BYTES];
    char text[64];
    good_hello(bytes);
    assert_int_equal(try_hello(bytes, 0, text), RRTO_TIMEOUT);
    assert_int_equal(try_hello(bytes, 63, text), RRTO_TIMEOUT);
    assert_non_null(strstr(text, "time limit"));
}

/* A hello byte by byte is one; a client that leaves in the middle is forgotten. */
static void cut(void **state)
{
    (void)state;
    uint8_t bytes[RRTO_HELLO_BYTES];
    struct client client;
    good_hello(bytes);
    for (size_t n = 1; n < sizeof bytes; n += 9) {
        client_connect(&client, &server);
        assert_int_equal(rrto_conn_write(&client.conn, bytes, n, 1000), RRTO_OK);
        rrto_conn_close(&client.conn);
    }
    client_connect(&client, &server);
    for (size_t i = 0; i < sizeof bytes; i++)
        assert_int_equal(rrto_conn_write(&client.conn, bytes + i, 1, 1000), RRTO_OK);
    assert_int_equal(rrto_conn_read_all(&client.conn, bytes, sizeof bytes, 10000), RRTO_OK);
    rrto_conn_close(&client.conn);
    assert_int_equal(find_worker(server.pid, 0), 0);
}

static void too_many(void **state)
{
    (void)state;
    struct client clients[2];
    uint8_t bytes[RRTO_HELLO_BYTES];
    char text[64];
    client_open(&clients[0], &server, 16 << 20);
    client_open(&clients[1], &server, 16 << 20);
    good_hello(bytes);
    assert_int_equal(try_hello(bytes, sizeof bytes, text), RRTO_REFUSED);
    assert_string_equal(text, "all sessions are taken; raise 'sessions'");
    client_close(&clients[0]);
    assert_int_not_equal(find_worker(server.pid, 1), 0);
    assert_int_equal(try_hello(bytes, sizeof bytes, text), RRTO_OK);
    client_close(&clients[1]);
    assert_int_equal(find_worker(server.pid, 0), 0);
}

/* More silent connections than are allowed: the surplus is told so, and the server serves on. */
static void too_many_silent(void **state)
{
    (void)state;
    struct client silent[20];
    int n_refused = 0;
    for (int i = 0; i < 20; i++)
        client_connect(&silent[i], &server);
    for (int i = 0; i < 20; i++) {
        uint8_t bytes[RRTO_HELLO_BYTES];
        struct rrto_hello_answer answer;
        assert_int_equal(rrto_conn_read_all(&silent[i].conn, bytes, sizeof bytes, 10000), RRTO_OK);
        assert_int_equal(rrto_hello_answer_decode(bytes, &answer), RRTO_OK);
        n_refused += strstr(answer.text, "too many") != NULL;
        rrto_conn_close(&silent[i].conn);
    }
    assert_int_equal(n_refused, 12);
    accepted(NULL);
}

/* After the hello, before the Welcome. */
static void wrong_control(void **state)
{
    (void)state;
    static const struct {
        uint64_t log_bytes, base, n_bytes;
        const char *part;
    } cases[] = {
        {10, ARENA_BASE, ARENA_BYTES, "RRTO_LOG_BYTES"},
        {1 << 20, 4096, (uint64_t)1 << 36, "address ranges"},     /* not aligned */
        {1 << 20, ARENA_BASE, UINT64_MAX >> 1, "address ranges"}, /* too large */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rrto_conn conn;
        struct rrto_control_welcome welcome;
        char why[600] = "";
        assert_int_equal(rrto_wire_connect(server.address, 5000, 0, &conn, why, sizeof why), RRTO_OK);
        struct rrto_control_hello hello = {.log_bytes = cases[i].log_bytes, .n_candidates = 1};
        hello.candidates[0] = (struct rrto_control_range){cases[i].base, cases[i].n_bytes};
        assert_int_not_equal(rrto_control_open(&conn, &hello, 60000, &welcome, why, sizeof why), RRTO_OK);
        assert_int_equal(find_worker(server.pid, 0), 0); /* its place is free again */
        if (!strstr(why, cases[i].part))
            fail_msg("'%s' does not contain '%s'", why, cases[i].part);
        rrto_conn_close(&conn);
    }
    assert_int_equal(find_worker(server.pid, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted),      cmocka_unit_test(refused),  cmocka_unit_test(slow),
        cmocka_unit_test(cut),           cmocka_unit_test(too_many), cmocka_unit_test(too_many_silent),
        cmocka_unit_test(wrong_control),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
