/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of coded payloads: which payloads are coded, in which slot, by which model. A slot belongs to a
 * place in a sequence: to the copies that were each predicted from the one before. What a payload is made of is found
 * once for a slot. Everything with the issue lock. */
#ifndef RRTO_REPLAY_CODING_H
#define RRTO_REPLAY_CODING_H

#include "replay/coded.h"

enum {
    RRTO_CODING_LEAST_BYTES = 16 << 10, /* below, a payload is not worth it */
    RRTO_CODING_FIRST_NS = 1000000,     /* how long coding may keep the first byte back: chunks become smaller */
};

/* What is known of a slot. */
struct rrto_coding_slot {
    uint64_t position; /* of the slot's last op, + 1; 0: free */
    uint64_t n;        /* bytes of a payload */
    uint64_t used;     /* when, in payloads of the session */
    bool learned;
    struct rrto_payload_model model;
    uint64_t encode_ns, first_ns, n_coded; /* of a coded payload, lately: all chunks, the first one, its bytes */
    uint64_t now_encode_ns, now_first_ns;  /* of the one under way */
    uint64_t best_coded;                   /* the fewest bytes that one took */
    unsigned n_worse;                      /* payloads in a row that took many more */
    unsigned n_losing;                     /* payloads in a row that sending as it is would have brought sooner */
    uint64_t wait;                         /* payloads until it is tried again whether coding pays */
    unsigned n_unprobed;                   /* payloads since the link was measured without coding */
};

struct rrto_coding {
    bool on;
    uint64_t stress; /* tests: 0, or a seed: every payload is coded, by any model */
    uint64_t (*now_ns)(void);
    struct rrto_payload_coder *coder; /* made with the first payload */
    struct rrto_coded_slots slots;
    struct rrto_coding_slot known[RRTO_CODED_SLOTS];
    uint64_t n_payloads;
    uint64_t rate;   /* of the link, bytes in a ms; 0: not known, or faster than could be measured */
    unsigned last;   /* slot of the last payload that was coded */
    bool last_coded; /* whether the last large payload was */
    uint64_t n_out;  /* bytes of the payload under way */
};

/* past_bytes: what the server has agreed to; 0: nothing is coded. */
void rrto_coding_init(struct rrto_coding *coding, uint64_t past_bytes, uint64_t stress, uint64_t (*now_ns)(void));
void rrto_coding_fini(struct rrto_coding *coding);
/* The op at `position`, predicted from the one at `source` (UINT64_MAX: from none), carries this payload: whether it is
 * to be coded. `same`: the op is what its source was. If so, it has to be: begin, then chunks. */
bool rrto_coding_wants(struct rrto_coding *coding, uint64_t position, uint64_t source, bool same, const void *data,
                       uint64_t n);
/* Appends the head of the payload that rrto_coding_wants was asked about; then, chunk by chunk, the rest. False: there
 * was no chunk left. */
void rrto_coding_begin(struct rrto_coding *coding, const void *data, uint64_t n, struct rrto_buf *out);
bool rrto_coding_chunk(struct rrto_coding *coding, struct rrto_buf *out);
/* All of it has been appended. */
void rrto_coding_end(struct rrto_coding *coding, const void *data, uint64_t n);
/* The server has said at which rate the last large payload came, in bytes per ms. */
void rrto_coding_measured(struct rrto_coding *coding, uint64_t rate);

#endif
