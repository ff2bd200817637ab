/* SPDX-License-Identifier: Apache-2.0 */
/* A line of counts for each 100 ms in which something passed. */
#include "cli/link/log.h"

#include <inttypes.h>
#include <string.h>

static const uint64_t bin_ns = 100000000;

bool rrto_link_log_open(struct rrto_link_log *log, const char *path)
{
    *log = (struct rrto_link_log){.file = fopen(path, "we")};
    return log->file &&
           fputs("seconds,up_in,up_out,up_waiting,up_lost,down_in,down_out,down_waiting,down_lost\n", log->file) >= 0;
}

static void write_bin(struct rrto_link_log *log)
{
    if (!log->any)
        return;
    fprintf(log->file, "%" PRIu64 ".%" PRIu64, log->bin / 10, log->bin % 10);
    for (int i = 0; i < RRTO_LINK_LOG_LANES; i++) {
        fprintf(log->file, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64, log->lanes[i].in, log->lanes[i].out,
                log->lanes[i].waiting, log->lanes[i].lost);
        log->lanes[i].in = log->lanes[i].out = log->lanes[i].waiting = log->lanes[i].lost = 0;
    }
    fputc('\n', log->file);
    log->any = false;
}

void rrto_link_log_count(struct rrto_link_log *log, uint64_t now_ns, int lane, uint64_t n_in, uint64_t n_out,
                         uint64_t n_waiting, uint64_t n_lost)
{
    if (!log->file)
        return;
    uint64_t bin = now_ns > log->origin_ns ? (now_ns - log->origin_ns) / bin_ns : 0;
    if (bin != log->bin)
        write_bin(log);
    log->bin = bin;
    log->any = true;
    log->lanes[lane].in += n_in;
    log->lanes[lane].out += n_out;
    log->lanes[lane].lost += n_lost;
    if (n_waiting > log->lanes[lane].waiting)
        log->lanes[lane].waiting = n_waiting;
}

bool rrto_link_log_close(struct rrto_link_log *log)
{
    if (!log || !log->file)
        return true;
    write_bin(log);
    bool good = !ferror(log->file);
    good = fclose(log->file) == 0 && good;
    log->file = NULL;
    return good;
}
