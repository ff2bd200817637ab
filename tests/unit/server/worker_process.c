/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker inherits: nothing that loads or redirects libraries, and fixed threads. */
#include "worker_process.h"

#include "../test.h"

#include <stdlib.h>
#include <string.h>

static const char *find(char **environment, const char *name)
{
    size_t n = strlen(name);
    for (; *environment; environment++) {
        if (strncmp(*environment, name, n) == 0 && (*environment)[n] == '=')
            return *environment + n + 1;
    }
    return NULL;
}

static void environment(void **state)
{
    (void)state;
    char *const inherited[] = {"PATH=/bin",
                               "LD_PRELOAD=/doors/libcudart.so.13",
                               "LD_LIBRARY_PATH=/fallback",
                               "LD_AUDIT=x",
                               "RRTO_SERVER=unix:/x",
                               "CUDA_VISIBLE_DEVICES=1",
                               "OMP_NUM_THREADS=9",
                               "OPENBLAS_NUM_THREADS=9",
                               "NOTIFY_SOCKET=/n",
                               NULL};
    struct rrto_options options;
    char why[200];
    rrto_options_init(&options);
    (void)rrto_options_set(&options, "soft-threads", "3", why, sizeof why);
    char **out = rrto_spawn_environment(&options, inherited);
    assert_string_equal(find(out, "PATH"), "/bin");
    assert_string_equal(find(out, "CUDA_VISIBLE_DEVICES"), "1");
    assert_string_equal(find(out, "CUDA_DEVICE_MAX_CONNECTIONS"), "32");
    assert_string_equal(find(out, "OMP_NUM_THREADS"), "3");
    assert_string_equal(find(out, "OPENBLAS_NUM_THREADS"), "3");
    static const char *const dropped[] = {"LD_PRELOAD",  "LD_LIBRARY_PATH", "LD_AUDIT",
                                          "RRTO_SERVER", "NOTIFY_SOCKET",   "SOFT_GPU_BODILESS"};
    for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++)
        assert_null(find(out, dropped[i]));
    for (char **at = out; *at; at++)
        free(*at);
    free(out);

    (void)rrto_options_set(&options, "compute", "skip", why, sizeof why);
    (void)rrto_options_set(&options, "libraries", "/a", why, sizeof why);
    (void)rrto_options_set(&options, "libraries", "/b", why, sizeof why);
    char *const chosen[] = {"CUDA_DEVICE_MAX_CONNECTIONS=4", NULL};
    out = rrto_spawn_environment(&options, chosen);
    assert_string_equal(find(out, "CUDA_DEVICE_MAX_CONNECTIONS"), "4");
    assert_string_equal(find(out, "LD_LIBRARY_PATH"), "/a:/b");
    assert_string_equal(find(out, "SOFT_GPU_BODILESS"), "1");
    for (char **at = out; *at; at++)
        free(*at);
    free(out);
    rrto_options_fini(&options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(environment)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
