/* SPDX-License-Identifier: Apache-2.0 */
/* Host functions stand in the order of their stream: a function sees what the stream has copied out before it, what the
 * stream copies up behind it is what the function has written, other streams come behind it through events, and of
 * several functions each is finished before the next one starts.
 *
 * Rule: 27
 * Seen to fail: a function does not wait for its stream: the first lines are wrong in async and replay; nothing waits
 * for a function: the first three lines are wrong in all modes. With and without the scheduler. */
#include "driver.h"

enum { N = 3000, CHAIN = 5 };

static CUstream stream, other;
static CUdeviceptr memory, second;
static float *from_device, *to_device;

/* to_device = from_device + 1: the device's turn before, and after. */
static void add_one(void *unused)
{
    (void)unused;
    for (unsigned i = 0; i < N; i++)
        to_device[i] = from_device[i] + 1;
    memset(from_device, 0x7f, N * sizeof *from_device);
}

static bool plus_one(const float *data, int seed, float factor)
{
    for (unsigned i = 0; i < N; i++)
        if (data[i] != factor * (2 * (float)((int)(i % 1000) * 3 + seed) + 1))
            return false;
    return true;
}

/* Down, a function, up again, and on: all on one stream, nobody waits in between. */
static bool between_copies(int round)
{
    static float in[N], out[N];
    fill(in, N, round);
    OK(cuMemcpyHtoDAsync_v2(memory, in, sizeof in, stream));
    add(memory, memory, memory, N, stream);
    OK(cuMemcpyDtoHAsync_v2(from_device, memory, N * sizeof *from_device, stream));
    OK(cuLaunchHostFunc(stream, add_one, NULL));
    OK(cuMemcpyHtoDAsync_v2(memory, to_device, N * sizeof *to_device, stream));
    OK(cuMemcpyDtoHAsync_v2(out, memory, sizeof out, stream));
    OK(cuStreamSynchronize(stream));
    return plus_one(out, round, 1);
}

/* Another stream that waits for an event behind the function. */
static bool another_stream(int round)
{
    static float in[N], out[N];
    static CUevent event;
    if (!event)
        event = new_event();
    fill(in, N, round);
    OK(cuMemcpyHtoDAsync_v2(memory, in, sizeof in, stream));
    add(memory, memory, memory, N, stream);
    OK(cuMemcpyDtoHAsync_v2(from_device, memory, N * sizeof *from_device, stream));
    OK(cuLaunchHostFunc(stream, add_one, NULL));
    OK(cuEventRecord(event, stream));
    OK(cuStreamWaitEvent(other, event, 0));
    OK(cuMemcpyHtoDAsync_v2(second, to_device, N * sizeof *to_device, other));
    add(second, second, second, N, other);
    OK(cuMemcpyDtoHAsync_v2(out, second, sizeof out, other));
    OK(cuStreamSynchronize(other));
    return plus_one(out, round, 2);
}

static struct {
    int order[CHAIN], n, running, overlaps;
} chain;

static void link_of_chain(void *which)
{
    chain.overlaps += chain.running++;
    for (int i = 0; i < 50; i++)
        sched_yield();
    chain.order[chain.n++] = (int)(intptr_t)which;
    chain.running--;
}

static bool one_after_the_other(void)
{
    memset(&chain, 0, sizeof chain);
    for (intptr_t i = 0; i < CHAIN; i++) {
        add(memory, memory, memory, N, stream);
        OK(cuLaunchHostFunc(stream, link_of_chain, (void *)i));
    }
    OK(cuStreamSynchronize(stream));
    bool right = chain.n == CHAIN && chain.overlaps == 0;
    for (int i = 0; i < chain.n; i++)
        right = right && chain.order[i] == i;
    return right;
}

int main(void)
{
    start();
    stream = new_stream(false);
    other = new_stream(false);
    memory = device_floats(N);
    second = device_floats(N);
    from_device = pinned_floats(N);
    to_device = pinned_floats(N);
    bool copies = true, streams = true, order = true;
    for (int i = 0; i < ROUNDS; i++) {
        copies = between_copies(i) && copies;
        streams = another_stream(i) && streams;
        order = one_after_the_other() && order;
    }
    check("between a copy down and a copy up", copies);
    check("another stream behind it", streams);
    check("one function after the other", order);
    check("no function, no stream", cuLaunchHostFunc(stream, NULL, NULL) == CUDA_ERROR_INVALID_VALUE);
    return wrong;
}
