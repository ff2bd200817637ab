/* SPDX-License-Identifier: Apache-2.0 */
/* A session: what travels, what waits, what is answered here. */
#include "fake_client.h"

static void test_replay(void **state)
{
    (void)state;
    fake_init(&server);
    struct rrto_session_options options = defaults("replay");
    begin(&options);
    for (unsigned i = 0; i < 12; i++)
        inference(i);
    end();
    rrto_counters_close_last(&counters);
    assert_int_equal(counters.inferences, 12);
    assert_int_equal(server.n_ops, 12 * 72);
    assert_true(server.ended && server.status == RRTO_OK);
    assert_int_equal(counters.round_trips, 12);
    assert_int_equal(counters.ops_elided, 12);
    assert_int_equal(counters.frames_up, 12 + 1); /* and the goodbye */
    assert_int_equal(server.n_frames, 12 + 1);
    assert_int_equal(counters.deviations, 0);
    assert_true(counters.first_replayed_inference >= 1 && counters.first_replayed_inference <= 2);
    assert_int_equal(RRTO_COUNTERS_MEDIAN(&counters, round_trips), 1);
    assert_int_equal(RRTO_COUNTERS_MEDIAN(&counters, frames_up), 1);
    assert_int_equal(RRTO_COUNTERS_MEDIAN(&counters, payload_up), sizeof input);
    assert_int_equal(RRTO_COUNTERS_MEDIAN(&counters, payload_down), sizeof output);
    assert_int_equal(RRTO_COUNTERS_MEDIAN(&counters, ops_literal), 0);
    uint64_t changed = RRTO_COUNTERS_MEDIAN(&counters, changed_bytes);
    assert_true(changed >= 1 && changed <= 4);
    assert_true(RRTO_COUNTERS_MEDIAN(&counters, op_bytes_up) <= 64 + 24 + changed * 3 / 2);
    unsigned hits = 0;
    for (unsigned i = 0; i < RRTO_COUNTERS_N_SEQUENCES; i++)
        hits += (unsigned)counters.sequences[i].hits;
    assert_true(hits >= 9);
    for (unsigned i = 0; i < 12; i++) { /* each input arrived */
        memset(input, (int)i, sizeof input);
        assert_int_equal(server.ops[i * 72].payload_hash, rrto_record_hash(0, input, sizeof input));
    }
    fake_fini(&server);
}

/* Every mode makes the same ops of the same program. */
static void test_modes(void **state)
{
    (void)state;
    static const char *const names[] = {"plain", "percall", "percall-device", "async", "replay"};
    struct fake_received *first = NULL;
    for (unsigned m = 0; m < 5; m++) {
        fake_init(&server);
        struct rrto_session_options options = defaults(names[m]);
        begin(&options);
        for (unsigned i = 0; i < 4; i++)
            inference(i);
        end();
        size_t n = 0;
        for (size_t i = 0; i < server.n_ops; i++)
            if (server.ops[i].number != FAKE_SYNC)
                server.ops[n++] = server.ops[i];
        assert_int_equal(n, 4 * 72);
        for (size_t i = 0; i < n && first; i++) {
            assert_int_equal(server.ops[i].n, first[i].n);
            assert_memory_equal(server.ops[i].bytes, first[i].bytes, first[i].n < 64 ? first[i].n : 64);
            assert_int_equal(server.ops[i].payload_hash, first[i].payload_hash);
        }
        assert_int_equal(counters.round_trips, m <= 2 ? 4 * 73 : 4);
        assert_int_equal(counters.ops_literal == counters.ops, m != 4);
        assert_int_equal(counters.ops_elided, m <= 2 ? 0 : 4);
        if (!first) {
            first = server.ops;
            server.ops = NULL;
        }
        fake_fini(&server);
    }
    free(first);
}

/* A look at the clock costs a tenth of a replayed call: in the middle of an inference there is none. */
static void test_clock_stands(void **state)
{
    (void)state;
    fake_init(&server);
    struct rrto_session_options options = defaults("replay");
    begin(&options);
    for (unsigned i = 0; i < 4; i++) {
        inference(i);
        assert_int_equal(copy_up(0, input, 100), 0);
        uint64_t before = clock_ns;
        for (uint32_t k = 0; k < 50; k++)
            assert_int_equal(work(0, k % 9, 0), 0);
        assert_int_equal(clock_ns, before);
    }
    end();
    fake_fini(&server);
}

/* Hints may be as wrong as they like, and be dropped: the server sees the same ops. */
static void test_collisions_and_deviations(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 6; round++) {
        fake_init(&server);
        struct rrto_session_options options = defaults("replay");
        if (round % 2)
            options.table = fake_optable_colliding();
        options.deviate = round / 2 * 5;
        options.patch = round != 3;
        options.chunk_bytes = round < 4 ? 1 << 20 : 70;
        options.flusher = round >= 4; /* many small chunks fill the socket */
        options.log_bytes = 1 << 20;
        begin(&options);
        for (unsigned i = 0; i < 6; i++)
            inference(i);
        end();
        assert_int_equal(server.status, RRTO_OK);
        assert_int_equal(server.n_ops, 6 * 72);
        for (unsigned i = 0; i < 6; i++)
            for (unsigned k = 0; k < 70; k++) {
                uint32_t args[10];
                memcpy(args, server.ops[i * 72 + 1 + k].bytes + 8, sizeof args);
                assert_int_equal(args[1], k % 9);
                assert_int_equal(args[5], k == 30 ? i * i * 7919 : 0);
            }
        if (options.deviate)
            assert_true(counters.deviations >= 6 * 72 / options.deviate / 2);
        fake_fini(&server);
    }
}

/* Several outputs cost one round trip; a program that takes them in another order, or not at all, gets the right bytes
 * all the same. */
static void test_push(void **state)
{
    (void)state;
    for (unsigned push = 0; push < 2; push++) {
        fake_init(&server);
        struct rrto_session_options options = defaults("replay");
        options.push = push;
        begin(&options);
        uint64_t before = 0;
        for (unsigned i = 0; i < 70; i++) {
            before = counters.round_trips;
            uint64_t position;
            bool odd = i == 12 || i == 20;
            work(0, 1, i);
            for (unsigned k = 0; k < 3; k++) {
                uint64_t n = 100 + 10 * (odd ? 2 - k : k);
                memset(output, 0, sizeof output);
                assert_int_equal(copy_down(0, output, n, true, &position), 0);
                assert_arrived(output, position, n);
                assert_int_equal(output[n], 0);
                assert_int_equal(simple(FAKE_SYNC, 0), 0); /* PyTorch's: answered here */
                if (i == 15 && k == 0)
                    break; /* takes one output only */
                if (i == 25 && k == 0)
                    simple(FAKE_HIDDEN, 0); /* something may have changed the memory: the rest is copied again */
            }
            if (i == 8 || i == 69)
                assert_int_equal(counters.round_trips - before, push ? 1 : 3);
        }
        end();
        assert_int_equal(server.status, RRTO_OK);
        rrto_counters_close_last(&counters);
        assert_int_equal(counters.inferences, 70);
        if (!push)
            assert_int_equal(server.n_ops, 70 * 4 - 2 + 1);
        fake_fini(&server);
    }
}

static void test_elision(void **state)
{
    (void)state;
    fake_init(&server);
    struct rrto_session_options options = defaults("async");
    begin(&options);
    uint64_t position;
    assert_int_equal(simple(FAKE_SYNC, 0), 0); /* nothing at all before it */
    assert_int_equal(copy_up(0, input, 100), 0);
    assert_int_equal(simple(FAKE_HIDDEN, 0), 0);
    assert_int_equal(simple(FAKE_SYNC, 0), 0);
    assert_int_equal(counters.ops_elided, 2);
    assert_int_equal(counters.round_trips, 0);
    work(0, 1, 1); /* a launch may fail: visible */
    simple(FAKE_SYNC, 0);
    assert_int_equal(counters.round_trips, 1);
    simple(FAKE_SYNC, 0); /* acknowledged meanwhile */
    assert_int_equal(counters.ops_elided, 3);
    copy_down(0, output, 10, false, &position);
    simple(FAKE_SYNC, 0); /* the host sees the copy */
    assert_int_equal(counters.round_trips, 2);
    assert_arrived(output, position, 10);
    simple(FAKE_DEVICE_SYNC, 0); /* programs time with it: never answered here */
    assert_int_equal(counters.round_trips, 3);

    simple(FAKE_STREAM_CREATE, 5); /* from here on a stream's synchronise speaks for that stream only */
    work(5, 1, 1);
    work(0, 1, 1);
    simple(FAKE_SYNC, 5);
    assert_int_equal(counters.round_trips, 4);
    simple(FAKE_SYNC, 5); /* stream 0 is outstanding: conservative, but the server is asked about it */
    assert_int_equal(counters.round_trips, 5);
    simple(FAKE_SYNC, 0);
    simple(FAKE_SYNC, 5); /* now all is quiet */
    assert_int_equal(counters.round_trips, 5);
    assert_int_equal(counters.ops_elided, 5);

    work(7, 1, 1); /* a stream that nobody waits for */
    for (int i = 0; i < 3; i++) {
        work(5, 1, 1);
        copy_down(5, output, 10, true, &position);
        simple(FAKE_SYNC, 5); /* travels, travels and has the server asked about 7, is answered here */
        assert_int_equal(counters.round_trips, i < 2 ? 7 + 2 * i : 10);
    }
    assert_int_equal(counters.ops_elided, 6);
    end();
    assert_int_equal(server.n_subscriptions, 2);
    fake_fini(&server);

    fake_init(&server);
    options.elide = false;
    begin(&options);
    copy_up(0, input, 100);
    simple(FAKE_SYNC, 0);
    assert_int_equal(counters.round_trips, 1);
    end();
    fake_fini(&server);

    for (unsigned lazy = 0; lazy < 2; lazy++) {
        fake_init(&server);
        options = defaults("async");
        options.lazysync = lazy;
        begin(&options);
        work(0, 1, 1);
        copy_up(0, input, 100);
        simple(FAKE_SYNC, 0);
        assert_int_equal(counters.round_trips, lazy ? 0 : 1);
        end();
        fake_fini(&server);
    }
}

/* While a host function holds a stream back, order costs a wait: without, it would come behind the function. That of a
 * synchronise that is answered here, too. */
static void test_order_behind_gates(void **state)
{
    (void)state;
    for (unsigned lazy = 0; lazy < 2; lazy++) {
        fake_init(&server);
        struct rrto_session_options options = defaults("async");
        options.lazysync = lazy;
        begin(&options);
        const uint32_t stream = 5;
        simple(FAKE_STREAM_CREATE, stream);
        for (unsigned closed = 0; closed < 3; closed++) {
            if (closed)
                simple(closed == 1 ? FAKE_CLOSE : FAKE_OPEN, 7);
            assert_int_equal(
                issue(make(FAKE_HIDDEN, &stream, sizeof stream), &(struct rrto_issue_extra){.apart = true}),
                closed == 1 ? RRTO_TIMEOUT : 0);
            assert_int_equal(copy_up(stream, input, 100), 0);
            assert_int_equal(issue(make(FAKE_SYNC, &stream, sizeof stream), &(struct rrto_issue_extra){.order = !lazy}),
                             0);
            assert_int_equal(counters.round_trips, closed ? 1 : 0);
        }
        end();
        fake_fini(&server);
    }
}

static uint64_t ask(uint64_t value)
{
    struct rrto_buf reply;
    uint64_t answer = 0;
    rrto_buf_init(&reply, 100);
    assert_int_equal(issue(make(FAKE_QUESTION, &value, sizeof value), &(struct rrto_issue_extra){.reply = &reply}), 0);
    assert_int_equal(reply.size, sizeof answer);
    memcpy(&answer, reply.data, sizeof answer);
    rrto_buf_fini(&reply);
    return answer;
}

static void test_memo_and_checked(void **state)
{
    (void)state;
    fake_init(&server);
    struct rrto_session_options options = defaults("async");
    begin(&options);
    uint64_t question = 9;
    assert_int_equal(issue(make(FAKE_QUESTION, &question, 8), NULL),
                     0); /* remembered in full, though nobody wanted the fields */
    assert_int_equal(ask(9), 27);
    assert_int_equal(ask(10), 30);
    assert_int_equal(ask(10), 30);
    assert_int_equal(counters.round_trips, 2);
    assert_int_equal(counters.ops_memoised, 2);
    uint64_t first[2] = {1, 5}, again[2] = {1, 6}, other[2] = {2, 5};
    assert_int_equal(issue(make(FAKE_CHECKED, first, 16), NULL), 0);
    assert_int_equal(issue(make(FAKE_CHECKED, again, 16), NULL), 0); /* the key is known */
    assert_int_equal(counters.round_trips, 3);
    server.checked_status = 15;
    assert_int_equal(issue(make(FAKE_CHECKED, other, 16), NULL), 15); /* the library's status at the call */
    assert_int_equal(issue(make(FAKE_CHECKED, other, 16), NULL), 15); /* and again: it has not succeeded */
    assert_int_equal(counters.round_trips, 5);
    server.checked_status = 0;
    assert_int_equal(issue(make(FAKE_CHECKED, other, 16), NULL), 0);
    assert_int_equal(issue(make(FAKE_CHECKED, other, 16), NULL), 0);
    assert_int_equal(counters.round_trips, 6);
    end();
    fake_fini(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_clock_stands),
        cmocka_unit_test(test_collisions_and_deviations),
        cmocka_unit_test(test_push),
        cmocka_unit_test(test_elision),
        cmocka_unit_test(test_order_behind_gates),
        cmocka_unit_test(test_memo_and_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
