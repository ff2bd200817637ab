/* SPDX-License-Identifier: Apache-2.0 */
#include "completion.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LOOK_MIN_NS = 50000, LOOK_MAX_NS = 1000000 };

int rrto_completion_init(struct rrto_completion *completion, const struct rrto_driver *driver, void *context,
                         struct rrto_outbox *outbox)
{
    memset(completion, 0, sizeof *completion);
    completion->driver = driver;
    completion->context = context;
    completion->outbox = outbox;
    completion->last = &completion->first;
    pthread_mutex_init(&completion->lock, NULL);
    pthread_cond_init(&completion->added, NULL);
    completion->max_pool = 4096;
    completion->pool = calloc(completion->max_pool, sizeof *completion->pool);
    return completion->pool ? RRTO_OK : RRTO_NO_MEMORY;
}

/* --- events
 * --------------------------------------------------------------------------------------------------------------------
 */

void *rrto_completion_record(struct rrto_completion *completion, void *stream, int32_t *ret_error)
{
    void *event = NULL;
    pthread_mutex_lock(&completion->lock);
    if (completion->n_pool)
        event = completion->pool[--completion->n_pool];
    pthread_mutex_unlock(&completion->lock);
    *ret_error = event ? 0 : completion->driver->cuEventCreate(&event, RRTO_CU_EVENT_DISABLE_TIMING);
    if (*ret_error == 0)
        *ret_error = completion->driver->cuEventRecord(event, stream);
    if (*ret_error == 0)
        return event;
    if (event)
        rrto_completion_give(completion, event);
    return NULL;
}

static void give_locked(struct rrto_completion *completion, void *event)
{
    if (completion->n_pool < completion->max_pool)
        completion->pool[completion->n_pool++] = event;
    else
        (void)completion->driver->cuEventDestroy_v2(event);
}

void rrto_completion_give(struct rrto_completion *completion, void *event)
{
    pthread_mutex_lock(&completion->lock);
    give_locked(completion, event);
    pthread_mutex_unlock(&completion->lock);
}

/* The one that the fewest use. */
static struct rrto_completion_follower *take_follower(struct rrto_completion *completion, bool unused_only)
{
    struct rrto_completion_follower *found = NULL;
    pthread_mutex_lock(&completion->lock);
    for (struct rrto_completion_follower *follower = completion->followers; follower; follower = follower->next)
        if (!found || follower->n_users < found->n_users)
            found = follower;
    if (found && found->n_users && unused_only)
        found = NULL;
    if (found)
        found->n_users++;
    pthread_mutex_unlock(&completion->lock);
    return found;
}

static struct rrto_completion_follower *new_follower(struct rrto_completion *completion, int32_t *ret_error)
{
    struct rrto_completion_follower *follower = calloc(1, sizeof *follower);
    *ret_error =
        follower ? completion->driver->cuStreamCreate(&follower->stream, RRTO_CU_STREAM_NON_BLOCKING) : RRTO_NO_MEMORY;
    if (*ret_error) {
        free(follower);
        return NULL;
    }
    follower->n_users = 1;
    pthread_mutex_lock(&completion->lock);
    follower->next = completion->followers;
    completion->followers = follower;
    completion->n_followers++;
    pthread_mutex_unlock(&completion->lock);
    return follower;
}

struct rrto_completion_follower *rrto_completion_follow(struct rrto_completion *completion, void *event,
                                                        int32_t *ret_error)
{
    *ret_error = 0;
    struct rrto_completion_follower *follower = take_follower(completion, true);
    if (!follower && completion->n_followers == RRTO_COMPLETION_MAX_FOLLOWERS) { /* only this thread changes it */
        *ret_error = RRTO_TOO_LARGE;
        return NULL;
    }
    if (!follower)
        follower = new_follower(completion, ret_error);
    if (!follower) { /* one that waits for another event as well: late, where the other choice is not at all */
        follower = take_follower(completion, false);
        if (!follower)
            return NULL;
    }
    *ret_error = completion->driver->cuStreamWaitEvent(follower->stream, event, 0);
    if (*ret_error) {
        rrto_completion_unfollow(completion, follower);
        return NULL;
    }
    return follower;
}

void rrto_completion_unfollow(struct rrto_completion *completion, struct rrto_completion_follower *follower)
{
    pthread_mutex_lock(&completion->lock);
    follower->n_users--;
    pthread_mutex_unlock(&completion->lock);
}

/* --- entries
 * -------------------------------------------------------------------------------------------------------------------
 */

struct rrto_completion_entry *rrto_completion_entry(struct rrto_completion *completion)
{
    pthread_mutex_lock(&completion->lock);
    struct rrto_completion_entry *entry = completion->free_entries;
    if (entry)
        completion->free_entries = entry->next;
    pthread_mutex_unlock(&completion->lock);
    if (!entry)
        return calloc(1, sizeof *entry);
    memset(entry, 0, sizeof *entry);
    return entry;
}

static void retire_locked(struct rrto_completion *completion, struct rrto_completion_entry *entry)
{
    for (uint32_t i = 0; i < entry->n_events; i++)
        give_locked(completion, entry->events[i]);
    if (entry->follower)
        entry->follower->n_users--;
    if (entry->events != &entry->own_event)
        free(entry->events);
    free(entry->fields);
    entry->next = completion->free_entries;
    completion->free_entries = entry;
}

/* Whether the entry's work has completed: a CUDA error counts as completed. */
static bool is_complete(struct rrto_completion *completion, const struct rrto_completion_entry *entry,
                        int32_t *ret_error)
{
    *ret_error = 0;
    for (uint32_t i = 0; i < entry->n_events; i++) {
        int32_t error = completion->driver->cuEventQuery(entry->events[i]);
        if (error == RRTO_CU_NOT_READY)
            return false;
        if (error)
            *ret_error = error;
    }
    return entry->not_before_ns == 0 || *ret_error || rrto_now_ns() >= entry->not_before_ns;
}

/* What kernels printed and assertions said is written out by CUDA at certain calls only, of which cuEventSynchronize is
 * one and cuEventQuery is not (CUDA C++ Programming Guide, "Formatted Output", "Limitations": flushed at launches,
 * at the synchronise of a device, stream or event, at copies that block, when modules are loaded or unloaded, and when
 * the context is destroyed). The buffer is the context's, so one event of an entry whose events have all completed does
 * for all of them, and the call does not block. */
static void hear(struct rrto_completion *completion, struct rrto_completion_entry *entry)
{
    if (entry->n_events && !entry->heard && (entry->replies || entry->is_error))
        (void)completion->driver->cuEventSynchronize(entry->events[entry->n_events - 1]);
    entry->heard = true;
}

/* The entry's block goes with it. */
static void send_parts(struct rrto_completion *completion, struct rrto_completion_entry *entry,
                       const struct iovec parts[3], bool data)
{
    void (*release)(void *arg) = entry->block ? rrto_staging_release : NULL;
    const struct rrto_result_piece result = {entry->place, entry->before, entry->same, entry->position, entry->offset};
    if (data)
        rrto_outbox_send_result(completion->outbox, parts, &result, release, entry->block);
    else
        rrto_outbox_send(completion->outbox, parts, release, entry->block);
    entry->block = NULL;
}

/* The chunks of one entry: payload, reply or error. */
static void send_entry(struct rrto_completion *completion, struct rrto_completion_entry *entry)
{
    uint8_t first[RRTO_CHUNK_HEADER_BYTES + RRTO_DATA_HEAD_BYTES],
        last[RRTO_CHUNK_HEADER_BYTES + RRTO_REPLY_HEAD_BYTES + RRTO_REPLY_TIMES_BYTES + RRTO_REPLY_CODING_BYTES + 256];
    struct iovec parts[3] = {{first, 0}, {NULL, 0}, {last, 0}};
    bool data = entry->n_data && entry->head.status == 0;
    if (data) {
        struct rrto_chunk chunk = {.n_bytes = (uint32_t)(RRTO_DATA_HEAD_BYTES + entry->n_data),
                                   .type = RRTO_CHUNK_DATA};
        struct rrto_data_head head = {.position = entry->position, .offset = entry->offset};
        rrto_chunk_encode(first, &chunk);
        rrto_data_head_encode(first + RRTO_CHUNK_HEADER_BYTES, &head);
        parts[0].iov_len = sizeof first;
        parts[1] = (struct iovec){(void *)(uintptr_t)entry->data, entry->n_data};
    }
    if (entry->replies || entry->is_error) {
        rrto_text_send(completion->text);
        bool times = !entry->is_error && entry->head.flags & RRTO_REPLY_TIMES;
        bool coding = !entry->is_error && entry->head.flags & RRTO_REPLY_CODING;
        size_t n_head = entry->is_error ? RRTO_ERROR_HEAD_BYTES : RRTO_REPLY_HEAD_BYTES;
        n_head += (times ? RRTO_REPLY_TIMES_BYTES : 0u) + (coding ? RRTO_REPLY_CODING_BYTES : 0u);
        struct rrto_chunk chunk = {.n_bytes = (uint32_t)(n_head + entry->n_fields),
                                   .type = entry->is_error ? RRTO_CHUNK_ERROR : RRTO_CHUNK_REPLY};
        rrto_chunk_encode(last, &chunk);
        if (entry->is_error) {
            struct rrto_error_head head = {
                .position = entry->position, .code = entry->head.status, .library = entry->head.library};
            rrto_error_head_encode(last + RRTO_CHUNK_HEADER_BYTES, &head);
        } else {
            rrto_reply_head_encode(last + RRTO_CHUNK_HEADER_BYTES, &entry->head);
        }
        if (times) {
            entry->times.compute_us = rrto_completion_us(rrto_now_ns() - entry->started_ns);
            rrto_reply_times_encode(last + RRTO_CHUNK_HEADER_BYTES + RRTO_REPLY_HEAD_BYTES, &entry->times);
        }
        parts[2].iov_len = RRTO_CHUNK_HEADER_BYTES + n_head;
        if (coding)
            memcpy(last + parts[2].iov_len - RRTO_REPLY_CODING_BYTES, &entry->coding_us, sizeof entry->coding_us);
        if (entry->n_fields <= sizeof last - parts[2].iov_len) {
            if (entry->n_fields)
                memcpy(last + parts[2].iov_len, entry->fields, entry->n_fields);
            parts[2].iov_len += entry->n_fields;
        } else {
            if (data) { /* three parts are not enough */
                struct iovec payload[3] = {parts[0], parts[1], {NULL, 0}};
                send_parts(completion, entry, payload, true);
                data = false;
            }
            parts[0] = parts[2];
            parts[1] = (struct iovec){entry->fields, entry->n_fields};
            parts[2].iov_len = 0;
        }
    }
    send_parts(completion, entry, parts, data);
    entry->sent = true;
}

/* The session is told once, ahead of the reply to whoever learns of it: the client must not answer anything by itself
 * any more once a caller has seen the error. */
static void fail_locked(struct rrto_completion *completion, uint64_t position, int32_t error)
{
    if (completion->device_error)
        return;
    __atomic_store_n(&completion->device_error, error, __ATOMIC_RELEASE);
    struct rrto_completion_entry entry = {.position = position, .is_error = true};
    char text[256];
    rrto_driver_describe(completion->driver, error, text, sizeof text);
    entry.head.status = error;
    entry.head.library = RRTO_WIRE_CUDA;
    entry.fields = (uint8_t *)text;
    entry.n_fields = (uint32_t)strlen(text);
    rrto_error("the device failed at or before op %lu: %s", position, text);
    send_entry(completion, &entry);
}

/* The device has failed: the entry's reply says so, behind an ERROR. */
static void note_device_error(struct rrto_completion *completion, struct rrto_completion_entry *entry, int32_t error)
{
    if (entry->head.status == 0) {
        entry->head.status = error;
        entry->head.library = RRTO_WIRE_CUDA;
    }
    fail_locked(completion, entry->position, error);
}

static bool send_if_complete(struct rrto_completion *completion, struct rrto_completion_entry *entry)
{
    int32_t error;
    if (!is_complete(completion, entry, &error))
        return false;
    hear(completion, entry);
    if (error)
        note_device_error(completion, entry, error);
    send_entry(completion, entry);
    return true;
}

/* Streams that stand at an entry which is not complete: what comes behind it on them is not, either. */
struct standing {
    const void *streams[RRTO_COMPLETION_MAX_WAITERS];
    unsigned n;
};

static bool stands(const struct standing *standing, const void *stream)
{
    for (unsigned i = 0; i < standing->n; i++) {
        if (standing->streams[i] == stream)
            return true;
    }
    return false;
}

static void settle_locked(struct rrto_completion *completion)
{
    bool all_older_sent = true;
    struct standing standing = {.n = 0};
    for (struct rrto_completion_entry *entry = completion->first; entry; entry = entry->next) {
        if (entry->sent)
            continue;
        int32_t error;
        bool waits = entry->n_events || entry->not_before_ns;
        if ((entry->in_order && !all_older_sent) || (waits && stands(&standing, entry->stream))) {
            all_older_sent = false;
            continue;
        }
        if (!is_complete(completion, entry, &error)) {
            all_older_sent = false;
            if (standing.n < sizeof standing.streams / sizeof *standing.streams)
                standing.streams[standing.n++] = entry->stream;
            continue;
        }
        /* A payload that was not complete a moment ago may be now, and this reply may be behind it on the device. */
        for (struct rrto_completion_entry *older = completion->first; older != entry && !all_older_sent;
             older = older->next) {
            if (!older->sent && older->n_data)
                (void)send_if_complete(completion, older);
        }
        hear(completion, entry);
        if (error)
            note_device_error(completion, entry, error);
        send_entry(completion, entry);
    }
    /* Forget what has been sent, except under a waiter's hands. */
    struct rrto_completion_entry **at = &completion->first;
    while (*at) {
        struct rrto_completion_entry *entry = *at;
        if (!entry->sent || entry->waited) {
            at = &entry->next;
            continue;
        }
        *at = entry->next;
        retire_locked(completion, entry);
        completion->n_unsettled--;
    }
    completion->last = at;
}

void rrto_completion_fail(struct rrto_completion *completion, uint64_t position, int32_t error)
{
    /* What the failure says of itself; see hear. Nothing runs on a device that has failed: the call does not block. */
    if (completion->driver->cuCtxSynchronize)
        (void)completion->driver->cuCtxSynchronize();
    pthread_mutex_lock(&completion->lock);
    settle_locked(completion); /* what is complete goes first */
    fail_locked(completion, position, error);
    pthread_mutex_unlock(&completion->lock);
}

/* --- waiting
 * -------------------------------------------------------------------------------------------------------------------
 */

static bool stream_is_waited_for(const struct rrto_completion *completion, const void *stream)
{
    for (const struct rrto_completion_entry *entry = completion->first; entry; entry = entry->next) {
        if (entry->waited && entry->stream == stream)
            return true;
    }
    return false;
}

static struct rrto_completion_entry *to_wait_for(const struct rrto_completion *completion)
{
    for (struct rrto_completion_entry *entry = completion->first; entry; entry = entry->next) {
        bool waits = entry->n_events || entry->not_before_ns;
        if (!entry->sent && !entry->waited && waits && !stream_is_waited_for(completion, entry->stream))
            return entry;
    }
    return NULL;
}

/* For its events, and until it may be sent. With the lock, which is not held meanwhile. */
static void wait_for_entry(struct rrto_completion *completion, struct rrto_completion_entry *entry)
{
    entry->waited = true;
    completion->n_blocked++;
    pthread_mutex_unlock(&completion->lock);
    for (uint32_t i = 0; i < entry->n_events; i++)
        (void)completion->driver->cuEventSynchronize(entry->events[i]); /* its error is seen by the query */
    uint64_t now = rrto_now_ns();
    if (entry->not_before_ns > now) {
        uint64_t left = entry->not_before_ns - now;
        struct timespec time = {.tv_sec = (time_t)(left / 1000000000u), .tv_nsec = (long)(left % 1000000000u)};
        while (nanosleep(&time, &time) != 0)
            continue;
    }
    pthread_mutex_lock(&completion->lock);
    entry->waited = false;
    entry->heard = true;
    completion->n_blocked--;
    settle_locked(completion);
}

/* All other threads are blocked, for streams that may go on only when the client has seen what others have done: looks
 * at these, at growing intervals while nothing happens. With the lock, which is not held meanwhile. */
static void look_again(struct rrto_completion *completion, long *pause_ns)
{
    uint64_t n_before = completion->n_unsettled;
    pthread_mutex_unlock(&completion->lock);
    nanosleep(&(struct timespec){.tv_nsec = *pause_ns}, NULL);
    pthread_mutex_lock(&completion->lock);
    settle_locked(completion);
    *pause_ns = completion->n_unsettled < n_before ? LOOK_MIN_NS : *pause_ns * 2;
    if (*pause_ns > LOOK_MAX_NS)
        *pause_ns = LOOK_MAX_NS;
}

static void *wait_for_events(void *arg);

static bool start_waiter_locked(struct rrto_completion *completion)
{
    pthread_t thread;
    if (completion->n_waiters == RRTO_COMPLETION_MAX_WAITERS ||
        pthread_create(&thread, NULL, wait_for_events, completion) != 0)
        return false;
    pthread_detach(thread);
    completion->n_waiters++;
    return true;
}

/* Whoever blocks leaves another thread that does not. */
static void *wait_for_events(void *arg)
{
    struct rrto_completion *completion = arg;
    long pause_ns = LOOK_MIN_NS;
    (void)completion->driver->cuCtxSetCurrent(completion->context);
    pthread_mutex_lock(&completion->lock);
    for (;;) {
        struct rrto_completion_entry *entry = to_wait_for(completion);
        if (!entry) {
            pause_ns = LOOK_MIN_NS;
            completion->n_idle++;
            while (!completion->n_woken)
                pthread_cond_wait(&completion->added, &completion->lock);
            completion->n_woken--;
        } else if (completion->n_waiters - completion->n_blocked > 1 || start_waiter_locked(completion)) {
            wait_for_entry(completion, entry);
        } else {
            look_again(completion, &pause_ns);
        }
    }
    return NULL;
}

void rrto_completion_add(struct rrto_completion *completion, struct rrto_completion_entry *entry)
{
    pthread_mutex_lock(&completion->lock);
    entry->next = NULL;
    *completion->last = entry;
    completion->last = &entry->next;
    completion->n_unsettled++;
    bool waits = entry->n_events || entry->not_before_ns;
    settle_locked(completion); /* the entry may be gone after this */
    if (waits && completion->n_unsettled) {
        if (completion->n_idle) { /* it is idle no more, though it has not run yet */
            completion->n_idle--;
            completion->n_woken++;
            pthread_cond_signal(&completion->added);
        } else if (completion->n_waiters == 0 && !start_waiter_locked(completion)) {
            rrto_error("no thread can be started: the connection is given up");
            rrto_conn_shutdown(completion->outbox->conn);
        }
    }
    pthread_mutex_unlock(&completion->lock);
}

void rrto_completion_stream_ends(struct rrto_completion *completion, const void *stream)
{
    pthread_mutex_lock(&completion->lock);
    const void *name = (const void *)++completion->n_ended; /* one for all of them: they still are in order */
    for (struct rrto_completion_entry *entry = completion->first; entry; entry = entry->next) {
        if (entry->stream == stream)
            entry->stream = name;
    }
    pthread_mutex_unlock(&completion->lock);
}

void rrto_completion_settle(struct rrto_completion *completion)
{
    pthread_mutex_lock(&completion->lock);
    settle_locked(completion);
    pthread_mutex_unlock(&completion->lock);
}

bool rrto_completion_flush(struct rrto_completion *completion, unsigned timeout_ms)
{
    for (uint64_t start = rrto_now_ns();;) {
        pthread_mutex_lock(&completion->lock);
        settle_locked(completion);
        bool empty = completion->n_unsettled == 0;
        pthread_mutex_unlock(&completion->lock);
        if (empty)
            return true;
        if (rrto_now_ns() - start > (uint64_t)timeout_ms * 1000000u)
            return false;
        struct timespec time = {.tv_nsec = 200000};
        nanosleep(&time, NULL);
    }
}
