/* SPDX-License-Identifier: Apache-2.0 */
/* An open loop: inferences are wanted at fixed times, whether the one before is through or not. The application knows
 * nothing of it; it is held back where an inference begins. What it is too late for by a whole period is dropped: the
 * newest one that is due is taken, as from a camera. The first inference of a process is not paced, the second one sets
 * the clock. */
#ifndef RRTO_REPLAY_PACE_H
#define RRTO_REPLAY_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct rrto_pace {
    uint64_t planned_ns; /* of the inference that is about to begin, or began last; 0: none yet */
    uint64_t dropped;    /* before it */
    bool waits;          /* it is planned and has not begun */
};

/* Plans the next inference at now_ns, unless it is planned already. Returns when it may begin: at once if that is not
 * after now_ns. */
uint64_t rrto_pace_plan(struct rrto_pace *pace, uint64_t now_ns, uint64_t period_ns);
/* An inference begins: when it was wanted, and how many were dropped before it (0, 0: it was not planned). */
void rrto_pace_begun(struct rrto_pace *pace, uint64_t *ret_planned_ns, uint64_t *ret_dropped);

#endif
