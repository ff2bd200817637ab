/* SPDX-License-Identifier: Apache-2.0 */
/* What the sockets themselves cost: a thread that sends back what it gets. */
#ifndef RRTO_BENCH_ECHO_H
#define RRTO_BENCH_ECHO_H

#include <stdbool.h>
#include <stddef.h>

/* n exchanges of 64 bytes over a unix socket pair or loopback TCP; ns of each into samples. False: no socket. */
bool bench_echo(bool tcp, double *samples, size_t n);

#endif
