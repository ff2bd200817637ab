/* SPDX-License-Identifier: Apache-2.0 */
/* Power of states from windows, exactly known and with noise. */
#include "energy/fit.h"

#include <math.h>
#include <string.h>

#include "../test.h"

enum { N_WINDOWS = 40 };
static const double truth[RRTO_ENERGY_STATES] = {4, 7, 6.5, 6, 5, 15};
static char why[300];

/* A different mixture in each window; repeatable. */
static double fraction(unsigned i)
{
    return (double)((i * 2654435761U) >> 16 & 1023) / 1023;
}

static void mix(struct rrto_energy_window windows[N_WINDOWS], unsigned n_states, double noise)
{
    for (unsigned w = 0; w < N_WINDOWS; w++) {
        windows[w] = (struct rrto_energy_window){0};
        for (unsigned s = 0; s < n_states; s++) {
            windows[w].seconds[s] = fraction(w * 7 + s + 1);
            windows[w].joules += windows[w].seconds[s] * truth[s];
        }
        windows[w].joules += noise * (fraction(w + 1000) - 0.5);
    }
}

static void exact_windows_give_the_truth(void **state)
{
    (void)state;
    struct rrto_energy_window windows[N_WINDOWS];
    struct rrto_energy_fit fit;
    mix(windows, RRTO_ENERGY_STATES, 0);
    assert_int_equal(rrto_energy_fit(windows, N_WINDOWS, &fit, why, sizeof why), RRTO_OK);
    for (unsigned s = 0; s < RRTO_ENERGY_STATES; s++) {
        assert_true(fit.known[s] && fabs(fit.watts[s] - truth[s]) < 1e-9);
        assert_true(fit.error_watts[s] < 1e-6);
    }
    assert_true(fit.rms_joules < 1e-9);
    assert_int_equal(rrto_energy_fit(windows, RRTO_ENERGY_STATES, &fit, why, sizeof why), RRTO_OK); /* just enough */
    assert_true(fabs(fit.watts[5] - truth[5]) < 1e-6 && fit.error_watts[5] == 0);
}

static void noise_shows_as_an_error(void **state)
{
    (void)state;
    struct rrto_energy_window windows[N_WINDOWS];
    struct rrto_energy_fit fit;
    mix(windows, RRTO_ENERGY_STATES, 0.5); /* uniform, standard deviation 0.14 J */
    assert_int_equal(rrto_energy_fit(windows, N_WINDOWS, &fit, why, sizeof why), RRTO_OK);
    assert_true(fit.rms_joules > 0.05 && fit.rms_joules < 0.25);
    for (unsigned s = 0; s < RRTO_ENERGY_STATES; s++) {
        assert_true(fit.error_watts[s] > 0.01 && fit.error_watts[s] < 0.3);
        assert_true(fabs(fit.watts[s] - truth[s]) < 4 * fit.error_watts[s]);
    }
}

static void a_state_that_did_not_occur_is_not_known(void **state)
{
    (void)state;
    struct rrto_energy_window windows[N_WINDOWS];
    struct rrto_energy_fit fit;
    mix(windows, RRTO_ENERGY_STATES - 1, 0);
    assert_int_equal(rrto_energy_fit(windows, N_WINDOWS, &fit, why, sizeof why), RRTO_OK);
    assert_false(fit.known[RRTO_ENERGY_COMPUTE]);
    assert_true(fit.known[RRTO_ENERGY_WAIT] && fabs(fit.watts[RRTO_ENERGY_WAIT] - 5) < 1e-9);
}

static void what_cannot_be_known_is_said(void **state)
{
    (void)state;
    struct rrto_energy_window windows[N_WINDOWS] = {{.joules = 1}};
    struct rrto_energy_fit fit = {.rms_joules = 77};
    assert_int_equal(rrto_energy_fit(windows, 0, &fit, why, sizeof why), RRTO_INVALID);
    mix(windows, RRTO_ENERGY_STATES, 0);
    assert_int_equal(rrto_energy_fit(windows, 5, &fit, why, sizeof why), RRTO_INVALID);
    assert_non_null(strstr(why, "5 windows are too few for 6 states"));
    for (unsigned w = 0; w < N_WINDOWS; w++) /* receiving comes with sending, always alike */
        windows[w].seconds[RRTO_ENERGY_RECEIVE] = windows[w].seconds[RRTO_ENERGY_TRANSMIT] / 3;
    assert_int_equal(rrto_energy_fit(windows, N_WINDOWS, &fit, why, sizeof why), RRTO_INVALID);
    assert_non_null(strstr(why, "the state receive cannot be told apart"));
    mix(windows, 2, 0);
    for (unsigned w = 0; w < N_WINDOWS; w++)
        windows[w].joules = windows[w].seconds[0] * 4 - windows[w].seconds[1];
    assert_int_equal(rrto_energy_fit(windows, N_WINDOWS, &fit, why, sizeof why), RRTO_MISMATCH);
    assert_non_null(strstr(why, "the state dispatch comes out at -1.000 W"));
    assert_true(fit.rms_joules == 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_windows_give_the_truth),
        cmocka_unit_test(noise_shows_as_an_error),
        cmocka_unit_test(a_state_that_did_not_occur_is_not_known),
        cmocka_unit_test(what_cannot_be_known_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
