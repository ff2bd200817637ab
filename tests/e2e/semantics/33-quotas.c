/* SPDX-License-Identifier: Apache-2.0 */
/* What one session may have of the server, as an application meets the limits: memory is refused with CUDA's own error,
 * and what is given back can be had again; copies under way only wait for room. Meanwhile another process's session on
 * the same server works as if nothing had been, and so do sessions that come later. One stream too many:
 * ../programs/limits.c; one variable: 14-symbols; what a client that does not count can have: ../server/quotas.c.
 *
 * Oracle: plain
 * Rule: 33
 * Seen to fail: the client does not count back what is freed: "memory" is wrong in all modes; it does not compare with
 * what there is: the session ends in async and replay (in plain and percall the server's refusal of each block comes
 * back). */
#include "driver.h"

#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { N = 1 << 18, BYTES = N * sizeof(float), BLOCK = 64 << 20, COPIES = 300, LIMIT_S = 50 };
static atomic_bool *enough;

/* --- in a child --- */

/* Whether the session works. */
static bool works(int seed)
{
    static float in[N], out[N];
    CUdeviceptr memory = device_floats(N);
    CUstream stream = new_stream(false);
    fill(in, N, seed);
    OK(cuMemcpyHtoDAsync_v2(memory, in, BYTES, stream));
    add(memory, memory, memory, N, stream);
    OK(cuMemcpyDtoHAsync_v2(out, memory, BYTES, stream));
    OK(cuStreamSynchronize(stream));
    OK(cuStreamDestroy_v2(stream));
    OK(cuMemFree_v2(memory));
    return filled(out, N, seed, 2);
}

/* All there is, twice. */
static bool memory(void)
{
    enum { MOST = 1 << 16 };
    static CUdeviceptr blocks[MOST];
    unsigned n = 0, before = 0;
    bool right = true;
    start();
    for (int round = 0; round < 2; round++) {
        CUresult result = CUDA_SUCCESS;
        for (n = 0; n < MOST && !result; n += !result)
            result = cuMemAlloc_v2(&blocks[n], BLOCK);
        right = right && result == CUDA_ERROR_OUT_OF_MEMORY && n > 0 && (round == 0 || n == before);
        before = n;
        OK(cuMemFree_v2(blocks[--n]));
        right = right && works(round); /* there is room for that */
        while (n > 0)
            OK(cuMemFree_v2(blocks[--n]));
    }
    return right;
}

/* More bytes than may be under way: pageable ones, each overwritten at once. */
static bool copies(void)
{
    static float in[N], out[N];
    bool right = true;
    start();
    CUstream stream = new_stream(false);
    CUdeviceptr memory = device_floats(N), sum = device_floats(N);
    OK(cuMemsetD32Async(sum, 0, N, stream));
    for (int i = 0; i < COPIES; i++) {
        in[0] = in[N - 1] = (float)i;
        OK(cuMemcpyHtoDAsync_v2(memory, in, BYTES, stream));
        add(sum, memory, sum, N, stream);
    }
    OK(cuMemcpyDtoHAsync_v2(out, sum, BYTES, stream));
    OK(cuStreamSynchronize(stream));
    float all = (float)(COPIES * (COPIES - 1) / 2);
    right = right && out[0] == all && out[1] == 0 && out[N - 1] == all;
    return right && works(3);
}

/* --- the parent --- */

static pid_t child(bool (*what)(void))
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(LIMIT_S);
        exit(what() ? 0 : 1);
    }
    return pid;
}

static bool ended_well(pid_t pid)
{
    int status = -1;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* A session that others must not disturb. */
static bool neighbour(void)
{
    bool right = true;
    start();
    for (int i = 0; !atomic_load(enough) || i < 3; i++) {
        right = right && works(i);
        usleep(10000);
    }
    return right;
}

int main(void)
{
    enough = mmap(NULL, sizeof *enough, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t beside = child(neighbour);
    check("memory", ended_well(child(memory)));
    check("copies under way", ended_well(child(copies)));
    atomic_store(enough, true);
    check("the neighbour", ended_well(beside));
    start();
    check("the next session", works(7));
    return wrong;
}
