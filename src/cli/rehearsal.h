/* SPDX-License-Identifier: Apache-2.0 */
/* A rehearsal: the ops of a trace go through the client's own search and encoder, without a session, and what each
 * inference costs is noted. Where an inference ends is decided by the client's own rule (replay/tracker.h,
 * report/counters.h). */
#ifndef RRTO_CLI_REHEARSAL_H
#define RRTO_CLI_REHEARSAL_H

#include "replay/optable.h"
#include "replay/trace.h"
#include "seq/seq.h"

/* Sums over some ops; ops = predicted + jumps + literals. */
struct rrto_rehearsal_sums {
    uint64_t ops;
    uint64_t predicted;     /* found where it was expected; with a patch or without */
    uint64_t jumps;         /* found somewhere else */
    uint64_t literals;      /* sent in full */
    uint64_t patched;       /* of the predicted ones and the jumps: not byte for byte as before */
    uint64_t changed_bytes; /* in these */
    uint64_t records;       /* that were begun: one more wherever the next op is not the one behind the last one's */
    uint64_t op_bytes;      /* of records, payloads left out */
    uint64_t waits;         /* somebody waited for the op */
    uint64_t payload_up;    /* bytes of input: copies to the device */
    uint64_t as_traced;     /* predicted from where the trace says that the client had it from */
};

/* to += by, or -= by; all fields are counters. */
void rrto_rehearsal_add(struct rrto_rehearsal_sums *to, const struct rrto_rehearsal_sums *by, bool minus);

struct rrto_rehearsal_inference {
    struct rrto_rehearsal_sums sums;
    uint64_t first_op; /* its place in the trace, from 0 */
    uint64_t sequence; /* id of its row in `sequences`; 0: the trace ends with it, or it is several in one */
};

struct rrto_rehearsal {
    struct rrto_rehearsal_sums all;
    struct rrto_rehearsal_inference *inferences;
    uint64_t n_inferences;
    const struct rrto_seq_sequence *sequences; /* RRTO_SEQ_SEQUENCES rows */
    uint64_t covered;                          /* ops of inferences whose sequence occurred more than once */
    uint64_t n_lanes;
};

struct rrto_rehearsal_cost {
    uint64_t ops;             /* that were timed: the first ones of the trace */
    uint64_t passes;          /* over them */
    uint64_t first_ps_per_op; /* of the first pass: all is new, memory becomes resident */
    uint64_t ps_per_op;       /* of the fastest later one */
    uint64_t resident_bytes;  /* of log, search and encoder after the first pass */
};

struct rrto_rehearsal_run; /* opaque */

/* log_bytes as of RRTO_LOG_BYTES. baseline: cli/baseline.h searches instead of the client. RRTO_INVALID: log_bytes is
 * out of range. RRTO_NO_MEMORY. */
int rrto_rehearsal_create(uint64_t log_bytes, bool baseline, const struct rrto_optable *table,
                          struct rrto_rehearsal_run **ret_run);
struct rrto_rehearsal_run *rrto_rehearsal_destroy(struct rrto_rehearsal_run *run); /* accepts NULL, returns NULL */
/* The trace's next op. RRTO_UNSUPPORTED: no op of this version. RRTO_PROTOCOL: not the next one. RRTO_NO_MEMORY. */
int rrto_rehearsal_op(struct rrto_rehearsal_run *run, const struct rrto_trace_op *op);
/* The trace has ended. The result is lent for the run's life. */
const struct rrto_rehearsal *rrto_rehearsal_end(struct rrto_rehearsal_run *run);
/* Afterwards: joins inferences into frames, each of which begins with one that has at least so many bytes of input. */
void rrto_rehearsal_join(struct rrto_rehearsal_run *run, uint64_t frame_bytes);
/* What became of the op at a place in the trace, from 0. The op is lent for the run's life. False: it is not kept (of a
 * very long trace only the first million or 256 MiB of ops are). */
struct rrto_rehearsal_step {
    const uint8_t *op;
    uint32_t n_bytes, changed;
    bool jump, literal;
};
bool rrto_rehearsal_step(const struct rrto_rehearsal_run *run, uint64_t place, struct rrto_rehearsal_step *ret_step);
/* Times search and encoder over the ops of the run, again, for about duration_ms. RRTO_NO_MEMORY. */
int rrto_rehearsal_time(const struct rrto_rehearsal_run *run, uint64_t duration_ms,
                        struct rrto_rehearsal_cost *ret_cost);

#endif
