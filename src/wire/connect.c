/* SPDX-License-Identifier: Apache-2.0 */
/* The client's way to a server: connect, then the 64-byte hello. */
#include "wire/connect.h"

#include "base/status.h"
#include "base/version.h"
#include "wire/frame.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Connects one socket within timeout_ms; returns the descriptor, or -1 with errno. */
static int connect_one(const struct sockaddr *address, socklen_t n_address, int timeout_ms)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    int error = 0;
    if (connect(fd, address, n_address) != 0) {
        error = errno;
        if (error == EINPROGRESS || error == EINTR) {
            struct pollfd entry = {.fd = fd, .events = POLLOUT};
            socklen_t n = sizeof error;
            int ready;
            do
                ready = poll(&entry, 1, timeout_ms);
            while (ready < 0 && errno == EINTR);
            if (ready == 0)
                error = ETIMEDOUT;
            else if (ready < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0)
                error = errno;
        }
    }
    if (error) {
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static int connect_tcp(const struct rrto_address *address, int timeout_ms, const char **ret_lookup)
{
    char port[8];
    snprintf(port, sizeof port, "%u", address->port);
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found = NULL;
    int lookup = getaddrinfo(address->host, port, &hints, &found);
    if (lookup != 0) {
        *ret_lookup = gai_strerror(lookup);
        return -1;
    }
    int fd = -1;
    for (const struct addrinfo *at = found; at && fd < 0; at = at->ai_next)
        fd = connect_one(at->ai_addr, at->ai_addrlen, timeout_ms);
    int error = errno;
    freeaddrinfo(found);
    if (fd >= 0) {
        int one = 1;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
    errno = error;
    return fd;
}

static int connect_unix(const struct rrto_address *address, int timeout_ms)
{
    struct sockaddr_storage storage;
    socklen_t n;
    if (rrto_address_unix(address->host, &storage, &n) != RRTO_OK) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return connect_one((struct sockaddr *)&storage, n, timeout_ms);
}

static void explain(const char *server, int error, const char *lookup, char *ret_why, size_t n_why)
{
    const char *fix = "check the address";
    if (error == ECONNREFUSED || error == ENOENT)
        fix = "is rrtod running there?";
    else if (error == ETIMEDOUT)
        fix = "check the network, or raise RRTO_CONNECT_TIMEOUT_MS";
    else if (error == EACCES || error == EPERM)
        fix = "this user may not use that socket";
    else if (error == EAGAIN)
        fix = "the server is overloaded, try again later";
    snprintf(ret_why, n_why, "cannot reach the server %.100s: %s; %s", server, lookup ? lookup : strerror(error), fix);
}

int rrto_wire_greet(struct rrto_conn *conn, int timeout_ms, uint32_t flags, char *ret_why, size_t n_why)
{
    uint8_t bytes[RRTO_HELLO_BYTES];
    struct rrto_hello hello = {
        .major = RRTO_WIRE_MAJOR, .minor = RRTO_WIRE_MINOR, .flags = flags, .pid = (uint32_t)getpid()};
    snprintf(hello.build, sizeof hello.build, "%s", rrto_build_id());
    rrto_hello_encode(bytes, &hello);
    int status = rrto_conn_write(conn, bytes, sizeof bytes, timeout_ms);
    if (status == RRTO_OK || status == RRTO_CLOSED) /* a refusal may already be there when writing fails */
        status = rrto_conn_read_all(conn, bytes, sizeof bytes, timeout_ms);
    if (status != RRTO_OK) {
        snprintf(ret_why, n_why, "the server did not answer the hello (%s); its log says why",
                 rrto_status_text(status));
        return status;
    }
    struct rrto_hello_answer answer;
    if (rrto_hello_answer_decode(bytes, &answer) != RRTO_OK) {
        snprintf(ret_why, n_why, "what listens there is not rrtod; check the address");
        return RRTO_PROTOCOL;
    }
    if (answer.status != 0) {
        if (answer.major != RRTO_WIRE_MAJOR)
            snprintf(ret_why, n_why, "the server speaks protocol %u, this client %d; install the same rrto on both",
                     answer.major, RRTO_WIRE_MAJOR);
        else
            snprintf(ret_why, n_why, "the server refused: %s", answer.text);
        return answer.status < 0 ? answer.status : RRTO_REFUSED;
    }
    if (answer.major != RRTO_WIRE_MAJOR) {
        snprintf(ret_why, n_why, "the server speaks protocol %u, this client %d; install the same rrto on both",
                 answer.major, RRTO_WIRE_MAJOR);
        return RRTO_MISMATCH;
    }
    return RRTO_OK;
}

int rrto_wire_connect(const char *server, int timeout_ms, uint32_t flags, struct rrto_conn *ret_conn, char *ret_why,
                      size_t n_why)
{
    struct rrto_address address;
    int status = rrto_address_parse(server, &address, ret_why, n_why);
    if (status != RRTO_OK)
        return status;
    const char *lookup = NULL;
    int fd = -1;
    if (address.kind == RRTO_ADDRESS_UNIX)
        fd = connect_unix(&address, timeout_ms);
    else if (address.kind == RRTO_ADDRESS_TCP)
        fd = connect_tcp(&address, timeout_ms, &lookup);
    else
        fd = address.fd;
    if (fd < 0) {
        int error = errno;
        explain(server, error, lookup, ret_why, n_why);
        return error == ETIMEDOUT ? RRTO_TIMEOUT : RRTO_IO;
    }
    struct rrto_conn conn;
    rrto_conn_init_socket(&conn, fd);
    status = rrto_wire_greet(&conn, timeout_ms, flags, ret_why, n_why);
    if (status != RRTO_OK) {
        rrto_conn_close(&conn);
        return status;
    }
    *ret_conn = conn;
    return RRTO_OK;
}
