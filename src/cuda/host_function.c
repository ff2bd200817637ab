/* SPDX-License-Identifier: Apache-2.0 */
/* Host functions. The stream gets a gate, which the server's device waits for; the call returns at once. A helper
 * thread is told when the stream has got to the gate, runs the function, and has the gate opened: an op of its own.
 * What the application issues meanwhile goes out behind the gate, so nobody waits who would not with CUDA.
 *
 * A copy up from page-locked memory behind a function that has not run goes out without its bytes: the server's stream
 * waits at a gate for them, too. They are read when the functions before it have run (and the copies down into the
 * source have arrived), which is when CUDA's device would read them. Which functions those are, behind.c knows. */
#include "cuda/host_function.h"

#include "base/log.h"
#include "cuda/behind.h"
#include "cuda/error.h"
#include "gen/issue_ops.h"
#include "replay/issue.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

enum { PIECE_BYTES = 32 << 20, LOOK_NS = 50000000 };

struct host_call {
    struct host_call *next;
    void (*function)(void *data);                 /* not run after an error */
    void (*callback)(void *data, int32_t status); /* or this one, which is told */
    void *data;
};

/* A gate with the functions that run before it is opened. */
struct item {
    struct item *next;
    struct rrto_waiter *waiter; /* of the gate's reply: the stream is there */
    uint64_t ticket, position;
    uint32_t gate;
    bool done; /* all have run */
    struct host_call *first, **last;
};

/* A stream with functions that have not run. One helper thread each, for as long as there are any: a function of one
 * stream may wait for another stream's. */
struct held {
    struct held *next;
    uint32_t stream;
    unsigned n_coming; /* items that are being issued */
    struct item *first, **last;
};

/* A copy whose bytes have not been sent. */
struct late {
    struct late *next;
    const void *source;
    uint64_t n_bytes, position, number;
    uint32_t gate;
    bool taken; /* by the thread that sends them */
    struct rrto_behind behind;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct held *held;
    struct late *late, **last_late;
    uint64_t n_tickets, n_lates;
    uint64_t sealed; /* functions with tickets up to this one are waited for: no more join them */
    size_t n_closed; /* gates, and places for more between begin and end */
    uint32_t n_gates;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .last_late = &state.late};

/* Gates of one stream join its list in the order in which they are issued. Held while issuing, before the issue lock;
 * helper threads never take it. */
static pthread_mutex_t launching = PTHREAD_MUTEX_INITIALIZER;

bool rrto_host_functions_are_there;
static _Thread_local bool is_helper __attribute__((tls_model("initial-exec")));
static _Thread_local size_t n_places
    __attribute__((tls_model("initial-exec"))); /* left of those between begin and end */

/* --- how many */

/* Gates that are not closed any more, or were not. With the lock. */
static void release_locked(size_t n)
{
    state.n_closed -= n;
    if (state.n_closed == 0) {
        rrto_behind_forget();
        __atomic_store_n(&rrto_host_functions_are_there, false, __ATOMIC_RELEASE);
    }
    pthread_cond_broadcast(&state.changed);
}

static void release(size_t n)
{
    pthread_mutex_lock(&state.lock);
    release_locked(n);
    pthread_mutex_unlock(&state.lock);
}

/* Waits until something has changed, or for a while: nobody says here that the process is ending or the session is
 * lost, which are what ends a wait for a function that does not return. That error. Called and returns with the lock.
 */
static int32_t wait_for_change(void)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += LOOK_NS;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    (void)pthread_cond_timedwait(&state.changed, &state.lock, &until);
    pthread_mutex_unlock(&state.lock);
    rrto_issue_receive();
    int32_t over = rrto_cuda_sticky();
    pthread_mutex_lock(&state.lock);
    return over;
}

/* Places for n gates. Blocks while there are too many, as CUDA does when its queues are full. */
static int32_t reserve(size_t n)
{
    const struct rrto_device_info *device = rrto_session_device();
    if (!device)
        return rrto_cuda_issued(RRTO_LOST);
    if (device->n_gates == 0) {
        static bool said;
        if (!__atomic_exchange_n(&said, true, __ATOMIC_RELAXED))
            rrto_warn("the server's driver cannot have streams wait for the host (cuStreamWaitValue32): host functions "
                      "are not supported");
        return RRTO_CUDA_NOT_SUPPORTED;
    }
    if (n > device->n_gates)
        return RRTO_CUDA_NOT_SUPPORTED;
    pthread_mutex_lock(&state.lock);
    int32_t over = RRTO_CUDA_SUCCESS;
    while (!over && state.n_closed + n > device->n_gates && !is_helper)
        over = wait_for_change();
    if (!over) {
        state.n_closed += n;
        __atomic_store_n(&rrto_host_functions_are_there, true, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&state.lock);
    return over;
}

static uint32_t mint(void)
{
    return __atomic_add_fetch(&state.n_gates, 1, __ATOMIC_RELAXED);
}

int32_t rrto_host_functions_begin(size_t n)
{
    int32_t result = n ? reserve(n) : RRTO_CUDA_SUCCESS;
    if (result || n == 0)
        return result;
    pthread_mutex_lock(&launching);
    n_places = n;
    return RRTO_CUDA_SUCCESS;
}

void rrto_host_functions_end(void)
{
    size_t left = n_places;
    n_places = 0;
    pthread_mutex_unlock(&launching);
    if (left)
        release(left);
}

/* --- what has not run */

/* The oldest of the stream's whose gate has not been opened; or (not_run) which has not run, which is what a query may
 * be told: the gate is opened, and the stream goes on, before we are. With the lock. */
static const struct item *oldest(const struct held *held, bool not_run)
{
    const struct item *item = held->first;
    return item && not_run && item->done ? item->next : item;
}

/* Functions of one stream run in the order of their tickets. With the lock. */
static bool pending_locked(const struct rrto_behind *behind, bool not_run)
{
    for (const struct held *held = state.held; held; held = held->next) {
        const struct item *item = oldest(held, not_run);
        if (item && behind->all)
            return true;
        for (size_t i = 0; item && i < behind->n; i++)
            if (behind->rows[i].stream == held->stream && item->ticket <= behind->rows[i].ticket)
                return true;
    }
    return false;
}

void rrto_host_functions_touch(uint32_t stream, bool blocking)
{
    pthread_mutex_lock(&state.lock);
    if (state.n_closed)
        rrto_behind_touch(stream, blocking);
    pthread_mutex_unlock(&state.lock);
}

void rrto_host_functions_record(uint32_t event, uint32_t stream)
{
    pthread_mutex_lock(&state.lock);
    if (state.n_closed)
        rrto_behind_record(event, stream);
    pthread_mutex_unlock(&state.lock);
}

void rrto_host_functions_wait_event(uint32_t stream, uint32_t event)
{
    pthread_mutex_lock(&state.lock);
    if (state.n_closed)
        rrto_behind_wait(stream, event);
    pthread_mutex_unlock(&state.lock);
}

bool rrto_host_functions_pending(uint32_t stream)
{
    pthread_mutex_lock(&state.lock);
    bool pending = state.n_closed && pending_locked(rrto_behind_of(stream), false);
    pthread_mutex_unlock(&state.lock);
    return pending;
}

bool rrto_host_functions_keep(uint32_t stream)
{
    struct rrto_behind legacy;
    pthread_mutex_lock(&state.lock);
    rrto_behind_of_legacy(&legacy);
    bool pending = state.n_closed && pending_locked(stream == 0 ? &legacy : rrto_behind_of(stream), true);
    rrto_behind_fini(&legacy);
    pthread_mutex_unlock(&state.lock);
    return pending;
}

int32_t rrto_host_functions_wait(uint32_t stream)
{
    struct rrto_behind behind;
    int32_t over = RRTO_CUDA_SUCCESS;
    if (is_helper) /* a function may not call CUDA; one that does must not wait for itself */
        return over;
    pthread_mutex_lock(&state.lock);
    if (state.n_closed) {
        rrto_behind_copy(&behind, rrto_behind_of(stream)); /* what comes later is somebody else's affair */
        while (!over && pending_locked(&behind, false))
            over = wait_for_change();
        rrto_behind_fini(&behind);
    }
    pthread_mutex_unlock(&state.lock);
    return over;
}

bool rrto_host_functions_may_wait(void)
{
    return !is_helper && n_places == 0;
}

bool rrto_host_functions_load_apart(void)
{
    const struct rrto_device_info *device = rrto_session_device();
    return device && !device->soft && rrto_host_functions_may_wait();
}

int32_t rrto_host_functions_wait_all(void)
{
    int32_t over = RRTO_CUDA_SUCCESS;
    if (!rrto_host_functions_may_wait())
        return over;
    pthread_mutex_lock(&state.lock);
    while (!over && state.n_closed)
        over = wait_for_change();
    pthread_mutex_unlock(&state.lock);
    return over;
}

/* Up to this ticket, and this number of a copy. With the lock. */
static bool present_locked(uint64_t tickets, uint64_t lates)
{
    for (const struct held *held = state.held; held; held = held->next)
        if (held->first && held->first->ticket <= tickets)
            return true;
    return state.late && state.late->number <= lates;
}

int32_t rrto_host_functions_wait_present(void)
{
    int32_t over = RRTO_CUDA_SUCCESS;
    if (!rrto_host_functions_may_wait())
        return over;
    pthread_mutex_lock(&state.lock);
    uint64_t tickets = state.n_tickets, lates = state.n_lates;
    state.sealed = tickets;
    while (!over && present_locked(tickets, lates))
        over = wait_for_change();
    pthread_mutex_unlock(&state.lock);
    return over;
}

/* --- copies whose bytes come later */

/* One that is due and nobody's yet; this one, or (NULL) any. */
static struct late *take_due(const struct late *wanted)
{
    pthread_mutex_lock(&state.lock);
    struct late *late = state.late;
    while (late && (late->taken || (wanted && late != wanted) || pending_locked(&late->behind, false)))
        late = late->next;
    if (late)
        late->taken = true;
    pthread_mutex_unlock(&state.lock);
    return late;
}

static void remove_late(struct late *late)
{
    pthread_mutex_lock(&state.lock);
    struct late **at = &state.late;
    while (*at != late)
        at = &(*at)->next;
    *at = late->next;
    if (!*at)
        state.last_late = at;
    release_locked(1);
    pthread_mutex_unlock(&state.lock);
    rrto_behind_fini(&late->behind);
    free(late);
}

/* Reads and sends. */
static void send_late(struct late *late)
{
    struct rrto_args_gate_fill args = {.gate = late->gate, .n_bytes = late->n_bytes};
    struct rrto_issue_extra extra = {.up = late->source};
    rrto_issue_drain_before(late->source, late->n_bytes, late->position);
    (void)rrto_cuda_issued(rrto_issue_gate_fill(&args, &extra));
    rrto_issue_flush();
    remove_late(late);
}

size_t rrto_late_copy_pieces(uint64_t n_bytes)
{
    return (size_t)((n_bytes + PIECE_BYTES - 1) / PIECE_BYTES);
}

static int32_t issue_piece(const struct rrto_late_copy *copy, uint64_t offset, uint64_t n, uint64_t *ret_position)
{
    struct late *late = malloc(sizeof *late);
    if (!late)
        return RRTO_CUDA_NO_MEMORY;
    *late = (struct late){.source = (const uint8_t *)copy->source + offset, .n_bytes = n, .gate = mint()};
    pthread_mutex_lock(&state.lock);
    rrto_behind_copy(&late->behind, rrto_behind_of(copy->stream));
    pthread_mutex_unlock(&state.lock);
    int32_t result = copy->issue(copy, offset, n, late->gate, &late->position);
    if (result) {
        rrto_behind_fini(&late->behind);
        free(late);
        return result;
    }
    *ret_position = late->position;
    pthread_mutex_lock(&state.lock);
    late->number = ++state.n_lates;
    *state.last_late = late;
    state.last_late = &late->next;
    pthread_mutex_unlock(&state.lock);
    if (take_due(late)) /* the functions have run meanwhile, and nobody comes by any more */
        send_late(late);
    return RRTO_CUDA_SUCCESS;
}

int32_t rrto_late_copy(const struct rrto_late_copy *copy, uint64_t *ret_position)
{
    int32_t result = RRTO_CUDA_SUCCESS;
    for (uint64_t offset = 0; offset < copy->n_bytes && !result;) {
        uint64_t left = copy->n_bytes - offset, n = left < PIECE_BYTES ? left : PIECE_BYTES;
        bool has_place = n_places > 0;
        if (has_place)
            n_places--;
        else
            result = reserve(1);
        if (result)
            return result;
        result = issue_piece(copy, offset, n, ret_position);
        if (result)
            release(1);
        offset += n;
    }
    return result;
}

/* --- functions */

static void run_call(struct host_call *call, int32_t status)
{
    if (call->callback)
        call->callback(call->data, status);
    else if (status == RRTO_CUDA_SUCCESS)
        call->function(call->data);
    free(call);
}

/* Runs the first item's functions; others may join them until the last has returned. Called and returns with the lock.
 */
static void run_first(struct held *held)
{
    struct item *item = held->first;
    pthread_mutex_unlock(&state.lock);
    int32_t status = rrto_cuda_issued(rrto_issue_await(item->waiter));
    pthread_mutex_lock(&state.lock);
    while (item->first) {
        struct host_call *call = item->first;
        item->first = call->next;
        if (!item->first)
            item->last = &item->first;
        pthread_mutex_unlock(&state.lock);
        run_call(call, status);
        pthread_mutex_lock(&state.lock);
    }
    item->done = true;
    pthread_mutex_unlock(&state.lock);
    struct rrto_args_gate_open args = {.gate = item->gate};
    (void)rrto_cuda_issued(rrto_issue_gate_open(&args, NULL));
    rrto_issue_flush();
    pthread_mutex_lock(&state.lock); /* whoever waits for the function may count on the gate's opening */
    held->first = item->next;
    if (!held->first)
        held->last = &held->first;
    release_locked(1);
    pthread_mutex_unlock(&state.lock);
    free(item->waiter);
    free(item);
    for (struct late *late; (late = take_due(NULL));)
        send_late(late);
    pthread_mutex_lock(&state.lock);
}

static void *help(void *argument)
{
    struct held *held = argument;
    is_helper = true;
    pthread_mutex_lock(&state.lock);
    for (;;) {
        while (!held->first && held->n_coming)
            pthread_cond_wait(&state.changed, &state.lock);
        if (!held->first)
            break;
        run_first(held);
    }
    struct held **at = &state.held;
    while (*at != held)
        at = &(*at)->next;
    *at = held->next;
    pthread_mutex_unlock(&state.lock);
    free(held);
    return NULL;
}

static bool start_helper(struct held *held)
{
    sigset_t all, before;
    pthread_t helper;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(&helper, NULL, help, held) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (started)
        pthread_detach(helper);
    return started;
}

/* The stream's, with a helper that waits for one more item; NULL when memory is short. With the lock. */
static struct held *expect_locked(uint32_t stream)
{
    struct held *held = state.held;
    while (held && held->stream != stream)
        held = held->next;
    if (!held) {
        held = calloc(1, sizeof *held);
        if (!held)
            return NULL;
        *held = (struct held){.next = state.held, .stream = stream};
        held->last = &held->first;
        if (!start_helper(held)) {
            free(held);
            return NULL;
        }
        state.held = held;
    }
    held->n_coming++;
    return held;
}

/* Nothing has been issued since the stream's last gate, whose functions have not all run: this one joins them, and
 * costs no round trip of its own. */
static bool join_last(uint32_t stream, struct host_call *call)
{
    pthread_mutex_lock(&state.lock);
    struct held *held = state.held;
    while (held && held->stream != stream)
        held = held->next;
    struct item *last = held ? held->first : NULL;
    while (last && last->next)
        last = last->next;
    uint64_t position = last ? last->position : 0;
    pthread_mutex_unlock(&state.lock);
    if (!last || !rrto_issue_is_newest(position))
        return false;
    pthread_mutex_lock(&state.lock);
    bool joined = false;
    for (held = state.held; held && !joined; held = held->next) {
        for (struct item *item = held->first; item && !joined; item = item->next) {
            if (item->position != position || item->next || item->done || item->ticket <= state.sealed)
                continue;
            *item->last = call;
            item->last = &call->next;
            joined = true;
        }
    }
    pthread_mutex_unlock(&state.lock);
    return joined;
}

/* The gate, and its item for the helper. */
static int32_t add_item(uint32_t stream, bool blocking, struct host_call *call)
{
    struct item *item = calloc(1, sizeof *item);
    struct rrto_waiter *waiter = rrto_issue_waiter();
    pthread_mutex_lock(&state.lock);
    struct held *held = item && waiter ? expect_locked(stream) : NULL;
    pthread_mutex_unlock(&state.lock);
    int32_t result = held ? RRTO_CUDA_SUCCESS : RRTO_CUDA_NO_MEMORY;
    if (held) {
        *item = (struct item){.waiter = waiter, .gate = mint(), .first = call, .last = &call->next};
        struct rrto_args_stream_gate args = {.gate = item->gate, .stream = stream};
        struct rrto_issue_extra extra = {.waiter = waiter, .ret_position = &item->position};
        struct rrto_buf *buf = rrto_issue_scratch();
        rrto_pack_stream_gate(buf, &args);
        result = rrto_cuda_issued(buf->failed ? RRTO_NO_MEMORY : rrto_issue(buf->data, buf->size, &extra));
        pthread_mutex_lock(&state.lock);
        held->n_coming--;
        if (!result) {
            item->ticket = ++state.n_tickets;
            rrto_behind_function(stream, blocking, item->ticket);
            *held->last = item;
            held->last = &item->next;
        }
        pthread_cond_broadcast(&state.changed);
        pthread_mutex_unlock(&state.lock);
    }
    if (result) {
        free(waiter);
        free(item);
    }
    return result;
}

static int32_t add_call(uint32_t stream, bool blocking, const struct host_call *given)
{
    struct host_call *call = malloc(sizeof *call);
    if (!call)
        return RRTO_CUDA_NO_MEMORY;
    *call = *given;
    call->next = NULL;
    if (join_last(stream, call))
        return RRTO_CUDA_SUCCESS;
    int32_t result = add_item(stream, blocking, call);
    if (result)
        free(call);
    else
        n_places--;
    return result;
}

int32_t rrto_host_function_add(uint32_t stream, bool blocking, void (*function)(void *data), void *data)
{
    return add_call(stream, blocking, &(struct host_call){.function = function, .data = data});
}

int32_t rrto_host_callback_add(uint32_t stream, bool blocking, void (*callback)(void *data, int32_t status), void *data)
{
    return add_call(stream, blocking, &(struct host_call){.callback = callback, .data = data});
}
