/* SPDX-License-Identifier: Apache-2.0 */
/* Named kernels on the CPU: from a mangled kernel name to a body, and running it. What soft/driver sees of this room.
 */
#ifndef SOFT_KERNELS_KERNELS_H
#define SOFT_KERNELS_KERNELS_H

#include "fatbin/fatbin.h"

/* One launch: everything is lent for the duration of the call. */
struct kernel_launch {
    uint32_t grid[3], block[3];
    uint32_t shared_bytes;
    const struct rrto_kernel_image *image;             /* the parameter layout */
    const uint8_t *params;                             /* image->param_bytes of them, at least 8-aligned */
    void (*print)(int fd, const char *text, size_t n); /* where kernels that print do so */
};

struct kernel_body; /* a name that was resolved to a row of the tables: types, functor, loop */

/* Resolves a kernel; NULL when there is no body for it (or memory is short). Bodies live until
 * rrto_kernel_body_destroy. Any thread. */
struct kernel_body *rrto_kernel_body_find(const struct rrto_kernel_image *image);
struct kernel_body *rrto_kernel_body_destroy(struct kernel_body *body); /* accepts NULL, returns NULL */
enum { RRTO_KERNEL_FAULTED = 1, RRTO_KERNEL_ASSERTED = 2 };
/* Runs it on the calling thread; returns when it has run. 0, or -1 when the launch asks for something that the body
 * cannot do, or RRTO_KERNEL_FAULTED when a GPU would have found an address without memory, or RRTO_KERNEL_ASSERTED when
 * an assertion failed. The result depends on the arguments and the memory only. */
int rrto_kernel_body_run(const struct kernel_body *body, const struct kernel_launch *launch);

#endif
