/* SPDX-License-Identifier: Apache-2.0 */
/* The description of an emulated link, as --link of rrto link and rrto bench takes it (docs/link.md):
 *     [NAME|FILE][,KEY=VALUE]...     for example  wifi-indoors  or  wifi-indoors,delay=5  or  delay=5,rate=80,loss=1
 * What comes later overrides what came before. */
#ifndef RRTO_CLI_LINK_SPEC_H
#define RRTO_CLI_LINK_SPEC_H

#include "base/status.h"
#include "cli/link/schedule.h"
#include "cli/link/shape.h"

enum rrto_link_direction { RRTO_LINK_UP, RRTO_LINK_DOWN, RRTO_LINK_DIRECTIONS };

struct rrto_link_lane {
    struct rrto_schedule schedule; /* owns its steps and opportunities */
    uint64_t delay_ns, jitter_ns, rto_ns;
    double loss; /* 0 to below 1 */
};

struct rrto_link_spec {
    struct rrto_link_lane lanes[RRTO_LINK_DIRECTIONS];
    uint64_t seed, offset_ns; /* offset: where in its schedule the link begins */
    char *after;              /* owned; nothing is shaped before this file is written; NULL: from the beginning */
};

/* No delay, no limit. */
void rrto_link_spec_init(struct rrto_link_spec *spec);
void rrto_link_spec_fini(struct rrto_link_spec *spec);

/* Reads text on top of what spec has (init or an earlier parse; fini is needed also after a failure). Reads files:
 * blocks. RRTO_INVALID (wrong use), RRTO_NOT_FOUND or RRTO_IO (a file), with one sentence in why. */
enum rrto_status rrto_link_spec_parse(struct rrto_link_spec *spec, const char *text, char *why, size_t n_why);
/* One KEY with its VALUE. folder: what a trace's path is relative to (NULL: the working folder). */
enum rrto_status rrto_link_spec_set(struct rrto_link_spec *spec, const char *key, const char *value, const char *folder,
                                    char *why, size_t n_why);
/* The i-th key, NULL behind the last one; whether "-up" and "-down" may stand behind it; what it takes. */
struct rrto_link_key {
    const char *name, *value, *help;
    bool directed;
};
const struct rrto_link_key *rrto_link_spec_key(size_t i);

/* A link file (file.c): keys, a trace, comments. Errors as rrto_link_spec_parse. */
enum rrto_status rrto_link_file_read(struct rrto_link_spec *spec, const char *path, char *why, size_t n_why);
/* A trace alone, for one direction or (direction < 0) both. */
enum rrto_status rrto_link_trace_read(struct rrto_link_spec *spec, int direction, const char *path, char *why,
                                      size_t n_why);

/* The folder of the links that come with rrto (PREFIX/share/rrto/links). False: the path is too long. */
bool rrto_link_folder(char *out, size_t n_out);

/* Makes a direction's shape, with origin_ns 0. The shape borrows the spec's schedule. */
struct rrto_shape rrto_link_shape(const struct rrto_link_spec *spec, enum rrto_link_direction direction);

#endif
