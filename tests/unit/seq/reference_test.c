/* SPDX-License-Identifier: Apache-2.0 */
/* The search says what the slow, obvious one says, op by op, on generated streams: random ones, periodic ones with
 * noise, nested loops, models in turn; on one lane or several, with lanes that change hands, boundaries between
 * inferences, and ops that are forgotten. Small enough that the search's tables lose nothing. A failure prints the
 * round: `seq_reference ROUND` repeats that one alone. */
#include "../test.h"

#include "reference.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 600, OPS = 700, MAX_LANES = 5, MAX_OPS = 1 << 20 };

static uint64_t seed;
static unsigned below(unsigned n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((seed >> 33) % n);
}

/* --- streams: the next token of a lane. 0 is no token: to the search it is the nothing before a lane's first op --- */

struct stream {
    unsigned kind, n_tokens, period, noise, at, inner, left;
    uint64_t fresh;      /* tokens that were never used before */
    unsigned words[128]; /* the period */
};

static void open_stream(struct stream *stream)
{
    static const unsigned alphabets[] = {1, 2, 3, 5, 20, 1000};
    *stream = (struct stream){.kind = below(4), .n_tokens = alphabets[below(6)], .period = 1 + below(80)};
    stream->noise = below(3) ? 5 + below(60) : 0; /* one op in so many */
    stream->inner = 1 + below(12);
    for (unsigned i = 0; i < 128; i++)
        stream->words[i] = 1 + below(stream->n_tokens);
}

static uint64_t next_token(struct stream *stream)
{
    if (stream->kind == 0) /* random */
        return 1 + below(stream->n_tokens);
    if (stream->noise && below(stream->noise) == 0) {
        switch (below(4)) {
        case 0: /* an op that was never seen */
            return 5000 + stream->fresh++;
        case 1: /* one too many */
            return 1 + below(stream->n_tokens);
        case 2: /* some are left out */
            stream->at += 1 + below(20);
            break;
        default: /* another one instead */
            stream->at++;
            return stream->words[below(stream->period)];
        }
    }
    if (stream->kind == 2) { /* nested: the same part a varying number of times, then the rest */
        if (stream->at % stream->period == stream->inner % stream->period && stream->left-- > 0)
            stream->at -= stream->inner < stream->at ? stream->inner : stream->at;
        else if (stream->at % stream->period == 0)
            stream->left = below(5);
    }
    if (stream->kind == 3 && stream->at % stream->period == 0) /* two models at random, with ops in common */
        stream->at = below(2) * (stream->period + 7);
    if (stream->kind == 4) { /* a few words, then one and the same op for about as long as the window */
        unsigned at = stream->at++ % stream->period;
        return at < stream->inner ? 2 + at % 7 : 1;
    }
    return stream->words[stream->at++ % (stream->kind == 3 ? 128 : stream->period)];
}

/* --- one round --- */

struct round {
    unsigned n_lanes, stay;                                  /* how many ops a lane has in a row, about */
    unsigned boundary, reset, forget, insist, observe, make; /* one op in so many, 0: never */
    uint64_t max_ops;
    struct stream streams[MAX_LANES];
};

static void make_round(struct round *round, unsigned number)
{
    seed = number;
    (void)below(1);
    *round = (struct round){.n_lanes = below(2) ? 1 : 1 + below(MAX_LANES),
                            .stay = below(2) ? 1 : 1 + below(40),
                            .boundary = below(2) ? 10 + below(100) : 0,
                            .reset = below(4) ? 0 : 50 + below(100),
                            .forget = below(3) ? 0 : 1 + below(30),
                            .insist = below(3) ? 0 : 1 + below(10),
                            .observe = below(2) ? 0 : 1 + below(20),
                            .make = below(2) ? 0 : 1 + below(8),
                            .max_ops = MAX_OPS};
    for (unsigned i = 0; i < round->n_lanes; i++)
        open_stream(&round->streams[i]);
}

static void play(struct round *round, unsigned number, unsigned n_ops)
{
    struct rrto_seq *seq = rrto_seq_create(round->max_ops);
    struct reference *reference = reference_create(round->max_ops, n_ops);
    uint64_t oldest = 0;
    unsigned lane = 0;
    assert_non_null(seq);
    for (unsigned i = 0; i < n_ops; i++) {
        if (below(round->stay) == 0)
            lane = below(round->n_lanes);
        if (round->boundary && below(round->boundary) == 0) {
            rrto_seq_result(seq);
            (void)rrto_seq_boundary(seq);
        }
        if (round->reset && below(round->reset) == 0) {
            rrto_seq_reset_lane(seq, lane);
            reference_reset_lane(reference, lane);
        }
        if (round->forget && below(round->forget) == 0)
            oldest += below((unsigned)(i - oldest) / 2 + 1);
        if (round->observe && below(round->observe) == 0) {
            uint32_t value = 1 + below(3);
            reference_observe(reference, lane, value, oldest);
            rrto_seq_observe(seq, lane, value, oldest);
            if (rrto_seq_expected(seq, lane) != reference_expected(reference, lane))
                fail_msg("round %u, op %u: a value leads to %lld instead of %lld", number, i,
                         (long long)rrto_seq_expected(seq, lane), (long long)reference_expected(reference, lane));
        }
        uint64_t expected = rrto_seq_expected(seq, lane), passed = rrto_seq_passed(seq, lane),
                 token = next_token(&round->streams[lane]);
        uint64_t want = reference_push(reference, lane, token, oldest);
        uint64_t got = rrto_seq_push(seq, lane, token, oldest);
        uint64_t want_next = reference_expected(reference, lane), got_next = rrto_seq_expected(seq, lane);
        if (got != want || got_next != want_next || rrto_seq_passed(seq, lane) != reference_passed(reference, lane))
            fail_msg("round %u, op %u: found %lld instead of %lld, expects %lld instead of %lld", number, i,
                     (long long)got, (long long)want, (long long)got_next, (long long)want_next);
        if (passed != RRTO_SEQ_NONE && below(2)) /* it may be insisted on, too */
            expected = passed;
        if (round->insist && got != expected && expected != RRTO_SEQ_NONE && expected >= oldest &&
            below(round->insist) == 0) {
            rrto_seq_insist(seq, lane, expected);
            reference_insist(reference, lane, expected);
            assert_int_equal(rrto_seq_expected(seq, lane), reference_expected(reference, lane));
        }
        if (round->make && token % round->make == 0) { /* always the same tokens, some of them for many objects */
            uint64_t object = below(4) ? 1 + token + below(2) * 1000 : 0;
            rrto_seq_made(seq, lane, object);
            reference_made(reference, lane, object);
        }
        if (round->make && below(2 * round->make) == 0) {
            uint64_t object = 1 + next_token(&round->streams[lane]);
            rrto_seq_ended(seq, object);
            reference_ended(reference, object);
        }
    }
    reference_destroy(reference);
    rrto_seq_destroy(seq);
}

static unsigned first = 0, last = ROUNDS;

static void test_generated(void **state)
{
    (void)state;
    static struct round round;
    for (unsigned number = first; number < last; number++) {
        make_round(&round, number);
        play(&round, number, OPS);
    }
}

/* Ops that leave the window because it is full, while a lane does something dull, or nothing. Few different contexts,
 * so that the tables, which shrink with the window, lose none that counts. */
static void test_window(void **state)
{
    (void)state;
    for (unsigned number = 0; number < 60; number++) {
        seed = number;
        static struct round round;
        round = (struct round){.n_lanes = 1 + number % 3, .max_ops = 1024, .stay = 1 + number % 5 * 200};
        for (unsigned i = 0; i < round.n_lanes; i++) {
            struct stream *stream = &round.streams[i];
            *stream = (struct stream){.kind = 4, .period = 1000 + below(48), .inner = 3 + below(20)};
        }
        round.boundary = number % 2 ? 500 : 0;
        play(&round, number, 8000);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        first = (unsigned)strtoul(argv[1], NULL, 10);
        last = first + 1;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_generated), cmocka_unit_test(test_window)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
