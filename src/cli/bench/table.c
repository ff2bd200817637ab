/* SPDX-License-Identifier: Apache-2.0 */
/* The figures as tables, for people: on the terminal and as Markdown. */
#include "cli/bench/grid.h"
#include "cli/bench/settings.h"
#include "cli/bench/summary.h"
#include "cli/cli.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* As many decimals as make sense: a CPU may take microseconds, percall seconds. */
static int decimals(double value)
{
    return value < 1 ? 4 : value < 1000 ? 2 : 0;
}

static void put_estimate(struct rrto_grid *grid, struct rrto_bench_estimate estimate)
{
    if (estimate.known)
        rrto_grid_cell(grid, "%.*f [%.*f, %.*f]", decimals(estimate.value), estimate.value, decimals(estimate.low),
                       estimate.low, decimals(estimate.high), estimate.high);
    else
        rrto_grid_cell(grid, "%s", "");
}

/* Three digits: a sensor's net joules may be small, and are not to look like none. */
static void put_joules(struct rrto_grid *grid, bool known, struct rrto_bench_estimate estimate)
{
    if (!known || !estimate.known)
        rrto_grid_cell(grid, "%s", "");
    else if (isnan(estimate.low))
        rrto_grid_cell(grid, "%.3g", estimate.value);
    else
        rrto_grid_cell(grid, "%.3g [%.3g, %.3g]", estimate.value, estimate.low, estimate.high);
}

static void put_known(struct rrto_grid *grid, double value, const char *format)
{
    char text[RRTO_GRID_TEXT];
    if (value >= 0) /* not for NaN */
        snprintf(text, sizeof text, format, value);
    else
        text[0] = '\0';
    rrto_grid_cell(grid, "%s", text);
}

/* The name; with a star where there are few frames, with a dagger where the clock is another one. */
static void put_name(struct rrto_grid *grid, const struct rrto_bench_result *result)
{
    rrto_grid_cell(grid, "%s%s%s", result->mode->name, result->mode->few ? " *" : "",
                   result->mode->kind == RRTO_BENCH_RRTO ? "" : " +");
}

static void heads(struct rrto_grid *grid, const char *const *texts)
{
    memset(grid, 0, sizeof *grid);
    rrto_grid_row(grid);
    for (; *texts; texts++)
        rrto_grid_cell(grid, "%s", *texts);
}

typedef void fill(struct rrto_grid *grid, const struct rrto_bench_summary *summary);

static void fill_latency(struct rrto_grid *grid, const struct rrto_bench_summary *summary)
{
    rrto_grid_cell(grid, "%zu", summary->n);
    put_estimate(grid, summary->latency[RRTO_BENCH_P90]);
    put_estimate(grid, summary->latency[RRTO_BENCH_P50]);
    put_estimate(grid, summary->latency[RRTO_BENCH_P99]);
    put_estimate(grid, summary->latency[RRTO_BENCH_P999]);
    put_known(grid, summary->max, summary->max < 1 ? "%.4f" : "%.2f");
    put_estimate(grid, summary->application[RRTO_BENCH_P50]);
}

static void fill_phases(struct rrto_grid *grid, const struct rrto_bench_summary *summary)
{
    rrto_grid_cell(grid, "%.*f", decimals(summary->mean_total), summary->mean_total);
    for (int i = 0; i < RRTO_BENCH_N_PHASES; i++)
        put_known(grid, summary->has_phases ? summary->phases[i] : -1, "%.2f");
}

static void fill_counts(struct rrto_grid *grid, const struct rrto_bench_summary *summary)
{
    const bool counted = summary->counted;
    put_known(grid, counted ? summary->round_trips : -1, "%.0f");
    put_known(grid, counted ? summary->bytes_up : -1, "%.0f");
    put_known(grid, counted ? summary->op_bytes_up : -1, "%.0f");
    put_known(grid, counted ? summary->bytes_down : -1, "%.0f");
    put_known(grid, counted ? (summary->codec_ns + summary->codec_server_ns) / 1e6 : -1, "%.2f");
    put_known(grid, counted ? summary->ops : -1, "%.0f");
    put_known(grid, counted ? summary->ops_predicted : -1, "%.0f");
    put_known(grid, counted ? summary->ops_patched : -1, "%.0f");
    put_known(grid, counted ? summary->ops_literal : -1, "%.0f");
    put_known(grid, counted ? summary->deviations : -1, "%.2f");
}

static void fill_start(struct rrto_grid *grid, const struct rrto_bench_summary *summary)
{
    put_known(grid, summary->import_s, "%.2f");
    put_known(grid, summary->load_first_s, "%.2f");
    put_known(grid, summary->first, "%.1f");
    put_known(grid, summary->app_import_load_s, "%.2f");
    put_known(grid, summary->app_first, "%.1f");
}

static void fill_open(struct rrto_grid *grid, const struct rrto_bench_summary *summary)
{
    const double wanted = (double)(summary->n + summary->dropped);
    rrto_grid_cell(grid, "%.0f", wanted);
    rrto_grid_cell(grid, "%lu (%.1f %%)", (unsigned long)summary->late, 100.0 * (double)summary->late / wanted);
    rrto_grid_cell(grid, "%lu (%.1f %%)", (unsigned long)summary->dropped, 100.0 * (double)summary->dropped / wanted);
}

/* Which kinds of constants the modelled joules rest on: "published 86 %, assumed 14 %". */
static void put_shares(struct rrto_grid *grid, const struct rrto_bench_energy *energy)
{
    char text[RRTO_GRID_TEXT] = "";
    for (int i = 0; energy->modelled.known && i < RRTO_ENERGY_ORIGINS; i++) {
        size_t n = strlen(text);
        if (energy->modelled.shares[i] >= 0.005)
            snprintf(text + n, sizeof text - n, "%s%s %.0f %%", n ? ", " : "",
                     rrto_energy_origin_name((enum rrto_energy_origin)i), 100 * energy->modelled.shares[i]);
    }
    rrto_grid_cell(grid, "%s", text);
}

static void fill_modelled(struct rrto_grid *grid, const struct rrto_bench_summary *summary)
{
    const struct rrto_bench_energy *energy = &summary->energy;
    put_joules(grid, energy->modelled.known, energy->modelled.mean);
    put_joules(grid, energy->modelled.known, energy->modelled.net);
    put_joules(grid, energy->modelled.known, energy->modelled.quantiles[RRTO_BENCH_P50]);
    put_joules(grid, energy->modelled.known, energy->modelled.quantiles[RRTO_BENCH_P90]);
    put_shares(grid, energy);
}

static void fill_measured(struct rrto_grid *grid, const struct rrto_bench_summary *summary)
{
    const struct rrto_bench_energy *energy = &summary->energy;
    for (int side = 0; side < RRTO_BENCH_SIDES; side++) {
        if (energy->measured[side].known)
            put_joules(grid, true, energy->measured[side].mean);
        else
            rrto_grid_cell(grid, "not measured");
        put_joules(grid, energy->measured[side].known, energy->measured[side].net);
    }
}

static const struct section {
    const char *title;
    const char *heads[12];
    fill *fill;
    enum condition { ALWAYS, OPEN_LOOP, PROFILE, ENERGY } condition;
} sections[] = {
    {"Latency of an inference, ms [95 % interval]",
     {"mode", "n", "p90", "p50", "p99", "p99.9", "max", "p50, application's clock", NULL},
     fill_latency,
     ALWAYS},
    {"Open loop", {"mode", "wanted", "late", "dropped", NULL}, fill_open, OPEN_LOOP},
    {"Where the time goes, ms (means; they add up)",
     {"mode", "total", "dispatch", "upload", "link", "queue", "compute", "download", NULL},
     fill_phases,
     ALWAYS},
    {"Per inference (medians; deviations: mean)",
     {"mode", "round trips", "bytes up", "of them ops", "bytes down", "codec ms", "ops", "predicted", "patched",
      "literal", "deviations", NULL},
     fill_counts,
     ALWAYS},
    {"Energy of an inference, modelled, the client's, J [95 % interval]",
     {"mode", "mean", "net of idle", "p50", "p90", "constants", NULL},
     fill_modelled,
     PROFILE},
    {"Energy of an inference, measured, J (means) [95 % interval]",
     {"mode", "client", "net of idle", "server's GPU", "net of idle ", NULL},
     fill_measured,
     ENERGY},
    {"Start (medians of the runs)",
     {"mode", "to first call s", "load + first s", "first ms", "application: import + load s", "first ms ", NULL},
     fill_start,
     ALWAYS},
};

struct settings_line {
    FILE *file;
    bool begun;
};

static void print_setting(void *arg, const char *name, const char *value)
{
    struct settings_line *line = arg;
    fprintf(line->file, "%s%s=", line->begun ? "; " : "settings: ", name);
    for (; *value; value++)
        fputc((unsigned char)*value < 32 ? '?' : *value, line->file); /* one line, whatever it holds */
    line->begun = true;
}

static void print_head(const struct rrto_bench *bench, FILE *file, bool markdown)
{
    char command[1024], loop[64];
    const struct rrto_bench_options *options = &bench->options;
    const char *end = markdown ? "  \n" : "\n";
    rrto_bench_command(options, command, sizeof command);
    rrto_bench_loop(options, loop, sizeof loop);
    fprintf(file, "%s%s%s%s", markdown ? "`" : "", command, markdown ? "`" : "", end);
    fprintf(file, "link: %s; device: %s; compute: %s%s; %s; %u rounds, %u inferences of warm-up each%s",
            options->link ? options->link : "none", *bench->device ? bench->device : "not used",
            *bench->compute ? bench->compute : "-",
            rrto_bench_unreal(bench) ? " (NOT the real computation: latencies and results are not the device's)" : "",
            loop, options->rounds, options->warmup, end);
    struct settings_line line = {.file = file};
    rrto_bench_each_setting(options, print_setting, &line);
    if (line.begun)
        fputs(end, file);
}

/* What a reader has to know to read the marks. */
static void print_notes(const struct rrto_bench *bench, const struct rrto_bench_summary *summaries, FILE *file)
{
    const struct rrto_bench_options *options = &bench->options;
    bool few = false, other_clock = false;
    for (size_t i = 0; i < options->n_modes; i++) {
        few = few || options->modes[i].few;
        other_clock = other_clock || options->modes[i].kind != RRTO_BENCH_RRTO;
    }
    fputc('\n', file);
    if (few && options->seconds <= 0)
        fputs("* slow by nature: few inferences only (--few-frames)\n", file);
    if (other_clock)
        fputs("+ by the application's own clock; the others by the client's: compare them in the column of the "
              "application's\n",
              file);
    fputs("Percentiles without enough samples for a 95 % interval are not shown: p50 needs 6, p90 36, p99 368, p99.9 "
          "3688.\n",
          file);
    for (size_t i = 0; i < options->n_modes; i++) {
        double each = summaries[i].inferences_per_frame;
        if (each > 1.05 || (each > 0 && each < 0.95)) {
            fprintf(file, "%s: %.1f inferences a frame, by the rule of docs/report.md; rrto_mark() says otherwise\n",
                    options->modes[i].name, each);
            break;
        }
    }
}

/* What the joules rest on, and why there are none. */
static void print_energy_notes(const struct rrto_bench *bench, FILE *file)
{
    static const char *const what[] = {"the client", "the server's GPU"};
    const struct rrto_energy_profile *profile = &bench->profile;
    if (bench->has_profile) {
        fprintf(file,
                "Energy, modelled: the seconds of each state, as this machine spent them, times the watts of profile "
                "%s (%s):",
                bench->options.profile, profile->device);
        for (int i = 0; i < RRTO_ENERGY_STATES; i++)
            fprintf(file, "%s %s %g %s", i ? "," : "", rrto_energy_state_name((enum rrto_energy_state)i),
                    profile->states[i].watts, rrto_energy_origin_name(profile->states[i].origin));
        fputs("\n", file);
    } else {
        fputs("Energy, modelled: no profile was named (--profile)\n", file);
    }
    for (int side = 0; side < RRTO_BENCH_SIDES; side++) {
        const struct rrto_bench_meter *meter = &bench->meters[side];
        const char *why_not = rrto_bench_energy_why_not(bench, (enum rrto_bench_side)side);
        if (rrto_bench_sees(bench, (enum rrto_bench_side)side)) {
            const char *caveat = rrto_energy_sensor_caveat(meter->sensor);
            fprintf(file, "Energy, measured, %s: %s, asked every %.0f ms; idle %.2f W%s%s%s\n", what[side],
                    rrto_energy_sensor_name(meter->sensor), 1e-6 * (double)rrto_energy_sensor_period_ns(meter->sensor),
                    meter->idle_watts, *caveat ? "; " : "", caveat,
                    side == RRTO_BENCH_CLIENT && !bench->options.server
                        ? "; the private server and the link ran on this machine, so it saw them, too"
                        : "");
        }
        if (why_not)
            fprintf(file, "Energy, not measured, %s: %s\n", what[side], why_not);
    }
}

/* Three digits, and no powers of ten where they can be avoided. */
static const char *ratio_text(double ratio, char out[16])
{
    snprintf(out, 16, ratio >= 100 ? "%.0f" : "%.3g", ratio);
    return out;
}

typedef struct rrto_bench_estimate ratio_of(const struct rrto_bench *bench, const struct rrto_bench_result *of,
                                            const struct rrto_bench_result *to);

static struct rrto_bench_estimate latency_ratio(const struct rrto_bench *bench, const struct rrto_bench_result *of,
                                                const struct rrto_bench_result *to)
{
    return rrto_bench_p50_ratio(&bench->options, of, to);
}

static struct rrto_bench_estimate measured_ratio(const struct rrto_bench *bench, const struct rrto_bench_result *of,
                                                 const struct rrto_bench_result *to)
{
    (void)bench;
    return rrto_bench_measured_ratio(of, to);
}

static void print_ratios(const struct rrto_bench *bench, const char *title, ratio_of *ratio, FILE *file, bool markdown)
{
    static struct rrto_grid grid;
    const struct rrto_bench_options *options = &bench->options;
    memset(&grid, 0, sizeof grid);
    rrto_grid_row(&grid);
    rrto_grid_cell(&grid, "mode");
    for (size_t i = 0; i < options->n_modes; i++)
        rrto_grid_cell(&grid, "of %s", options->modes[i].name);
    for (size_t i = 0; i < options->n_modes; i++) {
        rrto_grid_row(&grid);
        rrto_grid_cell(&grid, "%s", options->modes[i].name);
        for (size_t k = 0; k < options->n_modes; k++) {
            struct rrto_bench_estimate found = ratio(bench, &bench->results[i], &bench->results[k]);
            char value[16], low[16], high[16];
            if (found.known && i != k)
                rrto_grid_cell(&grid, "%s [%s, %s]", ratio_text(found.value, value), ratio_text(found.low, low),
                               ratio_text(found.high, high));
            else
                rrto_grid_cell(&grid, "%s", "");
        }
    }
    if (options->n_modes > 1) {
        fprintf(file, markdown ? "\n**%s**\n\n" : "\n%s\n", title);
        rrto_grid_print(&grid, file, markdown);
    }
}

static void print_all(const struct rrto_bench *bench, const struct rrto_bench_summary *summaries, FILE *file,
                      bool markdown)
{
    static struct rrto_grid grid;
    const struct rrto_bench_options *options = &bench->options;
    print_head(bench, file, markdown);
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        const enum condition condition = sections[i].condition;
        if ((condition == OPEN_LOOP && options->rate <= 0) || (condition == PROFILE && !bench->has_profile) ||
            (condition == ENERGY && !rrto_bench_has_energy(bench)))
            continue;
        heads(&grid, sections[i].heads);
        for (size_t k = 0; k < options->n_modes; k++) {
            rrto_grid_row(&grid);
            put_name(&grid, &bench->results[k]);
            sections[i].fill(&grid, &summaries[k]);
        }
        fprintf(file, markdown ? "\n**%s**\n\n" : "\n%s\n", sections[i].title);
        rrto_grid_print(&grid, file, markdown);
    }
    print_ratios(bench, "p50 as a multiple of another mode's, by a clock that both have [95 % interval]", latency_ratio,
                 file, markdown);
    if (bench->has_profile)
        print_ratios(bench, "Modelled joules of the client, p50 as a multiple of another mode's [95 % interval]",
                     rrto_bench_modelled_ratio, file, markdown);
    if (rrto_bench_sees(bench, RRTO_BENCH_CLIENT))
        print_ratios(bench, "Measured joules of the client, mean as a multiple of another mode's [95 % interval]",
                     measured_ratio, file, markdown);
    print_notes(bench, summaries, file);
    print_energy_notes(bench, file);
}

void rrto_bench_print(const struct rrto_bench *bench, const struct rrto_bench_summary *summaries)
{
    print_all(bench, summaries, stdout, false);
}

bool rrto_bench_write_markdown(const struct rrto_bench *bench, const struct rrto_bench_summary *summaries)
{
    FILE *file = fopen(bench->options.markdown, "we");
    if (file)
        print_all(bench, summaries, file, true);
    bool failed = !file || ferror(file);
    if (file)
        failed = fclose(file) != 0 || failed;
    if (failed)
        rrto_cli_say(0, "bench: %s cannot be written: %s", bench->options.markdown, strerror(errno));
    return !failed;
}
