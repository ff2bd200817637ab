/* SPDX-License-Identifier: Apache-2.0 */
/* copy_launch_copy LAUNCHES FRAMES: an inference as a remoting library sees it, with nothing else around it, on the
 * CUDA driver API. A frame copies 602,112 fresh random bytes to the device, launches so many kernels (sums of 1,000
 * floats), copies 4,000 bytes back, all synchronous. Prints JSON: microseconds of each frame and of its launches. With
 * --check the results are compared with this machine's own sums. Knows nothing of rrto. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef int CUdevice;
typedef unsigned long long CUdeviceptr;
typedef struct CUctx_st *CUcontext;
typedef struct CUmod_st *CUmodule;
typedef struct CUfunc_st *CUfunction;
typedef struct CUstream_st *CUstream;
int cuInit(unsigned int flags);
int cuDeviceGet(CUdevice *device, int ordinal);
int cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device);
int cuCtxSetCurrent(CUcontext context);
int cuModuleLoadData(CUmodule *module, const void *image);
int cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name);
int cuMemAlloc_v2(CUdeviceptr *address, size_t n_bytes);
int cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t n_bytes);
int cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t n_bytes);
int cuLaunchKernel(CUfunction function, unsigned int grid_x, unsigned int grid_y, unsigned int grid_z,
                   unsigned int block_x, unsigned int block_y, unsigned int block_z, unsigned int shared_bytes,
                   CUstream stream, void **params, void **extra);

enum { INPUT_BYTES = 602112, OUTPUT_BYTES = 4000, N = OUTPUT_BYTES / sizeof(float), BLOCK = 256, SHIFTS = 64 };

static const char module_text[] = ".version 7.0\n.target sm_52\n.address_size 64\n"
                                  ".visible .entry vector_add(\n"
                                  "    .param .u64 a, .param .u64 b, .param .u64 c, .param .u32 n)\n"
                                  "{\n"
                                  "    .reg .pred %p<2>;\n"
                                  "    .reg .f32 %f<4>;\n"
                                  "    .reg .b32 %r<6>;\n"
                                  "    .reg .b64 %rd<8>;\n"
                                  "    ld.param.u64 %rd1, [a];\n"
                                  "    ld.param.u64 %rd2, [b];\n"
                                  "    ld.param.u64 %rd3, [c];\n"
                                  "    ld.param.u32 %r1, [n];\n"
                                  "    mov.u32 %r2, %ctaid.x;\n"
                                  "    mov.u32 %r3, %ntid.x;\n"
                                  "    mov.u32 %r4, %tid.x;\n"
                                  "    mad.lo.s32 %r5, %r2, %r3, %r4;\n"
                                  "    setp.ge.u32 %p1, %r5, %r1;\n"
                                  "    @%p1 bra DONE;\n"
                                  "    mul.wide.u32 %rd4, %r5, 4;\n"
                                  "    add.s64 %rd5, %rd1, %rd4;\n"
                                  "    add.s64 %rd6, %rd2, %rd4;\n"
                                  "    add.s64 %rd7, %rd3, %rd4;\n"
                                  "    ld.global.f32 %f1, [%rd5];\n"
                                  "    ld.global.f32 %f2, [%rd6];\n"
                                  "    add.f32 %f3, %f1, %f2;\n"
                                  "    st.global.f32 [%rd7], %f3;\n"
                                  "DONE:\n"
                                  "    ret;\n"
                                  "}\n";

#define OK(call)                                                                                                       \
    do {                                                                                                               \
        int ok_result = (call);                                                                                        \
        if (ok_result != 0) {                                                                                          \
            fprintf(stderr, "%s = %d\n", #call, ok_result);                                                            \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

static CUfunction vector_add;
static CUdeviceptr input_on_device, output_on_device;
static uint64_t input[INPUT_BYTES / sizeof(uint64_t)];
static float output[N];

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void set_up(void)
{
    CUdevice device;
    CUcontext context;
    CUmodule module;
    OK(cuInit(0));
    OK(cuDeviceGet(&device, 0));
    OK(cuDevicePrimaryCtxRetain(&context, device));
    OK(cuCtxSetCurrent(context));
    OK(cuModuleLoadData(&module, module_text));
    OK(cuModuleGetFunction(&vector_add, module, "vector_add"));
    OK(cuMemAlloc_v2(&input_on_device, INPUT_BYTES));
    OK(cuMemAlloc_v2(&output_on_device, OUTPUT_BYTES));
}

/* xorshift64 (Marsaglia 2003). */
static void fresh_input(void)
{
    static uint64_t state = 88172645463325252;
    for (size_t i = 0; i < sizeof input / sizeof input[0]; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        input[i] = state;
    }
}

/* Sums of what lies at the i-th place of the input and at its end. */
static void launch(unsigned i)
{
    CUdeviceptr a = input_on_device + (CUdeviceptr)(i % SHIFTS) * OUTPUT_BYTES;
    CUdeviceptr b = input_on_device + INPUT_BYTES - OUTPUT_BYTES;
    unsigned n = N;
    void *params[] = {&a, &b, &output_on_device, &n};
    OK(cuLaunchKernel(vector_add, (N + BLOCK - 1) / BLOCK, 1, 1, BLOCK, 1, 1, 0, NULL, params, NULL));
}

static void check(unsigned n_launches)
{
    float a[N], b[N];
    const char *bytes = (const char *)input;
    memcpy(a, bytes + (size_t)((n_launches - 1) % SHIFTS) * OUTPUT_BYTES, sizeof a);
    memcpy(b, bytes + INPUT_BYTES - OUTPUT_BYTES, sizeof b);
    for (int i = 0; i < N; i++) {
        float sum = a[i] + b[i];
        if (memcmp(&sum, &output[i], sizeof sum) != 0 && sum == sum) { /* one NaN is as good as another */
            fprintf(stderr, "result %d is wrong\n", i);
            exit(1);
        }
    }
}

static void print(const char *name, const double *values, unsigned n, const char *end)
{
    printf("\"%s\": [", name);
    for (unsigned i = 0; i < n; i++)
        printf("%s%.1f", i ? ", " : "", values[i]);
    printf("]%s", end);
}

int main(int argc, char **argv)
{
    unsigned n_launches = argc > 2 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
    unsigned n_frames = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
    double *frame_us = calloc(n_frames, sizeof *frame_us), *launch_us = calloc(n_frames, sizeof *launch_us);
    if (!n_launches || !n_frames || !frame_us || !launch_us) {
        fprintf(stderr, "usage: copy_launch_copy LAUNCHES FRAMES [--check]\n");
        return 2;
    }
    set_up();
    for (unsigned frame = 0; frame < n_frames; frame++) {
        fresh_input();
        double start_us = now_us();
        OK(cuMemcpyHtoD_v2(input_on_device, input, INPUT_BYTES));
        double copied_us = now_us();
        for (unsigned i = 0; i < n_launches; i++)
            launch(i);
        launch_us[frame] = now_us() - copied_us;
        OK(cuMemcpyDtoH_v2(output, output_on_device, OUTPUT_BYTES));
        frame_us[frame] = now_us() - start_us;
        if (argc > 3)
            check(n_launches);
    }
    printf("{\"launches\": %u, ", n_launches);
    print("frame_us", frame_us, n_frames, ", ");
    print("launch_us", launch_us, n_frames, "}\n");
    return 0;
}
