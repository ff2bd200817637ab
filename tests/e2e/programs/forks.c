/* SPDX-License-Identifier: Apache-2.0 */
/* fork: before CUDA is used, the child may use it; afterwards it gets errors, and the parent goes on as if nothing had
 * been.
 *
 * Rule: 28
 * Seen to fail: a child does not know that it is one (neither the page that is wiped nor the fork handler): it uses the
 * parent's session and breaks it; a child that exits says goodbye: the parent's session is lost. Both in plain,
 * percall, async and replay. */
#include "program.h"
#include <sys/wait.h>
#include <unistd.h>

static int wrong;

static void expect(const char *what, int got, int expected)
{
    printf("%s: %d%s\n", what, got, got == expected ? "" : ", WRONG");
    wrong |= got != expected;
}

/* 0 when the GPU can be used. */
static int use(void)
{
    float in[4] = {1, 2, 3, 4}, out[4] = {0}, *device = NULL;
    int result = (int)cudaMalloc((void **)&device, sizeof in);
    if (result)
        return result;
    OK(cudaMemcpy(device, in, sizeof in, cudaMemcpyHostToDevice));
    OK(vector_add(device, device, device, 4, NULL));
    OK(cudaMemcpy(out, device, sizeof out, cudaMemcpyDeviceToHost));
    return out[3] == 8 ? 0 : 99;
}

/* Its own answer for every kind of call: 0 when all of them are `expected`. */
static int use_nothing(float *device, int expected)
{
    float in[4] = {7, 7, 7, 7};
    int n = 0;
    cudaStream_t stream;
    CUdeviceptr memory;
    const int results[] = {(int)cudaGetDeviceCount(&n),
                           (int)cudaMemcpy(device, in, sizeof in, cudaMemcpyHostToDevice),
                           (int)vector_add(device, device, device, 4, NULL),
                           (int)cudaStreamCreate(&stream),
                           (int)cudaStreamQuery(NULL),
                           (int)cudaDeviceSynchronize(),
                           (int)cudaFree(device),
                           (int)cuMemAlloc_v2(&memory, 4)};
    for (unsigned i = 0; i < sizeof results / sizeof results[0]; i++)
        if (results[i] != expected)
            return 100 + (int)i;
    return 0;
}

/* How a child ends that uses the GPU, or (device) is not to be able to. By exit(), so with what exit() runs. */
static int child(float *device)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        int result = use();
        if (device)
            result = result == (int)cudaErrorInitializationError ? use_nothing(device, result) : 98;
        unregister_kernels(); /* as exit handlers do */
        exit(result);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int main(void)
{
    register_kernels();
    expect("child before", child(NULL), 0);
    float in[4] = {1, 2, 3, 4}, out[4] = {0}, *device, *pinned;
    OK(cudaMalloc((void **)&device, sizeof in));
    OK(cudaMallocHost((void **)&pinned, sizeof in));
    OK(cudaMemcpy(device, in, sizeof in, cudaMemcpyHostToDevice));
    OK(vector_add(device, device, device, 4, NULL)); /* may not have left yet */
    OK(cudaMemcpyAsync(pinned, device, sizeof in, cudaMemcpyDeviceToHost, NULL));
    expect("child in between", child(device), 0);
    OK(vector_add(device, device, device, 4, NULL));
    OK(cudaMemcpy(out, device, sizeof out, cudaMemcpyDeviceToHost));
    expect("parent", (int)out[3], 16);
    expect("what was on its way", (int)pinned[3], 8);
    expect("child after", child(device), 0);
    fflush(stdout);
    pid_t pid = vfork(); /* and exec, as system() does */
    if (pid == 0) {
        execl("/bin/true", "true", (char *)NULL);
        _exit(1);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    expect("exec", status, 0);
    OK(vector_add(device, device, device, 4, NULL));
    OK(cudaMemcpy(out, device, sizeof out, cudaMemcpyDeviceToHost));
    expect("parent", (int)out[3], 32);
    OK(cudaFree(device));
    unregister_kernels();
    return wrong;
}
