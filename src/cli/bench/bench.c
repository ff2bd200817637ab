/* SPDX-License-Identifier: Apache-2.0 */
/* rrto bench: the order of things. */
#include "cli/bench/bench.h"

#include "base/format.h"
#include "cli/bench/child.h"
#include "cli/bench/summary.h"
#include "cli/cli.h"
#include "cli/private_server.h"
#include "cli/run_folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INTERRUPTED = 130 };

/* What the sessions said of the device. All of them have to say the same. */
static bool learn_device(struct rrto_bench *bench, const struct rrto_bench_run *run)
{
    if (!*run->device)
        return true;
    if (!*bench->device) {
        memcpy(bench->device, run->device, sizeof bench->device);
        memcpy(bench->compute, run->compute, sizeof bench->compute);
    }
    if (strcmp(bench->device, run->device) == 0 && strcmp(bench->compute, run->compute) == 0)
        return true;
    rrto_cli_say(0, "bench: the server's device has changed: %s, %s and %s, %s", bench->device, bench->compute,
                 run->device, run->compute);
    return false;
}

/* Every other round in the opposite order, so that what drifts does not always favour the same mode. */
static bool measure_all(struct rrto_bench *bench)
{
    const size_t n = bench->options.n_modes;
    for (unsigned round = 0; round < bench->options.rounds; round++)
        for (size_t i = 0; i < n; i++) {
            struct rrto_bench_result *result = &bench->results[round % 2 ? n - 1 - i : i];
            if (!rrto_bench_measure(bench, result, round) || !learn_device(bench, &result->runs[result->n_runs - 1]))
                return false;
        }
    /* Where no session told, the hand-written offload has computed as it was told to. */
    if (!*bench->compute && bench->options.compute)
        rrto_format(bench->compute, sizeof bench->compute, "%s", bench->options.compute);
    return true;
}

static int show(const struct rrto_bench *bench)
{
    static struct rrto_bench_summary summaries[RRTO_BENCH_MAX_MODES];
    const struct rrto_bench_options *options = &bench->options;
    for (size_t i = 0; i < options->n_modes; i++)
        if (!rrto_bench_summarize(options, &bench->results[i], &summaries[i]) ||
            !rrto_bench_summarize_energy(bench, &bench->results[i], &summaries[i].energy))
            return rrto_cli_say(RRTO_CLI_FAILED, "bench: out of memory");
    rrto_bench_print(bench, summaries);
    bool written = !options->json || rrto_bench_write_json(bench, summaries);
    written = (!options->csv || rrto_bench_write_csv(bench)) && written;
    written = (!options->markdown || rrto_bench_write_markdown(bench, summaries)) && written;
    written = (!options->plot || rrto_bench_plot(bench, summaries)) && written;
    return written ? 0 : RRTO_CLI_FAILED;
}

static bool start_server(struct rrto_bench *bench, struct rrto_private_server *server)
{
    char why[512];
    const struct rrto_bench_options *options = &bench->options;
    if (options->server) {
        snprintf(bench->server, sizeof bench->server, "%s", options->server);
        return true;
    }
    if (!rrto_private_server_start(server, bench->folder, "auto", options->compute, options->answers, NULL, why,
                                   sizeof why)) {
        rrto_cli_say(0, "bench: %s", why);
        return false;
    }
    snprintf(bench->server, sizeof bench->server, "%s", server->address);
    return true;
}

static void free_results(struct rrto_bench *bench)
{
    for (size_t i = 0; i < bench->options.n_modes; i++)
        for (size_t k = 0; k < bench->results[i].n_runs; k++)
            rrto_bench_run_free(&bench->results[i].runs[k]);
}

int rrto_cli_bench(int argc, char **argv)
{
    static struct rrto_bench bench;
    struct rrto_private_server server = {.pid = 0};
    if (argc > 1 && strcmp(argv[1], "compare") == 0)
        return rrto_bench_compare(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "calibrate") == 0)
        return rrto_cli_calibrate(argc - 1, argv + 1);
    int status = rrto_bench_parse(argc, argv, &bench.options);
    if (status >= 0)
        return status;
    for (size_t i = 0; i < bench.options.n_modes; i++)
        bench.results[i].mode = &bench.options.modes[i];
    if (!rrto_run_folder_create(bench.folder, sizeof bench.folder))
        return rrto_cli_say(RRTO_CLI_FAILED, "bench: no private folder could be made: %s", strerror(errno));
    rrto_bench_catch_signals();
    status = RRTO_CLI_FAILED;
    if (start_server(&bench, &server) && rrto_bench_energy_open(&bench) && measure_all(&bench))
        status = show(&bench);
    rrto_bench_energy_close(&bench);
    rrto_private_server_stop(&server);
    rrto_run_folder_destroy(bench.folder);
    free_results(&bench);
    return rrto_bench_interrupted() ? INTERRUPTED : status;
}
