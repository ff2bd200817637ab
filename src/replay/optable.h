/* SPDX-License-Identifier: Apache-2.0 */
/* What issue() has to know about the op vocabulary: the generated tables, as one value, so that tests can bring their
 * own. */
#ifndef RRTO_REPLAY_OPTABLE_H
#define RRTO_REPLAY_OPTABLE_H

#include "codec/codec.h"

/* What an op has to do with a library's handle, whose stream is state of the server's: nothing, it goes to that stream,
 * or it sets it. */
enum rrto_handle_use { RRTO_HANDLE_NONE, RRTO_HANDLE_USED, RRTO_HANDLE_SET };

struct rrto_optable {
    const struct rrto_op_info *(*info)(uint16_t number); /* NULL: no such op */
    uint64_t (*token)(const uint8_t *op, size_t n);      /* a hint for prediction */
    uint64_t (*key)(const uint8_t *op, size_t n);        /* of a checked op: what its success depends on */
    uint16_t device_synchronize, stream_create;
    /* NULL: no op names a handle. *ret_handle: unique among all libraries; *ret_stream: when it is set. */
    enum rrto_handle_use (*handle)(const struct rrto_op_info *info, const uint8_t *op, size_t n, uint64_t *ret_handle,
                                   uint32_t *ret_stream);
};

/* The generated vocabulary. */
const struct rrto_optable *rrto_optable_generated(void);

/* The op's stream id; false when its description names none. */
static inline bool rrto_optable_stream(const struct rrto_op_info *info, const uint8_t *op, size_t n,
                                       uint32_t *ret_stream)
{
    if (info->stream_offset < 0 || (size_t)info->stream_offset + sizeof *ret_stream > n)
        return false;
    memcpy(ret_stream, op + info->stream_offset, sizeof *ret_stream);
    return true;
}

/* Bytes of the op's payload; 0 when it has none. */
static inline uint64_t rrto_optable_payload(const struct rrto_op_info *info, const uint8_t *op, size_t n)
{
    uint64_t n_payload;
    if (!(info->flags & (RRTO_OP_UP | RRTO_OP_DOWN)) || info->size_offset < 0 ||
        (size_t)info->size_offset + sizeof n_payload > n)
        return 0;
    memcpy(&n_payload, op + info->size_offset, sizeof n_payload);
    return n_payload;
}

#endif
