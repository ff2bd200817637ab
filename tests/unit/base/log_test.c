/* SPDX-License-Identifier: Apache-2.0 */
/* The log reads its setting once per process, so each case runs in a child. */
#include "base/log.h"

#include "../test.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs body in a child with RRTO_LOG=setting and returns what it wrote to stderr. */
static const char *logged(const char *setting, void (*body)(void))
{
    static char text[8192];
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fds[1], STDERR_FILENO);
        close(fds[0]);
        setenv("RRTO_LOG", setting, 1);
        body();
        _exit(0);
    }
    close(fds[1]);
    size_t n = 0;
    ssize_t got;
    while ((got = read(fds[0], text + n, sizeof text - 1 - n)) > 0)
        n += (size_t)got;
    text[n] = '\0';
    close(fds[0]);
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    return text;
}

static void all_levels(void)
{
    rrto_error("one %d", 1);
    rrto_warn("two");
    rrto_info("three");
    rrto_debug("four");
}

static void long_line(void)
{
    char text[3000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    rrto_error("%s", text);
}

static void keeps_errno(void)
{
    close(STDERR_FILENO); /* the write fails */
    errno = ENOENT;
    rrto_error("nobody reads this");
    if (errno != ENOENT)
        _exit(1);
}

static void named(void)
{
    rrto_log_set_name("rrtod");
    rrto_log_set_level(RRTO_LOG_INFO);
    rrto_info("hello");
}

static void levels_filter(void **state)
{
    (void)state;
    assert_string_equal(logged("", all_levels), "rrto: error: one 1\nrrto: warn: two\n");
    assert_string_equal(logged("error", all_levels), "rrto: error: one 1\n");
    assert_string_equal(logged("debug", all_levels),
                        "rrto: error: one 1\nrrto: warn: two\nrrto: info: three\nrrto: debug: four\n");
    assert_string_equal(logged("nonsense", all_levels), "rrto: error: one 1\nrrto: warn: two\n");
    assert_string_equal(logged("error", named), "rrtod: info: hello\n");
}

static void lines_are_bounded(void **state)
{
    (void)state;
    const char *line = logged("", long_line);
    assert_in_range(strlen(line), 900, 1000);
    assert_int_equal(line[strlen(line) - 1], '\n');
}

static void errno_is_preserved(void **state)
{
    (void)state;
    logged("", keeps_errno);
}

static void a_file_takes_the_lines(void **state)
{
    (void)state;
    char path[] = "/tmp/rrto-log-test-XXXXXX", setting[64], text[200] = "";
    close(mkstemp(path));
    snprintf(setting, sizeof setting, "info,file=%s", path);
    assert_string_equal(logged(setting, all_levels), "");
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_true(fread(text, 1, sizeof text - 1, file) > 0);
    fclose(file);
    unlink(path);
    assert_string_equal(text, "rrto: error: one 1\nrrto: warn: two\nrrto: info: three\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_filter),
        cmocka_unit_test(lines_are_bounded),
        cmocka_unit_test(errno_is_preserved),
        cmocka_unit_test(a_file_takes_the_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
