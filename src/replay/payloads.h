/* SPDX-License-Identifier: Apache-2.0 */
/* Payloads that come: as they are, straight into the application's memory, or coded (docs/codec.md). A part of the
 * receiver; all of it the leader's, without the lock. */
#ifndef RRTO_REPLAY_PAYLOADS_H
#define RRTO_REPLAY_PAYLOADS_H

#include "replay/receiver.h"

/* The rest of a DATA or CODED chunk. waited_ns: the reader's, before the chunk's header was read. RRTO_PROTOCOL,
 * RRTO_NO_MEMORY, or a failure of the connection. */
int rrto_payloads_data(struct rrto_receiver *receiver, const struct rrto_chunk *chunk, uint64_t waited_ns);
int rrto_payloads_coded(struct rrto_receiver *receiver, uint64_t waited_ns);
void rrto_payloads_fini(struct rrto_receiver *receiver);

/* receiver.c: where the next n bytes of a payload go, if they are at offset; NULL otherwise. */
uint8_t *rrto_receiver_destination(struct rrto_receiver *receiver, uint64_t position, uint64_t offset, uint64_t n);
/* n bytes of a payload are where they belong. */
void rrto_receiver_delivered(struct rrto_receiver *receiver, uint64_t position, uint64_t n);
/* Counts bytes that came: in all, of payload, and what that took. */
void rrto_receiver_count(struct rrto_receiver *receiver, uint64_t bytes, uint64_t payload, uint64_t sent);

#endif
