/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of rrto bench share. Times are in ms unless their name says otherwise. */
#ifndef RRTO_CLI_BENCH_BENCH_H
#define RRTO_CLI_BENCH_BENCH_H

#include "cli/bench/energy.h"
#include "cli/bench/states.h"
#include "cli/bench/statistics.h"
#include "replay/mode.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A row of the benchmark: a mode of rrto, the application without it, or a hand-written offload. */
struct rrto_bench_mode {
    const char *name;
    enum rrto_bench_kind { RRTO_BENCH_CPU, RRTO_BENCH_RRTO, RRTO_BENCH_SPLIT } kind;
    bool few; /* slow by nature: few frames unless the user says otherwise */
};
enum { RRTO_BENCH_MAX_MODES = 8, RRTO_BENCH_MAX_ROUNDS = 100 };

struct rrto_bench_options {
    struct rrto_bench_mode modes[RRTO_BENCH_MAX_MODES];
    size_t n_modes;
    const char *link;    /* NULL: none, the server directly */
    const char *server;  /* NULL: a private one */
    const char *split;   /* the command of the hand-written offload, or NULL */
    const char *compute; /* for the private server, or NULL */
    const char *answers; /* likewise */
    const char *profile; /* whose joules are modelled, or NULL */
    const char *sys;     /* where sensors are looked for; NULL: the machine's own */
    double idle_s;       /* how long idle is measured */
    const char *json, *csv, *markdown, *plot;
    unsigned frames, few_frames, warmup, rounds;
    double seconds; /* 0: by frames */
    double rate;    /* frames per second of an open loop; 0: closed */
    char **command;
    size_t n_command;
};

enum rrto_bench_phase {
    RRTO_BENCH_DISPATCH,
    RRTO_BENCH_UPLOAD,
    RRTO_BENCH_LINK,
    RRTO_BENCH_QUEUE,
    RRTO_BENCH_COMPUTE,
    RRTO_BENCH_DOWNLOAD,
    RRTO_BENCH_N_PHASES
};
extern const char *const rrto_bench_phase_names[RRTO_BENCH_N_PHASES];

/* What is counted for each inference: X(field and key). */
#define RRTO_BENCH_COUNTS(X)                                                                                           \
    X(round_trips)                                                                                                     \
    X(bytes_up)                                                                                                        \
    X(bytes_down)                                                                                                      \
    X(op_bytes_up)                                                                                                     \
    X(codec_ns)                                                                                                        \
    X(codec_server_ns)                                                                                                 \
    X(calls)                                                                                                           \
    X(ops)                                                                                                             \
    X(ops_predicted)                                                                                                   \
    X(ops_patched)                                                                                                     \
    X(ops_literal)                                                                                                     \
    X(deviations)

struct rrto_bench_inference {
    double total;   /* phases and all */
    double latency; /* closed loop: total; open loop: from the time it was planned for */
    double phases[RRTO_BENCH_N_PHASES];
    bool late; /* open loop: the next one was due before its output came */
    uint64_t dropped;
#define X(field) uint64_t field;
    RRTO_BENCH_COUNTS(X)
#undef X
};

/* What one run of the command left. */
struct rrto_bench_run {
    unsigned round;
    struct rrto_bench_inference *inferences; /* warm-up and first one not among them */
    size_t n;
    size_t n_found;      /* with them */
    bool has_phases;     /* false: the application's own times only */
    bool counted;        /* round trips, bytes, ops */
    double *application; /* its own times, warm-up dropped; NULL: it told none */
    size_t n_application;
    double import_s;                     /* until its first CUDA call; < 0: not known */
    double load_first_s;                 /* from there until its first output; < 0 */
    double first;                        /* the first inference; < 0 */
    double app_import_load_s, app_first; /* as the application says; < 0 */
    char device[256], compute[32], program[64];
    bool marked;
    uint64_t from_ns, to_ns; /* from the end of the last one of the warm-up (CLOCK_MONOTONIC); 0: not known */
    struct rrto_bench_window windows[RRTO_BENCH_SIDES];
};

struct rrto_bench_result {
    const struct rrto_bench_mode *mode;
    struct rrto_bench_run runs[RRTO_BENCH_MAX_ROUNDS];
    size_t n_runs;
};

struct rrto_bench {
    struct rrto_bench_options options;
    char folder[128];
    char server[300];              /* its address */
    char device[256], compute[32]; /* as the sessions said */
    bool has_profile;
    struct rrto_energy_profile profile;
    struct rrto_bench_meter meters[RRTO_BENCH_SIDES];
    struct rrto_bench_result results[RRTO_BENCH_MAX_MODES];
};

/* options.c. Returns -1 to go on, else the exit status. */
int rrto_bench_parse(int argc, char **argv, struct rrto_bench_options *ret_options);
/* Whether an argument of the command holds a placeholder, such as "{frames}". */
bool rrto_bench_has(const struct rrto_bench_options *options, const char *placeholder);

/* run.c: runs the command once in a mode; false: it has been said why not. */
bool rrto_bench_measure(struct rrto_bench *bench, struct rrto_bench_result *result, unsigned round);
/* How many frames a run of this mode is asked for, the first one and the warm-up included. */
unsigned rrto_bench_frames_of_run(const struct rrto_bench_options *options, const struct rrto_bench_mode *mode);

/* samples.c: reads what a run left; false: nothing, or not to be read, and it has been said. */
bool rrto_bench_read_inferences(const char *path, const struct rrto_bench_options *options, uint64_t spawned_ns,
                                struct rrto_bench_run *run);
bool rrto_bench_read_times(const char *path, const struct rrto_bench_options *options, bool only,
                           struct rrto_bench_run *run);
void rrto_bench_run_free(struct rrto_bench_run *run);
struct rrto_bench_states rrto_bench_states(const struct rrto_bench_mode *mode,
                                           const struct rrto_bench_inference *inference);

/* progress.c: on a terminal a line that is written again and again, else a line for each run. */
void rrto_bench_progress(const struct rrto_bench *bench, unsigned n_done, unsigned n_all, const char *mode,
                         unsigned round, double seconds);
void rrto_bench_progress_end(void);

struct rrto_bench_summary; /* summary.h */
/* Each returns false after it has said why. */
bool rrto_bench_write_json(const struct rrto_bench *bench, const struct rrto_bench_summary *summaries);
bool rrto_bench_write_csv(const struct rrto_bench *bench);
bool rrto_bench_write_markdown(const struct rrto_bench *bench, const struct rrto_bench_summary *summaries);
void rrto_bench_print(const struct rrto_bench *bench, const struct rrto_bench_summary *summaries);
bool rrto_bench_plot(const struct rrto_bench *bench, const struct rrto_bench_summary *summaries);

/* compare.c */
int rrto_bench_compare(int argc, char **argv);

#endif
