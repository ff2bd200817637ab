/* SPDX-License-Identifier: Apache-2.0 */
/* rrto bench calibrate, rrto calibrate: puts this machine into the states of a device profile, one after the other,
 * reads its energy sensor meanwhile, and fits the profile. */
#include "cli/calibrate.h"
#include "cli/cli.h"
#include "cli/doors.h"
#include "energy/fit.h"
#include "energy/sampler.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_ROUNDS = 50, MAX_WINDOWS = MAX_ROUNDS * RRTO_ENERGY_STATES };
static const double max_seconds = 3600;

static const char help_text[] =
    "Usage: rrto bench calibrate [OPTION]... [-- COMMAND [ARGUMENT]...]\n\n"
    "Makes a device profile (docs/energy.md) from this machine's energy sensor: idle, dispatch (one thread at work) "
    "and,\n"
    "with a peer, transmit, receive and wait; compute while COMMAND runs, which should be the application without "
    "rrto.\n"
    "What else runs here is measured as well. Prints the profile on standard output.\n\n"
    "  --device NAME      what the profile is called (this machine's name)\n"
    "  --peer ADDRESS     HOST:PORT of a machine beyond the radio that runs rrto bench calibrate --serve\n"
    "  --serve ADDRESS    be that machine, until a signal\n"
    "  --base PROFILE     where the states come from that are not measured: a NAME or FILE; without it they are an "
    "error\n"
    "  --window S         seconds of a window (2)\n"
    "  --rounds N         windows of each state (5)\n"
    "  --settle S         how long COMMAND runs before it is measured (10)\n"
    "  --sys FOLDER       look for sensors there instead of in /sys\n"
    "  --help";

struct calibration {
    const char *device, *peer, *serve, *base;
    double window_s, rounds, settle_s;
    struct rrto_energy_places places;
    char **command;
    /* what has been measured */
    struct span {
        enum rrto_energy_state state;
        uint64_t from_ns, to_ns;
    } spans[MAX_WINDOWS];
    size_t n_spans;
};

/* Returns -1 to go on. */
static int parse(int argc, char **argv, struct calibration *calibration)
{
    static const struct option options[] = {
        {"device", required_argument, NULL, 'd'}, {"peer", required_argument, NULL, 'p'},
        {"serve", required_argument, NULL, 'S'},  {"base", required_argument, NULL, 'b'},
        {"window", required_argument, NULL, 'w'}, {"rounds", required_argument, NULL, 'r'},
        {"settle", required_argument, NULL, 's'}, {"sys", required_argument, NULL, 'y'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
    };
    bool good = true;
    for (int option; (option = getopt_long(argc, argv, "+:h", options, NULL)) != -1;) {
        if (option == 'h') {
            puts(help_text);
            return 0;
        }
        switch (option) {
        case 'd':
            calibration->device = optarg;
            break;
        case 'p':
            calibration->peer = optarg;
            break;
        case 'S':
            calibration->serve = optarg;
            break;
        case 'b':
            calibration->base = optarg;
            break;
        case 'y':
            calibration->places.sys = optarg;
            break;
        case 'w':
            good = good && rrto_cli_decimal(optarg, max_seconds, &calibration->window_s) && calibration->window_s > 0;
            break;
        case 's':
            good = good && rrto_cli_decimal(optarg, max_seconds, &calibration->settle_s);
            break;
        case 'r':
            good = good && rrto_cli_decimal(optarg, MAX_ROUNDS, &calibration->rounds) && calibration->rounds >= 1;
            break;
        default:
            return rrto_cli_bad_option(argv, option);
        }
        if (!good)
            return rrto_cli_say(RRTO_CLI_WRONG_USE, "calibrate: '%s' is out of range; see rrto bench calibrate --help",
                                optarg);
    }
    calibration->command = optind < argc ? argv + optind : NULL;
    return -1;
}

static void sleep_until(uint64_t then_ns)
{
    struct timespec then = {.tv_sec = (time_t)(then_ns / 1000000000), .tv_nsec = (long)(then_ns % 1000000000)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL) == EINTR)
        ;
}

static bool be_in(const struct calibration *calibration, enum rrto_energy_state state, uint64_t deadline_ns, char *why,
                  size_t n_why)
{
    if (state == RRTO_ENERGY_DISPATCH) {
        while (rrto_calibrate_now() < deadline_ns)
            ;
        return true;
    }
    if (state == RRTO_ENERGY_IDLE || state == RRTO_ENERGY_COMPUTE) { /* COMMAND computes */
        sleep_until(deadline_ns);
        return true;
    }
    return rrto_calibrate_talk(calibration->peer, state, deadline_ns, why, n_why);
}

/* The windows of one state, with a tenth of one before each, in which sensor and governor settle. */
static bool measure_state(struct calibration *calibration, enum rrto_energy_state state, char *why, size_t n_why)
{
    uint64_t window_ns = (uint64_t)(calibration->window_s * 1e9);
    fprintf(stderr, "rrto: calibrate: %s\n", rrto_energy_state_name(state));
    for (int round = 0; round < (int)calibration->rounds; round++) {
        struct span *span = &calibration->spans[calibration->n_spans];
        span->state = state;
        if (!be_in(calibration, state, rrto_calibrate_now() + window_ns / 10, why, n_why))
            return false;
        span->from_ns = rrto_calibrate_now();
        if (!be_in(calibration, state, span->from_ns + window_ns, why, n_why))
            return false;
        span->to_ns = rrto_calibrate_now();
        calibration->n_spans++;
    }
    return true;
}

static bool measure_command(struct calibration *calibration, char *why, size_t n_why)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        dup2(STDERR_FILENO, STDOUT_FILENO); /* standard output is the profile's */
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        execvp(calibration->command[0], calibration->command);
        fprintf(stderr, "rrto: calibrate: %s: %m\n", calibration->command[0]);
        _exit(RRTO_CLI_NOT_FOUND);
    }
    sleep_until(rrto_calibrate_now() + (uint64_t)(calibration->settle_s * 1e9));
    bool good = measure_state(calibration, RRTO_ENERGY_COMPUTE, why, n_why);
    if (child < 0 || waitpid(child, &status, WNOHANG) != 0) {
        snprintf(why, n_why, "%s ended too early: it has to run for %g s", calibration->command[0],
                 calibration->settle_s + 1.1 * calibration->window_s * calibration->rounds);
        return false;
    }
    kill(child, SIGTERM);
    waitpid(child, &status, 0);
    return good;
}

static bool measure_all(struct calibration *calibration, char *why, size_t n_why)
{
    static const enum rrto_energy_state with_peer[] = {RRTO_ENERGY_TRANSMIT, RRTO_ENERGY_RECEIVE, RRTO_ENERGY_WAIT};
    bool good = measure_state(calibration, RRTO_ENERGY_IDLE, why, n_why) &&
                measure_state(calibration, RRTO_ENERGY_DISPATCH, why, n_why);
    for (int i = 0; good && calibration->peer && i < 3; i++)
        good = measure_state(calibration, with_peer[i], why, n_why);
    return good && (!calibration->command || measure_command(calibration, why, n_why));
}

static bool fit_spans(const struct calibration *calibration, const struct rrto_energy_meter *meter,
                      struct rrto_energy_fit *ret_fit, char *why, size_t n_why)
{
    static struct rrto_energy_window windows[MAX_WINDOWS];
    for (size_t i = 0; i < calibration->n_spans; i++) {
        const struct span *span = &calibration->spans[i];
        struct rrto_energy_figure figure;
        enum rrto_status status = rrto_energy_measure(meter, span->from_ns, span->to_ns, 0, &figure);
        if (status != RRTO_OK) {
            snprintf(why, n_why, "%s",
                     status == RRTO_UNSUPPORTED ? "the sensor does not move" : "the sensor was not read often enough");
            return false;
        }
        windows[i].joules = figure.joules;
        windows[i].seconds[span->state] = figure.seconds;
    }
    return rrto_energy_fit(windows, calibration->n_spans, ret_fit, why, n_why) == RRTO_OK;
}

/* Puts what was fitted over what the base has. */
static bool make_profile(const struct calibration *calibration, const struct rrto_energy_fit *fit, const char *sensor,
                         struct rrto_energy_profile *profile, char *why, size_t n_why)
{
    snprintf(profile->device, sizeof profile->device, "%s", calibration->device);
    for (int i = 0; i < RRTO_ENERGY_STATES; i++) {
        if (fit->known[i]) {
            profile->states[i].watts = fit->watts[i];
            profile->states[i].origin = RRTO_ENERGY_CALIBRATED;
            snprintf(profile->states[i].source, sizeof profile->states[i].source,
                     "%s; %d windows of %g s, standard error %.3f W", sensor, (int)calibration->rounds,
                     calibration->window_s, fit->error_watts[i]);
        } else if (!(profile->states[i].watts > 0)) {
            snprintf(why, n_why, "the state %s has not been measured: give %s, or --base",
                     rrto_energy_state_name((enum rrto_energy_state)i),
                     i == RRTO_ENERGY_COMPUTE ? "a command" : "--peer");
            return false;
        }
    }
    return true;
}

static bool calibrate(struct calibration *calibration, struct rrto_energy_profile *profile, char *why, size_t n_why)
{
    struct rrto_energy_sensor *sensor;
    struct rrto_energy_sampler *sampler;
    struct rrto_energy_meter meter;
    struct rrto_energy_fit fit;
    char sampling_why[1024];
    if (rrto_energy_open_any(&calibration->places, &sensor, why, n_why) != RRTO_OK)
        return false;
    fprintf(stderr, "rrto: calibrate: %s\n", rrto_energy_sensor_name(sensor));
    bool good = rrto_energy_sampler_start(sensor, &sampler) == RRTO_OK;
    if (!good) {
        snprintf(why, n_why, "no thread can be made");
    } else {
        sleep_until(rrto_calibrate_now() + rrto_energy_sensor_period_ns(sensor)); /* the first sample is there */
        good = measure_all(calibration, why, n_why);
        if (rrto_energy_sampler_stop(sampler, &meter, sampling_why, sizeof sampling_why) != RRTO_OK && good) {
            snprintf(why, n_why, "%s", sampling_why);
            good = false;
        }
        good = good && fit_spans(calibration, &meter, &fit, why, n_why) &&
               make_profile(calibration, &fit, rrto_energy_sensor_name(sensor), profile, why, n_why);
        rrto_energy_meter_fini(&meter);
    }
    rrto_energy_close(sensor);
    return good;
}

int rrto_cli_calibrate(int argc, char **argv)
{
    static struct calibration calibration = {.window_s = 2, .rounds = 5, .settle_s = 10};
    struct rrto_energy_profile profile = {0};
    char why[4096] = "", name[HOST_NAME_MAX + 1] = "this machine", folder[PATH_MAX];
    int status = parse(argc, argv, &calibration);
    if (status >= 0)
        return status;
    if (calibration.serve) {
        rrto_calibrate_serve(calibration.serve, why, sizeof why);
        return rrto_cli_say(RRTO_CLI_FAILED, "calibrate: %s", why);
    }
    gethostname(name, sizeof name - 1);
    calibration.device = calibration.device ? calibration.device : name;
    if (calibration.base && (!rrto_doors_share("profiles", folder, sizeof folder) ||
                             rrto_energy_profile_find(&profile, calibration.base, folder, why, sizeof why) != RRTO_OK))
        return rrto_cli_say(RRTO_CLI_FAILED, "calibrate: %s", why);
    if (!calibration.base && (!calibration.peer || !calibration.command))
        return rrto_cli_say(RRTO_CLI_WRONG_USE, "calibrate needs --peer and a command, or --base for the states that "
                                                "they are for; see rrto bench calibrate --help");
    if (!calibrate(&calibration, &profile, why, sizeof why))
        return rrto_cli_say(RRTO_CLI_FAILED, "calibrate: %s", why);
    return rrto_energy_profile_write(&profile, stdout) ? 0 : RRTO_CLI_FAILED;
}
