/* SPDX-License-Identifier: Apache-2.0 */
#include "sessions.h"

#include "base/log.h"
#include "base/status.h"
#include "notify.h"
#include "wire/frame.h"
#include "worker_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A connection that has not said hello yet. */
struct pending {
    struct pending *next;
    struct rrto_sessions *sessions;
    uv_poll_t poll;
    uv_timer_t timer;
    int fd;
    int n_open_handles;
    bool adopted;
    size_t n_read;
    uint8_t hello[RRTO_HELLO_BYTES];
};

struct accepting {
    struct rrto_sessions *sessions;
    struct rrto_listener listener;
    uv_poll_t poll;
};

struct rrto_sessions {
    uv_loop_t *loop;
    const struct rrto_options *options;
    const char *worker_path;
    struct accepting accepting[RRTO_LISTEN_MAX];
    size_t n_accepting;
    struct pending *pending;
    size_t n_pending;
    struct rrto_spawned *workers;
    size_t n_workers;
    uv_signal_t term, interrupt, hangup;
    uv_timer_t drain_timer;
    bool draining, stopping;
    uint64_t n_sessions; /* ever */
    int exit_status;
};

static void stop_if_idle(struct rrto_sessions *sessions);

/* --- refusing
 * ------------------------------------------------------------------------------------------------------------------ */

/* The answer to a hello: 64 bytes fit into any socket's buffer, so this never waits. */
static void refuse(int fd, int status, const char *text)
{
    struct rrto_hello_answer answer = {.major = RRTO_WIRE_MAJOR, .minor = RRTO_WIRE_MINOR, .status = status};
    uint8_t bytes[RRTO_HELLO_BYTES];
    snprintf(answer.text, sizeof answer.text, "%s", text);
    rrto_hello_answer_encode(bytes, &answer);
    (void)send(fd, bytes, sizeof bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
    rrto_info("refused a connection: %s", text);
}

/* --- pending connections
 * ------------------------------------------------------------------------------------------------------- */

static void pending_closed(uv_handle_t *handle)
{
    struct pending *pending = handle->data;
    if (--pending->n_open_handles > 0)
        return;
    struct rrto_sessions *sessions = pending->sessions;
    if (pending->fd >= 0)
        close(pending->fd);
    free(pending);
    stop_if_idle(sessions);
}

static void pending_end(struct pending *pending)
{
    struct rrto_sessions *sessions = pending->sessions;
    struct pending **at = &sessions->pending;
    while (*at && *at != pending)
        at = &(*at)->next;
    if (!*at)
        return; /* ended already */
    *at = pending->next;
    sessions->n_pending--;
    if (pending->adopted && sessions->n_workers == 0)
        sessions->draining = true; /* the one client of --stdio got no worker */
    uv_close((uv_handle_t *)&pending->poll, pending_closed);
    uv_close((uv_handle_t *)&pending->timer, pending_closed);
}

static void worker_ended(void *arg, struct rrto_spawned *worker, int64_t exit_status, int signal_number)
{
    struct rrto_sessions *sessions = arg;
    struct rrto_spawned **at = &sessions->workers;
    while (*at && *at != worker)
        at = &(*at)->next;
    if (*at) {
        *at = worker->next;
        sessions->n_workers--;
    }
    if (signal_number)
        rrto_warn("session %lu: the worker (pid %d) died of signal %d (%s)", worker->number, worker->pid, signal_number,
                  strsignal(signal_number));
    else if (exit_status)
        rrto_warn("session %lu: the worker (pid %d) ended with status %ld", worker->number, worker->pid,
                  (long)exit_status);
    else
        rrto_info("session %lu ended", worker->number);
    if (worker->adopted) {
        sessions->draining = true;
        sessions->exit_status = signal_number ? 128 + signal_number : (int)exit_status;
    }
    stop_if_idle(sessions);
}

static const char *judge(const struct rrto_sessions *sessions, const struct rrto_hello *hello, int *ret_status)
{
    *ret_status = RRTO_REFUSED;
    if (hello->major != RRTO_WIRE_MAJOR) {
        *ret_status = RRTO_MISMATCH;
        return "other protocol version; install the same rrto";
    }
    if (hello->flags & ~(uint32_t)RRTO_HELLO_PLAIN) {
        *ret_status = RRTO_UNSUPPORTED;
        return "the client wants what this server does not know";
    }
    if (sessions->draining)
        return "the server is shutting down";
    if (sessions->n_workers >= sessions->options->sessions)
        return "all sessions are taken; raise 'sessions'";
    return NULL;
}

static void start_session(struct rrto_sessions *sessions, struct pending *pending, const struct rrto_hello *hello)
{
    struct rrto_spawned *worker = calloc(1, sizeof *worker);
    if (!worker) {
        refuse(pending->fd, RRTO_NO_MEMORY, "the server is out of memory");
        return;
    }
    worker->number = ++sessions->n_sessions;
    worker->adopted = pending->adopted;
    char why[200] = "";
    int status = rrto_spawn_worker(sessions->loop, sessions->worker_path, sessions->options, hello, pending->fd,
                                   worker_ended, sessions, worker, why, sizeof why);
    if (status != RRTO_OK) {
        rrto_error("%s", why);
        refuse(pending->fd, status, "no worker could be started; see the server's log");
        return;
    }
    rrto_info("session %lu: client pid %u, build %s%s; worker pid %d", worker->number, hello->pid, hello->build,
              hello->flags & RRTO_HELLO_PLAIN ? ", plain mode" : "", worker->pid);
    worker->next = sessions->workers;
    sessions->workers = worker;
    sessions->n_workers++;
}

static void hello_readable(uv_poll_t *handle, int poll_status, int events)
{
    (void)poll_status;
    (void)events;
    struct pending *pending = handle->data;
    struct rrto_sessions *sessions = pending->sessions;
    ssize_t got =
        recv(pending->fd, pending->hello + pending->n_read, sizeof pending->hello - pending->n_read, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        rrto_debug("a connection ended before its hello");
        pending_end(pending);
        return;
    }
    pending->n_read += (size_t)got;
    /* What does not start as a hello is told so at once: an HTTP client need not wait for the time limit. */
    size_t n_magic = pending->n_read < 4 ? pending->n_read : 4;
    struct rrto_hello hello = {0};
    int status = memcmp(pending->hello, "RRTO", n_magic) == 0 ? RRTO_OK : RRTO_PROTOCOL;
    if (status == RRTO_OK && pending->n_read < sizeof pending->hello)
        return;
    if (status == RRTO_OK)
        status = rrto_hello_decode(pending->hello, &hello);
    const char *text = status == RRTO_OK ? judge(sessions, &hello, &status) : "this is no rrto hello";
    if (text)
        refuse(pending->fd, status, text);
    else
        start_session(sessions, pending, &hello);
    pending_end(pending);
}

static void hello_late(uv_timer_t *timer)
{
    struct pending *pending = timer->data;
    refuse(pending->fd, RRTO_TIMEOUT, "no hello within the time limit");
    pending_end(pending);
}

static void pend(struct rrto_sessions *sessions, int fd, bool adopted)
{
    if (sessions->n_pending >= sessions->options->pending) {
        refuse(fd, RRTO_REFUSED, "too many connections without hello");
        close(fd);
        return;
    }
    struct pending *pending = calloc(1, sizeof *pending);
    if (!pending) {
        close(fd);
        return;
    }
    pending->sessions = sessions;
    pending->fd = fd;
    pending->adopted = adopted;
    if (uv_poll_init(sessions->loop, &pending->poll, fd) != 0) {
        rrto_error("descriptor %d cannot be watched: it is no socket", fd);
        close(fd);
        free(pending);
        sessions->draining = sessions->draining || adopted;
        sessions->exit_status = 1;
        stop_if_idle(sessions);
        return;
    }
    uv_timer_init(sessions->loop, &pending->timer);
    pending->poll.data = pending->timer.data = pending;
    pending->n_open_handles = 2;
    pending->next = sessions->pending;
    sessions->pending = pending;
    sessions->n_pending++;
    uv_poll_start(&pending->poll, UV_READABLE | UV_DISCONNECT, hello_readable);
    uv_timer_start(&pending->timer, hello_late, sessions->options->hello_timeout_ms, 0);
}

/* --- listening
 * ----------------------------------------------------------------------------------------------------------------- */

static void acceptable(uv_poll_t *handle, int status, int events)
{
    (void)status;
    (void)events;
    struct accepting *accepting = handle->data;
    int fd = accept4(accepting->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
        pend(accepting->sessions, fd, false);
        return;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        /* The connection stays in the backlog, readable: give others time to close instead of spinning. */
        static uint64_t warned;
        uint64_t now = uv_now(accepting->sessions->loop);
        if (now - warned > 1000)
            rrto_warn("cannot accept a connection: %s; raise the limit of open files", strerror(errno));
        warned = now;
        usleep(10000);
    }
}

static void stop_listening(struct rrto_sessions *sessions)
{
    for (size_t i = 0; i < sessions->n_accepting; i++) {
        struct accepting *accepting = &sessions->accepting[i];
        if (uv_is_closing((uv_handle_t *)&accepting->poll))
            continue;
        uv_poll_stop(&accepting->poll);
        uv_close((uv_handle_t *)&accepting->poll, NULL);
        rrto_listen_close(&accepting->listener);
    }
}

/* --- ending
 * --------------------------------------------------------------------------------------------------------------------
 */

static void stop_if_idle(struct rrto_sessions *sessions)
{
    if (!sessions->draining || sessions->stopping || sessions->n_workers || sessions->n_pending)
        return;
    sessions->stopping = true;
    stop_listening(sessions);
    uv_handle_t *handles[] = {(uv_handle_t *)&sessions->term, (uv_handle_t *)&sessions->interrupt,
                              (uv_handle_t *)&sessions->hangup, (uv_handle_t *)&sessions->drain_timer};
    for (size_t i = 0; i < sizeof handles / sizeof *handles; i++)
        uv_close(handles[i], NULL);
}

static void kill_workers(struct rrto_sessions *sessions)
{
    for (struct rrto_spawned *worker = sessions->workers; worker; worker = worker->next)
        (void)uv_process_kill(&worker->process, SIGKILL);
    while (sessions->pending)
        pending_end(sessions->pending);
    stop_if_idle(sessions);
}

static void drain_over(uv_timer_t *timer)
{
    struct rrto_sessions *sessions = timer->data;
    rrto_warn("%zu sessions have not ended within %lu ms; they are ended now", sessions->n_workers,
              sessions->options->drain_ms);
    kill_workers(sessions);
}

static void signalled(uv_signal_t *handle, int number)
{
    struct rrto_sessions *sessions = handle->data;
    rrto_notify("STOPPING=1");
    bool now = sessions->draining || number != SIGTERM;
    sessions->draining = true;
    if (now) {
        kill_workers(sessions);
        return;
    }
    if (sessions->n_workers)
        rrto_info("draining: waiting for %zu sessions to end, at most %lu ms", sessions->n_workers,
                  sessions->options->drain_ms);
    stop_listening(sessions);
    uv_timer_start(&sessions->drain_timer, drain_over, sessions->options->drain_ms, 0);
    stop_if_idle(sessions);
}

/* --- life
 * ----------------------------------------------------------------------------------------------------------------------
 */

struct rrto_sessions *rrto_sessions_create(uv_loop_t *loop, const struct rrto_options *options, const char *worker_path,
                                           const struct rrto_listener *listeners, size_t n_listeners)
{
    struct rrto_sessions *sessions = calloc(1, sizeof *sessions);
    if (!sessions)
        return NULL;
    sessions->loop = loop;
    sessions->options = options;
    sessions->worker_path = worker_path;
    const struct {
        uv_signal_t *handle;
        int number;
    } signals[] = {{&sessions->term, SIGTERM}, {&sessions->interrupt, SIGINT}, {&sessions->hangup, SIGHUP}};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        uv_signal_init(loop, signals[i].handle);
        signals[i].handle->data = sessions;
        uv_signal_start(signals[i].handle, signalled, signals[i].number);
    }
    uv_timer_init(loop, &sessions->drain_timer);
    sessions->drain_timer.data = sessions;
    for (size_t i = 0; i < n_listeners; i++) {
        struct accepting *accepting = &sessions->accepting[sessions->n_accepting];
        accepting->sessions = sessions;
        accepting->listener = listeners[i];
        if (uv_poll_init(loop, &accepting->poll, listeners[i].fd) != 0)
            continue;
        accepting->poll.data = accepting;
        uv_poll_start(&accepting->poll, UV_READABLE, acceptable);
        sessions->n_accepting++;
    }
    return sessions;
}

void rrto_sessions_adopt(struct rrto_sessions *sessions, int fd)
{
    pend(sessions, fd, true);
}

int rrto_sessions_destroy(struct rrto_sessions *sessions)
{
    int exit_status = sessions->exit_status;
    free(sessions);
    return exit_status;
}
