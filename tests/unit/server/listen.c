/* SPDX-License-Identifier: Apache-2.0 */
/* Listening: loopback and unix only, stale sockets replaced, live ones respected, only our own removed. */
#include "listen.h"

#include "../test.h"
#include "base/status.h"
#include "wire/connect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/rrto-test-XXXXXX", address[100], path[60], why[500];
static struct rrto_listener listeners[RRTO_LISTEN_MAX];
static size_t n_listeners;

static int setup(void **state)
{
    (void)state;
    n_listeners = 0;
    strcpy(folder, "/tmp/rrto-test-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/below/s", folder);
    snprintf(address, sizeof address, "unix:%s", path);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char below[60];
    while (n_listeners)
        rrto_listen_close(&listeners[--n_listeners]);
    unlink(path);
    snprintf(below, sizeof below, "%s/below", folder);
    rmdir(below);
    return rmdir(folder);
}

static int open_it(const char *name)
{
    return rrto_listen_open(name, listeners, &n_listeners, why, sizeof why);
}

static void unix_socket(void **state)
{
    (void)state;
    struct stat info;
    assert_int_equal(open_it(address), RRTO_OK);
    assert_int_equal(n_listeners, 1);
    assert_string_equal(listeners[0].address, address);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    /* A second server does not take it away. */
    assert_int_equal(open_it(address), RRTO_REFUSED);
    assert_non_null(strstr(why, "already"));
    assert_int_equal(stat(path, &info), 0);
    rrto_listen_close(&listeners[--n_listeners]);
    assert_int_equal(stat(path, &info), -1);
}

static void stale_socket(void **state)
{
    (void)state;
    assert_int_equal(open_it(address), RRTO_OK);
    close(listeners[0].fd); /* as if the server had been killed */
    n_listeners = 0;
    assert_int_equal(open_it(address), RRTO_OK);
}

static void not_a_socket(void **state)
{
    (void)state;
    char below[60];
    snprintf(below, sizeof below, "%s/below", folder);
    assert_int_equal(mkdir(below, 0700), 0);
    FILE *file = fopen(path, "w");
    fclose(file);
    assert_int_equal(open_it(address), RRTO_IO); /* somebody's file is left alone */
    assert_int_equal(access(path, F_OK), 0);
}

/* The path belongs to another server by now: closing ours leaves it. */
static void replaced_socket(void **state)
{
    (void)state;
    assert_int_equal(open_it(address), RRTO_OK);
    struct rrto_listener ours = listeners[0];
    unlink(path);
    n_listeners = 0;
    assert_int_equal(open_it(address), RRTO_OK);
    if (ours.inode != listeners[0].inode) { /* else the file system used the number again */
        rrto_listen_close(&ours);
        assert_int_equal(access(path, F_OK), 0);
    } else {
        close(ours.fd);
    }
}

static void tcp(void **state)
{
    (void)state;
    assert_int_equal(open_it("127.0.0.1:0"), RRTO_OK);
    assert_int_equal(n_listeners, 1);
    struct rrto_address parsed;
    assert_int_equal(rrto_address_parse(listeners[0].address, &parsed, why, sizeof why), RRTO_OK);
    assert_true(parsed.port > 0); /* the real one */
    assert_int_equal(open_it(listeners[0].address), RRTO_IO);
    assert_non_null(strstr(why, "choose another port"));
}

static void others_are_refused(void **state)
{
    (void)state;
    static const char *const open_to_others[] = {"0.0.0.0:5", "[::]:5", "192.0.2.1:5", "8.8.8.8"};
    for (size_t i = 0; i < sizeof open_to_others / sizeof *open_to_others; i++) {
        assert_int_equal(open_it(open_to_others[i]), RRTO_REFUSED);
        assert_non_null(strstr(why, "no keys"));
        assert_int_equal(n_listeners, 0);
    }
    assert_int_equal(open_it("fd:0"), RRTO_INVALID);
    assert_int_equal(open_it("nonsense:nonsense"), RRTO_INVALID);
}

static void default_address(void **state)
{
    (void)state;
    char text[300];
    setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
    rrto_listen_default(text, sizeof text);
    assert_string_equal(text, "unix:/run/user/7/rrto/rrtod.sock");
    unsetenv("XDG_RUNTIME_DIR");
    rrto_listen_default(text, sizeof text);
    assert_string_equal(text, "127.0.0.1:14833");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(unix_socket), TEST(stale_socket),       TEST(not_a_socket),    TEST(replaced_socket),
        TEST(tcp),         TEST(others_are_refused), TEST(default_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
