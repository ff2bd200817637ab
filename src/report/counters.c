/* SPDX-License-Identifier: Apache-2.0 */
/* The counters' arithmetic. */
#include "report/counters.h"

#include <stdlib.h>
#include <string.h>

void rrto_counters_init(struct rrto_counters *counters)
{
    counters->magic = RRTO_COUNTERS_MAGIC;
    counters->version = RRTO_COUNTERS_VERSION;
    counters->n_bytes = (uint32_t)sizeof *counters;
}

bool rrto_counters_valid(const void *data, size_t n)
{
    struct {
        uint64_t magic;
        uint32_t version, n_bytes;
    } head;
    if (n < sizeof(struct rrto_counters))
        return false;
    memcpy(&head, data, sizeof head);
    return head.magic == RRTO_COUNTERS_MAGIC && head.version == RRTO_COUNTERS_VERSION &&
           head.n_bytes == sizeof(struct rrto_counters);
}

uint64_t rrto_counters_calls(const struct rrto_counters *counters)
{
    uint64_t n = __atomic_load_n(&counters->calls, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < RRTO_COUNTERS_N_THREADS; i++)
        n += __atomic_load_n(&counters->calls_of[i], __ATOMIC_RELAXED);
    return n;
}

void rrto_counters_totals(const struct rrto_counters *counters, struct rrto_counters_inference *ret_totals)
{
#define NOW(field) .field = __atomic_load_n(&counters->field, __ATOMIC_RELAXED)
    *ret_totals = (struct rrto_counters_inference){.start_ns = counters->started_ns,
                                                   .end_ns = __atomic_load_n(&counters->updated_ns, __ATOMIC_RELAXED),
                                                   .calls = rrto_counters_calls(counters),
                                                   NOW(ops),
                                                   NOW(ops_literal),
                                                   NOW(ops_predicted),
                                                   NOW(ops_patched),
                                                   NOW(round_trips),
                                                   NOW(bytes_up),
                                                   NOW(bytes_down),
                                                   NOW(payload_up),
                                                   NOW(payload_sent_up),
                                                   NOW(payload_down),
                                                   NOW(payload_sent_down),
                                                   NOW(codec_server_ns),
                                                   NOW(frames_up),
                                                   NOW(changed_bytes),
                                                   NOW(blocked_ns),
                                                   NOW(deviations),
                                                   NOW(waits.upload_ns),
                                                   NOW(waits.link_ns),
                                                   NOW(waits.queue_ns),
                                                   NOW(waits.compute_ns),
                                                   NOW(waits.download_ns)};
#undef NOW
    ret_totals->codec_ns = __atomic_load_n(&counters->codec_ns_up, __ATOMIC_RELAXED) +
                           __atomic_load_n(&counters->codec_ns_down, __ATOMIC_RELAXED);
    ret_totals->op_bytes_up = ret_totals->bytes_up - ret_totals->payload_sent_up;
}

/* All but the times. */
static struct rrto_counters_inference difference(const struct rrto_counters_inference *to,
                                                 const struct rrto_counters_inference *from)
{
    struct rrto_counters_inference d = {0};
#define MINUS(field) d.field = to->field - from->field
    MINUS(calls);
    MINUS(ops);
    MINUS(ops_literal);
    MINUS(ops_predicted);
    MINUS(ops_patched);
    MINUS(round_trips);
    MINUS(bytes_up);
    MINUS(bytes_down);
    MINUS(payload_up);
    MINUS(payload_sent_up);
    MINUS(payload_down);
    MINUS(payload_sent_down);
    MINUS(codec_ns);
    MINUS(codec_server_ns);
    MINUS(op_bytes_up);
    MINUS(frames_up);
    MINUS(changed_bytes);
    MINUS(blocked_ns);
    MINUS(deviations);
    MINUS(waits.upload_ns);
    MINUS(waits.link_ns);
    MINUS(waits.queue_ns);
    MINUS(waits.compute_ns);
    MINUS(waits.download_ns);
#undef MINUS
    return d;
}

void rrto_counters_close_last(struct rrto_counters *counters)
{
    if (!rrto_counters_ended(counters))
        return;
    struct rrto_counters_inference inference = difference(&counters->result, &counters->base);
    inference.start_ns = counters->base.start_ns ? counters->base.start_ns : counters->started_ns;
    inference.end_ns = counters->result_wait_ns;
    inference.planned_ns = counters->base.planned_ns;
    inference.dropped = counters->base.dropped;
    inference.before_ns = counters->base.before_ns;
    uint64_t number = counters->inferences;
    counters->last[number % RRTO_COUNTERS_N_LAST] = inference;
    if (number == 0) {
        counters->first = inference;
        counters->first_inference_ns = counters->result_wait_ns;
    }
    if (counters->first_replayed_inference == 0 && inference.ops > 0 && inference.ops_literal * 10 <= inference.ops)
        counters->first_replayed_inference = number + 1;
    counters->base = counters->result;
    counters->base.start_ns = counters->base.planned_ns = counters->base.dropped = counters->base.before_ns = 0;
    counters->result_wait_ns = 0;
    counters->mark_came = false;
    counters->inferences = number + 1;
}

bool rrto_counters_next_inference(struct rrto_counters *counters, uint64_t now_ns)
{
    bool ended = rrto_counters_ended(counters);
    rrto_counters_close_last(counters);
    if (counters->base.start_ns == 0) {
        counters->base.start_ns = now_ns;
        counters->base.before_ns = rrto_counters_waited(&counters->waits) - rrto_counters_waited(&counters->base.waits);
    }
    return ended;
}

void rrto_counters_result(struct rrto_counters *counters, uint64_t now_ns)
{
    rrto_counters_totals(counters, &counters->result);
    counters->result_wait_ns = now_ns;
}

void rrto_counters_mark(struct rrto_counters *counters)
{
    counters->marked = true;
    counters->mark_came = counters->result_wait_ns != 0;
}

uint64_t rrto_counters_total_ns(const struct rrto_counters_inference *inference)
{
    uint64_t waited_ns = rrto_counters_waited(&inference->waits);
    uint64_t total_ns = inference->end_ns - inference->start_ns + inference->before_ns;
    return total_ns > waited_ns ? total_ns : waited_ns; /* a wait of another thread may have begun before it */
}

static int compare(const void *a, const void *b)
{
    uint64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

uint64_t rrto_counters_median(const struct rrto_counters *counters, size_t offset)
{
    uint64_t values[RRTO_COUNTERS_N_LAST];
    size_t n = counters->inferences < RRTO_COUNTERS_N_LAST ? (size_t)counters->inferences : RRTO_COUNTERS_N_LAST;
    if (n == 0)
        return 0;
    for (size_t i = 0; i < n; i++)
        memcpy(&values[i], (const uint8_t *)&counters->last[i] + offset, sizeof values[i]);
    qsort(values, n, sizeof values[0], compare);
    return values[(n - 1) / 2];
}

bool rrto_counters_unsupported(struct rrto_counters *counters, const char *name)
{
    const unsigned last = RRTO_COUNTERS_N_UNSUPPORTED - 1;
    for (unsigned i = 0; i <= last; i++) {
        char *row = counters->unsupported[i].name;
        const size_t room = sizeof counters->unsupported[i].name - 1;
        bool first = row[0] == 0;
        if (first) {
            const char *text = i == last ? "other" : name;
            size_t n = strlen(text);
            memcpy(row, text, n < room ? n : room);
        }
        if (first || i == last || strncmp(row, name, room) == 0) {
            __atomic_fetch_add(&counters->unsupported[i].count, 1, __ATOMIC_RELAXED);
            return first;
        }
    }
    return false;
}
