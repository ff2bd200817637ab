/* SPDX-License-Identifier: Apache-2.0 */
/* The steps that torture programs consist of. Each is legal wherever it stands, so one may be left out, repeated,
 * changed or put in anywhere. */
#ifndef TESTS_E2E_TORTURE_STEPS_H
#define TESTS_E2E_TORTURE_STEPS_H

#include "machine.h"

struct step {
    unsigned kind;
    int buffers[3], pinned, stream, thread;
    unsigned size;   /* the larger, the more elements */
    uint64_t choice; /* what a step decides for itself, the same in every round */
};

/* A random step. */
struct step step_make(struct rng *rng, int n_threads);
const char *step_name(const struct step *step);
/* data: the values and the garbage of this round. */
void step_run(struct machine *m, const struct step *step, struct rng *data);

#endif
