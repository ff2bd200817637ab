/* SPDX-License-Identifier: Apache-2.0 */
/* Device limits and preferences that both APIs read and set. No op carries them: a limit can be read, set to what it
 * is, or lowered, not raised (docs/limits.md). Local. CUDA errors. */
#ifndef RRTO_CUDA_LIMITS_H
#define RRTO_CUDA_LIMITS_H

#include <stddef.h>
#include <stdint.h>

int32_t rrto_limits_get(int32_t limit, size_t *ret_value);
int32_t rrto_limits_set(int32_t limit, size_t value);
/* Connects. Either pointer may be NULL. */
int32_t rrto_limits_priorities(int *ret_least, int *ret_greatest);
int32_t rrto_limits_cache_config(void);
int32_t rrto_limits_set_cache_config(int32_t config);

#endif
