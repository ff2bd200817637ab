/* SPDX-License-Identifier: Apache-2.0 */
/* zstd, one block at a time. The only door to the library outside src/fatbin. Any thread. */
#ifndef RRTO_COMPRESS_ZSTD_H
#define RRTO_COMPRESS_ZSTD_H

#include "base/buf.h"

/* Appends the compressed bytes to out. RRTO_NO_MEMORY, RRTO_TOO_LARGE (out's maximum). */
int rrto_zstd_compress(struct rrto_buf *out, const void *data, size_t n, int level);
/* Appends exactly n_raw bytes to out. RRTO_PROTOCOL: the data is damaged or holds another number of bytes. */
int rrto_zstd_decompress(struct rrto_buf *out, const void *data, size_t n, size_t n_raw);

#endif
