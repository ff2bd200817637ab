/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"

#include "base/log.h"
#include "base/status.h"
#include "wire/frame.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { PIECE_BYTES = 16 << 10, CHUNK_BYTES = 1 << 20, MAX_PIECES = 512, FIRST_FD = 16 };

static struct rrto_text *opened; /* for on_abort */

static void write_all(int fd, const void *data, size_t n)
{
    for (const uint8_t *at = data; n > 0;) {
        ssize_t written = write(fd, at, n);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return;
        at += written;
        n -= (size_t)written;
    }
}

/* --- from the descriptors */

static void keep_locked(struct rrto_text *text, unsigned which, const uint8_t *data, size_t n)
{
    struct rrto_buf *kept = &text->kept[which];
    size_t room = RRTO_TEXT_MAX_BYTES - kept->size, fits = n < room ? n : room;
    if (!rrto_buf_reserve(kept, fits)) {
        kept->failed = false; /* there may be memory later */
        fits = 0;
    }
    rrto_buf_put(kept, data, fits);
    text->n_lost[which] += n - fits;
}

/* Empties the pipes. A pipe holds less than MAX_PIECES: what was there when we came is taken, whoever goes on writing.
 */
static void take_locked(struct rrto_text *text)
{
    struct pollfd entries[2] = {{.fd = text->fds[0], .events = POLLIN}, {.fd = text->fds[1], .events = POLLIN}};
    if (poll(entries, 2, 0) <= 0)
        return;
    for (unsigned which = 0; which < 2; which++) {
        for (unsigned i = 0; i < MAX_PIECES && entries[which].revents & POLLIN; i++) {
            uint8_t piece[PIECE_BYTES];
            ssize_t n = read(text->fds[which], piece, sizeof piece);
            if (n < 0 && errno == EINTR)
                continue;
            if (n <= 0)
                break;
            keep_locked(text, which, piece, (size_t)n);
        }
    }
}

/* --- to the client */

static void send_chunk(struct rrto_text *text, unsigned which, const uint8_t *data, size_t n)
{
    uint8_t first[RRTO_CHUNK_HEADER_BYTES + RRTO_TEXT_HEAD_BYTES];
    struct rrto_chunk chunk = {.n_bytes = (uint32_t)(RRTO_TEXT_HEAD_BYTES + n), .type = RRTO_CHUNK_TEXT};
    struct rrto_text_head head = {.fd = (uint8_t)(which + 1), .n_lost = text->n_lost[which]};
    rrto_chunk_encode(first, &chunk);
    rrto_text_head_encode(first + RRTO_CHUNK_HEADER_BYTES, &head);
    struct iovec parts[3] = {{first, sizeof first}, {(void *)(uintptr_t)data, n}, {NULL, 0}};
    rrto_outbox_send(text->outbox, parts, NULL, NULL);
    text->n_lost[which] = 0;
}

static void send_locked(struct rrto_text *text)
{
    for (unsigned which = 0; which < 2 && text->outbox; which++) {
        struct rrto_buf *kept = &text->kept[which];
        if (text->to_log) {
            write_all(text->log_fd, kept->data, kept->size);
            text->n_lost[which] = 0;
        }
        for (size_t at = 0; at < kept->size && !text->to_log;) {
            size_t n = kept->size - at < CHUNK_BYTES ? kept->size - at : CHUNK_BYTES;
            send_chunk(text, which, kept->data + at, n);
            at += n;
        }
        if (kept->capacity > RRTO_TEXT_EAGER_BYTES) {
            rrto_buf_fini(kept);
            rrto_buf_init(kept, RRTO_TEXT_MAX_BYTES);
        }
        rrto_buf_clear(kept);
    }
}

void rrto_text_send(struct rrto_text *text)
{
    if (!text)
        return;
    /* The driver may print through this process's stdio, which does not know that its reader is waiting. Not under the
     * lock: it may wait for the thread that empties the pipe. */
    (void)fflush(stdout);
    pthread_mutex_lock(&text->lock);
    take_locked(text);
    send_locked(text);
    pthread_mutex_unlock(&text->lock);
}

/* A program that prints much and seldom synchronises: as long as the client reads, nothing is lost. */
static void send_early_locked(struct rrto_text *text)
{
    bool much = text->kept[0].size + text->kept[1].size >= RRTO_TEXT_EAGER_BYTES;
    if (text->outbox && (text->to_log || (much && rrto_outbox_has_room(text->outbox))))
        send_locked(text);
}

static void *empty_pipes(void *arg)
{
    struct rrto_text *text = arg;
    for (;;) {
        struct pollfd entries[2] = {{.fd = text->fds[0], .events = POLLIN}, {.fd = text->fds[1], .events = POLLIN}};
        if (poll(entries, 2, -1) < 0)
            continue;
        pthread_mutex_lock(&text->lock);
        take_locked(text);
        send_early_locked(text);
        pthread_mutex_unlock(&text->lock);
    }
    return NULL;
}

/* --- beginning and end */

/* A library that gives up says why, and nobody will ask for it any more: for the log. The lock for a while only:
 * whoever has it may be the one that gives up. */
static void last_words(void)
{
    uint8_t piece[4096];
    ssize_t n;
    for (unsigned i = 0; i < 100 && pthread_mutex_trylock(&opened->lock) != 0; i++)
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    write_all(opened->log_fd, opened->kept[1].data, opened->kept[1].size);
    while ((n = read(opened->fds[1], piece, sizeof piece)) > 0)
        write_all(opened->log_fd, piece, (size_t)n);
}

static void on_abort(int number)
{
    (void)number;
    last_words();
}

/* A sanitizer that has reported and ends the process. */
extern void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static bool take_over(struct rrto_text *text, unsigned which)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    bool ok = fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0 && dup2(ends[1], (int)which + 1) >= 0;
    text->fds[which] = ends[0];
    close(ends[1]);
    return ok;
}

int rrto_text_open(struct rrto_text *text)
{
    *text = (struct rrto_text){.fds = {-1, -1}};
    pthread_mutex_init(&text->lock, NULL);
    text->log_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, FIRST_FD);
    if (text->log_fd < 0)
        return RRTO_IO;
    rrto_log_set_fd(text->log_fd);
    for (unsigned which = 0; which < 2; which++) {
        rrto_buf_init(&text->kept[which], RRTO_TEXT_MAX_BYTES);
        if (!take_over(text, which))
            return RRTO_IO;
    }
    opened = text;
    struct sigaction action = {.sa_handler = on_abort, .sa_flags = (int)SA_RESETHAND};
    (void)sigaction(SIGABRT, &action, NULL);
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(last_words);
    pthread_t thread;
    if (pthread_create(&thread, NULL, empty_pipes, text) != 0)
        return RRTO_NO_MEMORY;
    pthread_detach(thread);
    return RRTO_OK;
}

void rrto_text_attach(struct rrto_text *text, struct rrto_outbox *outbox, bool understood)
{
    pthread_mutex_lock(&text->lock);
    text->outbox = outbox;
    text->to_log = !understood;
    pthread_mutex_unlock(&text->lock);
}

void rrto_text_close(struct rrto_text *text)
{
    (void)fflush(stdout);
    pthread_mutex_lock(&text->lock);
    take_locked(text);
    for (unsigned which = text->to_log ? 0 : 1; which < 2; which++)
        write_all(text->log_fd, text->kept[which].data, text->kept[which].size);
    rrto_buf_clear(&text->kept[0]);
    rrto_buf_clear(&text->kept[1]);
    pthread_mutex_unlock(&text->lock);
}
