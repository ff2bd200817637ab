/* SPDX-License-Identifier: Apache-2.0 */
/* A session that does nothing but ask the server how it is. */
#include "cli/ping.h"

#include "base/clock.h"
#include "base/status.h"
#include "gen/ops.h"
#include "replay/claim.h"
#include "replay/record.h"
#include "wire/connect.h"
#include "wire/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOG_BYTES = 65536, MAX_PINGS = 99 };

struct session {
    struct rrto_conn conn;
    struct rrto_reader reader;
    struct rrto_record_encoder encoder;
    int timeout_ms;
};

/* Sends what the encoder has ready as one frame. */
static int send_records(struct session *session)
{
    struct rrto_buf *out = &session->encoder.out;
    uint8_t header[RRTO_CHUNK_HEADER_BYTES];
    struct rrto_chunk chunk = {.n_bytes = (uint32_t)out->size, .type = RRTO_CHUNK_OPS, .flags = RRTO_CHUNK_END};
    rrto_chunk_encode(header, &chunk);
    struct iovec iov[] = {{header, sizeof header}, {out->data, out->size}};
    int status = out->failed ? RRTO_NO_MEMORY : rrto_conn_writev(&session->conn, iov, 2, session->timeout_ms);
    rrto_buf_clear(out);
    return status;
}

static int await_reply(struct session *session, uint64_t position)
{
    for (;;) {
        struct rrto_chunk chunk;
        uint8_t bytes[RRTO_REPLY_HEAD_BYTES];
        struct rrto_reply_head head;
        int status = rrto_reader_chunk(&session->reader, session->timeout_ms, &chunk);
        if (status != RRTO_OK)
            return status;
        if (chunk.type == RRTO_CHUNK_ERROR)
            return RRTO_PROTOCOL;
        if (chunk.type == RRTO_CHUNK_REPLY) {
            status = rrto_reader_read(&session->reader, bytes, sizeof bytes);
            if (status == RRTO_OK)
                status = rrto_reply_head_decode(bytes, &head);
            if (status != RRTO_OK)
                return status;
            if (head.position >= position)
                return rrto_reader_skip(&session->reader);
        }
        status = rrto_reader_skip(&session->reader);
        if (status != RRTO_OK)
            return status;
    }
}

static int exchange(struct session *session, uint64_t *ret_ns)
{
    struct rrto_buf op;
    struct rrto_args_ping arguments = {0};
    rrto_buf_init(&op, 256);
    rrto_pack_ping(&op, &arguments);
    uint64_t position = session->encoder.log.head, start_ns = rrto_now_ns();
    rrto_record_encode(&session->encoder, RRTO_RECORD_NO_SOURCE, op.data, op.size, RRTO_RECORD_WAIT, NULL);
    rrto_buf_fini(&op);
    int status = send_records(session);
    if (status == RRTO_OK)
        status = await_reply(session, position);
    *ret_ns = rrto_now_ns() - start_ns;
    return status;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static int exchange_all(struct session *session, int n, uint64_t *ret_median_ns)
{
    uint64_t times[MAX_PINGS];
    int status = rrto_record_encoder_init(&session->encoder, LOG_BYTES, RRTO_SLOTS_ALL);
    for (int i = 0; i < n && status == RRTO_OK; i++)
        status = exchange(session, &times[i]);
    if (status == RRTO_OK) {
        qsort(times, (size_t)n, sizeof *times, compare);
        *ret_median_ns = times[n / 2];
        rrto_record_end(&session->encoder);
        send_records(session); /* a failed goodbye is none of the caller's concern */
    }
    rrto_record_encoder_fini(&session->encoder);
    return status;
}

/* Those that a program would offer; nothing will be mapped in them here. */
static void offer_ranges(struct rrto_control_hello *hello)
{
    struct rrto_claim claim;
    rrto_claim_candidates(&claim);
    hello->n_candidates = claim.n;
    memcpy(hello->candidates, claim.held, sizeof claim.held);
    (void)rrto_claim_keep(&claim, 0, 0);
}

int rrto_ping(const char *server, int timeout_ms, int n, struct rrto_ping_result *ret_result, char *ret_why,
              size_t n_why)
{
    static struct session session; /* the reader's buffer is large */
    struct rrto_control_hello hello = {.slot_kinds = RRTO_SLOTS_ALL, .log_bytes = LOG_BYTES};
    offer_ranges(&hello);
    uint64_t start_ns = rrto_now_ns();
    session.timeout_ms = timeout_ms;
    int status = rrto_wire_connect(server, timeout_ms, 0, &session.conn, ret_why, n_why);
    if (status != RRTO_OK)
        return status;
    status = rrto_control_open(&session.conn, &hello, timeout_ms, &ret_result->welcome, ret_why, n_why);
    ret_result->connect_ns = rrto_now_ns() - start_ns;
    if (status == RRTO_OK) {
        rrto_reader_init(&session.reader, &session.conn);
        status = exchange_all(&session, n, &ret_result->round_trip_ns);
        if (status != RRTO_OK)
            snprintf(ret_why, n_why, "the server accepted the session but did not answer: %s",
                     rrto_status_text(status));
    }
    rrto_conn_close(&session.conn);
    return status;
}
