/* SPDX-License-Identifier: Apache-2.0 */
/* Scalars, varints, arrays, and the sticky failure. */
#include "codec/codec.h"

#include "test.h"

static void test_scalars(void **state)
{
    (void)state;
    struct rrto_buf buf;
    rrto_buf_init(&buf, 100);
    rrto_put_u8(&buf, 0xfe);
    rrto_put_u16(&buf, 0x1234);
    rrto_put_u32(&buf, 0xdeadbeef);
    rrto_put_u64(&buf, 0x0123456789abcdef);
    rrto_put_i64(&buf, -2);
    rrto_put_f64(&buf, 0.1);
    assert_int_equal(buf.size, 1 + 2 + 4 + 8 + 8 + 8);
    assert_int_equal(buf.data[1], 0x34); /* little-endian */
    struct rrto_dec dec;
    rrto_dec_init(&dec, buf.data, buf.size);
    assert_int_equal(rrto_get_u8(&dec), 0xfe);
    assert_int_equal(rrto_get_u16(&dec), 0x1234);
    assert_int_equal(rrto_get_u32(&dec), 0xdeadbeef);
    assert_true(rrto_get_u64(&dec) == 0x0123456789abcdef);
    assert_true(rrto_get_i64(&dec) == -2);
    assert_true(rrto_get_f64(&dec) == 0.1);
    assert_false(dec.failed);
    /* One more fails, gives zero, and stays failed. */
    assert_int_equal(rrto_get_u8(&dec), 0);
    assert_true(dec.failed);
    assert_null(rrto_get_bytes(&dec, 0));
    rrto_buf_fini(&buf);
}

static void test_varint(void **state)
{
    (void)state;
    const uint64_t values[] = {0, 1, 127, 128, 300, UINT32_MAX, 1ull << 63, UINT64_MAX};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct rrto_buf buf;
        rrto_buf_init(&buf, 16);
        rrto_put_varint(&buf, values[i]);
        struct rrto_dec dec;
        rrto_dec_init(&dec, buf.data, buf.size);
        assert_true(rrto_get_varint(&dec) == values[i]);
        assert_false(dec.failed);
        assert_ptr_equal(dec.at, dec.end);
        for (size_t cut = 0; cut < buf.size; cut++) {
            rrto_dec_init(&dec, buf.data, cut);
            rrto_get_varint(&dec);
            assert_true(dec.failed);
        }
        rrto_buf_fini(&buf);
    }
}

/* One value has one encoding: no needless zeroes, no bits beyond the 64th. */
static void test_varint_refused(void **state)
{
    (void)state;
    const uint8_t padded[] = {0x80, 0x00}, large[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02};
    const uint8_t endless[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01};
    struct rrto_dec dec;
    rrto_dec_init(&dec, padded, sizeof padded);
    rrto_get_varint(&dec);
    assert_true(dec.failed);
    rrto_dec_init(&dec, large, sizeof large);
    rrto_get_varint(&dec);
    assert_true(dec.failed);
    rrto_dec_init(&dec, endless, sizeof endless);
    rrto_get_varint(&dec);
    assert_true(dec.failed);
}

/* Wherever an array stands: count, zero padding, elements, and nothing beyond the room that it asked for. */
static void test_array_bytes(void **state)
{
    (void)state;
    const uint8_t values[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    for (size_t before = 0; before < 17; before++)
        for (uint32_t count = 0; count <= sizeof values; count++)
            for (int with_data = 0; with_data < 2; with_data++) {
                uint8_t bytes[64], expected[64] = {0};
                size_t data_at = (before + 4 + 7) / 8 * 8;
                memset(bytes, 0xee, sizeof bytes);
                memset(expected, 0xee, before);
                memcpy(expected + before, &count, sizeof count);
                if (with_data)
                    memcpy(expected + data_at, values, count);
                uint8_t *end = rrto_put_array(bytes + before, bytes, with_data ? values : NULL, count, 1);
                assert_ptr_equal(rrto_array_data(bytes + before, bytes), bytes + data_at);
                assert_ptr_equal(end, bytes + data_at + count);
                assert_memory_equal(bytes, expected, data_at + count);
                size_t room = rrto_array_room(count, 1);
                assert_true((size_t)(end - bytes) <= before + room);
                for (size_t i = before + room; i < sizeof bytes; i++)
                    assert_int_equal(bytes[i], 0xee);
            }
}

static void test_array(void **state)
{
    (void)state;
    const uint64_t values[] = {1, 2, 3};
    struct rrto_buf buf;
    rrto_buf_init(&buf, 200);
    rrto_put_u64(&buf, 0); /* something before the op */
    size_t base = buf.size;
    rrto_put_u16(&buf, 7);
    uint8_t *at = rrto_buf_reserve(&buf, rrto_array_room(3, sizeof values[0]) + rrto_array_room(0, 1));
    assert_non_null(at);
    at = rrto_put_array(at, buf.data + base, values, 3, sizeof values[0]);
    at = rrto_put_array(at, buf.data + base, NULL, 0, 1);
    buf.size = (size_t)(at - buf.data);
    struct rrto_dec dec;
    rrto_dec_init(&dec, buf.data + base, buf.size - base);
    uint32_t n;
    assert_int_equal(rrto_get_u16(&dec), 7);
    const uint64_t *got = rrto_get_array(&dec, sizeof values[0], &n);
    assert_int_equal(n, 3);
    assert_int_equal((uintptr_t)got % 8, 0);
    assert_memory_equal(got, values, sizeof values);
    (void)rrto_get_array(&dec, 1, &n);
    assert_int_equal(n, 0);
    assert_false(dec.failed);
    assert_ptr_equal(dec.at, dec.end);
    /* Padding that is not zero, and a count beyond the input, are refused. */
    buf.data[base + 6] = 1;
    rrto_dec_init(&dec, buf.data + base, buf.size - base);
    rrto_get_u16(&dec);
    rrto_get_array(&dec, 8, &n);
    assert_true(dec.failed);
    buf.data[base + 6] = 0;
    memset(buf.data + base + 2, 0xff, 4);
    rrto_dec_init(&dec, buf.data + base, buf.size - base);
    rrto_get_u16(&dec);
    assert_null(rrto_get_array(&dec, 8, &n));
    assert_int_equal(n, 0);
    assert_true(dec.failed);
    rrto_buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalars), cmocka_unit_test(test_varint),      cmocka_unit_test(test_varint_refused),
        cmocka_unit_test(test_array),   cmocka_unit_test(test_array_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
