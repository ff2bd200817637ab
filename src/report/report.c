/* SPDX-License-Identifier: Apache-2.0 */
/* Counters to JSON. Keys of docs/report.md are stable: new ones are added, none is renamed; nothing to show is 0 or
 * empty, never absent. */
#include "report/report.h"

#include "base/format.h"
#include "base/status.h"
#include "report/json.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The counters that are sums, at the top and for each process: X(key and field). */
#define SUMS(X)                                                                                                        \
    X(calls)                                                                                                           \
    X(ops)                                                                                                             \
    X(ops_literal)                                                                                                     \
    X(ops_predicted)                                                                                                   \
    X(ops_patched)                                                                                                     \
    X(ops_elided)                                                                                                      \
    X(ops_memoised)                                                                                                    \
    X(round_trips)                                                                                                     \
    X(bytes_up)                                                                                                        \
    X(bytes_down)                                                                                                      \
    X(payload_up)                                                                                                      \
    X(payload_down)                                                                                                    \
    X(payload_coded_up)                                                                                                \
    X(payload_sent_up)                                                                                                 \
    X(payload_coded_down)                                                                                              \
    X(payload_sent_down)                                                                                               \
    X(codec_ns_up)                                                                                                     \
    X(codec_ns_down)                                                                                                   \
    X(codec_server_ns)                                                                                                 \
    X(frames_up)                                                                                                       \
    X(inferences)                                                                                                      \
    X(deviations)                                                                                                      \
    X(reconnects)                                                                                                      \
    X(blocked_ns)

/* Medians over the last inferences: X(key, field). */
#define MEDIANS(X)                                                                                                     \
    X("calls_per_inference_last", calls)                                                                               \
    X("ops_per_inference_last", ops)                                                                                   \
    X("round_trips_per_inference_last", round_trips)                                                                   \
    X("bytes_up_per_inference_last", bytes_up)                                                                         \
    X("bytes_down_per_inference_last", bytes_down)                                                                     \
    X("payload_sent_up_per_inference_last", payload_sent_up)                                                           \
    X("payload_sent_down_per_inference_last", payload_sent_down)                                                       \
    X("codec_ns_per_inference_last", codec_ns)                                                                         \
    X("codec_server_ns_per_inference_last", codec_server_ns)                                                           \
    X("op_bytes_up_per_inference_last", op_bytes_up)                                                                   \
    X("frames_up_per_inference_last", frames_up)                                                                       \
    X("arg_bytes_changed_per_inference_last", changed_bytes)                                                           \
    X("blocked_ns_per_inference_last", blocked_ns)

/* A copy on which the last inference is closed; all calls are in `calls`. */
static void settle(const struct rrto_counters *counters, struct rrto_counters *ret_copy)
{
    memcpy(ret_copy, counters, sizeof *ret_copy);
    rrto_counters_close_last(ret_copy);
    ret_copy->calls = rrto_counters_calls(ret_copy);
    memset(ret_copy->calls_of, 0, sizeof ret_copy->calls_of);
}

static void write_medians(struct rrto_json *json, const struct rrto_counters *counters)
{
#define X(key, field) rrto_json_number(json, key, counters ? RRTO_COUNTERS_MEDIAN(counters, field) : 0);
    MEDIANS(X)
#undef X
}

static void write_identity(struct rrto_json *json, const struct rrto_counters *counters,
                           const struct rrto_report_end *end)
{
    const char *mode = counters ? counters->mode : end->mode;
    const char *server = counters ? counters->server : end->server;
    rrto_json_string(json, "mode", mode ? mode : "");
    rrto_json_string(json, "server", server ? server : "");
    rrto_json_string(json, "device", counters ? counters->device : "");
    rrto_json_string(json, "compute", counters ? counters->compute : "");
    rrto_json_decimal(json, "link_rtt_us", counters ? counters->link_rtt_ns / 100 : 0, 1);
}

static uint64_t life_ns(const struct rrto_counters *counters)
{
    return counters->updated_ns > counters->started_ns ? counters->updated_ns - counters->started_ns : 0;
}

static void write_sequences(struct rrto_json *json, const struct rrto_counters *counters)
{
    for (size_t i = 0; i < RRTO_COUNTERS_N_SEQUENCES; i++) {
        const struct rrto_counters_sequence *sequence = &counters->sequences[i];
        if (sequence->id == 0)
            continue;
        rrto_json_open(json, NULL, '{');
        rrto_json_number(json, "ops", sequence->ops);
        rrto_json_number(json, "first_inference", sequence->first_inference + 1);
        rrto_json_number(json, "hits", sequence->hits);
        rrto_json_number(json, "deviations", sequence->deviations);
        rrto_json_close(json, '}');
    }
}

/* The slots that were used, and the model of each one's last payload. */
static void write_coded(struct rrto_json *json, const char *direction, const struct rrto_counters_coded *slots)
{
    static const char *const hows[] = {"raw", "zstd", "planes"}, *const orders[] = {"unsigned", "signed", "float"};
    for (size_t i = 0; i < RRTO_COUNTERS_N_CODED; i++) {
        const struct rrto_counters_coded *slot = &slots[i];
        if (slot->payloads == 0)
            continue;
        rrto_json_open(json, NULL, '{');
        rrto_json_string(json, "direction", direction);
        rrto_json_number(json, "slot", i);
        rrto_json_number(json, "payloads", slot->payloads);
        rrto_json_number(json, "bytes", slot->bytes);
        rrto_json_number(json, "sent_bytes", slot->sent_bytes);
        rrto_json_string(json, "model", slot->how < 3 ? hows[slot->how] : "");
        rrto_json_number(json, "width", slot->width);
        rrto_json_string(json, "order", slot->order < 3 ? orders[slot->order] : "");
        rrto_json_number(json, "channels", slot->channels);
        rrto_json_number(json, "group", slot->group);
        rrto_json_number(json, "row", slot->row);
        rrto_json_number(json, "plane", slot->plane);
        rrto_json_number(json, "band", slot->band);
        rrto_json_close(json, '}');
    }
}

static void write_coded_slots(struct rrto_json *json, const struct rrto_counters *counters)
{
    rrto_json_open(json, "coded", '[');
    if (counters) {
        write_coded(json, "up", counters->coded_up);
        write_coded(json, "down", counters->coded_down);
    }
    rrto_json_close(json, ']');
}

static uint64_t unsupported_count(const struct rrto_counters *counters, const char *name)
{
    for (size_t i = 0; i < RRTO_COUNTERS_N_UNSUPPORTED; i++)
        if (strncmp(counters->unsupported[i].name, name, sizeof counters->unsupported[i].name) == 0)
            return counters->unsupported[i].count;
    return 0;
}

/* Names of all processes, each once: a name is written by the first process that has it. */
static void write_unsupported(struct rrto_json *json, const struct rrto_counters *const *processes, size_t n_processes)
{
    rrto_json_open(json, "unsupported", '{');
    for (size_t p = 0; p < n_processes; p++) {
        for (size_t i = 0; i < RRTO_COUNTERS_N_UNSUPPORTED; i++) {
            char name[sizeof processes[p]->unsupported[i].name + 1];
            memcpy(name, processes[p]->unsupported[i].name, sizeof name - 1);
            name[sizeof name - 1] = '\0';
            uint64_t before = 0, count = 0;
            if (!name[0])
                continue;
            for (size_t other = 0; other < n_processes; other++) {
                uint64_t n = unsupported_count(processes[other], name);
                count += n;
                before += other < p ? n : 0;
            }
            if (before == 0)
                rrto_json_number(json, name, count);
        }
    }
    rrto_json_close(json, '}');
}

static void write_process(struct rrto_json *json, const struct rrto_counters *raw)
{
    struct rrto_counters counters;
    settle(raw, &counters);
    rrto_json_open(json, NULL, '{');
    rrto_json_number(json, "pid", counters.pid);
    rrto_json_string(json, "program", counters.program);
    write_identity(json, &counters, NULL);
    rrto_json_string(json, "error", counters.error);
    rrto_json_string(json, "session", rrto_status_name(counters.session_status));
    rrto_json_decimal(json, "life_s", life_ns(&counters) / 1000, 6);
    rrto_json_decimal(
        json, "connect_s",
        counters.connected_ns > counters.started_ns ? (counters.connected_ns - counters.started_ns) / 1000 : 0, 6);
    rrto_json_decimal(json, "first_inference_s",
                      counters.first_inference_ns > counters.started_ns
                          ? (counters.first_inference_ns - counters.started_ns) / 1000
                          : 0,
                      6);
#define X(field) rrto_json_number(json, #field, counters.field);
    SUMS(X)
#undef X
    rrto_json_number(json, "first_replayed_inference", counters.first_replayed_inference);
    write_medians(json, &counters);
    rrto_json_open(json, "sequences", '[');
    write_sequences(json, &counters);
    rrto_json_close(json, ']');
    write_coded_slots(json, &counters);
    const struct rrto_counters *one = &counters;
    write_unsupported(json, &one, 1);
    rrto_json_number(json, "call_ns_p50", rrto_hist_quantile(&counters.call_ns, 500));
    rrto_json_close(json, '}');
}

/* The process that stands for the whole run where sums make no sense. */
static const struct rrto_counters *main_process(const struct rrto_counters *const *processes, size_t n)
{
    const struct rrto_counters *best = NULL;
    for (size_t i = 0; i < n; i++)
        if (!best || processes[i]->inferences > best->inferences ||
            (processes[i]->inferences == best->inferences && processes[i]->ops > best->ops))
            best = processes[i];
    return best;
}

static void write_sums(struct rrto_json *json, const struct rrto_counters *const *processes, size_t n_processes)
{
    struct sums {
#define X(field) uint64_t field;
        SUMS(X)
#undef X
    } sums = {0};
    for (size_t i = 0; i < n_processes; i++) {
        struct rrto_counters counters;
        settle(processes[i], &counters);
#define X(field) sums.field += counters.field;
        SUMS(X)
#undef X
    }
#define X(field) rrto_json_number(json, #field, sums.field);
    SUMS(X)
#undef X
}

static void write_top(struct rrto_json *json, const struct rrto_report_end *end,
                      const struct rrto_counters *const *processes, size_t n_processes)
{
    const struct rrto_counters *lead = main_process(processes, n_processes);
    struct rrto_counters counters;
    struct rrto_hist call_ns = {0};
    uint64_t wall_ns = end->wall_ns;
    if (lead)
        settle(lead, &counters);
    for (size_t i = 0; i < n_processes; i++) {
        rrto_hist_merge(&call_ns, &processes[i]->call_ns);
        if (end->wall_ns == 0 && life_ns(processes[i]) > wall_ns)
            wall_ns = life_ns(processes[i]);
    }
    write_identity(json, lead ? &counters : NULL, end);
    rrto_json_decimal(json, "wall_s", wall_ns / 1000, 6);
    rrto_json_number(json, "exit_status", (uint64_t)(end->exit_status & 0xff));
    rrto_json_number(json, "signal", (uint64_t)(end->signal & 0xff));
    rrto_json_string(json, "error", lead ? counters.error : "");
    write_sums(json, processes, n_processes);
    rrto_json_number(json, "first_replayed_inference", lead ? counters.first_replayed_inference : 0);
    write_medians(json, lead ? &counters : NULL);
    rrto_json_open(json, "sequences", '[');
    for (size_t i = 0; i < n_processes; i++)
        write_sequences(json, processes[i]);
    rrto_json_close(json, ']');
    write_coded_slots(json, lead ? &counters : NULL);
    write_unsupported(json, processes, n_processes);
    rrto_json_number(json, "call_ns_p50", rrto_hist_quantile(&call_ns, 500));
}

int rrto_report_write_fd(int fd, const struct rrto_report_end *end, const struct rrto_counters *const *processes,
                         size_t n_processes)
{
    struct rrto_json json;
    rrto_json_init(&json, fd);
    rrto_json_open(&json, NULL, '{');
    write_top(&json, end, processes, n_processes);
    rrto_json_open(&json, "processes", '[');
    for (size_t i = 0; i < n_processes; i++)
        write_process(&json, processes[i]);
    rrto_json_close(&json, ']');
    rrto_json_close(&json, '}');
    return rrto_json_finish(&json) ? RRTO_OK : RRTO_IO;
}

int rrto_report_write(const char *path, const struct rrto_report_end *end, const struct rrto_counters *const *processes,
                      size_t n_processes)
{
    char beside[PATH_MAX];
    if (strlen(path) + 32 > sizeof beside)
        return RRTO_INVALID;
    rrto_format(beside, sizeof beside, "%s.new-%d", path, (int)getpid());
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0)
        return RRTO_IO;
    int status = rrto_report_write_fd(fd, end, processes, n_processes);
    if (close(fd) != 0 && status == RRTO_OK)
        status = RRTO_IO;
    if (status == RRTO_OK && rename(beside, path) != 0)
        status = RRTO_IO;
    if (status != RRTO_OK) {
        int saved_errno = errno;
        unlink(beside);
        errno = saved_errno;
    }
    return status;
}
