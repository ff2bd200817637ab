/* SPDX-License-Identifier: Apache-2.0 */
/* cuDNN handles: client objects. The stream is local until a call depends on it. */
#include "cuda/dnn/dnn.h"

#include "cuda/graph/capture.h"
#include "cuda/graph/library.h"
#include "cuda/host_function.h"

#include "gen/client_bodies.h"
#include "gen/issue_ops.h"
#include "replay/issue.h"

#include <stdlib.h>
#include <string.h>

#define HANDLE_MAGIC 0x6e6e647563727274u /* any value that freed or foreign memory is unlikely to hold */

static atomic_uint next_id = 1;

struct rrto_cudnn *rrto_cudnn_handle(const void *handle)
{
    struct rrto_cudnn *cudnn = (struct rrto_cudnn *)(uintptr_t)handle;
    return cudnn && cudnn->magic == HANDLE_MAGIC ? cudnn : NULL;
}

int32_t rrto_client_lost_cudnn(void)
{
    struct rrto_session_error error;
    bool failed = rrto_session_error(&error);
    if (failed && error.left)
        return CUDNN_STATUS_NOT_INITIALIZED;
    if (failed && error.code > 0)
        return strcmp(error.library, "cudnn") == 0 ? error.code : CUDNN_STATUS_EXECUTION_FAILED;
    return CUDNN_STATUS_INTERNAL_ERROR;
}

int32_t rrto_cudnn_status(int32_t issued)
{
    return issued >= 0 ? issued : rrto_client_lost_cudnn();
}

bool rrto_client_id_cudnn(cudnnHandle_t handle, uint32_t *ret_id)
{
    const struct rrto_cudnn *cudnn = rrto_cudnn_handle(handle);
    if (!cudnn)
        return false;
    *ret_id = cudnn->id;
    return true;
}

/* The stream to the server's handle, if it is another one. With the lock. */
static int32_t bring(struct rrto_cudnn *cudnn, uint32_t stream)
{
    if (stream == cudnn->server_stream)
        return 0;
    struct rrto_args_cudnn_set_stream args = {.handle = cudnn->id, .stream = stream};
    int32_t issued = rrto_issue_cudnn_set_stream(&args, NULL);
    if (issued == 0)
        cudnn->server_stream = stream;
    return issued;
}

/* Whether the stream is captured: then it is the graph's launches that bring one. With the lock. */
static bool captured(const struct rrto_cudnn *cudnn, uint32_t stream)
{
    if (!rrto_capture_watched())
        return false;
    struct rrto_library_use use = {.library = RRTO_USE_CUDNN, .handle = cudnn->id, .stream = stream};
    return rrto_capture_library(&use);
}

int32_t rrto_client_prepare_cudnn(cudnnHandle_t handle)
{
    struct rrto_cudnn *cudnn = rrto_cudnn_handle(handle);
    if (!cudnn)
        return CUDNN_STATUS_BAD_PARAM;
    /* Looked up here and not at cudnnSetStream: the per-thread default stream is another one for each thread. Without
     * the lock: a host function may hold the stream back. */
    uint32_t stream;
    if (!rrto_client_id_stream((cudaStream_t)__atomic_load_n(&cudnn->stream, __ATOMIC_RELAXED), &stream))
        return CUDNN_STATUS_BAD_PARAM;
    pthread_mutex_lock(&cudnn->lock);
    int32_t status = CUDNN_STATUS_SUCCESS;
    if (!captured(cudnn, stream))
        status = rrto_cudnn_status(bring(cudnn, stream));
    pthread_mutex_unlock(&cudnn->lock);
    return status;
}

/* cuDNN's scalars are always in host memory. */
bool rrto_client_device_scalars_cudnn(cudnnHandle_t handle)
{
    (void)handle;
    return false;
}

/* A handle here and on the server; *ret_status says why there is none. */
static struct rrto_cudnn *create(int32_t *ret_status)
{
    struct rrto_cudnn *cudnn = calloc(1, sizeof *cudnn);
    *ret_status = CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
    if (!cudnn)
        return NULL;
    pthread_mutex_init(&cudnn->lock, NULL);
    cudnn->id = atomic_fetch_add(&next_id, 1);
    struct rrto_args_cudnn_create args = {.handle = cudnn->id};
    struct rrto_issue_extra extra = {.wait = true, .apart = rrto_host_functions_load_apart()};
    *ret_status = rrto_cudnn_status(rrto_issue_cudnn_create(&args, &extra));
    if (*ret_status == CUDNN_STATUS_SUCCESS)
        return cudnn;
    pthread_mutex_destroy(&cudnn->lock);
    free(cudnn);
    return NULL;
}

void *rrto_cudnn_twin_create(void)
{
    int32_t status;
    return create(&status);
}

int32_t rrto_cudnn_twin_prepare(void *twin, uint32_t stream, uint32_t *ret_handle)
{
    struct rrto_cudnn *cudnn = twin;
    *ret_handle = cudnn->id;
    return bring(cudnn, stream);
}

cudnnStatus_t rrto_client_cudnnCreate(cudnnHandle_t *handle)
{
    if (!handle)
        return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
    int32_t status;
    struct rrto_cudnn *cudnn = create(&status);
    if (!cudnn)
        return (cudnnStatus_t)status;
    cudnn->magic = HANDLE_MAGIC;
    *handle = (cudnnHandle_t)(void *)cudnn;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t rrto_client_cudnnDestroy(cudnnHandle_t handle)
{
    struct rrto_cudnn *cudnn = rrto_cudnn_handle(handle);
    if (!cudnn)
        return CUDNN_STATUS_BAD_PARAM;
    struct rrto_args_cudnn_destroy args = {.handle = cudnn->id};
    struct rrto_issue_extra extra = {.apart = rrto_host_functions_load_apart()};
    int32_t status = rrto_cudnn_status(rrto_issue_cudnn_destroy(&args, &extra));
    cudnn->magic = 0;
    pthread_mutex_destroy(&cudnn->lock);
    free(cudnn);
    return (cudnnStatus_t)status;
}

cudnnStatus_t rrto_client_cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream)
{
    struct rrto_cudnn *cudnn = rrto_cudnn_handle(handle);
    uint32_t id;
    if (!cudnn || !rrto_client_id_stream(stream, &id))
        return CUDNN_STATUS_BAD_PARAM;
    pthread_mutex_lock(&cudnn->lock);
    cudnn->stream = (void *)stream;
    pthread_mutex_unlock(&cudnn->lock);
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t rrto_client_cudnnGetStream(cudnnHandle_t handle, cudaStream_t *stream)
{
    const struct rrto_cudnn *cudnn = rrto_cudnn_handle(handle);
    if (!cudnn)
        return CUDNN_STATUS_BAD_PARAM;
    if (!stream)
        return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
    *stream = (cudaStream_t)cudnn->stream;
    return CUDNN_STATUS_SUCCESS;
}
