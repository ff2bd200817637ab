/* SPDX-License-Identifier: Apache-2.0 */
/* Predictions of words. The rule is part of the wire (docs/wire.md, "Slots"): change both, and the protocol version,
 * together. */
#include "replay/slots.h"

#include <string.h>

enum {
    SCORE_BITS = 4,
    SCORE_MAX = 6,
    SCORE_START = 3, /* of every kind; those that follow pointers one more */
    HIT = 1,
    MISS = 2,
    FORGET_AFTER = 15,     /* CONST counts on to here: the word is no slot any more */
    POINTER_MIN = 0x10000, /* smaller values are no pointers */
};
#define ALONG_AND_MOVED ((1u << RRTO_SLOT_ALONG) | (1u << RRTO_SLOT_MOVED))

static unsigned score_of(unsigned scores, unsigned kind)
{
    return scores >> (kind * SCORE_BITS) & ((1u << SCORE_BITS) - 1);
}

static unsigned at_most(unsigned score, unsigned most)
{
    return score < most ? score : most;
}

/* A guess's score, after it was right or wrong. */
static unsigned scored(unsigned score, bool right, unsigned most)
{
    if (right)
        return at_most(score + HIT, most);
    score = at_most(score, SCORE_MAX);
    return score < MISS ? 0 : score - MISS;
}

static uint32_t word_at(const uint8_t *op, size_t offset)
{
    uint32_t value;
    memcpy(&value, op + offset, sizeof value);
    return value;
}

static struct rrto_slots_moved *row_of(struct rrto_slots *slots, uint32_t value)
{
    return &slots->moved[(value * UINT32_C(0x9e3779b1)) >> 22];
}

void rrto_slots_init(struct rrto_slots *slots, unsigned kinds)
{
    _Static_assert(RRTO_SLOTS_MOVED_ROWS == 1 << (32 - 22), "row_of");
    memset(slots, 0, sizeof *slots);
    slots->kinds = kinds & RRTO_SLOTS_ALL;
}

void rrto_slots_begin(struct rrto_slots *slots, const uint8_t *source, const struct rrto_slot *old, unsigned n_old)
{
    slots->source = source;
    slots->old = old;
    slots->n_old = n_old;
    slots->at = 0;
    slots->along = 0;
    slots->which = 0;
    slots->n_slots = 0;
}

bool rrto_slots_predict(struct rrto_slots *slots, size_t *ret_offset, uint32_t *ret_value)
{
    if (slots->at == slots->n_old)
        return false;
    const struct rrto_slot *slot = &slots->old[slots->at];
    size_t offset = (size_t)slot->word * 4;
    uint32_t value = word_at(slots->source, offset);
    unsigned available = 1u << RRTO_SLOT_CONST;
    slots->guess[RRTO_SLOT_CONST] = value;
    if (slots->kinds & RRTO_SLOTS_COUNTERS && slot->stride != 0) {
        slots->guess[RRTO_SLOT_STRIDE] = value + slot->stride;
        available |= 1u << RRTO_SLOT_STRIDE;
    }
    if (slots->kinds & RRTO_SLOTS_POINTERS && value >= POINTER_MIN) {
        const struct rrto_slots_moved *row = row_of(slots, value);
        if (slots->along != 0) {
            slots->guess[RRTO_SLOT_ALONG] = value + slots->along;
            available |= 1u << RRTO_SLOT_ALONG;
        }
        if (row->from == value) {
            slots->guess[RRTO_SLOT_MOVED] = row->to;
            available |= 1u << RRTO_SLOT_MOVED;
        }
    }
    unsigned best = RRTO_SLOT_CONST, best_score = 0;
    for (unsigned kind = 0; kind < RRTO_SLOT_KINDS; kind++) {
        unsigned score = score_of(slot->scores, kind);
        score = at_most(score, SCORE_MAX);
        if (available >> kind & 1 && score >= best_score) {
            best = kind;
            best_score = score;
        }
    }
    slots->available = available;
    *ret_offset = offset;
    *ret_value = slots->guess[best];
    return true;
}

void rrto_slots_learn(struct rrto_slots *slots, uint32_t value)
{
    const struct rrto_slot *old = &slots->old[slots->at++];
    uint32_t stride = value - slots->guess[RRTO_SLOT_CONST];
    unsigned scores = 0;
    for (unsigned kind = 0; kind < RRTO_SLOT_KINDS; kind++) {
        unsigned score = score_of(old->scores, kind), most = kind == RRTO_SLOT_CONST ? FORGET_AFTER : SCORE_MAX;
        if (slots->available >> kind & 1)
            score = scored(score, slots->guess[kind] == value, most);
        scores |= score << (kind * SCORE_BITS);
    }
    if (stride != 0 && slots->guess[RRTO_SLOT_CONST] >= POINTER_MIN)
        slots->along = stride;
    if (score_of(scores, RRTO_SLOT_CONST) < FORGET_AFTER)
        slots->slots[0][slots->n_slots++] = (struct rrto_slot){old->word, (uint16_t)scores, stride};
}

/* The slots of slots[0], and of the words that differ and have none, in slots[1]. */
static void merge(struct rrto_slots *slots, const uint8_t *op, size_t n_bytes)
{
    const unsigned start =
        0x1111u * SCORE_START + (1u << (RRTO_SLOT_ALONG * SCORE_BITS)) + (1u << (RRTO_SLOT_MOVED * SCORE_BITS));
    const struct rrto_slot *old = slots->slots[0];
    struct rrto_slot *out = slots->slots[1];
    unsigned n_old = slots->n_slots, at = 0, n = 0;
    size_t n_words = n_bytes / 4 < UINT16_MAX ? n_bytes / 4 : UINT16_MAX;
    for (size_t word = 0; word < n_words && n < RRTO_SLOTS_MAX; word++) {
        if (at < n_old && old[at].word == word) {
            out[n++] = old[at++];
            continue;
        }
        if (word + 2 <= n_words && (at == n_old || old[at].word > word + 1) &&
            memcmp(slots->source + word * 4, op + word * 4, 8) == 0) {
            word++;
            continue;
        }
        uint32_t before = word_at(slots->source, word * 4), after = word_at(op, word * 4);
        if (before != after)
            out[n++] = (struct rrto_slot){(uint16_t)word, (uint16_t)start, after - before};
    }
    slots->which = 1;
    slots->n_slots = n;
}

const struct rrto_slot *rrto_slots_end(struct rrto_slots *slots, const uint8_t *op, size_t n_bytes, bool patched,
                                       unsigned *ret_n)
{
    if (slots->kinds == 0) {
        *ret_n = 0;
        return NULL;
    }
    if (patched)
        merge(slots, op, n_bytes);
    const struct rrto_slot *now = slots->slots[slots->which];
    for (unsigned i = 0; i < slots->n_slots && slots->kinds & RRTO_SLOTS_POINTERS; i++) {
        uint32_t value = word_at(slots->source, (size_t)now[i].word * 4);
        if (value >= POINTER_MIN)
            *row_of(slots, value) = (struct rrto_slots_moved){value, word_at(op, (size_t)now[i].word * 4)};
    }
    *ret_n = slots->n_slots;
    return now;
}
