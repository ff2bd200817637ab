/* SPDX-License-Identifier: Apache-2.0 */
/* What CUDA says at the launch, the launch says: limits of grid, block, shared memory, parameters, of the kernel
 * itself, of a cooperative grid. A launch that was refused has done nothing and spoils nothing.
 *
 * Rule: 22
 * Seen to fail: the client does not look at the shape (the server then refuses what it can still refuse): async and
 * replay let every wrong shape pass and stop the session at the first, with any seed; plain and percall wait for each
 * launch and notice nothing. It allows twice the cooperative grid: async and replay fail likewise. It answers the
 * kernel's own limit with the wrong code: that line is wrong in all modes. A parameter block that is too short is
 * filled up with zeroes (so it was when this test was written): that line is wrong in all modes. */
#include "driver.h"

enum { N = 1000, LIMITED_THREADS = 64, COOPERATIVE_ID = 2 };
#define OPT_IN CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES

static CUdeviceptr memory;
static CUfunction limited;

/* vector_add for blocks of at most 64 threads. */
static void load_limited(void)
{
    static const char text[] = VECTOR_ADD_PTX;
    static char changed[sizeof text + 64];
    const char *body = strstr(text, "{\n");
    snprintf(changed, sizeof changed, "%.*s.maxntid %d, 1, 1\n%s", (int)(body - text), text, LIMITED_THREADS, body);
    CUmodule module;
    OK(cuModuleLoadData(&module, changed));
    OK(cuModuleGetFunction(&limited, module, "vector_add"));
}

struct shape {
    unsigned grid[3], block[3], shared_bytes;
};

static CUresult launch(CUfunction function, const struct shape *shape)
{
    unsigned n = N;
    void *args[] = {&memory, &memory, &memory, &n};
    const unsigned *grid = shape->grid, *block = shape->block;
    return cuLaunchKernel(function, grid[0], grid[1], grid[2], block[0], block[1], block[2], shape->shared_bytes, NULL,
                          args, NULL);
}

static bool refused(CUfunction function, struct shape shape, CUresult expected)
{
    CUresult result = launch(function, &shape);
    if (result != expected)
        printf("grid %u %u %u, block %u %u %u, shared %u: %d, not %d\n", shape.grid[0], shape.grid[1], shape.grid[2],
               shape.block[0], shape.block[1], shape.block[2], shape.shared_bytes, (int)result, (int)expected);
    return result == expected;
}

#define REFUSED(expected, ...) refused(vector_add_function, (struct shape){__VA_ARGS__}, CUDA_ERROR_##expected)

static bool shapes(void)
{
    bool right = REFUSED(INVALID_VALUE, {0, 1, 1}, {1, 1, 1}, 0) && REFUSED(INVALID_VALUE, {1, 1, 0}, {1, 1, 1}, 0) &&
                 REFUSED(INVALID_VALUE, {1, 1, 1}, {1, 0, 1}, 0);
    right = REFUSED(INVALID_VALUE, {0x80000000u, 1, 1}, {1, 1, 1}, 0) && right;
    right = REFUSED(INVALID_VALUE, {1, 65536, 1}, {1, 1, 1}, 0) && right;
    right = REFUSED(INVALID_VALUE, {1, 1, 65536}, {1, 1, 1}, 0) && right;
    right = REFUSED(INVALID_VALUE, {1, 1, 1}, {1025, 1, 1}, 0) && right;
    right = REFUSED(INVALID_VALUE, {1, 1, 1}, {1, 1025, 1}, 0) && right;
    right = REFUSED(INVALID_VALUE, {1, 1, 1}, {1, 1, 65}, 0) && right;
    return REFUSED(INVALID_VALUE, {1, 1, 1}, {32, 33, 1}, 0) && right;
}

static bool own_limit(void)
{
    struct shape most = {{1, 1, 1}, {LIMITED_THREADS, 1, 1}, 0}, more = {{1, 1, 1}, {LIMITED_THREADS + 1, 1, 1}, 0};
    int threads = 0;
    OK(cuFuncGetAttribute(&threads, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, limited));
    return threads == LIMITED_THREADS && refused(limited, more, CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES) &&
           refused(limited, most, CUDA_SUCCESS);
}

static bool shared_memory(void)
{
    int device_most = 0;
    OK(cuFuncSetAttribute(vector_add_function, OPT_IN, 48 << 10));
    OK(cuDeviceGetAttribute(&device_most, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, 0));
    bool right = REFUSED(INVALID_VALUE, {1, 1, 1}, {1, 1, 1}, 64 << 10);
    right = cuFuncSetAttribute(vector_add_function, OPT_IN, device_most + 1) == CUDA_ERROR_INVALID_VALUE && right;
    right = REFUSED(INVALID_VALUE, {1, 1, 1}, {1, 1, 1}, 64 << 10) && right;
    OK(cuFuncSetAttribute(vector_add_function, OPT_IN, 64 << 10));
    return refused(vector_add_function, (struct shape){{1, 1, 1}, {1, 1, 1}, 64 << 10}, CUDA_SUCCESS) && right;
}

static bool parameters(void)
{
    struct {
        CUdeviceptr a, b, c;
        unsigned n;
    } block = {memory, memory, memory, N};
    size_t n_bytes = 28, too_few = 24;
    void *args[] = {&block.a, &block.b, &block.c, &block.n};
    void *extra[] = {(void *)1, &block, (void *)2, &n_bytes, NULL},
         *few[] = {(void *)1, &block, (void *)2, &too_few, NULL};
    CUfunction f = vector_add_function;
    return cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 0, NULL, NULL, NULL) == CUDA_ERROR_INVALID_VALUE &&
           cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 0, NULL, NULL, few) == CUDA_ERROR_INVALID_VALUE &&
           cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 0, NULL, args, extra) == CUDA_ERROR_INVALID_VALUE &&
           cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 0, NULL, NULL, extra) == CUDA_SUCCESS;
}

/* The largest cooperative grid is what the device holds at a time. */
static bool cooperative(void)
{
    int per_multiprocessor = 0, multiprocessors = 0;
    unsigned n = N;
    void *args[] = {&memory, &memory, &memory, &n};
    CUfunction f = vector_add_function;
    OK(cuOccupancyMaxActiveBlocksPerMultiprocessor(&per_multiprocessor, f, 128, 0));
    OK(cuDeviceGetAttribute(&multiprocessors, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, 0));
    unsigned most = (unsigned)(per_multiprocessor * multiprocessors);
    CUlaunchAttribute attribute = {.id = (CUlaunchAttributeID)COOPERATIVE_ID};
    memcpy(&attribute.value, &(int){1}, sizeof(int));
    CUlaunchConfig config = {.gridDimX = most + 1,
                             .gridDimY = 1,
                             .gridDimZ = 1,
                             .blockDimX = 128,
                             .blockDimY = 1,
                             .blockDimZ = 1,
                             .attrs = &attribute,
                             .numAttrs = 1};
    return cuLaunchCooperativeKernel(f, most, 1, 1, 128, 1, 1, 0, NULL, args) == CUDA_SUCCESS &&
           cuLaunchCooperativeKernel(f, most + 1, 1, 1, 128, 1, 1, 0, NULL, args) ==
               CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE &&
           cuLaunchKernelEx(&config, f, args, NULL) == CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE;
}

int main(void)
{
    static float in[N], out[N];
    start();
    load_limited();
    memory = device_floats(N);
    bool shape = true, own = true, shared = true, params = true, coop = true, sum = true;
    for (int i = 0; i < ROUNDS; i++) {
        shape = shapes() && shape;
        own = own_limit() && own;
        shared = shared_memory() && shared;
        params = parameters() && params;
        coop = cooperative() && coop;
        fill(in, N, i);
        OK(cuMemcpyHtoD_v2(memory, in, sizeof in));
        OK(launch(vector_add_function, &(struct shape){{N / 100, 1, 1}, {100, 1, 1}, 0}));
        (void)REFUSED(INVALID_VALUE, {N / 100, 1, 1}, {100, 11, 1}, 0);
        OK(cuMemcpyDtoH_v2(out, memory, sizeof out));
        sum = filled(out, N, i, 2) && sum;
    }
    check("grid and block", shape);
    check("the kernel's own limit of threads", own);
    check("shared memory, and what can be opted into", shared);
    check("parameters that are missing, too short, or passed twice", params);
    check("a cooperative grid", coop);
    check("what was launched besides", sum);
    return wrong;
}
