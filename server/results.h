/* SPDX-License-Identifier: Apache-2.0 */
/* Payloads to the client, coded where that pays (docs/codec.md): in the thread that writes what the connection did not
 * take at once, so that one core at most is busy with it and nothing else waits for it. The client says how fast its
 * payloads come. */
#ifndef RRTO_SERVER_RESULTS_H
#define RRTO_SERVER_RESULTS_H

#include "replay/coding.h"
#include "wire/conn.h"

/* A piece of a payload. */
struct rrto_result_piece {
    uint64_t place, before;    /* as coding.h has them, */
    bool same;                 /* likewise */
    uint64_t position, offset; /* as DATA has them */
};

struct rrto_results {
    bool on, always;      /* always: for tests, whatever the size and the link */
    uint64_t rate;        /* of the link, as the client says, bytes in a ms; 0: not known, or fast. Atomic */
    uint64_t searched_ns; /* looking for models of what then went as it is, altogether. Atomic */
    bool probe;           /* the client wants the next one as it is, to measure the link. Atomic */
    /* of the thread that writes */
    struct rrto_conn *conn;
    struct rrto_coding coding;
    struct rrto_buf out; /* a chunk under way, its head first */
};

/* past_bytes: as agreed, 0: nothing is coded. stress: as coding.h has it. conn is lent. */
void rrto_results_init(struct rrto_results *results, struct rrto_conn *conn, uint64_t past_bytes, uint64_t stress);
void rrto_results_fini(struct rrto_results *results);
/* The client has said how fast payloads come, in bytes per ms, and whether the next piece is to come as it is, so that
 * it can tell. Any thread. */
static inline void rrto_results_rate(struct rrto_results *results, uint64_t rate, bool probe)
{
    __atomic_store_n(&results->rate, rate, __ATOMIC_RELAXED);
    if (probe)
        __atomic_store_n(&results->probe, true, __ATOMIC_RELAXED);
}
/* Whether rrto_results_write is worth asking about n bytes. Any thread. */
static inline bool rrto_results_worth(const struct rrto_results *results, uint64_t n)
{
    uint64_t rate = __atomic_load_n(&results->rate, __ATOMIC_RELAXED);
    return results->on && n > 0 &&
           (results->always || (rate && n >= RRTO_CODING_LEAST_BYTES && n * 1000000 / rate >= RRTO_CODING_LEAST_NS));
}
/* Writes n bytes (at most RRTO_RESULT_MAX_BYTES) as CODED chunks, each while the next is still to be coded, if that
 * pays. Blocks. *ret_written: it did; otherwise nothing has happened. A failure of the connection, or
 * RRTO_NO_MEMORY. */
int rrto_results_write(struct rrto_results *results, const struct rrto_result_piece *result, const void *data, size_t n,
                       bool *ret_written);

#endif
