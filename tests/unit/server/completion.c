/* SPDX-License-Identifier: Apache-2.0 */
/* Completions: what is sent when, for every order in which events can complete. */
#include "completion.h"

#include "../test.h"
#include "base/status.h"
#include "fake_driver.h"
#include "wire/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static struct fake *fake;
static struct rrto_conn theirs;
static struct rrto_reader reader;
static struct rrto_outbox *outbox;
static struct rrto_completion *completion;
static struct rrto_staging *staging;

/* Waiter threads stay, so what they use is never freed: one set for each test. */
static struct {
    struct rrto_outbox outbox;
    struct rrto_completion completion;
    struct rrto_staging staging;
    struct rrto_conn ours;
    struct fake fake;
} sets[12];

static int setup(void **state)
{
    (void)state;
    static unsigned n_sets;
    int fds[2];
    fake = &sets[n_sets].fake;
    fake_init(fake);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
        return -1;
    struct rrto_conn *ours = &sets[n_sets].ours;
    rrto_conn_init_socket(ours, fds[0]);
    rrto_conn_init_socket(&theirs, fds[1]);
    rrto_reader_init(&reader, &theirs);
    outbox = &sets[n_sets].outbox;
    completion = &sets[n_sets].completion;
    staging = &sets[n_sets++].staging;
    rrto_staging_init(staging, &fake->driver, 1 << 20);
    return rrto_outbox_start(outbox, ours, 1 << 20, NULL, NULL) ||
           rrto_completion_init(completion, &fake->driver, NULL, outbox);
}

/* Adds an entry that waits for an event on a stream; returns the event's number. */
static unsigned add(uint64_t position, int stream, const char *data, bool replies)
{
    int32_t error;
    struct rrto_completion_entry *entry = rrto_completion_entry(completion);
    entry->position = position;
    entry->own_event = rrto_completion_record(completion, (void *)(uintptr_t)stream, &error);
    entry->events = &entry->own_event;
    entry->n_events = 1;
    entry->stream = (void *)(uintptr_t)stream;
    unsigned number = fake_number(entry->own_event);
    if (data) {
        entry->block = rrto_staging_get(staging, strlen(data), true);
        memcpy(entry->block->data, data, strlen(data));
        entry->data = entry->block->data;
        entry->n_data = strlen(data);
    }
    entry->replies = replies;
    entry->head.position = position;
    rrto_completion_add(completion, entry);
    return number;
}

static void add_at_once(uint64_t position, bool in_order)
{
    struct rrto_completion_entry *entry = rrto_completion_entry(completion);
    entry->position = position;
    entry->replies = true;
    entry->in_order = in_order;
    entry->head.position = position;
    rrto_completion_add(completion, entry);
}

/* The next chunk as "type position [status|data]". */
static const char *next(void)
{
    static char text[200];
    uint8_t bytes[160] = {0};
    struct rrto_chunk chunk;
    assert_int_equal(rrto_reader_chunk(&reader, 5000, &chunk), RRTO_OK);
    assert_true(chunk.n_bytes < sizeof bytes);
    assert_int_equal(rrto_reader_read(&reader, bytes, chunk.n_bytes), RRTO_OK);
    uint64_t position;
    memcpy(&position, bytes, 8);
    if (chunk.type == RRTO_CHUNK_DATA)
        snprintf(text, sizeof text, "data %d %s", (int)position, bytes + RRTO_DATA_HEAD_BYTES);
    else if (chunk.type == RRTO_CHUNK_REPLY)
        snprintf(text, sizeof text, "reply %d %d", (int)position, bytes[16] | bytes[17] << 8);
    else
        snprintf(text, sizeof text, "error %d %d", (int)position, bytes[8] | bytes[9] << 8);
    return text;
}

static void nothing_more(void)
{
    struct rrto_chunk chunk;
    rrto_completion_settle(completion);
    assert_int_equal(rrto_reader_chunk(&reader, 0, &chunk), RRTO_TIMEOUT);
}

static void one_after_another(void **state)
{
    (void)state;
    unsigned a = add(1, 1, "abc", true), b = add(2, 1, NULL, true);
    nothing_more();
    fake_complete(a, 0);
    assert_string_equal(next(), "data 1 abc");
    assert_string_equal(next(), "reply 1 0");
    nothing_more();
    fake_complete(b, 0);
    assert_string_equal(next(), "reply 2 0");
    assert_true(rrto_completion_flush(completion, 1000));
    assert_int_equal(staging->n_used, 0);
}

/* A stream that does not end holds up nobody else. */
static void streams_do_not_wait_for_each_other(void **state)
{
    (void)state;
    unsigned a = add(1, 1, "slow", true), b = add(2, 2, "fast", true);
    fake_complete(b, 0);
    assert_string_equal(next(), "data 2 fast");
    assert_string_equal(next(), "reply 2 0");
    add_at_once(3, false);
    assert_string_equal(next(), "reply 3 0");
    fake_complete(a, 0);
    assert_string_equal(next(), "data 1 slow");
    assert_string_equal(next(), "reply 1 0");
}

/* A driver gives the handle of a stream that was destroyed to the next one, which does not come behind what that had;
 * nor do others, and what that had stays in order. */
static void a_stream_in_anothers_place(void **state)
{
    (void)state;
    unsigned first = add(1, 7, "old", true), second = add(2, 7, NULL, true);
    rrto_completion_stream_ends(completion, (void *)7);
    unsigned new = add(3, 7, "new", true), other = add(4, 8, NULL, true);
    fake_complete(new, 0);
    assert_string_equal(next(), "data 3 new");
    assert_string_equal(next(), "reply 3 0");
    fake_complete(other, 0);
    assert_string_equal(next(), "reply 4 0");
    fake_complete(second, 0);
    nothing_more();
    fake_complete(first, 0);
    assert_string_equal(next(), "data 1 old");
    assert_string_equal(next(), "reply 1 0");
    assert_string_equal(next(), "reply 2 0");
}

/* More streams than there are idle waiters, in a burst that none of these has had time to look at: each has its own. */
static void a_burst_has_waiters_enough(void **state)
{
    (void)state;
    enum { STREAMS = 10 };
    unsigned events[STREAMS];
    for (unsigned n = 2; n <= STREAMS; n++) { /* the n - 1 waiters of the round before are idle */
        char expected[40];
        for (unsigned i = 0; i < n; i++)
            events[i] = add(100 * n + i, (int)i + 1, NULL, true);
        for (unsigned i = n; i-- > 0;) { /* the last first: those before it hold up their waiters */
            fake_complete(events[i], 0);
            snprintf(expected, sizeof expected, "reply %u 0", 100 * n + i);
            assert_string_equal(next(), expected);
        }
    }
}

/* More streams than there can be waiters: what the last one has done may be what the others wait for. */
static void more_streams_than_waiters(void **state)
{
    (void)state;
    enum { STREAMS = 100 };
    unsigned events[STREAMS];
    char expected[40];
    for (unsigned i = 0; i < STREAMS; i++)
        events[i] = add(i, (int)i + 1, NULL, true);
    for (unsigned i = STREAMS; i-- > 0;) {
        fake_complete(events[i], 0);
        snprintf(expected, sizeof expected, "reply %u 0", i);
        assert_string_equal(next(), expected);
    }
    assert_true(completion->n_waiters <= RRTO_COMPLETION_MAX_WAITERS);
}

/* Each wait for an event of the client's has a stream of its own; where the driver gives no more, the next shares one;
 * where it gives none, the call fails with the driver's error; a limit is a refusal. */
static void followers(void **state)
{
    (void)state;
    static struct rrto_completion_follower *all[RRTO_COMPLETION_MAX_FOLLOWERS];
    int32_t error;
    fake->max_streams = 0;
    assert_null(rrto_completion_follow(completion, NULL, &error));
    assert_int_equal(error, RRTO_CU_OUT_OF_MEMORY);
    fake->max_streams = 200;
    for (unsigned i = 0; i < 201; i++) {
        all[i] = rrto_completion_follow(completion, NULL, &error);
        assert_non_null(all[i]);
        assert_int_equal(error, 0);
        assert_int_equal(all[i]->n_users, i < 200 ? 1 : 2);
    }
    for (unsigned i = 0; i < 201; i++)
        rrto_completion_unfollow(completion, all[i]);
    fake->max_streams = UINT32_MAX;
    for (unsigned i = 0; i < RRTO_COMPLETION_MAX_FOLLOWERS; i++) {
        all[i] = rrto_completion_follow(completion, NULL, &error);
        assert_non_null(all[i]);
        assert_int_equal(all[i]->n_users, 1);
    }
    assert_null(rrto_completion_follow(completion, NULL, &error));
    assert_int_equal(error, RRTO_TOO_LARGE);
    rrto_completion_unfollow(completion, all[7]);
    assert_ptr_equal(rrto_completion_follow(completion, NULL, &error), all[7]);
}

/* D2H on stream 1, an event, stream 2 waits for it, only stream 2 is synchronised: the payload comes before the reply.
 */
static void payload_before_reply(void **state)
{
    (void)state;
    unsigned a = add(1, 1, "payload", false), b = add(2, 2, NULL, true);
    fake_complete(a, 0);
    fake_complete(b, 0);
    assert_string_equal(next(), "data 1 payload");
    assert_string_equal(next(), "reply 2 0");
    /* The same when the reply has nothing to wait for: a query that said "complete". */
    a = add(3, 1, "again", false);
    fake_complete(a, 0);
    add_at_once(4, false);
    assert_string_equal(next(), "data 3 again");
    assert_string_equal(next(), "reply 4 0");
}

static void in_order_waits(void **state)
{
    (void)state;
    unsigned a = add(1, 1, NULL, true);
    add_at_once(2, true);
    nothing_more();
    fake_complete(a, 0);
    assert_string_equal(next(), "reply 1 0");
    assert_string_equal(next(), "reply 2 0");
}

/* A reply that tells times carries them behind its head, and says how long the work took once it is done. */
static void times(void **state)
{
    (void)state;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    const uint64_t now = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
    uint8_t bytes[RRTO_REPLY_HEAD_BYTES + RRTO_REPLY_TIMES_BYTES + 3];
    struct rrto_reply_head head;
    struct rrto_reply_times told;
    struct rrto_chunk chunk;
    struct rrto_completion_entry *entry = rrto_completion_entry(completion);
    entry->position = 9;
    entry->replies = true;
    entry->head = (struct rrto_reply_head){.position = 9, .flags = RRTO_REPLY_TIMES};
    entry->times = (struct rrto_reply_times){.arriving_us = 5, .queue_us = 6};
    entry->started_ns = now - 30000000;
    entry->fields = (uint8_t *)strdup("xyz");
    entry->n_fields = 3;
    rrto_completion_add(completion, entry);
    assert_int_equal(rrto_reader_chunk(&reader, 5000, &chunk), RRTO_OK);
    assert_int_equal(chunk.n_bytes, sizeof bytes);
    assert_int_equal(rrto_reader_read(&reader, bytes, sizeof bytes), RRTO_OK);
    assert_int_equal(rrto_reply_head_decode(bytes, &head), RRTO_OK);
    assert_int_equal(head.flags, RRTO_REPLY_TIMES);
    rrto_reply_times_decode(bytes + RRTO_REPLY_HEAD_BYTES, &told);
    assert_int_equal(told.arriving_us, 5);
    assert_int_equal(told.queue_us, 6);
    assert_true(told.compute_us >= 30000 && told.compute_us < 30000000);
    assert_memory_equal(bytes + sizeof bytes - 3, "xyz", 3);
    assert_int_equal(rrto_completion_us(1499), 1);
    assert_int_equal(rrto_completion_us(1500), 2);
    assert_int_equal(rrto_completion_us(UINT64_C(5000000000000000)), UINT32_MAX);
}

/* The device fails: the session is told once, then the waiting op learns it, later ones get the same status. */
static void device_error(void **state)
{
    (void)state;
    unsigned a = add(7, 1, "lost", true), b = add(8, 1, NULL, true);
    fake_complete(a, 700);
    assert_string_equal(next(), "error 7 700");
    assert_string_equal(next(), "reply 7 700");
    assert_int_equal(completion->device_error, 700);
    fake_complete(b, 700);
    assert_string_equal(next(), "reply 8 700");
    nothing_more();
    assert_int_equal(staging->n_used, 0); /* what was not sent was given back */
}

/* A query lets the driver keep what kernels print; so before a reply, and before the error, there is a synchronise, who
 * ever found that the event has completed. Payloads without a reply need none. */
static void synchronised_before_a_reply(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        int32_t error;
        struct rrto_completion_entry *entry = rrto_completion_entry(completion);
        entry->position = entry->head.position = i;
        entry->own_event = rrto_completion_record(completion, NULL, &error);
        entry->events = &entry->own_event;
        entry->n_events = 1;
        entry->replies = i > 0;
        fake_complete(fake_number(entry->own_event), i == 2 ? 710 : 0);
        unsigned before = fake->n_synchronises;
        rrto_completion_add(completion, entry); /* it has completed: no thread waits for it */
        assert_int_equal(fake->n_synchronises, before + (i > 0));
    }
    assert_string_equal(next(), "reply 1 0");
    assert_string_equal(next(), "error 2 710");
    assert_string_equal(next(), "reply 2 710");
}

/* Several events; events and entries are used again. */
static void many(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 200; i++) {
        int32_t error;
        struct rrto_completion_entry *entry = rrto_completion_entry(completion);
        entry->position = entry->head.position = i;
        entry->events = calloc(3, sizeof *entry->events);
        entry->n_events = 3;
        unsigned numbers[3];
        for (int j = 0; j < 3; j++) {
            entry->events[j] = rrto_completion_record(completion, NULL, &error);
            numbers[j] = fake_number(entry->events[j]);
        }
        entry->replies = true;
        entry->stream = completion;
        rrto_completion_add(completion, entry);
        fake_complete(numbers[i % 3], 0);
        fake_complete(numbers[(i + 1) % 3], 0);
        nothing_more();
        fake_complete(numbers[(i + 2) % 3], 0);
        char expected[40];
        snprintf(expected, sizeof expected, "reply %d 0", (int)i);
        assert_string_equal(next(), expected);
    }
    assert_true(fake->n_events < 12);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        TEST(one_after_another),
        TEST(streams_do_not_wait_for_each_other),
        TEST(a_stream_in_anothers_place),
        TEST(payload_before_reply),
        TEST(in_order_waits),
        TEST(a_burst_has_waiters_enough),
        TEST(more_streams_than_waiters),
        TEST(followers),
        TEST(device_error),
        TEST(synchronised_before_a_reply),
        TEST(many),
        TEST(times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
