/* SPDX-License-Identifier: Apache-2.0 */
/* fork. Before CUDA is used, a child may use it, and so may its own child. Afterwards a child gets the initialisation
 * error from every call of every library, and so does its child; nothing of it reaches the parent's connection or its
 * report, however it ends, while two threads of the parent have work in flight. vfork, posix_spawn and system() are
 * nothing special, and what they start may use CUDA.
 *
 * Oracle: plain
 * Report: plain processes == 6
 * Report: percall processes == 6
 * Report: async processes == 6
 * Report: replay processes == 6
 * Rule: 28
 * Seen to fail: a child does not know that it is one (neither the page that is wiped nor the fork handler): it dies,
 * or breaks the parent's session; a child that exits says goodbye: the parent's session is lost; a child that may use
 * nothing has counters all the same: the report says 384 processes; one that was forked before use may not use CUDA:
 * the first three lines are wrong. Each in plain, percall, async and replay. */
#include "../programs/program.h"
#include "gen/api_cublas.h"

#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
enum { INITIALISATION = cudaErrorInitializationError, N = 3000, BYTES = N * sizeof(float), LIMIT_S = 40 };
static int wrong;

static void check(const char *what, bool right)
{
    printf("%s: %s\n", what, right ? "right" : "WRONG");
    fflush(stdout);
    wrong |= !right;
}

/* --- what a child does; 0: as expected --- */

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

static float *parents_memory, *parents_pinned;
static cudaStream_t parents_stream;
static cudaEvent_t parents_event;
static cublasHandle_t parents_blas;

static int use_nothing(void)
{
    float in[4] = {7, 7, 7, 7};
    int n = 0;
    void *memory;
    size_t left, total;
    cudaStream_t stream;
    CUdeviceptr address;
    CUcontext context;
    cublasHandle_t blas;
    const int results[] = {
        (int)cudaGetDeviceCount(&n),
        (int)cudaSetDevice(0),
        (int)cudaMalloc(&memory, 4),
        (int)cudaMallocHost(&memory, 4),
        (int)cudaFreeHost(parents_pinned),
        (int)cudaMemcpy(parents_memory, in, sizeof in, cudaMemcpyHostToDevice),
        (int)cudaMemcpyAsync(parents_pinned, parents_memory, sizeof in, cudaMemcpyDeviceToHost, parents_stream),
        (int)cudaMemset(parents_memory, 0, BYTES),
        (int)cudaMemGetInfo(&left, &total),
        (int)vector_add(parents_memory, parents_memory, parents_memory, 4, parents_stream),
        (int)cudaStreamCreate(&stream),
        (int)cudaStreamQuery(parents_stream),
        (int)cudaStreamSynchronize(parents_stream),
        (int)cudaStreamDestroy(parents_stream),
        (int)cudaEventRecord(parents_event, parents_stream),
        (int)cudaEventSynchronize(parents_event),
        (int)cudaEventDestroy(parents_event),
        (int)cudaDeviceSynchronize(),
        (int)cudaFree(parents_memory),
        (int)cudaPeekAtLastError(),
        (int)cudaGetLastError(),
        (int)cudaGetLastError(), /* it stays */
        (int)cudaDeviceReset(),
        (int)cuInit(0),
        (int)cuMemAlloc_v2(&address, 4),
        (int)cuCtxGetCurrent(&context),
        (int)cuCtxSynchronize(),
    };
    for (unsigned i = 0; i < sizeof results / sizeof results[0]; i++)
        if (results[i] != INITIALISATION)
            return 100 + (int)i;
    if (cublasCreate_v2(&blas) != CUBLAS_STATUS_NOT_INITIALIZED)
        return 90;
    if (cublasSetStream_v2(parents_blas, parents_stream) != CUBLAS_STATUS_NOT_INITIALIZED)
        return 91;
    return 0;
}

static int wait_for(pid_t pid)
{
    int status = -1;
    waitpid(pid, &status, 0);
    return status;
}

static bool ended(int status, int code)
{
    return WIFEXITED(status) && WEXITSTATUS(status) == code;
}

/* The child of a child. */
static int grandchild(int (*what)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        alarm(LIMIT_S);
        exit(what());
    }
    int status = wait_for(pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}

static int use_in_grandchild(void)
{
    return grandchild(use); /* its parent has used nothing */
}
static int use_then_fork(void)
{
    int result = use();
    parents_memory = NULL;
    return result ? result : grandchild(use_nothing);
}
static int nothing_in_grandchild(void)
{
    return grandchild(use_nothing);
}
static int nothing_then_grandchild(void)
{
    int result = use_nothing();
    return result ? result : grandchild(use_nothing);
}
static void *use_nothing_in_thread(void *ret_result)
{
    *(int *)ret_result = use_nothing();
    return NULL;
}
static int nothing_in_thread(void)
{
    int result = 97;
#ifdef __SANITIZE_THREAD__ /* which ends a child that starts one */
    use_nothing_in_thread(&result);
#else
    pthread_t thread;
    pthread_create(&thread, NULL, use_nothing_in_thread, &result);
    pthread_join(thread, NULL);
#endif
    return result;
}
static int unregister(void)
{
    unregister_kernels(); /* as exit handlers do */
    return use_nothing();
}

enum end { BY_EXIT, BY_QUICK_EXIT, BY__EXIT, BY_SIGNAL };

static bool child(int (*what)(void), enum end end)
{
    pid_t pid = fork();
    if (pid == 0) {
        alarm(LIMIT_S);
        int result = what();
        if (end == BY_EXIT)
            exit(result);
        if (end == BY_QUICK_EXIT)
            quick_exit(result);
        if (end == BY_SIGNAL && result == 0)
            kill(getpid(), SIGKILL);
        _exit(result);
    }
    int status = wait_for(pid);
    bool good = end == BY_SIGNAL ? WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL : ended(status, 0);
    if (!good)
        printf("a child ended with 0x%x\n", (unsigned)status);
    return good;
}

/* --- the parent's work meanwhile --- */

static atomic_bool enough;

struct worker {
    pthread_t thread;
    unsigned rounds;
    bool right;
};

static void *work(void *arg)
{
    struct worker *me = arg;
    static _Thread_local float in[N], out[N];
    float *device, *pinned;
    cudaStream_t stream;
    OK(cudaStreamCreate(&stream));
    OK(cudaMalloc((void **)&device, BYTES));
    OK(cudaMallocHost((void **)&pinned, BYTES));
    me->right = true;
    do {
        float value = (float)(me->rounds + 1);
        in[0] = in[N - 1] = value;
        OK(cudaMemcpyAsync(device, in, BYTES, cudaMemcpyHostToDevice, stream));
        in[0] = in[N - 1] = -1;
        for (int i = 0; i < 3; i++)
            OK(vector_add(device, device, device, N, stream));
        OK(cudaMemcpyAsync(pinned, device, BYTES, cudaMemcpyDeviceToHost, stream));
        OK(cudaStreamSynchronize(stream));
        OK(cudaMemcpy(out, device, BYTES, cudaMemcpyDeviceToHost));
        me->right = me->right && pinned[0] == 8 * value && out[N - 1] == 8 * value;
        me->rounds++;
    } while (!atomic_load(&enough));
    OK(cudaFree(device));
    return NULL;
}

static void children_beside_work(bool emulated)
{
    struct worker workers[2] = {{.rounds = 0}, {.rounds = 1000}};
    for (int i = 0; i < 2; i++)
        pthread_create(&workers[i].thread, NULL, work, &workers[i]);
    check("children that exit", child(use_nothing, BY_EXIT) && child(use_nothing, BY_EXIT));
    check("children that _exit", child(use_nothing, BY__EXIT) && child(use_nothing, BY__EXIT));
    check("a child that ends quickly", child(use_nothing, BY_QUICK_EXIT));
    check("a child that is killed", child(use_nothing, BY_SIGNAL));
    check("a child that unregisters", child(unregister, BY_EXIT));
    if (!emulated)
        check("a thread of a child", child(nothing_in_thread, BY_EXIT));
    check("a child of a child", child(nothing_in_grandchild, BY_EXIT));
    check("a child, and its child", child(nothing_then_grandchild, BY__EXIT));
    atomic_store(&enough, true);
    for (int i = 0; i < 2; i++)
        pthread_join(workers[i].thread, NULL);
    check("the parent's threads meanwhile", workers[0].right && workers[1].right);
}

static void programs_beside_work(bool emulated)
{
    char *const arguments[] = {"true", NULL};
    pid_t pid = vfork();
    if (pid == 0) {
        execv("/bin/true", arguments);
        _exit(1);
    }
    check("vfork and exec", ended(wait_for(pid), 0));
    check("posix_spawn",
          posix_spawn(&pid, "/bin/true", NULL, NULL, arguments, environ) == 0 && ended(wait_for(pid), 0));
    check("system", system("exit 7") == 7 << 8);
    if (emulated)
        return;
    char *const again[] = {"28-fork", "use", NULL};
    check("a started program that uses CUDA",
          posix_spawn(&pid, "/proc/self/exe", NULL, NULL, again, environ) == 0 && ended(wait_for(pid), 0));
}

/* 28-fork use: no more than to use CUDA; 28-fork emulated: without the two lines that tests/aarch64 cannot have. */
int main(int argc, char **argv)
{
    float in[4] = {1, 2, 3, 4}, out[4] = {0};
    register_kernels();
    if (argc > 1 && strcmp(argv[1], "use") == 0)
        return use();
    const bool emulated = argc > 1 && strcmp(argv[1], "emulated") == 0;
    check("before use: a child", child(use, BY_EXIT) && child(use, BY__EXIT));
    check("before use: a child of a child", child(use_in_grandchild, BY_EXIT));
    check("before use: a child that uses CUDA, and its child", child(use_then_fork, BY_EXIT));

    OK(cudaMalloc((void **)&parents_memory, BYTES));
    OK(cudaMallocHost((void **)&parents_pinned, BYTES));
    OK(cudaStreamCreate(&parents_stream));
    OK(cudaEventCreate(&parents_event));
    OK((int)cublasCreate_v2(&parents_blas));
    OK(cudaMemcpyAsync(parents_memory, in, sizeof in, cudaMemcpyHostToDevice, parents_stream));
    OK(vector_add(parents_memory, parents_memory, parents_memory, 4, parents_stream)); /* may not have left yet */
    OK(cudaMemcpyAsync(parents_pinned, parents_memory, sizeof in, cudaMemcpyDeviceToHost, parents_stream));
    check("a child in between", child(use_nothing, BY_EXIT));
    OK(cudaEventRecord(parents_event, parents_stream));
    OK(cudaEventSynchronize(parents_event));
    check("what was on its way", parents_pinned[3] == 8);
    children_beside_work(emulated);
    programs_beside_work(emulated);
    OK(vector_add(parents_memory, parents_memory, parents_memory, 4, parents_stream));
    OK(cudaStreamSynchronize(parents_stream));
    OK(cudaMemcpy(out, parents_memory, sizeof out, cudaMemcpyDeviceToHost));
    check("the parent, in the end", out[3] == 16);
    OK(cudaFree(parents_memory));
    unregister_kernels();
    return wrong;
}
