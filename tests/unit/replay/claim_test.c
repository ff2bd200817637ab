/* SPDX-License-Identifier: Apache-2.0 */
/* Address ranges for the arena: what is offered can be taken by a server, in large and in small address spaces. */
#include "replay/claim.h"
#include "test.h"

#include <sys/mman.h>
#include <unistd.h>

#define SERVER_PAGE_BYTES ((uint64_t)2 << 20)

/* A kernel follows a hint where it can. (mincore says nothing about pages without access under qemu.) */
static bool is_mapped(uint64_t address)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), hint = address / page * page;
    void *at = mmap((void *)(uintptr_t)hint, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(at, MAP_FAILED);
    munmap(at, page);
    return (uintptr_t)at != hint;
}

static void check_candidates(const struct rrto_claim *claim)
{
    assert_true(claim->n > 0);
    for (uint32_t i = 0; i < claim->n; i++) {
        uint64_t base = claim->held[i].base, n_bytes = claim->held[i].n_bytes;
        assert_int_equal(base % SERVER_PAGE_BYTES, 0);
        assert_int_equal(n_bytes % SERVER_PAGE_BYTES, 0);
        assert_true(n_bytes > 0 && base > 0);
        assert_true(is_mapped(base) && is_mapped(base + n_bytes - 1));
    }
}

static void test_large(void **state)
{
    (void)state;
    struct rrto_claim claim;
    rrto_claim_candidates(&claim);
    check_candidates(&claim);
    struct rrto_control_range first = claim.held[0];
    uint64_t kept = 64 * SERVER_PAGE_BYTES;
    assert_true(rrto_claim_keep(&claim, first.base, kept));
    assert_true(is_mapped(first.base) && is_mapped(first.base + kept - 1));
    assert_false(is_mapped(first.base + kept));
    munmap((void *)(uintptr_t)first.base, kept);
    rrto_claim_candidates(&claim);
    assert_false(rrto_claim_keep(&claim, 0, 0));
    assert_false(is_mapped(first.base));
}

/* Where every address that rrto would like is taken, the kernel's own offers remain. */
static void test_offered_by_the_kernel(void **state)
{
    (void)state;
#ifdef __SANITIZE_THREAD__
    skip(); /* it ends programs that take what the kernel offers */
#endif
    static const uint64_t liked[] = {0x7e0000000000, 0x600000000000, 0x500000000000,
                                     0x400000000000, 0x300000000000, 0x200000000000};
    enum { N = sizeof liked / sizeof liked[0] };
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *taken[N],
        *odd = mmap(NULL, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); /* the next is not aligned */
    for (int i = 0; i < N; i++)
        taken[i] = mmap((void *)(uintptr_t)liked[i], page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct rrto_claim claim;
    rrto_claim_candidates(&claim);
    check_candidates(&claim);
    for (uint32_t i = 0; i < claim.n; i++)
        for (int k = 0; k < N; k++)
            assert_int_not_equal(claim.held[i].base, liked[k]);
    assert_false(rrto_claim_keep(&claim, 0, 0));
    for (int i = 0; i < N; i++)
        munmap(taken[i], page);
    munmap(odd, page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_offered_by_the_kernel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
