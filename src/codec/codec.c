/* SPDX-License-Identifier: Apache-2.0 */
/* What of the codec is too long for its header: varints, and reading arrays. */
#include "codec/codec.h"

void rrto_put_varint(struct rrto_buf *buf, uint64_t value)
{
    uint8_t bytes[10];
    size_t n = 0;
    do {
        bytes[n] = (uint8_t)(value & 0x7f);
        value >>= 7;
        if (value)
            bytes[n] |= 0x80;
        n++;
    } while (value);
    rrto_buf_put(buf, bytes, n);
}

uint64_t rrto_get_varint(struct rrto_dec *dec)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        const uint8_t *at = rrto_get_bytes(dec, 1);
        if (!at)
            return 0;
        /* The tenth byte holds the last bit; an encoding that overflows, or that ends in a needless zero byte, is not
         * ours. */
        if ((shift == 63 && *at > 1) || (shift && *at == 0)) {
            dec->failed = true;
            return 0;
        }
        value |= (uint64_t)(*at & 0x7f) << shift;
        if (!(*at & 0x80))
            return value;
    }
    dec->failed = true;
    return 0;
}

const void *rrto_get_array(struct rrto_dec *dec, size_t element_bytes, uint32_t *ret_count)
{
    *ret_count = 0;
    uint32_t count = rrto_get_u32(dec);
    size_t n_padding = -(size_t)(dec->at - dec->start) & 7;
    const uint8_t *padding = rrto_get_bytes(dec, n_padding);
    if (!padding)
        return NULL;
    for (size_t i = 0; i < n_padding; i++)
        if (padding[i])
            dec->failed = true;
    /* count is below 2^32 and an element has at most 8 bytes: no overflow in size_t. */
    const void *data = rrto_get_bytes(dec, (size_t)count * element_bytes);
    if (data)
        *ret_count = count;
    return data;
}
