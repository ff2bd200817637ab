/* SPDX-License-Identifier: Apache-2.0 */
/* Cubins: ELF64 with one .text.<kernel> and one .nv.info.<kernel> section per kernel; the latter holds the parameter
 * layout as attributes. Device variables are object symbols of .nv.global, .nv.global.init and .nv.constant3. OS/ABI
 * and ABI version vary between toolkits and are not looked at. */
#include "internal.h"

#include <stdlib.h>

enum {
    ELF_HEADER_BYTES = 64,
    SECTION_BYTES = 64,
    SYMBOL_BYTES = 24,
    SECTION_SYMTAB = 2,
    SECTION_NOBITS = 8,
    SYMBOL_OBJECT = 1,
    SYMBOL_FUNCTION = 2,
    SYMBOL_OTHER_ENTRY = 0x10, /* a kernel, not a device function */
    MAX_SECTIONS = 1 << 20,
    MAX_PARAM_BYTES = 1 << 20,
};

/* Attributes of .nv.info sections: u8 format, u8 attribute, then by format: nothing, one byte or one u16 (in 2 bytes),
 * or a u16 size and that many bytes. */
enum {
    FORMAT_SIZED = 4,
    ATTRIBUTE_MAX_THREADS = 0x05,
    ATTRIBUTE_KPARAM_INFO = 0x17,
    ATTRIBUTE_CBANK_PARAM_SIZE = 0x19,
    ATTRIBUTE_REGCOUNT = 0x2f,
    ATTRIBUTE_KPARAM_INFO_V2 = 0x45, /* kernels with more than 4 KB of parameters */
};

struct section {
    const char *name;
    uint32_t type;
    uint64_t offset, size;
    uint32_t link, info;
};

struct cubin {
    const uint8_t *image;
    size_t n;
    struct section *sections;
    const struct section **by_name; /* sorted, n_sections of them */
    uint32_t n_sections;
};

/* A NUL-terminated string inside a section, "" when it is not one. */
static const char *string_at(const struct cubin *cubin, const struct section *table, uint64_t at)
{
    if (at >= table->size)
        return "";
    const char *text = (const char *)cubin->image + table->offset + at;
    return memchr(text, 0, (size_t)(table->size - at)) ? text : "";
}

static int section_compare(const void *a, const void *b)
{
    return strcmp((*(const struct section *const *)a)->name, (*(const struct section *const *)b)->name);
}

static int sections_read(struct cubin *cubin)
{
    const uint8_t *image = cubin->image;
    if (cubin->n < ELF_HEADER_BYTES || memcmp(image, "\177ELF\2\1", 6) != 0)
        return RRTO_INVALID;
    uint64_t table = field_u64(image + 40);
    uint32_t count = field_u16(image + 60), names = field_u16(image + 62);
    if (field_u16(image + 58) != SECTION_BYTES || !range_in(table, (uint64_t)SECTION_BYTES, cubin->n))
        return RRTO_INVALID;
    /* With 65,280 sections or more the counts stand in section 0. */
    if (count == 0) {
        uint64_t large = field_u64(image + table + 32);
        if (large > MAX_SECTIONS)
            return RRTO_INVALID;
        count = (uint32_t)large;
    }
    if (names == 0xffff)
        names = field_u32(image + table + 40);
    if (!range_in(table, (uint64_t)count * SECTION_BYTES, cubin->n) || names >= count)
        return RRTO_INVALID;
    cubin->sections = calloc(count, sizeof *cubin->sections);
    cubin->by_name = calloc(count, sizeof(struct section *));
    if (!cubin->sections || !cubin->by_name)
        return RRTO_NO_MEMORY;
    cubin->n_sections = count;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *at = image + table + (size_t)i * SECTION_BYTES;
        struct section *section = &cubin->sections[i];
        section->type = field_u32(at + 4);
        section->offset = field_u64(at + 24);
        section->size = field_u64(at + 32);
        section->link = field_u32(at + 40);
        section->info = field_u32(at + 44);
        if (i > 0 && section->type != SECTION_NOBITS && !range_in(section->offset, section->size, cubin->n))
            return RRTO_INVALID;
    }
    const struct section *strings = &cubin->sections[names];
    if (names == 0 || strings->type == SECTION_NOBITS)
        return RRTO_INVALID;
    cubin->sections[0] = (struct section){.name = ""};
    for (uint32_t i = 1; i < count; i++)
        cubin->sections[i].name = string_at(cubin, strings, field_u32(image + table + (size_t)i * SECTION_BYTES));
    for (uint32_t i = 0; i < count; i++)
        cubin->by_name[i] = &cubin->sections[i];
    qsort(cubin->by_name, count, sizeof(struct section *), section_compare);
    return RRTO_OK;
}

size_t rrto_cubin_bytes(const uint8_t *image, size_t max)
{
    uint64_t sections = field_u64(image + 40), end = sections + (uint64_t)field_u16(image + 60) * SECTION_BYTES;
    if (sections > max || field_u16(image + 58) != SECTION_BYTES)
        return 0;
    for (uint32_t i = 0; i < field_u16(image + 60); i++) {
        const uint8_t *at = image + sections + (size_t)i * SECTION_BYTES;
        uint64_t offset = field_u64(at + 24), size = field_u64(at + 32);
        if (field_u32(at + 4) == SECTION_NOBITS)
            continue;
        if (!range_in(offset, size, max))
            return 0;
        if (offset + size > end)
            end = offset + size;
    }
    uint64_t programs = field_u64(image + 32),
             programs_end = programs + (uint64_t)field_u16(image + 56) * field_u16(image + 54);
    if (programs_end > end)
        end = programs_end;
    return end > max ? 0 : (size_t)end;
}

/* Parameters of one kernel while its attributes are read. */
struct layout {
    uint32_t *offsets, *sizes;
    uint32_t n, capacity, param_bytes, max_threads;
};

static int layout_put(struct layout *layout, uint32_t ordinal, uint32_t offset, uint32_t size)
{
    if (ordinal >= RRTO_MODULE_MAX_PARAMS || size > MAX_PARAM_BYTES)
        return RRTO_TOO_LARGE;
    if (ordinal >= layout->capacity) {
        uint32_t capacity = layout->capacity ? layout->capacity : 16;
        while (capacity <= ordinal)
            capacity *= 2;
        uint32_t *grown = realloc(layout->offsets, 2 * sizeof(uint32_t) * capacity);
        if (!grown)
            return RRTO_NO_MEMORY;
        memmove(grown + capacity, grown + layout->capacity, sizeof(uint32_t) * layout->capacity);
        layout->offsets = grown;
        layout->sizes = grown + capacity;
        layout->capacity = capacity;
    }
    while (layout->n <= ordinal) {
        layout->offsets[layout->n] = layout->sizes[layout->n] = 0;
        layout->n++;
    }
    layout->offsets[ordinal] = offset;
    layout->sizes[ordinal] = size;
    return RRTO_OK;
}

static int attributes_read(const uint8_t *at, size_t n, struct layout *layout)
{
    const uint8_t *end = at + n;
    while ((size_t)(end - at) >= 4) {
        uint8_t format = at[0], attribute = at[1];
        uint16_t value = field_u16(at + 2);
        const uint8_t *body = at + 4;
        size_t size = format == FORMAT_SIZED ? value : 0;
        if (size > (size_t)(end - body))
            return RRTO_INVALID;
        int status = RRTO_OK;
        if (attribute == ATTRIBUTE_CBANK_PARAM_SIZE && format != FORMAT_SIZED)
            layout->param_bytes = value;
        else if (attribute == ATTRIBUTE_KPARAM_INFO && size >= 12)
            status = layout_put(layout, field_u16(body + 4), field_u16(body + 6), field_u32(body + 8) >> 18);
        else if (attribute == ATTRIBUTE_KPARAM_INFO_V2 && size >= 12)
            status = layout_put(layout, field_u16(body + 4), field_u16(body + 6), field_u32(body + 8));
        else if (attribute == ATTRIBUTE_MAX_THREADS && size >= 12)
            layout->max_threads = field_u32(body) * field_u32(body + 4) * field_u32(body + 8);
        if (status)
            return status;
        at = body + size;
    }
    return RRTO_OK;
}

/* prefix and name against one string, as if they were joined. */
static int joined_compare(const char *prefix, const char *name, const char *text)
{
    size_t n = strlen(prefix);
    int order = strncmp(prefix, text, n);
    return order ? order : strcmp(name, text + n);
}

static const struct section *section_find(const struct cubin *cubin, const char *prefix, const char *name)
{
    uint32_t low = 0, high = cubin->n_sections;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = joined_compare(prefix, name, cubin->by_name[middle]->name);
        if (order == 0)
            return cubin->by_name[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static int kernel_read(const struct cubin *cubin, struct module_builder *builder, const char *name, uint32_t text)
{
    struct layout layout = {0};
    const struct section *info = section_find(cubin, ".nv.info.", name);
    const struct section *shared = section_find(cubin, ".nv.shared.", name);
    int status = RRTO_OK;
    if (info && info->type != SECTION_NOBITS)
        status = attributes_read(cubin->image + info->offset, (size_t)info->size, &layout);
    uint32_t *offsets = NULL;
    struct rrto_kernel_image *kernel = NULL;
    if (!status) {
        kernel = rrto_module_add_kernel(builder);
        offsets = rrto_module_alloc(builder, 2 * sizeof(uint32_t) * (layout.n + 1u));
        if (kernel)
            kernel->name = rrto_module_string(builder, name, strlen(name));
        if (!kernel || !offsets || !kernel->name)
            status = RRTO_NO_MEMORY;
    }
    if (!status) {
        uint32_t end = 0;
        for (uint32_t i = 0; i < layout.n; i++) {
            offsets[i] = layout.offsets[i];
            offsets[layout.n + i] = layout.sizes[i];
            if (layout.offsets[i] + layout.sizes[i] > end)
                end = layout.offsets[i] + layout.sizes[i];
        }
        kernel->n_params = layout.n;
        kernel->offsets = offsets;
        kernel->sizes = offsets + layout.n;
        kernel->param_bytes = end > layout.param_bytes ? end : layout.param_bytes;
        kernel->n_registers = cubin->sections[text].info >> 24;
        kernel->shared_bytes = shared && shared->size <= UINT32_MAX ? (uint32_t)shared->size : 0;
        kernel->max_threads = layout.max_threads;
    }
    free(layout.offsets);
    return status;
}

static int global_read(const struct cubin *cubin, struct module_builder *builder, const char *name,
                       const struct section *section, uint64_t value, uint64_t size)
{
    bool initialised = strcmp(section->name, ".nv.global.init") == 0,
         constant = strcmp(section->name, ".nv.constant3") == 0;
    if (!initialised && !constant && strcmp(section->name, ".nv.global") != 0)
        return RRTO_OK;
    if (!range_in(value, size, section->size))
        return RRTO_INVALID;
    struct rrto_global_image *global = rrto_module_add_global(builder);
    if (!global || !(global->name = rrto_module_string(builder, name, strlen(name))))
        return RRTO_NO_MEMORY;
    global->n_bytes = size;
    global->constant = constant;
    if (builder->keep_data && section->type != SECTION_NOBITS) {
        uint8_t *initial = rrto_module_alloc(builder, (size_t)size);
        if (!initial)
            return RRTO_NO_MEMORY;
        memcpy(initial, cubin->image + section->offset + value, (size_t)size);
        global->initial = initial;
    }
    return RRTO_OK;
}

static int symbols_read(const struct cubin *cubin, struct module_builder *builder, const struct section *table)
{
    if (table->link >= cubin->n_sections || cubin->sections[table->link].type == SECTION_NOBITS)
        return RRTO_INVALID;
    const struct section *strings = &cubin->sections[table->link];
    for (uint64_t at = 0; range_in(at, SYMBOL_BYTES, table->size); at += SYMBOL_BYTES) {
        const uint8_t *symbol = cubin->image + table->offset + at;
        uint32_t type = symbol[4] & 15u, home = field_u16(symbol + 6);
        const char *name = string_at(cubin, strings, field_u32(symbol));
        if (home == 0 || home >= cubin->n_sections || !*name)
            continue;
        int status = RRTO_OK;
        if (type == SYMBOL_FUNCTION && symbol[5] & SYMBOL_OTHER_ENTRY)
            status = kernel_read(cubin, builder, name, home);
        else if (type == SYMBOL_OBJECT)
            status = global_read(cubin, builder, name, &cubin->sections[home], field_u64(symbol + 8),
                                 field_u64(symbol + 16));
        if (status)
            return status;
    }
    return RRTO_OK;
}

/* The capability stands in e_flags: in the low byte with older ABIs, in bits 8 to 15 with that of CUDA 13. */
static uint32_t capability_of(const uint8_t *image)
{
    uint32_t flags = field_u32(image + 48);
    return image[7] == 0x41 ? flags >> 8 & 0xff : flags & 0xff;
}

int rrto_cubin_parse(const uint8_t *image, size_t n, struct module_builder *builder)
{
    struct cubin cubin = {.image = image, .n = n};
    int status = sections_read(&cubin);
    if (!status) {
        builder->capability = capability_of(image);
        for (uint32_t i = 1; i < cubin.n_sections && !status; i++)
            if (cubin.sections[i].type == SECTION_SYMTAB)
                status = symbols_read(&cubin, builder, &cubin.sections[i]);
    }
    free(cubin.sections);
    free(cubin.by_name);
    return status;
}
