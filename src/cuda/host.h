/* SPDX-License-Identifier: Apache-2.0 */
/* Page-locked host memory, as CUDA calls it: memory of the application whose asynchronous copies need not be waited
 * for. Nothing is locked here (no device reads it); what matters is to know the ranges. */
#ifndef RRTO_CUDA_HOST_H
#define RRTO_CUDA_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Page-aligned memory, zeroed; RRTO_CUDA_NO_MEMORY. Any thread. */
int32_t rrto_host_alloc(size_t n_bytes, uint32_t flags, void **ret_memory);
/* Waits for copies that still arrive there, then frees. NULL is fine. RRTO_CUDA_INVALID_VALUE for what rrto_host_alloc
 * did not return. */
int32_t rrto_host_free(void *memory);
/* Declares a range of the application's own memory. RRTO_CUDA_HOST_ALREADY_REGISTERED when it overlaps one. */
int32_t rrto_host_register(void *memory, size_t n_bytes, uint32_t flags);
int32_t rrto_host_unregister(void *memory);

struct rrto_host_range {
    uintptr_t base;
    size_t n_bytes;
    uint32_t flags;
    bool registered; /* by cudaHostRegister */
};
/* The range that contains address. One load when there are none. Any thread. */
bool rrto_host_find(const void *address, struct rrto_host_range *ret_range);
/* Whether there is any page-locked range at all. */
bool rrto_host_any(void);
/* Whether all of [address, address + n) lies in one range. */
bool rrto_host_pinned(const void *address, size_t n);

#endif
