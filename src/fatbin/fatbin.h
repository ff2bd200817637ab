/* SPDX-License-Identifier: Apache-2.0 */
/* Fat binaries, cubins and PTX text: which image suits a device, and what is in it (kernels with their parameter
 * layout, device variables). Pure functions over bytes; nothing outside the given bytes is ever read. Any thread; none
 * blocks. Errors are rrto_status. */
#ifndef RRTO_FATBIN_FATBIN_H
#define RRTO_FATBIN_FATBIN_H

#include "base/buf.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rrto_image_kind { RRTO_IMAGE_UNKNOWN, RRTO_IMAGE_FATBIN, RRTO_IMAGE_CUBIN, RRTO_IMAGE_PTX };

/* What __cudaRegisterFatBinary is given. */
struct rrto_fatbin_wrapper {
    uint32_t magic, version;
    const void *data;
    const void *reserved;
};
enum { RRTO_FATBIN_WRAPPER_MAGIC = 0x466243B1 };

enum rrto_image_kind rrto_image_kind(const void *image, size_t n);
/* The size of an image that the application handed over without one (cuModuleLoadData): as its own header says, for PTX
 * up to and with the terminating NUL. A wrapper is followed first. Trusts the application, not the wire. 0 when it is
 * none of ours. *ret_start (may be NULL) is where the image itself starts (differs from `image` for a wrapper). */
size_t rrto_image_bytes(const void *image, const void **ret_start);

/* One entry of a fat binary; the pointers point into it. */
struct rrto_fatbin_entry {
    enum rrto_image_kind kind; /* CUBIN or PTX */
    uint32_t capability;       /* 80 for sm_80 */
    const uint8_t *payload;
    size_t n_payload;      /* bytes as stored */
    size_t n_uncompressed; /* equal to n_payload when stored plain */
    enum rrto_fatbin_packing { RRTO_FATBIN_PLAIN, RRTO_FATBIN_LZ4, RRTO_FATBIN_ZSTD } packing;
    const uint8_t *raw; /* the whole entry, header and padding included */
    size_t n_raw;
};

/* Walks a fat binary: *cursor starts at 0. RRTO_NOT_FOUND at the end, RRTO_INVALID for a malformed one. Entries of an
 * unknown kind are skipped. */
int rrto_fatbin_next(const void *fatbin, size_t n, size_t *cursor, struct rrto_fatbin_entry *ret_entry);
/* The entry that a device of this compute capability (80 = 8.0) runs: machine code of the same major and the highest
 * minor that is not above the device's; else the highest PTX not above it. RRTO_NOT_FOUND when none suits. */
int rrto_fatbin_select(const void *fatbin, size_t n, uint32_t capability, struct rrto_fatbin_entry *ret_entry);
/* Appends a fat binary that holds just this entry, still compressed. */
int rrto_fatbin_build(const struct rrto_fatbin_entry *entry, struct rrto_buf *ret_fatbin);
/* The entry's image, from malloc (free with free()); RRTO_TOO_LARGE above max bytes. PTX gets a terminating NUL after
 * *ret_n bytes. */
int rrto_fatbin_decompress(const struct rrto_fatbin_entry *entry, size_t max, uint8_t **ret_image, size_t *ret_n);

struct rrto_kernel_image {
    const char *name;
    uint32_t n_params;
    uint32_t param_bytes;            /* size of the parameter block */
    const uint32_t *offsets, *sizes; /* n_params of each, in the order of the declaration */
    uint32_t n_registers;            /* per thread; 0 when the image does not say */
    uint32_t shared_bytes;           /* static */
    uint32_t max_threads;            /* of a block; 0 when the image does not say */
};

struct rrto_global_image {
    const char *name;
    uint64_t n_bytes;
    const uint8_t *initial; /* n_bytes, or NULL for zeroes */
    bool constant;
};

/* A parsed image. It holds its own copy of everything: the image may be dropped. Immutable, so any number of threads
 * may read it. */
struct rrto_module_image {
    enum rrto_image_kind kind; /* CUBIN or PTX */
    uint32_t capability;
    uint32_t n_kernels, n_globals;
    const struct rrto_kernel_image *kernels; /* sorted by name */
    const struct rrto_global_image *globals; /* sorted by name */
};

/* Bounds of what rrto_module_parse accepts. */
enum { RRTO_MODULE_MAX_BYTES = 1 << 30, RRTO_MODULE_MAX_PARAMS = 4096, RRTO_MODULE_MAX_KERNELS = 1 << 20 };

/* Accepts a (mini) fat binary with one suitable entry, a cubin, or PTX text (NUL-terminated or not). Of a fat binary
 * with several entries the first machine code counts, else the first PTX. *ret is written on success only; destroy it
 * with rrto_module_destroy. initial data of globals is kept when keep_data is set (the soft GPU needs it, the client
 * does not). */
int rrto_module_parse_data(const void *image, size_t n, bool keep_data, struct rrto_module_image **ret);
static inline int rrto_module_parse(const void *image, size_t n, struct rrto_module_image **ret)
{
    return rrto_module_parse_data(image, n, false, ret);
}
struct rrto_module_image *rrto_module_destroy(struct rrto_module_image *module); /* accepts NULL, returns NULL */
/* By exact name, NULL when there is none. Logarithmic. */
const struct rrto_kernel_image *rrto_module_kernel(const struct rrto_module_image *module, const char *name);
const struct rrto_global_image *rrto_module_global(const struct rrto_module_image *module, const char *name);

#endif
