/* SPDX-License-Identifier: Apache-2.0 */
/* Per-thread state: one thread-local block, no destructor (see stream.c for what a dying thread leaves behind). */
#include "cuda/thread.h"

struct rrto_cuda_thread *rrto_cuda_thread(void)
{
    static _Thread_local struct rrto_cuda_thread state;
    /* Room for a pointer there always is where look-ups cost nothing; for all of it there may be none. */
    static __thread struct rrto_cuda_thread *mine __attribute__((tls_model("initial-exec")));
    if (__builtin_expect(!mine, 0))
        mine = &state;
    return mine;
}
