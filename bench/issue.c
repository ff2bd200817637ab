/* SPDX-License-Identifier: Apache-2.0 */
/* What issue() costs for an op that is as predicted: a stream like ResNet-18's (one copy in, 70 launches with parameter
 * blocks of 64 to 760 bytes, a few of which change), on a connection that swallows everything. Prints ns per op: p50
 * and p99 over single calls (with the clock's own cost stated), and the mean. */
#include "base/clock.h"
#include "base/status.h"
#include "gen/ops.h"
#include "replay/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPS = 70, WARM_UP = 5000 /* the log has been filled once */, INFERENCES = 3000 };

static int swallow(struct rrto_conn *conn, const struct iovec *iov, int n_iov, size_t *ret_n)
{
    (void)conn;
    *ret_n = 0;
    for (int i = 0; i < n_iov; i++)
        *ret_n += iov[i].iov_len;
    return RRTO_OK;
}

static int nothing_to_read(struct rrto_conn *conn, void *data, size_t n, size_t *ret_n)
{
    (void)conn;
    (void)data;
    (void)n;
    *ret_n = 0;
    return RRTO_TIMEOUT;
}

static int never(struct rrto_conn *conn, bool for_write, int timeout_ms)
{
    (void)conn;
    (void)for_write;
    (void)timeout_ms;
    return RRTO_TIMEOUT;
}

static void nothing(struct rrto_conn *conn)
{
    (void)conn;
}

static int compare(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

int main(void)
{
    static const struct rrto_conn_transport transport = {"null", nothing_to_read, swallow, never, nothing, nothing};
    static struct rrto_session session;
    static struct rrto_counters counters;
    static uint8_t params[OPS][760], input[602112];
    static uint32_t samples[INFERENCES * OPS];
    static struct rrto_buf ops[OPS];
    struct rrto_conn conn = {.transport = &transport, .fd = -1};
    struct rrto_session_options options = {.mode = rrto_mode_default(),
                                           .table = rrto_optable_generated(),
                                           .elide = true,
                                           .memo = true,
                                           .predict = true,
                                           .patch = true,
                                           .slot_kinds = RRTO_SLOTS_ALL,
                                           .seq_levels = RRTO_SEQ_ALL,
                                           .insist = true,
                                           .early = true,
                                           .push = true,
                                           .flusher = true,
                                           .log_bytes = 32 << 20,
                                           .chunk_bytes = 1 << 20,
                                           .queue_bytes = 64 << 20,
                                           .now_ns = rrto_now_ns};
    struct rrto_session_caller caller = {.thread = 1};
    rrto_counters_init(&counters);
    if (rrto_session_init(&session, &conn, &options, &counters) != RRTO_OK)
        return 1;
    for (unsigned i = 0; i < OPS; i++) {
        struct rrto_args_launch args = {.function = 1 + i % 4,
                                        .grid_x = 100 + i,
                                        .grid_y = 1,
                                        .grid_z = 1,
                                        .block_x = 128,
                                        .block_y = 1,
                                        .block_z = 1,
                                        .params = params[i],
                                        .n_params = i % 7 == 0 ? 760 : 64};
        rrto_buf_init(&ops[i], 4096);
        rrto_pack_launch(&ops[i], &args);
    }
    struct rrto_buf copy;
    struct rrto_args_mem_copy_h2d copy_args = {.dst = 4096, .n_bytes = sizeof input};
    struct rrto_issue_extra extra = {.up = input};
    rrto_buf_init(&copy, 4096);
    rrto_pack_mem_copy_h2d(&copy, &copy_args);
    size_t n = 0;
    uint64_t spent = 0;
    for (unsigned inference = 0; inference < WARM_UP + INFERENCES; inference++) {
        rrto_session_issue(&session, &caller, copy.data, copy.size, &extra);
        for (unsigned i = 0; i < OPS; i++) {
            if (i % 7 == 0) /* garbage in a tail, as in OffsetCalculator */
                memcpy(ops[i].data + ops[i].size - 60, &inference, 3);
            uint64_t start = rrto_now_ns();
            rrto_session_issue(&session, &caller, ops[i].data, ops[i].size, NULL);
            uint64_t ns = rrto_now_ns() - start;
            if (inference >= WARM_UP) {
                samples[n++] = (uint32_t)ns;
                spent += ns;
            }
        }
        rrto_session_flush(&session);
    }
    uint64_t clock_ns = rrto_now_ns();
    for (unsigned i = 0; i < 1000; i++)
        (void)rrto_now_ns();
    clock_ns = (rrto_now_ns() - clock_ns) / 1000;
    qsort(samples, n, sizeof samples[0], compare);
    printf("issue, as predicted: p50 %u ns, p99 %u ns, mean %lu ns over %zu ops (clock included: %lu ns)\n",
           samples[n / 2], samples[n * 99 / 100], (unsigned long)(spent / n), n, (unsigned long)clock_ns);
    printf("literal %lu, predicted %lu, patched %lu of %lu ops; %lu bytes up besides payload per inference\n",
           (unsigned long)counters.ops_literal, (unsigned long)counters.ops_predicted,
           (unsigned long)counters.ops_patched, (unsigned long)counters.ops,
           (unsigned long)((counters.bytes_up - counters.payload_up) / (WARM_UP + INFERENCES)));
    for (unsigned i = 0; i < OPS; i++)
        rrto_buf_fini(&ops[i]);
    rrto_buf_fini(&copy);
    rrto_session_fini(&session, 0);
    return 0;
}
