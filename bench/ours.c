/* SPDX-License-Identifier: Apache-2.0 */
/* src/seq behind bench/seq's interface, driven as issue() drives it, but that nothing is insisted on: that is for who
 * compares bytes to say. */
#include "search.h"

#include "seq/seq.h"

#include <stdlib.h>

struct ours {
    struct rrto_seq *seq;
    uint64_t n, head;
};

static void destroy(void *search)
{
    struct ours *ours = search;
    if (ours)
        rrto_seq_destroy(ours->seq);
    free(ours);
}

static void *create(uint64_t n, uint64_t n_all)
{
    (void)n_all;
    struct ours *ours = calloc(1, sizeof *ours);
    if (!ours)
        return NULL;
    ours->n = n;
    uint64_t max_ops = 1;
    while (max_ops < n)
        max_ops *= 2;
    ours->seq = rrto_seq_create(max_ops);
    if (ours->seq)
        return ours;
    free(ours);
    return NULL;
}

static struct bench_answer push(void *search, const struct bench_op *op)
{
    struct ours *ours = search;
    uint64_t oldest = ours->head > ours->n ? ours->head - ours->n : 0;
    if (op->begins) {
        rrto_seq_result(ours->seq);
        (void)rrto_seq_boundary(ours->seq);
    }
    if (op->value)
        rrto_seq_observe(ours->seq, op->lane, op->value, oldest);
    uint64_t expected = rrto_seq_expected(ours->seq, op->lane);
    bool predicted = expected != RRTO_SEQ_NONE && rrto_seq_token(ours->seq, expected) == op->token;
    uint64_t found = rrto_seq_push(ours->seq, op->lane, op->token, oldest);
    if (op->makes)
        rrto_seq_made(ours->seq, op->lane, op->object);
    else if (op->ends)
        rrto_seq_ended(ours->seq, op->object);
    ours->head++;
    return (struct bench_answer){predicted, found != RRTO_SEQ_NONE};
}

static uint64_t bytes(const void *search)
{
    return rrto_seq_bytes(((const struct ours *)search)->seq);
}

const struct bench_search bench_ours = {"ours", create, destroy, push, bytes, UINT64_MAX};
