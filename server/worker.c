/* SPDX-License-Identifier: Apache-2.0 */
/* What handlers may ask of the worker: objects, addresses, streams, barriers, replies. Executor thread only. */
#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"
#include "session.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_STANDING = 64, PATIENCE_MS = 20 };

/* --- objects
 * -------------------------------------------------------------------------------------------------------------------
 */

void *rrto_objects_get(struct rrto_worker *worker, enum rrto_kind kind, uint32_t id, bool *ret_ok)
{
    void *object = NULL;
    *ret_ok = (kind == RRTO_KIND_stream && id == 0) || rrto_objects_find(&worker->objects, kind, id, &object);
    return object;
}

/* later's next work comes behind earlier's present work. */
static int32_t order_one(struct rrto_worker *worker, void *later, void *earlier)
{
    int32_t error;
    void *event = rrto_completion_record(&worker->completion, earlier, &error);
    if (!event)
        return error;
    error = worker->driver.cuStreamWaitEvent(later, event, 0);
    rrto_completion_give(&worker->completion, event);
    return error;
}

int32_t rrto_objects_add(struct rrto_worker *worker, enum rrto_kind kind, uint32_t id, void *object)
{
    if (kind == RRTO_KIND_stream && worker->n_streams - (worker->remains ? 1 : 0) == RRTO_WORKER_MAX_STREAMS)
        return RRTO_TOO_LARGE;
    int status = rrto_objects_put(&worker->objects, kind, id, object);
    if (status == RRTO_OK && kind == RRTO_KIND_stream) {
        /* The application may have synchronised with what is under way without waiting for it, or freed memory that
         * this stream's work will use. */
        for (uint32_t i = 0; i < worker->n_streams && status == RRTO_OK && !worker->gates.n_closed; i++)
            status = order_one(worker, object, worker->streams[i].stream);
        if (worker->gates.n_closed)
            status = rrto_gates_order(worker, object);
        worker->streams[worker->n_streams++] = (struct rrto_worker_stream){id, object};
    }
    return status;
}

/* Never is a client's stream number 0. */
static void *stand_in(struct rrto_worker *worker)
{
    if (!worker->gates.n_closed)
        return worker->streams[0].stream;
    if (!worker->remains &&
        worker->driver.cuStreamCreate(&worker->remains, RRTO_CU_STREAM_NON_BLOCKING) == RRTO_CU_SUCCESS)
        worker->streams[worker->n_streams++] = (struct rrto_worker_stream){0, worker->remains};
    return worker->remains ? worker->remains : worker->streams[0].stream;
}

void *rrto_objects_remove(struct rrto_worker *worker, enum rrto_kind kind, uint32_t id)
{
    void *object = NULL;
    if (!rrto_objects_take(&worker->objects, kind, id, &object))
        return NULL;
    if (kind == RRTO_KIND_stream)
        rrto_completion_stream_ends(&worker->completion, object);
    for (uint32_t i = 1; kind == RRTO_KIND_stream && i < worker->n_streams; i++) {
        if (worker->streams[i].id != id)
            continue;
        /* Its work goes on when it is destroyed, and a device synchronise, or a block that is freed, still means it:
         * the legacy stream stands for it from now on, or, if that might stand still then, one that nobody uses. If
         * that cannot be, neither can what comes later on the device. */
        (void)order_one(worker, stand_in(worker), object);
        worker->streams[i] = worker->streams[--worker->n_streams];
    }
    for (uint32_t i = 0; kind == RRTO_KIND_module && i < worker->n_symbols;) {
        if (worker->symbols[i].module == id)
            worker->symbols[i] = worker->symbols[--worker->n_symbols];
        else
            i++;
    }
    return object;
}

bool rrto_worker_stream(struct rrto_worker *worker, uint32_t id, void **ret_stream)
{
    bool ok;
    *ret_stream = rrto_objects_get(worker, RRTO_KIND_stream, id, &ok);
    return ok;
}

/* --- addresses
 * ----------------------------------------------------------------------------------------------------------------- */

bool rrto_worker_address_ok(const struct rrto_worker *worker, uint64_t address, uint64_t n)
{
    if (address == 0 || rrto_backing_covers(&worker->backing, address, n ? n : 1))
        return true;
    for (uint32_t i = 0; i < worker->n_symbols; i++) {
        uint64_t offset = address - worker->symbols[i].address; /* wraps around below it */
        if (offset <= worker->symbols[i].n_bytes && n <= worker->symbols[i].n_bytes - offset)
            return true;
    }
    return false;
}

int32_t rrto_worker_add_symbol(struct rrto_worker *worker, uint32_t module, uint64_t address, uint64_t n_bytes)
{
    uint32_t i = 0;
    while (i < worker->n_symbols && (worker->symbols[i].module != module || worker->symbols[i].address != address))
        i++;
    if (i == RRTO_WORKER_MAX_SYMBOLS)
        return RRTO_TOO_LARGE;
    worker->symbols[i].module = module;
    worker->symbols[i].address = address;
    worker->symbols[i].n_bytes = n_bytes;
    worker->n_symbols += i == worker->n_symbols;
    return RRTO_OK;
}

const struct rrto_vendor *rrto_worker_vendor(const struct rrto_worker *worker)
{
    return worker->vendor;
}

/* --- retired things
 * ------------------------------------------------------------------------------------------------------------ */

void rrto_worker_retire(struct rrto_worker *worker, void *event, struct rrto_staging_block *block, int64_t page)
{
    struct rrto_retired *item = worker->free_retired;
    if (item)
        worker->free_retired = item->next;
    else
        item = malloc(sizeof *item);
    if (!item) { /* waiting here is slow, and right */
        if (event) {
            (void)worker->driver.cuEventSynchronize(event);
            rrto_completion_give(&worker->completion, event);
        }
        if (block)
            rrto_staging_release(block);
        if (page >= 0)
            (void)rrto_backing_unmap(&worker->backing, (uint32_t)page);
        return;
    }
    *item = (struct rrto_retired){.own_event = event, .n_events = event ? 1 : 0, .block = block, .page = page};
    *worker->last_retired = item;
    worker->last_retired = &item->next;
}

static void finish(struct rrto_worker *worker, struct rrto_retired **at)
{
    struct rrto_retired *item = *at;
    *at = item->next;
    if (!*at)
        worker->last_retired = at;
    if (item->n_events)
        rrto_completion_give(&worker->completion, item->own_event);
    if (item->block)
        rrto_staging_release(item->block);
    if (item->page >= 0) {
        int32_t error = rrto_backing_unmap(&worker->backing, (uint32_t)item->page);
        if (error)
            rrto_debug("unmapping failed: %d", error);
    }
    item->next = worker->free_retired;
    worker->free_retired = item;
    worker->n_finished++;
}

/* In order, each looked at when those before it are through; but one that stands behind a closed gate does not keep
 * back those of other streams. Items without an event are through when the one before them is. */
void rrto_worker_collect(struct rrto_worker *worker)
{
    unsigned n_standing = 0;
    bool through = true;
    for (struct rrto_retired **at = &worker->retired; *at;) {
        if ((*at)->n_events)
            through = worker->driver.cuEventQuery((*at)->own_event) != RRTO_CU_NOT_READY;
        if (through) {
            finish(worker, at);
            continue;
        }
        if (!worker->gates.n_closed || ++n_standing == MAX_STANDING)
            return;
        at = &(*at)->next;
    }
}

bool rrto_worker_collect_one(struct rrto_worker *worker, unsigned patience_ms)
{
    if (!worker->retired)
        return false;
    if (worker->gates.n_closed) { /* it may stand behind one: for a while */
        uint64_t n_finished = worker->n_finished;
        for (unsigned i = 0; i < patience_ms && worker->n_finished == n_finished; i++) {
            struct timespec time = {.tv_nsec = 1000000};
            rrto_worker_collect(worker);
            if (worker->n_finished == n_finished)
                (void)nanosleep(&time, NULL);
        }
        return worker->n_finished != n_finished;
    }
    if (worker->retired->n_events)
        (void)worker->driver.cuEventSynchronize(worker->retired->own_event);
    finish(worker, &worker->retired);
    return true;
}

void rrto_worker_make_room(struct rrto_worker *worker)
{
    rrto_worker_collect(worker);
    while (!rrto_staging_has_room(&worker->staging) && !__atomic_load_n(&worker->outbox.failed, __ATOMIC_RELAXED)) {
        if (rrto_worker_collect_one(worker, PATIENCE_MS))
            continue;
        if (worker->gates.n_closed) /* the op that opens one comes behind this one: more memory it is */
            return;
        /* The rest is on its way to the client: its waiter or the outbox gives it back. */
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 10000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000;
        }
        pthread_mutex_lock(&worker->staging.lock);
        if (worker->staging.n_used >= worker->staging.max_used)
            (void)pthread_cond_timedwait(&worker->staging.freed, &worker->staging.lock, &until);
        pthread_mutex_unlock(&worker->staging.lock);
    }
}

int32_t rrto_worker_keep_up(struct rrto_exec *exec, void *stream)
{
    struct rrto_worker *worker = exec->worker;
    int32_t error;
    void *event = rrto_completion_record(&worker->completion, stream, &error);
    if (!event)
        return error;
    rrto_worker_retire(worker, event, worker->up, -1);
    worker->up = NULL;
    return 0;
}

/* --- streams
 * -------------------------------------------------------------------------------------------------------------------
 */

static void give_all(struct rrto_worker *worker, void **events, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        rrto_completion_give(&worker->completion, events[i]);
    free(events);
}

void **rrto_worker_record_all(struct rrto_worker *worker, uint32_t *ret_n, int32_t *ret_error)
{
    void **events = calloc(worker->n_streams, sizeof *events);
    *ret_error = events ? 0 : RRTO_CU_OUT_OF_MEMORY;
    for (uint32_t i = 0; events && i < worker->n_streams; i++) {
        events[i] = rrto_completion_record(&worker->completion, worker->streams[i].stream, ret_error);
        if (!events[i]) {
            give_all(worker, events, i);
            return NULL;
        }
    }
    *ret_n = worker->n_streams;
    return events;
}

int32_t rrto_worker_barrier(struct rrto_worker *worker, void **ret_event)
{
    int32_t error = 0;
    if (worker->n_streams == 1) {
        *ret_event = rrto_completion_record(&worker->completion, NULL, &error);
        return error;
    }
    uint32_t n = 0;
    void **events = rrto_worker_record_all(worker, &n, &error);
    if (!events)
        return error;
    if (!worker->barrier_stream)
        error = worker->driver.cuStreamCreate(&worker->barrier_stream, RRTO_CU_STREAM_NON_BLOCKING);
    for (uint32_t i = 0; i < n && error == 0; i++)
        error = worker->driver.cuStreamWaitEvent(worker->barrier_stream, events[i], 0);
    void *event = error ? NULL : rrto_completion_record(&worker->completion, worker->barrier_stream, &error);
    for (uint32_t i = 0; i < n && error == 0; i++)
        error = worker->driver.cuStreamWaitEvent(worker->streams[i].stream, event, 0);
    give_all(worker, events, n);
    if (!error && worker->gates.n_closed)
        error = rrto_gates_mark(worker);
    if (error && event)
        rrto_completion_give(&worker->completion, event);
    *ret_event = event;
    return error;
}

int32_t rrto_worker_order_behind(struct rrto_worker *worker, void *stream)
{
    if (worker->n_streams == 1)
        return 0;
    int32_t error;
    void *event = rrto_completion_record(&worker->completion, stream, &error);
    if (!event)
        return error;
    for (uint32_t i = 0; i < worker->n_streams && error == 0; i++) {
        if (worker->streams[i].stream != stream)
            error = worker->driver.cuStreamWaitEvent(worker->streams[i].stream, event, 0);
    }
    rrto_completion_give(&worker->completion, event);
    return error || !worker->gates.n_closed ? error : rrto_gates_mark(worker);
}

/* --- replies
 * -------------------------------------------------------------------------------------------------------------------
 */

void rrto_worker_begin(struct rrto_worker *worker)
{
    worker->woke_ns = worker->reader.woke_ns;
    worker->started_ns = rrto_now_ns();
}

/* What the client is told of how long things took. The last wait for bytes says when they had all arrived: what came
 * after that, the executor found when it was ready for it, and its time is the server's. */
static void fill_times(struct rrto_worker *worker, struct rrto_completion_entry *entry)
{
    uint64_t first = worker->reader.woke_first_ns, last = worker->reader.woke_ns, now = rrto_now_ns();
    if (last < worker->replied_ns) /* it has not waited since: all was there before the last reply left */
        first = last = worker->replied_ns;
    uint64_t started = worker->started_ns > last ? worker->started_ns : last;
    entry->head.flags |= RRTO_REPLY_TIMES;
    entry->times.arriving_us = rrto_completion_us(last - first);
    entry->times.queue_us = rrto_completion_us(started - last);
    entry->started_ns = started;
    worker->replied_ns = now;
    worker->reader.woke_first_ns = 0;
}

/* How long decoding payloads, and looking in vain for what results are made of, has taken since the last REPLY, if it
 * has. What coding results takes is told with them. */
static void fill_coding(struct rrto_worker *worker, struct rrto_completion_entry *entry)
{
    uint64_t coded_ns =
        rrto_record_decoder_coded_ns(worker->decoder) + __atomic_load_n(&worker->results.searched_ns, __ATOMIC_RELAXED);
    if (coded_ns == worker->told_coded_ns || worker->hello_minor < RRTO_WIRE_MINOR_CODING)
        return;
    entry->head.flags |= RRTO_REPLY_CODING;
    entry->coding_us = rrto_completion_us(coded_ns - worker->told_coded_ns);
    worker->told_coded_ns = coded_ns;
}

static bool fill_reply(struct rrto_exec *exec, struct rrto_completion_entry *entry, int32_t status)
{
    struct rrto_worker *worker = exec->worker;
    uint64_t waited_us = worker->starved_ns / 1000;
    worker->starved_ns = 0;
    entry->replies = true;
    entry->head = (struct rrto_reply_head){.position = exec->position,
                                           .audit_hash = worker->hash,
                                           .status = status,
                                           .library = exec->library,
                                           .link_rate = worker->past_bytes ? rrto_arrival_take(&worker->arrival) : 0,
                                           .starved_us = waited_us > UINT32_MAX ? UINT32_MAX : (uint32_t)waited_us};
    if (worker->reply_times)
        fill_times(worker, entry);
    fill_coding(worker, entry);
    if (exec->reply.size) {
        entry->fields = malloc(exec->reply.size);
        if (!entry->fields)
            return false;
        memcpy(entry->fields, exec->reply.data, exec->reply.size);
        entry->n_fields = (uint32_t)exec->reply.size;
    }
    return true;
}

/* With --compute MS: when the device would have finished what was launched before this answer, or this piece of a
 * payload. */
static uint64_t compute_deadline(struct rrto_worker *worker, struct rrto_completion_entry *entry)
{
    if (worker->compute.mode != RRTO_COMPUTE_TIMED)
        return 0;
    if (!worker->launched) /* nothing more: all pieces of a payload wait as the first one does */
        return worker->busy_until_ns;
    uint64_t now = rrto_now_ns(), busy = worker->busy_until_ns;
    worker->launched = false;
    if (busy > now && busy > entry->started_ns) { /* the device would be at what came before */
        entry->times.queue_us += rrto_completion_us(busy - entry->started_ns);
        entry->started_ns = busy;
    }
    worker->busy_until_ns = (busy > now ? busy : now) + worker->compute.time_ns;
    return worker->busy_until_ns;
}

int32_t rrto_worker_reply(struct rrto_exec *exec, int32_t status, void **events, uint32_t n_events, const void *stream)
{
    struct rrto_worker *worker = exec->worker;
    exec->deferred = true;
    if (!exec->wait) { /* a synchronise that nobody waits for: the order of the stream does it all */
        if (events)
            give_all(worker, events, n_events);
        return status;
    }
    struct rrto_completion_entry *entry = rrto_completion_entry(&worker->completion);
    if (!entry || !fill_reply(exec, entry, status)) {
        free(entry);
        return RRTO_NO_MEMORY;
    }
    entry->position = exec->position;
    entry->events = events;
    entry->n_events = n_events;
    entry->stream = stream;
    if (n_events) /* it speaks for payloads, too, and those wait for that */
        entry->not_before_ns = compute_deadline(worker, entry);
    entry->in_order = worker->failure != 0;
    rrto_completion_add(&worker->completion, entry);
    return RRTO_OK;
}

void *rrto_worker_staging(struct rrto_worker *worker, uint64_t n_bytes)
{
    rrto_worker_make_room(worker);
    worker->lent = rrto_staging_get(&worker->staging, n_bytes, true);
    return worker->lent ? worker->lent->data : NULL;
}

/* Whether the op is what the one that it was predicted from was. */
static bool is_same(const struct rrto_exec *exec)
{
    const struct rrto_log *log = rrto_record_decoder_log(exec->worker->decoder);
    size_t n = 0, n_source = 0;
    const uint8_t *op = rrto_log_get(log, exec->position, &n);
    const uint8_t *source = exec->source == UINT64_MAX ? NULL : rrto_log_get(log, exec->source, &n_source);
    return op && source && n == n_source && memcmp(op, source, n) == 0;
}

/* Where the piece stands among payloads, for coding: each of up to four pieces has its place; of more than that, all
 * but a shorter last one share one, and each follows the one before. */
static void place_piece(const struct rrto_exec *exec, struct rrto_completion_entry *entry)
{
    enum { PLACES = 8, OWN = 4 };
    uint64_t n_pieces = (exec->n_down + RRTO_WORKER_PIECE_BYTES - 1) / RRTO_WORKER_PIECE_BYTES;
    uint64_t piece = exec->down_offset / RRTO_WORKER_PIECE_BYTES, source = exec->source;
    if (n_pieces > OWN) {
        bool last = entry->n_data < RRTO_WORKER_PIECE_BYTES;
        if (piece > 0 && !last) {
            source = exec->position;
            entry->same = true;
        }
        piece = last ? OWN : 0;
    }
    entry->place = exec->position * PLACES + piece;
    entry->same = entry->same || is_same(exec);
    entry->before = source == UINT64_MAX ? UINT64_MAX : source * PLACES + piece;
}

int32_t rrto_worker_complete_after(struct rrto_exec *exec, void *stream, void *event, void *down, uint64_t n_down)
{
    struct rrto_worker *worker = exec->worker;
    struct rrto_staging_block *block = down ? worker->lent : NULL;
    if (down && (!block || block->data != down))
        return RRTO_INVALID;
    worker->lent = NULL;
    exec->deferred = true;
    if (!exec->wait && !down)
        return 0;
    struct rrto_completion_entry *entry = rrto_completion_entry(&worker->completion);
    int32_t error = 0;
    struct rrto_completion_follower *follower = NULL;
    if (entry && event) {
        follower = rrto_completion_follow(&worker->completion, event, &error);
        stream = follower ? follower->stream : NULL;
    }
    void *wait_for = entry && !error ? rrto_completion_record(&worker->completion, stream, &error) : NULL;
    if (!entry || error || (exec->wait && !fill_reply(exec, entry, 0))) {
        if (block)
            rrto_staging_release(block);
        if (follower)
            rrto_completion_unfollow(&worker->completion, follower);
        free(entry);
        return error ? error : RRTO_NO_MEMORY;
    }
    entry->position = exec->position;
    entry->own_event = wait_for;
    entry->events = &entry->own_event;
    entry->n_events = RRTO_COMPLETION_ONE_EVENT;
    entry->follower = follower;
    entry->stream = stream;
    entry->block = block;
    entry->data = down;
    entry->n_data = n_down;
    entry->offset = exec->down_offset;
    if (down)
        place_piece(exec, entry);
    entry->not_before_ns = compute_deadline(worker, entry);
    rrto_completion_add(&worker->completion, entry);
    return 0;
}
