/* SPDX-License-Identifier: Apache-2.0 */
/* Streams and events: handles here, ids on the wire. Handles are those of both APIs: cudaStream_t is CUstream,
 * cudaEvent_t is CUevent. */
#ifndef RRTO_CUDA_STREAM_H
#define RRTO_CUDA_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RRTO_STREAM_LEGACY = 1, RRTO_STREAM_PER_THREAD = 2 }; /* the handles that are small integers */
enum { RRTO_STREAM_NON_BLOCKING = 1 };
enum { RRTO_EVENT_BLOCKING_SYNC = 1, RRTO_EVENT_DISABLE_TIMING = 2, RRTO_EVENT_INTERPROCESS = 4 };

/* Whether NULL means this thread's own stream: so it is within a per-thread variant (_ptsz, _ptds) of a call, which
 * sets it (rrto_client_per_thread), on the thread that makes the call. */
bool rrto_stream_is_per_thread(void);
/* The session id of a stream handle (RRTO_STREAM_LEGACY is 0, RRTO_STREAM_PER_THREAD this thread's own, NULL either).
 * false: no such stream. For whoever issues something to it. */
bool rrto_stream_id(const void *handle, uint32_t *ret_id);
/* The same for whoever only asks. */
bool rrto_stream_peek_id(const void *handle, uint32_t *ret_id);

/* All of these return a CUDA error. */
int32_t rrto_stream_create(uint32_t flags, int32_t priority, void **ret_handle);
int32_t rrto_stream_destroy(void *handle);
int32_t rrto_stream_synchronize(const void *handle);
int32_t rrto_stream_query(const void *handle);
int32_t rrto_stream_wait_event(const void *handle, const void *event, uint32_t flags);
/* For a graph's nodes: by the id of a stream that is not captured. */
struct rrto_object;
int32_t rrto_stream_wait_event_on(uint32_t stream, const struct rrto_object *event, uint32_t flags);
int32_t rrto_event_record_on(struct rrto_object *event, uint32_t stream, uint32_t flags);
int32_t rrto_stream_flags(const void *handle, uint32_t *ret_flags);
int32_t rrto_stream_priority(const void *handle, int32_t *ret_priority);
/* By id. */
int32_t rrto_stream_synchronize_id(uint32_t stream);
int32_t rrto_device_synchronize(void);

int32_t rrto_event_create(uint32_t flags, void **ret_handle);
int32_t rrto_event_destroy(void *handle);
int32_t rrto_event_record(void *handle, const void *stream, uint32_t flags);
int32_t rrto_event_synchronize(const void *handle);
int32_t rrto_event_query(const void *handle);
int32_t rrto_event_elapsed(const void *start, const void *end, float *ret_ms);
bool rrto_event_id(const void *handle, uint32_t *ret_id);
#define RRTO_EVENT_UNRECORDED UINT64_MAX

/* What synchronising has told the application stays true for its later queries: everything on the stream up to and
 * including position has completed (or was answered locally, which counts as that). */
void rrto_stream_finished(uint32_t stream, uint64_t position);
bool rrto_stream_is_finished(uint32_t stream, uint64_t position);

#endif
