/* SPDX-License-Identifier: Apache-2.0 */
/* An application that times its own calls, as `rrto run -- application` makes them: through the door, the entry, the
 * front end and issue(). Inferences of a copy in, batches of calls, a copy out; the batches are what is timed. Prints
 * "threads subject p50 p99" in ns per call for bench/replay, which see. `calls SUBJECT` makes only calls of that kind,
 * for profilers. */
#include "base/clock.h"

#include "gen/api_cublas.h"
#include "gen/api_cudart.h"
#include "gen/api_cudnn.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 64, BATCHES = 4 /* of each subject in an inference */, WARM_UP = 120, INFERENCES = 300 };
enum { N_SAMPLES = INFERENCES * BATCHES, LARGE = 992 };

#define OK(call)                                                                                                       \
    do {                                                                                                               \
        int ok_result = (int)(call);                                                                                   \
        if (ok_result != 0) {                                                                                          \
            fprintf(stderr, "%s = %d\n", #call, ok_result);                                                            \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

/* --- kernels: registered as the compiler's start-up code does it. The soft GPU has a body for the name --- */

#define PTX(parameters)                                                                                                \
    ".version 7.0\n.target sm_52\n.address_size 64\n.visible .entry vector_add(.param .u64 a, .param .u64 b, "         \
    ".param .u64 c, .param .u32 n, " parameters ")\n{\n    ret;\n}\n"

struct fatbin {
    struct {
        uint32_t magic;
        uint16_t version, header_bytes;
        uint64_t n_bytes;
    } header;
    struct {
        uint16_t kind, version;
        uint32_t header_bytes, payload_bytes, zero, compressed_bytes, options;
        uint16_t minor, major;
        uint32_t capability, name_offset, name_bytes;
        uint64_t flags, reserved, uncompressed_bytes;
    } entry;
    char payload[256];
};

static cudaKernel_t register_kernel(const char *ptx, const char *stub)
{
    struct fatbin *fatbin = calloc(1, sizeof *fatbin);
    struct wrapper {
        uint32_t magic, version;
        const void *data;
        void *reserved;
    } *wrapper = calloc(1, sizeof *wrapper);
    if (!fatbin || !wrapper)
        exit(1);
    *wrapper = (struct wrapper){.magic = 0x466243b1, .version = 1, .data = fatbin};
    fatbin->header.magic = 0xba55ed50;
    fatbin->header.version = 1;
    fatbin->header.header_bytes = sizeof fatbin->header;
    fatbin->header.n_bytes = sizeof *fatbin - sizeof fatbin->header;
    fatbin->entry.kind = 1; /* PTX */
    fatbin->entry.version = 0x101;
    fatbin->entry.header_bytes = sizeof fatbin->entry;
    fatbin->entry.payload_bytes = sizeof fatbin->payload;
    fatbin->entry.major = 7;
    fatbin->entry.capability = 52;
    strcpy(fatbin->payload, ptx);
    void **module = __cudaRegisterFatBinary(wrapper);
    __cudaRegisterFunction(module, stub, NULL, "vector_add", -1, NULL, NULL, NULL, NULL, NULL);
    __cudaRegisterFatBinaryEnd(module);
    cudaKernel_t kernel;
    OK(__cudaGetKernel(&kernel, stub));
    return kernel;
}

static const char small_stub, large_stub;
static cudaKernel_t small_kernel, large_kernel;

/* --- a convolution plan, as PyTorch makes it --- */

static cudnnBackendDescriptor_t descriptor(cudnnBackendDescriptorType_t type)
{
    cudnnBackendDescriptor_t made = NULL;
    OK(cudnnBackendCreateDescriptor(type, &made));
    return made;
}

static void set(cudnnBackendDescriptor_t on, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                int64_t n, const void *values)
{
    OK(cudnnBackendSetAttribute(on, name, type, n, values));
}

static cudnnBackendDescriptor_t tensor(int64_t uid, int64_t n, int64_t c, int64_t h, int64_t w)
{
    cudnnBackendDescriptor_t made = descriptor(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    const int64_t alignment = 16, dims[] = {n, c, h, w}, strides[] = {c * h * w, h * w, w, 1};
    const cudnnDataType_t type = CUDNN_DATA_FLOAT;
    set(made, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type);
    set(made, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, dims);
    set(made, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, strides);
    set(made, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &uid);
    set(made, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1, &alignment);
    OK(cudnnBackendFinalize(made));
    return made;
}

static cudnnBackendDescriptor_t convolution(void)
{
    cudnnBackendDescriptor_t made = descriptor(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
    const int64_t two = 2, ones[] = {1, 1}, zeroes[] = {0, 0};
    const cudnnDataType_t type = CUDNN_DATA_FLOAT;
    const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
    set(made, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, 1, &two);
    set(made, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type);
    set(made, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode);
    set(made, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, 2, zeroes);
    set(made, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, 2, zeroes);
    set(made, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, 2, ones);
    set(made, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, 2, ones);
    OK(cudnnBackendFinalize(made));
    return made;
}

static cudnnBackendDescriptor_t graph(cudnnHandle_t handle)
{
    cudnnBackendDescriptor_t conv = convolution(), x = tensor('x', 1, 3, 8, 8), w = tensor('w', 4, 3, 3, 3),
                             y = tensor('y', 1, 4, 6, 6),
                             operation = descriptor(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR),
                             made = descriptor(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    const float alpha = 1, beta = 0;
    set(operation, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, CUDNN_TYPE_FLOAT, 1, &alpha);
    set(operation, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, CUDNN_TYPE_FLOAT, 1, &beta);
    set(operation, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &conv);
    set(operation, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &x);
    set(operation, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &w);
    set(operation, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &y);
    OK(cudnnBackendFinalize(operation));
    set(made, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle);
    set(made, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &operation);
    OK(cudnnBackendFinalize(made));
    return made;
}

static cudnnBackendDescriptor_t plan(cudnnHandle_t handle)
{
    cudnnBackendDescriptor_t over = graph(handle), heuristic = descriptor(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR),
                             config = descriptor(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR),
                             made = descriptor(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    const cudnnBackendHeurMode_t mode = CUDNN_HEUR_MODE_INSTANT;
    int64_t n = 0;
    set(heuristic, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &over);
    set(heuristic, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
    OK(cudnnBackendFinalize(heuristic));
    OK(cudnnBackendGetAttribute(heuristic, CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &n,
                                &config));
    set(made, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle);
    set(made, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &config);
    OK(cudnnBackendFinalize(made));
    return made;
}

static cudnnBackendDescriptor_t variables(char *memory)
{
    cudnnBackendDescriptor_t made = descriptor(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    const int64_t uids[] = {'x', 'y', 'w'};
    void *pointers[] = {memory, memory + 4096, memory + 8192}, *workspace = memory + 65536;
    set(made, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, 3, pointers);
    set(made, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, 3, uids);
    set(made, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace);
    OK(cudnnBackendFinalize(made));
    return made;
}

/* --- subjects --- */

static struct {
    char *memory;
    cublasHandle_t blas;
    cudnnHandle_t dnn;
    cudnnBackendDescriptor_t plan, variables;
} gpu;

/* What an application pays for a call of anything in a library. */
__attribute__((noinline)) static int plain_function(cudaKernel_t kernel, dim3 grid, dim3 block, void **args)
{
    __asm__ volatile("" : : "r"(kernel), "r"(args), "r"(grid.x), "r"(block.x) : "memory");
    return 0;
}
static int (*volatile plain_call)(cudaKernel_t, dim3, dim3, void **) = plain_function;

static const dim3 grid = {100, 1, 1}, block = {128, 1, 1};

/* A batch of calls, not one like the other. Returns its ns. */
#define BATCH_OF(name, prepare, call)                                                                                  \
    static uint64_t name(void)                                                                                         \
    {                                                                                                                  \
        prepare;                                                                                                       \
        uint64_t start = rrto_now_ns();                                                                                \
        for (unsigned i = 0; i < BATCH; i++) {                                                                         \
            call;                                                                                                      \
            __asm__ volatile("" : : : "memory");                                                                       \
        }                                                                                                              \
        return rrto_now_ns() - start;                                                                                  \
    }
#define SMALL_ARGS                                                                                                     \
    char *p = gpu.memory;                                                                                              \
    unsigned n = 0;                                                                                                    \
    void *args[] = {&p, &p, &p, &n, &p, &p}
#define LARGE_ARGS                                                                                                     \
    static char parameters[LARGE];                                                                                     \
    char *p = gpu.memory;                                                                                              \
    unsigned n = 0;                                                                                                    \
    void *args[] = {&p, &p, &p, &n, &n, parameters}

BATCH_OF(empty_loop, int device, device = 0; (void)device)
BATCH_OF(plain, SMALL_ARGS, p += 64; plain_call(small_kernel, grid, block, args))
BATCH_OF(door, , __asm__ volatile("" : : "r"(cudaGetErrorString(cudaSuccess))))
BATCH_OF(answered_here, int device = 0, OK(cudaGetDevice(&device)))
BATCH_OF(launch_small, SMALL_ARGS, p += 64; OK(__cudaLaunchKernel(small_kernel, grid, block, args, 0, NULL)))
BATCH_OF(launch_by_stub, SMALL_ARGS, p += 64; OK(cudaLaunchKernel(&small_stub, grid, block, args, 0, NULL)))
BATCH_OF(launch_large, LARGE_ARGS, parameters[8] = (char)i;
         OK(__cudaLaunchKernel(large_kernel, grid, block, args, 0, NULL)))
BATCH_OF(execute, , OK(cudnnBackendExecute(gpu.dnn, gpu.plan, gpu.variables)))
BATCH_OF(gemm, const float one = 1;
         float *p = (float *)(void *)gpu.memory,
         OK(cublasSgemm_v2(gpu.blas, CUBLAS_OP_N, CUBLAS_OP_N, 16, 16, 16, &one, p + i, 16, p, 16, &one, p + 4096, 16)))

static const struct {
    const char *name;
    uint64_t (*batch)(void);
} subjects[] = {
    {"empty-loop", empty_loop},    {"plain-call", plain},
    {"cudaGetErrorString", door},  {"cudaGetDevice", answered_here},
    {"launch-48B", launch_small},  {"launch-48B-stub", launch_by_stub},
    {"launch-1KiB", launch_large}, {"cudnnBackendExecute", execute},
    {"cublasSgemm", gemm},
};
enum { N_SUBJECTS = sizeof subjects / sizeof subjects[0] };

/* --- inferences --- */

static uint64_t samples[N_SUBJECTS][N_SAMPLES];

static int compare(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static const char *only; /* subject; NULL: all of them */

/* Each begins with another subject: two threads that wait for the same server wake up together, and whatever came first
 * would always be what the other thread's calls are in the way of. */
static void inference(unsigned number)
{
    static char input[4096], output[1024];
    input[0] = (char)number;
    OK(cudaMemcpyAsync(gpu.memory, input, sizeof input, cudaMemcpyHostToDevice, NULL));
    OK(cudaStreamSynchronize(NULL));
    for (unsigned i = 0; i < N_SUBJECTS; i++) {
        unsigned s = (i + number) % N_SUBJECTS;
        for (unsigned b = 0; b < BATCHES && (!only || strcmp(only, subjects[s].name) == 0); b++) {
            uint64_t ns = subjects[s].batch();
            if (number >= WARM_UP)
                samples[s][(number - WARM_UP) * BATCHES + b] = ns;
        }
    }
    OK(cudaMemcpyAsync(output, gpu.memory, sizeof output, cudaMemcpyDeviceToHost, NULL));
    OK(cudaStreamSynchronize(NULL));
}

/* Another thread's inferences: a copy in, launches, a copy out, as fast as they go. */
static bool stop;
static void *other_thread(void *memory)
{
    char bytes[1024] = {0}, *p = memory;
    unsigned n = 0;
    void *args[] = {&p, &p, &p, &n, &p, &p};
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        OK(cudaMemcpyAsync(memory, bytes, sizeof bytes, cudaMemcpyHostToDevice, NULL));
        for (unsigned i = 0; i < 300; i++)
            OK(__cudaLaunchKernel(small_kernel, grid, block, args, 0, NULL));
        OK(cudaMemcpyAsync(bytes, memory, sizeof bytes, cudaMemcpyDeviceToHost, NULL));
        OK(cudaStreamSynchronize(NULL));
    }
    return NULL;
}

static void measure(unsigned threads)
{
    pthread_t other;
    __atomic_store_n(&stop, false, __ATOMIC_RELAXED);
    if (threads > 1)
        OK(pthread_create(&other, NULL, other_thread, gpu.memory + (1 << 20)));
    for (unsigned i = 0; i < WARM_UP + INFERENCES; i++)
        inference(i);
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    if (threads > 1)
        OK(pthread_join(other, NULL));
    double empty = 0;
    for (unsigned s = 0; s < N_SUBJECTS; s++) {
        qsort(samples[s], N_SAMPLES, sizeof samples[s][0], compare);
        double p50 = (double)samples[s][N_SAMPLES / 2] / BATCH, p99 = (double)samples[s][N_SAMPLES * 99 / 100] / BATCH;
        if (s == 0)
            empty = p50;
        printf("%u %s %.1f %.1f\n", threads, subjects[s].name, s ? p50 - empty : p50, s ? p99 - empty : p99);
    }
}

int main(int argc, char **argv)
{
    only = argc > 1 ? argv[1] : NULL;
    small_kernel = register_kernel(PTX(".param .u64 e, .param .u64 f"), &small_stub);              /* 48 bytes */
    large_kernel = register_kernel(PTX(".param .u32 e, .param .align 8 .b8 f[992]"), &large_stub); /* 1 KiB */
    OK(cudaMalloc((void **)&gpu.memory, 2 << 20));
    OK(cublasCreate_v2(&gpu.blas));
    OK(cudnnCreate(&gpu.dnn));
    gpu.plan = plan(gpu.dnn);
    gpu.variables = variables(gpu.memory);
    for (unsigned times = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 1; times > 0; times--)
        measure(1);
    if (!only)
        measure(2);
    return 0;
}
