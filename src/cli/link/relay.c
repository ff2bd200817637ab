/* SPDX-License-Identifier: Apache-2.0 */
/* The moving part of rrto link. Every event ends in turn(): deliver what is due, set the timer for what is due next. */
#include "cli/link/relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
    READ_BYTES = 64 << 10,
    QUANTUM_NS = 250000, /* bytes of a long run are passed on in steps of this time; its end is exact */
    SPIN_NS = 50000,     /* closer than this the timer is not worth its wake-up */
    BACKLOG = 64,
    MAX_BUFS = 64, /* runs that are passed on in one go */
};

/* A run of bytes that is under way. */
struct chunk {
    struct chunk *next;
    struct rrto_shape_run run;
    size_t n_passed; /* handed to the receiving socket */
    char data[];
};

/* One direction of one connection. */
struct lane {
    struct rrto_relay_connection *connection;
    enum rrto_link_direction direction;
    uv_stream_t *from, *to;
    struct chunk *first, **last;
    size_t n_queued;
    bool paused, writing, ended, shut;
    uint64_t end_ns; /* when the sender's end of stream is at the other end */
    uv_write_t write;
    size_t n_writing;
    uv_shutdown_t shutdown;
};

struct rrto_relay_connection {
    struct rrto_relay *relay;
    struct rrto_relay_connection *next;
    union rrto_relay_stream near, far;
    struct lane lanes[RRTO_LINK_DIRECTIONS];
    uv_connect_t connect;
    bool closing;
    int n_open; /* handles that are not closed yet */
};

static void turn(struct rrto_relay *relay);

/* How a direction's bytes are treated now. */
static struct rrto_shape *shape_of(struct rrto_relay *relay, enum rrto_link_direction direction)
{
    static struct rrto_schedule unlimited;
    static struct rrto_shape free_of_all[RRTO_LINK_DIRECTIONS];
    if (relay->shaped)
        return &relay->shapes[direction];
    rrto_schedule_constant(&unlimited, 0);
    free_of_all[direction].schedule = &unlimited;
    return &free_of_all[direction];
}

/* The traces begin, `offset` into them. */
static void begin_shaping(struct rrto_relay *relay)
{
    for (int i = 0; i < RRTO_LINK_DIRECTIONS; i++)
        relay->shapes[i].origin_ns = uv_hrtime() - relay->offset_ns;
    relay->shaped = true;
}

/* Before bytes are accepted: it is only they who notice. */
static void look_after(struct rrto_relay *relay)
{
    struct stat now;
    const struct stat *then = &relay->after_then;
    if (relay->shaped || stat(relay->after, &now) != 0)
        return;
    if (now.st_ino != then->st_ino || now.st_mtim.tv_sec != then->st_mtim.tv_sec ||
        now.st_mtim.tv_nsec != then->st_mtim.tv_nsec)
        begin_shaping(relay);
}

static void free_connection(struct rrto_relay_connection *connection)
{
    struct rrto_relay_connection **at = &connection->relay->connections;
    while (*at != connection)
        at = &(*at)->next;
    *at = connection->next;
    for (int i = 0; i < RRTO_LINK_DIRECTIONS; i++)
        for (struct chunk *chunk = connection->lanes[i].first, *next; chunk; chunk = next) {
            next = chunk->next;
            connection->relay->waiting_bytes[i] -= chunk->run.n - chunk->n_passed;
            free(chunk);
        }
    free(connection);
}

static void on_closed(uv_handle_t *handle)
{
    struct rrto_relay_connection *connection = handle->data;
    if (--connection->n_open == 0)
        free_connection(connection);
}

static void close_connection(struct rrto_relay_connection *connection)
{
    if (connection->closing)
        return;
    connection->closing = true;
    uv_close(&connection->near.handle, on_closed);
    uv_close(&connection->far.handle, on_closed);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buf)
{
    static char buffer[READ_BYTES]; /* one thread; the read callback copies it out at once */
    (void)handle;
    (void)suggested;
    *ret_buf = uv_buf_init(buffer, sizeof buffer);
}

static struct lane *lane_from(struct rrto_relay_connection *connection, uv_stream_t *from)
{
    return &connection->lanes[from == &connection->near.stream ? RRTO_LINK_UP : RRTO_LINK_DOWN];
}

/* Queues the bytes, cut into runs. False: out of memory. */
static bool accept_bytes(struct lane *lane, struct rrto_shape *shape, uint64_t now_ns, const char *data, size_t n)
{
    while (n > 0) {
        struct rrto_shape_run run = rrto_shape_accept(shape, now_ns, n);
        struct chunk *chunk = malloc(sizeof *chunk + run.n);
        if (!chunk)
            return false;
        *chunk = (struct chunk){.run = run};
        memcpy(chunk->data, data, run.n);
        *lane->last = chunk;
        lane->last = &chunk->next;
        lane->n_queued += run.n;
        lane->connection->relay->waiting_bytes[lane->direction] += run.n;
        data += run.n;
        n -= run.n;
    }
    return true;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct rrto_relay_connection *connection = stream->data;
    struct rrto_relay *relay = connection->relay;
    struct lane *lane = lane_from(connection, stream);
    if (n == 0 || connection->closing)
        return;
    look_after(relay);
    struct rrto_shape *shape = shape_of(relay, lane->direction);
    if (n == UV_EOF) {
        uv_read_stop(stream);
        lane->ended = true;
        lane->end_ns = rrto_shape_drained(shape, uv_hrtime());
        turn(relay);
        return;
    }
    uint64_t now_ns = uv_hrtime(), n_lost = shape->n_lost;
    if (n < 0 || !accept_bytes(lane, shape, now_ns, buf->base, (size_t)n)) {
        close_connection(connection);
        return;
    }
    relay->received_bytes[lane->direction] += (uint64_t)n;
    rrto_link_log_count(&relay->log, now_ns, (int)lane->direction, (uint64_t)n, 0,
                        relay->waiting_bytes[lane->direction], shape->n_lost - n_lost);
    if (lane->n_queued >= rrto_shape_capacity(shape)) {
        uv_read_stop(stream);
        lane->paused = true;
    }
    turn(relay);
}

/* n bytes of the lane's first chunks are the receiving socket's now. */
static void passed(struct lane *lane, size_t n)
{
    struct rrto_relay *relay = lane->connection->relay;
    lane->n_queued -= n;
    relay->delivered_bytes[lane->direction] += n;
    relay->waiting_bytes[lane->direction] -= n;
    if (relay->log.file)
        rrto_link_log_count(&relay->log, uv_hrtime(), (int)lane->direction, 0, n, relay->waiting_bytes[lane->direction],
                            0);
    while (n > 0) {
        struct chunk *chunk = lane->first;
        size_t left = chunk->run.n - chunk->n_passed;
        if (n < left) {
            chunk->n_passed += n;
            break;
        }
        n -= left;
        lane->first = chunk->next;
        free(chunk);
    }
    if (!lane->first)
        lane->last = &lane->first;
    if (lane->paused && lane->n_queued < rrto_shape_capacity(shape_of(relay, lane->direction)) &&
        !lane->connection->closing) {
        lane->paused = false;
        uv_read_start(lane->from, on_alloc, on_read);
    }
}

static void on_written(uv_write_t *write, int status)
{
    struct lane *lane = write->data;
    lane->writing = false;
    if (status != 0) {
        close_connection(lane->connection);
        return;
    }
    passed(lane, lane->n_writing);
    turn(lane->connection->relay);
}

static void on_shut(uv_shutdown_t *shutdown, int status)
{
    struct lane *lane = shutdown->data;
    struct rrto_relay_connection *connection = lane->connection;
    if (status != 0 || connection->lanes[1 - lane->direction].shut)
        close_connection(connection);
    lane->shut = true;
}

static void shut(struct lane *lane)
{
    lane->writing = true; /* nothing is written any more */
    lane->shutdown.data = lane;
    if (uv_shutdown(&lane->shutdown, lane->to, on_shut) != 0)
        close_connection(lane->connection);
}

/* When the next bytes of the first chunk are worth passing on. */
static uint64_t next_due(const struct lane *lane, uint64_t now_ns)
{
    const struct rrto_shape_run *run = &lane->first->run;
    uint64_t next_ns = (run->first_ns > now_ns ? run->first_ns : now_ns) + QUANTUM_NS;
    return next_ns < run->last_ns ? next_ns : run->last_ns;
}

/* What is due now. Of a chunk that has not arrived wholly only a quantum or more is taken. */
static unsigned collect(const struct lane *lane, uint64_t now_ns, uv_buf_t bufs[MAX_BUFS], size_t *ret_n)
{
    unsigned n_bufs = 0;
    *ret_n = 0;
    for (struct chunk *chunk = lane->first; chunk && n_bufs < MAX_BUFS; chunk = chunk->next) {
        const struct rrto_shape_run *run = &chunk->run;
        size_t due = rrto_shape_delivered(run, now_ns) - chunk->n_passed;
        bool whole = due == run->n - chunk->n_passed;
        if (due == 0 || (!whole && (uint64_t)due * (run->last_ns - run->first_ns) < (uint64_t)run->n * QUANTUM_NS))
            break;
        bufs[n_bufs++] = uv_buf_init(chunk->data + chunk->n_passed, (unsigned)due);
        *ret_n += due;
        if (!whole)
            break;
    }
    return n_bufs;
}

/* Passes on what is due; returns when something is due next (UINT64_MAX: nothing is). */
static uint64_t deliver(struct lane *lane)
{
    while (lane->first && !lane->writing) {
        uv_buf_t bufs[MAX_BUFS];
        uint64_t now_ns = uv_hrtime();
        unsigned n_bufs = collect(lane, now_ns, bufs, &lane->n_writing);
        if (n_bufs == 0)
            return next_due(lane, now_ns);
        int n = uv_try_write(lane->to, bufs, n_bufs);
        if (n >= 0) {
            passed(lane, (size_t)n);
            continue;
        }
        lane->writing = true;
        lane->write.data = lane;
        if (n != UV_EAGAIN || uv_write(&lane->write, lane->to, bufs, n_bufs, on_written) != 0) {
            close_connection(lane->connection);
            return UINT64_MAX;
        }
    }
    if (lane->first || lane->writing || !lane->ended)
        return UINT64_MAX;
    if (uv_hrtime() < lane->end_ns)
        return lane->end_ns;
    shut(lane);
    return UINT64_MAX;
}

static uint64_t deliver_all(struct rrto_relay *relay)
{
    uint64_t next_ns = UINT64_MAX;
    for (struct rrto_relay_connection *connection = relay->connections; connection; connection = connection->next)
        for (int i = 0; i < RRTO_LINK_DIRECTIONS && !connection->closing; i++) {
            uint64_t lane_ns = deliver(&connection->lanes[i]);
            next_ns = lane_ns < next_ns ? lane_ns : next_ns;
        }
    return next_ns;
}

static void turn(struct rrto_relay *relay)
{
    uint64_t next_ns;
    while ((next_ns = deliver_all(relay)) <= uv_hrtime() + SPIN_NS)
        while (uv_hrtime() < next_ns)
            ;
    struct itimerspec when = {0};
    if (next_ns != UINT64_MAX) {
        when.it_value.tv_sec = (time_t)(next_ns / 1000000000);
        when.it_value.tv_nsec = (long)(next_ns % 1000000000);
    }
    timerfd_settime(relay->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void on_timer(uv_poll_t *timer, int status, int events)
{
    struct rrto_relay *relay = timer->data;
    uint64_t n;
    (void)events;
    if (status == 0 && read(relay->timer_fd, &n, sizeof n) == sizeof n)
        turn(relay);
}

static void on_connected(uv_connect_t *connect, int status)
{
    struct rrto_relay_connection *connection = connect->data;
    if (connection->closing)
        return;
    if (status != 0) {
        fprintf(stderr, "rrto: link: the target cannot be reached: %s\n", uv_strerror(status));
        close_connection(connection);
        return;
    }
    for (int i = 0; i < RRTO_LINK_DIRECTIONS; i++)
        if (uv_read_start(connection->lanes[i].from, on_alloc, on_read) != 0)
            close_connection(connection);
}

static void init_stream(uv_loop_t *loop, union rrto_relay_stream *stream, bool unix_socket, void *data)
{
    if (unix_socket)
        uv_pipe_init(loop, &stream->pipe, 0);
    else
        uv_tcp_init(loop, &stream->tcp);
    stream->handle.data = data;
}

static void set_nodelay(union rrto_relay_stream *stream)
{
    if (stream->handle.type == UV_TCP)
        uv_tcp_nodelay(&stream->tcp, 1);
}

static void on_first_connection(struct rrto_relay *relay)
{
    relay->log.origin_ns = uv_hrtime();
    if (!relay->after)
        begin_shaping(relay);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct rrto_relay *relay = listener->data;
    struct rrto_relay_connection *connection = status == 0 ? calloc(1, sizeof *connection) : NULL;
    if (!connection)
        return;
    connection->relay = relay;
    connection->next = relay->connections;
    relay->connections = connection;
    connection->n_open = 2;
    init_stream(relay->loop, &connection->near, listener->type == UV_NAMED_PIPE, connection);
    init_stream(relay->loop, &connection->far, relay->target_path != NULL, connection);
    for (int i = 0; i < RRTO_LINK_DIRECTIONS; i++) {
        struct lane *lane = &connection->lanes[i];
        lane->connection = connection;
        lane->direction = (enum rrto_link_direction)i;
        lane->from = i == RRTO_LINK_UP ? &connection->near.stream : &connection->far.stream;
        lane->to = i == RRTO_LINK_UP ? &connection->far.stream : &connection->near.stream;
        lane->last = &lane->first;
    }
    connection->connect.data = connection;
    if (uv_accept(listener, &connection->near.stream) != 0) {
        close_connection(connection);
        return;
    }
    if (relay->n_connections++ == 0)
        on_first_connection(relay);
    set_nodelay(&connection->near);
    set_nodelay(&connection->far);
    if (relay->target_path)
        uv_pipe_connect(&connection->connect, &connection->far.pipe, relay->target_path, on_connected);
    else if (uv_tcp_connect(&connection->connect, &connection->far.tcp, (const struct sockaddr *)&relay->target,
                            on_connected) != 0)
        close_connection(connection);
}

int rrto_relay_start(struct rrto_relay *relay, uv_loop_t *loop, const struct sockaddr *listen_address,
                     const char *listen_path)
{
    relay->loop = loop;
    if (relay->after && stat(relay->after, &relay->after_then) != 0)
        relay->after_then = (struct stat){.st_ino = 0};
    relay->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (relay->timer_fd < 0)
        return UV_EMFILE;
    init_stream(loop, &relay->listener, listen_path != NULL, relay);
    uv_poll_init(loop, &relay->timer, relay->timer_fd);
    relay->timer.data = relay;
    int error = uv_poll_start(&relay->timer, UV_READABLE, on_timer);
    if (error == 0)
        error = listen_path ? uv_pipe_bind(&relay->listener.pipe, listen_path)
                            : uv_tcp_bind(&relay->listener.tcp, listen_address, 0);
    if (error == 0)
        error = uv_listen(&relay->listener.stream, BACKLOG, on_connection);
    return error;
}

void rrto_relay_stop(struct rrto_relay *relay)
{
    for (struct rrto_relay_connection *connection = relay->connections; connection; connection = connection->next)
        close_connection(connection);
    uv_close(&relay->listener.handle, NULL);
    uv_close((uv_handle_t *)&relay->timer, NULL);
    close(relay->timer_fd);
}
