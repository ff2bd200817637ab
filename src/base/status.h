/* SPDX-License-Identifier: Apache-2.0 */
/* The one error type: number, name and text of each status stand in one list. */
#ifndef RRTO_BASE_STATUS_H
#define RRTO_BASE_STATUS_H

#define RRTO_STATUS_LIST(X)                                                                                            \
    X(OK, 0, "success")                                                                                                \
    X(NO_MEMORY, -1, "out of memory")                                                                                  \
    X(INVALID, -2, "invalid argument")                                                                                 \
    X(TRUNCATED, -3, "input ends too early")                                                                           \
    X(TOO_LARGE, -4, "over a stated limit")                                                                            \
    X(PROTOCOL, -5, "the peer broke the protocol")                                                                     \
    X(IO, -6, "input/output error")                                                                                    \
    X(CLOSED, -7, "connection closed")                                                                                 \
    X(TIMEOUT, -8, "timed out")                                                                                        \
    X(MISMATCH, -9, "versions or contents differ")                                                                     \
    X(REFUSED, -10, "refused")                                                                                         \
    X(NOT_FOUND, -11, "not found")                                                                                     \
    X(UNSUPPORTED, -12, "not supported")                                                                               \
    X(LOST, -13, "the session is lost")

enum rrto_status {
#define X(name, number, text) RRTO_##name = number,
    RRTO_STATUS_LIST(X)
#undef X
};

/* Name ("RRTO_IO") and text of a status; never NULL. Any thread. */
const char *rrto_status_name(int status);
const char *rrto_status_text(int status);

#endif
