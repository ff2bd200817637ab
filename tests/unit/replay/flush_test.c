/* SPDX-License-Identifier: Apache-2.0 */
/* When ops leave: at a wait, at 64 pending literals, a large payload at its call, after tau; and how tau adapts.
 * Without the flusher's thread and on an injected clock, so that nothing but the rule under test can flush. */
#include "fake_client.h"

/* A literal each time: no two have one token. */
static void literal(void)
{
    static uint32_t number = 1000;
    assert_int_equal(work(0, number++, 0), 0);
}

static uint64_t sent(void)
{
    return counters.bytes_up;
}

static void test_pending_literals(void **state)
{
    (void)state;
    fake_init(&server);
    struct rrto_session_options options = defaults("replay");
    begin(&options);
    for (unsigned round = 1; round <= 3; round++) {
        for (unsigned i = 1; i < RRTO_SESSION_PENDING_LITERALS; i++)
            literal();
        assert_int_equal(counters.frames_up, round - 1);
        uint64_t before = sent();
        literal();
        assert_int_equal(counters.frames_up, round);
        assert_true(sent() > before);
    }
    literal();
    assert_int_equal(counters.frames_up, 3);
    assert_int_equal(simple(FAKE_SYNC, 0), 0); /* a wait takes along whatever there is */
    assert_int_equal(counters.frames_up, 4);
    end();
    assert_int_equal(server.n_ops, 3 * RRTO_SESSION_PENDING_LITERALS + 2);
    fake_fini(&server);
}

/* What is as predicted costs next to nothing to hold back: any number of ops leaves with the wait. */
static void test_predicted(void **state)
{
    (void)state;
    fake_init(&server);
    struct rrto_session_options options = defaults("replay");
    begin(&options);
    for (unsigned round = 0; round < 4; round++) {
        uint64_t before = counters.frames_up;
        for (uint32_t i = 0; i < 40; i++)
            assert_int_equal(work(0, i % 20, 0), 0);
        for (uint32_t i = 0; i < 400; i++)
            assert_int_equal(work(0, 20 + i % 20, 0), 0);
        assert_int_equal(counters.frames_up, before);
        assert_int_equal(simple(FAKE_SYNC, 0), 0);
        assert_int_equal(counters.frames_up, before + 1);
    }
    end();
    fake_fini(&server);
}

/* A payload of 16 KiB and more leaves at its call, and the frame stays open; a smaller one waits. */
static void test_payload(void **state)
{
    (void)state;
    static uint8_t payload[3 * RRTO_SESSION_EARLY_BYTES];
    for (unsigned early = 0; early < 2; early++) {
        fake_init(&server);
        struct rrto_session_options options = defaults("async");
        options.early = early;
        begin(&options);
        literal();
        assert_int_equal(copy_up(0, payload, RRTO_SESSION_EARLY_BYTES - 1), 0);
        assert_int_equal(sent(), 0);
        assert_int_equal(copy_up(0, payload, RRTO_SESSION_EARLY_BYTES), 0);
        assert_true(sent() > 2 * RRTO_SESSION_EARLY_BYTES - 1);
        assert_int_equal(counters.frames_up, !early);
        assert_int_equal(session.frame_open, early);
        uint64_t before = sent();
        literal();
        assert_int_equal(sent(), before);
        assert_int_equal(copy_up(0, payload, sizeof payload), 0);
        assert_true(sent() > before + sizeof payload);
        assert_int_equal(simple(FAKE_SYNC, 0), 0);
        assert_int_equal(counters.frames_up, early ? 1 : 3); /* early: all of it one frame */
        assert_false(session.frame_open);
        end();
        fake_fini(&server);
    }
}

static void test_due(void **state)
{
    (void)state;
    fake_init(&server);
    struct rrto_session_options options = defaults("async");
    begin(&options);
    uint64_t wait_ns;
    assert_false(rrto_flusher_due(&session, 1000, &wait_ns)); /* nothing is pending: when woken */
    assert_int_equal(wait_ns, UINT64_MAX);
    session.pending_since_ns = 5000;
    assert_int_equal(session.tau_ns, RRTO_SESSION_TAU_MAX_NS);
    assert_false(rrto_flusher_due(&session, 6000, &wait_ns));
    assert_int_equal(wait_ns, RRTO_SESSION_TAU_MAX_NS - 1000);
    assert_false(rrto_flusher_due(&session, 5000 + RRTO_SESSION_TAU_MAX_NS - 1, &wait_ns));
    assert_int_equal(wait_ns, 1);
    assert_true(rrto_flusher_due(&session, 5000 + RRTO_SESSION_TAU_MAX_NS, &wait_ns));
    session.tau_ns = 200;
    assert_true(rrto_flusher_due(&session, 5200, &wait_ns));
    end();
    fake_fini(&server);
}

/* A wait by which ops had been held back for `held`, in a session whose server says that it starved. */
static uint64_t tau_after(uint64_t held_ns, uint32_t starved_us)
{
    literal();
    session.pending_since_ns = clock_ns - held_ns;
    __atomic_store_n(&server.starved_us, starved_us, __ATOMIC_RELAXED);
    assert_int_equal(simple(FAKE_SYNC, 0), 0);
    return session.tau_ns;
}

static void test_tau(void **state)
{
    (void)state;
    const uint64_t most = RRTO_SESSION_TAU_MAX_NS, least = RRTO_SESSION_TAU_MIN_NS;
    fake_init(&server);
    struct rrto_session_options options = defaults("async");
    begin(&options);
    clock_ns = 1000 * most;
    assert_int_equal(tau_after(most, 0), most);           /* nobody starved */
    assert_int_equal(tau_after(0, 100000), most);         /* not because of us */
    assert_int_equal(tau_after(most, 100000), most / 2);  /* held back, and starved */
    assert_int_equal(tau_after(most, 100), most / 8 * 5); /* not worth a frame: a quarter more */
    for (unsigned i = 0; i < 10; i++)
        (void)tau_after(most, 100000);
    assert_int_equal(session.tau_ns, least);
    for (unsigned i = 0; i < 20; i++)
        (void)tau_after(0, 0);
    assert_int_equal(session.tau_ns, most);
    end();
    fake_fini(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pending_literals),
        cmocka_unit_test(test_predicted),
        cmocka_unit_test(test_payload),
        cmocka_unit_test(test_due),
        cmocka_unit_test(test_tau),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
