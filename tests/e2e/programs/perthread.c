/* SPDX-License-Identifier: Apache-2.0 */
/* What nvcc makes of a program with --default-stream per-thread, by hand: the runtime's entry points _ptsz and _ptds.
 * While another thread's default stream is held up by a host function, everything on this one's goes on: all forms of
 * launches, copies, fills, symbols, graphs.
 *
 * Rule: 6
 * Seen to fail: in plain, percall, async and replay: all threads have one stream: "waits for another thread's stream"
 * is wrong; NULL stays the legacy stream: its capture is refused; the handle 1 is the thread's stream, too: the lines
 * about the legacy one; without a flag the entry point is the legacy one: "entry point, no flag". */
#include "hold.h"
#include "program.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { N = 4000, BYTES = N * sizeof(float), ROUNDS = 5 };

/* Described by name only. */
cudaError_t cudaMemcpy3D_ptds(const void *parameters);

static int wrong;

static void expect(const char *what, int got, int expected)
{
    printf("%s: %d%s\n", what, got, got == expected ? "" : ", WRONG");
    wrong |= got != expected;
}

static atomic_int n_callbacks;

static void *with_held_stream(void *round)
{
    OK(cudaLaunchHostFunc_ptsz(NULL, hold, round));
    OK(cudaStreamSynchronize_ptsz(NULL));
    return NULL;
}

static void called_back(cudaStream_t stream, cudaError_t status, void *data)
{
    (void)data;
    n_callbacks += stream == NULL && status == cudaSuccess;
}

/* c = a + b <<< >>>, by each of the ways in which compilers launch. */
static void launch(int way, const float *a, const float *b, float *c)
{
    unsigned n = N;
    void *args[] = {&a, &b, &c, &n};
    dim3 grid = {(N + 127) / 128, 1, 1}, block = {128, 1, 1};
    size_t shared_bytes = 0;
    cudaStream_t stream = NULL;
    cudaKernel_t kernel;
    cudaLaunchConfig_t config = {.gridDim = grid, .blockDim = block};
    switch (way) {
    case 0:
        OK(__cudaPushCallConfiguration(grid, block, 0, NULL));
        OK(__cudaPopCallConfiguration(&grid, &block, &shared_bytes, &stream));
        OK(cudaLaunchKernel_ptsz(&vector_add_stub, grid, block, args, shared_bytes, stream));
        break;
    case 1:
        OK(__cudaGetKernel(&kernel, &vector_add_stub));
        OK(__cudaPushCallConfiguration(grid, block, 0, NULL));
        OK(__cudaPopCallConfiguration(&grid, &block, &shared_bytes, &stream));
        OK(__cudaLaunchKernel_ptsz(kernel, grid, block, args, shared_bytes, stream));
        break;
    default:
        OK(cudaLaunchKernelExC_ptsz(&config, &vector_add_stub, args));
        break;
    }
}

/* A graph of one launch, captured in this thread's default stream. */
static cudaGraphExec_t capture(const float *a, const float *b, float *c)
{
    cudaGraph_t graph;
    cudaGraphExec_t exec;
    cudaStreamCaptureStatus before, inside;
    OK(cudaStreamIsCapturing_ptsz(NULL, &before));
    OK(cudaStreamBeginCapture_ptsz(NULL, (cudaStreamCaptureMode)0));
    OK(cudaStreamIsCapturing_ptsz(NULL, &inside));
    launch(0, a, b, c);
    OK(cudaStreamEndCapture_ptsz(NULL, &graph));
    OK(cudaGraphInstantiate(&exec, graph, 0));
    OK(cudaGraphDestroy(graph));
    expect("captures", before == 0 && inside == 1, 1);
    return exec;
}

static int all_are(const float *data, float value)
{
    for (int i = 0; i < N; i++)
        if (data[i] != value)
            return 0;
    return 1;
}

typedef CUresult get_id(CUstream stream, unsigned long long *id);

static unsigned long long id_by(unsigned long long flags)
{
    void *address = NULL;
    get_id *function;
    unsigned long long id = 0;
    OK(cudaGetDriverEntryPointByVersion_ptsz("cuStreamGetId", &address, 12000, flags, NULL));
    memcpy(&function, &address, sizeof address);
    OK(function(NULL, &id));
    return id;
}

int main(void)
{
    static float in[N], out[N];
    int table[64], n_right = 0, n_idle = 0, n_symbols = 0;
    float *x[3], *y, *z;
    unsigned long long own, named, legacy;
    unsigned flags = 9;
    register_kernels();
    OK(cudaMalloc((void **)&y, BYTES));
    OK(cudaMalloc((void **)&z, BYTES));
    cudaGraphExec_t exec = capture(y, y, z);
    for (int round = 1; round <= ROUNDS; round++) {
        pthread_t other;
        pthread_create(&other, NULL, with_held_stream, (void *)(size_t)round);
        while (atomic_load(&holds) < round)
            sched_yield();
        for (int i = 0; i < N; i++)
            in[i] = (float)round;
        for (int way = 0; way < 3; way++) {
            OK(cudaMallocAsync_ptsz((void **)&x[way], BYTES, NULL));
            OK(cudaMemcpy_ptds(x[way], in, BYTES, cudaMemcpyHostToDevice));
            OK(cudaMemset_ptds(y, 0, BYTES));
            launch(way, x[way], x[way], y);
            OK(cudaGraphLaunch_ptsz(exec, NULL));
            OK(cudaMemcpy2D_ptds(out, 1000, z, 1000, 1000, BYTES / 1000, cudaMemcpyDeviceToHost));
            n_right += all_are(out, (float)(4 * round));
        }
        table[3] = round;
        OK(cudaMemcpyToSymbol_ptds(&table_shadow, &table[3], sizeof(int), 12, cudaMemcpyHostToDevice));
        OK(cudaMemcpyFromSymbol_ptds(table, &table_shadow, sizeof table, 0, cudaMemcpyDeviceToHost));
        n_symbols += table[0] == 7 && table[3] == round;
        OK(cudaStreamSynchronize_ptsz(NULL));
        n_idle += cudaStreamQuery_ptsz(NULL) == cudaSuccess;
        OK(cudaStreamAddCallback_ptsz(NULL, called_back, NULL, 0));
        OK(cudaStreamSynchronize_ptsz(NULL));
        atomic_store(&may_go, round);
        pthread_join(other, NULL);
        for (int way = 0; way < 3; way++)
            OK(cudaFreeAsync_ptsz(x[way], NULL)); /* not while a function has not run: docs/limits.md */
    }
    expect("sums", n_right, 3 * ROUNDS);
    expect("symbols", n_symbols, ROUNDS);
    expect("queries of an idle stream", n_idle, ROUNDS);
    expect("callbacks", n_callbacks, ROUNDS);
    expect("waits for another thread's stream", atomic_load(&lost_patience), 0);

    OK(cudaStreamGetId_ptsz(NULL, &own));
    OK(cudaStreamGetId((cudaStream_t)2, &named));
    OK(cudaStreamGetId_ptsz((cudaStream_t)1, &legacy));
    OK(cudaStreamGetFlags_ptsz(NULL, &flags));
    expect("NULL is the per-thread default stream", own == named, 1);
    expect("the handle 1 is the legacy one", legacy != own, 1);
    expect("its flags", (int)flags, 0);
    expect("entry point, no flag", id_by(0) == own, 1);
    expect("entry point, legacy", id_by(1) == legacy, 1);
    expect("entry point, per thread", id_by(2) == own, 1);
    expect("what is not supported", (int)cudaMemcpy3D_ptds(NULL), cudaErrorNotSupported);
    OK(cudaGraphExecDestroy(exec));
    unregister_kernels();
    return wrong;
}
