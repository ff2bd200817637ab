/* SPDX-License-Identifier: Apache-2.0 */
/* Works until something fails; then says what, twice (it is sticky), and how long the failing call took. With an
 * argument it hardly ever waits: "writing", it copies up, much and without end, so that it is writing when the other
 * end goes away; "freeing", it frees, which waits for a host function that never returns, so that nobody is waiting for
 * the other end. */
#include "program.h"

#include <sched.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

enum { MUCH = 1 << 20, WAIT_EVERY = 32 };

static atomic_int runs;

static void never_return(void *unused)
{
    (void)unused;
    atomic_store(&runs, 1);
    for (;;)
        pause();
}

static void say_working(void)
{
    printf("working\n");
    fflush(stdout);
}

/* Waits for ever. */
static int free_behind_function(float *device)
{
    OK(cudaLaunchHostFunc(NULL, never_return, NULL));
    while (!atomic_load(&runs))
        sched_yield();
    say_working();
    return (int)cudaFree(device);
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "";
    static float much[MUCH / sizeof(float)];
    float in[1000] = {1}, out[1000], *device;
    register_kernels();
    OK(cudaMalloc((void **)&device, MUCH));
    for (int round = 0;; round++) {
        double start = now();
        int result = (int)cudaMemcpy(device, in, sizeof in, cudaMemcpyHostToDevice);
        for (int i = 0; strcmp(how, "writing") == 0 && i < WAIT_EVERY && !result; i++)
            result = (int)cudaMemcpyAsync(device, much, MUCH, cudaMemcpyHostToDevice, NULL);
        if (!result)
            result = (int)vector_add(device, device, device, 1000, NULL);
        if (!result)
            result = (int)cudaMemcpy(out, device, sizeof out, cudaMemcpyDeviceToHost);
        if (!result && round == 20 && strcmp(how, "freeing") == 0)
            result = free_behind_function(device);
        if (result) {
            printf("error %d after %.3f s\n", result, now() - start);
            int again = (int)cudaDeviceSynchronize(), last = (int)cudaGetLastError(), then = (int)cudaGetLastError();
            printf("again %d, last error %d %d\n", again, last, then);
            fflush(stdout);
            return 0;
        }
        if (round == 20)
            say_working();
    }
}
