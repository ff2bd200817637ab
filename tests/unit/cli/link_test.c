/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptions of links, the links that come with rrto, and how exactly a shape follows them: 30 s of a clock that is a
 * number. */
#include "cli/link/spec.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../test.h"

enum { MS = 1000000 };
static const uint64_t second_ns = 1000000000;
static char why[1024];

static struct rrto_link_spec parsed(const char *text)
{
    struct rrto_link_spec spec;
    rrto_link_spec_init(&spec);
    if (rrto_link_spec_parse(&spec, text, why, sizeof why) != RRTO_OK)
        fail_msg("%s: %s", text, why);
    return spec;
}

static enum rrto_status refused(const char *text, const char *because)
{
    struct rrto_link_spec spec;
    rrto_link_spec_init(&spec);
    enum rrto_status status = rrto_link_spec_parse(&spec, text, why, sizeof why);
    assert_int_not_equal(status, RRTO_OK);
    if (!strstr(why, because))
        fail_msg("%s: says '%s', not '%s'", text, why, because);
    rrto_link_spec_fini(&spec);
    return status;
}

/* A file in the test's own folder; the path is good until the next call of the same slot. */
static const char *file_with(int slot, const char *text)
{
    static char paths[2][64];
    snprintf(paths[slot], sizeof paths[slot], "./link_test.%d.%d", (int)getpid(), slot);
    FILE *file = fopen(paths[slot], "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return paths[slot];
}

static void keys_are_read(void **state)
{
    (void)state;
    struct rrto_link_spec spec = parsed("delay=5,delay-down=7.5,rate=80,rate-up=0,jitter-up=1,loss=0.5,rto=300,stall=1@"
                                        "10/30,stall-up=2@50,seed=9,offset=12.5");
    assert_int_equal(spec.lanes[RRTO_LINK_UP].delay_ns, 5 * MS);
    assert_int_equal(spec.lanes[RRTO_LINK_DOWN].delay_ns, 7500000);
    assert_true(spec.lanes[RRTO_LINK_UP].schedule.bits_per_s == RRTO_SCHEDULE_UNLIMITED);
    assert_int_equal(spec.lanes[RRTO_LINK_DOWN].schedule.bits_per_s, 80000000);
    assert_int_equal(spec.lanes[RRTO_LINK_UP].jitter_ns, MS);
    assert_int_equal(spec.lanes[RRTO_LINK_DOWN].jitter_ns, 0);
    assert_true(fabs(spec.lanes[RRTO_LINK_DOWN].loss - 0.005) < 1e-12);
    assert_int_equal(spec.lanes[RRTO_LINK_DOWN].rto_ns, 300 * MS);
    assert_int_equal(spec.lanes[RRTO_LINK_UP].schedule.n_stalls, 2);
    assert_int_equal(spec.lanes[RRTO_LINK_DOWN].schedule.n_stalls, 1);
    assert_int_equal(spec.lanes[RRTO_LINK_UP].schedule.stalls[1].start_ns, 50 * second_ns);
    assert_int_equal(spec.seed, 9);
    assert_int_equal(spec.offset_ns, 12500000000);
    assert_int_not_equal(rrto_link_shape(&spec, RRTO_LINK_UP).seed, rrto_link_shape(&spec, RRTO_LINK_DOWN).seed);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    assert_int_equal(refused("delay=-1", "'-1' is no delay (MS)"), RRTO_INVALID);
    refused("delay=nan", "no delay");
    refused("delay=5ms", "no delay");
    refused("delay=0x10", "no delay");
    refused("rate=1e9", "no rate");
    refused("loss=100", "no loss");
    refused("speed=3", "there is no 'speed'");
    refused("seed-up=3", "there is no 'seed-up'");
    refused("stall=10@1/5", "no stall");
    refused("stall=10", "no stall");
    refused("delay=1,other", "'other' is no KEY=VALUE");
    refused("", "1 to");
    assert_int_equal(refused("no-such-link,delay=1", "'no-such-link' is no file"), RRTO_NOT_FOUND);
    refused("./no/such", "cannot be read");
}

static void traces_are_read(void **state)
{
    (void)state;
    char text[200];
    struct rrto_link_spec spec = parsed(file_with(0, "# a comment\n\ndelay=4\n10.0 8 16\n10.5 4 0\n"));
    const struct rrto_schedule *up = &spec.lanes[RRTO_LINK_UP].schedule, *down = &spec.lanes[RRTO_LINK_DOWN].schedule;
    assert_int_equal(spec.lanes[0].delay_ns, 4 * MS);
    assert_int_equal(up->n, 2);
    assert_int_equal(up->length_ns, second_ns); /* from 10.0; the last rate holds as long as the one before */
    assert_int_equal(up->steps[1].from_ns, second_ns / 2);
    assert_int_equal(down->steps[0].bits_per_s, 16000000);
    assert_int_equal(rrto_schedule_bytes(up, 2 * second_ns), 2 * (500000 + 250000));
    rrto_link_spec_fini(&spec);

    const char *one = file_with(0, "1\n1\n3\n"), *other = file_with(1, "0 10\r\n2 20\r\n");
    snprintf(text, sizeof text, "trace-up=%s,trace-down=%s", one, other);
    spec = parsed(text);
    assert_int_equal(up->kind, RRTO_SCHEDULE_OPPORTUNITIES);
    assert_int_equal(up->length_ns, 3 * MS);
    assert_int_equal(rrto_schedule_bytes(up, 30 * MS), 30 * 1500);
    assert_int_equal(down->length_ns, 4 * second_ns);
    rrto_link_spec_fini(&spec);

    refused(file_with(0, "0 1\n0 2\n"), ":2: two rates");
    refused(file_with(0, "1\n0\n"), ":2: times may not go back");
    refused(file_with(0, "0 1\n1\n"), ":2: one number");
    refused(file_with(0, "0 1 2 3\n"), ":1: one number");
    refused(file_with(0, "1.5\n"), "whole milliseconds");
    refused(file_with(0, "0 -1\n"), ":1: one number");
    refused(file_with(0, "0 0\n1 0\n"), "nothing ever passes");
    refused(file_with(0, "0\n0\n"), "nothing ever passes");
    refused(file_with(0, "delay=x\n"), ":1: 'x' is no delay");
    snprintf(text, sizeof text, "trace=%s", file_with(0, "delay=3\n"));
    refused(text, ":1: one number"); /* keys stand in link files only */
    unlink(one);
    unlink(other);
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void shipped_wifi_has_the_published_statistics(void **state)
{
    (void)state;
    const struct {
        const char *name;
        double mean, p5, p50, p95; /* MB/s; 0: not published */
    } links[] = {{LINKS "wifi-indoors.link", 9.9, 2, 0, 18}, {LINKS "wifi-outdoors.link", 9.0, 0, 5, 0}};
    for (size_t i = 0; i < 2; i++) {
        struct rrto_link_spec spec = parsed(links[i].name);
        const struct rrto_schedule *schedule = &spec.lanes[RRTO_LINK_UP].schedule;
        double *rates = calloc(schedule->n, sizeof *rates), sum = 0;
        for (size_t j = 0; j < schedule->n; j++)
            sum += rates[j] = (double)schedule->steps[j].bits_per_s / 8e6;
        qsort(rates, schedule->n, sizeof *rates, compare);
        const double wanted[] = {links[i].mean, links[i].p5, links[i].p50, links[i].p95};
        const double found[] = {sum / (double)schedule->n, rates[schedule->n / 20], rates[schedule->n / 2],
                                rates[schedule->n * 19 / 20]};
        for (int j = 0; j < 4; j++)
            if (wanted[j] > 0 && fabs(found[j] / wanted[j] - 1) > 0.01)
                fail_msg("%s: statistic %d is %g, not %g", links[i].name, j, found[j], wanted[j]);
        free(rates);
        rrto_link_spec_fini(&spec);
    }
}

/* A sender that always has more, for 30 s: what arrives in each second against the trace. Then one byte every 50 ms on
 * an idle link: how long it takes. */
static void follows(const char *text)
{
    struct rrto_link_spec spec = parsed(text);
    for (int direction = 0; direction < RRTO_LINK_DIRECTIONS; direction++) {
        const struct rrto_schedule *schedule = &spec.lanes[direction].schedule;
        uint64_t delay_ns = spec.lanes[direction].delay_ns, arrived[31] = {0};
        struct rrto_shape shape = rrto_link_shape(&spec, (enum rrto_link_direction)direction);
        shape.origin_ns = 12345;
        shape.jitter_ns = 0;
        for (struct rrto_shape_run run = {0}; run.last_ns < shape.origin_ns + delay_ns + 30 * second_ns;) {
            run = rrto_shape_accept(&shape, shape.origin_ns, 60000);
            for (size_t s = 0; s < 31; s++)
                arrived[s] += rrto_shape_delivered(&run, shape.origin_ns + delay_ns + s * second_ns);
        }
        for (size_t s = 1; s < 31; s++) {
            double wanted = (double)(rrto_schedule_bytes(schedule, s * second_ns) -
                                     rrto_schedule_bytes(schedule, (s - 1) * second_ns));
            double found = (double)(arrived[s] - arrived[s - 1]);
            if (fabs(found - wanted) > wanted * 0.02 + 2)
                fail_msg("%s, direction %d, second %zu: %g bytes, the trace has %g", text, direction, s, found, wanted);
        }
        shape = rrto_link_shape(&spec, (enum rrto_link_direction)direction);
        shape.jitter_ns = 0;
        for (uint64_t now_ns = 0; now_ns < 30 * second_ns; now_ns += 50 * MS) {
            if (schedule->kind == RRTO_SCHEDULE_OPPORTUNITIES || rrto_schedule_at(schedule, now_ns).bits_per_s == 0)
                continue;
            uint64_t took_ns = rrto_shape_accept(&shape, now_ns, 1).last_ns - now_ns;
            assert_in_range(took_ns, delay_ns, delay_ns * 102 / 100);
        }
    }
    rrto_link_spec_fini(&spec);
}

static void shapes_follow_their_links(void **state)
{
    (void)state;
    char mahimahi[64 * 1024], *at = mahimahi;
    for (int ms = 0; ms < 8000; ms += 1 + ms % 3) /* 8 s, so that it begins again */
        at += sprintf(at, "%d\n", ms);
    sprintf(at, "8000\n");
    const char *path = file_with(0, mahimahi);
    follows(LINKS "wifi-indoors.link");
    follows(LINKS "wifi-outdoors.link");
    follows(LINKS "lte.link");
    follows(LINKS "5g.link");
    follows(LINKS "stall-1.link");
    follows(LINKS "stall-10.link");
    follows("delay=5,rate=80,stall=0.35@1.2/2");
    follows(path);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_read),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(traces_are_read),
        cmocka_unit_test(shipped_wifi_has_the_published_statistics),
        cmocka_unit_test(shapes_follow_their_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
