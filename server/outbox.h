/* SPDX-License-Identifier: Apache-2.0 */
/* What the worker sends. Sending never blocks: what the connection does not take at once is kept, in order, and written
 * by a thread of its own, which also codes what may be coded. Any thread. */
#ifndef RRTO_SERVER_OUTBOX_H
#define RRTO_SERVER_OUTBOX_H

#include "results.h"

#include <pthread.h>

struct rrto_outbox {
    struct rrto_conn *conn;
    struct rrto_results *results; /* lent; NULL: nothing is coded. Set before anything is sent */
    pthread_mutex_t lock;
    pthread_cond_t some, room;
    struct rrto_outbox_item *first, **last;
    uint64_t n_queued;   /* bytes */
    uint64_t max_queued; /* beyond it, wait_room waits */
    bool writing;        /* the thread has taken an item off and writes it */
    bool failed;         /* the connection is gone: everything is dropped */
    pthread_t thread;
    void (*begin)(void *arg);
    void *begin_arg;
};

/* begin(arg) (may be NULL) runs first in the thread that writes: what is released there may need the device's context.
 */
int rrto_outbox_start(struct rrto_outbox *outbox, struct rrto_conn *conn, uint64_t max_queued, void (*begin)(void *arg),
                      void *arg);
/* Sends parts[0], [1] and [2], one after the other: whole chunks, encoded by the caller. What has to wait of 0 and 2 is
 * copied; part 1 is lent until release(arg) is called, once, from this or another thread (release NULL: part 1 is
 * copied as well). */
void rrto_outbox_send(struct rrto_outbox *outbox, const struct iovec parts[3], void (*release)(void *arg), void *arg);
/* The same, where part 1 is this piece of a payload: instead of 0 and 1, it may go coded. */
void rrto_outbox_send_result(struct rrto_outbox *outbox, const struct iovec parts[3],
                             const struct rrto_result_piece *result, void (*release)(void *arg), void *arg);
bool rrto_outbox_has_room(const struct rrto_outbox *outbox);
/* Blocks while more than max_queued bytes wait: called where that may hold up the client, before reading more from it.
 */
void rrto_outbox_wait_room(struct rrto_outbox *outbox);
/* Blocks until everything has been written, or the connection has failed. */
void rrto_outbox_flush(struct rrto_outbox *outbox);

#endif
