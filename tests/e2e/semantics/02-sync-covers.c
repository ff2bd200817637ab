/* SPDX-License-Identifier: Apache-2.0 */
/* A synchronise in one thread covers what another thread has issued before, while that one goes on; one of the device
 * covers streams that have been destroyed.
 *
 * Rule: 2
 * Seen to fail: the server answers a stream's synchronise at once: wrong under every seed in async and replay (plain
 * and percall wait for each op anyway); the legacy stream does not stand for a destroyed one: "work on a stream that
 * has been destroyed" is wrong under every seed in percall, async and replay. */
#include "driver.h"

#include <pthread.h>
#include <stdatomic.h>

enum { N = 4000, TURNS = 50 };
static CUdeviceptr from;
static CUstream stream;
static float *pinned;
static atomic_int issued, checked;

static void *issue(void *unused)
{
    static float data[N];
    use_context();
    CUstream own = new_stream(false);
    CUdeviceptr other = device_floats(N);
    for (int i = 1; i <= TURNS; i++) {
        fill(data, N, i);
        OK(cuMemcpyHtoDAsync_v2(from, data, sizeof data, stream));
        OK(cuMemcpyDtoHAsync_v2(pinned, from, sizeof data, stream));
        atomic_store(&issued, i);
        for (int j = 0; j < 40; j++) /* and goes on meanwhile */
            add(other, other, other, N, own);
        while (atomic_load(&checked) != i)
            sched_yield();
    }
    return unused;
}

/* What was issued to a stream that has been destroyed since still runs; waiting for the device waits for it, and a
 * block that is freed is reused behind it. */
static bool destroyed_stream(void)
{
    bool right = true;
    static float data[N], zero[N];
    CUdeviceptr x = device_floats(N);
    for (int i = 0; i < TURNS / 5; i++) {
        CUstream brief = new_stream(false);
        fill(data, N, i);
        OK(cuMemcpyHtoDAsync_v2(x, data, sizeof data, brief));
        for (int j = 0; j < 4; j++)
            add(x, x, x, N, brief);
        OK(cuStreamDestroy_v2(brief));
        OK(cuCtxSynchronize());
        OK(cuMemcpyDtoHAsync_v2(pinned, x, sizeof data, stream));
        OK(cuStreamSynchronize(stream));
        right = right && filled(pinned, N, i, 16);

        brief = new_stream(false);
        OK(cuMemcpyHtoDAsync_v2(x, data, sizeof data, brief));
        add(x, x, x, N, brief);
        OK(cuStreamDestroy_v2(brief));
        OK(cuMemFree_v2(x));
        x = device_floats(N);
        OK(cuMemcpyHtoDAsync_v2(x, zero, sizeof zero, stream));
        OK(cuMemcpyDtoHAsync_v2(pinned, x, sizeof data, stream));
        OK(cuStreamSynchronize(stream));
        right = right && memcmp(pinned, zero, sizeof zero) == 0;
    }
    return right;
}

int main(void)
{
    pthread_t thread;
    bool right = true;
    start();
    from = device_floats(N);
    stream = new_stream(false);
    pinned = pinned_floats(N);
    memset(pinned, 0, N * sizeof *pinned);
    pthread_create(&thread, NULL, issue, NULL);
    for (int i = 1; i <= TURNS; i++) {
        while (atomic_load(&issued) != i)
            sched_yield();
        OK(cuStreamSynchronize(stream));
        right = right && filled(pinned, N, i, 1);
        atomic_store(&checked, i);
    }
    pthread_join(thread, NULL);
    check("what another thread's copies brought", right);
    check("work on a stream that has been destroyed", destroyed_stream());
    return wrong;
}
