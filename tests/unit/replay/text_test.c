/* SPDX-License-Identifier: Apache-2.0 */
/* What kernels print, on the client: what a server may send, how much is kept, and who waits for whom when it is
 * written. */
#define _GNU_SOURCE
#include "../test.h"

#include "base/log.h"
#include "base/status.h"
#include "replay/text.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static struct rrto_text_queue queue;
static struct rrto_conn conn, server;
static struct rrto_reader reader;
static int saved;

static int setup(void **state)
{
    (void)state;
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
        return -1;
    rrto_conn_init_socket(&conn, fds[0]);
    rrto_conn_init_socket(&server, fds[1]);
    rrto_reader_init(&reader, &conn);
    rrto_text_init(&queue);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rrto_text_fini(&queue);
    rrto_conn_close(&conn);
    rrto_conn_close(&server);
    return 0;
}

/* As the server sends it, in a thread: more than the socket holds. */
struct sent {
    uint8_t head[RRTO_TEXT_HEAD_BYTES];
    const char *bytes;
    size_t n;
};

static void *send_it(void *arg)
{
    const struct sent *sent = arg;
    uint8_t header[RRTO_CHUNK_HEADER_BYTES];
    struct rrto_chunk chunk = {.n_bytes = (uint32_t)(RRTO_TEXT_HEAD_BYTES + sent->n), .type = RRTO_CHUNK_TEXT};
    rrto_chunk_encode(header, &chunk);
    (void)rrto_conn_write(&server, header, sizeof header, 10000);
    (void)rrto_conn_write(&server, sent->head, sizeof sent->head, 10000);
    (void)rrto_conn_write(&server, sent->bytes, sent->n, 10000);
    return NULL;
}

static int receive(const struct sent *sent)
{
    struct rrto_chunk chunk;
    pthread_t thread;
    pthread_create(&thread, NULL, send_it, (void *)(uintptr_t)sent);
    int status = rrto_reader_chunk(&reader, 10000, &chunk);
    if (status == RRTO_OK)
        status = rrto_text_receive(&queue, &reader, &chunk);
    pthread_join(thread, NULL);
    return status;
}

static int arrive(int fd, const char *bytes, size_t n, uint64_t n_lost)
{
    struct sent sent = {.bytes = bytes, .n = n};
    struct rrto_text_head head = {.fd = (uint8_t)fd, .n_lost = n_lost};
    rrto_text_head_encode(sent.head, &head);
    return receive(&sent);
}

static void redirect(int fd, int to)
{
    fflush(stdout);
    saved = dup(fd);
    dup2(to, fd);
}

static void restore(int fd)
{
    fflush(stdout);
    dup2(saved, fd);
    close(saved);
}

static void in_order_and_once(void **state)
{
    (void)state;
    int file = memfd_create("text", MFD_CLOEXEC);
    char text[100] = "";
    assert_false(rrto_text_waits(&queue));
    redirect(1, file);
    printf("own,"); /* in stdio's buffer */
    (void)arrive(1, "one,", 4, 0);
    (void)arrive(1, "", 0, 0);
    (void)arrive(1, "two,", 4, 0);
    bool waited = rrto_text_waits(&queue);
    rrto_text_deliver(&queue);
    printf("own again");
    rrto_text_deliver(&queue);
    restore(1);
    assert_true(waited);
    assert_false(rrto_text_waits(&queue));
    assert_true(pread(file, text, sizeof text - 1, 0) > 0);
    assert_string_equal(text, "own,one,two,own again");
    close(file);
}

static void bad_heads(void **state)
{
    (void)state;
    static const uint8_t heads[][RRTO_TEXT_HEAD_BYTES] = {{0}, {3}, {255}, {1, 1}, {2, 0, 0, 0, 0, 0, 0, 1}};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        struct sent sent = {.bytes = "x", .n = 1};
        memcpy(sent.head, heads[i], sizeof sent.head);
        assert_int_equal(receive(&sent), RRTO_PROTOCOL);
        teardown(NULL);
        assert_int_equal(setup(NULL), 0);
    }
    assert_false(rrto_text_waits(&queue));
}

/* What is too much is lost, counted, and said in one line. */
static void bounded(void **state)
{
    (void)state;
    enum { MIB = 1 << 20 };
    char *piece = malloc(MIB), line[400] = "", wanted[100];
    memset(piece, 'x', MIB);
    int file = memfd_create("text", MFD_CLOEXEC), err = memfd_create("log", MFD_CLOEXEC);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(arrive(1, piece, MIB, i == 3 ? 5 : 0), RRTO_OK);
        assert_int_equal(rrto_text_is_much(&queue), true);
        assert_true(queue.streams[0].bytes.size <= RRTO_TEXT_QUEUE_MAX_BYTES);
    }
    int saved_err = dup(2);
    dup2(err, 2);
    redirect(1, file);
    rrto_text_deliver(&queue);
    restore(1);
    dup2(saved_err, 2);
    close(saved_err);
    assert_int_equal(lseek(file, 0, SEEK_END), RRTO_TEXT_QUEUE_MAX_BYTES);
    assert_true(pread(err, line, sizeof line - 1, 0) > 0);
    snprintf(wanted, sizeof wanted, "%u bytes that kernels printed", 20 * MIB - RRTO_TEXT_QUEUE_MAX_BYTES + 5);
    assert_non_null(strstr(line, wanted));
    assert_null(strchr(strchr(line, '\n') + 1, '\n'));
    assert_int_equal(arrive(1, piece, 10, 0), RRTO_OK); /* and there is room again */
    assert_int_equal(queue.streams[0].bytes.size, 10);
    close(file);
    close(err);
    free(piece);
}

static int delivered, started;

static void *deliver(void *unused)
{
    (void)unused;
    __atomic_fetch_add(&started, 1, __ATOMIC_SEQ_CST);
    rrto_text_deliver(&queue);
    __atomic_fetch_add(&delivered, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

/* While one thread writes, another one that learnt of the same completion waits until it is written. */
static void nobody_is_too_early(void **state)
{
    (void)state;
    enum { N = 400000 };
    char *text = malloc(N);
    int pipe_ends[2];
    pthread_t threads[2];
    memset(text, 'y', N);
    assert_int_equal(pipe(pipe_ends), 0);
    assert_int_equal(arrive(1, text, N, 0), RRTO_OK);
    delivered = started = 0;
    redirect(1, pipe_ends[1]);
    for (unsigned i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, deliver, NULL);
    while (__atomic_load_n(&started, __ATOMIC_SEQ_CST) < 2)
        sched_yield();
    int early = 0;
    for (size_t n = 0; n < N;) {
        size_t in_pipe_at_most = 1 << 16, left = N - n;
        if (left > 2 * in_pipe_at_most)
            early += __atomic_load_n(&delivered, __ATOMIC_SEQ_CST);
        ssize_t got = read(pipe_ends[0], text, 4096);
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    for (unsigned i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    restore(1);
    assert_int_equal(early, 0);
    assert_int_equal(delivered, 2);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    free(text);
}

/* A thread that has locked standard output and makes a call meanwhile: nobody waits for ever. */
static void standard_output_locked(void **state)
{
    (void)state;
    char text[100] = "";
    pthread_t thread;
    int file = memfd_create("text", MFD_CLOEXEC);
    delivered = started = 0;
    redirect(1, file);
    assert_int_equal(arrive(1, "one,", 4, 0), RRTO_OK);
    flockfile(stdout);
    pthread_create(&thread, NULL, deliver, NULL);
    while (__atomic_load_n(&started, __ATOMIC_SEQ_CST) < 1)
        sched_yield();
    for (unsigned i = 0; i < 1000; i++)
        sched_yield();
    printf("mine,");
    rrto_text_deliver(&queue);
    printf("mine");
    int early = __atomic_load_n(&delivered, __ATOMIC_SEQ_CST);
    funlockfile(stdout);
    pthread_join(thread, NULL);
    restore(1);
    assert_int_equal(early, 0);
    assert_true(pread(file, text, sizeof text - 1, 0) > 0);
    assert_string_equal(text, "mine,one,mine");
    close(file);
}

/* A program that has closed its standard output: nothing comes of it. */
static void closed(void **state)
{
    (void)state;
    fflush(stdout);
    saved = dup(1);
    close(1);
    assert_int_equal(arrive(1, "into the void", 13, 0), RRTO_OK);
    rrto_text_deliver(&queue);
    dup2(saved, 1);
    close(saved);
    clearerr(stdout);
    assert_false(rrto_text_waits(&queue));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(in_order_and_once),      TEST(bad_heads), TEST(bounded), TEST(nobody_is_too_early),
        TEST(standard_output_locked), TEST(closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
