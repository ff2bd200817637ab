/* SPDX-License-Identifier: Apache-2.0 */
/* The application's stack below our callers. Applications pass kernels parameter blocks with uninitialised bytes, which
 * have to arrive as they are (SEMANTICS rule 19). Those bytes are what earlier calls left on the stack; if that is ours
 * (positions, hashes, times), they differ at each inference, and all of them have to be sent. So what is below
 * our callers is overwritten with zeroes, which sees to the application's own remains, too. Not at each call: where the
 * application has come up since its last one, or has issued an op, there are new remains that later parameters may lie
 * on. An op that nobody waits for is mostly followed by a question from the same place, and need not pay for it. */
#ifndef RRTO_REPLAY_SCRUB_H
#define RRTO_REPLAY_SCRUB_H

#include <stddef.h>

enum {
    RRTO_SCRUB_CALL_BYTES = 4 << 10,   /* at the end of a call */
    RRTO_SCRUB_WAITED_BYTES = 8 << 10, /* below the frame that has issued an op and waited: it has been deeper */
};

/* Overwrites n_bytes of the stack below the caller's frame. */
void rrto_scrub_stack(size_t n_bytes);

#endif
