/* SPDX-License-Identifier: Apache-2.0 */
/* rrtod's business: accept, read the hello within a time limit, refuse in one sentence or start a worker, watch workers
 * end, drain. One thread, one libuv loop; never touches the device. */
#ifndef RRTO_SERVER_SESSIONS_H
#define RRTO_SERVER_SESSIONS_H

#include "listen.h"
#include "options.h"

#include <uv.h>

struct rrto_sessions; /* opaque */

/* Starts serving on the listeners (which it takes over) and handles SIGTERM (drain), SIGINT and a second SIGTERM (stop
 * now). worker_path: the program that serves one client. NULL when memory is short. All strings and options are lent
 * for the object's life. */
struct rrto_sessions *rrto_sessions_create(uv_loop_t *loop, const struct rrto_options *options, const char *worker_path,
                                           const struct rrto_listener *listeners, size_t n_listeners);
/* Serves one connected socket as well (--stdio): when its session has ended, everything stops. Takes the descriptor. */
void rrto_sessions_adopt(struct rrto_sessions *sessions, int fd);
/* After the loop has ended. Returns what rrtod should exit with. */
int rrto_sessions_destroy(struct rrto_sessions *sessions);

#endif
