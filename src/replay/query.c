/* SPDX-License-Identifier: Apache-2.0 */
/* What front ends ask about ops that were issued before: has it completed, wait for it, drain what goes to this memory.
 */
#include "base/status.h"
#include "replay/phases.h"
#include "replay/session.h"

/* The stream of the op at position, if the log still has it, and what its completion covers. With the issue lock. */
static enum rrto_covers covers_at(struct rrto_session *session, uint64_t position, bool *ret_has_stream,
                                  uint32_t *ret_stream)
{
    size_t n;
    *ret_has_stream = false;
    *ret_stream = 0;
    const uint8_t *op = rrto_log_get(&session->encoder.log, position, &n);
    const struct rrto_op_info *info = op ? session->options.table->info(rrto_op_number(op)) : NULL;
    if (!info || !(*ret_has_stream = rrto_optable_stream(info, op, n, ret_stream)))
        return RRTO_COVERS_ITSELF;
    return session->tracker.one_stream ? RRTO_COVERS_ALL : RRTO_COVERS_STREAM;
}

/* Forgets the polled positions that have completed. Where memory is short, all: they are asked about later. With the
 * issue lock. */
static void forget_polls(struct rrto_session *session)
{
    struct rrto_map left;
    size_t cursor = 0;
    uint64_t position, since_ns;
    bool has_stream;
    uint32_t stream;
    rrto_map_init(&left);
    while (rrto_map_next(&session->polls, &cursor, &position, &since_ns)) {
        (void)covers_at(session, position, &has_stream, &stream);
        if (!rrto_receiver_completed(&session->receiver, position, has_stream, stream))
            (void)rrto_map_put(&left, position, since_ns);
    }
    rrto_map_fini(&session->polls);
    session->polls = left;
}

/* Whether this position has been polled for long enough to ask the server. With the issue lock. */
static bool polled_long(struct rrto_session *session, uint64_t position)
{
    uint64_t now = session->options.now_ns(), since_ns;
    if (rrto_map_get(&session->polls, position, &since_ns))
        return now - since_ns >= RRTO_SESSION_POLL_NS;
    if (session->polls.n >= RRTO_SESSION_MAX_POLLS)
        forget_polls(session);
    return session->polls.n >= RRTO_SESSION_MAX_POLLS || !rrto_map_put(&session->polls, position, now);
}

bool rrto_session_poll(struct rrto_session *session, uint64_t position)
{
    bool has_stream, known = false;
    uint32_t stream;
    if (position < rrto_receiver_completed_all(&session->receiver))
        return true;
    if (rrto_receiver_lost(&session->receiver))
        return false;
    pthread_mutex_lock(&session->lock);
    if (session->encoder.n_open > 0 || session->encoder.out.size > 0)
        rrto_session_flush_locked(session);
    enum rrto_covers covers = covers_at(session, position, &has_stream, &stream);
    bool asked = polled_long(session, position);
    pthread_mutex_unlock(&session->lock);
    if (rrto_receiver_completed(&session->receiver, position, has_stream, stream))
        return true;
    if (!asked)
        return false;
    if (rrto_receiver_watch(&session->receiver, position, stream, covers, &known))
        (void)rrto_session_subscribe(session, position);
    rrto_receiver_pump(&session->receiver);
    return rrto_receiver_completed(&session->receiver, position, has_stream, stream);
}

/* What another thread was blocked for at the same time has been counted. */
void rrto_session_waited_locked(struct rrto_session *session, const struct rrto_waiter *waiter, uint64_t start_ns,
                                uint64_t end_ns)
{
    struct rrto_counters_waits *sums = &session->counters->waits, parts;
    struct rrto_phases_wait wait = {.start_ns =
                                        start_ns > session->waited_until_ns ? start_ns : session->waited_until_ns,
                                    .end_ns = end_ns,
                                    .data_ns = waiter->data_ns,
                                    .rtt_ns = session->rtt_ns ? session->rtt_ns : session->counters->link_rtt_ns,
                                    .times = waiter->times};
    struct rrto_sender_times times;
    rrto_sender_waited(&session->sender, &times);
    wait.first_ns = times.first_ns;
    wait.last_began_ns = times.last_began_ns;
    wait.last_ns = times.last_ns;
    if (wait.start_ns >= end_ns)
        return;
    bool way = rrto_phases_divide(&wait, &parts);
    if (way && wait.start_ns == start_ns && (session->rtt_ns == 0 || parts.link_ns < session->rtt_ns))
        session->rtt_ns = parts.link_ns;
    sums->upload_ns += parts.upload_ns;
    sums->link_ns += parts.link_ns;
    sums->queue_ns += parts.queue_ns;
    sums->compute_ns += parts.compute_ns;
    sums->download_ns += parts.download_ns;
    session->waited_until_ns = end_ns;
}

/* unless_gated: RRTO_TIMEOUT, and nobody has waited, if a gate is closed. The server is asked with the issue lock, so
 * that no gate of another thread comes between the look and the question. */
static int32_t wait_for(struct rrto_session *session, struct rrto_session_caller *caller, uint64_t position,
                        bool unless_gated)
{
    struct rrto_waiter waiter = {.position = position, .subscribed = true};
    bool has_stream;
    if (rrto_receiver_lost(&session->receiver))
        return RRTO_LOST;
    pthread_mutex_lock(&session->lock);
    rrto_session_flush_locked(session);
    if (unless_gated && session->tracker.n_closed > 0) {
        pthread_mutex_unlock(&session->lock);
        return RRTO_TIMEOUT;
    }
    waiter.covers = covers_at(session, position, &has_stream, &waiter.stream);
    bool result = session->tracker.down > 0;
    bool completed = rrto_receiver_completed(&session->receiver, position, has_stream, waiter.stream);
    uint64_t start = session->options.now_ns();
    if (!completed) {
        rrto_receiver_expect(&session->receiver, &waiter);
        (void)rrto_session_subscribe(session, position);
    }
    pthread_mutex_unlock(&session->lock);
    if (completed)
        return 0;
    caller->round_trips++;
    __atomic_fetch_add(&session->counters->round_trips, 1, __ATOMIC_RELAXED);
    int lost = rrto_receiver_wait(&session->receiver, &waiter);
    uint64_t now = session->options.now_ns();
    __atomic_fetch_add(&session->counters->blocked_ns, now - start, __ATOMIC_RELAXED);
    pthread_mutex_lock(&session->lock);
    rrto_counters_touch(session->counters, now);
    rrto_session_waited_locked(session, &waiter, start, now);
    if (lost == RRTO_OK && result && waiter.status == 0 && position + 1 >= session->tracker.down) {
        rrto_session_result_locked(session, now);
    }
    pthread_mutex_unlock(&session->lock);
    return lost == RRTO_OK ? waiter.status : RRTO_LOST;
}

int32_t rrto_session_wait(struct rrto_session *session, struct rrto_session_caller *caller, uint64_t position)
{
    return wait_for(session, caller, position, false);
}

/* Those before a position, which are there. Behind a closed gate a copy is not waited for by its stream, whose later
 * work may be waiting for the caller. */
static void drain(struct rrto_session *session, struct rrto_session_caller *caller, const void *host, size_t n,
                  uint64_t before)
{
    uint64_t position;
    if (!rrto_receiver_down_in(&session->receiver, host, n, before, &position))
        return;
    if (wait_for(session, caller, position, true) == RRTO_TIMEOUT) {
        caller->round_trips++;
        __atomic_fetch_add(&session->counters->round_trips, 1, __ATOMIC_RELAXED);
    }
    (void)rrto_receiver_drain(&session->receiver, host, n, before);
}

/* Where the next op goes. Whether a gate is closed there. */
static uint64_t end_of_log(struct rrto_session *session, bool *ret_gated)
{
    pthread_mutex_lock(&session->lock);
    uint64_t end = session->encoder.log.head;
    *ret_gated = session->tracker.n_closed > 0;
    pthread_mutex_unlock(&session->lock);
    return end;
}

void rrto_session_drain(struct rrto_session *session, struct rrto_session_caller *caller, const void *host, size_t n,
                        uint64_t before)
{
    uint64_t position;
    bool gated;
    if (!rrto_receiver_down_in(&session->receiver, host, n, before, &position))
        return;
    uint64_t end = end_of_log(session, &gated); /* what other threads issue from now on is not meant */
    drain(session, caller, host, n, before < end ? before : end);
}

bool rrto_session_drain_all(struct rrto_session *session, struct rrto_session_caller *caller)
{
    bool gated;
    uint64_t end = end_of_log(session, &gated);
    if (!gated) /* a gate that comes now is behind those copies */
        drain(session, caller, NULL, SIZE_MAX, end);
    return !gated;
}

int32_t rrto_session_await(struct rrto_session *session, struct rrto_waiter *waiter)
{
    rrto_session_flush(session);
    return rrto_receiver_wait(&session->receiver, waiter) == RRTO_OK ? waiter->status : RRTO_LOST;
}
