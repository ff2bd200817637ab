/* SPDX-License-Identifier: Apache-2.0 */
/* Patches: the byte runs in which ops differ from the ops they were predicted to be (docs/wire.md). Internal to the
 * record files. */
#ifndef RRTO_REPLAY_PATCH_H
#define RRTO_REPLAY_PATCH_H

#include "base/buf.h"

struct rrto_patch_state {
    uint64_t op; /* index of the op that the last run belongs to */
    size_t end;  /* where in that op the run ended */
};

/* How many bytes differ between a and b, both n long; *ret_cost: an upper bound of what rrto_patch_put would write. */
size_t rrto_patch_measure(const uint8_t *source, const uint8_t *op, size_t n, size_t *ret_cost);
/* Appends the runs that turn source into op, the op with index op_index in its record. */
void rrto_patch_put(struct rrto_buf *buf, struct rrto_patch_state *state, uint64_t op_index, const uint8_t *source,
                    const uint8_t *op, size_t n);

struct rrto_patch_reader {
    const uint8_t *at, *end;
    struct rrto_patch_state state;
    uint64_t op;     /* of the next run; UINT64_MAX: there is none */
    uint64_t length; /* what is left of the next run */
    size_t offset;   /* of that, from the op's start */
    bool failed;
};

void rrto_patch_reader_init(struct rrto_patch_reader *reader, const void *data, size_t n);
/* Applies what the runs of the op with this index say of its bytes before `until` (at most its n bytes); calls come in
 * ascending order of indexes, then of `until`, the last one with n. False: malformed. */
bool rrto_patch_apply(struct rrto_patch_reader *reader, uint64_t op_index, uint8_t *op, size_t n, size_t until);
/* Whether everything was used. */
bool rrto_patch_reader_done(const struct rrto_patch_reader *reader);

#endif
