/* SPDX-License-Identifier: Apache-2.0 */
/* The search: follow the successor; on a mismatch jump to the latest place whose last 16, 8 or 4 tokens agree, else to
 * where the lane left off, else to the latest place whose last 2 or 1 tokens agree. */
#include "seq/seq.h"

#include "seq/context.h"

#include <string.h>
#include <sys/mman.h>

enum {
    N_CONTEXTS = 5,
    N_LONG = 3, /* of them */
    MAX_CONTEXT = 16,
    RESUME_SCAN = 16,    /* ops looked ahead for where the application goes on */
    RESUME_LIFE = 64,    /* ops after which it is not looked for any more */
    FOLLOW_AGAIN = 8,    /* matches after a deviation until the lane is said to follow a sequence again */
    N_INFERENCES = 4096, /* whose places are remembered */
    FETCH_AHEAD = 32,    /* ops: where the arrays will be written next, in time */
    MAX_TABLE = 1 << 16, /* slots per context length */
    TRUSTED = 2,         /* times that what was read would have told better where to go on */
    TRUST_MAX = 8,
    TRUST_LOSS = 4, /* of a time that it told worse */
    TIE_AFTER = 16, /* ops */
};

static const unsigned context_length[N_CONTEXTS] = {16, 8, 4, 2, 1};
#define MULTIPLIER UINT64_C(0x9e3779b97f4a7c15)

struct lane {
    uint64_t expected; /* where the next op should be, or NONE */
    uint64_t last;     /* position of the lane's last op, or NONE */
    uint64_t resume;   /* where the lane left off, or NONE */
    uint64_t resume_until;
    uint64_t rival;   /* where the lane would go on, had it decided otherwise on what it read, or NONE */
    uint64_t read_at; /* position of the op behind which it was read */
    bool by_value;    /* whether the value decided */
    uint64_t matches; /* in a row */
    unsigned row;     /* of the established sequence that is followed; NO_ROW: none */
    struct {          /* before the last op, for rrto_seq_insist */
        uint64_t matches;
        unsigned row;
        bool deviated;
    } before;
    unsigned at; /* in tokens[] */
    uint64_t tokens[MAX_CONTEXT];
    uint64_t hash[N_CONTEXTS]; /* of the last k tokens */
};

enum { NO_ROW = RRTO_SEQ_SEQUENCES };

struct inference {
    uint64_t start, id;
};

struct rrto_seq {
    size_t n_bytes;
    uint64_t mask, head;
    unsigned levels;
    uint64_t power[N_CONTEXTS]; /* MULTIPLIER ** k */
    uint64_t *tokens;           /* by position */
    uint64_t *aliases;          /* by position: the token of the op that it was first taken for, mostly its own */
    uint32_t *next;             /* by position: distance to the lane's next op, 0 = not known */
    int8_t *trust;              /* by position: how well what was read there has told what came then; < 0: badly */
    struct rrto_context contexts[N_CONTEXTS];
    struct rrto_context values; /* long contexts, and what was read behind them: where the lane went on then */
    struct lane lanes[RRTO_SEQ_LANES];

    uint64_t n_inferences;                /* ended */
    uint64_t start, id_so_far, id_before; /* of the present inference; before its last op */
    struct inference inferences[N_INFERENCES];
    struct rrto_seq_sequence sequences[RRTO_SEQ_SEQUENCES];
    uint64_t deviations;
    bool ended; /* the present inference has its result */
};

static uint64_t mix(uint64_t x)
{
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    return x ^ (x >> 32);
}

void rrto_seq_reset_lane(struct rrto_seq *seq, unsigned lane)
{
    seq->lanes[lane] = (struct lane){.expected = RRTO_SEQ_NONE,
                                     .last = RRTO_SEQ_NONE,
                                     .resume = RRTO_SEQ_NONE,
                                     .rival = RRTO_SEQ_NONE,
                                     .row = NO_ROW};
}

struct rrto_seq *rrto_seq_create(uint64_t max_ops)
{
    uint64_t n_slots = max_ops < MAX_TABLE ? max_ops : MAX_TABLE;
    if (n_slots < RRTO_CONTEXT_WAYS)
        n_slots = RRTO_CONTEXT_WAYS;
    size_t n_bytes = (sizeof(struct rrto_seq) + 63) & ~(size_t)63;
    size_t tokens_at = n_bytes, aliases_at = tokens_at + max_ops * 8, next_at = aliases_at + max_ops * 8,
           trust_at = next_at + max_ops * 4, contexts_at = trust_at + ((max_ops + 63) & ~(uint64_t)63);
    n_bytes = contexts_at + n_slots * 8 * (N_CONTEXTS + 1);
    uint8_t *at = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        return NULL;
    struct rrto_seq *seq = (struct rrto_seq *)(void *)at;
    seq->n_bytes = n_bytes;
    seq->levels = RRTO_SEQ_ALL;
    seq->mask = max_ops - 1;
    seq->tokens = (uint64_t *)(void *)(at + tokens_at);
    seq->aliases = (uint64_t *)(void *)(at + aliases_at);
    seq->next = (uint32_t *)(void *)(at + next_at);
    seq->trust = (int8_t *)(at + trust_at);
    for (unsigned c = 0; c < N_CONTEXTS; c++) {
        seq->contexts[c].slots = (uint64_t *)(void *)(at + contexts_at + c * n_slots * 8);
        seq->contexts[c].mask = n_slots / RRTO_CONTEXT_WAYS - 1;
        seq->power[c] = 1;
        for (unsigned i = 0; i < context_length[c]; i++)
            seq->power[c] *= MULTIPLIER;
    }
    seq->values.slots = (uint64_t *)(void *)(at + contexts_at + N_CONTEXTS * n_slots * 8);
    seq->values.mask = n_slots / RRTO_CONTEXT_WAYS - 1;
    for (unsigned lane = 0; lane < RRTO_SEQ_LANES; lane++)
        rrto_seq_reset_lane(seq, lane);
    return seq;
}

struct rrto_seq *rrto_seq_destroy(struct rrto_seq *seq)
{
    if (seq)
        munmap(seq, seq->n_bytes);
    return NULL;
}

void rrto_seq_limit(struct rrto_seq *seq, unsigned levels)
{
    seq->levels = levels;
}

uint64_t rrto_seq_bytes(const struct rrto_seq *seq)
{
    return seq->n_bytes;
}

uint64_t rrto_seq_expected(const struct rrto_seq *seq, unsigned lane)
{
    return seq->lanes[lane].expected;
}

uint64_t rrto_seq_token(const struct rrto_seq *seq, uint64_t position)
{
    return seq->tokens[position & seq->mask];
}

static bool kept(const struct rrto_seq *seq, uint64_t position, uint64_t oldest)
{
    return position != RRTO_SEQ_NONE && position >= oldest && position < seq->head && seq->head - position <= seq->mask;
}

static uint64_t successor(const struct rrto_seq *seq, uint64_t position)
{
    uint32_t distance = seq->next[position & seq->mask];
    return distance ? position + distance : RRTO_SEQ_NONE;
}

/* Whether the op there has this token, or was taken for one that has. */
static bool is(const struct rrto_seq *seq, uint64_t position, uint64_t token)
{
    return seq->tokens[position & seq->mask] == token || seq->aliases[position & seq->mask] == token;
}

/* The first op from `from` on, along its lane, that has this token. */
static uint64_t scan(const struct rrto_seq *seq, uint64_t from, uint64_t token, uint64_t oldest)
{
    for (unsigned i = 0; i < RESUME_SCAN && kept(seq, from, oldest); i++) {
        if (is(seq, from, token))
            return from;
        from = successor(seq, from);
    }
    return RRTO_SEQ_NONE;
}

/* The row of the established sequence that the inference at `position` was, or NO_ROW. */
static unsigned row_at(const struct rrto_seq *seq, uint64_t position)
{
    uint64_t low = seq->n_inferences > N_INFERENCES ? seq->n_inferences - N_INFERENCES : 0, high = seq->n_inferences;
    if (position >= seq->start)
        return NO_ROW;   /* the present inference */
    while (low < high) { /* the last one that starts at or before position */
        uint64_t middle = low + (high - low) / 2;
        if (seq->inferences[middle % N_INFERENCES].start <= position)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || (seq->n_inferences > N_INFERENCES && low == seq->n_inferences - N_INFERENCES))
        return NO_ROW;
    uint64_t id = seq->inferences[(low - 1) % N_INFERENCES].id;
    for (unsigned row = 0; row < RRTO_SEQ_SEQUENCES; row++)
        if (seq->sequences[row].id == id)
            return seq->sequences[row].hits > 0 ? row : NO_ROW;
    return NO_ROW;
}

/* The latest place that agrees in as many tokens as contexts first to last - 1 have, the longest first. */
static uint64_t jump(const struct rrto_seq *seq, const uint64_t *found, unsigned first, unsigned last, uint64_t token,
                     uint64_t oldest)
{
    for (unsigned c = first; c < last; c++)
        if (kept(seq, found[c], oldest) && is(seq, found[c], token))
            return found[c];
    return RRTO_SEQ_NONE;
}

/* Near where the lane left off, now or lately: something was inserted, or left out. */
static uint64_t resume(const struct rrto_seq *seq, struct lane *lane, uint64_t token, uint64_t oldest)
{
    uint64_t source = scan(seq, lane->expected, token, oldest);
    if (source == RRTO_SEQ_NONE && seq->head <= lane->resume_until)
        source = scan(seq, lane->resume, token, oldest);
    if (source == RRTO_SEQ_NONE && kept(seq, lane->expected, oldest) &&
        (lane->resume == RRTO_SEQ_NONE || seq->head > lane->resume_until)) {
        lane->resume = lane->expected;
        lane->resume_until = seq->head + RESUME_LIFE;
    }
    return source;
}

static uint64_t search(const struct rrto_seq *seq, struct lane *lane, const uint64_t *found, uint64_t token,
                       uint64_t oldest)
{
    uint64_t source = RRTO_SEQ_NONE;
    if (seq->levels & RRTO_SEQ_LONG)
        source = jump(seq, found, 0, N_LONG, token, oldest);
    if (source == RRTO_SEQ_NONE && seq->levels & RRTO_SEQ_RESUME)
        source = resume(seq, lane, token, oldest);
    if (source == RRTO_SEQ_NONE && seq->levels & RRTO_SEQ_SHORT)
        source = jump(seq, found, N_LONG, N_CONTEXTS, token, oldest);
    return source;
}

/* Says which sequence the lane follows and whether it has just left one. */
static void judge(struct rrto_seq *seq, struct lane *lane, uint64_t position, uint64_t source, bool matched)
{
    lane->before.matches = lane->matches;
    lane->before.row = lane->row;
    lane->before.deviated = false;
    lane->matches = matched ? lane->matches + 1 : 0;
    if (position == seq->start) { /* the first op of an inference: any sequence may begin here */
        lane->row = source == RRTO_SEQ_NONE ? NO_ROW : row_at(seq, source);
        return;
    }
    if (seq->ended) {
        lane->row = NO_ROW;
    } else if (!matched && lane->row != NO_ROW) {
        seq->sequences[lane->row].deviations++;
        seq->deviations++;
        lane->before.deviated = true;
        lane->row = NO_ROW;
    } else if (matched && lane->row == NO_ROW && lane->matches == FOLLOW_AGAIN) {
        lane->row = row_at(seq, source);
    }
}

/* The lane went on by what it had read, or in spite of it; the rival is the other way. The first op that tells them
 * apart decides whether the value is trusted here, the next time; where TIE_AFTER ops do not, following was as good. */
static void settle(struct rrto_seq *seq, struct lane *lane, uint64_t token, bool matched, uint64_t oldest)
{
    uint64_t rival = lane->rival, age = seq->head - lane->read_at;
    bool other = kept(seq, rival, oldest) && is(seq, rival, token), tie = matched && other && age >= TIE_AFTER;
    lane->rival = matched && other && !tie ? successor(seq, rival) : RRTO_SEQ_NONE;
    if ((matched == other && !tie) || age > seq->mask)
        return;
    int8_t *trust = &seq->trust[lane->read_at & seq->mask];
    if (tie)
        *trust = (int8_t)(*trust > 0 ? *trust - 1 : *trust);
    else if (matched == lane->by_value)
        *trust = (int8_t)(*trust < TRUST_MAX ? *trust + 1 : TRUST_MAX);
    else
        *trust = (int8_t)(*trust > TRUST_LOSS - TRUST_MAX ? *trust - TRUST_LOSS : -TRUST_MAX);
}

uint64_t rrto_seq_push(struct rrto_seq *seq, unsigned lane_number, uint64_t token, uint64_t oldest)
{
    struct lane *lane = &seq->lanes[lane_number];
    uint64_t position = seq->head, mixed = mix(token), found[N_CONTEXTS];
#pragma GCC unroll 5
    for (unsigned c = 0; c < N_CONTEXTS; c++) {
        uint64_t leaves = lane->tokens[(lane->at - context_length[c]) % MAX_CONTEXT];
        lane->hash[c] = lane->hash[c] * MULTIPLIER + mixed - leaves * seq->power[c];
        found[c] = rrto_context_update(&seq->contexts[c], mix(lane->hash[c]), position);
    }
    uint64_t source = lane->expected;
    bool matched = kept(seq, source, oldest) && is(seq, source, token);
    if (lane->rival != RRTO_SEQ_NONE)
        settle(seq, lane, token, matched, oldest);
    if (!matched)
        source = search(seq, lane, found, token, oldest);
    judge(seq, lane, position, source, matched);

    lane->tokens[lane->at % MAX_CONTEXT] = mixed;
    lane->at++;
    seq->tokens[position & seq->mask] = seq->aliases[position & seq->mask] = token;
    seq->next[position & seq->mask] = 0;
    seq->trust[position & seq->mask] = source == RRTO_SEQ_NONE ? 0 : seq->trust[source & seq->mask];
    if (lane->last != RRTO_SEQ_NONE && position - lane->last <= seq->mask)
        seq->next[lane->last & seq->mask] = (uint32_t)(position - lane->last);
    __builtin_prefetch(&seq->tokens[(position + FETCH_AHEAD) & seq->mask], 1);
    __builtin_prefetch(&seq->next[(position + FETCH_AHEAD) & seq->mask], 1);
    lane->last = position;
    lane->expected = source == RRTO_SEQ_NONE ? RRTO_SEQ_NONE : successor(seq, source);
    seq->id_before = seq->id_so_far;
    seq->id_so_far = mix(seq->id_so_far ^ mixed) * MULTIPLIER;
    seq->head++;
    return source;
}

void rrto_seq_insist(struct rrto_seq *seq, unsigned lane_number, uint64_t source)
{
    struct lane *lane = &seq->lanes[lane_number];
    if (lane->before.deviated) {
        seq->sequences[lane->before.row].deviations--;
        seq->deviations--;
    }
    lane->matches = lane->before.matches;
    lane->row = lane->before.row;
    judge(seq, lane, lane->last, source, true);
    lane->expected = successor(seq, source);
    /* in the contexts of what follows, and for the inference's name, it is the same op */
    uint64_t alias = seq->aliases[source & seq->mask], mixed = mix(alias);
    uint64_t *last = &lane->tokens[(lane->at - 1) % MAX_CONTEXT];
    for (unsigned c = 0; c < N_CONTEXTS; c++) {
        lane->hash[c] += mixed - *last;
        (void)rrto_context_update(&seq->contexts[c], mix(lane->hash[c]), lane->last);
    }
    *last = mixed;
    seq->aliases[lane->last & seq->mask] = alias;
    seq->id_so_far = mix(seq->id_before ^ mixed) * MULTIPLIER;
}

void rrto_seq_observe(struct rrto_seq *seq, unsigned lane_number, uint32_t value, uint64_t oldest)
{
    struct lane *lane = &seq->lanes[lane_number];
    uint64_t found[N_LONG], next = RRTO_SEQ_NONE;
    if (!(seq->levels & RRTO_SEQ_VALUES) || lane->last == RRTO_SEQ_NONE)
        return;
    for (unsigned c = 0; c < N_LONG; c++)
        found[c] = rrto_context_update(
            &seq->values, mix(mix(lane->hash[c]) + ((uint64_t)value * N_LONG + c) * MULTIPLIER), seq->head);
    for (unsigned c = 0; c < N_LONG && next == RRTO_SEQ_NONE; c++)
        next = kept(seq, found[c], oldest) ? found[c] : RRTO_SEQ_NONE;
    if (next == RRTO_SEQ_NONE || next == lane->expected)
        return;
    bool known = kept(seq, lane->expected, oldest);
    lane->by_value = !known || seq->trust[lane->last & seq->mask] >= TRUSTED;
    lane->rival = !known ? RRTO_SEQ_NONE : lane->by_value ? lane->expected : next;
    lane->read_at = lane->last;
    if (lane->by_value)
        lane->expected = next;
}

void rrto_seq_result(struct rrto_seq *seq)
{
    seq->ended = true;
}

const struct rrto_seq_sequence *rrto_seq_boundary(struct rrto_seq *seq)
{
    uint64_t id = seq->id_so_far | 1, ops = seq->head - seq->start;
    struct rrto_seq_sequence *row = &seq->sequences[0];
    for (unsigned i = 0; i < RRTO_SEQ_SEQUENCES; i++) {
        struct rrto_seq_sequence *at = &seq->sequences[i];
        if (at->id == id) {
            row = at;
            break;
        }
        /* the row to reuse: an unused one, else the one with the fewest hits, the oldest of these */
        if (row->id &&
            (!at->id || at->hits < row->hits || (at->hits == row->hits && at->first_inference < row->first_inference)))
            row = at;
    }
    if (row->id == id) {
        row->hits++;
    } else {
        for (unsigned lane = 0; lane < RRTO_SEQ_LANES; lane++) /* nobody follows what the row meant before */
            if (seq->lanes[lane].row == (unsigned)(row - seq->sequences))
                seq->lanes[lane].row = NO_ROW;
        *row = (struct rrto_seq_sequence){.id = id, .ops = ops, .first_inference = seq->n_inferences};
    }
    seq->inferences[seq->n_inferences % N_INFERENCES] = (struct inference){seq->start, id};
    seq->n_inferences++;
    seq->start = seq->head;
    seq->id_so_far = 0;
    seq->ended = false;
    return row;
}

const struct rrto_seq_sequence *rrto_seq_sequences(const struct rrto_seq *seq)
{
    return seq->sequences;
}

uint64_t rrto_seq_deviations(const struct rrto_seq *seq)
{
    return seq->deviations;
}
