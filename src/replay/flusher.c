/* SPDX-License-Identifier: Apache-2.0 */
/* The flusher: the one helper thread. It sends what the connection did not take at once, flushes what has waited for
 * tau, and receives while nobody waits but payloads or answers are due, so that an application that polls or spins
 * makes progress. And it writes what a trace has had pending for too long. */
#include "base/status.h"
#include "replay/session.h"
#include "replay/trace.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <time.h>

enum { IDLE_NS = 50000000, RECEIVE_NS = 1000000 };

/* Whether somebody other than a blocked thread expects something from the server. */
static bool expects(struct rrto_session *session)
{
    bool due;
    pthread_mutex_lock(&session->receiver.lock);
    due =
        (session->receiver.n_downs > 0 || session->receiver.n_watches > 0) && session->receiver.error.status == RRTO_OK;
    pthread_mutex_unlock(&session->receiver.lock);
    return due;
}

bool rrto_flusher_due(struct rrto_session *session, uint64_t now_ns, uint64_t *ret_wait_ns)
{
    uint64_t since = __atomic_load_n(&session->pending_since_ns, __ATOMIC_RELAXED);
    uint64_t tau = __atomic_load_n(&session->tau_ns, __ATOMIC_RELAXED);
    *ret_wait_ns = UINT64_MAX;
    if (since == 0)
        return false;
    if (now_ns < since + tau) {
        *ret_wait_ns = since + tau - now_ns;
        return false;
    }
    if (!rrto_sender_leaving(&session->sender))
        return true;
    *ret_wait_ns = tau; /* behind a payload that is still leaving, nothing is gained */
    return false;
}

/* Sends until the ring is empty. */
static void drain(struct rrto_session *session)
{
    while (rrto_sender_queued(&session->sender) > 0 && !__atomic_load_n(&session->flusher_stop, __ATOMIC_RELAXED)) {
        if (rrto_sender_drain(&session->sender) != RRTO_OK) {
            rrto_receiver_pump(&session->receiver);
            rrto_receiver_lose(&session->receiver, RRTO_CLOSED,
                               "the connection to the server broke while sending: the GPU session is lost; see the "
                               "server's log, then restart the program");
            return;
        }
        if (rrto_sender_queued(&session->sender) == 0)
            return;
        /* a server that waits for us to read does not read either */
        bool due = expects(session);
        struct pollfd entry = {.fd = session->conn.fd, .events = (short)(POLLOUT | (due ? POLLIN : 0))};
        (void)poll(&entry, 1, 100);
        if (due && entry.revents & ~POLLOUT)
            rrto_receiver_pump(&session->receiver);
    }
}

static void sleep_locked(struct rrto_session *session, uint64_t wait_ns)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t at = (uint64_t)until.tv_sec * 1000000000u + (uint64_t)until.tv_nsec + wait_ns;
    until.tv_sec = (time_t)(at / 1000000000u);
    until.tv_nsec = (long)(at % 1000000000u);
    (void)pthread_cond_timedwait(&session->flusher_wake, &session->flusher_lock, &until);
}

/* At the end of the process the trace is closed, under the issue lock. */
static void trace_in_time(struct rrto_session *session, uint64_t now_ns)
{
    pthread_mutex_lock(&session->lock);
    rrto_trace_flush_old(session->options.trace, now_ns);
    pthread_mutex_unlock(&session->lock);
}

static void *flusher_main(void *arg)
{
    struct rrto_session *session = arg;
    uint64_t active_ns = session->options.now_ns();
    for (;;) {
        drain(session);
        rrto_log_prefault(&session->encoder.log);
        uint64_t now = session->options.now_ns(), wait_ns;
        if (session->traces)
            trace_in_time(session, now);
        if (rrto_flusher_due(session, now, &wait_ns)) {
            pthread_mutex_lock(&session->lock);
            if (rrto_flusher_due(session, now, &wait_ns))
                rrto_session_flush_locked(session);
            pthread_mutex_unlock(&session->lock);
            active_ns = now;
            continue;
        }
        if (wait_ns != UINT64_MAX)
            active_ns = now;
        if (expects(session)) {
            rrto_receiver_pump(&session->receiver);
            active_ns = now;
            wait_ns = wait_ns < RECEIVE_NS ? wait_ns : RECEIVE_NS;
        }
        pthread_mutex_lock(&session->flusher_lock);
        if (session->flusher_stop) {
            pthread_mutex_unlock(&session->flusher_lock);
            return NULL;
        }
        uint64_t tau = __atomic_load_n(&session->tau_ns, __ATOMIC_RELAXED);
        if (rrto_sender_queued(&session->sender) == 0) {
            if (now - active_ns < IDLE_NS) {
                sleep_locked(session, wait_ns < tau ? wait_ns : tau);
            } else {
                __atomic_store_n(&session->flusher_idle, true, __ATOMIC_SEQ_CST);
                /* an op that became pending before it saw the flag did not wake us: look once more */
                bool nothing = __atomic_load_n(&session->pending_since_ns, __ATOMIC_SEQ_CST) == 0 && !expects(session);
                if (nothing && session->traces) /* ops that were waited for have not woken us: look from time to time */
                    sleep_locked(session, RRTO_TRACE_PENDING_NS);
                else if (nothing)
                    pthread_cond_wait(&session->flusher_wake, &session->flusher_lock);
                __atomic_store_n(&session->flusher_idle, false, __ATOMIC_SEQ_CST);
                active_ns = session->options.now_ns();
            }
        }
        pthread_mutex_unlock(&session->flusher_lock);
    }
}

int rrto_flusher_start(struct rrto_session *session)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&session->flusher_lock, NULL);
    pthread_cond_init(&session->flusher_wake, &attributes);
    pthread_condattr_destroy(&attributes);
    session->traces = session->options.trace != NULL;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all,
                    &before); /* the thread inherits: no signal handler of the application runs on it */
    int failed = pthread_create(&session->flusher, NULL, flusher_main, session);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        return RRTO_NO_MEMORY;
    session->flusher_runs = true;
    return RRTO_OK;
}

void rrto_flusher_stop(struct rrto_session *session)
{
    if (!session->flusher_runs)
        return;
    pthread_mutex_lock(&session->flusher_lock);
    __atomic_store_n(&session->flusher_stop, true, __ATOMIC_RELAXED);
    pthread_cond_signal(&session->flusher_wake);
    pthread_mutex_unlock(&session->flusher_lock);
    pthread_join(session->flusher, NULL);
    session->flusher_runs = false;
}

void rrto_flusher_kick(struct rrto_session *session, bool urgent)
{
    if (!session->flusher_runs || (!urgent && !__atomic_load_n(&session->flusher_idle, __ATOMIC_SEQ_CST)))
        return;
    pthread_mutex_lock(&session->flusher_lock);
    pthread_cond_signal(&session->flusher_wake);
    pthread_mutex_unlock(&session->flusher_lock);
}
