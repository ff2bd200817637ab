/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that is blocked, in a synchronise or behind its host function, keeps nobody else from getting work done: the
 * host function below ends only when another thread's synchronise has; then when a hundred threads' have, more than the
 * server has threads for (tests/unit/server/completion.c: in whatever order their streams complete).
 *
 * Rule: 3, 27
 * Seen to fail: a lock that a synchronise needs is held while a host function runs: it hangs, in every mode, with any
 * seed. */
#include "driver.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

enum { N = 4000 };
static atomic_int waiting, released;

static void wait_for_release(void *unused)
{
    (void)unused;
    int round = atomic_fetch_add(&waiting, 1) + 1;
    while (atomic_load(&released) < round)
        sched_yield();
}

static void *issue(void *unused)
{
    static float data[N];
    use_context();
    float *pinned = pinned_floats(N);
    CUstream stream = new_stream(false);
    CUdeviceptr memory = device_floats(N);
    bool right = true;
    for (int i = 1; i <= ROUNDS; i++) {
        while (atomic_load(&waiting) < i)
            sched_yield();
        fill(data, N, i);
        OK(cuMemcpyHtoDAsync_v2(memory, data, sizeof data, stream));
        add(memory, memory, memory, N, stream);
        OK(cuMemcpyDtoHAsync_v2(pinned, memory, sizeof data, stream));
        OK(cuStreamSynchronize(stream));
        right = right && filled(pinned, N, i, 2);
        atomic_store(&released, i);
    }
    check("the thread that went on", right);
    return unused;
}

/* --- more threads that wait than the server has --- */

enum { MANY = 100, TURNS = 2, FEW = 300 };
static atomic_int n_done;

static void *one_of_many(void *arg)
{
    int seed = *(int *)arg;
    float data[FEW], back[FEW];
    bool right = true;
    use_context();
    float *pinned = pinned_floats(FEW);
    CUstream stream = new_stream(false);
    CUevent event = new_event();
    CUdeviceptr memory = device_floats(FEW);
    for (int turn = 0; turn < TURNS; turn++) {
        fill(data, FEW, seed + turn);
        OK(cuMemcpyHtoDAsync_v2(memory, data, sizeof data, stream));
        add(memory, memory, memory, FEW, stream);
        OK(cuMemcpyDtoHAsync_v2(pinned, memory, sizeof data, stream));
        OK(cuEventRecord(event, stream));
        OK(seed % 2 ? cuEventSynchronize(event) : cuStreamSynchronize(stream));
        right = right && filled(pinned, FEW, seed + turn, 2);
        add(memory, memory, memory, FEW, stream);
        OK(cuMemcpyDtoHAsync_v2(back, memory, sizeof back, stream));
        OK(cuStreamSynchronize(stream));
        right = right && filled(back, FEW, seed + turn, 4);
    }
    *(int *)arg = right;
    atomic_fetch_add(&n_done, 1);
    return NULL;
}

static void wait_for_many(void *unused)
{
    (void)unused;
    while (atomic_load(&n_done) < MANY)
        usleep(200);
}

static void many_threads(void)
{
    static pthread_t threads[MANY];
    static int seeds[MANY];
    bool right = true;
    CUstream stream = new_stream(false);
    for (int i = 0; i < MANY; i++) {
        seeds[i] = i;
        pthread_create(&threads[i], NULL, one_of_many, &seeds[i]);
    }
    OK(cuLaunchHostFunc(stream, wait_for_many, NULL)); /* the soft driver does not return before */
    OK(cuStreamSynchronize(stream));
    for (int i = 0; i < MANY; i++) {
        pthread_join(threads[i], NULL);
        right = right && seeds[i] == 1;
    }
    check("many threads that wait at a time", right);
}

int main(void)
{
    static float data[N], back[N];
    pthread_t thread;
    bool right = true;
    start();
    CUstream stream = new_stream(false);
    CUdeviceptr memory = device_floats(N);
    add(memory, memory, memory, N, stream); /* code that is loaded may wait for functions, as with CUDA */
    pthread_create(&thread, NULL, issue, NULL);
    for (int i = 1; i <= ROUNDS; i++) {
        fill(data, N, -i);
        OK(cuMemcpyHtoDAsync_v2(memory, data, sizeof data, stream));
        OK(cuLaunchHostFunc(stream, wait_for_release, NULL));
        add(memory, memory, memory, N, stream);
        OK(cuMemcpyDtoHAsync_v2(back, memory, sizeof data, stream));
        OK(cuStreamSynchronize(stream));
        right = right && filled(back, N, -i, 2) && atomic_load(&released) == i;
    }
    pthread_join(thread, NULL);
    check("the thread whose stream was held back", right);
    many_threads();
    return wrong;
}
