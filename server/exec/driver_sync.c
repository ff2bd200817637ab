/* SPDX-License-Identifier: Apache-2.0 */
/* Synchronising and asking: the reply is what is wanted. */
#include "base/status.h"
#include "gen/server_bodies.h"
#include "session.h"

#include <stdlib.h>

int32_t rrto_server_ping(struct rrto_exec *exec, const struct rrto_args_ping *args)
{
    struct rrto_reply_ping reply = {.n_reply = args->n_out};
    if (args->n_out > RRTO_CHUNK_MAX_BYTES - 1024)
        return RRTO_TOO_LARGE;
    uint8_t small[256] = {0}, *zeroes = args->n_out <= sizeof small ? small : calloc(1, args->n_out);
    if (!zeroes)
        return RRTO_NO_MEMORY;
    reply.reply = zeroes;
    rrto_pack_reply_ping(&exec->reply, &reply);
    if (zeroes != small)
        free(zeroes);
    return 0;
}

int32_t rrto_server_stream_synchronize(struct rrto_exec *exec, const struct rrto_args_stream_synchronize *args)
{
    void *stream;
    if (!rrto_worker_stream(exec->worker, args->stream, &stream))
        return RRTO_INVALID;
    if (!exec->wait)
        return rrto_worker_order_behind(exec->worker, stream);
    return rrto_worker_complete_after(exec, stream, NULL, NULL, 0);
}

int32_t rrto_server_stream_query(struct rrto_exec *exec, const struct rrto_args_stream_query *args)
{
    void *stream;
    if (!rrto_worker_stream(exec->worker, args->stream, &stream))
        return RRTO_INVALID;
    return exec->worker->driver.cuStreamQuery(stream);
}

int32_t rrto_server_device_synchronize(struct rrto_exec *exec, const struct rrto_args_device_synchronize *args)
{
    (void)args;
    uint32_t n = 0;
    int32_t error;
    void **events = rrto_worker_record_all(exec->worker, &n, &error);
    if (!events)
        return error;
    return rrto_worker_reply(exec, 0, events, n, exec->worker);
}

int32_t rrto_server_event_synchronize(struct rrto_exec *exec, const struct rrto_args_event_synchronize *args)
{
    bool ok;
    void *event = rrto_objects_get(exec->worker, RRTO_KIND_event, args->event, &ok);
    if (!ok)
        return RRTO_INVALID;
    return rrto_worker_complete_after(exec, NULL, event, NULL, 0);
}

int32_t rrto_server_event_query(struct rrto_exec *exec, const struct rrto_args_event_query *args)
{
    bool ok;
    void *event = rrto_objects_get(exec->worker, RRTO_KIND_event, args->event, &ok);
    if (!ok)
        return RRTO_INVALID;
    return exec->worker->driver.cuEventQuery(event);
}
