/* SPDX-License-Identifier: Apache-2.0 */
/* Deaths, drains, leaks, and rrtod's command line. */
#include "harness.h"

#include "../../unit/test.h"
#include "base/status.h"
#include "wire/connect.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* The worker dies: its client sees the end at once, rrtod and the others live. */
static void worker_killed(void **state)
{
    (void)state;
    struct server server;
    struct client a, b;
    server_start(&server, NULL);
    client_open(&a, &server, 16 << 20);
    pid_t first = find_worker(server.pid, 1);
    client_open(&b, &server, 16 << 20);
    assert_int_not_equal(find_worker(server.pid, 2), 0);
    kill(first, SIGKILL);
    assert_int_equal(client_next(&a)->type, 0);
    client_reply(&b, SEND(&b, device_synchronize, RRTO_RECORD_WAIT, 0), 0);
    client_close(&a);
    client_close(&b);
    assert_int_equal(server_stop(&server), 0);
}

/* rrtod dies: its workers follow. */
static void parent_killed(void **state)
{
    (void)state;
    struct server server;
    struct client client;
    server_start(&server, NULL);
    client_open(&client, &server, 16 << 20);
    pid_t worker = find_worker(server.pid, 1);
    kill(server.pid, SIGKILL);
    assert_int_equal(client_next(&client)->type, 0);
    for (int i = 0; i < 2000 && kill(worker, 0) == 0; i++)
        usleep(1000);
    assert_int_equal(kill(worker, 0), -1);
    client_close(&client);
    (void)server_stop(&server);
}

static void drain(void **state)
{
    (void)state;
    struct server server;
    struct client client;
    server_start(&server, NULL);
    client_open(&client, &server, 16 << 20);
    kill(server.pid, SIGTERM);
    /* No new ones: the socket is gone. */
    char why[300];
    struct rrto_conn conn;
    int status = RRTO_OK;
    for (int i = 0; i < 2000 && status == RRTO_OK; i++) {
        status = rrto_wire_connect(server.address, 1000, 0, &conn, why, sizeof why);
        if (status == RRTO_OK)
            rrto_conn_close(&conn);
    }
    assert_int_not_equal(status, RRTO_OK);
    /* The old one goes on until its client ends. */
    client_reply(&client, SEND(&client, device_synchronize, RRTO_RECORD_WAIT, 0), 0);
    client_close(&client);
    assert_int_equal(wait_for_end(server.pid), 0);
    rmdir(server.folder);
}

static void drain_has_a_limit(void **state)
{
    (void)state;
    const char *const arguments[] = {"--drain-timeout", "100", "--log", "error", NULL};
    struct server server;
    struct client client;
    server_start(&server, arguments);
    client_open(&client, &server, 16 << 20);
    assert_int_equal(server_stop(&server), 0);
    assert_int_equal(client_next(&client)->type, 0);
    client_close(&client);
}

static void second_signal(void **state)
{
    (void)state;
    const char *const arguments[] = {"--drain-timeout", "60000", "--log", "error", NULL};
    struct server server;
    struct client client;
    server_start(&server, arguments);
    client_open(&client, &server, 16 << 20);
    kill(server.pid, SIGTERM);
    kill(server.pid, SIGINT);
    assert_int_equal(wait_for_end(server.pid), 0);
    client_close(&client);
    rmdir(server.folder);
}

/* Sessions and failed hellos leave nothing behind: descriptors of rrtod, processes. */
static void no_leaks(void **state)
{
    (void)state;
    struct server server;
    struct client client;
    server_start(&server, NULL);
    client_open(&client, &server, 16 << 20); /* whatever the first one opens for good */
    client_close(&client);
    assert_int_equal(find_worker(server.pid, 0), 0);
    int before = count_descriptors(server.pid);
    for (int i = 0; i < 20; i++) {
        client_connect(&client, &server);
        (void)rrto_conn_write(&client.conn, i % 2 ? "XXXX" : "RRTO", 4, 1000);
        rrto_conn_close(&client.conn);
        if (i % 5 == 0) {
            client_open(&client, &server, 16 << 20);
            /* A worker has its connection, its control socket and what the device opens: nothing of rrtod's. */
            pid_t worker = find_worker(server.pid, 1);
            assert_int_not_equal(worker, 0);
            assert_true(count_descriptors(worker) <= 12);
            client_close(&client);
            assert_int_equal(find_worker(server.pid, 0), 0);
        }
    }
    int after = -1;
    for (int i = 0; i < 2000 && after != before; i++) {
        after = count_descriptors(server.pid);
        usleep(1000);
    }
    assert_int_equal(after, before);
    assert_int_equal(server_stop(&server), 0);
}

static void stdio_serves_one(void **state)
{
    (void)state;
    int pair[2];
    const char *build = getenv("BUILD_DIR");
    char program[400];
    snprintf(program, sizeof program, "%s/bin/rrtod", build ? build : "build");
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    const char *const line[] = {program, "--stdio", "--device", "soft", "--log", "warn", NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pair[1], 0);
    assert_int_equal(posix_spawn(&pid, program, &actions, NULL, (char *const *)(uintptr_t)line, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(pair[1]);
    struct rrto_conn conn;
    char why[300] = "";
    rrto_conn_init_socket(&conn, pair[0]);
    assert_int_equal(rrto_wire_greet(&conn, 10000, RRTO_HELLO_PLAIN, why, sizeof why), RRTO_OK);
    struct rrto_control_hello hello = {.plain = true, .log_bytes = 1 << 20, .n_candidates = 1};
    hello.candidates[0] = (struct rrto_control_range){ARENA_BASE, ARENA_BYTES};
    struct rrto_control_welcome welcome;
    if (rrto_control_open(&conn, &hello, 60000, &welcome, why, sizeof why) != RRTO_OK)
        fail_msg("%s", why);
    rrto_conn_close(&conn);
    assert_int_equal(wait_for_end(pid), 0);
}

/* The service manager is told: READY when listening, STOPPING at the end. */
static void notified(void **state)
{
    (void)state;
    char folder[] = "/tmp/rrto-test-XXXXXX", path[60], text[100];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/n", folder);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    setenv("NOTIFY_SOCKET", path, 1);
    struct server server;
    server_start(&server, NULL);
    unsetenv("NOTIFY_SOCKET");
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&entry, 1, 10000), 1);
    ssize_t n = recv(fd, text, sizeof text - 1, 0);
    text[n] = '\0';
    assert_string_equal(text, "READY=1");
    assert_int_equal(server_stop(&server), 0);
    n = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);
    text[n > 0 ? n : 0] = '\0';
    assert_string_equal(text, "STOPPING=1");
    close(fd);
    unlink(path);
    rmdir(folder);
}

static void command_line(void **state)
{
    (void)state;
    static const struct {
        const char *arguments[6];
        int status;
        const char *part;
    } cases[] = {
        {{"--help"}, 0, "usage: rrtod"},
        {{"--version"}, 0, "rrtod "},
        {{"--dump-config"}, 0, "hello-timeout = 5000"},
        {{"--dump-config", "--memory", "1G"}, 0, "memory = 1073741824"},
        {{"--check-config"}, 0, ""},
        {{"--check-config", "--device=nonsense"}, 2, "device: 'nonsense'"},
        {{"--nonsense"}, 2, "nonsense"},
        {{"nonsense"}, 2, "--help"},
        {{"--listen"}, 2, "needs a value"},
        {{"--config", "/nonexistent"}, 2, "/nonexistent"},
        {{"--listen", "0.0.0.0:0"}, 1, "no keys"},
        {{"--listen", "unix:/nonexistent/folder/below/s"}, 1, "cannot listen"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *out;
        int status = run_rrtod(cases[i].arguments, &out);
        if (status != cases[i].status || !strstr(out, cases[i].part))
            fail_msg("rrtod %s ...: status %d, output '%s'", cases[i].arguments[0], status, out);
        free(out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(worker_killed),     cmocka_unit_test(parent_killed), cmocka_unit_test(drain),
        cmocka_unit_test(drain_has_a_limit), cmocka_unit_test(second_signal), cmocka_unit_test(no_leaks),
        cmocka_unit_test(stdio_serves_one),  cmocka_unit_test(notified),      cmocka_unit_test(command_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
