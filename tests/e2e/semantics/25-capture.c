/* SPDX-License-Identifier: Apache-2.0 */
/* The state machine of stream capture: what may be done meanwhile, by whom, and which code says that it may not; what
 * an illegal call leaves behind; fork and join by events. The codes are those of CUDA's documentation; where it is
 * silent, what docs/limits.md says. Not on the soft driver, which has no graphs.
 *
 * Oracle: plain
 * Rule: 25
 * Seen to fail: each in all four modes, with and without the scheduler: a refused call leaves the capture valid
 * ("synchronise, query"); unjoined work is not looked for ("a fork that does not come back"); any thread may end a
 * capture ("who may end"); global captures forbid other threads nothing ("modes"); ops are issued as well as captured
 * ("fork and join"); the legacy stream may be used beside a blocking one ("the legacy stream"); a join forgets the
 * other stream's nodes (ends at once: 904). */
#include "driver.h"

#include <pthread.h>

enum { N = 1000, BYTES = N * sizeof(float) };
enum {
    ILLEGAL_STATE = 401,
    UNSUPPORTED = 900,
    INVALIDATED,
    MERGE,
    UNMATCHED,
    UNJOINED,
    ISOLATION,
    IMPLICIT,
    CAPTURED,
    WRONG_THREAD
};
enum { GLOBAL, THREAD_LOCAL, RELAXED };
static CUstream stream, other, blocking;
static CUevent event, second;
static CUdeviceptr x, y, z;
static float *pinned, back[N];

#define IS(call, code) is((int)(call), (code), #call, __LINE__)
static bool good;

static void is(int result, int code, const char *call, int line)
{
    if (result != code)
        printf("line %d: %s = %d, not %d\n", line, call, result, code);
    good = good && result == code;
}

static void done(const char *what)
{
    check(what, good);
    good = true;
}

static void begin(CUstream on, int mode)
{
    OK(cuStreamBeginCapture_v2(on, (CUstreamCaptureMode)mode));
}

/* The capture ends with this code, and the stream is as good as new. */
static void ends(CUstream on, int code)
{
    CUgraph graph = (CUgraph)(void *)&good;
    CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_ACTIVE;
    IS(cuStreamEndCapture(on, &graph), code);
    good = good && (code == 0) == (graph != NULL);
    if (graph)
        IS(cuGraphDestroy(graph), 0);
    IS(cuStreamIsCapturing(on, &status), 0);
    good = good && status == CU_STREAM_CAPTURE_STATUS_NONE;
    IS(cuStreamSynchronize(on), 0);
}

static void states(void)
{
    CUgraph graph;
    CUstreamCaptureStatus status;
    cuuint64_t id = 0, last = 0;
    const CUgraphNode *dependencies;
    size_t n = 9;
    IS(cuStreamBeginCapture_v2(NULL, (CUstreamCaptureMode)0), UNSUPPORTED);
    IS(cuStreamBeginCapture_v2(stream, (CUstreamCaptureMode)3), 1);
    IS(cuStreamEndCapture(stream, &graph), ILLEGAL_STATE);
    begin(stream, GLOBAL);
    IS(cuStreamBeginCapture_v2(stream, (CUstreamCaptureMode)0), ILLEGAL_STATE);
    IS(cuStreamGetCaptureInfo_v2(stream, &status, &id, &graph, &dependencies, &n), 0);
    good = good && status == CU_STREAM_CAPTURE_STATUS_ACTIVE && graph && n == 0;
    IS(cuGraphDestroy(graph), 1);
    add(x, x, x, N, stream);
    IS(cuStreamGetCaptureInfo_v2(stream, &status, &last, &graph, &dependencies, &n), 0);
    CUgraphNodeType type;
    good = good && last == id && n == 1;
    IS(cuGraphNodeGetType(dependencies[0], &type), 0);
    good = good && type == CU_GRAPH_NODE_TYPE_KERNEL;
    IS(cuStreamIsCapturing(other, &status), 0);
    good = good && status == CU_STREAM_CAPTURE_STATUS_NONE;
    ends(stream, 0);
    begin(stream, GLOBAL);
    IS(cuStreamGetCaptureInfo_v2(stream, &status, &last, NULL, NULL, NULL), 0);
    good = good && last != id;
    ends(stream, 0);
    done("states, ids, dependencies");
}

/* Each makes a capture invalid; what comes then on its streams is refused, until it is ended. */
static void illegal(void)
{
    CUstreamCaptureStatus status;
    begin(stream, GLOBAL);
    IS(cuStreamSynchronize(stream), UNSUPPORTED);
    IS(cuStreamIsCapturing(stream, &status), 0);
    good = good && status == CU_STREAM_CAPTURE_STATUS_INVALIDATED;
    IS(cuMemsetD8Async(x, 1, N, stream), INVALIDATED);
    IS(cuStreamSynchronize(stream), INVALIDATED);
    ends(stream, INVALIDATED);
    begin(stream, RELAXED);
    IS(cuStreamQuery(stream), UNSUPPORTED);
    ends(stream, INVALIDATED);
    begin(stream, RELAXED);
    IS(cuCtxSynchronize(), UNSUPPORTED);
    ends(stream, INVALIDATED);
    begin(stream, RELAXED);
    CUdeviceptr some;
    IS(cuMemAllocAsync(&some, 100, stream), 801); /* memory nodes: ours to refuse */
    ends(stream, INVALIDATED);
    done("synchronise, query, device synchronise");
}

static void events(void)
{
    CUgraph graph;
    begin(stream, RELAXED);
    OK(cuEventRecord(event, other)); /* elsewhere */
    IS(cuStreamWaitEvent(stream, event, 0), ISOLATION);
    ends(stream, INVALIDATED);

    begin(stream, RELAXED);
    add(x, x, x, N, stream);
    OK(cuEventRecord(event, stream));
    IS(cuEventQuery(event), CAPTURED);
    ends(stream, INVALIDATED);
    IS(cuEventSynchronize(event), CAPTURED);
    IS(cuStreamWaitEvent(other, event, 0), CAPTURED);
    OK(cuEventRecord(event, other));
    IS(cuEventSynchronize(event), 0);
    done("events recorded elsewhere, asked about, after the capture");

    begin(stream, RELAXED);
    begin(other, RELAXED);
    add(x, x, x, N, other);
    OK(cuEventRecord(event, other));
    IS(cuStreamWaitEvent(stream, event, 0), MERGE);
    ends(stream, INVALIDATED);
    ends(other, INVALIDATED);
    done("two captures cannot merge");

    begin(stream, RELAXED);
    add(x, x, x, N, stream);
    OK(cuEventRecord(event, stream));
    IS(cuStreamWaitEvent(other, event, 0), 0);
    add(y, y, y, N, other);
    IS(cuStreamEndCapture(stream, &graph), UNJOINED);
    good = good && !graph;
    IS(cuStreamSynchronize(other), 0);
    IS(cuStreamSynchronize(stream), 0);
    done("a fork that does not come back");

    begin(stream, RELAXED);
    OK(cuEventRecord(event, stream));
    IS(cuStreamWaitEvent(other, event, 0), 0);
    IS(cuStreamEndCapture(other, &graph), UNMATCHED);
    good = good && !graph;
    ends(stream, INVALIDATED);
    done("ended in another stream");

    OK(cuEventRecord(event, other));
    IS(cuEventRecordWithFlags(event, stream, 1), 1);
    IS(cuStreamWaitEvent(stream, event, 1), 1);
    done("external means nothing outside");
}

static void legacy(void)
{
    CUstreamCaptureStatus status;
    begin(blocking, RELAXED);
    IS(cuStreamIsCapturing(NULL, &status), IMPLICIT);
    add(x, x, x, N, blocking);
    ends(blocking, 0); /* asking has not invalidated it */
    begin(blocking, RELAXED);
    IS(cuMemsetD8Async(x, 1, N, NULL), IMPLICIT);
    ends(blocking, INVALIDATED);
    begin(blocking, RELAXED);
    IS(cuMemcpyHtoD_v2(x, back, BYTES), IMPLICIT);
    ends(blocking, INVALIDATED);
    begin(blocking, RELAXED);
    IS(cuStreamSynchronize(NULL), IMPLICIT);
    ends(blocking, INVALIDATED);
    begin(stream, RELAXED);
    OK(cuEventRecord(event, stream));
    IS(cuStreamWaitEvent(NULL, event, 0), IMPLICIT);
    ends(stream, INVALIDATED);
    begin(stream, GLOBAL); /* does not order with the legacy stream */
    IS(cuMemsetD8Async(x, 1, N, NULL), 0);
    ends(stream, 0);
    done("the legacy stream beside captured ones");
}

static int result_of_thread;

static void *end_elsewhere(void *unused)
{
    CUgraph graph = NULL;
    (void)unused;
    use_context();
    result_of_thread = (int)cuStreamEndCapture(stream, &graph);
    if (graph)
        OK(cuGraphDestroy(graph));
    return NULL;
}

static void *allocate_elsewhere(void *mode)
{
    CUdeviceptr some;
    use_context();
    if (mode)
        OK(cuThreadExchangeStreamCaptureMode(mode));
    result_of_thread = (int)cuMemAlloc_v2(&some, 100);
    if (!result_of_thread)
        OK(cuMemFree_v2(some));
    return NULL;
}

static void *launch_elsewhere(void *unused)
{
    (void)unused;
    use_context();
    add(x, x, y, N, stream);
    return NULL;
}

static int elsewhere(void *(*function)(void *), void *argument)
{
    pthread_t thread;
    pthread_create(&thread, NULL, function, argument);
    pthread_join(thread, NULL);
    return result_of_thread;
}

static void threads(void)
{
    CUdeviceptr some;
    CUgraph graph;
    size_t n = 0;
    begin(stream, THREAD_LOCAL);
    IS(elsewhere(end_elsewhere, NULL), WRONG_THREAD);
    ends(stream, 0);
    begin(stream, RELAXED);
    IS(elsewhere(end_elsewhere, NULL), 0);
    begin(stream, THREAD_LOCAL);
    elsewhere(launch_elsewhere, NULL); /* captured like any */
    OK(cuStreamEndCapture(stream, &graph));
    OK(cuGraphGetNodes(graph, NULL, &n));
    good = good && n == 1;
    OK(cuGraphDestroy(graph));
    done("threads: who may end, who may add");

    begin(stream, GLOBAL);
    IS(cuMemAlloc_v2(&some, 100), UNSUPPORTED);
    ends(stream, INVALIDATED);
    begin(stream, GLOBAL);
    IS(elsewhere(allocate_elsewhere, NULL), UNSUPPORTED);
    ends(stream, INVALIDATED);
    CUstreamCaptureMode mode = (CUstreamCaptureMode)THREAD_LOCAL;
    begin(stream, GLOBAL);
    IS(elsewhere(allocate_elsewhere, &mode), 0);
    good = good && (int)mode == GLOBAL;
    ends(stream, 0);
    begin(stream, THREAD_LOCAL);
    IS(elsewhere(allocate_elsewhere, NULL), 0);
    IS(cuMemFreeHost(pinned), UNSUPPORTED);
    ends(stream, INVALIDATED);
    begin(stream, GLOBAL);
    IS(cuMemcpyDtoH_v2(back, x, BYTES), UNSUPPORTED);
    ends(stream, INVALIDATED);
    OK(cuEventRecord(event, other));
    begin(stream, GLOBAL);
    IS(cuEventQuery(event), UNSUPPORTED);
    ends(stream, INVALIDATED);
    begin(stream, GLOBAL);
    mode = (CUstreamCaptureMode)RELAXED;
    OK(cuThreadExchangeStreamCaptureMode(&mode));
    IS(cuMemAlloc_v2(&some, 100), 0);
    IS(cuMemFree_v2(some), 0);
    OK(cuThreadExchangeStreamCaptureMode(&mode));
    good = good && (int)mode == RELAXED;
    IS(cuMemAlloc_v2(&some, 100), UNSUPPORTED);
    ends(stream, INVALIDATED);
    begin(stream, RELAXED);
    IS(cuMemAlloc_v2(&some, 100), 0);
    IS(cuMemFree_v2(some), 0);
    ends(stream, 0);
    done("threads: modes");
}

/* Nothing runs while it is captured; a diamond over two streams runs as it was captured. */
static void fork_and_join(int round)
{
    CUgraph graph;
    CUgraphExec exec;
    size_t n = 0, n_edges = 0;
    static float zero[N];
    OK(cuMemcpyHtoD_v2(z, zero, BYTES));
    fill(pinned, N, round);
    begin(stream, GLOBAL);
    OK(cuMemcpyHtoDAsync_v2(x, pinned, BYTES, stream)); /* x = p */
    OK(cuEventRecord(event, stream));
    OK(cuStreamWaitEvent(other, event, 0));
    add(x, x, y, N, stream); /* y = 2p */
    add(x, x, z, N, other);  /* z = 2p */
    add(z, x, z, N, other);  /* z = 3p */
    OK(cuEventRecord(second, other));
    OK(cuStreamWaitEvent(stream, second, 0));
    add(y, z, z, N, stream); /* z = 5p */
    OK(cuStreamEndCapture(stream, &graph));
    OK(cuGraphGetNodes(graph, NULL, &n));
    OK(cuGraphGetEdges_v2(graph, NULL, NULL, NULL, &n_edges));
    OK(cuMemcpyDtoH_v2(back, z, BYTES));
    good = good && n == 5 && n_edges == 5 && memcmp(back, zero, BYTES) == 0;
    OK(cuGraphInstantiateWithFlags(&exec, graph, 0));
    OK(cuGraphDestroy(graph));
    OK(cuGraphLaunch(exec, other));
    OK(cuMemcpyDtoHAsync_v2(back, z, BYTES, other));
    OK(cuStreamSynchronize(other));
    good = good && filled(back, N, round, 5);
    OK(cuGraphExecDestroy(exec));
}

int main(void)
{
    good = true;
    start();
    stream = new_stream(false);
    other = new_stream(false);
    blocking = new_stream(true);
    event = new_event();
    second = new_event();
    x = device_floats(N);
    y = device_floats(N);
    z = device_floats(N);
    pinned = pinned_floats(N);
    states();
    illegal();
    events();
    legacy();
    threads();
    for (int i = 0; i < ROUNDS; i++)
        fork_and_join(i);
    done("fork and join");
    return wrong;
}
