/* SPDX-License-Identifier: Apache-2.0 */
/* rrto dump: prints a trace of the op stream, one op a line. */
#include "base/status.h"
#include "cli/cli.h"
#include "cli/kernels.h"
#include "gen/ops.h"
#include "replay/log.h"
#include "replay/trace.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum { HISTORY_BYTES = 256 << 20, SHOWN_BYTES = 32 }; /* of a run of changed bytes */

static const char help_text[] =
    "Usage: rrto dump [OPTION]... FILE\n\n"
    "Prints a trace that a program wrote under RRTO_TRACE=FILE. Each line: position, milliseconds since the first op,\n"
    "lane, how the op travelled (lit, pred, patch; from which position; ! = it was waited for), the op.\n\n"
    "  --lane N        only the ops of this lane\n"
    "  --op NAME,...   only these ops\n"
    "  --how HOW       only those that travelled so: lit, pred or patch\n"
    "  --from N        from this position on\n"
    "  --to N          up to this position\n"
    "  --changes       below a patched op: which of its bytes differ, from what to what\n"
    "  --kernels       below a launch: the kernel's name\n"
    "  --counts        only how often each op occurs, how it travelled, and its bytes\n"
    "  --help";

static const char *const how_names[] = {"lit", "pred", "patch"};

struct counts {
    uint64_t n, how[3], bytes, changed;
};

struct dump {
    const char *path, *ops;
    bool changes, kernels, only_counts;
    uint64_t lane, how, from, to; /* UINT64_MAX: any */
    /* while reading */
    struct rrto_log history; /* what patched ops are compared with */
    uint64_t first_position, first_ns;
    struct rrto_kernels kernel_names;
    struct counts counts[UINT16_MAX + 1];
};

static uint16_t op_number(const struct rrto_trace_op *op)
{
    struct rrto_op_header header = {0};
    if (op->n_bytes >= sizeof header)
        memcpy(&header, op->bytes, sizeof header);
    return header.number;
}

static const char *op_name(size_t number)
{
    return number <= RRTO_OP_NUMBER_MAX && rrto_op_infos[number].name ? rrto_op_infos[number].name : "?";
}

/* Whether a name stands in a comma-separated list. */
static bool listed(const char *list, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = list; *at; at += *at == ',') {
        size_t length = strcspn(at, ",");
        if (length == n && memcmp(at, name, n) == 0)
            return true;
        at += length;
    }
    return false;
}

static bool wanted(const struct dump *dump, const struct rrto_trace_op *op)
{
    return (dump->lane == UINT64_MAX || op->lane == dump->lane) && (dump->how == UINT64_MAX || op->how == dump->how) &&
           (dump->from == UINT64_MAX || op->position >= dump->from) &&
           (dump->to == UINT64_MAX || op->position <= dump->to) &&
           (!dump->ops || listed(dump->ops, op_name(op_number(op))));
}

/* The op that this one was predicted from, of the same size; NULL: there is none, or it was too long ago. */
static const uint8_t *source_of(const struct dump *dump, const struct rrto_trace_op *op)
{
    size_t n = 0;
    if (op->source == UINT64_MAX || op->source < dump->first_position)
        return NULL;
    const uint8_t *source = rrto_log_get(&dump->history, op->source - dump->first_position, &n);
    return source && n == op->n_bytes ? source : NULL;
}

static void print_kernel(const struct dump *dump, const struct rrto_trace_op *op)
{
    const char *name = rrto_kernels_of(&dump->kernel_names, op->bytes, op->n_bytes, NULL);
    if (name)
        printf("             kernel %s\n", name);
}

static void print_bytes(const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n && i < SHOWN_BYTES; i++)
        printf("%02x", bytes[i]);
    if (n > SHOWN_BYTES)
        fputs("...", stdout);
}

static void print_changes(const struct dump *dump, const struct rrto_trace_op *op)
{
    const uint8_t *source = op->how == RRTO_TRACE_PATCHED ? source_of(dump, op) : NULL;
    for (uint32_t i = 0, end; source && i < op->n_bytes; i = end) {
        end = i + 1;
        if (source[i] == op->bytes[i])
            continue;
        while (end < op->n_bytes && source[end] != op->bytes[end])
            end++;
        printf("             at %u: ", i);
        print_bytes(source + i, end - i);
        fputs(" -> ", stdout);
        print_bytes(op->bytes + i, end - i);
        putchar('\n');
    }
}

static void print_op(const struct dump *dump, const struct rrto_trace_op *op)
{
    printf("%8lu %10.3f  lane %-2u %-5s", (unsigned long)op->position, (double)(op->time_ns - dump->first_ns) / 1e6,
           op->lane, op->how < 3 ? how_names[op->how] : "?");
    if (op->source != UINT64_MAX)
        printf(" <- %-8lu", (unsigned long)op->source);
    else
        printf("            ");
    fputs(op->wait ? " ! " : "   ", stdout);
    rrto_print_op(stdout, op->bytes, op->n_bytes);
    if (dump->kernels)
        print_kernel(dump, op);
    if (dump->changes)
        print_changes(dump, op);
}

static void count(struct dump *dump, const struct rrto_trace_op *op)
{
    struct counts *counts = &dump->counts[op_number(op)];
    const uint8_t *source = op->how == RRTO_TRACE_PATCHED ? source_of(dump, op) : NULL;
    counts->n++;
    counts->bytes += op->n_bytes;
    if (op->how < 3)
        counts->how[op->how]++;
    for (uint32_t i = 0; source && i < op->n_bytes; i++)
        counts->changed += source[i] != op->bytes[i];
}

static void print_counts(const struct dump *dump)
{
    printf("%10s %12s %10s %10s %10s %10s  op\n", "count", "bytes", "lit", "pred", "patch", "changed");
    for (size_t number = 0; number <= UINT16_MAX; number++) {
        const struct counts *counts = &dump->counts[number];
        if (counts->n)
            printf("%10lu %12lu %10lu %10lu %10lu %10lu  %s\n", (unsigned long)counts->n, (unsigned long)counts->bytes,
                   (unsigned long)counts->how[0], (unsigned long)counts->how[1], (unsigned long)counts->how[2],
                   (unsigned long)counts->changed, op_name(number));
    }
}

static int read_ops(struct dump *dump)
{
    struct rrto_trace_reader *reader;
    struct rrto_trace_op op;
    uint64_t n = 0;
    int status = rrto_trace_open(dump->path, &reader);
    if (status != RRTO_OK)
        return rrto_cli_say(RRTO_CLI_FAILED, "%s: %s", dump->path,
                            status == RRTO_MISMATCH ? "not a trace of this version" : strerror(errno));
    while ((status = rrto_trace_read(reader, &op)) == RRTO_OK) {
        if (n++ == 0) {
            dump->first_ns = op.time_ns;
            dump->first_position = op.position;
        }
        rrto_kernels_note(&dump->kernel_names, op.bytes, op.n_bytes);
        if (wanted(dump, &op) && dump->only_counts)
            count(dump, &op);
        else if (wanted(dump, &op))
            print_op(dump, &op);
        rrto_log_append(&dump->history, op.bytes, op.n_bytes, NULL, 0);
    }
    rrto_trace_reader_close(reader);
    if (dump->only_counts)
        print_counts(dump);
    if (status == RRTO_NOT_FOUND)
        return 0;
    return rrto_cli_say(RRTO_CLI_FAILED, "%s: after %lu ops: %s", dump->path, (unsigned long)n,
                        rrto_status_text(status));
}

/* The value of an option into dump; false: it makes no sense. */
static bool take(struct dump *dump, int option, const char *text)
{
    uint64_t number = 0;
    double value;
    switch (option) {
    case 'o':
        dump->ops = text;
        for (const char *at = text; *at; at += *at == ',') {
            char name[128];
            size_t n = strcspn(at, ",");
            bool known = false;
            snprintf(name, sizeof name, "%.*s", (int)n, at);
            for (size_t i = 0; i <= RRTO_OP_NUMBER_MAX; i++)
                known = known || strcmp(op_name(i), name) == 0;
            if (!known)
                return false;
            at += n;
        }
        return *text;
    case 'w':
        while (number < 3 && strcmp(how_names[number], text) != 0)
            number++;
        dump->how = number;
        return number < 3;
    default:
        if (!rrto_cli_decimal(text, 1e15, &value) || value != (double)(uint64_t)value)
            return false;
        *(option == 'l' ? &dump->lane : option == 'f' ? &dump->from : &dump->to) = (uint64_t)value;
        return true;
    }
}

int rrto_cli_dump(int argc, char **argv)
{
    static const struct option options[] = {
        {"lane", required_argument, NULL, 'l'}, {"op", required_argument, NULL, 'o'},
        {"how", required_argument, NULL, 'w'},  {"from", required_argument, NULL, 'f'},
        {"to", required_argument, NULL, 't'},   {"changes", no_argument, NULL, 'd'},
        {"kernels", no_argument, NULL, 'k'},    {"counts", no_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},       {NULL, 0, NULL, 0}};
    static struct dump dump = {.lane = UINT64_MAX, .how = UINT64_MAX, .from = UINT64_MAX, .to = UINT64_MAX};
    for (int option; (option = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
        switch (option) {
        case 'h':
            puts(help_text);
            return 0;
        case ':':
        case '?':
            return rrto_cli_bad_option(argv, option);
        case 'd':
            dump.changes = true;
            break;
        case 'k':
            dump.kernels = true;
            break;
        case 'c':
            dump.only_counts = true;
            break;
        default:
            if (!take(&dump, option, optarg))
                return rrto_cli_say(RRTO_CLI_WRONG_USE, "dump: '%s' is no %s; see rrto dump --help", optarg,
                                    option == 'o'   ? "name of an op"
                                    : option == 'w' ? "way to travel"
                                                    : "whole number");
        }
    }
    if (argc - optind != 1)
        return rrto_cli_say(RRTO_CLI_WRONG_USE, "dump needs one file; see rrto dump --help");
    dump.path = argv[optind];
    rrto_kernels_init(&dump.kernel_names);
    int status = rrto_log_init(&dump.history, HISTORY_BYTES);
    if (status != RRTO_OK)
        return rrto_cli_say(RRTO_CLI_FAILED, "dump: %s", rrto_status_text(status));
    status = read_ops(&dump);
    rrto_kernels_fini(&dump.kernel_names);
    rrto_log_fini(&dump.history);
    return status;
}
