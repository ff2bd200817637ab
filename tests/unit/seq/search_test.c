/* SPDX-License-Identifier: Apache-2.0 */
/* Operator Sequence Search on synthetic streams; reference_test.c compares it with a slow one. */
#include "../test.h"

#include "seq/seq.h"

#include <stdlib.h>
#include <string.h>

enum { MAX = 60000, MAX_OPS = 1 << 16 };

static uint64_t seed;
static uint32_t random_below(uint32_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((seed >> 33) % n);
}

/* --- streams --- */

static uint64_t stream[MAX];
static size_t n_stream;

static void put(uint64_t token)
{
    assert_true(n_stream < MAX);
    stream[n_stream++] = token;
}

/* One inference of a model: its own ops, and ops that models share and repeat (the same kernel again and again). */
static void put_model(unsigned model, unsigned n, unsigned skip, unsigned insert)
{
    put(1000 + model); /* the input's copy has the model's shape */
    for (unsigned i = 0; i < n; i++) {
        if (insert && i == insert)
            put(777);
        if (skip && i == skip)
            continue;
        put(i % 3 ? 5 + i % 7 : model * 5000 + 2000 + i);
    }
    put(2);
}

static struct rrto_seq *fresh(void)
{
    struct rrto_seq *seq = rrto_seq_create(MAX_OPS);
    assert_non_null(seq);
    return seq;
}

/* How many of stream[begin, end) are found at the right place: same token, and the op after it as expected or a jump.
 */
static unsigned jumps, unknown;
static void run(struct rrto_seq *seq, size_t begin, size_t end)
{
    jumps = unknown = 0;
    for (size_t i = begin; i < end; i++) {
        uint64_t expected = rrto_seq_expected(seq, 0);
        uint64_t source = rrto_seq_push(seq, 0, stream[i], 0);
        if (source == RRTO_SEQ_NONE) {
            unknown++;
        } else {
            assert_true(source < i);
            assert_int_equal(rrto_seq_token(seq, source), stream[i]);
            jumps += source != expected;
        }
    }
}

static void test_steady(void **state)
{
    (void)state;
    struct rrto_seq *seq = fresh();
    n_stream = 0;
    for (unsigned i = 0; i < 500; i++)
        put(100000 + i); /* start-up noise */
    for (unsigned inference = 0; inference < 10; inference++) {
        if (inference == 0) { /* initialisation inside the first inference */
            put(1000);
            for (unsigned i = 0; i < 20; i++)
                put(200000 + i);
        }
        size_t begin = n_stream;
        put_model(0, 70, 0, 0);
        run(seq, inference == 0 ? 0 : begin, n_stream);
        (void)rrto_seq_boundary(seq);
        if (inference == 1) {
            assert_int_equal(unknown, 0);
            assert_true(jumps <= 2); /* the second inference is replayed already */
        }
        if (inference > 1)
            assert_int_equal(jumps + unknown, 0);
    }
    assert_int_equal(rrto_seq_deviations(seq), 0);
    const struct rrto_seq_sequence *rows = rrto_seq_sequences(seq);
    unsigned established = 0;
    for (unsigned i = 0; i < RRTO_SEQ_SEQUENCES; i++) {
        if (!rows[i].id || !rows[i].hits)
            continue;
        established++;
        assert_int_equal(rows[i].ops, 72);
        assert_int_equal(rows[i].first_inference, 1);
        assert_int_equal(rows[i].hits, 8);
    }
    assert_int_equal(established, 1);
    rrto_seq_destroy(seq);
}

static void test_insertion_deletion(void **state)
{
    (void)state;
    for (unsigned at = 1; at < 70; at++) {
        struct rrto_seq *seq = fresh();
        n_stream = 0;
        for (unsigned i = 0; i < 5; i++) {
            put_model(0, 70, 0, 0);
            run(seq, n_stream - 72, n_stream);
            (void)rrto_seq_boundary(seq);
        }
        assert_int_equal(rrto_seq_deviations(seq), 0);
        size_t begin = n_stream;
        put_model(0, 70, 0, at);
        run(seq, begin, n_stream);
        (void)rrto_seq_boundary(seq);
        assert_int_equal(unknown, 1); /* the inserted op, never seen before */
        assert_true(jumps <= 2);
        assert_int_equal(rrto_seq_deviations(seq), 1);
        begin = n_stream;
        put_model(0, 70, at, 0);
        run(seq, begin, n_stream);
        (void)rrto_seq_boundary(seq);
        assert_int_equal(unknown, 0);
        assert_true(jumps <= 2);
        begin = n_stream;
        put_model(0, 70, 0, 0);
        run(seq, begin, n_stream);
        assert_true(jumps + unknown <= 2);
        rrto_seq_destroy(seq);
    }
}

/* What comes between an inference's result and the next inference is nobody's deviation; leaving in the middle is one.
 */
static void test_deviations(void **state)
{
    (void)state;
    struct rrto_seq *seq = fresh();
    n_stream = 0;
    for (unsigned i = 0; i < 6; i++) {
        size_t begin = n_stream;
        put_model(0, 70, 0, 0);
        run(seq, begin, n_stream);
        rrto_seq_result(seq);
        begin = n_stream;
        for (unsigned k = 0; k < i; k++) /* frees and the like, never the same number */
            put(900 + k);
        run(seq, begin, n_stream);
        (void)rrto_seq_boundary(seq);
    }
    assert_int_equal(rrto_seq_deviations(seq), 0);
    for (unsigned i = 0; i < 4; i++) { /* so that there is an established one */
        size_t begin = n_stream;
        put_model(0, 70, 0, 0);
        run(seq, begin, n_stream);
        rrto_seq_result(seq);
        (void)rrto_seq_boundary(seq);
    }
    size_t begin = n_stream;
    put_model(0, 35, 0, 0);
    n_stream--; /* the result is never asked for */
    put(31337);
    put(31338);
    run(seq, begin, n_stream);
    assert_int_equal(rrto_seq_deviations(seq), 1);
    rrto_seq_destroy(seq);
}

static void test_alternation(void **state)
{
    (void)state;
    struct rrto_seq *seq = fresh();
    n_stream = 0;
    seed = 5;
    unsigned late = 0;
    for (unsigned i = 0; i < 200; i++) {
        unsigned model = random_below(3);
        size_t begin = n_stream;
        put_model(model, 40 + 10 * model, 0, 0);
        run(seq, begin, n_stream);
        (void)rrto_seq_boundary(seq);
        if (i >= 20) {
            assert_int_equal(unknown, 0);
            late += jumps;
        }
    }
    assert_true(late <= 180 * 3 / 2); /* at most about one at each change of the model */
    assert_int_equal(rrto_seq_deviations(seq), 0);
    rrto_seq_destroy(seq);
}

/* What was forgotten is never named; all tokens equal (a forced collision) is just a bad hint. */
static void test_limits(void **state)
{
    (void)state;
    struct rrto_seq *seq = rrto_seq_create(64);
    for (uint64_t i = 0; i < 5000; i++) {
        uint64_t oldest = i > 40 ? i - 40 : 0;
        uint64_t source = rrto_seq_push(seq, (unsigned)(i % 2), i % 30, oldest);
        if (source != RRTO_SEQ_NONE)
            assert_true(source >= oldest && source < i && source % 30 == i % 30);
    }
    seq = rrto_seq_destroy(seq);
    seq = rrto_seq_create(1 << 12);
    for (uint64_t i = 0; i < 10000; i++) {
        uint64_t source = rrto_seq_push(seq, 0, 42, i > 1000 ? i - 1000 : 0);
        assert_true(i == 0 ? source == RRTO_SEQ_NONE : source < i);
    }
    assert_null(rrto_seq_destroy(seq));
    assert_null(rrto_seq_destroy(NULL));
}

/* Each place where the search looks can be switched off. */
static void test_levels(void **state)
{
    (void)state;
    for (unsigned levels = 0; levels <= RRTO_SEQ_ALL; levels++) {
        struct rrto_seq *seq = rrto_seq_create(1 << 12);
        for (uint64_t token = 1; token <= 100; token++)
            (void)rrto_seq_push(seq, 0, token, 0);
        (void)rrto_seq_push(seq, 0, 81, 0); /* a later place for a short context */
        for (uint64_t token = 1; token <= 80; token++)
            assert_int_equal(rrto_seq_push(seq, 0, token, 0), token - 1);
        rrto_seq_limit(seq, levels);
        assert_int_equal(rrto_seq_push(seq, 0, 1000, 0), RRTO_SEQ_NONE); /* inserted: no long context holds now */
        uint64_t found = rrto_seq_push(seq, 0, 81, 0);
        assert_int_equal(found, levels & RRTO_SEQ_RESUME ? 80 : levels & RRTO_SEQ_SHORT ? 100 : RRTO_SEQ_NONE);
        rrto_seq_destroy(seq);
    }
}

/* What agrees in 16 tokens, and is far from where the lane was, is only found by the long contexts. */
static void test_long_level(void **state)
{
    (void)state;
    for (unsigned on = 0; on < 2; on++) {
        struct rrto_seq *seq = rrto_seq_create(1 << 12);
        for (uint64_t token = 1; token <= 40; token++)
            (void)rrto_seq_push(seq, 0, token, 0);
        for (uint64_t token = 1; token <= 20; token++)
            (void)rrto_seq_push(seq, 0, token, 0);
        (void)rrto_seq_push(seq, 0, 500, 0); /* 1 to 20, then 500: position 60 */
        (void)rrto_seq_push(seq, 0, 501, 0);
        for (uint64_t token = 1; token <= 20; token++)
            (void)rrto_seq_push(seq, 1, token, 0);
        rrto_seq_limit(seq, on ? RRTO_SEQ_LONG : RRTO_SEQ_RESUME);
        assert_int_equal(rrto_seq_expected(seq, 1), 20); /* it began like the first pass */
        assert_int_equal(rrto_seq_push(seq, 1, 500, 0), on ? 60 : RRTO_SEQ_NONE);
        rrto_seq_destroy(seq);
    }
}

/* A loop that goes one of three ways, by what it has read: unknown ways are found by jumps, known ones are expected. */
static void test_values(void **state)
{
    (void)state;
    for (unsigned on = 0; on < 2; on++) {
        struct rrto_seq *seq = rrto_seq_create(1 << 12);
        unsigned surprises = 0;
        if (!on)
            rrto_seq_limit(seq, RRTO_SEQ_ALL & ~(unsigned)RRTO_SEQ_VALUES);
        seed = 9;
        for (unsigned i = 0; i < 200; i++) {
            unsigned way = random_below(3);
            for (uint64_t token = 1; token <= 20; token++)
                (void)rrto_seq_push(seq, 0, token, 0);
            rrto_seq_observe(seq, 0, 77 + way, 0);
            uint64_t expected = rrto_seq_expected(seq, 0);
            uint64_t found = rrto_seq_push(seq, 0, 100 * (way + 1), 0);
            surprises += i >= 8 && found != expected;
            for (uint64_t token = 1; token <= 20; token++)
                (void)rrto_seq_push(seq, 0, 100 * (way + 1) + token, 0);
        }
        if (on)
            assert_int_equal(surprises, 0);
        else
            assert_true(surprises > 90);
        rrto_seq_destroy(seq);
    }
}

/* Generations of tokens: what is read steers nothing, each pass is told from the next by how far the generation is. */
static void test_values_of_no_use(void **state)
{
    (void)state;
    struct rrto_seq *seq = rrto_seq_create(1 << 14);
    unsigned surprises = 0;
    seed = 3;
    for (unsigned generation = 0; generation < 20; generation++) {
        for (unsigned pass = 0; pass < 20; pass++) {
            for (uint64_t token = 0; token <= 20; token++) {
                uint64_t expected = rrto_seq_expected(seq, 0);
                surprises += rrto_seq_push(seq, 0, token ? token : 1000 + pass, 0) != expected;
            }
            rrto_seq_observe(seq, 0, 1 + random_below(8), 0);
        }
        if (generation == 1)
            surprises = 0;
    }
    assert_int_equal(surprises, 0);
    rrto_seq_destroy(seq);
}

/* Passes that are all the same, whatever is read before each: the lane does not leave the one that it follows. */
static void test_values_without_choice(void **state)
{
    (void)state;
    for (unsigned n_ops = 5; n_ops <= 80; n_ops *= 2) {
        struct rrto_seq *seq = rrto_seq_create(1 << 14);
        uint64_t before = 0;
        unsigned breaks = 0;
        seed = 5;
        for (unsigned pass = 0; pass < 100; pass++) {
            for (uint64_t token = 1; token <= n_ops; token++) {
                uint64_t found = rrto_seq_push(seq, 0, token, 0);
                breaks += pass >= 10 && found != before + 1;
                before = found;
            }
            rrto_seq_observe(seq, 0, 1 + random_below(8), 0);
        }
        assert_int_equal(breaks, 0);
        rrto_seq_destroy(seq);
    }
}

/* One pass over the ops 1 to 20. What the 5th and the 6th have made lasts, if they come. Returns how many ops were not
 * where they were expected. */
static unsigned pass(struct rrto_seq *seq, bool make, uint64_t object)
{
    unsigned surprises = 0;
    for (uint64_t token = 1; token <= 20; token++) {
        bool makes = token == 5 || token == 6;
        if (makes && !make)
            continue;
        uint64_t expected = rrto_seq_expected(seq, 0);
        surprises += rrto_seq_push(seq, 0, token, 0) != expected;
        if (makes)
            rrto_seq_made(seq, 0, object ? object + token : 0);
    }
    return surprises;
}

/* What has made something is not expected again, until that is gone or it has come again nevertheless. */
static void test_once(void **state)
{
    (void)state;
    for (unsigned on = 0; on < 2; on++) {
        struct rrto_seq *seq = rrto_seq_create(1 << 12);
        if (!on)
            rrto_seq_limit(seq, RRTO_SEQ_ALL & ~(unsigned)RRTO_SEQ_ONCE);
        (void)pass(seq, false, 0);
        (void)pass(seq, true, 0); /* as an allocator does that needs more */
        assert_int_equal(pass(seq, false, 0), on ? 0 : 1);
        assert_int_equal(pass(seq, false, 0), on ? 0 : 1); /* following the first one leads to the second one again */

        /* Made in each pass, another object each time, and never ended: expected once that has been seen. */
        for (uint64_t i = 0; i < 20; i++)
            (void)rrto_seq_push(seq, 0, 700 + i, 0);
        static const unsigned surprises[2][8] = {{2, 1, 1}, {2, 1, 1, 1, 1, 1}};
        for (uint64_t i = 0; i < 8; i++)
            assert_int_equal(pass(seq, true, 1000 * (i + 1)), surprises[on][i]);
        rrto_seq_destroy(seq);
    }
}

/* Made and ended in each pass, another object each time: expected at once. */
static void test_ended(void **state)
{
    (void)state;
    unsigned surprises[2];
    for (unsigned ended = 0; ended < 2; ended++) {
        struct rrto_seq *seq = rrto_seq_create(1 << 12);
        (void)pass(seq, true, 1000);
        for (unsigned token = 5; token <= 6 && ended; token++)
            rrto_seq_ended(seq, 1000 + token);
        rrto_seq_ended(seq, 77); /* was never there */
        surprises[ended] = pass(seq, true, 2000);
        rrto_seq_destroy(seq);
    }
    assert_int_equal(surprises[1], 1); /* the first op: nothing has been repeated yet */
    assert_int_equal(surprises[0], 2); /* two in a row are one */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steady),
        cmocka_unit_test(test_insertion_deletion),
        cmocka_unit_test(test_deviations),
        cmocka_unit_test(test_alternation),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_long_level),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_values_of_no_use),
        cmocka_unit_test(test_values_without_choice),
        cmocka_unit_test(test_once),
        cmocka_unit_test(test_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
