/* SPDX-License-Identifier: Apache-2.0 */
/* When the soft libraries compute. The soft driver's scheduler decides, where that driver is loaded and its scheduler
 * is on (soft/driver/scheduler.h, tests); otherwise everything is computed at the call. Any thread. */
#ifndef RRTO_SOFT_BLAS_STREAM_H
#define RRTO_SOFT_BLAS_STREAM_H

#include <stdbool.h>
#include <stddef.h>

/* Hands an op to the stream: run gets a copy of arg's n_arg bytes, later, on another thread; 0 is success. false: not
 * taken, the caller computes now. */
bool rrto_soft_defer(void *stream, int (*run)(void *arg), const void *arg, size_t n_arg, int *ret_error);

/* For a call that computes at the call: blocks until everything before it on the stream is done. */
void rrto_soft_stream_settle(void *stream);

#endif
