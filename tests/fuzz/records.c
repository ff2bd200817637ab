/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: the record stream as the worker decodes it, payloads included, fed in pieces whose size the first byte
 * chooses; if that is odd, payloads may come coded. */
#include "base/clock.h"
#include "base/status.h"
#include "codec/codec.h"
#include "replay/record.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static uint8_t staging[256];

static int on_payload(void *arg, const struct rrto_record_op *op, void **ret_to, uint64_t *ret_n)
{
    (void)arg;
    *ret_n = op->bytes[op->n_bytes - 1];
    *ret_to = staging;
    return RRTO_OK;
}

/* Reads every byte that it is given: a wrong length is seen by the sanitizer. */
static int on_op(void *arg, const struct rrto_record_op *op)
{
    unsigned *sum = arg;
    if (op->n_bytes < RRTO_OP_HEADER_BYTES || op->n_bytes > RRTO_OP_MAX_BYTES || (uintptr_t)op->bytes % 8 != 0)
        __builtin_trap();
    for (size_t i = 0; i < op->n_bytes; i++)
        *sum += op->bytes[i];
    return RRTO_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct rrto_record_callbacks callbacks = {.payload = on_payload, .op = on_op};
    if (n == 0)
        return 0;
    unsigned sum = 0;
    size_t piece = 1 + data[0];
    struct rrto_record_decoder *decoder = rrto_record_decoder_create(8192, RRTO_SLOTS_ALL, &callbacks, &sum);
    if (!decoder)
        return 0;
    if (data[0] % 2 && rrto_record_decoder_accept_coded(decoder, 4096, rrto_now_ns) != RRTO_OK)
        __builtin_trap();
    for (size_t at = 1; at < n;) {
        size_t part = n - at < piece ? n - at : piece;
        void *to;
        uint64_t wanted = rrto_record_decoder_wanted(decoder, &to);
        int status;
        if (wanted) {
            part = wanted < part ? (size_t)wanted : part;
            memcpy(to, data + at, part);
            status = rrto_record_decoder_received(decoder, part);
        } else {
            status = rrto_record_decoder_feed(decoder, data + at, part);
        }
        if (status != rrto_record_decoder_status(decoder))
            __builtin_trap();
        if (status != RRTO_OK)
            break;
        at += part;
    }
    rrto_record_decoder_destroy(decoder);
    return 0;
}
