/* SPDX-License-Identifier: Apache-2.0 */
/* The activities of rrto bench calibrate that need another machine: bytes that go to it, come from it, and answers that
 * are waited for. The other machine runs `rrto bench calibrate --serve`. Blocking sockets. */
#ifndef RRTO_CLI_CALIBRATE_H
#define RRTO_CLI_CALIBRATE_H

#include "energy/profile.h"

#include <stdint.h>

/* Keeps one of transmit, receive and wait up until deadline_ns (CLOCK_MONOTONIC), over a connection of its own. False,
 * with one sentence in why: the peer cannot be reached, or is silent for 5 s. */
bool rrto_calibrate_talk(const char *peer, enum rrto_energy_state state, uint64_t deadline_ns, char *why, size_t n_why);

/* Serves connections, one after the other, for good; says where it listens on standard output. Returns when listening
 * fails, with one sentence in why. */
void rrto_calibrate_serve(const char *address, char *why, size_t n_why);

uint64_t rrto_calibrate_now(void); /* CLOCK_MONOTONIC in ns */

#endif
