/* SPDX-License-Identifier: Apache-2.0 */
/* What a run leaves: the lines of rrto run --inferences, and the times that the program wrote itself. */
#include "cli/bench/bench.h"
#include "cli/cli.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LINE = 1 << 16 };

const char *const rrto_bench_phase_names[RRTO_BENCH_N_PHASES] = {"dispatch", "upload",  "link",
                                                                 "queue",    "compute", "download"};

/* The inferences of one process, while they are read. */
struct process {
    struct rrto_bench_inference *inferences;
    size_t n, capacity;
    size_t n_found;
    double started_s, first_end_s, first;
    uint64_t from_ns, to_ns;
    char device[256], compute[32], program[64];
    bool marked;
};

static double number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static void text(char *out, size_t n, const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    snprintf(out, n, "%s", value ? value : "");
}

static void read_process(const json_t *line, struct process *process)
{
    free(process->inferences);
    *process = (struct process){.started_s = number(line, "started_ns") * 1e-9, .marked = number(line, "marked") != 0};
    text(process->device, sizeof process->device, line, "device");
    text(process->compute, sizeof process->compute, line, "compute");
    text(process->program, sizeof process->program, line, "program");
}

static struct rrto_bench_inference read_inference(const json_t *line, const struct rrto_bench_options *options)
{
    struct rrto_bench_inference inference = {.total = number(line, "total_ns") * 1e-6,
                                             .dropped = (uint64_t)number(line, "dropped")};
    double planned = number(line, "planned_ns"), period = options->rate > 0 ? 1e3 / options->rate : 0;
    inference.latency = inference.total;
    if (period > 0 && planned > 0) {
        inference.latency = (number(line, "end_ns") - planned) * 1e-6;
        inference.late = inference.latency > period;
    }
    for (int i = 0; i < RRTO_BENCH_N_PHASES; i++) {
        char key[32];
        snprintf(key, sizeof key, "%s_ns", rrto_bench_phase_names[i]);
        inference.phases[i] = number(line, key) * 1e-6;
    }
#define X(field) inference.field = (uint64_t)number(line, #field);
    RRTO_BENCH_COUNTS(X)
#undef X
    return inference;
}

static bool add(struct process *process, const json_t *line, const struct rrto_bench_options *options)
{
    unsigned long position = (unsigned long)number(line, "inference");
    process->n_found++;
    if (position == 1) {
        process->first = number(line, "total_ns") * 1e-6;
        process->first_end_s = number(line, "end_ns") * 1e-9;
    }
    const uint64_t end_ns = (uint64_t)number(line, "end_ns");
    if (position <= 1 + (unsigned long)options->warmup) {
        process->from_ns = end_ns;
        return true;
    }
    if (!process->from_ns) /* those before it are no longer there */
        process->from_ns = (uint64_t)number(line, "start_ns");
    process->to_ns = end_ns;
    if (process->n == process->capacity) {
        size_t capacity = process->capacity ? process->capacity * 2 : 256;
        struct rrto_bench_inference *grown = realloc(process->inferences, capacity * sizeof *grown);
        if (!grown)
            return false;
        process->inferences = grown;
        process->capacity = capacity;
    }
    process->inferences[process->n++] = read_inference(line, options);
    return true;
}

/* The process with the most inferences is the one that is measured. */
static void take(struct rrto_bench_run *run, struct process *process, double spawned_s)
{
    if (process->n_found <= run->n_found && run->inferences)
        return;
    free(run->inferences);
    run->inferences = process->inferences;
    process->inferences = NULL;
    run->n = process->n;
    run->n_found = process->n_found;
    run->has_phases = run->counted = true;
    run->import_s = process->started_s - spawned_s;
    run->load_first_s = process->first_end_s > 0 ? process->first_end_s - process->started_s : -1;
    run->first = process->first_end_s > 0 ? process->first : -1;
    run->marked = process->marked;
    run->from_ns = process->from_ns;
    run->to_ns = process->to_ns;
    memcpy(run->device, process->device, sizeof run->device);
    memcpy(run->compute, process->compute, sizeof run->compute);
    memcpy(run->program, process->program, sizeof run->program);
}

bool rrto_bench_read_inferences(const char *path, const struct rrto_bench_options *options, uint64_t spawned_ns,
                                struct rrto_bench_run *run)
{
    static char line[MAX_LINE];
    struct process process = {.n = 0};
    const double spawned_s = (double)spawned_ns * 1e-9;
    FILE *file = fopen(path, "re");
    bool fine = file != NULL, some = false;
    while (fine && fgets(line, sizeof line, file)) {
        json_t *object = json_loads(line, 0, NULL);
        if (!object) {
            fine = false;
        } else if (json_object_get(object, "process")) {
            if (some)
                take(run, &process, spawned_s);
            read_process(object, &process);
            some = true;
        } else {
            fine = some && add(&process, object, options);
        }
        json_decref(object);
    }
    if (fine && some)
        take(run, &process, spawned_s);
    free(process.inferences);
    if (file)
        fclose(file);
    if (!fine)
        rrto_cli_say(0, "bench: %s cannot be read", path);
    return fine;
}

static double *read_array(const json_t *array, size_t skip, size_t *ret_n)
{
    size_t n = json_array_size(array);
    *ret_n = n > skip ? n - skip : 0;
    double *values = *ret_n ? malloc(*ret_n * sizeof *values) : NULL;
    for (size_t i = 0; values && i < *ret_n; i++)
        values[i] = json_number_value(json_array_get(array, skip + i));
    return values;
}

/* The program's times as samples: the only ones there are, in modes that no client sees. phases_ms is what a
 * hand-written offload may tell (docs/bench.md). */
static bool make_inferences(const json_t *object, const struct rrto_bench_options *options, struct rrto_bench_run *run,
                            size_t skip)
{
    const json_t *told = json_object_get(object, "phases_ms"), *latencies = json_object_get(object, "latency_ms");
    const json_t *dropped = json_object_get(object, "dropped");
    const double period = options->rate > 0 ? 1e3 / options->rate : 0;
    run->n = run->n_application;
    run->inferences = calloc(run->n ? run->n : 1, sizeof *run->inferences);
    if (!run->inferences)
        return false;
    run->has_phases = json_is_object(told);
    for (size_t i = 0; i < run->n; i++) {
        struct rrto_bench_inference *inference = &run->inferences[i];
        double rest = inference->total = inference->latency = run->application[i];
        if (period > 0) { /* it paced itself */
            inference->latency = json_number_value(json_array_get(latencies, skip + i));
            inference->late = inference->latency > period;
            inference->dropped = (uint64_t)json_number_value(json_array_get(dropped, skip + i));
        }
        for (int k = 0; run->has_phases && k < RRTO_BENCH_N_PHASES; k++) {
            const json_t *value = json_array_get(json_object_get(told, rrto_bench_phase_names[k]), skip + i);
            inference->phases[k] = json_number_value(value);
            rest -= inference->phases[k];
        }
        inference->phases[RRTO_BENCH_LINK] += run->has_phases ? rest : 0; /* what nobody accounts for */
    }
    return true;
}

/* When the inferences were that are counted, if the program tells when each began. */
static void read_window(const json_t *object, size_t skip, struct rrto_bench_run *run)
{
    const json_t *begins = json_object_get(object, "steady_begin_s"), *steady = json_object_get(object, "steady_ms");
    const size_t n = json_array_size(begins);
    if (n == 0 || n != json_array_size(steady) || n <= skip)
        return;
    const size_t from = skip ? skip - 1 : 0; /* from the end of the one before; the first one is not in the list */
    double from_s = json_number_value(json_array_get(begins, from));
    from_s += skip ? json_number_value(json_array_get(steady, from)) * 1e-3 : 0;
    run->from_ns = (uint64_t)(from_s * 1e9);
    run->to_ns = (uint64_t)(json_number_value(json_array_get(begins, n - 1)) * 1e9 +
                            json_number_value(json_array_get(steady, n - 1)) * 1e6);
}

bool rrto_bench_read_times(const char *path, const struct rrto_bench_options *options, bool only,
                           struct rrto_bench_run *run)
{
    json_error_t error;
    json_t *object = json_load_file(path, 0, &error);
    const json_t *steady = json_object_get(object, "steady_ms");
    bool fine = json_is_array(steady);
    if (only && options->rate > 0)
        fine = fine && json_array_size(json_object_get(object, "latency_ms")) == json_array_size(steady);
    if (fine) {
        run->app_import_load_s = number(object, "import_load_ms") * 1e-3;
        run->app_first = number(object, "first_ms");
        run->application = read_array(steady, options->warmup, &run->n_application);
        if (only) {
            run->n_found = json_array_size(steady) + 1;
            run->first = run->app_first;
            fine = make_inferences(object, options, run, options->warmup);
            read_window(object, options->warmup, run);
        }
    }
    json_decref(object);
    if (!fine)
        rrto_cli_say(0, "bench: the command wrote no times to {times} (docs/bench.md tells the format)%s%s",
                     object ? "" : ": ", object ? "" : error.text);
    return fine;
}

void rrto_bench_run_free(struct rrto_bench_run *run)
{
    free(run->inferences);
    free(run->application);
    run->inferences = NULL;
    run->application = NULL;
}

struct rrto_bench_states rrto_bench_states(const struct rrto_bench_mode *mode,
                                           const struct rrto_bench_inference *inference)
{
    const double *phases = inference->phases;
    if (mode->kind == RRTO_BENCH_CPU)
        return (struct rrto_bench_states){.local_compute_s = inference->total * 1e-3};
    return (struct rrto_bench_states){
        .dispatch_s = phases[RRTO_BENCH_DISPATCH] * 1e-3,
        .transmit_s = phases[RRTO_BENCH_UPLOAD] * 1e-3,
        .receive_s = phases[RRTO_BENCH_DOWNLOAD] * 1e-3,
        .wait_s = (phases[RRTO_BENCH_LINK] + phases[RRTO_BENCH_QUEUE] + phases[RRTO_BENCH_COMPUTE]) * 1e-3};
}
