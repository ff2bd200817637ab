/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the description of a link: a table of keys, and one function for each kind of value. */
#include "cli/link/spec.h"

#include "cli/doors.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_TEXT = 4096 };
static const double ms = 1e6, second = 1e9, mbit = 1e6;
static const uint64_t default_rto_ns = 200000000; /* Linux's least retransmission time-out, TCP_RTO_MIN */

enum kind { DELAY, RATE, JITTER, LOSS, RTO, STALL, TRACE, SEED, OFFSET, AFTER };

static const struct {
    struct rrto_link_key key;
    double max;
} keys[] = {
    [DELAY] = {{"delay", "MS", "one way", true}, 60000},
    [RATE] = {{"rate", "MBIT", "per second; 0: unlimited", true}, 100000},
    [JITTER] = {{"jitter", "MS", "up to so much later, drawn for each 10 ms; the order is kept", true}, 60000},
    [LOSS] = {{"loss", "PERCENT", "of packets of 1,500 bytes: they and what is behind arrive the rto later", true}, 90},
    [RTO] = {{"rto", "MS", "what a loss costs (200); doubles for each further loss of the same packet", true}, 60000},
    [STALL] = {{"stall", "S@START[/PERIOD]", "nothing passes for S seconds, again each PERIOD; may be given again",
                true},
               1e6},
    [TRACE] = {{"trace", "FILE", "'seconds Mbit/s' lines, 'seconds up down' lines, or mahimahi", true}, 0},
    [SEED] = {{"seed", "N", "of jitter and losses", false}, 9007199254740992},
    [OFFSET] = {{"offset", "S", "begin there in the traces and stalls", false}, 1e6},
    [AFTER] = {{"after", "FILE", "pass everything at once until FILE is written; traces begin then", false}, 0},
};
enum { N_KEYS = sizeof keys / sizeof keys[0] };

const struct rrto_link_key *rrto_link_spec_key(size_t i)
{
    return i < N_KEYS ? &keys[i].key : NULL;
}

void rrto_link_spec_init(struct rrto_link_spec *spec)
{
    *spec = (struct rrto_link_spec){.seed = 1};
    for (int i = 0; i < RRTO_LINK_DIRECTIONS; i++) {
        spec->lanes[i].rto_ns = default_rto_ns;
        rrto_schedule_constant(&spec->lanes[i].schedule, 0);
    }
}

static void drop_trace(struct rrto_link_lane *lane)
{
    free(lane->schedule.steps);
    free(lane->schedule.opportunities_ns);
    rrto_schedule_constant(&lane->schedule, 0);
}

void rrto_link_spec_fini(struct rrto_link_spec *spec)
{
    for (int i = 0; i < RRTO_LINK_DIRECTIONS; i++)
        drop_trace(&spec->lanes[i]);
    free(spec->after);
}

static bool number(const char *text, double max, double *ret_value, const char **ret_end)
{
    char digits[40], *end;
    size_t n = strspn(text, "0123456789."); /* no sign, no exponent, no hexadecimal */
    if (n == 0 || n >= sizeof digits)
        return false;
    snprintf(digits, sizeof digits, "%.*s", (int)n, text);
    *ret_value = strtod(digits, &end);
    *ret_end = text + n;
    return !*end && *ret_value <= max;
}

/* S@START[/PERIOD] */
static bool add_stall(struct rrto_link_lane *lane, const char *text, double max)
{
    double length, start, period = 0;
    const char *end;
    struct rrto_schedule *schedule = &lane->schedule;
    if (schedule->n_stalls == RRTO_SCHEDULE_STALLS || !number(text, max, &length, &end) || *end != '@' ||
        !number(end + 1, max, &start, &end))
        return false;
    if (*end == '/' && (!number(end + 1, max, &period, &end) || period <= length))
        return false;
    if (*end || length <= 0)
        return false;
    schedule->stalls[schedule->n_stalls++] = (struct rrto_schedule_stall){
        (uint64_t)(start * second), (uint64_t)(length * second), (uint64_t)(period * second)};
    return true;
}

static bool set_lane(struct rrto_link_lane *lane, enum kind kind, const char *text)
{
    double value;
    const char *end;
    if (kind == STALL)
        return add_stall(lane, text, keys[kind].max);
    if (!number(text, keys[kind].max, &value, &end) || *end)
        return false;
    if (kind == DELAY)
        lane->delay_ns = (uint64_t)(value * ms);
    else if (kind == JITTER)
        lane->jitter_ns = (uint64_t)(value * ms);
    else if (kind == RTO)
        lane->rto_ns = (uint64_t)(value * ms);
    else if (kind == LOSS)
        lane->loss = value / 100;
    else if (kind == RATE) {
        drop_trace(lane);
        rrto_schedule_constant(&lane->schedule, (uint64_t)(value * mbit));
    }
    return true;
}

static bool set_whole(struct rrto_link_spec *spec, enum kind kind, const char *text)
{
    double value;
    const char *end;
    if (kind == AFTER) {
        free(spec->after);
        spec->after = strdup(text);
        return spec->after && *text;
    }
    if (!number(text, keys[kind].max, &value, &end) || *end)
        return false;
    if (kind == SEED)
        spec->seed = (uint64_t)value;
    else
        spec->offset_ns = (uint64_t)(value * second);
    return true;
}

/* Finds KEY, KEY-up, KEY-down. direction: -1 both. */
static bool find_key(const char *name, enum kind *ret_kind, int *ret_direction)
{
    static const char *const suffixes[] = {"-up", "-down", ""};
    for (size_t i = 0; i < N_KEYS; i++) {
        size_t n = strlen(keys[i].key.name);
        if (strncmp(name, keys[i].key.name, n) != 0)
            continue;
        for (int j = keys[i].key.directed ? 0 : 2; j < 3; j++)
            if (strcmp(name + n, suffixes[j]) == 0) {
                *ret_kind = (enum kind)i;
                *ret_direction = j < RRTO_LINK_DIRECTIONS ? j : -1;
                return true;
            }
    }
    return false;
}

enum rrto_status rrto_link_spec_set(struct rrto_link_spec *spec, const char *key, const char *value, const char *folder,
                                    char *why, size_t n_why)
{
    enum kind kind;
    int direction;
    char path[PATH_MAX];
    if (!find_key(key, &kind, &direction)) {
        snprintf(why, n_why, "there is no '%s' of a link; see rrto link --help", key);
        return RRTO_INVALID;
    }
    if (kind == TRACE) {
        bool relative = folder && *value != '/';
        if (snprintf(path, sizeof path, "%s%s%s", relative ? folder : "", relative ? "/" : "", value) >= PATH_MAX) {
            snprintf(why, n_why, "a path is too long");
            return RRTO_INVALID;
        }
        return rrto_link_trace_read(spec, direction, path, why, n_why);
    }
    bool good = keys[kind].key.directed || set_whole(spec, kind, value);
    for (int i = 0; keys[kind].key.directed && i < RRTO_LINK_DIRECTIONS; i++)
        if (direction < 0 || direction == i)
            good = good && set_lane(&spec->lanes[i], kind, value);
    if (good)
        return RRTO_OK;
    if (kind == STALL)
        snprintf(why, n_why, "'%s' is no %s (%s) with PERIOD > S; at most %d of them", value, key, keys[kind].key.value,
                 RRTO_SCHEDULE_STALLS);
    else if (kind == AFTER)
        snprintf(why, n_why, "after needs the name of a file");
    else
        snprintf(why, n_why, "'%s' is no %s (%s) of at most %.10g", value, key, keys[kind].key.value, keys[kind].max);
    return RRTO_INVALID;
}

bool rrto_link_folder(char *out, size_t n_out)
{
    return rrto_doors_share("links", out, n_out);
}

/* "a, b, c": the links of the folder, for a message. */
static void list_names(const char *folder, char *out, size_t n_out)
{
    struct dirent **entries;
    int n = scandir(folder, &entries, NULL, alphasort);
    *out = '\0';
    for (int i = 0; i < n; i++) {
        char *dot = strrchr(entries[i]->d_name, '.');
        size_t used = strlen(out);
        if (dot && strcmp(dot, ".link") == 0)
            snprintf(out + used, n_out - used, "%s%.*s", used ? ", " : "", (int)(dot - entries[i]->d_name),
                     entries[i]->d_name);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
}

static enum rrto_status read_named(struct rrto_link_spec *spec, const char *name, char *why, size_t n_why)
{
    char folder[PATH_MAX], path[PATH_MAX + NAME_MAX], names[512];
    if (strchr(name, '/') || access(name, R_OK) == 0)
        return rrto_link_file_read(spec, name, why, n_why);
    if (rrto_link_folder(folder, sizeof folder) && strlen(name) < NAME_MAX / 2) {
        snprintf(path, sizeof path, "%s/%s.link", folder, name);
        if (access(path, R_OK) == 0)
            return rrto_link_file_read(spec, path, why, n_why);
    }
    list_names(folder, names, sizeof names);
    snprintf(why, n_why, "'%.200s' is no file, and no link that comes with rrto (%s)", name, *names ? names : "none");
    return RRTO_NOT_FOUND;
}

enum rrto_status rrto_link_spec_parse(struct rrto_link_spec *spec, const char *text, char *why, size_t n_why)
{
    char copy[MAX_TEXT], *rest = copy;
    if ((size_t)snprintf(copy, sizeof copy, "%s", text) >= sizeof copy || !*text) {
        snprintf(why, n_why, "a link is described in 1 to %d characters", MAX_TEXT - 1);
        return RRTO_INVALID;
    }
    for (char *item; (item = strsep(&rest, ","));) {
        char *equals = strchr(item, '=');
        enum rrto_status status = RRTO_OK;
        if (equals) {
            *equals = '\0';
            status = rrto_link_spec_set(spec, item, equals + 1, NULL, why, n_why);
        } else if (item == copy) {
            status = read_named(spec, item, why, n_why);
        } else {
            snprintf(why, n_why, "'%s' is no KEY=VALUE; a name or a file comes first", item);
            status = RRTO_INVALID;
        }
        if (status != RRTO_OK)
            return status;
    }
    return RRTO_OK;
}

struct rrto_shape rrto_link_shape(const struct rrto_link_spec *spec, enum rrto_link_direction direction)
{
    const struct rrto_link_lane *lane = &spec->lanes[direction];
    return (struct rrto_shape){
        .schedule = &lane->schedule,
        .delay_ns = lane->delay_ns,
        .jitter_ns = lane->jitter_ns,
        .loss = lane->loss,
        .rto_ns = lane->rto_ns,
        .seed = spec->seed * RRTO_LINK_DIRECTIONS + (uint64_t)direction,
    };
}
