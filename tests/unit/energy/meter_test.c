/* SPDX-License-Identifier: Apache-2.0 */
/* Integrals, windows, and counters that wrap. */
#include "energy/meter.h"

#include <math.h>

#include "../test.h"

static const uint64_t second_ns = 1000000000;

static void near(double found, double wanted)
{
    if (fabs(found - wanted) > 1e-9 * (1 + fabs(wanted)))
        fail_msg("%.12g, not %.12g", found, wanted);
}

static void power_is_integrated(void **state)
{
    (void)state;
    struct rrto_energy_meter meter = {0};
    struct rrto_energy_figure figure;
    assert_int_equal(rrto_energy_meter_add_watts(&meter, 10 * second_ns, 4), RRTO_OK);
    assert_int_equal(rrto_energy_meter_add_watts(&meter, 12 * second_ns, 8), RRTO_OK); /* a trapezoid: 12 J */
    assert_int_equal(rrto_energy_meter_add_watts(&meter, 13 * second_ns, 8), RRTO_OK); /* 8 J */
    assert_int_equal(rrto_energy_meter_add_watts(&meter, 13 * second_ns, 8), RRTO_INVALID);
    assert_int_equal(rrto_energy_measure(&meter, 10 * second_ns, 13 * second_ns, 3, &figure), RRTO_OK);
    near(figure.joules, 20);
    near(figure.net_joules, 11);
    near(figure.seconds, 3);
    near(figure.idle_watts, 3);
    assert_int_equal(figure.n_samples, 3);
    assert_int_equal(figure.basis, RRTO_ENERGY_MEASURED);
    assert_string_equal(rrto_energy_basis_name(figure.basis), "measured");
    assert_int_equal(rrto_energy_measure(&meter, 11 * second_ns, 12 * second_ns + second_ns / 2, 0, &figure), RRTO_OK);
    near(figure.joules, 6 + 4); /* in proportion between samples */
    assert_int_equal(figure.n_samples, 1);
    rrto_energy_meter_fini(&meter);
}

static void what_is_not_covered_has_no_figure(void **state)
{
    (void)state;
    struct rrto_energy_meter meter = {0};
    struct rrto_energy_figure figure = {.joules = 77};
    assert_int_equal(rrto_energy_measure(&meter, 0, 1, 0, &figure), RRTO_INVALID);
    rrto_energy_meter_add_watts(&meter, 5, 1);
    rrto_energy_meter_add_watts(&meter, 9, 1);
    assert_int_equal(rrto_energy_measure(&meter, 4, 9, 0, &figure), RRTO_INVALID);
    assert_int_equal(rrto_energy_measure(&meter, 5, 10, 0, &figure), RRTO_INVALID);
    assert_int_equal(rrto_energy_measure(&meter, 7, 7, 0, &figure), RRTO_INVALID);
    near(figure.joules, 77); /* outputs are written on success only */
    rrto_energy_meter_fini(&meter);
}

static void a_counter_that_stands_still_is_no_zero(void **state)
{
    (void)state;
    struct rrto_energy_meter meter = {0};
    struct rrto_energy_figure figure;
    for (uint64_t i = 1; i < 10; i++)
        assert_int_equal(rrto_energy_meter_add_joules(&meter, i * second_ns, 5), RRTO_OK);
    assert_int_equal(rrto_energy_measure(&meter, second_ns, 9 * second_ns, 0, &figure), RRTO_UNSUPPORTED);
    assert_int_equal(rrto_energy_meter_add_joules(&meter, 10 * second_ns, 6), RRTO_OK);
    assert_int_equal(rrto_energy_measure(&meter, second_ns, 10 * second_ns, 0, &figure), RRTO_OK);
    near(figure.joules, 1);
    assert_int_equal(rrto_energy_meter_add_joules(&meter, 11 * second_ns, 4), RRTO_INVALID);
    rrto_energy_meter_fini(&meter);
}

static void counters_wrap(void **state)
{
    (void)state;
    assert_int_equal(rrto_energy_unwrap(100, 250, 1000), 150);
    assert_int_equal(rrto_energy_unwrap(900, 50, 1000), 150);
    assert_int_equal(rrto_energy_unwrap(1000, 0, 1000), 0);
    assert_int_equal(rrto_energy_unwrap(262143328850, 5, 262143328850), 5);
    assert_int_equal(rrto_energy_unwrap(2000, 7, 1000), 7);
}

static void many_samples_are_kept(void **state)
{
    (void)state;
    struct rrto_energy_meter meter = {0};
    struct rrto_energy_figure figure;
    for (uint64_t i = 1; i <= 100001; i++)
        assert_int_equal(rrto_energy_meter_add_watts(&meter, i * second_ns / 100, 2 + (double)(i % 2)), RRTO_OK);
    assert_int_equal(rrto_energy_measure(&meter, second_ns, 901 * second_ns, 2.5, &figure), RRTO_OK);
    assert_true(fabs(figure.joules - 2250) < 1e-6 && fabs(figure.net_joules) < 1e-6);
    assert_int_equal(figure.n_samples, 90001);
    rrto_energy_meter_fini(&meter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(power_is_integrated),
        cmocka_unit_test(what_is_not_covered_has_no_figure),
        cmocka_unit_test(a_counter_that_stands_still_is_no_zero),
        cmocka_unit_test(counters_wrap),
        cmocka_unit_test(many_samples_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
