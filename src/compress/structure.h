/* SPDX-License-Identifier: Apache-2.0 */
/* What a payload's words look like: at which distances they resemble each other. Guesses, to be tried. Pure. */
#ifndef RRTO_COMPRESS_STRUCTURE_H
#define RRTO_COMPRESS_STRUCTURE_H

#include "compress/palette.h"

enum { RRTO_STRUCTURE_ROWS = 2, RRTO_STRUCTURE_SCRATCH_BYTES = 1 << 16 };

struct rrto_structure {
    unsigned channels;                 /* the distance, of the shortest ones, at which words are most alike */
    uint32_t row[RRTO_STRUCTURE_ROWS]; /* of the longer ones, the best first; 0: none */
    uint32_t planes;                   /* into how many equal parts the payload falls; 1: none */
};

/* scratch: RRTO_STRUCTURE_SCRATCH_BYTES. Looks at a fixed number of words, whatever n is. */
void rrto_structure_find(struct rrto_words words, uint8_t *scratch, struct rrto_structure *ret_structure);
/* Into how many equal planes, at least `least` (a multiple of `unit` words each) n words fall so that each plane's
 * channels have few different words, to judge from samples; 0: into none. */
uint32_t rrto_structure_palettes(struct rrto_words words, unsigned channels, uint32_t unit, uint32_t least,
                                 uint8_t *scratch, struct rrto_palette_index *index);

#endif
