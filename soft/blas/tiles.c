/* SPDX-License-Identifier: Apache-2.0 */
/* One helper thread that takes tiles together with the caller. */
#include "blas/tiles.h"

#include <cblas.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static struct {
    pthread_once_t once;
    pthread_mutex_t caller; /* held by the one caller that has the helper */
    pthread_mutex_t lock;   /* guards what follows */
    pthread_cond_t changed;
    void (*fn)(void *arg, size_t tile);
    void *arg;
    size_t n_tiles;
    enum { IDLE, OFFERED, RUNNING } helper; /* a job on offer may be withdrawn, one that runs is waited for */
    bool helper_exists;
    atomic_size_t next; /* the next tile that nobody has taken */
} pool = {
    .once = PTHREAD_ONCE_INIT,
    .caller = PTHREAD_MUTEX_INITIALIZER,
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .changed = PTHREAD_COND_INITIALIZER,
};

static void take_tiles(void (*fn)(void *, size_t), void *arg, size_t n_tiles)
{
    for (size_t tile; (tile = atomic_fetch_add(&pool.next, 1)) < n_tiles;)
        fn(arg, tile);
}

static void *help(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&pool.lock);
    for (;;) {
        while (pool.helper != OFFERED)
            pthread_cond_wait(&pool.changed, &pool.lock);
        pool.helper = RUNNING;
        void (*fn)(void *, size_t) = pool.fn;
        void *arg = pool.arg;
        size_t n_tiles = pool.n_tiles;
        pthread_mutex_unlock(&pool.lock);
        take_tiles(fn, arg, n_tiles);
        pthread_mutex_lock(&pool.lock);
        pool.helper = IDLE;
        pthread_cond_broadcast(&pool.changed);
    }
    return NULL;
}

static void start(void)
{
    openblas_set_num_threads(1);
    sigset_t all, before;
    pthread_t thread;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);   /* the helper inherits: no signal handler runs on it */
    const char *limit = getenv("OMP_NUM_THREADS"); /* the results are the same with and without the helper */
    bool alone = limit && strcmp(limit, "1") == 0;
    pool.helper_exists = !alone && pthread_create(&thread, NULL, help, NULL) == 0;
    if (pool.helper_exists)
        pthread_detach(thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void rrto_soft_tiles_prepare(void)
{
    pthread_once(&pool.once, start);
}

void rrto_soft_tiles(void (*fn)(void *arg, size_t tile), void *arg, size_t n_tiles)
{
    pthread_once(&pool.once, start);
    if (n_tiles < 2 || !pool.helper_exists || pthread_mutex_trylock(&pool.caller) != 0) {
        for (size_t tile = 0; tile < n_tiles; tile++)
            fn(arg, tile);
        return;
    }
    pthread_mutex_lock(&pool.lock);
    pool.fn = fn;
    pool.arg = arg;
    pool.n_tiles = n_tiles;
    pool.helper = OFFERED;
    atomic_store(&pool.next, 0);
    pthread_cond_broadcast(&pool.changed);
    pthread_mutex_unlock(&pool.lock);

    take_tiles(fn, arg, n_tiles);

    pthread_mutex_lock(&pool.lock);
    if (pool.helper == OFFERED)
        pool.helper = IDLE;
    while (pool.helper == RUNNING)
        pthread_cond_wait(&pool.changed, &pool.lock);
    pthread_mutex_unlock(&pool.lock);
    pthread_mutex_unlock(&pool.caller);
}
