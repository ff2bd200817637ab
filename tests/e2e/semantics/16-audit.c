/* SPDX-License-Identifier: Apache-2.0 */
/* The audit hash: with every op that is waited for, both sides compare what they have chained of all ops so far. A
 * round copies up, adds, and copies down; in the fourth round one number in the kernel's parameters is MARK. The test
 * `audit` puts a peer between client and server that makes another number of it, or damages the hash of the reply
 * behind it: then the session has to stop in that very round, in every mode, before the program takes anything wrong
 * for its result, and to stay stopped. Undisturbed, all rounds are right.
 *
 * Rule: 16
 * Seen to fail: in `audit`, the server does not compare: a changed number is executed, and only the client's own check
 * of the reply stops the session, in all modes; the client does not compare: a damaged reply goes unnoticed in all
 * modes; the client compares, but has given the call its result by then (so it was when this test was written): in
 * async and replay the session stops a round late; the hash is sent with predicted ops only: a changed number is
 * executed in plain, percall, percall-device and async. */
#include "driver.h"

enum { N = 1000, BYTES = N * sizeof(float), MARKED = 3, MARK = 0x5ca1ab1e };
static float up[N], back[N];

/* One round; 0, or what its first failing call returned. */
static CUresult try_round(CUdeviceptr a, CUdeviceptr c, int round, bool *right)
{
    unsigned n = round == MARKED ? MARK : N; /* more than there are threads: the kernel does N */
    void *args[] = {&a, &a, &c, &n};
    fill(up, N, round);
    CUresult result = cuMemcpyHtoDAsync_v2(a, up, BYTES, NULL);
    if (!result)
        result = cuLaunchKernel(vector_add_function, N / 100, 1, 1, 100, 1, 1, 0, NULL, args, NULL);
    if (!result)
        result = cuMemcpyDtoH_v2(back, c, BYTES);
    if (!result)
        *right = *right && filled(back, N, round, 2);
    return result;
}

int main(void)
{
    bool right = true;
    start();
    CUdeviceptr a = device_floats(N), c = device_floats(N), more;
    for (int round = 0; round < ROUNDS; round++) {
        CUresult result = try_round(a, c, round, &right);
        if (result) {
            check("what came before the session stopped", right);
            printf("stopped in round %d\n", round);
            check("it stays stopped", cuCtxSynchronize() == result && cuMemAlloc_v2(&more, BYTES) == result &&
                                          cuMemsetD8_v2(a, 0, BYTES) == result && cuStreamQuery(NULL) == result);
            return wrong;
        }
    }
    check("all rounds", right);
    return wrong;
}
