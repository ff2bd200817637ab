/* SPDX-License-Identifier: Apache-2.0 */
/* Traces and families as arrays of ops. */
#include "streams.h"

#include "base/status.h"
#include "replay/optable.h"
#include "replay/predict.h"
#include "replay/trace.h"
#include "replay/tracker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { INFERENCE = 72 /* ops between two boundaries of a family */, MAX_TRACE = 1 << 24, LANES = 64 };

void *bench_reserve(size_t n_bytes)
{
    void *at = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

void bench_release(void *at, size_t n_bytes)
{
    if (at)
        munmap(at, n_bytes);
}

static void name_after(const char *path, struct bench_trace *trace)
{
    const char *base = strrchr(path, '/');
    snprintf(trace->name, sizeof trace->name, "%s", base ? base + 1 : path);
    char *dot = strchr(trace->name, '.');
    if (dot)
        *dot = 0;
}

bool bench_trace_read(const char *path, struct bench_trace *ret_trace)
{
    struct bench_trace trace = {.ops = bench_reserve(MAX_TRACE * sizeof *trace.ops)};
    const struct rrto_optable *table = rrto_optable_generated();
    struct rrto_trace_reader *reader;
    int status = trace.ops ? rrto_trace_open(path, &reader) : RRTO_NO_MEMORY;
    bool has_result = false;
    uint64_t first = 0, last = 0;
    struct rrto_trace_op op;
    while (status == RRTO_OK && trace.n < MAX_TRACE && (status = rrto_trace_read(reader, &op)) == RRTO_OK) {
        const struct rrto_op_info *info = table->info(rrto_op_number(op.bytes));
        if (!info)
            break;
        /* an inference ends at a result wait that is followed by a launch or an H2D */
        bool begins = has_result && rrto_tracker_is_work(info);
        has_result = (has_result && !begins) || (op.wait && info->flags & RRTO_OP_DOWN);
        if (begins) {
            first = first ? first : trace.n;
            last = trace.n;
        }
        struct bench_op *to = &trace.ops[trace.n++];
        *to = (struct bench_op){.token = table->token(op.bytes, op.n_bytes) | 1,
                                .value = op.value,
                                .lane = (uint8_t)(op.lane % LANES),
                                .begins = begins};
        bool lasting = rrto_predict_lasting(info, op.bytes, op.n_bytes, &to->object);
        to->makes = lasting && info->flags & RRTO_OP_MAKES;
        to->ends = lasting && !to->makes;
    }
    if (trace.n == 0) {
        fprintf(stderr, "%s: %s\n", path, rrto_status_text(status));
        return false;
    }
    rrto_trace_reader_close(reader);
    if (last > first) { /* whole inferences: up to the last one's beginning, again from one in the middle */
        trace.n = last;
        for (trace.again = (first + last) / 2; !trace.ops[trace.again].begins; trace.again--)
            ;
    }
    name_after(path, &trace);
    *ret_trace = trace;
    return true;
}

void bench_fill_trace(const struct bench_trace *trace, struct bench_op *ops, uint64_t n)
{
    for (uint64_t i = 0, at = 0; i < n; i++) {
        ops[i] = trace->ops[at++];
        if (at == trace->n)
            at = trace->again;
    }
}

void bench_fill_family(enum family_kind kind, unsigned told, struct bench_op *ops, uint64_t n)
{
    struct family family;
    family_open(&family, kind, told);
    for (uint64_t i = 0; i < n; i++) {
        struct family_op op = family_next(&family);
        ops[i] = (struct bench_op){.token = op.token,
                                   .object = op.object,
                                   .value = op.value,
                                   .begins = i > 0 && i % INFERENCE == 0,
                                   .makes = op.makes,
                                   .ends = op.ends};
    }
}
