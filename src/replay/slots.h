/* SPDX-License-Identifier: Apache-2.0 */
/* Slots: the 4-byte words of an op that have changed from one occurrence to the next (pointers, counters, remains on a
 * stack), and what each is predicted to be at the next one. Client and server compute the same predictions from the
 * same past ops, so only what they miss has to travel (docs/wire.md, "Slots", is the rule; docs/replay.md tells why).
 * Neither blocks, neither is locked, no allocation. Internal to the record files. */
#ifndef RRTO_REPLAY_SLOTS_H
#define RRTO_REPLAY_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ways to predict a word. Of those that have been right most lately, the last in this order. */
enum rrto_slot_kind {
    RRTO_SLOT_STRIDE, /* it changes by as much as the last time: a counter */
    RRTO_SLOT_CONST,  /* it stays */
    RRTO_SLOT_ALONG,  /* it moves by as much as the slot before it in this op: pointers into one block */
    RRTO_SLOT_MOVED,  /* it becomes what this value became elsewhere: all uses of a pointer */
    RRTO_SLOT_KINDS,
};
enum {
    RRTO_SLOTS_COUNTERS = 1 << 0, /* which kinds a session uses, besides CONST: STRIDE */
    RRTO_SLOTS_POINTERS = 1 << 1, /* ALONG and MOVED */
    RRTO_SLOTS_ALL = RRTO_SLOTS_COUNTERS | RRTO_SLOTS_POINTERS,

    RRTO_SLOTS_MAX = 1023, /* in one op; further words that change are patched each time */
    RRTO_SLOTS_MOVED_ROWS = 1024,
};

/* What is known of one word. Kept with the op in the log. */
struct rrto_slot {
    uint16_t word;   /* its index: offset / 4 */
    uint16_t scores; /* 4 bits for each kind */
    uint32_t stride; /* by how much it changed, modulo 2^32 */
};

struct rrto_slots {
    unsigned kinds; /* enum above; 0: there are no slots */
    struct rrto_slots_moved {
        uint32_t from, to; /* from 0: nothing */
    } moved[RRTO_SLOTS_MOVED_ROWS];
    /* the present op's */
    const uint8_t *source;
    const struct rrto_slot *old;
    unsigned n_old, at;
    uint32_t along;
    uint32_t guess[RRTO_SLOT_KINDS];
    unsigned available; /* bit set of kinds */
    unsigned n_slots;   /* in slots[which] */
    unsigned which;
    struct rrto_slot slots[2][RRTO_SLOTS_MAX];
};

void rrto_slots_init(struct rrto_slots *slots, unsigned kinds);

/* An op begins that is predicted from `source`, which has these slots (in ascending order of their words, each within
 * source). Both are lent until end. */
void rrto_slots_begin(struct rrto_slots *slots, const uint8_t *source, const struct rrto_slot *old, unsigned n_old);
/* The next slot of the op: at which offset it is, and the value it is predicted to have. False: there is none left. */
bool rrto_slots_predict(struct rrto_slots *slots, size_t *ret_offset, uint32_t *ret_value);
/* ... and the value it has. After each predict. */
void rrto_slots_learn(struct rrto_slots *slots, uint32_t value);
/* The op is known (it is not `source`). patched: bytes of it were not as predicted: words that differ from source
 * become slots. What was begun has no effect unless it ends. Returns the op's slots, valid until the next begin. */
const struct rrto_slot *rrto_slots_end(struct rrto_slots *slots, const uint8_t *op, size_t n_bytes, bool patched,
                                       unsigned *ret_n);

#endif
