/* SPDX-License-Identifier: Apache-2.0 */
/* What an energy model gets of one inference: how long the client's machine was in which state, in seconds. The states
 * follow each other, so they add up to the inference. Joules = sum of seconds times the state's watts. */
#ifndef RRTO_CLI_BENCH_STATES_H
#define RRTO_CLI_BENCH_STATES_H

struct rrto_bench_states {
    double dispatch_s;      /* the application ran */
    double transmit_s;      /* it waited while bytes left */
    double receive_s;       /* it waited while an output came */
    double wait_s;          /* it waited for the link's latency and the server */
    double local_compute_s; /* it computed here: mode cpu */
};

#endif
