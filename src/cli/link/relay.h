/* SPDX-License-Identifier: Apache-2.0 */
/* The moving part of rrto link: accepts connections, opens one to the target for each, and passes bytes on through two
 * shapes (one per direction, shared by all connections: it is one link). libuv; one thread. */
#ifndef RRTO_CLI_LINK_RELAY_H
#define RRTO_CLI_LINK_RELAY_H

#include "cli/link/log.h"
#include "cli/link/spec.h"
#include "wire/connect.h"

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <uv.h>

union rrto_relay_stream {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
};

struct rrto_relay {
    uv_loop_t *loop;
    struct rrto_shape shapes[RRTO_LINK_DIRECTIONS]; /* rrto_link_shape; origins are set at the first connection */
    uint64_t offset_ns;                             /* where in their schedules they begin then */
    const char *after;        /* or NULL: they, too, begin when this file is written; until then nothing is held back */
    struct rrto_link_log log; /* opened by the caller, or all zero; closed by the caller */
    struct sockaddr_storage target; /* AF_UNIX: target_path */
    const char *target_path;
    union rrto_relay_stream listener;
    uv_poll_t timer; /* a timerfd: libuv's own timers tick in milliseconds */
    int timer_fd;
    struct rrto_relay_connection *connections;
    struct stat after_then; /* the file at the start; all zero: there was none */
    bool shaped;
    /* what has passed */
    uint64_t n_connections;
    uint64_t received_bytes[RRTO_LINK_DIRECTIONS], delivered_bytes[RRTO_LINK_DIRECTIONS];
    uint64_t waiting_bytes[RRTO_LINK_DIRECTIONS]; /* under way now */
};

/* Starts listening; runs as long as the loop does. shapes, offset_ns, after, log, target and target_path are set
 * before. listen_path: a unix socket to listen on, or NULL for listen_address. Returns 0 or a libuv error. */
int rrto_relay_start(struct rrto_relay *relay, uv_loop_t *loop, const struct sockaddr *listen_address,
                     const char *listen_path);
/* Closes everything; the loop has to run until nothing is left. */
void rrto_relay_stop(struct rrto_relay *relay);

#endif
