/* SPDX-License-Identifier: Apache-2.0 */
#include "objects.h"

#include "base/status.h"

static uint64_t key_of(enum rrto_kind kind, uint32_t id)
{
    return (uint64_t)kind << 32 | id;
}

void rrto_objects_init(struct rrto_objects *objects)
{
    rrto_map_init(&objects->map);
}

void rrto_objects_fini(struct rrto_objects *objects)
{
    rrto_map_fini(&objects->map);
}

bool rrto_objects_find(const struct rrto_objects *objects, enum rrto_kind kind, uint32_t id, void **ret_object)
{
    uint64_t value = 0;
    bool found = rrto_map_get(&objects->map, key_of(kind, id), &value);
    *ret_object = (void *)(uintptr_t)value;
    return found;
}

int rrto_objects_put(struct rrto_objects *objects, enum rrto_kind kind, uint32_t id, void *object)
{
    uint64_t value;
    if (id == 0 || kind <= RRTO_KIND_NONE || kind >= RRTO_KIND_N ||
        rrto_map_get(&objects->map, key_of(kind, id), &value))
        return RRTO_INVALID;
    if (objects->map.n >= RRTO_OBJECTS_MAX)
        return RRTO_TOO_LARGE;
    return rrto_map_put(&objects->map, key_of(kind, id), (uintptr_t)object) ? RRTO_OK : RRTO_NO_MEMORY;
}

bool rrto_objects_take(struct rrto_objects *objects, enum rrto_kind kind, uint32_t id, void **ret_object)
{
    uint64_t value = 0;
    bool found = rrto_map_remove(&objects->map, key_of(kind, id), &value);
    *ret_object = (void *)(uintptr_t)value;
    return found;
}
