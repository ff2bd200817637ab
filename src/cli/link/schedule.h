/* SPDX-License-Identifier: Apache-2.0 */
/* What one direction of a link can carry, and when: a constant rate, a trace of rates, or a trace of opportunities
 * (mahimahi), with stalls in which nothing passes. Pure; times are nanoseconds since the link's beginning. */
#ifndef RRTO_CLI_LINK_SCHEDULE_H
#define RRTO_CLI_LINK_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RRTO_SCHEDULE_UNLIMITED UINT64_MAX
#define RRTO_SCHEDULE_NEVER (UINT64_MAX / 4) /* a time that does not come */

enum {
    RRTO_SCHEDULE_STALLS = 8,
    RRTO_SCHEDULE_OPPORTUNITY_BYTES = 1500,
};

enum rrto_schedule_kind { RRTO_SCHEDULE_CONSTANT, RRTO_SCHEDULE_RATES, RRTO_SCHEDULE_OPPORTUNITIES };

/* From this time to the next step's (the last one: to the end of the trace). */
struct rrto_schedule_step {
    uint64_t from_ns, bits_per_s; /* 0: nothing passes */
};

/* Nothing passes from start on for length; again every period (0: once). length < period. */
struct rrto_schedule_stall {
    uint64_t start_ns, length_ns, period_ns;
};

/* All zero would be a link that passes nothing; rrto_schedule_constant makes a first one. */
struct rrto_schedule {
    enum rrto_schedule_kind kind;
    uint64_t bits_per_s;              /* CONSTANT */
    struct rrto_schedule_step *steps; /* RATES: n entries, the first from 0 */
    uint64_t *opportunities_ns;       /* OPPORTUNITIES: n entries, non-decreasing */
    size_t n;
    uint64_t length_ns; /* of the trace, which begins again after it */
    struct rrto_schedule_stall stalls[RRTO_SCHEDULE_STALLS];
    size_t n_stalls;
};

/* Replaces the rate or trace (steps and opportunities are not freed), keeps the stalls. 0: unlimited. */
void rrto_schedule_constant(struct rrto_schedule *schedule, uint64_t bits_per_s);

/* The rate at a time, and until when it stays so. Not for OPPORTUNITIES. */
struct rrto_schedule_piece {
    uint64_t bits_per_s; /* 0: nothing passes; RRTO_SCHEDULE_UNLIMITED */
    uint64_t end_ns;     /* > t_ns */
};
struct rrto_schedule_piece rrto_schedule_at(const struct rrto_schedule *schedule, uint64_t t_ns);

/* OPPORTUNITIES: the number of the first one at or after t_ns that no stall swallows, and when an opportunity is
 * (RRTO_SCHEDULE_NEVER: all within a day are swallowed). Numbers go on where the trace begins again. */
uint64_t rrto_schedule_opportunity(const struct rrto_schedule *schedule, uint64_t t_ns);
uint64_t rrto_schedule_opportunity_ns(const struct rrto_schedule *schedule, uint64_t number);

/* How many bytes can pass from 0 to t_ns (RRTO_SCHEDULE_UNLIMITED: any), stalls and all: what a tool compares a link
 * with. */
uint64_t rrto_schedule_bytes(const struct rrto_schedule *schedule, uint64_t t_ns);

/* The highest rate that occurs (of OPPORTUNITIES: the mean one). */
uint64_t rrto_schedule_peak(const struct rrto_schedule *schedule);

#endif
