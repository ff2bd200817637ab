/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/report/report.c with counters made by hand. */
#include "report/report.h"

#include "base/status.h"

#include "../test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char text[1 << 20];

static const char *report(const struct rrto_report_end *end, const struct rrto_counters *const *processes, size_t n)
{
    char path[] = "/tmp/rrto-report-XXXXXX";
    close(mkstemp(path));
    assert_int_equal(rrto_report_write(path, end, processes, n), RRTO_OK);
    FILE *file = fopen(path, "r");
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    unlink(path);
    return text;
}

/* The line with this key at the top (two blanks) of the report. */
static void assert_top(const char *key, const char *value)
{
    char line[256];
    snprintf(line, sizeof line, "\n  \"%s\": %s", key, value);
    if (!strstr(text, line))
        fail_msg("%s: %s is not in\n%s", key, value, text);
}

static struct rrto_counters *process(uint32_t pid, uint64_t inferences)
{
    struct rrto_counters *counters = calloc(1, sizeof *counters);
    rrto_counters_init(counters);
    counters->pid = pid;
    counters->inferences = inferences;
    counters->calls = 100 * pid;
    counters->round_trips = 10 * pid;
    counters->started_ns = 1000000000;
    counters->updated_ns = 3500000000;
    snprintf(counters->mode, sizeof counters->mode, "mode%u", pid);
    return counters;
}

static void nothing_is_zero_never_absent(void **state)
{
    (void)state;
    struct rrto_report_end end = {.wall_ns = 1500000000, .exit_status = 3, .mode = "m", .server = "s"};
    report(&end, NULL, 0);
    assert_top("mode", "\"m\"");
    assert_top("server", "\"s\"");
    assert_top("wall_s", "1.500000");
    assert_top("exit_status", "3");
    assert_top("round_trips_per_inference_last", "0");
    assert_top("sequences", "[]");
    assert_top("unsupported", "{}");
    assert_top("processes", "[]");
}

static void sums_and_the_leading_process(void **state)
{
    (void)state;
    struct rrto_counters *a = process(1, 2), *b = process(2, 30);
    b->first_replayed_inference = 2;
    b->link_rtt_ns = 10123456;
    for (size_t i = 0; i < RRTO_COUNTERS_N_LAST; i++)
        b->last[i].round_trips = 1 + i % 2;
    const struct rrto_counters *both[] = {a, b};
    struct rrto_report_end end = {0};
    report(&end, both, 2);
    assert_top("mode", "\"mode2\"");
    assert_top("calls", "300");
    assert_top("round_trips", "30");
    assert_top("inferences", "32");
    assert_top("first_replayed_inference", "2");
    assert_top("round_trips_per_inference_last", "1");
    assert_top("link_rtt_us", "10123.4");
    assert_top("wall_s", "2.500000");
    assert_non_null(strstr(text, "\"pid\": 1,"));
    assert_non_null(strstr(text, "\"pid\": 2,"));
    free(a);
    free(b);
}

static void sequences_and_unsupported_calls(void **state)
{
    (void)state;
    struct rrto_counters *a = process(1, 1), *b = process(2, 1);
    a->sequences[3] = (struct rrto_counters_sequence){.id = 9, .ops = 72, .first_inference = 1, .hits = 38};
    rrto_counters_unsupported(a, "cudaFoo");
    rrto_counters_unsupported(b, "cudaFoo");
    rrto_counters_unsupported(b, "cudaFoo");
    rrto_counters_unsupported(b, "cudaBar");
    const struct rrto_counters *both[] = {a, b};
    struct rrto_report_end end = {0};
    report(&end, both, 2);
    assert_non_null(strstr(text, "\n      \"ops\": 72,\n      \"first_inference\": 2,\n      \"hits\": 38,"));
    assert_non_null(strstr(text, "\n  \"unsupported\": {\n    \"cudaFoo\": 3,\n    \"cudaBar\": 1\n  }"));
    free(a);
    free(b);
}

static void a_report_that_cannot_be_written_leaves_nothing(void **state)
{
    (void)state;
    struct rrto_report_end end = {0};
    assert_int_equal(rrto_report_write("/no/such/folder/report", &end, NULL, 0), RRTO_IO);
    char folder[] = "/tmp/rrto-report-XXXXXX";
    assert_non_null(mkdtemp(folder));
    assert_int_equal(rrto_report_write(folder, &end, NULL, 0), RRTO_IO); /* a folder cannot be replaced by a file */
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_zero_never_absent),
        cmocka_unit_test(sums_and_the_leading_process),
        cmocka_unit_test(sequences_and_unsupported_calls),
        cmocka_unit_test(a_report_that_cannot_be_written_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
