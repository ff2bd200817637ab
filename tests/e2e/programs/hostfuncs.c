/* SPDX-License-Identifier: Apache-2.0 */
/* Host functions hold their stream back, and nothing else: the call returns before the function has run, which may wait
 * for what the caller does next, also on that stream, and for other streams, whose work goes on; a query says "not
 * ready", whatever has been waited for; the function runs on no thread of the application's, with all signals blocked.
 *
 * Rule: 3, 27
 * Seen to fail: the server's stream does not wait for the function: the lines about calls that returned first, about
 * those that waited for their go and about the synchronise are wrong; the call waits for the function (as it did until
 * this test was written): it hangs. Both in plain, percall, async and replay. */
#include "program.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

enum { N = 5000, ROUNDS = 6, NON_BLOCKING = 1 };

static atomic_int go, n_done, n_foreign, n_blocked;
static int wrong;

static void expect(const char *what, int got, int expected)
{
    printf("%s: %d%s\n", what, got, got == expected ? "" : ", WRONG");
    wrong |= got != expected;
}

/* Waits for as many goes as there have been functions. */
static void wait_for_go(void *number)
{
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    n_foreign += gettid() != getpid();
    n_blocked += sigismember(&mask, SIGUSR1) && sigismember(&mask, SIGALRM);
    while (atomic_load(&go) < (int)(size_t)number)
        sched_yield();
    n_done++;
}

static void callback(cudaStream_t stream, cudaError_t status, void *expected)
{
    if (stream == *(cudaStream_t *)expected && status == cudaSuccess)
        n_done++;
}

int main(void)
{
    static float in[N], out[N];
    float *held_memory, *free_memory, *pinned;
    cudaStream_t held, other;
    int n_early = 0, n_queries = 0, n_late = 0, n_sums = 0, n_after = 0;
    register_kernels();
    OK(cudaStreamCreateWithFlags(&held, NON_BLOCKING));
    OK(cudaStreamCreateWithFlags(&other, NON_BLOCKING));
    OK(cudaMalloc((void **)&held_memory, sizeof in));
    OK(cudaMalloc((void **)&free_memory, sizeof in));
    OK(cudaMallocHost((void **)&pinned, sizeof in));
    for (int round = 1; round <= ROUNDS; round++) {
        int before = atomic_load(&n_done);
        in[9] = (float)round;
        OK(cudaMemcpyAsync(held_memory, in, sizeof in, cudaMemcpyHostToDevice, held));
        OK(vector_add(held_memory, held_memory, held_memory, N, held));
        OK(cudaLaunchHostFunc(held, wait_for_go, (void *)(size_t)round));
        n_early += atomic_load(&n_done) == before;
        n_queries += cudaStreamQuery(held) == cudaErrorNotReady;
        /* The other stream: to its end. */
        OK(cudaMemcpyAsync(free_memory, in, sizeof in, cudaMemcpyHostToDevice, other));
        OK(vector_add(free_memory, free_memory, free_memory, N, other));
        OK(cudaMemcpyAsync(out, free_memory, sizeof in, cudaMemcpyDeviceToHost, other));
        OK(cudaStreamSynchronize(other));
        n_sums += out[9] == (float)(2 * round);
        n_queries += cudaStreamQuery(held) == cudaErrorNotReady;
        n_late += atomic_load(&n_done) == before;
        OK(cudaStreamAddCallback(held, callback, &held, 0)); /* behind it, and no wait either */
        n_late += atomic_load(&n_done) == before;
        OK(cudaMemcpyAsync(pinned, held_memory, sizeof in, cudaMemcpyDeviceToHost, held));
        n_late += atomic_load(&n_done) == before; /* what is issued next does not wait */
        atomic_store(&go, round);
        OK(cudaDeviceSynchronize());
        n_after += atomic_load(&n_done) == before + 2;
        n_sums += pinned[9] == (float)(2 * round);
    }
    expect("calls that returned first", n_early, ROUNDS);
    expect("queries that were not ready", n_queries, 2 * ROUNDS);
    expect("functions that waited for their go", n_late, 3 * ROUNDS);
    expect("sums of both streams", n_sums, 2 * ROUNDS);
    expect("functions that a synchronise waited for", n_after, ROUNDS);
    expect("functions on threads of their own", n_foreign, ROUNDS);
    expect("functions with signals blocked", n_blocked, ROUNDS);
    expect("queries, in the end", (int)cudaStreamQuery(held), cudaSuccess);

    /* A stream that goes away with its function still to run; memory that goes away waits for it. */
    OK(cudaLaunchHostFunc(held, wait_for_go, (void *)(size_t)(ROUNDS + 1)));
    atomic_store(&go, ROUNDS + 1);
    OK(cudaStreamDestroy(held));
    OK(cudaLaunchHostFunc(other, wait_for_go, (void *)(size_t)(ROUNDS + 1)));
    OK(cudaFreeHost(pinned));
    expect("functions in all", atomic_load(&n_done), 2 * ROUNDS + 2);
    OK(cudaStreamDestroy(other));
    unregister_kernels();
    return wrong;
}
