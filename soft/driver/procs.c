/* SPDX-License-Identifier: Apache-2.0 */
/* Names: of errors, and of functions by cuGetProcAddress. */
#include "driver.h"

#include <dlfcn.h>
#include <stdio.h>

#define ERRORS(X)                                                                                                      \
    X(CUDA_SUCCESS, "no error")                                                                                        \
    X(CUDA_ERROR_INVALID_VALUE, "invalid argument")                                                                    \
    X(CUDA_ERROR_OUT_OF_MEMORY, "out of memory")                                                                       \
    X(CUDA_ERROR_NOT_INITIALIZED, "initialization error")                                                              \
    X(CUDA_ERROR_INVALID_DEVICE, "invalid device ordinal")                                                             \
    X(CUDA_ERROR_INVALID_IMAGE, "device kernel image is invalid")                                                      \
    X(CUDA_ERROR_INVALID_CONTEXT, "invalid device context")                                                            \
    X(CUDA_ERROR_NO_BINARY_FOR_GPU, "no kernel image is available for execution on the device")                        \
    X(CUDA_ERROR_UNSUPPORTED_LIMIT, "limit is not supported on this architecture")                                     \
    X(CUDA_ERROR_FILE_NOT_FOUND, "file not found")                                                                     \
    X(CUDA_ERROR_INVALID_HANDLE, "invalid resource handle")                                                            \
    X(CUDA_ERROR_NOT_FOUND, "named symbol not found")                                                                  \
    X(CUDA_ERROR_NOT_READY, "device not ready")                                                                        \
    X(CUDA_ERROR_ILLEGAL_ADDRESS, "an illegal memory access was encountered")                                          \
    X(CUDA_ERROR_ASSERT, "device-side assert triggered")                                                               \
    X(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, "too many resources requested for launch")                                   \
    X(CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE, "too many blocks in cooperative launch")                                \
    X(CUDA_ERROR_LAUNCH_FAILED, "unspecified launch failure")                                                          \
    X(CUDA_ERROR_NOT_SUPPORTED, "operation not supported")                                                             \
    X(CUDA_ERROR_UNKNOWN, "unknown error")

static const struct {
    CUresult code;
    const char *name, *text;
} errors[] = {
#define X(code, text) {code, #code, text},
    ERRORS(X)
#undef X
};

static CUresult error_find(CUresult code, const char **ret, bool name)
{
    if (!ret)
        return CUDA_ERROR_INVALID_VALUE;
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
        if (errors[i].code == code) {
            *ret = name ? errors[i].name : errors[i].text;
            return CUDA_SUCCESS;
        }
    *ret = NULL;
    return CUDA_ERROR_INVALID_VALUE;
}

SOFT_EXPORT CUresult cuGetErrorName(CUresult code, const char **name)
{
    return error_find(code, name, true);
}

SOFT_EXPORT CUresult cuGetErrorString(CUresult code, const char **text)
{
    return error_find(code, text, false);
}

/* A function by its whole name; its variant for per-thread default streams, if that is wanted and there is one. */
static void *find(void *library, const char *symbol, const char *suffix, bool per_thread)
{
    static const char *const variants[] = {"_ptsz", "_ptds", ""};
    void *function = NULL;
    for (size_t i = per_thread ? 0 : 2; i < sizeof variants / sizeof variants[0] && !function; i++) {
        char name[128];
        snprintf(name, sizeof name, "%s%s%s", symbol, suffix, variants[i]);
        function = dlsym(library, name);
    }
    return function;
}

/* The newest version of a function that this library has. */
SOFT_EXPORT CUresult cuGetProcAddress_v2(const char *symbol, void **function, int version, cuuint64_t flags,
                                         CUdriverProcAddressQueryResult *status)
{
    (void)version;
    if (!symbol || !function)
        return CUDA_ERROR_INVALID_VALUE;
    Dl_info self;
    void *library = dladdr((void *)(uintptr_t)cuInit, &self) ? dlopen(self.dli_fname, RTLD_LAZY | RTLD_NOLOAD) : NULL;
    *function = NULL;
    static const char *const suffixes[] = {"_v4", "_v3", "_v2", ""};
    for (size_t i = 0; library && !*function && i < sizeof suffixes / sizeof suffixes[0]; i++)
        *function = find(library, symbol, suffixes[i], flags & CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM);
    if (library)
        dlclose(library);
    if (status)
        *status = *function ? (CUdriverProcAddressQueryResult)0 : (CUdriverProcAddressQueryResult)1;
    return *function || status ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}

SOFT_EXPORT CUresult cuGetProcAddress(const char *symbol, void **function, int version, cuuint64_t flags)
{
    return cuGetProcAddress_v2(symbol, function, version, flags, NULL);
}
