/* SPDX-License-Identifier: Apache-2.0 */
/* In the steady state issue() and its waits get no memory: the linker sends malloc and its like here, which count for
 * the thread that calls. (The search alone: tests/unit/seq/bounds_test.c.) */
#include "fake_client.h"

static __thread unsigned n_allocations;
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *at, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *at, size_t n);
void *__wrap_malloc(size_t n)
{
    n_allocations++;
    return __real_malloc(n);
}
void *__wrap_calloc(size_t n, size_t size)
{
    n_allocations++;
    return __real_calloc(n, size);
}
void *__wrap_realloc(void *at, size_t n)
{
    n_allocations++;
    return __real_realloc(at, n);
}

/* A copy in, 70 launches of which some change, copies out: one that waits, one that is pushed with it. */
static void one(unsigned i)
{
    uint64_t position;
    inference(i);
    assert_int_equal(copy_down(0, output, 100, true, &position), 0);
    if (i % 10 == 9) /* a detour, but not to where nothing has been */
        for (uint32_t k = 0; k < 5; k++)
            assert_int_equal(work(1 + k % 2, 100 + k, i), 0);
}

static void test_no_allocations(void **state)
{
    (void)state;
    static const char *const modes[] = {"replay", "async"};
    for (unsigned m = 0; m < 2; m++) {
        fake_init(&server);
        struct rrto_session_options options = defaults(modes[m]);
        options.log_bytes = 1 << 18;
        begin(&options);
        n_allocations = 0;
        for (unsigned i = 0; i < 50; i++)
            one(i);
        assert_true(n_allocations > 0); /* the hook is there: buffers have grown */
        n_allocations = 0;
        for (unsigned i = 50; i < 400; i++) /* the log and the search's window go round several times */
            one(i);
        assert_int_equal(n_allocations, 0);
        end();
        assert_int_equal(server.status, RRTO_OK);
        fake_fini(&server);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_no_allocations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
