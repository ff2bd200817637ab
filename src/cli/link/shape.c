/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of an emulated link. */
#include "cli/link/shape.h"

enum { READ_BYTES = 256 << 10, UNLIMITED_BYTES = 16 << 20, MOST_LOSSES = 8 };
static const uint64_t jitter_slot_ns = 10000000, second_ns = 1000000000;
static const uint64_t slack_ns = 20000000;                /* a sender may be away for so long, on a busy machine */
static const int64_t byte_work = 8 * (int64_t)1000000000; /* in bits times ns/s */

/* The finaliser of splitmix64 (Steele, Lea, Flood 2014): independent numbers from neighbouring ones. */
static double uniform(uint64_t seed, uint64_t kind, uint64_t index)
{
    uint64_t x = seed * 0x9e3779b97f4a7c15 + kind * 0xd1342543de82ef95 + (index + 1) * 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return (double)((x ^ (x >> 31)) >> 11) * 0x1p-53;
}

/* How much later than its delay a packet arrives that leaves at t. */
static uint64_t lateness(struct rrto_shape *shape, uint64_t t_ns)
{
    uint64_t late_ns = (uint64_t)((double)shape->jitter_ns * uniform(shape->seed, 0, t_ns / jitter_slot_ns));
    unsigned n_losses = 0;
    while (n_losses < MOST_LOSSES && shape->loss > 0 &&
           uniform(shape->seed, 1 + n_losses, shape->n_packets) < shape->loss)
        n_losses++;
    shape->n_packets++;
    shape->n_lost += n_losses;
    return late_ns + shape->rto_ns * ((1U << n_losses) - 1);
}

/* The run has left from t to end; makes arrivals of that. A packet that may be late arrives as a whole. */
static struct rrto_shape_run arrive(struct rrto_shape *shape, uint64_t t_ns, uint64_t end_ns, size_t n)
{
    struct rrto_shape_run run = {.n = n};
    run.first_ns = t_ns + shape->delay_ns;
    run.last_ns = end_ns + shape->delay_ns;
    if (shape->jitter_ns || shape->loss > 0) {
        run.last_ns += lateness(shape, end_ns);
        run.last_ns = run.last_ns > shape->held_ns ? run.last_ns : shape->held_ns;
        run.first_ns = run.last_ns;
    }
    shape->held_ns = run.last_ns;
    run.first_ns += shape->origin_ns;
    run.last_ns += shape->origin_ns;
    return run;
}

static struct rrto_shape_run by_opportunity(struct rrto_shape *shape, uint64_t t_ns, size_t n)
{
    const struct rrto_schedule *schedule = shape->schedule;
    bool unusable = rrto_schedule_opportunity_ns(schedule, shape->opportunity) < t_ns;
    if (unusable || shape->n_used == 0 || shape->n_used == RRTO_SCHEDULE_OPPORTUNITY_BYTES) {
        uint64_t next = rrto_schedule_opportunity(schedule, t_ns);
        if (next <= shape->opportunity && shape->n_used) { /* several at the same time; stalls swallow all of them */
            next = shape->opportunity + 1;
            next = rrto_schedule_opportunity_ns(schedule, next) == t_ns
                       ? next
                       : rrto_schedule_opportunity(schedule, rrto_schedule_opportunity_ns(schedule, next));
        }
        shape->opportunity = next;
        shape->n_used = 0;
    }
    size_t room = RRTO_SCHEDULE_OPPORTUNITY_BYTES - (size_t)shape->n_used;
    n = n < room ? n : room;
    shape->n_used += n;
    shape->free_ns = rrto_schedule_opportunity_ns(schedule, shape->opportunity);
    return arrive(shape, shape->free_ns, shape->free_ns, n);
}

static struct rrto_shape_run by_rate(struct rrto_shape *shape, uint64_t t_ns, size_t n)
{
    for (uint64_t begin_ns = t_ns;;) {
        struct rrto_schedule_piece piece = rrto_schedule_at(shape->schedule, t_ns);
        if (piece.bits_per_s == RRTO_SCHEDULE_UNLIMITED) {
            shape->owed = 0;
            shape->free_ns = t_ns;
            return arrive(shape, t_ns, t_ns, n);
        }
        __int128 room = (__int128)piece.bits_per_s * (piece.end_ns - t_ns) - shape->owed;
        size_t fits = room < byte_work ? 0 : room / byte_work < (__int128)n ? (size_t)(room / byte_work) : n;
        if (fits > 0) {
            __int128 work = (__int128)fits * byte_work + shape->owed;
            uint64_t end_ns = t_ns + (uint64_t)(work / (__int128)piece.bits_per_s);
            shape->owed = (int64_t)(work % (__int128)piece.bits_per_s);
            shape->free_ns = end_ns;
            return arrive(shape, t_ns, end_ns, fits);
        }
        shape->owed = (int64_t)-room; /* the piece ends within a byte */
        t_ns = piece.end_ns;
        if (t_ns - begin_ns > 86400 * second_ns) { /* closed for a day is closed */
            shape->free_ns = RRTO_SCHEDULE_NEVER;
            return arrive(shape, shape->free_ns, shape->free_ns, n);
        }
    }
}

struct rrto_shape_run rrto_shape_accept(struct rrto_shape *shape, uint64_t now_ns, size_t n)
{
    uint64_t t_ns = now_ns > shape->origin_ns ? now_ns - shape->origin_ns : 0;
    if (shape->free_ns >= RRTO_SCHEDULE_NEVER)
        return arrive(shape, shape->free_ns, shape->free_ns, n);
    if (t_ns > shape->free_ns)
        shape->owed = 0; /* the link has been idle: no fraction is owed */
    else
        t_ns = shape->free_ns;
    if ((shape->jitter_ns || shape->loss > 0) && n > RRTO_SHAPE_PACKET_BYTES)
        n = RRTO_SHAPE_PACKET_BYTES;
    if (shape->schedule->kind == RRTO_SCHEDULE_OPPORTUNITIES)
        return by_opportunity(shape, t_ns, n);
    return by_rate(shape, t_ns, n);
}

uint64_t rrto_shape_drained(const struct rrto_shape *shape, uint64_t now_ns)
{
    uint64_t t_ns = now_ns > shape->origin_ns ? now_ns - shape->origin_ns : 0;
    t_ns = (t_ns > shape->free_ns ? t_ns : shape->free_ns) + shape->delay_ns;
    return shape->origin_ns + (t_ns > shape->held_ns ? t_ns : shape->held_ns);
}

size_t rrto_shape_delivered(const struct rrto_shape_run *run, uint64_t now_ns)
{
    if (now_ns >= run->last_ns)
        return run->n;
    if (now_ns <= run->first_ns)
        return 0;
    return (size_t)((unsigned __int128)(now_ns - run->first_ns) * run->n / (run->last_ns - run->first_ns));
}

size_t rrto_shape_capacity(const struct rrto_shape *shape)
{
    uint64_t peak = rrto_schedule_peak(shape->schedule);
    uint64_t under_way_ns = shape->delay_ns + shape->jitter_ns + (shape->loss > 0 ? shape->rto_ns : 0);
    if (peak == RRTO_SCHEDULE_UNLIMITED)
        return UNLIMITED_BYTES;
    uint64_t waiting = peak / 8 * slack_ns / second_ns;
    return (waiting > READ_BYTES ? waiting : READ_BYTES) +
           (size_t)((unsigned __int128)peak * under_way_ns / (unsigned __int128)byte_work);
}
