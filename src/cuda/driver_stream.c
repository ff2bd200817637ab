/* SPDX-License-Identifier: Apache-2.0 */
/* The driver's stream and event calls. */
#include "cuda/context.h"
#include "cuda/error.h"
#include "cuda/host_function.h"
#include "cuda/stream.h"
#include "gen/client_bodies.h"

static CUresult driver(int32_t result)
{
    return (CUresult)rrto_cuda_to_driver(result);
}

CUresult rrto_client_cuStreamCreateWithPriority(CUstream *stream, unsigned int flags, int priority)
{
    void *handle = NULL;
    if (!stream)
        return CUDA_ERROR_INVALID_VALUE;
    int32_t result = rrto_context_need();
    if (!result)
        result = rrto_stream_create(flags, priority, &handle);
    if (!result)
        *stream = handle;
    return driver(result);
}

CUresult rrto_client_cuStreamCreate(CUstream *stream, unsigned int flags)
{
    return rrto_client_cuStreamCreateWithPriority(stream, flags, 0);
}

CUresult rrto_client_cuStreamDestroy_v2(CUstream stream)
{
    return driver(rrto_stream_destroy(stream));
}

CUresult rrto_client_cuStreamSynchronize(CUstream stream)
{
    int32_t result = rrto_context_need();
    return driver(result ? result : rrto_stream_synchronize(stream));
}

CUresult rrto_client_cuLaunchHostFunc(CUstream stream, CUhostFn function, void *argument)
{
    int32_t result = rrto_context_need();
    return driver(result ? result : rrto_stream_host_function(stream, function, argument));
}

CUresult rrto_client_cuStreamQuery(CUstream stream)
{
    int32_t result = rrto_context_need();
    return driver(result ? result : rrto_stream_query(stream));
}

CUresult rrto_client_cuStreamWaitEvent(CUstream stream, CUevent event, unsigned int flags)
{
    return driver(rrto_stream_wait_event(stream, event, flags));
}

CUresult rrto_client_cuStreamGetPriority(CUstream stream, int *priority)
{
    return priority ? driver(rrto_stream_priority(stream, priority)) : CUDA_ERROR_INVALID_VALUE;
}

CUresult rrto_client_cuStreamGetFlags(CUstream stream, unsigned int *flags)
{
    return flags ? driver(rrto_stream_flags(stream, flags)) : CUDA_ERROR_INVALID_VALUE;
}

CUresult rrto_client_cuStreamGetCtx(CUstream stream, CUcontext *context)
{
    uint32_t id;
    if (!context)
        return CUDA_ERROR_INVALID_VALUE;
    if (!rrto_stream_peek_id(stream, &id))
        return CUDA_ERROR_INVALID_HANDLE;
    *context = (CUcontext)(void *)rrto_context_current();
    return driver(rrto_context_need());
}

CUresult rrto_client_cuStreamGetCtx_v2(CUstream stream, CUcontext *context, CUgreenCtx *green)
{
    if (green)
        *green = NULL; /* there are none */
    return rrto_client_cuStreamGetCtx(stream, context);
}

CUresult rrto_client_cuStreamGetId(CUstream stream, unsigned long long *ret_id)
{
    uint32_t id;
    if (!ret_id)
        return CUDA_ERROR_INVALID_VALUE;
    if (!rrto_stream_peek_id(stream, &id))
        return CUDA_ERROR_INVALID_HANDLE;
    *ret_id = id;
    return CUDA_SUCCESS;
}

CUresult rrto_client_cuEventCreate(CUevent *event, unsigned int flags)
{
    void *handle = NULL;
    if (!event)
        return CUDA_ERROR_INVALID_VALUE;
    int32_t result = rrto_context_need();
    if (!result)
        result = rrto_event_create(flags, &handle);
    if (!result)
        *event = handle;
    return driver(result);
}

CUresult rrto_client_cuEventDestroy_v2(CUevent event)
{
    return driver(rrto_event_destroy(event));
}

CUresult rrto_client_cuEventRecord(CUevent event, CUstream stream)
{
    return driver(rrto_event_record(event, stream, 0));
}

CUresult rrto_client_cuEventRecordWithFlags(CUevent event, CUstream stream, unsigned int flags)
{
    return flags > 1 ? CUDA_ERROR_INVALID_VALUE : driver(rrto_event_record(event, stream, flags));
}

CUresult rrto_client_cuEventSynchronize(CUevent event)
{
    return driver(rrto_event_synchronize(event));
}

CUresult rrto_client_cuEventQuery(CUevent event)
{
    return driver(rrto_event_query(event));
}

CUresult rrto_client_cuEventElapsedTime_v2(float *ms, CUevent start, CUevent end)
{
    return driver(rrto_event_elapsed(start, end, ms));
}

CUresult rrto_client_cuEventElapsedTime(float *ms, CUevent start, CUevent end)
{
    return driver(rrto_event_elapsed(start, end, ms));
}
