/* SPDX-License-Identifier: Apache-2.0 */
#include "compress/entropy.h"

#include "base/status.h"

#include <zstd.h>

/* Numbers of the format: never changed. */
enum block { BLOCK_RAW, BLOCK_CONSTANT, BLOCK_FRAME, BLOCKS };

/* zstd's literals by Huffman alone, hardly looking for matches: what is left of an image after prediction has none
 * worth having, and looking for them takes longer and gives a worse result. */
enum { LEVEL_MATCHES = 1, LEVEL_LITERALS = -100, LITERALS_AUTO = 0, LITERALS_HUFFMAN = 1 };
/* The parameter's lasting name (ZSTD_c_literalCompressionMode is for static linking only). */
#define LITERALS_PARAMETER ZSTD_c_experimentalParam5

static bool set(struct rrto_entropy *entropy, ZSTD_cParameter parameter, int value)
{
    return !ZSTD_isError(ZSTD_CCtx_setParameter(entropy->compress, parameter, value));
}

/* A libzstd that does not know the parameter codes literals uncompressed at that level: matches, then. */
static void choose(struct rrto_entropy *entropy, enum rrto_entropy_hope hope)
{
    if (entropy->hope == hope)
        return;
    entropy->hope = hope;
    if (hope == RRTO_ENTROPY_LITERALS && set(entropy, LITERALS_PARAMETER, LITERALS_HUFFMAN)) {
        set(entropy, ZSTD_c_compressionLevel, LEVEL_LITERALS);
        return;
    }
    set(entropy, LITERALS_PARAMETER, LITERALS_AUTO);
    set(entropy, ZSTD_c_compressionLevel, LEVEL_MATCHES);
}

int rrto_entropy_init(struct rrto_entropy *entropy)
{
    *entropy = (struct rrto_entropy){
        .compress = ZSTD_createCCtx(), .decompress = ZSTD_createDCtx(), .hope = RRTO_ENTROPY_LITERALS};
    if (!entropy->compress || !entropy->decompress || !set(entropy, ZSTD_c_contentSizeFlag, 0)) {
        rrto_entropy_fini(entropy);
        return RRTO_NO_MEMORY;
    }
    choose(entropy, RRTO_ENTROPY_MATCHES);
    return RRTO_OK;
}

void rrto_entropy_fini(struct rrto_entropy *entropy)
{
    ZSTD_freeCCtx(entropy->compress);
    ZSTD_freeDCtx(entropy->decompress);
    *entropy = (struct rrto_entropy){0};
}

bool rrto_entropy_frame(struct rrto_entropy *entropy, struct rrto_buf *out, const void *data, size_t n, size_t room,
                        enum rrto_entropy_hope hope)
{
    choose(entropy, hope);
    /* The bound as room: with less, zstd takes a slower way. */
    uint8_t *to = rrto_buf_reserve(out, ZSTD_compressBound(n));
    if (!to)
        return false;
    size_t got = ZSTD_compress2(entropy->compress, to, ZSTD_compressBound(n), data, n);
    if (ZSTD_isError(got) || got >= room)
        return false;
    out->size += got;
    return true;
}

int rrto_entropy_unframe(struct rrto_entropy *entropy, void *to, size_t n, const void *frame, size_t n_frame)
{
    size_t got = ZSTD_decompressDCtx(entropy->decompress, to, n, frame, n_frame);
    return ZSTD_isError(got) || got != n ? RRTO_PROTOCOL : RRTO_OK;
}

int rrto_entropy_get(struct rrto_entropy *entropy, struct rrto_dec *dec, uint8_t *to, size_t n)
{
    unsigned block = rrto_get_u8(dec);
    size_t n_coded = block == BLOCK_RAW ? n : block == BLOCK_CONSTANT ? 1 : rrto_get_u32(dec);
    const uint8_t *coded = rrto_get_bytes(dec, n_coded);
    if (dec->failed)
        return RRTO_TRUNCATED;
    if (block == BLOCK_RAW)
        memcpy(to, coded, n);
    else if (block == BLOCK_CONSTANT)
        memset(to, *coded, n);
    else if (block == BLOCK_FRAME)
        return rrto_entropy_unframe(entropy, to, n, coded, n_coded);
    else
        return RRTO_PROTOCOL;
    return RRTO_OK;
}

/* log2(x) in 1/256, x > 0, to about a tenth: linear between powers of two. */
static uint64_t log2_256(uint64_t x)
{
    unsigned whole = 63u - (unsigned)__builtin_clzll(x);
    return whole * 256u + (((x << 8) >> whole) & 255u);
}

enum { SAMPLE_NUMBERS = 256, SAMPLE_STEP = 1024 };

/* The entropy of the values, from every fourth stretch of 256. */
static uint64_t estimate_bytes(const uint8_t *bytes, size_t n)
{
    uint32_t counts[2][256] = {{0}};
    size_t n_seen = 0;
    for (size_t at = 0; at < n; at += SAMPLE_STEP) {
        size_t end = n - at < SAMPLE_NUMBERS ? n : at + SAMPLE_NUMBERS;
        n_seen += end - at;
        for (size_t i = at; i < end; i++)
            counts[i & 1][bytes[i]]++;
    }
    uint64_t bits_256 = n_seen ? n_seen * log2_256(n_seen) : 0;
    for (int i = 0; i < 256; i++) {
        uint64_t count = counts[0][i] + counts[1][i];
        if (count)
            bits_256 -= count * log2_256(count);
    }
    return n_seen ? (bits_256 * n / n_seen) >> 8 : 0;
}

/* The bits of the numbers' magnitudes and a sign for each, from every fourth number. */
#define ESTIMATE(type, numbers, n, bits)                                                                               \
    do {                                                                                                               \
        const type *values_ = (numbers);                                                                               \
        for (size_t i = 0; i < (n); i += 4) {                                                                          \
            int32_t value_ = values_[i];                                                                               \
            (bits) += 33u - (unsigned)__builtin_clz((uint32_t)(value_ ^ value_ >> 31) | 1);                            \
        }                                                                                                              \
    } while (0)

uint64_t rrto_entropy_estimate(const void *numbers, size_t n, unsigned width)
{
    uint64_t bits = 0;
    if (width == 1)
        return estimate_bytes(numbers, n);
    if (width == 2)
        ESTIMATE(int16_t, numbers, n, bits);
    else
        ESTIMATE(int32_t, numbers, n, bits);
    return bits * 4;
}

void rrto_entropy_put(struct rrto_entropy *entropy, struct rrto_buf *out, const uint8_t *data, size_t n,
                      enum rrto_entropy_hope hope)
{
    if (n && memcmp(data, data + 1, n - 1) == 0) {
        rrto_put_u8(out, BLOCK_CONSTANT);
        rrto_put_u8(out, data[0]);
        return;
    }
    if (hope == RRTO_ENTROPY_LITERALS && estimate_bytes(data, n) < n + n / 4)
        hope = RRTO_ENTROPY_MATCHES; /* Huffman codes have a bit at least: runs are better told as such */
    /* The length goes before the frame and is known after it: room for the longest that n allows. */
    size_t start = out->size;
    rrto_put_u8(out, BLOCK_FRAME);
    rrto_put_u32(out, 0);
    if (!out->failed && rrto_entropy_frame(entropy, out, data, n, n, hope)) {
        uint32_t n_frame = (uint32_t)(out->size - start - 5);
        memcpy(out->data + start + 1, &n_frame, sizeof n_frame);
        return;
    }
    out->size = start;
    rrto_put_u8(out, BLOCK_RAW);
    rrto_buf_put(out, data, n);
}
