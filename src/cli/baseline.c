/* SPDX-License-Identifier: Apache-2.0 */
/* The plain search. */
#include "cli/baseline.h"

#include "base/map.h"

#include <stdlib.h>

enum { N_CONTEXTS = 5 };
static const uint64_t context_length[N_CONTEXTS] = {16, 8, 4, 2, 1};

struct rrto_baseline {
    uint64_t *tokens, n, n_room;
    uint64_t expected;
    struct rrto_map latest[N_CONTEXTS]; /* hash of the last k tokens -> where that was */
};

struct rrto_baseline *rrto_baseline_create(void)
{
    struct rrto_baseline *baseline = calloc(1, sizeof *baseline);
    if (!baseline)
        return NULL;
    baseline->expected = UINT64_MAX;
    for (unsigned c = 0; c < N_CONTEXTS; c++)
        rrto_map_init(&baseline->latest[c]);
    return baseline;
}

struct rrto_baseline *rrto_baseline_destroy(struct rrto_baseline *baseline)
{
    if (!baseline)
        return NULL;
    for (unsigned c = 0; c < N_CONTEXTS; c++)
        rrto_map_fini(&baseline->latest[c]);
    free(baseline->tokens);
    free(baseline);
    return NULL;
}

uint64_t rrto_baseline_expected(const struct rrto_baseline *baseline)
{
    return baseline->expected;
}

uint64_t rrto_baseline_push(struct rrto_baseline *baseline, uint64_t token)
{
    uint64_t position = baseline->n, source = UINT64_MAX, found;
    if (position == baseline->n_room) {
        uint64_t n_room = position ? 2 * position : 4096;
        uint64_t *grown = realloc(baseline->tokens, n_room * sizeof *grown);
        if (!grown)
            return UINT64_MAX;
        baseline->tokens = grown;
        baseline->n_room = n_room;
    }
    baseline->tokens[baseline->n++] = token;
    if (baseline->expected < position && baseline->tokens[baseline->expected] == token)
        source = baseline->expected;
    for (unsigned c = 0; c < N_CONTEXTS; c++) {
        uint64_t hash = context_length[c];
        if (context_length[c] > baseline->n)
            continue;
        for (uint64_t i = baseline->n - context_length[c]; i < baseline->n; i++)
            hash = rrto_mix64(hash * 31 + baseline->tokens[i]);
        if (source == UINT64_MAX && rrto_map_get(&baseline->latest[c], hash, &found))
            source = found;
        (void)rrto_map_put(&baseline->latest[c], hash, position);
    }
    baseline->expected = source == UINT64_MAX ? UINT64_MAX : source + 1;
    return source;
}
