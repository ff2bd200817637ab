/* SPDX-License-Identifier: Apache-2.0 */
/* Least squares through the normal equations: at most six unknowns, columns scaled to length 1, so that a pivot tells
 * what share of a state is not explained by those before it. */
#include "energy/fit.h"

#include <math.h>

enum { N = RRTO_ENERGY_STATES };
static const double least_pivot = 1e-6;

struct system {
    size_t n; /* unknowns */
    enum rrto_energy_state state[N];
    double scale[N]; /* lengths of the columns */
    double a[N][N], inverse[N][N], b[N];
};

static void build(struct system *system, const struct rrto_energy_window *windows, size_t n)
{
    for (size_t s = 0; s < N; s++) {
        double square = 0;
        for (size_t w = 0; w < n; w++)
            square += windows[w].seconds[s] * windows[w].seconds[s];
        if (square > 0) {
            system->state[system->n] = (enum rrto_energy_state)s;
            system->scale[system->n++] = sqrt(square);
        }
    }
    for (size_t i = 0; i < system->n; i++) {
        size_t s = system->state[i];
        for (size_t w = 0; w < n; w++)
            system->b[i] += windows[w].seconds[s] * windows[w].joules / system->scale[i];
        for (size_t j = 0; j < system->n; j++)
            for (size_t w = 0; w < n; w++)
                system->a[i][j] += windows[w].seconds[s] * windows[w].seconds[system->state[j]] /
                                   (system->scale[i] * system->scale[j]);
    }
}

/* Gauss and Jordan, without exchanges: the matrix is positive definite, or else the pivot tells. Returns the row that
 * fails, or n. */
static size_t invert(struct system *system)
{
    double a[N][N];
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < N; j++) {
            a[i][j] = system->a[i][j];
            system->inverse[i][j] = i == j;
        }
    for (size_t k = 0; k < system->n; k++) {
        double pivot = a[k][k];
        if (!(pivot > least_pivot))
            return k;
        for (size_t j = 0; j < system->n; j++) {
            a[k][j] /= pivot;
            system->inverse[k][j] /= pivot;
        }
        for (size_t i = 0; i < system->n; i++) {
            double factor = a[i][k];
            for (size_t j = 0; i != k && j < system->n; j++) {
                a[i][j] -= factor * a[k][j];
                system->inverse[i][j] -= factor * system->inverse[k][j];
            }
        }
    }
    return system->n;
}

static double left_over(const struct rrto_energy_window *windows, size_t n, const struct rrto_energy_fit *fit)
{
    double sum = 0;
    for (size_t w = 0; w < n; w++) {
        double rest = windows[w].joules;
        for (size_t s = 0; s < N; s++)
            rest -= fit->watts[s] * windows[w].seconds[s];
        sum += rest * rest;
    }
    return sum;
}

enum rrto_status rrto_energy_fit(const struct rrto_energy_window *windows, size_t n, struct rrto_energy_fit *ret_fit,
                                 char *why, size_t n_why)
{
    struct system system = {0};
    struct rrto_energy_fit fit = {0};
    build(&system, windows, n);
    if (system.n == 0 || n < system.n) {
        snprintf(why, n_why, "%zu windows are too few for %zu states", n, system.n);
        return RRTO_INVALID;
    }
    size_t failed = invert(&system);
    if (failed < system.n) {
        snprintf(why, n_why, "the state %s cannot be told apart from the others: it needs windows of its own",
                 rrto_energy_state_name(system.state[failed]));
        return RRTO_INVALID;
    }
    for (size_t i = 0; i < system.n; i++) {
        enum rrto_energy_state state = system.state[i];
        fit.known[state] = true;
        for (size_t j = 0; j < system.n; j++)
            fit.watts[state] += system.inverse[i][j] * system.b[j] / system.scale[i];
    }
    double rest = left_over(windows, n, &fit);
    fit.rms_joules = sqrt(rest / (double)n);
    for (size_t i = 0; i < system.n; i++) {
        enum rrto_energy_state state = system.state[i];
        if (n > system.n)
            fit.error_watts[state] = sqrt(rest / (double)(n - system.n) * system.inverse[i][i]) / system.scale[i];
        if (!(fit.watts[state] > 0)) {
            snprintf(why, n_why, "the state %s comes out at %.3f W: the windows do not fit together",
                     rrto_energy_state_name(state), fit.watts[state]);
            return RRTO_MISMATCH;
        }
    }
    *ret_fit = fit;
    return RRTO_OK;
}
