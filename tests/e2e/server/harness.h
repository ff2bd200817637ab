/* SPDX-License-Identifier: Apache-2.0 */
/* Starts rrtod, and is a client of it that may misbehave. */
#ifndef RRTO_TESTS_E2E_SERVER_HARNESS_H
#define RRTO_TESTS_E2E_SERVER_HARNESS_H

#include "gen/ops.h"
#include "replay/record.h"
#include "wire/control.h"
#include "wire/frame.h"
#include "wire/reader.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Where the arena may lie: two ranges. ThreadSanitizer allows few (src/replay/claim.c). */
#ifdef __SANITIZE_THREAD__
#define ARENA_BASE ((uint64_t)0x7e8000000000)
#define ARENA_BASE_2 ((uint64_t)0x7ec000000000)
#else
#define ARENA_BASE ((uint64_t)0x200000000000)
#define ARENA_BASE_2 ((uint64_t)0x300000000000)
#endif
#define ARENA_BYTES ((uint64_t)1 << 36)

struct server {
    pid_t pid;
    char folder[40], address[100]; /* unix:... */
};

/* Starts rrtod on a unix socket of its own with further arguments (NULL-terminated, may be NULL); waits until it
 * listens. */
void server_start(struct server *server, const char *const *arguments);
/* SIGTERM, then the exit status (-1: it did not end within 10 s and was killed). */
int server_stop(struct server *server);
/* Waits for the end (at most 10 s); exit status, 128 + signal, or -1. */
int wait_for_end(pid_t pid);
/* The program with arguments; *ret_out gets stdout and stderr together (the caller frees). Returns its exit status. */
int run_rrtod(const char *const *arguments, char **ret_out);
/* How many descriptors a process has open. */
int count_descriptors(pid_t pid);
/* A child of the process, 0 when there is none. Waits until there are `wanted` of them; after 5 s in vain: 0, or -1
 * where none was wanted. */
pid_t find_worker(pid_t parent, int wanted);

/* What a client asks for, though nothing is coded for it: it tells nothing of its link. */
enum { CLIENT_RESULTS_PAST_BYTES = 1 << 20 };

struct client {
    struct rrto_conn conn;
    struct rrto_reader reader;
    struct rrto_record_encoder encoder;
    struct rrto_control_welcome welcome;
    struct rrto_buf op; /* the op being packed */
};

/* A raw connection, nothing sent. */
void client_connect(struct client *client, const struct server *server);
/* Hello and Hello message; asserts success. memory: 0 = what is granted. timed: REPLYs are to carry times. */
void client_open(struct client *client, const struct server *server, uint64_t memory);
/* The same, of a client that speaks an older minor version of the protocol. */
void client_open_as(struct client *client, const struct server *server, uint64_t memory, uint16_t minor);
void client_open_timed(struct client *client, const struct server *server, uint64_t memory, bool timed);
void client_close(struct client *client);

/* Appends the op packed in client->op to the record stream and sends it (one frame). payload: of an `up` op, else NULL.
 * Returns its position. */
uint64_t client_send(struct client *client, unsigned flags, const void *payload, size_t n_payload);
/* Packs with rrto_pack_<op> and sends. */
#define PACK(client, name, ...)                                                                                        \
    (rrto_buf_clear(&(client)->op), (void)rrto_pack_##name(&(client)->op, &(struct rrto_args_##name){__VA_ARGS__}))
#define SEND(client, name, flags, ...) (PACK(client, name, __VA_ARGS__), client_send((client), (flags), NULL, 0))
#define SEND_PAYLOAD(client, name, flags, payload, n_payload, ...)                                                     \
    (PACK(client, name, __VA_ARGS__), client_send((client), (flags) | RRTO_RECORD_PAYLOAD, (payload), (n_payload)))
/* Bytes as one OPS chunk, whatever they are. */
void client_send_bytes(struct client *client, uint8_t type, const void *data, size_t n);

/* The same, of a frame that goes on. */
void client_send_part(struct client *client, const void *data, size_t n);

struct answer {
    uint8_t type; /* 0: the connection ended */
    uint64_t position, offset, hash;
    int32_t status; /* of TEXT: the descriptor */
    uint8_t library;
    bool timed;
    uint32_t starved_us;
    struct rrto_reply_times times;
    size_t n; /* of data: reply fields, payload or text */
    uint8_t data[RRTO_CHUNK_MAX_BYTES + 1];
};
/* The next chunk from the server; waits up to 10 s. The result is valid until the next call. */
const struct answer *client_next(struct client *client);
/* Expects a REPLY for position with this status, and returns it. */
const struct answer *client_reply(struct client *client, uint64_t position, int32_t status);
/* Receives a whole payload (DATA chunks) and its REPLY. */
void client_payload(struct client *client, uint64_t position, void *to, size_t n);
/* Expects ERROR with this library and code (position is not judged), text containing `part`, then the connection's end
 * if `ends`. */
void client_error(struct client *client, uint8_t library, int32_t code, const char *part, bool ends);

#endif
