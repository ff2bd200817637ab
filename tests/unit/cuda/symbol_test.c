/* SPDX-License-Identifier: Apache-2.0 */
/* Variables of modules: which addresses are theirs, and which pages are claimed for them. */
#include "../test.h"
#include "cuda/symbol.h"

#include <sys/mman.h>
#include <unistd.h>

static uint64_t page, base;

/* A free range of eight pages. */
static int setup(void **state)
{
    (void)state;
    page = (uint64_t)sysconf(_SC_PAGESIZE);
    void *at = mmap(NULL, 8 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(at, MAP_FAILED);
    base = (uintptr_t)at;
    assert_int_equal(munmap(at, 8 * page), 0);
    return 0;
}

/* Whether something lies in the range's n-th page. (mincore does not, under qemu, in those without
 * access.) */
static bool mapped(unsigned n)
{
    return msync((void *)(uintptr_t)(base + n * page), page, MS_ASYNC) == 0;
}

static void test_find(void **state)
{
    (void)state;
    struct rrto_symbol symbol;
    rrto_symbol_add(1, base + 256, 16);
    rrto_symbol_add(1, base + 256, 16); /* asked again */
    rrto_symbol_add(2, base + page, 2 * page);
    assert_true(rrto_symbol_find(base + 256, 16, &symbol));
    assert_true(symbol.module == 1 && symbol.address == base + 256 && symbol.n_bytes == 16 && symbol.ours);
    assert_true(rrto_symbol_find(base + 271, 1, NULL));
    assert_false(rrto_symbol_find(base + 271, 2, NULL));
    assert_false(rrto_symbol_find(base + 272, 1, NULL));
    assert_false(rrto_symbol_find(base + 255, 1, NULL));
    assert_true(rrto_symbol_find(base + 3 * page - 1, 1, NULL));
    rrto_symbol_drop(1);
    assert_false(rrto_symbol_find(base + 256, 1, NULL));
    assert_true(rrto_symbol_ours(base + page));
    rrto_symbol_drop(2);
    assert_false(rrto_symbol_ours(base + page));
}

/* An address that this process cannot have is nobody else's. A kernel older than MAP_FIXED_NOREPLACE (and qemu-user 7,
 * which does not know the flag either) gives another address and does not say why: there it is nobody's. */
static void test_no_such_address(void **state)
{
    (void)state;
#ifdef __SANITIZE_THREAD__
    skip(); /* it ends programs that ask for such an address */
#endif
    const uint64_t far = (uint64_t)1 << 62;
    void *other =
        mmap((void *)(uintptr_t)far, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (other != MAP_FAILED) {
        assert_int_equal(munmap(other, page), 0);
        skip();
    }
    rrto_symbol_add(3, far, 64);
    assert_true(rrto_symbol_ours(far));
    rrto_symbol_drop(3);
    assert_false(rrto_symbol_ours(far));
}

/* Variables that share a page hold it together. */
static void test_claims(void **state)
{
    (void)state;
    rrto_symbol_add(1, base + page - 64, page + 128); /* parts of pages 0 and 2, all of page 1 */
    rrto_symbol_add(1, base + 64, 64);
    rrto_symbol_add(2, base + 2 * page + 64, 64);
    rrto_symbol_add(3, base + 2 * page + 256, 0); /* holds nothing */
    assert_true(rrto_symbol_ours(base + page) && rrto_symbol_ours(base + 64) && rrto_symbol_ours(base + 2 * page + 64));
    assert_true(mapped(0) && mapped(1) && mapped(2) && !mapped(3));
    rrto_symbol_drop(1);
    assert_true(!mapped(0) && !mapped(1) && mapped(2));
    rrto_symbol_add(4, base + page, page + 8);
    rrto_symbol_drop(2);
    assert_true(!mapped(0) && mapped(1) && mapped(2));
    rrto_symbol_drop(4);
    rrto_symbol_drop(3);
    assert_true(!mapped(1) && !mapped(2));
}

/* Where something lies already, nobody can tell; and it stays. */
static void test_taken(void **state)
{
    (void)state;
    void *taken = mmap((void *)(uintptr_t)(base + page), page, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    assert_int_equal((uintptr_t)taken, base + page);
    *(volatile char *)taken = 7;
    rrto_symbol_add(1, base + page + 8, 8);
    rrto_symbol_add(1, base + 4 * page, 8);
    rrto_symbol_add(1, base, 2 * page);
    assert_true(rrto_symbol_find(base + page + 8, 8, NULL));
    assert_false(rrto_symbol_ours(base + page + 8));
    assert_false(rrto_symbol_ours(base));
    assert_true(rrto_symbol_ours(base + 4 * page));
    assert_false(mapped(0));
    rrto_symbol_drop(1);
    assert_int_equal(*(volatile char *)taken, 7);
    assert_int_equal(munmap(taken, page), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_find, setup),
        cmocka_unit_test_setup(test_no_such_address, setup),
        cmocka_unit_test_setup(test_claims, setup),
        cmocka_unit_test_setup(test_taken, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
