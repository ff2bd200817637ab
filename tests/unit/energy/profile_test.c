/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles: what is read, what is refused, and the joules that come of it. */
#include "energy/profile.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "../test.h"

static char why[2000];

static const char *file_with(const char *text)
{
    static char path[64];
    snprintf(path, sizeof path, "./profile_test.%d", (int)getpid());
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return path;
}

static struct rrto_energy_profile found(const char *name)
{
    struct rrto_energy_profile profile;
    if (rrto_energy_profile_find(&profile, name, PROFILES, why, sizeof why) != RRTO_OK)
        fail_msg("%s", why);
    return profile;
}

static void seconds_become_joules(void **state)
{
    (void)state;
    struct rrto_energy_profile profile = {.device = "x"};
    for (int i = 0; i < RRTO_ENERGY_STATES; i++)
        profile.states[i].watts = i + 1;
    profile.states[RRTO_ENERGY_COMPUTE].origin = RRTO_ENERGY_ASSUMED;
    const double seconds[RRTO_ENERGY_STATES] = {
        [RRTO_ENERGY_DISPATCH] = 0.5, [RRTO_ENERGY_WAIT] = 2, [RRTO_ENERGY_COMPUTE] = 0.25};
    struct rrto_energy_figure figure = rrto_energy_model(&profile, seconds);
    assert_true(fabs(figure.joules - (0.5 * 2 + 2 * 5 + 0.25 * 6)) < 1e-12);
    assert_true(fabs(figure.seconds - 2.75) < 1e-12);
    assert_true(fabs(figure.net_joules - (figure.joules - 2.75)) < 1e-12);
    assert_int_equal(figure.basis, RRTO_ENERGY_MODELLED);
    assert_int_equal(figure.n_samples, 0);
    assert_string_equal(rrto_energy_basis_name(figure.basis), "modelled");
    assert_true(fabs(rrto_energy_model_share(&profile, seconds, RRTO_ENERGY_ASSUMED) - 1.5 / 12.5) < 1e-12);
    assert_true(fabs(rrto_energy_model_share(&profile, seconds, RRTO_ENERGY_PUBLISHED) - 11 / 12.5) < 1e-12);
    assert_true(rrto_energy_model_share(&profile, seconds, RRTO_ENERGY_CALIBRATED) == 0);
}

/* What the RRTO group published of its board, from the profile: sending 602,112 bytes takes 61 ms at 9.9 MB/s. */
static void the_xavier_profile_gives_the_published_joules(void **state)
{
    (void)state;
    struct rrto_energy_profile profile = found("jetson-xavier-nx");
    for (int s = 0; s < RRTO_ENERGY_STATES; s++) /* how the power while offloading divides is not published */
        assert_int_equal(profile.states[s].origin,
                         s == RRTO_ENERGY_COMPUTE ? RRTO_ENERGY_PUBLISHED : RRTO_ENERGY_ASSUMED);
    const struct {
        double ms, joules;
    } offloaded[] = {{88.5, 0.44}, {95.9, 0.47}, {254.6, 1.22}}, local[] = {{87.0, 1.22}, {197.7, 2.96}, {396.6, 5.98}};
    for (int i = 0; i < 3; i++) {
        const double seconds[RRTO_ENERGY_STATES] = {
            [RRTO_ENERGY_TRANSMIT] = 0.061, [RRTO_ENERGY_WAIT] = offloaded[i].ms / 1e3 - 0.061};
        double joules = rrto_energy_model(&profile, seconds).joules;
        assert_true(fabs(joules / offloaded[i].joules - 1) < 0.05);
        const double own[RRTO_ENERGY_STATES] = {[RRTO_ENERGY_COMPUTE] = local[i].ms / 1e3};
        assert_true(fabs(rrto_energy_model(&profile, own).joules / local[i].joules - 1) < 0.06);
    }
}

static void shipped_profiles_are_in_order(void **state)
{
    (void)state;
    static const char *const names[] = {"jetson-xavier-nx", "jetson-orin-nx", "laptop"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct rrto_energy_profile profile = found(names[i]), again;
        for (int s = 0; s < RRTO_ENERGY_STATES; s++) {
            assert_true(profile.states[s].watts >= profile.states[RRTO_ENERGY_IDLE].watts);
            assert_true(*profile.states[s].source != '\0');
        }
        FILE *file = fopen(file_with(""), "w");
        assert_true(rrto_energy_profile_write(&profile, file));
        fclose(file);
        char path[64];
        snprintf(path, sizeof path, "./profile_test.%d", (int)getpid());
        assert_int_equal(rrto_energy_profile_read(&again, path, why, sizeof why), RRTO_OK);
        assert_memory_equal(&again, &profile, sizeof profile);
        unlink(path);
    }
}

#define REST                                                                                                           \
    "dispatch 2 assumed: x\ntransmit 2 assumed: x\nreceive 2 assumed: x\nwait 2 assumed: x\ncompute 2 assumed: x\n"

static void refused(const char *text, const char *because)
{
    struct rrto_energy_profile profile;
    const char *path = file_with(text);
    assert_int_equal(rrto_energy_profile_read(&profile, path, why, sizeof why), RRTO_INVALID);
    if (!strstr(why, because))
        fail_msg("says '%s', not '%s'", why, because);
    unlink(path);
}

static void a_constant_needs_a_source(void **state)
{
    (void)state;
    struct rrto_energy_profile profile;
    const char *path = file_with("# c\n\ndevice a b\nidle 1.5 published: a paper\n" REST);
    assert_int_equal(rrto_energy_profile_read(&profile, path, why, sizeof why), RRTO_OK);
    assert_string_equal(profile.device, "a b");
    assert_string_equal(profile.states[RRTO_ENERGY_IDLE].source, "a paper");
    assert_int_equal(profile.states[RRTO_ENERGY_IDLE].origin, RRTO_ENERGY_PUBLISHED);
    unlink(path);
    refused("device x\nidle 1.5 assumed:\n" REST, ":2: a constant has a source");
    refused("device x\nidle 1.5\n" REST, ":2: the origin");
    refused("device x\nidle 1.5 measured: x\n" REST, ":2: the origin is");
    refused("device x\nidle 0 assumed: x\n" REST, ":2: STATE WATTS");
    refused("device x\nidle -1 assumed: x\n" REST, ":2: STATE WATTS");
    refused("device x\nsleep 1 assumed: x\n" REST, ":2: a line begins with");
    refused("device x\n" REST, "the state idle is missing");
    refused("device x\nwait 1 assumed: x\n" REST, ":6: this state has been there");
    refused("idle 1 assumed: x\n" REST, "the device's name is missing");
    assert_int_equal(rrto_energy_profile_find(&profile, "no-such", PROFILES, why, sizeof why), RRTO_NOT_FOUND);
    assert_non_null(strstr(why, "'no-such' is no file, and there is no no-such.profile in"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seconds_become_joules),
        cmocka_unit_test(the_xavier_profile_gives_the_published_joules),
        cmocka_unit_test(shipped_profiles_are_in_order),
        cmocka_unit_test(a_constant_needs_a_source),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
