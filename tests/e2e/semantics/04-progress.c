/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting without a synchronise ends: polling an event or a stream, and spinning on page-locked memory with no CUDA
 * call at all.
 *
 * Rule: 4
 * Seen to fail: no flusher (set_pending does nothing): it hangs in async and replay, with and without the scheduler. */
#include "driver.h"

enum { N = 3000, NOT_READY = CUDA_ERROR_NOT_READY };

/* What a device writes is ordered by nothing that ThreadSanitizer could see. */
__attribute__((no_sanitize("thread"))) static bool still(const volatile float *at, float value)
{
    return *at == value;
}

int main(void)
{
    static float data[N];
    bool by_event = true, by_stream = true, by_memory = true;
    start();
    CUstream stream = new_stream(false);
    CUevent event = new_event();
    CUdeviceptr memory = device_floats(N);
    float *pinned = pinned_floats(N);
    volatile float *last = &pinned[N - 1];
    for (int i = 0; i < ROUNDS; i++) {
        int result;
        fill(data, N, i);
        OK(cuMemcpyHtoDAsync_v2(memory, data, sizeof data, stream));
        add(memory, memory, memory, N, stream);
        OK(cuMemcpyDtoHAsync_v2(pinned, memory, sizeof data, stream));
        OK(cuEventRecord(event, stream));
        while ((result = (int)cuEventQuery(event)) == NOT_READY) {}
        by_event = by_event && result == 0 && filled(pinned, N, i, 2);

        add(memory, memory, memory, N, stream);
        OK(cuMemcpyDtoHAsync_v2(pinned, memory, sizeof data, stream));
        while ((result = (int)cuStreamQuery(stream)) == NOT_READY) {}
        by_stream = by_stream && result == 0 && filled(pinned, N, i, 4);

        *last = -12345.0f;
        OK(cuMemcpyDtoHAsync_v2(pinned, memory, sizeof data, stream));
        while (still(last, -12345.0f))
            sched_yield();
        OK(cuStreamSynchronize(stream));
        by_memory = by_memory && filled(pinned, N, i, 4);
    }
    check("polling an event", by_event);
    check("polling a stream", by_stream);
    check("spinning on page-locked memory", by_memory);
    return wrong;
}
