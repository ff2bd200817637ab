/* SPDX-License-Identifier: Apache-2.0 */
/* Capture and graphs of a program compiled with --default-stream per-thread: NULL can be captured, since it is the
 * calling thread's own stream, and another thread's is another one; a graph is launched into it beside another thread's
 * that is held up. And cuGetProcAddress gives the function of the version that is asked for, or none. Not on the soft
 * driver, which has no graphs and looks at no version.
 *
 * Oracle: plain
 * Rule: 6, 25
 * Seen to fail: in plain, which is tried first: NULL stays the legacy stream: beginning a capture of it is refused; all
 * threads have one stream: the first two lines are wrong; that NULL is the thread's own outlasts the call: a capture of
 * the legacy stream begins; the version is not looked at: "cuFuncLoad", "cuStreamGetId" and "four functions"; the flag
 * is not: "four functions". */
#include "../programs/hold.h"
#include "driver.h"

#include <pthread.h>
#include <stdatomic.h>

enum { N = 2000, BYTES = N * sizeof(float), CAPTURE_UNSUPPORTED = 900 };
static CUdeviceptr x, y, z;
static float *source, *target;

static void add_ptsz(CUdeviceptr a, CUdeviceptr b, CUdeviceptr c, CUstream stream)
{
    unsigned n = N;
    void *args[] = {&a, &b, &c, &n};
    OK(cuLaunchKernel_ptsz(vector_add_function, (n + 127) / 128, 1, 1, 128, 1, 1, 0, stream, args, NULL));
}

static bool captured_ptsz(void)
{
    CUstreamCaptureStatus status;
    cuuint64_t id;
    OK(cuStreamGetCaptureInfo_v3_ptsz(NULL, &status, &id, NULL, NULL, NULL, NULL));
    return status == (CUstreamCaptureStatus)1;
}

static void *whether_captured(void *ret)
{
    use_context();
    *(bool *)ret = captured_ptsz();
    return NULL;
}

/* Up, twice the sum on a stream that forks off and joins again, down: in this thread's default stream. */
static CUgraphExec capture(CUstream fork, bool *ret_right)
{
    CUevent event = new_event();
    CUgraph graph;
    CUgraphExec exec;
    pthread_t other;
    bool before = captured_ptsz(), others = true;
    *ret_right = cuStreamBeginCapture_v2(NULL, (CUstreamCaptureMode)0) == (CUresult)CAPTURE_UNSUPPORTED && !before;
    OK(cuStreamBeginCapture_v2_ptsz(NULL, (CUstreamCaptureMode)0));
    pthread_create(&other, NULL, whether_captured, &others);
    pthread_join(other, NULL);
    *ret_right = *ret_right && captured_ptsz() && !others;
    OK(cuMemcpyHtoDAsync_v2_ptsz(x, source, BYTES, NULL));
    OK(cuEventRecord_ptsz(event, NULL));
    OK(cuStreamWaitEvent_ptsz(fork, event, 0));
    add_ptsz(x, x, y, fork);
    OK(cuEventRecord_ptsz(event, fork));
    OK(cuStreamWaitEvent_ptsz(NULL, event, 0));
    add_ptsz(y, y, z, NULL);
    OK(cuMemcpyDtoHAsync_v2_ptsz(target, z, BYTES, NULL));
    OK(cuStreamEndCapture_ptsz(NULL, &graph));
    OK(cuGraphInstantiateWithFlags(&exec, graph, 0));
    OK(cuGraphDestroy(graph));
    OK(cuEventDestroy_v2(event));
    return exec;
}

static void *with_held_stream(void *round)
{
    use_context();
    OK(cuLaunchHostFunc_ptsz(NULL, hold, round));
    OK(cuStreamSynchronize_ptsz(NULL));
    return NULL;
}

static bool launched_beside_a_held_one(CUgraphExec exec, int round)
{
    pthread_t other;
    pthread_create(&other, NULL, with_held_stream, (void *)(size_t)round);
    while (atomic_load(&holds) < round)
        sched_yield();
    fill(source, N, round);
    memset(target, 0, BYTES);
    OK(cuGraphUpload_ptsz(exec, NULL));
    OK(cuGraphLaunch_ptsz(exec, NULL));
    OK(cuStreamSynchronize_ptsz(NULL));
    bool right = filled(target, N, round, 4) && !atomic_load(&lost_patience);
    atomic_store(&may_go, round);
    pthread_join(other, NULL);
    return right;
}

/* The function; NULL when there is none, for the reason that is expected. */
static void *by_version(const char *symbol, int version, cuuint64_t flags, CUdriverProcAddressQueryResult expected)
{
    static char bad;
    void *address = &bad;
    CUdriverProcAddressQueryResult status;
    OK(cuGetProcAddress_v2(symbol, &address, version, flags, &status));
    check(symbol, status == expected && (address != NULL) == (expected == CU_GET_PROC_ADDRESS_SUCCESS));
    return address;
}

static void versions(void)
{
    const cuuint64_t legacy = CU_GET_PROC_ADDRESS_LEGACY_STREAM, own = CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM;
    by_version("cuFuncLoad", 12030, legacy, CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT);
    by_version("cuFuncLoad", 12040, legacy, CU_GET_PROC_ADDRESS_SUCCESS);
    by_version("cuStreamGetId", 11080, own, CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT);
    by_version("cuStreamGetId", 12000, own, CU_GET_PROC_ADDRESS_SUCCESS);
    by_version("cuNoSuchThing", 13000, own, CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND);
    void *of_11 = by_version("cuStreamGetCaptureInfo", 11030, legacy, CU_GET_PROC_ADDRESS_SUCCESS);
    void *of_12 = by_version("cuStreamGetCaptureInfo", 12030, legacy, CU_GET_PROC_ADDRESS_SUCCESS);
    void *own_of_11 = by_version("cuStreamGetCaptureInfo", 12020, own, CU_GET_PROC_ADDRESS_SUCCESS);
    void *own_of_12 = by_version("cuStreamGetCaptureInfo", 13000, own, CU_GET_PROC_ADDRESS_SUCCESS);
    check("four functions", of_11 != of_12 && own_of_11 != own_of_12 && of_11 != own_of_11 && of_12 != own_of_12);
}

int main(void)
{
    bool right, launched = true;
    start();
    x = device_floats(N);
    y = device_floats(N);
    z = device_floats(N);
    source = pinned_floats(N);
    target = pinned_floats(N);
    CUstream fork = new_stream(false);
    CUgraphExec exec = capture(fork, &right);
    check("this thread's default stream is captured, no other one", right);
    for (int round = 1; round <= ROUNDS; round++)
        launched = launched && launched_beside_a_held_one(exec, round);
    check("launched beside a stream that is held up", launched);
    OK(cuGraphExecDestroy(exec));
    versions();
    return wrong;
}
