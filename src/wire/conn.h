/* SPDX-License-Identifier: Apache-2.0 */
/* A connection: one ordered byte stream. All code above talks to this, never to a socket, so that another transport
 * (TLS, shared memory) can be put in its place. One thread reads and one thread writes at a time; they may be different
 * threads. */
#ifndef RRTO_WIRE_CONN_H
#define RRTO_WIRE_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct rrto_conn;

/* What a transport provides. Every function returns an rrto_status; none blocks, except `wait`. */
struct rrto_conn_transport {
    const char *name;
    /* At least one byte into ret_n, or RRTO_TIMEOUT (nothing there now), RRTO_CLOSED (orderly end), RRTO_IO. */
    int (*try_read)(struct rrto_conn *conn, void *data, size_t n, size_t *ret_n);
    /* As much as fits now (ret_n may be less than asked), or RRTO_TIMEOUT (nothing fits), RRTO_CLOSED, RRTO_IO. */
    int (*try_writev)(struct rrto_conn *conn, const struct iovec *iov, int n_iov, size_t *ret_n);
    /* Blocks until reading (or writing) may make progress. timeout_ms < 0: for ever. RRTO_OK, RRTO_TIMEOUT, RRTO_IO. */
    int (*wait)(struct rrto_conn *conn, bool for_write, int timeout_ms);
    void (*shutdown)(struct rrto_conn *conn);
    void (*close)(struct rrto_conn *conn);
};

struct rrto_conn {
    const struct rrto_conn_transport *transport;
    int fd;
    uint64_t bytes_read, bytes_written; /* each changed by its own thread only */
};

/* Takes ownership of a connected stream socket; close-on-exec is set on it. */
void rrto_conn_init_socket(struct rrto_conn *conn, int fd);

/* Reads at least 1 and at most n bytes; waits for them. timeout_ms < 0: for ever. RRTO_TIMEOUT, RRTO_CLOSED, RRTO_IO.
 * EINTR is handled. */
int rrto_conn_read(struct rrto_conn *conn, void *data, size_t n, int timeout_ms, size_t *ret_n);
/* Never waits: RRTO_TIMEOUT when nothing is there. */
int rrto_conn_try_read(struct rrto_conn *conn, void *data, size_t n, size_t *ret_n);
/* Reads exactly n bytes within timeout_ms altogether. RRTO_TRUNCATED when the stream ended in between, RRTO_CLOSED when
 * it ended before the first byte. */
int rrto_conn_read_all(struct rrto_conn *conn, void *data, size_t n, int timeout_ms);

/* Writes everything, waiting for room. iov is used as scratch. timeout_ms is the time without any progress that is
 * tolerated (< 0: for ever): RRTO_TIMEOUT after it; the stream is then unusable. Never raises SIGPIPE. */
int rrto_conn_writev(struct rrto_conn *conn, struct iovec *iov, int n_iov, int timeout_ms);
int rrto_conn_write(struct rrto_conn *conn, const void *data, size_t n, int timeout_ms);
/* Writes what fits now, never waits. RRTO_OK with *ret_n < asked when the rest has to wait (0 when nothing fitted). */
int rrto_conn_try_writev(struct rrto_conn *conn, const struct iovec *iov, int n_iov, size_t *ret_n);

/* Blocks until one side may make progress. */
int rrto_conn_wait(struct rrto_conn *conn, bool for_write, int timeout_ms);

/* Ends both directions: blocked reads and writes of any thread return. Any thread. The descriptor stays until close. */
void rrto_conn_shutdown(struct rrto_conn *conn);
/* Closes; no other thread may still use the connection. Twice is harmless. */
void rrto_conn_close(struct rrto_conn *conn);

#endif
