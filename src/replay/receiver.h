/* SPDX-License-Identifier: Apache-2.0 */
/* The way in. Whoever waits receives: one waiting thread at a time (the leader) reads the connection, the others sleep
 * until their reply is there or the leadership is free. Payload bytes go straight to where they belong. Never takes the
 * issue lock, never sends. */
#ifndef RRTO_REPLAY_RECEIVER_H
#define RRTO_REPLAY_RECEIVER_H

#include "base/buf.h"
#include "base/map.h"
#include "replay/arrival.h"
#include "replay/coded.h"
#include "replay/text.h"
#include "report/counters.h"
#include "seq/seq.h"
#include "wire/reader.h"

#include <pthread.h>

enum {
    RRTO_RECEIVER_N_DONE = 64,
    RRTO_RECEIVER_MAX_WATCHES = 512, /* half of what a server follows at a time (docs/limits.md) */
    RRTO_RECEIVER_VALUE_BYTES = 64,  /* a result of at most this size is looked at: it may steer the application */
    RRTO_REPLY_MAX_BYTES = 16 << 20,
};
#define RRTO_RECEIVER_NO_RATE UINT32_MAX
#define RRTO_RECEIVER_NO_POSITION UINT64_MAX

/* A thread that sleeps here until what it waits for is there, or the leadership is free; on its stack. One for each
 * thread: hundreds may wait for streams that are far from done while another one polls, and nobody is to wake them all.
 */
struct rrto_sleeper {
    pthread_cond_t wake;
    bool drains; /* waits for payloads, not for a reply */
    struct rrto_sleeper *next;
};

/* What a reply for an op tells about other ops. */
enum rrto_covers { RRTO_COVERS_ITSELF, RRTO_COVERS_STREAM, RRTO_COVERS_ALL };

/* Somebody waits for the REPLY of an op. Lives on the waiting thread's stack from before the op is sent until
 * rrto_receiver_wait returns. */
struct rrto_waiter {
    uint64_t position, hash; /* hash: the audit hash there, compared with the server's; 0: not compared */
    uint32_t stream;
    enum rrto_covers covers;
    bool subscribed;        /* the reply tells that the op has completed on the device, not only that it was executed */
    struct rrto_buf *reply; /* may be NULL */
    struct rrto_reply_times times; /* of the server; all 0 where it tells none */
    uint64_t data_ns;              /* when the first bytes of its payload came; 0: none came */
    int32_t status;
    uint8_t library;
    bool done;
    bool watch;                   /* nobody is blocked on it: rrto_receiver_watch */
    struct rrto_sleeper *sleeper; /* who is blocked on it, while it is */
    struct rrto_waiter *next;
};

/* A destination of a `down` payload. */
struct rrto_down {
    uint64_t position;
    uint8_t *host;
    uint64_t n_bytes, n_received;
    unsigned lane; /* that asked for it */
    uint32_t next_free;
    bool used;
};

/* A payload that comes coded, in pieces. The leader's. */
struct rrto_receiver_coded {
    struct rrto_coded_reader reader;
    uint8_t *piece; /* of RRTO_RESULT_MAX_BYTES: only what is complete gets into the application's memory, which it may
                       be writing to */
    bool open;      /* a piece has begun to come: nothing but the rest of it may */
    struct rrto_coded_head head; /* of it */
    uint64_t n_coded;            /* bytes of it so far */
};

struct rrto_receiver_error {
    int status;          /* RRTO_OK: none */
    const char *library; /* "" for transport trouble */
    int32_t code;
    uint64_t position;
    char text[240];
};

struct rrto_receiver {
    pthread_mutex_t lock;
    struct rrto_sleeper *sleepers;
    struct rrto_reader reader;
    bool leader;  /* somebody reads */
    bool leaving; /* the goodbye is on its way */
    bool left;    /* the connection has ended behind it: that is no error */
    struct rrto_waiter *waiters;
    unsigned n_watches;    /* of the waiters, subscriptions that nobody is blocked on; theirs is memory of their own */
    struct rrto_map downs; /* position -> index of a struct rrto_down */
    struct rrto_down *down_rows;
    uint32_t n_down_rows, free_down; /* free_down: index + 1 */
    uint64_t n_downs;
    struct rrto_map completed; /* stream -> every op on it below this position has completed */
    uint64_t completed_all;    /* every op below this position has completed; read with an atomic load anywhere */
    uint64_t done[RRTO_RECEIVER_N_DONE]; /* positions + 1 that have completed, from subscriptions */
    unsigned done_at;
    uint32_t values[RRTO_SEQ_LANES]; /* digests of the small results that a lane has had lately; 0: none. Atomic */
    uint32_t starved_us;             /* from the last reply; relaxed atomic */
    struct rrto_text_queue text;
    uint64_t data_ns;   /* when the first payload since the last reply began to come; the leader's */
    uint32_t link_rate; /* from the last reply that told one, in 100 kB/s; RRTO_RECEIVER_NO_RATE: taken; likewise */
    struct rrto_receiver_coded *coded; /* NULL: payloads come as they are */
    struct rrto_arrival arrival;       /* of the payload under way; the leader's */
    bool arrival_seen;                 /* its first bytes had to be waited for: then its rate is the link's */
    uint64_t rate_down;                /* of the link, by arrival.h; relaxed atomic */
    struct rrto_receiver_error error;
    struct rrto_counters *counters;
};

int rrto_receiver_init(struct rrto_receiver *receiver, struct rrto_conn *conn, struct rrto_counters *counters);
void rrto_receiver_fini(struct rrto_receiver *receiver);

/* From now on payloads may come coded; past_bytes, now_ns: as coded.h has them. Before the first byte. RRTO_NO_MEMORY.
 */
int rrto_receiver_accept_coded(struct rrto_receiver *receiver, uint64_t past_bytes, uint64_t (*now_ns)(void));

/* Registers a waiter / the destination of a down payload. Before the op is sent. */
void rrto_receiver_expect(struct rrto_receiver *receiver, struct rrto_waiter *waiter);
bool rrto_receiver_expect_down(struct rrto_receiver *receiver, uint64_t position, unsigned lane, void *host,
                               uint64_t n_bytes);
/* A digest of the small results that arrived for the lane since it was last asked; 0: none. */
static inline uint32_t rrto_receiver_take_value(struct rrto_receiver *receiver, unsigned lane)
{
    uint32_t *value = &receiver->values[lane];
    return __atomic_load_n(value, __ATOMIC_RELAXED) ? __atomic_exchange_n(value, 0, __ATOMIC_RELAXED) : 0;
}
/* The op will not be sent after all. */
void rrto_receiver_forget(struct rrto_receiver *receiver, struct rrto_waiter *waiter);
/* Registers that a subscription's reply is to be noted. False: no room (or it is registered already, then *ret_known).
 */
bool rrto_receiver_watch(struct rrto_receiver *receiver, uint64_t position, uint32_t stream, enum rrto_covers covers,
                         bool *ret_known);
/* Blocks until the waiter is done or the session is lost; RRTO_OK or RRTO_LOST. Of what kernels print meanwhile, much
 * is written at once (text.h). */
int rrto_receiver_wait(struct rrto_receiver *receiver, struct rrto_waiter *waiter);
/* Handles what has arrived, if nobody else is doing so. Blocks only for the rest of a chunk that has begun. */
void rrto_receiver_pump(struct rrto_receiver *receiver);
/* Blocks until no down destination of an op before a position overlaps [host, host + n) any more; RRTO_OK or RRTO_LOST.
 */
int rrto_receiver_drain(struct rrto_receiver *receiver, const void *host, size_t n, uint64_t before);
/* The newest position, before one, among pending down payloads into [host, host + n); false when there is none. */
bool rrto_receiver_down_in(struct rrto_receiver *receiver, const void *host, size_t n, uint64_t before,
                           uint64_t *ret_position);

/* Whether the op at position is known to have completed; has_stream: it was issued on this stream. */
bool rrto_receiver_completed(struct rrto_receiver *receiver, uint64_t position, bool has_stream, uint32_t stream);
/* Every op on the stream below this position has completed. */
uint64_t rrto_receiver_completed_on(struct rrto_receiver *receiver, uint32_t stream);
static inline uint64_t rrto_receiver_completed_all(struct rrto_receiver *receiver)
{
    return __atomic_load_n(&receiver->completed_all, __ATOMIC_ACQUIRE);
}

/* Ends the session with an error (the first one stays), logs it once and wakes everybody. Any thread. */
void rrto_receiver_lose(struct rrto_receiver *receiver, int status, const char *text);
/* Before the goodbye is sent: the server's closing is the answer to it, and nothing to talk about. */
void rrto_receiver_leave(struct rrto_receiver *receiver);
static inline bool rrto_receiver_lost(struct rrto_receiver *receiver)
{
    return __atomic_load_n(&receiver->error.status, __ATOMIC_ACQUIRE) != 0;
}

#endif
