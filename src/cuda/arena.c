/* SPDX-License-Identifier: Apache-2.0 */
/* The device memory allocator. Memory is backed in pages of 2 MiB on the server, so usage is counted in such pages:
 * small blocks share the pages of the lower part of the arena, large ones have pages of their own in the upper part. */
#include "cuda/arena.h"

#include "base/range.h"
#include "base/status.h"
#include "cuda/error.h"
#include "cuda/host_function.h"
#include "gen/issue_ops.h"
#include "replay/issue.h"

#include <pthread.h>
#include <stdlib.h>

enum { SMALL_ALIGNMENT = 512, PAGE_SHIFT = 21, LARGE_FROM = 1 << 20 };
#define PAGE_BYTES ((uint64_t)1 << PAGE_SHIFT)

static struct {
    pthread_mutex_t lock;
    uint64_t base, n_bytes, n_small; /* base is 0 until the session is there */
    uint64_t total, used;            /* of the server's memory */
    struct rrto_range *small, *large;
    uint16_t *page_users; /* live small blocks that touch a page of the lower part */
} arena = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int32_t open_arena(void)
{
    if (__atomic_load_n(&arena.base, __ATOMIC_ACQUIRE))
        return RRTO_CUDA_SUCCESS;
    const struct rrto_device_info *device = rrto_session_device();
    if (!device)
        return rrto_cuda_issued(RRTO_LOST);
    int32_t result = RRTO_CUDA_SUCCESS;
    pthread_mutex_lock(&arena.lock);
    if (!arena.base) {
        uint64_t n_small = device->arena_bytes / 8 / PAGE_BYTES * PAGE_BYTES;
        arena.n_bytes = device->arena_bytes;
        arena.n_small = n_small;
        arena.total = device->total_memory < device->arena_bytes ? device->total_memory : device->arena_bytes;
        arena.small = rrto_range_create(device->arena_base, n_small);
        arena.large = rrto_range_create(device->arena_base + n_small, device->arena_bytes - n_small);
        arena.page_users = calloc(n_small / PAGE_BYTES + 1, sizeof *arena.page_users);
        if (arena.small && arena.large && arena.page_users) {
            __atomic_store_n(&arena.base, device->arena_base, __ATOMIC_RELEASE);
        } else {
            arena.small = rrto_range_destroy(arena.small);
            arena.large = rrto_range_destroy(arena.large);
            free(arena.page_users);
            arena.page_users = NULL;
            result = RRTO_CUDA_NO_MEMORY;
        }
    }
    pthread_mutex_unlock(&arena.lock);
    return result;
}

/* Counts (step 1) or uncounts (step -1) a small block's pages; returns by how many bytes the server's memory use
 * changes. */
static uint64_t count_pages(uint64_t address, uint64_t n_bytes, int step)
{
    uint64_t changed = 0;
    uint64_t last = (address + n_bytes - 1 - arena.base) >> PAGE_SHIFT;
    for (uint64_t page = (address - arena.base) >> PAGE_SHIFT; page <= last; page++) {
        if (step > 0 ? arena.page_users[page]++ == 0 : --arena.page_users[page] == 0)
            changed += PAGE_BYTES;
    }
    return changed;
}

static uint64_t round_up(uint64_t n_bytes, uint64_t to)
{
    return (n_bytes + to - 1) / to * to;
}

static uint64_t alloc_small(uint64_t n_bytes)
{
    uint64_t address = rrto_range_alloc(arena.small, n_bytes, SMALL_ALIGNMENT);
    if (!address)
        return 0;
    uint64_t more = count_pages(address, n_bytes, 1);
    if (arena.used + more > arena.total) {
        count_pages(address, n_bytes, -1);
        rrto_range_free(arena.small, address, NULL);
        return 0;
    }
    arena.used += more;
    return address;
}

static uint64_t alloc_large(uint64_t n_bytes)
{
    if (n_bytes > arena.total - arena.used)
        return 0;
    uint64_t address = rrto_range_alloc(arena.large, n_bytes, PAGE_BYTES);
    if (address)
        arena.used += n_bytes;
    return address;
}

int32_t rrto_arena_alloc(uint64_t n_bytes, uint64_t *ret_address)
{
    int32_t result = open_arena();
    if (result)
        return result;
    bool small = n_bytes < LARGE_FROM;
    uint64_t address = 0;
    if (n_bytes <= UINT64_MAX / 2) {
        n_bytes = round_up(n_bytes, small ? SMALL_ALIGNMENT : PAGE_BYTES);
        pthread_mutex_lock(&arena.lock);
        address = small ? alloc_small(n_bytes) : alloc_large(n_bytes);
        pthread_mutex_unlock(&arena.lock);
    }
    if (!address) {
        int32_t sticky = rrto_cuda_sticky();
        return sticky ? sticky : RRTO_CUDA_NO_MEMORY;
    }
    /* Nobody else knows the address yet, so its mem_free cannot come before this, though the lock is not held. */
    struct rrto_args_mem_alloc args = {.va = address, .n_bytes = n_bytes};
    result = rrto_cuda_issued(rrto_issue_mem_alloc(&args, NULL));
    if (!result)
        *ret_address = address;
    return result;
}

static void release(uint64_t address)
{
    uint64_t n_bytes = 0;
    if (address - arena.base < arena.n_small) {
        if (rrto_range_free(arena.small, address, &n_bytes) && n_bytes)
            arena.used -= count_pages(address, n_bytes, -1);
    } else if (rrto_range_free(arena.large, address, &n_bytes)) {
        arena.used -= n_bytes;
    }
}

static bool find_locked(uint64_t address, uint64_t *ret_base, uint64_t *ret_n_bytes)
{
    if (!arena.base || address - arena.base >= arena.n_bytes)
        return false;
    const struct rrto_range *range = address - arena.base < arena.n_small ? arena.small : arena.large;
    return rrto_range_find(range, address, ret_base, ret_n_bytes);
}

bool rrto_arena_find(uint64_t address, uint64_t *ret_base, uint64_t *ret_n_bytes)
{
    pthread_mutex_lock(&arena.lock);
    bool found = find_locked(address, ret_base, ret_n_bytes);
    pthread_mutex_unlock(&arena.lock);
    return found;
}

bool rrto_arena_live(uint64_t address, uint64_t n_bytes)
{
    uint64_t base, n_block;
    if (!rrto_arena_find(address, &base, &n_block))
        return false;
    return n_bytes <= n_block - (address - base);
}

bool rrto_arena_contains(uint64_t address)
{
    uint64_t base = __atomic_load_n(&arena.base, __ATOMIC_ACQUIRE);
    return base && address - base < arena.n_bytes;
}

int32_t rrto_arena_free(uint64_t address)
{
    uint64_t base, n_bytes;
    if (!rrto_arena_find(address, &base, &n_bytes) || base != address)
        return RRTO_CUDA_INVALID_VALUE;
    /* Freeing puts every stream behind every other one, and CUDA's waits for the device. */
    int32_t result = rrto_host_functions_any() ? rrto_host_functions_wait_all() : RRTO_CUDA_SUCCESS;
    if (result)
        return result;
    /* First the op, then the range: whoever is given these addresses next issues its mem_alloc later. */
    struct rrto_args_mem_free args = {.va = address, .n_bytes = n_bytes};
    struct rrto_issue_extra extra = {.apart = rrto_host_functions_may_wait()};
    result = rrto_cuda_issued(rrto_issue_mem_free(&args, &extra));
    pthread_mutex_lock(&arena.lock);
    release(address);
    pthread_mutex_unlock(&arena.lock);
    return result;
}

int32_t rrto_arena_info(uint64_t *ret_free, uint64_t *ret_total)
{
    int32_t result = open_arena();
    if (result)
        return result;
    pthread_mutex_lock(&arena.lock);
    *ret_free = arena.total - arena.used;
    *ret_total = arena.total;
    pthread_mutex_unlock(&arena.lock);
    return RRTO_CUDA_SUCCESS;
}
