/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and writes device profiles, and makes joules of them. */
#include "energy/profile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_PATH = 1024 };
static const double max_watts = 10000;

static const char *const state_names[] = {
#define X(name, text) [RRTO_ENERGY_##name] = text,
    RRTO_ENERGY_STATE_LIST(X)
#undef X
};
static const char *const origin_names[] = {
    [RRTO_ENERGY_PUBLISHED] = "published",
    [RRTO_ENERGY_CALIBRATED] = "calibrated",
    [RRTO_ENERGY_ASSUMED] = "assumed",
};

const char *rrto_energy_state_name(enum rrto_energy_state state)
{
    return state_names[state];
}

const char *rrto_energy_origin_name(enum rrto_energy_origin origin)
{
    return origin_names[origin];
}

/* The number of a name in a list, or n. */
static size_t find(const char *const *names, size_t n, const char *name)
{
    size_t i = 0;
    while (i < n && strcmp(names[i], name) != 0)
        i++;
    return i;
}

/* The next word of a line, which it cuts off. */
static char *word(char **line)
{
    *line += strspn(*line, " \t");
    char *begin = *line;
    *line += strcspn(*line, " \t");
    if (**line)
        *(*line)++ = '\0';
    *line += strspn(*line, " \t");
    return begin;
}

/* `device NAME`, or `STATE WATTS ORIGIN: SOURCE`. NULL, or what is wrong. */
static const char *read_line(struct rrto_energy_profile *profile, char *line, bool seen[RRTO_ENERGY_STATES])
{
    char *end;
    char *name = word(&line);
    if (!*name || *name == '#')
        return NULL;
    if (strcmp(name, "device") == 0) {
        snprintf(profile->device, sizeof profile->device, "%s", line);
        return *line ? NULL : "a device has a name";
    }
    size_t state = find(state_names, RRTO_ENERGY_STATES, name);
    if (state == RRTO_ENERGY_STATES)
        return "a line begins with device or a state (idle, dispatch, transmit, receive, wait, compute)";
    if (seen[state])
        return "this state has been there";
    char *watts = word(&line), *origin = word(&line);
    profile->states[state].watts = strtod(watts, &end);
    if (end == watts || *end || !(profile->states[state].watts > 0 && profile->states[state].watts <= max_watts))
        return "STATE WATTS ORIGIN: SOURCE, with watts above 0";
    size_t n = strlen(origin);
    if (n == 0 || origin[n - 1] != ':')
        return "the origin (published:, calibrated:, assumed:) stands behind the watts";
    origin[n - 1] = '\0';
    size_t kind = find(origin_names, RRTO_ENERGY_ORIGINS, origin);
    if (kind == RRTO_ENERGY_ORIGINS)
        return "the origin is published, calibrated or assumed";
    if (!*line)
        return "a constant has a source";
    profile->states[state].origin = (enum rrto_energy_origin)kind;
    snprintf(profile->states[state].source, sizeof profile->states[state].source, "%s", line);
    seen[state] = true;
    return NULL;
}

enum rrto_status rrto_energy_profile_read(struct rrto_energy_profile *profile, const char *path, char *why,
                                          size_t n_why)
{
    char line[512];
    bool seen[RRTO_ENERGY_STATES] = {false};
    const char *wrong = NULL;
    size_t n = 0;
    FILE *file = fopen(path, "re");
    if (!file) {
        snprintf(why, n_why, "%s cannot be read: %m", path);
        return errno == ENOENT ? RRTO_NOT_FOUND : RRTO_IO;
    }
    *profile = (struct rrto_energy_profile){0};
    while (!wrong && fgets(line, sizeof line, file)) {
        n++;
        line[strcspn(line, "\r\n")] = '\0';
        wrong = read_line(profile, line, seen);
    }
    fclose(file);
    for (size_t i = 0; !wrong && i < RRTO_ENERGY_STATES; i++)
        if (!seen[i]) {
            snprintf(why, n_why, "%s: the state %s is missing", path, state_names[i]);
            return RRTO_INVALID;
        }
    if (!wrong && !*profile->device)
        wrong = "the device's name is missing";
    if (!wrong)
        return RRTO_OK;
    snprintf(why, n_why, "%s:%zu: %s", path, n, wrong);
    return RRTO_INVALID;
}

enum rrto_status rrto_energy_profile_find(struct rrto_energy_profile *profile, const char *name, const char *folder,
                                          char *why, size_t n_why)
{
    char path[MAX_PATH];
    if (strchr(name, '/') || access(name, R_OK) == 0)
        return rrto_energy_profile_read(profile, name, why, n_why);
    if ((size_t)snprintf(path, sizeof path, "%s/%s.profile", folder, name) < sizeof path && access(path, R_OK) == 0)
        return rrto_energy_profile_read(profile, path, why, n_why);
    snprintf(why, n_why, "'%s' is no file, and there is no %s.profile in %s", name, name, folder);
    return RRTO_NOT_FOUND;
}

bool rrto_energy_profile_write(const struct rrto_energy_profile *profile, FILE *file)
{
    fprintf(file, "device %s\n", profile->device);
    for (size_t i = 0; i < RRTO_ENERGY_STATES; i++)
        fprintf(file, "%-8s %.3f %s: %s\n", state_names[i], profile->states[i].watts,
                origin_names[profile->states[i].origin], profile->states[i].source);
    return !ferror(file);
}

struct rrto_energy_figure rrto_energy_model(const struct rrto_energy_profile *profile,
                                            const double seconds[RRTO_ENERGY_STATES])
{
    struct rrto_energy_figure figure = {.idle_watts = profile->states[RRTO_ENERGY_IDLE].watts,
                                        .basis = RRTO_ENERGY_MODELLED};
    for (size_t i = 0; i < RRTO_ENERGY_STATES; i++) {
        figure.joules += profile->states[i].watts * seconds[i];
        figure.seconds += seconds[i];
    }
    figure.net_joules = figure.joules - figure.idle_watts * figure.seconds;
    return figure;
}

double rrto_energy_model_share(const struct rrto_energy_profile *profile, const double seconds[RRTO_ENERGY_STATES],
                               enum rrto_energy_origin origin)
{
    double all = 0, share = 0;
    for (size_t i = 0; i < RRTO_ENERGY_STATES; i++) {
        all += profile->states[i].watts * seconds[i];
        if (profile->states[i].origin == origin)
            share += profile->states[i].watts * seconds[i];
    }
    return all > 0 ? share / all : 0;
}
