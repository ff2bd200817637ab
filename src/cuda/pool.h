/* SPDX-License-Identifier: Apache-2.0 */
/* The device's one memory pool: a name for the arena. Attributes are kept; memory is never held back from anybody. */
#ifndef RRTO_CUDA_POOL_H
#define RRTO_CUDA_POOL_H

#include <stdbool.h>
#include <stdint.h>

void *rrto_pool_default(void);
bool rrto_pool_check(const void *pool);
/* Numbers of cudaMemPoolAttr; value points to int (1 to 3) or uint64_t. CUDA errors. */
int32_t rrto_pool_get(int32_t attribute, void *value);
int32_t rrto_pool_set(int32_t attribute, const void *value);

#endif
