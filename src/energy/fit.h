/* SPDX-License-Identifier: Apache-2.0 */
/* The power of each state from measured windows: least squares. Pure. */
#ifndef RRTO_ENERGY_FIT_H
#define RRTO_ENERGY_FIT_H

#include "energy/profile.h"

/* What was measured: so many joules while so many seconds were spent in each state. */
struct rrto_energy_window {
    double seconds[RRTO_ENERGY_STATES];
    double joules;
};

struct rrto_energy_fit {
    double watts[RRTO_ENERGY_STATES];
    double error_watts[RRTO_ENERGY_STATES]; /* standard error; 0 with no more windows than states */
    bool known[RRTO_ENERGY_STATES];         /* false: the state did not occur, watts is 0 */
    double rms_joules;                      /* of what the fit leaves over, for a window */
};

/* Minimises the sum of (joules - sum of watts * seconds)^2. RRTO_INVALID: too few windows, or two states occur only
 * together; RRTO_MISMATCH: a state comes out at 0 W or less. why gets one sentence that names the state. */
enum rrto_status rrto_energy_fit(const struct rrto_energy_window *windows, size_t n, struct rrto_energy_fit *ret_fit,
                                 char *why, size_t n_why);

#endif
