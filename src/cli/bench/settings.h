/* SPDX-License-Identifier: Apache-2.0 */
/* The user's RRTO_* variables: the runs inherit them, so that figures depend on them. */
#ifndef RRTO_CLI_BENCH_SETTINGS_H
#define RRTO_CLI_BENCH_SETTINGS_H

#include "cli/bench/bench.h"

typedef void rrto_bench_setting(void *arg, const char *name, const char *value);

/* Calls fn for each one that is set, not empty, and reaches a run, in the order of src/base/config.h. The texts are the
 * environment's. */
void rrto_bench_each_setting(const struct rrto_bench_options *options, rrto_bench_setting *fn, void *arg);

#endif
