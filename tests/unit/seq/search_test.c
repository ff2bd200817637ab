/* SPDX-License-Identifier: Apache-2.0 */
/* Operator Sequence Search on synthetic streams, and against a reference that scans the whole past for every op. */
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

/* --- the reference: the same rule, with nothing but the past to look at --- */

static uint64_t past[MAX], from[MAX];
static unsigned lane_of[MAX];
static size_t n_past;
static struct reference_lane {
    uint64_t expected, resume, resume_until;
} reference_lanes[RRTO_SEQ_LANES];

static uint64_t next_of_lane(uint64_t p)
{
    for (uint64_t q = p + 1; q < n_past; q++)
        if (lane_of[q] == lane_of[p])
            return q;
    return RRTO_SEQ_NONE;
}

static uint64_t previous_of_lane(uint64_t p, unsigned lane)
{
    while (p-- > 0)
        if (lane_of[p] == lane)
            return p;
    return RRTO_SEQ_NONE;
}

/* The latest place (of any lane) whose last k tokens are the lane's last k, this one included. */
static uint64_t latest_context(unsigned lane, uint64_t token, unsigned k)
{
    uint64_t mine[16];
    mine[0] = token;
    uint64_t p = previous_of_lane(n_past, lane);
    for (unsigned i = 1; i < k; i++) {
        mine[i] = p == RRTO_SEQ_NONE ? UINT64_MAX : past[p];
        p = p == RRTO_SEQ_NONE ? p : previous_of_lane(p, lane);
    }
    for (uint64_t q = n_past; q-- > 0;) {
        uint64_t at = q;
        unsigned i = 0;
        while (i < k && (at == RRTO_SEQ_NONE ? UINT64_MAX : past[at]) == mine[i]) {
            at = at == RRTO_SEQ_NONE ? at : previous_of_lane(at, lane_of[q]);
            i++;
        }
        if (i == k)
            return q;
    }
    return RRTO_SEQ_NONE;
}

static uint64_t reference_scan(uint64_t p, uint64_t token)
{
    for (unsigned i = 0; i < 16 && p != RRTO_SEQ_NONE; i++, p = next_of_lane(p))
        if (past[p] == token)
            return p;
    return RRTO_SEQ_NONE;
}

static uint64_t reference_push(unsigned lane_number, uint64_t token)
{
    struct reference_lane *lane = &reference_lanes[lane_number];
    uint64_t source = lane->expected;
    if (source == RRTO_SEQ_NONE || past[source] != token) {
        source = RRTO_SEQ_NONE;
        for (unsigned k = 16; k >= 4 && source == RRTO_SEQ_NONE; k /= 2)
            source = latest_context(lane_number, token, k);
        if (source == RRTO_SEQ_NONE)
            source = reference_scan(lane->expected, token);
        if (source == RRTO_SEQ_NONE && n_past <= lane->resume_until)
            source = reference_scan(lane->resume, token);
        if (source == RRTO_SEQ_NONE) {
            if (lane->expected != RRTO_SEQ_NONE && (lane->resume == RRTO_SEQ_NONE || n_past > lane->resume_until)) {
                lane->resume = lane->expected;
                lane->resume_until = n_past + 64;
            }
            for (unsigned k = 2; k >= 1 && source == RRTO_SEQ_NONE; k /= 2)
                source = latest_context(lane_number, token, k);
        }
    }
    past[n_past] = token;
    lane_of[n_past] = lane_number;
    n_past++;
    lane->expected = source == RRTO_SEQ_NONE ? source : next_of_lane(source);
    return source;
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
    n_past = 0;
    for (unsigned i = 0; i < RRTO_SEQ_LANES; i++)
        reference_lanes[i] = (struct reference_lane){.expected = RRTO_SEQ_NONE, .resume = RRTO_SEQ_NONE};
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
        from[i] = source;
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

/* The search says what the reference says, op by op, also with several lanes. */
static void test_reference(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 12; round++) {
        struct rrto_seq *seq = fresh();
        unsigned n_lanes = 1 + round % 3;
        size_t at[3] = {0}, n[3] = {0};
        static uint64_t lanes[3][1500];
        seed = round;
        for (unsigned lane = 0; lane < n_lanes; lane++) {
            n_stream = 0;
            while (n_stream < 1000)
                put_model(random_below(3), 20 + random_below(2) * 11, random_below(4) ? 0 : random_below(20),
                          random_below(4) ? 0 : random_below(20));
            n[lane] = n_stream < 1500 ? n_stream : 1500;
            memcpy(lanes[lane], stream, n[lane] * sizeof stream[0]);
        }
        for (;;) {
            unsigned lane = random_below(n_lanes);
            if (at[lane] == n[lane])
                break;
            uint64_t token = lanes[lane][at[lane]++];
            uint64_t want = reference_push(lane, token);
            assert_int_equal(rrto_seq_push(seq, lane, token, 0), want);
            assert_int_equal(rrto_seq_expected(seq, lane), reference_lanes[lane].expected);
        }
        rrto_seq_destroy(seq);
    }
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steady),     cmocka_unit_test(test_insertion_deletion),
        cmocka_unit_test(test_deviations), cmocka_unit_test(test_alternation),
        cmocka_unit_test(test_reference),  cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
