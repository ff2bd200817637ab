/* SPDX-License-Identifier: Apache-2.0 */
/* The log against the drop rule of docs/wire.md, told again in the most obvious way. */
#include "../test.h"

#include "base/status.h"
#include "replay/log.h"

#include <stdlib.h>
#include <string.h>

enum { MAX = 20000, BYTES = 4096 };

/* Every op ever, where it lay and how long it was; kept[] says which are still there. */
static struct {
    size_t n, at, room;
    bool kept;
    uint8_t fill;
} model[MAX];
static size_t n_model, model_at, n_kept;

static void model_drop_oldest(void)
{
    for (size_t i = 0; i < n_model; i++) {
        if (model[i].kept) {
            model[i].kept = false;
            n_kept--;
            return;
        }
    }
}

static bool model_overlaps(size_t from, size_t to)
{
    for (size_t i = 0; i < n_model; i++)
        if (model[i].kept && model[i].at < to && from < model[i].at + model[i].room)
            return true;
    return false;
}

static void model_append(size_t n, uint8_t fill)
{
    size_t room = n == 0 ? 8 : (n + 7) / 8 * 8;
    assert_true(n_model < MAX);
    if (room > BYTES) {
        while (n_kept)
            model_drop_oldest();
        model_at = 0;
        model[n_model].kept = false;
        n_model++;
        return;
    }
    if (model_at + room > BYTES) {
        while (model_overlaps(model_at, BYTES))
            model_drop_oldest();
        model_at = 0;
    }
    while (model_overlaps(model_at, model_at + room))
        model_drop_oldest();
    if (n_kept == BYTES / 64)
        model_drop_oldest();
    model[n_model].n = n;
    model[n_model].at = model_at;
    model[n_model].room = room;
    model[n_model].kept = true;
    model[n_model].fill = fill;
    n_model++;
    n_kept++;
    model_at += room;
}

static void test_against_model(void **state)
{
    (void)state;
    static uint8_t op[BYTES + 100];
    const size_t largest[] = {16, 80, 200, 1000, BYTES + 100};
    for (unsigned round = 0; round < 5; round++) {
        struct rrto_log log;
        assert_int_equal(rrto_log_init(&log, BYTES + 5), RRTO_OK);
        srand(round);
        n_model = n_kept = model_at = 0;
        for (unsigned i = 0; i < 700; i++) {
            size_t n = (size_t)rand() % (largest[round] + 1);
            memset(op, (int)(i & 255), n);
            assert_int_equal(rrto_log_append(&log, op, n, NULL, 0), i);
            model_append(n, (uint8_t)i);
            for (size_t p = 0; p < n_model; p++) {
                size_t got;
                const uint8_t *bytes = rrto_log_get(&log, p, &got);
                assert_int_equal(bytes != NULL, model[p].kept);
                if (!bytes)
                    continue;
                assert_int_equal(got, model[p].n);
                assert_int_equal((uintptr_t)bytes % 8, 0);
                for (size_t b = 0; b < got; b++)
                    assert_int_equal(bytes[b], model[p].fill);
            }
            size_t none;
            assert_null(rrto_log_get(&log, log.head, &none));
        }
        rrto_log_fini(&log);
    }
}

static void test_bounds(void **state)
{
    (void)state;
    struct rrto_log log;
    assert_int_equal(rrto_log_init(&log, RRTO_LOG_MIN_BYTES - 1), RRTO_INVALID);
    assert_int_equal(rrto_log_init(&log, RRTO_LOG_MAX_BYTES + 64), RRTO_INVALID);
    assert_int_equal(rrto_log_init(&log, (uint64_t)32 << 20), RRTO_OK);
    assert_int_equal(log.max_ops, 1 << 19);
    rrto_log_fini(&log);
    rrto_log_fini(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_model),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
