/* SPDX-License-Identifier: Apache-2.0 */
/* One launch per family, checked against numbers that can be worked out by hand. */
#include "launcher.h"

#include <math.h>

/* 3 x 4 floats. */
static const float matrix[12] = {1, 2, 3, 4, -1, 0, 8, 1, 5, 5, -5, 7};

static void reduce_put(struct block *block, uint32_t head, const void *from, void *to, int n_outputs, int n_inputs,
                       uint32_t in_step, uint32_t base_step, uint32_t out_step)
{
    uint32_t source = block->kernel->layout[0][1] - 64;
    AT(block, head + 4, int, n_inputs);
    AT(block, head + 8, int, n_outputs);
    offsets_put(block, head + 64, 1, 1, (const uint32_t[]){(uint32_t)n_inputs}, &in_step);
    offsets_put(block, head + 64 + 404, 1, 2, (const uint32_t[]){(uint32_t)n_outputs},
                (const uint32_t[]){out_step, base_step});
    AT(block, source, const void *, from);
    AT(block, source + 8, void *, to);
    AT(block, source + 48, int64_t, 0);
    block_put(block, source + 56, (uint8_t[]){0, 1}, 2);
    AT(block, source + 60, int, 1);
}

static void reduce(void **state)
{
    (void)state;
    struct block block;
    float rows[3], columns[4];
    int64_t places[3];
    block_init(&block, &MEAN);
    AT(&block, 0, float, 0.25f);
    reduce_put(&block, 8, matrix, rows, 3, 4, 4, 16, 4);
    assert_int_equal(block_run(&block, 1, 1), 0);
    assert_floats(rows, (float[]){2.5f, 2, 3}, 3);
    AT(&block, 0, float, 1);
    reduce_put(&block, 8, matrix, columns, 4, 3, 16, 4, 4);
    assert_int_equal(block_run(&block, 1, 1), 0);
    assert_floats(columns, (float[]){5, 7, 6, 12}, 4);
    block_put(&block, MEAN.layout[0][1] - 8, (uint8_t[]){1, 1}, 2); /* accumulates: not supported */
    assert_int_equal(block_run(&block, 1, 1), -1);
    block_init(&block, &ARG_MAX);
    reduce_put(&block, 24, matrix, places, 3, 4, 4, 16, 8);
    assert_int_equal(block_run(&block, 1, 1), 0);
    assert_true(places[0] == 3 && places[1] == 2 && places[2] == 3);
}

static void softmax(void **state)
{
    (void)state;
    struct block block;
    float out[12], sum;
    block_init(&block, &SOFTMAX);
    SET(&block, 0, void *, out);
    SET(&block, 1, const void *, matrix);
    SET(&block, 2, int, 3);
    SET(&block, 3, int, 4);
    SET(&block, 4, int, 4);
    assert_int_equal(block_run(&block, 1, 1), 0);
    for (int row = 0; row < 3; row++) {
        sum = 0;
        for (int i = 0; i < 4; i++)
            sum += expf(matrix[row * 4 + i]);
        for (int i = 0; i < 4; i++)
            assert_floats(&out[row * 4 + i], &(float){expf(matrix[row * 4 + i]) / sum}, 1);
    }
    block_init(&block, &SOFTMAX_SPATIAL); /* over the middle of 1 x 3 x 4 */
    SET(&block, 0, void *, out);
    SET(&block, 1, const void *, matrix);
    SET(&block, 2, int, 1);
    SET(&block, 3, int, 3);
    SET(&block, 4, int, 4);
    assert_int_equal(block_run(&block, 1, 1), 0);
    for (int i = 0; i < 4; i++) {
        sum = expf(matrix[i]) + expf(matrix[4 + i]) + expf(matrix[8 + i]);
        assert_floats(&out[4 + i], &(float){expf(matrix[4 + i]) / sum}, 1);
    }
}

static void layer_norm(void **state)
{
    (void)state;
    static const float gamma[] = {1, 2, 1, 1}, beta[] = {0, 0, 0.5f, 0};
    float out[12], mean[3], inverse[3];
    struct block block;
    block_init(&block, &LAYER_NORM);
    SET(&block, 0, int, 4);
    SET(&block, 1, float, 1e-5f);
    SET(&block, 2, const void *, matrix);
    SET(&block, 3, const void *, gamma);
    SET(&block, 4, const void *, beta);
    SET(&block, 5, void *, mean);
    SET(&block, 6, void *, inverse);
    SET(&block, 7, void *, out);
    assert_int_equal(block_run(&block, 3, 1), 0);
    float deviation = sqrtf(1.25f + 1e-5f);
    assert_floats(mean, (float[]){2.5f, 2, 3}, 3);
    assert_floats(inverse, (float[]){1 / deviation}, 1);
    assert_floats(out, (float[]){-1.5f / deviation, -1 / deviation, 0.5f / deviation + 0.5f, 1.5f / deviation}, 4);
}

static void max_pool(void **state)
{
    (void)state;
    float out[6];
    int64_t index[6];
    static const int window[] = {2, 2, 2, 2, 2, 2, 1, 0, 1, 1}; /* pooled 2 x 2, kernel 2 x 2, stride 2, pad 1 x 0 */
    struct block block;
    block_init(&block, &MAX_POOL);
    SET(&block, 0, int, 4);
    SET(&block, 1, const void *, matrix);
    SET(&block, 2, int64_t, 1);
    SET(&block, 3, int64_t, 3);
    SET(&block, 4, int64_t, 4);
    block_put(&block, MAX_POOL.layout[5][0], window, sizeof window);
    SET(&block, 15, void *, out);
    SET(&block, 16, void *, index);
    assert_int_equal(block_run(&block, 1, 1), 0);
    assert_floats(out, (float[]){2, 4, 5, 8}, 4);
    assert_true(index[0] == 1 && index[1] == 3 && index[2] == 8 && index[3] == 6);
}

/* Rows of 4 and of 8 floats side by side, element by element and in vectors of four. */
/* A PackedTensorAccessor of one row. */
static void row_put(struct block *block, uint32_t k, void *data, int64_t n)
{
    uint32_t at = block->kernel->layout[k][0];
    AT(block, at, void *, data);
    block_put(block, at + 8, (int64_t[]){1, 1, 1, n, n, n, n, 1}, 64);
}

/* A row of four, enlarged to eight. */
static void interpolation(void **state)
{
    (void)state;
    static const struct {
        const struct torch_kernel *kernel;
        float expected[8];
    } cases[] = {
        {&BILINEAR, {0, 0, 0, 0.25f, 0.75f, 0.75f, 0.25f, 0}},
        {&BICUBIC, {0, -0.03515625f, -0.10546875f, 0.26171875f, 0.87890625f, 0.87890625f, 0.26171875f, -0.10546875f}}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        float in[4] = {0, 0, 1, 0}, out[8];
        struct block block;
        block_init(&block, cases[i].kernel);
        SET(&block, 0, int, 8);
        SET(&block, 1, float, 1);
        SET(&block, 2, float, 0.5f);
        SET(&block, 3, uint8_t, 0);
        row_put(&block, 4, in, 4);
        row_put(&block, 5, out, 8);
        assert_int_equal(block_run(&block, 1, 1), 0);
        assert_floats(out, cases[i].expected, 8);
    }
}

static void concatenation(void **state)
{
    (void)state;
    static float first[8], second[16];
    for (int i = 0; i < 8; i++)
        first[i] = (float)i;
    for (int i = 0; i < 16; i++)
        second[i] = (float)(100 + i);
    for (int vector = 1; vector <= 4; vector += 3) {
        const struct torch_kernel *kernel = vector > 1 ? &CAT_VECTORIZED : &CAT;
        float out[24] = {0};
        struct block block;
        block_init(&block, kernel);
        SET(&block, 0, void *, out);
        const uint32_t meta = kernel->layout[1][0], numbers = meta + 8 * 128;
        AT(&block, meta, const void *, first);
        AT(&block, meta + 8, const void *, second);
        for (uint32_t i = 0; i < 2; i++) {
            AT(&block, numbers + 4 * i, uint32_t, i ? 4 : 0);
            AT(&block, numbers + 4 * (128 + i), uint32_t, i ? 8 : 4);
            AT(&block, numbers + 4 * (256 + i), uint32_t, i ? 16 : 8);
        }
        uint32_t width = vector > 1 ? 3 : 12;
        block_put(&block, kernel->layout[2][0], (uint32_t[]){2, width, 0, 0, width, 1, 0, 0}, 32);
        SET(&block, 3, int, 1);
        SET(&block, 4, uint32_t, 1);
        assert_int_equal(block_run(&block, 1, 2), 0);
        for (int row = 0; row < 2; row++)
            for (int i = 0; i < 12; i++)
                assert_true(out[row * 12 + i] == (i < 4 ? first[row * 4 + i] : second[row * 8 + i - 4]));
    }
}

struct tensor_info {
    void *data;
    uint32_t size[25], stride[25];
    int dims;
};

static void select_rows(void **state)
{
    (void)state;
    static int64_t wanted[] = {2, 0, 2};
    float out[12];
    struct block block;
    block_init(&block, &SELECT);
    SET(&block, 0, struct tensor_info, out, {1, 4}, {4, 1}, 2);
    SET(&block, 1, struct tensor_info, (void *)(uintptr_t)matrix, {1, 4}, {4, 1}, 2);
    SET(&block, 2, struct tensor_info, wanted, {3}, {1}, 1);
    SET(&block, 3, int, 0);
    SET(&block, 4, int, 0);
    SET(&block, 5, uint32_t, 4);
    SET(&block, 6, int64_t, 3);
    assert_int_equal(block_run(&block, 1, 1), 0);
    assert_floats(out, (float[]){5, 5, -5, 7, 1, 2, 3, 4, 5, 5, -5, 7}, 12);
    wanted[1] = 3;
    assert_int_equal(block_run(&block, 1, 1), -1); /* out of range: the device would assert */
    wanted[1] = 0;
}

static void range(void **state)
{
    (void)state;
    int64_t out[5];
    struct block block;
    block_init(&block, &ARANGE);
    SET(&block, 0, int, 5);
    AT(&block, ARANGE.layout[1][0], int64_t, 3);
    AT(&block, ARANGE.layout[1][0] + 8, int64_t, -2);
    SET(&block, 2, void *, out);
    assert_int_equal(block_run(&block, 1, 1), 0);
    for (int i = 0; i < 5; i++)
        assert_true(out[i] == 3 - 2 * i);
}

/* One head, two queries, three keys of one dimension, values of one dimension. */
static void attention(void **state)
{
    (void)state;
    static const float query[] = {1, 2}, key[] = {0, 1, -1}, value[] = {10, 20, 30};
    float out[2];
    for (uint8_t mask = 0; mask < 2; mask++) {
        struct block block;
        block_init(&block, &ATTENTION);
        memset(block.bytes, 0, ATTENTION.param_bytes);
        AT(&block, 0, const void *, query);
        AT(&block, 8, const void *, key);
        AT(&block, 16, const void *, value);
        AT(&block, 64, void *, out);
        AT(&block, 92, float, 0.5f);
        block_put(&block, 96, (int32_t[]){1, 1, 2, 3, 3}, 20);
        AT(&block, 116, uint8_t, mask);
        block_put(&block, 120, (int32_t[]){1, 1, 1, 0, 1}, 20);
        block_put(&block, 192, (int32_t[]){1, 1}, 8);
        assert_int_equal(block_run(&block, 1, 1), 0);
        for (int row = 0; row < 2; row++) {
            float sum = 0, weighted = 0;
            for (int k = 0; k < (mask ? row + 1 : 3); k++) {
                sum += expf(0.5f * query[row] * key[k]);
                weighted += expf(0.5f * query[row] * key[k]) * value[k];
            }
            assert_true(fabsf(out[row] - weighted / sum) < 1e-4f);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reduce),      cmocka_unit_test(softmax),       cmocka_unit_test(layer_norm),
        cmocka_unit_test(max_pool),    cmocka_unit_test(interpolation), cmocka_unit_test(concatenation),
        cmocka_unit_test(select_rows), cmocka_unit_test(range),         cmocka_unit_test(attention),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
