/* SPDX-License-Identifier: Apache-2.0 */
/* Traces of the op stream (RRTO_TRACE): docs/trace.md tells the format. Writing never fails the program: a trace that
 * cannot be written ends with one log line. What is pending is written before it is much older than
 * RRTO_TRACE_PENDING_NS, however little it is: the program may be killed. */
#ifndef RRTO_REPLAY_TRACE_H
#define RRTO_REPLAY_TRACE_H

#include "base/buf.h"

enum { RRTO_TRACE_PENDING_NS = 1000000000 };

struct rrto_trace; /* the writer; opaque. Under its owner's lock */

/* A new file (an existing one is replaced); NULL, and one log line, when it cannot be had. */
struct rrto_trace *rrto_trace_create(const char *path, uint32_t pid);
/* Writes what is pending and closes; accepts NULL, returns NULL. */
struct rrto_trace *rrto_trace_close(struct rrto_trace *trace);

enum rrto_trace_how { RRTO_TRACE_LITERAL, RRTO_TRACE_PREDICTED, RRTO_TRACE_PATCHED };
struct rrto_trace_op {
    uint64_t position, time_ns; /* time: CLOCK_MONOTONIC */
    uint64_t source;            /* the position it was predicted from; UINT64_MAX: none */
    uint32_t lane;
    uint8_t how;
    bool wait;
    uint32_t value;       /* what its lane had read before it (a digest); 0: nothing */
    const uint8_t *bytes; /* 8-aligned when read */
    uint32_t n_bytes;
};
/* Writes a block if this op fills one, or comes so long behind the first one of it. */
void rrto_trace_op(struct rrto_trace *trace, const struct rrto_trace_op *op);
/* Writes pending ops as a block, if the first one is so old by now; accepts NULL. For when no op follows. */
void rrto_trace_flush_old(struct rrto_trace *trace, uint64_t now_ns);

struct rrto_trace_reader; /* opaque */

/* RRTO_IO (errno says why), RRTO_MISMATCH: not a trace of this version; RRTO_NO_MEMORY. */
int rrto_trace_open(const char *path, struct rrto_trace_reader **ret_reader);
struct rrto_trace_reader *rrto_trace_reader_close(struct rrto_trace_reader *reader); /* accepts NULL, returns NULL */
uint32_t rrto_trace_reader_pid(const struct rrto_trace_reader *reader);
/* The next op, valid until the next call. RRTO_NOT_FOUND at the end; RRTO_TRUNCATED: the file ends within a block (a
 * crash; everything before it was read); RRTO_PROTOCOL: a damaged block. */
int rrto_trace_read(struct rrto_trace_reader *reader, struct rrto_trace_op *ret_op);

#endif
