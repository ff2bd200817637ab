/* SPDX-License-Identifier: Apache-2.0 */
/* A query never says "done" before it is: the bytes of the copy before the event are there, in the thread that issued
 * it and in others; and what is done stays done. An event that was never recorded is done, a wait for it is none.
 *
 * Rule: 5
 * Seen to fail: a query of the client always answers "done": wrong in async and replay, with and without the scheduler.
 */
#include "driver.h"

#include <pthread.h>
#include <stdatomic.h>

enum { N = 3000, NOT_READY = CUDA_ERROR_NOT_READY, TURNS = 30 };
static CUevent event;
static float *pinned;
static atomic_int recorded, seen;

static void *poll_it(void *unused)
{
    bool right = true, stays = true;
    use_context();
    for (int i = 1; i <= TURNS; i++) {
        while (atomic_load(&recorded) != i)
            sched_yield();
        int result;
        while ((result = (int)cuEventQuery(event)) == NOT_READY) {}
        right = right && result == 0 && filled(pinned, N, i, 2);
        stays = stays && cuEventQuery(event) == CUDA_SUCCESS;
        atomic_store(&seen, i);
    }
    check("another thread sees the bytes when the event is done", right);
    check("what is done stays done", stays);
    return unused;
}

int main(void)
{
    static float data[N];
    pthread_t thread;
    start();
    event = new_event();
    pinned = pinned_floats(N);
    memset(pinned, 0, N * sizeof *pinned);
    CUstream stream = new_stream(false);
    CUdeviceptr memory = device_floats(N);
    check("an event that was never recorded is done", cuEventQuery(event) == CUDA_SUCCESS);
    OK(cuStreamWaitEvent(stream, event, 0));
    OK(cuEventSynchronize(event));
    pthread_create(&thread, NULL, poll_it, NULL);
    for (int i = 1; i <= TURNS; i++) {
        fill(data, N, i);
        OK(cuMemcpyHtoDAsync_v2(memory, data, sizeof data, stream));
        add(memory, memory, memory, N, stream);
        OK(cuMemcpyDtoHAsync_v2(pinned, memory, sizeof data, stream));
        OK(cuEventRecord(event, stream));
        atomic_store(&recorded, i);
        while (atomic_load(&seen) != i)
            sched_yield();
        memset(pinned, 0, N * sizeof *pinned);
    }
    pthread_join(thread, NULL);
    return wrong;
}
