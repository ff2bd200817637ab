/* SPDX-License-Identifier: Apache-2.0 */
#include "answers.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[8] = {'R', 'R', 'T', 'O', 'A', 'N', 'S', 'W'};
enum { MOST_BYTES = 64 << 20 }; /* of a file */

void rrto_answers_init(struct rrto_answers *answers)
{
    *answers = (struct rrto_answers){.fd = -1};
}

void rrto_answers_close(struct rrto_answers *answers)
{
    if (answers->fd >= 0)
        close(answers->fd);
    free(answers->known);
    rrto_answers_init(answers);
}

static size_t length_of(uint8_t head)
{
    return head & (RRTO_ANSWER_NEXT_TO - 1);
}

/* Whether the results follow each other to the end of the file, at least one of them. */
static bool are_whole(const uint8_t *bytes, size_t n)
{
    size_t at = sizeof magic;
    if (n <= at || memcmp(bytes, magic, sizeof magic) != 0)
        return false;
    while (at < n && length_of(bytes[at]) > 0 && length_of(bytes[at]) <= RRTO_ANSWER_MAX_BYTES)
        at += 1 + length_of(bytes[at]);
    return at == n;
}

static bool read_all(int fd, uint8_t *to, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t more = read(fd, to + done, n - done);
        if (more == 0 || (more < 0 && errno != EINTR))
            return false;
        done += more > 0 ? (size_t)more : 0;
    }
    return true;
}

bool rrto_answers_open(struct rrto_answers *answers, const char *path, bool write, char *why, size_t n_why)
{
    rrto_answers_init(answers);
    int fd = open(path, write ? O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC : O_RDONLY | O_CLOEXEC, 0600);
    struct stat about;
    if (fd < 0 || fstat(fd, &about) != 0) {
        snprintf(why, n_why, "answers: %.200s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return false;
    }
    if (write) {
        answers->fd = fd;
        if (pwrite(fd, magic, sizeof magic, 0) == sizeof magic && lseek(fd, sizeof magic, SEEK_SET) >= 0)
            return true;
        snprintf(why, n_why, "answers: %.200s: %s", path, strerror(errno));
        rrto_answers_close(answers);
        return false;
    }
    size_t n = about.st_size > 0 && about.st_size <= MOST_BYTES ? (size_t)about.st_size : 0;
    uint8_t *known = malloc(n + 1);
    bool good = known && read_all(fd, known, n) && are_whole(known, n);
    close(fd);
    if (!good) {
        snprintf(why, n_why, "answers: %.200s holds no answers of a run that computed", path);
        free(known);
        return false;
    }
    answers->known = known;
    answers->n_known = n;
    answers->at = sizeof magic;
    return true;
}

bool rrto_answers_keep(struct rrto_answers *answers, const void *result, uint64_t n_bytes)
{
    uint8_t record[1 + RRTO_ANSWER_MAX_BYTES];
    if (answers->fd < 0 || n_bytes == 0 || n_bytes > RRTO_ANSWER_MAX_BYTES)
        return false;
    record[0] = (uint8_t)(n_bytes | (answers->next_to ? RRTO_ANSWER_NEXT_TO : 0));
    memcpy(record + 1, result, n_bytes);
    ssize_t written;
    do
        written = write(answers->fd, record, 1 + n_bytes);
    while (written < 0 && errno == EINTR);
    if (written == (ssize_t)(1 + n_bytes))
        return true;
    rrto_error("answers: %s; no more are kept", written < 0 ? strerror(errno) : "the file is full");
    rrto_answers_close(answers);
    return false;
}

static size_t after(const struct rrto_answers *answers, size_t at)
{
    at += 1 + length_of(answers->known[at]);
    return at < answers->n_known ? at : sizeof magic;
}

/* Where the result stands that this copy is to get; 0: it is a guess that the program does not take up. A copy next to
 * the last one is what was kept next to it; where that is all, the last one was a guess, and this is what it should
 * have been. Any other copy is one that was not next to another. */
static size_t find(struct rrto_answers *answers)
{
    size_t at = answers->at;
    bool next_to = answers->known[at] & RRTO_ANSWER_NEXT_TO;
    if (answers->next_to)
        return next_to ? at : answers->last;
    for (size_t start = at; next_to; next_to = answers->known[at] & RRTO_ANSWER_NEXT_TO) {
        at = after(answers, at);
        if (at == start)
            return 0;
    }
    return at;
}

bool rrto_answers_take(struct rrto_answers *answers, void *result, uint64_t n_bytes)
{
    size_t at = answers->known ? find(answers) : 0;
    if (at == 0)
        return false;
    size_t n = length_of(answers->known[at]);
    if (n != n_bytes) {
        rrto_error("answers: result %llu has %zu bytes, %llu are asked for: another program, or another way through "
                   "it, was kept; no more are handed out",
                   (unsigned long long)answers->n_taken, n, (unsigned long long)n_bytes);
        rrto_answers_close(answers);
        return false;
    }
    memcpy(result, answers->known + at + 1, n);
    answers->n_taken++;
    answers->last = answers->known[at] & RRTO_ANSWER_NEXT_TO ? at : 0;
    answers->at = after(answers, at);
    return true;
}
