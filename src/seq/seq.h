/* SPDX-License-Identifier: Apache-2.0 */
/* Operator Sequence Search: tokens of ops in, "this op is probably the one at position p of the log" out. Pure: no
 * input or output, no clock, nothing but tokens; the same tokens give the same answers. What it says is a hint, the
 * caller compares bytes. Amortised O(1) per op, no allocation after create, memory bounded by max_ops. Not locked.
 * docs/replay.md tells the algorithm. */
#ifndef RRTO_SEQ_SEQ_H
#define RRTO_SEQ_SEQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RRTO_SEQ_LANES = 64, RRTO_SEQ_SEQUENCES = 128 };
#define RRTO_SEQ_NONE UINT64_MAX

struct rrto_seq; /* opaque */

/* A sequence of ops between two boundaries (an inference). */
struct rrto_seq_sequence {
    uint64_t id; /* fingerprint of its tokens; 0: unused row */
    uint64_t ops;
    uint64_t first_inference; /* number of boundaries before it first ended */
    uint64_t hits;            /* repetitions */
    uint64_t deviations;      /* the application left it, though it had repeated */
};

/* max_ops: a power of two; ops further back are forgotten. NULL when memory is short. */
struct rrto_seq *rrto_seq_create(uint64_t max_ops);
struct rrto_seq *rrto_seq_destroy(struct rrto_seq *seq); /* accepts NULL, returns NULL */

/* Where a lane goes on when its next op is not the expected one: places that agree in the last 16, 8 or 4 tokens; the
 * ops near where the lane left off; places that agree in the last 2 tokens, or 1. Whether what it reads says where it
 * goes on. And whether ops that have made what lasts are expected again. */
enum {
    RRTO_SEQ_LONG = 1,
    RRTO_SEQ_RESUME = 2,
    RRTO_SEQ_SHORT = 4,
    RRTO_SEQ_VALUES = 8,
    RRTO_SEQ_ONCE = 16,
    RRTO_SEQ_ALL = 31,
};
/* Looks only there; all of them at first. */
void rrto_seq_limit(struct rrto_seq *seq, unsigned levels);

/* Memory that it has, from its creation to its end. */
uint64_t rrto_seq_bytes(const struct rrto_seq *seq);

/* Where the lane's next op is expected: a position, or RRTO_SEQ_NONE. lane < RRTO_SEQ_LANES, here and below. */
uint64_t rrto_seq_expected(const struct rrto_seq *seq, unsigned lane);
/* The first op that is passed over on the way there, since it is not expected again; RRTO_SEQ_NONE: there is none. */
uint64_t rrto_seq_passed(const struct rrto_seq *seq, unsigned lane);
/* The op behind the one at a position that is not forgotten, on its lane; RRTO_SEQ_NONE: none yet. */
uint64_t rrto_seq_next(const struct rrto_seq *seq, uint64_t position);
/* The token at a position that is not forgotten. */
uint64_t rrto_seq_token(const struct rrto_seq *seq, uint64_t position);
/* The lane's next op has this token; its position is the number of pushes before it. Returns the position that it
 * probably repeats, not older than `oldest`, or RRTO_SEQ_NONE. */
uint64_t rrto_seq_push(struct rrto_seq *seq, unsigned lane, uint64_t token, uint64_t oldest);
/* The lane's last op, just pushed, is like the one at `source` after all, which was expected or passed over, though
 * their tokens differ (in a size, or in the name of a handle that is new each time): the lane goes on from there, has
 * not deviated, and where it is told from others later, the op goes by that one's token, too. */
void rrto_seq_insist(struct rrto_seq *seq, unsigned lane, uint64_t source);
/* The lane's last op, just pushed, has made `object` (memory, a handle; 0: what nothing ends), which lasts: while it is
 * there, the op is not expected again but passed over, unless it was expected itself, or was passed over and came
 * nevertheless three times in turn. */
void rrto_seq_made(struct rrto_seq *seq, unsigned lane, uint64_t object);
/* An op has ended the object: the op that made it last is expected again. */
void rrto_seq_ended(struct rrto_seq *seq, uint64_t object);
/* Before the lane's next op, which is pushed next: the lane has read `value` from the device (a digest of it). Where it
 * read the same behind the same 16, 8 or 4 tokens before, what it did then is known. Where that leads elsewhere
 * within 16 ops, it is expected now if that has proved better behind these 4 tokens than to follow; where nothing is
 * known of that, if 16 agree. */
void rrto_seq_observe(struct rrto_seq *seq, unsigned lane, uint32_t value, uint64_t oldest);
/* The lane that a thread leaves is given to another one: its context is forgotten. */
void rrto_seq_reset_lane(struct rrto_seq *seq, unsigned lane);

/* The application has the present inference's result: until the next boundary, nothing is a deviation. */
void rrto_seq_result(struct rrto_seq *seq);
/* The next op begins an inference. Ends the present one; returns its row in rrto_seq_sequences(). */
const struct rrto_seq_sequence *rrto_seq_boundary(struct rrto_seq *seq);
/* RRTO_SEQ_SEQUENCES rows; valid for the life of seq. */
const struct rrto_seq_sequence *rrto_seq_sequences(const struct rrto_seq *seq);
/* How often an established sequence was left, altogether (rows are reused, this is not). */
uint64_t rrto_seq_deviations(const struct rrto_seq *seq);

#endif
