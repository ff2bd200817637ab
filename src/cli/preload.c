/* SPDX-License-Identifier: Apache-2.0 */
/* rrto preload: the loader's variables for programs that something else starts (Jupyter, a service manager, a launch
 * file). */
#include "cli/cli.h"
#include "cli/doors.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

static const char help_text[] =
    "Usage: rrto preload [--library-path]\n\n"
    "Prints the value for LD_PRELOAD, or with --library-path the value for LD_LIBRARY_PATH (the stubs of libraries "
    "that\n"
    "only have to exist). Set RRTO_SERVER too; RRTO_REPORT names a file for the report.\n\n"
    "  LD_PRELOAD=\"$(rrto preload)\" LD_LIBRARY_PATH=\"$(rrto preload --library-path)\" \\\n"
    "      RRTO_SERVER=gpu.example:14833 jupyter lab";

int rrto_cli_preload(int argc, char **argv)
{
    static const struct option options[] = {
        {"library-path", no_argument, NULL, 'l'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    static char text[RRTO_DOORS_MAX_BYTES];
    char why[PATH_MAX + 256];
    bool library_path = false;
    for (int option; (option = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
        if (option == 'h') {
            puts(help_text);
            return 0;
        }
        if (option != 'l')
            return rrto_cli_bad_option(argv, option);
        library_path = true;
    }
    if (optind < argc)
        return rrto_cli_say(RRTO_CLI_WRONG_USE, "preload takes no arguments; see rrto preload --help");
    if (library_path) {
        if (!rrto_doors_library_path(getenv("LD_LIBRARY_PATH"), text, sizeof text))
            return rrto_cli_say(RRTO_CLI_FAILED, "LD_LIBRARY_PATH is too long");
    } else if (!rrto_doors_preload(getenv("LD_PRELOAD"), text, sizeof text, why, sizeof why)) {
        return rrto_cli_say(RRTO_CLI_FAILED, "%s", why);
    }
    puts(text);
    return 0;
}
