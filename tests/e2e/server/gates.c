/* SPDX-License-Identifier: Apache-2.0 */
/* Gates, by a raw client: streams wait at them, the executor never does, and what a client may not do with them.
 *
 * Rule: 3, 7, 27
 * Seen to fail: the worker waits for room for copies while a gate is closed ("much behind a gate" gets no answer, and
 * "the end" finds the worker still there); a stream that is created comes behind closed gates ("a stream created
 * meanwhile" gets no answer); gates stay closed when an op fails (so it was: "a failure" gets no ERROR), or when the
 * session is ended ("a refusal" gets none). */
#include "harness.h"

#include "../../unit/test.h"
#include "base/status.h"

#include <stdlib.h>
#include <string.h>

enum { WAIT = RRTO_RECORD_WAIT, MANY = 4096, N = 5000 };

static struct server server;
static struct client a;
static uint8_t in[N], out[N];

static int start(void **state)
{
    (void)state;
    const char *const arguments[] = {"--staging", "1M", NULL};
    server_start(&server, arguments);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    return server_stop(&server) == 0 ? 0 : -1;
}

static int open_a(void **state)
{
    (void)state;
    client_open(&a, &server, 64 << 20);
    assert_int_equal(a.welcome.n_gates, MANY);
    SEND(&a, mem_alloc, 0, .va = a.welcome.arena_base, .n_bytes = 32 << 20);
    return 0;
}

static int close_a(void **state)
{
    (void)state;
    client_close(&a);
    return 0;
}

static void answers_ping(void)
{
    uint64_t position = SEND(&a, ping, WAIT, .call = 1);
    client_reply(&a, position, 0);
}

static void waits_and_goes_on(void **state)
{
    (void)state;
    uint64_t base = a.welcome.arena_base;
    SEND(&a, mem_set_d8, 0, .dst = base, .value = 1, .n = N);
    client_reply(&a, SEND(&a, stream_gate, WAIT, .gate = 1, .stream = 0), 0); /* the stream is there */
    SEND(&a, mem_set_d8, 0, .dst = base, .value = 2, .n = N);
    uint64_t copy = SEND(&a, mem_copy_d2h, WAIT, .src = base, .n_bytes = N);
    answers_ping();
    SEND(&a, gate_open, 0, .gate = 1);
    client_payload(&a, copy, out, N);
    assert_int_equal(out[N - 1], 2);
    SEND(&a, stream_gate, 0, .gate = 1, .stream = 0); /* the id is free again */
    SEND(&a, gate_open, 0, .gate = 1);
    client_reply(&a, SEND(&a, stream_synchronize, WAIT, .stream = 0), 0);
}

static void late_copies(void **state)
{
    (void)state;
    uint64_t base = a.welcome.arena_base;
    for (uint32_t gate = 7; gate < 10; gate++)
        SEND(&a, mem_copy_h2d_late, 0, .dst = base + N * (gate - 7), .n_bytes = N, .stream = 0, .gate = gate);
    uint64_t copy = SEND(&a, mem_copy_d2h, WAIT, .src = base + N, .n_bytes = N);
    answers_ping();
    for (uint32_t gate = 9; gate > 6; gate--) { /* in whatever order they come */
        memset(in, (int)gate, N);
        SEND_PAYLOAD(&a, gate_fill, 0, in, N, .gate = gate, .n_bytes = N);
    }
    client_payload(&a, copy, out, N);
    assert_int_equal(out[0], 8);
    assert_int_equal(out[N - 1], 8);
}

/* Ten times the limit of copies under way, behind a gate and beside it. */
static void much_behind_a_gate(void **state)
{
    (void)state;
    enum { COPY = 1 << 20, COPIES = 10 };
    uint64_t base = a.welcome.arena_base;
    uint8_t *big = malloc(COPY);
    SEND(&a, stream_create, 0, .stream = 5, .flags = 1);
    SEND(&a, stream_gate, 0, .gate = 1, .stream = 0);
    for (uint32_t i = 0; i < COPIES; i++) {
        memset(big, (int)i + 1, COPY);
        SEND_PAYLOAD(&a, mem_copy_h2d, 0, big, COPY, .dst = base + i * COPY, .n_bytes = COPY);
        SEND_PAYLOAD(&a, mem_copy_h2d, 0, big, COPY, .dst = base + (COPIES + i) * COPY, .n_bytes = COPY, .stream = 5);
    }
    uint64_t beside = SEND(&a, mem_copy_d2h, WAIT, .src = base + COPIES * COPY, .n_bytes = COPY, .stream = 5);
    client_payload(&a, beside, big, COPY);
    assert_int_equal(big[COPY - 1], 1);
    SEND(&a, gate_open, 0, .gate = 1);
    client_payload(&a, SEND(&a, mem_copy_d2h, WAIT, .src = base + COPY, .n_bytes = COPY), big, COPY);
    assert_int_equal(big[COPY - 1], 2);
    free(big);
}

/* It comes behind what the others had before the gate, and not behind the gate. */
static void a_stream_created_meanwhile(void **state)
{
    (void)state;
    uint64_t base = a.welcome.arena_base;
    SEND(&a, stream_create, 0, .stream = 5, .flags = 1);
    SEND(&a, mem_set_d8, 0, .dst = base, .value = 3, .n = N, .stream = 5);
    SEND(&a, stream_gate, 0, .gate = 1, .stream = 5);
    SEND(&a, stream_create, 0, .stream = 6, .flags = 1);
    client_payload(&a, SEND(&a, mem_copy_d2h, WAIT, .src = base, .n_bytes = N, .stream = 6), out, N);
    assert_int_equal(out[N - 1], 3);
    SEND(&a, stream_destroy, 0, .stream = 5);
    client_payload(&a, SEND(&a, mem_copy_d2h, WAIT, .src = base, .n_bytes = N), out, N); /* the legacy stream goes on */
    uint64_t all = SEND(&a, device_synchronize, WAIT, 0);
    answers_ping(); /* it means what was destroyed as well */
    SEND(&a, gate_open, 0, .gate = 1);
    client_reply(&a, all, 0);
}

/* The record of an event is complete, whatever has come to its stream since. */
static void a_subscription(void **state)
{
    (void)state;
    uint8_t bytes[RRTO_SUBSCRIBE_BYTES];
    SEND(&a, event_create, 0, .event = 3);
    uint64_t record = SEND(&a, event_record, 0, .event = 3, .stream = 0);
    SEND(&a, stream_gate, 0, .gate = 1, .stream = 0);
    rrto_subscribe_encode(bytes, record);
    client_send_bytes(&a, RRTO_CHUNK_SUBSCRIBE, bytes, sizeof bytes);
    client_reply(&a, record, 0);
    uint64_t again = SEND(&a, event_record, 0, .event = 3, .stream = 0); /* behind the gate */
    client_send_bytes(&a, RRTO_CHUNK_SUBSCRIBE, bytes, sizeof bytes);
    rrto_subscribe_encode(bytes, again);
    client_send_bytes(&a, RRTO_CHUNK_SUBSCRIBE, bytes, sizeof bytes);
    answers_ping();
    SEND(&a, gate_open, 0, .gate = 1);
    client_reply(&a, record, 0);
    client_reply(&a, again, 0);
}

/* The client goes, with everything standing at gates. */
static void the_end(void **state)
{
    (void)state;
    client_close(&a);
    client_open(&a, &server, 64 << 20);
    SEND(&a, mem_alloc, 0, .va = a.welcome.arena_base, .n_bytes = 1 << 20);
    SEND(&a, stream_gate, WAIT, .gate = 1, .stream = 0);
    SEND(&a, mem_copy_h2d_late, 0, .dst = a.welcome.arena_base, .n_bytes = N, .stream = 0, .gate = 2);
    SEND(&a, mem_copy_d2h, WAIT, .src = a.welcome.arena_base, .n_bytes = N);
    client_close(&a);
    assert_int_equal(find_worker(server.pid, 0), 0);
    client_open(&a, &server, 64 << 20); /* for close_a */
}

/* An op fails that nobody waits for: what stands at the gate does not keep the ERROR back. */
static void a_failure(void **state)
{
    (void)state;
    SEND(&a, stream_gate, 0, .gate = 1, .stream = 0);
    uint64_t copy = SEND(&a, mem_copy_d2h, WAIT, .src = a.welcome.arena_base, .n_bytes = N);
    SEND(&a, mem_alloc, 0, .va = a.welcome.arena_base + (1 << 30), .n_bytes = (uint64_t)1 << 33);
    client_payload(&a, copy, out, N);
    client_error(&a, RRTO_WIRE_CUDA, 2, "mem_alloc", false);
}

/* The same where the client broke the protocol. */
static void a_refusal(void **state)
{
    (void)state;
    SEND(&a, stream_gate, 0, .gate = 1, .stream = 0);
    uint64_t copy = SEND(&a, mem_copy_d2h, WAIT, .src = a.welcome.arena_base, .n_bytes = N);
    SEND(&a, gate_open, 0, .gate = 2);
    client_payload(&a, copy, out, N);
    client_error(&a, RRTO_WIRE_PROTOCOL, RRTO_INVALID, "gate_open", true);
}

/* Whatever it sends ends the session, with this code. */
#define REFUSED(name, code, part, ...)                                                                                 \
    static void name(void **state)                                                                                     \
    {                                                                                                                  \
        (void)state;                                                                                                   \
        uint64_t base = a.welcome.arena_base;                                                                          \
        (void)base;                                                                                                    \
        __VA_ARGS__;                                                                                                   \
        client_error(&a, RRTO_WIRE_PROTOCOL, code, part, true);                                                        \
    }
REFUSED(open_none, RRTO_INVALID, "gate_open", SEND(&a, gate_open, 0, .gate = 1))
REFUSED(open_twice, RRTO_INVALID, "gate_open",
        (SEND(&a, stream_gate, 0, .gate = 1, .stream = 0), SEND(&a, gate_open, 0, .gate = 1),
         SEND(&a, gate_open, 0, .gate = 1)))
REFUSED(open_late, RRTO_INVALID, "gate_open",
        (SEND(&a, mem_copy_h2d_late, 0, .dst = base, .n_bytes = N, .stream = 0, .gate = 1),
         SEND(&a, gate_open, 0, .gate = 1)))
REFUSED(fill_none, RRTO_INVALID, "", SEND_PAYLOAD(&a, gate_fill, 0, in, N, .gate = 1, .n_bytes = N))
REFUSED(fill_function, RRTO_INVALID, "",
        (SEND(&a, stream_gate, 0, .gate = 1, .stream = 0),
         SEND_PAYLOAD(&a, gate_fill, 0, in, N, .gate = 1, .n_bytes = N)))
REFUSED(fill_less, RRTO_INVALID, "",
        (SEND(&a, mem_copy_h2d_late, 0, .dst = base, .n_bytes = N, .stream = 0, .gate = 1),
         SEND_PAYLOAD(&a, gate_fill, 0, in, N - 1, .gate = 1, .n_bytes = N - 1)))
REFUSED(fill_nothing, RRTO_INVALID, "gate_fill",
        (SEND(&a, mem_copy_h2d_late, 0, .dst = base, .n_bytes = N, .stream = 0, .gate = 1),
         SEND_PAYLOAD(&a, gate_fill, 0, in, 0, .gate = 1, .n_bytes = 0)))
REFUSED(same_id, RRTO_INVALID, "stream_gate",
        (SEND(&a, stream_gate, 0, .gate = 1, .stream = 0), SEND(&a, stream_gate, 0, .gate = 1, .stream = 0)))
REFUSED(id_0, RRTO_INVALID, "stream_gate", SEND(&a, stream_gate, 0, .gate = 0, .stream = 0))
REFUSED(no_stream, RRTO_INVALID, "stream_gate", SEND(&a, stream_gate, 0, .gate = 1, .stream = 9))
REFUSED(late_outside, RRTO_INVALID, "mem_copy_h2d_late",
        SEND(&a, mem_copy_h2d_late, 0, .dst = base + (64 << 20), .n_bytes = N, .stream = 0, .gate = 1))
REFUSED(late_too_large, RRTO_INVALID, "mem_copy_h2d_late",
        (SEND(&a, mem_alloc, 0, .va = base + (32 << 20), .n_bytes = 32 << 20),
         SEND(&a, mem_copy_h2d_late, 0, .dst = base, .n_bytes = (64 << 20) + 1, .stream = 0, .gate = 1)))

static void too_many(void **state)
{
    (void)state;
    for (uint32_t gate = 1; gate <= MANY; gate++)
        SEND(&a, stream_gate, 0, .gate = gate, .stream = 0);
    answers_ping();
    SEND(&a, gate_open, 0, .gate = 17);
    SEND(&a, stream_gate, 0, .gate = MANY + 1, .stream = 0);
    answers_ping();
    SEND(&a, stream_gate, 0, .gate = MANY + 2, .stream = 0);
    client_error(&a, RRTO_WIRE_PROTOCOL, RRTO_TOO_LARGE, "stream_gate", true);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_a, close_a)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(waits_and_goes_on),
        TEST(late_copies),
        TEST(much_behind_a_gate),
        TEST(a_stream_created_meanwhile),
        TEST(a_subscription),
        TEST(the_end),
        TEST(a_failure),
        TEST(a_refusal),
        TEST(open_none),
        TEST(open_twice),
        TEST(open_late),
        TEST(fill_none),
        TEST(fill_function),
        TEST(fill_less),
        TEST(fill_nothing),
        TEST(same_id),
        TEST(id_0),
        TEST(no_stream),
        TEST(late_outside),
        TEST(late_too_large),
        TEST(too_many),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
