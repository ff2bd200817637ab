/* SPDX-License-Identifier: Apache-2.0 */
/* The processes that rrto bench starts: programs that listen somewhere and are stopped, and programs that are waited
 * for. All of them end with rrto bench. */
#ifndef RRTO_CLI_BENCH_CHILD_H
#define RRTO_CLI_BENCH_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct rrto_bench_child {
    pid_t pid; /* 0: none */
    char address[300];
    const char *log; /* where its output goes; lent */
};

/* Makes Ctrl-C and SIGTERM end the present child and be seen by rrto_bench_interrupted, instead of ending this process.
 */
void rrto_bench_catch_signals(void);
bool rrto_bench_interrupted(void);

/* Starts a program whose output goes to the file `log` (made anew). environment: NAME, VALUE pairs, a NULL value
 * unsets, a NULL name ends; may be NULL. False: it could not be executed (errno). */
bool rrto_bench_start(struct rrto_bench_child *child, char *const argv[], const char *const *environment,
                      const char *log);
/* The same, and waits (limit_s at most) until a line "listening on ADDRESS" comes: child->address. False: it has ended,
 * or does not get ready. */
bool rrto_bench_start_listening(struct rrto_bench_child *child, char *const argv[], const char *const *environment,
                                const char *log, double limit_s);
/* Waits for the end, calling turn(arg) now and then; after limit_s (0: never) it is asked to end. Returns the wait
 * status. */
int rrto_bench_wait(struct rrto_bench_child *child, double limit_s, void (*turn)(void *arg), void *arg);
void rrto_bench_stop(struct rrto_bench_child *child);
/* The last lines of a log, to stderr. */
void rrto_bench_show_log(const char *log);
double rrto_bench_seconds(void); /* a clock */

#endif
