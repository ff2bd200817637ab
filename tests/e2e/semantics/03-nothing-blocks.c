/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that is blocked, in a synchronise or behind its host function, keeps nobody else from getting work done: the
 * host function below ends only when another thread's synchronise has.
 *
 * Rule: 3, 27
 * Seen to fail: a lock that a synchronise needs is held while a host function runs: it hangs, in every mode, with any
 * seed. */
#include "driver.h"

#include <pthread.h>
#include <stdatomic.h>

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

int main(void)
{
    static float data[N], back[N];
    pthread_t thread;
    bool right = true;
    start();
    CUstream stream = new_stream(false);
    CUdeviceptr memory = device_floats(N);
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
    return wrong;
}
