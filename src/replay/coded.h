/* SPDX-License-Identifier: Apache-2.0 */
/* Payloads that are coded on their way (docs/codec.md), and what both sides keep for them: slots, each with the last
 * payload that was coded in it and its palettes. In the record stream, such a payload is a byte, the slot, and then
 * what src/compress makes of it. */
#ifndef RRTO_REPLAY_CODED_H
#define RRTO_REPLAY_CODED_H

#include "compress/payload.h"
#include "report/counters.h"

enum {
    RRTO_CODED_SLOTS = 16,
    RRTO_CODED_PAST_BYTES = 64 << 20,         /* that all slots may keep together, */
    RRTO_CODED_RESULTS_PAST_BYTES = 16 << 20, /* and those of payloads to the client: a piece each */
};

/* The slots of one side. Equal on both because both do the same. */
struct rrto_coded_slots {
    struct rrto_payload_past pasts[RRTO_CODED_SLOTS];
};
/* past_bytes: what client and server have agreed on; a payload of more than a sixteenth of it is not kept. */
void rrto_coded_slots_init(struct rrto_coded_slots *slots, uint64_t past_bytes);
void rrto_coded_slots_fini(struct rrto_coded_slots *slots);

/* A payload of n bytes went coded in the slot that counts in `to`, and took n_sent. */
void rrto_coded_count(struct rrto_counters_coded *to, uint64_t n, uint64_t n_sent,
                      const struct rrto_payload_model *model);

/* The receiving side: takes the bytes of one payload after the other, cut anywhere. */
struct rrto_coded_reader {
    struct rrto_payload_coder *coder; /* made with the first payload */
    struct rrto_coded_slots slots;
    struct rrto_buf bytes; /* what has come of the next chunk */
    uint8_t *to;
    size_t n, n_done;
    unsigned slot;
    uint64_t (*now_ns)(void);
    uint64_t spent_ns; /* decoding, altogether */
    enum { RRTO_CODED_SLOT, RRTO_CODED_HEAD, RRTO_CODED_CHUNKS } state;
};
void rrto_coded_reader_init(struct rrto_coded_reader *reader, uint64_t past_bytes, uint64_t (*now_ns)(void));
void rrto_coded_reader_fini(struct rrto_coded_reader *reader);
/* The next payload goes to `to`: n bytes, not 0. RRTO_NO_MEMORY. */
int rrto_coded_reader_begin(struct rrto_coded_reader *reader, void *to, size_t n);
/* The model of the payload that was complete last, as its head told it. */
const struct rrto_payload_model *rrto_coded_reader_model(const struct rrto_coded_reader *reader);
/* Takes bytes; *ret_taken of them belong to the payload. *ret_complete: all of it is there. RRTO_PROTOCOL,
 * RRTO_NO_MEMORY. */
int rrto_coded_reader_feed(struct rrto_coded_reader *reader, const void *data, size_t n, size_t *ret_taken,
                           bool *ret_complete);

#endif
