/* SPDX-License-Identifier: Apache-2.0 */
/* issue(): decides what of an op travels, and whether anybody waits. docs/replay.md tells the rules. */
#include "base/log.h"
#include "base/status.h"
#include "replay/session.h"
#include "replay/trace.h"

#include <string.h>

enum { STARVED_NS = 500000 }; /* not worth another frame */

/* What is decided about one op before it is encoded. */
struct decision {
    const struct rrto_op_info *info;
    bool wait;
    bool checked; /* waits because its key is new */
    bool memo;    /* its answer is to be remembered */
    bool result;  /* its wait is a result wait: the application is blocked on a D2H */
    uint64_t key;
    uint64_t source; /* of which op of the log it is an exact copy; RRTO_RECORD_NO_SOURCE: of none */
};

static void set_pending(struct rrto_session *session)
{
    if (session->pending_since_ns != 0 || !session->flusher_runs)
        return;
    __atomic_store_n(&session->pending_since_ns, session->options.now_ns(), __ATOMIC_SEQ_CST);
    rrto_flusher_kick(session, false);
}

/* How long ops may be held back adapts to what holding them back costs: the server says how long it starved since the
 * last reply. */
static void adapt_tau(struct rrto_session *session, uint64_t held_ns)
{
    uint64_t tau = session->tau_ns;
    uint64_t starved_ns = (uint64_t)__atomic_load_n(&session->receiver.starved_us, __ATOMIC_RELAXED) * 1000;
    if (held_ns > tau / 2 && starved_ns > tau / 2 && starved_ns > STARVED_NS)
        tau /= 2;
    else
        tau += tau / 4;
    tau = tau < RRTO_SESSION_TAU_MIN_NS ? RRTO_SESSION_TAU_MIN_NS : tau;
    tau = tau > RRTO_SESSION_TAU_MAX_NS ? RRTO_SESSION_TAU_MAX_NS : tau;
    __atomic_store_n(&session->tau_ns, tau, __ATOMIC_RELAXED);
}

/* How fast the link is, by what the server has said since the last look. With the issue lock. */
static void learn_rate(struct rrto_session *session)
{
    uint32_t said = __atomic_exchange_n(&session->receiver.link_rate, RRTO_RECEIVER_NO_RATE, __ATOMIC_RELAXED);
    if (said != RRTO_RECEIVER_NO_RATE)
        rrto_coding_measured(&session->coding, (uint64_t)said * 100);
}

/* Nobody waits for such an op, it carries nothing, is no synchronise and asks nothing: nearly all of an inference. */
static inline bool is_plain(const struct rrto_session *session, const struct rrto_op_info *info,
                            const struct rrto_issue_extra *extra)
{
    return !extra && !(info->flags & session->not_plain) && session->not_plain != UINT32_MAX;
}

/* A host function holds a stream back. Then order is not to be had without waiting: the server gives it by events of
 * all streams, and so puts them, and those that are created later, behind that function as well. Asked here, where ops
 * get their places: a function of another thread may have come after the caller has looked. */
static bool held_back(const struct rrto_session *session)
{
    return session->tracker.n_closed > 0;
}

/* Whether a synchronise may be answered here. */
static bool may_elide(struct rrto_session *session, const struct rrto_session_caller *caller,
                      const struct rrto_op_info *info, const uint8_t *op, size_t n)
{
    uint32_t stream = 0;
    if (!session->elide || !(info->flags & RRTO_OP_ELIDABLE) || held_back(session))
        return false;
    if (rrto_tracker_quiet(&session->tracker, &session->receiver))
        return true;
    return session->lazysync && session->last_h2d_thread == caller->thread &&
           rrto_optable_stream(info, op, n, &stream) && stream == session->last_h2d_stream;
}

/* A synchronise travels. If another stream's op is in the way of answering it here, and was so at the last one, nobody
 * waits for that stream: the server is asked to say, ahead of its answer to this one, when the op has completed. That
 * op was flushed at the last synchronise. With the issue lock. */
static void ask_about_obstacle(struct rrto_session *session, const struct rrto_op_info *info, const uint8_t *op,
                               size_t n)
{
    uint32_t own, stream;
    uint64_t position;
    bool known;
    if (!session->elide || !(info->flags & RRTO_OP_ELIDABLE) || session->tracker.one_stream ||
        !rrto_optable_stream(info, op, n, &own) ||
        !rrto_tracker_other(&session->tracker, &session->receiver, own, &stream, &position))
        return;
    bool again = session->obstacle == position + 1;
    session->obstacle = position + 1;
    if (again && rrto_receiver_watch(&session->receiver, position, stream, RRTO_COVERS_STREAM, &known))
        (void)rrto_session_subscribe(session, position);
}

/* Whether a synchronise that is answered here is no op at all. Not where there are several streams: what is issued next
 * on another one comes behind what it covered. Nor where several threads issue: whether it is answered here then
 * depends on what the others have outstanding, and the ops of a sequence should not. Copies that were made ahead come
 * first. */
static bool vanishes(const struct rrto_session *session)
{
    uint64_t lanes = session->lanes_used;
    return session->tracker.one_stream && (!(lanes & (lanes - 1)) || rrto_ahead_any(&session->ahead));
}

static void decide(struct rrto_session *session, const uint8_t *op, size_t n, const struct rrto_issue_extra *extra,
                   struct decision *decision)
{
    const struct rrto_mode *mode = session->options.mode;
    uint32_t flags = decision->info->flags;
    /* A copy out completes when its stream gets there, which may be when the caller has gone on. */
    bool gated = flags & RRTO_OP_DOWN && held_back(session);
    decision->wait = (extra && (extra->wait || extra->reply || extra->waiter)) ||
                     flags & (RRTO_OP_SYNC | RRTO_OP_MEMO) ||
                     (!gated && (mode->every_op_waits || (mode->device_ops_wait && flags & RRTO_OP_DEVICE)));
    decision->memo = session->memo && flags & RRTO_OP_MEMO;
    if (flags & RRTO_OP_CHECKED && !decision->wait) {
        decision->key = session->options.table->key(op, n);
        decision->checked = decision->wait = !rrto_memo_key_known(&session->answers, decision->key);
    }
    decision->result = rrto_tracker_is_result(&session->tracker, decision->info, decision->wait);
}

/* Where the op is predicted to repeat the log, and its token into the search. */
static struct rrto_prediction predict(struct rrto_session *session, const struct rrto_op_info *info, unsigned lane,
                                      uint32_t value, const uint8_t *op, size_t n)
{
    if (!session->predict)
        return (struct rrto_prediction){.source = RRTO_RECORD_NO_SOURCE};
    const uint64_t deviate = session->options.deviate;
    struct rrto_prediction prediction = rrto_predict(&session->predictor, lane, value, info, op, n);
    if (prediction.source != RRTO_SEQ_NONE && deviate && ++session->n_predictions % deviate == 0) {
        session->n_dropped++;
        prediction = (struct rrto_prediction){.source = RRTO_RECORD_NO_SOURCE};
    }
    if (!prediction.same)
        session->counters->deviations = session->n_dropped + rrto_seq_deviations(session->predictor.seq);
    return prediction;
}

/* Brings one sequence of the report up to date; it takes the place of one that was repeated less often. */
static void report_sequence(struct rrto_counters *counters, const struct rrto_seq_sequence *row)
{
    struct rrto_counters_sequence *to = &counters->sequences[0];
    for (unsigned i = 0; i < RRTO_COUNTERS_N_SEQUENCES; i++) {
        struct rrto_counters_sequence *at = &counters->sequences[i];
        if (at->id == row->id) {
            to = at;
            break;
        }
        if (to->id &&
            (!at->id || at->hits < to->hits || (at->hits == to->hits && at->first_inference < to->first_inference)))
            to = at;
    }
    if (!to->id || to->id == row->id || to->hits <= row->hits)
        *to = (struct rrto_counters_sequence){row->id, row->ops, row->first_inference, row->hits, row->deviations};
}

/* Between two inferences: the counters and the search learn of it, the report's rows are brought up to date. */
static void next_inference(struct rrto_session *session)
{
    struct rrto_counters *counters = session->counters;
    bool ended = rrto_counters_next_inference(counters, session->options.now_ns());
    rrto_pace_begun(&session->pace, &counters->base.planned_ns, &counters->base.dropped);
    if (!ended)
        return;
    rrto_inferences_add(session->options.inferences,
                        &counters->last[(counters->inferences - 1) % RRTO_COUNTERS_N_LAST]);
    if (!session->predictor.seq)
        return;
    const struct rrto_seq_sequence *row = rrto_seq_boundary(session->predictor.seq);
    report_sequence(counters, row);
}

static inline void count(struct rrto_counters *counters, enum rrto_record_how how, size_t changed)
{
    counters->ops++;
    if (__builtin_expect(how == RRTO_RECORD_AS_PREDICTED, 1)) {
        counters->ops_predicted++;
        return;
    }
    counters->ops_literal += how == RRTO_RECORD_AS_LITERAL;
    counters->ops_patched += how == RRTO_RECORD_AS_PATCHED;
    counters->changed_bytes += changed;
}

static void trace(struct rrto_session *session, const struct rrto_session_caller *caller, uint64_t position,
                  uint64_t source, enum rrto_record_how how, bool wait, uint32_t value, const uint8_t *op, size_t n)
{
    _Static_assert((int)RRTO_TRACE_PATCHED == (int)RRTO_RECORD_AS_PATCHED, "the same numbers");
    rrto_trace_op(session->options.trace, &(struct rrto_trace_op){.position = position,
                                                                  .time_ns = session->options.now_ns(),
                                                                  .source = source,
                                                                  .lane = caller->lane,
                                                                  .how = (uint8_t)how,
                                                                  .wait = wait,
                                                                  .value = value,
                                                                  .bytes = op,
                                                                  .n_bytes = (uint32_t)n});
}

/* The payload of an op that is to be encoded, n_bytes = 0: none; then, whether it travels coded. */
struct upload {
    const void *bytes;
    uint64_t n_bytes;
    bool coded;
};

/* The op into the search, the record and the log, the counters and the tracker. Returns of which op of the log it is an
 * exact copy, or RRTO_RECORD_NO_SOURCE. With the issue lock. */
static inline uint64_t record(struct rrto_session *session, const struct rrto_session_caller *caller,
                              const struct rrto_op_info *info, bool wait, const uint8_t *op, size_t n,
                              struct upload *upload)
{
    uint64_t position = session->encoder.log.head;
    uint32_t value = session->predict ? rrto_receiver_take_value(&session->receiver, caller->lane) : 0;
    struct rrto_prediction prediction = predict(session, info, caller->lane, value, op, n);
    unsigned flags = (wait ? RRTO_RECORD_WAIT : 0u) | (info->flags & RRTO_OP_UP ? RRTO_RECORD_PAYLOAD : 0u) |
                     (prediction.same ? RRTO_RECORD_SAME : 0u);
    if (upload && upload->n_bytes > 0) {
        if (!prediction.same)
            rrto_session_measure_locked(session, upload->n_bytes);
        upload->coded = rrto_coding_wants(&session->coding, position, prediction.source, prediction.same, upload->bytes,
                                          upload->n_bytes);
        /* Looking for a model takes time, whatever comes of it. */
        __atomic_store_n(&session->counters->codec_ns_up, session->coding.spent_ns, __ATOMIC_RELAXED);
        flags |= upload->coded ? RRTO_RECORD_CODED : 0u;
    }
    size_t changed = 0;
    enum rrto_record_how how = rrto_record_encode(&session->encoder, prediction.source, op, n, flags, &changed);
    count(session->counters, how, changed);
    session->n_pending_literals += how == RRTO_RECORD_AS_LITERAL;
    rrto_tracker_issued(&session->tracker, session->options.table, info, op, n, position, wait);
    session->last_h2d_thread = 0;
    if (__builtin_expect(session->options.trace != NULL, 0))
        trace(session, caller, position, prediction.source, how, wait, value, op, n);
    return how == RRTO_RECORD_AS_PREDICTED ? prediction.source : RRTO_RECORD_NO_SOURCE;
}

/* Encodes the op, and its payload, into what is pending; registers who waits for what. With the issue lock. False:
 * lost. */
static bool append(struct rrto_session *session, struct rrto_session_caller *caller, struct decision *decision,
                   const uint8_t *op, size_t n, const struct rrto_issue_extra *extra, struct rrto_waiter *waiter)
{
    const struct rrto_op_info *info = decision->info;
    uint64_t n_payload = rrto_optable_payload(info, op, n), position = session->encoder.log.head;
    bool up = info->flags & RRTO_OP_UP, down = info->flags & RRTO_OP_DOWN;
    if (rrto_counters_between(session->counters) && rrto_tracker_is_work(info))
        next_inference(session);
    waiter->covers = rrto_tracker_covers(&session->tracker, session->options.table, info, op, n, &waiter->stream);
    waiter->position = position;
    if (extra && extra->ret_position)
        *extra->ret_position = position;
    if (down && n_payload >= RRTO_CODING_LEAST_BYTES && session->options.results_past_bytes)
        rrto_session_tell_rate_locked(session);
    if (down && n_payload > 0 &&
        !rrto_receiver_expect_down(&session->receiver, position, caller->lane, extra ? extra->down : NULL, n_payload)) {
        rrto_receiver_lose(&session->receiver, RRTO_NO_MEMORY,
                           "a copy to the host has no destination, or too many are pending: the session was stopped");
        return false;
    }

    struct upload upload = {.bytes = extra ? extra->up : NULL, .n_bytes = up ? n_payload : 0};
    decision->source = record(session, caller, info, decision->wait, op, n, &upload);
    if (up && info->flags & RRTO_OP_DEVICE) {
        uint32_t stream = 0;
        (void)rrto_optable_stream(info, op, n, &stream);
        session->last_h2d_thread = caller->thread;
        session->last_h2d_stream = stream;
    }
    if (decision->wait) {
        waiter->hash = session->encoder.hash;
        rrto_receiver_expect(&session->receiver, waiter);
    }
    if (upload.coded)
        rrto_session_send_coded_locked(session, upload.bytes, n_payload);
    else if (up)
        rrto_session_send_payload_locked(session, upload.bytes, n_payload);
    return true;
}

void rrto_session_result_locked(struct rrto_session *session, uint64_t now_ns)
{
    rrto_counters_result(session->counters, now_ns);
    session->tracker.down = 0;
    if (session->predictor.seq)
        rrto_seq_result(session->predictor.seq);
}

/* Those who wait for copies that were made ahead. */
struct ahead {
    struct rrto_waiter waiters[RRTO_AHEAD_ROWS];
    unsigned n;
};

/* The op that was just appended is a copy out that the application waits for, as predicted. Issues the copies out that
 * come right behind it in the sequence, too. With one stream only: on several, the application may see by a query,
 * which is no op, that another stream has written what such a copy would read. With the issue lock. */
static void guess(struct rrto_session *session, struct rrto_session_caller *caller, const struct decision *first,
                  struct ahead *ahead)
{
    const struct rrto_log *log = &session->encoder.log;
    const uint64_t first_position = log->head - 1;
    if (!session->push || !session->tracker.one_stream || !rrto_ahead_may_guess(&session->ahead))
        return;
    rrto_ahead_discard(&session->ahead);
    for (uint64_t source = first->source; source != RRTO_RECORD_NO_SOURCE && ahead->n < RRTO_AHEAD_ROWS;) {
        size_t n;
        const uint8_t *op = rrto_record_predicted(&session->encoder, source + 1, &n);
        struct decision next = {.info = op ? session->options.table->info(rrto_op_number(op)) : NULL, .wait = true};
        if (!next.info || !(next.info->flags & RRTO_OP_DOWN) || source + 1 >= first_position ||
            rrto_seq_expected(session->predictor.seq, caller->lane) != source + 1)
            break;
        struct rrto_ahead_row *row = rrto_ahead_add(&session->ahead, op, n, rrto_optable_payload(next.info, op, n));
        if (!row)
            break;
        struct rrto_issue_extra extra = {.down = row->data, .ret_position = &row->position};
        ahead->waiters[ahead->n] = (struct rrto_waiter){.reply = NULL};
        if (!append(session, caller, &next, row->op, n, &extra, &ahead->waiters[ahead->n])) {
            session->ahead.n--;
            break;
        }
        ahead->n++;
        source = next.source;
    }
    session->ahead.in_flight = ahead->n > 0;
    session->ahead.head = log->head;
}

/* Whether this very op was made ahead: then its bytes are here. With the issue lock. */
static bool made_ahead(struct rrto_session *session, const uint8_t *op, size_t n, const struct rrto_issue_extra *extra)
{
    const struct rrto_ahead_row *row = rrto_ahead_take(&session->ahead, op, n, session->encoder.log.head);
    if (!row) {
        rrto_ahead_discard(&session->ahead);
        return false;
    }
    if (extra && extra->down)
        memcpy(extra->down, row->data, row->n_data);
    if (extra && extra->ret_position)
        *extra->ret_position = row->position;
    rrto_session_result_locked(session, session->options.now_ns());
    return true;
}

/* A wait for an answer that carries no device work: the way there and back, when the server's time is taken off. */
static void note_rtt(struct rrto_counters *counters, uint64_t waited_ns, const struct rrto_reply_times *times)
{
    uint64_t server_ns = ((uint64_t)times->queue_us + times->compute_us) * 1000;
    uint64_t rtt_ns = server_ns < waited_ns ? waited_ns - server_ns : waited_ns;
    if (counters->link_rtt_ns == 0 || rtt_ns < counters->link_rtt_ns)
        counters->link_rtt_ns = rtt_ns;
}

/* Waits for the reply. Without the issue lock. */
static int32_t await(struct rrto_session *session, struct rrto_session_caller *caller, const struct decision *decision,
                     struct rrto_waiter *waiter, struct ahead *ahead, const uint8_t *op, size_t n, uint64_t start,
                     uint64_t held_ns)
{
    struct rrto_counters *counters = session->counters;
    caller->round_trips++;
    __atomic_fetch_add(&counters->round_trips, 1, __ATOMIC_RELAXED);
    int lost = rrto_receiver_wait(&session->receiver, waiter);
    bool arrived = lost == RRTO_OK;
    for (unsigned i = 0; i < ahead->n; i++) /* all of them: the rows are written until then */
        arrived = rrto_receiver_wait(&session->receiver, &ahead->waiters[i]) == RRTO_OK &&
                  ahead->waiters[i].status == 0 && arrived;
    uint64_t now = session->options.now_ns();
    __atomic_fetch_add(&counters->blocked_ns, now - start, __ATOMIC_RELAXED);

    pthread_mutex_lock(&session->lock);
    if (ahead->n > 0) {
        session->ahead.in_flight = false;
        if (!arrived || session->encoder.log.head != session->ahead.head)
            rrto_ahead_discard(&session->ahead);
    }
    rrto_counters_touch(counters, now);
    rrto_session_waited_locked(session, waiter, start, now);
    adapt_tau(session, held_ns);
    learn_rate(session);
    if (lost == RRTO_OK) {
        if (!(decision->info->flags & RRTO_OP_DEVICE))
            note_rtt(counters, now - start, &waiter->times);
        if (decision->result && waiter->status == 0)
            rrto_session_result_locked(session, now);
        if (decision->memo && waiter->status >= 0)
            rrto_memo_put(&session->answers, op, n, waiter->reply, waiter->status);
        if (decision->checked && waiter->status == 0)
            rrto_memo_key_add(&session->answers, decision->key);
    }
    pthread_mutex_unlock(&session->lock);
    if (lost == RRTO_OK && waiter->status < 0) {
        rrto_receiver_lose(&session->receiver, waiter->status, "the server refused an op: the session was stopped");
        return RRTO_LOST;
    }
    return lost == RRTO_OK ? waiter->status : RRTO_LOST;
}

/* The issue lock; once nobody else has the session to himself. */
static inline void lock(struct rrto_session *session, const struct rrto_session_caller *caller)
{
    pthread_mutex_lock(&session->lock);
    while (__builtin_expect(session->held_by && session->held_by != caller->thread, 0))
        pthread_cond_wait(&session->released, &session->lock);
}

/* Ops are pending: they leave now where they have to, else in time. With the issue lock. */
static inline void flush_or_defer(struct rrto_session *session, bool now)
{
    if (now || session->n_pending_literals >= RRTO_SESSION_PENDING_LITERALS ||
        session->encoder.out.size >= session->options.chunk_bytes)
        rrto_session_flush_locked(session);
    else
        set_pending(session);
}

/* All there is to do for a plain op. With the issue lock. */
static inline void append_plain(struct rrto_session *session, const struct rrto_session_caller *caller,
                                const struct rrto_op_info *info, const uint8_t *op, size_t n)
{
    if (rrto_ahead_any(&session->ahead)) /* it is none of the copies that were made ahead */
        rrto_ahead_discard(&session->ahead);
    if (rrto_counters_between(session->counters) && rrto_tracker_is_work(info))
        next_inference(session);
    (void)record(session, caller, info, false, op, n, NULL);
    flush_or_defer(session, false);
}

/* Not in line: without its frame that of a plain op is small, and soon scrubbed. */
static __attribute__((noinline)) int32_t issue_any(struct rrto_session *session, struct rrto_session_caller *caller,
                                                   const struct rrto_op_info *info, const uint8_t *bytes,
                                                   size_t n_bytes, const struct rrto_issue_extra *extra)
{
    struct decision decision = {.info = info};
    uint64_t n_payload = rrto_optable_payload(decision.info, bytes, n_bytes);
    if (decision.info->flags & RRTO_OP_UP && !rrto_session_make_room(session, n_payload))
        return RRTO_LOST;

    if (session->options.period_ns && rrto_tracker_is_work(decision.info))
        rrto_session_pace(session);
    lock(session, caller);
    if (extra && extra->apart && held_back(session)) {
        pthread_mutex_unlock(&session->lock);
        return RRTO_TIMEOUT;
    }
    int32_t status = 0;
    if (session->memo && decision.info->flags & RRTO_OP_MEMO &&
        rrto_memo_get(&session->answers, bytes, n_bytes, extra ? extra->reply : NULL, &status)) {
        session->counters->ops_memoised++;
        pthread_mutex_unlock(&session->lock);
        return status;
    }
    bool elided = may_elide(session, caller, decision.info, bytes, n_bytes);
    bool order = extra && extra->order && !held_back(session);
    session->counters->ops_elided += elided && !order;
    /* Nobody waits, but what the application issues next, on whatever stream, counts on what came before. */
    if ((elided || order) && vanishes(session)) {
        pthread_mutex_unlock(&session->lock);
        return 0;
    }
    if (rrto_ahead_any(&session->ahead) && made_ahead(session, bytes, n_bytes, extra)) {
        pthread_mutex_unlock(&session->lock);
        return 0;
    }
    if (!elided && !order)
        ask_about_obstacle(session, decision.info, bytes, n_bytes);
    decide(session, bytes, n_bytes, extra, &decision);
    if (elided || order)
        decision.wait = decision.result = false;
    /* a remembered answer has its reply fields even where this caller does not want them */
    struct rrto_buf fields, *reply = extra ? extra->reply : NULL;
    if (decision.memo && !reply) {
        rrto_buf_init(&fields, RRTO_REPLY_MAX_BYTES);
        reply = &fields;
    }
    struct rrto_waiter own = {.reply = reply}, *waiter = extra && extra->waiter ? extra->waiter : &own;
    bool here = decision.wait && waiter == &own;
    struct ahead ahead;
    ahead.n = 0; /* the rows are written where they are used: zeroing them costs 10 ns */
    bool ok = append(session, caller, &decision, bytes, n_bytes, extra, waiter);
    if (ok && decision.result)
        guess(session, caller, &decision, &ahead);
    uint64_t start = here ? session->options.now_ns() : 0;
    uint64_t held_ns = here && session->pending_since_ns ? start - session->pending_since_ns : 0;
    if (ok)
        flush_or_defer(session, here);
    pthread_mutex_unlock(&session->lock);
    if (!ok)
        status = RRTO_LOST;
    else if (here)
        status = await(session, caller, &decision, waiter, &ahead, bytes, n_bytes, start, held_ns);
    if (reply == &fields)
        rrto_buf_fini(&fields);
    return status;
}

int32_t rrto_session_issue(struct rrto_session *session, struct rrto_session_caller *caller, const uint8_t *bytes,
                           size_t n_bytes, const struct rrto_issue_extra *extra)
{
    const struct rrto_op_info *info = session->options.table->info(rrto_op_number(bytes));
    if (!info || n_bytes > RRTO_OP_MAX_BYTES) {
        rrto_receiver_lose(&session->receiver, RRTO_INVALID,
                           "an op without description was issued: the session was stopped");
        return RRTO_LOST;
    }
    if (rrto_receiver_lost(&session->receiver))
        return RRTO_LOST;
    if (!is_plain(session, info, extra))
        return issue_any(session, caller, info, bytes, n_bytes, extra);
    lock(session, caller);
    append_plain(session, caller, info, bytes, n_bytes);
    pthread_mutex_unlock(&session->lock);
    return 0;
}

void rrto_session_hold(struct rrto_session *session, const struct rrto_session_caller *caller, bool hold)
{
    pthread_mutex_lock(&session->lock);
    while (hold && session->held_by)
        pthread_cond_wait(&session->released, &session->lock);
    session->held_by = hold ? caller->thread : 0;
    if (!hold)
        pthread_cond_broadcast(&session->released);
    pthread_mutex_unlock(&session->lock);
}

void rrto_session_flush(struct rrto_session *session)
{
    pthread_mutex_lock(&session->lock);
    rrto_session_flush_locked(session);
    pthread_mutex_unlock(&session->lock);
}
