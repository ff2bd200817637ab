/* SPDX-License-Identifier: Apache-2.0 */
/* Loading modules and looking functions up. One lock serialises first uses; it is held while the server answers, which
 * is safe because the server answers these ops without waiting for the device or for any other thread of the
 * application. */
#include "cuda/module.h"

#include "base/log.h"
#include "base/map.h"
#include "cuda/device.h"
#include "cuda/error.h"
#include "cuda/host_function.h"
#include "cuda/object.h"
#include "cuda/symbol.h"
#include "gen/issue_ops.h"
#include "replay/issue.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_REPLY_BYTES = 1 << 16 };

static pthread_mutex_t load_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER; /* the modules' function lists, and: */
static struct rrto_map loaded;                                 /* ids of modules; zeroes are an empty one */

struct rrto_module *rrto_module_create(const void *image, size_t n_image, bool copy)
{
    struct rrto_module *module = calloc(1, sizeof *module);
    if (!module)
        return NULL;
    module->image = image;
    module->n_image = n_image;
    if (copy) {
        if (n_image == 0)
            n_image = rrto_image_bytes(image, &image);
        uint8_t *kept = malloc(n_image + 1);
        if (!kept) {
            free(module);
            return NULL;
        }
        memcpy(kept, image, n_image);
        kept[n_image] = 0;
        module->image = kept;
        module->n_image = n_image;
        module->owns_image = true;
        if (n_image == 0) {
            module->tried = true;
            module->status = RRTO_CUDA_INVALID_IMAGE;
        }
    }
    return module;
}

static bool note_loaded(uint32_t id)
{
    pthread_mutex_lock(&table_lock);
    bool noted = rrto_map_put(&loaded, id, 0);
    pthread_mutex_unlock(&table_lock);
    return noted;
}

static void forget_loaded(uint32_t id)
{
    pthread_mutex_lock(&table_lock);
    (void)rrto_map_remove(&loaded, id, NULL);
    pthread_mutex_unlock(&table_lock);
}

bool rrto_module_is_loaded(uint32_t id)
{
    uint64_t value;
    pthread_mutex_lock(&table_lock);
    bool found = rrto_map_get(&loaded, id, &value);
    pthread_mutex_unlock(&table_lock);
    return found;
}

static int32_t send_image(struct rrto_module *module, const void *data, size_t n_bytes, bool wait)
{
    int status = rrto_module_parse(data, n_bytes, &module->layout);
    if (status != RRTO_OK)
        return status == RRTO_NO_MEMORY ? RRTO_CUDA_NO_MEMORY : RRTO_CUDA_INVALID_IMAGE;
    module->id = rrto_object_mint(RRTO_OBJECT_MODULE);
    struct rrto_args_module_load args = {.module = module->id, .n_bytes = n_bytes};
    struct rrto_issue_extra extra = {.up = data, .wait = wait, .apart = rrto_host_functions_load_apart()};
    if (!note_loaded(module->id))
        return RRTO_CUDA_NO_MEMORY;
    int32_t result = rrto_cuda_issued(rrto_issue_module_load(&args, &extra));
    if (result)
        forget_loaded(module->id);
    return result;
}

static int32_t load_fatbin(struct rrto_module *module, const void *data, size_t n_bytes, uint32_t capability, bool wait)
{
    struct rrto_fatbin_entry entry;
    int status = rrto_fatbin_select(data, n_bytes, capability, &entry);
    if (status == RRTO_NOT_FOUND)
        return RRTO_CUDA_NO_KERNEL_IMAGE;
    if (status != RRTO_OK)
        return RRTO_CUDA_INVALID_IMAGE;
    struct rrto_buf mini;
    rrto_buf_init(&mini, RRTO_MODULE_MAX_BYTES);
    int32_t result = RRTO_CUDA_NO_MEMORY;
    if (rrto_fatbin_build(&entry, &mini) == RRTO_OK)
        result = send_image(module, mini.data, mini.size, wait || entry.kind == RRTO_IMAGE_PTX);
    rrto_buf_fini(&mini);
    return result;
}

static int32_t load_locked(struct rrto_module *module, bool wait)
{
    const struct rrto_device_info *device = rrto_session_device();
    if (!device)
        return rrto_cuda_issued(RRTO_LOST);
    const void *data = module->image;
    size_t n_bytes = module->n_image;
    if (n_bytes == 0)
        n_bytes = rrto_image_bytes(module->image, &data);
    switch (rrto_image_kind(data, n_bytes)) {
    case RRTO_IMAGE_FATBIN:
        return load_fatbin(module, data, n_bytes, rrto_device_capability(device), wait);
    case RRTO_IMAGE_CUBIN:
    case RRTO_IMAGE_PTX:
        return send_image(module, data, n_bytes, true);
    case RRTO_IMAGE_UNKNOWN:
        break;
    }
    return RRTO_CUDA_INVALID_IMAGE;
}

static int32_t ensure_loaded(struct rrto_module *module, bool wait)
{
    if (!module->tried) {
        module->status = load_locked(module, wait);
        module->tried = true;
        if (module->owns_image) {
            free((void *)(uintptr_t)module->image);
            module->image = NULL;
            module->owns_image = false;
        }
    }
    return module->status;
}

int32_t rrto_module_load(struct rrto_module *module, bool wait)
{
    pthread_mutex_lock(&load_lock);
    int32_t result = ensure_loaded(module, wait);
    pthread_mutex_unlock(&load_lock);
    return result;
}

int32_t rrto_module_unload(struct rrto_module *module)
{
    if (!module)
        return RRTO_CUDA_SUCCESS;
    int32_t result = RRTO_CUDA_SUCCESS;
    /* A forked child that exits unregisters its parent's modules: it has no session to say so to. */
    if (module->tried && module->status == RRTO_CUDA_SUCCESS && rrto_session_open()) {
        struct rrto_args_module_unload args = {.module = module->id};
        rrto_symbol_drop(module->id);
        forget_loaded(module->id);
        struct rrto_issue_extra extra = {.apart = rrto_host_functions_may_wait()};
        result = rrto_cuda_issued(rrto_issue_module_unload(&args, &extra));
    }
    for (struct rrto_function *function = module->functions, *next; function; function = next) {
        next = function->next;
        rrto_object_destroy(function->handle, RRTO_OBJECT_FUNCTION);
        free((void *)(uintptr_t)function->name);
        free(function);
    }
    if (module->owns_image)
        free((void *)(uintptr_t)module->image);
    rrto_module_destroy(module->layout);
    free(module);
    return result;
}

struct rrto_function *rrto_module_function(struct rrto_module *module, const char *name)
{
    pthread_mutex_lock(&table_lock);
    struct rrto_function *function = module->functions;
    while (function && strcmp(function->name, name) != 0)
        function = function->next;
    if (!function) {
        function = calloc(1, sizeof *function);
        char *kept = strdup(name);
        struct rrto_object *handle = rrto_object_create(RRTO_OBJECT_FUNCTION);
        if (function && kept && handle) {
            handle->data = function;
            *function = (struct rrto_function){
                .module = module, .name = kept, .handle = handle, .next = module->functions, .id = handle->id};
            module->functions = function;
        } else {
            free(function);
            free(kept);
            if (handle)
                rrto_object_destroy(handle, RRTO_OBJECT_FUNCTION);
            function = NULL;
        }
    }
    pthread_mutex_unlock(&table_lock);
    return function;
}

static int32_t look_up(struct rrto_function *function)
{
    int32_t result = ensure_loaded(function->module, false);
    if (result)
        return result;
    function->layout = rrto_module_kernel(function->module->layout, function->name);
    if (!function->layout)
        return RRTO_CUDA_NOT_FOUND;
    struct rrto_args_function_get args = {.module = function->module->id,
                                          .function = function->id,
                                          .name = (const uint8_t *)function->name,
                                          .n_name = (uint32_t)strlen(function->name)};
    struct rrto_buf reply;
    rrto_buf_init(&reply, MAX_REPLY_BYTES);
    struct rrto_issue_extra extra = {.wait = true, .reply = &reply, .apart = rrto_host_functions_load_apart()};
    result = rrto_cuda_issued(rrto_issue_function_get(&args, &extra));
    if (!result) {
        struct rrto_dec dec;
        struct rrto_reply_function_get fields;
        rrto_dec_init(&dec, reply.data, reply.size);
        rrto_unpack_reply_function_get(&dec, &fields);
        if (dec.failed || fields.n_attributes < RRTO_FUNCTION_ATTRIBUTES / 2)
            result = RRTO_CUDA_LOST;
        for (uint32_t i = 0; !result && i < fields.n_attributes && i < RRTO_FUNCTION_ATTRIBUTES; i++)
            function->attributes[i] = fields.attributes[i];
    }
    rrto_buf_fini(&reply);
    return result;
}

int32_t rrto_function_ready(struct rrto_function *function)
{
    if (__atomic_load_n(&function->tried, __ATOMIC_ACQUIRE))
        return function->status;
    pthread_mutex_lock(&load_lock);
    if (!function->tried) {
        int32_t status = look_up(function);
        /* A lost session is no property of the function; a missing image or body is. */
        if (status == RRTO_CUDA_NO_KERNEL_IMAGE)
            rrto_error("kernel %s: no image or body for the server's GPU (error 209)", function->name);
        function->status = status;
        if (status != RRTO_CUDA_LOST)
            __atomic_store_n(&function->tried, true, __ATOMIC_RELEASE);
    }
    int32_t result = function->status;
    pthread_mutex_unlock(&load_lock);
    return result;
}

struct rrto_function *rrto_function_check(const void *handle)
{
    const struct rrto_object *object = rrto_object_check(handle, RRTO_OBJECT_FUNCTION);
    return object ? object->data : NULL;
}

int32_t rrto_function_set_attribute(struct rrto_function *function, int32_t attribute, int32_t value)
{
    int32_t result = rrto_function_ready(function);
    if (result)
        return result;
    struct rrto_args_function_set_attribute args = {.function = function->id, .attribute = attribute, .value = value};
    result = rrto_cuda_issued(rrto_issue_function_set_attribute(&args, NULL));
    if (!result && attribute >= 0 && attribute < RRTO_FUNCTION_ATTRIBUTES)
        function->attributes[attribute] = value;
    return result;
}

int32_t rrto_function_set_cache_config(struct rrto_function *function, int32_t config)
{
    int32_t result = rrto_function_ready(function);
    if (result)
        return result;
    struct rrto_args_function_set_cache_config args = {.function = function->id, .config = config};
    return rrto_cuda_issued(rrto_issue_function_set_cache_config(&args, NULL));
}

int32_t rrto_function_occupancy(struct rrto_function *function, int32_t block_size, uint64_t dynamic_bytes,
                                uint32_t flags, int32_t *ret_n_blocks)
{
    int32_t result = rrto_function_ready(function);
    if (result)
        return result;
    struct rrto_args_occupancy args = {
        .function = function->id, .block_size = block_size, .dynamic_bytes = dynamic_bytes, .flags = flags};
    struct rrto_buf reply;
    rrto_buf_init(&reply, MAX_REPLY_BYTES);
    struct rrto_issue_extra extra = {.wait = true, .reply = &reply};
    result = rrto_cuda_issued(rrto_issue_occupancy(&args, &extra));
    if (!result) {
        struct rrto_dec dec;
        struct rrto_reply_occupancy fields;
        rrto_dec_init(&dec, reply.data, reply.size);
        rrto_unpack_reply_occupancy(&dec, &fields);
        if (dec.failed)
            result = RRTO_CUDA_LOST;
        else
            *ret_n_blocks = fields.n_blocks;
    }
    rrto_buf_fini(&reply);
    return result;
}

int32_t rrto_module_symbol(struct rrto_module *module, const char *name, uint64_t *ret_address, uint64_t *ret_n_bytes)
{
    int32_t result = rrto_module_load(module, false);
    if (result)
        return result;
    struct rrto_args_symbol_get args = {
        .module = module->id, .name = (const uint8_t *)name, .n_name = (uint32_t)strlen(name)};
    struct rrto_buf reply;
    rrto_buf_init(&reply, MAX_REPLY_BYTES);
    struct rrto_issue_extra extra = {.wait = true, .reply = &reply};
    result = rrto_cuda_issued(rrto_issue_symbol_get(&args, &extra));
    if (!result) {
        struct rrto_dec dec;
        struct rrto_reply_symbol_get fields;
        rrto_dec_init(&dec, reply.data, reply.size);
        rrto_unpack_reply_symbol_get(&dec, &fields);
        if (dec.failed) {
            result = RRTO_CUDA_LOST;
        } else {
            *ret_address = fields.address;
            *ret_n_bytes = fields.n_bytes_symbol;
            rrto_symbol_add(module->id, fields.address, fields.n_bytes_symbol);
        }
    }
    rrto_buf_fini(&reply);
    return result;
}
