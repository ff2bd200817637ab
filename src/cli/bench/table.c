/* SPDX-License-Identifier: Apache-2.0 */
/* The figures as tables, for people: on the terminal and as Markdown. */
#include "cli/bench/grid.h"
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

static const struct section {
    const char *title;
    const char *heads[12];
    fill *fill;
    bool open_loop_only;
} sections[] = {
    {"Latency of an inference, ms [95 % interval]",
     {"mode", "n", "p90", "p50", "p99", "p99.9", "max", "p50, application's clock", NULL},
     fill_latency,
     false},
    {"Open loop", {"mode", "wanted", "late", "dropped", NULL}, fill_open, true},
    {"Where the time goes, ms (means; they add up)",
     {"mode", "total", "dispatch", "upload", "link", "queue", "compute", "download", NULL},
     fill_phases,
     false},
    {"Per inference (medians; deviations: mean)",
     {"mode", "round trips", "bytes up", "of them ops", "bytes down", "ops", "predicted", "patched", "literal",
      "deviations", NULL},
     fill_counts,
     false},
    {"Start (medians of the runs)",
     {"mode", "to first call s", "load + first s", "first ms", "application: import + load s", "first ms ", NULL},
     fill_start,
     false},
};

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

/* Three digits, and no powers of ten where they can be avoided. */
static const char *ratio_text(double ratio, char out[16])
{
    snprintf(out, 16, ratio >= 100 ? "%.0f" : "%.3g", ratio);
    return out;
}

static void print_ratios(const struct rrto_bench *bench, FILE *file, bool markdown)
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
            struct rrto_bench_estimate ratio = rrto_bench_p50_ratio(options, &bench->results[i], &bench->results[k]);
            char value[16], low[16], high[16];
            if (ratio.known && i != k)
                rrto_grid_cell(&grid, "%s [%s, %s]", ratio_text(ratio.value, value), ratio_text(ratio.low, low),
                               ratio_text(ratio.high, high));
            else
                rrto_grid_cell(&grid, "%s", "");
        }
    }
    if (options->n_modes > 1) {
        const char *title = "p50 as a multiple of another mode's, by a clock that both have [95 % interval]";
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
        if (sections[i].open_loop_only && options->rate <= 0)
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
    print_ratios(bench, file, markdown);
    print_notes(bench, summaries, file);
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
