/* SPDX-License-Identifier: Apache-2.0 */
/* The process: first call, fork, exit; the counters' file; the functions of issue.h on the process's one session. */
#include "replay/process.h"

#include "base/clock.h"
#include "base/config.h"
#include "base/format.h"
#include "base/log.h"
#include "base/status.h"
#include "replay/scrub.h"
#include "replay/trace.h"
#include "report/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { SCRATCH_MAX_BYTES = RRTO_OP_MAX_BYTES + 64, GOODBYE_MS = 200 };

struct rrto_process rrto_process;

static pthread_mutex_t start_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_key_t thread_key;
static uint64_t n_threads;
__thread struct rrto_thread *rrto_this_thread;

bool rrto_process_is_mine(void)
{
    return rrto_process.page && rrto_process.page[0];
}

/* --- threads --- */

/* A thread of the application ends: its lane is free for another one. */
static void thread_ended(void *arg)
{
    struct rrto_thread *thread = arg;
    rrto_this_thread = NULL;
    if (thread->has_lane && rrto_process_is_mine() && !__atomic_load_n(&rrto_process.exiting, __ATOMIC_RELAXED)) {
        struct rrto_session *session = &rrto_process.session;
        pthread_mutex_lock(&session->lock);
        session->lanes_used &= ~((uint64_t)1 << thread->caller.lane);
        if (session->predictor.seq)
            rrto_seq_reset_lane(session->predictor.seq, thread->caller.lane);
        (void)rrto_receiver_take_value(&session->receiver, thread->caller.lane);
        pthread_mutex_unlock(&session->lock);
    }
    rrto_buf_fini(&thread->scratch);
    free(thread);
}

struct rrto_thread *rrto_thread_make(void)
{
    static struct rrto_thread shared; /* memory is short: all such threads are one */
    struct rrto_thread *thread = calloc(1, sizeof *thread);
    if (!thread)
        return &shared;
    thread->caller.thread = __atomic_add_fetch(&n_threads, 1, __ATOMIC_RELAXED);
    rrto_buf_init(&thread->scratch, SCRATCH_MAX_BYTES);
    (void)pthread_setspecific(thread_key, thread);
    rrto_this_thread = thread;
    return thread;
}

/* A lane of its own while there are free ones. */
static void take_lane(struct rrto_thread *thread, struct rrto_session *session)
{
    if (thread->has_lane)
        return;
    pthread_mutex_lock(&session->lock);
    thread->caller.lane = (unsigned)(thread->caller.thread % RRTO_SEQ_LANES);
    if (~session->lanes_used) {
        thread->caller.lane = (unsigned)__builtin_ctzll(~session->lanes_used);
        session->lanes_used |= (uint64_t)1 << thread->caller.lane;
        thread->has_lane = true;
    }
    pthread_mutex_unlock(&session->lock);
}

/* --- start, fork, exit --- */

/* A new file of n zero bytes in the run folder, mapped, with its blocks (a write into a hole of a full file system
 * would be the application's SIGBUS): client-<pid>.<what>, or with a number behind the pid where a program came before
 * this one in the same process (exec). */
static void *map_file(const char *folder, const char *what, size_t n)
{
    void *at = MAP_FAILED;
    char path[512];
    for (unsigned i = 0; *folder && i < 100; i++) {
        size_t length = i == 0 ? rrto_format(path, sizeof path, "%s/client-%d.%s", folder, (int)getpid(), what)
                               : rrto_format(path, sizeof path, "%s/client-%d-%u.%s", folder, (int)getpid(), i, what);
        if (length + 1 >= sizeof path)
            break;
        int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0 && errno == EEXIST)
            continue;
        if (fd >= 0) {
            if (posix_fallocate(fd, 0, (off_t)n) == 0)
                at = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
            close(fd);
        }
        if (at == MAP_FAILED)
            rrto_warn("cannot write %s: the %s of this process will be missing", path, what);
        break;
    }
    return at == MAP_FAILED ? NULL : at;
}

/* In the run folder, so that they survive the process; else, or when that fails, in plain memory. The records of
 * inferences are kept for those only who ask. */
static bool start_counters(void)
{
    const struct rrto_config *config = rrto_config_get();
    const char *folder = config->run_dir;
    const size_t n = sizeof(struct rrto_counters);
    const uint64_t capacity =
        config->inferences < RRTO_INFERENCES_MAX_CAPACITY ? config->inferences : RRTO_INFERENCES_MAX_CAPACITY;
    struct rrto_counters *counters = map_file(folder, "counters", n);
    struct rrto_inferences *inferences =
        counters && capacity ? map_file(folder, "inferences", rrto_inferences_bytes(capacity)) : NULL;
    if (!counters) {
        void *at = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        counters = at == MAP_FAILED ? NULL : at;
    }
    if (!counters)
        return false;
    if (inferences)
        rrto_inferences_init(inferences, capacity);
    rrto_process.inferences = inferences;
    rrto_counters_init(counters);
    counters->pid = (uint32_t)getpid();
    counters->started_ns = counters->updated_ns = rrto_now_ns();
    rrto_format(counters->mode, sizeof counters->mode, "%s", rrto_process.mode->name);
    rrto_format(counters->program, sizeof counters->program, "%s", program_invocation_short_name);
    rrto_process.counters = counters;
    return true;
}

static void in_child(void)
{
    if (rrto_process.page)
        rrto_process.page[0] = 0; /* where the kernel has no MADV_WIPEONFORK */
    pthread_mutex_init(&start_lock, NULL);
    pthread_mutex_init(&open_lock, NULL);
}

static bool start(void)
{
    const struct rrto_config *config = rrto_config_get();
    rrto_process.mode = rrto_mode_find(config->mode);
    if (!rrto_process.mode) {
        rrto_process.mode = rrto_mode_default();
        rrto_error("RRTO_MODE=%s is no mode: using %s", config->mode, rrto_process.mode->name);
    }
    uint8_t *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED || !start_counters() || pthread_key_create(&thread_key, thread_ended) != 0)
        return false;
    (void)madvise(page, 4096, MADV_WIPEONFORK);
    (void)pthread_atfork(NULL, NULL, in_child);
    page[0] = 1;
    __atomic_store_n(&rrto_process.page, page, __ATOMIC_RELEASE);
    return true;
}

enum rrto_call_gate rrto_process_enter_first(void)
{
    enum rrto_call_gate gate = RRTO_CALL_GO;
    pthread_mutex_lock(&start_lock);
    if (!rrto_process.page) {
        if (!start())
            gate = RRTO_CALL_EXITING; /* no memory for a page */
    } else if (!rrto_process.page[0]) {
        if (__atomic_load_n(&rrto_process.state, __ATOMIC_ACQUIRE) != RRTO_PROCESS_NO_SESSION)
            gate = RRTO_CALL_FORKED; /* the parent had used the GPU */
        else if (start_counters())   /* the parent's are the parent's */
            __atomic_store_n(&rrto_process.page[0], 1, __ATOMIC_RELEASE);
        else
            gate = RRTO_CALL_EXITING;
    }
    pthread_mutex_unlock(&start_lock);
    return gate;
}

/* What is pending leaves, and the goodbye; for GOODBYE_MS at most, whatever other threads are doing. */
static void say_goodbye(struct rrto_session *session)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += GOODBYE_MS * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    if (rrto_receiver_lost(&session->receiver) || pthread_mutex_timedlock(&session->lock, &until) != 0)
        return;
    rrto_receiver_leave(&session->receiver);
    rrto_record_end(&session->encoder);
    rrto_session_flush_locked(session);
    rrto_counters_touch(session->counters, rrto_now_ns());
    (void)rrto_trace_close(session->options.trace);
    session->options.trace = NULL;
    pthread_mutex_unlock(&session->lock);
    for (uint64_t start_ns = rrto_now_ns(); rrto_now_ns() - start_ns < GOODBYE_MS * 1000000u;) {
        if (rrto_sender_drain(&session->sender) != RRTO_OK || rrto_sender_queued(&session->sender) == 0 ||
            rrto_conn_wait(&session->conn, true, 20) == RRTO_IO)
            return;
    }
}

/* The process ends by exit(). Nothing is torn down: other threads may still be in here. */
__attribute__((destructor)) static void leave(void)
{
    if (!rrto_process_is_mine())
        return;
    __atomic_store_n(&rrto_process.exiting, true, __ATOMIC_RELAXED);
    const struct rrto_config *config = rrto_config_get();
    if (__atomic_load_n(&rrto_process.state, __ATOMIC_ACQUIRE) == RRTO_PROCESS_OPEN)
        say_goodbye(&rrto_process.session);
    rrto_counters_touch(rrto_process.counters, rrto_now_ns());
    if (*config->run_dir || !*config->report)
        return;
    const struct rrto_counters *processes[] = {rrto_process.counters};
    struct rrto_report_end end = {0};
    int status = rrto_report_write(config->report, &end, processes, 1);
    if (status != RRTO_OK)
        rrto_warn("the report could not be written to %s: %s", config->report, rrto_status_text(status));
}

/* --- the session --- */

struct rrto_session *rrto_process_session_slowly(void)
{
    int state = __atomic_load_n(&rrto_process.state, __ATOMIC_ACQUIRE);
    if (state == RRTO_PROCESS_NO_SESSION) {
        if (rrto_process_enter() != RRTO_CALL_GO)
            return NULL;
        pthread_mutex_lock(&open_lock);
        state = rrto_process.state;
        if (state == RRTO_PROCESS_NO_SESSION) {
            state = rrto_process_connect(&rrto_process) ? RRTO_PROCESS_OPEN : RRTO_PROCESS_FAILED;
            __atomic_store_n(&rrto_process.state, state, __ATOMIC_RELEASE);
        }
        pthread_mutex_unlock(&open_lock);
    }
    return state == RRTO_PROCESS_OPEN ? &rrto_process.session : NULL;
}

const struct rrto_device_info *rrto_session_device(void)
{
    return rrto_process_session() ? &rrto_process.device : NULL;
}

bool rrto_session_open(void)
{
    return rrto_process_is_mine() && __atomic_load_n(&rrto_process.state, __ATOMIC_ACQUIRE) == RRTO_PROCESS_OPEN;
}

bool rrto_session_error(struct rrto_session_error *ret_error)
{
    int state = __atomic_load_n(&rrto_process.state, __ATOMIC_ACQUIRE);
    if (state == RRTO_PROCESS_FAILED) {
        *ret_error = rrto_process.error;
        ret_error->left = false;
        return true;
    }
    if (state != RRTO_PROCESS_OPEN || !rrto_receiver_lost(&rrto_process.session.receiver)) {
        bool ending = __atomic_load_n(&rrto_process.exiting, __ATOMIC_RELAXED);
        if (ending)
            *ret_error = (struct rrto_session_error){.library = "", .left = true};
        return ending;
    }
    struct rrto_receiver *receiver = &rrto_process.session.receiver;
    pthread_mutex_lock(&receiver->lock);
    ret_error->library = receiver->error.library;
    ret_error->code = receiver->error.code;
    _Static_assert(sizeof ret_error->text == sizeof receiver->error.text, "one text");
    memcpy(ret_error->text, receiver->error.text, sizeof ret_error->text);
    ret_error->left = receiver->left;
    pthread_mutex_unlock(&receiver->lock);
    return true;
}

int32_t rrto_issue(const uint8_t *bytes, size_t n_bytes, const struct rrto_issue_extra *extra)
{
    struct rrto_session *session = rrto_process_session();
    if (!session || __atomic_load_n(&rrto_process.exiting, __ATOMIC_RELAXED)) /* the call began before the end did */
        return RRTO_LOST;
    struct rrto_thread *thread = rrto_thread_get();
    take_lane(thread, session);
    thread->issued = true;
    uint64_t round_trips = thread->caller.round_trips;
    int32_t status = rrto_session_issue(session, &thread->caller, bytes, n_bytes, extra);
    if (__builtin_expect(thread->caller.round_trips != round_trips, 0))
        rrto_scrub_stack(RRTO_SCRUB_WAITED_BYTES);
    return status;
}

struct rrto_buf *rrto_issue_scratch(void)
{
    struct rrto_buf *scratch = &rrto_thread_get()->scratch;
    rrto_buf_clear(scratch);
    return scratch;
}

bool rrto_issue_poll(uint64_t position)
{
    return rrto_session_open() && rrto_session_poll(&rrto_process.session, position);
}

bool rrto_issue_stream_position(uint32_t stream, uint64_t *ret_position)
{
    if (!rrto_session_open())
        return false;
    struct rrto_session *session = &rrto_process.session;
    pthread_mutex_lock(&session->lock);
    bool found = rrto_tracker_position(&session->tracker, stream, ret_position);
    pthread_mutex_unlock(&session->lock);
    return found;
}

int32_t rrto_issue_wait(uint64_t position)
{
    if (!rrto_session_open())
        return RRTO_LOST;
    return rrto_session_wait(&rrto_process.session, &rrto_thread_get()->caller, position);
}

struct rrto_waiter *rrto_issue_waiter(void)
{
    return calloc(1, sizeof(struct rrto_waiter));
}

int32_t rrto_issue_await(struct rrto_waiter *waiter)
{
    return rrto_session_await(&rrto_process.session, waiter); /* it was issued: there is a session */
}

void rrto_issue_drain(const void *host, size_t n)
{
    rrto_issue_drain_before(host, n, UINT64_MAX);
}

void rrto_issue_drain_before(const void *host, size_t n, uint64_t position)
{
    if (rrto_session_open())
        rrto_session_drain(&rrto_process.session, &rrto_thread_get()->caller, host, n, position);
}

bool rrto_issue_drain_all(void)
{
    return !rrto_session_open() || rrto_session_drain_all(&rrto_process.session, &rrto_thread_get()->caller);
}

bool rrto_issue_is_newest(uint64_t position)
{
    if (!rrto_session_open())
        return false;
    struct rrto_session *session = &rrto_process.session;
    pthread_mutex_lock(&session->lock);
    bool newest = session->encoder.log.head == position + 1;
    pthread_mutex_unlock(&session->lock);
    return newest;
}

void rrto_issue_hold(bool hold)
{
    if (rrto_session_open())
        rrto_session_hold(&rrto_process.session, &rrto_thread_get()->caller, hold);
}

void rrto_issue_mark(void)
{
    if (!rrto_session_open() || __atomic_load_n(&rrto_process.exiting, __ATOMIC_RELAXED))
        return;
    pthread_mutex_lock(&rrto_process.session.lock);
    rrto_counters_mark(rrto_process.counters);
    pthread_mutex_unlock(&rrto_process.session.lock);
}

void rrto_issue_flush(void)
{
    if (rrto_session_open())
        rrto_session_flush(&rrto_process.session);
}

void rrto_issue_receive(void)
{
    if (rrto_session_open())
        rrto_receiver_pump(&rrto_process.session.receiver);
}
