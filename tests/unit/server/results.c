/* SPDX-License-Identifier: Apache-2.0 */
/* Payloads to the client, coded on their way: from the outbox to the client's receiver. What is coded, what is not, and
 * that all of it arrives as it was; and what the receiver thinks of a server that sends something else. */
#include "outbox.h"

#include "../test.h"
#include "base/clock.h"
#include "base/status.h"
#include "replay/receiver.h"

#include <stdlib.h>
#include <sys/socket.h>

enum { N = 640 * 640, PAST_BYTES = RRTO_CODED_RESULTS_PAST_BYTES, SLOW = 10000 /* bytes in a ms */ };

static struct rrto_conn ours[32], theirs; /* as long as the threads that write to them: as long as the process */
static struct rrto_outbox outboxes[32], *outbox;
static struct rrto_results all_results[32], *results;
static struct rrto_receiver receiver;
static struct rrto_counters counters;
static uint8_t sent[N], got[N];

static void start(uint64_t past_bytes, uint64_t stress)
{
    static unsigned n_started;
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    rrto_conn_init_socket(&ours[n_started], fds[0]);
    rrto_conn_init_socket(&theirs, fds[1]);
    outbox = &outboxes[n_started];
    results = &all_results[n_started];
    rrto_results_init(results, &ours[n_started], past_bytes, stress);
    assert_int_equal(rrto_outbox_start(outbox, &ours[n_started++], 1 << 20, NULL, NULL), RRTO_OK);
    outbox->results = results;
    memset(&counters, 0, sizeof counters);
    assert_int_equal(rrto_receiver_init(&receiver, &theirs, &counters), RRTO_OK);
    if (past_bytes)
        assert_int_equal(rrto_receiver_accept_coded(&receiver, past_bytes, rrto_now_ns), RRTO_OK);
}

static void finish(void)
{
    rrto_outbox_flush(outbox);
    rrto_results_fini(results);
    rrto_receiver_fini(&receiver);
    rrto_conn_close(&theirs);
}

/* A mask that moves, or noise. */
static void fill(unsigned number, bool noise)
{
    uint64_t random = number * 0x9e3779b97f4a7c15u + 1;
    for (uint32_t i = 0; i < N; i++) {
        uint32_t x = i % 640, y = i / 640;
        random = random * 6364136223846793005u + 1442695040888963407u;
        sent[i] = noise ? (uint8_t)(random >> 33) : (uint8_t)((x + 3 * number) / 97 + y / 130);
    }
}

/* What comes behind the payload of the op at position. */
static void encode_reply(uint8_t *to, uint64_t position)
{
    rrto_chunk_encode(to, &(struct rrto_chunk){RRTO_REPLY_HEAD_BYTES, RRTO_CHUNK_REPLY, 0});
    rrto_reply_head_encode(to + RRTO_CHUNK_HEADER_BYTES, &(struct rrto_reply_head){.position = position});
}

/* Somebody will wait for the op at position, whose n bytes go to `to`. */
static void expect(struct rrto_waiter *waiter, uint64_t position, void *to, size_t n)
{
    *waiter = (struct rrto_waiter){.position = position, .covers = RRTO_COVERS_ALL};
    assert_true(rrto_receiver_expect_down(&receiver, position, 0, to, n));
    rrto_receiver_expect(&receiver, waiter);
}

/* Piece number i of a sequence's output, then the reply, as the completion sends them. */
static void send_piece(uint64_t position, uint64_t before, size_t n)
{
    uint8_t head[RRTO_CHUNK_HEADER_BYTES + RRTO_DATA_HEAD_BYTES], last[RRTO_CHUNK_HEADER_BYTES + RRTO_REPLY_HEAD_BYTES];
    rrto_chunk_encode(head, &(struct rrto_chunk){(uint32_t)(RRTO_DATA_HEAD_BYTES + n), RRTO_CHUNK_DATA, 0});
    rrto_data_head_encode(head + RRTO_CHUNK_HEADER_BYTES, &(struct rrto_data_head){.position = position});
    encode_reply(last, position);
    struct iovec parts[3] = {{head, sizeof head}, {sent, n}, {last, sizeof last}};
    struct rrto_result_piece piece = {.place = position, .before = before, .same = true, .position = position};
    rrto_outbox_send_result(outbox, parts, &piece, NULL, NULL);
}

static void exchange(uint64_t position, uint64_t before, size_t n)
{
    struct rrto_waiter waiter;
    memset(got, 0xa5, sizeof got);
    expect(&waiter, position, got, n);
    send_piece(position, before, n);
    assert_int_equal(rrto_receiver_wait(&receiver, &waiter), RRTO_OK);
    assert_memory_equal(got, sent, n);
    for (size_t i = n; i < sizeof got; i++)
        assert_int_equal(got[i], 0xa5);
}

/* Of a machine on which every step of coding takes 20 us, whatever this one is busy with. The writing thread's. */
static uint64_t quick_ns(void)
{
    static uint64_t now_ns;
    return now_ns += 20000;
}

static void start_slow(void)
{
    start(PAST_BYTES, 0);
    results->coding.now_ns = quick_ns;
    rrto_results_rate(results, SLOW, false);
}

/* So many results of one sequence, the first of which comes after nothing. */
static void exchange_first(unsigned n, bool noise)
{
    for (unsigned i = 0; i < n; i++) {
        fill(i, noise);
        exchange(i, i ? i - 1 : UINT64_MAX, N);
    }
}

/* On a slow link a result is coded, better once it has repeated; noise is not, nor is what is small. */
static void test_slow_link(void **state)
{
    (void)state;
    start_slow();
    exchange_first(10, false);
    assert_int_equal(counters.payload_down, 10 * N);
    assert_int_equal(counters.payload_coded_down, 10 * N);
    assert_true(counters.payload_sent_down < N + N / 10);
    assert_int_equal(counters.coded_down[0].payloads, 9);
    assert_int_equal(counters.coded_down[RRTO_CODING_BULK].payloads, 1);
    assert_int_equal(counters.coded_down[0].how, RRTO_PAYLOAD_PLANES);
    assert_true(counters.codec_server_ns > 0 && counters.codec_ns_down > 0);
    for (unsigned i = 20; i < 24; i++) {
        fill(i, true);
        exchange(i, i - 1, N);
    }
    exchange(30, 29, 3000);
    exchange(31, 30, 3000);
    assert_int_equal(counters.payload_coded_down, 10 * N);
    finish();
}

/* Noise is looked at, for nothing: that takes time, which belongs to no coded piece. What it takes to find the model of
 * one that is coded goes with that one. */
static void test_searched(void **state)
{
    (void)state;
    start_slow();
    exchange_first(4, true);
    rrto_outbox_flush(outbox);
    uint64_t searched_ns = results->searched_ns;
    assert_true(searched_ns > 0 && searched_ns == results->coding.spent_ns);
    assert_true(counters.payload_coded_down == 0 && counters.codec_server_ns == 0);
    fill(5, false);
    exchange(5, UINT64_MAX - 1, N); /* another slot */
    assert_int_equal(counters.payload_coded_down, N);
    rrto_outbox_flush(outbox);
    assert_int_equal(counters.codec_server_ns + results->searched_ns, results->coding.spent_ns);
    finish();
}

/* What is coded here is too little for the client to measure the link by: it counts that. When it says so, one piece
 * comes as it is; the next ones are coded as ever. */
static void test_probe(void **state)
{
    (void)state;
    start_slow();
    fill(0, false);
    for (unsigned i = 0; i < 150; i++) {
        if (i == 100)
            rrto_results_rate(results, SLOW, true);
        exchange(i, i ? i - 1 : UINT64_MAX, N);
        if (i == 99)
            assert_true(receiver.arrival.n_unmeasured >= RRTO_ARRIVAL_PROBE_PAYLOADS);
    }
    assert_int_equal(counters.payload_coded_down, 149 * N);
    finish();
}

/* Nothing is coded, nor handed to another thread, where nobody has measured the link, it is fast, or the client has not
 * asked. */
static void test_fast_link(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 3; round++) {
        start(round == 2 ? 0 : PAST_BYTES, 0);
        rrto_results_rate(results, round == 0 ? 0 : round == 1 ? 10000000 : SLOW, false);
        exchange_first(5, false);
        assert_int_equal(counters.payload_coded_down, 0);
        assert_int_equal(counters.payload_sent_down, 5 * N);
        assert_int_equal(results->coding.n_payloads, 0);
        finish();
    }
}

static void test_stress(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 7; seed++) {
        start(seed % 2 ? PAST_BYTES : 1 << 16, seed);
        uint64_t random = seed;
        for (unsigned i = 0; i < 30; i++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            size_t n = 1 + (size_t)(random >> 33) % (i % 3 ? N : 50);
            fill(i / 2, random >> 60 == 0);
            exchange(i, UINT64_MAX, n);
        }
        assert_int_equal(counters.payload_coded_down, counters.payload_down);
        finish();
    }
}

/* What a server may not send: the session is lost, and nothing beyond the destination is written. */
static void test_broken_server(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        uint64_t position, offset;
        uint32_t n_bytes;
        uint8_t body[8];
        size_t n_body;
        bool asked;
    } cases[] = {
        {"nobody asked", 3, 0, 4, {0, 0, 4, 0, 1, 2, 3, 4}, 8, false},
        {"right, for comparison", 3, 0, 4, {0, 0, 4, 0, 1, 2, 3, 4}, 8, true},
        {"another position", 2, 0, 4, {0, 0, 4, 0, 1, 2, 3, 4}, 8, true},
        {"a gap", 3, 1, 4, {0, 0, 4, 0, 1, 2, 3, 4}, 8, true},
        {"more than the destination", 3, 0, 101, {0, 0, 100, 0}, 4, true},
        {"no bytes", 3, 0, 0, {0}, 1, true},
        {"more than a piece", 3, 0, RRTO_RESULT_MAX_BYTES + 1, {0}, 1, true},
        {"more than it said", 3, 0, 3, {0, 0, 4, 0, 1, 2, 3, 4}, 8, true},
        {"no such slot", 3, 0, 4, {16, 0, 4, 0, 1, 2, 3, 4}, 8, true},
        {"no such model", 3, 0, 4, {0, 3, 4, 0, 1, 2, 3, 4}, 8, true},
        {"a reply before its end", 3, 0, 5, {0, 0, 4, 0, 1, 2, 3, 4}, 8, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t bytes[RRTO_CHUNK_HEADER_BYTES + RRTO_CODED_HEAD_BYTES + 8];
        uint8_t reply[RRTO_CHUNK_HEADER_BYTES + RRTO_REPLY_HEAD_BYTES];
        struct rrto_coded_head head = {cases[i].position, cases[i].offset, cases[i].n_bytes, 0};
        struct rrto_waiter waiter;
        uint8_t *exact = malloc(100);
        start(cases[i].asked ? PAST_BYTES : 0, 0);
        rrto_chunk_encode(
            bytes, &(struct rrto_chunk){(uint32_t)(RRTO_CODED_HEAD_BYTES + cases[i].n_body), RRTO_CHUNK_CODED, 0});
        rrto_coded_head_encode(bytes + RRTO_CHUNK_HEADER_BYTES, &head);
        memcpy(bytes + RRTO_CHUNK_HEADER_BYTES + RRTO_CODED_HEAD_BYTES, cases[i].body, cases[i].n_body);
        encode_reply(reply, 3);
        expect(&waiter, 3, exact, i == 1 ? cases[i].n_bytes : 100);
        size_t n = RRTO_CHUNK_HEADER_BYTES + RRTO_CODED_HEAD_BYTES + cases[i].n_body;
        assert_int_equal(rrto_conn_write(outbox->conn, bytes, n, 1000), RRTO_OK);
        (void)rrto_conn_write(outbox->conn, reply, sizeof reply, 1000);
        int status = rrto_receiver_wait(&receiver, &waiter);
        if ((status == RRTO_OK) != (i == 1))
            fail_msg("%s: %d", cases[i].what, status);
        if (i == 1)
            assert_memory_equal(exact, "\1\2\3\4", 4);
        finish();
        free(exact);
    }
}

/* A writer that knows the format may put several chunks of the codec into one of the wire. */
static void test_one_long_chunk(void **state)
{
    (void)state;
    enum { BAND = RRTO_PAYLOAD_CHUNK_BYTES, HEAD = RRTO_CHUNK_HEADER_BYTES + RRTO_CODED_HEAD_BYTES, POSITION = 3 };
    struct rrto_buf bytes;
    uint8_t head[HEAD], reply[RRTO_CHUNK_HEADER_BYTES + RRTO_REPLY_HEAD_BYTES];
    rrto_buf_init(&bytes, 2 * N);
    fill(1, true);
    rrto_put_u8(&bytes, 0); /* the slot */
    rrto_put_u8(&bytes, RRTO_PAYLOAD_RAW);
    rrto_put_varint(&bytes, BAND);
    for (size_t at = 0; at < N; at += BAND) {
        rrto_put_u8(&bytes, 0); /* as it is */
        rrto_buf_put(&bytes, sent + at, N - at < BAND ? N - at : BAND);
    }
    rrto_chunk_encode(head, &(struct rrto_chunk){(uint32_t)(RRTO_CODED_HEAD_BYTES + bytes.size), RRTO_CHUNK_CODED, 0});
    rrto_coded_head_encode(head + RRTO_CHUNK_HEADER_BYTES, &(struct rrto_coded_head){POSITION, 0, N, 0});
    encode_reply(reply, POSITION);
    start(PAST_BYTES, 0);
    struct rrto_waiter waiter;
    expect(&waiter, POSITION, got, N);
    struct iovec parts[3] = {{head, sizeof head}, {bytes.data, bytes.size}, {reply, sizeof reply}};
    rrto_outbox_send(outbox, parts, NULL, NULL);
    assert_int_equal(rrto_receiver_wait(&receiver, &waiter), RRTO_OK);
    assert_memory_equal(got, sent, N);
    assert_int_equal(counters.payload_coded_down, N);
    finish();
    rrto_buf_fini(&bytes);
}

/* A reply that says that all is well, and no payload before it. */
static void test_reply_alone(void **state)
{
    (void)state;
    uint8_t reply[RRTO_CHUNK_HEADER_BYTES + RRTO_REPLY_HEAD_BYTES];
    struct rrto_waiter waiter;
    start(PAST_BYTES, 0);
    expect(&waiter, 3, got, N);
    encode_reply(reply, 3);
    assert_int_equal(rrto_conn_write(outbox->conn, reply, sizeof reply, 1000), RRTO_OK);
    assert_int_equal(rrto_receiver_wait(&receiver, &waiter), RRTO_LOST);
    assert_int_equal(counters.session_status, RRTO_PROTOCOL);
    finish();
}

/* No memory for what is to be written: the client learns that the session is over. */
static void test_no_memory(void **state)
{
    (void)state;
    start(PAST_BYTES, 1);
    results->out.max = RRTO_CHUNK_HEADER_BYTES + RRTO_CODED_HEAD_BYTES;
    struct rrto_waiter waiter;
    expect(&waiter, 1, got, N);
    send_piece(1, UINT64_MAX, N);
    assert_int_equal(rrto_receiver_wait(&receiver, &waiter), RRTO_LOST);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slow_link),      cmocka_unit_test(test_searched),  cmocka_unit_test(test_probe),
        cmocka_unit_test(test_fast_link),      cmocka_unit_test(test_stress),    cmocka_unit_test(test_broken_server),
        cmocka_unit_test(test_one_long_chunk), cmocka_unit_test(test_no_memory), cmocka_unit_test(test_reply_alone)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
