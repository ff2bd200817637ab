/* SPDX-License-Identifier: Apache-2.0 */
/* What an op is predicted from where the expected one differs in a size: a patch of it, or the one that the search has
 * found elsewhere, whichever is shorter. */
#include "replay/predict.h"

#include "base/status.h"
#include "fake_server.h"
#include "gen/ops.h"
#include "test.h"

static struct rrto_seq *seq;
static struct rrto_record_encoder encoder;
static unsigned n_jumps, n_literals;

/* A launch whose first word names the kernel and whose second one is a size: both are in its token. */
static void issue(uint32_t kernel, uint32_t size, uint32_t changing)
{
    uint32_t op[14] = {FAKE_WORK, 48, kernel, size, 0, 0, changing};
    size_t changed;
    const struct rrto_op_predictor predictor = {seq, &encoder, fake_optable(), 0, true};
    struct rrto_prediction prediction =
        rrto_predict(&predictor, 0, 0, predictor.table->info(FAKE_WORK), (const uint8_t *)op, sizeof op);
    n_jumps += prediction.jump;
    n_literals += rrto_record_encode(&encoder, prediction.source, op, sizeof op, 0, &changed) == RRTO_RECORD_AS_LITERAL;
}

static void begin_predictions(bool patches, unsigned slot_kinds)
{
    assert_int_equal(rrto_record_encoder_init(&encoder, 1 << 20, slot_kinds), RRTO_OK);
    encoder.no_patches = !patches;
    seq = rrto_seq_create(encoder.log.max_ops);
    assert_non_null(seq);
    n_jumps = n_literals = 0;
}

static void end_predictions(void)
{
    seq = rrto_seq_destroy(seq);
    rrto_record_encoder_fini(&encoder);
}

/* A detection: the same kernels each time, over another number of things each time. */
static void detection(uint32_t n)
{
    for (uint32_t kernel = 0; kernel < 30; kernel++)
        issue(kernel, kernel < 10 ? 1 : n + kernel % 3, 0);
    (void)rrto_seq_boundary(seq);
}

static void test_sizes(void **state)
{
    (void)state;
    for (unsigned patches = 0; patches < 2; patches++) {
        begin_predictions(patches, RRTO_SLOTS_ALL);
        detection(0);
        n_jumps = n_literals = 0;
        for (uint32_t i = 1; i < 30; i++)
            detection(1000 * i);
        assert_int_equal(n_jumps, patches ? 1 : 29); /* back to the first kernel */
        assert_int_equal(n_literals, patches ? 0 : 29 * 20);
        assert_int_equal(rrto_seq_deviations(seq), 0);
        end_predictions();
    }
}

/* Two loops that begin alike and go on with the same kernels at other sizes, each with its own contents. What is found
 * elsewhere fits better than what is expected: the jump is taken. */
static void test_jump_is_shorter(void **state)
{
    (void)state;
    begin_predictions(true, 0);
    for (uint32_t i = 0; i < 40; i++) {
        uint32_t which = 0x9d2c5680u >> i % 32 & 1; /* no order */
        issue(100, 1, 0);
        for (uint32_t kernel = 0; kernel < 20; kernel++)
            issue(kernel, 7 + which * 0x01010101, (kernel + 1) * 0x10305 + which * 0x21436587);
        if (i == 9)
            n_jumps = n_literals = 0;
    }
    assert_int_equal(n_literals, 0);
    assert_in_range(n_jumps, 10, 31); /* one where the other loop comes, and none within a loop */
    end_predictions();
}

/* One op of the real vocabulary; whether it was where it was expected. */
static bool issue_real(const struct rrto_buf *op)
{
    const struct rrto_optable *table = rrto_optable_generated();
    uint64_t expected = rrto_seq_expected(seq, 0);
    size_t changed;
    const struct rrto_op_predictor predictor = {seq, &encoder, table, 0, true};
    struct rrto_prediction prediction =
        rrto_predict(&predictor, 0, 0, table->info(rrto_op_number(op->data)), op->data, op->size);
    (void)rrto_record_encode(&encoder, prediction.source, op->data, op->size, 0, &changed);
    return expected != RRTO_SEQ_NONE && prediction.source == expected;
}

/* An inference that has events of its own, and may need memory. Returns how many ops were not expected. */
static unsigned inference_with_events(uint32_t number, bool grows)
{
    static struct rrto_buf op;
    unsigned surprises = 0;
    rrto_buf_init(&op, 4096);
#define ISSUE(name, ...)                                                                                               \
    (rrto_buf_clear(&op), rrto_pack_##name(&op, &(struct rrto_args_##name){__VA_ARGS__}), surprises += !issue_real(&op))
    for (uint32_t i = 0; i < 10; i++) {
        ISSUE(mem_set_d8, .dst = 0x10000, .value = 3, .n = 100 + i);
        if (i == 4)
            ISSUE(event_create, .event = number);
        if (i == 5 && grows) /* of the same number: it is no event */
            ISSUE(stream_create, .stream = number);
        if (i == 6 && grows)
            ISSUE(mem_alloc, .va = 0x200000 * (uint64_t)number, .n_bytes = 4096);
    }
    ISSUE(event_destroy, .event = number);
    rrto_buf_fini(&op);
    return surprises;
}

/* Memory that stays is not expected again, an event that is gone is. */
static void test_objects(void **state)
{
    (void)state;
    begin_predictions(true, RRTO_SLOTS_ALL);
    assert_int_equal(inference_with_events(1, true), 14);
    assert_int_equal(inference_with_events(2, false), 1); /* the first op: nothing has been repeated yet */
    assert_int_equal(inference_with_events(3, false), 0);
    end_predictions();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_jump_is_shorter),
        cmocka_unit_test(test_objects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
