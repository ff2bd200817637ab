/* SPDX-License-Identifier: Apache-2.0 */
#include "gates.h"

#include "base/status.h"
#include "session.h"

#include <stdlib.h>

bool rrto_gates_supported(const struct rrto_driver *driver)
{
    return driver->cuStreamWaitValue32_v2 != NULL;
}

static int32_t make_words(struct rrto_worker *worker)
{
    struct rrto_gates *gates = &worker->gates;
    void *words;
    int32_t error =
        worker->driver.cuMemHostAlloc(&words, RRTO_GATES_MAX * sizeof *gates->words, RRTO_CU_HOST_ALLOC_DEVICE_MAP);
    if (error)
        return error;
    /* With unified addresses, which every 64-bit driver has, both are the same. */
    if (!worker->driver.cuMemHostGetDevicePointer_v2 ||
        worker->driver.cuMemHostGetDevicePointer_v2(&gates->device_at, words, 0) != RRTO_CU_SUCCESS)
        gates->device_at = (uintptr_t)words;
    gates->words = words;
    for (uint32_t i = RRTO_GATES_MAX; i-- > 0;) {
        gates->words[i] = 0;
        gates->rows[i].next_free = gates->free;
        gates->free = &gates->rows[i];
    }
    return 0;
}

static void forget_order(struct rrto_worker *worker)
{
    struct rrto_gates *gates = &worker->gates;
    for (uint32_t i = 0; i < gates->n_order; i++)
        rrto_completion_give(&worker->completion, gates->order[i]);
    free(gates->order);
    gates->order = NULL;
    gates->n_order = 0;
}

int32_t rrto_gates_mark(struct rrto_worker *worker)
{
    uint32_t n = 0;
    int32_t error;
    void **events = rrto_worker_record_all(worker, &n, &error);
    if (!events)
        return error;
    forget_order(worker);
    worker->gates.order = events;
    worker->gates.n_order = n;
    return 0;
}

int32_t rrto_gates_order(struct rrto_worker *worker, void *stream)
{
    int32_t error = 0;
    for (uint32_t i = 0; i < worker->gates.n_order && !error; i++)
        error = worker->driver.cuStreamWaitEvent(stream, worker->gates.order[i], 0);
    return error;
}

static void set_closed(struct rrto_worker *worker, uint32_t n)
{
    worker->gates.n_closed = n;
    rrto_staging_keep_all(&worker->staging, n > 0);
    if (n == 0)
        forget_order(worker);
}

int32_t rrto_gates_close(struct rrto_worker *worker, uint32_t id, void *stream, struct rrto_staging_block *block,
                         uint64_t n_bytes)
{
    struct rrto_gates *gates = &worker->gates;
    int32_t error = RRTO_OK;
    if (!rrto_gates_supported(&worker->driver))
        error = RRTO_CU_NOT_SUPPORTED;
    else if (!gates->words)
        error = make_words(worker);
    struct rrto_gate *gate = gates->free;
    if (!error && !gate)
        error = RRTO_TOO_LARGE;
    if (!error && gates->n_closed == 0)
        error = rrto_gates_mark(worker);
    if (!error)
        error = rrto_objects_add(worker, RRTO_KIND_gate, id, gate);
    if (!error) {
        error = worker->driver.cuStreamWaitValue32_v2(
            stream, gates->device_at + (uint64_t)(gate - gates->rows) * sizeof *gates->words, gate->value + 1,
            RRTO_CU_STREAM_WAIT_VALUE_GEQ);
        if (error)
            (void)rrto_objects_remove(worker, RRTO_KIND_gate, id);
    }
    if (error) {
        if (block)
            rrto_staging_release(block);
        return error;
    }
    gates->free = gate->next_free;
    gate->value++;
    gate->block = block;
    gate->n_bytes = n_bytes;
    gate->closed = true;
    set_closed(worker, gates->n_closed + 1);
    return 0;
}

struct rrto_gate *rrto_gates_find(struct rrto_worker *worker, uint32_t id)
{
    bool ok;
    struct rrto_gate *gate = rrto_objects_get(worker, RRTO_KIND_gate, id, &ok);
    return ok ? gate : NULL;
}

static void open_gate(struct rrto_worker *worker, struct rrto_gate *gate)
{
    struct rrto_gates *gates = &worker->gates;
    __atomic_store_n(&gates->words[gate - gates->rows], gate->value, __ATOMIC_RELEASE);
    if (gate->block)
        rrto_staging_release(gate->block);
    gate->block = NULL;
    gate->closed = false;
    gate->next_free = gates->free;
    gates->free = gate;
    set_closed(worker, gates->n_closed - 1);
}

int32_t rrto_gates_open(struct rrto_worker *worker, uint32_t id)
{
    struct rrto_gate *gate = rrto_gates_find(worker, id);
    if (!gate)
        return RRTO_INVALID;
    (void)rrto_objects_remove(worker, RRTO_KIND_gate, id);
    open_gate(worker, gate);
    return 0;
}

void rrto_gates_open_all(struct rrto_worker *worker)
{
    for (uint32_t i = 0; i < RRTO_GATES_MAX && worker->gates.n_closed; i++) {
        if (worker->gates.rows[i].closed)
            open_gate(worker, &worker->gates.rows[i]);
    }
}
