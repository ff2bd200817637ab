/* SPDX-License-Identifier: Apache-2.0 */
/* Device memory: the session's address arena, allocated here, by call order alone, so that an address means the same on
 * both sides and running out of memory is decided at the call. The pages behind it are the server's; nothing here is
 * ever dereferenced. */
#ifndef RRTO_CUDA_ARENA_H
#define RRTO_CUDA_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Allocates n_bytes (more than 0) and issues mem_alloc. Any thread; connects. Returns a CUDA error. */
int32_t rrto_arena_alloc(uint64_t n_bytes, uint64_t *ret_address);
/* Frees the block that starts at address and issues mem_free, behind everything issued so far. RRTO_CUDA_INVALID_VALUE
 * when none starts there. */
int32_t rrto_arena_free(uint64_t address);
/* Whether [address, address + n_bytes) lies inside one live block. */
bool rrto_arena_live(uint64_t address, uint64_t n_bytes);
/* The live block around address. */
bool rrto_arena_find(uint64_t address, uint64_t *ret_base, uint64_t *ret_n_bytes);
/* Whether address belongs to the arena, live or not. Never connects: without a session there is no arena. */
bool rrto_arena_contains(uint64_t address);
/* Bytes that are free and in all, as cudaMemGetInfo tells them. Connects; returns a CUDA error. */
int32_t rrto_arena_info(uint64_t *ret_free, uint64_t *ret_total);

#endif
