/* SPDX-License-Identifier: Apache-2.0 */
/* An rrtod for one rrto run: on a unix socket in the run folder, gone when rrto is gone, however that happens. */
#ifndef RRTO_CLI_PRIVATE_SERVER_H
#define RRTO_CLI_PRIVATE_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct rrto_private_server {
    pid_t pid; /* 0: none */
    char address[128];
};

/* Starts it and waits until it listens, or has failed to (at most 20 s). device: rrtod's --device; compute, answers:
 * its --compute and --answers, or NULL. False: ret_why gets one sentence (rrtod's own messages have gone to stderr). */
bool rrto_private_server_start(struct rrto_private_server *server, const char *folder, const char *device,
                               const char *compute, const char *answers, const char *sched, char *ret_why,
                               size_t n_why);
/* Asks it to end, waits a moment, then ends it. Harmless when there is none. */
void rrto_private_server_stop(struct rrto_private_server *server);

#endif
