/* SPDX-License-Identifier: Apache-2.0 */
/* The fixed-size hello, chunk headers and the fixed heads of chunk payloads, as docs/wire.md lays them out. Encoders
 * write into memory of the caller; decoders check everything and write their results on success only. No allocation,
 * any thread. */
#ifndef RRTO_WIRE_FRAME_H
#define RRTO_WIRE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RRTO_WIRE_MAJOR = 2, /* must be equal on both sides */
    RRTO_WIRE_MINOR = 2, /* the smaller of both is spoken */
    RRTO_WIRE_MINOR_TEXT = 1,
    RRTO_WIRE_MINOR_CODING = 2,
    RRTO_HELLO_BYTES = 64,
    RRTO_CHUNK_HEADER_BYTES = 8,
    RRTO_CHUNK_MAX_BYTES = 4 << 20,
    RRTO_REPLY_HEAD_BYTES = 28,
    RRTO_REPLY_TIMES_BYTES = 12,
    RRTO_REPLY_CODING_BYTES = 4,
    RRTO_DATA_HEAD_BYTES = 16,
    RRTO_CODED_HEAD_BYTES = 24,
    RRTO_RESULT_MAX_BYTES = 1 << 20, /* of a payload, in one coded piece */
    RRTO_ERROR_HEAD_BYTES = 16,
    RRTO_SUBSCRIBE_BYTES = 8,
    RRTO_TEXT_HEAD_BYTES = 16,
};

enum rrto_hello_flags {
    RRTO_HELLO_PLAIN = 1 << 0, /* the client runs in plain mode: the server has to be the soft device */
};

struct rrto_hello {
    uint16_t major, minor;
    uint32_t flags;
    uint32_t pid;
    char build[17]; /* NUL-terminated */
};
void rrto_hello_encode(uint8_t out[RRTO_HELLO_BYTES], const struct rrto_hello *hello);
/* RRTO_PROTOCOL: not our magic, or reserved bytes that are not zero. The versions are not judged here. */
int rrto_hello_decode(const uint8_t in[RRTO_HELLO_BYTES], struct rrto_hello *ret_hello);

struct rrto_hello_answer {
    uint16_t major, minor;
    int32_t status; /* 0 = go on, else an rrto_status */
    char text[53];  /* one sentence, NUL-terminated; cut at 52 bytes */
};
void rrto_hello_answer_encode(uint8_t out[RRTO_HELLO_BYTES], const struct rrto_hello_answer *answer);
int rrto_hello_answer_decode(const uint8_t in[RRTO_HELLO_BYTES], struct rrto_hello_answer *ret_answer);

enum rrto_chunk_type {
    RRTO_CHUNK_CONTROL = 1,
    RRTO_CHUNK_OPS = 2,
    RRTO_CHUNK_REPLY = 3,
    RRTO_CHUNK_DATA = 4,
    RRTO_CHUNK_ERROR = 5,
    RRTO_CHUNK_SUBSCRIBE = 6,
    RRTO_CHUNK_TEXT = 7,
    RRTO_CHUNK_CODED = 8,
};
enum rrto_chunk_flags { RRTO_CHUNK_END = 1 << 0 };

struct rrto_chunk {
    uint32_t n_bytes; /* of payload that follow the header */
    uint8_t type, flags;
};
void rrto_chunk_encode(uint8_t out[RRTO_CHUNK_HEADER_BYTES], const struct rrto_chunk *chunk);
/* RRTO_PROTOCOL: unknown type or flag, non-zero padding, a payload shorter than the fixed head of its type;
 * RRTO_TOO_LARGE. */
int rrto_chunk_decode(const uint8_t in[RRTO_CHUNK_HEADER_BYTES], struct rrto_chunk *ret_chunk);

/* The library that a status belongs to, in REPLY and ERROR. */
enum rrto_wire_library {
    RRTO_WIRE_PROTOCOL = 0,
    RRTO_WIRE_CUDA = 1,
    RRTO_WIRE_CUBLAS = 2,
    RRTO_WIRE_CUBLASLT = 3,
    RRTO_WIRE_CUDNN = 4,
};
/* "" for RRTO_WIRE_PROTOCOL and unknown numbers; RRTO_WIRE_PROTOCOL for unknown names ("ops" means cuda). */
const char *rrto_wire_library_name(uint8_t library);
uint8_t rrto_wire_library_number(const char *name);

enum rrto_reply_flags {
    RRTO_REPLY_TIMES = 1 << 0,  /* struct rrto_reply_times follows the head */
    RRTO_REPLY_CODING = 1 << 1, /* then u32: us that decoding payloads has taken since the last REPLY */
};

/* REPLY: this head, then what the flags say, then the reply fields. */
struct rrto_reply_head {
    uint64_t position;
    uint64_t audit_hash; /* after the op at position */
    int32_t status;      /* of the op at position: the vendor's, or < 0 an rrto_status */
    uint8_t library;
    uint8_t flags;      /* enum rrto_reply_flags */
    uint16_t link_rate; /* at which the last large payload came, in 100 kB/s; 0: none; 65,535: as fast as it was read */
    uint32_t starved_us; /* how long the executor waited inside open frames since the last reply */
};
void rrto_reply_head_encode(uint8_t out[RRTO_REPLY_HEAD_BYTES], const struct rrto_reply_head *head);
int rrto_reply_head_decode(const uint8_t in[RRTO_REPLY_HEAD_BYTES], struct rrto_reply_head *ret_head);

/* What the server measured for the op that is replied to, on its own clock: durations, so that the two clocks are never
 * compared. The largest number stands for everything above it. */
struct rrto_reply_times {
    uint32_t arriving_us; /* from the first byte since the REPLY before to the last one that had to be waited for */
    uint32_t queue_us;    /* from there until work on it began */
    uint32_t compute_us;  /* from there until it was done */
};
void rrto_reply_times_encode(uint8_t out[RRTO_REPLY_TIMES_BYTES], const struct rrto_reply_times *times);
void rrto_reply_times_decode(const uint8_t in[RRTO_REPLY_TIMES_BYTES], struct rrto_reply_times *ret_times);

/* DATA: this head, then the bytes. */
struct rrto_data_head {
    uint64_t position;
    uint64_t offset; /* of these bytes in the op's payload */
};
void rrto_data_head_encode(uint8_t out[RRTO_DATA_HEAD_BYTES], const struct rrto_data_head *head);
void rrto_data_head_decode(const uint8_t in[RRTO_DATA_HEAD_BYTES], struct rrto_data_head *ret_head);

/* CODED: this head, then the next bytes of the coded piece. */
struct rrto_coded_head {
    uint64_t position;
    uint64_t offset;    /* of the piece in the op's payload */
    uint32_t n_bytes;   /* of the payload that the piece is, 1 to RRTO_RESULT_MAX_BYTES */
    uint32_t coding_us; /* that coding the piece has taken so far */
};
void rrto_coded_head_encode(uint8_t out[RRTO_CODED_HEAD_BYTES], const struct rrto_coded_head *head);
/* RRTO_PROTOCOL: n_bytes out of range. */
int rrto_coded_head_decode(const uint8_t in[RRTO_CODED_HEAD_BYTES], struct rrto_coded_head *ret_head);

/* ERROR: this head, then the text (not NUL-terminated). */
struct rrto_error_head {
    uint64_t position;
    int32_t code;
    uint8_t library;
};
void rrto_error_head_encode(uint8_t out[RRTO_ERROR_HEAD_BYTES], const struct rrto_error_head *head);
int rrto_error_head_decode(const uint8_t in[RRTO_ERROR_HEAD_BYTES], struct rrto_error_head *ret_head);

void rrto_subscribe_encode(uint8_t out[RRTO_SUBSCRIBE_BYTES], uint64_t position);
uint64_t rrto_subscribe_decode(const uint8_t in[RRTO_SUBSCRIBE_BYTES]);

/* TEXT: this head, then the bytes. */
struct rrto_text_head {
    uint8_t fd;      /* 1: standard output, 2: standard error */
    uint64_t n_lost; /* bytes of the same descriptor that are lost, before these or right behind them */
};
void rrto_text_head_encode(uint8_t out[RRTO_TEXT_HEAD_BYTES], const struct rrto_text_head *head);
int rrto_text_head_decode(const uint8_t in[RRTO_TEXT_HEAD_BYTES], struct rrto_text_head *ret_head);

#endif
