/* SPDX-License-Identifier: Apache-2.0 */
/* Where a wait went: the cases that docs/report.md tells of, and that the parts add up whatever was measured. */
#include "../test.h"

#include "replay/phases.h"

#define MS UINT64_C(1000000)

static struct rrto_counters_waits divide(struct rrto_phases_wait wait)
{
    struct rrto_counters_waits parts;
    (void)rrto_phases_divide(&wait, &parts);
    assert_int_equal(rrto_counters_waited(&parts), wait.end_ns > wait.start_ns ? wait.end_ns - wait.start_ns : 0);
    return parts;
}

/* A fast application: 60 ms of bytes on the link, of which the sockets took all at once; 10 ms there and back. */
static void test_bytes_under_way(void **state)
{
    (void)state;
    struct rrto_counters_waits parts =
        divide((struct rrto_phases_wait){.start_ns = 102 * MS,
                                         .end_ns = 176 * MS,
                                         .first_ns = 100 * MS,
                                         .last_began_ns = 101 * MS,
                                         .last_ns = 101 * MS,
                                         .data_ns = 175 * MS,
                                         .rtt_ns = 10 * MS,
                                         .times = {.arriving_us = 60000, .queue_us = 500, .compute_us = 4500}});
    assert_int_equal(parts.upload_ns, 58 * MS); /* 160 - 102 */
    assert_int_equal(parts.download_ns, 1 * MS);
    assert_int_equal(parts.compute_ns, 4500000);
    assert_int_equal(parts.queue_ns, 500000);
    assert_int_equal(parts.link_ns, 10 * MS);
}

/* A slow one: all has arrived when it begins to wait, and the server has been at it for long. */
static void test_work_already_under_way(void **state)
{
    (void)state;
    struct rrto_counters_waits parts =
        divide((struct rrto_phases_wait){.start_ns = 100 * MS,
                                         .end_ns = 180 * MS,
                                         .first_ns = 20 * MS,
                                         .last_began_ns = 94 * MS,
                                         .last_ns = 95 * MS,
                                         .rtt_ns = 10 * MS,
                                         .times = {.arriving_us = 10000, .queue_us = 40000, .compute_us = 60000}});
    assert_int_equal(parts.upload_ns, 0);
    assert_int_equal(parts.link_ns, 10 * MS); /* an answer takes its way */
    assert_int_equal(parts.compute_ns, 60 * MS);
    assert_int_equal(parts.queue_ns, 10 * MS);
}

/* Whether the link's part is the way there and back: a bad estimate of that must not take anything from the server's.
 */
static void test_way(void **state)
{
    (void)state;
    struct rrto_counters_waits parts;
    struct rrto_phases_wait wait = {.start_ns = 100 * MS,
                                    .end_ns = 114 * MS,
                                    .first_ns = 99 * MS,
                                    .last_began_ns = 99 * MS,
                                    .last_ns = 100 * MS,
                                    .rtt_ns = 500 * MS,
                                    .times = {.compute_us = 3000}};
    assert_true(rrto_phases_divide(&wait, &parts));
    assert_int_equal(parts.compute_ns, 3 * MS);
    assert_int_equal(parts.link_ns, 11 * MS);
    wait.last_began_ns = 99 * MS + 900000; /* the last bytes came while the server was at work */
    assert_false(rrto_phases_divide(&wait, &parts));
    wait.times.arriving_us = 800; /* or as late as that */
    assert_true(rrto_phases_divide(&wait, &parts));
    wait.times.compute_us = 30000; /* more than was waited for: something has overlapped */
    assert_false(rrto_phases_divide(&wait, &parts));
    wait.times = (struct rrto_reply_times){0}; /* a server that tells nothing */
    assert_false(rrto_phases_divide(&wait, &parts));
}

/* Bytes that wait in this process's own ring count as upload, whatever the server says. */
static void test_ring(void **state)
{
    (void)state;
    struct rrto_counters_waits parts = divide((struct rrto_phases_wait){
        .start_ns = 100 * MS, .end_ns = 130 * MS, .first_ns = 99 * MS, .last_ns = 120 * MS, .data_ns = 50 * MS});
    assert_int_equal(parts.upload_ns, 20 * MS);
    assert_int_equal(parts.download_ns, 10 * MS); /* data_ns of a time long past: no more than there is */
    assert_int_equal(parts.link_ns, 0);
}

/* A server that tells nothing, and one that tells nonsense. */
static void test_edges(void **state)
{
    (void)state;
    struct rrto_counters_waits parts = divide((struct rrto_phases_wait){.start_ns = 5 * MS, .end_ns = 9 * MS});
    assert_int_equal(parts.link_ns, 4 * MS);
    parts = divide((struct rrto_phases_wait){
        .start_ns = 5 * MS, .end_ns = 9 * MS, .first_ns = 4 * MS, .times = {UINT32_MAX, UINT32_MAX, UINT32_MAX}});
    assert_int_equal(parts.upload_ns, 4 * MS);
    parts = divide((struct rrto_phases_wait){
        .start_ns = 5 * MS, .end_ns = 9 * MS, .rtt_ns = 100 * MS, .times = {.queue_us = 7, .compute_us = 7}});
    assert_int_equal(parts.link_ns, 4 * MS);
    (void)divide((struct rrto_phases_wait){.start_ns = 9 * MS, .end_ns = 5 * MS, .first_ns = 1, .data_ns = 2});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_under_way),
        cmocka_unit_test(test_work_already_under_way),
        cmocka_unit_test(test_way),
        cmocka_unit_test(test_ring),
        cmocka_unit_test(test_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
