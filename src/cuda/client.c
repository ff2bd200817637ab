/* SPDX-License-Identifier: Apache-2.0 */
/* What generated entries ask of the runtime and driver front ends: handle to id, the status of a lost session,
 * last-error bookkeeping. */
#include "base/status.h"
#include "cuda/error.h"
#include "cuda/host_function.h"
#include "cuda/module.h"
#include "cuda/object.h"
#include "cuda/stream.h"
#include "cuda/thread.h"
#include "gen/client_bodies.h"
#include "replay/issue.h"

int32_t rrto_client_lost_cudart(void)
{
    return rrto_cuda_issued(RRTO_LOST);
}

int32_t rrto_client_lost_driver(void)
{
    return rrto_cuda_to_driver(rrto_client_lost_cudart());
}

int32_t rrto_client_lost_nvml(void)
{
    return NVML_ERROR_GPU_IS_LOST;
}

int32_t rrto_client_result_cudart(uint16_t call, int32_t result)
{
    (void)call;
    if (result)
        rrto_cuda_thread()->last_error = result;
    return result;
}

/* Calls that have plain ops need these; which kinds that are is the descriptions' affair. */
bool rrto_client_id_stream(cudaStream_t handle, uint32_t *ret_id)
{
    if (!rrto_stream_id(handle, ret_id))
        return false;
    /* Most calls of the soft cuBLAS and cuDNN compute at the call, once what is before them has run: the server's
     * executor would wait, and never get to what it waits for. */
    if (rrto_host_functions_any() && rrto_session_device()->soft)
        (void)rrto_host_functions_wait(*ret_id);
    return true;
}

bool rrto_client_id_event(cudaEvent_t handle, uint32_t *ret_id)
{
    return rrto_event_id(handle, ret_id);
}

bool rrto_client_id_function(CUfunction handle, uint32_t *ret_id)
{
    struct rrto_function *function = rrto_function_check(handle);
    if (!function || rrto_function_ready(function))
        return false;
    *ret_id = function->id;
    return true;
}
