/* SPDX-License-Identifier: Apache-2.0 */
/* Variables of modules in graphs: copies to and from them read and write at each launch, wherever the variable is. When
 * the module has been unloaded, a launch that would touch its variable is refused as a whole, and nothing else is
 * affected; a module that is loaded in its place is another one.
 *
 * Oracle: plain
 * Rule: 25, 14
 * Seen to fail: a launch does not ask whether the module is still loaded (so it was when this test was written):
 * "without the module" is wrong, and the session over; an unloaded module's variables stay known: "without the module"
 * is wrong. Each in plain, percall, async and replay. */
#include "../programs/program.h"

#include <stdbool.h>

enum { WORDS = 16, BYTES = WORDS * sizeof(int), OFFSET = 8, LAUNCHES = 5 };
static int wrong, source[WORDS], target[WORDS];
static cudaStream_t stream;

static void check(const char *what, bool right)
{
    printf("%s: %s\n", what, right ? "right" : "WRONG");
    wrong |= !right;
}

static cudaGraphExec_t instantiate(void)
{
    cudaGraph_t graph;
    cudaGraphExec_t exec;
    OK(cudaStreamEndCapture(stream, &graph));
    OK(cudaGraphInstantiate(&exec, graph, 0));
    OK(cudaGraphDestroy(graph));
    return exec;
}

/* To the variable, from it, or both. */
static cudaGraphExec_t copies(bool up, bool down)
{
    OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
    if (up)
        OK(cudaMemcpyToSymbolAsync(&table_shadow, source, BYTES, OFFSET, cudaMemcpyHostToDevice, stream));
    if (down)
        OK(cudaMemcpyFromSymbolAsync(target, &table_shadow, BYTES, OFFSET, cudaMemcpyDeviceToHost, stream));
    return instantiate();
}

static bool arrives(cudaGraphExec_t exec, bool down)
{
    bool right = true;
    for (int launch = 0; launch < LAUNCHES; launch++) {
        int back[WORDS] = {0};
        for (int i = 0; i < WORDS; i++)
            source[i] = 100 * launch + i;
        memset(target, 0xff, sizeof target);
        OK(cudaGraphLaunch(exec, stream));
        OK(cudaStreamSynchronize(stream));
        OK(cudaMemcpyFromSymbol(back, &table_shadow, BYTES, OFFSET, cudaMemcpyDeviceToHost));
        for (int i = 0; i < WORDS; i++)
            right = right && back[i] == 100 * launch + i && (!down || target[i] == back[i]);
    }
    return right;
}

int main(void)
{
    int first[2], *memory;
    register_kernels();
    OK(cudaStreamCreate(&stream));
    OK(cudaMalloc((void **)&memory, BYTES));
    cudaGraphExec_t up = copies(true, false), down = copies(false, true), both = copies(true, true);
    check("up to a variable", arrives(up, false));
    check("up, and down again", arrives(both, true));
    OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
    OK(cudaMemsetAsync(memory, 1, BYTES, stream));
    cudaGraphExec_t other = instantiate();

    unregister_kernels();
    check("without the module", cudaGraphLaunch(up, stream) == cudaErrorInvalidValue &&
                                    cudaGraphLaunch(down, stream) == cudaErrorInvalidValue &&
                                    cudaGraphLaunch(both, stream) == cudaErrorInvalidValue);
    (void)cudaGetLastError();
    OK(cudaGraphLaunch(other, stream));
    check("other graphs", cudaStreamSynchronize(stream) == cudaSuccess && cudaGetLastError() == cudaSuccess);

    register_kernels();
    OK(cudaMemcpyFromSymbol(first, &table_shadow, sizeof first, 0, cudaMemcpyDeviceToHost));
    check("the next module's variable", first[0] == 7 && first[1] == 8);
    check("still without the first one", cudaGraphLaunch(up, stream) == cudaErrorInvalidValue);
    /* The address may be the new variable's, which says nothing about `down`. */
    (void)cudaGetLastError();
    cudaGraphExec_t again = copies(true, true);
    check("a new graph", arrives(again, true));
    OK(cudaGraphExecDestroy(up));
    OK(cudaGraphExecDestroy(down));
    OK(cudaGraphExecDestroy(both));
    OK(cudaGraphExecDestroy(other));
    OK(cudaGraphExecDestroy(again));
    OK(cudaFree(memory));
    unregister_kernels();
    return wrong;
}
