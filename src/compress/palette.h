/* SPDX-License-Identifier: Apache-2.0 */
/* Palettes: at most 256 words in the order of their keys. A word's index in its palette is a number that neighbours
 * predict as well as the value itself. Pure; the caller owns everything. */
#ifndef RRTO_COMPRESS_PALETTE_H
#define RRTO_COMPRESS_PALETTE_H

#include "codec/codec.h"
#include "compress/words.h"

#include <stdbool.h>

enum { RRTO_PALETTE_WORDS = 256, RRTO_PALETTE_HASH_BITS = 12 };

struct rrto_palette {
    uint32_t n;
    uint32_t keys[RRTO_PALETTE_WORDS]; /* ascending, no two alike; zeroes behind the first n */
};

/* Scratch: finds a word's number by hashing. */
struct rrto_palette_index {
    uint32_t n, multiplier, n_slow;
    uint32_t words[1 << RRTO_PALETTE_HASH_BITS];
    uint8_t numbers[1 << RRTO_PALETTE_HASH_BITS];
    bool used[1 << RRTO_PALETTE_HASH_BITS];
    uint32_t by_number[RRTO_PALETTE_WORDS];
};

/* Words in memory: n of them, `step` bytes from one to the next. */
struct rrto_words {
    const uint8_t *at;
    size_t step, n;
    unsigned width, order;
};

/* The index of each word; words that the palette lacks are added to it (ret_added, so many). false: there would be more
 * than 256; then the palette is as it was, and indices hold nothing. */
bool rrto_palette_map(struct rrto_palette *palette, struct rrto_palette_index *scratch, struct rrto_words words,
                      uint8_t *indices, struct rrto_palette *ret_added);
/* The index of each word, or of the next larger word that the palette has (the last one, if none is larger). */
void rrto_palette_map_near(const struct rrto_palette *palette, struct rrto_palette_index *scratch,
                           struct rrto_words words, uint8_t *indices);
/* Adds words. false: one is there already, or there would be more than 256. */
bool rrto_palette_merge(struct rrto_palette *palette, const struct rrto_palette *added);

void rrto_palette_pack(struct rrto_buf *buf, const struct rrto_palette *palette, unsigned width);
/* RRTO_PROTOCOL, RRTO_TRUNCATED. */
int rrto_palette_unpack(struct rrto_dec *dec, struct rrto_palette *ret_palette, unsigned width);

#endif
