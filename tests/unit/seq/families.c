/* SPDX-License-Identifier: Apache-2.0 */
/* Hard token streams. */
#include "families.h"

enum { PERIOD = 500, STEADY = 72, SYMBOLS = 64, ORDER = 4, RANDOM = 1000 };
enum { ENDS_EVERY = 200, ENDS = 10, READ_EVERY = 2, VALUES = 3 };
#define GOLDEN UINT64_C(0x9e3779b97f4a7c15) /* 2**64 over the golden ratio */

const char *const family_names[FAMILY_KINDS] = {
    [FAMILY_STEADY] = "steady",           [FAMILY_DE_BRUIJN_2] = "de-bruijn-2", [FAMILY_DE_BRUIJN_64] = "de-bruijn-64",
    [FAMILY_NEAR_PERIOD] = "near-period", [FAMILY_MOVING] = "moving-change",    [FAMILY_RANDOM] = "random",
    [FAMILY_DISTINCT] = "distinct",       [FAMILY_EQUAL] = "all-equal",         [FAMILY_DOUBLING] = "period-doubling",
    [FAMILY_FIBONACCI] = "fibonacci",
};

/* Tokens are fingerprints: spread over 64 bits. */
static uint64_t spread(uint64_t x)
{
    x += GOLDEN;
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (x ^ (x >> 31)) | 1;
}

unsigned family_below(uint64_t *seed, unsigned n)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((*seed >> 33) % n);
}

static unsigned below(struct family *family, unsigned n)
{
    return family_below(&family->seed, n);
}

void family_open(struct family *family, enum family_kind kind, unsigned told)
{
    *family = (struct family){.kind = kind, .told = told, .seed = (uint64_t)kind + 1, .state = 1, .length = 1};
}

/* One after another, the Lyndon words whose length divides ORDER, in lexicographic order, are a de Bruijn sequence
 * (Fredricksen and Maiorana 1978); the next word as by Duval (1988). */
static unsigned de_bruijn(struct family *family)
{
    unsigned *word = family->word;
    while (family->place == family->length || ORDER % family->length != 0) {
        for (unsigned i = family->length; i < ORDER; i++)
            word[i] = word[i - family->length];
        family->length = ORDER;
        while (family->length > 0 && word[family->length - 1] == SYMBOLS - 1)
            family->length--;
        if (family->length == 0) /* the last one: from the beginning */
            word[family->length++] = 0;
        else
            word[family->length - 1]++;
        family->place = 0;
    }
    return word[family->place++];
}

/* x**25 + x**3 + 1 is primitive: the register runs through every word of 25 bits but zero. */
static unsigned shift_register(struct family *family)
{
    uint64_t bit = (family->state ^ (family->state >> 3)) & 1;
    family->state = family->state >> 1 | bit << 24;
    return (unsigned)bit;
}

static uint64_t next_token(struct family *family)
{
    uint64_t at = family->at++, in = at % PERIOD;
    switch (family->kind) {
    case FAMILY_DE_BRUIJN_2:
        return spread(shift_register(family));
    case FAMILY_DE_BRUIJN_64:
        return spread(de_bruijn(family));
    case FAMILY_NEAR_PERIOD:
        if (in == 0)
            family->place = below(family, PERIOD);
        return spread(in == family->place ? below(family, PERIOD) : in);
    case FAMILY_MOVING:
        return spread(in == at / PERIOD % PERIOD ? PERIOD + at : in);
    case FAMILY_RANDOM:
        return spread(below(family, RANDOM));
    case FAMILY_DISTINCT:
        return spread(at);
    case FAMILY_EQUAL:
        return spread(0);
    case FAMILY_DOUBLING:
        return spread((unsigned)__builtin_ctzll(at + 1) & 1);
    case FAMILY_FIBONACCI:
        return spread((at + 1) * GOLDEN < GOLDEN);
    case FAMILY_STEADY:
    case FAMILY_KINDS:
        break;
    }
    in = at % STEADY;
    return spread(in % 3 || in == 0 ? in % 7 : 100 + in);
}

struct family_op family_next(struct family *family)
{
    bool ends = family->at % ENDS_EVERY >= ENDS_EVERY - ENDS, makes = family->told & FAMILY_MAKES;
    struct family_op op = {.token = next_token(family), .makes = makes && !ends, .ends = makes && ends};
    op.object = makes ? op.token : 0;
    if (family->told & FAMILY_READS && family_below(&family->read_seed, READ_EVERY) == 0)
        op.value = 1 + family_below(&family->read_seed, VALUES);
    return op;
}
