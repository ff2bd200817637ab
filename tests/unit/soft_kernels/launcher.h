/* SPDX-License-Identifier: Apache-2.0 */
/* A launch with a parameter block made by hand. */
#ifndef TESTS_SOFT_KERNELS_LAUNCHER_H
#define TESTS_SOFT_KERNELS_LAUNCHER_H

#include "kernels/kernels.h"
#include "test.h"
#include "torch_kernels.h"

#include <string.h>

/* The block; garbage where nothing is set, as applications leave it. */
struct block {
    const struct torch_kernel *kernel;
    _Alignas(16) uint8_t bytes[4096];
};

static inline void block_init(struct block *block, const struct torch_kernel *kernel)
{
    block->kernel = kernel;
    memset(block->bytes, 0xa5, sizeof block->bytes);
}

static inline void block_put(struct block *block, uint32_t offset, const void *value, size_t n)
{
    memcpy(block->bytes + offset, value, n);
}

/* Sets the k-th parameter, or (AT) bytes at an offset of the block. */
#define SET(block, k, T, ...) block_put(block, (block)->kernel->layout[k][0], &(T){__VA_ARGS__}, sizeof(T))
#define AT(block, offset, T, ...) block_put(block, (uint32_t)(offset), &(T){__VA_ARGS__}, sizeof(T))

/* PyTorch's OffsetCalculator at an offset: dims sizes, then strides[dim][arg] in bytes. */
static inline void offsets_put(struct block *block, uint32_t at, uint32_t dims, uint32_t n_args, const uint32_t *sizes,
                               const uint32_t *strides)
{
    block_put(block, at, &dims, 4);
    for (uint32_t dim = 0; dim < dims; dim++) {
        block_put(block, at + 4 + 12 * dim, &sizes[dim], 4);
        block_put(block, at + 304 + 4 * dim * n_args, &strides[dim * n_args], 4 * n_args);
    }
}

static inline int block_run(const struct block *block, uint32_t grid_x, uint32_t grid_y)
{
    const struct torch_kernel *kernel = block->kernel;
    uint32_t offsets[20], sizes[20];
    for (uint32_t i = 0; i < kernel->n; i++) {
        offsets[i] = kernel->layout[i][0];
        sizes[i] = kernel->layout[i][1];
    }
    struct rrto_kernel_image image = {.name = kernel->name,
                                      .n_params = kernel->n,
                                      .param_bytes = kernel->param_bytes,
                                      .offsets = offsets,
                                      .sizes = sizes};
    struct kernel_body *body = rrto_kernel_body_find(&image);
    assert_non_null(body);
    struct kernel_launch launch = {
        .grid = {grid_x, grid_y, 1}, .block = {128, 1, 1}, .image = &image, .params = block->bytes};
    int result = rrto_kernel_body_run(body, &launch);
    rrto_kernel_body_destroy(body);
    return result;
}

static inline void assert_floats(const float *got, const float *want, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(got[i] - want[i] <= 1e-6f && want[i] - got[i] <= 1e-6f))
            fail_msg("element %zu is %g, not %g", i, (double)got[i], (double)want[i]);
}

#endif
