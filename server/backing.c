/* SPDX-License-Identifier: Apache-2.0 */
#include "backing.h"

#include "base/log.h"
#include "base/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One memory handle a page: a driver maps and unmaps a handle as a whole, and the client counts on every page that it
 * freed, so that nothing may hold a page but its own users. */
struct rrto_backing_page {
    uint64_t handle;
    uint32_t n_users;         /* blocks that touch it */
    uint32_t n_retiring : 31; /* calls of rrto_backing_unmap to come */
    uint32_t mapped : 1;
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
    backing->pages = calloc(backing->n_pages, sizeof *backing->pages);
    if (backing->pages)
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

static uint64_t address_of(const struct rrto_backing *backing, uint64_t page)
{
    return backing->base + page * RRTO_BACKING_PAGE_BYTES;
}

static int32_t map_page(struct rrto_backing *backing, uint64_t page)
{
    const struct rrto_driver *driver = backing->driver;
    uint64_t at = address_of(backing, page), handle = 0;
    if (backing->max_mapped - backing->n_mapped < RRTO_BACKING_PAGE_BYTES)
        return RRTO_CU_OUT_OF_MEMORY;
    int32_t error = driver->cuMemCreate(&handle, RRTO_BACKING_PAGE_BYTES, &backing->prop, 0);
    if (error != RRTO_CU_SUCCESS)
        return error;
    error = driver->cuMemMap(at, RRTO_BACKING_PAGE_BYTES, 0, handle, 0);
    if (error == RRTO_CU_SUCCESS) {
        struct rrto_cu_access access = {.location = backing->prop.location, .flags = 3};
        error = driver->cuMemSetAccess(at, RRTO_BACKING_PAGE_BYTES, &access, 1);
        if (error != RRTO_CU_SUCCESS)
            (void)driver->cuMemUnmap(at, RRTO_BACKING_PAGE_BYTES);
    }
    if (error != RRTO_CU_SUCCESS) {
        (void)driver->cuMemRelease(handle);
        return error;
    }
    backing->pages[page].handle = handle;
    backing->pages[page].mapped = 1;
    backing->n_mapped += RRTO_BACKING_PAGE_BYTES;
    return RRTO_CU_SUCCESS;
}

static int32_t unmap_page(struct rrto_backing *backing, uint64_t page)
{
    int32_t error = backing->driver->cuMemUnmap(address_of(backing, page), RRTO_BACKING_PAGE_BYTES);
    if (error == RRTO_CU_SUCCESS)
        error = backing->driver->cuMemRelease(backing->pages[page].handle);
    backing->pages[page].mapped = 0;
    backing->n_mapped -= RRTO_BACKING_PAGE_BYTES;
    return error;
}

int32_t rrto_backing_alloc(struct rrto_backing *backing, uint64_t address, uint64_t n)
{
    uint64_t first, last;
    if (!pages_of(backing, address, n, &first, &last))
        return RRTO_INVALID;
    int32_t error = RRTO_CU_SUCCESS;
    for (uint64_t page = first; page <= last && error == RRTO_CU_SUCCESS; page++) {
        if (!backing->pages[page].mapped)
            error = map_page(backing, page);
    }
    for (uint64_t page = first; page <= last; page++) {
        struct rrto_backing_page *at = &backing->pages[page];
        if (error == RRTO_CU_SUCCESS)
            at->n_users++;
        else if (at->mapped && at->n_users == 0 && at->n_retiring == 0)
            (void)unmap_page(backing, page);
    }
    return error;
}

int32_t rrto_backing_free(struct rrto_backing *backing, uint64_t address, uint64_t n,
                          void (*retire)(void *arg, uint32_t page), void *arg)
{
    uint64_t first, last;
    if (!pages_of(backing, address, n, &first, &last) || !rrto_backing_covers(backing, address, n))
        return RRTO_INVALID;
    for (uint64_t page = first; page <= last; page++) {
        if (--backing->pages[page].n_users > 0)
            continue;
        backing->pages[page].n_retiring++;
        retire(arg, (uint32_t)page);
    }
    return RRTO_CU_SUCCESS;
}

int32_t rrto_backing_unmap(struct rrto_backing *backing, uint32_t page)
{
    struct rrto_backing_page *at = &backing->pages[page];
    return --at->n_retiring == 0 && at->n_users == 0 ? unmap_page(backing, page) : RRTO_CU_SUCCESS;
}

bool rrto_backing_covers(const struct rrto_backing *backing, uint64_t address, uint64_t n)
{
    uint64_t first, last;
    if (!pages_of(backing, address, n, &first, &last))
        return false;
    for (uint64_t page = first; page <= last; page++) {
        if (!backing->pages[page].n_users)
            return false;
    }
    return true;
}
