/* SPDX-License-Identifier: Apache-2.0 */
/* rrto bench compare: the ratios of two files that --json wrote, with intervals. Both sides' intervals are taken at
 * half of what may be missed, so that the ratio's holds with 95 % (Bonferroni). */
#include "cli/bench/grid.h"
#include "cli/bench/summary.h"
#include "cli/cli.h"

#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const char help_text[] =
    "Usage: rrto bench compare A.json B.json\n\n"
    "Prints B / A for each mode that both have: latency percentiles with 95 % intervals, and what is counted. A ratio\n"
    "whose interval holds 1 may be no difference. The files are what rrto bench --json writes.";

struct side {
    double *samples[RRTO_BENCH_MAX_ROUNDS];
    size_t n[RRTO_BENCH_MAX_ROUNDS], n_rounds;
};

static void free_side(struct side *side)
{
    for (size_t i = 0; i < side->n_rounds; i++)
        free(side->samples[i]);
}

static struct side read_side(const json_t *mode, const char *key)
{
    struct side side = {.n_rounds = 0};
    const json_t *rounds = json_object_get(mode, "rounds");
    for (size_t i = 0; i < json_array_size(rounds) && i < RRTO_BENCH_MAX_ROUNDS; i++) {
        const json_t *samples = json_object_get(json_array_get(rounds, i), key);
        size_t n = json_array_size(samples);
        double *values = malloc((n ? n : 1) * sizeof *values);
        if (!values)
            break;
        for (size_t k = 0; k < n; k++)
            values[k] = json_number_value(json_array_get(samples, k));
        side.samples[side.n_rounds] = values;
        side.n[side.n_rounds++] = n;
    }
    return side;
}

static void put_ratio(struct rrto_grid *grid, const struct side *a, const struct side *b, double q)
{
    struct rrto_bench_estimate ratio = rrto_bench_ratio(
        rrto_bench_quantile_of_rounds((const double *const *)a->samples, a->n, a->n_rounds, q, RRTO_BENCH_PAIR_LEVEL),
        rrto_bench_quantile_of_rounds((const double *const *)b->samples, b->n, b->n_rounds, q, RRTO_BENCH_PAIR_LEVEL));
    if (ratio.known)
        rrto_grid_cell(grid, "%.3f [%.3f, %.3f]", ratio.value, ratio.low, ratio.high);
    else
        rrto_grid_cell(grid, "%s", "");
}

/* The mean of the windows that a sensor saw; unknown where it did not see all. */
static struct rrto_bench_estimate measured(const json_t *mode, const char *key)
{
    const json_t *rounds = json_object_get(mode, "rounds");
    double means[RRTO_BENCH_MAX_ROUNDS];
    size_t n = json_array_size(rounds);
    for (size_t i = 0; i < n && i < RRTO_BENCH_MAX_ROUNDS; i++) {
        const json_t *window = json_object_get(json_array_get(rounds, i), key);
        double joules = json_number_value(json_object_get(window, "joules"));
        double inferences = json_number_value(json_object_get(window, "inferences"));
        if (!(joules > 0 && inferences > 0))
            return (struct rrto_bench_estimate){.known = false};
        means[i] = joules / inferences;
    }
    if (n > RRTO_BENCH_MAX_ROUNDS)
        return (struct rrto_bench_estimate){.known = false};
    struct rrto_bench_estimate mean = rrto_bench_mean_of_rounds(means, n, RRTO_BENCH_PAIR_LEVEL);
    mean.low = mean.low < 0 ? 0 : mean.low; /* joules are not negative; NaN stays */
    return mean;
}

static void put_measured_ratio(struct rrto_grid *grid, const json_t *a, const json_t *b, const char *key)
{
    struct rrto_bench_estimate of_a = measured(a, key), of_b = measured(b, key), ratio = rrto_bench_ratio(of_a, of_b);
    if (ratio.known)
        rrto_grid_cell(grid, "%.3f [%.3f, %.3f]", ratio.value, ratio.low, ratio.high);
    else if (of_a.known && of_b.known)
        rrto_grid_cell(grid, "%.3f, no interval", of_b.value / of_a.value);
    else
        rrto_grid_cell(grid, "%s", "");
}

static double at(const json_t *mode, const char *group, const char *key)
{
    const json_t *value = json_object_get(json_object_get(mode, group), key);
    return json_is_number(value) ? json_number_value(value) : -1;
}

static void put_plain_ratio(struct rrto_grid *grid, double a, double b)
{
    if (a > 0 && b >= 0)
        rrto_grid_cell(grid, "%.3f", b / a);
    else
        rrto_grid_cell(grid, "%s", "");
}

static const json_t *find_mode(const json_t *file, const char *name)
{
    const json_t *modes = json_object_get(file, "modes");
    for (size_t i = 0; i < json_array_size(modes); i++) {
        const json_t *mode = json_array_get(modes, i);
        const char *found = json_string_value(json_object_get(mode, "mode"));
        if (found && strcmp(found, name) == 0)
            return mode;
    }
    return NULL;
}

static void add_row(struct rrto_grid *grid, const char *name, const json_t *a, const json_t *b)
{
    struct side of_a = read_side(a, "latency_ms"), of_b = read_side(b, "latency_ms");
    struct side joules_a = read_side(a, "client_modelled_j"), joules_b = read_side(b, "client_modelled_j");
    rrto_grid_row(grid);
    rrto_grid_cell(grid, "%s", name);
    for (int i = 0; i < RRTO_BENCH_N_QUANTILES; i++)
        put_ratio(grid, &of_a, &of_b, rrto_bench_quantiles[i]);
    put_plain_ratio(grid, at(a, "per_inference", "round_trips"), at(b, "per_inference", "round_trips"));
    put_plain_ratio(grid, at(a, "per_inference", "bytes_up"), at(b, "per_inference", "bytes_up"));
    put_plain_ratio(grid, at(a, "per_inference", "bytes_down"), at(b, "per_inference", "bytes_down"));
    put_ratio(grid, &joules_a, &joules_b, 0.5);
    put_measured_ratio(grid, a, b, "client_measured");
    put_measured_ratio(grid, a, b, "server_measured");
    free_side(&joules_a);
    free_side(&joules_b);
    free_side(&of_a);
    free_side(&of_b);
}

static void warn_about_difference(const char *what, const json_t *a, const json_t *b)
{
    if (a == b || json_equal(a, b)) /* neither is there: the same */
        return;
    char *text_a = json_dumps(a, JSON_ENCODE_ANY | JSON_COMPACT),
         *text_b = json_dumps(b, JSON_ENCODE_ANY | JSON_COMPACT);
    printf("%s differs: %s and %s\n", what, text_a ? text_a : "-", text_b ? text_b : "-");
    free(text_a);
    free(text_b);
}

/* Variables that the runs had; one that was not set is "-". */
static void warn_about_settings(const json_t *a, const json_t *b)
{
    json_t *of_a = json_object_get(a, "settings"), *of_b = json_object_get(b, "settings");
    if (!of_a != !of_b)
        printf("settings: %s does not tell them\n", of_a ? "B" : "A");
    if (!of_a || !of_b)
        return;
    for (void *at = json_object_iter(of_a); at; at = json_object_iter_next(of_a, at))
        warn_about_difference(json_object_iter_key(at), json_object_iter_value(at),
                              json_object_get(of_b, json_object_iter_key(at)));
    for (void *at = json_object_iter(of_b); at; at = json_object_iter_next(of_b, at))
        if (!json_object_get(of_a, json_object_iter_key(at)))
            warn_about_difference(json_object_iter_key(at), NULL, json_object_iter_value(at));
}

/* Older files tell less of the machine: what only one of the two tells is no difference. */
static void warn_about_machine(const json_t *a, const json_t *b)
{
    json_t *of_a = json_object_get(a, "machine"), *of_b = json_object_get(b, "machine");
    bool same = true;
    for (void *at = json_object_iter(of_a); at; at = json_object_iter_next(of_a, at)) {
        const json_t *other = json_object_get(of_b, json_object_iter_key(at));
        same = same && (!other || json_equal(json_object_iter_value(at), other));
    }
    if (!same)
        warn_about_difference("machine", of_a, of_b);
}

/* What ought to be the same, if the ratios are to say something about one thing. */
static void warn_about_differences(const json_t *a, const json_t *b)
{
    static const char *const keys[] = {"command", "link", "device", "compute", "loop"};
    static const char *const if_told[] = {"split", "frames", "rounds", "warmup"};
    static const struct {
        const char *what, *group, *key;
    } of_energy[] = {{"energy profile", "profile", "states"},
                     {"client's sensor", "client", "sensor"},
                     {"server's sensor", "server", "sensor"}};
    const json_t *energy_a = json_object_get(a, "energy"), *energy_b = json_object_get(b, "energy");
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        warn_about_difference(keys[i], json_object_get(a, keys[i]), json_object_get(b, keys[i]));
    for (size_t i = 0; i < sizeof if_told / sizeof if_told[0]; i++)
        if (json_object_get(a, if_told[i]) && json_object_get(b, if_told[i]))
            warn_about_difference(if_told[i], json_object_get(a, if_told[i]), json_object_get(b, if_told[i]));
    warn_about_machine(a, b);
    warn_about_settings(a, b);
    for (size_t i = 0; energy_a && energy_b && i < sizeof of_energy / sizeof of_energy[0]; i++) {
        const char *group = of_energy[i].group, *key = of_energy[i].key;
        warn_about_difference(of_energy[i].what, json_object_get(json_object_get(energy_a, group), key),
                              json_object_get(json_object_get(energy_b, group), key));
    }
}

static json_t *load(const char *path)
{
    json_error_t error;
    json_t *file = json_load_file(path, 0, &error);
    if (!file) {
        rrto_cli_say(0, "bench: %s cannot be read: %s", path, error.text);
    } else if (json_integer_value(json_object_get(file, "rrto_bench")) != 1) {
        rrto_cli_say(0, "bench: %s was not written by rrto bench --json, or by another version", path);
        json_decref(file);
        file = NULL;
    }
    return file;
}

static int compare(const json_t *a, const json_t *b)
{
    static const char *const heads[] = {"B / A",
                                        "p50",
                                        "p90",
                                        "p99",
                                        "p99.9",
                                        "round trips",
                                        "bytes up",
                                        "bytes down",
                                        "client J, modelled: p50",
                                        "client J, measured: mean",
                                        "server GPU J, measured: mean"};
    static struct rrto_grid grid;
    const json_t *modes = json_object_get(a, "modes");
    const char *compute = json_string_value(json_object_get(a, "compute"));
    const char *compute_b = json_string_value(json_object_get(b, "compute"));
    memset(&grid, 0, sizeof grid);
    rrto_grid_row(&grid);
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        rrto_grid_cell(&grid, "%s", heads[i]);
    for (size_t i = 0; i < json_array_size(modes); i++) {
        const json_t *mode = json_array_get(modes, i);
        const char *name = json_string_value(json_object_get(mode, "mode"));
        const json_t *other = name ? find_mode(b, name) : NULL;
        if (other)
            add_row(&grid, name, mode, other);
    }
    if (grid.n_rows == 1)
        return rrto_cli_say(RRTO_CLI_FAILED, "bench: the two files have no mode in common");
    printf("compute: A %s%s, B %s%s\n", compute,
           json_is_true(json_object_get(a, "compute_is_real")) ? "" : " (not real)", compute_b,
           json_is_true(json_object_get(b, "compute_is_real")) ? "" : " (not real)");
    warn_about_differences(a, b);
    rrto_grid_print(&grid, stdout, false);
    puts("Latencies and joules with 95 % intervals; one that holds 1 may be no difference.");
    return 0;
}

int rrto_bench_compare(int argc, char **argv)
{
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    optind = 1;
    for (int option; (option = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
        if (option != 'h')
            return rrto_cli_bad_option(argv, option);
        puts(help_text);
        return 0;
    }
    if (argc - optind != 2)
        return rrto_cli_say(RRTO_CLI_WRONG_USE, "bench: compare needs two files; see rrto bench compare --help");
    json_t *a = load(argv[optind]), *b = a ? load(argv[optind + 1]) : NULL;
    int status = a && b ? compare(a, b) : RRTO_CLI_FAILED;
    json_decref(a);
    json_decref(b);
    return status;
}
