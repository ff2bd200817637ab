/* SPDX-License-Identifier: Apache-2.0 */
/* For bench/seq: what is compared, each behind one interface. */
#ifndef BENCH_SEARCH_H
#define BENCH_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What issue() would tell a search of an op. 24 bytes: there are ten million of them. */
struct bench_op {
    uint64_t token;  /* not 0 */
    uint64_t object; /* that it makes or ends; 0: what nothing ends */
    uint32_t value;  /* that its lane has read before it, 0: nothing */
    uint8_t lane;
    bool begins;      /* an inference begins here */
    bool makes, ends; /* what lasts */
};

struct bench_answer {
    bool predicted; /* the op was said before it came */
    bool found;     /* some earlier place was found for it */
};

/* Takes ops one by one. */
struct bench_search {
    const char *name;
    /* n: how many ops are remembered; n_all: how many will be pushed. NULL: no memory */
    void *(*create)(uint64_t n, uint64_t n_all);
    void (*destroy)(void *search);
    struct bench_answer (*push)(void *search, const struct bench_op *op);
    uint64_t (*bytes)(const void *search); /* in use, beside the ops' own bytes */
    uint64_t max_ops;                      /* more take too long for every day */
};
extern const struct bench_search bench_ours, bench_automaton, bench_chain;

/* Zeroed memory that becomes resident as it is used, or NULL. */
void *bench_reserve(size_t n_bytes);
void bench_release(void *at, size_t n_bytes);

#endif
