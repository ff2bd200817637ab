/* SPDX-License-Identifier: Apache-2.0 */
/* Signals while CUDA works. A timer interrupts whatever waits, from before the first call on: nothing fails or returns
 * early for it. A signal that the application's threads all block stays pending: no thread of rrto takes it, so that
 * its handler runs where the application means it to, with the stack and the thread-local storage of its own threads.
 *
 * Rule: 30
 * Seen to fail: the helper thread takes signals: the three lines about the blocked one are wrong; a wait that a signal
 * interrupts is an error: there is no session. Both in plain, percall, async and replay. */
#include "program.h"

#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

enum { N = 20000, ROUNDS = 60 };

static volatile sig_atomic_t n_ticks, taken_by_main, taken_elsewhere;
static int wrong;

static void tick(int number)
{
    (void)number;
    n_ticks++;
}

static void take(int number)
{
    (void)number;
    if (gettid() == getpid())
        taken_by_main++;
    else
        taken_elsewhere++;
}

static void expect(const char *what, int got, int expected)
{
    printf("%s: %d%s\n", what, got, got == expected ? "" : ", WRONG");
    wrong |= got != expected;
}

/* Rounds in which every kind of waiting happens; how many of them came out right. */
static int work(float *device, float *pinned, cudaStream_t stream, cudaEvent_t event)
{
    static float in[N], out[N];
    int n_right = 0;
    for (int round = 0; round < ROUNDS; round++) {
        in[N - 1] = (float)round;
        OK(cudaMemcpyAsync(device, in, sizeof in, cudaMemcpyHostToDevice, stream));
        OK(vector_add(device, device, device, N, stream));
        OK(cudaMemcpyAsync(pinned, device, sizeof in, cudaMemcpyDeviceToHost, stream));
        OK(cudaEventRecord(event, stream));
        OK(round % 2 ? cudaEventSynchronize(event) : cudaStreamSynchronize(stream));
        OK(cudaMemcpy(out, device, sizeof out, cudaMemcpyDeviceToHost));
        OK(cudaDeviceSynchronize());
        n_right += pinned[N - 1] == (float)(2 * round) && out[N - 1] == (float)(2 * round);
    }
    return n_right;
}

int main(void)
{
    struct sigaction action = {.sa_handler = tick}; /* no SA_RESTART */
    struct itimerval often = {{0, 300}, {0, 300}}, never = {{0, 0}, {0, 0}};
    float *device, *pinned;
    cudaStream_t stream;
    cudaEvent_t event;
    sigset_t some, pending;
    register_kernels();
    sigaction(SIGALRM, &action, NULL);
    action.sa_handler = take;
    sigaction(SIGUSR1, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    OK(cudaMalloc((void **)&device, N * sizeof(float))); /* connects */
    OK(cudaMallocHost((void **)&pinned, N * sizeof(float)));
    OK(cudaStreamCreate(&stream));
    OK(cudaEventCreate(&event));
    expect("rounds, interrupted", work(device, pinned, stream, event), ROUNDS);
    setitimer(ITIMER_REAL, &never, NULL);
    expect("there were interruptions", n_ticks > 5, 1);

    sigemptyset(&some);
    sigaddset(&some, SIGUSR1);
    sigprocmask(SIG_BLOCK, &some, NULL);
    kill(getpid(), SIGUSR1);
    expect("rounds, with a signal pending", work(device, pinned, stream, event), ROUNDS);
    sigpending(&pending);
    expect("it is still pending", sigismember(&pending, SIGUSR1), 1);
    sigprocmask(SIG_UNBLOCK, &some, NULL);
    expect("taken by the main thread", taken_by_main, 1);
    expect("taken elsewhere", taken_elsewhere, 0);
    OK(cudaFree(device));
    unregister_kernels();
    return wrong;
}
