/* SPDX-License-Identifier: Apache-2.0 */
/* A rehearsal of a session's trace says what the session did; frames; traces that are none. */
#include "../replay/fake_client.h"

#include "cli/rehearsal.h"

#include <unistd.h>

static char path[] = "/tmp/rrto-rehearsal-XXXXXX";

/* A session that leaves a trace: n inferences, on each third one of which another model runs. */
static void traced_session(const struct rrto_optable *table, unsigned n)
{
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    struct rrto_session_options options = defaults("replay");
    options.trace = rrto_trace_create(path, 1);
    options.table = table;
    assert_non_null(options.trace);
    fake_init(&server);
    begin(&options);
    for (unsigned i = 0; i < n; i++) {
        for (uint32_t k = 0; i % 3 == 2 && k < 20; k++)
            assert_int_equal(work(0, 100 + k * k, 0), 0);
        inference(i);
    }
    end();
    options.trace = rrto_trace_close(options.trace);
}

static struct rrto_rehearsal_run *rehearse(const struct rrto_optable *table, bool baseline)
{
    struct rrto_trace_reader *reader;
    struct rrto_trace_op op;
    struct rrto_rehearsal_run *run;
    assert_int_equal(rrto_trace_open(path, &reader), RRTO_OK);
    assert_int_equal(rrto_rehearsal_create(1 << 20, baseline, table, &run), RRTO_OK);
    int status;
    while ((status = rrto_trace_read(reader, &op)) == RRTO_OK)
        assert_int_equal(rrto_rehearsal_op(run, &op), RRTO_OK);
    assert_int_equal(status, RRTO_NOT_FOUND);
    rrto_trace_reader_close(reader);
    assert_int_equal(unlink(path), 0);
    memcpy(path + sizeof path - 7, "XXXXXX", 6);
    return run;
}

static void check_against_counters(const struct rrto_optable *table)
{
    traced_session(table, 12);
    struct rrto_rehearsal_run *run = rehearse(table, false);
    const struct rrto_rehearsal *result = rrto_rehearsal_end(run);
    const struct rrto_rehearsal_sums *all = &result->all;
    rrto_counters_close_last(&counters);
    assert_int_equal(all->as_traced, all->ops); /* each op from where the client had it */
    assert_int_equal(all->ops, counters.ops);
    assert_int_equal(all->literals, counters.ops_literal);
    assert_int_equal(all->patched, counters.ops_patched);
    assert_int_equal(all->predicted + all->jumps + all->literals, all->ops);
    assert_int_equal(all->predicted + all->jumps, counters.ops_predicted + counters.ops_patched);
    assert_int_equal(all->changed_bytes, counters.changed_bytes);
    assert_int_equal(all->waits, counters.round_trips);
    assert_int_equal(all->payload_up, counters.payload_up);
    /* chunks have heads, and the goodbye is a byte */
    assert_int_equal(all->op_bytes + 1 + RRTO_CHUNK_HEADER_BYTES * server.n_chunks,
                     counters.bytes_up - counters.payload_up);
    assert_int_equal(result->n_inferences, counters.inferences);
    for (unsigned i = 2; i < 12; i++) {
        const struct rrto_rehearsal_sums *sums = &result->inferences[i].sums;
        const struct rrto_counters_inference *counted = &counters.last[i % RRTO_COUNTERS_N_LAST];
        assert_int_equal(sums->ops, counted->ops);
        assert_int_equal(sums->literals, counted->ops_literal);
        assert_int_equal(sums->changed_bytes, counted->changed_bytes);
        assert_int_equal(sums->waits, counted->round_trips);
    }
    assert_int_equal(result->n_lanes, 1);
    fake_fini(&server);
    rrto_rehearsal_destroy(run);
}

static void test_it_is_what_the_client_did(void **state)
{
    (void)state;
    check_against_counters(fake_optable());
    check_against_counters(fake_optable_colliding());
}

/* Inferences are known by their sequences, and joined into frames by their input. */
static void test_sequences_and_frames(void **state)
{
    (void)state;
    traced_session(fake_optable(), 12);
    struct rrto_rehearsal_run *run = rehearse(fake_optable(), false);
    const struct rrto_rehearsal *result = rrto_rehearsal_end(run);
    assert_int_equal(result->n_inferences, 12);
    assert_int_equal(result->inferences[11].sequence, 0); /* nothing said that it had ended */
    for (unsigned i = 0; i + 3 < 11; i++)
        assert_int_equal(result->inferences[i].sequence, result->inferences[i + 3].sequence);
    assert_int_not_equal(result->inferences[0].sequence, result->inferences[2].sequence);
    assert_int_equal(result->covered, result->all.ops - result->inferences[11].sums.ops);
    assert_true(result->inferences[0].sums.literals > 0);
    assert_int_equal(result->inferences[9].sums.literals, 0);

    struct rrto_rehearsal_cost cost;
    assert_int_equal(rrto_rehearsal_time(run, 1, &cost), RRTO_OK);
    assert_int_equal(cost.ops, result->all.ops);
    assert_true(cost.passes >= 2 && cost.ps_per_op > 0 && cost.resident_bytes > 0);

    rrto_rehearsal_join(run, sizeof input);
    assert_int_equal(result->n_inferences, 12);
    rrto_rehearsal_join(run, sizeof input + 1); /* none has so much: one frame */
    assert_int_equal(result->n_inferences, 1);
    assert_int_equal(result->inferences[0].sums.ops, result->all.ops);
    assert_int_equal(result->inferences[0].sums.payload_up, 12 * sizeof input);
    fake_fini(&server);
    rrto_rehearsal_destroy(run);
}

/* The plain search finds what any search has to find, and no more: it follows inferences that are alike, and looks for
 * its place where another model was. */
static void test_baseline(void **state)
{
    (void)state;
    traced_session(fake_optable(), 12);
    struct rrto_rehearsal_run *run = rehearse(fake_optable(), true);
    const struct rrto_rehearsal *result = rrto_rehearsal_end(run);
    assert_int_equal(result->n_inferences, 12);
    assert_int_equal(result->inferences[1].sums.literals, 0);
    for (unsigned i = 6; i < 12; i++) {
        assert_int_equal(result->inferences[i].sums.literals, 0);
        assert_true(result->inferences[i].sums.jumps <= 1);
        assert_true(result->inferences[i].sums.changed_bytes <= 4); /* as the client's, in test_replay */
    }
    fake_fini(&server);
    rrto_rehearsal_destroy(run);
}

static void test_what_is_no_trace(void **state)
{
    (void)state;
    struct rrto_rehearsal_run *run = NULL;
    assert_int_equal(rrto_rehearsal_create(1, false, fake_optable(), &run), RRTO_INVALID);
    assert_int_equal(rrto_rehearsal_create(1 << 20, false, fake_optable(), &run), RRTO_OK);
    struct op made = make(FAKE_SYNC, &(uint32_t){0}, 4), unknown = make(FAKE_N, NULL, 0);
    struct rrto_trace_op op = {.position = 7, .bytes = made.bytes, .n_bytes = (uint32_t)made.n};
    assert_int_equal(rrto_rehearsal_op(run, &op), RRTO_OK); /* a trace may begin anywhere */
    assert_int_equal(rrto_rehearsal_op(run, &op), RRTO_PROTOCOL);
    op.position = 9;
    assert_int_equal(rrto_rehearsal_op(run, &op), RRTO_PROTOCOL);
    op.position = 8;
    op.lane = RRTO_SEQ_LANES;
    assert_int_equal(rrto_rehearsal_op(run, &op), RRTO_PROTOCOL);
    op.lane = 0;
    op.n_bytes = 3;
    assert_int_equal(rrto_rehearsal_op(run, &op), RRTO_UNSUPPORTED);
    op.bytes = unknown.bytes;
    op.n_bytes = (uint32_t)unknown.n;
    assert_int_equal(rrto_rehearsal_op(run, &op), RRTO_UNSUPPORTED);
    const struct rrto_rehearsal *result = rrto_rehearsal_end(run);
    assert_int_equal(result->all.ops, 1);
    assert_int_equal(result->n_inferences, 0);
    rrto_rehearsal_destroy(run);
}

/* Ops of any bytes, of the real vocabulary: a file may hold anything. */
static void test_any_bytes(void **state)
{
    (void)state;
    struct rrto_rehearsal_run *run = NULL;
    assert_int_equal(rrto_rehearsal_create(1 << 16, false, rrto_optable_generated(), &run), RRTO_OK);
    uint64_t random = 1, position = 0, refused = 0;
    for (unsigned i = 0; i < 20000; i++) {
        _Alignas(8) uint8_t bytes[96];
        for (size_t b = 0; b < sizeof bytes; b += 8) {
            random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            uint64_t word = random >> (random >> 60); /* small numbers, too */
            memcpy(bytes + b, &word, 8);
        }
        uint16_t number = (uint16_t)(random >> 20 & 511);
        memcpy(bytes, &number, sizeof number);
        uint8_t *exact = malloc(96); /* so that a sanitizer sees what is read behind it */
        uint32_t n = (uint32_t)(random >> 40) % 97;
        assert_non_null(exact);
        exact = realloc(exact, n ? n : 1);
        assert_non_null(exact);
        memcpy(exact, bytes, n);
        struct rrto_trace_op op = {.position = position,
                                   .lane = (uint32_t)(random >> 33 & 63),
                                   .wait = random >> 50 & 1,
                                   .bytes = exact,
                                   .n_bytes = n};
        int status = rrto_rehearsal_op(run, &op);
        assert_true(status == RRTO_OK || status == RRTO_UNSUPPORTED);
        position += status == RRTO_OK;
        refused += status != RRTO_OK;
        free(exact);
    }
    const struct rrto_rehearsal *result = rrto_rehearsal_end(run);
    assert_int_equal(result->all.ops, position);
    assert_true(position > 1000 && refused > 1000 && result->n_inferences > 10 && result->n_lanes == 64);
    rrto_rehearsal_destroy(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_is_what_the_client_did),
        cmocka_unit_test(test_sequences_and_frames),
        cmocka_unit_test(test_baseline),
        cmocka_unit_test(test_what_is_no_trace),
        cmocka_unit_test(test_any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
