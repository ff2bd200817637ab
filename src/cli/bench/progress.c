/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/bench.h"

#include <stdio.h>
#include <unistd.h>

enum { BAR = 24 };
static bool shown;

void rrto_bench_progress(const struct rrto_bench *bench, unsigned n_done, unsigned n_all, const char *mode,
                         unsigned round, double seconds)
{
    if (!isatty(STDERR_FILENO)) {
        if (!shown)
            fprintf(stderr, "rrto: bench: round %u of %u, %s\n", round + 1, bench->options.rounds, mode);
        shown = true;
        return;
    }
    char bar[BAR + 1];
    for (unsigned i = 0; i < BAR; i++)
        bar[i] = i * n_all < n_done * BAR ? '#' : '.';
    bar[BAR] = '\0';
    fprintf(stderr, "\r[%s] %u of %u runs; round %u, %s, %.0f s \x1b[K", bar, n_done, n_all, round + 1, mode, seconds);
    shown = true;
}

void rrto_bench_progress_end(void)
{
    if (shown && isatty(STDERR_FILENO))
        fputs("\r\x1b[K", stderr);
    shown = false;
}
