/* SPDX-License-Identifier: Apache-2.0 */
/* Host functions (cudaLaunchHostFunc and its like), and what their being there means for others. All of these return
 * CUDA errors, take any thread, and hold no lock while a function runs. */
#ifndef RRTO_CUDA_HOST_FUNCTION_H
#define RRTO_CUDA_HOST_FUNCTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Has a function of the application run, on a thread of ours, once everything before it on the stream has completed;
 * later work of the stream comes behind it, and nobody waits for that. After an error it does not run; a callback is
 * told. */
int32_t rrto_stream_host_function(const void *handle, void (*function)(void *data), void *data);
int32_t rrto_stream_host_callback(const void *handle, void (*callback)(void *data, int32_t status), void *data);
/* By id, between begin and end, which are around what is one op for other threads: up to n functions, and copies whose
 * sources are read late (32 MiB each). begin may wait; RRTO_CUDA_NOT_SUPPORTED: too many, or the device has none. */
int32_t rrto_host_functions_begin(size_t n);
int32_t rrto_host_function_add(uint32_t stream, bool blocking, void (*function)(void *data), void *data);
int32_t rrto_host_callback_add(uint32_t stream, bool blocking, void (*callback)(void *data, int32_t status),
                               void *data);
void rrto_host_functions_end(void);

extern bool rrto_host_functions_are_there;
/* Whether any has not run yet, or bytes of a copy are still to be sent. All that others have to ask. */
static inline bool rrto_host_functions_any(void)
{
    return __builtin_expect(__atomic_load_n(&rrto_host_functions_are_there, __ATOMIC_ACQUIRE), 0);
}

/* The next ones only where there are any. Something is about to be issued to the stream (blocking: one that is ordered
 * with the legacy stream); an event was recorded there; the stream waits for it. */
void rrto_host_functions_touch(uint32_t stream, bool blocking);
void rrto_host_functions_record(uint32_t event, uint32_t stream);
void rrto_host_functions_wait_event(uint32_t stream, uint32_t event);
/* Whether the stream's next work comes behind a function that has not run; whether what a query of it asks for does. */
bool rrto_host_functions_pending(uint32_t stream);
bool rrto_host_functions_keep(uint32_t stream);
/* Waits until it does not; until there are none at all; until those have run that are there at the call, whatever other
 * threads launch meanwhile. Not on a function's own thread. A function may never return: an
 * error if the session is lost meanwhile, or the process is ending; whatever is issued then gets it, too. */
int32_t rrto_host_functions_wait(uint32_t stream);
int32_t rrto_host_functions_wait_all(void);
int32_t rrto_host_functions_wait_present(void);
/* Whether these do wait, for the calling thread: what must not come behind a function can be issued apart then. */
bool rrto_host_functions_may_wait(void);
/* The same where the server loads code for an op, at which the driver of a real GPU may wait for its device. */
bool rrto_host_functions_load_apart(void);

/* A copy from the host whose source is read, and sent, when the functions before it have run. issue makes the op for
 * n bytes from offset on. */
struct rrto_late_copy {
    uint32_t stream;
    const void *source;
    uint64_t n_bytes;
    int32_t (*issue)(const struct rrto_late_copy *copy, uint64_t offset, uint64_t n, uint32_t gate,
                     uint64_t *ret_position);
    const void *args; /* of the op, for issue */
};
/* ret_position is that of the last op; not written where none was issued. */
int32_t rrto_late_copy(const struct rrto_late_copy *copy, uint64_t *ret_position);
/* How many of n in rrto_host_functions_begin that takes. */
size_t rrto_late_copy_pieces(uint64_t n_bytes);

#endif
