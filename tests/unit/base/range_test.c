/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the source file of the same name in src/base. */
#include "base/map.h"
#include "base/range.h"

#include "../test.h"

static const uint64_t base = 0x7f0000000000, size = 1 << 20;

static void best_fit_lowest_address(void **state)
{
    (void)state;
    struct rrto_range *range = rrto_range_create(base, size);
    uint64_t a = rrto_range_alloc(range, 1000, 512), b = rrto_range_alloc(range, 512, 512);
    uint64_t c = rrto_range_alloc(range, 4096, 512), d = rrto_range_alloc(range, 512, 512);
    assert_int_equal(a, base);
    assert_int_equal(b, base + 1024);
    assert_int_equal(c, base + 1536);
    uint64_t n_bytes;
    assert_true(rrto_range_free(range, a, &n_bytes));
    assert_int_equal(n_bytes, 1024);
    assert_true(rrto_range_free(range, c, NULL));
    assert_int_equal(rrto_range_alloc(range, 512, 512), a); /* the smallest hole that fits, not the first large one */
    assert_int_equal(rrto_range_alloc(range, 2048, 512), c);
    assert_true(rrto_range_find(range, d + 511, &n_bytes, NULL));
    assert_int_equal(n_bytes, d);
    assert_false(rrto_range_find(range, d + 512, NULL, NULL));
    assert_null(rrto_range_destroy(range));
}

static void wrong_use_is_refused(void **state)
{
    (void)state;
    struct rrto_range *range = rrto_range_create(base, size);
    uint64_t a = rrto_range_alloc(range, 4096, 512);
    assert_false(rrto_range_free(range, a + 512, NULL));
    assert_false(rrto_range_free(range, base - 1, NULL));
    assert_false(rrto_range_free(range, base + size, NULL));
    assert_true(rrto_range_free(range, a, NULL));
    assert_false(rrto_range_free(range, a, NULL));
    assert_int_equal(rrto_range_alloc(range, 0, 512), 0);
    assert_int_equal(rrto_range_alloc(range, 100, 3), 0);
    assert_int_equal(rrto_range_alloc(range, UINT64_MAX, 512), 0);
    assert_int_equal(rrto_range_alloc(range, size + 1, 1), 0);
    assert_int_equal(rrto_range_alloc(range, size, 1), base);
    assert_int_equal(rrto_range_free_bytes(range), 0);
    assert_null(rrto_range_destroy(range));
    assert_null(rrto_range_create(0, 10));
    assert_null(rrto_range_create(UINT64_MAX - 5, 10));
    assert_null(rrto_range_destroy(NULL));
}

static void alignment_leaves_the_padding_free(void **state)
{
    (void)state;
    struct rrto_range *range = rrto_range_create(base, size);
    rrto_range_alloc(range, 512, 512);
    uint64_t large = rrto_range_alloc(range, 65536, 65536);
    assert_int_equal(large % 65536, 0);
    assert_int_equal(rrto_range_free_bytes(range), size - 512 - 65536);
    assert_int_equal(rrto_range_alloc(range, 512, 512), base + 512);
    assert_null(rrto_range_destroy(range));
}

static void random_use_never_overlaps_and_heals(void **state)
{
    (void)state;
    enum { SLOTS = 200 };
    uint64_t at[SLOTS] = {0}, n[SLOTS] = {0}, random = 7, used = 0;
    struct rrto_range *range = rrto_range_create(base, size);
    for (int step = 0; step < 50000; step++) {
        random = rrto_mix64(random + 0x9e3779b97f4a7c15u);
        size_t i = random % SLOTS;
        if (at[i]) {
            uint64_t n_bytes = 0;
            assert_true(rrto_range_free(range, at[i], &n_bytes));
            assert_int_equal(n_bytes, n[i]);
            used -= n_bytes;
            at[i] = 0;
        } else {
            uint64_t alignment = (uint64_t)1 << (random >> 20) % 13, wanted = 1 + (random >> 40) % 9000;
            at[i] = rrto_range_alloc(range, wanted, alignment);
            if (!at[i]) {
                assert_true(rrto_range_largest_free(range) < wanted + 2 * alignment);
                continue;
            }
            n[i] = (wanted + alignment - 1) / alignment * alignment;
            used += n[i];
            assert_int_equal(at[i] % alignment, 0);
            assert_true(at[i] >= base && at[i] + n[i] <= base + size);
            for (size_t j = 0; j < SLOTS; j++)
                assert_true(j == i || !at[j] || at[j] + n[j] <= at[i] || at[i] + n[i] <= at[j]);
        }
        assert_int_equal(rrto_range_free_bytes(range), size - used);
    }
    for (size_t i = 0; i < SLOTS; i++)
        if (at[i])
            assert_true(rrto_range_free(range, at[i], NULL));
    assert_int_equal(rrto_range_largest_free(range), size);
    assert_null(rrto_range_destroy(range));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(best_fit_lowest_address),
        cmocka_unit_test(wrong_use_is_refused),
        cmocka_unit_test(alignment_leaves_the_padding_free),
        cmocka_unit_test(random_use_never_overlaps_and_heals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
