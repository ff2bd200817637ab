/* SPDX-License-Identifier: Apache-2.0 */
/* Server names and the client's way to a server. */
#ifndef RRTO_WIRE_CONNECT_H
#define RRTO_WIRE_CONNECT_H

#include "wire/conn.h"

#include <sys/socket.h>

enum { RRTO_WIRE_DEFAULT_PORT = 14833 };

/* A server's name, taken apart: "unix:PATH", "HOST:PORT", "HOST" (default port), "[IPV6]:PORT", "fd:N" (an inherited,
 * connected socket). */
struct rrto_address {
    enum { RRTO_ADDRESS_UNIX, RRTO_ADDRESS_TCP, RRTO_ADDRESS_FD } kind;
    char host[256]; /* host, or the path */
    uint16_t port;
    int fd;
};
/* Parses without looking anything up. RRTO_INVALID; ret_why (may be NULL) gets one sentence. */
int rrto_address_parse(const char *name, struct rrto_address *ret_address, char *ret_why, size_t n_why);
/* The name as text, as rrto_address_parse reads it. */
void rrto_address_print(const struct rrto_address *address, char *out, size_t n_out);
/* Fills a socket address for a unix path. RRTO_TOO_LARGE when the path does not fit. */
int rrto_address_unix(const char *path, struct sockaddr_storage *ret_address, socklen_t *ret_n);

/* Connects and makes the 64-byte hello: on success the worker waits for the Hello control message (control.h) on
 * *ret_conn. Blocks for at most timeout_ms, name resolution excepted. Not reached, refused, other version: an
 * rrto_status, and one sentence with cause and fix in ret_why. A server that cannot be reached is not tried again.
 * flags: enum rrto_hello_flags. Any thread. */
int rrto_wire_connect(const char *server, int timeout_ms, uint32_t flags, struct rrto_conn *ret_conn, char *ret_why,
                      size_t n_why);

/* The hello on a connection that exists already (a socketpair); closes nothing. */
int rrto_wire_greet(struct rrto_conn *conn, int timeout_ms, uint32_t flags, char *ret_why, size_t n_why);

#endif
