/* SPDX-License-Identifier: Apache-2.0 */
/* An issue layer without a link: each op that is executed by hand goes straight to its handler, with the fake vendor
 * below. Generated ones are only recorded. */
#ifndef TESTS_LIBS_LOOP_H
#define TESTS_LIBS_LOOP_H

#include "gen/ops.h"
#include "gen/vendor.h"
#include "replay/issue.h"

#include <stdbool.h>

enum { LOOP_MAX_OPS = 256, LOOP_ARENA_BYTES = 1 << 20 };
#define LOOP_ARENA ((uint64_t)0x7e0000000000)

struct loop {
    struct {
        uint16_t number;
        int32_t status;
        size_t n_bytes;
        uint8_t bytes[2048];
    } ops[LOOP_MAX_OPS];
    size_t n_ops;
    bool lost; /* the session has a sticky error */
    struct rrto_session_error error;
    uint32_t streams[4]; /* ids of the streams 1 to 4, 0: no such stream */
    const char *copy;    /* the runtime's copy that was called last */
};
extern struct loop loop;

/* No ops, no objects, streams 1 to 4 with ids 11 to 14, a vendor that succeeds. */
void loop_reset(void);
/* Ops with this number so far. */
size_t loop_count(enum rrto_op number);
/* The newest op with this number, -1 when there is none. */
int loop_last(enum rrto_op number);

/* What the fake vendor saw and will answer. */
struct fake_vendor {
    struct rrto_vendor table;
    enum {
        FAKE_NONE,
        FAKE_HEURISTIC,
        FAKE_PLAN,
        FAKE_ENGINE,
        FAKE_MATMUL,
        FAKE_LT_HEURISTIC
    } fails;                     /* which call answers fail_status ... */
    int fail_status, fail_times; /* ... and how often */
    /* cuBLAS */
    void *stream, *workspace;
    size_t workspace_bytes;
    int pointer_mode, math_mode, n_set_stream, n_set_workspace;
    /* cuBLASLt: the last descriptor attributes by number, and the last multiplication */
    struct {
        size_t n_bytes;
        uint8_t bytes[16];
    } desc[64], layouts[4][16], preference[16];
    int compute_type, scale_type, n_heuristics, n_matmuls, n_open;
    double alpha, beta;
    const void *alpha_at, *a, *d;
    uint8_t algo[64];
    bool algo_given;
    /* cuDNN */
    int n_descriptors, n_executes, n_plans, n_finalized_graphs, n_values;
    void *pointers[64], *plan_workspace;
    int64_t uids[64], n_pointers;
    double by_value;
};
extern struct fake_vendor vendor;
void vendor_reset(void);

#endif
