/* SPDX-License-Identifier: Apache-2.0 */
/* Streams and events. While nothing is queued, work is done when a call returns and an event is the time at which it
 * was recorded; otherwise it is a mark in the stream's queue. */
#include "driver.h"
#include "scheduler.h"

#include <stdlib.h>

static unsigned long long last_id;
static __thread bool null_is_per_thread;

bool soft_per_thread(bool on)
{
    bool before = null_is_per_thread;
    null_is_per_thread = on;
    return before;
}

CUstream soft_stream_meant(CUstream stream)
{
    return stream ? stream : null_is_per_thread ? (CUstream)2 : (CUstream)1;
}

/* NULL, and the legacy and per-thread default streams (1 and 2), are streams too. */
bool soft_stream_ok(CUstream stream)
{
    return (uintptr_t)stream <= 2 || stream->magic == SOFT_STREAM;
}

SOFT_EXPORT CUresult cuStreamCreateWithPriority(CUstream *ret_stream, unsigned int flags, int priority)
{
    CUresult result = soft_ready();
    if (!result && (!ret_stream || flags > CU_STREAM_NON_BLOCKING))
        result = CUDA_ERROR_INVALID_VALUE;
    if (result)
        return result;
    struct CUstream_st *stream = calloc(1, sizeof *stream);
    if (!stream)
        return CUDA_ERROR_OUT_OF_MEMORY;
    *stream = (struct CUstream_st){.magic = SOFT_STREAM, .flags = flags, .priority = priority};
    stream->priority = priority < -5 ? -5 : priority > 0 ? 0 : priority;
    stream->queue = soft_queue_create(!(flags & CU_STREAM_NON_BLOCKING));
    if (!stream->queue) {
        free(stream);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    stream->id = 2 + __atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED);
    *ret_stream = stream;
    return CUDA_SUCCESS;
}

SOFT_EXPORT CUresult cuStreamCreate(CUstream *stream, unsigned int flags)
{
    return cuStreamCreateWithPriority(stream, flags, 0);
}

SOFT_EXPORT CUresult cuStreamDestroy_v2(CUstream stream)
{
    if ((uintptr_t)stream <= 2 || !soft_stream_ok(stream))
        return CUDA_ERROR_INVALID_HANDLE;
    stream->magic = 0;
    soft_queue_close(stream->queue); /* returns at once; what is enqueued still runs */
    free(stream);
    return CUDA_SUCCESS;
}

static CUresult stream_result(CUstream stream)
{
    return soft_stream_ok(stream) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

SOFT_EXPORT CUresult cuStreamSynchronize(CUstream stream)
{
    CUresult result = stream_result(stream);
    if (!result)
        result = soft_settle(stream);
    soft_print_flush();
    return result;
}

SOFT_EXPORT CUresult cuStreamQuery(CUstream stream)
{
    CUresult result = stream_result(stream);
    return result ? result : soft_query(stream);
}

SOFT_EXPORT CUresult cuStreamGetPriority(CUstream stream, int *priority)
{
    if (!soft_stream_ok(stream))
        return CUDA_ERROR_INVALID_HANDLE;
    *priority = (uintptr_t)stream <= 2 ? 0 : stream->priority;
    return CUDA_SUCCESS;
}

SOFT_EXPORT CUresult cuStreamGetFlags(CUstream stream, unsigned int *flags)
{
    if (!soft_stream_ok(stream))
        return CUDA_ERROR_INVALID_HANDLE;
    *flags = (uintptr_t)stream <= 2 ? 0 : stream->flags;
    return CUDA_SUCCESS;
}

SOFT_EXPORT CUresult cuStreamGetCtx(CUstream stream, CUcontext *context)
{
    *context = soft_current();
    return stream_result(stream);
}

SOFT_EXPORT CUresult cuStreamGetId(CUstream stream, unsigned long long *id)
{
    if (!soft_stream_ok(stream))
        return CUDA_ERROR_INVALID_HANDLE;
    stream = soft_stream_meant(stream);
    *id = (uintptr_t)stream <= 2 ? (uintptr_t)stream : stream->id;
    return CUDA_SUCCESS;
}

SOFT_EXPORT CUresult cuStreamIsCapturing(CUstream stream, CUstreamCaptureStatus *status)
{
    *status = (CUstreamCaptureStatus)0;
    return stream_result(stream);
}

struct host_function {
    void (*function)(void *);
    void *argument;
};

static CUresult host_function_run(void *arg)
{
    const struct host_function *call = arg;
    call->function(call->argument);
    return CUDA_SUCCESS;
}

SOFT_EXPORT CUresult cuLaunchHostFunc(CUstream stream, CUhostFn function, void *argument)
{
    if (!soft_stream_ok(stream))
        return CUDA_ERROR_INVALID_HANDLE;
    if (!function)
        return CUDA_ERROR_INVALID_VALUE;
    struct host_function call = {function, argument};
    return soft_enqueue_host(stream, host_function_run, &call, sizeof call);
}

/* What the worker needs of the stream memory operations. The address is a host's: there is no other memory. */
SOFT_EXPORT CUresult cuStreamWaitValue32_v2(CUstream stream, CUdeviceptr address, uint32_t value, unsigned int flags);
SOFT_EXPORT CUresult cuStreamWaitValue32_v2(CUstream stream, CUdeviceptr address, uint32_t value, unsigned int flags)
{
    enum { GEQ = 0 }; /* CU_STREAM_WAIT_VALUE_GEQ */
    if (!soft_stream_ok(stream))
        return CUDA_ERROR_INVALID_HANDLE;
    if (!address || address % sizeof value)
        return CUDA_ERROR_INVALID_VALUE;
    if (flags != GEQ)
        return CUDA_ERROR_NOT_SUPPORTED;
    return soft_enqueue_wait(stream, (const uint32_t *)(uintptr_t)address, value);
}

static bool event_ok(CUevent event)
{
    return event && event->magic == SOFT_EVENT;
}

SOFT_EXPORT CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned int flags)
{
    (void)flags;
    CUresult result = event_ok(event) ? stream_result(stream) : CUDA_ERROR_INVALID_HANDLE;
    if (!result)
        result = soft_event_order(event, stream);
    return result;
}

SOFT_EXPORT CUresult cuEventCreate(CUevent *ret_event, unsigned int flags)
{
    CUresult result = soft_ready();
    if (!result && !ret_event)
        result = CUDA_ERROR_INVALID_VALUE;
    if (result)
        return result;
    struct CUevent_st *event = calloc(1, sizeof *event);
    if (!event)
        return CUDA_ERROR_OUT_OF_MEMORY;
    *event = (struct CUevent_st){.magic = SOFT_EVENT, .flags = flags};
    *ret_event = event;
    return CUDA_SUCCESS;
}

SOFT_EXPORT CUresult cuEventDestroy_v2(CUevent event)
{
    if (!event_ok(event))
        return CUDA_ERROR_INVALID_HANDLE;
    event->magic = 0;
    soft_event_forget(event);
    free(event);
    return CUDA_SUCCESS;
}

SOFT_EXPORT CUresult cuEventRecord(CUevent event, CUstream stream)
{
    if (!event_ok(event) || !soft_stream_ok(stream))
        return CUDA_ERROR_INVALID_HANDLE;
    return soft_event_record(event, stream);
}

SOFT_EXPORT CUresult cuEventRecordWithFlags(CUevent event, CUstream stream, unsigned int flags)
{
    (void)flags;
    return cuEventRecord(event, stream);
}

SOFT_EXPORT CUresult cuEventSynchronize(CUevent event)
{
    CUresult result = event_ok(event) ? soft_event_wait(event) : CUDA_ERROR_INVALID_HANDLE;
    soft_print_flush();
    return result;
}

SOFT_EXPORT CUresult cuEventQuery(CUevent event)
{
    return event_ok(event) ? soft_event_query(event) : CUDA_ERROR_INVALID_HANDLE;
}

SOFT_EXPORT CUresult cuEventElapsedTime_v2(float *ms, CUevent start, CUevent end)
{
    enum { TIMING_DISABLED = 2 };
    if (!ms)
        return CUDA_ERROR_INVALID_VALUE;
    if (!event_ok(start) || !event_ok(end) || !start->recorded || !end->recorded ||
        (start->flags | end->flags) & TIMING_DISABLED)
        return CUDA_ERROR_INVALID_HANDLE;
    CUresult result = soft_event_query(start);
    if (!result)
        result = soft_event_query(end);
    if (result)
        return result;
    *ms = (float)((double)(int64_t)(end->time_ns - start->time_ns) / 1e6);
    return CUDA_SUCCESS;
}

SOFT_EXPORT CUresult cuEventElapsedTime(float *ms, CUevent start, CUevent end)
{
    return cuEventElapsedTime_v2(ms, start, end);
}
