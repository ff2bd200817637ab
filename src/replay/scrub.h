/* SPDX-License-Identifier: Apache-2.0 */
/* The application's stack below our callers. Applications pass kernels parameter blocks with uninitialised bytes, which
 * have to arrive as they are (SEMANTICS rule 19). Those bytes are what earlier calls left on the stack; if that is ours
 * (positions, hashes, times), they differ at each inference, and all of them have to be sent. So what our frames used
 * is overwritten with zeroes, and as a call mostly follows others of the application's, its own remains become zeroes,
 * too. */
#ifndef RRTO_REPLAY_SCRUB_H
#define RRTO_REPLAY_SCRUB_H

#include <stddef.h>

enum {
    RRTO_SCRUB_CALL_BYTES = 1280, /* at the end of each call: a launch, down to the log */
    RRTO_SCRUB_ISSUE_BYTES = 768, /* what the search, the record and the log take below the frame that issues an op */
    RRTO_SCRUB_WAITED_BYTES = 8 << 10, /* who has waited has been deeper, and has the time */
};

/* Overwrites n_bytes of the stack, `skipped` bytes below the caller's frame. */
void rrto_scrub_stack(size_t skipped, size_t n_bytes);

#endif
