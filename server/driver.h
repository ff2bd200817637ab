/* SPDX-License-Identifier: Apache-2.0 */
/* The CUDA driver as the worker itself uses it: a table of functions from the libcuda.so.1 that was loaded, real or
 * soft. Declared here, with the few layouts needed, so that nothing depends on vendor headers. */
#ifndef RRTO_SERVER_DRIVER_H
#define RRTO_SERVER_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rrto_cuda_result {
    RRTO_CU_SUCCESS = 0,
    RRTO_CU_INVALID_VALUE = 1,
    RRTO_CU_OUT_OF_MEMORY = 2,
    RRTO_CU_NO_DEVICE = 100,
    RRTO_CU_INVALID_HANDLE = 400,
    RRTO_CU_NOT_FOUND = 500,
    RRTO_CU_NOT_READY = 600,
    RRTO_CU_NOT_SUPPORTED = 801,
    RRTO_CU_UNKNOWN = 999,
};

enum {
    RRTO_CU_STREAM_NON_BLOCKING = 1,
    RRTO_CU_EVENT_DISABLE_TIMING = 2,
    RRTO_CU_STREAM_WAIT_VALUE_GEQ = 0, /* cyclically: (int32_t)(word - value) >= 0 */
    RRTO_CU_HOST_ALLOC_DEVICE_MAP = 2,
    RRTO_CU_MEM_TYPE_DEVICE = 2,
    RRTO_CU_LAUNCH_PARAM_BUFFER_POINTER = 1,
    RRTO_CU_LAUNCH_PARAM_BUFFER_SIZE = 2,
    RRTO_CU_LAUNCH_ATTRIBUTE_COOPERATIVE = 2,
    RRTO_CU_N_FUNCTION_ATTRIBUTES = 16,
};

struct rrto_cu_location {
    int type, id; /* type 1: a device */
};
struct rrto_cu_mem_prop {
    int type, handle_types; /* type 1: pinned to the location */
    struct rrto_cu_location location;
    void *win32;
    uint8_t compression, gpu_direct;
    uint16_t usage;
    uint8_t reserved[4];
};
struct rrto_cu_access {
    struct rrto_cu_location location;
    int flags; /* 3: read and write */
};
struct rrto_cu_copy_2d {
    size_t src_x, src_y;
    int src_type;
    const void *src_host;
    uint64_t src_device;
    void *src_array;
    size_t src_pitch;
    size_t dst_x, dst_y;
    int dst_type;
    void *dst_host;
    uint64_t dst_device;
    void *dst_array;
    size_t dst_pitch;
    size_t width_bytes, height;
};
struct rrto_cu_launch_attribute {
    uint32_t id, zero;
    uint8_t value[64];
};
struct rrto_cu_launch_config {
    unsigned grid[3], block[3], shared_bytes;
    void *stream;
    struct rrto_cu_launch_attribute *attributes;
    unsigned n_attributes;
};

/* X(name, required, (parameters)); every function returns an int. A missing function that is not required is NULL. */
#define RRTO_DRIVER_FUNCTIONS(X)                                                                                       \
    X(cuInit, 1, (unsigned))                                                                                           \
    X(cuDriverGetVersion, 1, (int *))                                                                                  \
    X(cuGetErrorName, 1, (int, const char **))                                                                         \
    X(cuGetErrorString, 1, (int, const char **))                                                                       \
    X(cuDeviceGetCount, 1, (int *))                                                                                    \
    X(cuDeviceGet, 1, (int *, int))                                                                                    \
    X(cuDeviceGetName, 1, (char *, int, int))                                                                          \
    X(cuDeviceGetUuid_v2, 0, (void *, int))                                                                            \
    X(cuDeviceTotalMem_v2, 1, (size_t *, int))                                                                         \
    X(cuDeviceGetAttribute, 1, (int *, int, int))                                                                      \
    X(cuDevicePrimaryCtxRetain, 1, (void **, int))                                                                     \
    X(cuCtxSetCurrent, 1, (void *))                                                                                    \
    X(cuCtxSynchronize, 0, (void))                                                                                     \
    X(cuMemGetInfo_v2, 1, (size_t *, size_t *))                                                                        \
    X(cuMemAddressReserve, 1, (uint64_t *, size_t, size_t, uint64_t, unsigned long long))                              \
    X(cuMemAddressFree, 1, (uint64_t, size_t))                                                                         \
    X(cuMemGetAllocationGranularity, 1, (size_t *, const struct rrto_cu_mem_prop *, int))                              \
    X(cuMemCreate, 1, (uint64_t *, size_t, const struct rrto_cu_mem_prop *, unsigned long long))                       \
    X(cuMemRelease, 1, (uint64_t))                                                                                     \
    X(cuMemMap, 1, (uint64_t, size_t, size_t, uint64_t, unsigned long long))                                           \
    X(cuMemUnmap, 1, (uint64_t, size_t))                                                                               \
    X(cuMemSetAccess, 1, (uint64_t, size_t, const struct rrto_cu_access *, size_t))                                    \
    X(cuMemHostAlloc, 1, (void **, size_t, unsigned))                                                                  \
    X(cuMemFreeHost, 1, (void *))                                                                                      \
    X(cuMemcpyHtoDAsync_v2, 1, (uint64_t, const void *, size_t, void *))                                               \
    X(cuMemcpyDtoHAsync_v2, 1, (void *, uint64_t, size_t, void *))                                                     \
    X(cuMemsetD8Async, 0, (uint64_t, unsigned char, size_t, void *))                                                   \
    X(cuMemcpy2DAsync_v2, 1, (const struct rrto_cu_copy_2d *, void *))                                                 \
    X(cuModuleLoadData, 1, (void **, const void *))                                                                    \
    X(cuModuleGetFunction, 1, (void **, void *, const char *))                                                         \
    X(cuModuleGetGlobal_v2, 1, (uint64_t *, size_t *, void *, const char *))                                           \
    X(cuFuncGetAttribute, 1, (int *, int, void *))                                                                     \
    X(cuLaunchKernel, 1,                                                                                               \
      (void *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void *, void **, void **))        \
    X(cuLaunchKernelEx, 0, (const struct rrto_cu_launch_config *, void *, void **, void **))                           \
    X(cuStreamCreate, 1, (void **, unsigned))                                                                          \
    X(cuStreamWaitEvent, 1, (void *, void *, unsigned))                                                                \
    X(cuStreamWaitValue32_v2, 0, (void *, uint64_t, uint32_t, unsigned))                                               \
    X(cuMemHostGetDevicePointer_v2, 0, (uint64_t *, void *, unsigned))                                                 \
    X(cuFuncLoad, 0, (void *))                                                                                         \
    X(cuStreamQuery, 1, (void *))                                                                                      \
    X(cuEventCreate, 1, (void **, unsigned))                                                                           \
    X(cuEventDestroy_v2, 1, (void *))                                                                                  \
    X(cuEventRecord, 1, (void *, void *))                                                                              \
    X(cuEventQuery, 1, (void *))                                                                                       \
    X(cuEventSynchronize, 1, (void *))

struct rrto_driver {
#define X(name, required, parameters) int(*name) parameters;
    RRTO_DRIVER_FUNCTIONS(X)
#undef X
    void *library;
    bool soft;
};

/* Loads a library by name: first from each of `folders` (newline separated; cuBLAS and cuDNN are looked for in the
 * layout of Python's nvidia wheels as well), then from the system's places. NULL: one sentence in why. global: its
 * symbols serve libraries loaded later. */
void *rrto_driver_open(const char *soname, const char *folders, char *why, size_t n_why);
/* The folder of the soft device's libraries, beside this program: .../lib/rrto/soft. */
bool rrto_driver_soft_folder(char *out, size_t n_out);

/* Loads the driver and initialises it. device: "auto" (a real GPU if there is one, else the soft device), "soft", or a
 * GPU's number. *ret_device: the CUdevice. RRTO_NOT_FOUND, RRTO_UNSUPPORTED: one sentence in why. */
int rrto_driver_load(struct rrto_driver *driver, const char *device, const char *folders, int *ret_device, char *why,
                     size_t n_why);
/* "CUDA_ERROR_X: text" into out. */
void rrto_driver_describe(const struct rrto_driver *driver, int code, char *out, size_t n_out);

#endif
