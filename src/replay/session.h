/* SPDX-License-Identifier: Apache-2.0 */
/* A session: one process's connection to its worker, and everything issue() keeps. issue.h is what front ends see; this
 * is what the files of this room share, and what tests open on a connection of their own. Lock order: session->lock,
 * then the sender's or receiver's lock. */
#ifndef RRTO_REPLAY_SESSION_H
#define RRTO_REPLAY_SESSION_H

#include "replay/ahead.h"
#include "replay/coding.h"
#include "replay/issue.h"
#include "replay/memo.h"
#include "replay/mode.h"
#include "replay/optable.h"
#include "replay/pace.h"
#include "replay/predict.h"
#include "replay/receiver.h"
#include "replay/record.h"
#include "replay/sender.h"
#include "replay/tracker.h"
#include "report/inferences.h"

enum {
    RRTO_SESSION_EARLY_BYTES = 16 << 10, /* a payload of this size starts to leave at its call */
    RRTO_SESSION_PENDING_LITERALS = 64,
    RRTO_SESSION_POLL_NS = 1000000, /* polling for this long asks the server */
    RRTO_SESSION_MAX_POLLS = 1024,  /* positions; with more of them, it is asked at once */
    RRTO_SESSION_TAU_MIN_NS = 100000,
    RRTO_SESSION_TAU_MAX_NS = 4000000,
};

struct rrto_trace; /* trace.h */

/* What a session is told at its start. */
struct rrto_session_options {
    const struct rrto_mode *mode;
    const struct rrto_optable *table;
    bool elide, memo, predict, patch, early, push; /* and-ed with the mode's */
    bool lazysync;
    bool flusher;        /* with the thread that flushes by time; without it only tests */
    unsigned slot_kinds; /* slots.h; what the server was told */
    unsigned seq_levels; /* seq.h */
    bool insist;
    uint64_t log_bytes, chunk_bytes, deviate;
    uint64_t token_hidden;              /* bits of tokens that the search does not see: none but in tests */
    uint64_t queue_bytes;               /* of the way out, a power of two */
    uint64_t (*now_ns)(void);           /* a monotonic clock */
    struct rrto_trace *trace;           /* may be NULL; owned by the caller */
    struct rrto_inferences *inferences; /* where inferences are recorded; may be NULL; owned by the caller */
    uint64_t period_ns;                 /* of an open loop; 0: inferences begin when the application begins them */
    uint64_t past_bytes;                /* for coded payloads, as agreed with the server; 0: none are coded */
    uint64_t results_past_bytes;        /* for those that come */
    uint64_t codec_stress;              /* tests: a seed, and every payload is coded by any model; 0: no */
};

struct rrto_session {
    struct rrto_session_options options;
    bool elide, memo, predict, early, push, lazysync;
    uint32_t not_plain; /* flags of ops about which there is more to decide than how they travel; all bits: every op */
    struct rrto_conn conn;
    struct rrto_sender sender;
    struct rrto_receiver receiver;
    struct rrto_counters *counters; /* lent */
    struct rrto_pace pace;          /* under the issue lock */

    pthread_mutex_t lock; /* the issue lock: protects what follows */
    pthread_cond_t released;
    uint64_t held_by; /* the thread whose ops alone are issued now; 0: everybody's */
    struct rrto_record_encoder encoder;
    struct rrto_op_predictor predictor; /* its seq is NULL without prediction */
    struct rrto_tracker tracker;
    struct rrto_memo answers;
    uint64_t lanes_used; /* bit set */
    struct rrto_ahead ahead;
    struct rrto_coding coding;
    uint64_t told_rate;                /* at which payloads come, by what the server was told last */
    uint64_t n_predictions, n_dropped; /* for options.deviate */
    uint64_t n_pending_literals;
    bool frame_open; /* bytes of the present frame have left */
    /* pending_since_ns: the first op that has not been flushed; 0: none. tau_ns: how long it may wait. Atomics: the
     * flusher looks at them. */
    uint64_t pending_since_ns, tau_ns;
    uint64_t rtt_ns;          /* the shortest way there and back that was seen, or 0 */
    uint64_t waited_until_ns; /* up to here, the time that threads were blocked is in the counters' waits */
    uint64_t obstacle; /* position + 1 of another stream's op that kept the last synchronise from being answered here */
    uint64_t last_h2d_thread, last_h2d_stream; /* lazysync: the last op, if it was an H2D; thread 0: it was not */
    struct rrto_map polls;                     /* positions that are being polled, and since when, ns */

    pthread_t flusher;
    bool flusher_runs;
    bool traces; /* for the flusher: options.trace may go, under the issue lock */
    pthread_mutex_t flusher_lock;
    pthread_cond_t flusher_wake;
    bool flusher_idle, flusher_stop; /* idle: it has to be woken */
};

/* Takes over the connection, on which the hello has been made, and closes it on failure. counters is lent for the
 * session's life. RRTO_NO_MEMORY; what rrto_log_init refuses. */
int rrto_session_init(struct rrto_session *session, const struct rrto_conn *conn,
                      const struct rrto_session_options *options, struct rrto_counters *counters);
/* Says goodbye (at most timeout_ms), closes. No other thread may use the session any more. */
void rrto_session_fini(struct rrto_session *session, int timeout_ms);

/* As in issue.h, for a session. lane: of the calling thread. thread: a number of it, not 0. ret_round_trips (may be
 * NULL) is incremented for each wait. */
struct rrto_session_caller {
    unsigned lane;
    uint64_t thread;
    uint64_t round_trips;
};
int32_t rrto_session_issue(struct rrto_session *session, struct rrto_session_caller *caller, const uint8_t *bytes,
                           size_t n_bytes, const struct rrto_issue_extra *extra);
bool rrto_session_poll(struct rrto_session *session, uint64_t position);
int32_t rrto_session_wait(struct rrto_session *session, struct rrto_session_caller *caller, uint64_t position);
int32_t rrto_session_await(struct rrto_session *session, struct rrto_waiter *waiter);
void rrto_session_drain(struct rrto_session *session, struct rrto_session_caller *caller, const void *host, size_t n,
                        uint64_t before);
bool rrto_session_drain_all(struct rrto_session *session, struct rrto_session_caller *caller);
void rrto_session_flush(struct rrto_session *session);
void rrto_session_hold(struct rrto_session *session, const struct rrto_session_caller *caller, bool hold);

/* Internal. With the issue lock: sends what is pending and ends the frame. */
void rrto_session_flush_locked(struct rrto_session *session);
/* With the issue lock: the payload of the op that was just encoded joins what is pending; a large one leaves with it,
 * in a frame that stays open, or, without `early`, ends with it. */
void rrto_session_send_payload_locked(struct rrto_session *session, const void *payload, uint64_t n);
/* The same, coded: chunk by chunk, each leaves before the next is coded; without `early`, before the next but one. */
void rrto_session_send_coded_locked(struct rrto_session *session, const void *payload, uint64_t n);
/* With the issue lock, ahead of a payload of n bytes that comes once: how fast what waits on the way out leaves, if
 * that is all that there is to go by. While much waits and that cannot be told yet, waits for it, some milliseconds. */
void rrto_session_measure_locked(struct rrto_session *session, uint64_t n);
/* With the issue lock, ahead of an op that brings a large payload: the server learns how fast those come, if that has
 * changed by much; and that the next one is to come as it is, if coded ones have not told for long. */
void rrto_session_tell_rate_locked(struct rrto_session *session);
/* Without the issue lock: back-pressure before a payload of n bytes. Blocks while the way out is more than half full.
 * False: lost. */
bool rrto_session_make_room(struct rrto_session *session, uint64_t n);
/* Asks for a REPLY once the op at position, which has been flushed, has completed. False: lost. */
bool rrto_session_subscribe(struct rrto_session *session, uint64_t position);
/* With the issue lock: the application has the result of an inference. */
void rrto_session_result_locked(struct rrto_session *session, uint64_t now_ns);
/* With the issue lock: a thread was blocked from start_ns to end_ns, until its reply came. */
void rrto_session_waited_locked(struct rrto_session *session, const struct rrto_waiter *waiter, uint64_t start_ns,
                                uint64_t end_ns);
/* Without the issue lock: if the next op begins an inference, waits until its time has come. */
void rrto_session_pace(struct rrto_session *session);
/* Starts and stops the flusher thread, wakes it. */
int rrto_flusher_start(struct rrto_session *session);
void rrto_flusher_stop(struct rrto_session *session);
void rrto_flusher_kick(struct rrto_session *session, bool urgent);
/* Whether time alone calls for a flush at now_ns; else *ret_wait_ns: when to look again (UINT64_MAX: when woken). */
bool rrto_flusher_due(struct rrto_session *session, uint64_t now_ns, uint64_t *ret_wait_ns);

#endif
