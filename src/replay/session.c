/* SPDX-License-Identifier: Apache-2.0 */
/* A session's life, and what leaves it: chunks, frames, back-pressure. */
#include "replay/session.h"

#include "base/log.h"
#include "base/status.h"

#include "wire/control.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum {
    RATE_BYTES = 32,         /* of the message that tells the rate */
    MEASURE_BYTES = 1 << 20, /* so many wait: who waits to see how fast they leave, delays nothing */
    MEASURE_TURNS = 50,      /* looks, of 1 ms at most */
};

int rrto_session_init(struct rrto_session *session, const struct rrto_conn *conn,
                      const struct rrto_session_options *options, struct rrto_counters *counters)
{
    memset(session, 0, sizeof *session);
    const struct rrto_mode *mode = options->mode;
    session->options = *options;
    session->conn = *conn;
    session->counters = counters;
    session->elide = mode->elide && options->elide;
    session->memo = mode->memo && options->memo;
    session->predict = mode->predict && options->predict;
    session->early = options->early;
    session->push = session->predict && options->push;
    session->lazysync = session->elide && options->lazysync;
    session->not_plain = RRTO_OP_UP | RRTO_OP_DOWN | RRTO_OP_SYNC | RRTO_OP_CHECKED | RRTO_OP_MEMO | RRTO_OP_ELIDABLE;
    if (mode->device_ops_wait)
        session->not_plain |= RRTO_OP_DEVICE;
    if (mode->every_op_waits || options->period_ns) /* or is held back until its time */
        session->not_plain = UINT32_MAX;
    session->tau_ns = RRTO_SESSION_TAU_MAX_NS;
    rrto_map_init(&session->polls);
    /* It is held for less time than a thread takes to fall asleep: who finds it taken looks a few times more. */
    pthread_mutexattr_t spins;
    pthread_mutexattr_init(&spins);
    pthread_mutexattr_settype(&spins, PTHREAD_MUTEX_ADAPTIVE_NP);
    pthread_mutex_init(&session->lock, &spins);
    pthread_mutexattr_destroy(&spins);
    pthread_cond_init(&session->released, NULL);
    rrto_tracker_init(&session->tracker);
    rrto_memo_init(&session->answers);
    rrto_coding_init(&session->coding, options->past_bytes, options->codec_stress, options->now_ns);
    int status = rrto_record_encoder_init(&session->encoder, options->log_bytes, options->slot_kinds);
    session->encoder.no_patches = !options->patch;
    session->predictor = (struct rrto_op_predictor){.encoder = &session->encoder,
                                                    .table = options->table,
                                                    .token_hidden = options->token_hidden,
                                                    .insist = options->insist};
    if (status == RRTO_OK)
        status = rrto_receiver_init(&session->receiver, &session->conn, counters);
    if (status == RRTO_OK)
        status = rrto_sender_init(&session->sender, &session->conn, options->queue_bytes);
    if (status == RRTO_OK && options->results_past_bytes)
        status = rrto_receiver_accept_coded(&session->receiver, options->results_past_bytes, options->now_ns);
    session->sender.now_ns = options->now_ns;
    if (status == RRTO_OK && session->predict &&
        !(session->predictor.seq = rrto_seq_create(session->encoder.log.max_ops)))
        status = RRTO_NO_MEMORY;
    if (session->predictor.seq)
        rrto_seq_limit(session->predictor.seq, options->seq_levels);
    if (status == RRTO_OK && options->flusher)
        status = rrto_flusher_start(session);
    if (status != RRTO_OK)
        rrto_session_fini(session, 0);
    return status;
}

void rrto_session_fini(struct rrto_session *session, int timeout_ms)
{
    rrto_flusher_stop(session);
    if (session->sender.ring && !rrto_receiver_lost(&session->receiver)) {
        pthread_mutex_lock(&session->lock);
        rrto_record_end(&session->encoder);
        rrto_session_flush_locked(session);
        pthread_mutex_unlock(&session->lock);
        uint64_t start = session->options.now_ns();
        while (rrto_sender_drain(&session->sender) == RRTO_OK && rrto_sender_queued(&session->sender) > 0) {
            uint64_t spent_ms = (session->options.now_ns() - start) / 1000000;
            if (spent_ms >= (uint64_t)timeout_ms ||
                rrto_conn_wait(&session->conn, true, timeout_ms - (int)spent_ms) != RRTO_OK)
                break;
        }
    }
    rrto_conn_close(&session->conn);
    rrto_sender_fini(&session->sender);
    rrto_receiver_fini(&session->receiver);
    session->predictor.seq = rrto_seq_destroy(session->predictor.seq);
    rrto_tracker_fini(&session->tracker);
    rrto_ahead_fini(&session->ahead);
    rrto_coding_fini(&session->coding);
    rrto_memo_fini(&session->answers);
    rrto_map_fini(&session->polls);
    rrto_record_encoder_fini(&session->encoder);
    pthread_cond_destroy(&session->released);
    pthread_mutex_destroy(&session->lock);
}

/* The sender has failed. What the server said last tells why better than a broken pipe does. */
static void lost_on_send(struct rrto_session *session)
{
    rrto_receiver_pump(&session->receiver);
    rrto_receiver_lose(
        &session->receiver, RRTO_CLOSED,
        "the connection to the server broke while sending: the GPU session is lost; see the server's log, "
        "then restart the program");
}

/* Waits until the ring holds at most `limit` bytes; receives meanwhile, so that a server that waits for us to read goes
 * on. */
static bool make_room(struct rrto_session *session, uint64_t limit)
{
    while (!rrto_receiver_lost(&session->receiver)) {
        if (rrto_sender_drain(&session->sender) != RRTO_OK) {
            lost_on_send(session);
            return false;
        }
        if (rrto_sender_queued(&session->sender) <= limit)
            return true;
        struct pollfd entry = {.fd = session->conn.fd, .events = POLLOUT | POLLIN};
        (void)poll(&entry, 1, 100);
        if (entry.revents & ~POLLOUT)
            rrto_receiver_pump(&session->receiver);
    }
    return false;
}

static void put(struct rrto_session *session, struct iovec *iov, int n_iov, uint64_t total)
{
    bool queued = false;
    int status;
    while ((status = rrto_sender_put(&session->sender, iov, n_iov, &queued)) == RRTO_TIMEOUT)
        if (!make_room(session, session->sender.capacity - total))
            return;
    if (status != RRTO_OK)
        lost_on_send(session);
    else if (queued)
        rrto_flusher_kick(session, true);
}

/* Cuts a, then b, into OPS chunks. The last one gets END when `end`. */
static void put_ops(struct rrto_session *session, const uint8_t *a, uint64_t n_a, const uint8_t *b, uint64_t n_b,
                    bool end)
{
    uint64_t limit = session->options.chunk_bytes, left = n_a + n_b;
    while (left > 0 && !rrto_receiver_lost(&session->receiver)) {
        uint64_t n = left < limit ? left : limit, part = n < n_a ? n : n_a;
        left -= n;
        struct rrto_chunk chunk = {(uint32_t)n, RRTO_CHUNK_OPS, left == 0 && end ? RRTO_CHUNK_END : 0};
        uint8_t head[RRTO_CHUNK_HEADER_BYTES];
        rrto_chunk_encode(head, &chunk);
        struct iovec iov[3] = {{head, sizeof head}};
        int n_iov = 1;
        if (part > 0)
            iov[n_iov++] = (struct iovec){(void *)(uintptr_t)a, part};
        if (n > part)
            iov[n_iov++] = (struct iovec){(void *)(uintptr_t)b, n - part};
        put(session, iov, n_iov, sizeof head + n);
        a += part;
        n_a -= part;
        b += n - part;
        __atomic_fetch_add(&session->counters->bytes_up, sizeof head + n, __ATOMIC_RELAXED);
        session->counters->frames_up += chunk.flags & RRTO_CHUNK_END;
        session->frame_open = !(chunk.flags & RRTO_CHUNK_END);
    }
}

static void out_failed(struct rrto_session *session)
{
    rrto_receiver_lose(
        &session->receiver, RRTO_NO_MEMORY,
        "out of memory while encoding ops: the GPU session is lost; restart the program with more memory");
}

void rrto_session_flush_locked(struct rrto_session *session)
{
    rrto_record_close(&session->encoder);
    struct rrto_buf *out = &session->encoder.out;
    if (out->failed)
        out_failed(session);
    else if (out->size > 0)
        put_ops(session, out->data, out->size, NULL, 0, true);
    rrto_buf_clear(out);
    session->n_pending_literals = 0;
    __atomic_store_n(&session->pending_since_ns, 0, __ATOMIC_RELAXED);
}

void rrto_session_send_payload_locked(struct rrto_session *session, const void *payload, uint64_t n)
{
    struct rrto_buf *out = &session->encoder.out;
    session->counters->payload_up += n;
    session->counters->payload_sent_up += n;
    if (n < RRTO_SESSION_EARLY_BYTES) {
        rrto_buf_put(out, payload, n);
        return;
    }
    if (out->failed)
        out_failed(session);
    else
        put_ops(session, out->data, out->size, payload, n, !session->early);
    rrto_buf_clear(out);
    session->n_pending_literals = 0;
    __atomic_store_n(&session->pending_since_ns, 0, __ATOMIC_RELAXED);
}

/* The first n bytes of the encoder's buffer leave; `end`: and the frame with them. */
static void put_pending(struct rrto_session *session, size_t n, bool end)
{
    struct rrto_buf *out = &session->encoder.out;
    if (out->failed) {
        out_failed(session);
        rrto_buf_clear(out);
        return;
    }
    put_ops(session, out->data, n, NULL, 0, end);
    out->size -= n;
    if (out->size > 0)
        memmove(out->data, out->data + n, out->size);
}

void rrto_session_measure_locked(struct rrto_session *session, uint64_t n)
{
    struct rrto_coding *coding = &session->coding;
    coding->rate_out = 0;
    if (!coding->on || coding->rate || coding->fast || n < RRTO_CODING_BULK_BYTES)
        return;
    for (unsigned i = 0; i < MEASURE_TURNS; i++) {
        coding->rate_out = rrto_sender_rate(&session->sender);
        if (coding->rate_out || rrto_sender_queued(&session->sender) < MEASURE_BYTES ||
            rrto_sender_drain(&session->sender) != RRTO_OK)
            return;
        (void)rrto_conn_wait(&session->conn, true, 1);
    }
}

void rrto_session_send_coded_locked(struct rrto_session *session, const void *payload, uint64_t n)
{
    struct rrto_buf *out = &session->encoder.out;
    size_t before = out->size, n_sent;
    bool small = n < RRTO_SESSION_EARLY_BYTES;
    session->counters->payload_up += n;
    session->counters->payload_coded_up += n;
    rrto_coding_begin(&session->coding, payload, n, out);
    n_sent = out->size - before;
    before = out->size;
    while (rrto_coding_chunk(&session->coding, out) && !out->failed) {
        n_sent += out->size - before;
        if (!small) /* the last one ends the frame, unless that is to stay open; which it is, is seen by the next */
            put_pending(session, session->early ? out->size : before, false);
        before = out->size;
    }
    rrto_coding_end(&session->coding, n);
    session->counters->payload_sent_up += n_sent;
    __atomic_store_n(&session->counters->codec_ns_up, session->coding.spent_ns, __ATOMIC_RELAXED);
    rrto_coded_count(&session->counters->coded_up[session->coding.last], n, n_sent,
                     rrto_coding_model(&session->coding));
    if (small)
        return;
    put_pending(session, out->size, !session->early);
    session->n_pending_literals = 0;
    __atomic_store_n(&session->pending_since_ns, 0, __ATOMIC_RELAXED);
}

bool rrto_session_make_room(struct rrto_session *session, uint64_t n)
{
    uint64_t half = session->sender.capacity / 2;
    if (n < RRTO_SESSION_EARLY_BYTES || rrto_sender_queued(&session->sender) <= half)
        return true;
    return make_room(session, half);
}

void rrto_session_tell_rate_locked(struct rrto_session *session)
{
    uint64_t rate = __atomic_load_n(&session->receiver.rate_down, __ATOMIC_RELAXED), told = session->told_rate;
    uint32_t *n_unmeasured = &session->receiver.arrival.n_unmeasured;
    bool probe = rate && __atomic_load_n(n_unmeasured, __ATOMIC_RELAXED) >= RRTO_ARRIVAL_PROBE_PAYLOADS;
    if (!probe && (rate == told || (rate && told && rate > told - told / 8 && rate < told + told / 8)))
        return;
    if (probe)
        __atomic_store_n(n_unmeasured, 0, __ATOMIC_RELAXED);
    session->told_rate = rate;
    uint8_t bytes[RRTO_CHUNK_HEADER_BYTES + RATE_BYTES];
    struct rrto_buf out = {
        .data = bytes, .size = RRTO_CHUNK_HEADER_BYTES, .capacity = sizeof bytes, .max = sizeof bytes};
    struct rrto_control *control = calloc(1, sizeof *control);
    if (!control)
        return;
    control->kind = RRTO_CONTROL_LINK;
    control->link.rate_down = rate;
    control->link.probe = probe;
    int status = rrto_control_encode(&out, control);
    free(control);
    if (status != RRTO_OK)
        return;
    struct rrto_chunk chunk = {(uint32_t)(out.size - RRTO_CHUNK_HEADER_BYTES), RRTO_CHUNK_CONTROL, 0};
    rrto_chunk_encode(bytes, &chunk);
    struct iovec iov = {bytes, out.size};
    __atomic_fetch_add(&session->counters->bytes_up, out.size, __ATOMIC_RELAXED);
    put(session, &iov, 1, out.size);
}

bool rrto_session_subscribe(struct rrto_session *session, uint64_t position)
{
    struct rrto_chunk chunk = {RRTO_SUBSCRIBE_BYTES, RRTO_CHUNK_SUBSCRIBE, 0};
    uint8_t bytes[RRTO_CHUNK_HEADER_BYTES + RRTO_SUBSCRIBE_BYTES];
    rrto_chunk_encode(bytes, &chunk);
    rrto_subscribe_encode(bytes + RRTO_CHUNK_HEADER_BYTES, position);
    struct iovec iov = {bytes, sizeof bytes};
    put(session, &iov, 1, sizeof bytes);
    __atomic_fetch_add(&session->counters->bytes_up, sizeof bytes, __ATOMIC_RELAXED);
    return !rrto_receiver_lost(&session->receiver);
}
