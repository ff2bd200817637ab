/* SPDX-License-Identifier: Apache-2.0 */
/* A session: waiting, polling, threads, back-pressure, and how it ends when something fails. */
#define _GNU_SOURCE
#include "fake_client.h"

#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

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
    rrto_session_drain(&session, &caller, output, sizeof output, UINT64_MAX);
    assert_int_equal(session.receiver.error.code, 700);
    assert_string_equal(session.receiver.error.library, "cuda");
    assert_non_null(strstr(session.receiver.error.text, "illegal address"));
    assert_non_null(strstr(counters.error, "illegal address"));
    end();
    assert_int_equal(server.n_ops, 5); /* nothing after it ran */
    fake_fini(&server);
}

/* What the server says of its time ends in the counters; the parts of the waits are all of the time that was waited. */
static void test_where_waits_went(void **state)
{
    (void)state;
    static const struct rrto_reply_times times = {.arriving_us = 2, .queue_us = 1, .compute_us = 3};
    fake_init(&server);
    server.times = &times;
    struct rrto_session_options options = defaults("percall");
    begin(&options);
    for (unsigned i = 0; i < 3; i++)
        inference(i);
    const struct rrto_counters_waits *waits = &counters.waits;
    assert_int_equal(rrto_counters_waited(waits), counters.blocked_ns);
    assert_true(waits->compute_ns > 0);
    /* The times of threads that wait at once overlap, and count once. */
    struct rrto_waiter waiter = {.times = {0}};
    const uint64_t before = rrto_counters_waited(waits), at = clock_ns + 1000000;
    rrto_session_waited_locked(&session, &waiter, at, at + 100);
    rrto_session_waited_locked(&session, &waiter, at + 50, at + 130);
    rrto_session_waited_locked(&session, &waiter, at + 10, at + 90);
    assert_int_equal(rrto_counters_waited(waits), before + 130);
    end();
    fake_fini(&server);
}

/* A reply that says that times follow, and has not room for them. */
static void test_times_cut_short(void **state)
{
    (void)state;
    static const struct rrto_reply_times times = {1, 1, 1};
    fake_init(&server);
    server.times = &times;
    server.times_cut = true;
    struct rrto_session_options options = defaults("replay");
    begin(&options);
    assert_int_equal(simple(FAKE_DEVICE_SYNC, 0), RRTO_LOST);
    assert_int_equal(counters.session_status, RRTO_PROTOCOL);
    end();
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

/* A connection that ends is an error, unless we have said goodbye. */
static void test_goodbye(void **state)
{
    (void)state;
    for (unsigned leaves = 0; leaves < 2; leaves++) {
        fake_init(&server);
        server.close_at = 0;
        struct rrto_session_options options = defaults("percall");
        begin(&options);
        if (leaves)
            rrto_receiver_leave(&session.receiver);
        assert_int_equal(simple(FAKE_DEVICE_SYNC, 0), RRTO_LOST);
        assert_int_equal(*counters.error != '\0', !leaves);
        assert_int_equal(counters.session_status != RRTO_OK, !leaves);
        end();
        fake_fini(&server);
    }
}

/* In mode async; the server answers nothing before fake_release. */
static void begin_held(void)
{
    fake_init(&server);
    server.hold = true;
    struct rrto_session_options options = defaults("async");
    begin(&options);
}

static void test_poll_and_wait(void **state)
{
    (void)state;
    begin_held();
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
    rrto_session_drain(&session, &caller, output, 100, UINT64_MAX);
    assert_arrived(output, position, 60);
    assert_int_equal(counters.round_trips, 2);
    fake_release(&server);
    rrto_session_drain(&session, &caller, output, sizeof output, UINT64_MAX);
    end();
    assert_int_equal(server.n_subscriptions, 3);
    fake_fini(&server);
}

static long switches[8]; /* how often a thread has gone to sleep */

static void *sleep_on_position(void *arg)
{
    uint32_t number = *(const uint32_t *)arg;
    struct rrto_session_caller own = {.lane = number + 1, .thread = number + 2};
    struct rusage usage;
    assert_int_equal(rrto_session_wait(&session, &own, number), 0);
    assert_int_equal(getrusage(RUSAGE_THREAD, &usage), 0);
    switches[number] = usage.ru_nvcsw;
    return NULL;
}

static unsigned sleepers(void)
{
    unsigned n = 0;
    pthread_mutex_lock(&session.receiver.lock);
    for (const struct rrto_sleeper *at = session.receiver.sleepers; at; at = at->next)
        n++;
    pthread_mutex_unlock(&session.receiver.lock);
    return n;
}

/* Who waits is left alone while somebody else polls. Seen to fail when all are woken at each poll. */
static void test_sleepers(void **state)
{
    (void)state;
    enum { N = 8, POLLS = 20000 };
    begin_held();
    pthread_t threads[N];
    uint32_t numbers[N];
    for (uint32_t i = 0; i < N; i++)
        work(0, i, 1);
    for (uint32_t i = 0; i < N; i++) {
        numbers[i] = i;
        pthread_create(&threads[i], NULL, sleep_on_position, &numbers[i]);
    }
    while (sleepers() != N - 1) /* one of them receives */
        sched_yield();
    for (unsigned i = 0; i < POLLS; i++) {
        rrto_receiver_pump(&session.receiver);
        if (i % 10 == 0)
            sched_yield();
    }
    for (unsigned i = 0; i < N; i++)
        fake_release(&server);
    for (unsigned i = 0; i < N; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < N; i++)
        assert_in_range(switches[i], 0, POLLS / 100);
    end();
    fake_fini(&server);
}

/* What comes behind a gate may be waiting for the caller. */
static void test_drain_all(void **state)
{
    (void)state;
    begin_held();
    uint64_t position;
    copy_down(0, output, 100, false, &position);
    simple(FAKE_CLOSE, 7);
    assert_false(rrto_session_drain_all(&session, &caller));
    assert_int_equal(counters.round_trips, 0);
    simple(FAKE_OPEN, 0);
    fake_release(&server);
    assert_true(rrto_session_drain_all(&session, &caller));
    assert_arrived(output, position, 100);
    assert_int_equal(counters.round_trips, 1);
    assert_true(rrto_session_drain_all(&session, &caller)); /* there is nothing */
    assert_int_equal(counters.round_trips, 1);
    end();
    assert_int_equal(server.n_subscriptions, 1);
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
    options.now_ns = real_clock;
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
    memset(large, 7, 1 << 20);
    assert_int_equal(server.ops[0].payload_hash, rrto_record_hash(0, large, 1 << 20));
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
    options.now_ns = real_clock;
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
    options.now_ns = real_clock;
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

/* More text than is kept comes while a thread waits: it writes it meanwhile, and nothing is lost. */
static void test_much_text(void **state)
{
    (void)state;
    enum { MIB = 1 << 20, N = 2 * RRTO_TEXT_QUEUE_MAX_BYTES / MIB };
    fake_init(&server);
    server.n_texts = N;
    struct rrto_session_options options = defaults("replay");
    begin(&options);
    int file = memfd_create("text", MFD_CLOEXEC), saved = dup(1);
    fflush(stdout);
    dup2(file, 1);
    int32_t status = simple(FAKE_DEVICE_SYNC, 0);
    bool waits = rrto_text_waits(&session.receiver.text);
    rrto_text_deliver(&session.receiver.text);
    dup2(saved, 1);
    close(saved);
    assert_int_equal(status, 0);
    assert_false(waits);
    assert_int_equal(lseek(file, 0, SEEK_END), (off_t)N * MIB);
    for (int i = 0; i < N; i++) {
        char ends[2];
        assert_int_equal(pread(file, &ends[0], 1, (off_t)i * MIB), 1);
        assert_int_equal(pread(file, &ends[1], 1, (off_t)(i + 1) * MIB - 1), 1);
        assert_int_equal(ends[0], 'a' + i % 26);
        assert_int_equal(ends[1], 'a' + i % 26);
    }
    close(file);
    end();
    fake_fini(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fail_stop),       cmocka_unit_test(test_where_waits_went),
        cmocka_unit_test(test_times_cut_short), cmocka_unit_test(test_loss),
        cmocka_unit_test(test_goodbye),         cmocka_unit_test(test_poll_and_wait),
        cmocka_unit_test(test_drain_all),       cmocka_unit_test(test_back_pressure),
        cmocka_unit_test(test_flusher),         cmocka_unit_test(test_threads),
        cmocka_unit_test(test_much_text),       cmocka_unit_test(test_sleepers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
