/* SPDX-License-Identifier: Apache-2.0 */
/* Per-thread state: one thread-local block, no destructor (see stream.c for what a dying thread leaves behind). */
#include "cuda/thread.h"

/* Room for a pointer there always is where look-ups cost nothing; for all of it there may be none. */
__thread struct rrto_cuda_thread *rrto_this_cuda_thread;

struct rrto_cuda_thread *rrto_cuda_thread_first(void)
{
    static _Thread_local struct rrto_cuda_thread state;
    return rrto_this_cuda_thread = &state;
}
