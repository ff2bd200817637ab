/* SPDX-License-Identifier: Apache-2.0 */
/* What the compiler's start-up code registers: fat binaries, kernels by the address of their host stub, device
 * variables by the address of their host shadow. Registering appends and does nothing else; a look-up builds the index.
 */
#ifndef RRTO_CUDA_REGISTER_H
#define RRTO_CUDA_REGISTER_H

#include <stddef.h>
#include <stdint.h>

struct rrto_function;
struct rrto_module;

/* The start-up calls. add returns the handle that the others are given; NULL when memory is short (they accept that).
 * Any thread. */
void *rrto_register_add(const void *wrapper);
void rrto_register_kernel(void *handle, const void *stub, const char *name);
void rrto_register_variable(void *handle, const void *shadow, const char *name, size_t n_bytes);
void rrto_register_remove(void *handle);

/* The kernel behind a host stub: a CUDA error (RRTO_CUDA_INVALID_FUNCTION for an unknown one). */
int32_t rrto_register_find_kernel(const void *stub, struct rrto_function **ret_function);
/* The variable behind a host shadow (RRTO_CUDA_INVALID_SYMBOL for an unknown one). The name is lent until its module is
 * unregistered. */
int32_t rrto_register_find_variable(const void *shadow, struct rrto_module **ret_module, const char **ret_name,
                                    size_t *ret_n_bytes);

#endif
