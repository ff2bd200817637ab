/* SPDX-License-Identifier: Apache-2.0 */
/* One line for each inference. */
#include "cli/bench/summary.h"
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Modelled: this inference's. Measured: the mean of its run; a sensor does not see single ones. */
static void print_joules(FILE *file, const struct rrto_bench *bench, const struct rrto_bench_mode *mode,
                         const struct rrto_bench_run *run, size_t i)
{
    double net, joules = rrto_bench_joules(bench, mode, run, i, &net);
    joules >= 0 ? fprintf(file, ",%.9g,%.9g", joules, net) : fputs(",,", file);
    for (int side = 0; side < RRTO_BENCH_SIDES; side++) {
        const struct rrto_bench_window *window = &run->windows[side];
        if (window->known && rrto_bench_sees(bench, (enum rrto_bench_side)side))
            fprintf(file, ",%.9g,%.9g", window->joules / (double)window->n_inferences,
                    window->net_joules / (double)window->n_inferences);
        else
            fputs(",,", file);
    }
}

static void print_inference(FILE *file, const struct rrto_bench *bench, const struct rrto_bench_result *result,
                            const struct rrto_bench_run *run, size_t i)
{
    const struct rrto_bench_inference *inference = &run->inferences[i];
    fprintf(file, "%s,%u,%zu,%s,%.6f,%.6f", result->mode->name, run->round + 1, i + 1,
            result->mode->kind == RRTO_BENCH_CPU ? "cpu" : bench->compute, inference->latency, inference->total);
    for (int phase = 0; phase < RRTO_BENCH_N_PHASES; phase++)
        run->has_phases ? fprintf(file, ",%.6f", inference->phases[phase]) : fputc(',', file);
    run->n_application == run->n ? fprintf(file, ",%.6f", run->application[i]) : fputc(',', file);
#define X(field) run->counted ? fprintf(file, ",%lu", (unsigned long)inference->field) : fputc(',', file);
    RRTO_BENCH_COUNTS(X)
#undef X
    if (bench->options.rate > 0)
        fprintf(file, ",%d,%lu", inference->late, (unsigned long)inference->dropped);
    else
        fputs(",,", file);
    print_joules(file, bench, result->mode, run, i);
    fputc('\n', file);
}

bool rrto_bench_write_csv(const struct rrto_bench *bench)
{
    FILE *file = fopen(bench->options.csv, "we");
    if (file) {
        fputs("mode,round,inference,compute,latency_ms,total_ms", file);
        for (int phase = 0; phase < RRTO_BENCH_N_PHASES; phase++)
            fprintf(file, ",%s_ms", rrto_bench_phase_names[phase]);
        fputs(",application_ms", file);
#define X(field) fputs("," #field, file);
        RRTO_BENCH_COUNTS(X)
#undef X
        fputs(",late,dropped_before,client_modelled_j,client_modelled_net_j", file);
        for (int side = 0; side < RRTO_BENCH_SIDES; side++)
            fprintf(file, ",%s_measured_run_mean_j,%s_measured_run_mean_net_j", rrto_bench_side_names[side],
                    rrto_bench_side_names[side]);
        fputc('\n', file);
    }
    for (size_t i = 0; file && i < bench->options.n_modes; i++)
        for (size_t k = 0; k < bench->results[i].n_runs; k++)
            for (size_t j = 0; j < bench->results[i].runs[k].n; j++)
                print_inference(file, bench, &bench->results[i], &bench->results[i].runs[k], j);
    bool failed = !file || ferror(file);
    if (file)
        failed = fclose(file) != 0 || failed;
    if (failed)
        rrto_cli_say(0, "bench: %s cannot be written: %s", bench->options.csv, strerror(errno));
    return !failed;
}
