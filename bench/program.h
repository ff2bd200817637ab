/* SPDX-License-Identifier: Apache-2.0 */
/* For benchmarks that run other programs of the build folder. Ends the process, with a line, when something fails. */
#ifndef RRTO_BENCH_PROGRAM_H
#define RRTO_BENCH_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

/* BUILD/NAME, from where this program stands (BUILD/bench). */
void bench_path(const char *name, char *out, size_t n_out);

/* Runs argv[0] with its output and errors in a pipe, waits for it, and hands over each line. What take does not know
 * (false) goes to stderr. */
void bench_run(const char *const *argv, bool (*take)(void *data, const char *line), void *data);

/* For qsort of doubles. */
int bench_compare(const void *a, const void *b);

#endif
