/* SPDX-License-Identifier: Apache-2.0 */
/* For bench/seq: what is pushed. */
#ifndef BENCH_STREAMS_H
#define BENCH_STREAMS_H

#include "families.h"
#include "search.h"

/* A recorded stream. */
struct bench_trace {
    char name[32];
    struct bench_op *ops;
    uint64_t n;
    uint64_t again; /* after the last op: from here on once more */
};

/* Reads a file that RRTO_TRACE wrote, its ops as the search would be told of them. false, and a line on stderr, when it
 * is none. */
bool bench_trace_read(const char *path, struct bench_trace *ret_trace);
/* Fills n ops from a trace whose later half is repeated as often as needed, what it reads, makes and ends likewise; or
 * from a family. */
void bench_fill_trace(const struct bench_trace *trace, struct bench_op *ops, uint64_t n);
void bench_fill_family(enum family_kind kind, unsigned told, struct bench_op *ops, uint64_t n);

#endif
