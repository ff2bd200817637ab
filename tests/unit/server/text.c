/* SPDX-License-Identifier: Apache-2.0 */
/* What libraries write to standard output and standard error: on its way before what is sent after it, bounded, never
 * blocking, and apart from the log. Each test is a process of its own: the descriptors are the process's. */
#include "text.h"

#include "../test.h"
#include "base/log.h"
#include "base/status.h"
#include "wire/reader.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct rrto_text text;
static struct rrto_outbox outbox;
static struct rrto_conn ours, theirs;
static int log_end;

static void in_child(void (*body)(void))
{
    text = (struct rrto_text){0};
    signal(SIGPIPE, SIG_IGN);
    if (rrto_text_open(&text) != RRTO_OK || rrto_outbox_start(&outbox, &ours, 1 << 20, NULL, NULL) != RRTO_OK)
        _exit(50);
    body();
    rrto_outbox_flush(&outbox);
    _exit(0);
}

/* Runs body in a child whose standard error is a pipe to here. */
static pid_t begin(void (*body)(void))
{
    int fds[2], log[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(pipe(log), 0);
    rrto_conn_init_socket(&ours, fds[0]);
    rrto_conn_init_socket(&theirs, fds[1]);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(fds[1]);
        dup2(log[1], STDERR_FILENO);
        in_child(body);
    }
    close(fds[0]);
    close(log[1]);
    log_end = log[0];
    return pid;
}

static int end(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(log_end);
    rrto_conn_close(&theirs);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* Everything up to the end, what is neither text nor a SUBSCRIBE (a mark) is a mistake. */
struct heard {
    char *bytes[2];
    size_t n[2], at_mark[2];
    uint64_t n_lost;
};

static struct heard hear(void)
{
    struct heard heard = {0};
    struct rrto_reader reader;
    struct rrto_chunk chunk;
    rrto_reader_init(&reader, &theirs);
    while (rrto_reader_chunk(&reader, 20000, &chunk) == RRTO_OK) {
        uint8_t bytes[RRTO_TEXT_HEAD_BYTES];
        struct rrto_text_head head;
        if (chunk.type == RRTO_CHUNK_SUBSCRIBE) {
            memcpy(heard.at_mark, heard.n, sizeof heard.n);
            assert_int_equal(rrto_reader_skip(&reader), RRTO_OK);
            continue;
        }
        assert_int_equal(chunk.type, RRTO_CHUNK_TEXT);
        assert_int_equal(rrto_reader_read(&reader, bytes, sizeof bytes), RRTO_OK);
        assert_int_equal(rrto_text_head_decode(bytes, &head), RRTO_OK);
        unsigned which = head.fd - 1u;
        size_t n = chunk.n_bytes - sizeof bytes;
        heard.n_lost += head.n_lost;
        heard.bytes[which] = realloc(heard.bytes[which], heard.n[which] + n + 1);
        assert_int_equal(rrto_reader_read(&reader, heard.bytes[which] + heard.n[which], n), RRTO_OK);
        heard.n[which] += n;
        heard.bytes[which][heard.n[which]] = '\0';
    }
    return heard;
}

static void forget(struct heard *heard)
{
    free(heard->bytes[0]);
    free(heard->bytes[1]);
}

static void mark(void)
{
    uint8_t bytes[RRTO_CHUNK_HEADER_BYTES + RRTO_SUBSCRIBE_BYTES] = {0};
    struct rrto_chunk chunk = {.n_bytes = RRTO_SUBSCRIBE_BYTES, .type = RRTO_CHUNK_SUBSCRIBE};
    rrto_chunk_encode(bytes, &chunk);
    rrto_outbox_send(&outbox, (struct iovec[3]){{bytes, sizeof bytes}, {NULL, 0}, {NULL, 0}}, NULL, NULL);
}

static const char *read_log(void)
{
    static char log[4096];
    size_t n = 0;
    for (ssize_t got; n < sizeof log - 1 && (got = read(log_end, log + n, sizeof log - 1 - n)) > 0;)
        n += (size_t)got;
    log[n] = '\0';
    return log;
}

static void say_both(void)
{
    rrto_text_attach(&text, &outbox, true);
    printf("kept by stdio");
    dprintf(2, "said at once");
    rrto_log_set_name("worker");
    rrto_error("for the log");
    rrto_text_send(&text);
    mark();
    dprintf(2, "too late");
    rrto_text_close(&text);
}

static void ahead_of_what_follows(void **state)
{
    (void)state;
    pid_t pid = begin(say_both);
    struct heard heard = hear();
    assert_string_equal(heard.bytes[0], "kept by stdio");
    assert_string_equal(heard.bytes[1], "said at once");
    assert_int_equal(heard.at_mark[0], heard.n[0]);
    assert_int_equal(heard.at_mark[1], heard.n[1]);
    assert_string_equal(read_log(), "worker: error: for the log\ntoo late");
    assert_int_equal(end(pid), 0);
    forget(&heard);
}

static void say_to_the_old(void)
{
    dprintf(1, "before,");
    rrto_text_attach(&text, &outbox, false);
    rrto_text_send(&text);
    dprintf(2, "after");
    rrto_text_send(&text);
    rrto_text_close(&text);
}

static void old_clients_are_told_nothing(void **state)
{
    (void)state;
    pid_t pid = begin(say_to_the_old);
    struct heard heard = hear();
    assert_int_equal(heard.n[0] + heard.n[1], 0);
    assert_string_equal(read_log(), "before,after");
    assert_int_equal(end(pid), 0);
    forget(&heard);
}

enum { LINES = 400000, LINE = 50 }; /* 20 MB */

static void flood(void)
{
    rrto_text_attach(&text, &outbox, true);
    for (unsigned i = 0; i < LINES; i++)
        printf("%0*u\n", LINE - 1, i);
    rrto_text_send(&text);
    dprintf(2, "done");
    rrto_text_send(&text);
}

/* Whether what was heard are lines in order from the first one on. */
static unsigned lines_of(const struct heard *heard)
{
    unsigned i = 0;
    char line[LINE + 1];
    for (size_t at = 0; at + LINE <= heard->n[0]; at += LINE, i++) {
        snprintf(line, sizeof line, "%0*u\n", LINE - 1, i);
        if (memcmp(heard->bytes[0] + at, line, LINE) != 0)
            break;
    }
    return i;
}

static void a_client_that_reads_gets_it_all(void **state)
{
    (void)state;
    pid_t pid = begin(flood);
    struct heard heard = hear();
    assert_int_equal(heard.n[0] + heard.n_lost, LINES * LINE);
    /* It may lose some when it is slow, never without saying so. */
    if (heard.n_lost == 0)
        assert_int_equal(lines_of(&heard), LINES);
    assert_string_equal(heard.bytes[1], "done");
    assert_int_equal(end(pid), 0);
    forget(&heard);
}

/* Nobody reads until all is written: the writer must not wait for the client. */
static int written[2];

static void flood_unread(void)
{
    flood();
    (void)!write(written[1], "x", 1);
}

static void no_client_blocks_a_writer(void **state)
{
    (void)state;
    char byte;
    assert_int_equal(pipe(written), 0);
    pid_t pid = begin(flood_unread);
    assert_int_equal(read(written[0], &byte, 1), 1);
    struct heard heard = hear();
    assert_true(heard.n_lost > 0);
    assert_int_equal(heard.n[0] + heard.n_lost, LINES * LINE);
    assert_true(heard.n[0] <= RRTO_TEXT_MAX_BYTES + (4 << 20));
    assert_true(lines_of(&heard) >= RRTO_TEXT_MAX_BYTES / LINE - 1); /* what comes first is whole */
    assert_int_equal(end(pid), 0);
    close(written[0]);
    close(written[1]);
    forget(&heard);
}

static void give_up(void)
{
    rrto_text_attach(&text, &outbox, true);
    dprintf(2, "last words");
    abort();
}

static void last_words_are_for_the_log(void **state)
{
    (void)state;
    pid_t pid = begin(give_up);
    assert_string_equal(read_log(), "last words");
    assert_int_equal(end(pid), 1000 + SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ahead_of_what_follows),           cmocka_unit_test(old_clients_are_told_nothing),
        cmocka_unit_test(a_client_that_reads_gets_it_all), cmocka_unit_test(no_client_blocks_a_writer),
        cmocka_unit_test(last_words_are_for_the_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
