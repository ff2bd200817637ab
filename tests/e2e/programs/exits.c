/* SPDX-License-Identifier: Apache-2.0 */
/* Works a little, then ends as its argument says, with work still under way: return, exit, _exit, kill, exec, thread,
 * abort; late: with a destructor that still calls CUDA; busy: with threads that go on calling it. */
#include "late.h"
#include "program.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

static float *device, *pinned;

static void *leave(void *unused)
{
    (void)unused;
    exit(7);
}

static atomic_int n_rounds;

/* Until the process ends; nothing but success and "unloading" may be seen. */
static void *go_on(void *unused)
{
    (void)unused;
    float in[1000] = {1}, out[1000], *own = NULL;
    int result = (int)cudaMalloc((void **)&own, sizeof in);
    while (result == 0 || result == (int)cudaErrorCudartUnloading) {
        result = (int)cudaMemcpy(own, in, sizeof in, cudaMemcpyHostToDevice);
        if (result == 0)
            result = (int)vector_add(own, own, own, 1000, NULL);
        if (result == 0)
            result = (int)cudaMemcpy(out, own, sizeof out, cudaMemcpyDeviceToHost);
        atomic_fetch_add(&n_rounds, 1);
    }
    printf("a thread got %d\n", result);
    fflush(stdout);
    return NULL;
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "return";
    float in[1000] = {1}, out[1000];
    register_kernels();
    OK(cudaMalloc((void **)&device, sizeof in));
    OK(cudaMallocHost((void **)&pinned, sizeof in));
    for (int i = 0; i < 10; i++) {
        OK(cudaMemcpy(device, in, sizeof in, cudaMemcpyHostToDevice));
        OK(vector_add(device, device, device, 1000, NULL));
        OK(cudaMemcpy(out, device, sizeof out, cudaMemcpyDeviceToHost));
    }
    OK(vector_add(device, device, device, 1000, NULL));
    OK(cudaMemcpyAsync(pinned, device, sizeof in, cudaMemcpyDeviceToHost, NULL));
    printf("%g\n", (double)out[0]);
    fflush(stdout);
    if (strcmp(how, "late") == 0 && !load_late("late.so"))
        return 1;
    if (strcmp(how, "busy") == 0) {
        pthread_t threads[3];
        for (int i = 0; i < 3; i++)
            pthread_create(&threads[i], NULL, go_on, NULL);
        while (atomic_load(&n_rounds) < 30)
            usleep(200);
        return 7;
    }
    if (strcmp(how, "exit") == 0)
        exit(7);
    if (strcmp(how, "_exit") == 0)
        _exit(7);
    if (strcmp(how, "kill") == 0)
        kill(getpid(), SIGKILL);
    if (strcmp(how, "abort") == 0)
        abort();
    if (strcmp(how, "exec") == 0)
        execl("/bin/sh", "sh", "-c", "exit 7", (char *)NULL);
    if (strcmp(how, "thread") == 0) {
        pthread_t thread;
        pthread_create(&thread, NULL, leave, NULL);
        pthread_join(thread, NULL);
    }
    unregister_kernels();
    return 7;
}
