/* SPDX-License-Identifier: Apache-2.0 */
/* Starting one worker process: what it inherits is its connection, a control socket, and a cleaned environment. */
#ifndef RRTO_SERVER_WORKER_PROCESS_H
#define RRTO_SERVER_WORKER_PROCESS_H

#include "options.h"
#include "wire/frame.h"

#include <uv.h>

enum {
    RRTO_WORKER_CONTROL_FD = 3, /* ends when the parent does */
    RRTO_WORKER_CONN_FD = 4,
};

struct rrto_spawned {
    struct rrto_spawned *next;
    uv_process_t process;
    int pid;
    int control; /* our end of the control socket */
    uint64_t number;
    bool adopted;
    void (*ended)(void *arg, struct rrto_spawned *worker, int64_t exit_status, int signal_number);
    void *arg;
};

/* Starts worker_path for the connection conn_fd (the caller still closes its own copy). *worker comes zeroed from
 * calloc, number set; once this has succeeded it belongs to here: `ended` is called, then it is freed. RRTO_IO: one
 * sentence in why, and worker has been freed too. */
int rrto_spawn_worker(uv_loop_t *loop, const char *worker_path, const struct rrto_options *options,
                      const struct rrto_hello *hello, int conn_fd,
                      void (*ended)(void *arg, struct rrto_spawned *worker, int64_t exit_status, int signal_number),
                      void *arg, struct rrto_spawned *worker, char *why, size_t n_why);

/* The environment that a worker gets (NULL-terminated, the caller frees array and strings): nothing that would preload
 * or redirect libraries, and with the soft device everything fixed that its results could depend on. */
char **rrto_spawn_environment(const struct rrto_options *options, char *const *environment);

#endif
