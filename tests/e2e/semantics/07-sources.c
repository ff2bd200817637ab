/* SPDX-License-Identifier: Apache-2.0 */
/* What a copy to the device reads: a pageable source as it was at the call; a page-locked one may be changed once the
 * host has waited; one into which a copy down is on its way, or a host function writes, as those have left it, also
 * where the function is on another stream that this one comes behind.
 *
 * Rule: 7
 * Seen to fail: a copy up no longer waits for a copy down into its source: it fails in async and replay, with and
 * without the scheduler. A page-locked source is read at the call, functions or not: the three lines about them are
 * wrong; it is not known that a stream comes behind a function by an event, or by the legacy stream: that line is. In
 * plain, percall, async and replay, with and without. */
#include "driver.h"

#include <stdatomic.h>

enum { N = 5000, BYTES = N * sizeof(float) };
static float pageable[N], back[N];
static float *pinned, *second;
static int to_write;
static atomic_int go;

static void write_it(void *target)
{
    fill(target, N, to_write);
}

static void write_when_told(void *target)
{
    while (!atomic_load(&go))
        sched_yield();
    fill(target, N, to_write);
}

/* Up from what a function of another stream fills, which this one comes behind: by an event, or by the legacy stream. A
 * third stream knows nothing of it, and takes what is there at the moment. */
static bool behind_another(int round, bool by_event, CUstream held, CUstream stream, CUstream apart, CUdeviceptr x,
                           CUdeviceptr y)
{
    static CUevent event;
    static float *early;
    if (!event) {
        event = new_event();
        early = pinned_floats(N);
    }
    atomic_store(&go, 0);
    to_write = round;
    memset(second, 0xaa, BYTES);
    fill(pinned, N, -round);
    OK(cuLaunchHostFunc(held, write_when_told, second));
    if (by_event) {
        OK(cuEventRecord(event, held));
        OK(cuStreamWaitEvent(stream, event, 0));
    } else {
        OK(cuMemsetD8Async(y, 0, 1, NULL));
    }
    OK(cuMemcpyHtoDAsync_v2(x, second, BYTES, stream));
    OK(cuMemcpyHtoDAsync_v2(y, pinned, BYTES, apart));
    OK(cuMemcpyDtoHAsync_v2(early, y, BYTES, apart));
    if (by_event)
        OK(cuStreamSynchronize(apart)); /* the legacy stream's fill of y stands behind the function */
    bool right = !by_event || filled(early, N, -round, 1);
    atomic_store(&go, 1);
    OK(cuMemcpyDtoHAsync_v2(back, x, BYTES, stream));
    OK(cuCtxSynchronize());
    return right && filled(back, N, round, 1);
}

int main(void)
{
    bool snapshot = true, after_event = true, after_sync_copy = true, down_and_up = true, by_host = true,
         by_event = true, by_legacy = true;
    start();
    pinned = pinned_floats(N);
    second = pinned_floats(N);
    CUstream stream = new_stream(false);
    CUstream first = new_stream(true), behind = new_stream(true), apart = new_stream(false);
    CUevent event = new_event();
    CUdeviceptr x = device_floats(N), y = device_floats(N);
    for (int i = 0; i < ROUNDS; i++) {
        fill(pageable, N, i);
        OK(cuMemcpyHtoDAsync_v2(x, pageable, BYTES, stream));
        memset(pageable, 0xee, BYTES);
        OK(cuMemcpyDtoHAsync_v2(back, x, BYTES, stream));
        snapshot = snapshot && filled(back, N, i, 1);

        fill(pinned, N, i + 1);
        OK(cuMemcpyHtoDAsync_v2(x, pinned, BYTES, stream));
        OK(cuEventRecord(event, stream));
        OK(cuEventSynchronize(event));
        memset(pinned, 0xdd, BYTES);
        OK(cuMemcpyDtoHAsync_v2(back, x, BYTES, stream));
        after_event = after_event && filled(back, N, i + 1, 1);

        fill(pinned, N, i + 2);
        OK(cuMemcpyHtoD_v2(x, pinned, BYTES));
        memset(pinned, 0xcc, BYTES);
        OK(cuMemcpyDtoHAsync_v2(back, x, BYTES, stream)); /* a stream that knows nothing of the legacy one */
        after_sync_copy = after_sync_copy && filled(back, N, i + 2, 1);

        fill(pageable, N, i + 3);
        OK(cuMemcpyHtoDAsync_v2(x, pageable, BYTES, stream));
        add(x, x, x, N, stream);
        OK(cuMemcpyDtoHAsync_v2(pinned, x, BYTES, stream));
        OK(cuMemcpyHtoDAsync_v2(y, pinned, BYTES, stream));
        OK(cuMemcpyDtoHAsync_v2(back, y, BYTES, stream));
        down_and_up = down_and_up && filled(back, N, i + 3, 2);

        to_write = i + 4;
        memset(second, 0xbb, BYTES);
        add(x, x, x, N, stream);
        OK(cuLaunchHostFunc(stream, write_it, second));
        OK(cuMemcpyHtoDAsync_v2(y, second, BYTES, stream));
        OK(cuMemcpyDtoHAsync_v2(back, y, BYTES, stream));
        by_host = by_host && filled(back, N, i + 4, 1);
        by_event = behind_another(i + 5, true, stream, apart, first, x, y) && by_event;
        by_legacy = behind_another(i + 6, false, first, behind, apart, x, y) && by_legacy;
    }
    check("a pageable source overwritten right after the call", snapshot);
    check("a page-locked source overwritten after the event", after_event);
    check("a page-locked source overwritten after the synchronous copy", after_sync_copy);
    check("down into page-locked memory and up from it again", down_and_up);
    check("up from page-locked memory that a host function fills", by_host);
    check("up behind another stream's function, by an event", by_event);
    check("up behind another stream's function, by the legacy stream", by_legacy);
    return wrong;
}
