/* SPDX-License-Identifier: Apache-2.0 */
/* One stream too many: up to the limit all is well; above it the session ends, and says so at the first call that has
 * to wait for the server, and at all later ones.
 *
 * Rule: 33
 * Seen to fail: the server allows half as many streams: it ends on its way there in plain, percall, async and
 * replay; only the first calls say that the session is over: "one more" is wrong there. */
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
    /* It says so at one of these calls, at the last one at latest, and then at all. */
    memset(out, 0xff, sizeof out);
    CUresult result = cuStreamCreate(&many[STREAMS], CU_STREAM_NON_BLOCKING);
    if (!result)
        result = cuMemsetD32Async(memory, 0, N, many[STREAMS]);
    if (!result)
        result = cuStreamSynchronize(many[STREAMS]);
    if (!result)
        result = cuMemcpyDtoH_v2(out, memory, BYTES);
    CUresult then = cuMemcpyDtoH_v2(out, memory, BYTES), last = cuStreamSynchronize(many[0]);
    check("one more", result && then == result && last == result && cuMemAlloc_v2(&memory, BYTES) == result);
    return wrong;
}
