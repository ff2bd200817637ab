/* SPDX-License-Identifier: Apache-2.0 */
/* The program rrto: a table of subcommands. */
#include "cli/cli.h"

#include "base/version.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"run", "run a program whose CUDA calls execute on a server", rrto_cli_run},
    {"bench", "measure what an inference costs, in each mode over the same link", rrto_cli_bench},
    {"preload", "print the value of LD_PRELOAD, for programs that something else starts", rrto_cli_preload},
    {"link", "pass connections on through an emulated link", rrto_cli_link},
    {"calibrate", "the same as rrto bench calibrate: make a device profile from this machine's energy sensor",
     rrto_cli_calibrate},
    {"doctor", "say what a program would load, and whether the server answers", rrto_cli_doctor},
    {"stats", "print a report of rrto run in a readable form", rrto_cli_stats},
    {"dump", "print a trace of the op stream", rrto_cli_dump},
    {"search", "say what repeats in a trace, and what each inference costs", rrto_cli_search},
};
enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

int rrto_cli_say(int status, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fputs("rrto: ", stderr);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
    va_end(list);
    return status;
}

int rrto_cli_bad_option(char **argv, int option)
{
    if (option == ':')
        return rrto_cli_say(RRTO_CLI_WRONG_USE, "%s: %s needs a value; see rrto %s --help", argv[0], argv[optind - 1],
                            argv[0]);
    return rrto_cli_say(RRTO_CLI_WRONG_USE, "%s: unknown option %s; see rrto %s --help", argv[0], argv[optind - 1],
                        argv[0]);
}

bool rrto_cli_decimal(const char *text, double max, double *ret_value)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= 0 && value <= max))
        return false;
    *ret_value = value;
    return true;
}

static void help(void)
{
    puts(
        "Usage: rrto COMMAND [OPTION]...\n\n"
        "Runs unmodified CUDA programs on machines without a GPU: their calls execute on an rrtod elsewhere, and what\n"
        "repeats from inference to inference is sent only once.\n\nCommands:");
    for (size_t i = 0; i < N_COMMANDS; i++)
        printf("  %-10s %s\n", commands[i].name, commands[i].summary);
    puts("\n  --help, --version\n\n"
         "rrto COMMAND --help tells more. Variables of the environment: docs/environment.md.");
}

static int dispatch(int argc, char **argv)
{
    if (argc < 2)
        return rrto_cli_say(RRTO_CLI_WRONG_USE, "a command is missing; see rrto --help");
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        help();
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("rrto %s (%s)\n", rrto_version(), rrto_build_id());
        return 0;
    }
    opterr = 0; /* rrto_cli_bad_option says it in one sentence */
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    return rrto_cli_say(RRTO_CLI_WRONG_USE, "there is no command '%s'; see rrto --help", argv[1]);
}

int main(int argc, char **argv)
{
    int status = dispatch(argc, argv);
    if (fflush(stdout) != 0)
        return rrto_cli_say(status ? status : RRTO_CLI_FAILED, "writing to standard output failed");
    return status;
}
