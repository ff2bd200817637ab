/* SPDX-License-Identifier: Apache-2.0 */
/* Gates: where a stream waits for the client's host. Each is a word in page-locked memory that the stream waits for
 * (cuStreamWaitValue32) and that the executor writes; no thread waits, so the executor always gets to the op that opens
 * it. A gate may have memory, for the bytes of a copy whose source the client reads later. Executor thread only. */
#ifndef RRTO_SERVER_GATES_H
#define RRTO_SERVER_GATES_H

#include "driver.h"
#include "staging.h"

enum { RRTO_GATES_MAX = 4096 };

struct rrto_gate {
    uint32_t value;                   /* what its word is when it is open */
    struct rrto_staging_block *block; /* or NULL */
    uint64_t n_bytes;                 /* of the payload that belongs there */
    bool closed;
    struct rrto_gate *next_free;
};

struct rrto_gates {
    uint32_t *words;    /* NULL until the first one is needed */
    uint64_t device_at; /* their address for the device */
    struct rrto_gate rows[RRTO_GATES_MAX], *free;
    uint32_t n_closed;
    /* While any is closed: events on all streams, as of the last moment at which one stream's later work had to come
     * behind another's. A stream that is created then comes behind these, and not behind the gates. */
    void **order;
    uint32_t n_order;
};

struct rrto_worker;

/* Whether the device's streams can wait for words. */
bool rrto_gates_supported(const struct rrto_driver *driver);
/* Closes a new gate, known to the client as id, on the stream. One share of block (or NULL) is taken over, n_bytes of
 * which will come. A CUDA error; RRTO_INVALID: the id is taken; RRTO_TOO_LARGE: too many are closed. */
int32_t rrto_gates_close(struct rrto_worker *worker, uint32_t id, void *stream, struct rrto_staging_block *block,
                         uint64_t n_bytes);
/* The gate, or NULL: there is none. */
struct rrto_gate *rrto_gates_find(struct rrto_worker *worker, uint32_t id);
/* RRTO_INVALID: there is none. */
int32_t rrto_gates_open(struct rrto_worker *worker, uint32_t id);
/* Everything is over: nothing may stand still for the client's sake any more. */
void rrto_gates_open_all(struct rrto_worker *worker);

/* The present moment is one as `order` is about. A CUDA error. */
int32_t rrto_gates_mark(struct rrto_worker *worker);
/* The new stream's work comes behind all that it has to, while gates are closed. A CUDA error. */
int32_t rrto_gates_order(struct rrto_worker *worker, void *stream);

#endif
