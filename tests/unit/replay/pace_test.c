/* SPDX-License-Identifier: Apache-2.0 */
/* The open loop: when an inference may begin, and what is dropped. */
#include "../test.h"

#include "replay/pace.h"

enum { PERIOD = 100 };

static void begun(struct rrto_pace *pace, uint64_t planned, uint64_t dropped)
{
    uint64_t planned_ns, n;
    rrto_pace_begun(pace, &planned_ns, &n);
    assert_int_equal(planned_ns, planned);
    assert_int_equal(n, dropped);
}

static void test_in_time(void **state)
{
    (void)state;
    struct rrto_pace pace = {0};
    begun(&pace, 0, 0); /* the first inference is not planned */
    assert_int_equal(rrto_pace_plan(&pace, 1000, PERIOD), 1000);
    begun(&pace, 1000, 0);
    assert_int_equal(rrto_pace_plan(&pace, 1030, PERIOD), 1100); /* early: waits */
    assert_int_equal(rrto_pace_plan(&pace, 1050, PERIOD), 1100); /* another thread: the same inference */
    begun(&pace, 1100, 0);
    assert_int_equal(rrto_pace_plan(&pace, 1299, PERIOD), 1200); /* late, by less than a period */
    begun(&pace, 1200, 0);
}

static void test_too_late(void **state)
{
    (void)state;
    struct rrto_pace pace = {0};
    (void)rrto_pace_plan(&pace, 1000, PERIOD);
    begun(&pace, 1000, 0);
    assert_int_equal(rrto_pace_plan(&pace, 1450, PERIOD), 1400); /* 1100, 1200 and 1300 are gone */
    begun(&pace, 1400, 3);
    assert_int_equal(rrto_pace_plan(&pace, 1460, PERIOD), 1500); /* and the clock goes on as before */
    begun(&pace, 1500, 0);
    assert_int_equal(rrto_pace_plan(&pace, 1700, PERIOD), 1700); /* the newest that is due, to the point */
    begun(&pace, 1700, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_in_time), cmocka_unit_test(test_too_late)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
