/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures through gnuplot: one script each, with its data in it, left beside the pictures. A mode has one colour
 * wherever it occurs, a phase one pattern of its own. */
#include "cli/bench/child.h"
#include "cli/bench/summary.h"
#include "cli/cli.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Okabe and Ito's colours, which people with any kind of colour vision tell apart. */
static const char *const cpu_colour = "#000000", *const split_colour = "#0072b2";
static const char *const mode_colours[] = {"#999999", "#d55e00", "#e69f00", "#56b4e9", "#009e73"};
static const char *const phase_colours[RRTO_BENCH_N_PHASES] = {"#e69f00", "#0072b2", "#bbbbbb",
                                                               "#cc79a7", "#009e73", "#56b4e9"};

static const char *colour(const struct rrto_bench_mode *mode)
{
    const size_t n = sizeof mode_colours / sizeof mode_colours[0];
    if (mode->kind == RRTO_BENCH_CPU)
        return cpu_colour;
    for (size_t i = 0; mode->kind == RRTO_BENCH_RRTO && rrto_mode_at(i); i++)
        if (strcmp(rrto_mode_at(i)->name, mode->name) == 0)
            return mode_colours[i % n];
    return split_colour;
}

struct plot {
    FILE *file;
    char script[PATH_MAX];
    const char *folder, *name;
};

static bool begin(struct plot *plot, const char *folder, const char *name)
{
    snprintf(plot->script, sizeof plot->script, "%s/%s.gp", folder, name);
    plot->folder = folder;
    plot->name = name;
    plot->file = fopen(plot->script, "we");
    if (plot->file)
        fputs("set encoding utf8\n", plot->file);
    else
        rrto_cli_say(0, "bench: %s cannot be written: %s", plot->script, strerror(errno));
    return plot->file != NULL;
}

/* Text within double quotes. */
static void put_quoted(FILE *file, const char *text)
{
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', file);
        if ((unsigned char)*text >= 32)
            fputc(*text, file);
    }
}

/* What stands below the title of every picture: no figure without how it came about. */
static void put_title(FILE *file, const struct rrto_bench *bench, const char *title)
{
    char loop[64], below[512];
    rrto_bench_loop(&bench->options, loop, sizeof loop);
    snprintf(below, sizeof below, "link %s; %s; compute %s%s; %s", bench->options.link ? bench->options.link : "none",
             *bench->device ? bench->device : "no device", *bench->compute ? bench->compute : "-",
             rrto_bench_unreal(bench) ? " (NOT REAL)" : "", loop);
    put_quoted(file, title);
    fputs("\\n", file);
    put_quoted(file, below);
}

/* Runs the script twice, for PNG and SVG. */
static bool end(struct plot *plot, unsigned width, unsigned height)
{
    static const char *const kinds[] = {"png", "svg"};
    static char log[PATH_MAX];
    bool fine = !ferror(plot->file) && fclose(plot->file) == 0;
    snprintf(log, sizeof log, "%s/%s.log", plot->folder, plot->name);
    for (size_t i = 0; fine && i < 2; i++) {
        char set[PATH_MAX + 200];
        struct rrto_bench_child child;
        snprintf(set, sizeof set,
                 "set terminal %s size %u,%u enhanced font 'sans,11' background '#ffffff'; set output '%s/%s.%s'",
                 i ? "svg" : "pngcairo", width, height, plot->folder, plot->name, kinds[i]);
        char *argv[] = {"gnuplot", "-e", set, plot->script, NULL};
        fine = rrto_bench_start(&child, argv, NULL, log);
        if (!fine)
            return rrto_cli_say(0,
                                "bench: gnuplot cannot be executed (%s): install it (Debian: gnuplot-nox) or leave out "
                                "--plot; the scripts are in %s",
                                strerror(errno), plot->folder) != 0;
        int status = rrto_bench_wait(&child, 60, NULL, NULL);
        fine = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        if (!fine) {
            rrto_cli_say(0, "bench: gnuplot failed on %s; it said:", plot->script);
            rrto_bench_show_log(log);
        }
    }
    unlink(log);
    return fine;
}

static int compare_latency(const void *a, const void *b)
{
    double x = (*(const struct rrto_bench_inference *const *)a)->latency;
    double y = (*(const struct rrto_bench_inference *const *)b)->latency;
    return (x > y) - (x < y);
}

/* The inferences of all runs of a mode by latency; the caller frees. */
static const struct rrto_bench_inference **sorted(const struct rrto_bench_result *result, size_t n)
{
    const struct rrto_bench_inference **all = calloc(n + 1, sizeof(const struct rrto_bench_inference *));
    size_t at = 0;
    for (size_t i = 0; all && i < result->n_runs; i++)
        for (size_t k = 0; k < result->runs[i].n && at < n; k++)
            all[at++] = &result->runs[i].inferences[k];
    if (all)
        qsort(all, at, sizeof(const struct rrto_bench_inference *), compare_latency);
    return all;
}

/* The share of inferences that took at most so long, a curve for each mode. */
static bool plot_latency(const struct rrto_bench *bench, const struct rrto_bench_summary *summaries)
{
    struct plot plot;
    const size_t n_modes = bench->options.n_modes;
    if (!begin(&plot, bench->options.plot, "latency"))
        return false;
    for (size_t i = 0; i < n_modes; i++) {
        const struct rrto_bench_inference **all = sorted(&bench->results[i], summaries[i].n);
        fprintf(plot.file, "$m%zu << EOD\n", i);
        for (size_t k = 0; all && k < summaries[i].n; k++)
            fprintf(plot.file, "%.6f %.6f\n", all[k]->latency, 100.0 * (double)(k + 1) / (double)summaries[i].n);
        fputs("EOD\n", plot.file);
        free(all);
    }
    fputs("set title \"", plot.file);
    put_title(plot.file, bench, "Latency of an inference, by mode");
    fputs("\" noenhanced\nset logscale x\nset xlabel 'latency, ms (logarithmic)'\nset ylabel 'inferences that took at "
          "most that, %'\n"
          "set yrange [0:100]\nset ytics add ('90 (p90)' 90, 50)\nset grid xtics ytics mxtics lc rgb '#cccccc' lw "
          "1\nset key outside "
          "right top Left reverse noenhanced\nplot ",
          plot.file);
    for (size_t i = 0; i < n_modes; i++)
        /* each one thinner than the one below it: curves that coincide are seen all the same */
        fprintf(plot.file, "%s$m%zu using 1:2 with steps lw %.1f lc rgb '%s' title \"%s (n = %zu)\"", i ? ", " : "", i,
                1.5 + 0.8 * (double)(n_modes - 1 - i), colour(&bench->options.modes[i]), bench->options.modes[i].name,
                summaries[i].n);
    fputc('\n', plot.file);
    return end(&plot, 960, 540);
}

/* The parts of the median inference as one bar from left to right. */
static void put_bar(FILE *file, const struct rrto_bench_inference *inference)
{
    double at = 0;
    for (int phase = 0; phase < RRTO_BENCH_N_PHASES; phase++) {
        double until = at + inference->phases[phase];
        fprintf(file, "set object %d rectangle from %.6f,0.15 to %.6f,0.85 fc rgb '%s' fs solid 1 noborder\n",
                phase + 1, at, until, phase_colours[phase]);
        at = until;
    }
}

enum { LEGEND = 20 }; /* numbers of its objects and labels */

/* Which colour is which phase: in the screen's coordinates, above all panels. */
static void put_legend(FILE *file)
{
    for (int phase = 0; phase < RRTO_BENCH_N_PHASES; phase++) {
        double x = 0.05 + 0.155 * phase;
        fprintf(file,
                "set object %d rectangle from screen %.3f,0.865 to screen %.3f,0.89 fc rgb '%s' fs solid 1 noborder\n"
                "set label %d '%s' at screen %.3f,0.878 left\n",
                LEGEND + phase, x, x + 0.02, phase_colours[phase], LEGEND + phase, rrto_bench_phase_names[phase],
                x + 0.027);
    }
}

/* The title and the legend are drawn with the first panel. */
static void drop_legend(FILE *file)
{
    fputs("unset label 1\n", file);
    for (int phase = 0; phase < RRTO_BENCH_N_PHASES; phase++)
        fprintf(file, "unset object %d\nunset label %d\n", LEGEND + phase, LEGEND + phase);
}

/* The bar of one mode, between two heights of the screen. */
static void put_panel(FILE *file, const struct rrto_bench_mode *mode, const struct rrto_bench_inference *inference,
                      bool counted, double low, double high)
{
    double height = high - low;
    fprintf(file, "set tmargin at screen %.4f\nset bmargin at screen %.4f\n", high - height * 0.28,
            low + height * 0.38);
    fprintf(file, "set label 2 \"%s: %.*f ms", mode->name, inference->total < 1 ? 4 : 2, inference->total);
    if (mode->kind == RRTO_BENCH_CPU)
        fputs(", all of it the application's own computing", file);
    if (counted)
        fprintf(file, ", round trips: %lu", (unsigned long)inference->round_trips);
    fprintf(file, "\" at screen 0.05,%.4f left noenhanced\n", high - height * 0.14);
    if (mode->kind == RRTO_BENCH_CPU)
        fprintf(file, "set object 1 rectangle from 0,0.15 to %.6f,0.85 fc rgb '%s' fs solid 1 noborder\n",
                inference->total, cpu_colour);
    else
        put_bar(file, inference);
    fprintf(file, "set xrange [0:%.6f]\nplot -1 notitle\n", inference->total > 0 ? inference->total : 1);
}

static bool has_panel(const struct rrto_bench_mode *mode, const struct rrto_bench_summary *summary)
{
    return summary->n && (summary->has_phases || mode->kind == RRTO_BENCH_CPU);
}

/* A panel for each mode, each with an axis of its own: between the slowest and the fastest mode lie two orders of
 * magnitude. */
static bool plot_timeline(const struct rrto_bench *bench, const struct rrto_bench_summary *summaries)
{
    struct plot plot;
    unsigned n_panels = 0, at = 0;
    for (size_t i = 0; i < bench->options.n_modes; i++)
        n_panels += has_panel(&bench->options.modes[i], &summaries[i]);
    if (n_panels == 0 || !begin(&plot, bench->options.plot, "timeline"))
        return n_panels == 0;
    const double top = 0.82, bottom = 0.04, height = (top - bottom) / n_panels;
    fputs("set multiplot\nset label 1 \"", plot.file);
    put_title(plot.file, bench, "Where the time of one inference goes (the median one of each mode)");
    fputs("\" at screen 0.5,0.97 center noenhanced\nunset key\nset yrange [0:1]\nset xlabel 'ms' offset 0,0.6\n"
          "set lmargin at screen 0.05\nset rmargin at screen 0.97\nset tics nomirror out\nunset ytics\nset border 1\n",
          plot.file);
    put_legend(plot.file);
    for (size_t i = 0; i < bench->options.n_modes; i++) {
        const struct rrto_bench_summary *summary = &summaries[i];
        const struct rrto_bench_inference **all =
            has_panel(&bench->options.modes[i], summary) ? sorted(&bench->results[i], summary->n) : NULL;
        if (!all)
            continue;
        double high = top - height * at++;
        for (int phase = 0; phase < RRTO_BENCH_N_PHASES && at > 1; phase++) /* of the panel before */
            fprintf(plot.file, "unset object %d\n", phase + 1);
        put_panel(plot.file, &bench->options.modes[i], all[(summary->n - 1) / 2], summary->counted, high - height,
                  high);
        drop_legend(plot.file);
        free(all);
    }
    fputs("unset multiplot\n", plot.file);
    return end(&plot, 960, 150 + 120 * n_panels);
}

/* What a bar stands for: a mode has its colour, this has its fill. */
static const struct bar_kind {
    const char *legend, *fill;
} bar_kinds[] = {
    {"client, modelled", "pattern 4"}, {"client, measured", "solid 1"}, {"server GPU, measured", "pattern 2"}};
enum { BAR_KINDS = sizeof bar_kinds / sizeof bar_kinds[0] };

static struct rrto_bench_estimate bar_value(const struct rrto_bench_energy *energy, int kind)
{
    struct rrto_bench_estimate none = {.known = false};
    if (kind == 0)
        return energy->modelled.known ? energy->modelled.mean : none;
    return energy->measured[kind - 1].known ? energy->measured[kind - 1].mean : none;
}

/* The bars of each kind as a data block: place, joules, interval, name. Returns which kinds there are. */
static unsigned put_joules(FILE *file, const struct rrto_bench *bench, const struct rrto_bench_summary *summaries,
                           double *ret_top)
{
    unsigned kinds = 0, n_kinds = 0, at = 0;
    *ret_top = 0;
    for (size_t i = 0; i < bench->options.n_modes; i++)
        for (int kind = 0; kind < BAR_KINDS; kind++)
            if (bar_value(&summaries[i].energy, kind).known)
                kinds |= 1U << kind;
    for (int kind = 0; kind < BAR_KINDS; kind++)
        n_kinds += kinds >> kind & 1;
    for (int kind = 0; kind < BAR_KINDS; kind++) {
        if (!(kinds >> kind & 1))
            continue;
        double offset = n_kinds > 1 ? 0.8 * ((double)at++ / n_kinds - (n_kinds - 1) / 2.0 / n_kinds) : 0;
        fprintf(file, "$k%d << EOD\n", kind);
        for (size_t i = 0; i < bench->options.n_modes; i++) {
            struct rrto_bench_estimate value = bar_value(&summaries[i].energy, kind);
            if (!value.known)
                continue;
            bool alone = isnan(value.low);
            double high = alone ? value.value : value.high;
            fprintf(file, "%.4f %.9g %.9g %.9g \"%.3g\" %zu\n", (double)i + offset, value.value,
                    alone ? value.value : value.low, high, value.value, i);
            *ret_top = high > *ret_top ? high : *ret_top;
        }
        fputs("EOD\n", file);
    }
    return kinds;
}

/* Where the joules come from, below the title. */
static void put_basis(FILE *file, const struct rrto_bench *bench)
{
    char text[400] = "";
    if (bench->has_profile)
        snprintf(text, sizeof text, "\\nmodelled: watts of profile %.60s (%s)", bench->options.profile,
                 bench->profile.device);
    fputs(text, file);
    for (int side = 0; side < RRTO_BENCH_SIDES; side++)
        if (rrto_bench_sees(bench, (enum rrto_bench_side)side)) {
            fprintf(file, "\\nmeasured, %s: ", rrto_bench_side_names[side]);
            put_quoted(file, rrto_energy_sensor_name(bench->meters[side].sensor));
        }
}

/* On a linear axis from 0: a bar's length is its joules. */
static bool plot_energy(const struct rrto_bench *bench, const struct rrto_bench_summary *summaries)
{
    struct plot plot;
    double top;
    const size_t n_modes = bench->options.n_modes;
    if (!rrto_bench_has_energy(bench))
        return true;
    if (!begin(&plot, bench->options.plot, "energy"))
        return false;
    unsigned kinds = put_joules(plot.file, bench, summaries, &top), n_kinds = 0;
    for (int kind = 0; kind < BAR_KINDS; kind++)
        n_kinds += kinds >> kind & 1;
    if (n_kinds == 0) { /* a sensor that saw no window */
        fclose(plot.file);
        remove(plot.script);
        return true;
    }
    fputs("set title \"", plot.file);
    put_title(plot.file, bench, "Energy of an inference, by mode (mean, with its 95 % interval)");
    put_basis(plot.file, bench);
    fprintf(plot.file,
            "\" noenhanced\nset ylabel 'joules per inference, idle included'\nset yrange [0:%.9g]\n"
            "set xrange [-0.6:%.1f]\nset xtics noenhanced nomirror (",
            top > 0 ? 1.2 * top : 1, (double)n_modes - 0.4);
    for (size_t i = 0; i < n_modes; i++)
        fprintf(plot.file, "%s\"%s\" %zu", i ? ", " : "", bench->options.modes[i].name, i);
    fprintf(plot.file,
            ")\nset grid ytics lc rgb '#cccccc' lw 1\nset key outside right top Left reverse noenhanced\n"
            "set boxwidth %.3f absolute\nplot ",
            n_kinds > 1 ? 0.72 / n_kinds : 0.6);
    for (int kind = 0; kind < BAR_KINDS; kind++) {
        if (!(kinds >> kind & 1))
            continue;
        for (size_t i = 0; i < n_modes; i++) /* one plot for each colour */
            fprintf(plot.file,
                    "$k%d using 1:($6==%zu ? $2 : NaN) with boxes fc rgb '%s' fs %s border lc rgb '%s' notitle, ", kind,
                    i, colour(&bench->options.modes[i]), bar_kinds[kind].fill, colour(&bench->options.modes[i]));
        fprintf(plot.file,
                "$k%d using 1:3:(0):($4-$3) with vectors heads size screen 0.004,90 lw 1.5 lc rgb '#000000' notitle, "
                "$k%d using 1:4:5 with labels %s font ',9' notitle, "
                "NaN with boxes fc rgb '#666666' fs %s border lc rgb '#666666' title '%s', ",
                kind, kind, n_kinds * n_modes > 8 ? "rotate by 90 left offset 0,0.4" : "center offset 0,0.7",
                bar_kinds[kind].fill, bar_kinds[kind].legend);
    }
    fputs("NaN notitle\n", plot.file);
    return end(&plot, 960, 540);
}

bool rrto_bench_plot(const struct rrto_bench *bench, const struct rrto_bench_summary *summaries)
{
    const char *folder = bench->options.plot;
    if (strchr(folder, '\'')) { /* gnuplot's quotes */
        rrto_cli_say(0, "bench: the folder for plots must not have a ' in its name");
        return false;
    }
    if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
        rrto_cli_say(0, "bench: the folder %s cannot be made: %s", folder, strerror(errno));
        return false;
    }
    return plot_latency(bench, summaries) && plot_timeline(bench, summaries) && plot_energy(bench, summaries);
}
