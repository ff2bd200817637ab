/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

#include "../../unit/test.h"
#include "base/status.h"
#include "wire/connect.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { TIMEOUT_MS = 10000, LOG_BYTES = 1 << 20 };

static const char *program(void)
{
    static char path[400];
    const char *build = getenv("BUILD_DIR");
    snprintf(path, sizeof path, "%s/bin/rrtod", build ? build : "build");
    return path;
}

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* --- rrtod
 * ---------------------------------------------------------------------------------------------------------------------
 */

void server_start(struct server *server, const char *const *arguments)
{
    int ready[2];
    strcpy(server->folder, "/tmp/rrto-test-XXXXXX");
    assert_non_null(mkdtemp(server->folder));
    snprintf(server->address, sizeof server->address, "unix:%s/s", server->folder);
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    const char *line[40] = {program(),    "--listen", server->address,      "--device", "soft",
                            "--ready-fd", "9",        "--exit-with-parent", "--log",    "warn"};
    int n = 10;
    for (; arguments && *arguments; arguments++)
        line[n++] = *arguments;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ready[1], 9);
    int error = posix_spawn(&server->pid, program(), &actions, NULL, (char *const *)(uintptr_t)line, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ready[1]);
    if (error)
        fail_msg("%s cannot be started: %s; set BUILD_DIR", program(), strerror(error));
    char text[200] = "";
    struct pollfd entry = {.fd = ready[0], .events = POLLIN};
    assert_int_equal(poll(&entry, 1, TIMEOUT_MS), 1);
    ssize_t got = read(ready[0], text, sizeof text - 1);
    close(ready[0]);
    assert_true(got > 0);
    assert_string_equal(strtok(text, "\n"), server->address);
}

int wait_for_end(pid_t pid)
{
    for (int waited = 0; waited < TIMEOUT_MS; waited += 5) {
        int status;
        pid_t ended = waitpid(pid, &status, WNOHANG);
        if (ended == pid)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        sleep_ms(5);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return -1;
}

int server_stop(struct server *server)
{
    kill(server->pid, SIGTERM);
    int status = wait_for_end(server->pid);
    char path[60];
    snprintf(path, sizeof path, "%s/s", server->folder);
    unlink(path);
    rmdir(server->folder);
    return status;
}

int run_rrtod(const char *const *arguments, char **ret_out)
{
    int out[2];
    pid_t pid;
    const char *line[20] = {program()};
    for (int n = 1; *arguments; arguments++)
        line[n++] = *arguments;
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    posix_spawn_file_actions_adddup2(&actions, out[1], 2);
    assert_int_equal(posix_spawn(&pid, program(), &actions, NULL, (char *const *)(uintptr_t)line, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(out[1]);
    size_t n = 0;
    char *text = calloc(1, 65536);
    ssize_t got;
    while ((got = read(out[0], text + n, 65535 - n)) > 0)
        n += (size_t)got;
    close(out[0]);
    *ret_out = text;
    return wait_for_end(pid);
}

int count_descriptors(pid_t pid)
{
    char path[40];
    int n = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    DIR *folder = opendir(path);
    if (!folder)
        return -1;
    while (readdir(folder))
        n++;
    closedir(folder);
    return n - 2;
}

pid_t find_worker(pid_t parent, int wanted)
{
    pid_t found = 0;
    for (int waited = 0; waited < 5000; waited += 5) {
        char path[64], line[400];
        int n = 0;
        found = 0;
        snprintf(path, sizeof path, "/proc/%d/task/%d/children", parent, parent);
        FILE *file = fopen(path, "r");
        if (file && fgets(line, sizeof line, file)) {
            for (char *word = strtok(line, " "); word; word = strtok(NULL, " ")) {
                found = (pid_t)strtol(word, NULL, 10);
                n++;
            }
        }
        if (file)
            fclose(file);
        if (n == wanted)
            return found;
        sleep_ms(5);
    }
    return wanted ? 0 : -1;
}

/* --- a client
 * ------------------------------------------------------------------------------------------------------------------ */

void client_connect(struct client *client, const struct server *server)
{
    struct sockaddr_storage address;
    socklen_t n;
    memset(client, 0, sizeof *client);
    assert_int_equal(rrto_address_unix(server->address + 5, &address, &n), RRTO_OK);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, n), 0);
    rrto_conn_init_socket(&client->conn, fd);
    rrto_reader_init(&client->reader, &client->conn);
}

static void open_session(struct client *client, uint64_t memory, bool timed)
{
    char why[600] = "";
    struct rrto_control_hello hello = {.log_bytes = LOG_BYTES,
                                       .slot_kinds = RRTO_SLOTS_ALL,
                                       .memory_wanted = memory,
                                       .reply_times = timed,
                                       .results_past_bytes = CLIENT_RESULTS_PAST_BYTES};
    hello.candidates[hello.n_candidates++] = (struct rrto_control_range){ARENA_BASE, ARENA_BYTES};
    hello.candidates[hello.n_candidates++] = (struct rrto_control_range){ARENA_BASE_2, ARENA_BYTES};
    if (rrto_control_open(&client->conn, &hello, 60000, &client->welcome, why, sizeof why) != RRTO_OK)
        fail_msg("%s", why);
    rrto_reader_init(&client->reader, &client->conn);
    rrto_buf_init(&client->op, RRTO_OP_MAX_BYTES);
    assert_int_equal(rrto_record_encoder_init(&client->encoder, LOG_BYTES, RRTO_SLOTS_ALL), RRTO_OK);
}

void client_open(struct client *client, const struct server *server, uint64_t memory)
{
    client_open_timed(client, server, memory, false);
}

void client_open_timed(struct client *client, const struct server *server, uint64_t memory, bool timed)
{
    char why[600] = "";
    memset(client, 0, sizeof *client);
    if (rrto_wire_connect(server->address, TIMEOUT_MS, 0, &client->conn, why, sizeof why) != RRTO_OK)
        fail_msg("%s", why);
    open_session(client, memory, timed);
}

void client_open_as(struct client *client, const struct server *server, uint64_t memory, uint16_t minor)
{
    uint8_t bytes[RRTO_HELLO_BYTES];
    struct rrto_hello hello = {.major = RRTO_WIRE_MAJOR, .minor = minor, .pid = 1};
    struct rrto_hello_answer answer;
    client_connect(client, server);
    rrto_hello_encode(bytes, &hello);
    assert_int_equal(rrto_conn_write(&client->conn, bytes, sizeof bytes, TIMEOUT_MS), RRTO_OK);
    assert_int_equal(rrto_conn_read_all(&client->conn, bytes, sizeof bytes, TIMEOUT_MS), RRTO_OK);
    assert_int_equal(rrto_hello_answer_decode(bytes, &answer), RRTO_OK);
    assert_int_equal(answer.status, 0);
    open_session(client, memory, false);
}

void client_close(struct client *client)
{
    rrto_conn_close(&client->conn);
    rrto_buf_fini(&client->op);
    if (client->encoder.log.ring)
        rrto_record_encoder_fini(&client->encoder);
}

static void send_chunk(struct client *client, uint8_t type, uint8_t flags, const void *data, size_t n)
{
    uint8_t header[RRTO_CHUNK_HEADER_BYTES];
    struct rrto_chunk chunk = {.n_bytes = (uint32_t)n, .type = type, .flags = flags};
    rrto_chunk_encode(header, &chunk);
    struct iovec iov[2] = {{header, sizeof header}, {(void *)(uintptr_t)data, n}};
    assert_int_equal(rrto_conn_writev(&client->conn, iov, 2, TIMEOUT_MS), RRTO_OK);
}

void client_send_bytes(struct client *client, uint8_t type, const void *data, size_t n)
{
    send_chunk(client, type, type == RRTO_CHUNK_OPS ? RRTO_CHUNK_END : 0, data, n);
}

void client_send_part(struct client *client, const void *data, size_t n)
{
    send_chunk(client, RRTO_CHUNK_OPS, 0, data, n);
}

uint64_t client_send(struct client *client, unsigned flags, const void *payload, size_t n_payload)
{
    uint64_t position = client->encoder.log.head;
    (void)rrto_record_encode(&client->encoder, RRTO_RECORD_NO_SOURCE, client->op.data, client->op.size, flags, NULL);
    rrto_record_close(&client->encoder);
    client_send_bytes(client, RRTO_CHUNK_OPS, client->encoder.out.data, client->encoder.out.size);
    rrto_buf_clear(&client->encoder.out);
    for (size_t at = 0; at < n_payload; at += 1 << 20) /* the payload in chunks of its own, cut anywhere */
        client_send_bytes(client, RRTO_CHUNK_OPS, (const uint8_t *)payload + at,
                          n_payload - at < 1 << 20 ? n_payload - at : 1 << 20);
    return position;
}

const struct answer *client_next(struct client *client)
{
    static struct answer answer;
    struct rrto_chunk chunk;
    answer.type = 0;
    answer.n = 0;
    int status = rrto_reader_chunk(&client->reader, TIMEOUT_MS, &chunk);
    if (status == RRTO_CLOSED)
        return &answer;
    assert_int_equal(status, RRTO_OK);
    assert_int_equal(rrto_reader_read(&client->reader, answer.data, chunk.n_bytes), RRTO_OK);
    size_t n_head = 0;
    answer.type = chunk.type;
    if (chunk.type == RRTO_CHUNK_REPLY) {
        struct rrto_reply_head head;
        assert_int_equal(rrto_reply_head_decode(answer.data, &head), RRTO_OK);
        answer.position = head.position;
        answer.status = head.status;
        answer.starved_us = head.starved_us;
        answer.library = head.library;
        answer.hash = head.audit_hash;
        n_head = RRTO_REPLY_HEAD_BYTES;
        answer.timed = head.flags & RRTO_REPLY_TIMES;
        if (answer.timed) {
            assert_true(chunk.n_bytes >= n_head + RRTO_REPLY_TIMES_BYTES);
            rrto_reply_times_decode(answer.data + n_head, &answer.times);
            n_head += RRTO_REPLY_TIMES_BYTES;
        }
    } else if (chunk.type == RRTO_CHUNK_DATA) {
        struct rrto_data_head head;
        rrto_data_head_decode(answer.data, &head);
        answer.position = head.position;
        answer.offset = head.offset;
        n_head = RRTO_DATA_HEAD_BYTES;
    } else if (chunk.type == RRTO_CHUNK_TEXT) {
        struct rrto_text_head head;
        assert_int_equal(rrto_text_head_decode(answer.data, &head), RRTO_OK);
        answer.status = head.fd;
        n_head = RRTO_TEXT_HEAD_BYTES;
    } else {
        struct rrto_error_head head;
        assert_int_equal(chunk.type, RRTO_CHUNK_ERROR);
        assert_int_equal(rrto_error_head_decode(answer.data, &head), RRTO_OK);
        answer.position = head.position;
        answer.status = head.code;
        answer.library = head.library;
        n_head = RRTO_ERROR_HEAD_BYTES;
    }
    answer.n = chunk.n_bytes - n_head;
    memmove(answer.data, answer.data + n_head, answer.n);
    answer.data[answer.n] = '\0';
    return &answer;
}

const struct answer *client_reply(struct client *client, uint64_t position, int32_t status)
{
    const struct answer *answer = client_next(client);
    if (answer->type == RRTO_CHUNK_ERROR)
        fail_msg("ERROR instead of REPLY: %s", (const char *)answer->data);
    assert_int_equal(answer->type, RRTO_CHUNK_REPLY);
    assert_int_equal(answer->position, position);
    assert_int_equal(answer->status, status);
    return answer;
}

void client_payload(struct client *client, uint64_t position, void *to, size_t n)
{
    for (size_t got = 0; got < n;) {
        const struct answer *answer = client_next(client);
        if (answer->type == RRTO_CHUNK_ERROR)
            fail_msg("ERROR instead of DATA: %s", (const char *)answer->data);
        assert_int_equal(answer->type, RRTO_CHUNK_DATA);
        assert_int_equal(answer->position, position);
        assert_int_equal(answer->offset, got);
        assert_true(answer->n <= n - got);
        memcpy((uint8_t *)to + got, answer->data, answer->n);
        got += answer->n;
    }
    client_reply(client, position, 0);
}

void client_error(struct client *client, uint8_t library, int32_t code, const char *part, bool ends)
{
    const struct answer *answer = client_next(client);
    assert_int_equal(answer->type, RRTO_CHUNK_ERROR);
    assert_int_equal(answer->library, library);
    assert_int_equal(answer->status, code);
    if (!strstr((const char *)answer->data, part))
        fail_msg("the text '%s' does not contain '%s'", (const char *)answer->data, part);
    if (ends)
        assert_int_equal(client_next(client)->type, 0);
}
