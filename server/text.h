/* SPDX-License-Identifier: Apache-2.0 */
/* What the vendor's libraries write to standard output and standard error, on its way to the client: what kernels
 * print, what failed assertions say, warnings. Both descriptors become pipes that a thread empties, so that nobody who
 * writes to them ever waits for long; the worker's own log goes on to what standard error was before. Any thread. */
#ifndef RRTO_SERVER_TEXT_H
#define RRTO_SERVER_TEXT_H

#include "base/buf.h"
#include "outbox.h"

enum {
    RRTO_TEXT_MAX_BYTES = 8 << 20,     /* of each stream that nobody has asked for: what is more is lost, and counted */
    RRTO_TEXT_EAGER_BYTES = 256 << 10, /* leaves without being asked for */
};

struct rrto_text {
    pthread_mutex_t lock;
    int fds[2]; /* the ends that are read; [0]: of standard output */
    int log_fd; /* what standard error was */
    struct rrto_buf kept[2];
    uint64_t n_lost[2];
    struct rrto_outbox *outbox; /* NULL: there is no session yet */
    bool to_log;                /* the client is older than TEXT: its text ends in the log */
};

/* Before any of the vendor's code runs: it may keep the descriptors. RRTO_IO, RRTO_NO_MEMORY. One a process. */
int rrto_text_open(struct rrto_text *text);
/* The session has begun. Texts that are there go to its client, or, understood = false, to the log. */
void rrto_text_attach(struct rrto_text *text, struct rrto_outbox *outbox, bool understood);
/* Everything that was written to the descriptors, or to stdio, before the call is on its way to the client after it.
 * Never blocks on the client. text may be NULL. */
void rrto_text_send(struct rrto_text *text);
/* The end: what was said on standard error and has not left is for the log. */
void rrto_text_close(struct rrto_text *text);

#endif
