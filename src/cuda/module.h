/* SPDX-License-Identifier: Apache-2.0 */
/* Modules and their functions, whatever way they came: registered by the compiler's start-up code, or loaded through
 * the driver or the library calls. A module travels at its first use, compressed, and only the image that the server's
 * GPU runs. */
#ifndef RRTO_CUDA_MODULE_H
#define RRTO_CUDA_MODULE_H

#include "fatbin/fatbin.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rrto_object;

struct rrto_module {
    uint32_t id;
    const void *image; /* lent: fat binary, cubin or PTX */
    size_t n_image;    /* 0: as the image's own header says */
    bool owns_image;
    bool tried; /* whether loading was tried; then status says how it went */
    int32_t status;
    struct rrto_module_image *layout; /* parsed when loaded */
    struct rrto_function *functions;  /* all that were asked for, newest first */
};

enum { RRTO_FUNCTION_ATTRIBUTES = 16 };

struct rrto_function {
    struct rrto_module *module;
    const char *name; /* ours */
    struct rrto_object *handle;
    struct rrto_function *next;
    bool tried;
    int32_t status;
    uint32_t id;
    int32_t attributes[RRTO_FUNCTION_ATTRIBUTES]; /* CUfunction_attribute 0 to 15 */
    const struct rrto_kernel_image *layout;
};

/* A module over an image that stays where it is as long as the module lives; with copy set, a copy of it is kept until
 * it has been sent. NULL when memory is short. Nothing is looked at or sent yet. */
struct rrto_module *rrto_module_create(const void *image, size_t n_image, bool copy);
/* Unloads it on the server and ends the life of its function handles. Accepts NULL. */
int32_t rrto_module_unload(struct rrto_module *module);
/* Sends it if that has not been done. wait: for the server's verdict (its status comes back then; otherwise a failure
 * is fail-stop). */
int32_t rrto_module_load(struct rrto_module *module, bool wait);

/* Whether the module of that id is loaded. Any thread. */
bool rrto_module_is_loaded(uint32_t id);

/* The function of that name, from the table or new; not looked up on the server yet. Its handle is function->handle.
 * NULL: memory is short. */
struct rrto_function *rrto_module_function(struct rrto_module *module, const char *name);
/* Makes sure that the server knows the function, and that its attributes and parameter layout are here. Waits once per
 * function. */
int32_t rrto_function_ready(struct rrto_function *function);
/* The function behind a CUfunction, cudaKernel_t or the like; NULL when it is none. */
struct rrto_function *rrto_function_check(const void *handle);
/* Sets an attribute on the server (it waits the first time) and here. */
int32_t rrto_function_set_attribute(struct rrto_function *function, int32_t attribute, int32_t value);
int32_t rrto_function_set_cache_config(struct rrto_function *function, int32_t config);
/* Resident blocks per multiprocessor. */
int32_t rrto_function_occupancy(struct rrto_function *function, int32_t block_size, uint64_t dynamic_bytes,
                                uint32_t flags, int32_t *ret_n_blocks);
/* A device variable's address and size; waits the first time. RRTO_CUDA_NOT_FOUND when there is none of that name. */
int32_t rrto_module_symbol(struct rrto_module *module, const char *name, uint64_t *ret_address, uint64_t *ret_n_bytes);

#endif
