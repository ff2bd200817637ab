/* SPDX-License-Identifier: Apache-2.0 */
/* What has been issued and may not have completed: decides when a synchronise may be answered here (SEMANTICS rule 9).
 * Conservative: any visible op that is outstanding anywhere in the session forbids it. Under the issue lock. */
#ifndef RRTO_REPLAY_TRACKER_H
#define RRTO_REPLAY_TRACKER_H

#include "base/map.h"
#include "replay/optable.h"
#include "replay/receiver.h"

struct rrto_tracker {
    bool one_stream;          /* no stream was ever created: the legacy stream is all there is */
    uint64_t visible;         /* position + 1 of the last visible op, on any stream */
    uint64_t visible_nowhere; /* of the last visible one that names no stream */
    uint64_t queued_nowhere;  /* of the last op for the device that names no stream */
    uint64_t down;            /* of the last D2H that nobody has been blocked for yet */
    /* of the stream that the last op is on, not in the maps yet; 0: none since it is that stream */
    uint32_t stream;
    uint64_t visible_here, queued_here;
    struct rrto_map visible_on; /* stream -> position + 1 of its last visible op */
    struct rrto_map queued_on;  /* stream -> position + 1 of its last op */
    struct rrto_map handles;    /* a library's handle -> the stream that it was set to */
    uint32_t n_closed;          /* gates: what is behind one completes when the application's host has done something */
    bool broken;                /* memory was short: nothing is elided any more */
};

void rrto_tracker_init(struct rrto_tracker *tracker);
void rrto_tracker_fini(struct rrto_tracker *tracker);
/* Whether work for the device begins: a launch or a library op, or an H2D. */
bool rrto_tracker_is_work(const struct rrto_op_info *info);
/* Whether the wait of an op that is about to be issued is a result wait: the application is blocked on a D2H. */
bool rrto_tracker_is_result(const struct rrto_tracker *tracker, const struct rrto_op_info *info, bool wait);
/* Notes an op that was issued. */
void rrto_tracker_issued(struct rrto_tracker *tracker, const struct rrto_optable *table,
                         const struct rrto_op_info *info, const uint8_t *op, size_t n, uint64_t position, bool wait);
/* Whether nothing visible is outstanding. */
bool rrto_tracker_quiet(struct rrto_tracker *tracker, struct rrto_receiver *receiver);
/* A stream other than `stream` on which something visible is outstanding, and the position of its last such op. */
bool rrto_tracker_other(struct rrto_tracker *tracker, struct rrto_receiver *receiver, uint32_t stream,
                        uint32_t *ret_stream, uint64_t *ret_position);
/* What the completion of this op says about those before it; *ret_stream: its stream. */
enum rrto_covers rrto_tracker_covers(const struct rrto_tracker *tracker, const struct rrto_optable *table,
                                     const struct rrto_op_info *info, const uint8_t *op, size_t n,
                                     uint32_t *ret_stream);
/* The newest op on a stream (or on none in particular). */
bool rrto_tracker_position(const struct rrto_tracker *tracker, uint32_t stream, uint64_t *ret_position);

#endif
