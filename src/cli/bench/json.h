/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the JSON file (docs/bench.md). New references are the caller's. */
#ifndef RRTO_CLI_BENCH_JSON_H
#define RRTO_CLI_BENCH_JSON_H

#include "cli/bench/bench.h"

#include <jansson.h>

json_t *rrto_bench_json_estimate(struct rrto_bench_estimate value); /* null: unknown */
json_t *rrto_bench_json_machine(void);                              /* machine.c */

/* json_energy.c: what the joules of all modes rest on; those of one mode; those of one run, added to its object. */
json_t *rrto_bench_json_energy_basis(const struct rrto_bench *bench);
json_t *rrto_bench_json_energy(const struct rrto_bench *bench, const struct rrto_bench_result *result,
                               const struct rrto_bench_energy *energy);
void rrto_bench_json_add_round_energy(json_t *round, const struct rrto_bench *bench, const struct rrto_bench_mode *mode,
                                      const struct rrto_bench_run *run);

#endif
