/* SPDX-License-Identifier: Apache-2.0 */
/* The one file of the preload room that uses stdio, as CUDA's driver does for the same text: only so does it come
 * between what the program printed before and after, whatever the program's standard output is. What keeps that
 * harmless: it is a thread of the application that writes, at the end of its own call and only when there is text; it
 * holds no lock of ours; the file's own lock, which the same thread may take twice, is what two writers meet at, so
 * that a thread which has locked standard output itself waits for nobody; a signal handler that comes in between
 * makes no outermost call; a forked child has no session and never gets here, and the C library gives it fresh locks.
 * A reader that is gone (SIGPIPE) or does not read (blocking) is to the program what it is to its own printf. */
#include "replay/text.h"

#include "base/log.h"
#include "base/status.h"

#include <stdio.h>

void rrto_text_init(struct rrto_text_queue *queue)
{
    memset(queue, 0, sizeof *queue);
    pthread_mutex_init(&queue->lock, NULL);
    for (unsigned i = 0; i < 2; i++)
        rrto_buf_init(&queue->streams[i].bytes, RRTO_TEXT_QUEUE_MAX_BYTES);
}

void rrto_text_fini(struct rrto_text_queue *queue)
{
    for (unsigned i = 0; i < 2; i++)
        rrto_buf_fini(&queue->streams[i].bytes);
    pthread_mutex_destroy(&queue->lock);
}

static void append_locked(struct rrto_text_stream *stream, const uint8_t *data, size_t n)
{
    size_t room = RRTO_TEXT_QUEUE_MAX_BYTES - stream->bytes.size, fits = n < room ? n : room;
    if (fits && !rrto_buf_reserve(&stream->bytes, fits)) {
        stream->bytes.failed = false; /* there may be memory later */
        fits = 0;
    }
    rrto_buf_put(&stream->bytes, data, fits);
    stream->n_lost += n - fits;
}

int rrto_text_receive(struct rrto_text_queue *queue, struct rrto_reader *reader, const struct rrto_chunk *chunk)
{
    uint8_t bytes[4096];
    struct rrto_text_head head;
    int status = rrto_reader_read(reader, bytes, RRTO_TEXT_HEAD_BYTES);
    if (status == RRTO_OK)
        status = rrto_text_head_decode(bytes, &head);
    if (status != RRTO_OK)
        return status;
    struct rrto_text_stream *stream = &queue->streams[head.fd - 1];
    for (size_t left = chunk->n_bytes - RRTO_TEXT_HEAD_BYTES; left > 0 && status == RRTO_OK;) {
        size_t n = left < sizeof bytes ? left : sizeof bytes;
        status = rrto_reader_read(reader, bytes, n);
        if (status != RRTO_OK)
            break;
        pthread_mutex_lock(&queue->lock);
        append_locked(stream, bytes, n);
        pthread_mutex_unlock(&queue->lock);
        left -= n;
    }
    pthread_mutex_lock(&queue->lock);
    stream->n_lost += head.n_lost;
    stream->n_arrived++;
    __atomic_fetch_add(&queue->n_pending[head.fd - 1], 1, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&queue->lock);
    return status;
}

bool rrto_text_is_much(struct rrto_text_queue *queue)
{
    if (!rrto_text_waits(queue))
        return false;
    pthread_mutex_lock(&queue->lock);
    bool much =
        queue->streams[0].bytes.size >= RRTO_TEXT_MUCH_BYTES || queue->streams[1].bytes.size >= RRTO_TEXT_MUCH_BYTES;
    pthread_mutex_unlock(&queue->lock);
    return much;
}

/* Takes what has arrived and writes it; both under the file's lock, so that nobody who gets it afterwards is too early.
 */
static void deliver(struct rrto_text_queue *queue, unsigned which, FILE *file)
{
    struct rrto_text_stream *stream = &queue->streams[which];
    flockfile(file);
    pthread_mutex_lock(&queue->lock);
    struct rrto_text_stream taken = *stream;
    rrto_buf_init(&stream->bytes, RRTO_TEXT_QUEUE_MAX_BYTES);
    stream->n_arrived = 0;
    stream->n_lost = 0;
    pthread_mutex_unlock(&queue->lock);
    if (taken.bytes.size)
        (void)fwrite(taken.bytes.data, 1, taken.bytes.size, file);
    if (taken.bytes.size)
        (void)fflush(file);
    __atomic_fetch_sub(&queue->n_pending[which], taken.n_arrived, __ATOMIC_RELEASE);
    funlockfile(file);
    rrto_buf_fini(&taken.bytes);
    if (taken.n_lost)
        rrto_warn(
            "%lu bytes that kernels printed, or libraries on the server said, are lost: there was more than could "
            "be kept until somebody waited for the device",
            (unsigned long)taken.n_lost);
}

void rrto_text_deliver(struct rrto_text_queue *queue)
{
    FILE *const files[2] = {stdout, stderr};
    int cancelling;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelling); /* not with the file's lock */
    for (unsigned i = 0; i < 2; i++)
        if (__atomic_load_n(&queue->n_pending[i], __ATOMIC_ACQUIRE))
            deliver(queue, i, files[i]);
    pthread_setcancelstate(cancelling, NULL);
}
