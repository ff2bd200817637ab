/* SPDX-License-Identifier: Apache-2.0 */
/* For bench/seq: what is compared, each behind one interface. */
#ifndef BENCH_SEARCH_H
#define BENCH_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bench_op {
    uint64_t token; /* not 0 */
    uint8_t lane;
    bool begins; /* an inference begins here */
};

/* Takes ops one by one; says after each what it thinks the next one will be. */
struct bench_search {
    const char *name;
    /* n: how many ops are remembered; n_all: how many will be pushed. NULL: no memory */
    void *(*create)(uint64_t n, uint64_t n_all);
    void (*destroy)(void *search);
    /* ret_found: whether some earlier place was found for this op. Returns the next op's token (of its lane), or 0. */
    uint64_t (*push)(void *search, const struct bench_op *op, bool *ret_found);
    uint64_t (*bytes)(const void *search); /* in use, beside the ops' own bytes */
    uint64_t max_ops;                      /* more take too long for every day */
};
extern const struct bench_search bench_ours, bench_automaton, bench_chain;

/* Zeroed memory that becomes resident as it is used, or NULL. */
void *bench_reserve(size_t n_bytes);
void bench_release(void *at, size_t n_bytes);

#endif
