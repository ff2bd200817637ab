/* SPDX-License-Identifier: Apache-2.0 */
/* c = a + b on the GPU, in plain C on the CUDA driver API. Knows nothing of rrto: it runs natively on a machine with a
 * GPU, and under `rrto run -- vectoradd` anywhere. The module is PTX text, which the driver compiles for the GPU that
 * is there. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* The few declarations of the driver API that this program needs, so that it builds without a CUDA toolkit. */
typedef int CUdevice;
typedef unsigned long long CUdeviceptr;
typedef struct CUctx_st *CUcontext;
typedef struct CUmod_st *CUmodule;
typedef struct CUfunc_st *CUfunction;
typedef struct CUstream_st *CUstream;
int cuInit(unsigned int flags);
int cuDeviceGet(CUdevice *device, int ordinal);
int cuDeviceGetName(char *name, int n, CUdevice device);
int cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device);
int cuCtxSetCurrent(CUcontext context);
int cuModuleLoadData(CUmodule *module, const void *image);
int cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name);
int cuModuleUnload(CUmodule module);
int cuMemAlloc_v2(CUdeviceptr *address, size_t n_bytes);
int cuMemFree_v2(CUdeviceptr address);
int cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t n_bytes);
int cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t n_bytes);
int cuLaunchKernel(CUfunction function, unsigned int grid_x, unsigned int grid_y, unsigned int grid_z,
                   unsigned int block_x, unsigned int block_y, unsigned int block_z, unsigned int shared_bytes,
                   CUstream stream, void **params, void **extra);
int cuGetErrorName(int error, const char **name);

static const char module_text[] = ".version 7.0\n"
                                  ".target sm_52\n"
                                  ".address_size 64\n"
                                  "\n"
                                  "// c[i] = a[i] + b[i] for i < n\n"
                                  ".visible .entry vector_add(\n"
                                  "    .param .u64 a,\n"
                                  "    .param .u64 b,\n"
                                  "    .param .u64 c,\n"
                                  "    .param .u32 n\n"
                                  ")\n"
                                  "{\n"
                                  "    .reg .pred %p<2>;\n"
                                  "    .reg .f32 %f<4>;\n"
                                  "    .reg .b32 %r<6>;\n"
                                  "    .reg .b64 %rd<11>;\n"
                                  "\n"
                                  "    ld.param.u64 %rd1, [a];\n"
                                  "    ld.param.u64 %rd2, [b];\n"
                                  "    ld.param.u64 %rd3, [c];\n"
                                  "    ld.param.u32 %r2, [n];\n"
                                  "    mov.u32 %r3, %ctaid.x;\n"
                                  "    mov.u32 %r4, %ntid.x;\n"
                                  "    mov.u32 %r5, %tid.x;\n"
                                  "    mad.lo.s32 %r1, %r3, %r4, %r5;\n"
                                  "    setp.ge.u32 %p1, %r1, %r2;\n"
                                  "    @%p1 bra DONE;\n"
                                  "    cvta.to.global.u64 %rd4, %rd1;\n"
                                  "    mul.wide.u32 %rd5, %r1, 4;\n"
                                  "    add.s64 %rd6, %rd4, %rd5;\n"
                                  "    cvta.to.global.u64 %rd7, %rd2;\n"
                                  "    add.s64 %rd8, %rd7, %rd5;\n"
                                  "    ld.global.f32 %f1, [%rd6];\n"
                                  "    ld.global.f32 %f2, [%rd8];\n"
                                  "    add.f32 %f3, %f1, %f2;\n"
                                  "    cvta.to.global.u64 %rd9, %rd3;\n"
                                  "    add.s64 %rd10, %rd9, %rd5;\n"
                                  "    st.global.f32 [%rd10], %f3;\n"
                                  "DONE:\n"
                                  "    ret;\n"
                                  "}\n";

static void check(int error, const char *what)
{
    const char *name = NULL;
    if (error == 0)
        return;
    cuGetErrorName(error, &name);
    fprintf(stderr, "vectoradd: %s: %s (%d)\n", what, name ? name : "unknown error", error);
    exit(1);
}

int main(void)
{
    enum { N = 50000, BLOCK = 256 };
    static float a[N], b[N], c[N];
    const size_t n_bytes = sizeof a;
    for (int i = 0; i < N; i++) {
        a[i] = (float)i * 0.5f;
        b[i] = (float)(N - i) * 0.25f;
    }

    CUdevice device;
    CUcontext context;
    char name[256];
    check(cuInit(0), "cuInit");
    check(cuDeviceGet(&device, 0), "cuDeviceGet");
    check(cuDeviceGetName(name, sizeof name, device), "cuDeviceGetName");
    check(cuDevicePrimaryCtxRetain(&context, device), "cuDevicePrimaryCtxRetain");
    check(cuCtxSetCurrent(context), "cuCtxSetCurrent");

    CUmodule module;
    CUfunction vector_add;
    check(cuModuleLoadData(&module, module_text), "cuModuleLoadData");
    check(cuModuleGetFunction(&vector_add, module, "vector_add"), "cuModuleGetFunction");

    CUdeviceptr device_a, device_b, device_c;
    check(cuMemAlloc_v2(&device_a, n_bytes), "cuMemAlloc");
    check(cuMemAlloc_v2(&device_b, n_bytes), "cuMemAlloc");
    check(cuMemAlloc_v2(&device_c, n_bytes), "cuMemAlloc");
    check(cuMemcpyHtoD_v2(device_a, a, n_bytes), "cuMemcpyHtoD");
    check(cuMemcpyHtoD_v2(device_b, b, n_bytes), "cuMemcpyHtoD");

    unsigned int n = N;
    void *params[] = {&device_a, &device_b, &device_c, &n};
    check(cuLaunchKernel(vector_add, (N + BLOCK - 1) / BLOCK, 1, 1, BLOCK, 1, 1, 0, NULL, params, NULL),
          "cuLaunchKernel");
    check(cuMemcpyDtoH_v2(c, device_c, n_bytes), "cuMemcpyDtoH");

    int wrong = 0;
    for (int i = 0; i < N; i++)
        wrong += c[i] != a[i] + b[i];
    printf("%s: %d of %d sums are right\n", name, N - wrong, N);

    check(cuMemFree_v2(device_a), "cuMemFree");
    check(cuMemFree_v2(device_b), "cuMemFree");
    check(cuMemFree_v2(device_c), "cuMemFree");
    check(cuModuleUnload(module), "cuModuleUnload");
    return wrong != 0;
}
