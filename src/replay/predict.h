/* SPDX-License-Identifier: Apache-2.0 */
/* Which past op the next one is predicted from: the search's answer, weighed against the op that was expected. */
#ifndef RRTO_REPLAY_PREDICT_H
#define RRTO_REPLAY_PREDICT_H

#include "replay/optable.h"
#include "replay/record.h"
#include "seq/seq.h"

#include <string.h>

struct rrto_prediction {
    uint64_t source; /* RRTO_RECORD_NO_SOURCE: none, the op is to travel literally */
    bool jump;       /* it is not where the lane was expected to go on */
    bool same;       /* the op has been compared with that one: equal bytes */
};

/* What predictions are made of, all of it lent. */
struct rrto_op_predictor {
    struct rrto_seq *seq;
    struct rrto_record_encoder *encoder;
    const struct rrto_optable *table;
    uint64_t token_hidden; /* bits of tokens that the search does not see: none but in tests */
    bool insist;           /* may stay with the expected op though tokens differ */
};

/* Pushes the lane's next op into the search, with what it makes or ends. To be called once for each op, before it is
 * encoded. value: what the lane has read since its last op (a digest), 0: nothing. Not locked, does not block. */
struct rrto_prediction rrto_predict(const struct rrto_op_predictor *predictor, unsigned lane, uint32_t value,
                                    const struct rrto_op_info *info, const uint8_t *op, size_t n_bytes);

/* Whether the op makes what lasts (RRTO_OP_MAKES), or ends it; which object, by its kind and id or address, 0: what
 * nothing ends. */
static inline bool rrto_predict_lasting(const struct rrto_op_info *info, const uint8_t *op, size_t n_bytes,
                                        uint64_t *ret_object)
{
    uint64_t object = 0;
    size_t n_object = info->object_kind ? sizeof(uint32_t) : sizeof(uint64_t);
    if (!(info->flags & (RRTO_OP_MAKES | RRTO_OP_ENDS)))
        return false;
    if (info->object_offset && info->object_offset + n_object <= n_bytes) {
        memcpy(&object, op + info->object_offset, n_object);
        object ^= (uint64_t)info->object_kind << 48;
    }
    *ret_object = object;
    return true;
}

#endif
