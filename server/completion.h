/* SPDX-License-Identifier: Apache-2.0 */
/* What waits for the device: replies and payloads on their way to the client. The executor adds entries and goes on;
 * waiter threads block in the driver, each for another stream, while there is one more of them; the last that
 * can be had does not block but looks at all that nobody waits for again and again, so that none has to wait for
 * another's. Whenever one event has completed, every entry that is complete is sent, oldest
 * first, so that a payload precedes each reply that the device's order puts behind it (docs/wire.md), whatever streams
 * they belong to. */
#ifndef RRTO_SERVER_COMPLETION_H
#define RRTO_SERVER_COMPLETION_H

#include "driver.h"
#include "outbox.h"
#include "staging.h"
#include "text.h"
#include "wire/frame.h"

#include <pthread.h>

enum { RRTO_COMPLETION_MAX_WAITERS = 64, RRTO_COMPLETION_ONE_EVENT = 1, RRTO_COMPLETION_MAX_FOLLOWERS = 1024 };

/* A stream of the worker's own that waits for an event of the client's, which the client may record again or destroy
 * meanwhile. */
struct rrto_completion_follower {
    struct rrto_completion_follower *next; /* of all that there are */
    void *stream;
    uint32_t n_users; /* more than one only where the driver gives no more streams */
};

struct rrto_completion_entry {
    struct rrto_completion_entry *next;
    uint64_t position;
    /* what has to happen first */
    void **events; /* points to own_event when there is one */
    void *own_event;
    uint32_t n_events;
    struct rrto_completion_follower *follower; /* given back with the entry, or NULL */
    bool in_order;                             /* everything older goes first as well */
    uint64_t not_before_ns;
    const void *stream; /* one waiter per stream; of one that has been destroyed, a number */
    bool waited, sent;
    bool heard; /* a synchronise has returned since the events completed */
    /* what is sent then */
    struct rrto_staging_block *block; /* payload: n bytes at data, in the middle of the op's payload */
    const uint8_t *data;
    uint64_t n_data, offset;
    uint64_t place, before; /* of the payload, as results.h has them */
    bool same;
    bool replies, is_error;
    struct rrto_reply_head head;   /* status: of the op; replaced when the device has failed */
    struct rrto_reply_times times; /* with the flag in head; compute_us is filled in when it is sent */
    uint32_t coding_us;            /* with the flag in head */
    uint64_t started_ns;           /* when work on it began */
    uint8_t *fields;               /* reply fields, or the text of an error; freed with the entry */
    uint32_t n_fields;
};

struct rrto_completion {
    const struct rrto_driver *driver;
    void *context;
    struct rrto_outbox *outbox;
    struct rrto_text *text; /* goes ahead of replies; may be NULL */
    pthread_mutex_t lock;
    pthread_cond_t added;
    struct rrto_completion_entry *first, **last;
    struct rrto_completion_entry *free_entries;
    /* Blocked: in the driver. Woken: idle ones that were told to go on and have not run yet. */
    uint32_t n_waiters, n_blocked, n_idle, n_woken;
    uint64_t n_unsettled;
    uintptr_t n_ended; /* streams that have been destroyed: no handle is so small */
    void **pool;       /* events */
    uint32_t n_pool, max_pool;
    struct rrto_completion_follower *followers;
    uint32_t n_followers;
    int32_t device_error; /* of the device; 0: none. Read by the executor with an atomic load */
};

/* Nanoseconds as a REPLY has them: rounded, and cut off at the largest number. */
static inline uint32_t rrto_completion_us(uint64_t ns)
{
    uint64_t us = (ns + 500) / 1000;
    return us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

int rrto_completion_init(struct rrto_completion *completion, const struct rrto_driver *driver, void *context,
                         struct rrto_outbox *outbox);

/* An event without timing from the pool, recorded on stream; NULL on failure (*ret_error). Any thread. */
void *rrto_completion_record(struct rrto_completion *completion, void *stream, int32_t *ret_error);
/* Gives an event back: nothing waits for it any more. */
void rrto_completion_give(struct rrto_completion *completion, void *event);

/* A follower whose stream waits for what the client's event is recorded for at the moment; NULL on failure
 * (*ret_error; RRTO_TOO_LARGE: so many wait for events already that one more is refused). The entry that waits for the
 * stream gets it. The executor's thread. */
struct rrto_completion_follower *rrto_completion_follow(struct rrto_completion *completion, void *event,
                                                        int32_t *ret_error);
/* For an entry that did not come to be. */
void rrto_completion_unfollow(struct rrto_completion *completion, struct rrto_completion_follower *follower);

/* A zeroed entry, or NULL. */
struct rrto_completion_entry *rrto_completion_entry(struct rrto_completion *completion);
/* Hands an entry over; it is sent at once if nothing has to be waited for. Never blocks. */
void rrto_completion_add(struct rrto_completion *completion, struct rrto_completion_entry *entry);
/* The stream is about to be destroyed: the driver may give its handle to another one, which does not come behind the
 * entries that are this one's. */
void rrto_completion_stream_ends(struct rrto_completion *completion, const void *stream);
/* Sends what is complete. Never blocks. */
void rrto_completion_settle(struct rrto_completion *completion);
/* The device has failed, as a call at `position` said: the client is told, once, behind what is complete. Any thread.
 */
void rrto_completion_fail(struct rrto_completion *completion, uint64_t position, int32_t error);
/* Blocks until everything has been sent (or the device is stuck for timeout_ms). */
bool rrto_completion_flush(struct rrto_completion *completion, unsigned timeout_ms);

#endif
