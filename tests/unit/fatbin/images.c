/* SPDX-License-Identifier: Apache-2.0 */
/* Makes small cubins and fat binaries. */
#include "images.h"

#include <lz4.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

const char example_ptx[] = "// made by hand\n"
                           ".version 8.0\n.target sm_80\n.address_size 64\n"
                           ".extern .global .u32 elsewhere;\n"
                           ".visible .global .align 4 .u32 seeds[4] = {1, 2, 0x10};\n"
                           ".const .f32 half = 0f3F000000;\n"
                           ".visible .func (.param .b32 r) helper(.param .b32 x) { ret; }\n"
                           ".visible .entry axpy(\n"
                           "    .param .u8 flag, .param .f64 .ptr .global .align 16 x, /* comment */\n"
                           "    .param .align 16 .b8 block[20], .param .u32 n\n)\n"
                           ".maxntid 128, 2, 1\n{ .reg .b32 %r<2>; { ret; } }\n"
                           ".entry none() { ret; }\n";

static void put_u16(struct rrto_buf *buf, uint16_t value)
{
    rrto_buf_put(buf, &value, 2);
}

static void put_u32(struct rrto_buf *buf, uint32_t value)
{
    rrto_buf_put(buf, &value, 4);
}

static void put_u64(struct rrto_buf *buf, uint64_t value)
{
    rrto_buf_put(buf, &value, 8);
}

static void put_kparam(struct rrto_buf *buf, uint16_t ordinal, uint16_t offset, uint32_t size)
{
    put_u16(buf, 0x1704);
    put_u16(buf, 12);
    put_u32(buf, 0);
    put_u16(buf, ordinal);
    put_u16(buf, offset);
    put_u32(buf, size << 18 | 0x1f000);
}

struct made_section {
    const char *name;
    uint32_t type, link, info;
    const void *data;
    uint64_t size;
};

static void put_symbol(struct rrto_buf *buf, uint32_t name, uint8_t type, uint8_t other, uint16_t section,
                       uint64_t value, uint64_t size)
{
    put_u32(buf, name);
    rrto_buf_put(buf, &(uint8_t[]){(uint8_t)(0x10 | type), other}, 2);
    put_u16(buf, section);
    put_u64(buf, value);
    put_u64(buf, size);
}

void make_cubin(struct rrto_buf *ret)
{
    static const char strings[] = "\0axpy\0large\0helper\0table\0counter";
    static const uint8_t table[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct rrto_buf symbols, axpy, large, names;
    rrto_buf_init(&symbols, 1 << 16);
    rrto_buf_init(&axpy, 1 << 16);
    rrto_buf_init(&large, 1 << 16);
    rrto_buf_init(&names, 1 << 16);
    put_symbol(&symbols, 0, 0, 0, 0, 0, 0);
    put_symbol(&symbols, 1, 2, 0x10, 3, 0, 16);
    put_symbol(&symbols, 6, 2, 0x10, 6, 0, 16);
    put_symbol(&symbols, 12, 2, 0, 8, 0, 16);
    put_symbol(&symbols, 19, 1, 0, 9, 0, 8);
    put_symbol(&symbols, 25, 1, 0, 10, 0, 4);
    put_u16(&axpy, 0x0504); /* at most 256 x 1 x 1 threads */
    put_u16(&axpy, 12);
    put_u32(&axpy, 256);
    put_u32(&axpy, 1);
    put_u32(&axpy, 1);
    put_kparam(&axpy, 3, 16, 8);
    put_kparam(&axpy, 2, 8, 8);
    put_kparam(&axpy, 1, 4, 4);
    put_kparam(&axpy, 0, 0, 4);
    put_u16(&axpy, 0x1903);
    put_u16(&axpy, 24);
    put_u16(&large, 0x4504);
    put_u16(&large, 12);
    put_u32(&large, 0);
    put_u16(&large, 0);
    put_u16(&large, 0);
    put_u32(&large, 5000);
    put_u16(&large, 0x1903);
    put_u16(&large, 5000);
    static const uint8_t code[16];
    struct made_section sections[] = {
        {"", 0, 0, 0, NULL, 0},
        {".strtab", 3, 0, 0, strings, sizeof strings},
        {".symtab", 2, 1, 1, symbols.data, symbols.size},
        {".text.axpy", 1, 2, 12u << 24 | 1, code, 16},
        {".nv.info.axpy", 0x70000000, 2, 3, axpy.data, axpy.size},
        {".nv.shared.axpy", 8, 0, 3, NULL, 40},
        {".text.large", 1, 2, 8u << 24 | 2, code, 16},
        {".nv.info.large", 0x70000000, 2, 6, large.data, large.size},
        {".text.helper", 1, 2, 8u << 24 | 3, code, 16},
        {".nv.global.init", 1, 0, 0, table, 8},
        {".nv.global", 8, 0, 0, NULL, 4},
        {".shstrtab", 3, 0, 0, NULL, 0},
    };
    enum { COUNT = sizeof sections / sizeof sections[0] };
    uint32_t name_at[COUNT];
    for (int i = 0; i < COUNT; i++) {
        name_at[i] = (uint32_t)names.size;
        rrto_buf_put(&names, sections[i].name, strlen(sections[i].name) + 1);
    }
    sections[COUNT - 1].data = names.data;
    sections[COUNT - 1].size = names.size;
    uint8_t header[64] = {0x7f, 'E', 'L', 'F', 2, 1, 1, 0x41, 8};
    memcpy(header + 48, &(uint32_t){80u << 8}, 4);
    memcpy(header + 40, &(uint64_t){64}, 8);
    header[54] = 56;
    header[58] = 64;
    header[60] = COUNT;
    header[62] = COUNT - 1;
    rrto_buf_put(ret, header, 64);
    uint64_t offset = 64 + 64 * COUNT;
    for (int i = 0; i < COUNT; i++) {
        put_u32(ret, name_at[i]);
        put_u32(ret, sections[i].type);
        put_u64(ret, 0);
        put_u64(ret, 0);
        put_u64(ret, offset);
        put_u64(ret, sections[i].size);
        put_u32(ret, sections[i].link);
        put_u32(ret, sections[i].info);
        put_u64(ret, 1);
        put_u64(ret, sections[i].type == 2 ? 24 : 0);
        offset += sections[i].data ? sections[i].size : 0;
    }
    for (int i = 0; i < COUNT; i++)
        if (sections[i].data)
            rrto_buf_put(ret, sections[i].data, (size_t)sections[i].size);
    rrto_buf_fini(&symbols);
    rrto_buf_fini(&axpy);
    rrto_buf_fini(&large);
    rrto_buf_fini(&names);
}

void fatbin_begin(struct rrto_buf *ret)
{
    put_u32(ret, 0xBA55ED50);
    put_u16(ret, 1);
    put_u16(ret, 16);
    put_u64(ret, 0);
}

void fatbin_add(struct rrto_buf *buf, uint16_t kind, uint32_t capability, enum rrto_fatbin_packing packing,
                const void *image, size_t n)
{
    char *packed = malloc(2 * n + 1024);
    size_t n_packed = n;
    uint64_t flags = 0x11;
    if (packing == RRTO_FATBIN_LZ4) {
        n_packed = (size_t)LZ4_compress_default(image, packed, (int)n, (int)(2 * n + 1024));
        flags |= 0x2000;
    } else if (packing == RRTO_FATBIN_ZSTD) {
        n_packed = ZSTD_compress(packed, 2 * n + 1024, image, n, 3);
        flags |= 0x8000;
    } else {
        memcpy(packed, image, n);
    }
    size_t padded = (n_packed + 7) & ~(size_t)7;
    put_u16(buf, kind);
    put_u16(buf, 0x101);
    put_u32(buf, 64);
    put_u64(buf, padded);
    put_u32(buf, packing == RRTO_FATBIN_PLAIN ? 0 : (uint32_t)n_packed);
    put_u32(buf, 0);
    put_u16(buf, 0);
    put_u16(buf, 8);
    put_u32(buf, capability);
    put_u64(buf, 0);
    put_u64(buf, flags);
    put_u64(buf, 0);
    put_u64(buf, packing == RRTO_FATBIN_PLAIN ? 0 : n);
    rrto_buf_put(buf, packed, n_packed);
    rrto_buf_put(buf, NULL, padded - n_packed);
    free(packed);
}

void fatbin_end(struct rrto_buf *buf)
{
    memcpy(buf->data + 8, &(uint64_t){buf->size - 16}, 8);
}
