/* SPDX-License-Identifier: Apache-2.0 */
/* When the work of a stream is carried out. Off (the default): at the call, unless a host function or a word has to be
 * waited for: then streams are queues until all of that has happened, and what can run runs at its call. Adversarial
 * (SOFT_GPU_SCHED=adversarial:SEED, for tests): streams are queues; each op runs at the earliest or the latest moment
 * that CUDA's rules allow, ops of independent streams in a seeded order; docs/soft-gpu.md. All functions: any thread.
 */
#ifndef SOFT_DRIVER_SCHEDULER_H
#define SOFT_DRIVER_SCHEDULER_H

#include "driver.h"

/* Reads SOFT_GPU_SCHED, once. false: it makes no sense. */
bool soft_sched_init(void);
/* Whether ops are queued: now, or always. */
bool soft_sched_on(void);
/* The device has failed, as by a kernel's access to memory that is not there: it stays so, and every call that asks,
 * waits or makes work says so. The first error stays. */
void soft_device_fail(CUresult error);
CUresult soft_device_error(void);
/* What unwritten device memory is filled with; 0 when the scheduler is off. */
uint8_t soft_sched_poison(void);

/* An op for the stream: run(arg) is called with a copy of n_arg bytes (aligned for any type), once everything before it
 * has run: at the call when the scheduler is off, and then the answer is run's. Never waits for the device, except for
 * this op when it is one that runs at the earliest moment. Otherwise a failure of run is the device's: every later call
 * that asks or waits reports it. */
CUresult soft_enqueue(CUstream stream, CUresult (*run)(void *arg), const void *arg, size_t n_arg);
/* As above, on a thread of its own, whether the scheduler is on or off; run may wait for anything the application does.
 */
CUresult soft_enqueue_host(CUstream stream, CUresult (*run)(void *arg), const void *arg, size_t n_arg);
/* Later work of the stream waits until (int32_t)(*word - value) >= 0, which the host makes true without a call. */
CUresult soft_enqueue_wait(CUstream stream, const uint32_t *word, uint32_t value);
/* Blocks until everything enqueued to the stream (NULL: the legacy one) before the call has run. */
CUresult soft_settle(CUstream stream);
/* The same for all streams. */
CUresult soft_settle_all(void);
/* CUDA_ERROR_NOT_READY while something enqueued before the call has not run. */
CUresult soft_query(CUstream stream);

/* Events: a recorded one is a mark in a queue. Record replaces the mark; the others mean the latest one and return at
 * once when there is none; order: work enqueued to the stream from now on runs behind it. Query, once it is complete,
 * writes the event's time. */
CUresult soft_event_record(CUevent event, CUstream stream);
CUresult soft_event_query(CUevent event);
CUresult soft_event_wait(CUevent event);
CUresult soft_event_order(CUevent event, CUstream stream);
void soft_event_forget(CUevent event);

/* The queue of a new stream, and its end: what is enqueued still runs. */
struct soft_queue *soft_queue_create(bool blocking);
void soft_queue_close(struct soft_queue *queue);

#endif
