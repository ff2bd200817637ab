/* SPDX-License-Identifier: Apache-2.0 */
/* Predictions. */
#include "replay/predict.h"

enum {
    JUMP_BYTES = 4,  /* what a record costs that begins elsewhere: its head, and that of the one after it */
    MAX_PASSED = 16, /* ops that were passed over and are compared */
};

/* A token names sizes, too. An op that differs in those alone, where a loop runs over another number of things than the
 * last time, is mostly cheaper as a patch of the expected op than as a jump; and what comes after it is, too. */
static bool is_cheaper(struct rrto_record_encoder *encoder, uint64_t expected, uint64_t found, const uint8_t *op,
                       size_t n_bytes)
{
    size_t patch = rrto_record_cost(encoder, expected, op, n_bytes), jump = n_bytes;
    if (found != RRTO_SEQ_NONE)
        jump = rrto_record_cost(encoder, found, op, n_bytes);
    return patch < n_bytes && patch <= (jump < n_bytes ? jump : n_bytes) + JUMP_BYTES;
}

/* Whether the op is of the same kind as the one there, and better patched from it than taken for the one that was found
 * (RRTO_SEQ_NONE: none). */
static bool is_like(struct rrto_record_encoder *encoder, uint64_t there, uint64_t found, const uint8_t *op,
                    size_t n_bytes)
{
    size_t n = 0;
    const uint8_t *like = there == RRTO_SEQ_NONE ? NULL : rrto_log_get(&encoder->log, there, &n);
    return like && n == n_bytes && rrto_op_number(like) == rrto_op_number(op) &&
           is_cheaper(encoder, there, found, op, n_bytes);
}

/* The first such op among those that were passed over, from `passed` to before `expected`, or before the one that was
 * found; RRTO_SEQ_NONE: none. */
static uint64_t like_passed(const struct rrto_seq *seq, struct rrto_record_encoder *encoder, uint64_t passed,
                            uint64_t expected, uint64_t found, const uint8_t *op, size_t n_bytes)
{
    for (unsigned i = 0; i < MAX_PASSED && passed != RRTO_SEQ_NONE && passed != expected && passed != found; i++) {
        if (is_like(encoder, passed, found, op, n_bytes))
            return passed;
        passed = rrto_seq_next(seq, passed);
    }
    return RRTO_SEQ_NONE;
}

/* The op into the search: the one that it repeats, or that it is better patched from. */
static inline struct rrto_prediction look(const struct rrto_op_predictor *predictor, unsigned lane, const uint8_t *op,
                                          size_t n_bytes)
{
    struct rrto_seq *seq = predictor->seq;
    struct rrto_record_encoder *encoder = predictor->encoder;
    const struct rrto_log *log = &encoder->log;
    uint64_t expected = rrto_seq_expected(seq, lane), passed = rrto_seq_passed(seq, lane), token;
    size_t n_expected = 0;
    const uint8_t *like = expected == RRTO_SEQ_NONE ? NULL : rrto_log_get(log, expected, &n_expected);
    bool same = like && n_expected == n_bytes && memcmp(like, op, n_bytes) == 0;
    if (same)
        token = rrto_seq_token(seq, expected); /* equal bytes, equal token */
    else
        token = predictor->table->token(op, n_bytes) & ~predictor->token_hidden;
    uint64_t found = rrto_seq_push(seq, lane, token, log->oldest);
    if (found == expected)
        return (struct rrto_prediction){.source = found, .same = same};
    uint64_t source = expected;
    if (predictor->insist && !is_like(encoder, source, found, op, n_bytes))
        source = like_passed(seq, encoder, passed, expected, found, op, n_bytes);
    if (predictor->insist && source != RRTO_SEQ_NONE) {
        rrto_seq_insist(seq, lane, source);
        return (struct rrto_prediction){.source = source, .jump = source != expected};
    }
    return (struct rrto_prediction){.source = found, .jump = found != RRTO_SEQ_NONE};
}

struct rrto_prediction rrto_predict(const struct rrto_op_predictor *predictor, unsigned lane, uint32_t value,
                                    const struct rrto_op_info *info, const uint8_t *op, size_t n_bytes)
{
    uint64_t object;
    if (value)
        rrto_seq_observe(predictor->seq, lane, value, predictor->encoder->log.oldest);
    struct rrto_prediction prediction = look(predictor, lane, op, n_bytes);
    if (!rrto_predict_lasting(info, op, n_bytes, &object))
        return prediction;
    if (info->flags & RRTO_OP_MAKES)
        rrto_seq_made(predictor->seq, lane, object);
    else
        rrto_seq_ended(predictor->seq, object);
    return prediction;
}
