/* SPDX-License-Identifier: Apache-2.0 */
/* Reads chunks from a connection through one buffer, so that small chunks cost one system call together; large payloads
 * go straight to where they belong. One thread. */
#ifndef RRTO_WIRE_READER_H
#define RRTO_WIRE_READER_H

#include "wire/conn.h"
#include "wire/frame.h"

enum { RRTO_READER_BYTES = 64 << 10 };

struct rrto_reader {
    struct rrto_conn *conn;
    uint32_t at, end;       /* unread bytes of the buffer */
    uint32_t left;          /* unread payload bytes of the present chunk */
    uint32_t spin_ns;       /* poll without sleeping for so long before blocking; 0: never */
    uint64_t waited_ns;     /* time spent waiting for bytes, altogether */
    uint64_t woke_ns;       /* when the last such wait ended, CLOCK_MONOTONIC: what it waited for arrived then */
    uint64_t woke_first_ns; /* the first one since the owner set it to 0 */
    uint8_t buffer[RRTO_READER_BYTES];
};

void rrto_reader_init(struct rrto_reader *reader, struct rrto_conn *conn);

/* The next chunk's header; the present chunk has to be read to its end. Blocks for at most timeout_ms (< 0: for ever).
 * RRTO_TIMEOUT: nothing was consumed, try again. RRTO_CLOSED: the stream ended between two chunks. */
int rrto_reader_chunk(struct rrto_reader *reader, int timeout_ms, struct rrto_chunk *ret_chunk);
/* Whether a chunk's header can be had without waiting for the network (nothing is read from it). */
bool rrto_reader_has_chunk(const struct rrto_reader *reader);
/* Some bytes of the present chunk's payload, in place, valid until the next call; at least one if any is left. Blocks.
 */
int rrto_reader_some(struct rrto_reader *reader, const uint8_t **ret_data, size_t *ret_n);
/* Exactly n bytes of the present chunk's payload into data: buffered bytes are copied, the rest is received in place.
 * RRTO_PROTOCOL when the chunk has fewer. Blocks. */
int rrto_reader_read(struct rrto_reader *reader, void *data, size_t n);
/* Discards what is left of the present chunk. */
int rrto_reader_skip(struct rrto_reader *reader);

#endif
