/* SPDX-License-Identifier: Apache-2.0 */
/* Launching one host function on a stream, or capturing it. */
#include "cuda/error.h"
#include "cuda/graph/capture.h"
#include "cuda/host_function.h"
#include "cuda/stream.h"

/* A function, or a callback. */
static int32_t launch(const void *handle, void (*function)(void *data), void (*callback)(void *data, int32_t status),
                      void *data)
{
    uint32_t stream, flags = 0;
    int32_t error = rrto_stream_flags(handle, &flags);
    if (error || !rrto_stream_id(handle, &stream))
        return error ? error : RRTO_CUDA_INVALID_HANDLE;
    error = rrto_cuda_sticky();
    if (!error)
        error = rrto_capture_touch(stream); /* the legacy stream while others are captured */
    if (!error)
        error = rrto_host_functions_begin(1);
    if (error)
        return error;
    bool blocking = !(flags & RRTO_STREAM_NON_BLOCKING);
    error = function ? rrto_host_function_add(stream, blocking, function, data)
                     : rrto_host_callback_add(stream, blocking, callback, data);
    rrto_host_functions_end();
    return error;
}

int32_t rrto_stream_host_function(const void *handle, void (*function)(void *data), void *data)
{
    uint32_t stream;
    if (!function)
        return RRTO_CUDA_INVALID_VALUE;
    if (!rrto_stream_peek_id(handle, &stream))
        return RRTO_CUDA_INVALID_HANDLE;
    if (rrto_capture_has(stream)) {
        struct rrto_work work = {.kind = RRTO_NODE_HOST, .host = function, .host_data = data};
        return rrto_capture_add(stream, &work);
    }
    return launch(handle, function, NULL, data);
}

int32_t rrto_stream_host_callback(const void *handle, void (*callback)(void *data, int32_t status), void *data)
{
    return launch(handle, NULL, callback, data);
}
