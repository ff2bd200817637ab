/* SPDX-License-Identifier: Apache-2.0 */
/* What a replayed call costs the application, beside the same call in async mode and a plain function call: runs
 * bench/calls.c under `rrto run --compute skip` in both modes, in turn, several times, and prints the median of the
 * rounds. A row's time is all that the application waits: door, entry, front end, issue() and, in async mode, the
 * share of the sends that a batch of 64 calls meets. The server works on the same machine meanwhile. */
#include "program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 5, N_MODES = 2, MAX_ROWS = 32 };
static const char *const modes[N_MODES] = {"replay", "async"};

struct row {
    char threads[4], name[32];
    double p50[N_MODES][ROUNDS], p99[N_MODES][ROUNDS];
};
static struct row rows[MAX_ROWS];
static unsigned n_rows;

static struct row *row_of(const char *threads, const char *name)
{
    for (unsigned i = 0; i < n_rows; i++)
        if (strcmp(rows[i].threads, threads) == 0 && strcmp(rows[i].name, name) == 0)
            return &rows[i];
    if (n_rows == MAX_ROWS)
        exit(1);
    struct row *row = &rows[n_rows++];
    snprintf(row->threads, sizeof row->threads, "%s", threads);
    snprintf(row->name, sizeof row->name, "%s", name);
    return row;
}

static void sort(double *values)
{
    qsort(values, ROUNDS, sizeof *values, bench_compare);
}

static unsigned mode, turn; /* being measured */

static bool take(void *data, const char *line)
{
    char threads[4], name[32];
    double p50, p99;
    (void)data;
    if (sscanf(line, "%1[12] %31s %lf %lf", threads, name, &p50, &p99) != 4)
        return false;
    struct row *row = row_of(threads, name);
    row->p50[mode][turn] = p50;
    row->p99[mode][turn] = p99;
    return true;
}

int main(void)
{
    char rrto[4096], calls[4096];
    bench_path("bin/rrto", rrto, sizeof rrto);
    bench_path("bench/programs/calls", calls, sizeof calls);
    for (turn = 0; turn < ROUNDS; turn++)
        for (mode = 0; mode < N_MODES; mode++) {
            const char *const argv[] = {rrto, "run", "--compute", "skip", "--mode", modes[mode], "--", calls, NULL};
            bench_run(argv, take, NULL);
        }
    printf("ns per call over batches of 64, the empty loop subtracted: median of %u rounds, and the best round\n",
           ROUNDS);
    printf("%-8s %-20s %10s %10s %10s %10s %10s %10s\n", "threads", "call", "replay p50", "best", "p99", "async p50",
           "best", "p99");
    for (unsigned i = 0; i < n_rows; i++) {
        struct row *row = &rows[i];
        printf("%-8s %-20s", row->threads, row->name);
        for (mode = 0; mode < N_MODES; mode++) {
            sort(row->p50[mode]);
            sort(row->p99[mode]);
            printf(" %10.1f %10.1f %10.1f", row->p50[mode][ROUNDS / 2], row->p50[mode][0], row->p99[mode][ROUNDS / 2]);
        }
        printf("\n");
    }
    return 0;
}
