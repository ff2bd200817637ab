/* SPDX-License-Identifier: Apache-2.0 */
/* Control messages between C structs and protobuf. Decoding allocates at most what RRTO_CONTROL_MAX_BYTES of input can
 * ask for. */
#include "wire/control.h"

#include "base/status.h"
#include "wire/frame.h"

#include "gen/control.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int encode(struct rrto_buf *out, const Rrto__Control *message)
{
    size_t n = rrto__control__get_packed_size(message);
    if (n > RRTO_CONTROL_MAX_BYTES)
        return RRTO_TOO_LARGE;
    uint8_t *at = rrto_buf_reserve(out, n);
    if (!at)
        return RRTO_NO_MEMORY;
    out->size += rrto__control__pack(message, at);
    return RRTO_OK;
}

static int encode_hello(struct rrto_buf *out, const struct rrto_control_hello *hello)
{
    if (hello->n_candidates > RRTO_CONTROL_MAX_CANDIDATES)
        return RRTO_INVALID;
    Rrto__Range ranges[RRTO_CONTROL_MAX_CANDIDATES];
    Rrto__Range *pointers[RRTO_CONTROL_MAX_CANDIDATES];
    for (uint32_t i = 0; i < hello->n_candidates; i++) {
        rrto__range__init(&ranges[i]);
        ranges[i].start = hello->candidates[i].base;
        ranges[i].n_bytes = hello->candidates[i].n_bytes;
        pointers[i] = &ranges[i];
    }
    Rrto__Hello message = RRTO__HELLO__INIT;
    message.plain = hello->plain;
    message.log_bytes = hello->log_bytes;
    message.slot_kinds = hello->slot_kinds;
    message.reply_times = hello->reply_times;
    message.past_bytes = hello->past_bytes;
    message.results_past_bytes = hello->results_past_bytes;
    message.results_stress = hello->results_stress;
    message.memory_wanted = hello->memory_wanted;
    message.n_candidates = hello->n_candidates;
    message.candidates = pointers;
    Rrto__Control control = RRTO__CONTROL__INIT;
    control.kind_case = RRTO__CONTROL__KIND_HELLO;
    control.hello = &message;
    return encode(out, &control);
}

static int encode_welcome(struct rrto_buf *out, const struct rrto_control_welcome *welcome)
{
    Rrto__Range arena = RRTO__RANGE__INIT;
    arena.start = welcome->arena_base;
    arena.n_bytes = welcome->arena_bytes;
    Rrto__Welcome message = RRTO__WELCOME__INIT;
    /* Packing only reads; protobuf-c has no const for that. */
    message.device_name = (char *)(uintptr_t)welcome->device_name;
    message.uuid.data = (uint8_t *)(uintptr_t)welcome->uuid;
    message.uuid.len = sizeof welcome->uuid;
    message.total_memory = welcome->total_memory;
    message.n_attributes = RRTO_CONTROL_N_ATTRIBUTES;
    message.attributes = (int32_t *)(uintptr_t)welcome->attributes;
    message.driver_version = welcome->driver_version;
    message.cublas_version = welcome->cublas_version;
    message.cublaslt_version = welcome->cublaslt_version;
    message.cudnn_version = welcome->cudnn_version;
    message.arena = &arena;
    message.memory = welcome->memory;
    message.fingerprint = welcome->fingerprint;
    message.soft = welcome->soft;
    message.compute = (char *)(uintptr_t)welcome->compute;
    message.log_bytes = welcome->log_bytes;
    message.gates = welcome->n_gates;
    message.past_bytes = welcome->past_bytes;
    message.results_past_bytes = welcome->results_past_bytes;
    Rrto__Control control = RRTO__CONTROL__INIT;
    control.kind_case = RRTO__CONTROL__KIND_WELCOME;
    control.welcome = &message;
    return encode(out, &control);
}

static int encode_refusal(struct rrto_buf *out, const struct rrto_control_refusal *refusal)
{
    Rrto__Refusal message = RRTO__REFUSAL__INIT;
    message.status = refusal->status;
    message.text = (char *)(uintptr_t)refusal->text;
    Rrto__Control control = RRTO__CONTROL__INIT;
    control.kind_case = RRTO__CONTROL__KIND_REFUSAL;
    control.refusal = &message;
    return encode(out, &control);
}

static int encode_link(struct rrto_buf *out, const struct rrto_control_link *link)
{
    Rrto__Link message = RRTO__LINK__INIT;
    message.rate_down = link->rate_down;
    message.probe = link->probe;
    Rrto__Control control = RRTO__CONTROL__INIT;
    control.kind_case = RRTO__CONTROL__KIND_LINK;
    control.link = &message;
    return encode(out, &control);
}

int rrto_control_encode(struct rrto_buf *out, const struct rrto_control *control)
{
    switch (control->kind) {
    case RRTO_CONTROL_HELLO:
        return encode_hello(out, &control->hello);
    case RRTO_CONTROL_WELCOME:
        return encode_welcome(out, &control->welcome);
    case RRTO_CONTROL_REFUSAL:
        return encode_refusal(out, &control->refusal);
    case RRTO_CONTROL_LINK:
        return encode_link(out, &control->link);
    }
    return RRTO_INVALID;
}

static int decode_hello(const Rrto__Hello *message, struct rrto_control_hello *hello)
{
    if (message->n_candidates > RRTO_CONTROL_MAX_CANDIDATES)
        return RRTO_PROTOCOL;
    hello->plain = message->plain;
    hello->log_bytes = message->log_bytes;
    hello->slot_kinds = message->slot_kinds;
    hello->reply_times = message->reply_times;
    hello->past_bytes = message->past_bytes;
    hello->results_past_bytes = message->results_past_bytes;
    hello->results_stress = message->results_stress;
    hello->memory_wanted = message->memory_wanted;
    hello->n_candidates = (uint32_t)message->n_candidates;
    for (uint32_t i = 0; i < hello->n_candidates; i++) {
        const Rrto__Range *range = message->candidates[i];
        if (range->start + range->n_bytes < range->start)
            return RRTO_PROTOCOL;
        hello->candidates[i] = (struct rrto_control_range){range->start, range->n_bytes};
    }
    return RRTO_OK;
}

/* Bounded, and only printable characters: the text ends in somebody's log. */
static void copy_text(char *out, size_t n, const char *text)
{
    size_t i = 0;
    for (; i + 1 < n && text && text[i]; i++)
        out[i] = text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '?';
    out[i] = '\0';
}

static int decode_welcome(const Rrto__Welcome *message, struct rrto_control_welcome *welcome)
{
    const Rrto__Range *arena = message->arena;
    if (message->uuid.len != sizeof welcome->uuid || message->n_attributes > RRTO_CONTROL_N_ATTRIBUTES || !arena ||
        arena->start + arena->n_bytes < arena->start)
        return RRTO_PROTOCOL;
    copy_text(welcome->device_name, sizeof welcome->device_name, message->device_name);
    memcpy(welcome->uuid, message->uuid.data, sizeof welcome->uuid);
    welcome->total_memory = message->total_memory;
    if (message->n_attributes)
        memcpy(welcome->attributes, message->attributes, message->n_attributes * sizeof *welcome->attributes);
    welcome->driver_version = message->driver_version;
    welcome->cublas_version = message->cublas_version;
    welcome->cublaslt_version = message->cublaslt_version;
    welcome->cudnn_version = message->cudnn_version;
    welcome->arena_base = arena->start;
    welcome->arena_bytes = arena->n_bytes;
    welcome->memory = message->memory;
    welcome->fingerprint = message->fingerprint;
    welcome->soft = message->soft;
    copy_text(welcome->compute, sizeof welcome->compute, message->compute);
    welcome->log_bytes = message->log_bytes;
    welcome->n_gates = message->gates;
    welcome->past_bytes = message->past_bytes;
    welcome->results_past_bytes = message->results_past_bytes;
    return RRTO_OK;
}

int rrto_control_decode(const void *data, size_t n, struct rrto_control *ret_control)
{
    if (n > RRTO_CONTROL_MAX_BYTES)
        return RRTO_TOO_LARGE;
    Rrto__Control *message = rrto__control__unpack(NULL, n, data);
    if (!message)
        return RRTO_PROTOCOL;
    int status = RRTO_PROTOCOL;
    memset(ret_control, 0, sizeof *ret_control);
    switch (message->kind_case) {
    case RRTO__CONTROL__KIND_HELLO:
        ret_control->kind = RRTO_CONTROL_HELLO;
        status = decode_hello(message->hello, &ret_control->hello);
        break;
    case RRTO__CONTROL__KIND_WELCOME:
        ret_control->kind = RRTO_CONTROL_WELCOME;
        status = decode_welcome(message->welcome, &ret_control->welcome);
        break;
    case RRTO__CONTROL__KIND_REFUSAL:
        ret_control->kind = RRTO_CONTROL_REFUSAL;
        ret_control->refusal.status = message->refusal->status;
        copy_text(ret_control->refusal.text, sizeof ret_control->refusal.text, message->refusal->text);
        status = RRTO_OK;
        break;
    case RRTO__CONTROL__KIND_LINK:
        ret_control->kind = RRTO_CONTROL_LINK;
        ret_control->link.rate_down = message->link->rate_down;
        ret_control->link.probe = message->link->probe;
        status = RRTO_OK;
        break;
    default:
        break;
    }
    rrto__control__free_unpacked(message, NULL);
    return status;
}

int rrto_control_send(struct rrto_conn *conn, const struct rrto_control *control, int timeout_ms)
{
    struct rrto_buf buf;
    rrto_buf_init(&buf, RRTO_CONTROL_MAX_BYTES + RRTO_CHUNK_HEADER_BYTES);
    rrto_buf_put(&buf, NULL, RRTO_CHUNK_HEADER_BYTES);
    int status = buf.failed ? RRTO_NO_MEMORY : rrto_control_encode(&buf, control);
    if (status == RRTO_OK) {
        struct rrto_chunk chunk = {.n_bytes = (uint32_t)(buf.size - RRTO_CHUNK_HEADER_BYTES),
                                   .type = RRTO_CHUNK_CONTROL};
        rrto_chunk_encode(buf.data, &chunk);
        status = rrto_conn_write(conn, buf.data, buf.size, timeout_ms);
    }
    rrto_buf_fini(&buf);
    return status;
}

int rrto_control_receive(struct rrto_conn *conn, struct rrto_control *ret_control, int timeout_ms)
{
    uint8_t header[RRTO_CHUNK_HEADER_BYTES];
    int status = rrto_conn_read_all(conn, header, sizeof header, timeout_ms);
    if (status != RRTO_OK)
        return status;
    struct rrto_chunk chunk;
    status = rrto_chunk_decode(header, &chunk);
    if (status != RRTO_OK)
        return status;
    if (chunk.type != RRTO_CHUNK_CONTROL)
        return RRTO_PROTOCOL;
    if (chunk.n_bytes > RRTO_CONTROL_MAX_BYTES)
        return RRTO_TOO_LARGE;
    uint8_t *data = malloc(chunk.n_bytes ? chunk.n_bytes : 1);
    if (!data)
        return RRTO_NO_MEMORY;
    status = rrto_conn_read_all(conn, data, chunk.n_bytes, timeout_ms);
    if (status == RRTO_CLOSED)
        status = RRTO_TRUNCATED;
    if (status == RRTO_OK)
        status = rrto_control_decode(data, chunk.n_bytes, ret_control);
    free(data);
    return status;
}

/* Memory of ours is at stake: the log's, and that of payloads that both sides keep. */
static bool within(const struct rrto_control_welcome *welcome, const struct rrto_control_hello *hello)
{
    return welcome->log_bytes > 0 && welcome->log_bytes <= hello->log_bytes &&
           welcome->past_bytes <= hello->past_bytes && welcome->results_past_bytes <= hello->results_past_bytes;
}

int rrto_control_open(struct rrto_conn *conn, const struct rrto_control_hello *hello, int timeout_ms,
                      struct rrto_control_welcome *ret_welcome, char *ret_why, size_t n_why)
{
    struct rrto_control *control = calloc(1, sizeof *control);
    if (!control) {
        snprintf(ret_why, n_why, "out of memory");
        return RRTO_NO_MEMORY;
    }
    control->kind = RRTO_CONTROL_HELLO;
    control->hello = *hello;
    int status = rrto_control_send(conn, control, timeout_ms);
    if (status == RRTO_OK)
        status = rrto_control_receive(conn, control, timeout_ms);
    if (status != RRTO_OK) {
        snprintf(ret_why, n_why, "no welcome from the server (%s); its log says why", rrto_status_text(status));
    } else if (control->kind == RRTO_CONTROL_WELCOME && !within(&control->welcome, hello)) {
        snprintf(ret_why, n_why, "the server grants more than was asked for; use the same version on both sides");
        status = RRTO_PROTOCOL;
    } else if (control->kind == RRTO_CONTROL_WELCOME) {
        *ret_welcome = control->welcome;
    } else if (control->kind == RRTO_CONTROL_REFUSAL) {
        snprintf(ret_why, n_why, "%s", control->refusal.text);
        status = control->refusal.status < 0 ? control->refusal.status : RRTO_REFUSED;
    } else {
        snprintf(ret_why, n_why, "the server answered with a message that it may not send");
        status = RRTO_PROTOCOL;
    }
    free(control);
    return status;
}
