/* SPDX-License-Identifier: Apache-2.0 */
/* Every payload comes back: of every kind, of odd lengths, with any model, after any past. And the models that are
 * found are the right ones. */
#include "base/status.h"
#include "samples.h"

#include "test.h"

#include <stdlib.h>

enum { MAX_BYTES = 700000, ROUNDS = 40 };

static struct rrto_payload_coder *encoder, *decoder;
static struct rrto_buf coded;
static uint8_t *data, *to;

/* Both sides keep a past of their own; they have to agree after each payload. */
static void check_round_trip(struct rrto_payload_past pasts[2], const struct rrto_payload_model *model, size_t n)
{
    unsigned n_chunks = sample_encode(encoder, &pasts[0], model, data, n, &coded);
    assert_false(coded.failed);
    /* Never longer than the payload and a few bytes for each chunk. */
    assert_true(coded.size <= n + n_chunks + RRTO_PAYLOAD_HEAD_BYTES);
    uint8_t *exact = malloc(coded.size); /* reading too far is seen by the sanitizer */
    assert_non_null(exact);
    memcpy(exact, coded.data, coded.size);
    memset(to, 0xa5, n + 1);
    assert_int_equal(sample_decode(decoder, &pasts[1], exact, coded.size, to, n), RRTO_OK);
    assert_memory_equal(to, data, n);
    assert_int_equal(to[n], 0xa5);
    free(exact);
    rrto_payload_encode_end(encoder);
    if (n <= pasts[0].bytes.max)
        assert_int_equal(pasts[0].bytes.size, n);
    rrto_payload_past_keep(&pasts[1], to, n);
    assert_memory_equal(pasts[0].palettes, pasts[1].palettes, sizeof pasts[0].palettes);
}

static void test_every_kind(void **state)
{
    (void)state;
    static const size_t SIZES[] = {0, 1, 2, 3, 5, 7, 8, 9, 63, 255, 256, 257, 1000, 4099, 20001, 65536, 262143, 262145};
    for (int kind = 0; kind < SAMPLES; kind++) {
        struct random random = {(uint64_t)kind};
        for (size_t i = 0; i < sizeof SIZES / sizeof SIZES[0]; i++) {
            struct rrto_payload_past pasts[2];
            struct rrto_payload_model model;
            for (int side = 0; side < 2; side++)
                rrto_payload_past_init(&pasts[side], MAX_BYTES);
            sample_fill((enum sample)kind, &random, 64, data, SIZES[i]);
            rrto_payload_infer(encoder, &pasts[0], data, SIZES[i], &model);
            check_round_trip(pasts, &model, SIZES[i]);
            for (int again = 0; again < 2; again++) {
                sample_change(&random, data, SIZES[i]);
                check_round_trip(pasts, &model, SIZES[i]);
            }
            for (int side = 0; side < 2; side++)
                rrto_payload_past_fini(&pasts[side]);
        }
    }
}

/* A slot that is learned again may have narrower words than before: the palettes that are left in it are of no use. */
static void test_narrower_words(void **state)
{
    (void)state;
    enum { N = 4096 };
    for (unsigned seed = 0; seed < 50; seed++) {
        struct random random = {seed + 5000};
        struct rrto_payload_past pasts[2];
        for (int side = 0; side < 2; side++)
            rrto_payload_past_init(&pasts[side], MAX_BYTES);
        for (unsigned width = 4; width > 0; width /= 2) {
            struct rrto_payload_model model = {.how = RRTO_PAYLOAD_PLANES,
                                               .width = (uint8_t)width,
                                               .order = width > 1 ? RRTO_ORDER_FLOAT : RRTO_ORDER_UNSIGNED,
                                               .channels = 1,
                                               .palette = true,
                                               .predictors = 1u << RRTO_PREDICT_NONE};
            uint32_t words[40];
            for (size_t i = 0; i < 40; i++)
                words[i] = random_below(&random, UINT32_MAX);
            for (unsigned again = 0; again < 3; again++) {
                for (size_t i = 0; i < N; i += width)
                    memcpy(data + i, &words[random_below(&random, 20 + 10 * again)], width);
                check_round_trip(pasts, &model, N);
            }
        }
        for (int side = 0; side < 2; side++)
            rrto_payload_past_fini(&pasts[side]);
    }
}

/* A slot whose payloads change in kind and length, coded by models that have nothing to do with them. */
static void test_any_model(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        struct random random = {round + 1000};
        struct rrto_payload_past pasts[2];
        for (int side = 0; side < 2; side++)
            rrto_payload_past_init(&pasts[side], 60000); /* longer ones are not kept */
        for (int i = 0; i < 8; i++) {
            struct rrto_payload_model model;
            size_t n = random_below(&random, 1 + random_below(&random, 100000));
            if (i == 0 || random_below(&random, 2))
                sample_fill((enum sample)random_below(&random, SAMPLES), &random, 1 + random_below(&random, 90), data,
                            n);
            else
                sample_change(&random, data, n);
            sample_model(&random, &model);
            check_round_trip(pasts, &model, n);
        }
        for (int side = 0; side < 2; side++)
            rrto_payload_past_fini(&pasts[side]);
    }
}

/* What has come is decoded as far as it goes, however it was cut; what has not come is waited for. */
static void test_pieces(void **state)
{
    (void)state;
    struct random random = {5};
    struct rrto_payload_model model;
    size_t n = 3 * 64 * 64 * 4, at = 0, used, n_done = 0;
    sample_fill(SAMPLE_FLOAT_PLANES, &random, 64, data, n);
    rrto_payload_infer(encoder, NULL, data, n, &model);
    assert_int_equal(sample_encode(encoder, NULL, &model, data, n, &coded), 3);
    for (size_t n_come = 0;; n_come++) {
        int status = rrto_payload_decode(decoder, NULL, to, n, coded.data, n_come, &at);
        if (status == RRTO_OK)
            break;
        assert_int_equal(status, RRTO_TRUNCATED);
    }
    for (size_t n_come = at; n_done < n; n_come += 1 + random_below(&random, 50)) {
        n_come = n_come < coded.size ? n_come : coded.size;
        int status = rrto_payload_decode_chunk(decoder, coded.data + at, n_come - at, &used, &n_done);
        assert_true(status == RRTO_OK || (status == RRTO_TRUNCATED && used == 0 && n_come < coded.size));
        at += used;
    }
    assert_int_equal(at, coded.size);
    assert_memory_equal(to, data, n);
    /* There is no chunk behind the last one. */
    assert_int_equal(rrto_payload_decode_chunk(decoder, coded.data, coded.size, &used, &n_done), RRTO_PROTOCOL);
}

static double ratio_of(enum sample kind, unsigned side, size_t n, struct rrto_payload_model *ret_model)
{
    struct random random = {7};
    sample_fill(kind, &random, side, data, n);
    rrto_payload_infer(encoder, NULL, data, n, ret_model);
    sample_encode(encoder, NULL, ret_model, data, n, &coded);
    return (double)n / (double)coded.size;
}

static void test_found(void **state)
{
    (void)state;
    struct rrto_payload_model model;
    assert_true(ratio_of(SAMPLE_FLOAT_PLANES, 120, 3 * 120 * 120 * 4, &model) > 8);
    assert_true(model.palette && model.width == 4 && model.row == 120 && model.plane == 120 * 120 && model.group == 3);
    assert_true(ratio_of(SAMPLE_FLOAT_PIXELS, 120, 3 * 120 * 120 * 4, &model) > 8);
    assert_true(model.palette && model.width == 4 && model.row == 360 && model.channels == 3);
    assert_true(ratio_of(SAMPLE_HALF_PLANES, 120, 3 * 120 * 120 * 2, &model) > 4.2);
    assert_true(model.palette && model.width == 2 && model.row == 120);
    assert_true(ratio_of(SAMPLE_U8_IMAGE, 120, 3 * 120 * 120, &model) > 2.1);
    assert_true(model.width == 1 && model.row == 360);
    assert_true(ratio_of(SAMPLE_SMOOTH_FLOATS, 120, 120 * 120 * 4, &model) > 1.4);
    assert_true(ratio_of(SAMPLE_CLASSES, 120, 120 * 120 * 8, &model) > 50);
    /* What is random is sent as it is, a byte more for each chunk. */
    ratio_of(SAMPLE_RANDOM, 1, 600000, &model);
    assert_int_equal(model.how, RRTO_PAYLOAD_RAW);
    assert_true(coded.size <= 600000 + 600);
}

/* The same payload again, and one with a few changes, take next to nothing; a noisy one takes what the noise takes. */
static void test_past(void **state)
{
    (void)state;
    struct random random = {9};
    struct rrto_payload_model model;
    struct rrto_payload_past pasts[2];
    for (int side = 0; side < 2; side++)
        rrto_payload_past_init(&pasts[side], MAX_BYTES);
    size_t n = 3 * 100 * 100 * 4, first;
    sample_fill(SAMPLE_FLOAT_PLANES, &random, 100, data, n);
    rrto_payload_infer(encoder, NULL, data, n, &model);
    check_round_trip(pasts, &model, n);
    first = coded.size;
    check_round_trip(pasts, &model, n);
    assert_true(coded.size < 40);
    data[50000] ^= 1;
    data[99] ^= 0x80;
    check_round_trip(pasts, &model, n);
    assert_true(coded.size < 60);
    /* Another image of the same kind: the palettes are known. */
    sample_fill(SAMPLE_FLOAT_PLANES, &random, 100, data, n);
    check_round_trip(pasts, &model, n);
    assert_true(coded.size + 1500 < first);
    for (int side = 0; side < 2; side++)
        rrto_payload_past_fini(&pasts[side]);
}

static int set_up(void **state)
{
    (void)state;
    encoder = rrto_payload_coder_create();
    decoder = rrto_payload_coder_create();
    rrto_buf_init(&coded, 2 * MAX_BYTES);
    data = malloc(MAX_BYTES);
    to = malloc(MAX_BYTES + 1);
    return !encoder || !decoder || !data || !to;
}

static int tear_down(void **state)
{
    (void)state;
    rrto_payload_coder_destroy(encoder);
    rrto_payload_coder_destroy(decoder);
    rrto_buf_fini(&coded);
    free(data);
    free(to);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind), cmocka_unit_test(test_narrower_words), cmocka_unit_test(test_any_model),
        cmocka_unit_test(test_pieces),     cmocka_unit_test(test_found),          cmocka_unit_test(test_past),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
