/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration is read once per process, so each case runs in a child. */
#include "base/config.h"

#include "../test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs check in a child with this environment only; returns its stderr; check's false becomes a failure. */
static const char *with_environment(char **environment, bool (*check)(void))
{
    static char text[4096];
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fds[1], STDERR_FILENO);
        close(fds[0]);
        environ = environment;
        _exit(!check());
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

static bool has_defaults(void)
{
    const struct rrto_config *config = rrto_config_get();
    return config == rrto_config_get() && !*config->server && config->frame_bytes == 1048576 &&
           config->connect_timeout_ms == 5000 && !rrto_config_disabled(RRTO_DISABLE_MEMO) &&
           !rrto_config_enabled(RRTO_ENABLE_LAZYSYNC);
}

static bool has_values(void)
{
    const struct rrto_config *config = rrto_config_get();
    return strcmp(config->server, "unix:/x") == 0 && config->log_bytes == 65536 &&
           rrto_config_disabled(RRTO_DISABLE_MEMO) && rrto_config_disabled(RRTO_DISABLE_PATCH) &&
           rrto_config_enabled(RRTO_ENABLE_LAZYSYNC);
}

static bool has_defaults_but_memo(void)
{
    return rrto_config_disabled(RRTO_DISABLE_MEMO) && rrto_config_disabled(RRTO_DISABLE_PATCH) &&
           !rrto_config_disabled(RRTO_DISABLE_ELIDE);
}

static bool survives_its_environment(void)
{
    char value[] = "RRTO_SERVER=first";
    char *environment[] = {value, NULL};
    environ = environment;
    const struct rrto_config *config = rrto_config_get();
    memset(value, 'x', sizeof value - 1);
    return strcmp(config->server, "first") == 0;
}

static void the_table_rules(void **state)
{
    (void)state;
    char *nothing[] = {NULL};
    assert_string_equal(with_environment(nothing, has_defaults), "");
    char *all[] = {"RRTO_SERVER=unix:/x", "RRTO_LOG_BYTES=65536", "RRTO_DISABLE=memo,patch", "RRTO_ENABLE=lazysync",
                   NULL};
    assert_string_equal(with_environment(all, has_values), "");
    with_environment(nothing, survives_its_environment);
}

#define X(constant, name) name,
static const char *const switches[] = {RRTO_DISABLE_LIST(X, X)};
#undef X
enum { N_SWITCHES = sizeof switches / sizeof switches[0] };
static unsigned switched_off; /* N_SWITCHES: none */

static bool only_that_is_off(void)
{
    for (unsigned i = 0; i < N_SWITCHES; i++)
        if (rrto_config_disabled((enum rrto_disable)i) != (i == switched_off))
            return false;
    return true;
}

static void each_switch_has_its_name(void **state)
{
    (void)state;
    for (switched_off = 0; switched_off < N_SWITCHES; switched_off++) {
        char variable[64];
        snprintf(variable, sizeof variable, "RRTO_DISABLE=%s", switches[switched_off]);
        char *environment[] = {variable, NULL};
        assert_string_equal(with_environment(environment, only_that_is_off), "");
    }
    char *part[] = {"RRTO_DISABLE=me,memory,,", NULL};
    const char *said = with_environment(part, only_that_is_off);
    assert_non_null(strstr(said, "there is no 'me'; there are elide, "));
    assert_non_null(strstr(said, "there is no 'memory'; there are elide, "));
    assert_null(strstr(said, "there is no ''"));
}

static void mistakes_are_named(void **state)
{
    (void)state;
    char *spelling[] = {"RRTO_SERVR=x", "PATH=/bin", NULL};
    assert_string_equal(with_environment(spelling, has_defaults),
                        "rrto: warn: unknown variable RRTO_SERVR; did you mean RRTO_SERVER?\n");
    char *far_off[] = {"RRTO_SOMETHING_ELSE=x", NULL};
    assert_string_equal(with_environment(far_off, has_defaults),
                        "rrto: warn: unknown variable RRTO_SOMETHING_ELSE (see docs/environment.md)\n");
    char *number[] = {"RRTO_FRAME_BYTES=12k", NULL};
    assert_string_equal(with_environment(number, has_defaults),
                        "rrto: warn: RRTO_FRAME_BYTES=12k is not a valid number: taking the default\n");
    char *optimisation[] = {"RRTO_DISABLE=memo,elid,patch", "RRTO_ENABLE=hostpointers", NULL};
    const char *said = with_environment(optimisation, has_defaults_but_memo);
    assert_ptr_equal(strstr(said, "rrto: warn: RRTO_DISABLE: there is no 'elid'; there are elide, memo"), said);
    assert_null(strstr(said, "RRTO_ENABLE"));
    char *child[] = {"RRTO_SERVR=x", "RRTO_FRAME_BYTES=12k", "RRTO_DISABLE=elid", "RRTO_RUN_DIR=/x", NULL};
    assert_string_equal(with_environment(child, has_defaults), ""); /* rrto run has said so */
    char *overflow[] = {"RRTO_FRAME_BYTES=99999999999999999999999", NULL};
    assert_string_not_equal(with_environment(overflow, has_defaults), "");
}

static void count(void *arg, const char *name, const char *type, const char *def, const char *help)
{
    assert_int_equal(strncmp(name, "RRTO_", 5), 0);
    assert_true(*type && def && *help);
    ++*(int *)arg;
}

static void the_table_is_walked(void **state)
{
    (void)state;
    int n = 0;
    rrto_config_each(count, &n);
    assert_true(n >= 14);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_rules),
        cmocka_unit_test(each_switch_has_its_name),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(the_table_is_walked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
