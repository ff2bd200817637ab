/* SPDX-License-Identifier: Apache-2.0 */
/* Per-thread state: one thread-local block, no destructor (see stream.c for what a dying thread leaves behind). */
#include "cuda/thread.h"

struct rrto_thread *rrto_thread(void)
{
    static _Thread_local struct rrto_thread state;
    return &state;
}
