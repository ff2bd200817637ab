/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/pace.h"

#include "replay/session.h"

#include <errno.h>
#include <time.h>

uint64_t rrto_pace_plan(struct rrto_pace *pace, uint64_t now_ns, uint64_t period_ns)
{
    if (pace->waits)
        return pace->planned_ns;
    uint64_t next = pace->planned_ns ? pace->planned_ns + period_ns : now_ns;
    pace->dropped = now_ns > next ? (now_ns - next) / period_ns : 0;
    pace->planned_ns = next + pace->dropped * period_ns;
    pace->waits = true;
    return pace->planned_ns;
}

void rrto_pace_begun(struct rrto_pace *pace, uint64_t *ret_planned_ns, uint64_t *ret_dropped)
{
    *ret_planned_ns = pace->waits ? pace->planned_ns : 0;
    *ret_dropped = pace->waits ? pace->dropped : 0;
    pace->waits = false;
}

void rrto_session_pace(struct rrto_session *session)
{
    pthread_mutex_lock(&session->lock);
    const struct rrto_counters *counters = session->counters;
    bool first = counters->inferences == 0 && counters->result_wait_ns == 0;
    uint64_t until = 0;
    if (!first && rrto_counters_between(counters))
        until = rrto_pace_plan(&session->pace, session->options.now_ns(), session->options.period_ns);
    pthread_mutex_unlock(&session->lock);
    if (until <= session->options.now_ns())
        return;
    struct timespec time = {.tv_sec = (time_t)(until / 1000000000u), .tv_nsec = (long)(until % 1000000000u)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR)
        continue;
}
