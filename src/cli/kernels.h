/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels' names of a trace: a launch says a function's number, and an earlier op whose that is. */
#ifndef RRTO_CLI_KERNELS_H
#define RRTO_CLI_KERNELS_H

#include "base/map.h"

struct rrto_kernels {
    struct rrto_map names; /* function -> char * */
};

void rrto_kernels_init(struct rrto_kernels *kernels);
void rrto_kernels_fini(struct rrto_kernels *kernels);
/* Looks at the trace's next op: whether it names a function. */
void rrto_kernels_note(struct rrto_kernels *kernels, const uint8_t *op, size_t n_bytes);
/* The kernel that a launch launches, printable; NULL: no launch, or not known. *ret_function (may be NULL) in the first
 * case stays as it was. */
const char *rrto_kernels_of(const struct rrto_kernels *kernels, const uint8_t *op, size_t n_bytes,
                            uint32_t *ret_function);

#endif
