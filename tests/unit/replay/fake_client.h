/* SPDX-License-Identifier: Apache-2.0 */
/* A session of the test's own against the server in a thread, and functions that issue its ops. */
#ifndef RRTO_TESTS_FAKE_CLIENT_H
#define RRTO_TESTS_FAKE_CLIENT_H

#include "fake_server.h"

#include "base/status.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

__attribute__((unused)) static struct fake_server server;
__attribute__((unused)) static struct rrto_session session;
__attribute__((unused)) static struct rrto_counters counters;
__attribute__((unused)) static struct rrto_session_caller caller;
static uint64_t clock_ns;

__attribute__((unused)) static uint64_t test_clock(void)
{
    return __atomic_add_fetch(&clock_ns, 1000, __ATOMIC_RELAXED);
}

/* For tests of the flusher, which sleeps in real time. */
__attribute__((unused)) static uint64_t real_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

__attribute__((unused)) static struct rrto_session_options defaults(const char *mode)
{
    return (struct rrto_session_options){.mode = rrto_mode_find(mode),
                                         .table = fake_optable(),
                                         .elide = true,
                                         .memo = true,
                                         .predict = true,
                                         .patch = true,
                                         .slot_kinds = RRTO_SLOTS_ALL,
                                         .seq_levels = RRTO_SEQ_ALL,
                                         .insist = true,
                                         .early = true,
                                         .push = true,
                                         .log_bytes = 1 << 20,
                                         .chunk_bytes = 1 << 20,
                                         .queue_bytes = 1 << 20,
                                         .now_ns = test_clock};
}

__attribute__((unused)) static void begin(const struct rrto_session_options *options)
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

__attribute__((unused)) static void end(void)
{
    rrto_session_fini(&session, 5000);
    fake_stop(&server);
}

/* --- ops --- */

struct op {
    _Alignas(8) uint8_t bytes[64];
    size_t n;
};

__attribute__((unused)) static struct op make(enum fake_op number, const void *args, size_t n)
{
    struct op op = {.n = 8 + n};
    struct rrto_op_header header = {(uint16_t)number, 0, (uint32_t)n};
    memcpy(op.bytes, &header, sizeof header);
    if (n > 0)
        memcpy(op.bytes + 8, args, n);
    return op;
}

__attribute__((unused)) static int32_t issue(struct op op, const struct rrto_issue_extra *extra)
{
    return rrto_session_issue(&session, &caller, op.bytes, op.n, extra);
}

__attribute__((unused)) static int32_t work(uint32_t stream, uint32_t kernel, uint32_t garbage)
{
    uint32_t args[10] = {stream, kernel, 1, 2, 3, garbage, 4, 5, 6, 7};
    return issue(make(FAKE_WORK, args, sizeof args), NULL);
}

__attribute__((unused)) static int32_t copy_up(uint32_t stream, const void *data, uint64_t n)
{
    uint8_t args[12];
    memcpy(args, &n, 8);
    memcpy(args + 8, &stream, 4);
    return issue(make(FAKE_H2D, args, sizeof args), &(struct rrto_issue_extra){.up = (void *)(uintptr_t)data});
}

__attribute__((unused)) static int32_t copy_down(uint32_t stream, void *data, uint64_t n, bool wait,
                                                 uint64_t *ret_position)
{
    uint8_t args[12];
    memcpy(args, &n, 8);
    memcpy(args + 8, &stream, 4);
    return issue(make(FAKE_D2H, args, sizeof args),
                 &(struct rrto_issue_extra){.down = data, .wait = wait, .ret_position = ret_position});
}

__attribute__((unused)) static int32_t simple(enum fake_op number, uint32_t stream)
{
    return issue(make(number, &stream, number == FAKE_DEVICE_SYNC || number == FAKE_OPEN ? 0 : sizeof stream), NULL);
}

__attribute__((unused)) static void assert_arrived(const uint8_t *data, uint64_t position, uint64_t n)
{
    uint64_t wrong = 0;
    for (uint64_t i = 0; i < n; i++)
        wrong += data[i] != (uint8_t)(position * 31 + i);
    assert_int_equal(wrong, 0);
}

/* Copy in and synchronise, 70 launches, copy out: what PyTorch does. */
__attribute__((unused)) static uint8_t input[20000], output[400];
__attribute__((unused)) static void inference(unsigned number)
{
    uint64_t position;
    memset(input, (int)number, sizeof input);
    assert_int_equal(copy_up(0, input, sizeof input), 0);
    memset(input, 255, sizeof input); /* it was snapshotted */
    assert_int_equal(simple(FAKE_SYNC, 0), 0);
    for (uint32_t i = 0; i < 70; i++)
        assert_int_equal(work(0, i % 9, i == 30 ? number * number * 7919 : 0), 0);
    assert_int_equal(copy_down(0, output, sizeof output, true, &position), 0);
    assert_arrived(output, position, sizeof output);
}

#endif
