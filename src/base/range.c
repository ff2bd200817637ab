/* SPDX-License-Identifier: Apache-2.0 */
/* The address-range allocator: one array of blocks, live and free, sorted by address and without gaps. Looking an
 * address up is a binary search; allocating scans the array, which is a few microseconds for the ten thousand blocks of
 * a large application. */
#include "base/range.h"

#include <stdlib.h>
#include <string.h>

struct block {
    uint64_t base;
    uint64_t n_bytes : 63;
    uint64_t live : 1;
};

struct rrto_range {
    struct block *blocks;
    size_t n, capacity;
    uint64_t base, end, free_bytes;
};

struct rrto_range *rrto_range_create(uint64_t base, uint64_t n_bytes)
{
    if (base == 0 || n_bytes == 0 || n_bytes > UINT64_MAX - base || n_bytes >> 63)
        return NULL;
    struct rrto_range *range = calloc(1, sizeof *range);
    struct block *blocks = calloc(64, sizeof *blocks);
    if (!range || !blocks) {
        free(range);
        free(blocks);
        return NULL;
    }
    *range = (struct rrto_range){.blocks = blocks, .n = 1, .capacity = 64, .base = base, .end = base + n_bytes};
    range->free_bytes = n_bytes;
    blocks[0].base = base;
    blocks[0].n_bytes = n_bytes & (UINT64_MAX >> 1);
    return range;
}

struct rrto_range *rrto_range_destroy(struct rrto_range *range)
{
    if (range) {
        free(range->blocks);
        free(range);
    }
    return NULL;
}

/* Index of the block that contains address; address must lie in the range. */
static size_t index_of(const struct rrto_range *range, uint64_t address)
{
    size_t low = 0, high = range->n;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (range->blocks[middle].base <= address)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static bool make_room(struct rrto_range *range, size_t extra)
{
    if (range->capacity - range->n >= extra)
        return true;
    size_t capacity = range->capacity * 2;
    struct block *blocks = realloc(range->blocks, capacity * sizeof *blocks);
    if (!blocks)
        return false;
    range->blocks = blocks;
    range->capacity = capacity;
    return true;
}

static void insert(struct rrto_range *range, size_t at, uint64_t base, uint64_t n_bytes)
{
    memmove(&range->blocks[at + 1], &range->blocks[at], (range->n - at) * sizeof *range->blocks);
    range->n++;
    range->blocks[at].base = base;
    range->blocks[at].n_bytes = n_bytes & (UINT64_MAX >> 1);
    range->blocks[at].live = 0;
}

static void remove_block(struct rrto_range *range, size_t at)
{
    range->n--;
    memmove(&range->blocks[at], &range->blocks[at + 1], (range->n - at) * sizeof *range->blocks);
}

uint64_t rrto_range_alloc(struct rrto_range *range, uint64_t n_bytes, uint64_t alignment)
{
    if (n_bytes == 0 || alignment == 0 || (alignment & (alignment - 1)) || n_bytes > UINT64_MAX - (alignment - 1))
        return 0;
    n_bytes = (n_bytes + alignment - 1) & ~(alignment - 1);
    size_t best = range->n;
    uint64_t best_padding = 0;
    for (size_t i = 0; i < range->n; i++) {
        const struct block *block = &range->blocks[i];
        uint64_t padding = -block->base & (alignment - 1);
        if (block->live || block->n_bytes < n_bytes || block->n_bytes - n_bytes < padding)
            continue;
        if (best == range->n || block->n_bytes < range->blocks[best].n_bytes) {
            best = i;
            best_padding = padding;
        }
    }
    if (best == range->n || !make_room(range, 2))
        return 0;
    if (best_padding) {
        insert(range, best, range->blocks[best].base, best_padding);
        best++;
        range->blocks[best].base += best_padding;
        range->blocks[best].n_bytes = (range->blocks[best].n_bytes - best_padding) & (UINT64_MAX >> 1);
    }
    struct block *block = &range->blocks[best];
    if (block->n_bytes > n_bytes) {
        insert(range, best + 1, block->base + n_bytes, block->n_bytes - n_bytes);
        block = &range->blocks[best];
        block->n_bytes = n_bytes & (UINT64_MAX >> 1);
    }
    block->live = 1;
    range->free_bytes -= n_bytes;
    return block->base;
}

bool rrto_range_free(struct rrto_range *range, uint64_t address, uint64_t *ret_n_bytes)
{
    if (address < range->base || address >= range->end)
        return false;
    size_t at = index_of(range, address);
    struct block *block = &range->blocks[at];
    if (!block->live || block->base != address)
        return false;
    if (ret_n_bytes)
        *ret_n_bytes = block->n_bytes;
    block->live = 0;
    range->free_bytes += block->n_bytes;
    if (at + 1 < range->n && !range->blocks[at + 1].live) {
        block->n_bytes = (block->n_bytes + range->blocks[at + 1].n_bytes) & (UINT64_MAX >> 1);
        remove_block(range, at + 1);
    }
    if (at > 0 && !range->blocks[at - 1].live) {
        range->blocks[at - 1].n_bytes = (range->blocks[at - 1].n_bytes + range->blocks[at].n_bytes) & (UINT64_MAX >> 1);
        remove_block(range, at);
    }
    return true;
}

bool rrto_range_find(const struct rrto_range *range, uint64_t address, uint64_t *ret_base, uint64_t *ret_n_bytes)
{
    if (address < range->base || address >= range->end)
        return false;
    const struct block *block = &range->blocks[index_of(range, address)];
    if (!block->live)
        return false;
    if (ret_base)
        *ret_base = block->base;
    if (ret_n_bytes)
        *ret_n_bytes = block->n_bytes;
    return true;
}

uint64_t rrto_range_free_bytes(const struct rrto_range *range)
{
    return range->free_bytes;
}

uint64_t rrto_range_largest_free(const struct rrto_range *range)
{
    uint64_t largest = 0;
    for (size_t i = 0; i < range->n; i++)
        if (!range->blocks[i].live && range->blocks[i].n_bytes > largest)
            largest = range->blocks[i].n_bytes;
    return largest;
}
