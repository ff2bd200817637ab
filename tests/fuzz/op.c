/* SPDX-License-Identifier: Apache-2.0 */
/* The op decoder: whatever bytes come, check, print, token and key survive, and what the decoder accepts is exactly
 * what the encoder would have written. */
#include "gen/op_examples.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct rrto_op_example *example_of(uint16_t number)
{
    for (size_t i = 0; i < RRTO_OP_COUNT; i++)
        if (rrto_op_examples[i].number == number)
            return &rrto_op_examples[i];
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static FILE *sink;
    if (!sink)
        sink = fopen("/dev/null", "w");
    assert(sink);
    (void)rrto_op_token(data, n);
    (void)rrto_op_key(data, n);
    rrto_print_op(sink, data, n);
    if (n < RRTO_OP_HEADER_BYTES) {
        assert(!rrto_op_check(data, n));
        return 0;
    }
    uint16_t number;
    memcpy(&number, data, sizeof number);
    const struct rrto_op_example *example = example_of(number);
    struct rrto_buf buf;
    rrto_buf_init(&buf, n + 64);
    bool accepted = example && example->again(data, n, &buf);
    assert(accepted == rrto_op_check(data, n));
    if (accepted)
        assert(!buf.failed && buf.size == n && memcmp(buf.data, data, n) == 0);
    /* A reply is any bytes: the first two choose whose. */
    if (example && example->again_reply) {
        rrto_buf_clear(&buf);
        if (example->again_reply(data + RRTO_OP_HEADER_BYTES, n - RRTO_OP_HEADER_BYTES, &buf))
            assert(!buf.failed && buf.size == n - RRTO_OP_HEADER_BYTES);
    }
    rrto_buf_fini(&buf);
    return 0;
}
