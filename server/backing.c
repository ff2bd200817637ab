/* SPDX-License-Identifier: Apache-2.0 */
#include "backing.h"

#include "base/log.h"
#include "base/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A driver maps and unmaps a memory handle as a whole, so pages live and die in runs; a run stays while any of its
 * pages is used. Runs are short, so that a small block in the remains of a large one does not hold much. */
struct rrto_backing_run {
    uint64_t handle;
    uint32_t first, n_pages; /* n_pages 0: free row */
    uint32_t n_live;         /* pages with users */
    uint32_t n_retiring;     /* calls of rrto_backing_unmap to come */
    uint32_t next_free;
};

#define MAX_ARENA_BYTES ((uint64_t)16 << 40)

int rrto_backing_open(struct rrto_backing *backing, const struct rrto_driver *driver, int device,
                      const struct rrto_control_range *candidates, uint32_t n_candidates, uint64_t max_mapped,
                      char *why, size_t n_why)
{
    memset(backing, 0, sizeof *backing);
    backing->driver = driver;
    backing->prop.type = 1;
    backing->prop.location = (struct rrto_cu_location){1, device};
    backing->max_mapped = max_mapped;
    size_t granularity = 0;
    int error = driver->cuMemGetAllocationGranularity(&granularity, &backing->prop, 0);
    if (error != RRTO_CU_SUCCESS || granularity == 0 || RRTO_BACKING_PAGE_BYTES % granularity != 0) {
        snprintf(why, n_why, "the driver maps memory in units of %zu bytes (error %d); 2 MiB are needed", granularity,
                 error);
        return RRTO_UNSUPPORTED;
    }
    for (uint32_t i = 0; i < n_candidates; i++) {
        uint64_t base = candidates[i].base, n = candidates[i].n_bytes, got = 0;
        if (base == 0 || n == 0 || (base | n) % RRTO_BACKING_PAGE_BYTES != 0 || n > MAX_ARENA_BYTES)
            continue;
        error = driver->cuMemAddressReserve(&got, n, RRTO_BACKING_PAGE_BYTES, base, 0);
        if (error == RRTO_CU_SUCCESS && got == base) {
            backing->base = base;
            backing->n_bytes = n;
            break;
        }
        if (error == RRTO_CU_SUCCESS)
            (void)driver->cuMemAddressFree(got, n);
        rrto_debug("address range 0x%lx + 0x%lx is not to be had (error %d)", base, n, error);
    }
    if (!backing->base) {
        snprintf(why, n_why, "none of the client's %u address ranges is free on the server", n_candidates);
        return RRTO_REFUSED;
    }
    backing->n_pages = backing->n_bytes / RRTO_BACKING_PAGE_BYTES;
    backing->users = calloc(backing->n_pages, sizeof *backing->users);
    backing->run_of = calloc(backing->n_pages, sizeof *backing->run_of);
    backing->max_runs = 64;
    backing->runs = calloc(backing->max_runs, sizeof *backing->runs);
    backing->n_runs = 1;
    if (backing->users && backing->run_of && backing->runs)
        return RRTO_OK;
    snprintf(why, n_why, "the server is out of memory");
    return RRTO_NO_MEMORY;
}

static bool pages_of(const struct rrto_backing *backing, uint64_t address, uint64_t n, uint64_t *ret_first,
                     uint64_t *ret_last)
{
    if (n == 0 || address < backing->base || address - backing->base >= backing->n_bytes ||
        n > backing->n_bytes - (address - backing->base))
        return false;
    *ret_first = (address - backing->base) / RRTO_BACKING_PAGE_BYTES;
    *ret_last = (address - backing->base + n - 1) / RRTO_BACKING_PAGE_BYTES;
    return true;
}

static uint32_t run_row(struct rrto_backing *backing)
{
    if (backing->free_run) {
        uint32_t run = backing->free_run;
        backing->free_run = backing->runs[run].next_free;
        return run;
    }
    if (backing->n_runs == backing->max_runs) {
        struct rrto_backing_run *runs = realloc(backing->runs, sizeof *runs * backing->max_runs * 2);
        if (!runs)
            return RRTO_BACKING_NO_RUN;
        backing->runs = runs;
        backing->max_runs *= 2;
    }
    return backing->n_runs++;
}

static void give_run_row(struct rrto_backing *backing, uint32_t run)
{
    backing->runs[run] = (struct rrto_backing_run){.next_free = backing->free_run};
    backing->free_run = run;
}

static uint64_t address_of(const struct rrto_backing *backing, uint64_t page)
{
    return backing->base + page * RRTO_BACKING_PAGE_BYTES;
}

static int32_t map_run(struct rrto_backing *backing, uint64_t first, uint32_t n_pages)
{
    const struct rrto_driver *driver = backing->driver;
    uint64_t n = n_pages * RRTO_BACKING_PAGE_BYTES, at = address_of(backing, first), handle = 0;
    if (n > backing->max_mapped - backing->n_mapped)
        return RRTO_CU_OUT_OF_MEMORY;
    uint32_t run = run_row(backing);
    if (run == RRTO_BACKING_NO_RUN)
        return RRTO_CU_OUT_OF_MEMORY;
    int32_t error = driver->cuMemCreate(&handle, n, &backing->prop, 0);
    if (error == RRTO_CU_SUCCESS) {
        error = driver->cuMemMap(at, n, 0, handle, 0);
        if (error == RRTO_CU_SUCCESS) {
            struct rrto_cu_access access = {.location = backing->prop.location, .flags = 3};
            error = driver->cuMemSetAccess(at, n, &access, 1);
            if (error != RRTO_CU_SUCCESS)
                (void)driver->cuMemUnmap(at, n);
        }
        if (error != RRTO_CU_SUCCESS)
            (void)driver->cuMemRelease(handle);
    }
    if (error != RRTO_CU_SUCCESS) {
        give_run_row(backing, run);
        return error;
    }
    backing->runs[run] = (struct rrto_backing_run){.handle = handle, .first = (uint32_t)first, .n_pages = n_pages};
    for (uint32_t i = 0; i < n_pages; i++)
        backing->run_of[first + i] = run;
    backing->n_mapped += n;
    return RRTO_CU_SUCCESS;
}

static void unmap_run(struct rrto_backing *backing, uint32_t number, int32_t *ret_error)
{
    struct rrto_backing_run *run = &backing->runs[number];
    uint64_t n = run->n_pages * RRTO_BACKING_PAGE_BYTES;
    int32_t error = backing->driver->cuMemUnmap(address_of(backing, run->first), n);
    if (error == RRTO_CU_SUCCESS)
        error = backing->driver->cuMemRelease(run->handle);
    for (uint32_t i = 0; i < run->n_pages; i++)
        backing->run_of[run->first + i] = RRTO_BACKING_NO_RUN;
    backing->n_mapped -= n;
    give_run_row(backing, number);
    *ret_error = error;
}

int32_t rrto_backing_alloc(struct rrto_backing *backing, uint64_t address, uint64_t n)
{
    uint64_t first, last;
    if (!pages_of(backing, address, n, &first, &last))
        return RRTO_INVALID;
    int32_t error = RRTO_CU_SUCCESS;
    uint64_t page = first;
    while (page <= last && error == RRTO_CU_SUCCESS) {
        if (backing->run_of[page]) {
            page++;
            continue;
        }
        uint32_t n_pages = 1;
        while (n_pages < RRTO_BACKING_MAX_RUN_PAGES && page + n_pages <= last && !backing->run_of[page + n_pages])
            n_pages++;
        error = map_run(backing, page, n_pages);
        while (error == RRTO_CU_OUT_OF_MEMORY && n_pages > 1) { /* the device's memory may be in pieces */
            n_pages /= 2;
            error = map_run(backing, page, n_pages);
        }
        page += n_pages;
    }
    if (error != RRTO_CU_SUCCESS) {
        for (page = first; page <= last; page++) {
            uint32_t run = backing->run_of[page];
            int32_t ignored;
            if (run && backing->runs[run].n_live == 0 && backing->runs[run].n_retiring == 0)
                unmap_run(backing, run, &ignored);
        }
        return error;
    }
    for (page = first; page <= last; page++) {
        if (backing->users[page]++ == 0)
            backing->runs[backing->run_of[page]].n_live++;
    }
    return RRTO_CU_SUCCESS;
}

int32_t rrto_backing_free(struct rrto_backing *backing, uint64_t address, uint64_t n,
                          void (*retire)(void *arg, uint32_t run), void *arg)
{
    uint64_t first, last;
    if (!pages_of(backing, address, n, &first, &last) || !rrto_backing_covers(backing, address, n))
        return RRTO_INVALID;
    for (uint64_t page = first; page <= last; page++) {
        uint32_t number = backing->run_of[page];
        struct rrto_backing_run *run = &backing->runs[number];
        if (--backing->users[page] > 0 || --run->n_live > 0)
            continue;
        run->n_retiring++;
        retire(arg, number);
    }
    return RRTO_CU_SUCCESS;
}

int32_t rrto_backing_unmap(struct rrto_backing *backing, uint32_t number)
{
    struct rrto_backing_run *run = &backing->runs[number];
    int32_t error = RRTO_CU_SUCCESS;
    if (--run->n_retiring == 0 && run->n_live == 0)
        unmap_run(backing, number, &error);
    return error;
}

bool rrto_backing_covers(const struct rrto_backing *backing, uint64_t address, uint64_t n)
{
    uint64_t first, last;
    if (!pages_of(backing, address, n, &first, &last))
        return false;
    for (uint64_t page = first; page <= last; page++) {
        if (!backing->users[page])
            return false;
    }
    return true;
}
