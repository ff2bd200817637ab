/* SPDX-License-Identifier: Apache-2.0 */
/* The scheduler. One thread carries out ops, one at a time; another one host functions, which may wait for the
 * application. An op is runnable when it is the first of its queue, what it waits for is done, and the word that it
 * waits for is there; it runs when somebody needs it (waits for it or for something behind it, or has polled for it),
 * when its seed says "early", or when it has been there for a while, so that programs which need progress without
 * asking get it. While it is off, nothing is queued until a host function or a word is waited for; then every op is an
 * early one, until the queues are empty again. */
#include "scheduler.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { GRACE_MS = 25, MAX_POLLS = 4, LOOK_MIN_NS = 20000, LOOK_MAX_NS = 1000000 };

struct soft_op {
    struct soft_op *before, *after; /* in its queue */
    struct soft_op *older, *newer;  /* of all pending ones */
    struct soft_queue *queue;
    uint64_t number, order, due_ns; /* order: the smallest runnable one is first */
    unsigned references, n_polls;
    bool early, wanted, running, done, for_host;
    struct soft_op **waits_for;
    unsigned n_waits;
    const uint32_t *word; /* to be `value` or, cyclically, beyond it first; the host writes it and tells nobody */
    uint32_t value;
    uint64_t time_ns;
    CUresult (*run)(void *arg);
    _Alignas(16) char arg[];
};

struct soft_queue {
    struct soft_op *first, *last;
    struct soft_queue *next;
    bool blocking, closed;
    uint64_t number;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed, done;
    bool adversarial, started;
    uint64_t seed, n_ops, n_queues, n_pending;
    struct soft_op *oldest, *newest;
    struct soft_queue legacy, *queues; /* all but the legacy one */
    CUresult error;                    /* the device's, for ever */
} state = {.lock = PTHREAD_MUTEX_INITIALIZER};
static __thread struct soft_queue *per_thread;

/* splitmix64's finaliser (Vigna, public domain). */
static uint64_t mix(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

static bool sched_parse(void)
{
    const char *text = getenv("SOFT_GPU_SCHED"), prefix[] = "adversarial:";
    if (!text || !*text)
        return true;
    char *end = NULL;
    if (strncmp(text, prefix, sizeof prefix - 1) == 0) {
        errno = 0;
        state.seed = strtoull(text + sizeof prefix - 1, &end, 10);
        state.adversarial = !errno && end != text + sizeof prefix - 1 && !*end;
    }
    if (!state.adversarial)
        soft_complain("soft GPU: SOFT_GPU_SCHED is '%.80s'; adversarial:SEED is what it can be", text);
    return state.adversarial;
}

bool soft_sched_init(void)
{
    static bool asked, good;
    pthread_mutex_lock(&state.lock);
    if (!asked) {
        pthread_condattr_t monotonic;
        pthread_condattr_init(&monotonic);
        pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
        pthread_cond_init(&state.changed, &monotonic);
        pthread_cond_init(&state.done, NULL);
        pthread_condattr_destroy(&monotonic);
        state.legacy.blocking = true;
        good = sched_parse();
        asked = true;
    }
    pthread_mutex_unlock(&state.lock);
    return good;
}

bool soft_sched_on(void)
{
    return state.adversarial || __atomic_load_n(&state.n_pending, __ATOMIC_ACQUIRE) > 0;
}

CUresult soft_device_error(void)
{
    return __atomic_load_n(&state.error, __ATOMIC_ACQUIRE);
}

void soft_device_fail(CUresult error)
{
    pthread_mutex_lock(&state.lock);
    if (!state.error)
        __atomic_store_n(&state.error, error, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&state.lock);
}

uint8_t soft_sched_poison(void)
{
    return state.adversarial ? (uint8_t)(0xC1 + mix(state.seed) % 31 * 2) : 0;
}

/* --- ops
 * ---------------------------------------------------------------------------------------------------------------- */

static void op_release(struct soft_op *op)
{
    if (--op->references == 0) {
        free(op->waits_for);
        free(op);
    }
}

static bool op_wait_for(struct soft_op *op, struct soft_op *other)
{
    if (!other || other->done)
        return true;
    struct soft_op **grown = realloc(op->waits_for, (op->n_waits + 1) * sizeof *grown);
    if (!grown)
        return false;
    grown[op->n_waits++] = other;
    op->waits_for = grown;
    other->references++;
    return true;
}

/* Its turn has come, but for the word. */
static bool op_first(const struct soft_op *op)
{
    for (unsigned i = 0; i < op->n_waits; i++)
        if (!op->waits_for[i]->done)
            return false;
    return !op->before && !op->running;
}

static bool op_runnable(const struct soft_op *op)
{
    return op_first(op) && (!op->word || (int32_t)(__atomic_load_n(op->word, __ATOMIC_ACQUIRE) - op->value) >= 0);
}

/* Everything that op stands behind is needed now. What an op waits for is older than it, so one walk does. */
static void op_want(struct soft_op *op)
{
    if (op->done || op->wanted)
        return;
    op->wanted = true;
    for (struct soft_op *at = op; at; at = at->older) {
        if (!at->wanted)
            continue;
        if (at->before)
            at->before->wanted = true;
        for (unsigned i = 0; i < at->n_waits; i++)
            at->waits_for[i]->wanted = true;
    }
    pthread_cond_broadcast(&state.changed);
}

static CUresult op_wait(struct soft_op *op)
{
    op_want(op);
    while (!op->done)
        pthread_cond_wait(&state.done, &state.lock);
    return state.error;
}

/* The seed's word on an op: every third seed keeps everything as late as it may be, every third decides by stream, the
 * others op by op. */
static bool op_is_early(const struct soft_op *op)
{
    if (!state.adversarial)
        return true;
    switch (state.seed % 3) {
    case 1:
        return false;
    case 2:
        return mix(state.seed ^ (op->queue->number + 1) << 32) & 1;
    default:
        return mix(state.seed ^ op->number << 8) & 1;
    }
}

static void op_finish(struct soft_op *op)
{
    struct soft_queue *queue = op->queue;
    op->done = true;
    op->running = false;
    op->time_ns = soft_now_ns();
    queue->first = op->after;
    *(op->after ? &op->after->before : &queue->last) = NULL;
    *(op->older ? &op->older->newer : &state.oldest) = op->newer;
    *(op->newer ? &op->newer->older : &state.newest) = op->older;
    op->before = op->after = op->older = op->newer = NULL;
    for (unsigned i = 0; i < op->n_waits; i++)
        op_release(op->waits_for[i]);
    op->n_waits = 0;
    op_release(op);
    __atomic_sub_fetch(&state.n_pending, 1, __ATOMIC_RELEASE);
    if (queue->closed && !queue->first) {
        struct soft_queue **at = &state.queues;
        while (*at != queue)
            at = &(*at)->next;
        *at = queue->next;
        free(queue);
    }
    pthread_cond_broadcast(&state.done);
    pthread_cond_broadcast(&state.changed);
}

/* --- the device's threads
 * ----------------------------------------------------------------------------------------------- */

static void consider(const struct soft_queue *queue, bool for_host, uint64_t now, struct soft_op **best,
                     uint64_t *ret_due, bool *ret_word)
{
    struct soft_op *op = queue->first;
    if (!op || op->for_host != for_host || !op_first(op))
        return;
    if (!op_runnable(op)) {
        *ret_word = true;
        return;
    }
    if (!op->wanted && !op->early && op->due_ns > now) {
        *ret_due = op->due_ns < *ret_due ? op->due_ns : *ret_due;
        return;
    }
    if (!*best || op->order < (*best)->order)
        *best = op;
}

static void *carry_out(void *which)
{
    bool for_host = which != NULL;
    uint64_t look_ns = LOOK_MIN_NS; /* nobody tells of a word: how long until it is looked at again */
    pthread_mutex_lock(&state.lock);
    for (;;) {
        uint64_t due = UINT64_MAX, now = soft_now_ns();
        struct soft_op *op = NULL;
        bool word = false;
        consider(&state.legacy, for_host, now, &op, &due, &word);
        for (const struct soft_queue *queue = state.queues; queue; queue = queue->next)
            consider(queue, for_host, now, &op, &due, &word);
        if (op || !word)
            look_ns = LOOK_MIN_NS;
        else if (now + look_ns < due)
            due = now + look_ns;
        if (!op && word && look_ns < LOOK_MAX_NS)
            look_ns *= 2;
        if (!op && due == UINT64_MAX) {
            pthread_cond_wait(&state.changed, &state.lock);
        } else if (!op) {
            struct timespec until = {.tv_sec = (time_t)(due / 1000000000u), .tv_nsec = (long)(due % 1000000000u)};
            pthread_cond_timedwait(&state.changed, &state.lock, &until);
        } else {
            op->running = true;
            pthread_mutex_unlock(&state.lock);
            CUresult result = op->run ? op->run(op->arg) : CUDA_SUCCESS;
            pthread_mutex_lock(&state.lock);
            if (result && !state.error)
                __atomic_store_n(&state.error, result, __ATOMIC_RELEASE);
            op_finish(op);
        }
    }
    return NULL;
}

static bool start(void)
{
    if (state.started)
        return true;
    sigset_t all, before;
    pthread_t device, host;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    state.started =
        pthread_create(&device, NULL, carry_out, NULL) == 0 && pthread_create(&host, NULL, carry_out, &state) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return state.started;
}

/* --- queues
 * ------------------------------------------------------------------------------------------------------------- */

static struct soft_queue *queue_add(bool blocking)
{
    struct soft_queue *queue = calloc(1, sizeof *queue);
    if (queue) {
        queue->blocking = blocking;
        queue->number = ++state.n_queues;
        queue->next = state.queues;
        state.queues = queue;
    }
    return queue;
}

static void queue_close_locked(struct soft_queue *queue)
{
    queue->closed = true;
    if (queue->first)
        return;
    struct soft_queue **at = &state.queues;
    while (*at != queue)
        at = &(*at)->next;
    *at = queue->next;
    free(queue);
}

struct soft_queue *soft_queue_create(bool blocking)
{
    pthread_mutex_lock(&state.lock);
    struct soft_queue *queue = queue_add(blocking);
    pthread_mutex_unlock(&state.lock);
    return queue;
}

void soft_queue_close(struct soft_queue *queue)
{
    if (!queue)
        return;
    pthread_mutex_lock(&state.lock);
    queue_close_locked(queue);
    pthread_mutex_unlock(&state.lock);
}

static struct soft_queue *queue_of(CUstream stream)
{
    stream = soft_stream_meant(stream);
    if ((uintptr_t)stream <= 1)
        return &state.legacy;
    if ((uintptr_t)stream == 2)
        return per_thread ? per_thread : (per_thread = queue_add(true));
    return stream->queue;
}

/* A new op at the end of the stream's queue; the reference is the queue's. */
static struct soft_op *op_add(CUstream stream, struct soft_op *behind, CUresult (*run)(void *arg), const void *arg,
                              size_t n_arg, bool for_host)
{
    struct soft_queue *queue = queue_of(stream);
    struct soft_op *op = queue && start() ? calloc(1, sizeof *op + n_arg) : NULL;
    if (!op)
        return NULL;
    op->queue = queue;
    op->references = 1;
    op->run = run;
    op->for_host = for_host;
    if (n_arg)
        memcpy(op->arg, arg, n_arg);
    bool ok = op_wait_for(op, behind);
    /* The legacy stream waits for every stream that is not non-blocking, and they for it. */
    if (queue == &state.legacy)
        for (struct soft_queue *other = state.queues; other && ok; other = other->next)
            ok = !other->blocking || op_wait_for(op, other->last);
    else if (queue->blocking)
        ok = ok && op_wait_for(op, state.legacy.last);
    if (!ok) {
        for (unsigned i = 0; i < op->n_waits; i++)
            op_release(op->waits_for[i]);
        op_release(op);
        return NULL;
    }
    op->number = ++state.n_ops;
    op->order = state.adversarial ? mix(state.seed * 31 + op->number) : op->number;
    __atomic_add_fetch(&state.n_pending, 1, __ATOMIC_RELEASE);
    op->due_ns = soft_now_ns() + (uint64_t)GRACE_MS * 1000000u;
    op->early = op_is_early(op);
    op->before = queue->last;
    *(queue->last ? &queue->last->after : &queue->first) = op;
    queue->last = op;
    op->older = state.newest;
    *(state.newest ? &state.newest->newer : &state.oldest) = op;
    state.newest = op;
    pthread_cond_broadcast(&state.changed);
    return op;
}

/* --- what the driver's calls use
 * ---------------------------------------------------------------------------------------- */

static CUresult enqueue(CUstream stream, CUresult (*run)(void *arg), const void *arg, size_t n_arg, bool for_host)
{
    pthread_mutex_lock(&state.lock);
    CUresult result = state.error;
    struct soft_op *op = result ? NULL : op_add(stream, NULL, run, arg, n_arg, for_host);
    if (!op && !result)
        result = CUDA_ERROR_OUT_OF_MEMORY;
    if (op && op->early && !for_host && op_runnable(op)) {
        op->references++;
        result = op_wait(op);
        op_release(op);
    }
    pthread_mutex_unlock(&state.lock);
    return result;
}

CUresult soft_enqueue(CUstream stream, CUresult (*run)(void *arg), const void *arg, size_t n_arg)
{
    if (soft_sched_on())
        return enqueue(stream, run, arg, n_arg, false);
    CUresult error = soft_device_error();
    return error ? error : run((void *)(uintptr_t)arg);
}

CUresult soft_enqueue_host(CUstream stream, CUresult (*run)(void *arg), const void *arg, size_t n_arg)
{
    return enqueue(stream, run, arg, n_arg, true);
}

CUresult soft_enqueue_wait(CUstream stream, const uint32_t *word, uint32_t value)
{
    pthread_mutex_lock(&state.lock);
    struct soft_op *op = state.error ? NULL : op_add(stream, NULL, NULL, NULL, 0, false);
    CUresult result = op ? CUDA_SUCCESS : state.error ? state.error : CUDA_ERROR_OUT_OF_MEMORY;
    if (op) {
        op->word = word; /* nobody has looked at the op: the lock is held */
        op->value = value;
    }
    pthread_mutex_unlock(&state.lock);
    return result;
}

/* Waits for ops that are pending now; NULL ones are done. */
static CUresult wait_for_last(struct soft_op *op)
{
    if (!op)
        return state.error;
    op->references++;
    CUresult result = op_wait(op);
    op_release(op);
    return result;
}

CUresult soft_settle(CUstream stream)
{
    if (!soft_sched_on())
        return soft_device_error();
    pthread_mutex_lock(&state.lock);
    /* For the legacy stream that is more than its own queue. */
    struct soft_op *op = op_add(stream, NULL, NULL, NULL, 0, false);
    CUresult result = op ? wait_for_last(op) : CUDA_ERROR_OUT_OF_MEMORY;
    pthread_mutex_unlock(&state.lock);
    return result;
}

CUresult soft_settle_all(void)
{
    if (!soft_sched_on())
        return soft_device_error();
    pthread_mutex_lock(&state.lock);
    for (uint64_t newest = state.n_ops; state.oldest && state.oldest->number <= newest;) {
        for (struct soft_op *op = state.oldest; op && op->number <= newest; op = op->newer)
            op->wanted = true;
        pthread_cond_broadcast(&state.changed);
        pthread_cond_wait(&state.done, &state.lock);
    }
    CUresult result = state.error;
    pthread_mutex_unlock(&state.lock);
    return result;
}

static CUresult poll_locked(struct soft_op *op)
{
    if (!op || op->done || state.error)
        return state.error;
    if (++op->n_polls > 1 + mix(state.seed ^ op->number) % MAX_POLLS)
        op_want(op);
    return CUDA_ERROR_NOT_READY;
}

CUresult soft_query(CUstream stream)
{
    if (!soft_sched_on())
        return soft_device_error();
    pthread_mutex_lock(&state.lock);
    struct soft_queue *queue = queue_of(stream);
    struct soft_op *op = queue ? queue->last : NULL;
    if (queue == &state.legacy)
        for (struct soft_queue *other = state.queues; other; other = other->next)
            if (other->blocking && other->last && (!op || other->last->number > op->number))
                op = other->last;
    CUresult result = poll_locked(op);
    pthread_mutex_unlock(&state.lock);
    return result;
}

CUresult soft_event_record(CUevent event, CUstream stream)
{
    if (!soft_sched_on()) {
        soft_event_forget(event);
        event->time_ns = soft_now_ns();
        event->recorded = true;
        return soft_device_error();
    }
    pthread_mutex_lock(&state.lock);
    struct soft_op *mark = op_add(stream, NULL, NULL, NULL, 0, false);
    if (mark) {
        mark->references++;
        if (event->mark)
            op_release(event->mark);
        event->mark = mark;
        event->recorded = true;
    }
    CUresult result = mark ? state.error : CUDA_ERROR_OUT_OF_MEMORY;
    pthread_mutex_unlock(&state.lock);
    return result;
}

CUresult soft_event_query(CUevent event)
{
    if (!event->mark)
        return soft_device_error();
    pthread_mutex_lock(&state.lock);
    CUresult result = poll_locked(event->mark);
    if (event->mark && event->mark->done)
        event->time_ns = event->mark->time_ns;
    pthread_mutex_unlock(&state.lock);
    return result;
}

CUresult soft_event_wait(CUevent event)
{
    if (!soft_sched_on())
        return soft_device_error();
    pthread_mutex_lock(&state.lock);
    CUresult result = wait_for_last(event->mark);
    pthread_mutex_unlock(&state.lock);
    return result;
}

CUresult soft_event_order(CUevent event, CUstream stream)
{
    if (!soft_sched_on())
        return soft_device_error();
    pthread_mutex_lock(&state.lock);
    bool ok = !event->mark || event->mark->done || op_add(stream, event->mark, NULL, NULL, 0, false);
    CUresult result = ok ? state.error : CUDA_ERROR_OUT_OF_MEMORY;
    pthread_mutex_unlock(&state.lock);
    return result;
}

void soft_event_forget(CUevent event)
{
    pthread_mutex_lock(&state.lock);
    if (event->mark)
        op_release(event->mark);
    event->mark = NULL;
    pthread_mutex_unlock(&state.lock);
}
