/* SPDX-License-Identifier: Apache-2.0 */
/* Prints docs/environment.md from the configuration table. `make docs` writes it, lint compares it. */
#include "base/config.h"

#include <ctype.h>
#include <stdio.h>

static void print_row(void *arg, const char *name, const char *type, const char *def, const char *help)
{
    (void)arg;
    printf("| `%s` | ", name);
    for (; *type; type++)
        putchar(tolower((unsigned char)*type));
    printf(*def ? " | `%s` |" : " | %s |", *def ? def : "-");
    printf(" %s |\n", help);
}

int main(void)
{
    puts("# Environment\n\n"
         "Variables that the client library and `rrto` read, once, at the first call. This page is made from the table "
         "in\n"
         "src/base/config.h by `make docs`. An unknown `RRTO_*` variable gets one warning with a guess at what was "
         "meant;\n"
         "a value of the wrong type gets one and the default is taken. Lists are separated by commas.\n\n"
         "| variable | type | default | what it does |\n"
         "|---|---|---|---|");
    rrto_config_each(print_row, NULL);
    puts("\n`rrto run` sets `RRTO_SERVER`, `RRTO_MODE` and `RRTO_RUN_DIR` for its command (and `LD_PRELOAD` and "
         "`LD_LIBRARY_PATH`), and takes\n"
         "`RRTO_SERVER`, `RRTO_MODE` and `RRTO_REPORT` as defaults of its options. `rrtod` has options and a file "
         "instead: docs/operations.md.");
    return 0;
}
