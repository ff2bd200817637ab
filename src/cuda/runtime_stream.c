/* SPDX-License-Identifier: Apache-2.0 */
/* The runtime's stream and event calls. */
#include "cuda/context.h"
#include "cuda/error.h"
#include "cuda/graph/capture.h"
#include "cuda/host_function.h"
#include "cuda/stream.h"
#include "cuda/thread.h"
#include "gen/client_bodies.h"
#include "replay/issue.h"

#include <stdlib.h>
#include <string.h>

static cudaError_t create_stream(cudaStream_t *stream, unsigned int flags, int priority)
{
    int32_t result = rrto_context_use();
    void *handle = NULL;
    if (!stream)
        return cudaErrorInvalidValue;
    if (!result)
        result = rrto_stream_create(flags, priority, &handle);
    if (!result)
        *stream = handle;
    return (cudaError_t)result;
}

cudaError_t rrto_client_cudaStreamCreate(cudaStream_t *stream)
{
    return create_stream(stream, 0, 0);
}

cudaError_t rrto_client_cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned int flags)
{
    return create_stream(stream, flags, 0);
}

cudaError_t rrto_client_cudaStreamCreateWithPriority(cudaStream_t *stream, unsigned int flags, int priority)
{
    return create_stream(stream, flags, priority);
}

cudaError_t rrto_client_cudaStreamDestroy(cudaStream_t stream)
{
    return (cudaError_t)rrto_stream_destroy(stream);
}

cudaError_t rrto_client_cudaStreamSynchronize(cudaStream_t stream)
{
    int32_t result = rrto_context_use();
    return (cudaError_t)(result ? result : rrto_stream_synchronize(stream));
}

cudaError_t rrto_client_cudaStreamQuery(cudaStream_t stream)
{
    int32_t result = rrto_context_use();
    return (cudaError_t)(result ? result : rrto_stream_query(stream));
}

cudaError_t rrto_client_cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned int flags)
{
    return (cudaError_t)rrto_stream_wait_event(stream, event, flags);
}

cudaError_t rrto_client_cudaStreamGetPriority(cudaStream_t stream, int *priority)
{
    return priority ? (cudaError_t)rrto_stream_priority(stream, priority) : cudaErrorInvalidValue;
}

cudaError_t rrto_client_cudaStreamGetFlags(cudaStream_t stream, unsigned int *flags)
{
    return flags ? (cudaError_t)rrto_stream_flags(stream, flags) : cudaErrorInvalidValue;
}

cudaError_t rrto_client_cudaStreamGetId(cudaStream_t stream, unsigned long long *ret_id)
{
    uint32_t id;
    if (!ret_id)
        return cudaErrorInvalidValue;
    if (!rrto_stream_peek_id(stream, &id))
        return cudaErrorInvalidResourceHandle;
    *ret_id = id;
    return cudaSuccess;
}

cudaError_t rrto_client_cudaStreamGetDevice(cudaStream_t stream, int *device)
{
    uint32_t id;
    if (!device)
        return cudaErrorInvalidValue;
    if (!rrto_stream_peek_id(stream, &id))
        return cudaErrorInvalidResourceHandle;
    *device = 0;
    return cudaSuccess;
}

cudaError_t rrto_client_cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void *data)
{
    int32_t result = rrto_context_use();
    return (cudaError_t)(result ? result : rrto_stream_host_function(stream, function, data));
}

struct callback {
    cudaStreamCallback_t function;
    cudaStream_t stream;
    void *data;
};

static void run_callback(void *argument, int32_t status)
{
    struct callback *callback = argument;
    callback->function(callback->stream, (cudaError_t)status, callback->data);
    free(callback);
}

cudaError_t rrto_client_cudaStreamAddCallback(cudaStream_t stream, cudaStreamCallback_t function, void *data,
                                              unsigned int flags)
{
    if (!function || flags != 0)
        return cudaErrorInvalidValue;
    uint32_t id;
    int32_t result = rrto_context_use();
    if (!result && rrto_stream_peek_id(stream, &id)) /* the successor, cudaLaunchHostFunc, can be captured */
        result = rrto_capture_refuse(id, RRTO_CUDA_CAPTURE_UNSUPPORTED);
    struct callback *callback = result ? NULL : malloc(sizeof *callback);
    if (!callback)
        return (cudaError_t)(result ? result : RRTO_CUDA_NO_MEMORY);
    *callback = (struct callback){.function = function, .stream = stream, .data = data};
    result = rrto_stream_host_callback(stream, run_callback, callback);
    if (result)
        free(callback);
    return (cudaError_t)result;
}

static cudaError_t create_event(cudaEvent_t *event, unsigned int flags)
{
    int32_t result = rrto_context_use();
    void *handle = NULL;
    if (!event)
        return cudaErrorInvalidValue;
    if (!result)
        result = rrto_event_create(flags, &handle);
    if (!result)
        *event = handle;
    return (cudaError_t)result;
}

cudaError_t rrto_client_cudaEventCreate(cudaEvent_t *event)
{
    return create_event(event, 0);
}

cudaError_t rrto_client_cudaEventCreateWithFlags(cudaEvent_t *event, unsigned int flags)
{
    return create_event(event, flags);
}

cudaError_t rrto_client_cudaEventDestroy(cudaEvent_t event)
{
    return (cudaError_t)rrto_event_destroy(event);
}

cudaError_t rrto_client_cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
    return (cudaError_t)rrto_event_record(event, stream, 0);
}

cudaError_t rrto_client_cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned int flags)
{
    return flags > 1 ? cudaErrorInvalidValue : (cudaError_t)rrto_event_record(event, stream, flags);
}

cudaError_t rrto_client_cudaEventSynchronize(cudaEvent_t event)
{
    return (cudaError_t)rrto_event_synchronize(event);
}

cudaError_t rrto_client_cudaEventQuery(cudaEvent_t event)
{
    return (cudaError_t)rrto_event_query(event);
}

cudaError_t rrto_client_cudaEventElapsedTime(float *ms, cudaEvent_t start, cudaEvent_t end)
{
    return (cudaError_t)rrto_event_elapsed(start, end, ms);
}
