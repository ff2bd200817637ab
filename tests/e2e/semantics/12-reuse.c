/* SPDX-License-Identifier: Apache-2.0 */
/* Memory is freed while kernels that use it are on their way, and given out again at once: they finish in peace, and
 * the new owner's work, on whatever stream, comes behind them.
 *
 * Rule: 12
 * Seen to fail: mem_free orders nothing on the server: all three lines are wrong under some seeds in percall, async and
 * replay; it unmaps at once (blocks are larger than a page of the arena, so that freeing unmaps): the worker dies. */
#include "driver.h"

enum { N = 800000, BYTES = N * sizeof(float) };
static float data[N], back[N];

int main(void)
{
    bool old = true, young = true, pool = true;
    start();
    CUstream first = new_stream(false), second = new_stream(false);
    CUdeviceptr result = device_floats(N);
    CUevent event = new_event();
    for (int i = 0; i < ROUNDS; i++) {
        CUdeviceptr x = device_floats(N);
        fill(data, N, i);
        OK(cuMemcpyHtoDAsync_v2(x, data, BYTES, first));
        for (int j = 0; j < 3; j++)
            add(x, x, x, N, first);
        OK(cuMemcpyDtoDAsync_v2(result, x, BYTES, first));
        OK(cuMemFree_v2(x));
        CUdeviceptr again = device_floats(N);
        OK(cuMemsetD32Async(again, 0x7f7f7f7f, N, second));
        OK(cuMemcpyDtoHAsync_v2(back, result, BYTES, first));
        old = old && filled(back, N, i, 8);
        OK(cuMemcpyDtoHAsync_v2(back, again, BYTES, second));
        for (unsigned j = 0; j < N; j++)
            young = young && *(unsigned *)&back[j] == 0x7f7f7f7f;
        OK(cuMemFree_v2(again));

        CUdeviceptr pooled, next;
        OK(cuMemAllocAsync(&pooled, BYTES, first));
        OK(cuMemcpyHtoDAsync_v2(pooled, data, BYTES, first));
        add(pooled, pooled, pooled, N, first);
        OK(cuMemcpyDtoDAsync_v2(result, pooled, BYTES, first));
        OK(cuEventRecord(event, first));
        OK(cuMemFreeAsync(pooled, first));
        OK(cuMemAllocAsync(&next, BYTES, second));
        OK(cuMemsetD32Async(next, 0, N, second));
        OK(cuStreamWaitEvent(second, event, 0));
        OK(cuMemcpyDtoHAsync_v2(back, result, BYTES, second));
        pool = pool && filled(back, N, i, 2);
        OK(cuMemFreeAsync(next, second));
    }
    check("kernels whose memory was freed", old);
    check("the next owner's bytes", young);
    check("freed on one stream, allocated on another", pool);
    return wrong;
}
