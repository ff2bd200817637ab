/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies for the kernels of examples/ and tests/, which carry PTX. */
#include "body.h"

#include <stdio.h>

static bool bind_plain(struct kernel_body *body, const struct kernel_name *name, const struct rrto_kernel_image *image)
{
    (void)body, (void)name, (void)image;
    return true;
}

/* vector_add(a, b, c, n): c = a + b, for the elements that the grid covers */
static int run_vector_add(const struct kernel_body *body, const struct kernel_launch *launch)
{
    (void)body;
    const float *a = (const float *)param_pointer(launch, 0), *b = (const float *)param_pointer(launch, 1);
    float *c = (float *)param_pointer(launch, 2);
    uint64_t n = PARAM(launch, 3, uint32_t), threads = (uint64_t)launch->grid[0] * launch->block[0];
    for (uint64_t i = 0; i < n && i < threads; i++)
        c[i] = a[i] + b[i];
    return 0;
}

/* copy_block(to, block by value): what arrived of the block, a byte for each thread */
static int run_copy_block(const struct kernel_body *body, const struct kernel_launch *launch)
{
    (void)body;
    size_t threads = (size_t)launch->grid[0] * launch->block[0], n = launch->image->sizes[1];
    memcpy(param_pointer(launch, 0), launch->params + launch->image->offsets[1], threads < n ? threads : n);
    return 0;
}

/* poke(address, value): *address = value, and a fault in the first 64 KiB, where no memory ever is */
static int run_poke(const struct kernel_body *body, const struct kernel_launch *launch)
{
    (void)body;
    uint8_t *address = param_pointer(launch, 0);
    if ((uintptr_t)address < 1 << 16)
        return RRTO_KERNEL_FAULTED;
    uint32_t value = PARAM(launch, 1, uint32_t);
    memcpy(address, &value, sizeof value);
    return 0;
}

/* print_number(number): a line of each thread */
static int run_print_number(const struct kernel_body *body, const struct kernel_launch *launch)
{
    (void)body;
    char lines[4096], line[40];
    uint64_t threads = (uint64_t)launch->grid[0] * launch->block[0];
    size_t n = (size_t)snprintf(line, sizeof line, "kernel says %d\n", PARAM(launch, 0, int32_t)), filled = 0;
    for (uint64_t i = 0; i < threads; i++) {
        if (filled + n > sizeof lines) {
            launch->print(1, lines, filled);
            filled = 0;
        }
        memcpy(lines + filled, line, n);
        filled += n;
    }
    launch->print(1, lines, filled);
    return 0;
}

/* fail_assertion(line): what the first thread says */
static int run_fail_assertion(const struct kernel_body *body, const struct kernel_launch *launch)
{
    (void)body;
    char text[120];
    int n = snprintf(text, sizeof text, "false:%u: false: block: [0,0,0], thread: [0,0,0] Assertion `false` failed.\n",
                     PARAM(launch, 0, uint32_t));
    launch->print(2, text, (size_t)n);
    return RRTO_KERNEL_ASSERTED;
}

const struct family families_examples[] = {
    {.name = "vector_add", .bind = bind_plain, .run = run_vector_add, .n_params = 4},
    {.name = "copy_block", .bind = bind_plain, .run = run_copy_block, .n_params = 2},
    {.name = "poke", .bind = bind_plain, .run = run_poke, .n_params = 2},
    {.name = "print_number", .bind = bind_plain, .run = run_print_number, .n_params = 1},
    {.name = "fail_assertion", .bind = bind_plain, .run = run_fail_assertion, .n_params = 1},
    {0},
};
