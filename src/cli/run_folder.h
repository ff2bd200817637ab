/* SPDX-License-Identifier: Apache-2.0 */
/* The private folder of one rrto run: the processes' mapped counters and the private server's socket live there. */
#ifndef RRTO_CLI_RUN_FOLDER_H
#define RRTO_CLI_RUN_FOLDER_H

#include "report/counters.h"

#include <stdbool.h>
#include <stddef.h>

/* Makes it (mode 0700) below XDG_RUNTIME_DIR, or /tmp when that cannot be used or its path is too long for a socket's
 * name. */
bool rrto_run_folder_create(char *out, size_t n_out);
/* Removes it with all that is in it. */
void rrto_run_folder_destroy(const char *folder);

/* Writes the records of the inferences of all its processes to a new file, as JSON lines (docs/report.md). False: errno
 * says why. */
bool rrto_run_folder_write_inferences(const char *folder, const char *path);

/* The valid counters files in it, as copies: an array of *ret_n pointers. Free with rrto_run_folder_free. NULL when
 * there is none. */
struct rrto_counters **rrto_run_folder_read(const char *folder, size_t *ret_n);
void rrto_run_folder_free(struct rrto_counters **processes, size_t n);

#endif
