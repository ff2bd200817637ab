/* SPDX-License-Identifier: Apache-2.0 */
/* What kernels print, from its arrival to the application's standard output and standard error. Whoever receives
 * queues it; a thread of the application writes it at the end of its call, with no lock of ours held: a call that has
 * learnt of a completion returns when the text that came ahead of it is written, whoever does that. */
#ifndef RRTO_REPLAY_TEXT_H
#define RRTO_REPLAY_TEXT_H

#include "base/buf.h"
#include "wire/frame.h"
#include "wire/reader.h"

#include <pthread.h>

enum {
    RRTO_TEXT_QUEUE_MAX_BYTES = 16 << 20, /* of each: what is more is lost, and counted */
    RRTO_TEXT_MUCH_BYTES = 1 << 20,       /* a thread that waits writes it before it waits on */
};

struct rrto_text_stream {
    struct rrto_buf bytes;
    uint32_t n_arrived; /* chunks whose bytes stand there */
    uint64_t n_lost;    /* bytes */
};

struct rrto_text_queue {
    uint32_t n_pending[2]; /* chunks that have not been written; atomics, side by side: every call looks at them */
    pthread_mutex_t lock;
    struct rrto_text_stream streams[2]; /* [0]: standard output */
};

void rrto_text_init(struct rrto_text_queue *queue);
void rrto_text_fini(struct rrto_text_queue *queue);
/* Reads a TEXT chunk, whose header has been read, into the queue. */
int rrto_text_receive(struct rrto_text_queue *queue, struct rrto_reader *reader, const struct rrto_chunk *chunk);
/* Returns when everything that had been queued is written (by this thread or another one). May block for as long as the
 * application's own printf would; not with a lock of ours. */
void rrto_text_deliver(struct rrto_text_queue *queue);

/* At the end of every call. */
static inline bool rrto_text_waits(const struct rrto_text_queue *queue)
{
    return __atomic_load_n(&queue->n_pending[0], __ATOMIC_RELAXED) |
           __atomic_load_n(&queue->n_pending[1], __ATOMIC_RELAXED);
}
bool rrto_text_is_much(struct rrto_text_queue *queue);

#endif
