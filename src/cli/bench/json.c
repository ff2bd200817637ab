/* SPDX-License-Identifier: Apache-2.0 */
/* All figures, and the samples that they were made of: what rrto bench compare reads. docs/bench.md has the keys. */
#include "cli/bench/json.h"
#include "base/version.h"
#include "cli/bench/settings.h"
#include "cli/bench/summary.h"
#include "cli/cli.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <string.h>
#include <time.h>

static json_t *number_or_null(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

/* What is not known is null, never 0. */
static json_t *known(double value)
{
    return value >= 0 ? json_real(value) : json_null(); /* not NaN */
}

json_t *rrto_bench_json_estimate(struct rrto_bench_estimate value)
{
    return value.known ? json_pack("{s:f, s:o, s:o}", "value", value.value, "low", number_or_null(value.low), "high",
                                   number_or_null(value.high))
                       : json_null();
}

static json_t *estimates(const struct rrto_bench_estimate values[RRTO_BENCH_N_QUANTILES])
{
    json_t *object = json_object();
    for (int i = 0; i < RRTO_BENCH_N_QUANTILES; i++)
        json_object_set_new(object, rrto_bench_quantile_names[i], rrto_bench_json_estimate(values[i]));
    return object;
}

static json_t *phases(const struct rrto_bench_summary *summary)
{
    json_t *object = json_object();
    for (int i = 0; i < RRTO_BENCH_N_PHASES; i++)
        json_object_set_new(object, rrto_bench_phase_names[i], known(summary->has_phases ? summary->phases[i] : -1));
    return object;
}

static json_t *counts(const struct rrto_bench_summary *summary)
{
    json_t *object = json_object();
#define X(field) json_object_set_new(object, #field, known(summary->counted ? summary->field : -1));
    RRTO_BENCH_COUNTS(X)
#undef X
    return object;
}

static json_t *start(const struct rrto_bench_summary *summary)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "import_s", known(summary->import_s), "load_first_s",
                     known(summary->load_first_s), "first_ms", known(summary->first), "application_import_load_s",
                     known(summary->app_import_load_s), "application_first_ms", known(summary->app_first));
}

static json_t *states(const struct rrto_bench_summary *summary, bool has)
{
    const struct rrto_bench_states *of = &summary->states;
    return !has ? json_null()
                : json_pack("{s:f, s:f, s:f, s:f, s:f}", "dispatch", of->dispatch_s, "transmit", of->transmit_s,
                            "receive", of->receive_s, "wait", of->wait_s, "local_compute", of->local_compute_s);
}

static json_t *latencies(const struct rrto_bench_run *run)
{
    json_t *array = json_array();
    for (size_t i = 0; i < run->n; i++)
        json_array_append_new(array, json_real(run->inferences[i].latency));
    return array;
}

static json_t *times(const struct rrto_bench_run *run)
{
    json_t *array = json_array();
    for (size_t i = 0; i < run->n_application; i++)
        json_array_append_new(array, json_real(run->application[i]));
    return array;
}

static json_t *rounds(const struct rrto_bench *bench, const struct rrto_bench_result *result)
{
    json_t *array = json_array();
    for (size_t i = 0; i < result->n_runs; i++) {
        json_t *round = json_pack("{s:i, s:o, s:o}", "round", (int)result->runs[i].round + 1, "latency_ms",
                                  latencies(&result->runs[i]), "application_ms", times(&result->runs[i]));
        rrto_bench_json_add_round_energy(round, bench, result->mode, &result->runs[i]);
        json_array_append_new(array, round);
    }
    return array;
}

static json_t *ratios(const struct rrto_bench *bench, const struct rrto_bench_result *result)
{
    json_t *object = json_object();
    for (size_t i = 0; i < bench->options.n_modes; i++)
        if (&bench->results[i] != result)
            json_object_set_new(
                object, bench->options.modes[i].name,
                rrto_bench_json_estimate(rrto_bench_p50_ratio(&bench->options, result, &bench->results[i])));
    return object;
}

static json_t *mode(const struct rrto_bench *bench, const struct rrto_bench_result *result,
                    const struct rrto_bench_summary *summary)
{
    const bool cpu = result->mode->kind == RRTO_BENCH_CPU, open = bench->options.rate > 0;
    json_t *object = json_object();
    json_object_set_new(object, "mode", json_string(result->mode->name));
    json_object_set_new(object, "clock", json_string(result->mode->kind == RRTO_BENCH_RRTO ? "client" : "application"));
    json_object_set_new(object, "compute", json_string(cpu ? "cpu" : bench->compute));
    json_object_set_new(object, "few", json_boolean(result->mode->few));
    json_object_set_new(object, "n", json_integer((json_int_t)summary->n));
    json_object_set_new(object, "inferences_per_frame",
                        known(summary->inferences_per_frame > 0 ? summary->inferences_per_frame : -1));
    json_object_set_new(object, "latency_ms", estimates(summary->latency));
    json_object_set_new(object, "max_ms", known(summary->max));
    json_object_set_new(object, "application_ms", estimates(summary->application));
    json_object_set_new(object, "mean_total_ms", json_real(summary->mean_total));
    json_object_set_new(object, "mean_phases_ms", phases(summary));
    json_object_set_new(object, "per_inference", counts(summary));
    json_object_set_new(object, "start", start(summary));
    json_object_set_new(object, "states_s", states(summary, cpu || summary->has_phases));
    json_object_set_new(object, "late", open ? json_integer((json_int_t)summary->late) : json_null());
    json_object_set_new(object, "dropped", open ? json_integer((json_int_t)summary->dropped) : json_null());
    json_object_set_new(object, "p50_ratio_to", ratios(bench, result));
    json_object_set_new(object, "energy", rrto_bench_json_energy(bench, result, &summary->energy));
    json_object_set_new(object, "rounds", rounds(bench, result));
    return object;
}

static json_t *command(const struct rrto_bench_options *options)
{
    json_t *array = json_array();
    for (char **argument = options->command; *argument; argument++) {
        json_t *text = json_string(*argument);
        json_array_append_new(array, text ? text : json_string("?")); /* not UTF-8 */
    }
    return array;
}

static void add_setting(void *arg, const char *name, const char *value)
{
    json_t *text = json_string(value);
    json_object_set_new(arg, name, text ? text : json_string("?")); /* not UTF-8 */
}

static json_t *settings(const struct rrto_bench_options *options)
{
    json_t *object = json_object();
    rrto_bench_each_setting(options, add_setting, object);
    return object;
}

static json_t *or_null(const char *text)
{
    json_t *value = text ? json_string(text) : NULL;
    return value ? value : json_null();
}

static json_t *whole(const struct rrto_bench *bench, const struct rrto_bench_summary *summaries)
{
    char loop[64], date[32];
    const struct rrto_bench_options *options = &bench->options;
    time_t now = time(NULL);
    struct tm utc;
    rrto_bench_loop(options, loop, sizeof loop);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    json_t *object = json_object(), *modes = json_array();
    json_object_set_new(object, "rrto_bench", json_integer(1)); /* of this layout */
    json_object_set_new(object, "version", json_string(rrto_version()));
    json_object_set_new(object, "build", json_string(rrto_build_id()));
    json_object_set_new(object, "date", json_string(date));
    json_object_set_new(object, "machine", rrto_bench_json_machine());
    json_object_set_new(object, "settings", settings(options));
    json_object_set_new(object, "command", command(options));
    json_object_set_new(object, "split", or_null(options->split));
    json_object_set_new(object, "link", or_null(options->link));
    json_object_set_new(object, "server", or_null(options->server));
    json_object_set_new(object, "device", json_string(bench->device));
    json_object_set_new(object, "compute", json_string(bench->compute));
    json_object_set_new(object, "compute_is_real", json_boolean(!rrto_bench_unreal(bench)));
    json_object_set_new(object, "loop", json_string(loop));
    json_object_set_new(object, "rate_fps", known(options->rate > 0 ? options->rate : -1));
    json_object_set_new(object, "frames", json_integer(options->frames));
    json_object_set_new(object, "few_frames", json_integer(options->few_frames));
    json_object_set_new(object, "seconds", known(options->seconds > 0 ? options->seconds : -1));
    json_object_set_new(object, "warmup", json_integer(options->warmup));
    json_object_set_new(object, "rounds", json_integer(options->rounds));
    json_object_set_new(object, "interval", json_real(RRTO_BENCH_LEVEL));
    json_object_set_new(object, "energy", rrto_bench_json_energy_basis(bench));
    for (size_t i = 0; i < options->n_modes; i++)
        json_array_append_new(modes, mode(bench, &bench->results[i], &summaries[i]));
    json_object_set_new(object, "modes", modes);
    return object;
}

bool rrto_bench_write_json(const struct rrto_bench *bench, const struct rrto_bench_summary *summaries)
{
    json_t *object = whole(bench, summaries);
    bool written = object && json_dump_file(object, bench->options.json, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) == 0;
    json_decref(object);
    if (!written)
        rrto_cli_say(0, "bench: %s cannot be written: %s", bench->options.json, strerror(errno));
    return written;
}
