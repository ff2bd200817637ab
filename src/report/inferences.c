/* SPDX-License-Identifier: Apache-2.0 */
#include "report/inferences.h"

#include <string.h>

void rrto_inferences_init(struct rrto_inferences *inferences, uint64_t capacity)
{
    inferences->magic = RRTO_INFERENCES_MAGIC;
    inferences->version = RRTO_INFERENCES_VERSION;
    inferences->n_record_bytes = (uint32_t)sizeof inferences->records[0];
    inferences->capacity = capacity;
}

void rrto_inferences_add(struct rrto_inferences *inferences, const struct rrto_counters_inference *inference)
{
    if (!inferences)
        return;
    inferences->records[inferences->n % inferences->capacity] = *inference;
    __atomic_store_n(&inferences->n, inferences->n + 1, __ATOMIC_RELEASE);
}

bool rrto_inferences_valid(const void *data, size_t n)
{
    struct rrto_inferences head;
    if (n < sizeof head)
        return false;
    memcpy(&head, data, sizeof head);
    return head.magic == RRTO_INFERENCES_MAGIC && head.version == RRTO_INFERENCES_VERSION && head.capacity > 0 &&
           head.n_record_bytes == sizeof(struct rrto_counters_inference) &&
           head.capacity <= (n - sizeof head) / head.n_record_bytes;
}

/* The fields of a record: X(key, field), in the order of the lines. */
#define FIELDS(X)                                                                                                      \
    X("start_ns", start_ns)                                                                                            \
    X("end_ns", end_ns)                                                                                                \
    X("planned_ns", planned_ns)                                                                                        \
    X("dropped", dropped)                                                                                              \
    X("upload_ns", waits.upload_ns)                                                                                    \
    X("link_ns", waits.link_ns)                                                                                        \
    X("queue_ns", waits.queue_ns)                                                                                      \
    X("compute_ns", waits.compute_ns)                                                                                  \
    X("download_ns", waits.download_ns)                                                                                \
    X("before_ns", before_ns)                                                                                          \
    X("blocked_ns", blocked_ns)                                                                                        \
    X("calls", calls)                                                                                                  \
    X("ops", ops)                                                                                                      \
    X("ops_literal", ops_literal)                                                                                      \
    X("ops_predicted", ops_predicted)                                                                                  \
    X("ops_patched", ops_patched)                                                                                      \
    X("round_trips", round_trips)                                                                                      \
    X("bytes_up", bytes_up)                                                                                            \
    X("bytes_down", bytes_down)                                                                                        \
    X("payload_up", payload_up)                                                                                        \
    X("payload_down", payload_down)                                                                                    \
    X("payload_sent_up", payload_sent_up)                                                                              \
    X("payload_sent_down", payload_sent_down)                                                                          \
    X("codec_ns", codec_ns)                                                                                            \
    X("codec_server_ns", codec_server_ns)                                                                              \
    X("op_bytes_up", op_bytes_up)                                                                                      \
    X("frames_up", frames_up)                                                                                          \
    X("arg_bytes_changed", changed_bytes)                                                                              \
    X("deviations", deviations)

static void write_inference(struct rrto_json *json, uint64_t number, const struct rrto_counters_inference *inference)
{
    rrto_json_open(json, NULL, '{');
    rrto_json_number(json, "inference", number + 1);
    rrto_json_number(json, "total_ns", rrto_counters_total_ns(inference));
    rrto_json_number(json, "dispatch_ns", rrto_counters_dispatch_ns(inference));
#define X(key, field) rrto_json_number(json, key, inference->field);
    FIELDS(X)
#undef X
    rrto_json_close(json, '}');
    rrto_json_end_line(json);
}

static void write_process(struct rrto_json *json, const struct rrto_counters *counters, uint64_t n)
{
    rrto_json_open(json, NULL, '{');
    rrto_json_number(json, "process", counters->pid);
    rrto_json_string(json, "program", counters->program);
    rrto_json_string(json, "mode", counters->mode);
    rrto_json_string(json, "server", counters->server);
    rrto_json_string(json, "device", counters->device);
    rrto_json_string(json, "compute", counters->compute);
    rrto_json_string(json, "error", counters->error);
    rrto_json_number(json, "marked", counters->marked);
    rrto_json_number(json, "started_ns", counters->started_ns);
    rrto_json_number(json, "connected_ns", counters->connected_ns);
    rrto_json_number(json, "inferences", n);
    rrto_json_close(json, '}');
    rrto_json_end_line(json);
}

void rrto_inferences_write(struct rrto_json *json, const struct rrto_counters *counters,
                           const struct rrto_inferences *inferences)
{
    struct rrto_counters settled = *counters;
    rrto_counters_close_last(&settled);
    uint64_t n = inferences ? inferences->n : 0, first = 0;
    write_process(json, counters, settled.inferences);
    if (inferences && n > inferences->capacity)
        first = n - inferences->capacity;
    for (uint64_t i = first; i < n; i++)
        write_inference(json, i, &inferences->records[i % inferences->capacity]);
    if (inferences && settled.inferences > counters->inferences)
        write_inference(json, n, &settled.last[counters->inferences % RRTO_COUNTERS_N_LAST]);
}
