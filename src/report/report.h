/* SPDX-License-Identifier: Apache-2.0 */
/* The report: counters of one or more processes as JSON (docs/report.md lists the keys). Used by rrto run, and by the
 * client library itself when there is no rrto run. No stdio, no malloc. */
#ifndef RRTO_REPORT_REPORT_H
#define RRTO_REPORT_REPORT_H

#include "report/counters.h"

/* What only the one who watched the whole application knows. All zero in the client library. */
struct rrto_report_end {
    uint64_t wall_ns;   /* 0: taken from the counters */
    int exit_status;    /* of the application; 0 when a signal ended it */
    int signal;         /* that ended it, or 0 */
    const char *mode;   /* for a run in which no process used the GPU; may be NULL */
    const char *server; /* likewise */
};

/* Writes the report to path: a new file beside it first, then a rename, so that a reader never sees half of one. Sums
 * stand at the top; what cannot be summed (mode, device, medians, the first replayed inference) is that of the process
 * with the most inferences. n_processes may be 0. Counters are read as they are: the caller makes sure that nobody
 * writes them any more, or accepts a moment's picture. Blocks on the file only. Returns an rrto_status: RRTO_IO (errno
 * says why), RRTO_INVALID (path too long). */
int rrto_report_write(const char *path, const struct rrto_report_end *end, const struct rrto_counters *const *processes,
                      size_t n_processes);
/* The same to an open descriptor, which is lent. */
int rrto_report_write_fd(int fd, const struct rrto_report_end *end, const struct rrto_counters *const *processes,
                         size_t n_processes);

#endif
