/* SPDX-License-Identifier: Apache-2.0 */
/* A synchronise orders the work of all streams, also where nobody has to wait for it: what was issued before is done
 * before what any stream, old or new, is given afterwards.
 *
 * Rule: 9
 * Seen to fail: a synchronise that is answered locally is not issued (so it was when this test was written): four lines
 * are wrong under every seed in async and replay, two in percall; a new stream does not wait for the others: its line
 * is wrong. */
#include "driver.h"

enum { N = 5000, BYTES = N * sizeof(float) };
static float data[N], back[N];

static bool doubled(CUdeviceptr x, CUdeviceptr y, CUstream stream, int seed)
{
    add(x, x, y, N, stream);
    OK(cuMemcpyDtoHAsync_v2(back, y, BYTES, stream));
    return filled(back, N, seed, 2);
}

int main(void)
{
    bool stream = true, copy = true, fresh = true, fill_only = true, device = true;
    start();
    CUstream first = new_stream(false), second = new_stream(false);
    CUdeviceptr x = device_floats(N), y = device_floats(N);
    float *pinned = pinned_floats(N);
    for (int i = 0; i < ROUNDS; i++) {
        fill(data, N, i);
        OK(cuMemcpyHtoDAsync_v2(x, data, BYTES, first));
        OK(cuStreamSynchronize(first));
        stream = stream && doubled(x, y, second, i);

        fill(pinned, N, i + 1);
        OK(cuMemcpyHtoD_v2(x, pinned, BYTES));
        copy = copy && doubled(x, y, second, i + 1);

        fill(data, N, i + 2);
        OK(cuMemcpyHtoDAsync_v2(x, data, BYTES, first));
        OK(cuStreamSynchronize(first));
        CUstream third = new_stream(false);
        fresh = fresh && doubled(x, y, third, i + 2);
        OK(cuStreamDestroy_v2(third));

        OK(cuMemsetD32Async(x, 0, N, first));
        OK(cuMemcpyDtoDAsync_v2(y, x, BYTES, first));
        OK(cuStreamSynchronize(first));
        OK(cuMemcpyDtoHAsync_v2(back, y, BYTES, second));
        for (unsigned j = 0; j < N; j++)
            fill_only = fill_only && back[j] == 0;

        fill(data, N, i + 3);
        OK(cuMemcpyHtoDAsync_v2(x, data, BYTES, first));
        OK(cuCtxSynchronize());
        device = device && doubled(x, y, second, i + 3);
    }
    check("a stream is synchronised, another one reads", stream);
    check("a synchronous copy, a non-blocking stream reads", copy);
    check("a stream is synchronised, a new one reads", fresh);
    check("a stream with fills and copies is synchronised, another one reads", fill_only);
    check("the device is synchronised, another stream reads", device);
    return wrong;
}
