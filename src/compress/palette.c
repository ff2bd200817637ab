/* SPDX-License-Identifier: Apache-2.0 */
#include "compress/palette.h"

#include "base/status.h"

enum { SLOTS = 1 << RRTO_PALETTE_HASH_BITS, NO_ROOM = -1, SLOW_LOOKS = 1024 };

static inline uint32_t hash(const struct rrto_palette_index *index, uint32_t word)
{
    return (word * index->multiplier) >> (32 - RRTO_PALETTE_HASH_BITS);
}

/* An empty slot holds a word that belongs elsewhere: a look-up need not ask whether a slot is used. */
static void clear(struct rrto_palette_index *index)
{
    memset(index->words, 0, sizeof index->words);
    memset(index->used, 0, sizeof index->used);
    index->words[hash(index, 0)] = 1;
}

static uint32_t place(struct rrto_palette_index *index, uint32_t word)
{
    uint32_t at = hash(index, word);
    while (index->used[at] && index->words[at] != word)
        at = (at + 1) % SLOTS;
    return at;
}

static void insert(struct rrto_palette_index *index, uint32_t at, uint32_t word, uint32_t number)
{
    index->used[at] = true;
    index->words[at] = word;
    index->numbers[at] = (uint8_t)number;
}

/* Words of a palette are evenly spaced, which a multiplication may map to few places: of some multipliers the one that
 * gives most words a place of their own. */
static void rehash(struct rrto_palette_index *index)
{
    static const uint32_t MULTIPLIERS[] = {0x9e3779b1, 0x85ebca6b, 0xc2b2ae35, 0x27d4eb2f, 0x165667b1, 0xcc9e2d51};
    uint32_t best = UINT32_MAX, choice = MULTIPLIERS[0];
    for (size_t i = 0; i < sizeof MULTIPLIERS / sizeof MULTIPLIERS[0] && best > 0; i++) {
        uint32_t n_shared = 0;
        index->multiplier = MULTIPLIERS[i];
        memset(index->used, 0, sizeof index->used);
        for (uint32_t k = 0; k < index->n; k++) {
            bool *used = &index->used[hash(index, index->by_number[k])];
            n_shared += *used;
            *used = true;
        }
        if (n_shared < best) {
            best = n_shared;
            choice = MULTIPLIERS[i];
        }
    }
    index->multiplier = choice;
    clear(index);
    for (uint32_t k = 0; k < index->n; k++)
        insert(index, place(index, index->by_number[k]), index->by_number[k], k);
}

static void fill(struct rrto_palette_index *index, const struct rrto_palette *palette, struct rrto_words words)
{
    index->n = palette->n;
    index->n_slow = 0;
    for (uint32_t i = 0; i < palette->n; i++)
        index->by_number[i] = rrto_key_word(palette->keys[i], words.width, words.order);
    rehash(index);
}

/* What of a look-up is rare: the word's slot is another one's, or the word is new. Its number, or NO_ROOM. */
static int find_or_add(struct rrto_palette_index *index, uint32_t word, bool add)
{
    if (++index->n_slow % SLOW_LOOKS == 0)
        rehash(index);
    uint32_t at = place(index, word);
    if (index->used[at])
        return index->numbers[at];
    if (!add || index->n == RRTO_PALETTE_WORDS)
        return NO_ROOM;
    index->by_number[index->n] = word;
    insert(index, at, word, index->n);
    return (int)index->n++;
}

/* The first look of each word; constant width and step make a tight loop of it. */
static inline __attribute__((always_inline)) bool number_words(struct rrto_palette_index *index, const uint8_t *at,
                                                               size_t step, size_t n, unsigned width, uint8_t *numbers)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t word = rrto_word_load(at + i * step, width), slot = hash(index, word);
        if (__builtin_expect(index->words[slot] == word, 1)) {
            numbers[i] = index->numbers[slot];
            continue;
        }
        int number = find_or_add(index, word, true);
        if (number == NO_ROOM)
            return false;
        numbers[i] = (uint8_t)number;
    }
    return true;
}

static bool number_all(struct rrto_palette_index *index, struct rrto_words words, uint8_t *numbers)
{
    if (words.width == 4 && words.step == 4)
        return number_words(index, words.at, 4, words.n, 4, numbers);
    if (words.width == 4)
        return number_words(index, words.at, words.step, words.n, 4, numbers);
    if (words.width == 2)
        return number_words(index, words.at, words.step, words.n, 2, numbers);
    return number_words(index, words.at, words.step, words.n, 1, numbers);
}

static void sort(uint32_t *keys, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++) {
        uint32_t key = keys[i], at = i;
        for (; at > 0 && keys[at - 1] > key; at--)
            keys[at] = keys[at - 1];
        keys[at] = key;
    }
}

/* The first place whose key is not smaller. */
static uint32_t lower_bound(const struct rrto_palette *palette, uint32_t key)
{
    uint32_t low = 0, high = palette->n;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (palette->keys[middle] < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool rrto_palette_merge(struct rrto_palette *palette, const struct rrto_palette *added)
{
    if (palette->n + added->n > RRTO_PALETTE_WORDS)
        return false;
    struct rrto_palette merged = {.n = palette->n + added->n};
    for (uint32_t i = 0, a = 0, b = 0; i < merged.n; i++) {
        if (a < palette->n && b < added->n && palette->keys[a] == added->keys[b])
            return false;
        if (b == added->n || (a < palette->n && palette->keys[a] < added->keys[b]))
            merged.keys[i] = palette->keys[a++];
        else
            merged.keys[i] = added->keys[b++];
    }
    *palette = merged;
    return true;
}

bool rrto_palette_map(struct rrto_palette *palette, struct rrto_palette_index *scratch, struct rrto_words words,
                      uint8_t *indices, struct rrto_palette *ret_added)
{
    fill(scratch, palette, words);
    if (!number_all(scratch, words, indices))
        return false;
    *ret_added = (struct rrto_palette){.n = scratch->n - palette->n};
    if (ret_added->n == 0)
        return true;
    for (uint32_t i = 0; i < ret_added->n; i++)
        ret_added->keys[i] = rrto_word_key(scratch->by_number[palette->n + i], words.width, words.order);
    sort(ret_added->keys, ret_added->n);
    if (!rrto_palette_merge(palette, ret_added))
        return false;
    uint8_t rank[RRTO_PALETTE_WORDS] = {0};
    for (uint32_t i = 0; i < scratch->n; i++)
        rank[i] = (uint8_t)lower_bound(palette, rrto_word_key(scratch->by_number[i], words.width, words.order));
    for (size_t i = 0; i < words.n; i++)
        indices[i] = rank[indices[i]];
    return true;
}

void rrto_palette_map_near(const struct rrto_palette *palette, struct rrto_palette_index *scratch,
                           struct rrto_words words, uint8_t *indices)
{
    fill(scratch, palette, words);
    for (size_t i = 0; i < words.n; i++) {
        uint32_t word = rrto_word_load(words.at + i * words.step, words.width), slot = hash(scratch, word);
        if (__builtin_expect(scratch->words[slot] == word, 1)) {
            indices[i] = scratch->numbers[slot];
            continue;
        }
        int number = find_or_add(scratch, word, false);
        uint32_t near =
            number == NO_ROOM ? lower_bound(palette, rrto_word_key(word, words.width, words.order)) : (uint32_t)number;
        indices[i] = (uint8_t)(near < palette->n || near == 0 ? near : palette->n - 1);
    }
}

/* Number of words less one, the first key, then the distances to the next less one. */
void rrto_palette_pack(struct rrto_buf *buf, const struct rrto_palette *palette, unsigned width)
{
    rrto_put_u8(buf, (uint8_t)(palette->n - 1));
    rrto_buf_put(buf, &palette->keys[0], width);
    for (uint32_t i = 1; i < palette->n; i++)
        rrto_put_varint(buf, palette->keys[i] - palette->keys[i - 1] - 1);
}

int rrto_palette_unpack(struct rrto_dec *dec, struct rrto_palette *ret_palette, unsigned width)
{
    struct rrto_palette palette = {.n = rrto_get_u8(dec) + 1u};
    const uint8_t *first = rrto_get_bytes(dec, width);
    if (!first)
        return RRTO_TRUNCATED;
    palette.keys[0] = rrto_word_load(first, width);
    for (uint32_t i = 1; i < palette.n; i++) {
        uint64_t distance = rrto_get_varint(dec);
        if (dec->failed)
            return RRTO_TRUNCATED;
        if (distance >= rrto_word_mask(width) - palette.keys[i - 1])
            return RRTO_PROTOCOL;
        palette.keys[i] = palette.keys[i - 1] + 1 + (uint32_t)distance;
    }
    *ret_palette = palette;
    return RRTO_OK;
}
