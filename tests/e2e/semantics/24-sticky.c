/* SPDX-License-Identifier: Apache-2.0 */
/* A kernel's access to memory that is not there: whoever asks or waits first learns of it, whatever way; from then on
 * every call of every thread says the same, and no query says "done" instead. What was copied out before is right.
 *
 * Rule: 24
 * Seen to fail: the server answers the status of the call that found out and goes on (so it was when this test was
 * written): plain and percall are wrong under most seeds and without; the reply goes ahead of the ERROR: wrong in all
 * modes under seed 1; a synchronise with an event that was never recorded says "done": wrong in plain and percall; the
 * client does not pass the code on: wrong in all modes, with any seed. */
#include "driver.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#define POKE_PTX                                                                                                       \
    ".version 7.0\n.target sm_52\n.address_size 64\n"                                                                  \
    ".visible .entry poke(.param .u64 p, .param .u32 v)\n"                                                             \
    "{\n"                                                                                                              \
    "    .reg .b64 %rd<3>;\n    .reg .b32 %r<2>;\n"                                                                    \
    "    ld.param.u64 %rd1, [p];\n    ld.param.u32 %r1, [v];\n    cvta.to.global.u64 %rd2, %rd1;\n"                    \
    "    st.global.u32 [%rd2], %r1;\n    ret;\n}\n"

enum { N = 1000, FAULT = CUDA_ERROR_ILLEGAL_ADDRESS };

static CUfunction poke_function;
static CUdeviceptr memory;
static CUstream stream;
static CUevent event;
static float *pinned, out[N];

static CUresult poke(CUdeviceptr address)
{
    unsigned value = 1;
    void *args[] = {&address, &value};
    return cuLaunchKernel(poke_function, 1, 1, 1, 1, 1, 1, 0, stream, args, NULL);
}

/* The ways of finding out. A query that says "not ready" is asked again. */
static CUresult by_stream(void)
{
    return cuStreamSynchronize(stream);
}
static CUresult by_context(void)
{
    return cuCtxSynchronize();
}
static CUresult by_event(void)
{
    return cuEventSynchronize(event);
}
static CUresult by_copy(void)
{
    return cuMemcpyDtoH_v2(out, memory, sizeof out);
}
static CUresult by_query(void)
{
    CUresult result;
    while ((result = cuStreamQuery(stream)) == CUDA_ERROR_NOT_READY)
        sched_yield();
    return result;
}
static CUresult by_event_query(void)
{
    CUresult result;
    while ((result = cuEventQuery(event)) == CUDA_ERROR_NOT_READY)
        sched_yield();
    return result;
}
static void *wait_elsewhere(void *ret_result)
{
    use_context();
    *(CUresult *)ret_result = cuCtxSynchronize();
    return NULL;
}
static CUresult by_another_thread(void)
{
    CUresult result = CUDA_SUCCESS;
    pthread_t thread;
    pthread_create(&thread, NULL, wait_elsewhere, &result);
    pthread_join(thread, NULL);
    return result;
}

static const struct {
    const char *name;
    CUresult (*find)(void);
} ways[] = {
    {"a stream's synchronise", by_stream},
    {"the context's synchronise", by_context},
    {"an event's synchronise", by_event},
    {"a copy to the host", by_copy},
    {"a stream's query", by_query},
    {"an event's query", by_event_query},
    {"another thread's synchronise", by_another_thread},
};

/* Index of the first call that says something else than the fault; -1: all say it. */
static int calls_that_miss_it(void)
{
    CUdeviceptr other;
    CUstream new;
    CUevent made;
    CUmodule module;
    static const char ptx[] = VECTOR_ADD_PTX;
    const CUresult results[] = {
        cuStreamQuery(stream),
        cuEventQuery(event),
        cuStreamSynchronize(stream),
        cuEventSynchronize(event),
        cuCtxSynchronize(),
        cuMemAlloc_v2(&other, 512),
        cuMemcpyHtoD_v2(memory, out, sizeof out),
        cuMemcpyHtoDAsync_v2(memory, out, sizeof out, stream),
        cuMemcpyDtoH_v2(out, memory, sizeof out),
        cuMemsetD8Async(memory, 1, 4, stream),
        poke(memory),
        cuStreamCreate(&new, CU_STREAM_NON_BLOCKING),
        cuEventCreate(&made, 0),
        cuEventRecord(event, stream),
        cuStreamWaitEvent(NULL, event, 0),
        cuModuleLoadData(&module, ptx),
        cuCtxSynchronize(),
    };
    for (int i = 0; i < (int)(sizeof results / sizeof results[0]); i++)
        if (results[i] != (CUresult)FAULT) {
            printf("call %d: %d\n", i, (int)results[i]);
            return i;
        }
    return -1;
}

static void *call_elsewhere(void *ret_missing)
{
    CUresult set = cuCtxSetCurrent(context); /* may say it, too */
    *(int *)ret_missing = set && set != (CUresult)FAULT ? 99 : calls_that_miss_it();
    return NULL;
}

/* In a process of its own, since nothing helps afterwards. */
static int try(unsigned way)
{
    static const char ptx[] = POKE_PTX;
    static float in[N];
    CUmodule module;
    start();
    OK(cuModuleLoadData(&module, ptx));
    OK(cuModuleGetFunction(&poke_function, module, "poke"));
    memory = device_floats(N);
    stream = new_stream(true);
    event = new_event();
    pinned = pinned_floats(N);
    for (int i = 0; i < ROUNDS; i++) {
        fill(in, N, i);
        OK(cuMemcpyHtoDAsync_v2(memory, in, sizeof in, stream));
        add(memory, memory, memory, N, stream);
        OK(poke(memory + 4));
        OK(cuMemcpyDtoHAsync_v2(pinned, memory, N * sizeof *pinned, stream));
        OK(cuStreamSynchronize(stream));
    }
    unsigned poked;
    memcpy(&poked, &pinned[1], sizeof poked);
    pinned[1] = 2 * in[1];
    if (poked != 1 || !filled(pinned, N, ROUNDS - 1, 2))
        return 1;
    CUresult result = poke(0);
    if (!result) /* what follows may know by then */
        (void)cuEventRecord(event, stream);
    if (result && result != (CUresult)FAULT)
        return 2;
    result = ways[way].find();
    if (result != (CUresult)FAULT) {
        printf("%s: %d\n", ways[way].name, (int)result);
        return 3;
    }
    int elsewhere = 0;
    pthread_t thread;
    if (calls_that_miss_it() >= 0)
        return 4;
    pthread_create(&thread, NULL, call_elsewhere, &elsewhere);
    pthread_join(thread, NULL);
    return elsewhere >= 0 ? 5 : 0;
}

int main(void)
{
    for (unsigned way = 0; way < sizeof ways / sizeof ways[0]; way++) {
        int status = -1;
        pid_t pid = fork();
        if (pid == 0) {
            status = try(way);
            fflush(stdout);
            _exit(status);
        }
        waitpid(pid, &status, 0);
        if (status)
            printf("status %x\n", (unsigned)status);
        check(ways[way].name, status == 0);
    }
    return wrong;
}
