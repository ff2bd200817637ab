/* SPDX-License-Identifier: Apache-2.0 */
/* Hash map from a 64-bit key to a 64-bit value (open addressing, backward-shift deletion). Not locked. */
#ifndef RRTO_BASE_MAP_H
#define RRTO_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rrto_map {
    struct rrto_map_slot *slots;
    size_t n, capacity; /* capacity is a power of two or 0 */
};

void rrto_map_init(struct rrto_map *map);
void rrto_map_fini(struct rrto_map *map);
/* Inserts or replaces; false when memory is short. Any key is allowed. */
bool rrto_map_put(struct rrto_map *map, uint64_t key, uint64_t value);
bool rrto_map_get(const struct rrto_map *map, uint64_t key, uint64_t *ret_value);
bool rrto_map_remove(struct rrto_map *map, uint64_t key, uint64_t *ret_value /* may be NULL */);
/* Iterates: *cursor starts at 0; false at the end. The map must not change meanwhile. */
bool rrto_map_next(const struct rrto_map *map, size_t *cursor, uint64_t *ret_key, uint64_t *ret_value);
/* splitmix64 finaliser, the map's hash; good enough for pointers and ids. */
static inline uint64_t rrto_mix64(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

#endif
