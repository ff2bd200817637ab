/* SPDX-License-Identifier: Apache-2.0 */
/* Device memory. Plain allocations are anonymous mappings. Virtual memory management: an address range is a PROT_NONE
 * mapping, a physical allocation is a part of one memory file, mapping it maps the file there: its content survives
 * being mapped elsewhere, as on the device. */
#include "base/map.h"
#include "base/range.h"
#include "driver.h"
#include "scheduler.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { POISON_MOST = 16 << 20, POISON_BUDGET = 256 << 20 }; /* of one plain allocation; of all mapped memory */

/* An address range that answers pointer questions. */
struct block {
    uint64_t start, n_bytes;
    bool host, registered; /* registered: host memory that is the application's */
    uint64_t handle;       /* of a mapping; 0 otherwise */
};

struct physical {
    uint64_t offset, n_bytes;
    unsigned n_mapped;
    bool released;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct block *blocks; /* sorted by start */
static size_t n_blocks, blocks_capacity;
static uint64_t used_bytes;
static struct rrto_map handles; /* handle -> struct physical */
static uint64_t last_handle;
static struct rrto_range *file_space;
static int file = -1;

static uint64_t round_up(uint64_t n, uint64_t unit)
{
    return (n + unit - 1) & ~(unit - 1);
}

/* Index of the first block that starts above address. */
static size_t block_after(uint64_t address)
{
    size_t low = 0, high = n_blocks;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (blocks[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct block *block_find(uint64_t address)
{
    size_t i = block_after(address);
    return i && address - blocks[i - 1].start < blocks[i - 1].n_bytes ? &blocks[i - 1] : NULL;
}

static bool block_add(struct block block)
{
    if (n_blocks == blocks_capacity) {
        size_t capacity = blocks_capacity ? blocks_capacity * 2 : 64;
        struct block *grown = realloc(blocks, capacity * sizeof *grown);
        if (!grown)
            return false;
        blocks = grown;
        blocks_capacity = capacity;
    }
    size_t i = block_after(block.start);
    memmove(&blocks[i + 1], &blocks[i], (n_blocks - i) * sizeof *blocks);
    blocks[i] = block;
    n_blocks++;
    return true;
}

static void block_remove(struct block *block)
{
    size_t i = (size_t)(block - blocks);
    memmove(block, block + 1, (n_blocks - i - 1) * sizeof *blocks);
    n_blocks--;
}

/* Anonymous memory that is known from now on; 0 when there is none. */
static uint64_t block_map(size_t n_bytes, bool host)
{
    uint64_t n = round_up(n_bytes ? n_bytes : 1, 4096);
    pthread_mutex_lock(&lock);
    void *start = MAP_FAILED;
    if (host || n <= soft_total_bytes() - used_bytes)
        start = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start != MAP_FAILED && !block_add((struct block){(uint64_t)(uintptr_t)start, n, host, false, 0})) {
        munmap(start, n);
        start = MAP_FAILED;
    }
    if (start != MAP_FAILED && !host)
        used_bytes += n;
    pthread_mutex_unlock(&lock);
    if (start != MAP_FAILED && soft_sched_poison())
        memset(start, soft_sched_poison(), n > POISON_MOST ? POISON_MOST : n);
    return start == MAP_FAILED ? 0 : (uint64_t)(uintptr_t)start;
}

static bool block_unmap(uint64_t start, bool host)
{
    pthread_mutex_lock(&lock);
    struct block *block = block_find(start);
    bool ok = block && block->start == start && block->host == host && !block->handle && !block->registered;
    if (ok) {
        munmap((void *)(uintptr_t)start, block->n_bytes);
        if (!host)
            used_bytes -= block->n_bytes;
        block_remove(block);
    }
    pthread_mutex_unlock(&lock);
    return ok;
}

CUdeviceptr soft_memory_alloc(size_t n_bytes)
{
    return block_map(n_bytes, false);
}

bool soft_memory_free(CUdeviceptr address)
{
    return block_unmap(address, false);
}

SOFT_EXPORT CUresult cuMemAlloc_v2(CUdeviceptr *address, size_t n_bytes)
{
    CUresult result = soft_ready();
    if (!result && (!address || !n_bytes))
        result = CUDA_ERROR_INVALID_VALUE;
    if (result)
        return result;
    *address = block_map(n_bytes, false);
    return *address ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

SOFT_EXPORT CUresult cuMemAllocAsync(CUdeviceptr *address, size_t n_bytes, CUstream stream)
{
    return soft_stream_ok(stream) ? cuMemAlloc_v2(address, n_bytes) : CUDA_ERROR_INVALID_HANDLE;
}

SOFT_EXPORT CUresult cuMemAllocPitch_v2(CUdeviceptr *address, size_t *pitch, size_t width, size_t height,
                                        unsigned int element)
{
    (void)element;
    if (!pitch || height > UINT32_MAX || width > UINT32_MAX)
        return CUDA_ERROR_INVALID_VALUE;
    *pitch = round_up(width, 512);
    return cuMemAlloc_v2(address, *pitch * height);
}

/* Freeing waits for the device, as the real one does in practice; not so unmapping below. */
SOFT_EXPORT CUresult cuMemFree_v2(CUdeviceptr address)
{
    (void)soft_settle_all();
    return !address || block_unmap(address, false) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

static CUresult free_run(void *arg)
{
    CUdeviceptr address;
    memcpy(&address, arg, sizeof address);
    return block_unmap(address, false) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

SOFT_EXPORT CUresult cuMemFreeAsync(CUdeviceptr address, CUstream stream)
{
    if (!soft_stream_ok(stream))
        return CUDA_ERROR_INVALID_HANDLE;
    if (!address)
        return CUDA_SUCCESS;
    if (soft_memory_kind(address, 1) != SOFT_DEVICE)
        return CUDA_ERROR_INVALID_VALUE;
    return soft_enqueue(stream, free_run, &address, sizeof address);
}

SOFT_EXPORT CUresult cuMemHostAlloc(void **address, size_t n_bytes, unsigned int flags)
{
    (void)flags;
    CUresult result = soft_ready();
    if (!result && !address)
        result = CUDA_ERROR_INVALID_VALUE;
    if (result)
        return result;
    *address = (void *)(uintptr_t)block_map(n_bytes, true);
    return *address ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

SOFT_EXPORT CUresult cuMemAllocHost_v2(void **address, size_t n_bytes)
{
    return cuMemHostAlloc(address, n_bytes, 0);
}

SOFT_EXPORT CUresult cuMemFreeHost(void *address)
{
    (void)soft_settle_all();
    return block_unmap((uint64_t)(uintptr_t)address, true) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

SOFT_EXPORT CUresult cuMemHostRegister_v2(void *address, size_t n_bytes, unsigned int flags)
{
    (void)flags;
    if (!address || !n_bytes)
        return CUDA_ERROR_INVALID_VALUE;
    uint64_t start = (uint64_t)(uintptr_t)address;
    pthread_mutex_lock(&lock);
    size_t after = block_after(start + n_bytes - 1);
    CUresult result = CUDA_SUCCESS;
    if (after && blocks[after - 1].start + blocks[after - 1].n_bytes > start)
        result = CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
    else if (!block_add((struct block){start, n_bytes, true, true, 0}))
        result = CUDA_ERROR_OUT_OF_MEMORY;
    pthread_mutex_unlock(&lock);
    return result;
}

SOFT_EXPORT CUresult cuMemHostUnregister(void *address)
{
    if (!address)
        return CUDA_ERROR_INVALID_VALUE;
    (void)soft_settle_all();
    pthread_mutex_lock(&lock);
    struct block *block = block_find((uint64_t)(uintptr_t)address);
    bool ok = block && block->registered && block->start == (uint64_t)(uintptr_t)address;
    if (ok)
        block_remove(block);
    pthread_mutex_unlock(&lock);
    return ok ? CUDA_SUCCESS : CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
}

enum soft_memory soft_memory_kind(uint64_t address, uint64_t n_bytes)
{
    pthread_mutex_lock(&lock);
    const struct block *block = block_find(address);
    enum soft_memory kind = !block                                                 ? SOFT_PAGEABLE
                            : !block->host                                         ? SOFT_DEVICE
                            : n_bytes <= block->n_bytes - (address - block->start) ? SOFT_PINNED
                                                                                   : SOFT_PAGEABLE;
    pthread_mutex_unlock(&lock);
    return kind;
}

SOFT_EXPORT CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr *address, void *host, unsigned int flags)
{
    (void)address, (void)host, (void)flags;
    return CUDA_ERROR_NOT_SUPPORTED; /* canMapHostMemory is 0 */
}

SOFT_EXPORT CUresult cuMemGetInfo_v2(size_t *free_bytes, size_t *total_bytes)
{
    CUresult result = soft_ready();
    if (!result) {
        *total_bytes = soft_total_bytes();
        pthread_mutex_lock(&lock);
        *free_bytes = *total_bytes - used_bytes;
        pthread_mutex_unlock(&lock);
    }
    return result;
}

SOFT_EXPORT CUresult cuMemGetAddressRange_v2(CUdeviceptr *base, size_t *n_bytes, CUdeviceptr address)
{
    pthread_mutex_lock(&lock);
    struct block *block = block_find(address);
    if (block && base)
        *base = block->start;
    if (block && n_bytes)
        *n_bytes = block->n_bytes;
    pthread_mutex_unlock(&lock);
    return block ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}

SOFT_EXPORT CUresult cuPointerGetAttribute(void *data, CUpointer_attribute attribute, CUdeviceptr address)
{
    pthread_mutex_lock(&lock);
    struct block *found = block_find(address), block = found ? *found : (struct block){0};
    pthread_mutex_unlock(&lock);
    if (!found || !data)
        return CUDA_ERROR_INVALID_VALUE;
    switch (attribute) {
    case CU_POINTER_ATTRIBUTE_CONTEXT:
        *(CUcontext *)data = soft_current();
        return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
        *(unsigned int *)data = block.host ? CU_MEMORYTYPE_HOST : CU_MEMORYTYPE_DEVICE;
        return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_DEVICE_POINTER:
        *(CUdeviceptr *)data = address;
        return block.host ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_HOST_POINTER:
        *(CUdeviceptr *)data = address;
        return block.host ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
    case CU_POINTER_ATTRIBUTE_IS_MANAGED:
        *(unsigned int *)data = 0;
        return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL:
        *(int *)data = 0;
        return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR:
        *(CUdeviceptr *)data = block.start;
        return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_RANGE_SIZE:
        *(size_t *)data = block.n_bytes;
        return CUDA_SUCCESS;
    default:
        return CUDA_ERROR_NOT_SUPPORTED;
    }
}

/* Address ranges. The requested address is a wish: another one is answered when it is taken. */
SOFT_EXPORT CUresult cuMemAddressReserve(CUdeviceptr *address, size_t n_bytes, size_t alignment, CUdeviceptr wish,
                                         unsigned long long flags)
{
    uint64_t unit = alignment ? alignment : SOFT_GRANULARITY;
    if (!address || flags || !n_bytes || n_bytes % SOFT_GRANULARITY || unit & (unit - 1))
        return CUDA_ERROR_INVALID_VALUE;
    int common = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    if (wish && wish % unit == 0) {
        void *there = mmap((void *)(uintptr_t)wish, n_bytes, PROT_NONE, common | MAP_FIXED_NOREPLACE, -1, 0);
        if (there == (void *)(uintptr_t)wish) {
            *address = wish;
            return CUDA_SUCCESS;
        }
        if (there != MAP_FAILED)
            munmap(there, n_bytes);
    }
    uint8_t *start = mmap(NULL, n_bytes + unit, PROT_NONE, common, -1, 0);
    if (start == MAP_FAILED)
        return CUDA_ERROR_OUT_OF_MEMORY;
    uint64_t aligned = round_up((uint64_t)(uintptr_t)start, unit), before = aligned - (uint64_t)(uintptr_t)start;
    if (before)
        munmap(start, before);
    if (unit > before)
        munmap((void *)(uintptr_t)(aligned + n_bytes), unit - before);
    *address = aligned;
    return CUDA_SUCCESS;
}

SOFT_EXPORT CUresult cuMemAddressFree(CUdeviceptr address, size_t n_bytes)
{
    return munmap((void *)(uintptr_t)address, n_bytes) ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

SOFT_EXPORT CUresult cuMemGetAllocationGranularity(size_t *granularity, const CUmemAllocationProp *properties,
                                                   CUmemAllocationGranularity_flags option)
{
    (void)option;
    if (!granularity || !properties)
        return CUDA_ERROR_INVALID_VALUE;
    *granularity = SOFT_GRANULARITY;
    return CUDA_SUCCESS;
}

/* The memory file, made at the first use; sparse, as large as the device's memory (and room for fragments). */
static bool file_open(void)
{
    if (file >= 0)
        return true;
    uint64_t n_bytes = 4 * soft_total_bytes();
    int fd = memfd_create("soft-gpu-memory", MFD_CLOEXEC);
    if (fd >= 0 && ftruncate(fd, (off_t)(n_bytes + SOFT_GRANULARITY)) == 0 &&
        (file_space = rrto_range_create(SOFT_GRANULARITY, n_bytes))) {
        file = fd;
        rrto_map_init(&handles);
        return true;
    }
    if (fd >= 0)
        close(fd);
    return false;
}

static struct physical *physical_find(CUmemGenericAllocationHandle handle)
{
    uint64_t value;
    return file >= 0 && rrto_map_get(&handles, handle, &value) ? (struct physical *)(uintptr_t)value : NULL;
}

/* Gives the pages back once nothing refers to them. */
static void physical_drop(struct physical *physical, CUmemGenericAllocationHandle handle)
{
    if (!physical->released || physical->n_mapped)
        return;
    (void)fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)physical->offset,
                    (off_t)physical->n_bytes);
    rrto_range_free(file_space, physical->offset, NULL);
    used_bytes -= physical->n_bytes;
    rrto_map_remove(&handles, handle, NULL);
    free(physical);
}

/* New memory holds nothing that anybody may rely on. */
static void physical_poison(const struct physical *physical)
{
    if (!soft_sched_poison())
        return;
    void *memory = mmap(NULL, physical->n_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, (off_t)physical->offset);
    if (memory == MAP_FAILED)
        return;
    /* All of the first ones, later only the start of each granule: poison takes memory. */
    static uint64_t budget = POISON_BUDGET;
    bool all = physical->n_bytes <= budget;
    budget -= all ? physical->n_bytes : 0;
    for (uint64_t at = 0; at < physical->n_bytes; at += SOFT_GRANULARITY)
        memset((uint8_t *)memory + at, soft_sched_poison(), all ? SOFT_GRANULARITY : SOFT_GRANULARITY / 32);
    munmap(memory, physical->n_bytes);
}

SOFT_EXPORT CUresult cuMemCreate(CUmemGenericAllocationHandle *handle, size_t n_bytes,
                                 const CUmemAllocationProp *properties, unsigned long long flags)
{
    if (!handle || !properties || flags || !n_bytes || n_bytes % SOFT_GRANULARITY)
        return CUDA_ERROR_INVALID_VALUE;
    if (properties->type != CU_MEM_ALLOCATION_TYPE_PINNED ||
        properties->requestedHandleTypes != CU_MEM_HANDLE_TYPE_NONE)
        return CUDA_ERROR_NOT_SUPPORTED;
    struct physical *physical = calloc(1, sizeof *physical);
    pthread_mutex_lock(&lock);
    bool ok = physical && file_open() && n_bytes <= soft_total_bytes() - used_bytes;
    if (ok) {
        physical->n_bytes = n_bytes;
        physical->offset = rrto_range_alloc(file_space, n_bytes, SOFT_GRANULARITY);
        ok = physical->offset && rrto_map_put(&handles, last_handle + 1, (uint64_t)(uintptr_t)physical);
    }
    if (ok) {
        used_bytes += n_bytes;
        *handle = ++last_handle;
        physical_poison(physical);
    } else {
        if (physical && physical->offset)
            rrto_range_free(file_space, physical->offset, NULL);
        free(physical);
    }
    pthread_mutex_unlock(&lock);
    return ok ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

SOFT_EXPORT CUresult cuMemRelease(CUmemGenericAllocationHandle handle)
{
    pthread_mutex_lock(&lock);
    struct physical *physical = physical_find(handle);
    bool ok = physical && !physical->released;
    if (ok) {
        physical->released = true;
        physical_drop(physical, handle);
    }
    pthread_mutex_unlock(&lock);
    return ok ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

SOFT_EXPORT CUresult cuMemMap(CUdeviceptr address, size_t n_bytes, size_t offset, CUmemGenericAllocationHandle handle,
                              unsigned long long flags)
{
    pthread_mutex_lock(&lock);
    struct physical *physical = physical_find(handle);
    CUresult result = CUDA_SUCCESS;
    if (!physical || flags || offset || n_bytes != physical->n_bytes || address % SOFT_GRANULARITY ||
        block_find(address))
        result = CUDA_ERROR_INVALID_VALUE;
    else if (mmap((void *)(uintptr_t)address, n_bytes, PROT_NONE, MAP_SHARED | MAP_FIXED, file,
                  (off_t)physical->offset) == MAP_FAILED ||
             !block_add((struct block){address, n_bytes, false, false, handle}))
        result = CUDA_ERROR_OUT_OF_MEMORY;
    else
        physical->n_mapped++;
    pthread_mutex_unlock(&lock);
    return result;
}

SOFT_EXPORT CUresult cuMemUnmap(CUdeviceptr address, size_t n_bytes)
{
    CUresult result = CUDA_SUCCESS;
    pthread_mutex_lock(&lock);
    for (uint64_t at = address, end = address + n_bytes; at < end && !result;) {
        struct block *block = block_find(at);
        if (!block || !block->handle || block->start != at || block->n_bytes > end - at) {
            result = CUDA_ERROR_INVALID_VALUE;
            break;
        }
        uint64_t handle = block->handle;
        at += block->n_bytes;
        mmap((void *)(uintptr_t)block->start, block->n_bytes, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
        block_remove(block);
        struct physical *physical = physical_find(handle);
        physical->n_mapped--;
        physical_drop(physical, handle);
    }
    pthread_mutex_unlock(&lock);
    return result;
}

SOFT_EXPORT CUresult cuMemSetAccess(CUdeviceptr address, size_t n_bytes, const CUmemAccessDesc *descriptions, size_t n)
{
    if (!descriptions || n != 1)
        return CUDA_ERROR_INVALID_VALUE;
    int protection = descriptions->flags == CU_MEM_ACCESS_FLAGS_PROT_READWRITE ? PROT_READ | PROT_WRITE
                     : descriptions->flags == CU_MEM_ACCESS_FLAGS_PROT_READ    ? PROT_READ
                                                                               : PROT_NONE;
    return mprotect((void *)(uintptr_t)address, n_bytes, protection) ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}
