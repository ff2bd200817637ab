/* SPDX-License-Identifier: Apache-2.0 */
/* The table of page-locked ranges: sorted by address, looked up by binary search. */
#include "cuda/host.h"

#include "cuda/error.h"
#include "cuda/host_function.h"
#include "cuda/stream.h"
#include "replay/issue.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct {
    pthread_mutex_t lock;
    struct rrto_host_range *ranges; /* sorted, disjoint */
    size_t n, capacity;
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Index of the first range that ends after address. */
static size_t first_after(uintptr_t address)
{
    size_t low = 0, high = table.n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (table.ranges[middle].base + table.ranges[middle].n_bytes <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int32_t add_range(const struct rrto_host_range *range)
{
    int32_t result = RRTO_CUDA_SUCCESS;
    pthread_mutex_lock(&table.lock);
    size_t at = first_after(range->base);
    if (at < table.n && table.ranges[at].base < range->base + range->n_bytes) {
        result = RRTO_CUDA_HOST_ALREADY_REGISTERED;
    } else if (table.n == table.capacity) {
        size_t capacity = table.capacity ? 2 * table.capacity : 64;
        void *grown = realloc(table.ranges, capacity * sizeof *table.ranges);
        if (grown) {
            table.ranges = grown;
            table.capacity = capacity;
        } else {
            result = RRTO_CUDA_NO_MEMORY;
        }
    }
    if (!result) {
        memmove(&table.ranges[at + 1], &table.ranges[at], (table.n - at) * sizeof *table.ranges);
        table.ranges[at] = *range;
        __atomic_store_n(&table.n, table.n + 1, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&table.lock);
    return result;
}

/* Takes the range that starts at base and was registered or allocated, as asked, out of the table. */
static bool remove_range(uintptr_t base, bool registered, struct rrto_host_range *ret_range)
{
    pthread_mutex_lock(&table.lock);
    size_t at = first_after(base);
    bool found = at < table.n && table.ranges[at].base == base && table.ranges[at].registered == registered;
    if (found) {
        *ret_range = table.ranges[at];
        memmove(&table.ranges[at], &table.ranges[at + 1], (table.n - at - 1) * sizeof *table.ranges);
        __atomic_store_n(&table.n, table.n - 1, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&table.lock);
    return found;
}

static size_t page_round(size_t n_bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (n_bytes + page - 1) / page * page;
}

int32_t rrto_host_alloc(size_t n_bytes, uint32_t flags, void **ret_memory)
{
    if (n_bytes == 0) {
        *ret_memory = NULL;
        return RRTO_CUDA_SUCCESS;
    }
    if (n_bytes > SIZE_MAX / 2)
        return RRTO_CUDA_NO_MEMORY;
    void *memory = mmap(NULL, page_round(n_bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return RRTO_CUDA_NO_MEMORY;
    struct rrto_host_range range = {.base = (uintptr_t)memory, .n_bytes = n_bytes, .flags = flags};
    int32_t result = add_range(&range);
    if (result)
        munmap(memory, page_round(n_bytes));
    else
        *ret_memory = memory;
    return result;
}

int32_t rrto_host_free(void *memory)
{
    if (!memory)
        return RRTO_CUDA_SUCCESS;
    struct rrto_host_range range;
    int32_t error = rrto_host_functions_any() ? rrto_host_functions_wait_present() : RRTO_CUDA_SUCCESS;
    if (error) /* they may still use it */
        return error;
    if (!remove_range((uintptr_t)memory, false, &range))
        return RRTO_CUDA_INVALID_VALUE;
    rrto_issue_drain(memory, range.n_bytes);
    munmap(memory, page_round(range.n_bytes));
    return RRTO_CUDA_SUCCESS;
}

int32_t rrto_host_register(void *memory, size_t n_bytes, uint32_t flags)
{
    if (!memory || n_bytes == 0 || n_bytes > UINTPTR_MAX - (uintptr_t)memory)
        return RRTO_CUDA_INVALID_VALUE;
    struct rrto_host_range range = {.base = (uintptr_t)memory, .n_bytes = n_bytes, .flags = flags, .registered = true};
    return add_range(&range);
}

int32_t rrto_host_unregister(void *memory)
{
    struct rrto_host_range range;
    if (!memory)
        return RRTO_CUDA_INVALID_VALUE;
    int32_t error = rrto_host_functions_any() ? rrto_host_functions_wait_present() : RRTO_CUDA_SUCCESS;
    if (error)
        return error;
    if (!remove_range((uintptr_t)memory, true, &range))
        return RRTO_CUDA_HOST_NOT_REGISTERED;
    rrto_issue_drain(memory, range.n_bytes);
    return RRTO_CUDA_SUCCESS;
}

bool rrto_host_any(void)
{
    return __atomic_load_n(&table.n, __ATOMIC_RELAXED) != 0;
}

bool rrto_host_find(const void *address, struct rrto_host_range *ret_range)
{
    if (!rrto_host_any())
        return false;
    pthread_mutex_lock(&table.lock);
    size_t at = first_after((uintptr_t)address);
    bool found = at < table.n && table.ranges[at].base <= (uintptr_t)address;
    if (found && ret_range)
        *ret_range = table.ranges[at];
    pthread_mutex_unlock(&table.lock);
    return found;
}

bool rrto_host_pinned(const void *address, size_t n)
{
    struct rrto_host_range range;
    return rrto_host_find(address, &range) && n <= range.n_bytes - ((uintptr_t)address - range.base);
}
