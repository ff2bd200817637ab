/* SPDX-License-Identifier: Apache-2.0 */
#include "base/config.h"
#include "cli/bench/bench.h"
#include "cli/cli.h"
#include "wire/connect.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DEFAULT_FRAMES = 60,
    DEFAULT_FEW_FRAMES = 9,
    DEFAULT_WARMUP = 5,
    DEFAULT_ROUNDS = 3,
    DEFAULT_IDLE_S = 5,
    MAX_FRAMES = 10000000
};
static const char cpu[] = "cpu", split[] = "split";

static const char help_text[] =
    "Usage: rrto bench [OPTION]... [--] COMMAND [ARGUMENT]...\n"
    "       rrto bench compare A.json B.json\n"
    "       rrto bench calibrate [OPTION]... [-- COMMAND [ARGUMENT]...]\n\n"
    "Runs COMMAND in several modes over the same link, one after the other in rounds, and says what an inference "
    "costs\n"
    "in each and where its time goes. In its arguments, {frames} becomes the number of frames of a run, {device} cuda\n"
    "or cpu, and {times} a file for its own times (docs/bench.md).\n\n"
    "  --modes LIST     some of cpu, percall, percall-device, async, replay, split. Without it: all that can be had\n"
    "                   (cpu needs {times}; split needs --split)\n"
    "  --link LINK      as rrto link has it: delay=MS,rate=MBIT, also delay-up= and so on; or a NAME or FILE\n"
    "  --server ADDRESS a server that runs already, behind the link. Without it a private one is started\n"
    "  --compute real|skip|MS  what the private server does instead of computing; every output says so\n"
    "  --answers FILE   hands out the small results that rrto run --answers kept, where computing is left out\n"
    "  --split COMMAND  a hand-written offload of the same model (bench/split), for mode split\n"
    "  --frames N       that are measured in each mode, all rounds together (60); percall, which is slow: 9, unless\n"
    "                   --few-frames N says otherwise\n"
    "  --seconds S      instead: each run for S seconds, its start included\n"
    "  --warmup N       inferences after a run's first one that are not counted (5)\n"
    "  --rounds N       (3)\n"
    "  --rate FPS       open loop: an inference begins every 1/FPS s, and counts from there; else closed loop\n"
    "  --closed         closed loop, the default: takes back a --rate before it\n"
    "  --profile DEVICE a device profile (docs/energy.md), by name or file: the client's joules are modelled by it.\n"
    "                   Where this machine has an energy sensor, they are measured, too\n"
    "  --idle S         how long the sensor measures idle, before the runs (5)\n"
    "  --sys FOLDER     look for sensors there instead of in /sys\n"
    "  --json FILE, --csv FILE, --md FILE   write all figures, a line for each inference, a table\n"
    "  --plot FOLDER    draw latencies, a timeline and, where there is energy, joules (PNG and SVG; needs gnuplot)\n"
    "  --help";

enum {
    OPTION_COMPUTE = 256,
    OPTION_FEW,
    OPTION_JSON,
    OPTION_CSV,
    OPTION_MD,
    OPTION_PLOT,
    OPTION_SPLIT,
    OPTION_ANSWERS,
    OPTION_PROFILE,
    OPTION_IDLE,
    OPTION_SYS
};

static const struct option options_table[] = {
    {"modes", required_argument, NULL, 'm'},
    {"link", required_argument, NULL, 'l'},
    {"server", required_argument, NULL, 's'},
    {"compute", required_argument, NULL, OPTION_COMPUTE},
    {"answers", required_argument, NULL, OPTION_ANSWERS},
    {"split", required_argument, NULL, OPTION_SPLIT},
    {"frames", required_argument, NULL, 'n'},
    {"few-frames", required_argument, NULL, OPTION_FEW},
    {"seconds", required_argument, NULL, 't'},
    {"warmup", required_argument, NULL, 'w'},
    {"rounds", required_argument, NULL, 'r'},
    {"rate", required_argument, NULL, 'f'},
    {"closed", no_argument, NULL, 'c'},
    {"profile", required_argument, NULL, OPTION_PROFILE},
    {"idle", required_argument, NULL, OPTION_IDLE},
    {"sys", required_argument, NULL, OPTION_SYS},
    {"json", required_argument, NULL, OPTION_JSON},
    {"csv", required_argument, NULL, OPTION_CSV},
    {"md", required_argument, NULL, OPTION_MD},
    {"plot", required_argument, NULL, OPTION_PLOT},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static bool number(const char *text, unsigned low, unsigned high, unsigned *ret_value)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || value < low || value > high)
        return false;
    *ret_value = (unsigned)value;
    return true;
}

bool rrto_bench_has(const struct rrto_bench_options *options, const char *placeholder)
{
    for (char **argument = options->command; *argument; argument++)
        if (strstr(*argument, placeholder))
            return true;
    return false;
}

static bool add_mode(struct rrto_bench_options *options, const char *name)
{
    struct rrto_bench_mode mode = {.name = name, .kind = RRTO_BENCH_RRTO};
    const struct rrto_mode *found = rrto_mode_find(name);
    if (strcmp(name, cpu) == 0)
        mode.kind = RRTO_BENCH_CPU;
    else if (strcmp(name, split) == 0)
        mode.kind = RRTO_BENCH_SPLIT;
    else if (!found || found->soft_server) /* what computes on this machine has no link */
        return false;
    mode.few = found && found->every_op_waits;
    for (size_t i = 0; i < options->n_modes; i++)
        if (strcmp(options->modes[i].name, name) == 0)
            return true;
    options->modes[options->n_modes++] = mode;
    return true;
}

static int add_modes(struct rrto_bench_options *options, const char *list)
{
    static char names[512];
    snprintf(names, sizeof names, "%s", list);
    for (char *rest, *name = strtok_r(names, ",", &rest); name; name = strtok_r(NULL, ",", &rest))
        if (!add_mode(options, name))
            return rrto_cli_say(RRTO_CLI_WRONG_USE, "bench: there is no mode '%s' to measure; see rrto bench --help",
                                name);
    return options->n_modes ? -1 : rrto_cli_say(RRTO_CLI_WRONG_USE, "bench: --modes names no mode");
}

static void add_all_modes(struct rrto_bench_options *options)
{
    if (options->rate > 0)
        rrto_cli_say(0, "bench: in an open loop, mode cpu is left out");
    else if (rrto_bench_has(options, "{times}") && rrto_bench_has(options, "{device}"))
        (void)add_mode(options, cpu);
    else
        rrto_cli_say(0, "bench: without {device} and {times} in the command, mode cpu is left out");
    for (size_t i = 0; rrto_mode_at(i); i++)
        (void)add_mode(options, rrto_mode_at(i)->name);
    if (options->split)
        (void)add_mode(options, split);
}

/* One option. Returns -1 to go on. */
static int set(struct rrto_bench_options *options, int option, const char **ret_modes)
{
    bool fine = true;
    switch (option) {
    case 'm':
        *ret_modes = optarg;
        break;
    case 'l':
        options->link = optarg;
        break;
    case 's':
        options->server = optarg;
        break;
    case OPTION_COMPUTE:
        options->compute = optarg;
        break;
    case OPTION_ANSWERS:
        options->answers = optarg;
        break;
    case OPTION_SPLIT:
        options->split = optarg;
        break;
    case 'n':
        fine = number(optarg, 1, MAX_FRAMES, &options->frames);
        break;
    case OPTION_FEW:
        fine = number(optarg, 1, MAX_FRAMES, &options->few_frames);
        break;
    case 't':
        fine = rrto_cli_decimal(optarg, 86400, &options->seconds) && options->seconds > 0;
        break;
    case 'w':
        fine = number(optarg, 0, MAX_FRAMES, &options->warmup);
        break;
    case 'r':
        fine = number(optarg, 1, RRTO_BENCH_MAX_ROUNDS, &options->rounds);
        break;
    case 'f':
        fine = rrto_cli_decimal(optarg, 1e6, &options->rate) && options->rate > 0;
        break;
    case 'c':
        options->rate = 0;
        break;
    case OPTION_PROFILE:
        options->profile = optarg;
        break;
    case OPTION_IDLE:
        fine = rrto_cli_decimal(optarg, 3600, &options->idle_s) && options->idle_s > 0;
        break;
    case OPTION_SYS:
        options->sys = optarg;
        break;
    case OPTION_JSON:
        options->json = optarg;
        break;
    case OPTION_CSV:
        options->csv = optarg;
        break;
    case OPTION_MD:
        options->markdown = optarg;
        break;
    case OPTION_PLOT:
        options->plot = optarg;
        break;
    default:
        return RRTO_CLI_WRONG_USE;
    }
    return fine ? -1
                : rrto_cli_say(RRTO_CLI_WRONG_USE, "bench: '%s' cannot be used there; see rrto bench --help", optarg);
}

/* What does not go together. Returns -1 to go on. */
static int check(const struct rrto_bench_options *options)
{
    char why[512];
    struct rrto_address address;
    bool has_split = false, has_cpu = false;
    for (size_t i = 0; i < options->n_modes; i++) {
        has_split = has_split || options->modes[i].kind == RRTO_BENCH_SPLIT;
        has_cpu = has_cpu || options->modes[i].kind == RRTO_BENCH_CPU;
    }
    if (options->server && rrto_address_parse(options->server, &address, why, sizeof why) != 0)
        return rrto_cli_say(RRTO_CLI_WRONG_USE, "bench: %s", why);
    if (options->server && (options->compute || options->answers))
        return rrto_cli_say(RRTO_CLI_WRONG_USE,
                            "bench: --%s is for the private server; give it to the rrtod at %s instead",
                            options->compute ? "compute" : "answers", options->server);
    if (options->answers && !options->compute)
        return rrto_cli_say(RRTO_CLI_WRONG_USE,
                            "bench: --answers needs --compute skip or a time: else results are computed");
    if (has_split && !options->split)
        return rrto_cli_say(RRTO_CLI_WRONG_USE, "bench: mode split needs --split COMMAND (docs/bench.md)");
    if (has_split && options->server)
        return rrto_cli_say(RRTO_CLI_WRONG_USE, "bench: mode split needs the private server: leave out --server");
    if (has_split && options->seconds > 0)
        return rrto_cli_say(RRTO_CLI_WRONG_USE, "bench: mode split needs --frames, not --seconds");
    if (has_cpu && (!rrto_bench_has(options, "{times}") || options->seconds > 0))
        return rrto_cli_say(
            RRTO_CLI_WRONG_USE,
            "bench: nothing is seen of a program that does not use the device: mode cpu needs {times} in "
            "the command, and --frames (docs/bench.md)");
    if (has_cpu && options->rate > 0)
        return rrto_cli_say(RRTO_CLI_WRONG_USE,
                            "bench: nothing holds back a program that does not use the device: leave out mode cpu");
    if (options->seconds <= 0 && !rrto_bench_has(options, "{frames}"))
        rrto_cli_say(0, "bench: without {frames} in the command each run lasts as long as it lasts");
    return -1;
}

int rrto_bench_parse(int argc, char **argv, struct rrto_bench_options *ret_options)
{
    const char *modes = NULL;
    *ret_options = (struct rrto_bench_options){.idle_s = DEFAULT_IDLE_S,
                                               .frames = DEFAULT_FRAMES,
                                               .few_frames = DEFAULT_FEW_FRAMES,
                                               .warmup = DEFAULT_WARMUP,
                                               .rounds = DEFAULT_ROUNDS};
    for (int option; (option = getopt_long(argc, argv, "+:h", options_table, NULL)) != -1;) {
        if (option == 'h') {
            puts(help_text);
            return 0;
        }
        if (option == '?' || option == ':')
            return rrto_cli_bad_option(argv, option);
        int status = set(ret_options, option, &modes);
        if (status >= 0)
            return status;
    }
    ret_options->command = argv + optind;
    ret_options->n_command = (size_t)(argc - optind);
    if (!*ret_options->command)
        return rrto_cli_say(RRTO_CLI_WRONG_USE, "bench: a command is missing; see rrto bench --help");
    int status = -1;
    if (modes)
        status = add_modes(ret_options, modes);
    else
        add_all_modes(ret_options);
    return status < 0 ? check(ret_options) : status;
}

unsigned rrto_bench_frames_of_run(const struct rrto_bench_options *options, const struct rrto_bench_mode *mode)
{
    unsigned frames = mode->few ? options->few_frames : options->frames;
    unsigned share = (frames + options->rounds - 1) / options->rounds;
    return share + options->warmup + 1;
}
