/* SPDX-License-Identifier: Apache-2.0 */
/* The executor: reads chunks, lets the record decoder reconstruct the ops, executes them in log order. It never waits
 * for the device, except where memory for copies or pages has run out. */
#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"
#include "gen/ops.h"
#include "session.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_LOOKED_AT = 4096, MAX_CONTROL_BYTES = 256 };

/* --- failing
 * -------------------------------------------------------------------------------------------------------------------
 */

/* Sends ERROR, behind everything older. */
static void send_error(struct rrto_worker *worker, uint64_t position, int32_t code, uint8_t library, const char *text)
{
    struct rrto_completion_entry *entry = rrto_completion_entry(&worker->completion);
    rrto_error("session stopped at op %lu: %s", position, text);
    if (!entry) {
        rrto_conn_shutdown(&worker->conn);
        return;
    }
    entry->position = position;
    entry->in_order = true;
    entry->is_error = true;
    entry->head.status = code;
    entry->head.library = library;
    entry->fields = (uint8_t *)strdup(text);
    entry->n_fields = entry->fields ? (uint32_t)strlen(text) : 0;
    rrto_completion_add(&worker->completion, entry);
}

/* Fail-stop: an op failed whose failure the client does not wait for. Nothing is executed any more. */
static void fail_stop(struct rrto_worker *worker, const struct rrto_exec *exec, const char *op_name, int32_t code)
{
    char text[512], what[256];
    worker->failure = code;
    worker->failure_library = exec->library;
    rrto_gates_open_all(worker); /* no function of the client's runs any more */
    if (exec->library == RRTO_WIRE_CUDA)
        rrto_driver_describe(&worker->driver, code, what, sizeof what);
    else
        snprintf(what, sizeof what, "%s status %d", rrto_wire_library_name(exec->library), code);
    snprintf(text, sizeof text, "%s failed: %s", op_name, what);
    send_error(worker, exec->position, code, exec->library, text);
}

/* The client broke the protocol, or a limit: the session ends. */
static void protocol_error(struct rrto_worker *worker, uint64_t position, int status, const char *what)
{
    char text[256];
    snprintf(text, sizeof text, "%s cannot be executed: %s", what, rrto_status_text(status));
    send_error(worker, position, status, RRTO_WIRE_PROTOCOL, text);
}

/* A vendor library or function that is not there answers as the vendor would. */
static int32_t not_supported(uint8_t library)
{
    static const int32_t codes[] = {[RRTO_WIRE_CUDA] = RRTO_CU_NOT_SUPPORTED,
                                    [RRTO_WIRE_CUBLAS] = 15,
                                    [RRTO_WIRE_CUBLASLT] = 15,
                                    [RRTO_WIRE_CUDNN] = 3000};
    return codes[library ? library : RRTO_WIRE_CUDA];
}

/* --- ops
 * -----------------------------------------------------------------------------------------------------------------------
 */

static uint64_t field_u64(const uint8_t *op, size_t n, int32_t offset)
{
    uint64_t value = 0;
    if (offset >= 0 && (size_t)offset + sizeof value <= n)
        memcpy(&value, op + offset, sizeof value);
    return value;
}

/* What a copy has waited for goes where the copy takes it from. A share of the block; NULL: no such gate, or other
 * bytes than it waits for. */
static struct rrto_staging_block *gate_memory(struct rrto_worker *worker, const struct rrto_record_op *op, uint64_t n)
{
    struct rrto_args_gate_fill args;
    struct rrto_dec dec;
    rrto_dec_init(&dec, op->bytes, op->n_bytes);
    const struct rrto_gate *gate = rrto_unpack_gate_fill(&dec, &args) ? rrto_gates_find(worker, args.gate) : NULL;
    if (!gate || !gate->block || gate->n_bytes != n)
        return NULL;
    rrto_staging_share(gate->block, 1);
    return gate->block;
}

/* Where the payload of an op goes. */
static int on_payload(void *arg, const struct rrto_record_op *op, void **ret_to, uint64_t *ret_n)
{
    struct rrto_worker *worker = arg;
    const struct rrto_op_info *info = rrto_op_info_of(op->bytes, op->n_bytes);
    if (!info || !(info->flags & RRTO_OP_UP) || info->size_offset < 0)
        return RRTO_PROTOCOL;
    uint64_t n = field_u64(op->bytes, op->n_bytes, info->size_offset);
    bool is_copy = info->flags & RRTO_OP_DEVICE;
    *ret_n = n;
    *ret_to = NULL;
    if (n == 0)
        return RRTO_OK;
    if (rrto_op_number(op->bytes) == RRTO_OP_gate_fill && !worker->failure) {
        worker->up = gate_memory(worker, op, n);
        if (!worker->up)
            return RRTO_INVALID;
        *ret_to = worker->up->data;
        rrto_arrival_begin(&worker->arrival, rrto_now_ns(), worker->reader.waited_ns);
        return RRTO_OK;
    }
    if (n > (is_copy ? worker->backing.max_mapped : (uint64_t)RRTO_WORKER_MAX_MODULE_BYTES))
        return RRTO_TOO_LARGE;
    rrto_worker_make_room(worker);
    worker->up = rrto_staging_get(&worker->staging, n, is_copy);
    if (!worker->up)
        return RRTO_NO_MEMORY;
    if (!is_copy)
        ((char *)worker->up->data)[n] = '\0'; /* module text ends with a NUL */
    *ret_to = worker->up->data;
    rrto_arrival_begin(&worker->arrival, rrto_now_ns(), worker->reader.waited_ns);
    return RRTO_OK;
}

/* Whether --compute leaves this op out: what computes, and neither moves bytes nor answers a question. */
static bool is_left_out(struct rrto_worker *worker, const struct rrto_op_info *info, uint16_t number, bool wait)
{
    if (worker->compute.mode == RRTO_COMPUTE_REAL || !(info->flags & RRTO_OP_DEVICE))
        return false;
    if (number != RRTO_OP_launch && strcmp(info->library, "cuda") == 0)
        return false;
    worker->launched = true;
    /* What waits may have reply fields, which the client needs: executed once to see. */
    return number == RRTO_OP_launch || !wait || worker->answers[number] == RRTO_ANSWERS_NOTHING;
}

static int32_t execute(struct rrto_worker *worker, struct rrto_exec *exec, const struct rrto_op_info *info,
                       const struct rrto_record_op *op, uint16_t number)
{
    if (is_left_out(worker, info, number, op->wait))
        return 0;
    int32_t status = rrto_server_execute(exec, op->bytes, op->n_bytes);
    if (status == RRTO_UNSUPPORTED) {
        rrto_warn("%s is not to be had here: %s is missing", info->name, info->library);
        return not_supported(exec->library);
    }
    if (op->wait && worker->answers[number] != RRTO_ANSWERS_SOMETHING)
        worker->answers[number] = exec->deferred || exec->reply.size ? RRTO_ANSWERS_SOMETHING : RRTO_ANSWERS_NOTHING;
    /* Plain mode: what waits has completed, so that a fault shows at its op; unless it may be standing at a gate. */
    if (status == 0 && worker->plain && op->wait && !exec->deferred && info->flags & RRTO_OP_DEVICE &&
        info->stream_offset >= 0 && !worker->gates.n_closed) {
        uint32_t id;
        void *stream;
        memcpy(&id, op->bytes + info->stream_offset, sizeof id);
        if (rrto_worker_stream(worker, id, &stream))
            status = rrto_worker_complete_after(exec, stream, NULL, NULL, 0);
    }
    return status;
}

/* A call that failed may have said that the device has: that concerns everything, and takes the place of its status. */
static int32_t judge_failure(struct rrto_worker *worker, struct rrto_exec *exec, int32_t status)
{
    if (status <= 0 || worker->failure)
        return status;
    int32_t error = worker->driver.cuStreamQuery(NULL);
    if (error == RRTO_CU_SUCCESS || error == RRTO_CU_NOT_READY)
        return status;
    worker->failure = error;
    worker->failure_library = exec->library = RRTO_WIRE_CUDA;
    rrto_completion_fail(&worker->completion, exec->position, error);
    return error;
}

/* For --answers: copies to the host are next to each other while nothing is done in between. */
static void note_neighbours(struct rrto_worker *worker, const struct rrto_op_info *info, uint16_t number)
{
    if (number == RRTO_OP_mem_copy_d2h)
        worker->kept.next_to = true;
    else if (info->flags & RRTO_OP_DEVICE && !(info->flags & RRTO_OP_SYNC))
        worker->kept.next_to = false;
}

static int on_op(void *arg, const struct rrto_record_op *op)
{
    struct rrto_worker *worker = arg;
    const struct rrto_op_info *info = rrto_op_info_of(op->bytes, op->n_bytes);
    worker->n_ops++;
    if (op->n_payload >= RRTO_ARRIVAL_LEAST_BYTES)
        rrto_arrival_end(&worker->arrival, rrto_now_ns(), worker->reader.waited_ns);
    if (!info)
        return RRTO_PROTOCOL;
    if (worker->woke_ns != worker->reader.woke_ns)
        rrto_worker_begin(worker);
    struct rrto_exec exec = {.worker = worker,
                             .position = op->position,
                             .source = op->source,
                             .up = op->payload,
                             .n_up = op->n_payload,
                             .wait = op->wait,
                             .reply = worker->reply,
                             .library = rrto_wire_library_number(info->library)};
    worker->hash = op->hash;
    int32_t device_error = __atomic_load_n(&worker->completion.device_error, __ATOMIC_ACQUIRE);
    if (device_error && !worker->failure) {
        worker->failure = device_error; /* the client has been told by the completion */
        worker->failure_library = RRTO_WIRE_CUDA;
    }
    int32_t status = worker->failure;
    rrto_buf_clear(&exec.reply);
    if (worker->failure)
        exec.library = worker->failure_library;
    else
        status = judge_failure(worker, &exec, execute(worker, &exec, info, op, rrto_op_number(op->bytes)));
    note_neighbours(worker, info, rrto_op_number(op->bytes));
    worker->reply = exec.reply; /* it may have grown */
    if (worker->up)
        rrto_staging_release(worker->up);
    if (worker->lent)
        rrto_staging_release(worker->lent);
    worker->up = worker->lent = NULL;
    if (worker->failure)
        rrto_gates_open_all(worker);
    if (exec.reply.failed)
        return RRTO_NO_MEMORY;
    if (status < 0) {
        worker->refused = info->name;
        return status;
    }
    if (exec.deferred && status == 0)
        return RRTO_OK;
    if (exec.wait)
        return rrto_worker_reply(&exec, status, NULL, 0, NULL);
    if (status != 0 && !worker->failure)
        fail_stop(worker, &exec, info->name, status);
    return RRTO_OK;
}

static void on_end(void *arg)
{
    struct rrto_worker *worker = arg;
    worker->ended = true;
}

/* --- chunks
 * --------------------------------------------------------------------------------------------------------------------
 */

static int take_ops(struct rrto_worker *worker)
{
    struct rrto_reader *reader = &worker->reader;
    while (reader->left) {
        void *to;
        uint64_t wanted = rrto_record_decoder_wanted(worker->decoder, &to);
        int status;
        if (wanted) {
            uint64_t n = wanted < reader->left ? wanted : reader->left;
            status = rrto_reader_read(reader, to, n);
            worker->arrival.n_bytes += n;
            if (status == RRTO_OK)
                status = rrto_record_decoder_received(worker->decoder, n);
        } else {
            const uint8_t *data;
            size_t n;
            status = rrto_reader_some(reader, &data, &n);
            worker->arrival.n_bytes += status == RRTO_OK ? n : 0;
            if (status == RRTO_OK)
                status = rrto_record_decoder_feed(worker->decoder, data, n);
        }
        if (status != RRTO_OK)
            return status;
    }
    return RRTO_OK;
}

/* The event that the op at position records, if it is still there and has not been recorded since: NULL when not, or
 * when that is too much to look at. */
static void *recorded_by(struct rrto_worker *worker, uint64_t position, const uint8_t *op, size_t n)
{
    const struct rrto_log *log = rrto_record_decoder_log(worker->decoder);
    struct rrto_args_event_record args, later;
    struct rrto_dec dec;
    bool ok;
    rrto_dec_init(&dec, op, n);
    if (rrto_op_number(op) != RRTO_OP_event_record || !rrto_unpack_event_record(&dec, &args) ||
        log->head - position > MAX_LOOKED_AT)
        return NULL;
    while (++position < log->head) {
        op = rrto_log_get(log, position, &n);
        rrto_dec_init(&dec, op, n);
        if (rrto_op_number(op) == RRTO_OP_event_record && rrto_unpack_event_record(&dec, &later) &&
            later.event == args.event)
            return NULL;
    }
    return rrto_objects_get(worker, RRTO_KIND_event, args.event, &ok);
}

/* The stream that the op is on, if it names one that is still there. While a gate is closed, for the record of an event
 * that event: what has come to the stream since may be waiting for whoever asks. */
static bool what_completes(struct rrto_worker *worker, uint64_t position, void **ret_stream, void **ret_event)
{
    size_t n;
    uint32_t id;
    const uint8_t *op = rrto_log_get(rrto_record_decoder_log(worker->decoder), position, &n);
    const struct rrto_op_info *info = op ? rrto_op_info_of(op, n) : NULL;
    if (!info || info->stream_offset < 0)
        return false;
    memcpy(&id, op + info->stream_offset, sizeof id);
    if (worker->gates.n_closed)
        *ret_event = recorded_by(worker, position, op, n);
    return rrto_worker_stream(worker, id, ret_stream) || *ret_event;
}

/* A REPLY for the op at a position, once it has completed: by its stream where it names one, else by all of them. */
static int take_subscription(struct rrto_worker *worker)
{
    uint8_t bytes[RRTO_SUBSCRIBE_BYTES];
    int status = rrto_reader_read(&worker->reader, bytes, sizeof bytes);
    if (status != RRTO_OK)
        return status;
    const struct rrto_log *log = rrto_record_decoder_log(worker->decoder);
    struct rrto_exec exec = {.worker = worker,
                             .position = rrto_subscribe_decode(bytes),
                             .source = UINT64_MAX,
                             .wait = true,
                             .library = RRTO_WIRE_CUDA};
    if (exec.position >= log->head)
        return RRTO_PROTOCOL;
    worker->hash = 0; /* nobody compares it: the op is long past */
    if (worker->failure)
        return rrto_worker_reply(&exec, worker->failure, NULL, 0, NULL);
    void *stream = NULL, *event = NULL;
    if (what_completes(worker, exec.position, &stream, &event)) {
        int32_t answer = judge_failure(worker, &exec, rrto_worker_complete_after(&exec, stream, event, NULL, 0));
        return answer > 0 ? rrto_worker_reply(&exec, answer, NULL, 0, NULL) : answer;
    }
    uint32_t n_events = 0;
    int32_t error;
    void **events = rrto_worker_record_all(worker, &n_events, &error);
    return events ? rrto_worker_reply(&exec, 0, events, n_events, worker)
                  : rrto_worker_reply(&exec, judge_failure(worker, &exec, error), NULL, 0, NULL);
}

/* A later client may have more to say than this version knows. */
static int take_control(struct rrto_worker *worker, const struct rrto_chunk *chunk)
{
    uint8_t bytes[MAX_CONTROL_BYTES];
    static struct rrto_control control; /* large; this thread's */
    if (chunk->n_bytes > sizeof bytes)
        return rrto_reader_skip(&worker->reader);
    int status = rrto_reader_read(&worker->reader, bytes, chunk->n_bytes);
    if (status == RRTO_OK && rrto_control_decode(bytes, chunk->n_bytes, &control) == RRTO_OK &&
        control.kind == RRTO_CONTROL_LINK)
        rrto_results_rate(&worker->results, control.link.rate_down, control.link.probe);
    return status;
}

static int take_chunk(struct rrto_worker *worker, const struct rrto_chunk *chunk)
{
    switch (chunk->type) {
    case RRTO_CHUNK_OPS:
        worker->frame_open = !(chunk->flags & RRTO_CHUNK_END);
        return take_ops(worker); /* waiting for the rest of a chunk is the link's time, not the client's */
    case RRTO_CHUNK_SUBSCRIBE:
        return take_subscription(worker);
    case RRTO_CHUNK_CONTROL:
        return take_control(worker, chunk);
    default:
        return RRTO_PROTOCOL;
    }
}

static bool is_connection_trouble(int status)
{
    return status == RRTO_CLOSED || status == RRTO_TRUNCATED || status == RRTO_IO;
}

int rrto_worker_run(struct rrto_worker *worker)
{
    static const struct rrto_record_callbacks callbacks = {.payload = on_payload, .op = on_op, .end = on_end};
    struct rrto_worker_stream legacy = {0, NULL};
    worker->streams[0] = legacy;
    worker->n_streams = 1;
    worker->last_retired = &worker->retired;
    worker->replied_ns = rrto_now_ns();
    rrto_buf_init(&worker->reply, RRTO_CHUNK_MAX_BYTES - RRTO_REPLY_HEAD_BYTES);
    worker->decoder = rrto_record_decoder_create(worker->log_bytes, worker->slot_kinds, &callbacks, worker);
    if (!worker->decoder || (worker->past_bytes && rrto_record_decoder_accept_coded(worker->decoder, worker->past_bytes,
                                                                                    rrto_now_ns) != RRTO_OK)) {
        rrto_error("out of memory");
        return 1;
    }
    int status = RRTO_OK;
    while (status == RRTO_OK && !worker->ended) {
        struct rrto_chunk chunk;
        if (!rrto_reader_has_chunk(&worker->reader)) {
            rrto_worker_collect(worker);
            rrto_outbox_wait_room(&worker->outbox);
        }
        uint64_t before = worker->reader.waited_ns;
        status = rrto_reader_chunk(&worker->reader, -1, &chunk);
        if (worker->frame_open) /* between two frames nothing was held back: that is no starving */
            worker->starved_ns += worker->reader.waited_ns - before;
        if (status == RRTO_OK)
            status = take_chunk(worker, &chunk);
    }
    uint64_t position = rrto_record_decoder_log(worker->decoder)->head;
    if (worker->ended)
        rrto_debug("the client said goodbye after %lu ops", worker->n_ops);
    else if (is_connection_trouble(status))
        rrto_info("the connection ended after %lu ops", worker->n_ops);
    else
        protocol_error(worker, position, status, worker->refused ? worker->refused : "the client's op stream");
    rrto_gates_open_all(worker);
    /* What the client still waits for is sent, if the device finishes within a while. */
    if (!is_connection_trouble(status)) {
        (void)rrto_completion_flush(&worker->completion, 2000);
        rrto_outbox_flush(&worker->outbox);
    }
    return worker->ended || is_connection_trouble(status) ? 0 : 1;
}
