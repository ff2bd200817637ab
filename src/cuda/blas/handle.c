/* SPDX-License-Identifier: Apache-2.0 */
/* cuBLAS handles: client objects whose state (stream, workspace, modes) is local and reaches the server, as one op,
 * only before a call that depends on it and only when it differs from what the server has. */
#include "cuda/blas/blas.h"

#include "cuda/graph/capture.h"
#include "cuda/graph/library.h"
#include "cuda/host_function.h"

#include "gen/client_bodies.h"
#include "gen/issue_ops.h"
#include "replay/issue.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define HANDLE_MAGIC 0x6c62756361727274u /* any value that freed or foreign memory is unlikely to hold */

static atomic_uint next_id = 1;

struct rrto_cublas *rrto_cublas_handle(const void *handle)
{
    struct rrto_cublas *cublas = (struct rrto_cublas *)(uintptr_t)handle;
    return cublas && cublas->magic == HANDLE_MAGIC ? cublas : NULL;
}

bool rrto_client_id_cublas(cublasHandle_t handle, uint32_t *ret_id)
{
    const struct rrto_cublas *cublas = rrto_cublas_handle(handle);
    if (!cublas)
        return false;
    *ret_id = cublas->id;
    return true;
}

bool rrto_client_device_scalars_cublas(cublasHandle_t handle)
{
    const struct rrto_cublas *cublas = rrto_cublas_handle(handle);
    return cublas && cublas->state.pointer_mode == 1;
}

int32_t rrto_cublas_status(int32_t issued)
{
    return issued >= 0 ? issued : rrto_client_lost_cublas();
}

int32_t rrto_client_lost_cublas(void)
{
    struct rrto_session_error error;
    bool failed = rrto_session_error(&error);
    if (failed && error.left)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    if (failed && error.code > 0) {
        if (strcmp(error.library, "cublas") == 0 || strcmp(error.library, "cublaslt") == 0)
            return error.code;
        return CUBLAS_STATUS_EXECUTION_FAILED; /* what cuBLAS answers when the device below it has failed */
    }
    return CUBLAS_STATUS_INTERNAL_ERROR;
}

int32_t rrto_client_lost_cublaslt(void)
{
    return rrto_client_lost_cublas();
}

_Static_assert(sizeof(struct rrto_cublas_state) <= RRTO_LIBRARY_STATE_BYTES, "it travels with a captured op");

/* The state to the server, if it differs. With the lock. */
static int32_t bring(struct rrto_cublas *cublas)
{
    const struct rrto_cublas_state *state = &cublas->state;
    if (memcmp(state, &cublas->server_state, sizeof *state) == 0)
        return 0;
    struct rrto_args_cublas_state args = {
        .handle = cublas->id,
        .stream = state->stream,
        .workspace = state->workspace,
        .workspace_bytes = state->workspace_bytes,
        .user_workspace = state->user_workspace,
        .pointer_mode = state->pointer_mode,
        .math_mode = state->math_mode,
        .atomics_mode = state->atomics_mode,
        .sm_count_target = state->sm_count_target,
    };
    int32_t issued = rrto_issue_cublas_state(&args, NULL);
    if (issued == 0)
        cublas->server_state = *state;
    return issued;
}

/* Whether the handle's stream is captured, so that its state goes into the graph, with the op. With the lock. */
static bool captured(const struct rrto_cublas *cublas)
{
    if (!rrto_capture_watched())
        return false;
    struct rrto_library_use use = {.library = RRTO_USE_CUBLAS, .handle = cublas->id, .stream = cublas->state.stream};
    memcpy(use.state, &cublas->state, sizeof cublas->state);
    return rrto_capture_library(&use);
}

int32_t rrto_client_prepare_cublas(cublasHandle_t handle)
{
    struct rrto_cublas *cublas = rrto_cublas_handle(handle);
    if (!cublas)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    /* Looked up here and not at cublasSetStream: the per-thread default stream is another one for each thread. Without
     * the lock: a host function may hold the stream back. */
    uint32_t stream;
    if (!rrto_client_id_stream((cudaStream_t)__atomic_load_n(&cublas->stream, __ATOMIC_RELAXED), &stream))
        return CUBLAS_STATUS_INVALID_VALUE;
    pthread_mutex_lock(&cublas->lock);
    int32_t status = CUBLAS_STATUS_SUCCESS;
    cublas->state.stream = stream;
    if (!captured(cublas))
        status = rrto_cublas_status(bring(cublas));
    pthread_mutex_unlock(&cublas->lock);
    return status;
}

/* A handle here and on the server; *ret_status says why there is none. */
static struct rrto_cublas *create(int32_t *ret_status)
{
    struct rrto_cublas *cublas = calloc(1, sizeof *cublas);
    *ret_status = CUBLAS_STATUS_ALLOC_FAILED;
    if (!cublas)
        return NULL;
    pthread_mutex_init(&cublas->lock, NULL);
    cublas->id = atomic_fetch_add(&next_id, 1);
    struct rrto_args_cublas_create args = {.handle = cublas->id};
    struct rrto_issue_extra extra = {.wait = true, .apart = rrto_host_functions_load_apart()};
    *ret_status = rrto_cublas_status(rrto_issue_cublas_create(&args, &extra));
    if (*ret_status == CUBLAS_STATUS_SUCCESS)
        return cublas;
    pthread_mutex_destroy(&cublas->lock);
    free(cublas);
    return NULL;
}

void *rrto_cublas_twin_create(void)
{
    int32_t status;
    return create(&status);
}

int32_t rrto_cublas_twin_prepare(void *twin, const struct rrto_library_use *use, uint32_t stream, uint32_t *ret_handle)
{
    struct rrto_cublas *cublas = twin;
    memcpy(&cublas->state, use->state, sizeof cublas->state);
    cublas->state.stream = stream;
    *ret_handle = cublas->id;
    return bring(cublas);
}

cublasStatus_t rrto_client_cublasCreate_v2(cublasHandle_t *handle)
{
    if (!handle)
        return CUBLAS_STATUS_INVALID_VALUE;
    int32_t status;
    struct rrto_cublas *cublas = create(&status);
    if (!cublas)
        return (cublasStatus_t)status;
    cublas->magic = HANDLE_MAGIC;
    *handle = (cublasHandle_t)(void *)cublas;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t rrto_client_cublasDestroy_v2(cublasHandle_t handle)
{
    struct rrto_cublas *cublas = rrto_cublas_handle(handle);
    if (!cublas)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    struct rrto_args_cublas_destroy args = {.handle = cublas->id};
    struct rrto_issue_extra extra = {.apart = rrto_host_functions_load_apart()};
    int32_t status = rrto_cublas_status(rrto_issue_cublas_destroy(&args, &extra));
    cublas->magic = 0;
    pthread_mutex_destroy(&cublas->lock);
    free(cublas);
    return (cublasStatus_t)status;
}

cublasStatus_t rrto_client_cublasSetStream_v2(cublasHandle_t handle, cudaStream_t stream)
{
    struct rrto_cublas *cublas = rrto_cublas_handle(handle);
    uint32_t id;
    if (!cublas)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    if (!rrto_client_id_stream(stream, &id))
        return CUBLAS_STATUS_INVALID_VALUE;
    pthread_mutex_lock(&cublas->lock);
    cublas->stream = (void *)stream;
    /* The vendor's rule: setting the stream, even the same one, returns to the default workspace. */
    cublas->state.workspace = 0;
    cublas->state.workspace_bytes = 0;
    cublas->state.user_workspace = 0;
    pthread_mutex_unlock(&cublas->lock);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t rrto_client_cublasGetStream_v2(cublasHandle_t handle, cudaStream_t *stream)
{
    const struct rrto_cublas *cublas = rrto_cublas_handle(handle);
    if (!cublas)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    if (!stream)
        return CUBLAS_STATUS_INVALID_VALUE;
    *stream = (cudaStream_t)cublas->stream;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t rrto_client_cublasSetWorkspace_v2(cublasHandle_t handle, void *workspace, size_t workspace_bytes)
{
    struct rrto_cublas *cublas = rrto_cublas_handle(handle);
    if (!cublas)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    if ((uintptr_t)workspace % 256 != 0)
        return CUBLAS_STATUS_INVALID_VALUE;
    pthread_mutex_lock(&cublas->lock);
    cublas->state.workspace = (uintptr_t)workspace;
    cublas->state.workspace_bytes = workspace_bytes;
    cublas->state.user_workspace = 1;
    pthread_mutex_unlock(&cublas->lock);
    return CUBLAS_STATUS_SUCCESS;
}

static cublasStatus_t set_mode(cublasHandle_t handle, size_t offset, int value, bool valid)
{
    struct rrto_cublas *cublas = rrto_cublas_handle(handle);
    if (!cublas)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    if (!valid)
        return CUBLAS_STATUS_INVALID_VALUE;
    pthread_mutex_lock(&cublas->lock);
    memcpy((uint8_t *)&cublas->state + offset, &value, sizeof value);
    pthread_mutex_unlock(&cublas->lock);
    return CUBLAS_STATUS_SUCCESS;
}

static cublasStatus_t get_mode(cublasHandle_t handle, size_t offset, void *ret_value)
{
    const struct rrto_cublas *cublas = rrto_cublas_handle(handle);
    if (!cublas)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    if (!ret_value)
        return CUBLAS_STATUS_INVALID_VALUE;
    memcpy(ret_value, (const uint8_t *)&cublas->state + offset, sizeof(int));
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t rrto_client_cublasSetPointerMode_v2(cublasHandle_t handle, cublasPointerMode_t mode)
{
    return set_mode(handle, offsetof(struct rrto_cublas_state, pointer_mode), (int)mode, (unsigned)mode <= 1);
}

cublasStatus_t rrto_client_cublasGetPointerMode_v2(cublasHandle_t handle, cublasPointerMode_t *mode)
{
    return get_mode(handle, offsetof(struct rrto_cublas_state, pointer_mode), mode);
}

cublasStatus_t rrto_client_cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode)
{
    /* The low bits name the mode; 16 forbids reduced-precision reductions. */
    return set_mode(handle, offsetof(struct rrto_cublas_state, math_mode), (int)mode, ((unsigned)mode & ~0x1fu) == 0);
}

cublasStatus_t rrto_client_cublasGetMathMode(cublasHandle_t handle, cublasMath_t *mode)
{
    return get_mode(handle, offsetof(struct rrto_cublas_state, math_mode), mode);
}

cublasStatus_t rrto_client_cublasSetAtomicsMode(cublasHandle_t handle, cublasAtomicsMode_t mode)
{
    return set_mode(handle, offsetof(struct rrto_cublas_state, atomics_mode), (int)mode, (unsigned)mode <= 1);
}

cublasStatus_t rrto_client_cublasGetAtomicsMode(cublasHandle_t handle, cublasAtomicsMode_t *mode)
{
    return get_mode(handle, offsetof(struct rrto_cublas_state, atomics_mode), mode);
}

cublasStatus_t rrto_client_cublasSetSmCountTarget(cublasHandle_t handle, int sm_count_target)
{
    return set_mode(handle, offsetof(struct rrto_cublas_state, sm_count_target), sm_count_target, sm_count_target >= 0);
}

cublasStatus_t rrto_client_cublasGetSmCountTarget(cublasHandle_t handle, int *sm_count_target)
{
    return get_mode(handle, offsetof(struct rrto_cublas_state, sm_count_target), sm_count_target);
}
