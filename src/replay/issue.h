/* SPDX-License-Identifier: Apache-2.0 */
/* issue(): where every front end ends. It alone knows modes, prediction, elision, memoised answers and checked ops; a
 * front end hands over the canonical bytes of one op and learns a status. */
#ifndef RRTO_REPLAY_ISSUE_H
#define RRTO_REPLAY_ISSUE_H

#include "base/buf.h"

struct rrto_issue_extra {
    const void *up; /* payload to the server, `n_bytes` of the op; read (snapshotted) before issue returns */
    void *down;     /* where the payload of a `down` op goes */
    bool wait;      /* block until the op has completed (pageable D2H ...) */
    bool order;     /* a synchronise for the sake of order: later work of every stream comes behind it, nobody waits
                       unless a host function holds a stream back */
    bool apart;     /* not while a host function holds a stream back: RRTO_TIMEOUT then, and nothing is issued */
    struct rrto_buf *reply; /* reply fields of a waiting op; cleared first; may be NULL */
    uint64_t *ret_position; /* the op's place in the log, written when it was issued; may be NULL */
    struct rrto_waiter
        *waiter; /* the op has a reply, for which not this call waits but rrto_issue_await; may be NULL */
};

/* Issues one op. bytes: the canonical encoding, header included, 8-aligned, lent for the call. Returns the vendor's
 * status (0 = success; for an op that did not wait always 0), or RRTO_LOST when the session has a sticky error (see
 * rrto_session_error). Takes the issue lock; waits, if at all, without it. Any thread. `extra` may be NULL. Connects at
 * the first call. */
int32_t rrto_issue(const uint8_t *bytes, size_t n_bytes, const struct rrto_issue_extra *extra);

/* A per-thread scratch buffer for packing one op; cleared. */
struct rrto_buf *rrto_issue_scratch(void);

/* Whether everything up to and including position has completed on the device and is visible here (D2H bytes included),
 * as far as this side knows. Flushes, and after about 1 ms of polling asks the server. Counts no round trip unless it
 * blocks. */
bool rrto_issue_poll(uint64_t position);
/* The position of the newest op that was issued on this stream (an op whose description names no stream counts for all
 * of them); false when there is none. What a stream query polls. */
bool rrto_issue_stream_position(uint32_t stream, uint64_t *ret_position);
/* Blocks until position has completed. Returns 0, a vendor status, or RRTO_LOST. */
int32_t rrto_issue_wait(uint64_t position);
/* For one op whose issuing and waiting are two things. NULL when memory is short; free() ends it. */
struct rrto_waiter *rrto_issue_waiter(void);
/* Blocks until the reply to the op that was issued with it is there: once for each. Flushes. Returns as rrto_issue. No
 * round trip is counted: this is for threads that are not the application's. */
int32_t rrto_issue_await(struct rrto_waiter *waiter);
/* Blocks until `down` payloads into [host, host + n) have arrived (free, unregister), of ops that were issued before
 * the call; those of ops before a position only. */
void rrto_issue_drain(const void *host, size_t n);
void rrto_issue_drain_before(const void *host, size_t n, uint64_t position);
/* Blocks until all of them have arrived. False, at once: a host function holds a stream back. */
bool rrto_issue_drain_all(void);
/* Whether the op at position is the newest of all. */
bool rrto_issue_is_newest(uint64_t position);
/* From hold to its end (hold false), ops of other threads wait before they are issued, so that none comes between those
 * of the caller: for what the application sees as one op. The holder may issue, drain and flush, and nothing else. */
void rrto_issue_hold(bool hold);
/* Sends what is pending. */
void rrto_issue_flush(void);
/* The application says that an inference ends here (include/rrto/rrto.h). Nothing without a session. */
void rrto_issue_mark(void);
/* Handles what has arrived, if nobody else receives; does not block. For those who wait, but not for the server: a
 * session that is lost meanwhile has its error then. */
void rrto_issue_receive(void);

/* The entry and the exit of every API call (generated code calls these): counts the call, keeps errno, samples its
 * time, and in percall mode makes the exchange for calls that did not cross the link themselves. */
struct rrto_call_frame {
    uint64_t start_ns; /* 0: not sampled */
    uint64_t round_trips;
    int saved_errno;
    uint16_t call;
    bool outermost;
};
enum rrto_call_gate { RRTO_CALL_GO, RRTO_CALL_FORKED, RRTO_CALL_EXITING };
enum rrto_call_gate rrto_call_begin(struct rrto_call_frame *frame, uint16_t call);
void rrto_call_end(struct rrto_call_frame *frame);
/* Logs an unsupported call once, counts it. */
void rrto_call_unsupported(uint16_t call);

/* What the server said at the start of the session. Connects if needed; NULL when that failed (the error is sticky
 * then). */
struct rrto_device_info {
    char name[256];
    uint8_t uuid[16];
    uint64_t total_memory;
    int32_t attributes[192]; /* indexed by CUdevice_attribute */
    int32_t driver_version;
    uint64_t cublas_version, cublaslt_version, cudnn_version;
    uint64_t arena_base, arena_bytes;
    uint64_t fingerprint; /* GPU, driver, library builds */
    bool soft;
    uint64_t memory;  /* granted: how much of the arena can be backed at a time */
    char compute[32]; /* "real", "skip" or "N ms" */
    uint32_t n_gates; /* how many may be closed at a time; 0: there are none */
};
const struct rrto_device_info *rrto_session_device(void);
/* The device, without connecting: NULL when no session is open. */
bool rrto_session_open(void);

/* The sticky error; false when there is none. code is the vendor's status at the op that failed, or 0 for transport
 * trouble. */
struct rrto_session_error {
    const char *library; /* "cuda" (driver), "cublas", "cublaslt", "cudnn", or "" for transport trouble */
    int32_t code;
    bool left; /* nothing has failed: this process is ending; a call that was under way learns it here */
    char text[240];
};
bool rrto_session_error(struct rrto_session_error *ret_error);

#endif
