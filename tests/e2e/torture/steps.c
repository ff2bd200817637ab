/* SPDX-License-Identifier: Apache-2.0 */
/* What each kind of step does: one to a dozen calls. */
#include "steps.h"

#define PER_THREAD ((CUstream)(void *)2)

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static unsigned elements(const struct step *step, unsigned most)
{
    return 1 + step->size % most;
}

static struct buffer *buffer_of(struct machine *m, const struct step *step, int i)
{
    return &m->buffers[step->buffers[i]];
}

/* Up from pageable memory, which is overwritten as soon as the call is back. */
static void up_pageable(struct machine *m, const struct step *step, struct rng *data)
{
    float host[MAX_FLOATS];
    struct buffer *to = buffer_of(m, step, 0);
    unsigned n = elements(step, to->n);
    bool synchronous = step->choice & 1;
    buffer_take(m, to, synchronous ? 0 : step->stream);
    fill(host, n, data);
    if (synchronous)
        OK(cuMemcpyHtoD_v2(to->at, host, n * sizeof(float)));
    else
        OK(cuMemcpyHtoDAsync_v2(to->at, host, n * sizeof(float), m->streams[step->stream]));
    memset(host, 0xee, n * sizeof(float));
    if (step->choice & 2)
        OK(cuStreamSynchronize(m->streams[step->stream]));
}

static void up_pinned(struct machine *m, const struct step *step, struct rng *data)
{
    struct pinned *from = &m->pinned[step->pinned];
    struct buffer *to = buffer_of(m, step, 0);
    unsigned n = elements(step, least(to->n, from->n));
    pinned_settle(m, from, step->choice);
    fill(from->at, n, data);
    buffer_take(m, to, step->stream);
    pinned_take(m, from, step->stream);
    OK(cuMemcpyHtoDAsync_v2(to->at, from->at, n * sizeof(float), m->streams[step->stream]));
}

static void down_pageable(struct machine *m, const struct step *step, struct rng *data)
{
    (void)data;
    float host[MAX_FLOATS];
    struct buffer *from = buffer_of(m, step, 0);
    unsigned n = elements(step, from->n);
    bool synchronous = step->choice & 1;
    buffer_take(m, from, synchronous ? 0 : step->stream);
    if (synchronous) {
        OK(cuMemcpyDtoH_v2(host, from->at, n * sizeof(float)));
    } else {
        OK(cuMemcpyDtoHAsync_v2(host, from->at, n * sizeof(float), m->streams[step->stream]));
        OK(cuStreamSynchronize(m->streams[step->stream]));
    }
    see(m, host, n * sizeof(float));
}

/* Read later, when somebody needs the page-locked memory. */
static void down_pinned(struct machine *m, const struct step *step, struct rng *data)
{
    (void)data;
    struct pinned *to = &m->pinned[step->pinned];
    struct buffer *from = buffer_of(m, step, 0);
    unsigned n = elements(step, least(from->n, to->n));
    pinned_settle(m, to, step->choice);
    buffer_take(m, from, step->stream);
    pinned_take(m, to, step->stream);
    OK(cuMemcpyDtoHAsync_v2(to->at, from->at, n * sizeof(float), m->streams[step->stream]));
    to->unread = true;
    if (step->choice & 1)
        pinned_settle(m, to, step->choice);
}

/* Down into page-locked memory and up from it again; the host does not wait in between. */
static void through_pinned(struct machine *m, const struct step *step, struct rng *data)
{
    (void)data;
    struct pinned *by = &m->pinned[step->pinned];
    struct buffer *from = buffer_of(m, step, 0), *to = buffer_of(m, step, 1);
    unsigned n = elements(step, least(least(from->n, to->n), by->n));
    int second = (int)(step->choice % N_STREAMS);
    pinned_settle(m, by, step->choice);
    buffer_take(m, from, step->stream);
    pinned_take(m, by, step->stream);
    OK(cuMemcpyDtoHAsync_v2(by->at, from->at, n * sizeof(float), m->streams[step->stream]));
    by->unread = true;
    pinned_take(m, by, second);
    buffer_take(m, to, second);
    OK(cuMemcpyHtoDAsync_v2(to->at, by->at, n * sizeof(float), m->streams[second]));
}

static void on_device(struct machine *m, const struct step *step, struct rng *data)
{
    (void)data;
    struct buffer *from = buffer_of(m, step, 0), *to = buffer_of(m, step, 1);
    if (from == to)
        return;
    unsigned n = elements(step, least(from->n, to->n));
    buffer_take(m, from, step->stream);
    buffer_take(m, to, step->stream);
    OK(cuMemcpyDtoDAsync_v2(to->at, from->at, n * sizeof(float), m->streams[step->stream]));
}

static void set(struct machine *m, const struct step *step, struct rng *data)
{
    struct buffer *to = buffer_of(m, step, 0);
    unsigned n = elements(step, to->n);
    int stream = step->choice % 4 == 0 ? 0 : step->stream;
    buffer_take(m, to, stream);
    if (step->choice % 4 == 0)
        OK(cuMemsetD8_v2(to->at, 0x3f, n * sizeof(float)));
    else if (step->choice % 4 == 1)
        OK(cuMemsetD8Async(to->at, 0x3e, n * sizeof(float), m->streams[stream]));
    else
        OK(cuMemsetD32Async(to->at, 0x3f800000 + (rng_below(data, 4) << 21), n, m->streams[stream]));
}

static void add(struct machine *m, const struct step *step, struct rng *data)
{
    struct buffer *a = buffer_of(m, step, 0), *b = buffer_of(m, step, 1), *c = buffer_of(m, step, 2);
    unsigned n = elements(step, least(least(a->n, b->n), c->n));
    buffer_take(m, a, step->stream);
    buffer_take(m, b, step->stream);
    buffer_take(m, c, step->stream);
    launch_add(m->add, a->at, b->at, c->at, n, data, m->streams[step->stream]);
    if (step->choice % 3 == 0) /* a chain, as layers make one */
        for (unsigned i = 0; i < 4; i++)
            launch_add(m->add, c->at, i & 1 ? a->at : b->at, c->at, n - i % n, data, m->streams[step->stream]);
}

/* Small whole numbers into both factors: the product is exact wherever and however it is summed. */
static unsigned factors(struct machine *m, const struct step *step, struct rng *data)
{
    struct buffer *a = buffer_of(m, step, 0), *b = buffer_of(m, step, 1), *c = buffer_of(m, step, 2);
    float host[64];
    unsigned n = 2 + step->size % 7;
    for (int i = 0; i < 3; i++)
        buffer_take(m, buffer_of(m, step, i), step->stream);
    fill(host, 64, data);
    OK(cuMemcpyHtoDAsync_v2(a->at, host, n * n * sizeof(float), m->streams[step->stream]));
    OK(cuMemsetD32Async(b->at, 0x40000000, n * n, m->streams[step->stream]));
    OK(cuMemsetD32Async(c->at, 0x3f800000, n * n, m->streams[step->stream]));
    return n;
}

static void gemm(struct machine *m, const struct step *step, struct rng *data)
{
    if (buffer_of(m, step, 0) == buffer_of(m, step, 2) || buffer_of(m, step, 1) == buffer_of(m, step, 2))
        return;
    int n = (int)factors(m, step, data);
    float alpha = (float)(1 + rng_below(data, 3)), beta = (float)(step->choice & 1);
    OK(cublasSetStream_v2(m->blas, (cudaStream_t)m->streams[step->stream]));
    OK(cublasSgemm_v2(m->blas, step->choice & 2 ? CUBLAS_OP_T : CUBLAS_OP_N, CUBLAS_OP_N, n, n, n, &alpha,
                      (const float *)buffer_of(m, step, 0)->at, n, (const float *)buffer_of(m, step, 1)->at, n, &beta,
                      (float *)buffer_of(m, step, 2)->at, n));
    alpha = beta = -77;     /* were read at the call */
    if (step->choice & 4) { /* a result on the host */
        float sum;
        OK(cublasSasum_v2(m->blas, n * n, (const float *)buffer_of(m, step, 2)->at, 1, &sum));
        see(m, &sum, sizeof sum);
    }
}

/* Descriptors on the heap or on the stack, which is overwritten afterwards. */
static void matmul(struct machine *m, const struct step *step, struct rng *data)
{
    if (buffer_of(m, step, 0) == buffer_of(m, step, 2) || buffer_of(m, step, 1) == buffer_of(m, step, 2))
        return;
    unsigned n = factors(m, step, data);
    float alpha = (float)(1 + rng_below(data, 3)), beta = 0;
    int32_t transpose = step->choice & 1 ? CUBLAS_OP_T : CUBLAS_OP_N;
    cublasLtMatmulDescOpaque_t own_desc;
    cublasLtMatrixLayoutOpaque_t own_layout;
    cublasLtMatmulDesc_t desc = &own_desc;
    cublasLtMatrixLayout_t layout = &own_layout;
    bool heap = step->choice & 2;
    if (heap) {
        OK(cublasLtMatmulDescCreate(&desc, CUBLAS_COMPUTE_32F, CUDA_R_32F));
        OK(cublasLtMatrixLayoutCreate(&layout, CUDA_R_32F, n, n, (int64_t)n));
    } else {
        OK(cublasLtMatmulDescInit_internal(desc, sizeof *desc, CUBLAS_COMPUTE_32F, CUDA_R_32F));
        OK(cublasLtMatrixLayoutInit_internal(layout, sizeof *layout, CUDA_R_32F, n, n, (int64_t)n));
    }
    OK(cublasLtMatmulDescSetAttribute(desc, CUBLASLT_MATMUL_DESC_TRANSA, &transpose, sizeof transpose));
    cublasLtMatmulHeuristicResult_t found = {0};
    if (step->choice & 4) {
        cublasLtMatmulPreference_t preference;
        int n_found = 0;
        OK(cublasLtMatmulPreferenceCreate(&preference));
        OK(cublasLtMatmulAlgoGetHeuristic(m->lt, desc, layout, layout, layout, layout, preference, 1, &found,
                                          &n_found));
        OK(cublasLtMatmulPreferenceDestroy(preference));
        OK(n_found == 1 ? 0 : 1);
    }
    void *c = (void *)buffer_of(m, step, 2)->at;
    OK(cublasLtMatmul(m->lt, desc, &alpha, (const void *)buffer_of(m, step, 0)->at, layout,
                      (const void *)buffer_of(m, step, 1)->at, layout, &beta, c, layout, c, layout,
                      step->choice & 4 ? &found.algo : NULL, NULL, 0, (cudaStream_t)m->streams[step->stream]));
    if (heap) {
        OK(cublasLtMatmulDescDestroy(desc));
        OK(cublasLtMatrixLayoutDestroy(layout));
    } else {
        memset(&own_desc, 0xcc, sizeof own_desc);
        memset(&own_layout, 0xcc, sizeof own_layout);
    }
}

/* Memory that lives for this step only. */
static void temporary(struct machine *m, const struct step *step, struct rng *data)
{
    struct buffer *a = buffer_of(m, step, 0), *b = buffer_of(m, step, 1);
    unsigned n = elements(step, least(a->n, b->n));
    CUstream stream = m->streams[step->stream];
    CUdeviceptr between;
    bool ordered = step->choice & 1;
    buffer_take(m, a, step->stream);
    buffer_take(m, b, step->stream);
    OK(ordered ? cuMemAllocAsync(&between, n * sizeof(float), stream) : cuMemAlloc_v2(&between, n * sizeof(float)));
    OK(cuMemsetD32Async(between, 0x3f000000, n, stream));
    launch_add(m->add, a->at, between, between, n, data, stream);
    if (step->choice & 2)
        launch_add(m->add, between, between, b->at, n, data, stream);
    else
        OK(cuMemcpyDtoDAsync_v2(b->at, between, n * sizeof(float), stream));
    OK(ordered ? cuMemFreeAsync(between, stream) : cuMemFree_v2(between));
}

/* A module that lives for this step only. */
static void other_module(struct machine *m, const struct step *step, struct rng *data)
{
    struct buffer *a = buffer_of(m, step, 0), *b = buffer_of(m, step, 1);
    CUmodule module;
    CUfunction function;
    buffer_take(m, a, step->stream);
    buffer_take(m, b, step->stream);
    load_module(&module, &function, (unsigned)(step->choice % 3));
    launch_add(function, a->at, b->at, b->at, elements(step, least(a->n, b->n)), data, m->streams[step->stream]);
    OK(cuStreamSynchronize(m->streams[step->stream]));
    OK(cuModuleUnload(module));
}

/* A stream that lives for this step only. */
static void other_stream(struct machine *m, const struct step *step, struct rng *data)
{
    struct buffer *a = buffer_of(m, step, 0), *b = buffer_of(m, step, 1);
    CUevent event = m->events[m->next_event++ % N_EVENTS];
    CUstream stream;
    buffer_take(m, a, step->stream);
    buffer_take(m, b, step->stream);
    OK(cuStreamCreate(&stream, step->choice & 1 ? CU_STREAM_NON_BLOCKING : CU_STREAM_DEFAULT));
    OK(cuEventRecord(event, m->streams[step->stream]));
    OK(cuStreamWaitEvent(stream, event, 0));
    launch_add(m->add, a->at, b->at, a->at, elements(step, least(a->n, b->n)), data, stream);
    OK(cuEventRecord(event, stream));
    OK(cuStreamWaitEvent(m->streams[step->stream], event, 0));
    OK(cuStreamDestroy_v2(stream));
}

/* The calling thread's own default stream: used and waited for by the same thread. */
static void own_stream(struct machine *m, const struct step *step, struct rng *data)
{
    struct buffer *a = buffer_of(m, step, 0);
    float host[MAX_FLOATS];
    unsigned n = elements(step, a->n);
    if (a->user != NOBODY)
        stream_settle(m, a->user, step->choice);
    fill(host, n, data);
    OK(cuMemcpyHtoDAsync_v2(a->at, host, n * sizeof(float), PER_THREAD));
    launch_add(m->add, a->at, a->at, a->at, n, data, PER_THREAD);
    if (step->choice & 1) {
        OK(cuMemcpyDtoHAsync_v2(host, a->at, n * sizeof(float), PER_THREAD));
        OK(cuStreamSynchronize(PER_THREAD));
        see(m, host, n * sizeof(float));
    }
    OK(cuStreamSynchronize(PER_THREAD));
    a->user = NOBODY;
}

static void wait_for_stream(struct machine *m, const struct step *step, struct rng *data)
{
    (void)data;
    stream_settle(m, step->stream, step->choice);
}

static void read_pinned(struct machine *m, const struct step *step, struct rng *data)
{
    (void)data;
    pinned_settle(m, &m->pinned[step->pinned], step->choice);
}

static const struct kind {
    const char *name;
    unsigned weight;
    void (*run)(struct machine *m, const struct step *step, struct rng *data);
} kinds[] = {
    {"up-pageable", 4, up_pageable},
    {"up-pinned", 3, up_pinned},
    {"down-pageable", 3, down_pageable},
    {"down-pinned", 3, down_pinned},
    {"through-pinned", 2, through_pinned},
    {"on-device", 2, on_device},
    {"set", 2, set},
    {"add", 8, add},
    {"gemm", 3, gemm},
    {"matmul", 2, matmul},
    {"temporary", 3, temporary},
    {"other-module", 1, other_module},
    {"other-stream", 1, other_stream},
    {"own-stream", 2, own_stream},
    {"wait", 1, wait_for_stream},
    {"read-pinned", 1, read_pinned},
};
enum { N_KINDS = sizeof kinds / sizeof kinds[0] };

struct step step_make(struct rng *rng, int n_threads)
{
    struct step step = {0};
    unsigned total = 0, pick;
    for (unsigned i = 0; i < N_KINDS; i++)
        total += kinds[i].weight;
    pick = rng_below(rng, total);
    while (pick >= kinds[step.kind].weight)
        pick -= kinds[step.kind++].weight;
    for (int i = 0; i < 3; i++)
        step.buffers[i] = (int)rng_below(rng, N_BUFFERS);
    step.pinned = (int)rng_below(rng, N_PINNED);
    step.stream = rng_below(rng, 2) ? 0 : (int)rng_below(rng, N_STREAMS);
    step.thread = rng_below(rng, 3) ? 0 : (int)rng_below(rng, (unsigned)n_threads);
    step.size = (unsigned)rng_next(rng) >> 1;
    step.choice = rng_next(rng);
    return step;
}

const char *step_name(const struct step *step)
{
    return kinds[step->kind].name;
}

void step_run(struct machine *m, const struct step *step, struct rng *data)
{
    kinds[step->kind].run(m, step, data);
}
