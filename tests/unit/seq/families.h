/* SPDX-License-Identifier: Apache-2.0 */
/* Token streams that are hard on a search for what repeats, each for its own reason, and what else it is told of their
 * ops; for the tests of src/seq and for bench/seq. Endless, seeded, the same everywhere. */
#ifndef TESTS_SEQ_FAMILIES_H
#define TESTS_SEQ_FAMILIES_H

#include <stdbool.h>
#include <stdint.h>

enum family_kind {
    FAMILY_STEADY,       /* not hard: a period of some 70 ops with kernels in common, as an image classifier's */
    FAMILY_DE_BRUIJN_2,  /* two tokens; every word of 25 once: the longest context is known and says nothing */
    FAMILY_DE_BRUIJN_64, /* 64 tokens; every word of 4 once: no context of 4 comes back */
    FAMILY_NEAR_PERIOD,  /* a period of 500, in each a random op replaced by another one of the period */
    FAMILY_MOVING,       /* the same, replaced at a place that moves on by one from period to period, by a new op */
    FAMILY_RANDOM,       /* 1,000 tokens, uniform */
    FAMILY_DISTINCT,     /* no token ever comes back */
    FAMILY_EQUAL,        /* one token */
    FAMILY_DOUBLING,     /* the period-doubling word: nearly periodic at each power of two */
    FAMILY_FIBONACCI,    /* the Fibonacci word: as many repetitions as an aperiodic word can have */
    FAMILY_KINDS
};
extern const char *const family_names[FAMILY_KINDS];

/* What the search is told beside tokens. The tokens are the same, whatever it is. */
enum {
    FAMILY_MAKES = 1, /* of 200 ops, 190 make an object that lasts, as many objects as tokens; 10 end their token's */
    FAMILY_READS = 2, /* before every second op, on average, one of three values is read */
};

struct family_op {
    uint64_t token;  /* never 0 */
    uint64_t object; /* that it makes or ends */
    uint32_t value;  /* that was read before it, 0: none */
    bool makes, ends;
};

struct family {
    enum family_kind kind;
    unsigned told; /* flags */
    uint64_t at, seed, state;
    uint64_t read_seed;
    unsigned word[4], length, place; /* de Bruijn: the present Lyndon word; near period: what is replaced */
};

void family_open(struct family *family, enum family_kind kind, unsigned told);
struct family_op family_next(struct family *family);

/* The next of a series of numbers below n that look random; the seed may be anything. */
unsigned family_below(uint64_t *seed, unsigned n);

#endif
