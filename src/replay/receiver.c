/* SPDX-License-Identifier: Apache-2.0 */
/* The way in. The lock protects the tables only: it is never held while reading. A waiter's reply buffer and a down
 * destination are written by the leader without the lock, so neither may go away while there is a leader (see wait and
 * drain). */
#include "replay/receiver.h"

#include "base/format.h"
#include "base/log.h"
#include "base/status.h"
#include "replay/payloads.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

int rrto_receiver_init(struct rrto_receiver *receiver, struct rrto_conn *conn, struct rrto_counters *counters)
{
    memset(receiver, 0, sizeof *receiver);
    pthread_mutex_init(&receiver->lock, NULL);
    rrto_reader_init(&receiver->reader, conn);
    receiver->link_rate = RRTO_RECEIVER_NO_RATE;
    rrto_map_init(&receiver->downs);
    rrto_map_init(&receiver->completed);
    rrto_text_init(&receiver->text);
    receiver->counters = counters;
    receiver->error.library = "";
    return RRTO_OK;
}

void rrto_receiver_fini(struct rrto_receiver *receiver)
{
    for (struct rrto_waiter *waiter = receiver->waiters, *next; waiter; waiter = next) {
        next = waiter->next;
        if (waiter->watch)
            free(waiter);
    }
    rrto_map_fini(&receiver->downs);
    rrto_map_fini(&receiver->completed);
    free(receiver->down_rows);
    rrto_text_fini(&receiver->text);
    rrto_payloads_fini(receiver);
    pthread_mutex_destroy(&receiver->lock);
}

/* Until somebody wakes this thread, or for no reason. waiter: what it waits for; NULL: payloads. Called and returns
 * with the lock. */
static void sleep_locked(struct rrto_receiver *receiver, struct rrto_waiter *waiter)
{
    struct rrto_sleeper own = {.wake = PTHREAD_COND_INITIALIZER, .drains = !waiter, .next = receiver->sleepers};
    receiver->sleepers = &own;
    if (waiter)
        waiter->sleeper = &own;
    pthread_cond_wait(&own.wake, &receiver->lock);
    if (waiter)
        waiter->sleeper = NULL;
    struct rrto_sleeper **at = &receiver->sleepers;
    while (*at != &own)
        at = &(*at)->next;
    *at = own.next;
    pthread_cond_destroy(&own.wake);
}

/* Somebody is to lead, if nobody does: whoever leaves, or goes on without, while others may sleep. One is enough, since
 * that one does likewise. */
static void hand_over_locked(struct rrto_receiver *receiver)
{
    if (!receiver->leader && receiver->sleepers)
        pthread_cond_signal(&receiver->sleepers->wake);
}

static void wake_locked(struct rrto_receiver *receiver, bool only_draining)
{
    for (struct rrto_sleeper *at = receiver->sleepers; at; at = at->next)
        if (at->drains || !only_draining)
            pthread_cond_signal(&at->wake);
}

static void lose_locked(struct rrto_receiver *receiver, int status, const char *library, int32_t code,
                        uint64_t position, const char *text)
{
    if (receiver->error.status == RRTO_OK) {
        receiver->error.library = library;
        receiver->error.code = code;
        receiver->error.position = position;
        rrto_format(receiver->error.text, sizeof receiver->error.text, "%s", text);
        receiver->left = receiver->leaving && (status == RRTO_CLOSED || status == RRTO_TRUNCATED);
        if (!receiver->left) {
            rrto_format(receiver->counters->error, sizeof receiver->counters->error, "%s", text);
            receiver->counters->session_status = status;
            rrto_error("%s", text);
        }
        __atomic_store_n(&receiver->error.status, status, __ATOMIC_RELEASE);
        rrto_conn_shutdown(receiver->reader.conn);
    }
    wake_locked(receiver, false);
}

void rrto_receiver_lose(struct rrto_receiver *receiver, int status, const char *text)
{
    pthread_mutex_lock(&receiver->lock);
    lose_locked(receiver, status, "", 0, 0, text);
    pthread_mutex_unlock(&receiver->lock);
}

void rrto_receiver_leave(struct rrto_receiver *receiver)
{
    pthread_mutex_lock(&receiver->lock);
    receiver->leaving = true;
    pthread_mutex_unlock(&receiver->lock);
}

void rrto_receiver_expect(struct rrto_receiver *receiver, struct rrto_waiter *waiter)
{
    pthread_mutex_lock(&receiver->lock);
    waiter->done = false;
    waiter->status = 0;
    waiter->next = receiver->waiters;
    receiver->waiters = waiter;
    pthread_mutex_unlock(&receiver->lock);
}

static void unlink_locked(struct rrto_receiver *receiver, struct rrto_waiter *waiter)
{
    for (struct rrto_waiter **at = &receiver->waiters; *at; at = &(*at)->next) {
        if (*at == waiter) {
            *at = waiter->next;
            return;
        }
    }
}

void rrto_receiver_forget(struct rrto_receiver *receiver, struct rrto_waiter *waiter)
{
    pthread_mutex_lock(&receiver->lock);
    unlink_locked(receiver, waiter);
    pthread_mutex_unlock(&receiver->lock);
}

bool rrto_receiver_watch(struct rrto_receiver *receiver, uint64_t position, uint32_t stream, enum rrto_covers covers,
                         bool *ret_known)
{
    struct rrto_waiter *watch = NULL;
    *ret_known = false;
    pthread_mutex_lock(&receiver->lock);
    for (const struct rrto_waiter *at = receiver->waiters; at && !*ret_known; at = at->next)
        *ret_known = at->watch && at->position == position;
    if (!*ret_known && receiver->n_watches < RRTO_RECEIVER_MAX_WATCHES)
        watch = malloc(sizeof *watch);
    if (watch) {
        *watch = (struct rrto_waiter){.position = position,
                                      .stream = stream,
                                      .covers = covers,
                                      .subscribed = true,
                                      .watch = true,
                                      .next = receiver->waiters};
        receiver->waiters = watch;
        receiver->n_watches++;
    }
    pthread_mutex_unlock(&receiver->lock);
    return watch != NULL;
}

bool rrto_receiver_expect_down(struct rrto_receiver *receiver, uint64_t position, unsigned lane, void *host,
                               uint64_t n_bytes)
{
    pthread_mutex_lock(&receiver->lock);
    bool ok = true;
    if (receiver->free_down == 0 && host) {
        uint32_t n = receiver->n_down_rows ? receiver->n_down_rows * 2 : 16;
        struct rrto_down *rows = n > 1 << 20 ? NULL : realloc(receiver->down_rows, n * sizeof *rows);
        if (rows) {
            for (uint32_t i = n; i-- > receiver->n_down_rows;) {
                rows[i] = (struct rrto_down){.next_free = receiver->free_down};
                receiver->free_down = i + 1;
            }
            receiver->down_rows = rows;
            receiver->n_down_rows = n;
        }
    }
    uint32_t row = receiver->free_down;
    ok = host && row != 0 && rrto_map_put(&receiver->downs, position, row - 1);
    if (ok) {
        struct rrto_down *down = &receiver->down_rows[row - 1];
        receiver->free_down = down->next_free;
        *down = (struct rrto_down){.position = position, .host = host, .n_bytes = n_bytes, .lane = lane, .used = true};
        receiver->n_downs++;
    }
    pthread_mutex_unlock(&receiver->lock);
    return ok;
}

/* Whether it was there. */
static bool remove_down_locked(struct rrto_receiver *receiver, uint64_t position)
{
    uint64_t row;
    if (!rrto_map_remove(&receiver->downs, position, &row))
        return false;
    receiver->down_rows[row].used = false;
    receiver->down_rows[row].next_free = receiver->free_down;
    receiver->free_down = (uint32_t)row + 1;
    receiver->n_downs--;
    wake_locked(receiver, true);
    return true;
}

static void completed_locked(struct rrto_receiver *receiver, const struct rrto_waiter *waiter)
{
    if (waiter->subscribed)
        receiver->done[receiver->done_at++ % RRTO_RECEIVER_N_DONE] = waiter->position + 1;
    uint64_t before = 0;
    if (waiter->covers == RRTO_COVERS_ALL && waiter->position + 1 > receiver->completed_all)
        __atomic_store_n(&receiver->completed_all, waiter->position + 1, __ATOMIC_RELEASE);
    else if (waiter->covers == RRTO_COVERS_STREAM &&
             (!rrto_map_get(&receiver->completed, waiter->stream, &before) || before <= waiter->position))
        (void)rrto_map_put(&receiver->completed, waiter->stream, waiter->position + 1);
}

void rrto_receiver_count(struct rrto_receiver *receiver, uint64_t bytes, uint64_t payload, uint64_t sent)
{
    __atomic_fetch_add(&receiver->counters->bytes_down, bytes, __ATOMIC_RELAXED);
    __atomic_fetch_add(&receiver->counters->payload_down, payload, __ATOMIC_RELAXED);
    __atomic_fetch_add(&receiver->counters->payload_sent_down, sent, __ATOMIC_RELAXED);
}

static int receive_reply(struct rrto_receiver *receiver, const struct rrto_chunk *chunk)
{
    uint8_t bytes[RRTO_REPLY_HEAD_BYTES];
    struct rrto_reply_head head;
    struct rrto_reply_times times = {0};
    uint64_t data_ns = receiver->data_ns;
    receiver->data_ns = 0;
    int status = rrto_reader_read(&receiver->reader, bytes, sizeof bytes);
    if (status == RRTO_OK)
        status = rrto_reply_head_decode(bytes, &head);
    if (status != RRTO_OK)
        return status;
    size_t n = chunk->n_bytes - sizeof bytes;
    if (head.flags & RRTO_REPLY_TIMES) {
        if (n < RRTO_REPLY_TIMES_BYTES)
            return RRTO_PROTOCOL;
        status = rrto_reader_read(&receiver->reader, bytes, RRTO_REPLY_TIMES_BYTES);
        if (status != RRTO_OK)
            return status;
        rrto_reply_times_decode(bytes, &times);
        n -= RRTO_REPLY_TIMES_BYTES;
    }
    if (head.flags & RRTO_REPLY_CODING) {
        uint32_t coding_us;
        if (n < sizeof coding_us)
            return RRTO_PROTOCOL;
        status = rrto_reader_read(&receiver->reader, &coding_us, sizeof coding_us);
        if (status != RRTO_OK)
            return status;
        __atomic_fetch_add(&receiver->counters->codec_server_ns, (uint64_t)coding_us * 1000, __ATOMIC_RELAXED);
        n -= sizeof coding_us;
    }
    if (n > RRTO_REPLY_MAX_BYTES)
        return RRTO_TOO_LARGE;
    __atomic_store_n(&receiver->starved_us, head.starved_us, __ATOMIC_RELAXED);
    if (head.link_rate)
        __atomic_store_n(&receiver->link_rate, head.link_rate == UINT16_MAX ? 0u : head.link_rate, __ATOMIC_RELAXED);

    /* Usually one waiter has this position; the fields go to the first that wants them. */
    pthread_mutex_lock(&receiver->lock);
    struct rrto_buf *to = NULL;
    for (struct rrto_waiter *waiter = receiver->waiters; waiter && !to; waiter = waiter->next)
        if (waiter->position == head.position)
            to = waiter->reply;
    pthread_mutex_unlock(&receiver->lock);
    uint8_t *room = NULL;
    if (to && n > 0) {
        rrto_buf_clear(to);
        room = rrto_buf_reserve(to, n);
        if (room) {
            status = rrto_reader_read(&receiver->reader, room, n);
            to->size = n;
        }
    }
    if (status == RRTO_OK && !room)
        status = rrto_reader_skip(&receiver->reader);
    if (status != RRTO_OK)
        return status;

    pthread_mutex_lock(&receiver->lock);
    /* The row is still there if it failed; else its payload should have come first, and who waits for it waits on. */
    if (remove_down_locked(receiver, head.position) && head.status == 0)
        status = RRTO_PROTOCOL;
    for (struct rrto_waiter **at = &receiver->waiters; *at && status == RRTO_OK;) {
        struct rrto_waiter *waiter = *at;
        if (waiter->position != head.position) {
            at = &waiter->next;
            continue;
        }
        if (waiter->hash && waiter->hash != head.audit_hash) { /* it waits on, until the session is lost */
            status = RRTO_MISMATCH;
            break;
        }
        *at = waiter->next;
        waiter->status = head.status;
        waiter->times = times;
        waiter->data_ns = data_ns;
        waiter->library = head.library;
        if (head.status == 0)
            completed_locked(receiver, waiter);
        waiter->done = true;
        if (waiter->sleeper)
            pthread_cond_signal(&waiter->sleeper->wake);
        if (waiter->watch) {
            receiver->n_watches--;
            free(waiter);
        }
    }
    pthread_mutex_unlock(&receiver->lock);
    return status;
}

/* A count, a flag, a token: the application may go on one way or another by it, the search is told. */
static void note_value_locked(struct rrto_receiver *receiver, const struct rrto_down *down)
{
    uint32_t *value = &receiver->values[down->lane];
    if (down->n_bytes > RRTO_RECEIVER_VALUE_BYTES)
        return;
    uint64_t digest = XXH3_64bits_withSeed(down->host, down->n_bytes, __atomic_load_n(value, __ATOMIC_RELAXED));
    __atomic_store_n(value, (uint32_t)digest | 1, __ATOMIC_RELAXED);
}

uint8_t *rrto_receiver_destination(struct rrto_receiver *receiver, uint64_t position, uint64_t offset, uint64_t n)
{
    uint8_t *host = NULL;
    uint64_t row;
    pthread_mutex_lock(&receiver->lock);
    if (rrto_map_get(&receiver->downs, position, &row)) {
        struct rrto_down *down = &receiver->down_rows[row];
        if (offset == down->n_received && n <= down->n_bytes - down->n_received)
            host = down->host + down->n_received;
    }
    pthread_mutex_unlock(&receiver->lock);
    return host;
}

void rrto_receiver_delivered(struct rrto_receiver *receiver, uint64_t position, uint64_t n)
{
    uint64_t row;
    pthread_mutex_lock(&receiver->lock);
    if (rrto_map_get(&receiver->downs, position, &row)) {
        struct rrto_down *down = &receiver->down_rows[row];
        down->n_received += n;
        if (down->n_received == down->n_bytes) {
            note_value_locked(receiver, down);
            (void)remove_down_locked(receiver, position);
        }
    }
    pthread_mutex_unlock(&receiver->lock);
}

static int receive_error(struct rrto_receiver *receiver, const struct rrto_chunk *chunk)
{
    uint8_t bytes[RRTO_ERROR_HEAD_BYTES];
    struct rrto_error_head head;
    char said[160], text[240];
    int status = rrto_reader_read(&receiver->reader, bytes, sizeof bytes);
    if (status == RRTO_OK)
        status = rrto_error_head_decode(bytes, &head);
    if (status != RRTO_OK)
        return status;
    size_t n = chunk->n_bytes - sizeof bytes, part = n < sizeof said - 1 ? n : sizeof said - 1;
    status = rrto_reader_read(&receiver->reader, said, part);
    if (status == RRTO_OK)
        status = rrto_reader_skip(&receiver->reader);
    if (status != RRTO_OK)
        return status;
    said[part] = 0;
    for (size_t i = 0; i < part; i++) /* a peer's text goes to a terminal */
        if ((unsigned char)said[i] < 32 || (unsigned char)said[i] == 127)
            said[i] = ' ';
    const char *library = rrto_wire_library_name(head.library);
    if (*library)
        rrto_format(text, sizeof text, "%s failed with %d at op %llu: %s (rerun with --mode percall to see where)",
                    library, (int)head.code, (unsigned long long)head.position, said);
    else
        rrto_format(text, sizeof text, "the server ended the session at op %llu: %s", (unsigned long long)head.position,
                    said);
    pthread_mutex_lock(&receiver->lock);
    lose_locked(receiver, RRTO_LOST, library, head.code, head.position, text);
    pthread_mutex_unlock(&receiver->lock);
    return RRTO_LOST;
}

/* Receives and handles one chunk. By the leader, without the lock. */
static int receive_one(struct rrto_receiver *receiver, int timeout_ms)
{
    struct rrto_chunk chunk;
    uint64_t waited_ns = receiver->reader.waited_ns;
    int status = rrto_reader_chunk(&receiver->reader, timeout_ms, &chunk);
    if (status != RRTO_OK)
        return status;
    rrto_receiver_count(receiver, RRTO_CHUNK_HEADER_BYTES + (uint64_t)chunk.n_bytes, 0, 0);
    if (receiver->coded && receiver->coded->open && chunk.type != RRTO_CHUNK_CODED)
        return RRTO_PROTOCOL;
    switch (chunk.type) {
    case RRTO_CHUNK_REPLY:
        return receive_reply(receiver, &chunk);
    case RRTO_CHUNK_DATA:
        return rrto_payloads_data(receiver, &chunk, waited_ns);
    case RRTO_CHUNK_CODED:
        return rrto_payloads_coded(receiver, waited_ns);
    case RRTO_CHUNK_ERROR:
        return receive_error(receiver, &chunk);
    case RRTO_CHUNK_TEXT:
        return rrto_text_receive(&receiver->text, &receiver->reader, &chunk);
    case RRTO_CHUNK_CONTROL:
        return rrto_reader_skip(&receiver->reader);
    default:
        return RRTO_PROTOCOL;
    }
}

static const char *explain(int status)
{
    switch (status) {
    case RRTO_CLOSED:
    case RRTO_TRUNCATED:
        return "the server closed the connection: the GPU session is lost; see the server's log, then restart the "
               "program";
    case RRTO_MISMATCH:
        return "client and server disagree about the op stream (audit hash): the session was stopped; please report "
               "this, "
               "and use RRTO_DISABLE=predict meanwhile";
    case RRTO_PROTOCOL:
    case RRTO_TOO_LARGE:
        return "the server broke the protocol: the session was stopped; use the same version on both sides";
    default:
        return "the connection to the server failed: the GPU session is lost; check the network, then restart the "
               "program";
    }
}

/* Reads as the leader until one chunk has been handled. Called and returns with the lock. */
static int lead_locked(struct rrto_receiver *receiver, int timeout_ms)
{
    receiver->leader = true;
    pthread_mutex_unlock(&receiver->lock);
    int status = receive_one(receiver, timeout_ms);
    pthread_mutex_lock(&receiver->lock);
    receiver->leader = false;
    if (status != RRTO_OK && status != RRTO_TIMEOUT)
        lose_locked(receiver, status, "", 0, 0, explain(status));
    return status;
}

/* Much text is written before more is received, by a thread that waits anyway. Others may receive meanwhile. Called and
 * returns with the lock. */
static void deliver_locked(struct rrto_receiver *receiver)
{
    if (!rrto_text_is_much(&receiver->text))
        return;
    hand_over_locked(receiver);
    pthread_mutex_unlock(&receiver->lock);
    rrto_text_deliver(&receiver->text);
    pthread_mutex_lock(&receiver->lock);
}

int rrto_receiver_wait(struct rrto_receiver *receiver, struct rrto_waiter *waiter)
{
    pthread_mutex_lock(&receiver->lock);
    while (!waiter->done) {
        if (receiver->leader)
            sleep_locked(receiver, waiter);
        else if (receiver->error.status != RRTO_OK)
            break;
        else if (lead_locked(receiver, -1) == RRTO_OK)
            deliver_locked(receiver);
    }
    if (!waiter->done) {
        unlink_locked(receiver, waiter);
        (void)remove_down_locked(receiver, waiter->position);
    }
    hand_over_locked(receiver);
    int status = waiter->done ? RRTO_OK : RRTO_LOST;
    pthread_mutex_unlock(&receiver->lock);
    return status;
}

void rrto_receiver_pump(struct rrto_receiver *receiver)
{
    pthread_mutex_lock(&receiver->lock);
    while (!receiver->leader && receiver->error.status == RRTO_OK)
        if (lead_locked(receiver, 0) != RRTO_OK)
            break;
    hand_over_locked(receiver);
    pthread_mutex_unlock(&receiver->lock);
}

/* By numbers: the range may be the whole address space. */
static bool overlaps(const struct rrto_down *down, const uint8_t *host, size_t n, uint64_t before)
{
    uintptr_t from = (uintptr_t)host, at = (uintptr_t)down->host;
    return down->used && down->position < before && (at < from ? from - at < down->n_bytes : at - from < n);
}

bool rrto_receiver_down_in(struct rrto_receiver *receiver, const void *host, size_t n, uint64_t before,
                           uint64_t *ret_position)
{
    bool found = false;
    pthread_mutex_lock(&receiver->lock);
    for (uint32_t i = 0; i < receiver->n_down_rows; i++) {
        const struct rrto_down *down = &receiver->down_rows[i];
        if (overlaps(down, host, n, before) && (!found || down->position > *ret_position)) {
            found = true;
            *ret_position = down->position;
        }
    }
    pthread_mutex_unlock(&receiver->lock);
    return found;
}

int rrto_receiver_drain(struct rrto_receiver *receiver, const void *host, size_t n, uint64_t before)
{
    pthread_mutex_lock(&receiver->lock);
    for (;;) {
        bool pending = false;
        for (uint32_t i = 0; i < receiver->n_down_rows && !pending; i++)
            pending = overlaps(&receiver->down_rows[i], host, n, before);
        if (!pending && !(receiver->error.status != RRTO_OK && receiver->leader))
            break;
        if (receiver->leader)
            sleep_locked(receiver, NULL);
        else if (receiver->error.status != RRTO_OK)
            break;
        else
            (void)lead_locked(receiver, -1);
    }
    for (uint32_t i = 0; i < receiver->n_down_rows; i++) /* a lost session: nobody writes there any more */
        if (overlaps(&receiver->down_rows[i], host, n, before))
            (void)remove_down_locked(receiver, receiver->down_rows[i].position);
    int status = receiver->error.status == RRTO_OK ? RRTO_OK : RRTO_LOST;
    hand_over_locked(receiver);
    pthread_mutex_unlock(&receiver->lock);
    return status;
}

bool rrto_receiver_completed(struct rrto_receiver *receiver, uint64_t position, bool has_stream, uint32_t stream)
{
    if (position < rrto_receiver_completed_all(receiver))
        return true;
    if (has_stream && rrto_receiver_completed_on(receiver, stream) > position)
        return true;
    bool found = false;
    pthread_mutex_lock(&receiver->lock);
    for (unsigned i = 0; i < RRTO_RECEIVER_N_DONE; i++)
        found = found || receiver->done[i] == position + 1;
    pthread_mutex_unlock(&receiver->lock);
    return found;
}

uint64_t rrto_receiver_completed_on(struct rrto_receiver *receiver, uint32_t stream)
{
    uint64_t below = 0;
    pthread_mutex_lock(&receiver->lock);
    (void)rrto_map_get(&receiver->completed, stream, &below);
    pthread_mutex_unlock(&receiver->lock);
    return below;
}
