/* SPDX-License-Identifier: Apache-2.0 */
/* What is outstanding, beside a model that keeps every op: random ops on several streams, in runs and in turn, and
 * random completions. */
#include "fake_client.h"

enum { STREAMS = 5, OPS = 400, ROUNDS = 200 };

static uint64_t seed;
static unsigned below(unsigned n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((seed >> 33) % n);
}

static struct {
    enum fake_op number;
    uint32_t stream;
} past[OPS];

static bool has_stream(uint64_t i)
{
    return past[i].number != FAKE_CHECKED;
}

/* Whether the op is in the way of a synchronise: visible, and nobody has said that it has completed. */
static bool outstanding(uint64_t i, struct rrto_receiver *receiver, bool one_stream)
{
    if (past[i].number != FAKE_WORK && past[i].number != FAKE_D2H && past[i].number != FAKE_CHECKED)
        return false;
    if (i < receiver->completed_all)
        return false;
    return one_stream || !has_stream(i) || i >= rrto_receiver_completed_on(receiver, past[i].stream);
}

static void test_model(void **state)
{
    (void)state;
    static const enum fake_op numbers[] = {FAKE_WORK, FAKE_WORK, FAKE_H2D, FAKE_D2H, FAKE_HIDDEN, FAKE_CHECKED};
    for (unsigned round = 0; round < ROUNDS; round++) {
        seed = round;
        struct rrto_receiver receiver = {.lock = PTHREAD_MUTEX_INITIALIZER};
        rrto_map_init(&receiver.completed);
        struct rrto_tracker tracker;
        rrto_tracker_init(&tracker);
        tracker.one_stream = round % 4 == 0;
        unsigned stay = 1 + below(20), kinds = 1 + below(6);
        uint32_t stream = 0;
        for (uint64_t i = 0; i < OPS; i++) {
            if (below(stay) == 0)
                stream = below(STREAMS);
            past[i].number = numbers[below(kinds)];
            past[i].stream = stream;
            const struct rrto_op_info *info = fake_optable()->info((uint16_t)past[i].number);
            uint8_t op[64] = {(uint8_t)past[i].number};
            if (info->stream_offset >= 0)
                memcpy(op + info->stream_offset, &stream, sizeof stream);
            rrto_tracker_issued(&tracker, fake_optable(), info, op, sizeof op, i, false);
            if (below(10) == 0)
                receiver.completed_all = below((unsigned)i + 2);
            if (below(5) == 0)
                assert_true(rrto_map_put(&receiver.completed, below(STREAMS), below((unsigned)i + 2)));

            bool quiet = true;
            for (uint64_t k = 0; k <= i; k++)
                quiet = quiet && !outstanding(k, &receiver, tracker.one_stream);
            if (below(3) == 0 && quiet != rrto_tracker_quiet(&tracker, &receiver))
                fail_msg("round %u, op %u: quiet should be %d", round, (unsigned)i, quiet);
            uint32_t asked = below(STREAMS);
            uint64_t position = UINT64_MAX, want = UINT64_MAX;
            for (uint64_t k = 0; k <= i; k++)
                if (!has_stream(k) || past[k].stream == asked)
                    want = k;
            (void)rrto_tracker_position(&tracker, asked, &position);
            assert_int_equal(position, want);
        }
        rrto_tracker_fini(&tracker);
        rrto_map_fini(&receiver.completed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
