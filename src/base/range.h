/* SPDX-License-Identifier: Apache-2.0 */
/* Best-fit, lowest-address allocator over one address range. It depends on call order only, never on timing or on the
 * memory behind the addresses (which it never touches). Not locked. */
#ifndef RRTO_BASE_RANGE_H
#define RRTO_BASE_RANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rrto_range; /* opaque */

struct rrto_range *rrto_range_create(uint64_t base, uint64_t n_bytes);
struct rrto_range *rrto_range_destroy(struct rrto_range *range); /* accepts NULL, returns NULL */
/* alignment: a power of two. Sizes are rounded up to it. Returns 0 when no free block is large enough. */
uint64_t rrto_range_alloc(struct rrto_range *range, uint64_t n_bytes, uint64_t alignment);
/* Frees the block that starts at address; false when none does. */
bool rrto_range_free(struct rrto_range *range, uint64_t address, uint64_t *ret_n_bytes);
/* The live block that contains address. */
bool rrto_range_find(const struct rrto_range *range, uint64_t address, uint64_t *ret_base, uint64_t *ret_n_bytes);
uint64_t rrto_range_free_bytes(const struct rrto_range *range);
uint64_t rrto_range_largest_free(const struct rrto_range *range);

#endif
