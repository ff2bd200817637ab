/* SPDX-License-Identifier: Apache-2.0 */
/* Small results of a session, kept in a file where computing is real, handed out again, in the same order, where it is
 * left out (--compute): a program that asks the device how many boxes there are then takes the way that it really took,
 * at no cost. After the last one comes the first. */
#ifndef RRTO_SERVER_ANSWERS_H
#define RRTO_SERVER_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RRTO_ANSWER_MAX_BYTES = 64 };

/* The file: "RRTOANSW", then for each result one byte, its length and RRTO_ANSWER_NEXT_TO when nothing was computed
 * since the result before it, and its bytes. */
enum { RRTO_ANSWER_NEXT_TO = 0x80 };

struct rrto_answers {
    int fd;                   /* being written; else -1 */
    uint8_t *known;           /* what was read; else NULL */
    size_t n_known, at, last; /* the next one; the last one, if it stands next to another */
    uint64_t n_taken;
    bool next_to; /* whether nothing was computed since the last result */
};

void rrto_answers_init(struct rrto_answers *answers); /* none */
/* Begins a file, or reads one. False: one sentence in why. */
bool rrto_answers_open(struct rrto_answers *answers, const char *path, bool write, char *why, size_t n_why);
void rrto_answers_close(struct rrto_answers *answers);

/* Keeps a result. False: it could not be written (logged once; nothing more is kept). */
bool rrto_answers_keep(struct rrto_answers *answers, const void *result, uint64_t n_bytes);
/* The next result. The client also makes copies that it only guesses the program to want next (docs/replay.md, several
 * outputs); nobody looks at what a wrong one brings. False: this is such a guess, or none is known, or the next one is
 * another, which is logged: this is not the program, or not the way, that was kept. */
bool rrto_answers_take(struct rrto_answers *answers, void *result, uint64_t n_bytes);

#endif
