/* SPDX-License-Identifier: Apache-2.0 */
/* The parts: predictors beside their definition, words beside their order, palettes beside a plain search. */
#include "base/status.h"
#include "samples.h"

#include "test.h"

#include <math.h>
#include <stdlib.h>

enum { MAX_WORDS = 600 };

static uint32_t get(const void *numbers, unsigned width, size_t i)
{
    return rrto_word_load((const uint8_t *)numbers + i * width, width);
}

static uint32_t median(uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t low = a < b ? a : b, high = a < b ? b : a;
    return c <= low ? high : c >= high ? low : a + b - c; /* as JPEG-LS puts it */
}

/* The prediction of number i, by the header's words. */
static uint32_t predicted(enum rrto_predictor how, const void *x, const void *past, struct rrto_plane plane, size_t i)
{
    size_t row = plane.row && plane.row < plane.n ? plane.row : plane.n;
    uint32_t left = i ? get(x, plane.width, i - 1) : 0, up = i >= row ? get(x, plane.width, i - row) : 0;
    if (how == RRTO_PREDICT_NONE)
        return 0;
    if (how == RRTO_PREDICT_PAST)
        return get(past, plane.width, i);
    if (how == RRTO_PREDICT_LEFT || i < row)
        return left;
    if (how == RRTO_PREDICT_UP || i % row == 0)
        return up;
    return median(left, up, get(x, plane.width, i - row - 1));
}

static void test_predictors(void **state)
{
    (void)state;
    struct random random = {1};
    static const size_t ROWS[] = {0, 1, 2, 3, 17, 64, 1000};
    for (int round = 0; round < 400; round++) {
        uint32_t x[MAX_WORDS], past[MAX_WORDS], residual[MAX_WORDS], back[MAX_WORDS];
        struct rrto_plane plane = {.n = random_below(&random, MAX_WORDS + 1),
                                   .row = ROWS[random_below(&random, sizeof ROWS / sizeof ROWS[0])],
                                   .width = 1u << random_below(&random, 3)};
        uint32_t mask = random_below(&random, 2) ? UINT32_MAX : 0x03030303; /* extremes, and many ties */
        for (size_t i = 0; i < MAX_WORDS; i++) {
            x[i] = random_u32(&random) & mask;
            past[i] = random_u32(&random) & mask;
        }
        for (int how = 0; how < RRTO_PREDICTORS; how++) {
            rrto_plane_predict(plane, (enum rrto_predictor)how, residual, x, past);
            for (size_t i = 0; i < plane.n; i++) {
                uint32_t expected = get(x, plane.width, i) - predicted((enum rrto_predictor)how, x, past, plane, i);
                assert_int_equal(get(residual, plane.width, i), expected & rrto_word_mask(plane.width));
            }
            rrto_plane_unpredict(plane, (enum rrto_predictor)how, back, residual, past);
            assert_memory_equal(back, x, plane.n * plane.width);
        }
    }
}

/* Keys have the order of the values, and every word comes back. */
static void test_orders(void **state)
{
    (void)state;
    static const float FLOATS[] = {-INFINITY, -1e30f, -1.5f, -1e-42f, -0.0f, 0.0f, 1e-42f, 0.5f, 3e38f, INFINITY};
    for (size_t i = 0; i + 1 < sizeof FLOATS / sizeof FLOATS[0]; i++) {
        uint32_t bits[2];
        memcpy(bits, &FLOATS[i], sizeof bits);
        assert_true(rrto_word_key(bits[0], 4, RRTO_ORDER_FLOAT) < rrto_word_key(bits[1], 4, RRTO_ORDER_FLOAT));
    }
    for (uint32_t word = 0; word < 65536; word++) {
        for (unsigned order = 0; order < RRTO_ORDERS; order++)
            assert_int_equal(rrto_key_word(rrto_word_key(word, 2, order), 2, order), word);
        if (word < 65535)
            assert_int_equal(rrto_word_key((uint16_t)(word - 32768), 2, RRTO_ORDER_SIGNED) + 1,
                             rrto_word_key((uint16_t)(word - 32767), 2, RRTO_ORDER_SIGNED));
    }
}

static void test_split_and_join(void **state)
{
    (void)state;
    struct random random = {3};
    uint32_t numbers[MAX_WORDS], back[MAX_WORDS];
    uint8_t planes[4 * MAX_WORDS];
    for (size_t i = 0; i < MAX_WORDS; i++)
        numbers[i] = random_u32(&random);
    for (unsigned width = 1; width <= 4; width *= 2)
        for (int fold = 0; fold < 2; fold++) {
            for (unsigned byte = 0; byte < width; byte++)
                rrto_words_split(planes + byte * MAX_WORDS, numbers, MAX_WORDS, width, byte, fold);
            rrto_words_join(back, planes, MAX_WORDS, width, fold);
            assert_memory_equal(back, numbers, MAX_WORDS * width);
        }
    const uint32_t small[] = {0, UINT32_MAX, 1, UINT32_MAX - 1, 2}; /* 0, -1, 1, -2, 2 become 0 to 4 */
    rrto_words_split(planes, small, 5, 4, 0, 1);
    for (uint8_t i = 0; i < 5; i++)
        assert_int_equal(planes[i], i);
}

static void test_palette(void **state)
{
    (void)state;
    struct random random = {4};
    struct rrto_palette_index *scratch = malloc(sizeof *scratch);
    assert_non_null(scratch);
    for (int round = 0; round < 300; round++) {
        uint32_t all[300], words[MAX_WORDS], n_all = 1 + random_below(&random, 290);
        uint8_t indices[MAX_WORDS];
        for (uint32_t i = 0; i < n_all; i++) /* evenly spaced ones try the hash */
            all[i] = round % 2 ? random_u32(&random) : 0x3f000000 + i * 0x8000;
        for (size_t i = 0; i < MAX_WORDS; i++)
            words[i] = all[random_below(&random, n_all)];
        struct rrto_palette palette = {0}, added, before;
        for (size_t n = MAX_WORDS / 3; n <= MAX_WORDS; n += MAX_WORDS / 3) {
            struct rrto_words part = {(const uint8_t *)words, 4, n, 4, RRTO_ORDER_FLOAT};
            before = palette;
            if (!rrto_palette_map(&palette, scratch, part, indices, &added)) {
                assert_memory_equal(&palette, &before, sizeof palette);
                assert_true(n_all > RRTO_PALETTE_WORDS);
                break;
            }
            for (size_t i = 0; i < n; i++)
                assert_int_equal(palette.keys[indices[i]], rrto_word_key(words[i], 4, RRTO_ORDER_FLOAT));
            assert_true(rrto_palette_merge(&before, &added));
            assert_memory_equal(&palette, &before, sizeof palette);
            /* Packed and unpacked. */
            struct rrto_buf buf;
            struct rrto_dec dec;
            rrto_buf_init(&buf, 10000);
            rrto_palette_pack(&buf, &palette, 4);
            rrto_dec_init(&dec, buf.data, buf.size);
            assert_int_equal(rrto_palette_unpack(&dec, &before, 4), RRTO_OK);
            assert_memory_equal(&palette, &before, sizeof palette);
            rrto_buf_fini(&buf);
            /* Words that are not there get the next larger one's index. */
            words[0] = random_u32(&random);
            rrto_palette_map_near(&palette, scratch, part, indices);
            uint32_t key = rrto_word_key(words[0], 4, RRTO_ORDER_FLOAT), at = indices[0];
            assert_true(palette.keys[at] >= key || at + 1 == palette.n);
            assert_true(at == 0 || palette.keys[at - 1] < key);
            words[0] = words[1];
        }
    }
    free(scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_predictors),
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_split_and_join),
        cmocka_unit_test(test_palette),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
