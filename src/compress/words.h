/* SPDX-License-Identifier: Apache-2.0 */
/* Words of a payload as numbers, and numbers as planes of bytes. A *key* is a word seen as an unsigned number whose
 * order is that of the values (enum rrto_payload_order); word and key are one to one. Pure; any thread. */
#ifndef RRTO_COMPRESS_WORDS_H
#define RRTO_COMPRESS_WORDS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum rrto_payload_order { RRTO_ORDER_UNSIGNED, RRTO_ORDER_SIGNED, RRTO_ORDER_FLOAT, RRTO_ORDERS };

static inline uint32_t rrto_word_load(const uint8_t *at, unsigned width)
{
    uint32_t word = 0;
    if (width == 1)
        return *at;
    if (width == 2) {
        uint16_t half;
        memcpy(&half, at, 2);
        return half;
    }
    memcpy(&word, at, 4);
    return word;
}

static inline uint32_t rrto_word_mask(unsigned width)
{
    return 0xffffffffu >> (32 - 8 * width);
}

static inline uint32_t rrto_word_key(uint32_t word, unsigned width, unsigned order)
{
    uint32_t sign = 1u << (8 * width - 1);
    if (order == RRTO_ORDER_UNSIGNED)
        return word;
    if (order == RRTO_ORDER_FLOAT && (word & sign))
        return ~word & rrto_word_mask(width);
    return word ^ sign;
}

static inline uint32_t rrto_key_word(uint32_t key, unsigned width, unsigned order)
{
    uint32_t sign = 1u << (8 * width - 1);
    if (order == RRTO_ORDER_UNSIGNED)
        return key;
    if (order == RRTO_ORDER_FLOAT && !(key & sign))
        return ~key & rrto_word_mask(width);
    return key ^ sign;
}

/* n keys, as numbers of `width` bytes, of the words at from, from + step, ... */
void rrto_words_gather(void *keys, const uint8_t *from, size_t step, size_t n, unsigned width, unsigned order);
/* The reverse. */
void rrto_words_scatter(uint8_t *to, size_t step, const void *keys, size_t n, unsigned width, unsigned order);
/* to + i * step = words[indices[i]], of which there are 256. */
void rrto_words_look_up(uint8_t *to, size_t step, const uint8_t *indices, size_t n, unsigned width,
                        const uint32_t *words);

/* Byte number `byte` of each of n numbers; with fold, of 2r or -2r-1 instead of the signed r, so that what is near
 * zero has zeroes above. */
void rrto_words_split(uint8_t *bytes, const void *numbers, size_t n, unsigned width, unsigned byte, int fold);
/* The numbers of `width` planes of n bytes, one behind the other. */
void rrto_words_join(void *numbers, const uint8_t *planes, size_t n, unsigned width, int fold);

#endif
