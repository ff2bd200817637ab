/* SPDX-License-Identifier: Apache-2.0 */
/* A session against a server in a thread: what travels, what waits, what is answered here, and how it ends. */
#include "fake_server.h"

#include "base/status.h"

#include <stdlib.h>
#include <string.h>

static struct fake_server server;
static struct rrto_session session;
static struct rrto_counters counters;
static struct rrto_session_caller caller;
static uint64_t clock_ns;

static uint64_t test_clock(void)
{
    return __atomic_add_fetch(&clock_ns, 1000, __ATOMIC_RELAXED);
}

static struct rrto_session_options defaults(const char *mode)
{
    return (struct rrto_session_options){.mode = rrto_mode_find(mode),
                                         .table = fake_optable(),
                                         .elide = true,
                                         .memo = true,
                                         .predict = true,
                                         .patch = true,
                                         .early = true,
                                         .push = true,
                                         .log_bytes = 1 << 20,
                                         .chunk_bytes = 1 << 20,
                                         .queue_bytes = 1 << 20,
                                         .now_ns = test_clock};
}

static void begin(const struct rrto_session_options *options)
{
    struct rrto_conn conn;
    fake_start(&server);
    rrto_conn_init_socket(&conn, server.fd);
    memset(&counters, 0, sizeof counters);
    rrto_counters_init(&counters);
    caller = (struct rrto_session_caller){.thread = 1};
    clock_ns = 1;
    assert_int_equal(rrto_session_init(&session, &conn, options, &counters), RRTO_OK);
}

static void end(void)
{
    rrto_session_fini(&session, 5000);
    fake_stop(&server);
}

/* --- ops
 * -----------------------------------------------------------------------------------------------------------------------
 */

struct op {
    _Alignas(8) uint8_t bytes[64];
    size_t n;
};

static struct op make(enum fake_op number, const void *args, size_t n)
{
    struct op op = {.n = 8 + n};
    struct rrto_op_header header = {(uint16_t)number, 0, (uint32_t)n};
    memcpy(op.bytes, &header, sizeof header);
    if (n > 0)
        memcpy(op.bytes + 8, args, n);
    return op;
}

static int32_t issue(struct op op, const struct rrto_issue_extra *extra)
{
    return rrto_session_issue(&session, &caller, op.bytes, op.n, extra);
}

static int32_t work(uint32_t stream, uint32_t kernel, uint32_t garbage)
{
    uint32_t args[10] = {stream, kernel, 1, 2, 3, garbage, 4, 5, 6, 7};
    return issue(make(FAKE_WORK, args, sizeof args), NULL);
}

static int32_t copy_up(uint32_t stream, const void *data, uint64_t n)
{
    uint8_t args[12];
    memcpy(args, &n, 8);
    memcpy(args + 8, &stream, 4);
    return issue(make(FAKE_H2D, args, sizeof args), &(struct rrto_issue_extra){.up = (void *)(uintptr_t)data});
}

static int32_t copy_down(uint32_t stream, void *data, uint64_t n, bool wait, uint64_t *ret_position)
{
    uint8_t args[12];
    memcpy(args, &n, 8);
    memcpy(args + 8, &stream, 4);
    return issue(make(FAKE_D2H, args, sizeof args),
                 &(struct rrto_issue_extra){.down = data, .wait = wait, .ret_position = ret_position});
}

static int32_t simple(enum fake_op number, uint32_t stream)
{
    return issue(make(number, &stream, number == FAKE_DEVICE_SYNC ? 0 : sizeof stream), NULL);
}

static void assert_arrived(const uint8_t *data, uint64_t position, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        assert_int_equal(data[i], (uint8_t)(position * 31 + i));
}

/* Copy in and synchronise, 70 launches, copy out: what PyTorch does. */
static uint8_t input[20000], output[400];
static void inference(unsigned number)
{
    uint64_t position;
    memset(input, (int)number, sizeof input);
    assert_int_equal(copy_up(0, input, sizeof input), 0);
    memset(input, 255, sizeof input); /* it was snapshotted */
    assert_int_equal(simple(FAKE_SYNC, 0), 0);
    for (uint32_t i = 0; i < 70; i++)
        assert_int_equal(work(0, i % 9, i == 30 ? number * 7919 : 0), 0);
    assert_int_equal(copy_down(0, output, sizeof output, true, &position), 0);
    assert_arrived(output, position, sizeof output);
}

/* --- tests
 * ---------------------------------------------------------------------------------------------------------------------
 */

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
        uint64_t sum = 0;
        for (size_t b = 0; b < sizeof input; b++)
            sum = sum * 31 + i;
        assert_int_equal(server.ops[i * 72].payload_sum, sum);
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
            assert_int_equal(server.ops[i].payload_sum, first[i].payload_sum);
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
                assert_int_equal(args[5], k == 30 ? i * 7919 : 0);
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
    simple(FAKE_SYNC, 5); /* stream 0 is outstanding: conservative */
    assert_int_equal(counters.round_trips, 5);
    simple(FAKE_SYNC, 0);
    simple(FAKE_SYNC, 5); /* now all is quiet */
    assert_int_equal(counters.round_trips, 6);
    assert_int_equal(counters.ops_elided, 4);
    end();
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

static void test_fail_stop(void **state)
{
    (void)state;
    fake_init(&server);
    server.fail_at = 5;
    struct rrto_session_options options = defaults("replay");
    begin(&options);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(work(0, i, 0), 0);
    assert_int_equal(simple(FAKE_DEVICE_SYNC, 0), RRTO_LOST);
    assert_int_equal(work(0, 1, 0), RRTO_LOST);
    assert_int_equal(simple(FAKE_SYNC, 0), RRTO_LOST);
    assert_int_equal(copy_down(0, output, 10, true, NULL), RRTO_LOST);
    assert_false(rrto_session_poll(&session, 8));
    assert_int_equal(rrto_session_wait(&session, &caller, 8), RRTO_LOST);
    rrto_session_drain(&session, &caller, output, sizeof output);
    assert_int_equal(session.receiver.error.code, 700);
    assert_string_equal(session.receiver.error.library, "cuda");
    assert_non_null(strstr(session.receiver.error.text, "illegal address"));
    assert_non_null(strstr(counters.error, "illegal address"));
    end();
    assert_int_equal(server.n_ops, 5); /* nothing after it ran */
    fake_fini(&server);
}

static void *block_on_sync(void *arg)
{
    struct rrto_session_caller own = {.lane = 1, .thread = 2};
    struct op op = make(FAKE_DEVICE_SYNC, NULL, 0);
    *(int32_t *)arg = rrto_session_issue(&session, &own, op.bytes, op.n, NULL);
    return NULL;
}

static void test_loss(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 20; round++) {
        fake_init(&server);
        server.close_at = round;
        struct rrto_session_options options = defaults(round % 2 ? "replay" : "percall");
        options.flusher = round % 3 == 0;
        begin(&options);
        int32_t status = 0, others[3];
        pthread_t threads[3];
        for (unsigned i = 0; i < 3; i++)
            pthread_create(&threads[i], NULL, block_on_sync, &others[i]);
        for (unsigned i = 0; i < 40 && status == 0; i++)
            status = i % 8 == 7 ? simple(FAKE_DEVICE_SYNC, 0) : work(0, i, 0);
        assert_int_equal(status, RRTO_LOST);
        for (unsigned i = 0; i < 3; i++)
            pthread_join(threads[i], NULL);
        assert_int_equal(work(0, 1, 1), RRTO_LOST);
        assert_string_equal(session.receiver.error.library, "");
        end();
        fake_fini(&server);
    }
}

static void test_poll_and_wait(void **state)
{
    (void)state;
    fake_init(&server);
    server.hold = true;
    struct rrto_session_options options = defaults("async");
    begin(&options);
    uint64_t position;
    work(0, 1, 1);
    copy_down(0, output, 100, false, &position);
    assert_false(rrto_session_poll(&session, position));
    clock_ns += RRTO_SESSION_POLL_NS;
    assert_false(rrto_session_poll(&session, position)); /* asks */
    assert_false(rrto_session_poll(&session, position)); /* has asked */
    fake_release(&server);
    while (!rrto_session_poll(&session, position)) {}
    assert_arrived(output, position, 100);
    assert_int_equal(counters.round_trips, 0);
    assert_true(rrto_session_poll(&session, 0)); /* in order on the one stream */
    assert_int_equal(rrto_session_wait(&session, &caller, 0), 0);
    assert_int_equal(counters.round_trips, 0);
    work(0, 1, 1);
    copy_down(0, output, 50, false, &position);
    fake_release(&server);
    assert_int_equal(rrto_session_wait(&session, &caller, position), 0);
    assert_int_equal(counters.round_trips, 1);
    assert_arrived(output, position, 50);
    copy_down(0, output, 60, false, &position);
    copy_down(0, output + 100, 60, false, NULL);
    fake_release(&server);
    rrto_session_drain(&session, &caller, output, 100);
    assert_arrived(output, position, 60);
    assert_int_equal(counters.round_trips, 2);
    fake_release(&server);
    rrto_session_drain(&session, &caller, output, sizeof output);
    end();
    assert_int_equal(server.n_subscriptions, 3);
    fake_fini(&server);
}

/* A way out that is full, a payload that is larger than it, a server that answers much before it reads. */
static void test_back_pressure(void **state)
{
    (void)state;
    fake_init(&server);
    server.read_delay = 1;
    struct rrto_session_options options = defaults("replay");
    options.flusher = true;
    options.queue_bytes = 1 << 22;
    options.chunk_bytes = 100000;
    begin(&options);
    size_t n = 12 << 20;
    uint8_t *large = malloc(n), *many = malloc(n);
    memset(large, 7, n);
    assert_int_equal(copy_up(0, large, 1 << 20), 0); /* fits: does not wait for anybody */
    memset(large, 8, n);
    fake_release(&server);
    assert_int_equal(copy_up(0, large, n), 0);
    for (unsigned i = 0; i < 12; i++) /* the server sends far more than fits while we send too */
        assert_int_equal(copy_down(0, many + (i << 20), 1 << 20, false, NULL), 0);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(copy_up(0, large, 1 << 20), 0);
    assert_int_equal(simple(FAKE_SYNC, 0), 0);
    for (unsigned i = 0; i < 12; i++)
        assert_arrived(many + (i << 20), 2 + i, 1 << 20);
    end();
    assert_int_equal(server.n_ops, 2 + 12 + 20 + 1);
    uint64_t sum = 0;
    for (size_t i = 0; i < 1 << 20; i++)
        sum = sum * 31 + 7;
    assert_int_equal(server.ops[0].payload_sum, sum);
    free(large);
    free(many);
    fake_fini(&server);
}

/* What such an application does is a race by the letter of the language. */
__attribute__((no_sanitize("thread"))) static void spin_until(const volatile uint8_t *byte, uint8_t value)
{
    while (value != 0 && *byte != value) {}
}

/* A thread that spins on a pinned buffer makes progress without a call. */
static void test_flusher(void **state)
{
    (void)state;
    fake_init(&server);
    struct rrto_session_options options = defaults("replay");
    options.flusher = true;
    begin(&options);
    for (unsigned i = 0; i < 3; i++) {
        static uint8_t pinned[3][100];
        uint64_t position;
        work(0, 1, 1);
        copy_down(0, pinned[i], 100, false, &position);
        spin_until(&pinned[i][99], (uint8_t)(position * 31 + 99));
    }
    assert_int_equal(counters.round_trips, 0);
    end();
    fake_fini(&server);
}

enum { THREADS = 4, ROUNDS = 300 };
static void *many_ops(void *arg)
{
    unsigned number = (unsigned)(uintptr_t)arg;
    struct rrto_session_caller own = {.lane = number, .thread = number + 1};
    uint8_t own_output[64];
    for (unsigned i = 0; i < ROUNDS; i++) {
        for (uint32_t k = 0; k < 10; k++) {
            uint32_t args[10] = {0, number * 100 + k, i};
            struct op op = make(FAKE_WORK, args, sizeof args);
            assert_int_equal(rrto_session_issue(&session, &own, op.bytes, op.n, NULL), 0);
        }
        uint8_t args[12] = {sizeof own_output};
        struct op op = make(FAKE_D2H, args, sizeof args);
        uint64_t position;
        struct rrto_issue_extra extra = {.down = own_output, .wait = true, .ret_position = &position};
        assert_int_equal(rrto_session_issue(&session, &own, op.bytes, op.n, &extra), 0);
        assert_arrived(own_output, position, sizeof own_output);
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    fake_init(&server);
    struct rrto_session_options options = defaults("replay");
    options.flusher = true;
    begin(&options);
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, many_ops, (void *)(uintptr_t)i);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    end();
    assert_int_equal(server.status, RRTO_OK);
    assert_int_equal(server.n_ops, THREADS * ROUNDS * 11);
    assert_int_equal(counters.round_trips, THREADS * ROUNDS);
    uint32_t seen[THREADS] = {0}; /* each thread's ops in its order */
    for (size_t i = 0; i < server.n_ops; i++) {
        if (server.ops[i].number != FAKE_WORK)
            continue;
        uint32_t args[3];
        memcpy(args, server.ops[i].bytes + 8, sizeof args);
        uint32_t thread = args[1] / 100, step = args[2] * 10 + args[1] % 100;
        assert_int_equal(seen[thread], step);
        seen[thread]++;
    }
    fake_fini(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_collisions_and_deviations),
        cmocka_unit_test(test_push),
        cmocka_unit_test(test_elision),
        cmocka_unit_test(test_memo_and_checked),
        cmocka_unit_test(test_fail_stop),
        cmocka_unit_test(test_loss),
        cmocka_unit_test(test_poll_and_wait),
        cmocka_unit_test(test_back_pressure),
        cmocka_unit_test(test_flusher),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
