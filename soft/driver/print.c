/* SPDX-License-Identifier: Apache-2.0 */
/* What kernels print. As CUDA has it (Programming Guide, "Formatted Output"): it is kept on the device, in a buffer
 * that overwrites what is oldest, and comes out of the process's stdio at a launch, at a synchronise, at a copy that
 * blocks, or when a module is loaded or unloaded; not at a query. */
#include "driver.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of standard output and standard error. */
static struct {
    pthread_mutex_t lock;
    char *text[2];
    size_t n[2];
    unsigned pending[2]; /* prints that have not come out yet: whoever sees 0 need not look */
} state = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void print_locked(unsigned which, const char *text, size_t n, size_t limit)
{
    size_t old = state.n[which];
    if (n > limit) {
        text += n - limit;
        n = limit;
    }
    size_t kept = old > limit - n ? limit - n : old;
    char *grown = realloc(state.text[which], kept + n > old ? kept + n : old);
    if (!grown)
        return;
    memmove(grown, grown + (old - kept), kept);
    memcpy(grown + kept, text, n);
    state.text[which] = grown;
    state.n[which] = kept + n;
    __atomic_add_fetch(&state.pending[which], 1, __ATOMIC_RELEASE);
}

void soft_print(int fd, const char *text, size_t n)
{
    size_t limit = 0;
    (void)cuCtxGetLimit(&limit, CU_LIMIT_PRINTF_FIFO_SIZE);
    pthread_mutex_lock(&state.lock);
    if (n && limit)
        print_locked(fd == 2, text, n, limit);
    pthread_mutex_unlock(&state.lock);
}

/* Under the file's own lock, so that a second thread returns when the text is out, whoever has taken it. */
static void flush(unsigned which, FILE *file)
{
    if (!__atomic_load_n(&state.pending[which], __ATOMIC_ACQUIRE))
        return;
    flockfile(file);
    pthread_mutex_lock(&state.lock);
    char *text = state.text[which];
    size_t n = state.n[which];
    unsigned taken = __atomic_load_n(&state.pending[which], __ATOMIC_RELAXED); /* nobody else has some of them */
    state.text[which] = NULL;
    state.n[which] = 0;
    pthread_mutex_unlock(&state.lock);
    if (n > 0) /* another thread may have been faster */
        (void)fwrite(text, 1, n, file);
    (void)fflush(file);
    free(text);
    __atomic_sub_fetch(&state.pending[which], taken, __ATOMIC_RELEASE);
    funlockfile(file);
}

void soft_print_flush(void)
{
    flush(0, stdout);
    flush(1, stderr);
}
