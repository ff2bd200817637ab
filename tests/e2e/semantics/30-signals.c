/* SPDX-License-Identifier: Apache-2.0 */
/* Signals while CUDA works. A timer and another thread interrupt whatever waits, without SA_RESTART, from before the
 * first call on, in three threads that copy, launch and synchronise: nothing fails, returns early or changes for it. A
 * signal that the application's threads all block stays pending: no thread of rrto takes it, so that its handler runs
 * where the application means it to, with the stack and the thread-local storage of its own threads; every thread that
 * is not the application's blocks all signals. A connection that goes away while a program writes raises no SIGPIPE:
 * the call returns an error.
 *
 * Oracle: plain
 * Rule: 30
 * Seen to fail: the flusher takes signals: "they block all signals" and the two lines about the blocked one are wrong;
 * a helper of host functions does: "they block all signals"; a wait that a signal interrupts is an error: no call
 * succeeds; sockets are written without MSG_NOSIGNAL: "the server is gone". Each in plain, percall, async and replay.
 */
#include "driver.h"

#include <ctype.h>
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { N = 20000, BYTES = N * sizeof(float), THREADS = 3, TURNS = 20, STORM_ROUNDS = 100, MUCH = 4 << 20 };

static atomic_int n_ticks; /* several threads take these signals */
static volatile sig_atomic_t taken_by_main, taken_elsewhere;
static _Thread_local volatile sig_atomic_t n_own_ticks;
static bool is_mine[1 << 22]; /* by thread id: threads of this program */

static void tick(int number)
{
    (void)number;
    n_ticks++;
    n_own_ticks++;
}

static void take(int number)
{
    (void)number;
    if (gettid() == getpid())
        taken_by_main++;
    else
        taken_elsewhere++;
}

/* Turns in which every kind of waiting happens; whether they all came out right. */
static bool work(int seed)
{
    CUstream stream = new_stream(false);
    CUevent event = new_event();
    CUdeviceptr memory = device_floats(N);
    float *pinned = pinned_floats(N), *in = calloc(N, sizeof *in), *out = calloc(N, sizeof *out);
    bool right = true;
    for (int turn = 0; turn < TURNS; turn++) {
        fill(in, N, seed + turn);
        OK(cuMemcpyHtoDAsync_v2(memory, in, BYTES, stream));
        add(memory, memory, memory, N, stream);
        OK(cuMemcpyDtoHAsync_v2(pinned, memory, BYTES, stream));
        OK(cuEventRecord(event, stream));
        if (turn % 3 == 0)
            OK(cuEventSynchronize(event));
        else if (turn % 3 == 1)
            OK(cuStreamSynchronize(stream));
        while (turn % 3 == 2 && cuStreamQuery(stream) == CUDA_ERROR_NOT_READY)
            sched_yield();
        right = right && filled(pinned, N, seed + turn, 2);
        add(memory, memory, memory, N, stream);
        OK(cuMemcpyDtoH_v2(out, memory, BYTES)); /* the stream is a non-blocking one */
        OK(cuCtxSynchronize());
        OK(cuMemcpyDtoH_v2(out, memory, BYTES));
        right = right && filled(out, N, seed + turn, 4);
    }
    OK(cuMemFree_v2(memory));
    OK(cuMemFreeHost(pinned));
    OK(cuEventDestroy_v2(event));
    OK(cuStreamDestroy_v2(stream));
    free(in);
    free(out);
    return right;
}

/* --- a storm --- */

struct worker {
    pthread_t thread;
    atomic_bool done;
    bool right, interrupted;
    int seed;
};

static void *work_in_thread(void *arg)
{
    struct worker *me = arg;
    is_mine[gettid()] = true;
    use_context();
    me->right = true;
    for (int i = 0; i < STORM_ROUNDS && (i == 0 || n_own_ticks == 0); i++) /* the storm may begin after a round */
        me->right = work(me->seed + i) && me->right;
    me->interrupted = n_own_ticks > 0;
    atomic_store(&me->done, true);
    return NULL;
}

static struct worker workers[THREADS];

static void *storm(void *unused)
{
    is_mine[gettid()] = true;
    for (bool all = false; !all;) {
        all = true;
        for (int i = 0; i < THREADS; i++) {
            if (!atomic_load(&workers[i].done)) {
                all = false;
                pthread_kill(workers[i].thread, SIGALRM);
            }
        }
        nanosleep(&(struct timespec){.tv_nsec = 150000}, NULL);
    }
    return unused;
}

static void several_threads(void)
{
    pthread_t other;
    bool right = true, interrupted = true;
    for (int i = 0; i < THREADS; i++) {
        workers[i].seed = 1000 * (i + 1);
        pthread_create(&workers[i].thread, NULL, work_in_thread, &workers[i]);
    }
    pthread_create(&other, NULL, storm, NULL);
    pthread_join(other, NULL);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        right = right && workers[i].right;
        interrupted = interrupted && workers[i].interrupted;
    }
    check("three interrupted threads", right);
    check("all were interrupted", interrupted);
}

/* --- threads that are not ours --- */

static uint64_t blocked_by(const char *task)
{
    char path[64], line[200];
    unsigned long long mask = 0;
    snprintf(path, sizeof path, "/proc/self/task/%.20s/status", task);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        (void)sscanf(line, "SigBlk: %llx", &mask);
    if (file)
        fclose(file);
    return mask;
}

/* All that can be blocked, but those that the C library keeps for itself and those that a thread can only raise by what
 * it does. */
static uint64_t all_signals(void)
{
    sigset_t set;
    uint64_t mask = 0;
    sigfillset(&set);
    for (int number = 1; number <= 64; number++)
        if (sigismember(&set, number) == 1 && number != SIGKILL && number != SIGSTOP && number != SIGSEGV &&
            number != SIGBUS && number != SIGILL && number != SIGFPE && number != SIGTRAP && number != SIGRTMIN &&
            number != SIGRTMIN + 1) /* which qemu keeps for the emulated C library */
            mask |= (uint64_t)1 << (number - 1);
    return mask;
}

static atomic_bool holding;

static void run_and_hold(void *released)
{
    atomic_store(&holding, true);
    while (!atomic_load((atomic_bool *)released))
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
}

/* While there are as many as there can be: one of them is in a host function. */
static void helpers_block_all(void)
{
    static atomic_bool released;
    CUstream stream = new_stream(false);
    unsigned n_helpers = 0;
    bool all = true;
    OK(cuLaunchHostFunc(stream, run_and_hold, &released));
    while (!atomic_load(&holding))
        sched_yield();
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *entry; (entry = readdir(tasks));) {
        if (!isdigit((unsigned char)entry->d_name[0]) || is_mine[atol(entry->d_name)])
            continue;
        n_helpers++;
        uint64_t missing = all_signals() & ~blocked_by(entry->d_name);
        if (missing)
            printf("task with open signals: %llx\n", (unsigned long long)missing);
        all = all && !missing;
    }
    closedir(tasks);
    atomic_store(&released, true);
    OK(cuStreamSynchronize(stream));
    check("there are helper threads", n_helpers > 0);
    check("they block all signals", all);
}

/* --- the other end goes away --- */

/* In a child. Every connection is shut down as if the other side had done it, while this one goes on writing. */
static int lose_the_server(void)
{
    static unsigned char much[MUCH];
    signal(SIGPIPE, SIG_DFL);
    start();
    CUdeviceptr memory;
    OK(cuMemAlloc_v2(&memory, MUCH));
    OK(cuMemcpyHtoD_v2(memory, much, MUCH));
    OK(cuCtxSynchronize());
    for (int fd = 3; fd < 64; fd++)
        (void)shutdown(fd, SHUT_RDWR);
    CUresult result = CUDA_SUCCESS;
    for (int i = 0; i < 100 && !result; i++)
        result = cuMemcpyHtoDAsync_v2(memory, much, MUCH, NULL);
    if (!result)
        result = cuCtxSynchronize();
    return result && cuCtxSynchronize() == result ? 0 : 1;
}

static void no_sigpipe(void)
{
    int status = -1;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        exit(lose_the_server());
    waitpid(pid, &status, 0);
    check("the server is gone: an error, no signal", WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
    struct sigaction action = {.sa_handler = tick}; /* no SA_RESTART */
    struct itimerval often = {{0, 300}, {0, 300}}, never = {{0, 0}, {0, 0}};
    sigset_t some, pending;
    no_sigpipe();
    is_mine[getpid()] = true;
    sigaction(SIGALRM, &action, NULL);
    action.sa_handler = take;
    sigaction(SIGUSR1, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    start(); /* connects */
    check("interrupted", work(0));
    check("there were interruptions", n_ticks > 5);
    several_threads();
    setitimer(ITIMER_REAL, &never, NULL);
    helpers_block_all();

    sigemptyset(&some);
    sigaddset(&some, SIGUSR1);
    sigprocmask(SIG_BLOCK, &some, NULL);
    kill(getpid(), SIGUSR1);
    check("with a signal pending", work(-1000));
    sigpending(&pending);
    check("it is still pending", sigismember(&pending, SIGUSR1) == 1);
    sigprocmask(SIG_UNBLOCK, &some, NULL);
    check("it was taken by the main thread", taken_by_main == 1 && taken_elsewhere == 0);
    return wrong;
}
