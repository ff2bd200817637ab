/* SPDX-License-Identifier: Apache-2.0 */
/* Control messages as C structs: the only place outside src/wire/control.c that knows their content. Encoded as
 * protobuf (control.proto). */
#ifndef RRTO_WIRE_CONTROL_H
#define RRTO_WIRE_CONTROL_H

#include "base/buf.h"
#include "wire/conn.h"

enum {
    RRTO_CONTROL_MAX_BYTES = 64 << 10,
    RRTO_CONTROL_MAX_CANDIDATES = 32,
    RRTO_CONTROL_N_ATTRIBUTES = 192,
};

struct rrto_control_range {
    uint64_t base, n_bytes;
};

/* Client to worker, once, right after the fixed-size hello. */
struct rrto_control_hello {
    bool plain;
    uint64_t log_bytes;          /* of past ops that both sides keep */
    uint32_t slot_kinds;         /* how both sides predict words: src/replay/slots.h */
    bool reply_times;            /* the REPLYs are to carry the server's times */
    uint64_t past_bytes;         /* of payloads that both sides keep for coded ones; 0: none are coded */
    uint64_t results_past_bytes; /* the same for payloads to the client */
    uint64_t results_stress;     /* tests: a seed, and all of these are coded, by any model; 0: no */
    uint64_t memory_wanted;      /* device memory in bytes; 0 = what the server grants */
    uint32_t n_candidates;
    struct rrto_control_range candidates[RRTO_CONTROL_MAX_CANDIDATES]; /* for the arena, the best first */
};

/* Worker to client: the answer. */
struct rrto_control_welcome {
    char device_name[256];
    uint8_t uuid[16];
    uint64_t total_memory;                         /* of the device */
    int32_t attributes[RRTO_CONTROL_N_ATTRIBUTES]; /* indexed by CUdevice_attribute */
    int32_t driver_version;
    uint64_t cublas_version, cublaslt_version, cudnn_version; /* 0: the library is not there */
    uint64_t arena_base, arena_bytes;                         /* address space */
    uint64_t memory;                                          /* granted: how much of it can be backed at a time */
    uint64_t fingerprint;                                     /* GPU, driver, library builds */
    bool soft;
    char compute[32]; /* "real", "skip" or "N ms" */
    uint64_t log_bytes;
    uint32_t n_gates; /* how many may be closed at a time; 0: the device's streams cannot wait for the host */
    uint64_t past_bytes, results_past_bytes; /* as agreed */
};

/* Worker to client instead of a Welcome: why there will be no session. */
struct rrto_control_refusal {
    int32_t status; /* an rrto_status */
    char text[512];
};

/* Client to worker, later: how fast payloads come, in bytes per ms; 0: as fast as they are read. */
struct rrto_control_link {
    uint64_t rate_down;
    bool probe; /* that cannot be told of coded ones: the next piece is to come as it is */
};

struct rrto_control {
    enum { RRTO_CONTROL_HELLO, RRTO_CONTROL_WELCOME, RRTO_CONTROL_REFUSAL, RRTO_CONTROL_LINK } kind;
    union {
        struct rrto_control_hello hello;
        struct rrto_control_welcome welcome;
        struct rrto_control_refusal refusal;
        struct rrto_control_link link;
    };
};

/* Appends the encoded message (without a chunk header) to out. RRTO_NO_MEMORY, RRTO_TOO_LARGE. */
int rrto_control_encode(struct rrto_buf *out, const struct rrto_control *control);
/* RRTO_PROTOCOL for anything that is not a valid message, or none of these. Unknown fields are ignored. */
int rrto_control_decode(const void *data, size_t n, struct rrto_control *ret_control);

/* Sends one message as a CONTROL chunk / reads one chunk, which has to be a CONTROL chunk. */
int rrto_control_send(struct rrto_conn *conn, const struct rrto_control *control, int timeout_ms);
int rrto_control_receive(struct rrto_conn *conn, struct rrto_control *ret_control, int timeout_ms);

/* The client's side: sends hello, waits for the welcome. A refusal becomes its status, and its sentence stands in
 * ret_why. */
int rrto_control_open(struct rrto_conn *conn, const struct rrto_control_hello *hello, int timeout_ms,
                      struct rrto_control_welcome *ret_welcome, char *ret_why, size_t n_why);

#endif
