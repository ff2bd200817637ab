/* SPDX-License-Identifier: Apache-2.0 */
/* The slow, obvious search. */
#include "reference.h"

#include <assert.h>
#include <stdlib.h>

#define NONE RRTO_SEQ_NONE

struct op {
    uint64_t token, alias;   /* alias: the token of the op that it was first taken for */
    uint64_t previous, next; /* of its lane; NONE: there is none */
};

struct lane {
    uint64_t last;     /* its last op */
    uint64_t expected; /* where its next op should be */
    uint64_t resume;   /* where it left off */
    uint64_t resume_until;
};

struct reference {
    uint64_t max_ops, capacity, head;
    struct op *ops; /* all that there ever were */
    struct lane lanes[RRTO_SEQ_LANES];
};

void reference_reset_lane(struct reference *reference, unsigned lane)
{
    reference->lanes[lane] = (struct lane){NONE, NONE, NONE, 0};
}

struct reference *reference_create(uint64_t max_ops, uint64_t capacity)
{
    struct reference *reference = calloc(1, sizeof *reference);
    assert(reference);
    reference->ops = calloc(capacity, sizeof *reference->ops);
    assert(reference->ops);
    reference->max_ops = max_ops;
    reference->capacity = capacity;
    for (unsigned lane = 0; lane < RRTO_SEQ_LANES; lane++)
        reference_reset_lane(reference, lane);
    return reference;
}

struct reference *reference_destroy(struct reference *reference)
{
    if (reference)
        free(reference->ops);
    free(reference);
    return NULL;
}

uint64_t reference_expected(const struct reference *reference, unsigned lane)
{
    return reference->lanes[lane].expected;
}

void reference_insist(struct reference *reference, unsigned lane, uint64_t source)
{
    reference->ops[reference->lanes[lane].last].alias = reference->ops[source].alias;
    reference->lanes[lane].expected = reference->ops[source].next;
}

/* --- what the rule is told with --- */

/* The op that is being pushed: not yet among the others. */
struct present {
    const struct reference *reference;
    uint64_t token, oldest;
    uint64_t last; /* the lane's op before it */
};

/* Whether the op at this position exists, may be named and has the present op's token, or was taken for one that has.
 */
static bool agrees(const struct present *present, uint64_t position)
{
    const struct reference *r = present->reference;
    return position != NONE && position >= present->oldest && r->head - position < r->max_ops &&
           (r->ops[position].token == present->token || r->ops[position].alias == present->token);
}

static bool kept(const struct present *present, uint64_t position)
{
    const struct reference *r = present->reference;
    return position != NONE && position >= present->oldest && r->head - position < r->max_ops;
}

/* Whether the k tokens of a lane that end at `position` are the present op's and the k - 1 before it on its lane, by
 * their aliases. Where
 * a lane begins, there is nothing, which equals nothing. */
static bool same_context(const struct present *present, uint64_t position, unsigned k)
{
    const struct op *ops = present->reference->ops;
    if (ops[position].token != present->token && ops[position].alias != present->token)
        return false;
    uint64_t a = ops[position].previous, b = present->last;
    for (unsigned i = 1; i < k && !(a == NONE && b == NONE); i++) {
        if (a == NONE || b == NONE || ops[a].alias != ops[b].alias)
            return false;
        a = ops[a].previous;
        b = ops[b].previous;
    }
    return true;
}

/* The latest place, on any lane, whose last k tokens are the lane's, the present one included. */
static uint64_t latest(const struct present *present, unsigned k)
{
    for (uint64_t position = present->reference->head; position-- > 0;)
        if (same_context(present, position, k))
            return agrees(present, position) ? position : NONE;
    return NONE;
}

/* The first of the next 16 ops from `position` on, along its lane, that has the present op's token. */
static uint64_t ahead(const struct present *present, uint64_t position)
{
    for (unsigned i = 0; i < 16 && kept(present, position); i++) {
        if (agrees(present, position))
            return position;
        position = present->reference->ops[position].next;
    }
    return NONE;
}

/* --- the rule --- */

static uint64_t find(const struct present *present, struct lane *lane)
{
    uint64_t head = present->reference->head, found;
    if (agrees(present, lane->expected))
        return lane->expected; /* follow */
    /* jump: a long context */
    for (unsigned k = 16; k >= 4; k /= 2)
        if ((found = latest(present, k)) != NONE)
            return found;
    /* something was inserted or left out: near where the lane left off, now or lately */
    if ((found = ahead(present, lane->expected)) != NONE)
        return found;
    if (head <= lane->resume_until && (found = ahead(present, lane->resume)) != NONE)
        return found;
    if (kept(present, lane->expected) && (lane->resume == NONE || head > lane->resume_until)) {
        lane->resume = lane->expected;
        lane->resume_until = head + 64;
    }
    /* a short context */
    for (unsigned k = 2; k >= 1; k /= 2)
        if ((found = latest(present, k)) != NONE)
            return found;
    return NONE;
}

uint64_t reference_push(struct reference *reference, unsigned lane_number, uint64_t token, uint64_t oldest)
{
    struct lane *lane = &reference->lanes[lane_number];
    uint64_t position = reference->head;
    assert(position < reference->capacity);
    struct present present = {reference, token, oldest, lane->last};
    uint64_t found = find(&present, lane);
    reference->ops[position] = (struct op){token, token, lane->last, NONE};
    if (lane->last != NONE)
        reference->ops[lane->last].next = position;
    lane->last = position;
    lane->expected = found == NONE ? NONE : reference->ops[found].next;
    reference->head++;
    return found;
}
