/* SPDX-License-Identifier: Apache-2.0 */
/* Modules and functions. A module is parsed, not compiled: a function is a kernel name for which soft/kernels has a
 * body. */
#include "driver.h"
#include "scheduler.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CUmod_st {
    enum soft_magic magic;
    struct rrto_module_image *image;
    CUfunction functions; /* found so far */
    CUdeviceptr globals;  /* memory of all variables, from the first question on */
    uint64_t *offsets;    /* of each variable in it */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static bool module_ok(CUmodule module)
{
    return module && module->magic == SOFT_MODULE;
}

static CUresult module_load(CUmodule *ret_module, const void *image, size_t n)
{
    CUresult ready = soft_ready();
    if (ready)
        return ready;
    struct CUmod_st *module = calloc(1, sizeof *module);
    if (!module)
        return CUDA_ERROR_OUT_OF_MEMORY;
    struct rrto_buf mini;
    rrto_buf_init(&mini, RRTO_MODULE_MAX_BYTES);
    int status = RRTO_OK;
    if (rrto_image_kind(image, n) == RRTO_IMAGE_FATBIN) {
        struct rrto_fatbin_entry entry;
        status = rrto_fatbin_select(image, n, soft_capability(), &entry);
        if (!status)
            status = rrto_fatbin_build(&entry, &mini);
        image = mini.data;
        n = mini.size;
    }
    if (!status)
        status = rrto_module_parse_data(image, n, true, &module->image);
    rrto_buf_fini(&mini);
    if (!status && module->image->kind == RRTO_IMAGE_CUBIN &&
        (module->image->capability > soft_capability() || module->image->capability / 10 != soft_capability() / 10))
        status = RRTO_NOT_FOUND;
    if (status) {
        rrto_module_destroy(module->image);
        free(module);
        return status == RRTO_NOT_FOUND   ? CUDA_ERROR_NO_BINARY_FOR_GPU
               : status == RRTO_NO_MEMORY ? CUDA_ERROR_OUT_OF_MEMORY
                                          : CUDA_ERROR_INVALID_IMAGE;
    }
    module->magic = SOFT_MODULE;
    *ret_module = module;
    return CUDA_SUCCESS;
}

SOFT_EXPORT CUresult cuModuleLoadData(CUmodule *module, const void *image)
{
    if (!module || !image)
        return CUDA_ERROR_INVALID_VALUE;
    const void *start;
    size_t n = rrto_image_bytes(image, &start);
    soft_print_flush();
    return n ? module_load(module, start, n) : CUDA_ERROR_INVALID_IMAGE;
}

SOFT_EXPORT CUresult cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned int n_options,
                                        CUjit_option *options, void **values)
{
    (void)n_options, (void)options, (void)values;
    return cuModuleLoadData(module, image);
}

SOFT_EXPORT CUresult cuModuleLoadFatBinary(CUmodule *module, const void *image)
{
    return cuModuleLoadData(module, image);
}

SOFT_EXPORT CUresult cuModuleLoad(CUmodule *module, const char *path)
{
    FILE *file = module && path ? fopen(path, "rbe") : NULL;
    if (!file)
        return CUDA_ERROR_FILE_NOT_FOUND;
    struct rrto_buf image;
    rrto_buf_init(&image, RRTO_MODULE_MAX_BYTES);
    char piece[65536];
    for (size_t n; (n = fread(piece, 1, sizeof piece, file)) > 0;)
        rrto_buf_put(&image, piece, n);
    fclose(file);
    CUresult result = image.failed ? CUDA_ERROR_OUT_OF_MEMORY : module_load(module, image.data, image.size);
    rrto_buf_fini(&image);
    return result;
}

SOFT_EXPORT CUresult cuModuleUnload(CUmodule module)
{
    if (!module_ok(module))
        return CUDA_ERROR_INVALID_HANDLE;
    (void)soft_settle_all(); /* its kernels may be on their way */
    soft_print_flush();
    for (CUfunction function = module->functions, next; function; function = next) {
        next = function->next;
        rrto_kernel_body_destroy(function->body);
        function->magic = 0;
        free(function);
    }
    if (module->globals)
        soft_memory_free(module->globals);
    rrto_module_destroy(module->image);
    free(module->offsets);
    module->magic = 0;
    free(module);
    return CUDA_SUCCESS;
}

static CUresult function_make(CUmodule module, const char *name, CUfunction *ret_function)
{
    const struct rrto_kernel_image *image = rrto_module_kernel(module->image, name);
    if (!image)
        return CUDA_ERROR_NOT_FOUND;
    for (CUfunction function = module->functions; function; function = function->next)
        if (function->image == image) {
            *ret_function = function;
            return CUDA_SUCCESS;
        }
    struct kernel_body *body = rrto_kernel_body_find(image);
    if (!body && !getenv("SOFT_GPU_BODILESS")) {
        if (getenv("SOFT_GPU_TRACE")) /* who launches it says so */
            soft_complain("soft GPU: no body for kernel %s", name);
        return CUDA_ERROR_NO_BINARY_FOR_GPU;
    }
    struct CUfunc_st *function = calloc(1, sizeof *function);
    if (!function) {
        rrto_kernel_body_destroy(body);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    *function =
        (struct CUfunc_st){SOFT_FUNCTION, module, image, body, 49152 - (int)image->shared_bytes, -1, module->functions};
    module->functions = function;
    *ret_function = function;
    return CUDA_SUCCESS;
}

SOFT_EXPORT CUresult cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name)
{
    if (!function || !name)
        return CUDA_ERROR_INVALID_VALUE;
    if (!module_ok(module))
        return CUDA_ERROR_INVALID_HANDLE;
    pthread_mutex_lock(&lock);
    CUresult result = function_make(module, name, function);
    pthread_mutex_unlock(&lock);
    return result;
}

/* Memory for all variables of a module, 256-byte aligned, with their initial data. */
static bool globals_make(CUmodule module)
{
    const struct rrto_module_image *image = module->image;
    uint64_t n_bytes = 0;
    module->offsets = calloc(image->n_globals, sizeof *module->offsets);
    if (!module->offsets)
        return false;
    for (uint32_t i = 0; i < image->n_globals; i++) {
        module->offsets[i] = n_bytes;
        n_bytes += (image->globals[i].n_bytes + 255) & ~(uint64_t)255;
    }
    module->globals = soft_memory_alloc(n_bytes);
    if (!module->globals)
        return false;
    for (uint32_t i = 0; i < image->n_globals; i++)
        if (image->globals[i].initial)
            memcpy((void *)(uintptr_t)(module->globals + module->offsets[i]), image->globals[i].initial,
                   image->globals[i].n_bytes);
    return true;
}

SOFT_EXPORT CUresult cuModuleGetGlobal_v2(CUdeviceptr *address, size_t *n_bytes, CUmodule module, const char *name)
{
    if (!name)
        return CUDA_ERROR_INVALID_VALUE;
    if (!module_ok(module))
        return CUDA_ERROR_INVALID_HANDLE;
    const struct rrto_global_image *global = rrto_module_global(module->image, name);
    if (!global)
        return CUDA_ERROR_NOT_FOUND;
    pthread_mutex_lock(&lock);
    bool ok = module->globals || globals_make(module);
    pthread_mutex_unlock(&lock);
    if (!ok)
        return CUDA_ERROR_OUT_OF_MEMORY;
    if (address)
        *address = module->globals + module->offsets[global - module->image->globals];
    if (n_bytes)
        *n_bytes = global->n_bytes;
    return CUDA_SUCCESS;
}

SOFT_EXPORT CUresult cuModuleGetLoadingMode(CUmoduleLoadingMode *mode)
{
    *mode = CU_MODULE_LAZY_LOADING;
    return CUDA_SUCCESS;
}
