/* SPDX-License-Identifier: Apache-2.0 */
/* The search: follow the successor that is not over for good; on a mismatch jump to the latest place whose last 16, 8
 * or 4 tokens agree, else to where the lane left off, else to the latest place whose last 2 or 1 tokens agree. */
#include "seq/seq.h"

#include "seq/context.h"

#include <string.h>
#include <sys/mman.h>

enum {
    N_CONTEXTS = 5,
    N_LONG = 3, /* of them */
    MAX_CONTEXT = 16,
    RESUME_SCAN = 16,       /* ops looked ahead for where the application goes on */
    RESUME_LIFE = 64,       /* ops after which it is not looked for any more */
    FOLLOW_AGAIN = 8,       /* matches after a deviation until the lane is said to follow a sequence again */
    MAX_INFERENCES = 4096,  /* whose places are remembered */
    OPS_PER_INFERENCE = 32, /* a window of fewer ops remembers fewer */
    OPS_PER_OBJECT = 64,    /* likewise, of what lasts */
    FETCH_AHEAD = 32,       /* ops: where the places will be written next, in time */
    MAX_TABLE = 1 << 16,    /* slots per context length; half as many as the window has ops, in a small one */
    TRUST_MAX = 7,          /* times that what was read has told better where to go on */
    TRUST_LOSS = 4,         /* what a time that it told worse takes off */
    PART_WITHIN = 16,       /* ops: two ways that are alike for longer are one */
    ONCE = 3,               /* times that an op comes though it is not expected again, until it is */
    ONCE_SCAN = 16,         /* ops in a row that are not expected again: no more are passed over */
    MAX_DISTANCE = (1 << 22) - 1,
};

static const unsigned context_length[N_CONTEXTS] = {16, 8, 4, 2, 1};
#define MULTIPLIER UINT64_C(0x9e3779b97f4a7c15)
#define ANY_VALUE ((uint64_t)1 << 32) /* none has it: whatever was read */

struct lane {
    uint64_t expected;     /* where the next op should be, or NONE */
    uint64_t last;         /* position of the lane's last op, or NONE */
    uint64_t resume;       /* where the lane left off, or NONE */
    uint64_t rival;        /* where the lane would go on, had it decided otherwise on what it read, or NONE */
    uint32_t resume_until; /* a position, its low half */
    uint32_t passed_by; /* how far before `expected` the first op is that was passed over on the way there; 0: none */
    uint32_t read_at;   /* position of the op before which it was read, its low half */
    bool by_value;      /* whether the value decided */
    uint8_t once;       /* what the last op's place gets if it has made something */
    uint8_t at;         /* in sums[]: of the last op; MAX_CONTEXT at least */
    struct follow {
        uint32_t matches; /* in a row */
        uint8_t row;      /* of the established sequence that is followed; NO_ROW: none */
        bool deviated;    /* with the last op */
    } now, before;        /* before the last op, for rrto_seq_insist */
    /* Running sums: each is (the one before it + the name of one more op) * MULTIPLIER, modulo 2^64; sums[at] is the
     * last op's. The hash of the last k names is what such a sum over them alone would be: sums[at] - sums[at - k] *
     * MULTIPLIER ** k. Where they reach the end, the last ones move to the front. */
    uint64_t sums[2 * MAX_CONTEXT];
};

enum { NO_ROW = RRTO_SEQ_SEQUENCES };
_Static_assert(NO_ROW <= UINT8_MAX, "a row in a byte");

struct inference {
    uint64_t start, id;
};

/* An op, by its position. */
struct place {
    uint64_t token;
    uint32_t name; /* a hash of the token of the op that it was first taken for, mostly its own: what contexts are of */
    uint32_t next : 22; /* distance to the lane's next op, 0 = not known */
    uint32_t once : 2;  /* it has made what lasts: not expected again, until it has come so often nevertheless */
    int8_t trust;       /* what was read before it: how well that tells what comes then, < 0: badly */
};

_Static_assert(sizeof(struct place) == 16, "what docs/replay.md says");
_Static_assert(ONCE < 4, "two bits");

struct rrto_seq {
    size_t n_bytes;
    uint64_t mask, head;
    unsigned levels;
    struct place *places;
    struct rrto_context contexts[N_CONTEXTS];
    struct rrto_context values;  /* long contexts, and what was read behind them, or anything: where the lane went on */
    struct rrto_context objects; /* where what lasts was made */
    struct lane lanes[RRTO_SEQ_LANES];

    uint64_t n_inferences;                /* ended */
    uint64_t start, id_so_far, id_before; /* of the present inference; before its last op */
    struct inference *inferences;         /* the last max_inferences of them, a power of two */
    uint64_t max_inferences;
    struct rrto_seq_sequence sequences[RRTO_SEQ_SEQUENCES];
    uint64_t deviations;
    bool ended; /* the present inference has its result */
};

static inline uint64_t mix(uint64_t x)
{
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    return x ^ (x >> 32);
}

/* What an op goes by where it stands among others. Tokens that share it are taken for one another in contexts, which
 * costs a wrong guess and no more. */
static inline uint32_t name_of(uint64_t token)
{
    return (uint32_t)mix(token);
}

/* MULTIPLIER ** k, k the lengths of contexts. */
#define POWER_1 MULTIPLIER
#define POWER_2 (POWER_1 * POWER_1)
#define POWER_4 (POWER_2 * POWER_2)
#define POWER_8 (POWER_4 * POWER_4)
static const uint64_t power[N_CONTEXTS] = {POWER_8 * POWER_8, POWER_8, POWER_4, POWER_2, POWER_1};

static uint64_t at_most(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t at_least(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void rrto_seq_reset_lane(struct rrto_seq *seq, unsigned lane)
{
    seq->lanes[lane] = (struct lane){.expected = RRTO_SEQ_NONE,
                                     .last = RRTO_SEQ_NONE,
                                     .resume = RRTO_SEQ_NONE,
                                     .rival = RRTO_SEQ_NONE,
                                     .now.row = NO_ROW,
                                     .at = MAX_CONTEXT};
}

struct rrto_seq *rrto_seq_create(uint64_t max_ops)
{
    uint64_t n_slots = at_least(at_most(max_ops / 2, MAX_TABLE), RRTO_CONTEXT_WAYS);
    uint64_t n_values = at_least(at_most(max_ops / 16, MAX_TABLE), RRTO_CONTEXT_WAYS);
    uint64_t n_objects = at_least(at_most(max_ops / OPS_PER_OBJECT, MAX_TABLE), RRTO_CONTEXT_WAYS);
    uint64_t max_inferences = at_least(at_most(max_ops / OPS_PER_INFERENCE, MAX_INFERENCES), 1);
    size_t places_at = (sizeof(struct rrto_seq) + 63) & ~(size_t)63,
           contexts_at = places_at + max_ops * sizeof(struct place), values_at = contexts_at + n_slots * 8 * N_CONTEXTS,
           objects_at = values_at + n_values * 8, inferences_at = objects_at + n_objects * 8,
           n_bytes = inferences_at + max_inferences * sizeof(struct inference);
    uint8_t *at = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        return NULL;
    struct rrto_seq *seq = (struct rrto_seq *)(void *)at;
    seq->n_bytes = n_bytes;
    seq->levels = RRTO_SEQ_ALL;
    seq->mask = max_ops - 1;
    seq->places = (struct place *)(void *)(at + places_at);
    seq->inferences = (struct inference *)(void *)(at + inferences_at);
    seq->max_inferences = max_inferences;
    for (unsigned c = 0; c < N_CONTEXTS; c++)
        rrto_context_init(&seq->contexts[c], (uint64_t *)(void *)(at + contexts_at + c * n_slots * 8), n_slots);
    rrto_context_init(&seq->values, (uint64_t *)(void *)(at + values_at), n_values);
    rrto_context_init(&seq->objects, (uint64_t *)(void *)(at + objects_at), n_objects);
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

static inline struct place *place(const struct rrto_seq *seq, uint64_t position)
{
    return &seq->places[position & seq->mask];
}

uint64_t rrto_seq_expected(const struct rrto_seq *seq, unsigned lane)
{
    return seq->lanes[lane].expected;
}

uint64_t rrto_seq_passed(const struct rrto_seq *seq, unsigned lane)
{
    const struct lane *at = &seq->lanes[lane];
    return at->passed_by ? at->expected - at->passed_by : RRTO_SEQ_NONE;
}

uint64_t rrto_seq_token(const struct rrto_seq *seq, uint64_t position)
{
    return place(seq, position)->token;
}

static inline bool kept(const struct rrto_seq *seq, uint64_t position, uint64_t oldest)
{
    return position != RRTO_SEQ_NONE && position >= oldest && position < seq->head && seq->head - position <= seq->mask;
}

static inline uint64_t successor(const struct rrto_seq *seq, uint64_t position)
{
    uint32_t distance = place(seq, position)->next;
    return distance ? position + distance : RRTO_SEQ_NONE;
}

uint64_t rrto_seq_next(const struct rrto_seq *seq, uint64_t position)
{
    return successor(seq, position);
}

/* The op there, or the first one behind it that may come again. */
static inline uint64_t past_once(const struct rrto_seq *seq, uint64_t position)
{
    for (unsigned i = 0; i < ONCE_SCAN && position != RRTO_SEQ_NONE && place(seq, position)->once; i++)
        position = successor(seq, position);
    return position;
}

/* The op there has come again. */
static inline uint8_t once_less(const struct rrto_seq *seq, uint64_t position)
{
    unsigned once = place(seq, position)->once;
    return (uint8_t)(once - (once > 0));
}

/* The lane goes on behind the op at `source`, which it repeats: past what is not expected again there, unless that op
 * was not, either: what was made along with it is then made again, too. */
static inline void follow(const struct rrto_seq *seq, struct lane *lane, uint64_t source)
{
    uint64_t next = source == RRTO_SEQ_NONE ? RRTO_SEQ_NONE : successor(seq, source);
    lane->expected = next == RRTO_SEQ_NONE || place(seq, source)->once ? next : past_once(seq, next);
    lane->passed_by = lane->expected == RRTO_SEQ_NONE ? 0 : (uint32_t)(lane->expected - next);
}

/* Whether the op there has this token, or was taken for one that has. */
static inline bool is(const struct rrto_seq *seq, uint64_t position, uint64_t token)
{
    const struct place *at = place(seq, position);
    return at->token == token || at->name == name_of(token);
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

/* The expected op does not come. One that was passed over on the way there does, or what comes behind those that are
 * not expected again. RRTO_SEQ_NONE: neither. */
static uint64_t aside(const struct rrto_seq *seq, const struct lane *lane, uint64_t token, uint64_t oldest)
{
    uint64_t position = lane->expected - lane->passed_by;
    if (lane->passed_by == 0) {
        position = kept(seq, position, oldest) && place(seq, position)->once ? past_once(seq, position) : RRTO_SEQ_NONE;
        return kept(seq, position, oldest) && is(seq, position, token) ? position : RRTO_SEQ_NONE;
    }
    for (unsigned i = 0; i < ONCE_SCAN && position != lane->expected && kept(seq, position, oldest); i++) {
        if (is(seq, position, token))
            return position;
        position = successor(seq, position);
    }
    return RRTO_SEQ_NONE;
}

/* The row of the established sequence that the inference at `position` was, or NO_ROW. */
static uint8_t row_at(const struct rrto_seq *seq, uint64_t position)
{
    const uint64_t last = seq->max_inferences - 1;
    uint64_t oldest = seq->n_inferences > last ? seq->n_inferences - last - 1 : 0, low = oldest,
             high = seq->n_inferences;
    if (position >= seq->start)
        return NO_ROW;   /* the present inference */
    while (low < high) { /* the last one that starts at or before position */
        uint64_t middle = low + (high - low) / 2;
        if (seq->inferences[middle & last].start <= position)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == oldest)
        return NO_ROW;
    uint64_t id = seq->inferences[(low - 1) & last].id;
    for (unsigned row = 0; row < RRTO_SEQ_SEQUENCES; row++)
        if (seq->sequences[row].id == id)
            return seq->sequences[row].hits > 0 ? (uint8_t)row : NO_ROW;
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

/* Of a position's low half, at most RESUME_LIFE ahead when it was set. */
static bool is_over(const struct rrto_seq *seq, uint32_t until)
{
    return until - (uint32_t)seq->head > RESUME_LIFE;
}

/* Near where the lane left off, now or lately: something was inserted, or left out. */
static uint64_t resume(const struct rrto_seq *seq, struct lane *lane, uint64_t token, uint64_t oldest)
{
    uint64_t source = scan(seq, lane->expected, token, oldest);
    if (source == RRTO_SEQ_NONE && !is_over(seq, lane->resume_until))
        source = scan(seq, lane->resume, token, oldest);
    if (source == RRTO_SEQ_NONE && kept(seq, lane->expected, oldest) &&
        (lane->resume == RRTO_SEQ_NONE || is_over(seq, lane->resume_until))) {
        lane->resume = lane->expected;
        lane->resume_until = (uint32_t)seq->head + RESUME_LIFE;
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

/* The hash of the lane's names that context c is of, its last op included. */
static inline uint64_t hash_of(const struct lane *lane, unsigned c)
{
    const uint64_t *sum = &lane->sums[lane->at];
    return *sum - *(sum - context_length[c]) * power[c];
}

static inline void add_to(struct lane *lane, uint32_t name)
{
    if (lane->at == 2 * MAX_CONTEXT - 1) {
        memcpy(lane->sums, &lane->sums[MAX_CONTEXT], MAX_CONTEXT * sizeof lane->sums[0]);
        lane->at = MAX_CONTEXT - 1;
    }
    lane->at++;
    lane->sums[lane->at] = (lane->sums[lane->at - 1] + name) * MULTIPLIER;
}

/* The lane's contexts, brought up to date: they occur at `position` now. ret_found: where they did last. All hashes
 * come first: what is written to a table could be part of the sums, as far as the compiler knows. */
static inline void update(struct rrto_seq *seq, const struct lane *lane, uint64_t position, uint64_t *ret_found)
{
    uint64_t hashes[N_CONTEXTS];
#pragma GCC unroll 5
    for (unsigned c = 0; c < N_CONTEXTS; c++)
        hashes[c] = hash_of(lane, c);
#pragma GCC unroll 5
    for (unsigned c = 0; c < N_CONTEXTS; c++)
        ret_found[c] = rrto_context_update(&seq->contexts[c], hashes[c], position);
}

/* The op is not the expected one. Where the lane goes on; its contexts are brought up to date. */
static __attribute__((noinline)) uint64_t leave(struct rrto_seq *seq, struct lane *lane, uint64_t token,
                                                uint64_t oldest)
{
    uint64_t found[N_CONTEXTS];
    update(seq, lane, seq->head, found);
    return search(seq, lane, found, token, oldest);
}

/* Says which sequence the lane follows and whether it has just left one. */
static inline void judge(struct rrto_seq *seq, struct lane *lane, uint64_t position, uint64_t source, bool matched)
{
    struct follow now = {.matches = matched ? lane->now.matches + 1 : 0, .row = lane->now.row};
    if (position == seq->start) { /* the first op of an inference: any sequence may begin here */
        now.row = source == RRTO_SEQ_NONE ? NO_ROW : row_at(seq, source);
    } else if (seq->ended) {
        now.row = NO_ROW;
    } else if (!matched && now.row != NO_ROW) {
        seq->sequences[now.row].deviations++;
        seq->deviations++;
        now.deviated = true;
        now.row = NO_ROW;
    } else if (now.row == NO_ROW && now.matches == FOLLOW_AGAIN) {
        now.row = row_at(seq, source);
    }
    lane->before = lane->now;
    lane->now = now;
}

/* The lane went on by what it had read, or in spite of it; the rival is the other way. The first op that tells them
 * apart decides how far values are trusted here, the next time. */
static void settle(struct rrto_seq *seq, struct lane *lane, uint64_t token, bool matched, uint64_t oldest)
{
    uint64_t rival = lane->rival, age = (uint32_t)((uint32_t)seq->head - lane->read_at);
    bool other = kept(seq, rival, oldest) && is(seq, rival, token), open = matched && other && age < PART_WITHIN;
    lane->rival = open ? past_once(seq, successor(seq, rival)) : RRTO_SEQ_NONE;
    if (matched == other || age > seq->mask)
        return;
    struct place *read_at = place(seq, seq->head - age);
    int trust = read_at->trust;
    if (matched == lane->by_value)
        trust += trust < TRUST_MAX;
    else
        trust = trust > TRUST_LOSS - TRUST_MAX ? trust - TRUST_LOSS : -TRUST_MAX;
    read_at->trust = (int8_t)trust;
}

uint64_t rrto_seq_push(struct rrto_seq *seq, unsigned lane_number, uint64_t token, uint64_t oldest)
{
    struct lane *lane = &seq->lanes[lane_number];
    uint64_t position = seq->head, source = lane->expected;
    uint32_t name = name_of(token);
    add_to(lane, name);
    bool matched = kept(seq, source, oldest) && is(seq, source, token);
    if (lane->rival != RRTO_SEQ_NONE)
        settle(seq, lane, token, matched, oldest);
    if (!matched) {
        uint64_t near = aside(seq, lane, token, oldest);
        matched = near != RRTO_SEQ_NONE;
        source = matched ? near : source;
    }
    lane->once = matched ? once_less(seq, source) : ONCE;
    if (matched) {
        uint64_t found[N_CONTEXTS]; /* not needed, and not computed */
        update(seq, lane, position, found);
    } else {
        source = leave(seq, lane, token, oldest);
    }
    judge(seq, lane, position, source, matched);

    struct place *at = place(seq, position);
    *at = (struct place){.token = token, .name = name, .trust = at->trust};
    if (lane->last != RRTO_SEQ_NONE && position - lane->last <= at_most(seq->mask, MAX_DISTANCE))
        place(seq, lane->last)->next = (position - lane->last) & MAX_DISTANCE;
    __builtin_prefetch(place(seq, position + FETCH_AHEAD), 1);
    lane->last = position;
    follow(seq, lane, source);
    seq->id_before = seq->id_so_far;
    seq->id_so_far = mix(seq->id_so_far ^ name) * MULTIPLIER;
    seq->head++;
    return source;
}

void rrto_seq_insist(struct rrto_seq *seq, unsigned lane_number, uint64_t source)
{
    struct lane *lane = &seq->lanes[lane_number];
    if (lane->now.deviated) {
        seq->sequences[lane->before.row].deviations--;
        seq->deviations--;
    }
    lane->now = lane->before;
    judge(seq, lane, lane->last, source, true);
    follow(seq, lane, source);
    lane->once = once_less(seq, source);
    /* in the contexts of what follows, and for the inference's name, it is the same op */
    uint32_t name = place(seq, source)->name;
    struct place *last = place(seq, lane->last);
    lane->sums[lane->at] += ((uint64_t)name - last->name) * MULTIPLIER;
    uint64_t found[N_CONTEXTS]; /* not needed */
    update(seq, lane, lane->last, found);
    last->name = name;
    seq->id_so_far = mix(seq->id_before ^ name) * MULTIPLIER;
}

void rrto_seq_made(struct rrto_seq *seq, unsigned lane_number, uint64_t object)
{
    const struct lane *lane = &seq->lanes[lane_number];
    if (!(seq->levels & RRTO_SEQ_ONCE))
        return;
    if (object)
        (void)rrto_context_update(&seq->objects, mix(object) * MULTIPLIER, lane->last);
    place(seq, lane->last)->once = lane->once & 3u;
}

void rrto_seq_ended(struct rrto_seq *seq, uint64_t object)
{
    uint64_t made_at = rrto_context_find(&seq->objects, mix(object) * MULTIPLIER, seq->head);
    if (kept(seq, made_at, 0))
        place(seq, made_at)->once = 0;
}

/* The lane has read `value` behind context c. Where a lane went on when it last did. */
static inline uint64_t read_before(struct rrto_seq *seq, const struct lane *lane, unsigned c, uint64_t value)
{
    return rrto_context_update(&seq->values, mix(hash_of(lane, c) + (value * N_LONG + c) * MULTIPLIER), seq->head);
}

/* Whether the ways from a and b are one, as far as they are known. */
static bool alike(const struct rrto_seq *seq, uint64_t a, uint64_t b, uint64_t oldest)
{
    for (unsigned i = 0; i < PART_WITHIN && kept(seq, a, oldest) && kept(seq, b, oldest); i++) {
        if (place(seq, a)->name != place(seq, b)->name)
            return false;
        a = successor(seq, a);
        b = successor(seq, b);
    }
    return true;
}

void rrto_seq_observe(struct rrto_seq *seq, unsigned lane_number, uint32_t value, uint64_t oldest)
{
    struct lane *lane = &seq->lanes[lane_number];
    uint64_t found[N_LONG], next = RRTO_SEQ_NONE;
    if (!(seq->levels & RRTO_SEQ_VALUES) || lane->last == RRTO_SEQ_NONE)
        return;
    uint64_t like = read_before(seq, lane, N_LONG - 1, ANY_VALUE);
    int8_t trust = kept(seq, like, oldest) ? place(seq, like)->trust : 0;
    place(seq, seq->head)->trust = trust; /* nobody's now, and soon that of the lane's next op */
    for (unsigned c = 0; c < N_LONG; c++)
        found[c] = read_before(seq, lane, c, value);
    for (unsigned c = 0; c < N_LONG && next == RRTO_SEQ_NONE; c++)
        next = kept(seq, found[c], oldest) ? past_once(seq, found[c]) : RRTO_SEQ_NONE;
    if (next == RRTO_SEQ_NONE || next == lane->expected)
        return;
    bool known = kept(seq, lane->expected, oldest);
    if (known && alike(seq, lane->expected, next, oldest))
        return;
    lane->by_value = !known || trust > 0 || (trust == 0 && kept(seq, found[0], oldest));
    lane->rival = !known ? RRTO_SEQ_NONE : lane->by_value ? lane->expected : next;
    lane->read_at = (uint32_t)seq->head;
    if (lane->by_value) {
        lane->expected = next;
        lane->passed_by = 0;
    }
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
            if (seq->lanes[lane].now.row == row - seq->sequences)
                seq->lanes[lane].now.row = NO_ROW;
        *row = (struct rrto_seq_sequence){.id = id, .ops = ops, .first_inference = seq->n_inferences};
    }
    seq->inferences[seq->n_inferences & (seq->max_inferences - 1)] = (struct inference){seq->start, id};
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
