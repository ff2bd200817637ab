/* SPDX-License-Identifier: Apache-2.0 */
/* Modules, functions, symbols and launches. */
#include "base/status.h"
#include "gen/server_bodies.h"
#include "session.h"

#include <string.h>

enum { MAX_NAME = 64 << 10, MAX_ATTRIBUTES = 32, LAUNCH_COOPERATIVE = 1 };

int32_t rrto_server_module_load(struct rrto_exec *exec, const struct rrto_args_module_load *args)
{
    struct rrto_worker *worker = exec->worker;
    void *module = NULL;
    if (!exec->up || exec->n_up == 0)
        return RRTO_PROTOCOL;
    int32_t error = worker->driver.cuModuleLoadData(&module, exec->up); /* followed by a NUL: see on_payload */
    return error ? error : rrto_objects_add(worker, RRTO_KIND_module, args->module, module);
}

/* A name from the wire, NUL-terminated. */
static bool get_name(const uint8_t *bytes, uint32_t n, char *out, size_t n_out)
{
    if (n == 0 || n >= n_out || memchr(bytes, 0, n))
        return false;
    memcpy(out, bytes, n);
    out[n] = '\0';
    return true;
}

int32_t rrto_server_function_get(struct rrto_exec *exec, const struct rrto_args_function_get *args)
{
    struct rrto_worker *worker = exec->worker;
    static char name[MAX_NAME];
    bool ok;
    void *module = rrto_objects_get(worker, RRTO_KIND_module, args->module, &ok), *function = NULL;
    if (!ok || !get_name(args->name, args->n_name, name, sizeof name))
        return RRTO_INVALID;
    int32_t error = worker->driver.cuModuleGetFunction(&function, module, name);
    /* A driver that loads it at its first launch may wait for the device there: not behind a gate. */
    if (!error && worker->driver.cuFuncLoad)
        error = worker->driver.cuFuncLoad(function);
    if (error)
        return error;
    int32_t attributes[RRTO_CU_N_FUNCTION_ATTRIBUTES];
    for (int i = 0; i < RRTO_CU_N_FUNCTION_ATTRIBUTES; i++) {
        if (worker->driver.cuFuncGetAttribute(&attributes[i], i, function) != RRTO_CU_SUCCESS)
            attributes[i] = 0; /* not known to this driver */
    }
    error = rrto_objects_add(worker, RRTO_KIND_function, args->function, function);
    struct rrto_reply_function_get reply = {.attributes = attributes, .n_attributes = RRTO_CU_N_FUNCTION_ATTRIBUTES};
    if (error == 0)
        rrto_pack_reply_function_get(&exec->reply, &reply);
    return error;
}

int32_t rrto_worker_find_symbol(struct rrto_worker *worker, uint32_t module_id, const uint8_t *bytes, uint32_t n_bytes,
                                uint64_t *ret_address, size_t *ret_n)
{
    static char name[MAX_NAME];
    bool ok;
    void *module = rrto_objects_get(worker, RRTO_KIND_module, module_id, &ok);
    if (!ok || !get_name(bytes, n_bytes, name, sizeof name))
        return RRTO_INVALID;
    return worker->driver.cuModuleGetGlobal_v2(ret_address, ret_n, module, name);
}

int32_t rrto_server_symbol_get(struct rrto_exec *exec, const struct rrto_args_symbol_get *args)
{
    struct rrto_worker *worker = exec->worker;
    uint64_t address = 0;
    size_t n = 0;
    int32_t error = rrto_worker_find_symbol(worker, args->module, args->name, args->n_name, &address, &n);
    if (error)
        return error;
    error = rrto_worker_add_symbol(worker, args->module, address, n);
    if (error)
        return error;
    struct rrto_reply_symbol_get reply = {.address = address, .n_bytes_symbol = n};
    rrto_pack_reply_symbol_get(&exec->reply, &reply);
    return 0;
}

int32_t rrto_server_symbol_copy_h2d(struct rrto_exec *exec, const struct rrto_args_symbol_copy_h2d *args)
{
    struct rrto_worker *worker = exec->worker;
    uint64_t address = 0;
    size_t n = 0;
    void *stream;
    if (!rrto_worker_stream(worker, args->stream, &stream))
        return RRTO_INVALID;
    int32_t error = rrto_worker_find_symbol(worker, args->module, args->name, args->n_name, &address, &n);
    if (error || args->n_bytes == 0)
        return error;
    if (!exec->up || exec->n_up != args->n_bytes || args->offset > n || args->n_bytes > n - args->offset)
        return RRTO_INVALID;
    error = worker->driver.cuMemcpyHtoDAsync_v2(address + args->offset, exec->up, args->n_bytes, stream);
    return error ? error : rrto_worker_keep_up(exec, stream);
}

int32_t rrto_server_launch(struct rrto_exec *exec, const struct rrto_args_launch *args)
{
    struct rrto_worker *worker = exec->worker;
    const struct rrto_driver *driver = &worker->driver;
    bool ok;
    void *function = rrto_objects_get(worker, RRTO_KIND_function, args->function, &ok), *stream;
    if (!ok || !rrto_worker_stream(worker, args->stream, &stream) || args->flags & ~(uint32_t)LAUNCH_COOPERATIVE ||
        args->n_attributes % sizeof(struct rrto_cu_launch_attribute) != 0 ||
        args->n_attributes / sizeof(struct rrto_cu_launch_attribute) > MAX_ATTRIBUTES)
        return RRTO_INVALID;
    size_t n_params = args->n_params;
    void *extra[] = {(void *)RRTO_CU_LAUNCH_PARAM_BUFFER_POINTER, (void *)(uintptr_t)args->params,
                     (void *)RRTO_CU_LAUNCH_PARAM_BUFFER_SIZE, &n_params, NULL};
    if (!args->n_attributes && !args->flags)
        return driver->cuLaunchKernel(function, args->grid_x, args->grid_y, args->grid_z, args->block_x, args->block_y,
                                      args->block_z, args->shared_bytes, stream, NULL, n_params ? extra : NULL);
    if (!driver->cuLaunchKernelEx)
        return RRTO_CU_NOT_SUPPORTED;
    struct rrto_cu_launch_attribute attributes[MAX_ATTRIBUTES + 1] = {0};
    unsigned n = args->n_attributes / (unsigned)sizeof *attributes;
    if (n)
        memcpy(attributes, args->attributes, args->n_attributes);
    if (args->flags & LAUNCH_COOPERATIVE) {
        const int32_t yes = 1;
        attributes[n].id = RRTO_CU_LAUNCH_ATTRIBUTE_COOPERATIVE;
        memcpy(attributes[n++].value, &yes, sizeof yes);
    }
    struct rrto_cu_launch_config config = {.grid = {args->grid_x, args->grid_y, args->grid_z},
                                           .block = {args->block_x, args->block_y, args->block_z},
                                           .shared_bytes = args->shared_bytes,
                                           .stream = stream,
                                           .attributes = attributes,
                                           .n_attributes = n};
    return driver->cuLaunchKernelEx(&config, function, NULL, n_params ? extra : NULL);
}
