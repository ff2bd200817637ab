/* SPDX-License-Identifier: Apache-2.0 */
/* Plain loops with constant widths and steps, for the compiler to make vectors of. */
#include "compress/words.h"

#include "compress/simd.h"

#define GATHER(type, width, keys, from, step, n, order)                                                                \
    do {                                                                                                               \
        type *to_ = (keys);                                                                                            \
        for (size_t i = 0; i < (n); i++)                                                                               \
            to_[i] = (type)rrto_word_key(rrto_word_load((from) + i * (step), (width)), (width), (order));              \
    } while (0)

#define GATHER_ORDERS(type, width, keys, from, step, n, order)                                                         \
    do {                                                                                                               \
        if ((order) == RRTO_ORDER_UNSIGNED)                                                                            \
            GATHER(type, width, keys, from, step, n, RRTO_ORDER_UNSIGNED);                                             \
        else if ((order) == RRTO_ORDER_SIGNED)                                                                         \
            GATHER(type, width, keys, from, step, n, RRTO_ORDER_SIGNED);                                               \
        else                                                                                                           \
            GATHER(type, width, keys, from, step, n, RRTO_ORDER_FLOAT);                                                \
    } while (0)

RRTO_SIMD void rrto_words_gather(void *keys, const uint8_t *from, size_t step, size_t n, unsigned width, unsigned order)
{
    if (width == 4 && step == 4)
        GATHER_ORDERS(uint32_t, 4, keys, from, 4, n, order);
    else if (width == 2 && step == 2)
        GATHER_ORDERS(uint16_t, 2, keys, from, 2, n, order);
    else if (width == 1 && step == 1)
        GATHER_ORDERS(uint8_t, 1, keys, from, 1, n, order);
    else if (width == 1 && step == 3)
        GATHER_ORDERS(uint8_t, 1, keys, from, 3, n, order);
    else if (width == 4)
        GATHER(uint32_t, 4, keys, from, step, n, order);
    else if (width == 2)
        GATHER(uint16_t, 2, keys, from, step, n, order);
    else
        GATHER(uint8_t, 1, keys, from, step, n, order);
}

#define SCATTER(type, width, to, step, keys, n, order)                                                                 \
    do {                                                                                                               \
        const type *keys_ = (keys);                                                                                    \
        for (size_t i = 0; i < (n); i++) {                                                                             \
            type word_ = (type)rrto_key_word(keys_[i], (width), (order));                                              \
            memcpy((to) + i * (step), &word_, (width));                                                                \
        }                                                                                                              \
    } while (0)

#define SCATTER_ORDERS(type, width, to, step, keys, n, order)                                                          \
    do {                                                                                                               \
        if ((order) == RRTO_ORDER_UNSIGNED)                                                                            \
            SCATTER(type, width, to, step, keys, n, RRTO_ORDER_UNSIGNED);                                              \
        else if ((order) == RRTO_ORDER_SIGNED)                                                                         \
            SCATTER(type, width, to, step, keys, n, RRTO_ORDER_SIGNED);                                                \
        else                                                                                                           \
            SCATTER(type, width, to, step, keys, n, RRTO_ORDER_FLOAT);                                                 \
    } while (0)

RRTO_SIMD void rrto_words_scatter(uint8_t *to, size_t step, const void *keys, size_t n, unsigned width, unsigned order)
{
    if (width == 4 && step == 4)
        SCATTER_ORDERS(uint32_t, 4, to, 4, keys, n, order);
    else if (width == 2 && step == 2)
        SCATTER_ORDERS(uint16_t, 2, to, 2, keys, n, order);
    else if (width == 1 && step == 1)
        SCATTER_ORDERS(uint8_t, 1, to, 1, keys, n, order);
    else if (width == 1 && step == 3)
        SCATTER_ORDERS(uint8_t, 1, to, 3, keys, n, order);
    else if (width == 4)
        SCATTER(uint32_t, 4, to, step, keys, n, order);
    else if (width == 2)
        SCATTER(uint16_t, 2, to, step, keys, n, order);
    else
        SCATTER(uint8_t, 1, to, step, keys, n, order);
}

void rrto_words_look_up(uint8_t *to, size_t step, const uint8_t *indices, size_t n, unsigned width,
                        const uint32_t *words)
{
    if (width == 4 && step == 4)
        for (size_t i = 0; i < n; i++)
            memcpy(to + i * 4, &words[indices[i]], 4);
    else if (width == 4)
        for (size_t i = 0; i < n; i++)
            memcpy(to + i * step, &words[indices[i]], 4);
    else if (width == 2)
        for (size_t i = 0; i < n; i++)
            memcpy(to + i * step, &words[indices[i]], 2);
    else
        for (size_t i = 0; i < n; i++)
            to[i * step] = (uint8_t)words[indices[i]];
}

#define SPLIT(type, signed_type, bits, bytes, numbers, n, byte, fold)                                                  \
    do {                                                                                                               \
        const type *from_ = (numbers);                                                                                 \
        for (size_t i = 0; i < (n); i++) {                                                                             \
            type number_ = from_[i];                                                                                   \
            if (fold)                                                                                                  \
                number_ = (type)((type)(number_ << 1) ^ (type)((signed_type)number_ >> ((bits)-1)));                   \
            (bytes)[i] = (uint8_t)(number_ >> (8 * (byte)));                                                           \
        }                                                                                                              \
    } while (0)

RRTO_SIMD void rrto_words_split(uint8_t *bytes, const void *numbers, size_t n, unsigned width, unsigned byte, int fold)
{
    if (width == 4 && fold)
        SPLIT(uint32_t, int32_t, 32, bytes, numbers, n, byte, 1);
    else if (width == 4)
        SPLIT(uint32_t, int32_t, 32, bytes, numbers, n, byte, 0);
    else if (width == 2 && fold)
        SPLIT(uint16_t, int16_t, 16, bytes, numbers, n, byte, 1);
    else if (width == 2)
        SPLIT(uint16_t, int16_t, 16, bytes, numbers, n, byte, 0);
    else
        memcpy(bytes, numbers, n);
}

#define UNFOLD(type, number) ((type)((type)((number) >> 1) ^ (type)(0 - (type)((number)&1))))

RRTO_SIMD void rrto_words_join(void *numbers, const uint8_t *planes, size_t n, unsigned width, int fold)
{
    if (width == 1) {
        memcpy(numbers, planes, n);
    } else if (width == 2) {
        uint16_t *to = numbers;
        for (size_t i = 0; i < n; i++) {
            uint16_t number = (uint16_t)(planes[i] | planes[n + i] << 8);
            to[i] = fold ? UNFOLD(uint16_t, number) : number;
        }
    } else {
        uint32_t *to = numbers;
        for (size_t i = 0; i < n; i++) {
            uint32_t number = planes[i] | (uint32_t)planes[n + i] << 8 | (uint32_t)planes[2 * n + i] << 16 |
                              (uint32_t)planes[3 * n + i] << 24;
            to[i] = fold ? UNFOLD(uint32_t, number) : number;
        }
    }
}
