/* SPDX-License-Identifier: Apache-2.0 */
/* The driver's module, function and launch calls. */
#include "cuda/context.h"
#include "cuda/error.h"
#include "cuda/launch.h"
#include "cuda/module.h"
#include "cuda/object.h"
#include "gen/client_bodies.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(sizeof(CUlaunchAttribute) == sizeof(struct rrto_launch_attribute), "one layout");
enum { FLAG_COOPERATIVE = 1, MAX_FILE_BYTES = 1 << 30 };

static CUresult driver(int32_t result)
{
    return (CUresult)rrto_cuda_to_driver(result);
}

/* Loads at once, and waits for the server's verdict: that is the call's result. */
static CUresult load_image(CUmodule *ret_module, const void *image, size_t n_bytes)
{
    if (!ret_module || !image)
        return CUDA_ERROR_INVALID_VALUE;
    int32_t result = rrto_context_need();
    if (result)
        return driver(result);
    struct rrto_module *module = rrto_module_create(image, n_bytes, true);
    struct rrto_object *handle = rrto_object_create(RRTO_OBJECT_LIBRARY);
    result = module && handle ? rrto_module_load(module, true) : RRTO_CUDA_NO_MEMORY;
    if (result) {
        rrto_module_unload(module);
        if (handle)
            rrto_object_destroy(handle, RRTO_OBJECT_LIBRARY);
        return driver(result);
    }
    handle->data = module;
    *ret_module = (CUmodule)(void *)handle;
    return CUDA_SUCCESS;
}

static struct rrto_module *check_module(CUmodule handle)
{
    struct rrto_object *object = rrto_object_check(handle, RRTO_OBJECT_LIBRARY);
    return object ? object->data : NULL;
}

CUresult rrto_client_cuModuleLoadData(CUmodule *module, const void *image)
{
    return load_image(module, image, 0);
}

/* Options steer the driver's compiler; they do not travel. Logs that are asked for come back empty. */
CUresult rrto_client_cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned int n_options,
                                        CUjit_option *options, void **values)
{
    for (unsigned int i = 0; options && values && i < n_options; i++) {
        if (options[i] == CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES || options[i] == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES)
            values[i] = NULL;
        else if ((options[i] == CU_JIT_INFO_LOG_BUFFER || options[i] == CU_JIT_ERROR_LOG_BUFFER) && values[i])
            *(char *)values[i] = 0;
    }
    return load_image(module, image, 0);
}

CUresult rrto_client_cuModuleLoadFatBinary(CUmodule *module, const void *image)
{
    return load_image(module, image, 0);
}

CUresult rrto_client_cuModuleLoad(CUmodule *module, const char *path)
{
    if (!module || !path)
        return CUDA_ERROR_INVALID_VALUE;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (file < 0 || fstat(file, &status) != 0 || status.st_size <= 0 || status.st_size > MAX_FILE_BYTES) {
        if (file >= 0)
            close(file);
        return CUDA_ERROR_FILE_NOT_FOUND;
    }
    size_t n_bytes = (size_t)status.st_size, n_read = 0;
    char *image = malloc(n_bytes + 1);
    while (image && n_read < n_bytes) {
        ssize_t n = read(file, image + n_read, n_bytes - n_read);
        if (n <= 0)
            break;
        n_read += (size_t)n;
    }
    close(file);
    CUresult result = CUDA_ERROR_OUT_OF_MEMORY;
    if (image && n_read == n_bytes) {
        image[n_bytes] = 0;
        /* PTX text counts its terminating NUL, as text that is handed over in memory does. */
        bool text = rrto_image_kind(image, n_bytes) == RRTO_IMAGE_PTX && image[n_bytes - 1] != 0;
        result = load_image(module, image, n_bytes + text);
    } else if (image) {
        result = CUDA_ERROR_FILE_NOT_FOUND;
    }
    free(image);
    return result;
}

CUresult rrto_client_cuModuleUnload(CUmodule handle)
{
    struct rrto_object *object = rrto_object_check(handle, RRTO_OBJECT_LIBRARY);
    if (!object)
        return CUDA_ERROR_INVALID_HANDLE;
    struct rrto_module *module = object->data;
    if (!rrto_object_destroy(object, RRTO_OBJECT_LIBRARY))
        return CUDA_ERROR_INVALID_HANDLE;
    return driver(rrto_module_unload(module));
}

CUresult rrto_client_cuModuleGetFunction(CUfunction *ret_function, CUmodule handle, const char *name)
{
    struct rrto_module *module = check_module(handle);
    if (!ret_function || !name)
        return CUDA_ERROR_INVALID_VALUE;
    if (!module)
        return CUDA_ERROR_INVALID_HANDLE;
    if (!rrto_module_kernel(module->layout, name))
        return CUDA_ERROR_NOT_FOUND;
    struct rrto_function *function = rrto_module_function(module, name);
    if (!function)
        return CUDA_ERROR_OUT_OF_MEMORY;
    *ret_function = (CUfunction)(void *)function->handle;
    return CUDA_SUCCESS;
}

CUresult rrto_client_cuModuleGetGlobal_v2(CUdeviceptr *ret_address, size_t *ret_n_bytes, CUmodule handle,
                                          const char *name)
{
    struct rrto_module *module = check_module(handle);
    uint64_t address, n_bytes;
    if (!name)
        return CUDA_ERROR_INVALID_VALUE;
    if (!module)
        return CUDA_ERROR_INVALID_HANDLE;
    int32_t result = rrto_module_symbol(module, name, &address, &n_bytes);
    if (result)
        return driver(result);
    if (ret_address)
        *ret_address = address;
    if (ret_n_bytes)
        *ret_n_bytes = n_bytes;
    return CUDA_SUCCESS;
}

CUresult rrto_client_cuModuleGetLoadingMode(CUmoduleLoadingMode *mode)
{
    if (!mode)
        return CUDA_ERROR_INVALID_VALUE;
    *mode = CU_MODULE_LAZY_LOADING;
    return CUDA_SUCCESS;
}

static int32_t ready(CUfunction handle, struct rrto_function **ret_function)
{
    *ret_function = rrto_function_check(handle);
    if (!*ret_function)
        return RRTO_CUDA_INVALID_HANDLE;
    int32_t result = rrto_context_need();
    return result ? result : rrto_function_ready(*ret_function);
}

CUresult rrto_client_cuFuncGetAttribute(int *value, CUfunction_attribute attribute, CUfunction handle)
{
    struct rrto_function *function;
    if (!value || (unsigned)attribute >= CU_FUNC_ATTRIBUTE_MAX)
        return CUDA_ERROR_INVALID_VALUE;
    int32_t result = ready(handle, &function);
    if (!result)
        *value = function->attributes[attribute];
    return driver(result);
}

CUresult rrto_client_cuFuncSetAttribute(CUfunction handle, CUfunction_attribute attribute, int value)
{
    struct rrto_function *function;
    if ((unsigned)attribute < CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES ||
        (unsigned)attribute >= CU_FUNC_ATTRIBUTE_MAX)
        return CUDA_ERROR_INVALID_VALUE;
    int32_t result = ready(handle, &function);
    return driver(result ? result : rrto_function_set_attribute(function, (int32_t)attribute, value));
}

CUresult rrto_client_cuFuncSetCacheConfig(CUfunction handle, CUfunc_cache config)
{
    struct rrto_function *function;
    if ((unsigned)config > CU_FUNC_CACHE_PREFER_EQUAL)
        return CUDA_ERROR_INVALID_VALUE;
    int32_t result = ready(handle, &function);
    return driver(result ? result : rrto_function_set_cache_config(function, (int32_t)config));
}

/* Which CUmodule a function belongs to is not kept. */
CUresult rrto_client_cuFuncGetModule(CUmodule *module, CUfunction handle)
{
    (void)handle;
    return module ? CUDA_ERROR_NOT_SUPPORTED : CUDA_ERROR_INVALID_VALUE;
}

CUresult rrto_client_cuFuncGetName(const char **name, CUfunction handle)
{
    const struct rrto_function *function = rrto_function_check(handle);
    if (!name || !function)
        return CUDA_ERROR_INVALID_VALUE;
    *name = function->name;
    return CUDA_SUCCESS;
}

CUresult rrto_client_cuFuncGetParamInfo(CUfunction handle, size_t index, size_t *offset, size_t *n_bytes)
{
    struct rrto_function *function;
    if (!offset)
        return CUDA_ERROR_INVALID_VALUE;
    int32_t result = ready(handle, &function);
    if (result)
        return driver(result);
    if (index >= function->layout->n_params)
        return CUDA_ERROR_INVALID_VALUE;
    *offset = function->layout->offsets[index];
    if (n_bytes)
        *n_bytes = function->layout->sizes[index];
    return CUDA_SUCCESS;
}

CUresult rrto_client_cuFuncLoad(CUfunction handle)
{
    struct rrto_function *function;
    return driver(ready(handle, &function));
}

CUresult rrto_client_cuFuncIsLoaded(CUfunctionLoadingState *state, CUfunction handle)
{
    const struct rrto_function *function = rrto_function_check(handle);
    if (!state || !function)
        return CUDA_ERROR_INVALID_VALUE;
    bool loaded = __atomic_load_n(&function->tried, __ATOMIC_ACQUIRE) && function->status == RRTO_CUDA_SUCCESS;
    *state = loaded ? CU_FUNCTION_LOADING_STATE_LOADED : CU_FUNCTION_LOADING_STATE_UNLOADED;
    return CUDA_SUCCESS;
}

CUresult rrto_client_cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *n_blocks, CUfunction handle,
                                                                          int block_size, size_t dynamic_bytes,
                                                                          unsigned int flags)
{
    struct rrto_function *function;
    if (!n_blocks)
        return CUDA_ERROR_INVALID_VALUE;
    int32_t result = ready(handle, &function);
    return driver(result ? result : rrto_function_occupancy(function, block_size, dynamic_bytes, flags, n_blocks));
}

CUresult rrto_client_cuOccupancyMaxActiveBlocksPerMultiprocessor(int *n_blocks, CUfunction handle, int block_size,
                                                                 size_t dynamic_bytes)
{
    return rrto_client_cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(n_blocks, handle, block_size, dynamic_bytes,
                                                                            0);
}

/* `extra`: pairs of a key and a pointer, ended by NULL. Key 1: the parameter block, key 2: a pointer to its size. */
static int32_t read_extra(void **extra, struct rrto_launch *launch)
{
    for (size_t i = 0; extra[i]; i += 2) {
        if ((uintptr_t)extra[i] == 1)
            launch->block = extra[i + 1];
        else if ((uintptr_t)extra[i] == 2)
            memcpy(&launch->n_block, extra[i + 1], sizeof launch->n_block);
        else
            return RRTO_CUDA_INVALID_VALUE;
    }
    return launch->block ? RRTO_CUDA_SUCCESS : RRTO_CUDA_INVALID_VALUE;
}

static CUresult launch_kernel(CUfunction handle, struct rrto_launch *launch, void **params, void **extra)
{
    struct rrto_function *function;
    int32_t result = params && extra ? RRTO_CUDA_INVALID_VALUE : RRTO_CUDA_SUCCESS;
    launch->args = params;
    if (!result && extra)
        result = read_extra(extra, launch);
    if (!result)
        result = ready(handle, &function);
    return driver(result ? result : rrto_launch(function, launch));
}

CUresult rrto_client_cuLaunchKernel(CUfunction handle, unsigned int grid_x, unsigned int grid_y, unsigned int grid_z,
                                    unsigned int block_x, unsigned int block_y, unsigned int block_z,
                                    unsigned int shared_bytes, CUstream stream, void **params, void **extra)
{
    struct rrto_launch launch = {.shape = {.grid = {grid_x, grid_y, grid_z},
                                           .block = {block_x, block_y, block_z},
                                           .shared_bytes = shared_bytes,
                                           .stream = stream}};
    return launch_kernel(handle, &launch, params, extra);
}

CUresult rrto_client_cuLaunchCooperativeKernel(CUfunction handle, unsigned int grid_x, unsigned int grid_y,
                                               unsigned int grid_z, unsigned int block_x, unsigned int block_y,
                                               unsigned int block_z, unsigned int shared_bytes, CUstream stream,
                                               void **params)
{
    struct rrto_launch launch = {.shape = {.grid = {grid_x, grid_y, grid_z},
                                           .block = {block_x, block_y, block_z},
                                           .shared_bytes = shared_bytes,
                                           .stream = stream},
                                 .flags = FLAG_COOPERATIVE};
    return launch_kernel(handle, &launch, params, NULL);
}

CUresult rrto_client_cuLaunchKernelEx(const CUlaunchConfig *config, CUfunction handle, void **params, void **extra)
{
    if (!config || (config->numAttrs && !config->attrs))
        return CUDA_ERROR_INVALID_VALUE;
    struct rrto_launch launch = {.shape = {.grid = {config->gridDimX, config->gridDimY, config->gridDimZ},
                                           .block = {config->blockDimX, config->blockDimY, config->blockDimZ},
                                           .shared_bytes = config->sharedMemBytes,
                                           .stream = config->hStream},
                                 .attributes = (const struct rrto_launch_attribute *)(const void *)config->attrs,
                                 .n_attributes = config->numAttrs};
    return launch_kernel(handle, &launch, params, extra);
}
