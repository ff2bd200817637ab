/* SPDX-License-Identifier: Apache-2.0 */
/* Connections over stream sockets (unix and TCP), and the blocking calls that every transport gets from here. */
#include "wire/conn.h"

#include "base/status.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Non-blocking calls by flag, not by O_NONBLOCK: the descriptor may be shared with a process that set it otherwise. */

static int socket_status(int error)
{
    switch (error) {
    case EAGAIN:
        return RRTO_TIMEOUT;
    case EPIPE:
    case ECONNRESET:
    case ENOTCONN:
    case ESHUTDOWN:
        return RRTO_CLOSED;
    default:
        return RRTO_IO;
    }
}

static int socket_try_read(struct rrto_conn *conn, void *data, size_t n, size_t *ret_n)
{
    ssize_t got;
    do
        got = recv(conn->fd, data, n, MSG_DONTWAIT);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return socket_status(errno);
    if (got == 0 && n > 0)
        return RRTO_CLOSED;
    *ret_n = (size_t)got;
    return RRTO_OK;
}

static int socket_try_writev(struct rrto_conn *conn, const struct iovec *iov, int n_iov, size_t *ret_n)
{
    /* sendmsg does not write to the vector; its type has no const. */
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)n_iov};
    ssize_t sent;
    do
        sent = sendmsg(conn->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return socket_status(errno);
    *ret_n = (size_t)sent;
    return RRTO_OK;
}

static int socket_wait(struct rrto_conn *conn, bool for_write, int timeout_ms)
{
    struct pollfd entry = {.fd = conn->fd, .events = for_write ? POLLOUT : POLLIN};
    int n = poll(&entry, 1, timeout_ms);
    if (n < 0)
        return errno == EINTR ? RRTO_OK : RRTO_IO; /* the caller tries again, and waits again */
    return n == 0 ? RRTO_TIMEOUT : RRTO_OK;
}

static void socket_shutdown(struct rrto_conn *conn)
{
    if (conn->fd >= 0)
        (void)shutdown(conn->fd, SHUT_RDWR);
}

static void socket_close(struct rrto_conn *conn)
{
    if (conn->fd >= 0)
        (void)close(conn->fd);
    conn->fd = -1;
}

static const struct rrto_conn_transport socket_transport = {
    .name = "socket",
    .try_read = socket_try_read,
    .try_writev = socket_try_writev,
    .wait = socket_wait,
    .shutdown = socket_shutdown,
    .close = socket_close,
};

void rrto_conn_init_socket(struct rrto_conn *conn, int fd)
{
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    *conn = (struct rrto_conn){.transport = &socket_transport, .fd = fd};
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* What is left of a time limit that ends at `deadline` (< 0: none). */
static int left_ms(int64_t deadline)
{
    if (deadline < 0)
        return -1;
    int64_t left = deadline - now_ms();
    return left < 0 ? 0 : (int)left;
}

int rrto_conn_try_read(struct rrto_conn *conn, void *data, size_t n, size_t *ret_n)
{
    int status = conn->transport->try_read(conn, data, n, ret_n);
    if (status == RRTO_OK)
        conn->bytes_read += *ret_n;
    return status;
}

int rrto_conn_read(struct rrto_conn *conn, void *data, size_t n, int timeout_ms, size_t *ret_n)
{
    int64_t deadline = -1;
    for (;;) {
        int status = rrto_conn_try_read(conn, data, n, ret_n);
        if (status != RRTO_TIMEOUT || timeout_ms == 0)
            return status;
        if (deadline < 0 && timeout_ms > 0)
            deadline = now_ms() + timeout_ms;
        status = conn->transport->wait(conn, false, left_ms(deadline));
        if (status != RRTO_OK)
            return status;
    }
}

int rrto_conn_read_all(struct rrto_conn *conn, void *data, size_t n, int timeout_ms)
{
    int64_t deadline = timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
    size_t done = 0;
    while (done < n) {
        size_t got = 0;
        int status = rrto_conn_read(conn, (uint8_t *)data + done, n - done, left_ms(deadline), &got);
        if (status == RRTO_CLOSED && done > 0)
            return RRTO_TRUNCATED;
        if (status != RRTO_OK)
            return status;
        done += got;
    }
    return RRTO_OK;
}

int rrto_conn_try_writev(struct rrto_conn *conn, const struct iovec *iov, int n_iov, size_t *ret_n)
{
    size_t sent = 0;
    int status = conn->transport->try_writev(conn, iov, n_iov, &sent);
    if (status != RRTO_OK && status != RRTO_TIMEOUT)
        return status;
    conn->bytes_written += sent;
    *ret_n = sent;
    return RRTO_OK;
}

int rrto_conn_writev(struct rrto_conn *conn, struct iovec *iov, int n_iov, int timeout_ms)
{
    while (n_iov > 0) {
        if (iov->iov_len == 0) {
            iov++;
            n_iov--;
            continue;
        }
        size_t sent = 0;
        int status = rrto_conn_try_writev(conn, iov, n_iov, &sent);
        if (status != RRTO_OK)
            return status;
        if (sent == 0) {
            status = conn->transport->wait(conn, true, timeout_ms);
            if (status != RRTO_OK)
                return status;
            continue;
        }
        while (n_iov > 0 && sent >= iov->iov_len) {
            sent -= iov->iov_len;
            iov++;
            n_iov--;
        }
        if (n_iov > 0) {
            iov->iov_base = (uint8_t *)iov->iov_base + sent;
            iov->iov_len -= sent;
        }
    }
    return RRTO_OK;
}

int rrto_conn_write(struct rrto_conn *conn, const void *data, size_t n, int timeout_ms)
{
    struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = n};
    return rrto_conn_writev(conn, &iov, 1, timeout_ms);
}

int rrto_conn_wait(struct rrto_conn *conn, bool for_write, int timeout_ms)
{
    return conn->transport->wait(conn, for_write, timeout_ms);
}

void rrto_conn_shutdown(struct rrto_conn *conn)
{
    if (conn->transport)
        conn->transport->shutdown(conn);
}

void rrto_conn_close(struct rrto_conn *conn)
{
    if (conn->transport)
        conn->transport->close(conn);
}
