/* SPDX-License-Identifier: Apache-2.0 */
/* A session that does nothing but ask the server how it is: for rrto doctor. */
#ifndef RRTO_CLI_PING_H
#define RRTO_CLI_PING_H

#include "wire/control.h"

struct rrto_ping_result {
    struct rrto_control_welcome welcome;
    uint64_t connect_ns;    /* connecting, hello and the worker's welcome */
    uint64_t round_trip_ns; /* median of the exchanges */
};

/* Opens a session with server, exchanges n ping ops (odd, at most 99), and leaves politely. Blocks. Returns an
 * rrto_status; ret_why gets one sentence when it is not RRTO_OK. */
int rrto_ping(const char *server, int timeout_ms, int n, struct rrto_ping_result *ret_result, char *ret_why,
              size_t n_why);

#endif
