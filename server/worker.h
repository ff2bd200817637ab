/* SPDX-License-Identifier: Apache-2.0 */
/* The worker: one process per client. Its executor thread decodes records, reconstructs ops and executes them in log
 * order; it never blocks on the device. Its completion thread waits for events, sends D2H data and replies. */
#ifndef RRTO_SERVER_WORKER_H
#define RRTO_SERVER_WORKER_H

#include "base/buf.h"
#include "codec/codec.h"

struct rrto_worker; /* opaque */

enum rrto_kind {
    RRTO_KIND_NONE,
    RRTO_KIND_stream,
    RRTO_KIND_event,
    RRTO_KIND_module,
    RRTO_KIND_function,
    RRTO_KIND_cublas,
    RRTO_KIND_cublaslt,
    RRTO_KIND_cudnn,
    RRTO_KIND_cudnn_heuristic,
    RRTO_KIND_cudnn_plan,
    RRTO_KIND_gate,
    RRTO_KIND_N
};

/* The op under execution: what a hand-written handler may read and write besides its arguments. */
struct rrto_exec {
    struct rrto_worker *worker;
    uint64_t position; /* in the log */
    const void *up;    /* payload, or NULL */
    uint64_t n_up;
    bool wait;             /* the client waits for the reply */
    struct rrto_buf reply; /* reply fields go here (rrto_pack_reply_<op>) */
    bool deferred;         /* set by a handler that handed the reply to the completion thread */
    uint8_t library;       /* the op's, enum rrto_wire_library */
    uint64_t source;       /* the place in the log of the op that this one repeats; UINT64_MAX: of none */
    uint64_t down_offset;  /* where the next down piece stands in the op's payload */
    uint64_t n_down;       /* bytes of that payload */
};

/* Generated: decodes and executes one op. Returns the vendor's status (>= 0) or an rrto_status (< 0, the peer broke the
 * protocol). */
int32_t rrto_server_execute(struct rrto_exec *exec, const uint8_t *op, size_t n_bytes);

/* Objects: client-minted ids, typed. get returns NULL for an unknown id, or one of another kind (id 0 of kind stream is
 * the legacy stream: NULL is right there and ok says so). */
void *rrto_objects_get(struct rrto_worker *worker, enum rrto_kind kind, uint32_t id, bool *ret_ok);
int32_t rrto_objects_add(struct rrto_worker *worker, enum rrto_kind kind, uint32_t id,
                         void *object); /* RRTO_INVALID when taken */
void *rrto_objects_remove(struct rrto_worker *worker, enum rrto_kind kind, uint32_t id);

/* Whether [address, address + n) lies in the arena or in a symbol that the client was told of; NULL is not checked. */
bool rrto_worker_address_ok(const struct rrto_worker *worker, uint64_t address, uint64_t n);
/* The client is told of a symbol of a module, whose unloading takes it back. RRTO_TOO_LARGE: there are too many. */
int32_t rrto_worker_add_symbol(struct rrto_worker *worker, uint32_t module, uint64_t address, uint64_t n_bytes);

/* The loaded vendor functions (generated struct, vendor.h). A missing one is NULL. */
struct rrto_vendor;
const struct rrto_vendor *rrto_worker_vendor(const struct rrto_worker *worker);

/* Pinned host memory for a payload to the client, to be handed to rrto_worker_complete_after by the same op. NULL when
 * memory is short. */
void *rrto_worker_staging(struct rrto_worker *worker, uint64_t n_bytes);

/* Hands the reply to the completion thread: it is sent once everything issued on stream (a CUstream) so far has
 * completed. With down != NULL, n_down bytes at down (from rrto_worker_staging, given away) are sent first as the
 * payload. event != NULL: what that CUevent is recorded for at the moment decides instead of the stream. */
int32_t rrto_worker_complete_after(struct rrto_exec *exec, void *stream, void *event, void *down, uint64_t n_down);

/* Which library a failed op belongs to is in its rrto_op_info. */

#endif
