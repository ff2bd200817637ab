/* SPDX-License-Identifier: Apache-2.0 */
/* A host function that holds its stream up, in rounds that count from 1: until the round may go, or its patience ends,
 * which is noted. */
#ifndef TESTS_E2E_HOLD_H
#define TESTS_E2E_HOLD_H

#include <stdatomic.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

static atomic_int holds, may_go, lost_patience; /* holds: the round that is held up */

static inline void hold(void *round)
{
    enum { PATIENCE_S = 30 }; /* a build that looks for data races takes ten for a round whose payloads are coded */
    time_t end = time(NULL) + PATIENCE_S;
    atomic_store(&holds, (int)(size_t)round);
    while (atomic_load(&may_go) < (int)(size_t)round && time(NULL) < end)
        usleep(5000); /* many at once must not take the machine from what they wait for */
    if (atomic_load(&may_go) < (int)(size_t)round)
        atomic_store(&lost_patience, 1);
}

#endif
