/* SPDX-License-Identifier: Apache-2.0 */
#include "cuda/behind.h"

#include <stdlib.h>
#include <string.h>

enum kind { STREAM, EVENT };

/* Of a stream or an event. */
struct place {
    struct place *next;
    enum kind kind;
    uint32_t id;
    bool blocking; /* a stream that is ordered with the legacy one */
    struct rrto_behind behind;
};

static struct place *places;
static bool incomplete; /* memory was short: what has no place may come behind anything */

static void add(struct rrto_behind *to, uint32_t stream, uint64_t ticket)
{
    for (size_t i = 0; i < to->n; i++) {
        if (to->rows[i].stream == stream) {
            if (to->rows[i].ticket < ticket)
                to->rows[i].ticket = ticket;
            return;
        }
    }
    struct rrto_behind_row *grown = realloc(to->rows, (to->n + 1) * sizeof *grown);
    if (!grown) {
        to->all = true;
        return;
    }
    grown[to->n++] = (struct rrto_behind_row){stream, ticket};
    to->rows = grown;
}

static void join(struct rrto_behind *to, const struct rrto_behind *from)
{
    for (size_t i = 0; i < from->n && to != from; i++)
        add(to, from->rows[i].stream, from->rows[i].ticket);
    to->all = to->all || from->all;
}

static struct place *find(enum kind kind, uint32_t id)
{
    struct place *place = places;
    while (place && !(place->kind == kind && place->id == id))
        place = place->next;
    return place;
}

/* NULL where memory is short. */
static struct place *get(enum kind kind, uint32_t id)
{
    struct place *place = find(kind, id);
    if (place)
        return place;
    place = calloc(1, sizeof *place);
    if (place) {
        *place = (struct place){.next = places, .kind = kind, .id = id};
        places = place;
    }
    incomplete = incomplete || !place;
    return place;
}

static void join_blocking(struct rrto_behind *to)
{
    for (const struct place *other = places; other; other = other->next) {
        if (other->kind == STREAM && other->blocking)
            join(to, &other->behind);
    }
}

void rrto_behind_of_legacy(struct rrto_behind *ret_behind)
{
    *ret_behind = (struct rrto_behind){.n = 0};
    join_blocking(ret_behind);
}

void rrto_behind_touch(uint32_t stream, bool blocking)
{
    struct place *place = get(STREAM, stream);
    const struct place *legacy = find(STREAM, 0);
    if (place)
        place->blocking = blocking;
    if (place && stream == 0)
        join_blocking(&place->behind);
    else if (place && blocking && legacy)
        join(&place->behind, &legacy->behind);
}

void rrto_behind_function(uint32_t stream, bool blocking, uint64_t ticket)
{
    rrto_behind_touch(stream, blocking);
    struct place *place = find(STREAM, stream);
    if (place)
        add(&place->behind, stream, ticket);
}

void rrto_behind_record(uint32_t event, uint32_t stream)
{
    struct place *place = get(EVENT, event);
    if (!place)
        return;
    rrto_behind_fini(&place->behind);
    rrto_behind_copy(&place->behind, rrto_behind_of(stream));
}

void rrto_behind_wait(uint32_t stream, uint32_t event)
{
    struct place *place = get(STREAM, stream);
    const struct place *recorded = find(EVENT, event);
    if (place && recorded)
        join(&place->behind, &recorded->behind);
}

const struct rrto_behind *rrto_behind_of(uint32_t stream)
{
    static const struct rrto_behind nothing, everything = {.all = true};
    const struct place *place = find(STREAM, stream);
    return place ? &place->behind : incomplete ? &everything : &nothing;
}

void rrto_behind_forget(void)
{
    while (places) {
        struct place *place = places;
        places = place->next;
        rrto_behind_fini(&place->behind);
        free(place);
    }
    incomplete = false;
}

void rrto_behind_copy(struct rrto_behind *to, const struct rrto_behind *from)
{
    *to = (struct rrto_behind){.all = from->all};
    if (from->n == 0)
        return;
    to->rows = malloc(from->n * sizeof *to->rows);
    if (to->rows) {
        memcpy(to->rows, from->rows, from->n * sizeof *to->rows);
        to->n = from->n;
    } else {
        to->all = true;
    }
}

void rrto_behind_fini(struct rrto_behind *behind)
{
    free(behind->rows);
    *behind = (struct rrto_behind){.n = 0};
}
