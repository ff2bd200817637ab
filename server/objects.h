/* SPDX-License-Identifier: Apache-2.0 */
/* Client-minted ids and the vendor objects behind them, by kind. The functions that handlers use are in worker.h.
 * Executor thread only. */
#ifndef RRTO_SERVER_OBJECTS_H
#define RRTO_SERVER_OBJECTS_H

#include "base/map.h"
#include "worker.h"

enum { RRTO_OBJECTS_MAX = 1 << 20 };

struct rrto_objects {
    struct rrto_map map; /* kind << 32 | id -> object */
};

void rrto_objects_init(struct rrto_objects *objects);
void rrto_objects_fini(struct rrto_objects *objects); /* forgets the objects; the process's end frees them */
/* NULL is a valid object. */
bool rrto_objects_find(const struct rrto_objects *objects, enum rrto_kind kind, uint32_t id, void **ret_object);
/* RRTO_INVALID: id 0, or taken. RRTO_TOO_LARGE. */
int rrto_objects_put(struct rrto_objects *objects, enum rrto_kind kind, uint32_t id, void *object);
bool rrto_objects_take(struct rrto_objects *objects, enum rrto_kind kind, uint32_t id, void **ret_object);

#endif
