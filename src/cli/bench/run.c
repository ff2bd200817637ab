/* SPDX-License-Identifier: Apache-2.0 */
/* One run: the server's side, the link before it, the command; then what it has left. */
#include "base/clock.h"

#include "cli/bench/bench.h"
#include "cli/bench/child.h"
#include "cli/cli.h"
#include "cli/doors.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_ARGUMENTS = 1024, MAX_TEXT = 1 << 16, MANY_FRAMES = 1000000000, LISTEN_S = 20, SPLIT_LISTEN_S = 300 };
static char self[PATH_MAX]; /* this program: rrto run, rrto link */

/* Arguments, and the text that some of them are made in. Fixed in size: a command line is not long. */
struct arguments {
    char *items[MAX_ARGUMENTS + 1];
    size_t n;
    char text[MAX_TEXT];
    size_t used;
    bool full;
};

static void add(struct arguments *arguments, const char *text)
{
    size_t n = strlen(text) + 1;
    if (arguments->n == MAX_ARGUMENTS || n > sizeof arguments->text - arguments->used) {
        arguments->full = true;
        return;
    }
    arguments->items[arguments->n++] = memcpy(arguments->text + arguments->used, text, n);
    arguments->items[arguments->n] = NULL;
    arguments->used += n;
}

static void add_all(struct arguments *arguments, const char *const *texts)
{
    for (; *texts; texts++)
        add(arguments, *texts);
}

static void add_number(struct arguments *arguments, unsigned value)
{
    char text[16];
    snprintf(text, sizeof text, "%u", value);
    add(arguments, text);
}

/* An argument of the command, its placeholders replaced. */
static void add_filled(struct arguments *arguments, const char *argument, const char *const values[][2])
{
    char text[4096];
    size_t n = 0;
    while (*argument && n < sizeof text - 1) {
        size_t i = 0;
        while (values[i][0] && strncmp(argument, values[i][0], strlen(values[i][0])) != 0)
            i++;
        if (!values[i][0]) {
            text[n++] = *argument++;
            continue;
        }
        n += (size_t)snprintf(text + n, sizeof text - n, "%s", values[i][1]);
        n = n < sizeof text - 1 ? n : sizeof text - 1;
        argument += strlen(values[i][0]);
    }
    text[n] = '\0';
    if (*argument)
        arguments->full = true;
    add(arguments, text);
}

/* "delay=5,rate=80" as the options of rrto link; what has no '=' is the name, or the file, of a link. */
static void add_link(struct arguments *arguments, const char *spec)
{
    static char items[4096];
    char option[300];
    snprintf(items, sizeof items, "%s", spec);
    for (char *rest, *item = strtok_r(items, ",", &rest); item; item = strtok_r(NULL, ",", &rest)) {
        char *equals = strchr(item, '=');
        if (equals)
            *equals = '\0';
        snprintf(option, sizeof option, "--%s", equals ? item : "link");
        add(arguments, option);
        add(arguments, equals ? equals + 1 : item);
    }
}

/* Starts the link before `target`; without one, *ret_address is the target. */
static bool start_link(const struct rrto_bench *bench, const char *target, struct rrto_bench_child *link,
                       const char **ret_address)
{
    static struct arguments arguments;
    static char log[200];
    *link = (struct rrto_bench_child){.pid = 0};
    *ret_address = target;
    if (!bench->options.link)
        return true;
    arguments.n = arguments.used = 0;
    snprintf(log, sizeof log, "%s/link.log", bench->folder);
    add_all(&arguments, (const char *const[]){self, "link", "--listen", "127.0.0.1:0", "--to", target, NULL});
    add_link(&arguments, bench->options.link);
    if (!rrto_bench_start_listening(link, arguments.items, NULL, log, LISTEN_S))
        return false;
    *ret_address = link->address;
    return true;
}

static void paths(const struct rrto_bench *bench, char inferences[200], char times[200], char log[200])
{
    snprintf(inferences, 200, "%s/inferences", bench->folder);
    snprintf(times, 200, "%s/times", bench->folder);
    snprintf(log, 200, "%s/command.log", bench->folder);
    unlink(inferences);
    unlink(times);
}

/* rrto run ... -- COMMAND, for a mode of rrto and for the CPU. */
static void make_command(struct arguments *arguments, const struct rrto_bench *bench,
                         const struct rrto_bench_mode *mode, const char *address, const char *inferences,
                         const char *times)
{
    char frames[16];
    const struct rrto_bench_options *options = &bench->options;
    const bool cpu = mode->kind == RRTO_BENCH_CPU;
    snprintf(frames, sizeof frames, "%u",
             options->seconds > 0 ? (unsigned)MANY_FRAMES : rrto_bench_frames_of_run(options, mode));
    const char *const values[][2] = {
        {"{frames}", frames}, {"{device}", cpu ? "cpu" : "cuda"}, {"{times}", times}, {NULL, NULL}};
    arguments->n = arguments->used = 0;
    arguments->full = false;
    add_all(arguments, (const char *const[]){self, "run", "--server", address, "--inferences", inferences, NULL});
    if (!cpu)
        add_all(arguments, (const char *const[]){"--mode", mode->name, NULL});
    add(arguments, "--");
    for (char **argument = options->command; *argument; argument++)
        add_filled(arguments, *argument, values);
}

/* The hand-written offload's two sides (docs/bench.md). The server's is a program on the server's machine, with its
 * device; what computes there is the same rrtod, over no link. */
static void make_split_server(struct arguments *arguments, const struct rrto_bench *bench)
{
    arguments->n = arguments->used = 0;
    arguments->full = false;
    add_all(arguments, (const char *const[]){self, "run", "--server", bench->server, "--", "/bin/sh", "-c", NULL});
    char script[4096];
    arguments->full = snprintf(script, sizeof script, "exec %s \"$@\"", bench->options.split) >= (int)sizeof script;
    add(arguments, script);
    add_all(arguments, (const char *const[]){"split", "serve", "--listen", "127.0.0.1:0", "--compute",
                                             bench->options.compute ? bench->options.compute : "real", NULL});
}

static void make_split_client(struct arguments *arguments, const struct rrto_bench *bench,
                              const struct rrto_bench_mode *mode, const char *address, const char *times)
{
    char script[4096];
    arguments->n = arguments->used = 0;
    /* Under rrto run as well: a stock wheel cannot be imported where the vendor's libraries are missing. */
    add_all(arguments, (const char *const[]){self, "run", "--server", bench->server, "--", "/bin/sh", "-c", NULL});
    arguments->full = snprintf(script, sizeof script, "exec %s \"$@\"", bench->options.split) >= (int)sizeof script;
    add(arguments, script);
    add_all(arguments, (const char *const[]){"split", "run", "--connect", address, "--times", times, "--frames", NULL});
    add_number(arguments, rrto_bench_frames_of_run(&bench->options, mode));
    if (bench->options.rate > 0) {
        char period[32];
        snprintf(period, sizeof period, "%.6f", 1e3 / bench->options.rate);
        add_all(arguments, (const char *const[]){"--period", period, NULL});
    }
}

struct turn {
    const struct rrto_bench *bench;
    const struct rrto_bench_mode *mode;
    unsigned round;
    double start;
};

static void show_progress(void *arg)
{
    const struct turn *turn = arg;
    const struct rrto_bench_options *options = &turn->bench->options;
    unsigned n_done = 0;
    for (size_t i = 0; i < options->n_modes; i++)
        n_done += (unsigned)turn->bench->results[i].n_runs;
    rrto_bench_progress(turn->bench, n_done, options->rounds * (unsigned)options->n_modes, turn->mode->name,
                        turn->round, rrto_bench_seconds() - turn->start);
}

/* Runs it to its end. False: it failed, and it has been said. */
static bool run_command(const struct rrto_bench *bench, const struct rrto_bench_mode *mode, unsigned round,
                        struct arguments *arguments, const char *log)
{
    char period[32];
    const struct rrto_bench_options *options = &bench->options;
    struct rrto_bench_child child;
    struct turn turn = {bench, mode, round, rrto_bench_seconds()};
    snprintf(period, sizeof period, "%.0f", options->rate > 0 ? 1e6 / options->rate : 0);
    const char *const environment[] = {"RRTO_PERIOD_US", period, "RRTO_TRACE", NULL, "RRTO_REPORT", NULL,
                                       "PYTHONUNBUFFERED", "1",
                                       /* the last pair is for the CPU only */
                                       mode->kind == RRTO_BENCH_CPU ? "CUDA_VISIBLE_DEVICES" : NULL, "", NULL};
    if (arguments->full) {
        rrto_cli_say(0, "bench: the command is too long");
        return false;
    }
    if (!rrto_bench_start(&child, arguments->items, environment, log)) {
        rrto_cli_say(0, "bench: the command could not be executed: %s", strerror(errno));
        return false;
    }
    show_progress(&turn);
    int status = rrto_bench_wait(&child, mode->kind == RRTO_BENCH_RRTO ? options->seconds : 0, show_progress, &turn);
    rrto_bench_progress_end();
    if (rrto_bench_interrupted())
        return false;
    bool stopped = options->seconds > 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM;
    if (stopped || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
        return true;
    if (WIFEXITED(status))
        rrto_cli_say(0, "bench: the command ended with status %d in mode %s; it said:", WEXITSTATUS(status),
                     mode->name);
    else
        rrto_cli_say(0, "bench: the command was ended by signal %d in mode %s; it said:", WTERMSIG(status), mode->name);
    rrto_bench_show_log(log);
    return false;
}

/* What the run has left, and whether it is what the mode promises. */
static bool collect(const struct rrto_bench *bench, const struct rrto_bench_mode *mode, const char *inferences,
                    const char *times, uint64_t spawned_ns, struct rrto_bench_run *run)
{
    const struct rrto_bench_options *options = &bench->options;
    const bool seen = mode->kind == RRTO_BENCH_RRTO;
    struct rrto_bench_run probe = {.n = 0};
    if (seen && !rrto_bench_read_inferences(inferences, options, spawned_ns, run))
        return false;
    if (mode->kind == RRTO_BENCH_CPU) {
        bool read = rrto_bench_read_inferences(inferences, options, spawned_ns, &probe);
        size_t found = probe.n_found;
        rrto_bench_run_free(&probe);
        if (read && found) {
            rrto_cli_say(0, "bench: the command used the device in mode %s: its figures would be wrong", mode->name);
            return false;
        }
    }
    if (!seen || (rrto_bench_has(options, "{times}") && options->seconds <= 0))
        if (!rrto_bench_read_times(times, options, !seen, run))
            return false;
    if (run->n == 0) {
        rrto_cli_say(0,
                     "bench: only %zu inferences in mode %s, warm-up included: give more frames, or a smaller --warmup",
                     run->n_found, mode->name);
        return false;
    }
    return true;
}

bool rrto_bench_measure(struct rrto_bench *bench, struct rrto_bench_result *result, unsigned round)
{
    static struct arguments arguments;
    static char server_log[200];
    /* For split's server: its pace is the client's, and it is not to write where the user expects an application's
     * files. */
    static const char *const apart[] = {"RRTO_PERIOD_US", NULL, "RRTO_TRACE", NULL, "RRTO_REPORT", NULL, NULL};
    char inferences[200], times[200], log[200];
    const char *address;
    struct rrto_bench_child server = {.pid = 0}, link = {.pid = 0};
    const struct rrto_bench_mode *mode = result->mode;
    struct rrto_bench_run *run = &result->runs[result->n_runs];
    *run = (struct rrto_bench_run){
        .round = round, .import_s = -1, .load_first_s = -1, .first = -1, .app_import_load_s = -1, .app_first = -1};
    paths(bench, inferences, times, log);
    bool fine = rrto_doors_program("rrto", self, sizeof self);
    if (!fine)
        rrto_cli_say(0, "bench: where this program lies is unknown");
    if (fine && mode->kind == RRTO_BENCH_SPLIT) {
        snprintf(server_log, sizeof server_log, "%s/split.log", bench->folder);
        make_split_server(&arguments, bench);
        fine =
            !arguments.full && rrto_bench_start_listening(&server, arguments.items, apart, server_log, SPLIT_LISTEN_S);
    }
    fine = fine && start_link(bench, server.pid ? server.address : bench->server, &link, &address);
    rrto_bench_energy_begin(bench);
    uint64_t spawned_ns = rrto_now_ns();
    if (fine && mode->kind == RRTO_BENCH_SPLIT)
        make_split_client(&arguments, bench, mode, address, times);
    else if (fine)
        make_command(&arguments, bench, mode, address, inferences, times);
    fine = fine && run_command(bench, mode, round, &arguments, log);
    rrto_bench_stop(&link);
    rrto_bench_stop(&server);
    fine = fine && collect(bench, mode, inferences, times, spawned_ns, run);
    rrto_bench_energy_end(bench, mode, run);
    if (fine)
        result->n_runs++;
    else
        rrto_bench_run_free(run);
    return fine;
}
