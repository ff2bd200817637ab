/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing with linear probing; deletion shifts the following run back, so there are no tombstones. */
#include "base/map.h"

#include <stdlib.h>

struct rrto_map_slot {
    uint64_t key, value;
    bool used;
};

enum { FIRST_CAPACITY = 16 };

void rrto_map_init(struct rrto_map *map)
{
    *map = (struct rrto_map){0};
}

void rrto_map_fini(struct rrto_map *map)
{
    free(map->slots);
    rrto_map_init(map);
}

static size_t home_of(const struct rrto_map *map, uint64_t key)
{
    return (size_t)rrto_mix64(key) & (map->capacity - 1);
}

/* The slot that holds key, or the free one where it would go. There is always a free one: the map is at most 3/4 full.
 */
static struct rrto_map_slot *probe(const struct rrto_map *map, uint64_t key)
{
    size_t i = home_of(map, key);
    while (map->slots[i].used && map->slots[i].key != key)
        i = (i + 1) & (map->capacity - 1);
    return &map->slots[i];
}

static bool grow(struct rrto_map *map)
{
    struct rrto_map larger = {.capacity = map->capacity ? map->capacity * 2 : FIRST_CAPACITY, .n = map->n};
    larger.slots = calloc(larger.capacity, sizeof *larger.slots);
    if (!larger.slots)
        return false;
    for (size_t i = 0; i < map->capacity; i++)
        if (map->slots[i].used)
            *probe(&larger, map->slots[i].key) = map->slots[i];
    free(map->slots);
    *map = larger;
    return true;
}

bool rrto_map_put(struct rrto_map *map, uint64_t key, uint64_t value)
{
    if ((map->n + 1) * 4 > map->capacity * 3 && !grow(map))
        return false;
    struct rrto_map_slot *slot = probe(map, key);
    if (!slot->used)
        map->n++;
    *slot = (struct rrto_map_slot){.key = key, .value = value, .used = true};
    return true;
}

bool rrto_map_get(const struct rrto_map *map, uint64_t key, uint64_t *ret_value)
{
    if (map->n == 0)
        return false;
    const struct rrto_map_slot *slot = probe(map, key);
    if (!slot->used)
        return false;
    if (ret_value)
        *ret_value = slot->value;
    return true;
}

bool rrto_map_remove(struct rrto_map *map, uint64_t key, uint64_t *ret_value)
{
    if (map->n == 0)
        return false;
    struct rrto_map_slot *slot = probe(map, key);
    if (!slot->used)
        return false;
    if (ret_value)
        *ret_value = slot->value;
    size_t mask = map->capacity - 1, hole = (size_t)(slot - map->slots);
    for (size_t i = (hole + 1) & mask; map->slots[i].used; i = (i + 1) & mask) {
        /* An entry may move into the hole unless its home lies cyclically in (hole, i]. */
        if (((i - home_of(map, map->slots[i].key)) & mask) >= ((i - hole) & mask)) {
            map->slots[hole] = map->slots[i];
            hole = i;
        }
    }
    map->slots[hole].used = false;
    map->n--;
    return true;
}

bool rrto_map_next(const struct rrto_map *map, size_t *cursor, uint64_t *ret_key, uint64_t *ret_value)
{
    for (; *cursor < map->capacity; (*cursor)++) {
        const struct rrto_map_slot *slot = &map->slots[*cursor];
        if (!slot->used)
            continue;
        if (ret_key)
            *ret_key = slot->key;
        if (ret_value)
            *ret_value = slot->value;
        (*cursor)++;
        return true;
    }
    return false;
}
