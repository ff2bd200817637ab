/* SPDX-License-Identifier: Apache-2.0 */
/* A wait from its two ends inwards: what still had to leave, what came back, and of the rest the server's part. */
#include "replay/phases.h"

/* How much later a thread may have woken up than its bytes came, at ordinary times. */
enum { SLACK_NS = 200000 };

static uint64_t min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t after(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* Whether the server began with what is waited for after the last bytes of it had come, as far as the client can tell:
 * its last wait for bytes ended that long after the first ones had come, and the way there is the same for both. Else
 * it was at work before. */
static bool is_apart(const struct rrto_phases_wait *wait)
{
    const uint64_t arriving = (uint64_t)wait->times.arriving_us * 1000;
    return wait->first_ns && wait->first_ns + arriving + SLACK_NS >= wait->last_began_ns;
}

bool rrto_phases_divide(const struct rrto_phases_wait *wait, struct rrto_counters_waits *ret_parts)
{
    uint64_t rest = after(wait->end_ns, wait->start_ns);
    const uint64_t queue = (uint64_t)wait->times.queue_us * 1000, compute = (uint64_t)wait->times.compute_us * 1000;

    /* Sockets take bytes long before a slow link does. The server says how long after the first byte the last one came;
     * so long after the first one had left, the last one had. */
    uint64_t left = wait->first_ns ? wait->first_ns + (uint64_t)wait->times.arriving_us * 1000 : 0;
    left = left > wait->last_ns ? left : wait->last_ns;
    uint64_t upload = min(after(left, wait->start_ns), rest);
    rest -= upload;

    uint64_t download = wait->data_ns ? min(after(wait->end_ns, wait->data_ns), rest) : 0;
    rest -= download;

    /* Where the server was at work while the application was still dispatching, that part is nobody's wait: an answer
     * takes its way, however busy the server was. */
    const bool apart = is_apart(wait);
    uint64_t seen = min(queue + compute, apart ? rest : after(rest, wait->rtt_ns));
    /* Of what is seen, the end of the work comes last. */
    uint64_t seen_compute = min(compute, seen);
    *ret_parts = (struct rrto_counters_waits){.upload_ns = upload,
                                              .link_ns = rest - seen,
                                              .queue_ns = seen - seen_compute,
                                              .compute_ns = seen_compute,
                                              .download_ns = download};
    return apart && queue + compute > 0 && seen == queue + compute;
}
