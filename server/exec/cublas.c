/* SPDX-License-Identifier: Apache-2.0 */
/* cuBLAS handles on the server: the one op that generated code does not execute, a handle's whole state. */
#include "gen/ops.h"
#include "gen/server_bodies.h"
#include "gen/vendor.h"
#include "worker.h"

#include "base/status.h"

enum { NOT_SUPPORTED = 15 };

int32_t rrto_server_cublas_state(struct rrto_exec *exec, const struct rrto_args_cublas_state *args)
{
    const struct rrto_vendor *vendor = rrto_worker_vendor(exec->worker);
    bool handle_ok, stream_ok;
    cublasHandle_t handle = rrto_objects_get(exec->worker, RRTO_KIND_cublas, args->handle, &handle_ok);
    cudaStream_t stream = rrto_objects_get(exec->worker, RRTO_KIND_stream, args->stream, &stream_ok);
    if (!handle_ok || !stream_ok || !rrto_worker_address_ok(exec->worker, args->workspace, args->workspace_bytes))
        return RRTO_INVALID;
    if (!vendor->cublasSetStream_v2 || !vendor->cublasSetPointerMode_v2 || !vendor->cublasSetMathMode)
        return NOT_SUPPORTED;
    /* The stream first: it returns the handle to its own workspace. */
    int32_t status = (int32_t)vendor->cublasSetStream_v2(handle, stream);
    if (status == 0 && args->user_workspace && vendor->cublasSetWorkspace_v2)
        status =
            (int32_t)vendor->cublasSetWorkspace_v2(handle, (void *)(uintptr_t)args->workspace, args->workspace_bytes);
    if (status == 0)
        status = (int32_t)vendor->cublasSetPointerMode_v2(handle, (cublasPointerMode_t)args->pointer_mode);
    if (status == 0)
        status = (int32_t)vendor->cublasSetMathMode(handle, (cublasMath_t)args->math_mode);
    if (status == 0 && vendor->cublasSetAtomicsMode)
        status = (int32_t)vendor->cublasSetAtomicsMode(handle, (cublasAtomicsMode_t)args->atomics_mode);
    if (status == 0 && vendor->cublasSetSmCountTarget)
        status = (int32_t)vendor->cublasSetSmCountTarget(handle, args->sm_count_target);
    return status;
}
