/* SPDX-License-Identifier: Apache-2.0 */
/* On which stream a library's ops are: told by what was set for the handle that they use. */
#include "replay/tracker.h"

#include "test.h"

#include "gen/ops.h"

static struct rrto_tracker tracker;
static uint64_t next_position;

static uint64_t issued(const struct rrto_buf *buf)
{
    const struct rrto_optable *table = rrto_optable_generated();
    assert_false(buf->failed);
    rrto_tracker_issued(&tracker, table, table->info(rrto_op_number(buf->data)), buf->data, buf->size, next_position,
                        false);
    return next_position++;
}

static uint64_t last_on(uint32_t stream)
{
    uint64_t position = UINT64_MAX;
    (void)rrto_tracker_position(&tracker, stream, &position);
    return position;
}

static uint64_t execute(struct rrto_buf *buf, uint32_t handle)
{
    struct rrto_args_cudnn_execute args = {.handle = handle};
    rrto_buf_clear(buf);
    rrto_pack_cudnn_execute(buf, &args);
    return issued(buf);
}

static uint64_t scale(struct rrto_buf *buf, uint32_t handle)
{
    struct rrto_args_cublasSscal_v2 args = {.handle = handle};
    rrto_buf_clear(buf);
    rrto_pack_cublasSscal_v2(buf, &args);
    return issued(buf);
}

static void test_handles(void **state)
{
    (void)state;
    struct rrto_buf buf;
    rrto_buf_init(&buf, 4096);
    rrto_tracker_init(&tracker);
    struct rrto_args_stream_create create = {.stream = 3};
    rrto_pack_stream_create(&buf, &create);
    issued(&buf);
    uint64_t legacy = execute(&buf, 1); /* nothing was set: the legacy stream */
    assert_int_equal(last_on(0), legacy);
    assert_int_equal(last_on(3), UINT64_MAX);

    struct rrto_args_cudnn_set_stream set = {.handle = 1, .stream = 3};
    rrto_buf_clear(&buf);
    rrto_pack_cudnn_set_stream(&buf, &set);
    issued(&buf);
    assert_int_equal(last_on(3), UINT64_MAX); /* no work */
    uint64_t third = execute(&buf, 1);
    assert_int_equal(last_on(3), third);
    uint64_t blas = scale(&buf, 1); /* cuBLAS's handle of that number is another one */
    assert_int_equal(last_on(3), third);
    assert_int_equal(last_on(0), blas);

    struct rrto_args_cublas_state cublas = {.handle = 1, .stream = 3};
    rrto_buf_clear(&buf);
    rrto_pack_cublas_state(&buf, &cublas);
    issued(&buf);
    assert_int_equal(last_on(3), third);
    blas = scale(&buf, 1);
    assert_int_equal(last_on(3), blas);
    assert_int_equal(tracker.visible_nowhere, 0);
    rrto_tracker_fini(&tracker);
    rrto_buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_handles)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
