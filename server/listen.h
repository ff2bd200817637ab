/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets: where rrtod may be reached. Only loopback and unix sockets: nobody is authenticated yet. */
#ifndef RRTO_SERVER_LISTEN_H
#define RRTO_SERVER_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

enum { RRTO_LISTEN_MAX = 16 };

struct rrto_listener {
    int fd;
    char address[300]; /* as a client writes it, with the real port */
    char path[256];    /* of a unix socket, else "" */
    dev_t device;      /* of that path, so that only our own socket is removed */
    ino_t inode;
};

/* Opens the sockets that one address names (a host may have several); non-blocking and close-on-exec. RRTO_REFUSED for
 * an address that is not loopback; one sentence in why. A unix socket that nobody listens on any more is replaced; its
 * folder is made if it is missing (0700), the socket has mode 0600. *n_listeners grows. */
int rrto_listen_open(const char *address, struct rrto_listener listeners[RRTO_LISTEN_MAX], size_t *n_listeners,
                     char *why, size_t n_why);
/* Closes, and removes the unix socket if it is still ours. */
void rrto_listen_close(struct rrto_listener *listener);
/* Where rrtod listens if nothing is said: unix:$XDG_RUNTIME_DIR/rrto/rrtod.sock, or 127.0.0.1:14833. */
void rrto_listen_default(char *out, size_t n_out);

#endif
