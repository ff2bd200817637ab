/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks: n bytes, coded by themselves: as they are, as one byte repeated, or as a zstd frame, whichever is shortest.
 * The contexts are the only state, and only memory: a block does not depend on the ones before it. One thread at a time
 * for each set of contexts. */
#ifndef RRTO_COMPRESS_ENTROPY_H
#define RRTO_COMPRESS_ENTROPY_H

#include "codec/codec.h"

/* What makes bytes compressible: that some values are frequent, or that stretches repeat. A wrong hope costs room and
 * time, no more. */
enum rrto_entropy_hope { RRTO_ENTROPY_LITERALS, RRTO_ENTROPY_MATCHES };

struct rrto_entropy {
    enum rrto_entropy_hope hope; /* what `compress` is set for */
    struct ZSTD_CCtx_s *compress;
    struct ZSTD_DCtx_s *decompress;
};

/* RRTO_NO_MEMORY. */
int rrto_entropy_init(struct rrto_entropy *entropy);
void rrto_entropy_fini(struct rrto_entropy *entropy);

/* Appends a zstd frame of n bytes, if it takes less than `room` bytes; else, and when memory is short, false, and out
 * is as it was. */
bool rrto_entropy_frame(struct rrto_entropy *entropy, struct rrto_buf *out, const void *data, size_t n, size_t room,
                        enum rrto_entropy_hope hope);
/* Fills exactly n bytes from a frame. RRTO_PROTOCOL. */
int rrto_entropy_unframe(struct rrto_entropy *entropy, void *to, size_t n, const void *frame, size_t n_frame);

void rrto_entropy_put(struct rrto_entropy *entropy, struct rrto_buf *out, const uint8_t *data, size_t n,
                      enum rrto_entropy_hope hope);
/* RRTO_PROTOCOL, RRTO_TRUNCATED. */
int rrto_entropy_get(struct rrto_entropy *entropy, struct rrto_dec *dec, uint8_t *to, size_t n);

/* About how many bits an entropy coder needs for n numbers of `width` bytes near zero; part of them are looked at. For
 * comparing predictions, nothing else. */
uint64_t rrto_entropy_estimate(const void *numbers, size_t n, unsigned width);

#endif
