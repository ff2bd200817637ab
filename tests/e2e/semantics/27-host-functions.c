/* SPDX-License-Identifier: Apache-2.0 */
/* Host functions stand in the order of their stream: a function sees what the stream has copied out before it, what the
 * stream copies up behind it is what the function has written, other streams come behind it through events, and of
 * several functions each is finished before the next one starts. Nobody waits for a function who issues something: it
 * may itself wait for what its thread does after that, and other streams come, go and work meanwhile.
 *
 * Report: replay ops_literal < 250
 * Rule: 3, 7, 27
 * Seen to fail: with and without the scheduler. In plain, percall, async and replay: the server's stream does not wait
 * for the gate: the first lines and several more are wrong. It hangs where the client holds the stream back (so it
 * was), where a page-locked source is waited for at the call, or a copy is thought to come behind another stream's
 * function, or not known to come behind it by an event; where a stream that is created comes behind all that others
 * have, or a destroyed one's work stands before the legacy stream's; where a subscription to an event asks for its
 * stream; where a late copy waits for copies down that come behind it. If it waits for none, "what is issued" and
 * "functions and copies in turn" are wrong. In plain and percall: a copy down behind a gate waits: it hangs. In plain:
 * what waits is completed, gates or not: it hangs. In async and replay: a function does not wait for its stream: the
 * first line is wrong. */
#include "driver.h"

#include <stdatomic.h>

enum { N = 3000, CHAIN = 5, PARTS = 6, MANY = 1000 };

static CUstream stream, other;
static CUevent event;
static CUdeviceptr memory, second;
static float *from_device, *to_device, *late;
static atomic_int go; /* the newest round whose functions may end */

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

static void fill_when_told(void *round)
{
    while (atomic_load(&go) < (int)(intptr_t)round)
        sched_yield();
    fill(to_device, N, (int)(intptr_t)round);
}

/* The function waits for what the thread does after it has issued more to the same stream, and behind it to another. */
static bool issued_meanwhile(int round)
{
    OK(cuLaunchHostFunc(stream, fill_when_told, (void *)(intptr_t)round));
    OK(cuMemcpyHtoDAsync_v2(memory, to_device, N * sizeof *to_device, stream));
    add(memory, memory, memory, N, stream);
    OK(cuMemcpyDtoHAsync_v2(from_device, memory, N * sizeof *from_device, stream));
    OK(cuEventRecord(event, stream));
    OK(cuLaunchHostFunc(stream, fill_when_told, (void *)(intptr_t)round));
    add(memory, memory, memory, N, stream);
    OK(cuStreamWaitEvent(other, event, 0));
    OK(cuMemcpyHtoDAsync_v2(second, from_device, N * sizeof *from_device, other));
    add(second, second, second, N, other);
    OK(cuMemcpyDtoHAsync_v2(late, second, N * sizeof *late, other));
    bool right = cuStreamQuery(stream) == CUDA_ERROR_NOT_READY && cuEventQuery(event) == CUDA_ERROR_NOT_READY &&
                 cuStreamQuery(other) == CUDA_ERROR_NOT_READY;
    atomic_store(&go, round);
    OK(cuStreamSynchronize(other));
    right = right && filled(late, N, round, 4) && filled(from_device, N, round, 2);
    OK(cuMemcpyDtoHAsync_v2(late, memory, N * sizeof *late, stream));
    OK(cuStreamSynchronize(stream));
    return right && filled(late, N, round, 4) && cuStreamQuery(stream) == CUDA_SUCCESS;
}

/* What was before a function is seen to complete while it waits. */
static bool event_before(int round)
{
    add(memory, memory, memory, N, stream);
    OK(cuEventRecord(event, stream));
    OK(cuLaunchHostFunc(stream, fill_when_told, (void *)(intptr_t)round));
    OK(cuMemcpyDtoHAsync_v2(late, memory, N * sizeof *late, stream));
    while (cuEventQuery(event) == CUDA_ERROR_NOT_READY)
        sched_yield();
    atomic_store(&go, round);
    OK(cuStreamSynchronize(stream));
    return true;
}

/* The legacy stream's query means the streams that are ordered with it. */
static bool legacy_query(int round)
{
    static CUstream blocking;
    if (!blocking)
        blocking = new_stream(true);
    OK(cuLaunchHostFunc(blocking, fill_when_told, (void *)(intptr_t)round));
    bool right = cuStreamQuery(NULL) == CUDA_ERROR_NOT_READY && cuStreamQuery(other) == CUDA_SUCCESS;
    atomic_store(&go, round);
    OK(cuStreamSynchronize(blocking));
    return right && cuStreamQuery(NULL) == CUDA_SUCCESS;
}

/* While a function is waiting, streams are made and destroyed, and others work to their end. */
static bool streams_come_and_go(int round)
{
    static float in[N], out[N];
    CUstream held = new_stream(false);
    fill(in, N, -round);
    OK(cuMemcpyHtoDAsync_v2(memory, in, sizeof in, held));
    OK(cuLaunchHostFunc(held, fill_when_told, (void *)(intptr_t)round));
    OK(cuMemcpyDtoHAsync_v2(from_device, memory, N * sizeof *from_device, held));
    CUstream fresh = new_stream(false);
    OK(cuMemcpyHtoDAsync_v2(second, in, sizeof in, fresh));
    add(second, second, second, N, fresh);
    OK(cuMemcpyDtoHAsync_v2(late, second, sizeof in, fresh));
    OK(cuStreamSynchronize(fresh));
    bool right = filled(late, N, -round, 2);
    OK(cuStreamDestroy_v2(held));
    fill(in, N, round);
    OK(cuMemcpyHtoD_v2(second, in, sizeof in)); /* the legacy stream, which this one is not ordered with */
    OK(cuMemcpyDtoH_v2(out, second, sizeof out));
    right = right && filled(out, N, round, 1);
    OK(cuStreamDestroy_v2(fresh));
    atomic_store(&go, round);
    OK(cuCtxSynchronize());
    return right && filled(from_device, N, -round, 1);
}

static void next_part(void *part)
{
    while (atomic_load(&go) < 0)
        sched_yield();
    fill(to_device, N, (int)(intptr_t)part);
    if (part)
        from_device[N] += (float)(from_device[3] == to_device[3] - 1); /* the part before this one has come down */
}

/* One buffer is filled, copied up, copied down and up again, and filled anew. */
static bool parts_in_order(CUdeviceptr parts, CUdeviceptr copies)
{
    static float out[N];
    bool right = true;
    atomic_store(&go, -1);
    from_device[N] = 0;
    for (intptr_t i = 0; i < PARTS; i++) {
        CUdeviceptr part = parts + (CUdeviceptr)i * sizeof out, copy = copies + (CUdeviceptr)i * sizeof out;
        OK(cuLaunchHostFunc(stream, next_part, (void *)i));
        OK(cuMemcpyHtoDAsync_v2(part, to_device, sizeof out, stream));
        OK(cuMemcpyDtoHAsync_v2(from_device, part, sizeof out, stream));
        OK(cuMemcpyHtoDAsync_v2(copy, from_device, sizeof out, stream));
    }
    atomic_store(&go, 0);
    OK(cuStreamSynchronize(stream));
    for (int i = 0; i < PARTS; i++) {
        OK(cuMemcpyDtoHAsync_v2(out, parts + (CUdeviceptr)i * sizeof out, sizeof out, stream));
        right = right && filled(out, N, i, 1);
        OK(cuMemcpyDtoHAsync_v2(out, copies + (CUdeviceptr)i * sizeof out, sizeof out, stream));
        right = right && filled(out, N, i, 1);
    }
    return right && from_device[N] == PARTS - 1;
}

static int n_counted;

static void count_one(void *expected)
{
    n_counted += n_counted == (int)(intptr_t)expected;
}

/* As many as that, in a row, or with something between every two of them. */
static bool many(bool between)
{
    n_counted = 0;
    for (intptr_t i = 0; i < MANY; i++) {
        OK(cuLaunchHostFunc(stream, count_one, (void *)i));
        if (between)
            OK(cuMemsetD32Async(memory, (unsigned)i, 1, stream));
    }
    OK(cuStreamSynchronize(stream));
    return n_counted == MANY;
}

int main(void)
{
    start();
    stream = new_stream(false);
    other = new_stream(false);
    memory = device_floats(N);
    second = device_floats(N);
    CUdeviceptr parts = device_floats(PARTS * N), copies_of_parts = device_floats(PARTS * N);
    from_device = pinned_floats(N + 1);
    to_device = pinned_floats(N);
    late = pinned_floats(N);
    event = new_event();
    add(memory, memory, memory, N, stream); /* code that is loaded may wait for functions, as with CUDA */
    bool copies = true, streams = true, order = true, meanwhile = true, come_and_go = true, before = true,
         legacy = true, parts_right = true;
    for (int i = 0; i < ROUNDS; i++) {
        copies = between_copies(i) && copies;
        streams = another_stream(i) && streams;
        order = one_after_the_other() && order;
        meanwhile = issued_meanwhile(4 * i + 1) && meanwhile;
        come_and_go = streams_come_and_go(4 * i + 2) && come_and_go;
        before = event_before(4 * i + 3) && before;
        legacy = legacy_query(4 * i + 4) && legacy;
    }
    for (int i = 0; i < ROUNDS; i++)
        parts_right = parts_in_order(parts, copies_of_parts) && parts_right;
    check("between a copy down and a copy up", copies);
    check("another stream behind it", streams);
    check("one function after the other", order);
    check("what is issued while a function waits for it", meanwhile);
    check("streams that come and go meanwhile", come_and_go);
    check("an event before a function that waits", before);
    check("a query of the legacy stream", legacy);
    check("functions and copies in turn", parts_right);
    check("a thousand functions", many(false));
    check("a thousand functions with work between", many(true));
    check("no function, no stream", cuLaunchHostFunc(stream, NULL, NULL) == CUDA_ERROR_INVALID_VALUE);
    return wrong;
}
