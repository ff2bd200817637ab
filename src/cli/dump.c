/* SPDX-License-Identifier: Apache-2.0 */
/* rrto dump: prints a trace of the op stream, one op a line. */
#include "base/status.h"
#include "cli/cli.h"
#include "gen/ops.h"
#include "replay/trace.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char help_text[] =
    "Usage: rrto dump [--counts] FILE\n\n"
    "Prints a trace that a program wrote under RRTO_TRACE=FILE. Each line: position, milliseconds since the first op,\n"
    "lane, how the op travelled (lit, pred, patch; from which position; ! = it was waited for), the op.\n\n"
    "  --counts  only how often each op occurs, and its bytes\n"
    "  --help";

struct counts {
    uint64_t n[UINT16_MAX + 1], bytes[UINT16_MAX + 1];
};

static uint16_t op_number(const struct rrto_trace_op *op)
{
    struct rrto_op_header header = {0};
    if (op->n_bytes >= sizeof header)
        memcpy(&header, op->bytes, sizeof header);
    return header.number;
}

static void print_op(const struct rrto_trace_op *op, uint64_t first_ns)
{
    static const char *const how[] = {"lit", "pred", "patch"};
    printf("%8lu %10.3f  lane %-2u %-5s", (unsigned long)op->position, (double)(op->time_ns - first_ns) / 1e6, op->lane,
           op->how < 3 ? how[op->how] : "?");
    if (op->source != UINT64_MAX)
        printf(" <- %-8lu", (unsigned long)op->source);
    else
        printf("            ");
    fputs(op->wait ? " ! " : "   ", stdout);
    rrto_print_op(stdout, op->bytes, op->n_bytes);
}

static void print_counts(const struct counts *counts)
{
    printf("%10s %12s  op\n", "count", "bytes");
    for (size_t number = 0; number <= UINT16_MAX; number++)
        if (counts->n[number])
            printf("%10lu %12lu  %s\n", (unsigned long)counts->n[number], (unsigned long)counts->bytes[number],
                   number <= RRTO_OP_NUMBER_MAX && rrto_op_infos[number].name ? rrto_op_infos[number].name : "?");
}

static int dump(const char *path, bool only_counts)
{
    static struct counts counts;
    struct rrto_trace_reader *reader;
    struct rrto_trace_op op;
    uint64_t first_ns = 0, n = 0;
    int status = rrto_trace_open(path, &reader);
    if (status != RRTO_OK)
        return rrto_cli_say(RRTO_CLI_FAILED, "%s: %s", path,
                            status == RRTO_MISMATCH ? "not a trace of this version" : strerror(errno));
    while ((status = rrto_trace_read(reader, &op)) == RRTO_OK) {
        if (n++ == 0)
            first_ns = op.time_ns;
        if (!only_counts)
            print_op(&op, first_ns);
        counts.n[op_number(&op)]++;
        counts.bytes[op_number(&op)] += op.n_bytes;
    }
    rrto_trace_reader_close(reader);
    if (only_counts)
        print_counts(&counts);
    if (status == RRTO_NOT_FOUND)
        return 0;
    return rrto_cli_say(RRTO_CLI_FAILED, "%s: after %lu ops: %s", path, (unsigned long)n, rrto_status_text(status));
}

int rrto_cli_dump(int argc, char **argv)
{
    static const struct option options[] = {
        {"counts", no_argument, NULL, 'c'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    bool only_counts = false;
    for (int option; (option = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
        if (option == 'h') {
            puts(help_text);
            return 0;
        }
        if (option != 'c')
            return rrto_cli_bad_option(argv, option);
        only_counts = true;
    }
    if (argc - optind != 1)
        return rrto_cli_say(RRTO_CLI_WRONG_USE, "dump needs one file; see rrto dump --help");
    return dump(argv[optind], only_counts);
}
