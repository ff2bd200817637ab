/* SPDX-License-Identifier: Apache-2.0 */
/* The twins that nobody has taken. */
#include "cuda/graph/library.h"

#include "cuda/error.h"

#include <pthread.h>
#include <stddef.h>

enum { MAX_IDLE = 64 };

static struct {
    pthread_mutex_t lock;
    void *cublas[MAX_IDLE], *cudnn[MAX_IDLE]; /* the last one given back is taken first */
    size_t n_cublas, n_cudnn;
} idle = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void *take(void **twins, size_t *n, void *(*create)(void))
{
    void *twin = NULL;
    pthread_mutex_lock(&idle.lock);
    if (*n)
        twin = twins[--*n];
    pthread_mutex_unlock(&idle.lock);
    return twin ? twin : create();
}

/* More than that many launches at a time: the handle stays with the server, unused. */
static void give(void **twins, size_t *n, void *twin)
{
    pthread_mutex_lock(&idle.lock);
    if (twin && *n < MAX_IDLE)
        twins[(*n)++] = twin;
    pthread_mutex_unlock(&idle.lock);
}

static bool take_for(struct rrto_library_twins *twins, enum rrto_library_kind library)
{
    if (library == RRTO_USE_CUBLAS && !twins->cublas)
        twins->cublas = take(idle.cublas, &idle.n_cublas, rrto_cublas_twin_create);
    if (library == RRTO_USE_CUDNN && !twins->cudnn)
        twins->cudnn = take(idle.cudnn, &idle.n_cudnn, rrto_cudnn_twin_create);
    return library == RRTO_USE_NONE || (library == RRTO_USE_CUBLAS ? twins->cublas : twins->cudnn);
}

int32_t rrto_library_ready(enum rrto_library_kind library)
{
    struct rrto_library_twins twins = {NULL, NULL};
    bool there = take_for(&twins, library);
    rrto_library_give_back(&twins);
    return there ? RRTO_CUDA_SUCCESS : RRTO_CUDA_NO_MEMORY;
}

int32_t rrto_library_take(struct rrto_library_twins *twins, enum rrto_library_kind library)
{
    return take_for(twins, library) ? RRTO_CUDA_SUCCESS : RRTO_CUDA_NO_MEMORY;
}

int32_t rrto_library_twin(struct rrto_library_twins *twins, const struct rrto_library_use *use, uint32_t stream,
                          uint32_t *ret_handle)
{
    if (!take_for(twins, use->library))
        return RRTO_CUDA_NO_MEMORY;
    return rrto_cuda_issued(use->library == RRTO_USE_CUBLAS
                                ? rrto_cublas_twin_prepare(twins->cublas, use, stream, ret_handle)
                                : rrto_cudnn_twin_prepare(twins->cudnn, stream, ret_handle));
}

void rrto_library_give_back(struct rrto_library_twins *twins)
{
    give(idle.cublas, &idle.n_cublas, twins->cublas);
    give(idle.cudnn, &idle.n_cudnn, twins->cudnn);
    *twins = (struct rrto_library_twins){NULL, NULL};
}
