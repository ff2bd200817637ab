/* SPDX-License-Identifier: Apache-2.0 */
/* What comes behind which host functions, as CUDA orders streams: by the stream itself, by the legacy stream, by
 * events. For each stream and event that is ordered behind functions the newest of them, per stream that they are on;
 * only while there are any. Under the lock of its one user, host_function.c. */
#ifndef RRTO_CUDA_BEHIND_H
#define RRTO_CUDA_BEHIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rrto_behind {
    struct rrto_behind_row {
        uint32_t stream; /* behind its functions up to and including */
        uint64_t ticket;
    } * rows;
    size_t n;
    bool all; /* memory was short: behind everything */
};

/* A function was issued to the stream. blocking: it is ordered with the legacy stream (0). */
void rrto_behind_function(uint32_t stream, bool blocking, uint64_t ticket);
/* Something else is about to be. */
void rrto_behind_touch(uint32_t stream, bool blocking);
/* An event was recorded on the stream; the stream waits for it. */
void rrto_behind_record(uint32_t event, uint32_t stream);
void rrto_behind_wait(uint32_t stream, uint32_t event);
/* What the stream's next work comes behind; lent until the next call. Never NULL. */
const struct rrto_behind *rrto_behind_of(uint32_t stream);
/* What the work comes behind that the legacy stream and those ordered with it have; the caller's copy. */
void rrto_behind_of_legacy(struct rrto_behind *ret_behind);
/* There are no functions any more. */
void rrto_behind_forget(void);

void rrto_behind_copy(struct rrto_behind *to, const struct rrto_behind *from);
void rrto_behind_fini(struct rrto_behind *behind);

#endif
