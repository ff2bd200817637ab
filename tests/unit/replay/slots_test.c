/* SPDX-License-Identifier: Apache-2.0 */
/* Slots: what is predicted of words that change. */
#include "replay/slots.h"
#include "test.h"

#include <string.h>

enum { WORDS = 12, BYTES = WORDS * 4 };
static struct rrto_slots slots;

/* One op, as both sides see it: the words that are not as predicted; its slots replace those in `kept`. */
static unsigned step(const uint32_t *source, const uint32_t *op, struct rrto_slot *kept, unsigned *n_kept)
{
    uint32_t predicted[WORDS], value;
    size_t offset, last = 0;
    unsigned missed = 0, seen = 0;
    memcpy(predicted, source, BYTES);
    rrto_slots_begin(&slots, (const uint8_t *)source, kept, *n_kept);
    while (rrto_slots_predict(&slots, &offset, &value)) {
        assert_true(offset % 4 == 0 && offset < BYTES && (seen++ == 0 || offset > last));
        last = offset;
        predicted[offset / 4] = value;
        rrto_slots_learn(&slots, op[offset / 4]);
    }
    for (unsigned i = 0; i < WORDS; i++)
        missed += predicted[i] != op[i];
    const struct rrto_slot *now = rrto_slots_end(&slots, (const uint8_t *)op, BYTES, missed > 0, n_kept);
    if (*n_kept)
        memcpy(kept, now, *n_kept * sizeof *now);
    return missed;
}

/* A counter costs nothing from the third occurrence on, also where it wraps. */
static void test_counter(void **state)
{
    (void)state;
    for (unsigned kinds = 0; kinds <= RRTO_SLOTS_ALL; kinds++) {
        uint32_t source[WORDS] = {7, 8}, op[WORDS];
        struct rrto_slot kept[WORDS];
        unsigned n = 0, missed = 0;
        rrto_slots_init(&slots, kinds);
        source[5] = UINT32_MAX - 20;
        for (unsigned i = 0; i < 12; i++, memcpy(source, op, BYTES)) {
            memcpy(op, source, BYTES);
            op[5] += 3;
            missed += step(source, op, kept, &n);
            assert_int_equal(n, kinds ? 1 : 0);
        }
        if (kinds & RRTO_SLOTS_COUNTERS)
            assert_in_range(missed, 1, 3);
        else
            assert_int_equal(missed, 12);
    }
}

/* A pointer that moves to a place nobody can guess is sent once, however many ops and words hold it or point into the
 * same block. */
static void test_pointers(void **state)
{
    (void)state;
    uint32_t ops[4][WORDS] = {{0}}, source[WORDS], at[2] = {0x10000000, 0x20000000}, noise = 1;
    struct rrto_slot kept[4][WORDS];
    unsigned n[4] = {0}, missed = 0;
    rrto_slots_init(&slots, RRTO_SLOTS_ALL);
    for (unsigned round = 0; round < 40; round++) {
        unsigned which = round % 2;
        noise = noise * 1664525 + 1013904223;
        at[which] = 0x10000000 + (noise >> 4);
        missed = 0;
        for (unsigned k = 0; k < 4; k++) {
            memcpy(source, ops[k], BYTES);
            ops[k][2] = ops[k][7] = at[k % 2];
            ops[k][8] = at[k % 2] + 0x40;
            ops[k][9] = k + 1; /* stays */
            missed += step(source, ops[k], kept[k], &n[k]);
        }
        if (round > 8)
            assert_int_equal(missed, 1);
    }
}

/* A word that has stayed for long is no slot any more; small values are never taken for pointers. */
static void test_forgotten(void **state)
{
    (void)state;
    uint32_t source[WORDS] = {0}, op[WORDS] = {0};
    struct rrto_slot kept[WORDS];
    unsigned n = 0;
    rrto_slots_init(&slots, RRTO_SLOTS_ALL);
    op[3] = 5;
    assert_int_equal(step(source, op, kept, &n), 1);
    assert_int_equal(n, 1);
    for (unsigned i = 0; i < 20; i++)
        assert_in_range(step(op, op, kept, &n), 0, i == 0);
    assert_int_equal(n, 0);

    uint32_t a[WORDS] = {1, 1, 1, 1}, b[WORDS] = {2, 1, 1, 1}, c[WORDS] = {2, 2, 1, 1};
    step(a, b, kept, &n);
    step(b, c, kept, &n);
    n = 0;
    assert_int_equal(step(a, a, kept, &n), 0); /* that 1 has become 2 elsewhere says nothing */
}

/* More words than there are slots: those are the first ones, and the rest is missed each time. */
static void test_many(void **state)
{
    (void)state;
    enum { MANY = RRTO_SLOTS_MAX + 500 };
    static uint32_t source[MANY], op[MANY];
    static struct rrto_slot kept[RRTO_SLOTS_MAX];
    unsigned n = 0;
    rrto_slots_init(&slots, RRTO_SLOTS_ALL);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < MANY; i++)
            op[i] = source[i] + i * 77 + round;
        uint32_t value;
        size_t offset;
        rrto_slots_begin(&slots, (const uint8_t *)source, kept, n);
        while (rrto_slots_predict(&slots, &offset, &value))
            rrto_slots_learn(&slots, op[offset / 4]);
        memcpy(kept, rrto_slots_end(&slots, (const uint8_t *)op, sizeof op, true, &n), sizeof kept);
        assert_int_equal(n, RRTO_SLOTS_MAX);
        assert_true(kept[0].word <= 1 && kept[n - 1].word <= RRTO_SLOTS_MAX);
        memcpy(source, op, sizeof op);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counter),
        cmocka_unit_test(test_pointers),
        cmocka_unit_test(test_forgotten),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
