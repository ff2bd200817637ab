/* SPDX-License-Identifier: Apache-2.0 */
/* A parsed module: the arena that holds it, look-up by name, and the way from any accepted image to it. */
#include "internal.h"

#include <stdlib.h>

struct module_chunk {
    struct module_chunk *next;
    size_t used, capacity;
    _Alignas(8) uint8_t bytes[];
};

/* What rrto_module_parse returns is the first member. */
struct module {
    struct rrto_module_image image;
    struct module_builder builder;
};

void *rrto_module_alloc(struct module_builder *builder, size_t n)
{
    n = (n + 7) & ~(size_t)7;
    struct module_chunk *chunk = builder->chunks;
    if (!chunk || chunk->capacity - chunk->used < n) {
        size_t capacity = n > 16384 ? n : 16384;
        chunk = calloc(1, sizeof *chunk + capacity);
        if (!chunk)
            return NULL;
        chunk->capacity = capacity;
        chunk->next = builder->chunks;
        builder->chunks = chunk;
    }
    void *ret = chunk->bytes + chunk->used;
    chunk->used += n;
    return ret;
}

char *rrto_module_string(struct module_builder *builder, const char *text, size_t n)
{
    char *copy = rrto_module_alloc(builder, n + 1);
    if (copy)
        memcpy(copy, text, n);
    return copy;
}

/* One more zeroed row of an array, or NULL. */
static void *row_add(void **array, uint32_t *n, uint32_t *capacity, size_t row_bytes)
{
    if (*n >= RRTO_MODULE_MAX_KERNELS)
        return NULL;
    if (*n == *capacity) {
        uint32_t grown = *capacity ? *capacity * 2 : 16;
        void *moved = realloc(*array, grown * row_bytes);
        if (!moved)
            return NULL;
        *array = moved;
        *capacity = grown;
    }
    void *row = (uint8_t *)*array + *n * row_bytes;
    memset(row, 0, row_bytes);
    ++*n;
    return row;
}

struct rrto_kernel_image *rrto_module_add_kernel(struct module_builder *builder)
{
    void *array = builder->kernels;
    struct rrto_kernel_image *row = row_add(&array, &builder->n_kernels, &builder->kernels_capacity, sizeof *row);
    builder->kernels = array;
    return row;
}

struct rrto_global_image *rrto_module_add_global(struct module_builder *builder)
{
    void *array = builder->globals;
    struct rrto_global_image *row = row_add(&array, &builder->n_globals, &builder->globals_capacity, sizeof *row);
    builder->globals = array;
    return row;
}

/* Both kinds of row start with their name. */
static int name_compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static struct module *module_free(struct module *module)
{
    struct module_chunk *next;
    for (struct module_chunk *chunk = module->builder.chunks; chunk; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    free(module->builder.kernels);
    free(module->builder.globals);
    free(module);
    return NULL;
}

struct rrto_module_image *rrto_module_destroy(struct rrto_module_image *module)
{
    if (module)
        module_free((struct module *)module);
    return NULL;
}

/* Parses one plain image, machine code or PTX. */
static int plain_parse(const uint8_t *image, size_t n, bool keep_data, struct rrto_module_image **ret)
{
    enum rrto_image_kind kind = rrto_image_kind(image, n);
    if (kind != RRTO_IMAGE_CUBIN && kind != RRTO_IMAGE_PTX)
        return RRTO_INVALID;
    struct module *module = calloc(1, sizeof *module);
    if (!module)
        return RRTO_NO_MEMORY;
    struct module_builder *builder = &module->builder;
    builder->keep_data = keep_data;
    int status = kind == RRTO_IMAGE_CUBIN ? rrto_cubin_parse(image, n, builder)
                                          : rrto_ptx_parse((const char *)image, n, builder);
    for (uint32_t i = 0; !status && i < builder->n_kernels; i++)
        if (!builder->kernels[i].name || !builder->kernels[i].offsets)
            status = RRTO_INVALID;
    if (status) {
        module_free(module);
        return status;
    }
    if (builder->n_kernels)
        qsort(builder->kernels, builder->n_kernels, sizeof *builder->kernels, name_compare);
    if (builder->n_globals)
        qsort(builder->globals, builder->n_globals, sizeof *builder->globals, name_compare);
    module->image = (struct rrto_module_image){
        .kind = kind,
        .capability = builder->capability,
        .n_kernels = builder->n_kernels,
        .n_globals = builder->n_globals,
        .kernels = builder->kernels,
        .globals = builder->globals,
    };
    *ret = &module->image;
    return RRTO_OK;
}

/* The entry that counts: the first machine code, else the first PTX. */
static int entry_pick(const void *fatbin, size_t n, struct rrto_fatbin_entry *ret_entry)
{
    size_t cursor = 0;
    struct rrto_fatbin_entry entry;
    bool found = false;
    int status;
    while ((status = rrto_fatbin_next(fatbin, n, &cursor, &entry)) == RRTO_OK) {
        if (found && entry.kind != RRTO_IMAGE_CUBIN)
            continue;
        *ret_entry = entry;
        found = true;
        if (entry.kind == RRTO_IMAGE_CUBIN)
            return RRTO_OK;
    }
    return found && status == RRTO_NOT_FOUND ? RRTO_OK : status;
}

int rrto_module_parse_data(const void *image, size_t n, bool keep_data, struct rrto_module_image **ret)
{
    if (n > RRTO_MODULE_MAX_BYTES)
        return RRTO_TOO_LARGE;
    if (rrto_image_kind(image, n) != RRTO_IMAGE_FATBIN)
        return plain_parse(image, n, keep_data, ret);
    struct rrto_fatbin_entry entry;
    uint8_t *plain;
    size_t n_plain;
    int status = entry_pick(image, n, &entry);
    if (!status)
        status = rrto_fatbin_decompress(&entry, RRTO_MODULE_MAX_BYTES, &plain, &n_plain);
    if (status)
        return status;
    status = plain_parse(plain, n_plain, keep_data, ret);
    free(plain);
    return status;
}

const struct rrto_kernel_image *rrto_module_kernel(const struct rrto_module_image *module, const char *name)
{
    if (!module->n_kernels)
        return NULL;
    return bsearch(&name, module->kernels, module->n_kernels, sizeof *module->kernels, name_compare);
}

const struct rrto_global_image *rrto_module_global(const struct rrto_module_image *module, const char *name)
{
    if (!module->n_globals)
        return NULL;
    return bsearch(&name, module->globals, module->n_globals, sizeof *module->globals, name_compare);
}
