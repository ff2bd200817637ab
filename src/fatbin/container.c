/* SPDX-License-Identifier: Apache-2.0 */
/* Fat binaries: a 16-byte header, then entries (machine code or PTX, per architecture), each stored plain, as an LZ4
 * block or as a zstd frame. */
#include "internal.h"

#include <lz4.h>
#include <stdlib.h>
#include <zstd.h>

enum {
    HEADER_MAGIC = 0xBA55ED50,
    HEADER_BYTES = 16,
    ENTRY_BYTES = 64,
    KIND_PTX = 1,
    KIND_ELF = 2,
    FLAG_LZ4 = 0x2000,
    FLAG_ZSTD = 0x8000,
};

/* Where things stand in an entry's header. */
enum {
    ENTRY_KIND = 0,
    ENTRY_HEADER_SIZE = 4,
    ENTRY_PAYLOAD_SIZE = 8,
    ENTRY_COMPRESSED_SIZE = 16,
    ENTRY_CAPABILITY = 28,
    ENTRY_FLAGS = 40,
    ENTRY_UNCOMPRESSED_SIZE = 56,
};

/* Checks the header; gives the span of the entries. */
static int fatbin_open(const uint8_t *fatbin, size_t n, size_t *ret_start, size_t *ret_end)
{
    if (n < HEADER_BYTES || field_u32(fatbin) != HEADER_MAGIC)
        return RRTO_INVALID;
    size_t header = field_u16(fatbin + 6);
    uint64_t size = field_u64(fatbin + 8);
    if (header < HEADER_BYTES || !range_in(header, size, n))
        return RRTO_INVALID;
    *ret_start = header;
    *ret_end = header + (size_t)size;
    return RRTO_OK;
}

/* Reads the entry at `at`; *ret_next is where the next one starts. */
static int entry_read(const uint8_t *at, size_t n, struct rrto_fatbin_entry *ret_entry, size_t *ret_next)
{
    if (n < ENTRY_BYTES)
        return RRTO_INVALID;
    uint64_t header = field_u32(at + ENTRY_HEADER_SIZE), payload = field_u64(at + ENTRY_PAYLOAD_SIZE);
    if (header < ENTRY_BYTES || !range_in(header, payload, n))
        return RRTO_INVALID;
    uint64_t flags = field_u64(at + ENTRY_FLAGS), stored = payload, uncompressed = payload;
    enum rrto_fatbin_packing packing = flags & FLAG_ZSTD  ? RRTO_FATBIN_ZSTD
                                       : flags & FLAG_LZ4 ? RRTO_FATBIN_LZ4
                                                          : RRTO_FATBIN_PLAIN;
    if (packing != RRTO_FATBIN_PLAIN) {
        stored = field_u32(at + ENTRY_COMPRESSED_SIZE);
        uncompressed = field_u64(at + ENTRY_UNCOMPRESSED_SIZE);
        if (stored > payload || uncompressed > RRTO_MODULE_MAX_BYTES)
            return RRTO_INVALID;
    }
    uint16_t kind = field_u16(at + ENTRY_KIND);
    *ret_entry = (struct rrto_fatbin_entry){
        .kind = kind == KIND_PTX   ? RRTO_IMAGE_PTX
                : kind == KIND_ELF ? RRTO_IMAGE_CUBIN
                                   : RRTO_IMAGE_UNKNOWN,
        .capability = field_u32(at + ENTRY_CAPABILITY),
        .payload = at + header,
        .n_payload = (size_t)stored,
        .n_uncompressed = (size_t)uncompressed,
        .packing = packing,
        .raw = at,
        .n_raw = (size_t)(header + payload),
    };
    *ret_next = (size_t)(header + payload);
    return RRTO_OK;
}

int rrto_fatbin_next(const void *fatbin, size_t n, size_t *cursor, struct rrto_fatbin_entry *ret_entry)
{
    size_t start, end;
    int status = fatbin_open(fatbin, n, &start, &end);
    if (status)
        return status;
    if (*cursor < start)
        *cursor = start;
    while (*cursor < end) {
        struct rrto_fatbin_entry entry;
        size_t step;
        status = entry_read((const uint8_t *)fatbin + *cursor, end - *cursor, &entry, &step);
        if (status)
            return status;
        *cursor += step;
        if (entry.kind == RRTO_IMAGE_UNKNOWN)
            continue;
        *ret_entry = entry;
        return RRTO_OK;
    }
    return RRTO_NOT_FOUND;
}

/* Machine code beats PTX, then the higher capability; 0 = does not run there. */
static uint32_t entry_rank(const struct rrto_fatbin_entry *entry, uint32_t capability)
{
    if (entry->capability > capability)
        return 0;
    if (entry->kind == RRTO_IMAGE_PTX)
        return 1 + entry->capability;
    return entry->capability / 10 == capability / 10 ? 0x10000 + entry->capability : 0;
}

int rrto_fatbin_select(const void *fatbin, size_t n, uint32_t capability, struct rrto_fatbin_entry *ret_entry)
{
    size_t cursor = 0;
    struct rrto_fatbin_entry entry, best = {0};
    uint32_t best_rank = 0;
    int status;
    while ((status = rrto_fatbin_next(fatbin, n, &cursor, &entry)) == RRTO_OK) {
        uint32_t rank = entry_rank(&entry, capability);
        if (rank > best_rank) {
            best = entry;
            best_rank = rank;
        }
    }
    if (status != RRTO_NOT_FOUND)
        return status;
    if (!best_rank)
        return RRTO_NOT_FOUND;
    *ret_entry = best;
    return RRTO_OK;
}

int rrto_fatbin_build(const struct rrto_fatbin_entry *entry, struct rrto_buf *ret_fatbin)
{
    uint32_t magic = HEADER_MAGIC;
    uint16_t version[2] = {1, HEADER_BYTES};
    uint64_t size = entry->n_raw;
    rrto_buf_put(ret_fatbin, &magic, sizeof magic);
    rrto_buf_put(ret_fatbin, version, sizeof version);
    rrto_buf_put(ret_fatbin, &size, sizeof size);
    rrto_buf_put(ret_fatbin, entry->raw, entry->n_raw);
    return ret_fatbin->failed ? RRTO_NO_MEMORY : RRTO_OK;
}

int rrto_fatbin_decompress(const struct rrto_fatbin_entry *entry, size_t max, uint8_t **ret_image, size_t *ret_n)
{
    size_t n = entry->n_uncompressed;
    if (n > max || n > RRTO_MODULE_MAX_BYTES)
        return RRTO_TOO_LARGE;
    uint8_t *image = malloc(n + 1);
    if (!image)
        return RRTO_NO_MEMORY;
    bool ok = false;
    switch (entry->packing) {
    case RRTO_FATBIN_PLAIN:
        memcpy(image, entry->payload, n);
        ok = true;
        break;
    case RRTO_FATBIN_LZ4:
        ok = entry->n_payload <= INT32_MAX &&
             LZ4_decompress_safe((const char *)entry->payload, (char *)image, (int)entry->n_payload, (int)n) == (int)n;
        break;
    case RRTO_FATBIN_ZSTD:
        ok = ZSTD_decompress(image, n, entry->payload, entry->n_payload) == n;
        break;
    }
    if (!ok) {
        free(image);
        return RRTO_INVALID;
    }
    image[n] = 0;
    *ret_image = image;
    *ret_n = n;
    return RRTO_OK;
}

enum rrto_image_kind rrto_image_kind(const void *image, size_t n)
{
    const uint8_t *bytes = image;
    if (n >= 4 && field_u32(bytes) == HEADER_MAGIC)
        return RRTO_IMAGE_FATBIN;
    if (n >= 4 && memcmp(bytes, "\177ELF", 4) == 0)
        return RRTO_IMAGE_CUBIN;
    /* PTX starts with its .version, after white space and comments. */
    size_t i = 0;
    while (i < n && (bytes[i] == ' ' || bytes[i] == '\t' || bytes[i] == '\n' || bytes[i] == '\r'))
        i++;
    if (i < n && (bytes[i] == '.' || (bytes[i] == '/' && i + 1 < n && (bytes[i + 1] == '/' || bytes[i + 1] == '*'))))
        return RRTO_IMAGE_PTX;
    return RRTO_IMAGE_UNKNOWN;
}

size_t rrto_image_bytes(const void *image, const void **ret_start)
{
    const uint8_t *bytes = image;
    uint32_t magic = field_u32(bytes);
    if (magic == RRTO_FATBIN_WRAPPER_MAGIC) {
        struct rrto_fatbin_wrapper wrapper;
        memcpy(&wrapper, image, sizeof wrapper);
        if (!wrapper.data || field_u32(wrapper.data) != HEADER_MAGIC)
            return 0;
        bytes = wrapper.data;
        magic = HEADER_MAGIC;
    }
    if (ret_start)
        *ret_start = bytes;
    if (magic == HEADER_MAGIC) {
        uint64_t size = field_u64(bytes + 8);
        return size > RRTO_MODULE_MAX_BYTES ? 0 : field_u16(bytes + 6) + (size_t)size;
    }
    if (rrto_image_kind(bytes, 4) == RRTO_IMAGE_CUBIN)
        return rrto_cubin_bytes(bytes, RRTO_MODULE_MAX_BYTES);
    size_t n = strnlen((const char *)bytes, RRTO_MODULE_MAX_BYTES);
    return rrto_image_kind(bytes, n) == RRTO_IMAGE_PTX ? n + 1 : 0;
}
