/* SPDX-License-Identifier: Apache-2.0 */
/* Hash chains, as deflate finds matches (J. Ziv, A. Lempel, "A universal algorithm for sequential data compression",
 * IEEE Transactions on Information Theory 23 (1977); the chains of RFC 1951, section 4): places with the same last
 * MINIMUM tokens are linked, the latest first. The longest agreement among the first DEPTH of them, up to GOOD tokens,
 * is what the next op is predicted from. Lanes are not told apart. */
#include "search.h"

#include <stdlib.h>

enum { MINIMUM = 4, GOOD = 16, DEPTH = 32 };

struct chain {
    uint64_t *tokens; /* by position */
    uint32_t *before; /* by position: the one before with the same hash, + 1 */
    uint32_t *heads;  /* by hash, + 1 */
    uint64_t mask, n, head;
    uint64_t expected; /* the next op's token, 0: unknown */
};

static void destroy(void *search)
{
    struct chain *chain = search;
    if (!chain)
        return;
    bench_release(chain->tokens, (chain->mask + 1) * sizeof *chain->tokens);
    bench_release(chain->before, (chain->mask + 1) * sizeof *chain->before);
    bench_release(chain->heads, (chain->mask + 1) * sizeof *chain->heads);
    free(chain);
}

static void *create(uint64_t n, uint64_t n_all)
{
    (void)n_all;
    struct chain *chain = calloc(1, sizeof *chain);
    if (!chain)
        return NULL;
    chain->n = n;
    chain->mask = 1;
    while (chain->mask < n + GOOD)
        chain->mask *= 2;
    chain->mask--;
    chain->tokens = bench_reserve((chain->mask + 1) * sizeof *chain->tokens);
    chain->before = bench_reserve((chain->mask + 1) * sizeof *chain->before);
    chain->heads = bench_reserve((chain->mask + 1) * sizeof *chain->heads);
    if (chain->tokens && chain->before && chain->heads)
        return chain;
    destroy(chain);
    return NULL;
}

static struct bench_answer push(void *search, const struct bench_op *op)
{
    struct chain *chain = search;
    uint64_t at = chain->head++, hash = 0, best = 0;
    unsigned longest = 0;
    chain->tokens[at & chain->mask] = op->token;
    bool predicted = chain->expected == op->token;
    chain->expected = 0;
    if (at + 1 < MINIMUM)
        return (struct bench_answer){predicted, false};
    for (unsigned i = 0; i < MINIMUM; i++)
        hash = hash * UINT64_C(0x9e3779b97f4a7c15) + chain->tokens[(at - i) & chain->mask];
    uint32_t *head = &chain->heads[(hash ^ hash >> 32) & chain->mask];
    uint32_t next = *head;
    for (unsigned depth = 0; depth < DEPTH && next && at - (next - 1) < chain->n && longest < GOOD; depth++) {
        uint64_t place = next - 1;
        unsigned length = 0;
        while (length < GOOD && length <= place &&
               chain->tokens[(place - length) & chain->mask] == chain->tokens[(at - length) & chain->mask])
            length++;
        if (length > longest) {
            longest = length;
            best = place;
        }
        next = chain->before[place & chain->mask];
        if (next && next - 1 >= place) /* that place was forgotten */
            break;
    }
    chain->before[at & chain->mask] = *head;
    *head = (uint32_t)at + 1;
    if (longest)
        chain->expected = chain->tokens[(best + 1) & chain->mask];
    return (struct bench_answer){predicted, longest > 0};
}

static uint64_t bytes(const void *search)
{
    const struct chain *chain = search;
    return (chain->mask + 1) * (sizeof *chain->tokens + sizeof *chain->before + sizeof *chain->heads);
}

const struct bench_search bench_chain = {"hash-chain", create, destroy, push, bytes, UINT32_MAX / 2};
