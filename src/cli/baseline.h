/* SPDX-License-Identifier: Apache-2.0 */
/* The plainest search that predicts at all, as a measure for the client's: it follows the successor in the log; on a
 * mismatch it goes to the latest place whose last 16, 8, 4, 2 or 1 tokens, this one included, are the present ones; it
 * knows no lanes, forgets nothing and grows without bound. */
#ifndef RRTO_CLI_BASELINE_H
#define RRTO_CLI_BASELINE_H

#include <stdbool.h>
#include <stdint.h>

struct rrto_baseline; /* opaque */

struct rrto_baseline *rrto_baseline_create(void);                            /* NULL: memory is short */
struct rrto_baseline *rrto_baseline_destroy(struct rrto_baseline *baseline); /* accepts NULL, returns NULL */
uint64_t rrto_baseline_expected(const struct rrto_baseline *baseline);       /* position, or UINT64_MAX */
uint64_t rrto_baseline_push(struct rrto_baseline *baseline, uint64_t token); /* position, or UINT64_MAX */

#endif
