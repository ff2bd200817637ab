/* SPDX-License-Identifier: Apache-2.0 */
/* The way out: bytes go to the connection at once as far as it takes them, the rest waits in a bounded ring that the
 * flusher thread empties. Nothing here blocks, so sending can never wait for receiving. Any thread. */
#ifndef RRTO_REPLAY_SENDER_H
#define RRTO_REPLAY_SENDER_H

#include "wire/conn.h"

#include <pthread.h>

struct rrto_sender {
    pthread_mutex_t lock;
    struct rrto_conn *conn;
    uint8_t *ring;
    uint64_t capacity; /* a power of two */
    uint64_t in, out;  /* bytes ever put into and taken from the ring */
    uint64_t high;     /* largest in - out since the ring was last given back */
    int status;
    uint64_t (*now_ns)(void); /* NULL: the times stay 0 */
    uint64_t first_ns, last_began_ns, last_ns;
    uint64_t waiting_ns, n_taken; /* since when bytes have been waiting in the ring, and how many have left since */
};

int rrto_sender_init(struct rrto_sender *sender, struct rrto_conn *conn, uint64_t capacity);
void rrto_sender_fini(struct rrto_sender *sender);
/* Takes all of it (copied where it has to wait) or nothing: RRTO_TIMEOUT when the ring has too little room, else a
 * failure of the connection, which is sticky. *ret_queued: bytes wait in the ring, somebody has to drain it. iov is
 * used as scratch. */
int rrto_sender_put(struct rrto_sender *sender, struct iovec *iov, int n_iov, bool *ret_queued);
/* When bytes were handed to the connection. */
struct rrto_sender_times {
    uint64_t first_ns;               /* the first ones since rrto_sender_waited; 0: none */
    uint64_t last_began_ns, last_ns; /* the last ones: before, and when it had taken them */
};
/* A wait is over: tells the times; the next bytes are the first ones for the next wait. */
void rrto_sender_waited(struct rrto_sender *sender, struct rrto_sender_times *ret_times);
/* Writes what the connection takes now. */
int rrto_sender_drain(struct rrto_sender *sender);
uint64_t rrto_sender_queued(struct rrto_sender *sender);
/* How fast the connection takes what waits in the ring, in bytes per ms; 0: nothing waits, or not for long enough to
 * tell. */
uint64_t rrto_sender_rate(struct rrto_sender *sender);
/* Whether bytes have not left this machine yet, as far as it can tell: in the ring or, more than a little, in the
 * socket. */
bool rrto_sender_leaving(struct rrto_sender *sender);

#endif
