/* SPDX-License-Identifier: Apache-2.0 */
/* One stream too many is refused at the call, and all goes on; when one has been destroyed, another can be had. A
 * thread's own stream counts, too.
 *
 * Rule: 33
 * Seen to fail: the server allows half as many streams: the program ends on its way there in plain, percall, async and
 * replay; the client does not count them: the session ends, and both lines about one more are wrong, in all four. */
#include "../semantics/driver.h"

enum { N = 1000, BYTES = N * sizeof(float), STREAMS = 1023, AGAIN = 20 };

int main(void)
{
    static CUstream many[STREAMS + 1];
    static float in[N], out[N];
    start();
    CUdeviceptr memory = device_floats(N);
    for (int round = 0; round < 2; round++) { /* what is destroyed can be had again */
        for (int i = round ? 0 : STREAMS - AGAIN; i < STREAMS; i++)
            many[i] = new_stream(false);
        fill(in, N, round);
        OK(cuMemcpyHtoDAsync_v2(memory, in, BYTES, many[STREAMS - 1]));
        OK(cuMemcpyDtoHAsync_v2(out, memory, BYTES, many[STREAMS - 1]));
        OK(cuStreamSynchronize(many[STREAMS - 1]));
        check("up to the limit", filled(out, N, round, 1));
        for (int i = STREAMS - AGAIN; i < STREAMS && round == 0; i++)
            OK(cuStreamDestroy_v2(many[i]));
    }
    CUstream more = NULL;
    check("one more", cuStreamCreate(&more, CU_STREAM_NON_BLOCKING) == CUDA_ERROR_OUT_OF_MEMORY && !more);
    check("one more, of a thread", cuMemsetD32Async(memory, 0, N, (CUstream)2) == CUDA_ERROR_INVALID_HANDLE);
    OK(cuStreamDestroy_v2(many[0]));
    OK(cuStreamCreate(&more, CU_STREAM_NON_BLOCKING));
    fill(in, N, 7);
    OK(cuMemcpyHtoDAsync_v2(memory, in, BYTES, more));
    OK(cuMemcpyDtoHAsync_v2(out, memory, BYTES, more));
    OK(cuStreamSynchronize(more));
    check("all goes on", filled(out, N, 7, 1));
    return wrong;
}
