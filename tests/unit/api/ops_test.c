/* SPDX-License-Identifier: Apache-2.0 */
/* Properties of the generated codec that hold for every op. */
#include "gen/op_examples.h"

#include "test.h"

#include <stdlib.h>
#include <string.h>

enum { N_EXAMPLES = 20, MAX_BYTES = 1 << 16 };

/* Calls fn with every example of every op (or of every reply). The bytes stand at the end of a heap block of their
 * size. */
static void each(bool replies,
                 void (*fn)(const struct rrto_op_example *example, uint8_t *bytes, size_t n, bool replies))
{
    struct rrto_buf buf;
    rrto_buf_init(&buf, MAX_BYTES);
    unsigned n_tried = 0;
    for (size_t i = 0; i < RRTO_OP_COUNT; i++) {
        uint64_t seed = 1000 * i;
        for (int k = 0; k < N_EXAMPLES; k++) {
            const struct rrto_op_example *example = &rrto_op_examples[i];
            if (replies && !example->make_reply)
                continue;
            rrto_buf_clear(&buf);
            (replies ? example->make_reply : example->make)(&buf, &seed);
            assert_false(buf.failed);
            uint8_t *bytes = malloc(buf.size ? buf.size : 1);
            assert_non_null(bytes);
            memcpy(bytes, buf.data, buf.size);
            fn(example, bytes, buf.size, replies);
            free(bytes);
            n_tried++;
        }
    }
    assert_true(n_tried >= (replies ? 1 : RRTO_OP_COUNT * N_EXAMPLES));
    rrto_buf_fini(&buf);
}

static bool again(const struct rrto_op_example *example, const uint8_t *bytes, size_t n, bool replies,
                  struct rrto_buf *buf)
{
    rrto_buf_init(buf, MAX_BYTES);
    return (replies ? example->again_reply : example->again)(bytes, n, buf);
}

static void round_trip(const struct rrto_op_example *example, uint8_t *bytes, size_t n, bool replies)
{
    struct rrto_buf buf;
    assert_true(again(example, bytes, n, replies, &buf));
    assert_int_equal(buf.size, n);
    if (n)
        assert_memory_equal(buf.data, bytes, n);
    rrto_buf_fini(&buf);
    if (!replies) {
        struct rrto_op_header header;
        memcpy(&header, bytes, sizeof header);
        assert_int_equal(header.number, example->number);
        assert_int_equal(header.n_bytes, n - sizeof header);
        assert_true(rrto_op_check(bytes, n));
        assert_string_equal(rrto_op_info_of(bytes, n)->name, example->name);
    }
}

static void truncation(const struct rrto_op_example *example, uint8_t *bytes, size_t n, bool replies)
{
    for (size_t cut = 0; cut < n; cut++) {
        struct rrto_buf buf;
        uint8_t *head = malloc(cut ? cut : 1);
        assert_non_null(head);
        memcpy(head, bytes, cut);
        assert_false(again(example, head, cut, replies, &buf));
        if (!replies) {
            assert_false(rrto_op_check(head, cut));
            (void)rrto_op_token(head, cut);
            (void)rrto_op_key(head, cut);
        }
        free(head);
        rrto_buf_fini(&buf);
    }
}

/* Whatever a flipped bit makes of an op: refused, or another op whose encoding is exactly those bytes. */
static void flipped_bits(const struct rrto_op_example *example, uint8_t *bytes, size_t n, bool replies)
{
    for (size_t bit = 0; bit < n * 8; bit += 1 + n / 64) {
        struct rrto_buf buf;
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (again(example, bytes, n, replies, &buf)) {
            assert_int_equal(buf.size, n);
            assert_memory_equal(buf.data, bytes, n);
        }
        if (!replies) {
            (void)rrto_op_check(bytes, n);
            (void)rrto_op_token(bytes, n);
            (void)rrto_op_key(bytes, n);
        }
        rrto_buf_fini(&buf);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void one_byte_more(const struct rrto_op_example *example, uint8_t *bytes, size_t n, bool replies)
{
    struct rrto_buf buf;
    uint8_t *longer = calloc(1, n + 1);
    assert_non_null(longer);
    memcpy(longer, bytes, n);
    assert_false(again(example, longer, n + 1, replies, &buf));
    rrto_buf_fini(&buf);
    free(longer);
}

static void test_round_trip(void **state)
{
    (void)state;
    each(false, round_trip);
    each(true, round_trip);
}

static void test_truncation(void **state)
{
    (void)state;
    each(false, truncation);
    each(true, truncation);
}

static void test_flipped_bits(void **state)
{
    (void)state;
    each(false, flipped_bits);
    each(true, flipped_bits);
}

static void test_one_byte_more(void **state)
{
    (void)state;
    each(false, one_byte_more);
    each(true, one_byte_more);
}

static void pack_launch(struct rrto_buf *buf, uint32_t function, uint32_t grid, const void *params, uint32_t n_params)
{
    struct rrto_args_launch args = {
        .function = function, .grid_x = grid, .grid_y = 1, .grid_z = 1, .block_x = 64, .block_y = 1, .block_z = 1};
    args.params = params;
    args.n_params = n_params;
    rrto_buf_clear(buf);
    rrto_pack_launch(buf, &args);
    assert_false(buf->failed);
}

/* The token sees kernel and grid, not the parameter block. */
static void test_token(void **state)
{
    (void)state;
    struct rrto_buf buf;
    rrto_buf_init(&buf, MAX_BYTES);
    const uint8_t params[16] = {1, 2, 3}, others[16] = {9};
    pack_launch(&buf, 7, 100, params, sizeof params);
    uint64_t token = rrto_op_token(buf.data, buf.size);
    pack_launch(&buf, 7, 100, others, sizeof others);
    assert_true(rrto_op_token(buf.data, buf.size) == token);
    pack_launch(&buf, 8, 100, params, sizeof params);
    assert_false(rrto_op_token(buf.data, buf.size) == token);
    pack_launch(&buf, 7, 101, params, sizeof params);
    assert_false(rrto_op_token(buf.data, buf.size) == token);
    rrto_buf_fini(&buf);
}

static void pack_gemm(struct rrto_buf *buf, int32_t m, uint64_t address, float alpha)
{
    struct rrto_args_cublasSgemm_v2 args = {
        .handle = 3, .m = m, .n = 2, .k = 2, .A = address, .B = 0x2000, .C = 0x3000};
    memcpy(args.alpha.bytes, &alpha, sizeof alpha);
    rrto_buf_clear(buf);
    rrto_pack_cublasSgemm_v2(buf, &args);
    assert_false(buf->failed);
}

/* The key sees how well an address is aligned, not which it is; the token does not see it at all. */
static void test_key(void **state)
{
    (void)state;
    struct rrto_buf buf;
    rrto_buf_init(&buf, MAX_BYTES);
    pack_gemm(&buf, 2, 0x1000, 1.0f);
    uint64_t key = rrto_op_key(buf.data, buf.size), token = rrto_op_token(buf.data, buf.size);
    pack_gemm(&buf, 2, 0x5010, 0.5f);
    assert_true(rrto_op_key(buf.data, buf.size) == key);
    pack_gemm(&buf, 2, 0x1004, 1.0f);
    assert_false(rrto_op_key(buf.data, buf.size) == key);
    assert_true(rrto_op_token(buf.data, buf.size) == token);
    pack_gemm(&buf, 2, 0, 1.0f);
    assert_false(rrto_op_key(buf.data, buf.size) == key);
    pack_gemm(&buf, 4, 0x1000, 1.0f);
    assert_false(rrto_op_key(buf.data, buf.size) == key);
    assert_false(rrto_op_token(buf.data, buf.size) == token);
    rrto_buf_fini(&buf);
}

static void test_info(void **state)
{
    (void)state;
    struct rrto_buf buf;
    rrto_buf_init(&buf, MAX_BYTES);
    struct rrto_args_mem_copy_h2d args = {
        .dst = 0x1122334455667788, .n_bytes = 0x0102030405060708, .stream = 0xa1a2a3a4};
    rrto_pack_mem_copy_h2d(&buf, &args);
    const struct rrto_op_info *info = rrto_op_info_of(buf.data, buf.size);
    uint64_t n_bytes;
    uint32_t stream;
    memcpy(&n_bytes, buf.data + info->size_offset, sizeof n_bytes);
    memcpy(&stream, buf.data + info->stream_offset, sizeof stream);
    assert_true(n_bytes == args.n_bytes && stream == args.stream);
    assert_int_equal(info->flags, RRTO_OP_DEVICE | RRTO_OP_INFALLIBLE | RRTO_OP_INVISIBLE | RRTO_OP_UP);
    assert_int_equal(info->n_fixed_bytes, buf.size);
    assert_null(rrto_op_info_of(buf.data, 7));
    rrto_buf_fini(&buf);
}

static void test_print(void **state)
{
    (void)state;
    struct rrto_buf buf;
    rrto_buf_init(&buf, MAX_BYTES);
    struct rrto_args_symbol_get args = {.module = 5, .name = (const uint8_t *)"table", .n_name = 5};
    rrto_pack_symbol_get(&buf, &args);
    char *text = NULL;
    size_t n_text = 0;
    FILE *file = open_memstream(&text, &n_text);
    rrto_print_op(file, buf.data, buf.size);
    rrto_print_op(file, buf.data, buf.size - 1);
    rrto_print_op(file, buf.data, 3);
    fclose(file);
    assert_string_equal(
        text,
        "symbol_get(module=module 5, name=[5] \"table\")\nsymbol_get(module=module 5) (malformed)\n(no op: 3 bytes)\n");
    free(text);
    rrto_buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),    cmocka_unit_test(test_truncation), cmocka_unit_test(test_flipped_bits),
        cmocka_unit_test(test_one_byte_more), cmocka_unit_test(test_token),      cmocka_unit_test(test_key),
        cmocka_unit_test(test_info),          cmocka_unit_test(test_print),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
