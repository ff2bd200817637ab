/* SPDX-License-Identifier: Apache-2.0 */
/* What the subcommands of rrto share. Programs of this room may use stdio and exit. */
#ifndef RRTO_CLI_CLI_H
#define RRTO_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

/* Exit statuses. The last three are those of `rrto run` itself, as env(1) and timeout(1) have them. */
enum {
    RRTO_CLI_FAILED = 1,
    RRTO_CLI_WRONG_USE = 2,
    RRTO_CLI_RUN_FAILED = 125,
    RRTO_CLI_NOT_EXECUTABLE = 126,
    RRTO_CLI_NOT_FOUND = 127,
};

/* Subcommands: argv[0] is the subcommand's name; the result is the exit status. */
int rrto_cli_run(int argc, char **argv);
int rrto_cli_bench(int argc, char **argv);
int rrto_cli_preload(int argc, char **argv);
int rrto_cli_link(int argc, char **argv);
int rrto_cli_dump(int argc, char **argv);
int rrto_cli_doctor(int argc, char **argv);
int rrto_cli_search(int argc, char **argv);
int rrto_cli_stats(int argc, char **argv);
int rrto_cli_calibrate(int argc, char **argv);

/* One sentence on stderr, "rrto: ..."; returns status, so that a caller can return it. */
int rrto_cli_say(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* For getopt_long's '?' and ':' (with opterr 0): names the culprit, returns RRTO_CLI_WRONG_USE. */
int rrto_cli_bad_option(char **argv, int option);

/* A number of milliseconds, megabits ... with an optional fraction; false when text is not one, or is over max. */
bool rrto_cli_decimal(const char *text, double max, double *ret_value);

#endif
