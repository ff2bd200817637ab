/* SPDX-License-Identifier: Apache-2.0 */
/* What a launched graph does: sources on the host are read, and destinations written, at each launch; host functions
 * run once per launch, in their place; events recorded inside are seen outside; launches of one executable graph come
 * one behind the other on whatever streams, and are one op to other threads, also with host functions, which they do
 * not wait for; updates and destruction touch later launches only. Not on the soft driver, which has no graphs.
 *
 * Oracle: plain
 * Rule: 25
 * Seen to fail: in all four modes with and without the scheduler: sources are read at the capture ("sources" and five
 * more); other threads' ops come between ("one op to other threads"); an update changes nothing ("updates"); host
 * functions run at the capture ("host functions"); nodes run in the order in which they were made ("made by hand"). A
 * copy up does not wait for the copy down into its source: "down and up again" in async and replay. No order between
 * launches on several streams, or an event that the graph does not record: "launches on several streams", "events of
 * graphs" under both seeds tried in percall, async and replay. An event's node waits for host functions while the
 * launch keeps others out (so it was): "host functions of others" hangs in replay, the one mode tried. In mode plain,
 * the oracle, so that nothing else ran: a launch waits for its functions (so it was): it hangs at "functions that
 * wait"; it lets others in at its host nodes: "one op to other threads, with host functions"; it reads sources behind
 * them at the call: "host functions" and "functions that wait". */
#include "driver.h"

#include <pthread.h>

enum { N = 2000, BYTES = N * sizeof(float) };
static CUstream stream, other;
static CUevent event;
static CUdeviceptr x, y, z;
static float *source, *target, pageable[N], back[N];

static CUgraph end(CUstream on)
{
    CUgraph graph;
    OK(cuStreamEndCapture(on, &graph));
    return graph;
}

static void begin(CUstream on)
{
    OK(cuStreamBeginCapture_v2(on, (CUstreamCaptureMode)0));
}

static CUgraphExec executable(CUgraph graph)
{
    CUgraphExec exec;
    OK(cuGraphInstantiateWithFlags(&exec, graph, 0));
    OK(cuGraphDestroy(graph));
    return exec;
}

static bool sources(void)
{
    bool right = true;
    begin(stream);
    OK(cuMemcpyHtoDAsync_v2(x, source, BYTES, stream));
    OK(cuMemcpyHtoDAsync_v2(y, pageable, BYTES, stream));
    add(x, y, z, N, stream);
    OK(cuMemcpyDtoHAsync_v2(target, z, BYTES, stream));
    CUgraphExec exec = executable(end(stream));
    for (int i = 0; i < ROUNDS; i++) {
        fill(source, N, i);
        fill(pageable, N, i);
        memset(target, 0, BYTES);
        OK(cuGraphLaunch(exec, stream));
        OK(cuStreamSynchronize(stream));
        right = right && filled(target, N, i, 2);
    }
    OK(cuGraphExecDestroy(exec));
    return right;
}

/* Down and up again within one graph. */
static bool down_and_up(void)
{
    bool right = true;
    begin(stream);
    OK(cuMemcpyHtoDAsync_v2(x, source, BYTES, stream));
    add(x, x, x, N, stream);
    OK(cuMemcpyDtoHAsync_v2(target, x, BYTES, stream));
    OK(cuMemcpyHtoDAsync_v2(y, target, BYTES, stream));
    CUgraphExec exec = executable(end(stream));
    for (int i = 0; i < ROUNDS; i++) {
        fill(source, N, i);
        memset(target, 0, BYTES);
        OK(cuGraphLaunch(exec, stream));
        OK(cuMemcpyDtoHAsync_v2(back, y, BYTES, stream));
        OK(cuStreamSynchronize(stream));
        right = right && filled(back, N, i, 2);
    }
    OK(cuGraphExecDestroy(exec));
    return right;
}

static int n_called;
static bool in_place;

static void called(void *seen)
{
    const float *data = seen;
    n_called++;
    in_place = in_place && filled(data, N, n_called, 1);
    fill(source, N, 100 * n_called); /* for the copy up behind it */
}

static bool host_functions(void)
{
    bool right = in_place = true;
    n_called = 0;
    begin(stream);
    OK(cuMemcpyDtoHAsync_v2(target, x, BYTES, stream));
    OK(cuLaunchHostFunc(stream, called, target));
    OK(cuMemcpyHtoDAsync_v2(y, source, BYTES, stream));
    CUgraphExec exec = executable(end(stream));
    right = right && n_called == 0;
    for (int i = 1; i <= ROUNDS; i++) {
        fill(pageable, N, i);
        OK(cuMemcpyHtoDAsync_v2(x, pageable, BYTES, stream));
        OK(cuGraphLaunch(exec, stream));
        OK(cuMemcpyDtoHAsync_v2(back, y, BYTES, stream));
        OK(cuStreamSynchronize(stream));
        right = right && n_called == i && filled(back, N, 100 * i, 1);
    }
    OK(cuGraphExecDestroy(exec));
    return right && in_place;
}

static int go;

static void fill_when_told(void *round)
{
    while (__atomic_load_n(&go, __ATOMIC_ACQUIRE) < *(int *)round)
        sched_yield();
    fill(source, N, *(int *)round);
    fill(pageable, N, *(int *)round);
}

/* The function ends when the thread has gone on: neither the launch nor what is issued behind it waits. */
static bool functions_that_wait(void)
{
    bool right = true;
    static int round;
    begin(stream);
    OK(cuLaunchHostFunc(stream, fill_when_told, &round));
    OK(cuMemcpyHtoDAsync_v2(x, source, BYTES, stream));
    OK(cuMemcpyHtoDAsync_v2(y, pageable, BYTES, stream)); /* in a graph, it is read at its turn as well */
    add(x, y, z, N, stream);
    OK(cuMemcpyDtoHAsync_v2(target, z, BYTES, stream));
    CUgraphExec exec = executable(end(stream));
    for (int i = 1; i <= ROUNDS; i++) {
        round = i;
        memset(source, 0x55, BYTES);
        memset(pageable, 0x55, BYTES);
        OK(cuGraphLaunch(exec, stream));
        OK(cuMemcpyHtoDAsync_v2(x, target, BYTES, stream));
        add(x, z, x, N, stream);
        OK(cuMemcpyDtoHAsync_v2(source, x, BYTES, stream));
        OK(cuEventRecord(event, stream));
        right = right && cuEventQuery(event) == CUDA_ERROR_NOT_READY;
        __atomic_store_n(&go, i, __ATOMIC_RELEASE);
        OK(cuEventSynchronize(event));
        right = right && filled(target, N, i, 2) && filled(source, N, i, 4);
    }
    OK(cuGraphExecDestroy(exec));
    return right;
}

/* An event that the graph records is waited for outside of it; one that is recorded outside is waited for inside. */
static bool events(void)
{
    bool right = true;
    CUevent inside = new_event(), outside = new_event();
    begin(stream);
    OK(cuStreamWaitEvent(stream, outside, 1));
    add(x, x, y, N, stream);
    OK(cuEventRecordWithFlags(inside, stream, 1));
    CUgraphExec exec = executable(end(stream));
    for (int i = 0; i < ROUNDS; i++) {
        fill(pageable, N, i);
        OK(cuMemcpyHtoDAsync_v2(x, pageable, BYTES, other));
        OK(cuEventRecord(outside, other));
        OK(cuGraphLaunch(exec, stream));
        OK(cuStreamWaitEvent(other, inside, 0));
        OK(cuMemcpyDtoHAsync_v2(back, y, BYTES, other));
        OK(cuStreamSynchronize(other));
        right = right && filled(back, N, i, 2);
        while ((int)cuEventQuery(inside) == 600) {} /* not ready */
    }
    OK(cuGraphExecDestroy(exec));
    OK(cuEventDestroy_v2(inside));
    OK(cuEventDestroy_v2(outside));
    return right;
}

/* One executable graph on two streams that know nothing of each other: the launches do. */
static bool several_streams(void)
{
    bool right = true;
    begin(stream);
    add(x, x, x, N, stream);
    CUgraphExec exec = executable(end(stream));
    for (int i = 0; i < ROUNDS; i++) {
        fill(pageable, N, i);
        OK(cuMemcpyHtoD_v2(x, pageable, BYTES));
        CUstream mine = new_stream(false);
        for (int k = 0; k < 2; k++) {
            OK(cuGraphLaunch(exec, mine));
            OK(cuGraphLaunch(exec, other));
        }
        OK(cuGraphLaunch(exec, mine));
        OK(cuStreamDestroy_v2(mine)); /* its work goes on */
        OK(cuGraphLaunch(exec, stream));
        OK(cuMemcpyDtoHAsync_v2(back, x, BYTES, stream));
        OK(cuStreamSynchronize(stream));
        right = right && filled(back, N, i, 64);
    }
    OK(cuGraphExecDestroy(exec));
    return right;
}

static CUgraph adding(CUdeviceptr a, CUdeviceptr b, CUdeviceptr c)
{
    begin(stream);
    OK(cuMemcpyHtoDAsync_v2(x, source, BYTES, stream));
    add(a, b, c, N, stream);
    return end(stream);
}

static bool updates(void)
{
    bool right = true;
    CUgraph first = adding(x, x, y), same = adding(x, x, z), unlike;
    CUgraphExec exec;
    CUgraphExecUpdateResultInfo info;
    begin(stream);
    OK(cuMemsetD8Async(x, 0, N, stream));
    add(x, x, x, N, stream);
    unlike = end(stream);
    OK(cuGraphInstantiateWithFlags(&exec, first, 0));
    for (int i = 0; i < ROUNDS; i++) {
        fill(source, N, i);
        OK(cuGraphExecUpdate_v2(exec, first, &info));
        OK(cuGraphLaunch(exec, stream));
        fill(source, N, i + 50);                     /* read when launched */
        OK(cuGraphExecUpdate_v2(exec, same, &info)); /* a launch under way is not touched */
        OK(cuGraphLaunch(exec, stream));
        right = right && (int)cuGraphExecUpdate_v2(exec, unlike, &info) == 910 &&
                info.result == CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED && info.errorNode;
        OK(cuMemcpyDtoHAsync_v2(back, y, BYTES, stream));
        OK(cuMemcpyDtoHAsync_v2(target, z, BYTES, stream));
        OK(cuStreamSynchronize(stream));
        right = right && filled(back, N, i, 2) && filled(target, N, i + 50, 2);
    }
    /* one node, by its name in the graph */
    CUgraphNode nodes[2];
    size_t n = 2;
    unsigned count = N;
    OK(cuGraphGetNodes(first, nodes, &n));
    void *args[] = {&x, &z, &z, &count};
    CUDA_KERNEL_NODE_PARAMS params = {.func = vector_add_function,
                                      .gridDimX = (N + 127) / 128,
                                      .gridDimY = 1,
                                      .gridDimZ = 1,
                                      .blockDimX = 128,
                                      .blockDimY = 1,
                                      .blockDimZ = 1,
                                      .kernelParams = args};
    OK(cuGraphExecKernelNodeSetParams_v2(exec, nodes[1], &params));
    fill(source, N, 3);
    OK(cuMemcpyHtoDAsync_v2(z, source, BYTES, stream));
    OK(cuGraphLaunch(exec, stream));
    OK(cuMemcpyDtoHAsync_v2(back, z, BYTES, stream));
    OK(cuStreamSynchronize(stream));
    right = right && filled(back, N, 3, 2);
    right = right && (int)cuGraphExecKernelNodeSetParams_v2(exec, nodes[0], &params) == 1; /* is a copy */
    OK(cuGraphExecDestroy(exec));
    right = right && (int)cuGraphLaunch(exec, stream) == 1;
    OK(cuGraphDestroy(first));
    OK(cuGraphDestroy(same));
    OK(cuGraphDestroy(unlike));
    return right;
}

static bool destroyed_while_launched(void)
{
    bool right = true;
    for (int i = 0; i < ROUNDS; i++) {
        fill(source, N, i);
        CUgraphExec exec = executable(adding(x, x, y));
        OK(cuGraphLaunch(exec, stream));
        OK(cuGraphExecDestroy(exec));
        OK(cuMemcpyDtoHAsync_v2(back, y, BYTES, stream));
        OK(cuStreamSynchronize(stream));
        right = right && filled(back, N, i, 2);
    }
    return right;
}

/* Nodes by hand: p -> x; y = x + x and z = x + x side by side, z = y + z behind both; a child graph that doubles z; a
 * launch that is captured as a child. */
static bool by_hand(void)
{
    bool right = true;
    CUgraph graph, child, clone;
    CUgraphNode up, left, below, last, inner, found;
    unsigned count = N;
    void *make_y[] = {&x, &x, &y, &count}, *make_z[] = {&x, &x, &z, &count}, *sum[] = {&y, &z, &z, &count},
         *doubled[] = {&z, &z, &z, &count};
    CUDA_KERNEL_NODE_PARAMS params = {.func = vector_add_function,
                                      .gridDimX = (N + 127) / 128,
                                      .gridDimY = 1,
                                      .gridDimZ = 1,
                                      .blockDimX = 128,
                                      .blockDimY = 1,
                                      .blockDimZ = 1,
                                      .kernelParams = doubled};
    CUDA_MEMCPY3D copy = {.srcMemoryType = CU_MEMORYTYPE_HOST,
                          .srcHost = source,
                          .dstMemoryType = CU_MEMORYTYPE_DEVICE,
                          .dstDevice = x,
                          .WidthInBytes = BYTES,
                          .Height = 1,
                          .Depth = 1};
    OK(cuGraphCreate(&child, 0));
    OK(cuGraphAddKernelNode_v2(&inner, child, NULL, 0, &params));
    OK(cuGraphCreate(&graph, 0));
    params.kernelParams = sum; /* first made, last run */
    OK(cuGraphAddKernelNode_v2(&below, graph, NULL, 0, &params));
    OK(cuGraphAddMemcpyNode(&up, graph, NULL, 0, &copy, context));
    params.kernelParams = make_y;
    OK(cuGraphAddKernelNode_v2(&left, graph, &up, 1, &params));
    params.kernelParams = make_z;
    CUgraphNode aside, both[2];
    OK(cuGraphAddKernelNode_v2(&aside, graph, &up, 1, &params));
    both[0] = left;
    both[1] = aside;
    CUgraphNode to[2] = {below, below};
    OK(cuGraphAddDependencies_v2(graph, both, to, NULL, 2));
    right = right && (int)cuGraphAddDependencies_v2(graph, both, to, NULL, 1) == 1; /* is there */
    OK(cuGraphAddChildGraphNode(&last, graph, &below, 1, child));
    OK(cuGraphDestroy(child)); /* the node has a copy */
    OK(cuGraphClone(&clone, graph));
    OK(cuGraphNodeFindInClone(&found, below, clone));
    size_t n = 0, n_roots = 0, n_edges = 0;
    OK(cuGraphGetNodes(clone, NULL, &n));
    OK(cuGraphGetRootNodes(clone, NULL, &n_roots));
    OK(cuGraphGetEdges_v2(clone, NULL, NULL, NULL, &n_edges));
    right = right && n == 5 && n_roots == 1 && n_edges == 5;
    CUgraphNode circle_from = below, circle_to = up;
    OK(cuGraphAddDependencies_v2(graph, &circle_from, &circle_to, NULL, 1));
    CUgraphExec exec, outer;
    right = right && (int)cuGraphInstantiateWithFlags(&exec, graph, 0) == 1; /* a circle */
    OK(cuGraphDestroy(graph));
    exec = executable(clone);
    begin(stream);
    OK(cuGraphLaunch(exec, stream));
    add(z, z, z, N, stream);
    outer = executable(end(stream));
    for (int i = 0; i < ROUNDS; i++) {
        fill(source, N, i);
        OK(cuGraphLaunch(exec, stream));
        OK(cuMemcpyDtoHAsync_v2(back, z, BYTES, stream));
        OK(cuStreamSynchronize(stream));
        right = right && filled(back, N, i, 8);
        fill(source, N, i + 1);
        OK(cuGraphLaunch(outer, stream));
        OK(cuMemcpyDtoHAsync_v2(back, z, BYTES, stream));
        OK(cuStreamSynchronize(stream));
        right = right && filled(back, N, i + 1, 16);
    }
    OK(cuGraphExecDestroy(exec));
    OK(cuGraphExecDestroy(outer));
    return right;
}

static int stop;

static void *change(void *unused)
{
    (void)unused;
    use_context();
    for (int i = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); i++) {
        OK(cuMemsetD32Async(x, (unsigned)i, N, stream));
        if (i % 16 == 0)
            OK(cuStreamSynchronize(stream)); /* or the stream would get ever longer */
    }
    return NULL;
}

static void nothing(void *unused)
{
    (void)unused;
    for (int i = 0; i < 20; i++)
        sched_yield();
}

/* Another thread writes x on the same stream all the time, but never between the nodes of a launch. */
static bool one_op_to_others(bool with_functions)
{
    bool right = true;
    pthread_t thread;
    begin(stream);
    OK(cuMemcpyDtoDAsync_v2(y, x, BYTES, stream));
    for (int i = 0; i < 20; i++)
        OK(cuMemsetD8Async(z, 0, BYTES, stream));
    for (int i = 0; i < 3 && with_functions; i++) {
        OK(cuLaunchHostFunc(stream, nothing, NULL));
        OK(cuMemcpyHtoDAsync_v2(z, pageable, BYTES, stream));
    }
    OK(cuMemcpyDtoDAsync_v2(z, x, BYTES, stream));
    OK(cuMemcpyDtoHAsync_v2(source, y, BYTES, stream));
    OK(cuMemcpyDtoHAsync_v2(target, z, BYTES, stream));
    CUgraphExec exec = executable(end(stream));
    stop = 0;
    pthread_create(&thread, NULL, change, NULL);
    for (int i = 0; i < 8 * ROUNDS; i++) {
        OK(cuGraphLaunch(exec, stream));
        OK(cuStreamSynchronize(stream));
        right = right && memcmp(source, target, BYTES) == 0;
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    OK(cuGraphExecDestroy(exec));
    return right;
}

static bool stopped;
static int n_run, n_asked;

static void count_it(void *unused)
{
    (void)unused;
    __atomic_fetch_add(&n_run, 1, __ATOMIC_RELAXED);
}

static void *ask_for_functions(void *unused)
{
    use_context();
    do {
        OK(cuLaunchHostFunc(stream, count_it, NULL));
        __atomic_fetch_add(&n_asked, 1, __ATOMIC_RELAXED);
    } while (!__atomic_load_n(&stopped, __ATOMIC_RELAXED));
    return unused;
}

/* While a graph with events is being launched, another thread has host functions run on the same stream. */
static bool functions_of_others(void)
{
    enum { EVENTS = 40, LAUNCHES = 60 };
    pthread_t thread;
    begin(stream);
    for (int i = 0; i < EVENTS; i++) {
        OK(cuEventRecordWithFlags(event, stream, 1));
        OK(cuStreamWaitEvent(stream, event, 1));
    }
    CUgraphExec exec = executable(end(stream));
    if (pthread_create(&thread, NULL, ask_for_functions, NULL))
        return false;
    while (!__atomic_load_n(&n_asked, __ATOMIC_RELAXED))
        sched_yield();
    for (int i = 0; i < LAUNCHES; i++)
        OK(cuGraphLaunch(exec, stream));
    __atomic_store_n(&stopped, true, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    OK(cuStreamSynchronize(stream));
    OK(cuGraphExecDestroy(exec));
    return __atomic_load_n(&n_run, __ATOMIC_RELAXED) == n_asked;
}

int main(void)
{
    start();
    stream = new_stream(false);
    other = new_stream(false);
    event = new_event();
    x = device_floats(N);
    y = device_floats(N);
    z = device_floats(N);
    source = pinned_floats(N);
    target = pinned_floats(N);
    check("sources and destinations on the host, at each launch", sources());
    check("down and up again in one graph", down_and_up());
    check("host functions, once for each launch, in their place", host_functions());
    check("functions that wait for what is done after the launch", functions_that_wait());
    check("events of graphs, and events that graphs wait for", events());
    check("launches on several streams, one behind the other", several_streams());
    check("updates, from the next launch on", updates());
    check("destroyed while launched", destroyed_while_launched());
    check("made by hand, with a child", by_hand());
    check("one op to other threads", one_op_to_others(false));
    check("one op to other threads, with host functions", one_op_to_others(true));
    check("host functions of others meanwhile", functions_of_others());
    return wrong;
}
