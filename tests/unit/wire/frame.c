/* SPDX-License-Identifier: Apache-2.0 */
/* Hello, answer, chunk headers and heads: round trips, and everything that has to be refused. */
#include "wire/frame.h"

#include "base/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void hello_round_trip(void **state)
{
    (void)state;
    struct rrto_hello in = {.major = RRTO_WIRE_MAJOR, .minor = 3, .flags = RRTO_HELLO_PLAIN, .pid = 4711}, out;
    strcpy(in.build, "0123456789abcdef"); /* 16 characters: as long as the field */
    uint8_t bytes[RRTO_HELLO_BYTES];
    rrto_hello_encode(bytes, &in);
    assert_int_equal(rrto_hello_decode(bytes, &out), RRTO_OK);
    assert_int_equal(out.major, in.major);
    assert_int_equal(out.minor, 3);
    assert_int_equal(out.flags, RRTO_HELLO_PLAIN);
    assert_int_equal(out.pid, 4711);
    assert_string_equal(out.build, in.build);
    /* The layout of docs/wire.md. */
    assert_memory_equal(bytes, "RRTO", 4);
    assert_int_equal(bytes[4], RRTO_WIRE_MAJOR);
    assert_int_equal(bytes[8], 1);
    assert_int_equal(bytes[12] | bytes[13] << 8, 4711);
}

static void hello_refused(void **state)
{
    (void)state;
    struct rrto_hello in = {.major = RRTO_WIRE_MAJOR}, out;
    uint8_t bytes[RRTO_HELLO_BYTES];
    rrto_hello_encode(bytes, &in);
    for (int i = 0; i < 4; i++) {
        bytes[i] ^= 1;
        assert_int_equal(rrto_hello_decode(bytes, &out), RRTO_PROTOCOL);
        bytes[i] ^= 1;
    }
    for (int i = 32; i < 64; i++) {
        bytes[i] = 1;
        assert_int_equal(rrto_hello_decode(bytes, &out), RRTO_PROTOCOL);
        bytes[i] = 0;
    }
    /* Another major version decodes, whatever it put into the reserved bytes: the caller refuses it by its version. */
    bytes[4] = RRTO_WIRE_MAJOR + 1;
    bytes[40] = 9;
    assert_int_equal(rrto_hello_decode(bytes, &out), RRTO_OK);
    assert_int_equal(out.major, RRTO_WIRE_MAJOR + 1);
    /* Text from the peer cannot carry control characters into a log. */
    memcpy(bytes + 16, "a\x1b[31m\xff", 7);
    assert_int_equal(rrto_hello_decode(bytes, &out), RRTO_OK);
    assert_string_equal(out.build, "a?[31m?");
}

static void answer_round_trip(void **state)
{
    (void)state;
    struct rrto_hello_answer in = {.major = 1, .minor = 2, .status = RRTO_REFUSED}, out;
    memset(in.text, 'x', 52);
    uint8_t bytes[RRTO_HELLO_BYTES];
    rrto_hello_answer_encode(bytes, &in);
    assert_int_equal(rrto_hello_answer_decode(bytes, &out), RRTO_OK);
    assert_int_equal(out.status, RRTO_REFUSED);
    assert_string_equal(out.text, in.text);
    bytes[0] = 'H';
    assert_int_equal(rrto_hello_answer_decode(bytes, &out), RRTO_PROTOCOL);
}

static void chunk_round_trip(void **state)
{
    (void)state;
    for (int type = RRTO_CHUNK_CONTROL; type <= RRTO_CHUNK_TEXT; type++) {
        struct rrto_chunk in = {.n_bytes = RRTO_CHUNK_MAX_BYTES, .type = (uint8_t)type}, out;
        if (type == RRTO_CHUNK_SUBSCRIBE)
            in.n_bytes = RRTO_SUBSCRIBE_BYTES;
        in.flags = type == RRTO_CHUNK_OPS ? RRTO_CHUNK_END : 0;
        uint8_t bytes[RRTO_CHUNK_HEADER_BYTES];
        rrto_chunk_encode(bytes, &in);
        assert_int_equal(rrto_chunk_decode(bytes, &out), RRTO_OK);
        assert_int_equal(out.n_bytes, in.n_bytes);
        assert_int_equal(out.type, in.type);
        assert_int_equal(out.flags, in.flags);
    }
}

static void chunk_refused(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[8];
        int status;
    } cases[] = {
        {{0, 0, 0, 0, 0, 0, 0, 0}, RRTO_PROTOCOL},          /* type 0 */
        {{16, 0, 0, 0, 9, 0, 0, 0}, RRTO_PROTOCOL},         /* unknown type */
        {{0, 0, 0, 0, 2, 2, 0, 0}, RRTO_PROTOCOL},          /* unknown flag */
        {{28, 0, 0, 0, 3, 1, 0, 0}, RRTO_PROTOCOL},         /* END on something else than OPS */
        {{0, 0, 0, 0, 2, 0, 1, 0}, RRTO_PROTOCOL},          /* padding */
        {{0, 0, 0, 0, 2, 0, 0, 1}, RRTO_PROTOCOL},          /* padding */
        {{1, 0, 0x40, 0, 2, 0, 0, 0}, RRTO_TOO_LARGE},      /* 4 MiB + 1 */
        {{255, 255, 255, 255, 2, 0, 0, 0}, RRTO_TOO_LARGE}, /* the largest number */
        {{27, 0, 0, 0, 3, 0, 0, 0}, RRTO_PROTOCOL},         /* a REPLY shorter than its head */
        {{15, 0, 0, 0, 4, 0, 0, 0}, RRTO_PROTOCOL},         /* the same for DATA */
        {{15, 0, 0, 0, 5, 0, 0, 0}, RRTO_PROTOCOL},         /* ERROR */
        {{15, 0, 0, 0, 7, 0, 0, 0}, RRTO_PROTOCOL},         /* TEXT */
        {{23, 0, 0, 0, 8, 0, 0, 0}, RRTO_PROTOCOL},         /* CODED */
        {{7, 0, 0, 0, 6, 0, 0, 0}, RRTO_PROTOCOL},          /* SUBSCRIBE */
        {{9, 0, 0, 0, 6, 0, 0, 0}, RRTO_PROTOCOL},          /* has exactly 8 bytes */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rrto_chunk out = {.n_bytes = 99};
        assert_int_equal(rrto_chunk_decode(cases[i].bytes, &out), cases[i].status);
        assert_int_equal(out.n_bytes, 99); /* written on success only */
    }
}

static void heads_round_trip(void **state)
{
    (void)state;
    uint8_t bytes[RRTO_REPLY_HEAD_BYTES];
    struct rrto_reply_head reply = {.position = 1u << 30,
                                    .audit_hash = 0x0123456789abcdef,
                                    .status = 700,
                                    .library = RRTO_WIRE_CUDNN,
                                    .link_rate = 1234,
                                    .starved_us = 17},
                           reply_out;
    rrto_reply_head_encode(bytes, &reply);
    assert_int_equal(rrto_reply_head_decode(bytes, &reply_out), RRTO_OK);
    assert_int_equal(reply_out.position, reply.position);
    assert_int_equal(reply_out.audit_hash, reply.audit_hash);
    assert_int_equal(reply_out.status, reply.status);
    assert_int_equal(reply_out.library, reply.library);
    assert_int_equal(reply_out.link_rate, reply.link_rate);
    assert_int_equal(reply_out.starved_us, reply.starved_us);
    bytes[21] = 4; /* a flag that nobody knows */
    assert_int_equal(rrto_reply_head_decode(bytes, &reply_out), RRTO_PROTOCOL);
    bytes[21] = RRTO_REPLY_TIMES | RRTO_REPLY_CODING;
    assert_int_equal(rrto_reply_head_decode(bytes, &reply_out), RRTO_OK);
    assert_int_equal(reply_out.flags, RRTO_REPLY_TIMES | RRTO_REPLY_CODING);
    bytes[20] = 5;
    assert_int_equal(rrto_reply_head_decode(bytes, &reply_out), RRTO_PROTOCOL);

    struct rrto_reply_times times = {1, UINT32_MAX, 3}, times_out;
    rrto_reply_times_encode(bytes, &times);
    rrto_reply_times_decode(bytes, &times_out);
    assert_memory_equal(&times, &times_out, sizeof times);

    struct rrto_error_head error = {.position = 3, .code = -5, .library = RRTO_WIRE_CUBLAS}, error_out = {0};
    rrto_error_head_encode(bytes, &error);
    assert_int_equal(rrto_error_head_decode(bytes, &error_out), RRTO_OK);
    assert_int_equal(error_out.position, 3);
    assert_int_equal(error_out.code, -5);
    assert_int_equal(error_out.library, RRTO_WIRE_CUBLAS);
    bytes[13] = 1;
    assert_int_equal(rrto_error_head_decode(bytes, &error_out), RRTO_PROTOCOL);

    struct rrto_data_head data = {.position = 5, .offset = UINT64_MAX - 1}, data_out;
    rrto_data_head_encode(bytes, &data);
    rrto_data_head_decode(bytes, &data_out);
    assert_memory_equal(&data, &data_out, sizeof data);
    struct rrto_coded_head coded = {7, 1u << 20, RRTO_RESULT_MAX_BYTES, 12}, coded_out = {0};
    rrto_coded_head_encode(bytes, &coded);
    assert_int_equal(rrto_coded_head_decode(bytes, &coded_out), RRTO_OK);
    assert_memory_equal(&coded, &coded_out, sizeof coded);
    static const uint32_t bad_lengths[] = {0, RRTO_RESULT_MAX_BYTES + 1, UINT32_MAX};
    for (size_t i = 0; i < sizeof bad_lengths / sizeof bad_lengths[0]; i++) {
        coded.n_bytes = bad_lengths[i];
        rrto_coded_head_encode(bytes, &coded);
        assert_int_equal(rrto_coded_head_decode(bytes, &coded_out), RRTO_PROTOCOL);
    }
    struct rrto_text_head text = {.fd = 2, .n_lost = 1ull << 40}, text_out = {0};
    rrto_text_head_encode(bytes, &text);
    assert_int_equal(rrto_text_head_decode(bytes, &text_out), RRTO_OK);
    assert_int_equal(text_out.fd, 2);
    assert_int_equal(text_out.n_lost, text.n_lost);
    for (int i = 1; i < 8; i++) {
        bytes[i] = 1;
        assert_int_equal(rrto_text_head_decode(bytes, &text_out), RRTO_PROTOCOL);
        bytes[i] = 0;
    }
    for (int fd = 0; fd < 256; fd++) {
        bytes[0] = (uint8_t)fd;
        assert_int_equal(rrto_text_head_decode(bytes, &text_out), fd == 1 || fd == 2 ? RRTO_OK : RRTO_PROTOCOL);
    }
    rrto_subscribe_encode(bytes, 12345);
    assert_int_equal(rrto_subscribe_decode(bytes), 12345);
}

static void library_names(void **state)
{
    (void)state;
    for (uint8_t i = RRTO_WIRE_CUDA; i <= RRTO_WIRE_CUDNN; i++)
        assert_int_equal(rrto_wire_library_number(rrto_wire_library_name(i)), i);
    assert_int_equal(rrto_wire_library_number("ops"), RRTO_WIRE_CUDA);
    assert_int_equal(rrto_wire_library_number("libc"), RRTO_WIRE_PROTOCOL);
    assert_string_equal(rrto_wire_library_name(200), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello_round_trip), cmocka_unit_test(hello_refused), cmocka_unit_test(answer_round_trip),
        cmocka_unit_test(chunk_round_trip), cmocka_unit_test(chunk_refused), cmocka_unit_test(heads_round_trip),
        cmocka_unit_test(library_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
