/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the source file of the same name in src/base. */
#include "base/map.h"

#include "../test.h"

#include <stdlib.h>

static void behaves_like_an_array(void **state)
{
    (void)state;
    enum { KEYS = 512, STEPS = 200000 };
    uint64_t model[KEYS] = {0};
    bool present[KEYS] = {0};
    size_t n = 0;
    struct rrto_map map;
    rrto_map_init(&map);
    uint64_t random = 1;
    for (int step = 0; step < STEPS; step++) {
        random = rrto_mix64(random + 0x9e3779b97f4a7c15u);
        size_t k = random % KEYS;
        uint64_t key = k % 3 ? k * 0x10000 : ~(uint64_t)k; /* with 0, and with keys that share low bits */
        uint64_t value = 0;
        if (random >> 40 & 1) {
            assert_true(rrto_map_put(&map, key, random));
            n += !present[k];
            present[k] = true;
            model[k] = random;
        } else {
            assert_int_equal(rrto_map_remove(&map, key, &value), present[k]);
            if (present[k])
                assert_int_equal(value, model[k]);
            n -= present[k];
            present[k] = false;
        }
        assert_int_equal(map.n, n);
        k = (k * 7 + 1) % KEYS;
        key = k % 3 ? k * 0x10000 : ~(uint64_t)k;
        assert_int_equal(rrto_map_get(&map, key, &value), present[k]);
        if (present[k])
            assert_int_equal(value, model[k]);
    }
    size_t cursor = 0, seen = 0;
    uint64_t key, value;
    while (rrto_map_next(&map, &cursor, &key, &value))
        seen++;
    assert_int_equal(seen, n);
    rrto_map_fini(&map);
}

static void an_empty_map_answers(void **state)
{
    (void)state;
    struct rrto_map map;
    rrto_map_init(&map);
    size_t cursor = 0;
    assert_false(rrto_map_get(&map, 5, NULL));
    assert_false(rrto_map_remove(&map, 5, NULL));
    assert_false(rrto_map_next(&map, &cursor, NULL, NULL));
    rrto_map_fini(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(behaves_like_an_array),
        cmocka_unit_test(an_empty_map_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
