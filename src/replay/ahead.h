/* SPDX-License-Identifier: Apache-2.0 */
/* Copies to the host that were made ahead of the application: when it waits for one output and the sequence goes on
 * with more of them, these are issued along with it, and several outputs cost one round trip. A copy out has no side
 * effect, so a wrong guess costs its bytes and nothing else. What was copied is handed out only if the very next op of
 * the session is that copy; anything else that is issued discards it. Under the issue lock. */
#ifndef RRTO_REPLAY_AHEAD_H
#define RRTO_REPLAY_AHEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RRTO_AHEAD_ROWS = 4, RRTO_AHEAD_OP_BYTES = 64, RRTO_AHEAD_MAX_BYTES = 256 << 10 };

struct rrto_ahead_row {
    uint64_t position;
    _Alignas(8) uint8_t op[RRTO_AHEAD_OP_BYTES];
    size_t n_op;
    uint8_t *data;
    size_t n_data, capacity;
};

struct rrto_ahead {
    struct rrto_ahead_row rows[RRTO_AHEAD_ROWS];
    unsigned n, at; /* rows [at, n) wait for the application */
    bool in_flight; /* their bytes have not arrived: nobody may touch the rows */
    uint64_t head;  /* the log's head behind the last of them */
    uint64_t hits, misses, n_skipped;
};

void rrto_ahead_fini(struct rrto_ahead *ahead);
/* Whether the rows are free and guessing has paid so far; where it has not, it is tried again now and then. */
bool rrto_ahead_may_guess(struct rrto_ahead *ahead);
/* The next free row, filled with the op and room for n_data bytes; NULL when there is none. */
struct rrto_ahead_row *rrto_ahead_add(struct rrto_ahead *ahead, const uint8_t *op, size_t n_op, uint64_t n_data);
/* The op that is being issued, if it is the next one that was made ahead; it is used up. */
const struct rrto_ahead_row *rrto_ahead_take(struct rrto_ahead *ahead, const uint8_t *op, size_t n_op,
                                             uint64_t log_head);
/* Something else is issued. */
void rrto_ahead_discard(struct rrto_ahead *ahead);
/* Whether take and discard have anything to look at: for most ops they have not. */
static inline bool rrto_ahead_any(const struct rrto_ahead *ahead)
{
    return ahead->n > 0;
}

#endif
