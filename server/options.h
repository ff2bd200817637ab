/* SPDX-License-Identifier: Apache-2.0 */
/* The options of rrtod: one table for flags, INI file, --help, --dump-config and docs/operations.md. The worker gets
 * its share of them from its parent in the same form, name=value. */
#ifndef RRTO_SERVER_OPTIONS_H
#define RRTO_SERVER_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* X(field, "name", type, default, "metavar", "help"). Types: STRING; LIST (may be given several times; colon or comma
 * separated where the values allow it: listen takes one value a time); UINT; BYTES (with K, M, G); FLAG (no value on
 * the command line; yes/no in the file). */
#define RRTO_OPTIONS(X)                                                                                                \
    X(listen, "listen", LIST, "", "ADDRESS", "unix:PATH or HOST:PORT (port 0: any); may be repeated")                  \
    X(device, "device", STRING, "auto", "auto|soft|N", "a real GPU if there is one, the soft device, or GPU number N") \
    X(compute, "compute", STRING, "real", "real|skip|MS", "compute, or skip it, or take MS milliseconds instead")      \
    X(answers, "answers", STRING, "", "FILE",                                                                          \
      "keep the small results of the session in FILE, or with --compute: hand out those of FILE")                      \
    X(memory, "memory", BYTES, "0", "BYTES", "device memory for each session; 0: a share of what is there")            \
    X(sessions, "sessions", UINT, "16", "N", "sessions at a time")                                                     \
    X(pending, "pending", UINT, "32", "N", "connections that have not said hello yet, at a time")                      \
    X(hello_timeout_ms, "hello-timeout", UINT, "5000", "MS", "how long a client may take to say hello")                \
    X(drain_ms, "drain-timeout", UINT, "10000", "MS", "how long SIGTERM waits for sessions to end")                    \
    X(staging, "staging", BYTES, "256M", "BYTES", "host memory of a session for copies under way")                     \
    X(libraries, "libraries", LIST, "", "FOLDER",                                                                      \
      "where to look for libcuda, cuBLAS and cuDNN first; may be repeated")                                            \
    X(soft_threads, "soft-threads", UINT, "2", "N", "threads of the soft device (results depend on it)")               \
    X(sched, "sched", STRING, "", "adversarial:SEED",                                                                  \
      "for tests: the soft device runs work as early or as late as it may, by a seed")                                 \
    X(sandbox, "sandbox", FLAG, "yes", "yes|no",                                                                       \
      "take from a worker, once its device is open, what it does not need of the system")                              \
    X(log, "log", STRING, "info", "LEVEL", "error, warn, info or debug")                                               \
    X(stdio, "stdio", FLAG, "no", "", "serve the one client whose socket is standard input, then exit")                \
    X(exit_with_parent, "exit-with-parent", FLAG, "no", "", "exit when the parent process does")                       \
    X(ready_fd, "ready-fd", STRING, "", "FD", "write the addresses to this descriptor, one a line, once listening")

#define RRTO_OPTION_STRING char *
#define RRTO_OPTION_LIST char * /* newline separated */
#define RRTO_OPTION_UINT uint64_t
#define RRTO_OPTION_BYTES uint64_t
#define RRTO_OPTION_FLAG bool

struct rrto_options {
#define X(field, name, type, def, metavar, help) RRTO_OPTION_##type field;
    RRTO_OPTIONS(X)
#undef X
};

void rrto_options_init(struct rrto_options *options); /* defaults */
void rrto_options_fini(struct rrto_options *options);
/* Sets one option from text. RRTO_NOT_FOUND, RRTO_INVALID: one sentence in why. value NULL: the flag without a value.
 */
int rrto_options_set(struct rrto_options *options, const char *name, const char *value, char *why, size_t n_why);
/* Reads an INI file: keys as the flags without the dashes, no section or [rrtod]. The first wrong line is reported as
 * FILE:LINE. */
int rrto_options_load(struct rrto_options *options, const char *path, char *why, size_t n_why);
/* Values that fit together and can be used: checked before anything starts. */
int rrto_options_check(const struct rrto_options *options, char *why, size_t n_why);
/* As an INI file, defaults included, each with its help. */
void rrto_options_dump(const struct rrto_options *options, FILE *out);
/* The part of --help that comes from the table. */
void rrto_options_help(FILE *out);
/* One option as text; for handing over to the worker. The caller frees. */
char *rrto_options_get(const struct rrto_options *options, const char *name);

/* The next element of a LIST: copies it, moves *at on; false at the end. */
bool rrto_options_next(const char **at, char *out, size_t n_out);

/* Where libraries are looked for below a folder of `libraries`: in it, and as Python's nvidia wheels lay them out below
 * site-packages. NULL-terminated. */
extern const char *const rrto_library_subfolders[];

/* compute: "real" -> mode REAL; "skip" -> SKIP; "12.5" -> TIMED. */
struct rrto_compute {
    enum { RRTO_COMPUTE_REAL, RRTO_COMPUTE_SKIP, RRTO_COMPUTE_TIMED } mode;
    uint64_t time_ns;
};
bool rrto_compute_parse(const char *text, struct rrto_compute *ret_compute);

#endif
