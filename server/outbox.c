/* SPDX-License-Identifier: Apache-2.0 */
#include "outbox.h"

#include "base/log.h"
#include "base/status.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct rrto_outbox_item {
    struct rrto_outbox_item *next;
    struct iovec parts[3];
    size_t n_bytes;
    bool is_result;
    struct rrto_result_piece result;
    void (*release)(void *arg);
    void *arg;
    uint8_t copied[];
};

static void item_free(struct rrto_outbox_item *item)
{
    if (item->release)
        item->release(item->arg);
    free(item);
}

/* The client is not to wait for the rest. */
static void give_up_locked(struct rrto_outbox *outbox)
{
    __atomic_store_n(&outbox->failed, true, __ATOMIC_RELAXED);
    rrto_conn_shutdown(outbox->conn);
}

/* False: the connection has failed, or there is no memory for what it would carry. */
static bool write_item(struct rrto_outbox *outbox, struct rrto_outbox_item *item)
{
    struct iovec *parts = item->parts;
    bool written = false;
    int status = RRTO_OK;
    if (item->is_result)
        status = rrto_results_write(outbox->results, &item->result, parts[1].iov_base, parts[1].iov_len, &written);
    if (written)
        parts[0].iov_len = parts[1].iov_len = 0;
    return status == RRTO_OK && rrto_conn_writev(outbox->conn, parts, 3, -1) == RRTO_OK;
}

static void *write_queued(void *arg)
{
    struct rrto_outbox *outbox = arg;
    if (outbox->begin)
        outbox->begin(outbox->begin_arg);
    pthread_mutex_lock(&outbox->lock);
    for (;;) {
        while (!outbox->first)
            pthread_cond_wait(&outbox->some, &outbox->lock);
        struct rrto_outbox_item *item = outbox->first;
        outbox->first = item->next;
        if (!outbox->first)
            outbox->last = &outbox->first;
        outbox->writing = true;
        bool failed = outbox->failed;
        pthread_mutex_unlock(&outbox->lock);
        if (!failed)
            failed = !write_item(outbox, item);
        size_t n = item->n_bytes;
        item_free(item);
        pthread_mutex_lock(&outbox->lock);
        if (failed && !outbox->failed)
            give_up_locked(outbox);
        outbox->writing = false;
        __atomic_fetch_sub(&outbox->n_queued, n, __ATOMIC_RELAXED); /* wait_room looks without the lock */
        pthread_cond_broadcast(&outbox->room);
    }
    return NULL;
}

int rrto_outbox_start(struct rrto_outbox *outbox, struct rrto_conn *conn, uint64_t max_queued, void (*begin)(void *arg),
                      void *arg)
{
    memset(outbox, 0, sizeof *outbox);
    outbox->conn = conn;
    outbox->max_queued = max_queued;
    outbox->begin = begin;
    outbox->begin_arg = arg;
    outbox->last = &outbox->first;
    pthread_mutex_init(&outbox->lock, NULL);
    pthread_cond_init(&outbox->some, NULL);
    pthread_cond_init(&outbox->room, NULL);
    return pthread_create(&outbox->thread, NULL, write_queued, outbox) == 0 ? RRTO_OK : RRTO_NO_MEMORY;
}

/* Queues what is left of the parts after the first n_done bytes. result: may be NULL. With the lock held. */
static bool enqueue(struct rrto_outbox *outbox, const struct iovec parts[3], size_t n_done,
                    const struct rrto_result_piece *result, void (*release)(void *arg), void *arg)
{
    struct iovec left[3];
    size_t n_copied = 0, n_bytes = 0;
    for (int i = 0; i < 3; i++) {
        size_t skipped = n_done < parts[i].iov_len ? n_done : parts[i].iov_len;
        n_done -= skipped;
        left[i] = (struct iovec){(uint8_t *)parts[i].iov_base + skipped, parts[i].iov_len - skipped};
        n_bytes += left[i].iov_len;
        n_copied += i == 1 && release ? 0 : left[i].iov_len;
    }
    struct rrto_outbox_item *item = malloc(sizeof *item + n_copied);
    if (!item) {
        rrto_error("out of memory: the connection is given up");
        give_up_locked(outbox);
        return false;
    }
    *item = (struct rrto_outbox_item){.n_bytes = n_bytes, .release = release, .arg = arg, .is_result = result != NULL};
    if (result)
        item->result = *result;
    uint8_t *to = item->copied;
    for (int i = 0; i < 3; i++) {
        item->parts[i] = left[i];
        if ((i == 1 && release) || left[i].iov_len == 0)
            continue;
        memcpy(to, left[i].iov_base, left[i].iov_len);
        item->parts[i].iov_base = to;
        to += left[i].iov_len;
    }
    *outbox->last = item;
    outbox->last = &item->next;
    __atomic_fetch_add(&outbox->n_queued, n_bytes, __ATOMIC_RELAXED);
    pthread_cond_signal(&outbox->some);
    return true;
}

static void send_parts(struct rrto_outbox *outbox, const struct iovec parts[3], const struct rrto_result_piece *result,
                       void (*release)(void *arg), void *arg)
{
    size_t n = parts[0].iov_len + parts[1].iov_len + parts[2].iov_len, done = 0;
    pthread_mutex_lock(&outbox->lock);
    if (!result && !outbox->failed && !outbox->first && !outbox->writing) {
        if (rrto_conn_try_writev(outbox->conn, parts, 3, &done) != RRTO_OK)
            __atomic_store_n(&outbox->failed, true, __ATOMIC_RELAXED);
    }
    bool queued = !outbox->failed && done < n && enqueue(outbox, parts, done, result, release, arg);
    pthread_mutex_unlock(&outbox->lock);
    if (!queued && release)
        release(arg);
}

void rrto_outbox_send(struct rrto_outbox *outbox, const struct iovec parts[3], void (*release)(void *arg), void *arg)
{
    send_parts(outbox, parts, NULL, release, arg);
}

void rrto_outbox_send_result(struct rrto_outbox *outbox, const struct iovec parts[3],
                             const struct rrto_result_piece *result, void (*release)(void *arg), void *arg)
{
    bool worth = outbox->results && rrto_results_worth(outbox->results, parts[1].iov_len);
    send_parts(outbox, parts, worth ? result : NULL, release, arg);
}

bool rrto_outbox_has_room(const struct rrto_outbox *outbox)
{
    return __atomic_load_n(&outbox->n_queued, __ATOMIC_RELAXED) <= outbox->max_queued;
}

void rrto_outbox_wait_room(struct rrto_outbox *outbox)
{
    if (rrto_outbox_has_room(outbox))
        return;
    pthread_mutex_lock(&outbox->lock);
    while (outbox->n_queued > outbox->max_queued && !outbox->failed)
        pthread_cond_wait(&outbox->room, &outbox->lock);
    pthread_mutex_unlock(&outbox->lock);
}

void rrto_outbox_flush(struct rrto_outbox *outbox)
{
    pthread_mutex_lock(&outbox->lock);
    while ((outbox->first || outbox->writing) && !outbox->failed)
        pthread_cond_wait(&outbox->room, &outbox->lock);
    pthread_mutex_unlock(&outbox->lock);
}
