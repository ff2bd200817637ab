/* SPDX-License-Identifier: Apache-2.0 */
/* The way to the soft driver's scheduler: two functions of a library that somebody else has loaded, or not. */
#include "blas/stream.h"

#include <dlfcn.h>
#include <pthread.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int (*enqueue)(void *stream, int (*run)(void *arg), const void *arg, size_t n_arg);
static int (*settle)(void *stream);

static void look(void)
{
    *(void **)&enqueue = dlsym(RTLD_DEFAULT, "rrto_soft_enqueue");
    *(void **)&settle = dlsym(RTLD_DEFAULT, "rrto_soft_settle");
}

bool rrto_soft_defer(void *stream, int (*run)(void *arg), const void *arg, size_t n_arg, int *ret_error)
{
    pthread_once(&once, look);
    int error = enqueue ? enqueue(stream, run, arg, n_arg) : -1;
    *ret_error = error < 0 ? 0 : error;
    return error >= 0;
}

void rrto_soft_stream_settle(void *stream)
{
    pthread_once(&once, look);
    if (settle)
        (void)settle(stream); /* its error is the driver's to report */
}
