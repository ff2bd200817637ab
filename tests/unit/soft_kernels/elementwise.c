/* SPDX-License-Identifier: Apache-2.0 */
/* Elementwise kernels in all their forms. */
#include "launcher.h"

#include <math.h>
#include <stdlib.h>

enum { N = 1300 }; /* more than two blocks */

struct pointers {
    void *to;
    const void *a, *b;
};

static float a[N], b[N], out[N], want[N];

static int prepare(void **state)
{
    (void)state;
    for (int i = 0; i < N; i++) {
        a[i] = (float)(i % 37) - 18.5f;
        b[i] = (float)(i % 11) * 0.25f;
        want[i] = a[i] + 2 * b[i];
        out[i] = NAN;
    }
    return 0;
}

static void vectorized(void **state)
{
    (void)state;
    struct block block;
    block_init(&block, &ADD);
    SET(&block, 0, int, N - 1);
    SET(&block, 1, float, 2);
    SET(&block, 2, struct pointers, out, a, b);
    assert_int_equal(block_run(&block, 2, 1), 0);
    assert_floats(out, want, N - 1);
    assert_true(isnan(out[N - 1])); /* nothing past the end */
    memcpy(out, a, sizeof a);
    SET(&block, 2, struct pointers, out, out, b);
    assert_int_equal(block_run(&block, 2, 1), 0); /* in place */
    assert_floats(out, want, N - 1);
}

/* A 3 x 5 transposed, b broadcast along the rows: the calculator's first dimension is the fastest. */
static void strided(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {5, 3}, strides[] = {4, 12, 4, 20, 4, 0};
    for (int cast = 0; cast < 2; cast++) {
        struct block block;
        block_init(&block, cast ? &ADD_STRIDED_CAST : &ADD_STRIDED);
        SET(&block, 0, int, 15);
        offsets_put(&block, 8, 2, 3, sizes, strides);
        double doubles[15];
        for (int i = 0; i < 15; i++)
            doubles[i] = (double)a[i];
        if (cast) { /* a is double in memory: twice the strides */
            static const uint32_t wide[] = {4, 24, 4, 20, 8, 0};
            offsets_put(&block, 8, 2, 3, sizes, wide);
        }
        AT(&block, 616, struct pointers, out, cast ? (void *)doubles : (void *)a, b);
        AT(&block, 640, float, 2);
        if (cast)
            block_put(&block, 644, (uint8_t[]){6, 7, 6}, 3);
        assert_int_equal(block_run(&block, 1, 1), 0);
        for (int row = 0; row < 3; row++)
            for (int column = 0; column < 5; column++)
                assert_true(out[row * 5 + column] == a[column * 3 + row] + 2 * b[column]);
    }
}

static void converted(void **state)
{
    (void)state;
    int32_t integers[N];
    double result[N];
    for (int i = 0; i < N; i++)
        integers[i] = i - 600;
    struct block block;
    block_init(&block, &ADD_CAST);
    SET(&block, 0, int, N);
    SET(&block, 1, float, 2);
    SET(&block, 2, struct pointers, result, integers, b);
    block_put(&block, 36, (uint8_t[]){3, 6}, 2); /* int32, float */
    block_put(&block, 48, (uint8_t[]){7}, 1);    /* double */
    assert_int_equal(block_run(&block, 3, 1), 0);
    for (int i = 0; i < N; i++)
        assert_true(result[i] == (double)((float)(i - 600) + 2 * b[i]));
    block_put(&block, 48, (uint8_t[]){9}, 1); /* complex */
    assert_int_equal(block_run(&block, 3, 1), -1);
}

static void members(void **state)
{
    (void)state;
    struct block block;
    block_init(&block, &CLAMP);
    SET(&block, 0, int, N);
    SET(&block, 2, struct pointers, out, a, NULL);
    for (int limits = 0; limits < 3; limits++) { /* min, max, both */
        AT(&block, 8, int, limits);
        AT(&block, 12, float, limits == 1 ? NAN : -3);
        AT(&block, 16, float, limits == 0 ? NAN : 4);
        if (limits == 1)
            AT(&block, 16, float, 4);
        assert_int_equal(block_run(&block, 1, 1), 0);
        for (int i = 0; i < N; i++) {
            float low = limits != 1 && a[i] < -3 ? -3 : a[i];
            assert_true(out[i] == (limits != 0 && low > 4 ? 4 : low));
        }
    }
    block_init(&block, &MUL_SCALAR);
    SET(&block, 0, int, N);
    AT(&block, 8, float, 0.5f);
    SET(&block, 2, struct pointers, out, a, NULL);
    assert_int_equal(block_run(&block, 1, 1), 0);
    for (int i = 0; i < N; i++)
        assert_true(out[i] == a[i] * 0.5f);
}

static void other_types(void **state)
{
    (void)state;
    int64_t numbers[N];
    uint8_t equal[N];
    for (int i = 0; i < N; i++)
        numbers[i] = ((int64_t)1 << 60) + i % 3; /* a double would not tell them apart */
    struct block block;
    block_init(&block, &EQUAL_SCALAR);
    SET(&block, 0, int, N);
    uint32_t object = EQUAL_SCALAR.layout[1][0];
    AT(&block, object, int, 0); /* equal */
    AT(&block, object + 8, int64_t, ((int64_t)1 << 60) + 1);
    SET(&block, 2, struct pointers, equal, numbers, NULL);
    assert_int_equal(block_run(&block, 1, 1), 0);
    for (int i = 0; i < N; i++)
        assert_int_equal(equal[i], i % 3 == 1);

    static const uint16_t half[] = {0x3c00, 0x4000, 0xc200}; /* 1, 2, -3 */
    uint16_t product[3];
    block_init(&block, &MUL_HALF);
    SET(&block, 0, int, 3);
    SET(&block, 2, struct pointers, product, half, half);
    assert_int_equal(block_run(&block, 1, 1), 0);
    assert_memory_equal(product, ((uint16_t[]){0x3c00, 0x4400, 0x4880}), 6);

    block_init(&block, &COPY_TO_HALF);
    SET(&block, 0, int, 3);
    SET(&block, 2, struct pointers, product, (float[]){1, 2, -3}, NULL);
    block_put(&block, COPY_TO_HALF.layout[5][0], (uint8_t[]){6}, 1);
    block_put(&block, COPY_TO_HALF.layout[6][0], (uint8_t[]){5}, 1);
    assert_int_equal(block_run(&block, 1, 1), 0);
    assert_memory_equal(product, half, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(vectorized, prepare),  cmocka_unit_test_setup(strided, prepare),
        cmocka_unit_test_setup(converted, prepare),   cmocka_unit_test_setup(members, prepare),
        cmocka_unit_test_setup(other_types, prepare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
