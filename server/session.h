/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of one worker: what stands behind worker.h. Used by the worker's own files and exec/driver*.c only. */
#ifndef RRTO_SERVER_SESSION_H
#define RRTO_SERVER_SESSION_H

#include "answers.h"
#include "backing.h"
#include "completion.h"
#include "driver.h"
#include "gates.h"
#include "gen/ops.h"
#include "objects.h"
#include "options.h"
#include "outbox.h"
#include "replay/arrival.h"
#include "replay/record.h"
#include "staging.h"
#include "text.h"
#include "wire/control.h"
#include "wire/reader.h"
#include "worker.h"

enum {
    RRTO_WORKER_MAX_STREAMS = 1024,
    RRTO_WORKER_MAX_SYMBOLS = 4096,
    RRTO_WORKER_PIECE_BYTES = 1 << 20, /* of a payload on its way to the client: copied and sent one by one */
    RRTO_WORKER_MAX_MODULE_BYTES = 1 << 30,
};

enum { RRTO_ANSWERS_UNKNOWN, RRTO_ANSWERS_NOTHING, RRTO_ANSWERS_SOMETHING };

struct rrto_worker_stream {
    uint32_t id;
    void *stream;
};

/* Something to be done once events have completed, by the executor itself when it comes by: no thread is woken for it.
 */
struct rrto_retired {
    struct rrto_retired *next;
    void **events;
    void *own_event;
    uint32_t n_events;
    struct rrto_staging_block *block; /* given back */
    int64_t page;                     /* unmapped; -1: none */
};

struct rrto_worker {
    struct rrto_options options;
    struct rrto_compute compute;
    struct rrto_driver driver;
    struct rrto_vendor *vendor;
    int device;
    void *context;
    bool plain;
    uint32_t hello_flags, hello_minor; /* hello_minor: of the protocol that the client speaks */
    uint64_t log_bytes;
    uint32_t slot_kinds;
    uint64_t past_bytes;                         /* for coded payloads; 0: none are accepted */
    uint64_t results_past_bytes, results_stress; /* for those to the client */
    uint64_t told_coded_ns;                      /* of decoding payloads, what the client has been told of */

    struct rrto_conn conn;
    struct rrto_reader reader;
    struct rrto_record_decoder *decoder;
    struct rrto_results results;
    struct rrto_outbox outbox;
    struct rrto_text text;
    struct rrto_completion completion;
    struct rrto_staging staging;
    struct rrto_backing backing;
    struct rrto_objects objects;

    struct rrto_worker_stream streams[RRTO_WORKER_MAX_STREAMS + 1]; /* [0]: the legacy stream; and remains */
    uint32_t n_streams;
    void *barrier_stream;
    void *remains; /* a stream of the worker's: behind what streams had that were destroyed while gates were closed */
    struct rrto_gates gates;
    struct {
        uint64_t address, n_bytes;
        uint32_t module;
    } symbols[RRTO_WORKER_MAX_SYMBOLS]; /* of the modules that are loaded */
    uint32_t n_symbols;
    struct rrto_retired *retired, **last_retired, *free_retired;
    uint64_t n_finished; /* of what was retired */

    struct rrto_staging_block *up;   /* the payload that is being received, or that the op under execution carries */
    struct rrto_staging_block *lent; /* what rrto_worker_staging gave last */
    struct rrto_buf reply;
    uint64_t hash; /* audit hash of the op under execution */
    struct rrto_arrival arrival;
    uint64_t starved_ns;          /* waited inside open frames since the last reply */
    bool reply_times;             /* the client wants to know how long things took */
    uint64_t woke_ns, started_ns; /* when what came last had arrived, and when its first op was begun */
    uint64_t replied_ns;          /* when the last reply was made up */
    bool frame_open;              /* a chunk without END came last */
    int32_t failure;              /* fail-stop: nothing is executed any more */
    uint8_t failure_library;
    struct rrto_answers kept;                /* --answers */
    uint64_t busy_until_ns;                  /* --compute MS */
    bool launched;                           /* since the last payload to the client (--compute) */
    uint8_t answers[RRTO_OP_NUMBER_MAX + 1]; /* --compute: whether an op that waits has reply fields */
    const char *refused;                     /* name of the op that ended the session */
    bool ended;                              /* the client said goodbye */
    uint64_t n_ops;
};

/* --- core (worker.c) */

/* Replies to the op under execution now (events NULL) or once the events have completed (then given to the entry). */
int32_t rrto_worker_reply(struct rrto_exec *exec, int32_t status, void **events, uint32_t n_events, const void *stream);
/* The first op after a wait for bytes is about to be executed. */
void rrto_worker_begin(struct rrto_worker *worker);
/* Keeps the op's payload until everything issued on stream so far has completed. Returns a CUDA error. */
int32_t rrto_worker_keep_up(struct rrto_exec *exec, void *stream);
/* Does what has become possible: gives back staging, unmaps. Never blocks. */
void rrto_worker_collect(struct rrto_worker *worker);
/* Blocks until a retired item is through (memory is short); while gates are closed, which may keep them, at most for
 * patience_ms. False when there is none. */
bool rrto_worker_collect_one(struct rrto_worker *worker, unsigned patience_ms);
/* Blocks while more staging is in use than the limit says; while gates are closed, which keep it in use, for a while.
 */
void rrto_worker_make_room(struct rrto_worker *worker);
void rrto_worker_retire(struct rrto_worker *worker, void *event, struct rrto_staging_block *block, int64_t page);
/* Records an event on every stream. Returns the array (the caller's, with its events), or NULL with *ret_error. */
void **rrto_worker_record_all(struct rrto_worker *worker, uint32_t *ret_n, int32_t *ret_error);
/* Every stream goes on only after what all streams have been given so far. *ret_event (from the pool) completes then
 * too. */
int32_t rrto_worker_barrier(struct rrto_worker *worker, void **ret_event);
/* Everything issued from now on, on any stream, comes behind what is on this stream now: what a synchronise means when
 * nobody waits for it. */
int32_t rrto_worker_order_behind(struct rrto_worker *worker, void *stream);
/* Where a module's variable is. A CUDA error, or RRTO_INVALID. */
int32_t rrto_worker_find_symbol(struct rrto_worker *worker, uint32_t module_id, const uint8_t *bytes, uint32_t n_bytes,
                                uint64_t *ret_address, size_t *ret_n);
/* Looks up a stream for a handler; false: no such id. */
bool rrto_worker_stream(struct rrto_worker *worker, uint32_t id, void **ret_stream);

/* --- executor.c */

/* Serves the client until it ends; returns the process's exit status. */
int rrto_worker_run(struct rrto_worker *worker);

/* --- greeting.c */

/* Answers the hello, opens the device and the arena, sends the Welcome. RRTO_OK, or the client has been told why not.
 */
int rrto_worker_greet(struct rrto_worker *worker);

#endif
