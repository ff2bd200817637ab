/* SPDX-License-Identifier: Apache-2.0 */
/* A session that is not there: records the ops that front ends issue, and answers what a test says. */
#ifndef TESTS_CUDA_FAKE_H
#define TESTS_CUDA_FAKE_H

#include "gen/ops.h"
#include "replay/issue.h"

#include <stdatomic.h>

/* One issued op. */
struct fake_op {
    uint16_t number;
    bool wait;
    uint64_t n_up;
    uint8_t up[256]; /* the payload's first bytes */
    const void *up_at;
    void *down;
    uint8_t bytes[1024]; /* the op's first bytes, header included */
    size_t n_bytes;
};

struct fake {
    struct fake_op ops[256];
    size_t n_ops;
    size_t n_orders;      /* synchronises for the sake of order */
    int32_t status;       /* what every op answers */
    uint16_t fail_number; /* an op that answers fail_status instead */
    int32_t fail_status;
    int32_t await_status; /* what the reply to a gate says */
    uint64_t base;        /* position of ops[0] */
    uint64_t completed;   /* this many ops are complete */
    atomic_bool lost;     /* there is a sticky error */
    struct rrto_session_error error;
    bool held;
    size_t n_drains;
    bool gated;         /* another thread's host function has come since the caller looked */
    unsigned n_between; /* ops that are to be apart, and find a host function of another thread */
    struct rrto_device_info device;
};
extern struct fake fake;

/* Forgets ops and errors; the device stays: compute capability 8.0, an arena of 1 GiB at 0x7e0000000000 of which 64 MiB
 * are memory. */
void fake_reset(void);
/* The i-th op from the end (0: the newest) if it has this number, else NULL. */
const struct fake_op *fake_last(size_t i, uint16_t number);

#endif
