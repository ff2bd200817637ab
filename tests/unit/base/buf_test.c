/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the source file of the same name in src/base. */
#include "base/buf.h"

#include "../test.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

static void grows_up_to_its_maximum(void **state)
{
    (void)state;
    struct rrto_buf buf;
    rrto_buf_init(&buf, 1000);
    for (int i = 0; i < 1000; i++) {
        uint8_t byte = (uint8_t)i;
        rrto_buf_put(&buf, &byte, 1);
    }
    assert_false(buf.failed);
    assert_int_equal(buf.size, 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(buf.data[i], (uint8_t)i);
    assert_int_equal((uintptr_t)buf.data % 16, 0);
    rrto_buf_fini(&buf);
}

static void failure_is_sticky(void **state)
{
    (void)state;
    struct rrto_buf buf;
    rrto_buf_init(&buf, 10);
    rrto_buf_put(&buf, "0123456", 7);
    rrto_buf_put(&buf, "too much", 8);
    assert_true(buf.failed);
    rrto_buf_put(&buf, "x", 1); /* would fit */
    assert_int_equal(buf.size, 7);
    assert_null(rrto_buf_reserve(&buf, 1));
    rrto_buf_clear(&buf);
    rrto_buf_put(&buf, "x", 1);
    assert_int_equal(buf.size, 1);
    assert_null(rrto_buf_reserve(&buf, SIZE_MAX)); /* no overflow */
    rrto_buf_fini(&buf);
}

static void null_puts_zeroes(void **state)
{
    (void)state;
    struct rrto_buf buf;
    rrto_buf_init(&buf, 100);
    rrto_buf_put(&buf, NULL, 40);
    for (int i = 0; i < 40; i++)
        assert_int_equal(buf.data[i], 0);
    rrto_buf_put(&buf, NULL, 0);
    assert_int_equal(buf.size, 40);
    rrto_buf_fini(&buf);
}

/* What is in the buffer can be put behind it, also when that moves: a block behind it sees to that, and what it leaves
 * is overwritten. */
static void puts_its_own(void **state)
{
    (void)state;
    enum { N = 64, N_GUARDS = 16, GUARD = 100000 };
    struct rrto_buf buf;
    void *guards[N_GUARDS];
    int n_guards = 0;
    (void)mallopt(M_PERTURB, 0x5a);
    rrto_buf_init(&buf, N << 10);
    for (int i = 0; i < N; i++)
        rrto_buf_put(&buf, &(uint8_t){(uint8_t)i}, 1);
    while (buf.size < buf.max) {
        if (!rrto_buf_fits(&buf, N)) {
            assert_true(n_guards < N_GUARDS);
            guards[n_guards++] = malloc(GUARD);
        }
        rrto_buf_put(&buf, buf.data, N);
    }
    for (size_t i = 0; i < buf.size; i++)
        assert_int_equal(buf.data[i], i % N);
    while (n_guards)
        free(guards[--n_guards]);
    rrto_buf_fini(&buf);
    (void)mallopt(M_PERTURB, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_up_to_its_maximum),
        cmocka_unit_test(failure_is_sticky),
        cmocka_unit_test(null_puts_zeroes),
        cmocka_unit_test(puts_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
