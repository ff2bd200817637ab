/* SPDX-License-Identifier: Apache-2.0 */
/* Per-thread state: one thread-local block, no destructor (see stream.c for what a dying thread leaves behind). */
#include "cuda/thread.h"

struct rrto_cuda_thread *rrto_cuda_thread(void)
{
    static _Thread_local struct rrto_cuda_thread state;
    return &state;
}
