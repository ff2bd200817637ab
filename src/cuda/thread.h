/* SPDX-License-Identifier: Apache-2.0 */
/* What CUDA keeps per application thread. */
#ifndef RRTO_CUDA_THREAD_H
#define RRTO_CUDA_THREAD_H

#include "cuda/graph/graph.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rrto_launch_shape {
    uint32_t grid[3], block[3];
    size_t shared_bytes;
    void *stream;
};

/* For graph/record.c: hints about the op that is issued next, and whether it is recorded by hand. */
struct rrto_recording {
    struct rrto_object *function;
    struct rrto_library_use use;
    struct rrto_work *into; /* NULL: by a capture, if at all */
    uint32_t n;             /* ops recorded into it */
};

enum { RRTO_THREAD_MAX_CONFIGURATIONS = 8, RRTO_THREAD_MAX_CONTEXTS = 32 };

struct rrto_cuda_thread {
    int32_t last_error;   /* the runtime's; the driver has none */
    int32_t capture_mode; /* cudaThreadExchangeStreamCaptureMode */
    uint64_t number;      /* 0: none yet */
    struct rrto_recording recording;
    uint32_t default_stream;   /* session id of this thread's per-thread default stream; 0 = none yet */
    uint32_t n_configurations; /* __cudaPushCallConfiguration */
    struct rrto_launch_shape configurations[RRTO_THREAD_MAX_CONFIGURATIONS];
    uint32_t n_contexts; /* the driver's context stack; the top is current */
    void *contexts[RRTO_THREAD_MAX_CONTEXTS];
};

/* The calling thread's state. Never NULL. In line: a launch asks for it three times. */
extern __thread struct rrto_cuda_thread *rrto_this_cuda_thread __attribute__((tls_model("initial-exec")));
struct rrto_cuda_thread *rrto_cuda_thread_first(void);
static inline struct rrto_cuda_thread *rrto_cuda_thread(void)
{
    struct rrto_cuda_thread *thread = rrto_this_cuda_thread;
    return __builtin_expect(thread != NULL, 1) ? thread : rrto_cuda_thread_first();
}

#endif
