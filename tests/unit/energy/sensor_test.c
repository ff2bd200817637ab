/* SPDX-License-Identifier: Apache-2.0 */
/* Each back end on a made-up sysfs (or NVML). */
#include "energy/sampler.h"

#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../test.h"

static const uint64_t second_ns = 1000000000;
static char root[128], why[4000];
static struct rrto_energy_places places;

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *at)
{
    (void)status;
    (void)kind;
    (void)at;
    return remove(path);
}

/* In /tmp, which other users reach, as they may not the folder that the tests run in. */
static int set_up(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/rrto-sensor-test.XXXXXX");
    places = (struct rrto_energy_places){.sys = root, .nvml = "/no/such/library.so"};
    return mkdtemp(root) && chmod(root, 0755) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* root/path holds text and a newline; folders are made. */
static void put(const char *path, const char *text)
{
    char full[512];
    snprintf(full, sizeof full, "%s/%s", root, path);
    for (char *slash = strchr(full + strlen(root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(full, 0755);
        *slash = '/';
    }
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    fprintf(file, "%s\n", text);
    fclose(file);
}

static struct rrto_energy_sensor *opened(enum rrto_energy_backend backend)
{
    struct rrto_energy_sensor *sensor;
    if (rrto_energy_open(backend, &places, &sensor, why, sizeof why) != RRTO_OK)
        fail_msg("%s", why);
    return sensor;
}

static void refused(enum rrto_energy_backend backend, enum rrto_status wanted, const char *because)
{
    struct rrto_energy_sensor *sensor = NULL;
    assert_int_equal(rrto_energy_open(backend, &places, &sensor, why, sizeof why), wanted);
    assert_null(sensor);
    if (!strstr(why, because))
        fail_msg("says '%s', not '%s'", why, because);
}

static void sample(struct rrto_energy_sensor *sensor, struct rrto_energy_meter *meter, uint64_t at_ns)
{
    if (rrto_energy_sample(sensor, meter, at_ns, why, sizeof why) != RRTO_OK)
        fail_msg("%s", why);
}

static double joules(const struct rrto_energy_meter *meter)
{
    struct rrto_energy_figure figure;
    uint64_t end_ns = meter->samples[meter->n - 1].at_ns;
    assert_int_equal(rrto_energy_measure(meter, meter->samples[0].at_ns, end_ns, 0, &figure), RRTO_OK);
    return figure.joules;
}

static void ina3221_channel(const char *chip, int channel, const char *label, const char *mv, const char *ma)
{
    char path[128];
    snprintf(path, sizeof path, "class/hwmon/%s/name", chip);
    put(path, "ina3221");
    snprintf(path, sizeof path, "class/hwmon/%s/in%d_label", chip, channel);
    put(path, label);
    snprintf(path, sizeof path, "class/hwmon/%s/in%d_input", chip, channel);
    put(path, mv);
    snprintf(path, sizeof path, "class/hwmon/%s/curr%d_input", chip, channel);
    put(path, ma);
}

static void ina3221_prefers_the_whole_board(void **state)
{
    (void)state;
    struct rrto_energy_meter meter = {0};
    put("class/hwmon/hwmon0/name", "cpu_thermal");
    ina3221_channel("hwmon3", 1, "VDD_CPU_GPU_CV", "5000", "300");
    ina3221_channel("hwmon3", 2, "VDD_IN", "5000", "1000");
    ina3221_channel("hwmon3", 3, "NC", "5000", "99999");
    put("class/hwmon/hwmon3/update_interval", "200");
    struct rrto_energy_sensor *sensor = opened(RRTO_ENERGY_INA3221);
    assert_string_equal(rrto_energy_sensor_name(sensor), "INA3221, rail VDD_IN");
    assert_string_equal(rrto_energy_sensor_caveat(sensor), "");
    assert_int_equal(rrto_energy_sensor_period_ns(sensor), second_ns / 5);
    sample(sensor, &meter, second_ns);
    put("class/hwmon/hwmon3/curr2_input", "3000");
    sample(sensor, &meter, second_ns + second_ns / 10); /* too early: not read */
    assert_int_equal(meter.n, 1);
    sample(sensor, &meter, 2 * second_ns);
    assert_int_equal(meter.n, 2);
    assert_true(fabs(joules(&meter) - 10) < 1e-9); /* 5 W, then 15 W */
    put("class/hwmon/hwmon3/curr2_input", "0");
    assert_int_equal(rrto_energy_sample(sensor, &meter, 3 * second_ns, why, sizeof why), RRTO_REFUSED);
    rrto_energy_close(sensor);
    rrto_energy_meter_fini(&meter);
}

static void ina3221_sums_rails_and_says_so(void **state)
{
    (void)state;
    struct rrto_energy_meter meter = {0};
    ina3221_channel("hwmon1", 1, "VDD_GPU_SOC", "20000", "100");
    ina3221_channel("hwmon1", 2, "NC", "20000", "5000");
    ina3221_channel("hwmon1", 3, "VIN_SYS_5V0", "5000", "200");
    ina3221_channel("hwmon10", 1, "VDD_CPU_CV", "20000", "150");
    ina3221_channel("hwmon10", 2, "OFF", "20000", "5000");
    put("class/hwmon/hwmon10/in2_enable", "0");
    put("class/hwmon/hwmon10/in7_label", "sum of shunt voltages");
    struct rrto_energy_sensor *sensor = opened(RRTO_ENERGY_INA3221);
    assert_string_equal(rrto_energy_sensor_name(sensor), "INA3221, sum of rails VDD_GPU_SOC, VIN_SYS_5V0, VDD_CPU_CV");
    assert_non_null(strstr(rrto_energy_sensor_caveat(sensor), "no rail VDD_IN"));
    sample(sensor, &meter, second_ns);
    sample(sensor, &meter, 2 * second_ns);
    assert_true(fabs(joules(&meter) - 6) < 1e-9); /* 2 + 1 + 3 W */
    rrto_energy_close(sensor);
    rrto_energy_meter_fini(&meter);
}

static void ina3221_with_nothing_connected_is_none(void **state)
{
    (void)state;
    refused(RRTO_ENERGY_INA3221, RRTO_NOT_FOUND, "no INA3221");
    ina3221_channel("hwmon0", 1, "NC", "5000", "300");
    refused(RRTO_ENERGY_INA3221, RRTO_NOT_FOUND, "no INA3221 with a connected rail");
    ina3221_channel("hwmon0", 1, "VDD_IN", "5000", "0");
    refused(RRTO_ENERGY_INA3221, RRTO_REFUSED, "says that no power is drawn");
}

static void rapl_zone(const char *zone, const char *name, const char *uj, const char *max)
{
    char path[128];
    snprintf(path, sizeof path, "class/powercap/%s/name", zone);
    put(path, name);
    snprintf(path, sizeof path, "class/powercap/%s/energy_uj", zone);
    put(path, uj);
    snprintf(path, sizeof path, "class/powercap/%s/max_energy_range_uj", zone);
    put(path, max);
}

static void rapl_wraps(void **state)
{
    (void)state;
    struct rrto_energy_meter meter = {0};
    rapl_zone("intel-rapl:0", "package-0", "900000000", "1000000000");
    rapl_zone("intel-rapl:0/intel-rapl:0:0", "core", "5", "1000000000"); /* part of the package */
    rapl_zone("intel-rapl:0/intel-rapl:0:1", "dram", "10000000", "500000000");
    rapl_zone("intel-rapl:0:1", "dram", "10000000", "500000000"); /* the link that sysfs has, too */
    rapl_zone("intel-rapl:1", "package-1", "0", "1000000000");
    rapl_zone("intel-rapl-mmio:0", "package-0", "77", "1000000000"); /* the same package by another way */
    struct rrto_energy_sensor *sensor = opened(RRTO_ENERGY_RAPL);
    assert_string_equal(rrto_energy_sensor_name(sensor), "RAPL, package-0, dram, package-1");
    assert_non_null(strstr(rrto_energy_sensor_caveat(sensor), "not in it"));
    sample(sensor, &meter, second_ns);
    put("class/powercap/intel-rapl:0/energy_uj", "50000000"); /* 100 J to the end, 50 on */
    put("class/powercap/intel-rapl:0/intel-rapl:0:1/energy_uj", "12000000");
    put("class/powercap/intel-rapl:1/energy_uj", "20000000");
    sample(sensor, &meter, 2 * second_ns);
    assert_true(fabs(joules(&meter) - (150 + 2 + 20)) < 1e-9);
    put("class/powercap/intel-rapl:0/energy_uj", "51000000");
    sample(sensor, &meter, 3 * second_ns);
    assert_true(fabs(joules(&meter) - 173) < 1e-9);
    rrto_energy_close(sensor);
    rrto_energy_meter_fini(&meter);
}

static void rapl_prefers_the_platform(void **state)
{
    (void)state;
    rapl_zone("intel-rapl:0", "package-0", "1", "1000");
    rapl_zone("intel-rapl:1", "psys", "1", "1000");
    struct rrto_energy_sensor *sensor = opened(RRTO_ENERGY_RAPL);
    assert_string_equal(rrto_energy_sensor_name(sensor), "RAPL, psys");
    rrto_energy_close(sensor);
}

static void rapl_that_stands_still_is_no_zero(void **state)
{
    (void)state;
    struct rrto_energy_meter meter = {0};
    struct rrto_energy_figure figure;
    rapl_zone("intel-rapl:0", "package-0", "0", "1000"); /* as virtual machines have it */
    struct rrto_energy_sensor *sensor = opened(RRTO_ENERGY_RAPL);
    sample(sensor, &meter, second_ns);
    sample(sensor, &meter, 2 * second_ns);
    assert_int_equal(rrto_energy_measure(&meter, second_ns, 2 * second_ns, 0, &figure), RRTO_UNSUPPORTED);
    rrto_energy_close(sensor);
    rrto_energy_meter_fini(&meter);
}

/* Whoever runs this test may not read root/path until allow; skips where that cannot be had. */
static void deny(const char *path)
{
    char full[512];
    snprintf(full, sizeof full, "%s/%s", root, path);
    assert_int_equal(chmod(full, 0), 0);
    if (geteuid() == 0 && seteuid(65534) != 0) /* root may read anything */
        skip();
    bool fits = faccessat(AT_FDCWD, root, X_OK, AT_EACCESS) == 0 && faccessat(AT_FDCWD, full, R_OK, AT_EACCESS) != 0;
    if (fits)
        return;
    assert_int_equal(seteuid(getuid()), 0);
    skip();
}

static void allow(const char *path)
{
    char full[512];
    snprintf(full, sizeof full, "%s/%s", root, path);
    assert_int_equal(seteuid(getuid()), 0);
    assert_int_equal(chmod(full, 0644), 0);
}

static void says_the_fix(const char *path)
{
    char fix[600];
    snprintf(fix, sizeof fix, "; run as root, or let it be read: sudo chmod a+r %s/%s", root, path);
    if (!strstr(why, fix))
        fail_msg("says '%s', not '%s'", why, fix);
}

static void refused_when_denied(enum rrto_energy_backend backend, const char *path)
{
    struct rrto_energy_sensor *sensor = NULL;
    deny(path);
    enum rrto_status status = rrto_energy_open(backend, &places, &sensor, why, sizeof why);
    allow(path);
    assert_int_equal(status, RRTO_REFUSED);
    assert_null(sensor);
    says_the_fix(path);
}

/* What it may no longer read gives no joules, not zero of them. */
static void no_figure_once_denied(struct rrto_energy_sensor *sensor, const char *path)
{
    struct rrto_energy_meter meter = {0};
    struct rrto_energy_figure figure;
    sample(sensor, &meter, second_ns);
    deny(path);
    enum rrto_status status = rrto_energy_sample(sensor, &meter, 3 * second_ns, why, sizeof why);
    allow(path);
    assert_int_equal(status, RRTO_REFUSED);
    says_the_fix(path);
    assert_int_equal(meter.n, 1);
    assert_int_equal(rrto_energy_measure(&meter, second_ns, 3 * second_ns, 0, &figure), RRTO_INVALID);
    rrto_energy_meter_fini(&meter);
}

static void rapl_without_permission_says_the_reason_and_the_fix(void **state)
{
    (void)state;
    char any[2000];
    struct rrto_energy_sensor *sensor = NULL;
    refused(RRTO_ENERGY_RAPL, RRTO_NOT_FOUND, "no RAPL zone");
    rapl_zone("intel-rapl:0", "package-0", "5", "1000");
    deny("class/powercap/intel-rapl:0/energy_uj");
    enum rrto_status status = rrto_energy_open(RRTO_ENERGY_RAPL, &places, &sensor, why, sizeof why);
    enum rrto_status any_status = rrto_energy_open_any(&places, &sensor, any, sizeof any);
    allow("class/powercap/intel-rapl:0/energy_uj");
    assert_int_equal(status, RRTO_REFUSED);
    assert_null(sensor);
    says_the_fix("class/powercap/intel-rapl:0/energy_uj");
    assert_non_null(strstr(why, "by root only (since CVE-2020-8694)"));
    assert_int_equal(any_status, RRTO_REFUSED);
    assert_non_null(strstr(any, "no INA3221"));
    assert_non_null(strstr(any, "CVE-2020-8694"));
    assert_non_null(strstr(any, "no battery"));
    refused_when_denied(RRTO_ENERGY_RAPL, "class/powercap/intel-rapl:0/name");
    refused_when_denied(RRTO_ENERGY_RAPL, "class/powercap/intel-rapl:0/max_energy_range_uj");
    rapl_zone("intel-rapl:1", "psys", "5", "1000"); /* has everything in it */
    deny("class/powercap/intel-rapl:0/name");
    status = rrto_energy_open(RRTO_ENERGY_RAPL, &places, &sensor, why, sizeof why);
    allow("class/powercap/intel-rapl:0/name");
    assert_int_equal(status, RRTO_OK);
    rrto_energy_close(sensor);
}

static void ina3221_without_permission_says_the_reason_and_the_fix(void **state)
{
    (void)state;
    static const char *const needed[] = {"name", "in1_label", "in1_enable", "in1_input", "curr1_input"};
    char path[128];
    struct rrto_energy_sensor *sensor = NULL;
    ina3221_channel("hwmon3", 1, "VDD_GPU_SOC", "5000", "1000");
    ina3221_channel("hwmon3", 2, "VDD_CPU_CV", "5000", "1000");
    put("class/hwmon/hwmon3/in1_enable", "1");
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) { /* the other rail alone would be too little */
        snprintf(path, sizeof path, "class/hwmon/hwmon3/%s", needed[i]);
        refused_when_denied(RRTO_ENERGY_INA3221, path);
    }
    put("class/hwmon/hwmon3/in2_label", "VDD_IN"); /* has everything in it */
    deny("class/hwmon/hwmon3/in1_label");
    enum rrto_status status = rrto_energy_open(RRTO_ENERGY_INA3221, &places, &sensor, why, sizeof why);
    allow("class/hwmon/hwmon3/in1_label");
    assert_int_equal(status, RRTO_OK);
    no_figure_once_denied(sensor, "class/hwmon/hwmon3/curr2_input");
    rrto_energy_close(sensor);
}

/* One that tells 8.5 W, one that tells 10 V and a current (uA), whose sign depends on the driver. */
static void two_batteries(const char *current)
{
    put("class/power_supply/BAT0/type", "Battery");
    put("class/power_supply/BAT0/status", "Discharging");
    put("class/power_supply/BAT0/power_now", "8500000");
    put("class/power_supply/BAT1/type", "Battery");
    put("class/power_supply/BAT1/status", "Discharging");
    put("class/power_supply/BAT1/voltage_now", "10000000");
    put("class/power_supply/BAT1/current_now", current);
}

static void a_battery_without_permission_says_the_reason_and_the_fix(void **state)
{
    (void)state;
    static const char *const needed[] = {"type", "status", "power_now"};
    char path[128];
    two_batteries("150000");
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        snprintf(path, sizeof path, "class/power_supply/BAT0/%s", needed[i]);
        refused_when_denied(RRTO_ENERGY_BATTERY, path);
    }
    refused_when_denied(RRTO_ENERGY_BATTERY, "class/power_supply/BAT1/voltage_now");
    refused_when_denied(RRTO_ENERGY_BATTERY, "class/power_supply/BAT1/current_now");
    struct rrto_energy_sensor *sensor = opened(RRTO_ENERGY_BATTERY);
    no_figure_once_denied(sensor, "class/power_supply/BAT0/status");
    rrto_energy_close(sensor);
}

static void a_battery_names_the_file_that_failed(void **state)
{
    (void)state;
    put("class/power_supply/BAT0/type", "Battery");
    put("class/power_supply/BAT0/power_now", "8500000");
    refused(RRTO_ENERGY_BATTERY, RRTO_IO, "BAT0/status: No such file");
}

static void a_battery_tells_while_it_discharges(void **state)
{
    (void)state;
    struct rrto_energy_meter meter = {0};
    put("class/power_supply/AC/type", "Mains");
    two_batteries("-150000");
    put("class/power_supply/mouse/type", "Battery");
    put("class/power_supply/mouse/scope", "Device");
    put("class/power_supply/mouse/status", "Discharging");
    put("class/power_supply/mouse/power_now", "99000000");
    struct rrto_energy_sensor *sensor = opened(RRTO_ENERGY_BATTERY);
    assert_string_equal(rrto_energy_sensor_name(sensor), "battery BAT0, BAT1");
    sample(sensor, &meter, second_ns);
    sample(sensor, &meter, 3 * second_ns);
    assert_true(fabs(joules(&meter) - 20) < 1e-9); /* 8.5 + 1.5 W */
    put("class/power_supply/BAT0/status", "Charging");
    assert_int_equal(rrto_energy_sample(sensor, &meter, 9 * second_ns, why, sizeof why), RRTO_REFUSED);
    assert_non_null(strstr(why, "unplug it"));
    rrto_energy_close(sensor);
    rrto_energy_meter_fini(&meter);
    refused(RRTO_ENERGY_BATTERY, RRTO_REFUSED, "battery BAT0 is on external power (Charging)");
    put("class/power_supply/BAT0/status", "Discharging");
    put("class/power_supply/BAT0/power_now", "0");
    put("class/power_supply/BAT1/current_now", "0");
    refused(RRTO_ENERGY_BATTERY, RRTO_REFUSED, "says that no power is drawn");
}

static void nvml_counts(void **state)
{
    (void)state;
    struct rrto_energy_meter meter = {0};
    refused(RRTO_ENERGY_NVML, RRTO_NOT_FOUND, "no NVML");
    places.nvml = FAKE_NVML;
    unsetenv("FAKE_NVML_MJ");
    refused(RRTO_ENERGY_NVML, RRTO_REFUSED, "no energy counter for this GPU (Volta and newer have one): Not Supported");
    setenv("FAKE_NVML_MJ", "123456789", 1);
    struct rrto_energy_sensor *sensor = opened(RRTO_ENERGY_NVML);
    assert_string_equal(rrto_energy_sensor_name(sensor), "NVML, A Fake GPU");
    sample(sensor, &meter, second_ns);
    setenv("FAKE_NVML_MJ", "123459289", 1);
    sample(sensor, &meter, 2 * second_ns);
    assert_true(fabs(joules(&meter) - 2.5) < 1e-9);
    rrto_energy_close(sensor);
    rrto_energy_meter_fini(&meter);
}

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void a_sampler_covers_what_ends_at_its_stop(void **state)
{
    (void)state;
    struct rrto_energy_sampler *sampler;
    struct rrto_energy_meter meter;
    struct rrto_energy_figure figure;
    ina3221_channel("hwmon0", 1, "VDD_IN", "5000", "1000");
    struct rrto_energy_sensor *sensor = opened(RRTO_ENERGY_INA3221);
    assert_int_equal(rrto_energy_sampler_start(sensor, &sampler), RRTO_OK);
    uint64_t stop_ns = now();
    assert_int_equal(rrto_energy_sampler_stop(sampler, &meter, why, sizeof why), RRTO_OK);
    assert_true(meter.n >= 2);
    uint64_t first_ns = meter.samples[0].at_ns, last_ns = meter.samples[meter.n - 1].at_ns;
    assert_true(last_ns >= stop_ns); /* what ended at stop is covered */
    assert_true(last_ns - first_ns >= second_ns / 50);
    assert_int_equal(rrto_energy_measure(&meter, first_ns, last_ns, 2, &figure), RRTO_OK);
    assert_true(fabs(figure.joules - 5 * figure.seconds) < 1e-6);
    assert_true(fabs(figure.net_joules - 3 * figure.seconds) < 1e-6);
    rrto_energy_meter_fini(&meter);
    put("class/hwmon/hwmon0/curr1_input", "nonsense");
    assert_int_equal(rrto_energy_sampler_start(sensor, &sampler), RRTO_OK);
    assert_int_equal(rrto_energy_sampler_stop(sampler, &meter, why, sizeof why), RRTO_IO);
    rrto_energy_meter_fini(&meter);
    rrto_energy_close(sensor);
}

static void idle_is_a_mean(void **state)
{
    (void)state;
    double watts = 77;
    ina3221_channel("hwmon0", 1, "VDD_IN", "5000", "840");
    struct rrto_energy_sensor *sensor = opened(RRTO_ENERGY_INA3221);
    assert_int_equal(rrto_energy_mean_watts(sensor, second_ns / 50, &watts, why, sizeof why), RRTO_OK);
    assert_true(fabs(watts - 4.2) < 1e-9);
    rrto_energy_close(sensor);
    rapl_zone("intel-rapl:0", "package-0", "7", "1000");
    sensor = opened(RRTO_ENERGY_RAPL);
    assert_int_equal(rrto_energy_mean_watts(sensor, second_ns / 50, &watts, why, sizeof why), RRTO_UNSUPPORTED);
    assert_string_equal(why, "RAPL, package-0 does not move");
    rrto_energy_close(sensor);
}

#define ON_A_TREE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_TREE(ina3221_prefers_the_whole_board),
        ON_A_TREE(ina3221_sums_rails_and_says_so),
        ON_A_TREE(ina3221_with_nothing_connected_is_none),
        ON_A_TREE(rapl_wraps),
        ON_A_TREE(rapl_prefers_the_platform),
        ON_A_TREE(rapl_that_stands_still_is_no_zero),
        ON_A_TREE(rapl_without_permission_says_the_reason_and_the_fix),
        ON_A_TREE(ina3221_without_permission_says_the_reason_and_the_fix),
        ON_A_TREE(a_battery_tells_while_it_discharges),
        ON_A_TREE(a_battery_without_permission_says_the_reason_and_the_fix),
        ON_A_TREE(a_battery_names_the_file_that_failed),
        ON_A_TREE(nvml_counts),
        ON_A_TREE(idle_is_a_mean),
        ON_A_TREE(a_sampler_covers_what_ends_at_its_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
