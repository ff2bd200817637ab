/* SPDX-License-Identifier: Apache-2.0 */
/* How fast a large payload comes, from its first read to its last: what the client wants to know of the link, to decide
 * whether coding payloads pays. Pure: the clock is the caller's. */
#ifndef RRTO_SERVER_ARRIVAL_H
#define RRTO_SERVER_ARRIVAL_H

#include <stdint.h>

enum { RRTO_ARRIVAL_LEAST_BYTES = 16 << 10, RRTO_ARRIVAL_FAST = UINT16_MAX };

struct rrto_arrival {
    uint64_t n_bytes;                       /* of the op stream that have been read so far: the owner adds to it */
    uint64_t start_ns, waited_ns, n_before; /* when the payload began */
    uint16_t rate;                          /* of the last one, as rrto_reply_head has it; 0: none since it was taken */
};

/* waited_ns: how long the reader has waited for bytes, altogether. */
static inline void rrto_arrival_begin(struct rrto_arrival *arrival, uint64_t now_ns, uint64_t waited_ns)
{
    arrival->start_ns = now_ns;
    arrival->waited_ns = waited_ns;
    arrival->n_before = arrival->n_bytes;
}

/* If reading hardly waited, the payload was here faster than it was read, and the link is not what took time. */
static inline void rrto_arrival_end(struct rrto_arrival *arrival, uint64_t now_ns, uint64_t waited_ns)
{
    uint64_t n = arrival->n_bytes - arrival->n_before, spent_ns = now_ns - arrival->start_ns;
    if (n < RRTO_ARRIVAL_LEAST_BYTES)
        return;
    uint64_t rate =
        spent_ns ? n * 10000 / spent_ns : RRTO_ARRIVAL_FAST; /* bytes in 100 us, that is 100 kB/s, floored */
    if ((waited_ns - arrival->waited_ns) * 2 < spent_ns || rate >= RRTO_ARRIVAL_FAST)
        arrival->rate = RRTO_ARRIVAL_FAST;
    else
        arrival->rate = rate ? (uint16_t)rate : 1;
}

static inline uint16_t rrto_arrival_take(struct rrto_arrival *arrival)
{
    uint16_t rate = arrival->rate;
    arrival->rate = 0;
    return rate;
}

#endif
