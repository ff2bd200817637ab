/* SPDX-License-Identifier: Apache-2.0 */
/* A server in a thread: decodes the record stream, keeps every op, answers as told. And a vocabulary of its own. */
#ifndef RRTO_TESTS_FAKE_SERVER_H
#define RRTO_TESTS_FAKE_SERVER_H

#include "../test.h"

#include "replay/session.h"

enum fake_op {
    FAKE_WORK = 1, /* u32 stream, u32 kernel, 32 bytes of arguments */
    FAKE_H2D,      /* u64 bytes, u32 stream */
    FAKE_D2H,      /* u64 bytes, u32 stream */
    FAKE_SYNC,     /* u32 stream */
    FAKE_QUESTION, /* u64: memo */
    FAKE_CHECKED,  /* u64 key, u64 other */
    FAKE_DEVICE_SYNC,
    FAKE_STREAM_CREATE, /* u32 */
    FAKE_HIDDEN,        /* u32 stream: infallible, invisible */
    FAKE_CLOSE,         /* u32 stream: a gate */
    FAKE_OPEN,
    FAKE_N
};
const struct rrto_optable *fake_optable(void);
/* The same, but all ops have one token. */
const struct rrto_optable *fake_optable_colliding(void);

struct fake_received {
    uint16_t number;
    size_t n;
    uint8_t bytes[64];
    bool wait, predicted;
    uint64_t payload_hash;
};

struct fake_server {
    int fd; /* the client's end */
    pthread_t thread;
    struct rrto_conn conn;
    struct rrto_record_decoder *decoder;
    /* behaviour, set before fake_start */
    uint64_t fail_at;  /* ERROR instead of executing this position; UINT64_MAX: never */
    uint64_t close_at; /* close instead */
    int32_t checked_status;
    bool hold;                            /* subscriptions are answered when fake_release is called only */
    uint32_t starved_us;                  /* what replies say; an atomic, may change any time */
    const struct rrto_reply_times *times; /* what replies say besides; NULL: nothing */
    bool times_cut;                       /* they say so, and end before it */
    uint32_t n_texts;    /* TEXT chunks of 1 MiB ahead of the reply to a FAKE_DEVICE_SYNC: all a, all b ... */
    uint64_t past_bytes; /* coded payloads are accepted */
    uint16_t link_rate;  /* what replies say once a payload has come; an atomic */
    uint32_t read_delay; /* do not read until fake_release: the client's way out fills up */
    /* results; the test looks after fake_stop */
    struct fake_received *ops;
    size_t n_ops, n_subscriptions, n_stream_bytes, n_frames, n_chunks;
    size_t n_links, n_probes; /* Links, and those that ask for a payload as it is */
    uint64_t link_said;       /* the last one's rate */
    int status;               /* of the decoder */
    bool ended;
    uint64_t hash, n_measured; /* n_measured: of n_stream_bytes, at the last reply */
    /* a byte in releases one held thing */
    int release[2];
    uint8_t *staging;
};

void fake_init(struct fake_server *server);
void fake_start(struct fake_server *server);
void fake_release(struct fake_server *server);
/* Waits for the end of the stream. */
void fake_stop(struct fake_server *server);
void fake_fini(struct fake_server *server);

#endif
