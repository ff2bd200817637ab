/* SPDX-License-Identifier: Apache-2.0 */
/* What one session can have of the server, asked for by a client that does not count: memory, streams, objects, bytes
 * of a module, copies under way, sessions (what a module may be when it is decompressed: tests/unit/fatbin). What is
 * over is refused with the error that docs/security.md and docs/wire.md name, and neither the server nor another
 * session suffers. Keys, whose quotas these will be, are not there yet.
 *
 * Rule: 33
 * Seen to fail: the worker reads copies without regard to --staging: 200 of them grow it by 65 MiB; no limit on
 * objects, on a module's bytes, on mapped memory, on sessions: each test of its own is wrong. Streams over the limit
 * were "invalid" and not "over a stated limit" when this test was written. */
#include "harness.h"

#include "../../unit/test.h"
#include "base/status.h"
#include "wire/connect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WAIT = RRTO_RECORD_WAIT, MiB = 1 << 20, QUOTA = 32 * MiB, MAX_STREAMS = 1024, MAX_OBJECTS = 1 << 20 };
enum { OUT_OF_MEMORY = 2 }; /* CUDA's */

static struct server server;
static struct client mine;

static int start(void **state)
{
    (void)state;
    static const char *const arguments[] = {"--memory", "32M", "--sessions", "4", NULL};
    server_start(&server, arguments);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    return server_stop(&server) == 0 ? 0 : -1;
}

static int open_client(void **state)
{
    (void)state;
    assert_int_equal(find_worker(server.pid, 0), 0); /* the one before is gone */
    client_open(&mine, &server, 0);
    return 0;
}

static int close_client(void **state)
{
    (void)state;
    client_close(&mine);
    return 0;
}

/* Another session works as if nothing had been. */
static void another_works(void)
{
    struct client other;
    uint8_t byte = 0;
    client_open(&other, &server, 0);
    uint64_t base = other.welcome.arena_base;
    SEND(&other, mem_alloc, 0, .va = base, .n_bytes = 2 * MiB);
    SEND(&other, mem_set_d8, 0, .dst = base, .value = 5, .n = 1);
    uint64_t position = SEND(&other, mem_copy_d2h, WAIT, .src = base, .n_bytes = 1);
    client_payload(&other, position, &byte, 1);
    assert_int_equal(byte, 5);
    client_close(&other);
}

/* The client is told its quota and counts by it; what the server maps is that, an eighth, and 64 MiB for shared pages.
 */
static void memory(void **state)
{
    (void)state;
    enum { MOST = QUOTA + QUOTA / 8 + 64 * MiB };
    uint64_t base = mine.welcome.arena_base, position;
    assert_int_equal(mine.welcome.memory, QUOTA);
    position = SEND(&mine, mem_alloc, WAIT, .va = base, .n_bytes = MOST);
    client_reply(&mine, position, 0);
    position = SEND(&mine, mem_alloc, WAIT, .va = base + ((uint64_t)1 << 30), .n_bytes = 2 * MiB);
    client_reply(&mine, position, OUT_OF_MEMORY);
    another_works();
    SEND(&mine, mem_free, 0, .va = base, .n_bytes = MOST);
    position = SEND(&mine, mem_alloc, WAIT, .va = base + ((uint64_t)1 << 30), .n_bytes = 2 * MiB);
    client_reply(&mine, position, 0);
}

static void streams(void **state)
{
    (void)state;
    for (uint32_t id = 1; id < MAX_STREAMS; id++)
        SEND(&mine, stream_create, 0, .stream = id, .flags = 1);
    uint64_t position = SEND(&mine, device_synchronize, WAIT, 0);
    client_reply(&mine, position, 0);
    another_works();
    SEND(&mine, stream_create, 0, .stream = MAX_STREAMS, .flags = 1);
    client_error(&mine, RRTO_WIRE_PROTOCOL, RRTO_TOO_LARGE, "stream_create cannot be executed", true);
    another_works();
}

/* Ids of all kinds together. */
static void objects(void **state)
{
    (void)state;
    for (uint32_t id = 1; id <= MAX_OBJECTS + 1; id++) {
        PACK(&mine, event_create, .event = id, .flags = 2);
        (void)rrto_record_encode(&mine.encoder, RRTO_RECORD_NO_SOURCE, mine.op.data, mine.op.size, 0, NULL);
        bool last = id == MAX_OBJECTS; /* the next one goes alone: this many are fine */
        if (mine.encoder.out.size > 1 * MiB || last || id > MAX_OBJECTS) {
            rrto_record_close(&mine.encoder);
            client_send_bytes(&mine, RRTO_CHUNK_OPS, mine.encoder.out.data, mine.encoder.out.size);
            rrto_buf_clear(&mine.encoder.out);
        }
        if (last) {
            uint64_t position = SEND(&mine, event_query, WAIT, .event = MAX_OBJECTS);
            client_reply(&mine, position, 0);
        }
    }
    client_error(&mine, RRTO_WIRE_PROTOCOL, RRTO_TOO_LARGE, "event_create cannot be executed", true);
    another_works();
}

/* Refused by its announced size, before any of it has come. */
static void module(void **state)
{
    (void)state;
    SEND_PAYLOAD(&mine, module_load, WAIT, NULL, 0, .module = 1, .n_bytes = (1u << 30) + 1);
    client_error(&mine, RRTO_WIRE_PROTOCOL, RRTO_TOO_LARGE, "limit", true);
}

static uint64_t most_resident_kib(pid_t pid)
{
    char path[40], line[200];
    unsigned long long kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        (void)sscanf(line, "VmHWM: %llu", &kib);
    if (file)
        fclose(file);
    return kib;
}

/* Far more copies than may be under way, on a device that does everything as late as it may: the worker reads no more
 * of them than it has room for. */
static void staging(void **state)
{
    (void)state;
    enum { COPIES = 200 };
    static const char *const arguments[] = {"--staging", "1M", "--sched", "adversarial:1", NULL};
    struct server late;
    struct client client; /* of that server */
    server_start(&late, arguments);
    client_open(&client, &late, 64 * MiB);
    uint64_t base = client.welcome.arena_base;
    uint8_t *in = calloc(1, MiB), out[1];
    pid_t worker = find_worker(late.pid, 1);
    SEND(&client, mem_alloc, 0, .va = base, .n_bytes = 2 * MiB);
    uint64_t position = SEND(&client, device_synchronize, WAIT, 0);
    client_reply(&client, position, 0);
    uint64_t before = most_resident_kib(worker);
    for (int i = 0; i < COPIES; i++) {
        in[0] = (uint8_t)i;
        SEND_PAYLOAD(&client, mem_copy_h2d, 0, in, MiB, .dst = base, .n_bytes = MiB);
    }
    position = SEND(&client, mem_copy_d2h, WAIT, .src = base, .n_bytes = 1);
    client_payload(&client, position, out, 1);
    assert_int_equal(out[0], (uint8_t)(COPIES - 1));
    uint64_t grown = most_resident_kib(worker) - before;
    if (before == 0 || grown > 24 << 10)
        fail_msg("%d MiB of copies grew the worker by %llu KiB", COPIES, (unsigned long long)grown);
    free(in);
    client_close(&client);
    assert_int_equal(server_stop(&late), 0);
}

static void sessions(void **state)
{
    (void)state;
    struct client others[3];
    struct rrto_conn one_more;
    char why[200] = "";
    for (int i = 0; i < 3; i++)
        client_open(&others[i], &server, 0);
    assert_int_equal(rrto_wire_connect(server.address, 10000, 0, &one_more, why, sizeof why), RRTO_REFUSED);
    assert_non_null(strstr(why, "all sessions are taken"));
    for (int i = 0; i < 3; i++)
        client_close(&others[i]);
    assert_int_not_equal(find_worker(server.pid, 1), 0);
    another_works();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_client, close_client)
    const struct CMUnitTest tests[] = {
        TEST(memory), TEST(streams), TEST(objects), TEST(module), TEST(staging), TEST(sessions),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
