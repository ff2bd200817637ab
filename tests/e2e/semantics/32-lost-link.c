/* SPDX-License-Identifier: Apache-2.0 */
/* A lost link or a dead worker ends the session for good: from some call on an error, the same one in every thread and
 * at every later call. What the calls before it have delivered is right, what an unfinished one has not delivered is
 * not taken for a result. Two threads copy up, add and copy down, round after round, into destinations that hold
 * something else before; the test `lost` cuts the link at every kind of place, or kills the worker or rrtod.
 * Undisturbed, all rounds are right.
 *
 * Rule: 32
 * Seen to fail: in `lost`, a wait that ends with the session counts as done: what was not delivered is taken for a
 * result in all modes; only the first calls say that the session is lost: "it stays stopped" is wrong in all modes. */
#include "driver.h"

#include <pthread.h>
#include <stdatomic.h>

enum { N = 5000, BYTES = N * sizeof(float), TURNS = 40 };
static atomic_int stopped; /* what the first failing call of any thread returned */

struct worker {
    pthread_t thread;
    int seed;
    int result; /* of its first failing call */
    bool right, sticky;
};

/* One round; 0, or what its first failing call returned. */
static CUresult try_round(CUstream stream, CUdeviceptr a, CUdeviceptr c, float *pinned, int seed, bool *right)
{
    float in[N], back[N];
    unsigned n = N;
    void *args[] = {&a, &a, &c, &n};
    fill(in, N, seed);
    memset(pinned, 0xff, BYTES);
    memset(back, 0xff, BYTES);
    CUresult result = cuMemcpyHtoDAsync_v2(a, in, BYTES, stream);
    if (!result)
        result = cuLaunchKernel(vector_add_function, (N + 127) / 128, 1, 1, 128, 1, 1, 0, stream, args, NULL);
    if (!result)
        result = cuMemcpyDtoHAsync_v2(pinned, c, BYTES, stream);
    if (!result)
        result = cuStreamSynchronize(stream);
    if (result)
        return result;
    *right = *right && filled(pinned, N, seed, 2);
    result = cuMemcpyDtoH_v2(back, c, BYTES);
    if (!result)
        *right = *right && filled(back, N, seed, 2);
    return result;
}

static CUresult prepare(CUstream *stream, CUdeviceptr *a, CUdeviceptr *c, void **pinned)
{
    CUresult result = cuCtxSetCurrent(context);
    if (!result)
        result = cuStreamCreate(stream, CU_STREAM_NON_BLOCKING);
    if (!result)
        result = cuMemAlloc_v2(a, BYTES);
    if (!result)
        result = cuMemAlloc_v2(c, BYTES);
    return result ? result : cuMemHostAlloc(pinned, BYTES, 0);
}

static void *work(void *arg)
{
    struct worker *me = arg;
    CUstream stream = NULL;
    CUdeviceptr a = 0, c = 0, more;
    void *pinned = NULL;
    me->right = me->sticky = true;
    me->result = (int)prepare(&stream, &a, &c, &pinned);
    for (int turn = 0; turn < TURNS && !me->result; turn++)
        me->result = (int)try_round(stream, a, c, pinned, me->seed + turn, &me->right);
    if (me->result) {
        int none = 0;
        (void)atomic_compare_exchange_strong(&stopped, &none, me->result);
        for (int i = 0; i < 2; i++) {
            me->sticky = me->sticky && (int)cuStreamSynchronize(stream) == me->result;
            me->sticky = me->sticky && (!c || (int)cuMemcpyDtoH_v2(&more, c, sizeof more) == me->result);
            me->sticky = me->sticky && (int)cuMemAlloc_v2(&more, BYTES) == me->result;
        }
    }
    return NULL;
}

/* start() of driver.h, with errors. */
static CUresult try_start(void)
{
    static const char ptx[] = VECTOR_ADD_PTX;
    CUmodule module;
    CUresult result = cuInit(0);
    if (!result)
        result = cuDevicePrimaryCtxRetain(&context, 0);
    if (!result)
        result = cuCtxSetCurrent(context);
    if (!result)
        result = cuModuleLoadData(&module, ptx);
    return result ? result : cuModuleGetFunction(&vector_add_function, module, "vector_add");
}

int main(void)
{
    struct worker workers[2] = {{.seed = 0}, {.seed = 5000}};
    int result = (int)try_start();
    if (result) {
        printf("stopped at the start: %d\n", result);
        return (int)try_start() == result ? 0 : 1;
    }
    printf("working\n");
    fflush(stdout);
    for (int i = 0; i < 2; i++)
        pthread_create(&workers[i].thread, NULL, work, &workers[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(workers[i].thread, NULL);
    check("what was delivered", workers[0].right && workers[1].right);
    if (atomic_load(&stopped)) {
        printf("stopped: %d %d\n", workers[0].result, workers[1].result);
        check("it stays stopped", workers[0].sticky && workers[1].sticky);
    }
    return wrong;
}
