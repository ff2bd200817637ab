/* SPDX-License-Identifier: Apache-2.0 */
/* fork: before CUDA is used, the child may use it; afterwards it gets errors, and the parent goes on as if nothing had
 * been.
 *
 * Rule: 28 */
#include "program.h"

#include <sys/wait.h>
#include <unistd.h>

static int child(int expected)
{
    float in[4] = {1, 2, 3, 4}, out[4] = {0}, *device = NULL;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        int result = (int)cudaMalloc((void **)&device, sizeof in);
        if (result == 0) {
            OK(cudaMemcpy(device, in, sizeof in, cudaMemcpyHostToDevice));
            OK(vector_add(device, device, device, 4, NULL));
            OK(cudaMemcpy(out, device, sizeof out, cudaMemcpyDeviceToHost));
            result = out[3] == 8 ? 0 : 99;
        }
        unregister_kernels(); /* as exit handlers do */
        exit(result == expected ? 0 : result);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int main(void)
{
    register_kernels();
    printf("child before: %d\n", child(0));
    float in[4] = {1, 2, 3, 4}, out[4] = {0}, *device;
    OK(cudaMalloc((void **)&device, sizeof in));
    OK(cudaMemcpy(device, in, sizeof in, cudaMemcpyHostToDevice));
    OK(vector_add(device, device, device, 4, NULL));
    printf("child in between: %d\n", child((int)cudaErrorInitializationError));
    OK(vector_add(device, device, device, 4, NULL));
    OK(cudaMemcpy(out, device, sizeof out, cudaMemcpyDeviceToHost));
    printf("parent: %g\n", (double)out[3]);
    printf("child after: %d\n", child((int)cudaErrorInitializationError));
    fflush(stdout);
    pid_t pid = vfork(); /* and exec, as system() does */
    if (pid == 0) {
        execl("/bin/true", "true", (char *)NULL);
        _exit(1);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    printf("exec: %d\n", status);
    OK(vector_add(device, device, device, 4, NULL));
    OK(cudaMemcpy(out, device, sizeof out, cudaMemcpyDeviceToHost));
    printf("parent: %g\n", (double)out[3]);
    OK(cudaFree(device));
    unregister_kernels();
    return 0;
}
