/* SPDX-License-Identifier: Apache-2.0 */
/* Server names, and the client's connect and hello against small servers written out here. */
#include "wire/connect.h"

#include "base/status.h"
#include "wire/frame.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static void names(void **state)
{
    (void)state;
    static const struct {
        const char *name, *printed; /* printed NULL: refused */
    } cases[] = {
        {"localhost:1", "localhost:1"},
        {"localhost", "localhost:14833"},
        {"10.0.0.7:65535", "10.0.0.7:65535"},
        {"[::1]:7", "[::1]:7"},
        {"[::1]", "[::1]:14833"},
        {"unix", "[unix]:14833"}, /* a host of that name */
        {"unix:/run/x.sock", "unix:/run/x.sock"},
        {"unix:relative", "unix:relative"},
        {"fd:5", "fd:5"},
        {"", NULL},
        {":5", NULL},
        {"unix:", NULL},
        {"host:", NULL},
        {"host:65536", NULL},
        {"host:99999999999999999999", NULL},
        {"host:-1", NULL},
        {"host:1x", NULL},
        {"::1", NULL},
        {"[::1", NULL},
        {"[::1]x", NULL},
        {"[]:4", NULL},
        {"[[]", NULL},
        {"a host:4", NULL},
        {"host/path:4", NULL},
        {"fd:", NULL},
        {"fd:-1", NULL},
        {"unix:/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/"
         "0123456789",
         NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rrto_address address;
        char why[400] = "", text[300];
        int status = rrto_address_parse(cases[i].name, &address, why, sizeof why);
        if (!cases[i].printed) {
            assert_int_equal(status, RRTO_INVALID);
            assert_non_null(strstr(why, "write HOST:PORT or unix:PATH"));
            assert_int_equal(rrto_address_parse(cases[i].name, &address, NULL, 0), RRTO_INVALID);
            continue;
        }
        assert_int_equal(status, RRTO_OK);
        rrto_address_print(&address, text, sizeof text);
        assert_string_equal(text, cases[i].printed);
    }
}

struct server {
    int listener;
    struct rrto_hello_answer answer;
    bool silent, babble;
};

static void *serve_one(void *arg)
{
    struct server *server = arg;
    int fd = accept(server->listener, NULL, NULL);
    struct rrto_conn conn;
    rrto_conn_init_socket(&conn, fd);
    uint8_t bytes[RRTO_HELLO_BYTES] = {0};
    struct rrto_hello hello;
    int status = rrto_conn_read_all(&conn, bytes, sizeof bytes, 5000);
    if (status == RRTO_OK)
        status = rrto_hello_decode(bytes, &hello);
    if (server->silent) {
        (void)rrto_conn_read_all(&conn, bytes, 1, 5000); /* until the client gives up */
    } else if (server->babble) {
        memset(bytes, 'S', sizeof bytes);
        (void)rrto_conn_write(&conn, bytes, sizeof bytes, 5000);
    } else {
        rrto_hello_answer_encode(bytes, &server->answer);
        (void)rrto_conn_write(&conn, bytes, sizeof bytes, 5000);
    }
    rrto_conn_close(&conn);
    return (void *)(intptr_t)status;
}

/* Runs one connect against a server on a unix socket. */
static int connect_unix(struct server *server, int timeout_ms, char *why, size_t n_why)
{
    char dir[] = "/tmp/rrto-test-XXXXXX", path[64], name[80];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/s", dir);
    snprintf(name, sizeof name, "unix:%s", path);
    struct sockaddr_storage address;
    socklen_t n;
    assert_int_equal(rrto_address_unix(path, &address, &n), RRTO_OK);
    server->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&address, n), 0);
    assert_int_equal(listen(server->listener, 1), 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, serve_one, server), 0);
    struct rrto_conn conn;
    int status = rrto_wire_connect(name, timeout_ms, 0, &conn, why, n_why);
    if (status == RRTO_OK)
        rrto_conn_close(&conn);
    void *result;
    pthread_join(thread, &result);
    assert_int_equal((intptr_t)result, RRTO_OK); /* the server got a hello that it could read */
    close(server->listener);
    unlink(path);
    rmdir(dir);
    return status;
}

static void greeted(void **state)
{
    (void)state;
    char why[400] = "";
    struct server good = {.answer = {.major = RRTO_WIRE_MAJOR}};
    assert_int_equal(connect_unix(&good, 5000, why, sizeof why), RRTO_OK);

    struct server full = {.answer = {.major = RRTO_WIRE_MAJOR, .status = RRTO_REFUSED, .text = "too many sessions"}};
    assert_int_equal(connect_unix(&full, 5000, why, sizeof why), RRTO_REFUSED);
    assert_string_equal(why, "the server refused: too many sessions");

    struct server newer = {.answer = {.major = RRTO_WIRE_MAJOR + 1, .status = RRTO_MISMATCH, .text = "?"}};
    assert_int_equal(connect_unix(&newer, 5000, why, sizeof why), RRTO_MISMATCH);
    assert_non_null(strstr(why, "install the same rrto on both"));

    struct server silent = {.silent = true};
    assert_int_equal(connect_unix(&silent, 50, why, sizeof why), RRTO_TIMEOUT);

    struct server other = {.babble = true};
    assert_int_equal(connect_unix(&other, 5000, why, sizeof why), RRTO_PROTOCOL);
    assert_non_null(strstr(why, "not rrtod"));
}

static void nobody_there(void **state)
{
    (void)state;
    char why[400] = "";
    struct rrto_conn conn;
    assert_int_equal(rrto_wire_connect("unix:/nonexistent/rrtod.sock", 1000, 0, &conn, why, sizeof why), RRTO_IO);
    assert_non_null(strstr(why, "is rrtod running there?"));

    /* A TCP port that was free a moment ago. */
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof address;
    assert_int_equal(bind(fd, (struct sockaddr *)&address, n), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &n), 0);
    char name[40];
    snprintf(name, sizeof name, "127.0.0.1:%u", ntohs(address.sin_port));
    assert_int_equal(rrto_wire_connect(name, 1000, 0, &conn, why, sizeof why), RRTO_IO);
    assert_non_null(strstr(why, "is rrtod running there?"));
    close(fd);
    assert_int_equal(rrto_wire_connect("no.host.invalid:1", 1000, 0, &conn, why, sizeof why), RRTO_IO);
    assert_int_equal(rrto_wire_connect("host:x", 1000, 0, &conn, why, sizeof why), RRTO_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(greeted),
        cmocka_unit_test(nobody_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
