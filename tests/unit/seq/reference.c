/* SPDX-License-Identifier: Apache-2.0 */
/* The slow, obvious search. */
#include "reference.h"

#include <assert.h>
#include <stdlib.h>

#define NONE RRTO_SEQ_NONE

struct op {
    uint64_t token, alias;   /* alias: the token of the op that it was first taken for */
    uint64_t previous, next; /* of its lane; NONE: there is none */
    uint32_t value;          /* that its lane read before it; 0: none */
    int trust;               /* in what is read there */
    uint64_t object;         /* that it has made; 0: none */
    int once;                /* and that lasts: how often it has to come again until it is expected */
};

struct lane {
    uint64_t last;     /* its last op */
    uint64_t expected; /* where its next op should be */
    uint64_t resume;   /* where it left off */
    uint64_t resume_until;
    uint64_t read_at, rival; /* rival: where it would go on, had it decided otherwise on what it read there */
    bool by_value;
    uint32_t value;  /* that was read since its last op */
    int once;        /* of its last op, if that makes something */
    uint64_t passed; /* the first op that is passed over on the way to the expected one */
};

struct reference {
    uint64_t max_ops, capacity, head;
    struct op *ops; /* all that there ever were */
    struct lane lanes[RRTO_SEQ_LANES];
};

void reference_reset_lane(struct reference *reference, unsigned lane)
{
    reference->lanes[lane] = (struct lane){NONE, NONE, NONE, 0, NONE, NONE, false, 0, 0, NONE};
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

/* The op at position, or the first one behind it that has made nothing that is still there. */
static uint64_t past_once(const struct reference *reference, uint64_t position)
{
    for (unsigned i = 0; i < 16 && position != NONE && reference->ops[position].once > 0; i++)
        position = reference->ops[position].next;
    return position;
}

/* Of an op that has come again. */
static int once_less(const struct op *op)
{
    return op->once > 0 ? op->once - 1 : 0;
}

/* The lane goes on behind that op: past what is not expected again, unless that op itself was not. */
static void follow(const struct reference *reference, struct lane *lane, uint64_t source)
{
    uint64_t next = source == NONE ? NONE : reference->ops[source].next;
    lane->expected = next == NONE || reference->ops[source].once > 0 ? next : past_once(reference, next);
    lane->passed = lane->expected == next || lane->expected == NONE ? NONE : next;
}

uint64_t reference_passed(const struct reference *reference, unsigned lane)
{
    return reference->lanes[lane].passed;
}

void reference_insist(struct reference *reference, unsigned lane, uint64_t source)
{
    reference->ops[reference->lanes[lane].last].alias = reference->ops[source].alias;
    follow(reference, &reference->lanes[lane], source);
    reference->lanes[lane].once = once_less(&reference->ops[source]);
}

void reference_made(struct reference *reference, unsigned lane, uint64_t object)
{
    struct op *op = &reference->ops[reference->lanes[lane].last];
    op->object = object;
    op->once = reference->lanes[lane].once;
}

void reference_ended(struct reference *reference, uint64_t object)
{
    uint64_t at = reference->head;
    while (at-- > 0 && reference->ops[at].object != object)
        ;
    if (at != NONE && reference->head - at < reference->max_ops)
        reference->ops[at].once = 0;
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

/* Whether k ops of a lane that end at a are those that end at b, by their aliases. Where a lane begins, there is
 * nothing, which equals nothing. */
static bool same_ops(const struct op *ops, uint64_t a, uint64_t b, unsigned k)
{
    for (unsigned i = 0; i < k && !(a == NONE && b == NONE); i++) {
        if (a == NONE || b == NONE || ops[a].alias != ops[b].alias)
            return false;
        a = ops[a].previous;
        b = ops[b].previous;
    }
    return true;
}

/* Whether the k tokens of a lane that end at `position` are the present op's and the k - 1 before it on its lane. */
static bool same_context(const struct present *present, uint64_t position, unsigned k)
{
    const struct op *ops = present->reference->ops;
    return (ops[position].token == present->token || ops[position].alias == present->token) &&
           same_ops(ops, ops[position].previous, present->last, k - 1);
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

/* Where what is read leads elsewhere, it decides if it has decided better behind the same 4 ops, or has not been tried
 * and 16 agree; one wrong decision outweighs four right ones. */
static void settle(const struct present *present, struct lane *lane, bool matched, bool other)
{
    const struct reference *r = present->reference;
    uint64_t age = r->head - lane->read_at;
    if (age < r->max_ops && matched != other) {
        int *trust = &r->ops[lane->read_at].trust;
        *trust += matched == lane->by_value ? 1 : -4;
        *trust = *trust > 7 ? 7 : *trust < -7 ? -7 : *trust;
    }
    lane->rival = matched && other && age < 16 ? past_once(r, r->ops[lane->rival].next) : NONE;
}

/* Whether what comes at two places is the same for 16 ops, or as far as it is known. */
static bool alike(const struct present *present, uint64_t a, uint64_t b)
{
    const struct op *ops = present->reference->ops;
    for (unsigned i = 0; i < 16 && kept(present, a) && kept(present, b); i++) {
        if (ops[a].alias != ops[b].alias)
            return false;
        a = ops[a].next;
        b = ops[b].next;
    }
    return true;
}

static uint64_t find(const struct present *present, struct lane *lane)
{
    uint64_t head = present->reference->head, found;
    bool matched = agrees(present, lane->expected);
    if (lane->rival != NONE)
        settle(present, lane, matched, agrees(present, lane->rival));
    lane->once = matched ? once_less(&present->reference->ops[lane->expected]) : 3;
    if (matched)
        return lane->expected; /* follow */
    /* it was not expected again, and comes nevertheless */
    for (found = lane->passed; found != lane->expected && kept(present, found);
         found = present->reference->ops[found].next)
        if (agrees(present, found)) {
            lane->once = once_less(&present->reference->ops[found]);
            return found;
        }
    /* it was, and what comes is behind those that are not */
    if (lane->passed == NONE && kept(present, lane->expected) && present->reference->ops[lane->expected].once > 0 &&
        agrees(present, found = past_once(present->reference, lane->expected))) {
        lane->once = once_less(&present->reference->ops[found]);
        return found;
    }
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
    reference->ops[position] = (struct op){.token = token,
                                           .alias = token,
                                           .previous = lane->last,
                                           .next = NONE,
                                           .value = lane->value,
                                           .trust = reference->ops[position].trust};
    if (lane->last != NONE)
        reference->ops[lane->last].next = position;
    lane->value = 0;
    lane->last = position;
    reference->head++;
    follow(reference, lane, found);
    return found;
}

void reference_observe(struct reference *reference, unsigned lane_number, uint32_t value, uint64_t oldest)
{
    struct lane *lane = &reference->lanes[lane_number];
    struct op *ops = reference->ops;
    const struct present present = {.reference = reference, .oldest = oldest};
    uint64_t next = NONE, like = reference->head;
    unsigned agree = 0;
    if (lane->last == NONE)
        return;
    while (like-- > 0 && !(ops[like].value && same_ops(ops, ops[like].previous, lane->last, 4)))
        ;
    ops[reference->head].trust = kept(&present, like) ? ops[like].trust : 0;
    lane->value = value;
    for (unsigned k = 16; k >= 4 && next == NONE; k /= 2) {
        uint64_t at = reference->head;
        while (at-- > 0 && !(ops[at].value == value && same_ops(ops, ops[at].previous, lane->last, k)))
            ;
        agree = kept(&present, at) && agree < k ? k : agree;
        next = kept(&present, at) ? past_once(reference, at) : NONE;
    }
    if (next == NONE || next == lane->expected)
        return;
    bool known = kept(&present, lane->expected);
    if (known && alike(&present, lane->expected, next))
        return;
    lane->by_value = !known || ops[reference->head].trust > 0 || (ops[reference->head].trust == 0 && agree == 16);
    lane->rival = !known ? NONE : lane->by_value ? lane->expected : next;
    lane->read_at = reference->head;
    if (lane->by_value) {
        lane->expected = next;
        lane->passed = NONE;
    }
}
