/* SPDX-License-Identifier: Apache-2.0 */
/* The options table: defaults, values, files; what is refused and how it is said; what is dumped can be loaded. */
#include "options.h"

#include "../test.h"
#include "base/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct rrto_options options;
static char why[500];

static int setup(void **state)
{
    (void)state;
    why[0] = '\0';
    rrto_options_init(&options);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rrto_options_fini(&options);
    return 0;
}

static int set(const char *name, const char *value)
{
    return rrto_options_set(&options, name, value, why, sizeof why);
}

static void defaults(void **state)
{
    (void)state;
    assert_string_equal(options.device, "auto");
    assert_string_equal(options.compute, "real");
    assert_string_equal(options.listen, "");
    assert_int_equal(options.sessions, 16);
    assert_int_equal(options.staging, 256 << 20);
    assert_false(options.stdio);
    assert_int_equal(rrto_options_check(&options, why, sizeof why), RRTO_OK);
}

static void values(void **state)
{
    (void)state;
    assert_int_equal(set("memory", "3G"), RRTO_OK);
    assert_int_equal(options.memory, (uint64_t)3 << 30);
    assert_int_equal(set("memory", "17"), RRTO_OK);
    assert_int_equal(options.memory, 17);
    assert_int_equal(set("stdio", NULL), RRTO_OK);
    assert_true(options.stdio);
    assert_int_equal(set("stdio", "no"), RRTO_OK);
    assert_false(options.stdio);
    assert_int_equal(set("listen", "unix:/a"), RRTO_OK);
    assert_int_equal(set("listen", "localhost:5"), RRTO_OK);
    char element[100];
    const char *at = options.listen;
    assert_true(rrto_options_next(&at, element, sizeof element));
    assert_string_equal(element, "unix:/a");
    assert_true(rrto_options_next(&at, element, sizeof element));
    assert_string_equal(element, "localhost:5");
    assert_false(rrto_options_next(&at, element, sizeof element));
}

static void refused(void **state)
{
    (void)state;
    assert_int_equal(set("nonsense", "1"), RRTO_NOT_FOUND);
    static const char *const wrong[][2] = {{"memory", "x"},
                                           {"memory", ""},
                                           {"memory", "4Q"},
                                           {"memory", "4GG"},
                                           {"memory", "-1"},
                                           {"sessions", "3K"},
                                           {"stdio", "maybe"},
                                           {"memory", "99999999999999999999"},
                                           {"memory", "99999999999999999T"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(set(wrong[i][0], wrong[i][1]), RRTO_INVALID);
        assert_non_null(strstr(why, wrong[i][0]));
    }
    assert_int_equal(set("sessions", NULL), RRTO_INVALID);
    assert_non_null(strstr(why, "needs a value"));
}

static void checked(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"device", "gpu"},  {"device", "-1"},      {"compute", "fast"}, {"compute", "-3"}, {"compute", "1e9"},
        {"compute", "nan"}, {"listen", "unix:"},   {"listen", "fd:3"},  {"listen", "a:b"}, {"log", "loud"},
        {"sessions", "0"},  {"soft-threads", "0"}, {"staging", "5"},    {"ready-fd", "x"}, {"hello-timeout", "0"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        teardown(NULL);
        setup(NULL);
        assert_int_equal(set(wrong[i][0], wrong[i][1]), RRTO_OK);
        int status = rrto_options_check(&options, why, sizeof why);
        if (status == RRTO_OK)
            fail_msg("%s = %s was not refused", wrong[i][0], wrong[i][1]);
        assert_true(strlen(why) > 10);
    }
}

static void compute(void **state)
{
    (void)state;
    struct rrto_compute parsed;
    assert_true(rrto_compute_parse("12.5", &parsed));
    assert_int_equal(parsed.mode, RRTO_COMPUTE_TIMED);
    assert_int_equal(parsed.time_ns, 12500000);
    assert_true(rrto_compute_parse("skip", &parsed));
    assert_int_equal(parsed.mode, RRTO_COMPUTE_SKIP);
    assert_false(rrto_compute_parse("", &parsed));
    assert_false(rrto_compute_parse("5ms", &parsed));
}

static int load(const char *text)
{
    char path[] = "/tmp/rrto-test-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    int status = rrto_options_load(&options, path, why, sizeof why);
    unlink(path);
    return status;
}

static void files(void **state)
{
    (void)state;
    assert_int_equal(load("# a comment\ndevice = soft\n\n[rrtod]\nmemory=2G\nlisten = unix:/x\nlisten = unix:/y\n"),
                     RRTO_OK);
    assert_string_equal(options.device, "soft");
    assert_int_equal(options.memory, (uint64_t)2 << 30);
    assert_string_equal(options.listen, "unix:/x\nunix:/y");
    assert_int_equal(load("device = soft\nmemroy = 2G\n"), RRTO_NOT_FOUND);
    assert_non_null(strstr(why, ":2: "));
    assert_non_null(strstr(why, "memroy"));
    assert_int_equal(load("\n\nwhat is this\n"), RRTO_INVALID);
    assert_non_null(strstr(why, ":3: "));
    assert_int_equal(load("[other]\ndevice = soft\n"), RRTO_INVALID);
    assert_non_null(strstr(why, "[other]"));
    assert_int_equal(rrto_options_load(&options, "/nonexistent/file", why, sizeof why), RRTO_IO);
}

static void dumped(void **state)
{
    (void)state;
    assert_int_equal(set("memory", "5G"), RRTO_OK);
    assert_int_equal(set("listen", "unix:/x"), RRTO_OK);
    assert_int_equal(set("libraries", "/a folder"), RRTO_OK);
    char *text = NULL, *again = NULL;
    size_t n;
    FILE *file = open_memstream(&text, &n);
    rrto_options_dump(&options, file);
    fclose(file);
    teardown(NULL);
    setup(NULL);
    if (load(text) != RRTO_OK)
        fail_msg("%s", why);
    assert_int_equal(options.memory, (uint64_t)5 << 30);
    file = open_memstream(&again, &n);
    rrto_options_dump(&options, file);
    fclose(file);
    assert_string_equal(text, again);
    free(text);
    free(again);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(defaults), TEST(values), TEST(refused), TEST(checked), TEST(compute), TEST(files), TEST(dumped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
