/* SPDX-License-Identifier: Apache-2.0 */
/* Where the time of a wait went. Two clocks are never compared: the server says durations (docs/wire.md, REPLY), the
 * link is what is left of the wait. Pure. */
#ifndef RRTO_REPLAY_PHASES_H
#define RRTO_REPLAY_PHASES_H

#include "report/counters.h"
#include "wire/frame.h"

/* Times of the client's clock; 0: not known. */
struct rrto_phases_wait {
    uint64_t start_ns, end_ns; /* the thread was blocked */
    uint64_t first_ns;         /* the first byte since the wait before was handed to the connection */
    uint64_t last_began_ns;    /* the last bytes were begun to be, */
    uint64_t last_ns;          /* and the last one was */
    uint64_t data_ns;          /* the first bytes of a payload came */
    uint64_t rtt_ns;           /* the shortest way there and back known so far */
    struct rrto_reply_times times;
};

/* Divides a wait; the parts add up to it. Returns true if its link_ns is the way there and back, by the server's word:
 * nothing of the server's work can have overlapped with anything else. */
bool rrto_phases_divide(const struct rrto_phases_wait *wait, struct rrto_counters_waits *ret_parts);

#endif
