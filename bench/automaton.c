/* SPDX-License-Identifier: Apache-2.0 */
/* A suffix automaton of the whole stream, built on line: A. Blumer, J. Blumer, D. Haussler, A. Ehrenfeucht, M. T. Chen,
 * J. Seiferas, "The smallest automaton recognizing the subwords of a text", Theoretical Computer Science 40 (1985). It
 * knows the longest suffix of the stream that occurred before, however long, and says what followed it the first time.
 * Nothing is ever forgotten; lanes are not told apart. Amortised O(1) for each op with transitions in a hash table. */
#include "search.h"

#include <stdlib.h>

struct state {
    uint32_t length, link, end; /* of the longest word; its suffix link; where it ended first */
    uint32_t edges;             /* the first one, + 1 */
};

struct edge {
    uint64_t token;
    uint32_t from, to;
    uint32_t next_of_state, next_of_bucket; /* + 1 */
};

struct automaton {
    struct state *states;
    struct edge *edges;
    uint32_t *buckets;
    uint64_t *tokens;
    uint64_t expected; /* the next op's token, 0: unknown */
    uint64_t n_all, mask;
    uint32_t n_states, n_edges, n_tokens, last;
};

enum { ROOT = 0, NONE = UINT32_MAX };

static void destroy(void *search)
{
    struct automaton *a = search;
    if (!a)
        return;
    bench_release(a->states, 2 * a->n_all * sizeof *a->states);
    bench_release(a->edges, 3 * a->n_all * sizeof *a->edges);
    bench_release(a->buckets, (a->mask + 1) * sizeof *a->buckets);
    bench_release(a->tokens, a->n_all * sizeof *a->tokens);
    free(a);
}

static void *create(uint64_t n, uint64_t n_all)
{
    (void)n;
    struct automaton *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    a->n_all = n_all + 2;
    a->mask = 1;
    while (a->mask < 2 * n_all)
        a->mask *= 2;
    a->mask--;
    a->states = bench_reserve(2 * a->n_all * sizeof *a->states);
    a->edges = bench_reserve(3 * a->n_all * sizeof *a->edges);
    a->buckets = bench_reserve((a->mask + 1) * sizeof *a->buckets);
    a->tokens = bench_reserve(a->n_all * sizeof *a->tokens);
    if (!a->states || !a->edges || !a->buckets || !a->tokens) {
        destroy(a);
        return NULL;
    }
    a->states[ROOT] = (struct state){.link = NONE};
    a->n_states = 1;
    return a;
}

static uint32_t *bucket(const struct automaton *a, uint32_t from, uint64_t token)
{
    uint64_t hash = (token ^ from * UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xd6e8feb86659fd93);
    return &a->buckets[(hash ^ hash >> 32) & a->mask];
}

static struct edge *find(const struct automaton *a, uint32_t from, uint64_t token)
{
    for (uint32_t i = *bucket(a, from, token); i; i = a->edges[i - 1].next_of_bucket)
        if (a->edges[i - 1].from == from && a->edges[i - 1].token == token)
            return &a->edges[i - 1];
    return NULL;
}

static void add(struct automaton *a, uint32_t from, uint64_t token, uint32_t to)
{
    uint32_t *head = bucket(a, from, token);
    a->edges[a->n_edges++] = (struct edge){token, from, to, a->states[from].edges, *head};
    *head = a->states[from].edges = a->n_edges;
}

static uint32_t clone(struct automaton *a, uint32_t of, uint32_t length)
{
    uint32_t made = a->n_states++;
    a->states[made] = (struct state){length, a->states[of].link, a->states[of].end, 0};
    for (uint32_t i = a->states[of].edges; i; i = a->edges[i - 1].next_of_state)
        add(a, made, a->edges[i - 1].token, a->edges[i - 1].to);
    return made;
}

static struct bench_answer push(void *search, const struct bench_op *op)
{
    struct automaton *a = search;
    uint64_t token = op->token;
    uint32_t at = a->last, made = a->n_states++;
    struct edge *edge = NULL;
    a->states[made] = (struct state){a->states[at].length + 1, ROOT, a->n_tokens, 0};
    a->tokens[a->n_tokens++] = token;
    for (; at != NONE && !(edge = find(a, at, token)); at = a->states[at].link)
        add(a, at, token, made);
    if (at != NONE) {
        uint32_t to = edge->to;
        if (a->states[to].length == a->states[at].length + 1) {
            a->states[made].link = to;
        } else {
            uint32_t copy = clone(a, to, a->states[at].length + 1);
            for (; at != NONE && (edge = find(a, at, token)) && edge->to == to; at = a->states[at].link)
                edge->to = copy;
            a->states[to].link = a->states[made].link = copy;
        }
    }
    a->last = made;
    uint32_t suffix = a->states[made].link;
    bool predicted = a->expected == token;
    a->expected = suffix == ROOT ? 0 : a->tokens[a->states[suffix].end + 1];
    return (struct bench_answer){predicted, suffix != ROOT};
}

static uint64_t bytes(const void *search)
{
    const struct automaton *a = search;
    return a->n_states * sizeof *a->states + a->n_edges * sizeof *a->edges + (a->mask + 1) * sizeof *a->buckets +
           a->n_tokens * sizeof *a->tokens;
}

const struct bench_search bench_automaton = {"automaton", create, destroy, push, bytes, 1000000};
