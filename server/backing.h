/* SPDX-License-Identifier: Apache-2.0 */
/* The arena: an address range that client and worker agree on, and the memory behind it, mapped on demand in pages of 2
 * MiB. Blocks of the client may share pages. Executor thread only. */
#ifndef RRTO_SERVER_BACKING_H
#define RRTO_SERVER_BACKING_H

#include "driver.h"
#include "wire/control.h"

#define RRTO_BACKING_PAGE_BYTES ((uint64_t)2 << 20)

struct rrto_backing {
    const struct rrto_driver *driver;
    struct rrto_cu_mem_prop prop;
    uint64_t base, n_bytes, n_pages;
    uint64_t n_mapped, max_mapped; /* bytes */
    struct rrto_backing_page *pages;
};

/* Reserves the first of the client's ranges that can be had at its address. RRTO_REFUSED: none; one sentence in why. */
int rrto_backing_open(struct rrto_backing *backing, const struct rrto_driver *driver, int device,
                      const struct rrto_control_range *candidates, uint32_t n_candidates, uint64_t max_mapped,
                      char *why, size_t n_why);

/* Maps what is missing under [address, address + n). 0, or a CUDA error (out of memory: nothing is changed), or
 * RRTO_INVALID (outside). */
int32_t rrto_backing_alloc(struct rrto_backing *backing, uint64_t address, uint64_t n);
/* The block is gone. Pages that nothing uses any more are handed to retire(arg, page), which calls
 * rrto_backing_unmap(page) once no running work can touch them. RRTO_INVALID: not allocated. */
int32_t rrto_backing_free(struct rrto_backing *backing, uint64_t address, uint64_t n,
                          void (*retire)(void *arg, uint32_t page), void *arg);
/* Unmaps a retired page, unless it is in use again. Returns 0 or a CUDA error. */
int32_t rrto_backing_unmap(struct rrto_backing *backing, uint32_t page);
/* Whether every byte of [address, address + n) is backed, n > 0. */
bool rrto_backing_covers(const struct rrto_backing *backing, uint64_t address, uint64_t n);

#endif
