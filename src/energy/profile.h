/* SPDX-License-Identifier: Apache-2.0 */
/* A device profile: what a device draws in each state that a client of rrto is in, each constant with its source.
 * Joules from it are modelled, not measured, and every figure says so. The format: docs/energy.md. */
#ifndef RRTO_ENERGY_PROFILE_H
#define RRTO_ENERGY_PROFILE_H

#include "energy/meter.h"

#include <stdio.h>

/* What the client is doing, one thing at a time. */
#define RRTO_ENERGY_STATE_LIST(X)                                                                                      \
    X(IDLE, "idle")         /* nothing of the application runs */                                                      \
    X(DISPATCH, "dispatch") /* the application issues its calls */                                                     \
    X(TRANSMIT, "transmit") /* bytes leave, nothing else happens */                                                    \
    X(RECEIVE, "receive")   /* bytes arrive */                                                                         \
    X(WAIT, "wait")         /* for the link or the server */                                                           \
    X(COMPUTE, "compute")   /* the inference, on this device */

enum rrto_energy_state {
#define X(name, text) RRTO_ENERGY_##name,
    RRTO_ENERGY_STATE_LIST(X)
#undef X
        RRTO_ENERGY_STATES
};
const char *rrto_energy_state_name(enum rrto_energy_state state);

/* Where a constant comes from. */
enum rrto_energy_origin { RRTO_ENERGY_PUBLISHED, RRTO_ENERGY_CALIBRATED, RRTO_ENERGY_ASSUMED, RRTO_ENERGY_ORIGINS };
const char *rrto_energy_origin_name(enum rrto_energy_origin origin); /* "published", "calibrated", "assumed" */

struct rrto_energy_profile {
    char device[80];
    struct {
        double watts;
        enum rrto_energy_origin origin;
        char source[240];
    } states[RRTO_ENERGY_STATES];
};

/* Reads a file. RRTO_NOT_FOUND, RRTO_IO, RRTO_INVALID (a line, or a state is missing), with one sentence in why. */
enum rrto_status rrto_energy_profile_read(struct rrto_energy_profile *profile, const char *path, char *why,
                                          size_t n_why);
/* NAME (FOLDER/NAME.profile) or a file. */
enum rrto_status rrto_energy_profile_find(struct rrto_energy_profile *profile, const char *name, const char *folder,
                                          char *why, size_t n_why);
/* In the format that is read. False: a write failed. */
bool rrto_energy_profile_write(const struct rrto_energy_profile *profile, FILE *file);

/* The joules of a run that spent so many seconds in each state; net of the profile's idle. */
struct rrto_energy_figure rrto_energy_model(const struct rrto_energy_profile *profile,
                                            const double seconds[RRTO_ENERGY_STATES]);
/* The share of those joules that rests on constants of this origin, 0 to 1. */
double rrto_energy_model_share(const struct rrto_energy_profile *profile, const double seconds[RRTO_ENERGY_STATES],
                               enum rrto_energy_origin origin);

#endif
