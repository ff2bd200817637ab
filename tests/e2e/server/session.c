/* SPDX-License-Identifier: Apache-2.0 */
/* Ops on the soft device by a raw client: what works, and what a client may not do. */
#include "harness.h"

#include "../../unit/test.h"
#include "../programs/text_ptx.h"
#include "base/status.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { WAIT = RRTO_RECORD_WAIT, PAGE = 2 << 20 };

static struct server server;
static struct client a, b;

static int start(void **state)
{
    (void)state;
    server_start(&server, NULL);
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
    return 0;
}

static int close_a(void **state)
{
    (void)state;
    client_close(&a);
    return 0;
}

static void fill(uint8_t *data, size_t n, uint32_t seed)
{
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525 + 1013904223;
        data[i] = (uint8_t)(seed >> 24);
    }
}

static void welcome(void **state)
{
    (void)state;
    assert_true(a.welcome.soft);
    assert_int_equal(a.welcome.memory, 64 << 20);
    assert_int_equal(a.welcome.arena_base % PAGE, 0);
    assert_int_equal(a.welcome.arena_bytes, (uint64_t)1 << 36);
    assert_string_equal(a.welcome.compute, "real");
    assert_int_equal(a.welcome.results_past_bytes, CLIENT_RESULTS_PAST_BYTES);
    assert_true(a.welcome.attributes[1] >= 1024); /* threads in a block */
    assert_true(strlen(a.welcome.device_name) > 3);
}

/* Up, across, and down again, in sizes around every limit; the reply carries the audit hash. */
static void copies(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 511, 4096, 65536, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5000003};
    uint64_t base = a.welcome.arena_base;
    uint8_t *in = malloc(6 << 20), *out = malloc(6 << 20);
    SEND(&a, mem_alloc, 0, .va = base, .n_bytes = 16 << 20);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t n = sizes[i];
        fill(in, n, (uint32_t)i);
        memset(out, 0, n);
        SEND_PAYLOAD(&a, mem_copy_h2d, 0, in, n, .dst = base, .n_bytes = n);
        SEND(&a, mem_copy_d2d, 0, .dst = base + (8 << 20), .src = base, .n_bytes = n);
        uint64_t position = SEND(&a, mem_copy_d2h, WAIT, .src = base + (8 << 20), .n_bytes = n);
        uint64_t hash = a.encoder.hash;
        client_payload(&a, position, out, n);
        assert_memory_equal(in, out, n);
        position = SEND(&a, stream_synchronize, WAIT, .stream = 0);
        assert_int_not_equal(hash, a.encoder.hash);
        assert_int_equal(client_reply(&a, position, 0)->hash, a.encoder.hash);
    }
    free(in);
    free(out);
}

/* Far more bytes than the limit of copies under way, in both directions at once. */
static void small_staging(void **state)
{
    (void)state;
    const char *const arguments[] = {"--staging", "1M", NULL};
    struct server other;
    struct client client;
    server_start(&other, arguments);
    client_open(&client, &other, 64 << 20);
    uint64_t base = client.welcome.arena_base;
    size_t n = 20 << 20;
    uint8_t *in = malloc(n), *out = malloc(n);
    SEND(&client, mem_alloc, 0, .va = base, .n_bytes = 2 * n);
    for (uint32_t i = 0; i < 3; i++) {
        fill(in, n, i);
        SEND_PAYLOAD(&client, mem_copy_h2d, 0, in, n, .dst = base, .n_bytes = n);
        uint64_t position = SEND(&client, mem_copy_d2h, RRTO_RECORD_WAIT, .src = base, .n_bytes = n);
        client_payload(&client, position, out, n);
        assert_memory_equal(in, out, n);
    }
    /* Many small ones, which share blocks that are used again. */
    for (uint32_t i = 0; i < 2000; i++)
        SEND_PAYLOAD(&client, mem_copy_h2d, 0, in + i, 3000, .dst = base + 3000 * i, .n_bytes = 3000);
    uint64_t position = SEND(&client, mem_copy_d2h, RRTO_RECORD_WAIT, .src = base, .n_bytes = 2000 * 3000);
    client_payload(&client, position, out, 2000 * 3000);
    for (uint32_t i = 0; i < 2000; i++)
        assert_memory_equal(out + 3000 * i, in + i, 3000);
    free(in);
    free(out);
    client_close(&client);
    assert_int_equal(server_stop(&other), 0);
}

static void ping(void **state)
{
    (void)state;
    uint8_t in[100] = {0};
    uint64_t position = SEND(&a, ping, WAIT, .call = 1, .in = in, .n_in = sizeof in, .n_out = 3000);
    const struct answer *answer = client_reply(&a, position, 0);
    assert_true(answer->n >= 3000);
    assert_int_equal(answer->data[answer->n - 1], 0);
}

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Who asks is told how long things took on the server: no longer than since the request before. Who does not ask is
 * not told. */
static void times(void **state)
{
    (void)state;
    enum { BYTES = 8 << 20 };
    uint8_t *data = calloc(1, BYTES);
    assert_false(client_reply(&a, SEND(&a, ping, WAIT, .call = 1), 0)->timed);
    client_close(&a);
    client_open_timed(&a, &server, 64 << 20, true);
    uint64_t base = a.welcome.arena_base;
    SEND(&a, mem_alloc, 0, .va = base, .n_bytes = BYTES);
    uint64_t before = now_us();
    assert_true(client_reply(&a, SEND(&a, ping, WAIT, .call = 1), 0)->timed); /* nothing is under way */
    for (int i = 0; i < 3; i++) {
        uint64_t start = now_us();
        SEND_PAYLOAD(&a, mem_copy_h2d, 0, data, BYTES, .dst = base, .n_bytes = BYTES);
        const struct answer *answer = client_reply(&a, SEND(&a, stream_synchronize, WAIT, .stream = 0), 0);
        /* An executor that has not waited since counts from the reply before, which it made up before we had it. */
        uint64_t took = now_us() - before + 4; /* three roundings, and our own */
        before = start;
        assert_true(answer->timed);
        const struct rrto_reply_times *told = &answer->times;
        assert_in_range((uint64_t)told->arriving_us + told->queue_us + told->compute_us, 1, took);
    }
    free(data);
}

/* A reply says how long the server waited inside open frames since the one before: between frames nothing is held
 * back. */
static void starving(void **state)
{
    (void)state;
    enum { PAUSE_US = 30000 };
    assert_int_equal(client_reply(&a, SEND(&a, ping, WAIT, .call = 1), 0)->starved_us, 0);
    usleep(PAUSE_US);
    assert_int_equal(client_reply(&a, SEND(&a, ping, WAIT, .call = 1), 0)->starved_us, 0);
    uint64_t start = now_us();
    PACK(&a, device_synchronize, 0);
    (void)rrto_record_encode(&a.encoder, RRTO_RECORD_NO_SOURCE, a.op.data, a.op.size, 0, NULL);
    client_send_part(&a, a.encoder.out.data, a.encoder.out.size);
    rrto_buf_clear(&a.encoder.out);
    usleep(PAUSE_US);
    uint64_t position = SEND(&a, ping, WAIT, .call = 1);
    uint32_t starved_us = client_reply(&a, position, 0)->starved_us;
    assert_in_range(starved_us, PAUSE_US / 2, now_us() - start); /* it may have come late to where it waits */
    assert_int_equal(client_reply(&a, SEND(&a, ping, WAIT, .call = 1), 0)->starved_us, 0);
}

/* The same ops by reference: 30 rounds as predicted, with a patched fill value. */
static void predicted(void **state)
{
    (void)state;
    uint64_t base = a.welcome.arena_base;
    uint8_t out[64];
    SEND(&a, mem_alloc, 0, .va = base, .n_bytes = PAGE);
    uint64_t first = SEND(&a, mem_set_d8, 0, .dst = base, .value = 0, .n = sizeof out);
    uint64_t position = SEND(&a, mem_copy_d2h, WAIT, .src = base, .n_bytes = sizeof out);
    client_payload(&a, position, out, sizeof out);
    for (int i = 1; i <= 30; i++) {
        rrto_buf_clear(&a.op);
        rrto_pack_mem_set_d8(&a.op, &(struct rrto_args_mem_set_d8){.dst = base, .value = (uint8_t)i, .n = sizeof out});
        assert_int_equal(rrto_record_encode(&a.encoder, first, a.op.data, a.op.size, 0, NULL), RRTO_RECORD_AS_PATCHED);
        rrto_buf_clear(&a.op);
        rrto_pack_mem_copy_d2h(&a.op, &(struct rrto_args_mem_copy_d2h){.src = base, .n_bytes = sizeof out});
        position = a.encoder.log.head;
        assert_int_equal(rrto_record_encode(&a.encoder, first + 1, a.op.data, a.op.size, WAIT, NULL),
                         RRTO_RECORD_AS_PREDICTED);
        rrto_record_close(&a.encoder);
        assert_true(a.encoder.out.size < 40);
        client_send_bytes(&a, RRTO_CHUNK_OPS, a.encoder.out.data, a.encoder.out.size);
        rrto_buf_clear(&a.encoder.out);
        client_payload(&a, position, out, sizeof out);
        assert_int_equal(out[0], i);
        assert_int_equal(out[sizeof out - 1], i);
    }
}

static void streams_and_events(void **state)
{
    (void)state;
    uint64_t base = a.welcome.arena_base;
    uint8_t in[1000], out[1000];
    fill(in, sizeof in, 3);
    SEND(&a, mem_alloc, 0, .va = base, .n_bytes = PAGE);
    SEND(&a, stream_create, 0, .stream = 1, .flags = 1);
    SEND(&a, stream_create, 0, .stream = 2, .flags = 1);
    SEND(&a, event_create, 0, .event = 1, .flags = 2);
    SEND_PAYLOAD(&a, mem_copy_h2d, 0, in, sizeof in, .dst = base, .n_bytes = sizeof in, .stream = 1);
    uint64_t down = SEND(&a, mem_copy_d2h, 0, .src = base, .n_bytes = sizeof in, .stream = 1);
    SEND(&a, event_record, 0, .event = 1, .stream = 1);
    SEND(&a, stream_wait_event, 0, .stream = 2, .event = 1);
    /* Only stream 2 is synchronised; what stream 1 copied comes first. */
    uint64_t position = SEND(&a, stream_synchronize, WAIT, .stream = 2);
    const struct answer *answer = client_next(&a);
    assert_int_equal(answer->type, RRTO_CHUNK_DATA);
    assert_int_equal(answer->position, down);
    assert_memory_equal(answer->data, in, sizeof in);
    client_reply(&a, position, 0);
    position = SEND(&a, event_query, WAIT, .event = 1);
    client_reply(&a, position, 0);
    position = SEND(&a, event_synchronize, WAIT, .event = 1);
    client_reply(&a, position, 0);
    position = SEND(&a, device_synchronize, WAIT, 0);
    client_reply(&a, position, 0);
    /* A subscription to something long past is answered, too. */
    uint8_t subscribe[RRTO_SUBSCRIBE_BYTES];
    rrto_subscribe_encode(subscribe, down);
    client_send_bytes(&a, RRTO_CHUNK_SUBSCRIBE, subscribe, sizeof subscribe);
    client_reply(&a, down, 0);
    SEND(&a, event_destroy, 0, .event = 1);
    SEND(&a, stream_destroy, 0, .stream = 1);
    position = SEND(&a, device_synchronize, WAIT, 0);
    client_reply(&a, position, 0);
    (void)out;
}

/* Somebody waits for an event while another thread destroys it: the wait is for what had been recorded. All work is
 * done late, so that the event is gone first. */
static void event_destroyed_in_a_wait(void **state)
{
    (void)state;
    struct server other;
    struct client client;
    static const char *const arguments[] = {"--sched", "adversarial:1", NULL};
    server_start(&other, arguments);
    client_open(&client, &other, 64 << 20);
    uint64_t base = client.welcome.arena_base;
    SEND(&client, mem_alloc, 0, .va = base, .n_bytes = PAGE);
    SEND(&client, stream_create, 0, .stream = 1, .flags = 1);
    for (uint32_t i = 1; i <= 50; i++) {
        SEND(&client, event_create, 0, .event = i, .flags = 2);
        SEND(&client, mem_set_d8, 0, .dst = base, .value = (uint8_t)i, .n = PAGE, .stream = 1);
        SEND(&client, event_record, 0, .event = i, .stream = 1);
        uint64_t position = SEND(&client, event_synchronize, WAIT, .event = i);
        SEND(&client, event_destroy, 0, .event = i);
        client_reply(&client, position, 0);
    }
    client_close(&client);
    assert_int_equal(server_stop(&other), 0);
}

/* Freed memory is used again at once, on another stream; quota is enforced; what is freed can be had again. */
static void memory(void **state)
{
    (void)state;
    uint64_t base = a.welcome.arena_base, position;
    SEND(&a, stream_create, 0, .stream = 1, .flags = 1);
    for (int i = 0; i < 50; i++) {
        SEND(&a, mem_alloc, 0, .va = base, .n_bytes = 48 << 20);
        SEND(&a, mem_set_d8, 0, .dst = base, .value = (uint8_t)i, .n = 1000, .stream = 1);
        SEND(&a, mem_free, 0, .va = base, .n_bytes = 48 << 20);
        SEND(&a, mem_alloc, 0, .va = base + (128 << 20), .n_bytes = 60 << 20); /* needs the pages of the first */
        SEND(&a, mem_free, 0, .va = base + (128 << 20), .n_bytes = 60 << 20);
    }
    SEND(&a, mem_alloc, 0, .va = base, .n_bytes = PAGE);
    uint8_t byte = 1;
    SEND(&a, mem_set_d8, 0, .dst = base, .value = 77, .n = 1);
    position = SEND(&a, mem_copy_d2h, WAIT, .src = base, .n_bytes = 1);
    client_payload(&a, position, &byte, 1);
    assert_int_equal(byte, 77);
    position = SEND(&a, mem_alloc, WAIT, .va = base + (256 << 20), .n_bytes = 1 << 30);
    client_reply(&a, position, 2); /* CUDA_ERROR_OUT_OF_MEMORY to whoever waits for it */
    position = SEND(&a, mem_copy_d2h, WAIT, .src = base, .n_bytes = 1);
    client_payload(&a, position, &byte, 1);
    SEND(&a, mem_alloc, 0, .va = base + (256 << 20), .n_bytes = 1 << 30); /* nobody waits: the session stops */
    client_error(&a, RRTO_WIRE_CUDA, 2, "mem_alloc", false);
    /* Nothing after it runs; whoever waits learns the status. */
    position = SEND(&a, mem_copy_d2h, WAIT, .src = base, .n_bytes = 1);
    client_reply(&a, position, 2);
}

static void module_errors(void **state)
{
    (void)state;
    static const char garbage[] = "this is no module";
    uint64_t position =
        SEND_PAYLOAD(&a, module_load, WAIT, garbage, sizeof garbage, .module = 1, .n_bytes = sizeof garbage);
    const struct answer *answer = client_next(&a);
    assert_int_equal(answer->type, RRTO_CHUNK_REPLY);
    assert_int_equal(answer->position, position);
    assert_true(answer->status > 0);
    assert_int_equal(answer->library, RRTO_WIRE_CUDA);
}

/* --- what a client may not do
 * -------------------------------------------------------------------------------------------------- */

#define REFUSED(name, code, part, ...)                                                                                 \
    static void name(void **state)                                                                                     \
    {                                                                                                                  \
        (void)state;                                                                                                   \
        uint64_t base = a.welcome.arena_base;                                                                          \
        (void)base;                                                                                                    \
        __VA_ARGS__;                                                                                                   \
        client_error(&a, RRTO_WIRE_PROTOCOL, code, part, true);                                                        \
    }

static uint8_t bytes[64];
REFUSED(outside_arena, RRTO_INVALID, "invalid", SEND(&a, mem_set_d8, 0, .dst = 4096, .value = 1, .n = 1))
REFUSED(not_backed, RRTO_INVALID, "invalid", SEND(&a, mem_copy_d2h, WAIT, .src = base, .n_bytes = 1))
REFUSED(over_the_end, RRTO_INVALID, "invalid", SEND(&a, mem_alloc, 0, .va = base, .n_bytes = PAGE),
        SEND(&a, mem_copy_d2h, WAIT, .src = base + PAGE - 1, .n_bytes = 2))
REFUSED(range_wraps, RRTO_INVALID, "invalid", SEND(&a, mem_alloc, 0, .va = base, .n_bytes = PAGE),
        SEND(&a, mem_copy_d2d, 0, .dst = base, .src = base, .n_bytes = UINT64_MAX))
REFUSED(free_twice, RRTO_INVALID, "invalid", SEND(&a, mem_alloc, 0, .va = base, .n_bytes = PAGE),
        SEND(&a, mem_free, 0, .va = base, .n_bytes = PAGE), SEND(&a, mem_free, 0, .va = base, .n_bytes = PAGE))
REFUSED(alloc_outside, RRTO_INVALID, "invalid", SEND(&a, mem_alloc, 0, .va = base - PAGE, .n_bytes = 2 * PAGE))
REFUSED(unknown_stream, RRTO_INVALID, "invalid", SEND(&a, stream_synchronize, WAIT, .stream = 9))
REFUSED(wrong_kind, RRTO_INVALID, "invalid", SEND(&a, event_create, 0, .event = 5),
        SEND(&a, stream_synchronize, WAIT, .stream = 5))
REFUSED(id_taken, RRTO_INVALID, "invalid", SEND(&a, event_create, 0, .event = 5), SEND(&a, event_create, 0, .event = 5))
REFUSED(id_zero, RRTO_INVALID, "invalid", SEND(&a, event_create, 0, .event = 0))
REFUSED(gone_function, RRTO_INVALID, "invalid",
        SEND(&a, launch, 0, .function = 3, .grid_x = 1, .grid_y = 1, .grid_z = 1))
REFUSED(missing_payload, RRTO_PROTOCOL, "protocol", SEND(&a, mem_alloc, 0, .va = base, .n_bytes = PAGE),
        SEND(&a, mem_copy_h2d, 0, .dst = base, .n_bytes = 5))
REFUSED(payload_of_other_op, RRTO_PROTOCOL, "protocol",
        SEND_PAYLOAD(&a, stream_synchronize, WAIT, bytes, 5, .stream = 0))
REFUSED(endless_payload, RRTO_TOO_LARGE, "limit",
        SEND_PAYLOAD(&a, mem_copy_h2d, 0, NULL, 0, .dst = base, .n_bytes = (uint64_t)1 << 60))
REFUSED(large_reply, RRTO_TOO_LARGE, "limit", SEND(&a, ping, WAIT, .n_out = 1 << 30))
REFUSED(unknown_op, RRTO_PROTOCOL, "protocol",
        client_send_bytes(&a, RRTO_CHUNK_OPS, "\x00\x08\xff\xff\0\0\0\0\0\0", 10))
REFUSED(unknown_record, RRTO_PROTOCOL, "protocol", client_send_bytes(&a, RRTO_CHUNK_OPS, "\x03", 1))
REFUSED(bad_source, RRTO_PROTOCOL, "protocol", client_send_bytes(&a, RRTO_CHUNK_OPS, "\x01\x05\x05", 3))
REFUSED(future_subscription, RRTO_PROTOCOL, "protocol", client_send_bytes(&a, RRTO_CHUNK_SUBSCRIBE, bytes, 8))
REFUSED(server_chunk, RRTO_PROTOCOL, "protocol", client_send_bytes(&a, RRTO_CHUNK_DATA, bytes, 20))
REFUSED(large_chunk, RRTO_TOO_LARGE, "limit", rrto_conn_write(&a.conn, "\xff\xff\xff\xff\x02\0\0\0", 8, 1000))
REFUSED(wrong_hash, RRTO_MISMATCH, "differ", a.encoder.hash ^= 1, SEND(&a, stream_synchronize, WAIT, .stream = 0))

/* --- clients beside each other
 * ------------------------------------------------------------------------------------------------- */

static void two_clients(void **state)
{
    (void)state;
    client_open(&b, &server, 64 << 20);
    /* The same addresses, each in its own process. */
    assert_int_equal(a.welcome.arena_base, b.welcome.arena_base);
    uint64_t base = a.welcome.arena_base;
    uint8_t from_a = 0, from_b = 0;
    SEND(&a, mem_alloc, 0, .va = base, .n_bytes = PAGE);
    SEND(&b, mem_alloc, 0, .va = base, .n_bytes = PAGE);
    SEND(&a, mem_set_d8, 0, .dst = base, .value = 1, .n = 1);
    SEND(&b, mem_set_d8, 0, .dst = base, .value = 2, .n = 1);
    uint64_t at_b = SEND(&b, mem_copy_d2h, WAIT, .src = base, .n_bytes = 1);
    uint64_t at_a = SEND(&a, mem_copy_d2h, WAIT, .src = base, .n_bytes = 1);
    client_payload(&b, at_b, &from_b, 1);
    client_payload(&a, at_a, &from_a, 1);
    assert_int_equal(from_a, 1);
    assert_int_equal(from_b, 2);
    /* One that misbehaves does not harm the other. */
    client_send_bytes(&b, RRTO_CHUNK_OPS, "\x03", 1);
    client_error(&b, RRTO_WIRE_PROTOCOL, RRTO_PROTOCOL, "protocol", true);
    client_close(&b);
    at_a = SEND(&a, mem_copy_d2h, WAIT, .src = base, .n_bytes = 1);
    client_payload(&a, at_a, &from_a, 1);
    assert_int_equal(from_a, 1);
}

/* What a kernel prints comes ahead of the reply to a synchronise, not to just any reply; a client that knows no TEXT
 * gets none. */
static void text_of_kernels(void **state)
{
    (void)state;
    client_open_as(&b, &server, 64 << 20, 0);
    for (int old = 0; old < 2; old++) {
        struct client *client = old ? &b : &a;
        uint32_t number = 5;
        SEND_PAYLOAD(client, module_load, 0, text_ptx, sizeof text_ptx, .module = 1, .n_bytes = sizeof text_ptx);
        uint64_t position = SEND(client, function_get, WAIT, .module = 1, .function = 2,
                                 .name = (const uint8_t *)"print_number", .n_name = strlen("print_number"));
        client_reply(client, position, 0);
        for (int i = 0; i < 3; i++) {
            SEND(client, launch, 0, .function = 2, .grid_x = 1, .grid_y = 1, .grid_z = 1, .block_x = 1, .block_y = 1,
                 .block_z = 1, .params = (const uint8_t *)&number, .n_params = sizeof number);
            uint64_t query = SEND(client, stream_query, WAIT, 0),
                     synchronise = SEND(client, device_synchronize, WAIT, 0);
            client_reply(client, query, 0);
            if (!old) {
                const struct answer *answer = client_next(client);
                assert_int_equal(answer->type, RRTO_CHUNK_TEXT);
                assert_int_equal(answer->status, 1);
                assert_string_equal((const char *)answer->data, "kernel says 5\n");
            }
            client_reply(client, synchronise, 0);
        }
    }
    client_close(&b);
}

/* The payload that a server with --compute MS holds back comes before the answer that speaks for it. */
static void comes_before(struct client *client, uint64_t payload, uint64_t speaks)
{
    const struct answer *answer = client_next(client);
    assert_int_equal(answer->type, RRTO_CHUNK_DATA);
    assert_int_equal(answer->position, payload);
    client_reply(client, speaks, 0);
}

static void stated_computing(void **state)
{
    (void)state;
    struct server timed;
    server_start(&timed, (const char *const[]){"--compute", "50", NULL});
    client_open(&b, &timed, 64 << 20);
    uint64_t base = b.welcome.arena_base;
    assert_int_equal(b.welcome.results_past_bytes, 0); /* what is not computed does not travel coded */
    SEND(&b, mem_alloc, 0, .va = base, .n_bytes = PAGE);
    SEND(&b, launch, 0, 0);
    uint64_t down = SEND(&b, mem_copy_d2h, 0, .src = base, .n_bytes = 64);
    comes_before(&b, down, SEND(&b, device_synchronize, WAIT, 0));
    /* Once its stream is gone, nothing of the copy's own says when it is done. */
    uint8_t subscribe[RRTO_SUBSCRIBE_BYTES];
    SEND(&b, stream_create, 0, .stream = 1, .flags = 1);
    SEND(&b, launch, 0, 0);
    down = SEND(&b, mem_copy_d2h, 0, .src = base, .n_bytes = 64, .stream = 1);
    SEND(&b, stream_destroy, 0, .stream = 1);
    rrto_subscribe_encode(subscribe, down);
    client_send_bytes(&b, RRTO_CHUNK_SUBSCRIBE, subscribe, sizeof subscribe);
    comes_before(&b, down, down);
    client_close(&b);
    assert_int_equal(server_stop(&timed), 0);
}

static void goodbye(void **state)
{
    (void)state;
    SEND(&a, device_synchronize, 0, 0);
    rrto_record_end(&a.encoder);
    client_send_bytes(&a, RRTO_CHUNK_OPS, a.encoder.out.data, a.encoder.out.size);
    assert_int_equal(client_next(&a)->type, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_a, close_a)
    const struct CMUnitTest tests[] = {
        TEST(welcome),
        TEST(copies),
        TEST(small_staging),
        TEST(ping),
        TEST(predicted),
        TEST(times),
        TEST(starving),
        TEST(streams_and_events),
        cmocka_unit_test(event_destroyed_in_a_wait),
        TEST(memory),
        TEST(module_errors),
        TEST(outside_arena),
        TEST(not_backed),
        TEST(over_the_end),
        TEST(range_wraps),
        TEST(free_twice),
        TEST(alloc_outside),
        TEST(unknown_stream),
        TEST(wrong_kind),
        TEST(id_taken),
        TEST(id_zero),
        TEST(gone_function),
        TEST(missing_payload),
        TEST(payload_of_other_op),
        TEST(endless_payload),
        TEST(large_reply),
        TEST(unknown_op),
        TEST(unknown_record),
        TEST(bad_source),
        TEST(future_subscription),
        TEST(server_chunk),
        TEST(large_chunk),
        TEST(wrong_hash),
        TEST(two_clients),
        TEST(text_of_kernels),
        TEST(stated_computing),
        TEST(goodbye),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
