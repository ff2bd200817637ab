/* SPDX-License-Identifier: Apache-2.0 */
/* The objects of a torture program, and the order between the streams that use them. */
#include "machine.h"

CUcontext context;

/* A valid module on a real GPU, too. */
static const char add_ptx[] =
    ".version 7.0\n.target sm_52\n.address_size 64\n"
    ".visible .entry vector_add(.param .u64 a, .param .u64 b, .param .u64 c, .param .align 8 .b8 n[24])\n"
    "{\n"
    "    .reg .pred %p<2>;\n    .reg .f32 %f<4>;\n    .reg .b32 %r<6>;\n    .reg .b64 %rd<11>;\n"
    "    ld.param.u64 %rd1, [a];\n    ld.param.u64 %rd2, [b];\n    ld.param.u64 %rd3, [c];\n"
    "    ld.param.u32 %r2, [n];\n"
    "    mov.u32 %r3, %ctaid.x;\n    mov.u32 %r4, %ntid.x;\n    mov.u32 %r5, %tid.x;\n"
    "    mad.lo.s32 %r1, %r3, %r4, %r5;\n"
    "    setp.ge.u32 %p1, %r1, %r2;\n    @%p1 bra DONE;\n"
    "    cvta.to.global.u64 %rd4, %rd1;\n    mul.wide.u32 %rd5, %r1, 4;\n    add.s64 %rd6, %rd4, %rd5;\n"
    "    cvta.to.global.u64 %rd7, %rd2;\n    add.s64 %rd8, %rd7, %rd5;\n"
    "    ld.global.f32 %f1, [%rd6];\n    ld.global.f32 %f2, [%rd8];\n    add.f32 %f3, %f1, %f2;\n"
    "    cvta.to.global.u64 %rd9, %rd3;\n    add.s64 %rd10, %rd9, %rd5;\n    st.global.f32 [%rd10], %f3;\n"
    "DONE:\n    ret;\n}\n";

void machine_start(void)
{
    OK(cuInit(0));
    OK(cuDevicePrimaryCtxRetain(&context, 0));
    OK(cuCtxSetCurrent(context));
}

void load_module(CUmodule *ret_module, CUfunction *ret_function, unsigned variant)
{
    char text[sizeof add_ptx + 64];
    snprintf(text, sizeof text, "%s// %u\n", add_ptx, variant);
    OK(cuModuleLoadData(ret_module, text));
    OK(cuModuleGetFunction(ret_function, *ret_module, "vector_add"));
}

void launch_add(CUfunction function, CUdeviceptr a, CUdeviceptr b, CUdeviceptr c, unsigned n, struct rng *garbage,
                CUstream stream)
{
    struct {
        CUdeviceptr a, b, c;
        uint32_t n, padding[5];
    } block = {a, b, c, n, {0}};
    for (unsigned i = 0; i < 5; i++)
        block.padding[i] = (uint32_t)rng_next(garbage);
    unsigned grid = (n + 127) / 128;
    if (rng_below(garbage, 2)) {
        void *args[] = {&block.a, &block.b, &block.c, &block.n};
        OK(cuLaunchKernel(function, grid, 1, 1, 128, 1, 1, 0, stream, args, NULL));
    } else { /* the block as a whole: CU_LAUNCH_PARAM_BUFFER_POINTER, _SIZE, _END */
        size_t n_block = sizeof block;
        void *extra[] = {(void *)1, &block, (void *)2, &n_block, (void *)0};
        OK(cuLaunchKernel(function, grid, 1, 1, 128, 1, 1, 0, stream, NULL, extra));
    }
}

void fill(float *data, unsigned n, struct rng *rng)
{
    uint64_t base = rng_next(rng);
    unsigned stride = 1 + (unsigned)(base >> 60);
    for (unsigned i = 0; i < n; i++)
        data[i] = (float)(((unsigned)base + i * stride) % 61u) - 20.0f;
}

void see(struct machine *m, const void *data, size_t n_bytes)
{
    uint64_t hash = m->seen;
    for (size_t i = 0; i < n_bytes; i++)
        hash = (hash ^ ((const uint8_t *)data)[i]) * UINT64_C(1099511628211);
    m->seen = hash;
    m->n_values++;
}

static void hop(struct machine *m, int *user, int stream)
{
    if (*user != NOBODY && *user != stream) {
        CUevent event = m->events[m->next_event++ % N_EVENTS];
        OK(cuEventRecord(event, m->streams[*user]));
        OK(cuStreamWaitEvent(m->streams[stream], event, 0));
    }
    *user = stream;
}

void buffer_take(struct machine *m, struct buffer *buffer, int stream)
{
    hop(m, &buffer->user, stream);
}

void pinned_take(struct machine *m, struct pinned *pinned, int stream)
{
    hop(m, &pinned->user, stream);
}

void stream_settle(struct machine *m, int stream, uint64_t way)
{
    CUevent event = m->events[m->next_event++ % N_EVENTS];
    CUresult result;
    switch (way % 5) {
    case 0:
        OK(cuCtxSynchronize());
        break;
    case 1:
        OK(cuEventRecord(event, m->streams[stream]));
        OK(cuEventSynchronize(event));
        break;
    case 2:
        OK(cuEventRecord(event, m->streams[stream]));
        while ((result = cuEventQuery(event)) == CUDA_ERROR_NOT_READY) {}
        OK(result);
        break;
    case 3:
        while ((result = cuStreamQuery(m->streams[stream])) == CUDA_ERROR_NOT_READY) {}
        OK(result);
        break;
    default:
        OK(cuStreamSynchronize(m->streams[stream]));
        break;
    }
}

void pinned_settle(struct machine *m, struct pinned *pinned, uint64_t way)
{
    if (pinned->user != NOBODY)
        stream_settle(m, pinned->user, way);
    pinned->user = NOBODY;
    if (pinned->unread)
        see(m, pinned->at, pinned->n * sizeof(float));
    pinned->unread = false;
}

static void buffer_create(struct buffer *buffer, struct rng *rng)
{
    static const unsigned sizes[] = {64, 200, 256, 700, 1024, 5000};
    buffer->n = sizes[rng_below(rng, sizeof sizes / sizeof sizes[0])];
    OK(cuMemAlloc_v2(&buffer->at, buffer->n * sizeof(float)));
    OK(cuMemsetD8Async(buffer->at, (unsigned char)(0x3d + rng_below(rng, 4)), buffer->n * sizeof(float), NULL));
    buffer->user = 0;
}

void buffer_replace(struct machine *m, struct buffer *buffer, struct rng *rng)
{
    (void)m;
    struct buffer made; /* before the old one goes, or its place would be taken again */
    if (rng_below(rng, 2)) {
        buffer_create(&made, rng);
        OK(cuMemFree_v2(buffer->at));
    } else {
        OK(cuMemFree_v2(buffer->at));
        buffer_create(&made, rng);
    }
    *buffer = made;
}

void module_reload(struct machine *m, struct rng *rng)
{
    OK(cuCtxSynchronize());
    if (rng_below(rng, 2)) {
        OK(cuModuleUnload(m->module));
        load_module(&m->module, &m->add, 0);
    } else {
        CUmodule old = m->module;
        load_module(&m->module, &m->add, rng_below(rng, 2));
        OK(cuModuleUnload(old));
    }
}

void stream_replace(struct machine *m, int stream)
{
    if (stream == 0)
        return;
    OK(cuStreamSynchronize(m->streams[stream]));
    for (int i = 0; i < N_BUFFERS; i++)
        if (m->buffers[i].user == stream)
            m->buffers[i].user = NOBODY;
    for (int i = 0; i < N_PINNED; i++)
        if (m->pinned[i].user == stream)
            m->pinned[i].user = NOBODY;
    OK(cuStreamDestroy_v2(m->streams[stream]));
    OK(cuStreamCreate(&m->streams[stream], stream == 1 ? CU_STREAM_DEFAULT : CU_STREAM_NON_BLOCKING));
}

void event_replace(struct machine *m, unsigned event)
{
    OK(cuEventDestroy_v2(m->events[event]));
    OK(cuEventCreate(&m->events[event], 2));
}

void blas_replace(struct machine *m)
{
    OK(cuCtxSynchronize());
    OK(cublasDestroy_v2(m->blas));
    OK(cublasCreate_v2(&m->blas));
}

void machine_create(struct machine *m, struct rng *rng)
{
    memset(m, 0, sizeof *m);
    m->seen = UINT64_C(1469598103934665603);
    for (int i = 1; i < N_STREAMS; i++)
        OK(cuStreamCreate(&m->streams[i], i == 1 ? CU_STREAM_DEFAULT : CU_STREAM_NON_BLOCKING));
    for (int i = 0; i < N_EVENTS; i++)
        OK(cuEventCreate(&m->events[i], 2)); /* without times */
    load_module(&m->module, &m->add, 0);
    OK(cublasCreate_v2(&m->blas));
    OK(cublasLtCreate(&m->lt));
    for (int i = 0; i < N_BUFFERS; i++)
        buffer_create(&m->buffers[i], rng);
    for (int i = 0; i < N_PINNED; i++) {
        struct pinned *pinned = &m->pinned[i];
        pinned->n = 64u << rng_below(rng, 5);
        pinned->user = NOBODY;
        pinned->registered = i == 0;
        if (pinned->registered) {
            pinned->at = malloc(pinned->n * sizeof(float));
            OK(pinned->at ? 0 : 1);
            OK(cuMemHostRegister_v2(pinned->at, pinned->n * sizeof(float), 0));
        } else {
            OK(cuMemHostAlloc((void **)&pinned->at, pinned->n * sizeof(float), 0));
        }
        fill(pinned->at, pinned->n, rng);
    }
}

void machine_destroy(struct machine *m)
{
    static float host[MAX_FLOATS];
    OK(cuCtxSynchronize());
    for (int i = 0; i < N_PINNED; i++) {
        struct pinned *pinned = &m->pinned[i];
        see(m, pinned->at, pinned->n * sizeof(float));
        if (pinned->registered) {
            OK(cuMemHostUnregister(pinned->at));
            free(pinned->at);
        } else {
            OK(cuMemFreeHost(pinned->at));
        }
    }
    for (int i = 0; i < N_BUFFERS; i++) {
        OK(cuMemcpyDtoH_v2(host, m->buffers[i].at, m->buffers[i].n * sizeof(float)));
        see(m, host, m->buffers[i].n * sizeof(float));
        OK(cuMemFree_v2(m->buffers[i].at));
    }
    OK(cublasLtDestroy(m->lt));
    OK(cublasDestroy_v2(m->blas));
    OK(cuModuleUnload(m->module));
    for (int i = 0; i < N_EVENTS; i++)
        OK(cuEventDestroy_v2(m->events[i]));
    for (int i = 1; i < N_STREAMS; i++)
        OK(cuStreamDestroy_v2(m->streams[i]));
}
