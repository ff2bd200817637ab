/* SPDX-License-Identifier: Apache-2.0 */
/* The scheduler as the soft cuBLAS and cuDNN use it: they look these two up by name. */
#include "scheduler.h"

#include <stdlib.h>
#include <string.h>

SOFT_EXPORT int rrto_soft_enqueue(void *stream, int (*run)(void *arg), const void *arg, size_t n_arg);
SOFT_EXPORT int rrto_soft_settle(void *stream);

/* A library's op, as soft_enqueue; run's statuses are the library's own: a failure behind the call is a failed launch.
 * -1: the scheduler is off, and the op is the caller's to carry out. */
struct library_op {
    int (*run)(void *arg);
    _Alignas(16) char arg[];
};

static CUresult library_run(void *arg)
{
    struct library_op *op = arg;
    return op->run(op->arg) ? CUDA_ERROR_LAUNCH_FAILED : CUDA_SUCCESS;
}

int rrto_soft_enqueue(void *stream, int (*run)(void *arg), const void *arg, size_t n_arg)
{
    if (!soft_sched_on())
        return -1;
    struct library_op *op = malloc(sizeof *op + n_arg);
    if (!op)
        return CUDA_ERROR_OUT_OF_MEMORY;
    op->run = run;
    memcpy(op->arg, arg, n_arg);
    CUresult result = soft_enqueue(stream, library_run, op, sizeof *op + n_arg);
    free(op);
    return (int)result;
}

int rrto_soft_settle(void *stream)
{
    return (int)soft_settle(stream);
}
