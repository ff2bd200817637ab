/* SPDX-License-Identifier: Apache-2.0 */
/* The profile and the sensors of a benchmark, and what a sensor says of each run. */
#include "cli/bench/energy.h"

#include "cli/bench/bench.h"
#include "cli/bench/child.h"
#include "cli/cli.h"
#include "cli/doors.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* A window with fewer samples says more about its neighbourhood than about itself. */
enum { MIN_SAMPLES = 5, MIN_IDLE_SAMPLES = 10 };

const char *const rrto_bench_side_names[RRTO_BENCH_SIDES] = {"client", "server"};

static bool open_profile(struct rrto_bench *bench)
{
    char why[1024], folder[PATH_MAX];
    if (!bench->options.profile)
        return true;
    if (!rrto_doors_share("profiles", folder, sizeof folder)) {
        rrto_cli_say(0, "bench: where this program lies is unknown");
        return false;
    }
    bench->has_profile =
        rrto_energy_profile_find(&bench->profile, bench->options.profile, folder, why, sizeof why) == RRTO_OK;
    if (!bench->has_profile)
        rrto_cli_say(0, "bench: %s", why);
    return bench->has_profile;
}

static void open_sensors(struct rrto_bench *bench)
{
    const struct rrto_energy_places places = {.sys = bench->options.sys};
    struct rrto_bench_meter *client = &bench->meters[RRTO_BENCH_CLIENT], *server = &bench->meters[RRTO_BENCH_SERVER];
    rrto_energy_open_any(&places, &client->sensor, client->why_not, sizeof client->why_not);
    if (bench->options.server)
        snprintf(server->why_not, sizeof server->why_not, "the machine of %s is not seen from here",
                 bench->options.server);
    else
        rrto_energy_open(RRTO_ENERGY_NVML, &places, &server->sensor, server->why_not, sizeof server->why_not);
}

static void start(struct rrto_bench_meter *meter)
{
    if (meter->sensor && rrto_energy_sampler_start(meter->sensor, &meter->sampler) != RRTO_OK)
        snprintf(meter->why_not, sizeof meter->why_not, "no thread can be made");
}

/* Ends the sampling. False: there is nothing, and why_not says why. */
static bool stop(struct rrto_bench_meter *meter, struct rrto_energy_meter *ret_curve)
{
    *ret_curve = (struct rrto_energy_meter){.n = 0};
    if (!meter->sampler)
        return false;
    enum rrto_status status =
        rrto_energy_sampler_stop(meter->sampler, ret_curve, meter->why_not, sizeof meter->why_not);
    meter->sampler = NULL;
    return status == RRTO_OK;
}

static void give_up(struct rrto_bench_meter *meter)
{
    rrto_energy_close(meter->sensor);
    meter->sensor = NULL;
}

/* Of all sensors at once; long enough for the slowest. */
static void measure_idle(struct rrto_bench *bench)
{
    double seconds = bench->options.idle_s;
    bool some = false;
    for (int i = 0; i < RRTO_BENCH_SIDES; i++)
        if (bench->meters[i].sensor) {
            double least = MIN_IDLE_SAMPLES * 1e-9 * (double)rrto_energy_sensor_period_ns(bench->meters[i].sensor);
            seconds = least > seconds ? least : seconds;
            some = true;
        }
    if (!some)
        return;
    rrto_cli_say(0, "bench: energy: idle is measured, %g s", seconds);
    for (int i = 0; i < RRTO_BENCH_SIDES; i++)
        start(&bench->meters[i]);
    for (double until = rrto_bench_seconds() + seconds; rrto_bench_seconds() < until && !rrto_bench_interrupted();)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    for (int i = 0; i < RRTO_BENCH_SIDES; i++) {
        struct rrto_bench_meter *meter = &bench->meters[i];
        struct rrto_energy_meter curve;
        struct rrto_energy_figure figure;
        if (!meter->sensor)
            continue;
        bool fine = stop(meter, &curve);
        if (fine && (curve.n < 2 || rrto_energy_measure(&curve, curve.samples[0].at_ns,
                                                        curve.samples[curve.n - 1].at_ns, 0, &figure) != RRTO_OK)) {
            snprintf(meter->why_not, sizeof meter->why_not, "%s does not move", rrto_energy_sensor_name(meter->sensor));
            fine = false;
        }
        if (fine)
            meter->idle_watts = figure.joules / figure.seconds;
        else
            give_up(meter);
        rrto_energy_meter_fini(&curve);
    }
}

bool rrto_bench_energy_open(struct rrto_bench *bench)
{
    if (!open_profile(bench))
        return false;
    open_sensors(bench);
    measure_idle(bench);
    return true;
}

void rrto_bench_energy_close(struct rrto_bench *bench)
{
    for (int i = 0; i < RRTO_BENCH_SIDES; i++)
        give_up(&bench->meters[i]);
}

void rrto_bench_energy_begin(struct rrto_bench *bench)
{
    for (int i = 0; i < RRTO_BENCH_SIDES; i++)
        start(&bench->meters[i]);
}

static void measure(struct rrto_bench_meter *meter, const struct rrto_energy_meter *curve, const char *mode,
                    const struct rrto_bench_run *run, struct rrto_bench_window *ret_window)
{
    struct rrto_energy_figure figure;
    if (run->from_ns == 0) {
        snprintf(meter->why_not, sizeof meter->why_not,
                 "mode %s: the application does not tell when its inferences began (steady_begin_s, docs/bench.md)",
                 mode);
        return;
    }
    enum rrto_status status = rrto_energy_measure(curve, run->from_ns, run->to_ns, meter->idle_watts, &figure);
    if (status == RRTO_UNSUPPORTED) {
        snprintf(meter->why_not, sizeof meter->why_not, "mode %s: the sensor did not move", mode);
    } else if (status != RRTO_OK || figure.n_samples < MIN_SAMPLES) {
        snprintf(meter->why_not, sizeof meter->why_not,
                 "mode %s: a run of %.2f s is too short for the sensor, which needs %.2f s: give more frames", mode,
                 (double)(run->to_ns - run->from_ns) * 1e-9,
                 1e-9 * MIN_SAMPLES * (double)rrto_energy_sensor_period_ns(meter->sensor));
    } else {
        *ret_window = (struct rrto_bench_window){.known = true,
                                                 .joules = figure.joules,
                                                 .net_joules = figure.net_joules,
                                                 .seconds = figure.seconds,
                                                 .n_inferences = run->n,
                                                 .n_samples = figure.n_samples};
    }
}

void rrto_bench_energy_end(struct rrto_bench *bench, const struct rrto_bench_mode *mode, struct rrto_bench_run *run)
{
    for (int i = 0; i < RRTO_BENCH_SIDES; i++) {
        struct rrto_energy_meter curve;
        bool server_idles = i == RRTO_BENCH_SERVER && mode->kind == RRTO_BENCH_CPU;
        if (stop(&bench->meters[i], &curve) && run->n > 0 && !server_idles)
            measure(&bench->meters[i], &curve, mode->name, run, &run->windows[i]);
        rrto_energy_meter_fini(&curve);
    }
}

/* NVML's sensor sees one GPU: the server has to have computed on that one. */
bool rrto_bench_sees(const struct rrto_bench *bench, enum rrto_bench_side side)
{
    const struct rrto_energy_sensor *sensor = bench->meters[side].sensor;
    if (side == RRTO_BENCH_CLIENT || !sensor)
        return sensor != NULL;
    return *bench->device && strstr(rrto_energy_sensor_name(sensor), bench->device) != NULL;
}

const char *rrto_bench_energy_why_not(const struct rrto_bench *bench, enum rrto_bench_side side)
{
    if (bench->meters[side].sensor && !rrto_bench_sees(bench, side))
        return "the server did not compute on the GPU that NVML sees";
    return *bench->meters[side].why_not ? bench->meters[side].why_not : NULL;
}

bool rrto_bench_has_energy(const struct rrto_bench *bench)
{
    return bench->has_profile || rrto_bench_sees(bench, RRTO_BENCH_CLIENT) || rrto_bench_sees(bench, RRTO_BENCH_SERVER);
}
