/* SPDX-License-Identifier: Apache-2.0 */
/* The arena: an address range that client and worker agree on, and the memory behind it, mapped on demand in pages of 2
 * MiB. Blocks of the client may share pages. Executor thread only. */
#ifndef RRTO_SERVER_BACKING_H
#define RRTO_SERVER_BACKING_H

#include "driver.h"
#include "wire/control.h"

#define RRTO_BACKING_PAGE_BYTES ((uint64_t)2 << 20)

enum {
    RRTO_BACKING_MAX_RUN_PAGES = 16, /* pages that are mapped, and unmapped, together */
    RRTO_BACKING_NO_RUN = 0,
};

struct rrto_backing {
    const struct rrto_driver *driver;
    struct rrto_cu_mem_prop prop;
    uint64_t base, n_bytes, n_pages;
    uint64_t n_mapped, max_mapped; /* bytes */
    uint32_t *users;               /* blocks that touch a page */
    uint32_t *run_of;              /* page -> number of its run, or RRTO_BACKING_NO_RUN */
    struct rrto_backing_run *runs; /* [0] is not used */
    uint32_t n_runs, max_runs, free_run;
};

/* Reserves the first of the client's ranges that can be had at its address. RRTO_REFUSED: none; one sentence in why. */
int rrto_backing_open(struct rrto_backing *backing, const struct rrto_driver *driver, int device,
                      const struct rrto_control_range *candidates, uint32_t n_candidates, uint64_t max_mapped,
                      char *why, size_t n_why);

/* Maps what is missing under [address, address + n). 0, or a CUDA error (out of memory: nothing is changed), or
 * RRTO_INVALID (outside). */
int32_t rrto_backing_alloc(struct rrto_backing *backing, uint64_t address, uint64_t n);
/* The block is gone. Runs that nothing uses any more are handed to retire(arg, run), which calls
 * rrto_backing_unmap(run) once no running work can touch them. RRTO_INVALID: not allocated. */
int32_t rrto_backing_free(struct rrto_backing *backing, uint64_t address, uint64_t n,
                          void (*retire)(void *arg, uint32_t run), void *arg);
/* Unmaps a retired run, unless it is in use again. Returns 0 or a CUDA error. */
int32_t rrto_backing_unmap(struct rrto_backing *backing, uint32_t run);
/* Whether every byte of [address, address + n) is backed, n > 0. */
bool rrto_backing_covers(const struct rrto_backing *backing, uint64_t address, uint64_t n);

#endif
