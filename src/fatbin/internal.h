/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of src/fatbin: bounded reads, the parsers' output, the arena that a parsed module owns. */
#ifndef RRTO_FATBIN_INTERNAL_H
#define RRTO_FATBIN_INTERNAL_H

#include "fatbin/fatbin.h"

#include <string.h>

/* Little-endian field at p; the caller has checked the bounds. */
#define RRTO_FIELD(suffix, type)                                                                                       \
    static inline type field_##suffix(const uint8_t *p)                                                                \
    {                                                                                                                  \
        type value;                                                                                                    \
        memcpy(&value, p, sizeof value);                                                                               \
        return value;                                                                                                  \
    }
RRTO_FIELD(u16, uint16_t)
RRTO_FIELD(u32, uint32_t)
RRTO_FIELD(u64, uint64_t)
#undef RRTO_FIELD

/* Whether [offset, offset + length) lies in n bytes. */
static inline bool range_in(uint64_t offset, uint64_t length, uint64_t n)
{
    return offset <= n && length <= n - offset;
}

/* A module under construction: arrays grow, strings and layouts live in the arena until the module is destroyed. */
struct module_builder {
    struct module_chunk *chunks;
    struct rrto_kernel_image *kernels;
    struct rrto_global_image *globals;
    uint32_t n_kernels, n_globals, kernels_capacity, globals_capacity;
    uint32_t capability;
    bool keep_data;
    uint64_t initial_bytes; /* of PTX variables */
};

/* Zeroed, 8-aligned memory that lives as long as the module; NULL when memory is short. */
void *rrto_module_alloc(struct module_builder *builder, size_t n);
char *rrto_module_string(struct module_builder *builder, const char *text, size_t n);
/* A new zeroed row, or NULL. Valid until the next row is added. */
struct rrto_kernel_image *rrto_module_add_kernel(struct module_builder *builder);
struct rrto_global_image *rrto_module_add_global(struct module_builder *builder);

int rrto_cubin_parse(const uint8_t *image, size_t n, struct module_builder *builder);
int rrto_ptx_parse(const char *text, size_t n, struct module_builder *builder);
/* The size of a cubin by its own headers, at most max; 0 when it is malformed. */
size_t rrto_cubin_bytes(const uint8_t *image, size_t max);

#endif
