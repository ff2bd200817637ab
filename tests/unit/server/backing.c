/* SPDX-License-Identifier: Apache-2.0 */
/* Pages behind the arena, against a driver that checks every mapping: shared pages, late unmapping, limits, random
 * torture. */
#include "backing.h"

#include "../test.h"
#include "base/status.h"
#include "fake_driver.h"

#include <stdlib.h>
#include <string.h>

#define PAGE RRTO_BACKING_PAGE_BYTES

static struct fake fake;
static struct rrto_backing backing;
static uint32_t retired[FAKE_PAGES];
static uint32_t n_retired;

static void retire(void *arg, uint32_t page)
{
    (void)arg;
    retired[n_retired++] = page;
}

static void unmap_retired(void)
{
    for (uint32_t i = 0; i < n_retired; i++)
        assert_int_equal(rrto_backing_unmap(&backing, retired[i]), 0);
    n_retired = 0;
}

static int setup(void **state)
{
    (void)state;
    char why[300];
    fake_init(&fake);
    n_retired = 0;
    const struct rrto_control_range candidates[] = {
        {0, PAGE},                                        /* nonsense */
        {fake.reserved_base + 1, fake.reserved_bytes},    /* not aligned */
        {fake.reserved_base + PAGE, fake.reserved_bytes}, /* the driver gives another address */
        {fake.reserved_base, fake.reserved_bytes},        /* this one */
    };
    return rrto_backing_open(&backing, &fake.driver, 0, candidates, 4, 64 * PAGE, why, sizeof why);
}

static int teardown(void **state)
{
    (void)state;
    free(backing.pages);
    return 0;
}

static uint64_t at(uint64_t page)
{
    return fake.reserved_base + page * PAGE;
}

static void candidates(void **state)
{
    (void)state;
    char why[300] = "";
    struct rrto_backing none;
    assert_int_equal(backing.base, fake.reserved_base);
    const struct rrto_control_range wrong[] = {{fake.reserved_base + 5 * PAGE, PAGE}};
    assert_int_equal(rrto_backing_open(&none, &fake.driver, 0, wrong, 1, PAGE, why, sizeof why), RRTO_REFUSED);
    assert_non_null(strstr(why, "address ranges"));
    assert_int_equal(rrto_backing_open(&none, &fake.driver, 0, NULL, 0, PAGE, why, sizeof why), RRTO_REFUSED);
}

static void shared_page(void **state)
{
    (void)state;
    assert_int_equal(rrto_backing_alloc(&backing, at(3), 512), 0);
    assert_int_equal(rrto_backing_alloc(&backing, at(3) + 512, 512), 0);
    assert_int_equal(backing.n_mapped, PAGE);
    assert_int_equal(rrto_backing_free(&backing, at(3), 512, retire, NULL), 0);
    assert_int_equal(n_retired, 0);
    assert_true(rrto_backing_covers(&backing, at(3) + 512, 512));
    assert_int_equal(rrto_backing_free(&backing, at(3) + 512, 512, retire, NULL), 0);
    assert_int_equal(n_retired, 1);
    assert_false(rrto_backing_covers(&backing, at(3) + 512, 512));
    assert_int_equal(fake.n_handles, 1); /* running work may still use it */
    unmap_retired();
    assert_int_equal(fake.n_handles, 0);
    assert_int_equal(backing.n_mapped, 0);
}

/* Freed and taken again before the unmapping: the page stays, and a later free retires it anew; its neighbours go. */
static void revived(void **state)
{
    (void)state;
    assert_int_equal(rrto_backing_alloc(&backing, at(0), 4 * PAGE), 0);
    assert_int_equal(rrto_backing_free(&backing, at(0), 4 * PAGE, retire, NULL), 0);
    assert_int_equal(n_retired, 4);
    assert_int_equal(rrto_backing_alloc(&backing, at(1), PAGE), 0);
    assert_int_equal(fake.n_handles, 4);
    assert_int_equal(rrto_backing_free(&backing, at(1), PAGE, retire, NULL), 0);
    assert_int_equal(n_retired, 5);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(rrto_backing_unmap(&backing, retired[i]), 0);
    assert_int_equal(fake.n_handles, 1); /* the first free's turn came too early for the second's users */
    assert_int_equal(rrto_backing_unmap(&backing, retired[4]), 0);
    assert_int_equal(fake.n_handles, 0);
    n_retired = 0;
}

/* The client counts on every page that it freed: a small block in the remains of a large one holds its own page only.
 */
static void small_block_holds_one_page(void **state)
{
    (void)state;
    assert_int_equal(rrto_backing_alloc(&backing, at(0), 64 * PAGE), 0); /* all that is granted */
    assert_int_equal(rrto_backing_alloc(&backing, at(5), 512), 0);
    assert_int_equal(rrto_backing_free(&backing, at(0), 64 * PAGE, retire, NULL), 0);
    unmap_retired();
    assert_int_equal(backing.n_mapped, PAGE);
    assert_int_equal(rrto_backing_alloc(&backing, at(100), 63 * PAGE), 0);
    assert_int_equal(rrto_backing_free(&backing, at(5), 512, retire, NULL), 0);
    assert_int_equal(rrto_backing_free(&backing, at(100), 63 * PAGE, retire, NULL), 0);
    unmap_retired();
}

static void refused(void **state)
{
    (void)state;
    uint64_t end = fake.reserved_base + fake.reserved_bytes;
    assert_int_equal(rrto_backing_alloc(&backing, at(0), 0), RRTO_INVALID);
    assert_int_equal(rrto_backing_alloc(&backing, at(0) - 1, 2), RRTO_INVALID);
    assert_int_equal(rrto_backing_alloc(&backing, end - 1, 2), RRTO_INVALID);
    assert_int_equal(rrto_backing_alloc(&backing, at(1), UINT64_MAX), RRTO_INVALID);
    assert_int_equal(rrto_backing_free(&backing, at(9), 1, retire, NULL), RRTO_INVALID);
    assert_int_equal(rrto_backing_alloc(&backing, at(9), PAGE), 0);
    assert_int_equal(rrto_backing_free(&backing, at(9), 2 * PAGE, retire, NULL),
                     RRTO_INVALID); /* the second page is nobody's */
    assert_true(rrto_backing_covers(&backing, at(9), PAGE));
    assert_false(rrto_backing_covers(&backing, at(9), PAGE + 1));
    assert_false(rrto_backing_covers(&backing, at(9), UINT64_MAX));
    assert_false(rrto_backing_covers(&backing, at(9), 0));
}

static void out_of_memory(void **state)
{
    (void)state;
    assert_int_equal(rrto_backing_alloc(&backing, at(0), 64 * PAGE), 0); /* all that is granted */
    assert_int_equal(rrto_backing_alloc(&backing, at(100), PAGE), RRTO_CU_OUT_OF_MEMORY);
    assert_int_equal(backing.n_mapped, 64 * PAGE);
    assert_int_equal(rrto_backing_free(&backing, at(0), 64 * PAGE, retire, NULL), 0);
    unmap_retired();
    /* Large enough for the limit, but the device runs out half-way: nothing stays behind. */
    fake.memory_left = 20 * PAGE;
    assert_int_equal(rrto_backing_alloc(&backing, at(0), 40 * PAGE), RRTO_CU_OUT_OF_MEMORY);
    assert_int_equal(fake.n_handles, 0);
    assert_int_equal(backing.n_mapped, 0);
    assert_int_equal(rrto_backing_alloc(&backing, at(0), 20 * PAGE), 0);
}

/* Random overlapping blocks, freed in random order, unmapped at random times; the fake driver checks every call. */
static void torture(void **state)
{
    (void)state;
    enum { BLOCKS = 60, PAGES = 80 };
    static struct {
        uint64_t address, n;
    } blocks[BLOCKS];
    uint64_t seed = 12345;
    unsigned n_allocated = 0, n_refused = 0;
    for (int step = 0; step < 20000; step++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        uint64_t r = seed >> 20;
        unsigned i = (unsigned)(r % BLOCKS);
        if (blocks[i].n) {
            assert_int_equal(rrto_backing_free(&backing, blocks[i].address, blocks[i].n, retire, NULL), 0);
            blocks[i].n = 0;
        } else {
            uint64_t address = fake.reserved_base + (r >> 8) % ((PAGES - 8) * PAGE), n = 1 + (r >> 16) % (8 * PAGE);
            int32_t error = rrto_backing_alloc(&backing, address, n);
            assert_true(error == 0 || error == RRTO_CU_OUT_OF_MEMORY);
            n_refused += error != 0;
            n_allocated += error == 0;
            if (error == 0) {
                blocks[i].address = address;
                blocks[i].n = n;
            }
        }
        if (n_retired > FAKE_PAGES / 2 || (r >> 40) % 4 == 0)
            unmap_retired();
        for (unsigned j = 0; j < BLOCKS; j++) {
            if (blocks[j].n) {
                assert_true(rrto_backing_covers(&backing, blocks[j].address, blocks[j].n));
                assert_int_not_equal(fake.mapped[(blocks[j].address - fake.reserved_base) / PAGE], 0);
            }
        }
        assert_true(backing.n_mapped <= backing.max_mapped);
    }
    assert_true(n_allocated > 1000 && n_refused > 0);
    for (unsigned i = 0; i < BLOCKS; i++) {
        if (blocks[i].n)
            assert_int_equal(rrto_backing_free(&backing, blocks[i].address, blocks[i].n, retire, NULL), 0);
    }
    unmap_retired();
    assert_int_equal(fake.n_handles, 0);
    assert_int_equal(backing.n_mapped, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(candidates), TEST(shared_page),   TEST(revived), TEST(small_block_holds_one_page),
        TEST(refused),    TEST(out_of_memory), TEST(torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
