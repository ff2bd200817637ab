/* SPDX-License-Identifier: Apache-2.0 */
/* The C handles that applications hold: small blocks with a kind and a session id. A handle that was destroyed is
 * recognised (its memory is never returned to malloc, and is reused late), so use after destroy is an error, not a
 * crash. */
#ifndef RRTO_CUDA_OBJECT_H
#define RRTO_CUDA_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rrto_object_kind {
    RRTO_OBJECT_STREAM = 1,
    RRTO_OBJECT_EVENT,
    RRTO_OBJECT_MODULE,
    RRTO_OBJECT_FUNCTION,
    RRTO_OBJECT_LIBRARY,
    RRTO_OBJECT_POOL,
    RRTO_OBJECT_GRAPH,
    RRTO_OBJECT_NODE,
    RRTO_OBJECT_EXEC,
    RRTO_OBJECT_N
};

struct rrto_object {
    uint32_t magic; /* says whether it lives, and its kind */
    uint32_t id;    /* the session's: minted here, monotonic per kind, never reused */
    union {
        struct {
            uint32_t flags;
            int32_t priority;
        } stream;
        struct {
            uint32_t flags;
            uint32_t stream;   /* id: where it was recorded last */
            uint64_t position; /* of that record in the log; RRTO_EVENT_UNRECORDED */
            uint64_t capture;  /* in which it was recorded last; 0: in none */
        } event;
        void *data; /* modules, functions, libraries, graphs and what is made of them */
    };
    struct rrto_object *next_free;
};

/* A fresh handle with a fresh id, its union zeroed; NULL when memory is short. Any thread. */
struct rrto_object *rrto_object_create(enum rrto_object_kind kind);
/* Ends the handle's life; false when somebody else did already. Any thread. */
bool rrto_object_destroy(struct rrto_object *object, enum rrto_object_kind kind);
/* The handle as an object, or NULL when it is none of that kind, or dead. handle must be readable if it is not small.
 * Any thread. */
struct rrto_object *rrto_object_check(const void *handle, enum rrto_object_kind kind);
/* A fresh id of that kind without a handle. */
uint32_t rrto_object_mint(enum rrto_object_kind kind);

#endif
