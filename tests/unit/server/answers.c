/* SPDX-License-Identifier: Apache-2.0 */
#include "answers.h"

#include "test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/rrto-answers-XXXXXX";

/* Results as (value, next to the one before). */
static void keep(const int *values, const bool *next_to, size_t n)
{
    struct rrto_answers answers;
    char why[300];
    assert_true(rrto_answers_open(&answers, path, true, why, sizeof why));
    for (size_t i = 0; i < n; i++) {
        answers.next_to = next_to[i];
        assert_true(rrto_answers_keep(&answers, &values[i], sizeof values[i]));
    }
    uint8_t large[RRTO_ANSWER_MAX_BYTES + 1] = {0};
    assert_false(rrto_answers_keep(&answers, large, sizeof large));
    rrto_answers_close(&answers);
}

static int take(struct rrto_answers *answers, bool next_to)
{
    int value = -1;
    answers->next_to = next_to;
    return rrto_answers_take(answers, &value, sizeof value) ? value : -1;
}

static struct rrto_answers opened(void)
{
    struct rrto_answers answers;
    char why[300];
    assert_true(rrto_answers_open(&answers, path, false, why, sizeof why));
    return answers;
}

static void in_order_and_again(void **state)
{
    (void)state;
    keep((int[]){7, 8, 9}, (bool[]){false, true, false}, 3);
    struct rrto_answers answers = opened();
    for (int round = 0; round < 3; round++) {
        assert_int_equal(take(&answers, false), 7);
        assert_int_equal(take(&answers, true), 8);
        assert_int_equal(take(&answers, false), 9);
    }
    rrto_answers_close(&answers);
    assert_int_equal(take(&answers, false), -1);
}

/* What the client guesses wrongly moves nothing. */
static void guesses(void **state)
{
    (void)state;
    keep((int[]){7, 8, 9}, (bool[]){false, true, false}, 3);
    struct rrto_answers answers = opened();
    assert_int_equal(take(&answers, false), 7);
    assert_int_equal(take(&answers, true), 8); /* of another address: not taken up */
    assert_int_equal(take(&answers, true), 8); /* the program's own */
    assert_int_equal(take(&answers, false), 9);
    assert_int_equal(take(&answers, true), -1); /* something is computed before the program reads 7 */
    assert_int_equal(take(&answers, false), 7);
    assert_int_equal(take(&answers, false), 9); /* 8 is only to be had next to 7 */
    rrto_answers_close(&answers);
}

static void another_length(void **state)
{
    (void)state;
    keep((int[]){7}, (bool[]){false}, 1);
    struct rrto_answers answers = opened();
    int64_t value;
    assert_false(rrto_answers_take(&answers, &value, sizeof value));
    assert_int_equal(take(&answers, false), -1); /* no more after that */
}

static void not_answers(void **state)
{
    (void)state;
    static const char *const contents[] = {"", "RRTOANSW",
                                           "RRTOANSW\x04"
                                           "abc",
                                           "RRTOANSX\x01"
                                           "a",
                                           "RRTOANSW\x7f"};
    struct rrto_answers answers;
    char why[300];
    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
        int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
        assert_int_equal(write(fd, contents[i], strlen(contents[i])), strlen(contents[i]));
        close(fd);
        assert_false(rrto_answers_open(&answers, path, false, why, sizeof why));
        assert_non_null(strstr(why, path));
    }
    assert_false(rrto_answers_open(&answers, "/nowhere/answers", true, why, sizeof why));
    assert_non_null(strstr(why, "No such file"));
}

int main(void)
{
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order_and_again),
        cmocka_unit_test(guesses),
        cmocka_unit_test(another_length),
        cmocka_unit_test(not_answers),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
