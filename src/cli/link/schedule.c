/* SPDX-License-Identifier: Apache-2.0 */
/* What a link can carry, and when. */
#include "cli/link/schedule.h"

static const uint64_t second_ns = 1000000000, day_ns = 86400 * (uint64_t)1000000000;

void rrto_schedule_constant(struct rrto_schedule *schedule, uint64_t bits_per_s)
{
    schedule->kind = RRTO_SCHEDULE_CONSTANT;
    schedule->bits_per_s = bits_per_s ? bits_per_s : RRTO_SCHEDULE_UNLIMITED;
    schedule->steps = NULL;
    schedule->opportunities_ns = NULL;
    schedule->n = 0;
    schedule->length_ns = 0;
}

/* The stall's last start at or before t, or its first one. */
static uint64_t stall_start(const struct rrto_schedule_stall *stall, uint64_t t_ns)
{
    if (t_ns < stall->start_ns || stall->period_ns == 0)
        return stall->start_ns;
    return t_ns - (t_ns - stall->start_ns) % stall->period_ns;
}

/* When the stalls that hold t are over: t itself when none does. */
static uint64_t stalled_until(const struct rrto_schedule *schedule, uint64_t t_ns)
{
    uint64_t until_ns = t_ns;
    for (size_t i = 0; i < schedule->n_stalls;) {
        uint64_t start_ns = stall_start(&schedule->stalls[i], until_ns);
        uint64_t end_ns = start_ns + schedule->stalls[i].length_ns;
        if (until_ns >= start_ns && until_ns < end_ns && until_ns - t_ns < day_ns) {
            until_ns = end_ns;
            i = 0; /* another one may hold what follows */
        } else {
            i++;
        }
    }
    return until_ns;
}

/* When the next stall after t begins, for a t that none holds. */
static uint64_t next_stall(const struct rrto_schedule *schedule, uint64_t t_ns)
{
    uint64_t next_ns = RRTO_SCHEDULE_NEVER;
    for (size_t i = 0; i < schedule->n_stalls; i++) {
        const struct rrto_schedule_stall *stall = &schedule->stalls[i];
        uint64_t start_ns = stall_start(stall, t_ns);
        if (start_ns <= t_ns)
            start_ns = stall->period_ns ? start_ns + stall->period_ns : RRTO_SCHEDULE_NEVER;
        next_ns = start_ns < next_ns ? start_ns : next_ns;
    }
    return next_ns;
}

static struct rrto_schedule_piece trace_piece(const struct rrto_schedule *schedule, uint64_t t_ns)
{
    if (schedule->kind == RRTO_SCHEDULE_CONSTANT)
        return (struct rrto_schedule_piece){schedule->bits_per_s, RRTO_SCHEDULE_NEVER};
    uint64_t cycle_ns = t_ns - t_ns % schedule->length_ns;
    size_t low = 0, high = schedule->n; /* the last step that begins at or before t */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (schedule->steps[middle].from_ns <= t_ns - cycle_ns)
            low = middle;
        else
            high = middle;
    }
    uint64_t end_ns = high < schedule->n ? schedule->steps[high].from_ns : schedule->length_ns;
    return (struct rrto_schedule_piece){schedule->steps[low].bits_per_s, cycle_ns + end_ns};
}

struct rrto_schedule_piece rrto_schedule_at(const struct rrto_schedule *schedule, uint64_t t_ns)
{
    uint64_t until_ns = stalled_until(schedule, t_ns);
    if (until_ns > t_ns)
        return (struct rrto_schedule_piece){0, until_ns};
    struct rrto_schedule_piece piece = trace_piece(schedule, t_ns);
    uint64_t stall_ns = next_stall(schedule, t_ns);
    piece.end_ns = stall_ns < piece.end_ns ? stall_ns : piece.end_ns;
    return piece;
}

uint64_t rrto_schedule_opportunity_ns(const struct rrto_schedule *schedule, uint64_t number)
{
    if (number >= RRTO_SCHEDULE_NEVER)
        return RRTO_SCHEDULE_NEVER;
    return number / schedule->n * schedule->length_ns + schedule->opportunities_ns[number % schedule->n];
}

/* The first one at or after t, in a stall or not. An opportunity at the very end of the trace belongs to the cycle that
 * ends there. */
static uint64_t opportunity_from(const struct rrto_schedule *schedule, uint64_t t_ns)
{
    uint64_t cycle = t_ns / schedule->length_ns, within_ns = t_ns % schedule->length_ns;
    if (within_ns == 0 && cycle > 0) {
        cycle--;
        within_ns = schedule->length_ns;
    }
    size_t low = 0, high = schedule->n; /* the first entry at or after within; there is one: the last is the length */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (schedule->opportunities_ns[middle] < within_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return cycle * schedule->n + low;
}

uint64_t rrto_schedule_opportunity(const struct rrto_schedule *schedule, uint64_t t_ns)
{
    for (uint64_t from_ns = t_ns; from_ns - t_ns < day_ns;) {
        uint64_t number = opportunity_from(schedule, from_ns);
        uint64_t at_ns = rrto_schedule_opportunity_ns(schedule, number);
        from_ns = stalled_until(schedule, at_ns);
        if (from_ns == at_ns)
            return number;
    }
    return RRTO_SCHEDULE_NEVER;
}

static uint64_t opportunity_bytes(const struct rrto_schedule *schedule, uint64_t t_ns)
{
    uint64_t n = 0, number = rrto_schedule_opportunity(schedule, 0);
    while (rrto_schedule_opportunity_ns(schedule, number) <= t_ns) {
        n++;
        number++;
        uint64_t at_ns = rrto_schedule_opportunity_ns(schedule, number);
        uint64_t until_ns = stalled_until(schedule, at_ns);
        if (until_ns > at_ns)
            number = rrto_schedule_opportunity(schedule, until_ns);
    }
    return n * RRTO_SCHEDULE_OPPORTUNITY_BYTES;
}

uint64_t rrto_schedule_bytes(const struct rrto_schedule *schedule, uint64_t t_ns)
{
    if (schedule->kind == RRTO_SCHEDULE_OPPORTUNITIES)
        return opportunity_bytes(schedule, t_ns);
    unsigned __int128 work = 0; /* in bits times ns/s */
    for (uint64_t from_ns = 0; from_ns < t_ns;) {
        struct rrto_schedule_piece piece = rrto_schedule_at(schedule, from_ns);
        uint64_t end_ns = piece.end_ns < t_ns ? piece.end_ns : t_ns;
        if (piece.bits_per_s == RRTO_SCHEDULE_UNLIMITED)
            return RRTO_SCHEDULE_UNLIMITED;
        work += (unsigned __int128)piece.bits_per_s * (end_ns - from_ns);
        from_ns = end_ns;
    }
    return (uint64_t)(work / (8 * (unsigned __int128)second_ns));
}

uint64_t rrto_schedule_peak(const struct rrto_schedule *schedule)
{
    uint64_t peak = 0;
    switch (schedule->kind) {
    case RRTO_SCHEDULE_CONSTANT:
        return schedule->bits_per_s;
    case RRTO_SCHEDULE_RATES:
        for (size_t i = 0; i < schedule->n; i++)
            peak = schedule->steps[i].bits_per_s > peak ? schedule->steps[i].bits_per_s : peak;
        return peak;
    case RRTO_SCHEDULE_OPPORTUNITIES:
        return (uint64_t)((unsigned __int128)schedule->n * RRTO_SCHEDULE_OPPORTUNITY_BYTES * 8 * second_ns /
                          schedule->length_ns);
    }
    return peak;
}
