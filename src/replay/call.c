/* SPDX-License-Identifier: Apache-2.0 */
/* The entry and the exit of every API call. */
#include "base/clock.h"
#include "base/log.h"
#include "gen/calls.h"
#include "gen/ops.h"
#include "replay/process.h"
#include "replay/scrub.h"

#include <errno.h>

enum { SAMPLE = 64, EXCHANGE_MAX_BYTES = 4096 };

/* Not inlined: its frame, with the time in it, is then one that is scrubbed. */
static __attribute__((noinline)) uint64_t now_ns(void)
{
    return rrto_now_ns();
}

enum rrto_call_gate rrto_call_begin(struct rrto_call_frame *frame, uint16_t call)
{
    int saved_errno = errno;
    enum rrto_call_gate gate = rrto_process_enter();
    if (gate != RRTO_CALL_GO) {
        errno = saved_errno;
        return gate;
    }
    struct rrto_thread *thread = rrto_thread_get();
    frame->saved_errno = saved_errno;
    frame->call = call;
    frame->outermost = thread->depth++ == 0;
    frame->round_trips = thread->caller.round_trips;
    frame->start_ns = 0;
    if (frame->outermost) {
        rrto_counters_call(rrto_process.counters, thread->caller.thread);
        if (++thread->n_calls % SAMPLE == 0)
            frame->start_ns = now_ns();
    }
    return RRTO_CALL_GO;
}

/* percall mode: what the call would have sent and got, had it crossed the link. The answer was the client's own. */
static __attribute__((noinline)) void exchange(struct rrto_thread *thread, uint16_t call)
{
    static const uint8_t zeroes[EXCHANGE_MAX_BYTES];
    const struct rrto_call_info *info = &rrto_call_infos[call];
    struct rrto_args_ping args = {
        .call = call,
        .in = zeroes,
        .n_in = info->n_bytes_in < EXCHANGE_MAX_BYTES ? info->n_bytes_in : EXCHANGE_MAX_BYTES,
        .n_out = info->n_bytes_out,
    };
    rrto_buf_clear(&thread->scratch);
    rrto_pack_ping(&thread->scratch, &args);
    if (!thread->scratch.failed)
        (void)rrto_issue(thread->scratch.data, thread->scratch.size, NULL);
}

/* What this call and others have left on the stack below this frame: where scrub.h has it, and where it has waited. */
static inline void scrub(struct rrto_thread *thread, bool waited)
{
    uintptr_t frame = (uintptr_t)__builtin_frame_address(0), before = thread->called_from;
    bool issued = thread->issued;
    thread->called_from = issued ? 0 : frame;
    thread->issued = false;
    if ((!issued && frame > before) || waited)
        rrto_scrub_stack(RRTO_SCRUB_CALL_BYTES);
}

void rrto_call_end(struct rrto_call_frame *frame)
{
    struct rrto_thread *thread = rrto_thread_get();
    int saved_errno = frame->saved_errno;
    if (frame->outermost && rrto_process.mode->exchange_per_call && thread->caller.round_trips == frame->round_trips &&
        frame->call < RRTO_CALL_N && !rrto_call_infos[frame->call].nocount)
        exchange(thread, frame->call);
    if (__builtin_expect(rrto_text_waits(&rrto_process.session.receiver.text) && frame->outermost, 0))
        rrto_text_deliver(&rrto_process.session.receiver.text);
    if (frame->start_ns)
        rrto_hist_add(&rrto_process.counters->call_ns, now_ns() - frame->start_ns);
    if (thread->depth > 0)
        thread->depth--;
    bool waited = thread->caller.round_trips != frame->round_trips;
    *frame = (struct rrto_call_frame){0}; /* it is on the stack as well */
    scrub(thread, waited);
    errno = saved_errno;
}

void rrto_call_unsupported(uint16_t call)
{
    const char *name = call < RRTO_CALL_N ? rrto_call_infos[call].name : "?";
    if (rrto_counters_unsupported(rrto_process.counters, name))
        rrto_warn("%s is not supported by rrto: the application gets the library's 'not supported' status", name);
}
