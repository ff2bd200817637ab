/* SPDX-License-Identifier: Apache-2.0 */
/* What passed an emulated link, as a table with a line for each 100 ms in which something did (docs/link.md). */
#ifndef RRTO_CLI_LINK_LOG_H
#define RRTO_CLI_LINK_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { RRTO_LINK_LOG_LANES = 2 };

struct rrto_link_log {
    FILE *file;         /* owned; NULL: nothing is logged, and every call does nothing */
    uint64_t origin_ns; /* the first line's time 0 */
    uint64_t bin;       /* the 100 ms that are being counted */
    bool any;
    struct {
        uint64_t in, out, waiting, lost;
    } lanes[RRTO_LINK_LOG_LANES];
};

/* Writes the heading. False: the file cannot be written (errno). */
bool rrto_link_log_open(struct rrto_link_log *log, const char *path);
/* n_in bytes came, or n_out left, on a lane (0 up, 1 down) where n_waiting are now under way, with n_lost losses.
 * Never fails: a full disk costs lines. */
void rrto_link_log_count(struct rrto_link_log *log, uint64_t now_ns, int lane, uint64_t n_in, uint64_t n_out,
                         uint64_t n_waiting, uint64_t n_lost);
/* Writes what is left. False when a line could not be written. NULL and closed logs are fine. */
bool rrto_link_log_close(struct rrto_link_log *log);

#endif
