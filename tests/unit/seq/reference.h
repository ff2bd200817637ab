/* SPDX-License-Identifier: Apache-2.0 */
/* A slow, obvious Operator Sequence Search: the rule of docs/replay.md ("The search") on plain arrays that are scanned.
 * Nothing is hashed and nothing is evicted, so it says what the rule says; src/seq/seq.h says the same as long as its
 * tables have lost nothing. Where the rule changes, it changes in find() of reference.c. */
#ifndef TESTS_SEQ_REFERENCE_H
#define TESTS_SEQ_REFERENCE_H

#include "seq/seq.h"

struct reference; /* opaque */

/* max_ops as for rrto_seq_create: ops further back are forgotten. capacity: of all pushes together. Never NULL. */
struct reference *reference_create(uint64_t max_ops, uint64_t capacity);
struct reference *reference_destroy(struct reference *reference); /* accepts NULL, returns NULL */

/* As the functions of seq.h that have these names. */
uint64_t reference_push(struct reference *reference, unsigned lane, uint64_t token, uint64_t oldest);
uint64_t reference_expected(const struct reference *reference, unsigned lane);
void reference_reset_lane(struct reference *reference, unsigned lane);
void reference_insist(struct reference *reference, unsigned lane, uint64_t source);
uint64_t reference_passed(const struct reference *reference, unsigned lane);
void reference_made(struct reference *reference, unsigned lane, uint64_t object);
void reference_ended(struct reference *reference, uint64_t object);
void reference_observe(struct reference *reference, unsigned lane, uint32_t value, uint64_t oldest);

#endif
