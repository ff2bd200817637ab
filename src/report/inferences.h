/* SPDX-License-Identifier: Apache-2.0 */
/* One record for each inference of a process, in a mapped file RRTO_RUN_DIR/client-<pid>.inferences beside its
 * counters: a ring of fixed size, so that what it costs is one copy an inference. src/replay writes it, rrto reads it.
 * Little-endian, own machine only. No stdio, no malloc. */
#ifndef RRTO_REPORT_INFERENCES_H
#define RRTO_REPORT_INFERENCES_H

#include "report/counters.h"
#include "report/json.h"

enum { RRTO_INFERENCES_VERSION = 2, RRTO_INFERENCES_CAPACITY = 1 << 16, RRTO_INFERENCES_MAX_CAPACITY = 1 << 22 };
#define RRTO_INFERENCES_MAGIC UINT64_C(0x53464e494f545252) /* "RRTOINFS" */

struct rrto_inferences {
    uint64_t magic;
    uint32_t version, n_record_bytes;
    uint64_t capacity;
    uint64_t n; /* written ever: inference i (from 0) stands at i % capacity, the last `capacity` ones are there. Atomic
                 */
    struct rrto_counters_inference records[];
};

static inline size_t rrto_inferences_bytes(uint64_t capacity)
{
    return sizeof(struct rrto_inferences) + capacity * sizeof(struct rrto_counters_inference);
}
/* The memory is zeroed, and has rrto_inferences_bytes(capacity). */
void rrto_inferences_init(struct rrto_inferences *inferences, uint64_t capacity);
/* inferences may be NULL: nobody asked. One writer at a time. */
void rrto_inferences_add(struct rrto_inferences *inferences, const struct rrto_counters_inference *inference);
/* Whether a file of n bytes is one of this version. */
bool rrto_inferences_valid(const void *data, size_t n);

/* One process as JSON lines (docs/report.md): a line for the process, then one for each inference, the one that nothing
 * has followed included. inferences may be NULL. The caller has made json compact. */
void rrto_inferences_write(struct rrto_json *json, const struct rrto_counters *counters,
                           const struct rrto_inferences *inferences);

#endif
