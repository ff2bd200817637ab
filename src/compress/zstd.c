/* SPDX-License-Identifier: Apache-2.0 */
#include "compress/zstd.h"

#include "base/status.h"

#include <zstd.h>

int rrto_zstd_compress(struct rrto_buf *out, const void *data, size_t n, int level)
{
    size_t room = ZSTD_compressBound(n);
    uint8_t *to = rrto_buf_reserve(out, room);
    if (!to)
        return RRTO_TOO_LARGE;
    size_t got = ZSTD_compress(to, room, data, n, level);
    if (ZSTD_isError(got))
        return RRTO_NO_MEMORY;
    out->size += got;
    return RRTO_OK;
}

int rrto_zstd_decompress(struct rrto_buf *out, const void *data, size_t n, size_t n_raw)
{
    uint8_t *to = rrto_buf_reserve(out, n_raw);
    if (!to)
        return RRTO_TOO_LARGE;
    size_t got = ZSTD_decompress(to, n_raw, data, n);
    if (ZSTD_isError(got) || got != n_raw)
        return RRTO_PROTOCOL;
    out->size += n_raw;
    return RRTO_OK;
}
