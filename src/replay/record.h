/* SPDX-License-Identifier: Apache-2.0 */
/* Records: how ops travel, literally or as a position in the log with patches (docs/wire.md, "Records"). The encoder is
 * the client's, the decoder the worker's; each owns its side's log and audit hash. Neither blocks, neither is locked.
 */
#ifndef RRTO_REPLAY_RECORD_H
#define RRTO_REPLAY_RECORD_H

#include "base/buf.h"
#include "replay/log.h"

enum rrto_record_kind { RRTO_RECORD_LITERAL = 0, RRTO_RECORD_PREDICTED = 1, RRTO_RECORD_END = 2 };
enum rrto_record_flags {
    RRTO_RECORD_WAIT = 1 << 2,    /* a REPLY is wanted for the last op */
    RRTO_RECORD_PAYLOAD = 1 << 3, /* the last op's `up` payload follows the record */
    RRTO_RECORD_PATCHED = 1 << 4,
    RRTO_RECORD_HASH = 1 << 5,  /* the audit hash after the last op follows */
    RRTO_RECORD_CODED = 1 << 6, /* with PAYLOAD: as coded.h has it */
    RRTO_RECORD_SAME = 1 << 8,  /* to encode only: the caller has found the op equal to its source */
};
enum {
    RRTO_RECORD_MAX_OPS = 1 << 20,         /* in one record */
    RRTO_RECORD_MAX_PATCH_BYTES = 1 << 18, /* in one record */
};

/* The audit hash after one more op. */
uint64_t rrto_record_hash(uint64_t hash, const void *op, size_t n_bytes);

/* --- encoder --- */

#define RRTO_RECORD_NO_SOURCE UINT64_MAX

struct rrto_record_encoder {
    struct rrto_log log;
    struct rrto_slots slots;
    struct rrto_buf predicted; /* the op as its slots say, where it has any */
    uint64_t hash;
    uint64_t *own_hashes; /* of each op in the log, what `hash` is made of */
    struct rrto_buf out;  /* closed records, ready to send; the owner takes them and clears it */
    bool no_patches;      /* a difference always makes the op literal */
    /* the open record: ops as predicted that may still grow */
    uint64_t open_source, n_open, open_head;
    uint64_t patched_to; /* op index of the last run */
    size_t patched_end;  /* offset in that op where the last run ended */
    struct rrto_buf patches;
    uint64_t last_source_end;
    uint64_t n_records; /* closed, since the beginning */
};

enum rrto_record_how { RRTO_RECORD_AS_LITERAL, RRTO_RECORD_AS_PREDICTED, RRTO_RECORD_AS_PATCHED };

/* slot_kinds: RRTO_SLOTS_COUNTERS ..., the same on both sides. */
int rrto_record_encoder_init(struct rrto_record_encoder *encoder, uint64_t log_bytes, unsigned slot_kinds);
void rrto_record_encoder_fini(struct rrto_record_encoder *encoder);
/* Appends one op to the log and encodes it: relative to the op at position `source` where that is shorter, else
 * literally. The op's place is log.head before the call. flags: RRTO_RECORD_WAIT, RRTO_RECORD_PAYLOAD, with it
 * RRTO_RECORD_CODED (they close the record; the caller appends the payload to the stream right behind `out`).
 * ret_changed (may be NULL): how many bytes differ from the prediction, 0 for a literal one. */
enum rrto_record_how rrto_record_encode(struct rrto_record_encoder *encoder, uint64_t source, const void *op,
                                        size_t n_bytes, unsigned flags, size_t *ret_changed);
/* The op that is predicted from the one at `source`, valid until the next encode; NULL when that is not kept. */
const uint8_t *rrto_record_predicted(struct rrto_record_encoder *encoder, uint64_t source, size_t *ret_n_bytes);
/* How many bytes it would take to make the op of the one that is predicted from `source`, at most; SIZE_MAX: it cannot
 * be, or not while patches are switched off. */
size_t rrto_record_cost(struct rrto_record_encoder *encoder, uint64_t source, const void *op, size_t n_bytes);
/* Closes the open record: everything encoded so far is in `out`. */
void rrto_record_close(struct rrto_record_encoder *encoder);
/* Closes, and says goodbye. */
void rrto_record_end(struct rrto_record_encoder *encoder);

/* --- decoder --- */

struct rrto_record_op {
    uint64_t position;
    const uint8_t *bytes; /* 8-aligned, valid during the callback */
    size_t n_bytes;
    uint64_t hash; /* audit hash after this op */
    bool wait;     /* the client wants a REPLY for it */
    bool predicted;
    uint64_t source; /* of which op of the log it was predicted; RRTO_RECORD_NO_SOURCE: of none */
    void *payload;   /* what the payload callback gave, filled; NULL when the op carries none */
    uint64_t n_payload;
};

struct rrto_record_callbacks {
    /* An op that carries a payload has been decoded: says how many bytes follow and where they go; memory stays the
     * callee's. Returns RRTO_OK, or a status that becomes the decoder's failure. *ret_n 0 is fine (then *ret_to may be
     * NULL). The op callback for the same op comes once the payload is complete; between the two the decoder decodes
     * nothing else. */
    int (*payload)(void *arg, const struct rrto_record_op *op, void **ret_to, uint64_t *ret_n);
    /* An op is complete. A status other than RRTO_OK becomes the decoder's failure. */
    int (*op)(void *arg, const struct rrto_record_op *op);
    /* The client said goodbye (may be NULL). Nothing may follow. */
    void (*end)(void *arg);
};

struct rrto_record_decoder; /* opaque */

/* NULL when memory is short or log_bytes is out of range. slot_kinds: as the encoder's. The callbacks are lent for the
 * decoder's life. */
struct rrto_record_decoder *rrto_record_decoder_create(uint64_t log_bytes, unsigned slot_kinds,
                                                       const struct rrto_record_callbacks *callbacks, void *arg);
struct rrto_record_decoder *
rrto_record_decoder_destroy(struct rrto_record_decoder *decoder); /* accepts NULL, returns NULL */
/* From now on payloads may come coded; past_bytes, now_ns: as coded.h has them. Before the first byte. RRTO_NO_MEMORY.
 */
int rrto_record_decoder_accept_coded(struct rrto_record_decoder *decoder, uint64_t past_bytes,
                                     uint64_t (*now_ns)(void));
/* How long decoding payloads has taken, altogether. */
uint64_t rrto_record_decoder_coded_ns(const struct rrto_record_decoder *decoder);
/* Takes the next bytes of the record stream, cut anywhere, payload included. Calls back as ops become complete. Returns
 * RRTO_OK or the failure, which is sticky: RRTO_PROTOCOL (malformed, or a source that is not in the log), RRTO_MISMATCH
 * (audit hash), RRTO_TOO_LARGE, RRTO_NO_MEMORY, or what a callback returned. */
int rrto_record_decoder_feed(struct rrto_record_decoder *decoder, const void *data, size_t n);
/* While a payload is being received: how many bytes of it are still wanted, and where the next one goes, so that they
 * can be read straight into place. 0 when the stream does not stand in a payload that is not coded (or the decoder has
 * failed). */
uint64_t rrto_record_decoder_wanted(const struct rrto_record_decoder *decoder, void **ret_to);
/* n bytes have been put there (n <= wanted). Like feed. */
int rrto_record_decoder_received(struct rrto_record_decoder *decoder, uint64_t n);
/* Whether the stream stands between two records: where it may end. */
bool rrto_record_decoder_idle(const struct rrto_record_decoder *decoder);
const struct rrto_log *rrto_record_decoder_log(const struct rrto_record_decoder *decoder);
uint64_t rrto_record_decoder_hash(const struct rrto_record_decoder *decoder);
int rrto_record_decoder_status(const struct rrto_record_decoder *decoder);

#endif
