/* SPDX-License-Identifier: Apache-2.0 */
/* Contexts: there is one device, one address space and one session, so every context is a name for the same thing. What
 * is kept is what applications can observe: the per-thread stack, reference counts, flags. Local, never blocks, except
 * where connecting is said. */
#ifndef RRTO_CUDA_CONTEXT_H
#define RRTO_CUDA_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

struct rrto_context;

/* The runtime's implicit initialisation: makes the primary context current if the thread has none. Connects at the
 * process's first use; returns a CUDA error. One load afterwards. */
int32_t rrto_context_use(void);
/* The driver's check: RRTO_CUDA_INVALID_CONTEXT when the thread has none. */
int32_t rrto_context_need(void);

struct rrto_context *rrto_context_current(void); /* NULL: none */
int32_t rrto_context_set(struct rrto_context *context);
int32_t rrto_context_push(struct rrto_context *context);
int32_t rrto_context_pop(struct rrto_context **ret_context /* may be NULL */);

int32_t rrto_context_primary_retain(struct rrto_context **ret_context); /* connects */
int32_t rrto_context_primary_release(void);
void rrto_context_primary_reset(void);
void rrto_context_primary_state(uint32_t *ret_flags, bool *ret_active);
int32_t rrto_context_primary_set_flags(uint32_t flags);

int32_t rrto_context_create(uint32_t flags, struct rrto_context **ret_context); /* and pushes it; connects */
int32_t rrto_context_destroy(struct rrto_context *context);
int32_t rrto_context_flags(const struct rrto_context *context, uint32_t *ret_flags);
int32_t rrto_context_id(const struct rrto_context *context, uint64_t *ret_id);

#endif
