/* SPDX-License-Identifier: Apache-2.0 */
/* How fast a large payload comes, from its first read to its last: what the other side wants to know of the link, to
 * decide whether coding payloads pays. Pure: the clock is the caller's. */
#ifndef RRTO_REPLAY_ARRIVAL_H
#define RRTO_REPLAY_ARRIVAL_H

#include <stdbool.h>
#include <stdint.h>

enum {
    RRTO_ARRIVAL_LEAST_BYTES = 16 << 10, /* of a payload that tells something, on the way */
    RRTO_ARRIVAL_FAST = UINT16_MAX,
    RRTO_ARRIVAL_PROBE_PAYLOADS = 64, /* after so many coded ones that told nothing of the link, one goes as it is */
};

struct rrto_arrival {
    uint64_t n_bytes;                       /* of the op stream that have been read so far: the owner adds to it */
    uint64_t start_ns, waited_ns, n_before; /* when the payload began */
    bool begun;                             /* and has not ended */
    uint32_t n_unmeasured;                  /* coded payloads since one has told how fast the link is. Atomic */
    uint16_t rate;                          /* of the last one, as rrto_reply_head has it; 0: none since it was taken */
};

/* waited_ns: how long the reader has waited for bytes, altogether. */
static inline void rrto_arrival_begin(struct rrto_arrival *arrival, uint64_t now_ns, uint64_t waited_ns)
{
    arrival->start_ns = now_ns;
    arrival->waited_ns = waited_ns;
    arrival->n_before = arrival->n_bytes;
    arrival->begun = true;
}

/* If reading hardly waited, the payload was here faster than it was read, and the link is not what took time. Of a
 * payload whose beginning nobody has seen, nothing is known. */
static inline void rrto_arrival_end(struct rrto_arrival *arrival, uint64_t now_ns, uint64_t waited_ns)
{
    uint64_t n = arrival->n_bytes - arrival->n_before, spent_ns = now_ns - arrival->start_ns;
    bool seen = arrival->begun && n >= RRTO_ARRIVAL_LEAST_BYTES;
    arrival->begun = false;
    if (!seen)
        return;
    uint64_t rate =
        spent_ns ? n * 10000 / spent_ns : RRTO_ARRIVAL_FAST; /* bytes in 100 us, that is 100 kB/s, floored */
    if ((waited_ns - arrival->waited_ns) * 2 < spent_ns || rate >= RRTO_ARRIVAL_FAST)
        arrival->rate = RRTO_ARRIVAL_FAST;
    else
        arrival->rate = rate ? (uint16_t)rate : 1;
}

/* Whether a payload that came at `measured` (bytes per ms; 0: as fast as it was read) says how fast the link is. A
 * coded one may have come as slowly as it was coded, n_coded bytes in encode_ns (n_coded 0: it was not coded): then it
 * only says that the link is no slower; and where it was not waited for, nothing. */
static inline bool rrto_arrival_tells(uint64_t measured, uint64_t n_coded, uint64_t encode_ns)
{
    return n_coded == 0 || (measured > 0 && measured * encode_ns <= n_coded * 1000000 / 2);
}

/* What is known of a link, in bytes per ms (0: not known, or faster than could be measured), once a payload has come,
 * with the same arguments. That a link is no slower than some rate does not tell one where none is known. */
static inline uint64_t rrto_arrival_learn(uint64_t rate, uint64_t measured, uint64_t n_coded, uint64_t encode_ns)
{
    if (!rrto_arrival_tells(measured, n_coded, encode_ns))
        return rate && measured > rate ? measured : rate;
    if (measured == 0)
        return 0;
    return rate ? (3 * rate + measured) / 4 : measured;
}

/* A payload has come, which tells how fast the link is, or does not: it counts then if it was coded. The reader's; who
 * asks for one that is not coded, because there were RRTO_ARRIVAL_PROBE_PAYLOADS, sets n_unmeasured to 0. */
static inline void rrto_arrival_count(struct rrto_arrival *arrival, bool tells, bool coded)
{
    if (tells)
        __atomic_store_n(&arrival->n_unmeasured, 0, __ATOMIC_RELAXED);
    else if (coded)
        __atomic_fetch_add(&arrival->n_unmeasured, 1, __ATOMIC_RELAXED);
}

static inline uint16_t rrto_arrival_take(struct rrto_arrival *arrival)
{
    uint16_t rate = arrival->rate;
    arrival->rate = 0;
    return rate;
}

#endif
