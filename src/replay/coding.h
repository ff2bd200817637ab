/* SPDX-License-Identifier: Apache-2.0 */
/* The sending side of coded payloads: which payloads are coded, in which slot, by which model. A slot belongs to a
 * place in a sequence: to the copies that were each predicted from the one before. What a payload is made of is found
 * once for a slot. The last slot is for what comes once: weights, tables, the first input. Not locked: the client's has
 * the issue lock, the server's is the outbox's thread's. */
#ifndef RRTO_REPLAY_CODING_H
#define RRTO_REPLAY_CODING_H

#include "replay/arrival.h"
#include "replay/coded.h"

enum {
    RRTO_CODING_LEAST_BYTES = 16 << 10,      /* below, a payload is not worth it */
    RRTO_CODING_LEAST_NS = 500000,           /* nor if it takes less on the link */
    RRTO_CODING_BULK_BYTES = 64 << 10,       /* nor, of those that come once, if it is smaller */
    RRTO_CODING_BULK = RRTO_CODED_SLOTS - 1, /* the slot of those */
    RRTO_CODING_FIRST_NS = 1000000,          /* how long coding may keep the first byte back: chunks become smaller */
};

/* What is known of a slot. */
struct rrto_coding_slot {
    uint64_t place; /* the last payload's, + 1; 0: free */
    uint64_t n;     /* bytes of a payload */
    uint64_t used;  /* when, in payloads of the session */
    bool learned;
    struct rrto_payload_model model;
    uint64_t encode_ns, first_ns, n_coded; /* of a coded payload, lately: all chunks, the first one, its bytes */
    uint64_t now_encode_ns, now_first_ns;  /* of the one under way */
    uint64_t best_coded;                   /* the fewest bytes that one took */
    unsigned n_worse;                      /* payloads in a row that took many more */
    unsigned n_losing;                     /* payloads in a row that sending as it is would have brought sooner */
    uint64_t wait;                         /* payloads until it is tried again whether coding pays */
};

struct rrto_coding {
    bool on;
    uint64_t stress; /* tests: 0, or a seed: every payload is coded, by any model */
    uint64_t (*now_ns)(void);
    struct rrto_payload_coder *coder; /* made with the first payload */
    struct rrto_coded_slots slots;
    struct rrto_coding_slot known[RRTO_CODED_SLOTS];
    uint64_t n_payloads;
    uint64_t rate;     /* of the link, bytes in a ms; 0: not known, or faster than could be measured */
    bool fast;         /* rate is 0 because a payload that was not coded has come as fast as it was read */
    uint64_t rate_out; /* the same as rate, as the way out has it while bytes wait there; set by the owner. Where
                          nothing else is known of the link, payloads that come once go by it */
    unsigned last;  /* slot of the payload that was asked about last, coded or not; one that comes once and goes as it
                       is leaves it */
    uint64_t n_out; /* of the payload under way: its bytes, and when it began */
    uint64_t began_ns;
    uint64_t sent_coded, sent_ns; /* of the last payload that took enough on the way for the other side to measure it:
                                     its bytes there, from the beginning to the end of coding; 0: it went as it is, */
    uint64_t sent_raw;            /* then so many */
    unsigned n_unmeasured;        /* payloads that slots were to code since one has told how fast the link is */
    uint64_t spent_ns;            /* coding, and looking for models, altogether */
};

/* past_bytes: what the server has agreed to; 0: nothing is coded. */
void rrto_coding_init(struct rrto_coding *coding, uint64_t past_bytes, uint64_t stress, uint64_t (*now_ns)(void));
void rrto_coding_fini(struct rrto_coding *coding);
/* The payload of this place in the log, predicted from the one at `before` (UINT64_MAX: from none): whether it is to be
 * coded. `same`: its op is what that one's was. Numbers that name places are the caller's. If so, it has to be: begin,
 * chunks, end. */
bool rrto_coding_wants(struct rrto_coding *coding, uint64_t place, uint64_t before, bool same, const void *data,
                       uint64_t n);
/* Appends the head of the payload that rrto_coding_wants was asked about; then, chunk by chunk, the rest. False: there
 * was no chunk left. */
void rrto_coding_begin(struct rrto_coding *coding, const void *data, uint64_t n, struct rrto_buf *out);
bool rrto_coding_chunk(struct rrto_coding *coding, struct rrto_buf *out);
/* All of it has been appended. */
void rrto_coding_end(struct rrto_coding *coding, uint64_t n);
/* For a sender that is told when to measure, before each payload: whether the next one goes as it is. */
static inline void rrto_coding_probe(struct rrto_coding *coding, bool probe)
{
    coding->n_unmeasured = probe ? RRTO_ARRIVAL_PROBE_PAYLOADS : 0;
}
/* The model of the payload that was coded last. */
static inline const struct rrto_payload_model *rrto_coding_model(const struct rrto_coding *coding)
{
    return &coding->known[coding->last].model;
}
/* The other side has said at which rate the last payload that it could measure came, in bytes per ms; 0: as fast as it
 * was read. */
void rrto_coding_measured(struct rrto_coding *coding, uint64_t rate);

#endif
