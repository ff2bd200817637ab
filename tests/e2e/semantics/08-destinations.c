/* SPDX-License-Identifier: Apache-2.0 */
/* When bytes from the device are in the application's memory: at the return of a copy to pageable memory or of a
 * synchronous one; before whatever the host waits for that is ordered behind the copy; before the memory is freed or
 * unregistered.
 *
 * Rule: 8
 * Seen to fail: unregistering does not wait for pending copies, or a synchronous copy up does not: the line about it is
 * wrong in async and replay, with and without the scheduler. */
#include "driver.h"

enum { N = 5000, BYTES = N * sizeof(float) };
static float data[N], back[N];

int main(void)
{
    bool pageable = true, by_event = true, by_copy = true, unregistered = true, by_device = true, parts = true;
    start();
    CUstream first = new_stream(false), second = new_stream(false), blocking = new_stream(true);
    CUevent event = new_event();
    CUdeviceptr x = device_floats(N), y = device_floats(N);
    float *pinned = pinned_floats(N), *own = NULL;
    OK(posix_memalign((void **)&own, 4096, BYTES));
    for (int i = 0; i < ROUNDS; i++) {
        fill(data, N, i);
        OK(cuMemcpyHtoDAsync_v2(x, data, BYTES, first));
        add(x, x, y, N, first);
        OK(cuMemcpyDtoHAsync_v2(back, y, BYTES, first));
        pageable = pageable && filled(back, N, i, 2);

        memset(pinned, 0, BYTES);
        OK(cuMemcpyDtoHAsync_v2(pinned, y, BYTES, first));
        OK(cuEventRecord(event, first));
        OK(cuStreamWaitEvent(second, event, 0));
        OK(cuStreamSynchronize(second));
        by_event = by_event && filled(pinned, N, i, 2);

        memset(pinned, 0, BYTES);
        add(y, y, y, N, first);
        OK(cuStreamSynchronize(first));
        OK(cuMemcpyDtoHAsync_v2(pinned, y, BYTES, blocking));
        OK(cuMemcpyHtoD_v2(x, data, BYTES)); /* on the legacy stream: behind the copy down */
        by_copy = by_copy && filled(pinned, N, i, 4);

        memset(own, 0, BYTES);
        OK(cuMemHostRegister_v2(own, BYTES, 0));
        add(y, y, y, N, first);
        OK(cuMemcpyDtoHAsync_v2(own, y, BYTES, first));
        OK(cuMemHostUnregister(own));
        unregistered = unregistered && filled(own, N, i, 8);

        memset(pinned, 0, BYTES);
        OK(cuMemcpyDtoHAsync_v2(pinned, y, BYTES, first));
        OK(cuCtxSynchronize());
        by_device = by_device && filled(pinned, N, i, 8);

        memset(pinned, 0, BYTES);
        for (unsigned j = 0; j < N; j += 500)
            OK(cuMemcpyDtoHAsync_v2(pinned + j, y + j * sizeof(float), 500 * sizeof(float), first));
        OK(cuStreamSynchronize(first));
        parts = parts && filled(pinned, N, i, 8);

        float *brief = pinned_floats(N);
        OK(cuMemcpyDtoHAsync_v2(brief, y, BYTES, first));
        OK(cuMemFreeHost(brief));
        float *next = malloc(BYTES); /* what comes to lie there stays as it is */
        memset(next, 0x11, BYTES);
        OK(cuCtxSynchronize());
        parts = parts && *(unsigned *)next == 0x11111111 && ((unsigned *)next)[N - 1] == 0x11111111;
        free(next);
    }
    check("a copy to pageable memory has arrived at the return", pageable);
    check("copy, event, another stream waits, that one is synchronised", by_event);
    check("an asynchronous copy down before a synchronous copy up", by_copy);
    check("unregistered with a copy pending", unregistered);
    check("the device is synchronised", by_device);
    check("in parts; freed with a copy pending", parts);
    return wrong;
}
