/* SPDX-License-Identifier: Apache-2.0 */
/* The counters of one process: a fixed layout that lives in a mapped file RRTO_RUN_DIR/client-<pid>.counters (or in
 * plain memory without a run folder), so that they survive however the process ends. src/replay writes them, src/report
 * and rrto read them. Written under the issue lock, except, by relaxed atomics from any thread: `calls`, `calls_of`,
 * `call_ns`, `blocked_ns`, `unsupported`, `round_trips`, `bytes_up`, `updated_ns`; and by the thread that receives:
 * `bytes_down`, `payload_down`, `payload_sent_down`, `payload_coded_down`, `codec_ns_down`, `codec_server_ns`, and
 * `coded_down`, whose rows it stores plainly: whoever reads one of a process that runs may find it half written.
 * Little-endian, own machine only. */
#ifndef RRTO_REPORT_COUNTERS_H
#define RRTO_REPORT_COUNTERS_H

#include "base/hist.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RRTO_COUNTERS_VERSION = 4,
    RRTO_COUNTERS_N_LAST = 10,
    RRTO_COUNTERS_N_THREADS = 32, /* that count their calls without disturbing each other */
    RRTO_COUNTERS_N_SEQUENCES = 16,
    RRTO_COUNTERS_N_UNSUPPORTED = 64,
    RRTO_COUNTERS_N_CODED = 16, /* slots of docs/codec.md, in each direction */
};
#define RRTO_COUNTERS_MAGIC UINT64_C(0x53544e434f545252) /* "RRTOCNTS" */

/* Where the time went in which the application was blocked on the server (docs/report.md). Where several threads wait
 * at once, that time counts once. */
struct rrto_counters_waits {
    uint64_t upload_ns;   /* bytes had still to leave */
    uint64_t link_ns;     /* latency of the link, both ways, and what nobody else accounts for */
    uint64_t queue_ns;    /* the server had not begun */
    uint64_t compute_ns;  /* it was at it */
    uint64_t download_ns; /* from the first byte of a payload to the answer */
};
static inline uint64_t rrto_counters_waited(const struct rrto_counters_waits *waits)
{
    return waits->upload_ns + waits->link_ns + waits->queue_ns + waits->compute_ns + waits->download_ns;
}

/* What one inference cost. */
struct rrto_counters_inference {
    uint64_t start_ns, end_ns; /* CLOCK_MONOTONIC: its first op issued; the result wait that ended it returned */
    uint64_t planned_ns;       /* when an open loop wanted it to begin; 0: it was not paced */
    uint64_t dropped;          /* of the open loop's, since the one before: a newer one was due */
    uint64_t before_ns;        /* blocked on the server between the end of the one before and its own start */
    uint64_t calls;
    uint64_t ops, ops_literal, ops_predicted, ops_patched;
    uint64_t round_trips;
    uint64_t bytes_up, bytes_down;
    uint64_t payload_up, payload_down;
    uint64_t payload_sent_up, payload_sent_down; /* what the payload took on the way: less, where it was coded */
    uint64_t op_bytes_up;                        /* bytes_up - payload_sent_up */
    uint64_t frames_up;
    uint64_t changed_bytes; /* that differ from the predicted ops */
    uint64_t blocked_ns;    /* of all threads, added up */
    uint64_t deviations;
    uint64_t codec_ns, codec_server_ns; /* coding and decoding payloads, here and there, whoever waited or not */
    struct rrto_counters_waits waits;   /* before_ns is in it */
};

struct rrto_counters_sequence {
    uint64_t id; /* fingerprint; 0: unused row */
    uint64_t ops;
    uint64_t first_inference; /* 0 = the first */
    uint64_t hits;            /* complete repetitions */
    uint64_t deviations;      /* the application left it although it had repeated before */
};

/* What went coded in one slot. */
struct rrto_counters_coded {
    uint64_t payloads, bytes, sent_bytes; /* as they were, and what they took; payloads 0: unused */
    uint64_t row, plane, band;            /* the last one's model, as docs/codec.md has it */
    uint8_t how, width, order, channels, group, unused[3];
};

struct rrto_counters {
    uint64_t magic;
    uint32_t version, n_bytes; /* of this struct */
    uint32_t pid;
    int32_t session_status; /* 0, or an rrto_status: why there is no session (any more) */
    char mode[16], server[256], device[256], compute[32], program[64];
    char error[256];      /* the sticky error's text, or "" */
    uint64_t link_rtt_ns; /* smallest wait for an answer without device work, less the server's; 0: none */

    /* phases, CLOCK_MONOTONIC: the library's first call, session open, first inference ended, the last update */
    uint64_t started_ns, connected_ns, first_inference_ns, updated_ns;

    /* API calls, nested ones not counted: of each of the process's first threads, which alone writes its own; and of
     * all others. rrto_counters_calls has the sum. */
    uint64_t calls_of[RRTO_COUNTERS_N_THREADS], calls;
    uint64_t ops, ops_literal, ops_predicted, ops_patched;
    uint64_t ops_elided, ops_memoised; /* answered here: not part of ops */
    uint64_t round_trips, blocked_ns;
    uint64_t bytes_up, bytes_down; /* everything after the fixed-size hello, before TLS and TCP */
    uint64_t payload_up, payload_down;
    uint64_t payload_coded_up, payload_sent_up; /* of payload_up: that went coded; what all of it took on the way */
    uint64_t payload_coded_down, payload_sent_down;
    uint64_t codec_ns_up, codec_ns_down, codec_server_ns; /* coding here, decoding here, both on the server */
    uint64_t frames_up, changed_bytes, deviations, reconnects;
    struct rrto_counters_waits waits;

    uint64_t inferences;                 /* closed ones: see rrto_counters_close_last */
    uint64_t first_replayed_inference;   /* + 1; 0 = none so far */
    struct rrto_counters_inference base; /* totals when the present inference began (start_ns: its start) */
    uint64_t result_wait_ns; /* when the last result wait returned; 0: none since the present inference began */
    bool marked;             /* the application says by rrto_mark() where an inference ends */
    bool mark_came;          /* behind the last result wait */
    struct rrto_counters_inference result;                     /* totals when that wait returned */
    struct rrto_counters_inference first;                      /* the first inference, start-up included */
    struct rrto_counters_inference last[RRTO_COUNTERS_N_LAST]; /* inference i stands at i % N */

    struct rrto_counters_coded coded_up[RRTO_COUNTERS_N_CODED], coded_down[RRTO_COUNTERS_N_CODED];
    struct rrto_counters_sequence sequences[RRTO_COUNTERS_N_SEQUENCES];
    struct {
        char name[64]; /* "": unused */
        uint64_t count;
    } unsupported[RRTO_COUNTERS_N_UNSUPPORTED];
    struct rrto_hist call_ns; /* API calls by duration, one in 64 sampled */
};

/* One more call, of the process's thread with this number (from 1; 0: of one without). */
static inline void rrto_counters_call(struct rrto_counters *counters, uint64_t thread)
{
    if (__builtin_expect(thread - 1 >= RRTO_COUNTERS_N_THREADS, 0)) {
        __atomic_fetch_add(&counters->calls, 1, __ATOMIC_RELAXED);
        return;
    }
    uint64_t *calls = &counters->calls_of[thread - 1];
    __atomic_store_n(calls, *calls + 1, __ATOMIC_RELAXED);
}
uint64_t rrto_counters_calls(const struct rrto_counters *counters);

/* Fills in the constant head. The memory is zeroed. */
void rrto_counters_init(struct rrto_counters *counters);
/* Checks what a file held. */
bool rrto_counters_valid(const void *data, size_t n);
/* The totals as they are now, as an inference that began at the start of the process. */
void rrto_counters_totals(const struct rrto_counters *counters, struct rrto_counters_inference *ret_totals);
/* A launch or an H2D is about to be issued: if a result wait came before it, that wait ended an inference. Returns true
 * when it did. What came after that wait belongs to the new inference. */
bool rrto_counters_next_inference(struct rrto_counters *counters, uint64_t now_ns);
/* Something has been counted just now. From any thread, at the process's exit too. */
static inline void rrto_counters_touch(struct rrto_counters *counters, uint64_t now_ns)
{
    __atomic_store_n(&counters->updated_ns, now_ns, __ATOMIC_RELAXED);
}
/* Whether the present inference has ended, if anything follows: its result is there and, where the application marks
 * ends, its mark. */
static inline bool rrto_counters_ended(const struct rrto_counters *counters)
{
    return counters->result_wait_ns != 0 && (!counters->marked || counters->mark_came);
}
/* The application says that an inference ends here. */
void rrto_counters_mark(struct rrto_counters *counters);
/* The time of an inference as a user has it: from its first op to its result, and what it was blocked for before its
 * first op. dispatch: the part of it in which nobody was blocked. */
uint64_t rrto_counters_total_ns(const struct rrto_counters_inference *inference);
static inline uint64_t rrto_counters_dispatch_ns(const struct rrto_counters_inference *inference)
{
    return rrto_counters_total_ns(inference) - rrto_counters_waited(&inference->waits);
}
/* Whether it would do anything: not in the middle of an inference. Spares most ops the look at the clock. */
static inline bool rrto_counters_between(const struct rrto_counters *counters)
{
    return counters->base.start_ns == 0 || rrto_counters_ended(counters);
}
/* The application has been blocked on a D2H, which has arrived. */
void rrto_counters_result(struct rrto_counters *counters, uint64_t now_ns);
/* For a reader, on its copy, once the process has ended: closes the inference whose result wait was the last one. */
void rrto_counters_close_last(struct rrto_counters *counters);
/* Median over the last inferences (at most 10) of the u64 field at `offset` in struct rrto_counters_inference; for an
 * even number the lower one of the middle two. 0 when there is none. */
uint64_t rrto_counters_median(const struct rrto_counters *counters, size_t offset);
#define RRTO_COUNTERS_MEDIAN(counters, field)                                                                          \
    rrto_counters_median(counters, offsetof(struct rrto_counters_inference, field))

/* Counts an unsupported call; returns true the first time (then log it). When the table is full: counted in the last
 * row, "other". */
bool rrto_counters_unsupported(struct rrto_counters *counters, const char *name);

#endif
