/* SPDX-License-Identifier: Apache-2.0 */
/* Distances are compared on ranks, a byte for each word: where among 256 quantiles of a sample its key lies. That is
 * independent of how values are spread, and sums of absolute differences of bytes are what processors do fastest. */
#include "compress/structure.h"

#include "compress/simd.h"

#include <stdlib.h>

enum {
    WINDOWS = 4,
    COMPARED = 512,    /* words at the end of each window */
    FARTHEST = 8192,   /* distance in words */
    SHORTEST_ROW = 16, /* words */
    CHANNELS = 16,
    SAMPLE = 1024,
    PLANE_SAMPLE = 1 << 15,
    SMALLEST_PLANE = 4096, /* words: each has palettes and chunks of its own */
    MOST_PLANES = 96
};

struct ranks {
    uint32_t quantiles[256];
    uint8_t *windows; /* WINDOWS of them, `window` each */
    size_t window, farthest, n_windows;
};

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static uint32_t key_at(const struct rrto_words *words, size_t i)
{
    return rrto_word_key(rrto_word_load(words->at + i * words->step, words->width), words->width, words->order);
}

static uint8_t rank(const struct ranks *ranks, uint32_t key)
{
    unsigned low = 0;
    for (unsigned step = 128; step; step /= 2)
        low += ranks->quantiles[low + step - 1] < key ? step : 0;
    return (uint8_t)low;
}

static void take_quantiles(struct ranks *ranks, const struct rrto_words *words, uint32_t *sample)
{
    size_t n = words->n < SAMPLE ? words->n : SAMPLE;
    for (size_t i = 0; i < n; i++)
        sample[i] = key_at(words, i * words->n / n);
    qsort(sample, n, sizeof *sample, by_value);
    for (size_t i = 0; i < 256; i++)
        ranks->quantiles[i] = sample[i * n / 256];
}

static void take_windows(struct ranks *ranks, const struct rrto_words *words)
{
    for (size_t w = 0; w < ranks->n_windows; w++) {
        size_t start = (words->n - ranks->window) * (2 * w + 1) / (2 * ranks->n_windows);
        for (size_t i = 0; i < ranks->window; i++)
            ranks->windows[w * ranks->window + i] = rank(ranks, key_at(words, start + i));
    }
}

RRTO_SIMD static uint32_t difference(const uint8_t *a, const uint8_t *b)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < COMPARED; i++)
        sum += (uint32_t)abs(a[i] - b[i]);
    return sum;
}

static uint32_t at_distance(const struct ranks *ranks, size_t distance)
{
    uint32_t sum = 0;
    for (size_t w = 0; w < ranks->n_windows; w++) {
        const uint8_t *end = ranks->windows + (w + 1) * ranks->window - COMPARED;
        sum += difference(end, end - distance);
    }
    return sum;
}

/* The two distances beyond the shortest ones at which words are most alike, each better than its neighbours. */
static void find_rows(const struct ranks *ranks, unsigned channels, struct rrto_structure *structure)
{
    uint32_t best[RRTO_STRUCTURE_ROWS] = {UINT32_MAX, UINT32_MAX}, before[2 * CHANNELS];
    size_t first = SHORTEST_ROW > 2 * channels ? SHORTEST_ROW : 2 * channels;
    if (first + channels > ranks->farthest)
        return;
    /* A ring of the last sums: the middle of three that are `channels` apart is judged. */
    for (size_t at = first - channels; at <= ranks->farthest; at++) {
        uint32_t sum = at_distance(ranks, at);
        size_t ring = 2 * channels;
        if (at >= first + channels) {
            uint32_t middle = before[(at - channels) % ring], left = before[at % ring];
            if (middle < left && middle < sum) {
                uint32_t row = (uint32_t)(at - channels);
                if (middle < best[0]) {
                    best[1] = best[0];
                    structure->row[1] = structure->row[0];
                    best[0] = middle;
                    structure->row[0] = row;
                } else if (middle < best[1]) {
                    best[1] = middle;
                    structure->row[1] = row;
                }
            }
        }
        before[at % ring] = sum;
    }
}

/* The number of planes at whose distance words are most alike, if they are more alike than words that have nothing to
 * do with each other; colour planes of an image are. */
static uint32_t find_planes(const struct ranks *ranks, const struct rrto_words *words, uint32_t unit)
{
    uint32_t best_planes = 1;
    uint64_t best = UINT64_MAX;
    for (uint32_t planes = 1; planes <= MOST_PLANES; planes++) {
        if (words->n % ((size_t)planes * unit) || words->n / planes < SMALLEST_PLANE)
            continue;
        size_t distance = planes > 1 ? words->n / planes : words->n / 2 + words->n / 7;
        uint64_t sum = 0;
        for (size_t i = 0; i < COMPARED; i++) {
            size_t at = i * (words->n - distance) / COMPARED;
            sum += (uint64_t)abs(rank(ranks, key_at(words, at)) - rank(ranks, key_at(words, at + distance)));
        }
        if (planes == 1)
            best = sum / 2; /* words far apart: what there is without planes */
        else if (sum < best) {
            best = sum;
            best_planes = planes;
        }
    }
    return best_planes;
}

void rrto_structure_find(struct rrto_words words, uint8_t *scratch, struct rrto_structure *ret_structure)
{
    *ret_structure = (struct rrto_structure){.channels = 1, .planes = 1};
    if (words.n < 2 * COMPARED)
        return;
    struct ranks ranks = {.windows = scratch, .n_windows = WINDOWS};
    take_quantiles(&ranks, &words, (uint32_t *)(void *)scratch);
    ranks.farthest = words.n - COMPARED < FARTHEST ? words.n - COMPARED : FARTHEST;
    ranks.window = COMPARED + ranks.farthest;
    take_windows(&ranks, &words);
    uint32_t nearest = UINT32_MAX;
    for (unsigned distance = 1; distance <= CHANNELS; distance++) {
        uint32_t sum = at_distance(&ranks, distance);
        if (nearest == UINT32_MAX || sum < nearest - nearest / 16) {
            nearest = sum;
            ret_structure->channels = distance;
        }
    }
    find_rows(&ranks, ret_structure->channels, ret_structure);
    uint32_t row = ret_structure->row[0];
    ret_structure->planes = find_planes(&ranks, &words, row && words.n % row == 0 ? row : ret_structure->channels);
}

uint32_t rrto_structure_palettes(struct rrto_words words, unsigned channels, uint32_t unit, uint32_t least,
                                 uint8_t *scratch, struct rrto_palette_index *index)
{
    for (uint32_t planes = least; planes <= MOST_PLANES; planes++) {
        if (words.n / planes < SMALLEST_PLANE && planes > 1)
            break;
        if (words.n % ((size_t)planes * unit) || words.n < (size_t)planes * channels)
            continue;
        size_t plane = words.n / planes;
        bool fits = true;
        for (uint32_t i = 0; i < 4 * channels && fits; i++) { /* four planes, from the first to the last */
            size_t first = (i / channels) * (planes - 1) / 3 * plane + i % channels;
            size_t n = plane / channels, every = n / PLANE_SAMPLE + 1;
            struct rrto_palette palette = {0}, added;
            struct rrto_words sample = {words.at + first * words.step, words.step * channels * every, n / every,
                                        words.width, words.order};
            fits = rrto_palette_map(&palette, index, sample, scratch, &added);
        }
        if (fits)
            return planes;
    }
    return 0;
}
