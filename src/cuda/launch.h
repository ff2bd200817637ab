/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel launches: limits are checked here, at the call, as CUDA does; then the parameter block travels with the bytes
 * that were passed. */
#ifndef RRTO_CUDA_LAUNCH_H
#define RRTO_CUDA_LAUNCH_H

#include "cuda/thread.h"

#include <stddef.h>
#include <stdint.h>

struct rrto_function;

/* One CUlaunchAttribute, as it is in memory and in the op. */
struct rrto_launch_attribute {
    uint32_t id, zero;
    uint8_t value[64];
};

struct rrto_launch {
    struct rrto_launch_shape shape;
    void **args;       /* one pointer per parameter; or NULL with block */
    const void *block; /* the parameter block itself */
    size_t n_block;
    uint32_t flags;                                 /* 1: cooperative */
    const struct rrto_launch_attribute *attributes; /* as the application gave them */
    uint32_t n_attributes;
};

/* Returns a CUDA error: at the launch when a limit is exceeded or there is no image, else as the session says. */
int32_t rrto_launch(struct rrto_function *function, const struct rrto_launch *launch);

#endif
