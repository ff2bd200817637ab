/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs of streams: the legacy stream waits for blocking ones and they for it; a per-thread default stream is a
 * blocking one of its own; a non-blocking stream is ordered by events only, and by what the host waits for.
 *
 * Rule: 6
 * Seen to fail: blocking streams are created non-blocking on the server: the first two pairs are wrong under every seed
 * in percall, async and replay; the per-thread ones are: the third pair and the two threads are wrong. */
#include "driver.h"

#include <pthread.h>

enum { N = 3000 };
static const CUstream legacy = (CUstream)1, per_thread = (CUstream)2;

/* Bytes go up on the first stream, are doubled on the second, doubled and copied down on the first again. */
static bool there_and_back(CUstream first, CUstream second, CUevent event, int seed)
{
    static __thread float data[N], back[N];
    static __thread CUdeviceptr x, y, z;
    if (!x) {
        x = device_floats(N);
        y = device_floats(N);
        z = device_floats(N);
    }
    fill(data, N, seed);
    OK(cuMemcpyHtoDAsync_v2(x, data, sizeof data, first));
    if (event) {
        OK(cuEventRecord(event, first));
        OK(cuStreamWaitEvent(second, event, 0));
    }
    add(x, x, y, N, second);
    if (event) {
        OK(cuEventRecord(event, second));
        OK(cuStreamWaitEvent(first, event, 0));
    }
    add(y, y, z, N, first);
    OK(cuMemcpyDtoHAsync_v2(back, z, sizeof back, first));
    return filled(back, N, seed, 4);
}

static void *own_default_stream(void *argument)
{
    bool right = true;
    use_context();
    for (int i = 0; i < ROUNDS; i++)
        right = right && there_and_back(per_thread, legacy, NULL, i) && there_and_back(NULL, per_thread, NULL, -i);
    *(bool *)argument = right;
    return NULL;
}

int main(void)
{
    bool pairs[6] = {true, true, true, true, true, true}, threads[2];
    start();
    CUstream blocking = new_stream(true), free_running = new_stream(false), other = new_stream(false);
    CUevent event = new_event();
    for (int i = 0; i < ROUNDS; i++) {
        pairs[0] &= there_and_back(NULL, blocking, NULL, i);
        pairs[1] &= there_and_back(blocking, legacy, NULL, i + 1);
        pairs[2] &= there_and_back(per_thread, NULL, NULL, i + 2);
        pairs[3] &= there_and_back(free_running, blocking, event, i + 3);
        pairs[4] &= there_and_back(NULL, free_running, event, i + 4);
        pairs[5] &= there_and_back(free_running, other, event, i + 5);
    }
    check("legacy and blocking", pairs[0]);
    check("blocking and legacy", pairs[1]);
    check("per-thread and legacy", pairs[2]);
    check("non-blocking and blocking, by events", pairs[3]);
    check("legacy and non-blocking, by events", pairs[4]);
    check("two non-blocking ones, by events", pairs[5]);
    pthread_t first, second;
    pthread_create(&first, NULL, own_default_stream, &threads[0]);
    pthread_create(&second, NULL, own_default_stream, &threads[1]);
    pthread_join(first, NULL);
    pthread_join(second, NULL);
    check("two threads with a default stream each", threads[0] && threads[1]);
    return wrong;
}
