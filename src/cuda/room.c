/* SPDX-License-Identifier: Apache-2.0 */
#include "cuda/room.h"

#include "replay/issue.h"

#include <pthread.h>
#include <stdlib.h>

/* The server may keep four times as much beyond its limit; copies that nobody counts (each a piece of 32 MiB at most,
 * whose caller waits) have their room there. */
enum { LIMIT = 256 << 20, LEAST = 4 << 10, CLASSES_END = 64 << 20 };

/* The copies of a stream that may not be done. */
struct row {
    struct row *next;
    uint32_t stream;
    unsigned n_coming; /* being issued */
    uint64_t n_bytes;
    uint64_t position; /* of the newest */
    uint64_t round;    /* in which it was asked about last */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct row *rows;
static uint64_t n_all, n_rounds;

/* Its memory is in blocks of powers of two from a page on; larger copies go in pieces. */
uint64_t rrto_room_kept(uint64_t n_bytes)
{
    uint64_t n = LEAST;
    if (n_bytes > CLASSES_END) /* the last piece's block is the only one that is not full */
        return n_bytes > UINT64_MAX - CLASSES_END ? UINT64_MAX : n_bytes + CLASSES_END;
    while (n < n_bytes)
        n *= 2;
    return n;
}

static struct row *find(uint32_t stream)
{
    struct row *row = rows;
    while (row && row->stream != stream)
        row = row->next;
    return row;
}

static bool count(uint32_t stream, uint64_t n_bytes)
{
    pthread_mutex_lock(&lock);
    bool room = n_all <= LIMIT - n_bytes;
    struct row *row = room ? find(stream) : NULL;
    if (room && !row) {
        row = calloc(1, sizeof *row);
        if (row) {
            *row = (struct row){.next = rows, .stream = stream};
            rows = row;
        }
    }
    if (row) {
        row->n_coming++;
        row->n_bytes += n_bytes;
        n_all += n_bytes;
    }
    pthread_mutex_unlock(&lock);
    return row;
}

static void forget(const struct row *row)
{
    struct row **at = &rows;
    while (*at != row)
        at = &(*at)->next;
    *at = row->next;
    n_all -= row->n_bytes;
}

/* Forgets the rows that are done. Asking flushes, and takes the issue lock: not with ours. */
static void forget_done(void)
{
    pthread_mutex_lock(&lock);
    uint64_t round = ++n_rounds;
    for (struct row *row = rows; row;) {
        if (row->n_coming || row->round >= round) {
            row = row->next;
            continue;
        }
        uint32_t stream = row->stream;
        uint64_t position = row->position;
        row->round = round;
        pthread_mutex_unlock(&lock);
        bool done = rrto_issue_poll(position);
        pthread_mutex_lock(&lock);
        row = find(stream);
        if (done && row && !row->n_coming && row->position == position) {
            forget(row);
            free(row);
        }
        row = rows;
    }
    pthread_mutex_unlock(&lock);
}

bool rrto_room_take(uint32_t stream, uint64_t n_kept)
{
    if (n_kept > LIMIT || count(stream, n_kept))
        return n_kept <= LIMIT;
    forget_done();
    return count(stream, n_kept);
}

void rrto_room_taken(uint32_t stream, uint64_t position)
{
    pthread_mutex_lock(&lock);
    struct row *row = find(stream);
    row->n_coming--;
    if (row->position < position)
        row->position = position;
    pthread_mutex_unlock(&lock);
}
