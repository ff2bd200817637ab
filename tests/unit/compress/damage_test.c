/* SPDX-License-Identifier: Apache-2.0 */
/* The decoder under damage: every truncation, every bit, and what only somebody who knows the format would send. */
#include "base/status.h"
#include "compress/coder.h"
#include "samples.h"

#include "test.h"

#include <stdlib.h>
#include <zstd.h>

enum { MAX_BYTES = 1 << 20 };

static struct rrto_payload_coder *coder;
static struct rrto_buf coded;
static uint8_t data[MAX_BYTES], to[MAX_BYTES];

/* Into exactly n bytes on the heap, from exactly n_coded: what is written or read beyond is seen by the sanitizer. */
static int decode(struct rrto_payload_past *past, const uint8_t *bytes, size_t n_coded, size_t n)
{
    uint8_t *from = malloc(n_coded ? n_coded : 1), *exact = malloc(n ? n : 1);
    assert_true(from && exact);
    memcpy(from, bytes, n_coded);
    int status = sample_decode(coder, past, from, n_coded, exact, n);
    memcpy(to, exact, n);
    free(from);
    free(exact);
    return status;
}

static void check_damage(struct rrto_payload_past *past, size_t n)
{
    for (size_t cut = 0; cut < coded.size; cut++) {
        struct rrto_payload_past copy = *past;
        assert_true(decode(&copy, coded.data, cut, n) != RRTO_OK);
    }
    for (size_t bit = 0; bit < coded.size * 8; bit++) {
        struct rrto_payload_past copy = *past;
        coded.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        (void)decode(&copy, coded.data, coded.size, n); /* may be another payload; may not be a crash */
        coded.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    struct rrto_payload_past copy = *past;
    assert_int_equal(decode(&copy, coded.data, coded.size, n), RRTO_OK);
    assert_memory_equal(to, data, n);
}

static void test_damage(void **state)
{
    (void)state;
    for (int kind = 0; kind < SAMPLES; kind++) {
        struct random random = {(uint64_t)kind + 50};
        struct rrto_payload_past past, at_first;
        struct rrto_payload_model model;
        size_t n = 2400 + random_below(&random, 500);
        rrto_payload_past_init(&past, MAX_BYTES);
        at_first = past;
        sample_fill((enum sample)kind, &random, 16, data, n);
        rrto_payload_infer(coder, NULL, data, n, &model);
        sample_encode(coder, &past, &model, data, n, &coded);
        check_damage(&at_first, n);
        rrto_payload_past_keep(&past, data, n);
        sample_change(&random, data, n);
        model.predictors = 1u << RRTO_PREDICT_PAST;
        at_first = past;
        sample_encode(coder, &past, &model, data, n, &coded);
        check_damage(&at_first, n);
        rrto_payload_past_fini(&past);
    }
}

/* A head with words of `width` bytes in one plane, and the body of a PLANES chunk begun. */
static void begin(unsigned width, size_t n_row)
{
    struct rrto_payload_model model = {.how = RRTO_PAYLOAD_PLANES, .width = (uint8_t)width, .row = (uint32_t)n_row};
    rrto_payload_model_clean(&model);
    rrto_buf_clear(&coded);
    rrto_payload_pack_head(&coded, &model);
}

static void chunk(unsigned kind, const void *body, size_t n)
{
    rrto_put_u8(&coded, (uint8_t)kind);
    if (kind != RRTO_CHUNK_RAW)
        rrto_put_varint(&coded, n);
    rrto_buf_put(&coded, body, n);
}

#define CHUNK(kind, ...)                                                                                               \
    do {                                                                                                               \
        const uint8_t body_[] = {__VA_ARGS__};                                                                         \
        chunk(kind, body_, sizeof body_);                                                                              \
    } while (0)

static int decode_coded(struct rrto_payload_past *past, size_t n)
{
    return decode(past, coded.data, coded.size, n);
}

static void test_bad_bodies(void **state)
{
    (void)state;
    enum { N = 8, CONSTANT = 1 };
    /* A good one, to be sure that the others fail for the right reason: eight zeroes. */
    begin(1, 0);
    CHUNK(RRTO_CHUNK_PLANES, RRTO_PREDICT_LEFT, CONSTANT, 0);
    assert_int_equal(decode_coded(NULL, N), RRTO_OK);
    begin(1, 0);
    CHUNK(RRTO_CHUNK_PLANES, RRTO_PREDICT_LEFT, CONSTANT, 0, 0); /* one byte too many */
    assert_int_equal(decode_coded(NULL, N), RRTO_PROTOCOL);
    begin(1, 0);
    CHUNK(RRTO_CHUNK_PLANES, RRTO_PREDICT_LEFT, 3, 0); /* no such block */
    assert_int_equal(decode_coded(NULL, N), RRTO_PROTOCOL);
    begin(1, 0);
    CHUNK(RRTO_CHUNK_PLANES, RRTO_PREDICTORS, CONSTANT, 0); /* no such predictor */
    assert_int_equal(decode_coded(NULL, N), RRTO_PROTOCOL);
    begin(1, 0);
    CHUNK(RRTO_CHUNK_PLANES, 0x40, CONSTANT, 0); /* no such bit */
    assert_int_equal(decode_coded(NULL, N), RRTO_PROTOCOL);
    begin(1, 0);
    CHUNK(RRTO_CHUNK_PLANES, RRTO_PREDICT_PAST, CONSTANT, 0); /* there is no past */
    assert_int_equal(decode_coded(NULL, N), RRTO_PROTOCOL);
    begin(1, 0);
    CHUNK(RRTO_CHUNK_CHANGES, 0, 1, 7);
    assert_int_equal(decode_coded(NULL, N), RRTO_PROTOCOL);
    begin(1, 0);
    CHUNK(RRTO_CHUNK_PLANES, RRTO_PREDICT_LEFT | RRTO_PLANE_COLOUR, CONSTANT, 0); /* nor a plane before */
    assert_int_equal(decode_coded(NULL, N), RRTO_PROTOCOL);
    begin(1, 0);
    CHUNK(RRTO_CHUNKS, 0); /* no such chunk */
    assert_int_equal(decode_coded(NULL, N), RRTO_PROTOCOL);
    begin(1, 0);
    CHUNK(RRTO_CHUNK_FILL, 1, 2, 3); /* less than a word */
    assert_int_equal(decode_coded(NULL, N), RRTO_PROTOCOL);
}

static void test_bad_palettes(void **state)
{
    (void)state;
    enum {
        N = 8,
        CONSTANT = 1,
        NEW = RRTO_PALETTE_NEW << 4,
        KEPT = RRTO_PALETTE_KEPT << 4,
        MORE = RRTO_PALETTE_MORE << 4
    };
    begin(2, 0);
    CHUNK(RRTO_CHUNK_PLANES, NEW, 1, 5, 0, 2, CONSTANT, 1); /* words 5 and 8: four times the second */
    assert_int_equal(decode_coded(NULL, N), RRTO_OK);
    assert_int_equal(to[6], 8);
    begin(2, 0);
    CHUNK(RRTO_CHUNK_PLANES, NEW, 1, 5, 0, 2, CONSTANT, 2); /* the third */
    assert_int_equal(decode_coded(NULL, N), RRTO_PROTOCOL);
    begin(2, 0);
    CHUNK(RRTO_CHUNK_PLANES, KEPT, CONSTANT, 0); /* of none */
    assert_int_equal(decode_coded(NULL, N), RRTO_PROTOCOL);
    begin(2, 0);
    CHUNK(RRTO_CHUNK_PLANES, NEW, 1, 0xfe, 0xff, 1, CONSTANT, 0); /* a word beyond the last one */
    assert_int_equal(decode_coded(NULL, N), RRTO_PROTOCOL);
    struct rrto_payload_past past;
    rrto_payload_past_init(&past, 100);
    past.palettes[0] = (struct rrto_palette){.n = 1, .keys = {5}};
    begin(2, 0);
    CHUNK(RRTO_CHUNK_PLANES, MORE, 0, 5, 0, CONSTANT, 0); /* one that is there */
    assert_int_equal(decode_coded(&past, N), RRTO_PROTOCOL);
    assert_int_equal(past.palettes[0].n, 1);
    past.palettes[0].n = RRTO_PALETTE_WORDS; /* full */
    begin(2, 0);
    CHUNK(RRTO_CHUNK_PLANES, MORE, 0, 6, 0, CONSTANT, 0);
    assert_int_equal(decode_coded(&past, N), RRTO_PROTOCOL);
    rrto_payload_past_fini(&past);
}

static void test_bad_changes(void **state)
{
    (void)state;
    struct rrto_payload_past past;
    rrto_payload_past_init(&past, 100);
    rrto_payload_past_keep(&past, "12345678", 8);
    begin(1, 0);
    CHUNK(RRTO_CHUNK_CHANGES, 6, 2, 'a', 'b');
    assert_int_equal(decode_coded(&past, 8), RRTO_OK);
    assert_memory_equal(to, "123456ab", 8);
    begin(1, 0);
    CHUNK(RRTO_CHUNK_CHANGES, 7, 2, 'a', 'b'); /* ends behind the end */
    assert_int_equal(decode_coded(&past, 8), RRTO_PROTOCOL);
    begin(1, 0);
    CHUNK(RRTO_CHUNK_CHANGES, 6, 0); /* of nothing */
    assert_int_equal(decode_coded(&past, 8), RRTO_PROTOCOL);
    begin(1, 0);
    CHUNK(RRTO_CHUNK_CHANGES, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 'a'); /* around the world */
    assert_int_equal(decode_coded(&past, 12), RRTO_PROTOCOL);
    begin(1, 0);
    CHUNK(RRTO_CHUNK_CHANGES, 0); /* the past is shorter */
    assert_int_equal(decode_coded(&past, 9), RRTO_PROTOCOL);
    rrto_payload_past_fini(&past);
}

/* A frame that unfolds to more than its place, or to less, is refused, and nothing is written beyond it. */
static void test_bombs(void **state)
{
    (void)state;
    static uint8_t zeroes[MAX_BYTES], frame[1000];
    size_t n_frame = ZSTD_compress(frame, sizeof frame, zeroes, sizeof zeroes, 1);
    assert_false(ZSTD_isError(n_frame));
    for (int kind = RRTO_CHUNK_ZSTD; kind <= RRTO_CHUNK_PLANES; kind += RRTO_CHUNK_PLANES - RRTO_CHUNK_ZSTD) {
        uint8_t body[1100] = {RRTO_PREDICT_LEFT, 2};
        size_t head = kind == RRTO_CHUNK_ZSTD ? 0 : 6;
        memcpy(body + 2, &(uint32_t){(uint32_t)n_frame}, 4);
        memcpy(body + head, frame, n_frame);
        begin(1, 0);
        chunk((unsigned)kind, body, n_frame + head);
        assert_int_equal(decode_coded(NULL, 5000), RRTO_PROTOCOL);
        assert_int_equal(decode_coded(NULL, RRTO_PAYLOAD_CHUNK_BYTES), RRTO_PROTOCOL);
    }
}

static void test_bad_heads(void **state)
{
    (void)state;
    const struct rrto_payload_model
        good = {.how = RRTO_PAYLOAD_PLANES, .width = 4, .channels = 3, .group = 2, .row = 30, .plane = 300, .band = 60},
        zero = {0};
    struct rrto_payload_model bad[10];
    for (int i = 0; i < 10; i++)
        bad[i] = good;
    bad[0].how = RRTO_PAYLOAD_HOWS;
    bad[1].width = 3;
    bad[2].order = RRTO_ORDERS;
    bad[3].channels = 0;
    bad[4].channels = RRTO_PAYLOAD_CHANNELS + 1;
    bad[5].row = 31; /* not of whole channels */
    bad[6].row = RRTO_PAYLOAD_CHUNK_BYTES;
    bad[7].band = 61; /* not of whole rows */
    bad[8].band = 0;
    bad[9].group = 0;
    for (int i = -1; i < 10; i++) {
        struct rrto_payload_model model = zero;
        struct rrto_dec dec;
        rrto_buf_clear(&coded);
        rrto_payload_pack_head(&coded, i < 0 ? &good : &bad[i]);
        rrto_dec_init(&dec, coded.data, coded.size);
        assert_int_equal(rrto_payload_unpack_head(&dec, &model), i < 0 ? RRTO_OK : RRTO_PROTOCOL);
        assert_int_equal(model.row, i < 0 ? good.row : 0);
    }
    /* A number of 33 bits is not what is left of it in 32. */
    for (int i = 0; i < 3; i++) {
        struct rrto_payload_model model = zero;
        struct rrto_dec dec;
        rrto_buf_clear(&coded);
        rrto_put_u8(&coded, RRTO_PAYLOAD_PLANES);
        rrto_put_varint(&coded, 4 | (uint64_t)(i == 0) << 32);
        for (const char *byte = "\1\1\1"; *byte; byte++) /* width, channels, group */
            rrto_put_u8(&coded, (uint8_t)*byte);
        rrto_put_varint(&coded, (uint64_t)(i == 1) << 32);
        rrto_put_varint(&coded, (uint64_t)(i == 2) << 32);
        rrto_dec_init(&dec, coded.data, coded.size);
        assert_int_equal(rrto_payload_unpack_head(&dec, &model), RRTO_PROTOCOL);
    }
}

static int set_up(void **state)
{
    (void)state;
    coder = rrto_payload_coder_create();
    rrto_buf_init(&coded, 2 * MAX_BYTES);
    return !coder;
}

static int tear_down(void **state)
{
    (void)state;
    rrto_payload_coder_destroy(coder);
    rrto_buf_fini(&coded);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damage),      cmocka_unit_test(test_bad_bodies), cmocka_unit_test(test_bad_palettes),
        cmocka_unit_test(test_bad_changes), cmocka_unit_test(test_bombs),      cmocka_unit_test(test_bad_heads),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
