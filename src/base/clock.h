/* SPDX-License-Identifier: Apache-2.0 */
/* The monotonic clock. */
#ifndef RRTO_BASE_CLOCK_H
#define RRTO_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Nanoseconds, CLOCK_MONOTONIC: of this machine, since some point in the past. Async-signal-safe. */
static inline uint64_t rrto_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

#endif
