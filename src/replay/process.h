/* SPDX-License-Identifier: Apache-2.0 */
/* The process's one session: opened at the first call that needs it, lost with a sticky error, not inherited by a
 * forked child. What the files behind issue.h share. */
#ifndef RRTO_REPLAY_PROCESS_H
#define RRTO_REPLAY_PROCESS_H

#include "replay/session.h"

enum rrto_process_state { RRTO_PROCESS_NO_SESSION, RRTO_PROCESS_OPEN, RRTO_PROCESS_FAILED };

struct rrto_process {
    uint8_t *page; /* wiped in a forked child; page[0] = 1: this process called rrto_process_enter */
    int state;     /* enum rrto_process_state; atomic */
    bool exiting;  /* atomic */
    struct rrto_session session;
    struct rrto_session_error error; /* why there is no session */
    struct rrto_device_info device;
    struct rrto_counters *counters;
    struct rrto_inferences *inferences; /* NULL: nobody wants them */
    const struct rrto_mode *mode;
};
extern struct rrto_process rrto_process;

/* What a thread of the application has. */
struct rrto_thread {
    struct rrto_session_caller caller;
    struct rrto_buf scratch;
    uint64_t n_calls;
    uintptr_t called_from; /* scrub.h: the frame of its last call; 0: that has issued an op */
    unsigned depth;
    bool has_lane;
    bool issued; /* the present call has issued an op */
};
/* The calling thread's; never NULL. This and the next three stand on the way of every call: what is usual is in line.
 */
extern __thread struct rrto_thread *rrto_this_thread __attribute__((tls_model("initial-exec")));
struct rrto_thread *rrto_thread_make(void);
static inline struct rrto_thread *rrto_thread_get(void)
{
    struct rrto_thread *thread = rrto_this_thread;
    return __builtin_expect(thread != NULL, 1) ? thread : rrto_thread_make();
}

/* At every entry: whether this process may go on. */
enum rrto_call_gate rrto_process_enter_first(void); /* the first call of a process, and every call of a forked child */
static inline enum rrto_call_gate rrto_process_enter(void)
{
    const uint8_t *page = __atomic_load_n(&rrto_process.page, __ATOMIC_ACQUIRE);
    if (__builtin_expect(!page || !page[0], 0)) {
        enum rrto_call_gate gate = rrto_process_enter_first();
        if (gate != RRTO_CALL_GO)
            return gate;
    }
    return __atomic_load_n(&rrto_process.exiting, __ATOMIC_RELAXED) ? RRTO_CALL_EXITING : RRTO_CALL_GO;
}
/* Whether this is the process that entered, not a forked child of it. */
bool rrto_process_is_mine(void);
/* The session, opened if need be; NULL when there is none (rrto_process.error tells why). */
struct rrto_session *rrto_process_session_slowly(void);
static inline struct rrto_session *rrto_process_session(void)
{
    bool open = __atomic_load_n(&rrto_process.state, __ATOMIC_ACQUIRE) == RRTO_PROCESS_OPEN;
    return __builtin_expect(open, 1) ? &rrto_process.session : rrto_process_session_slowly();
}
/* Opens the session; under a lock of the caller. */
bool rrto_process_connect(struct rrto_process *process);

#endif
