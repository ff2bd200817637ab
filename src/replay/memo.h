/* SPDX-License-Identifier: Apache-2.0 */
/* Remembered answers of ops whose answer depends on their bytes only, and the keys of checked ops that have succeeded.
 * Bounded; what does not fit is asked again. Under the issue lock. */
#ifndef RRTO_REPLAY_MEMO_H
#define RRTO_REPLAY_MEMO_H

#include "base/buf.h"
#include "base/map.h"

enum { RRTO_MEMO_MAX_BYTES = 16 << 20, RRTO_MEMO_MAX_KEYS = 1 << 20 };

struct rrto_memo {
    struct rrto_map answers; /* hash of the op -> struct rrto_memo_answer * */
    struct rrto_map keys;    /* of checked ops -> 1 */
    size_t n_bytes;
};

void rrto_memo_init(struct rrto_memo *memo);
void rrto_memo_fini(struct rrto_memo *memo);
/* The remembered answer of exactly this op: its status, its reply fields into reply (may be NULL). */
bool rrto_memo_get(const struct rrto_memo *memo, const uint8_t *op, size_t n, struct rrto_buf *reply,
                   int32_t *ret_status);
void rrto_memo_put(struct rrto_memo *memo, const uint8_t *op, size_t n, const struct rrto_buf *reply, int32_t status);
bool rrto_memo_key_known(const struct rrto_memo *memo, uint64_t key);
void rrto_memo_key_add(struct rrto_memo *memo, uint64_t key);

#endif
