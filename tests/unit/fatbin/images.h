/* SPDX-License-Identifier: Apache-2.0 */
/* Small cubins and fat binaries, made by the tests themselves. */
#ifndef TESTS_FATBIN_IMAGES_H
#define TESTS_FATBIN_IMAGES_H

#include "fatbin/fatbin.h"

/* A cubin with kernel "axpy" (u32 at 0, f32 at 4, u64 at 8, u64 at 16; 12 registers, 40 bytes of shared memory, at most
 * 256 threads), kernel "large" (one parameter of 5,000 bytes, described by attribute 0x45), device function "helper",
 * and variables "table" (8 bytes 1..8, initialised) and "counter" (4 bytes, zero). */
void make_cubin(struct rrto_buf *ret);

/* Starts a fat binary, adds an entry (kind as in the format: 1 PTX, 2 machine code), closes it. */
void fatbin_begin(struct rrto_buf *ret);
void fatbin_add(struct rrto_buf *buf, uint16_t kind, uint32_t capability, enum rrto_fatbin_packing packing,
                const void *image, size_t n);
void fatbin_end(struct rrto_buf *buf);

extern const char example_ptx[];

#endif
