/* SPDX-License-Identifier: Apache-2.0 */
/* What a replayed call costs the application, beside the same call in async mode and a plain function call: runs
 * bench/calls.c under `rrto run --compute skip` in both modes, in turn, several times, and prints the median of the
 * rounds. A row's time is all that the application waits: door, entry, front end, issue() and, in async mode, the
 * share of the sends that a batch of 64 calls meets. The server works on the same machine meanwhile. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

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

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void sort(double *values)
{
    qsort(values, ROUNDS, sizeof *values, compare);
}

static void run(const char *folder, unsigned mode, unsigned round)
{
    char rrto[4096], calls[4096], line[256];
    int ends[2];
    snprintf(rrto, sizeof rrto, "%s/../bin/rrto", folder);
    snprintf(calls, sizeof calls, "%s/programs/calls", folder);
    if (pipe(ends) != 0)
        exit(1);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        execl(rrto, "rrto", "run", "--compute", "skip", "--mode", modes[mode], "--", calls, (char *)NULL);
        perror(rrto);
        _exit(127);
    }
    close(ends[1]);
    FILE *output = child > 0 ? fdopen(ends[0], "r") : NULL;
    while (output && fgets(line, sizeof line, output)) {
        char threads[4], name[32];
        double p50, p99;
        if (sscanf(line, "%1[12] %31s %lf %lf", threads, name, &p50, &p99) != 4) {
            if (!strstr(line, "no server named"))
                fputs(line, stderr);
            continue;
        }
        struct row *row = row_of(threads, name);
        row->p50[mode][round] = p50;
        row->p99[mode][round] = p99;
    }
    if (output)
        fclose(output);
    int status = -1;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
        fprintf(stderr, "%s failed under rrto run --mode %s\n", calls, modes[mode]);
        exit(1);
    }
}

int main(void)
{
    char folder[4000];
    ssize_t n = readlink("/proc/self/exe", folder, sizeof folder - 1);
    if (n < 0)
        return 1;
    folder[n] = 0;
    *strrchr(folder, '/') = 0;
    for (unsigned round = 0; round < ROUNDS; round++)
        for (unsigned mode = 0; mode < N_MODES; mode++)
            run(folder, mode, round);
    printf("ns per call over batches of 64, the empty loop subtracted: median of %u rounds, and the best round\n",
           ROUNDS);
    printf("%-8s %-20s %10s %10s %10s %10s %10s %10s\n", "threads", "call", "replay p50", "best", "p99", "async p50",
           "best", "p99");
    for (unsigned i = 0; i < n_rows; i++) {
        struct row *row = &rows[i];
        printf("%-8s %-20s", row->threads, row->name);
        for (unsigned mode = 0; mode < N_MODES; mode++) {
            sort(row->p50[mode]);
            sort(row->p99[mode]);
            printf(" %10.1f %10.1f %10.1f", row->p50[mode][ROUNDS / 2], row->p50[mode][0], row->p99[mode][ROUNDS / 2]);
        }
        printf("\n");
    }
    return 0;
}
