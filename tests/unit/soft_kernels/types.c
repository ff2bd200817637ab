/* SPDX-License-Identifier: Apache-2.0 */
/* The conversion table: every type through every class. */
#include "kernels/types.h"
#include "test.h"

#include <math.h>
#include <string.h>

static const enum type all[] = {TYPE_U8,  TYPE_I8,   TYPE_I16,   TYPE_I32,    TYPE_I64,  TYPE_U16,     TYPE_U32,
                                TYPE_U64, TYPE_HALF, TYPE_FLOAT, TYPE_DOUBLE, TYPE_BOOL, TYPE_BFLOAT16};

static void small_numbers_survive(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        for (int64_t value = 0; value <= 1; value++) {
            uint64_t stored = 0;
            for (int class = 0; class < CLASS_N; class ++) {
                uint8_t in_class[8], again[8];
                type_store(all[i], CLASS_I64)(&stored, &value, 1);
                type_load((enum class) class, all[i])(in_class, &stored, 1);
                type_store(all[i], (enum class) class)(again, in_class, 1);
                assert_memory_equal(again, &stored, type_bytes(all[i]));
            }
            assert_int_equal(type_scalar_i64(all[i], &stored), value);
            assert_true(type_scalar_f64(all[i], &stored) == (double)value);
        }
    assert_int_equal(type_bytes(TYPE_NONE), 0);
    assert_int_equal(type_bytes((enum type)9), 0); /* complex: not supported */
}

static void edges(void **state)
{
    (void)state;
    double values[] = {-1.5, 1e300, NAN, 65520, 1.0 / 3};
    uint16_t half[5];
    type_store(TYPE_HALF, CLASS_F64)(half, values, 5);
    assert_int_equal(half[0], 0xbe00);
    assert_int_equal(half[1], 0x7c00);
    assert_true((half[2] & 0x7fff) > 0x7c00);
    assert_int_equal(half[3], 0x7c00);
    assert_int_equal(half[4], 0x3555);
    int64_t whole[3];
    type_store(TYPE_I64, CLASS_F64)(whole, values, 3);
    assert_int_equal(whole[0], -1);
    assert_true(whole[1] == INT64_MAX);
    uint8_t truth[5];
    type_store(TYPE_BOOL, CLASS_F64)(truth, (double[]){0, -0.0, 0.25, NAN, 256}, 5);
    assert_memory_equal(truth, ((uint8_t[]){0, 0, 1, 1, 1}), 5);
    int64_t wide = 0x1ff;
    uint8_t narrow;
    type_store(TYPE_U8, CLASS_I64)(&narrow, &wide, 1);
    assert_int_equal(narrow, 0xff);
}

static void strides(void **state)
{
    (void)state;
    for (size_t bytes = 1; bytes <= 16; bytes *= 2) {
        uint8_t memory[256], packed[64], back[256] = {0};
        for (int i = 0; i < 256; i++)
            memory[i] = (uint8_t)(i * 7);
        elements_gather(packed, memory, (ptrdiff_t)(3 * bytes), bytes, 4);
        elements_scatter(back, (ptrdiff_t)(3 * bytes), packed, bytes, 4);
        for (size_t i = 0; i < 4; i++)
            assert_memory_equal(back + 3 * bytes * i, memory + 3 * bytes * i, bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(small_numbers_survive), cmocka_unit_test(edges),
                                       cmocka_unit_test(strides)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
