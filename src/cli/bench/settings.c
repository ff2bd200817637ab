/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/settings.h"

#include "base/config.h"

#include <stdlib.h>
#include <string.h>

struct each {
    const struct rrto_bench_options *options;
    rrto_bench_setting *fn;
    void *arg;
};

/* What run.c and rrto run set or take away themselves: there, the user's is not heard. */
static bool reaches(const struct rrto_bench_options *options, const char *name)
{
    static const char *const replaced[] = {"RRTO_SERVER", "RRTO_RUN_DIR", "RRTO_PERIOD_US", "RRTO_TRACE",
                                           "RRTO_REPORT"};
    for (size_t i = 0; i < sizeof replaced / sizeof replaced[0]; i++)
        if (strcmp(name, replaced[i]) == 0)
            return false;
    if (strcmp(name, "RRTO_MODE") != 0)
        return true;
    for (size_t i = 0; i < options->n_modes; i++)
        if (options->modes[i].kind != RRTO_BENCH_RRTO) /* else --mode says it */
            return true;
    return false;
}

static void on_variable(void *arg, const char *name, const char *type, const char *def, const char *help)
{
    const struct each *each = arg;
    const char *value = getenv(name);
    (void)type, (void)def, (void)help;
    if (value && *value && reaches(each->options, name))
        each->fn(each->arg, name, value);
}

void rrto_bench_each_setting(const struct rrto_bench_options *options, rrto_bench_setting *fn, void *arg)
{
    struct each each = {options, fn, arg};
    rrto_config_each(on_variable, &each);
}
