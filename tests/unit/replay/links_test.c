/* SPDX-License-Identifier: Apache-2.0 */
/* What is coded on a simulated link: the clock is the test's, and the receiving side tells what it would of what came,
 * coded or not. */
#include "replay/arrival.h"
#include "replay/coding.h"

#include "../test.h"

#include <stdlib.h>

enum { SIDE = 224, N = 3 * SIDE * SIDE * 4 };

static struct rrto_coding coding;
static uint64_t clock_ns, n_position;
static uint64_t link_bytes_ms, fast_bytes_ms; /* the link; what comes faster than that was not waited for */
static bool told;                             /* whether the other side says anything */
static _Alignas(4) uint8_t payload[N];

/* A look takes 50 us, and so does coding a chunk. */
static uint64_t test_clock(void)
{
    return clock_ns += 50000;
}

static void start(uint64_t link, uint64_t rate)
{
    link_bytes_ms = link;
    fast_bytes_ms = 3000000;
    told = true;
    clock_ns = 1;
    n_position = 0;
    rrto_coding_init(&coding, RRTO_CODED_PAST_BYTES, 0, test_clock);
    coding.rate = rate;
}

/* The receiving side's view of n bytes that took the sending side spent_ns to make. */
static uint64_t arrives(uint64_t n, uint64_t spent_ns)
{
    uint64_t link_ns = n * 1000000 / link_bytes_ms, ns = spent_ns > link_ns ? spent_ns : link_ns;
    uint64_t rate = n * 1000000 / ns;
    if (told && n >= RRTO_ARRIVAL_LEAST_BYTES)
        rrto_coding_measured(&coding, rate >= fast_bytes_ms ? 0 : rate);
    return ns;
}

/* Planes of floats that are pixels, of a picture that moves if it is told to. */
static void take_picture(unsigned number)
{
    uint64_t random = number * 0x9e3779b97f4a7c15u + 1;
    for (uint32_t i = 0; i < N / 4; i++) {
        uint32_t x = i % SIDE + number, y = i / SIDE % SIDE, plane = i / SIDE / SIDE;
        random = random * 6364136223846793005u + 1442695040888963407u;
        float value = (float)((x * x * 7 % 61 + x + 2 * y + (random >> 62)) % 256) / 255.0f - 0.02f * (float)plane;
        memcpy(payload + 4 * (size_t)i, &value, sizeof value);
    }
}

/* A payload; returns whether it was coded. before: UINT64_MAX: it comes once. */
static bool send(const void *data, uint64_t n, uint64_t before, uint64_t *ret_ns)
{
    struct rrto_buf out;
    bool coded = rrto_coding_wants(&coding, n_position++, before, true, data, n);
    uint64_t spent_ns = 0;
    rrto_buf_init(&out, 64 << 20);
    if (coded) {
        rrto_coding_begin(&coding, data, n, &out);
        uint64_t start_ns = clock_ns;
        while (rrto_coding_chunk(&coding, &out)) {}
        spent_ns = clock_ns - start_ns;
        rrto_coding_end(&coding, n);
        assert_false(out.failed);
    }
    *ret_ns = arrives(coded ? out.size : n, spent_ns);
    rrto_buf_fini(&out);
    return coded;
}

/* How many of so many inputs were coded. */
static unsigned n_coded(unsigned n_payloads, unsigned moving)
{
    unsigned n = 0;
    uint64_t ns;
    for (unsigned i = 0; i < n_payloads; i++) {
        if (moving || i == 0)
            take_picture(i);
        n += send(payload, N, n_position ? n_position - 1 : n_position, &ns);
    }
    return n;
}

/* The link is fast, and was taken for one of 30 MB/s once: what comes of coded payloads comes as fast as they are
 * coded, or as it is read, or is too little to tell anything. A payload that goes as it is puts that right, or
 * the third one. */
static void test_taken_for_slow(void **state)
{
    (void)state;
    static const struct {
        uint64_t link, fast;
        bool moving;
    } cases[] = {{10000000, 3000000, true}, {10000000, 1, true}, {4000000, 6000000, true}, {10000000, 3000000, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        start(cases[i].link, 30000);
        fast_bytes_ms = cases[i].fast;
        assert_int_equal(n_coded(40, cases[i].moving), 40);
        (void)n_coded(200, cases[i].moving);
        assert_int_equal(n_coded(150, cases[i].moving), 0);
        assert_true(coding.rate == 0 || coding.rate > 400000);
        rrto_coding_fini(&coding);
    }
}

/* At 80 Mbit/s the link is what takes time, and every payload measures it: none is sent as it is to see. */
static void test_slow(void **state)
{
    (void)state;
    start(10000, 30000);
    assert_int_equal(n_coded(300, true), 300);
    assert_true(coding.rate > 9000 && coding.rate < 11000);
    rrto_coding_fini(&coding);
}

/* So little is left that nothing measures the link, or nobody says anything: some payloads go as they are. */
static void test_unmeasured(void **state)
{
    (void)state;
    start(10000, 10000);
    assert_int_equal(n_coded(261, false), 257);
    rrto_coding_fini(&coding);
    start(10000, 10000);
    told = false;
    assert_int_equal(n_coded(264, true), 256);
    rrto_coding_fini(&coding);
}

/* Two inputs for each inference, the second one small once it is coded: what is told is about the first. */
static void test_two_inputs(void **state)
{
    (void)state;
    static uint8_t still[N];
    uint64_t ns;
    start(2000000, 300000); /* the first one comes as fast as it is coded: some 200 MB/s */
    told = false;
    take_picture(0);
    memcpy(still, payload, N);
    for (unsigned i = 0; i < 20; i++) {
        take_picture(i);
        uint64_t before = n_position >= 2 ? n_position - 2 : n_position;
        assert_true(send(payload, N, before, &ns));
        uint64_t first = coding.sent_coded;
        (void)send(still, N, before + 1, &ns);
        if (i > 3) { /* it stands still: it takes next to nothing */
            assert_int_equal(coding.sent_coded, first);
            rrto_coding_measured(&coding, first * 1000000 / coding.sent_ns);
            assert_true(coding.rate >= 300000);
        }
    }
    rrto_coding_fini(&coding);
}

/* What comes once: exponents have some redundancy, mantissas are noise; or nothing has. */
static void take_weights(uint64_t random, bool noise)
{
    for (size_t i = 0; i < N; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        payload[i] = i % 4 == 3 && !noise ? (uint8_t)(60 + (random >> 62)) : (uint8_t)(random >> 33);
    }
}

static unsigned n_coded_once(unsigned n_payloads, bool noise)
{
    unsigned n = 0;
    uint64_t ns;
    for (unsigned i = 0; i < n_payloads; i++) {
        take_weights(i + 1, noise);
        n += send(payload, N, UINT64_MAX, &ns);
    }
    return n;
}

/* Coding takes longer than sending would: that is tried once, and then again after long. On a slow link an interruption
 * does not end coding; and noise in between does not make anybody forget. */
static void test_once(void **state)
{
    (void)state;
    start(1100000, 1100000); /* 0.55 ms a payload */
    told = false;
    assert_int_equal(n_coded_once(1, false), 1);
    struct rrto_coding_slot *slot = &coding.known[RRTO_CODING_BULK];
    slot->encode_ns = 2000000; /* 300 MB/s */
    assert_int_equal(n_coded_once(40, false), 0);
    assert_int_equal(n_coded_once(9, true), 0);
    assert_int_equal(n_coded_once(41, false), 0);
    assert_true(n_coded_once(60, false) > 0);
    coding.rate = 10000;
    (void)n_coded_once(8, false); /* it may just have been too slow again */
    assert_int_equal(n_coded_once(20, false), 20);
    slot->encode_ns = 40000000;
    assert_int_equal(n_coded_once(40, false), 40 - 3 * 9);
    rrto_coding_fini(&coding);
}

/* The way out says that it is slow, or that bytes wait there: nobody asks it once the other side has read a payload as
 * fast as it could. One that was small may have been there already. */
static void test_way_out(void **state)
{
    (void)state;
    uint64_t ns;
    start(10000000, 0);
    coding.rate_out = 50000;
    told = false;
    assert_int_equal(n_coded_once(3, false), 3);
    told = true;
    assert_false(send(payload, RRTO_CODING_BULK_BYTES - 1, UINT64_MAX, &ns));
    assert_false(coding.fast);
    assert_int_equal(n_coded_once(3, false), 3);
    assert_true(coding.rate == 0 && !coding.fast); /* what is coded says nothing, where nothing is known */
    coding.rate_out = 0;
    assert_int_equal(n_coded_once(1, false), 0);
    assert_true(coding.fast);
    coding.rate_out = 50000;
    assert_int_equal(n_coded_once(20, false), 0);
    link_bytes_ms = 50000; /* it has become slow */
    assert_int_equal(n_coded_once(20, false), 19);
    assert_false(coding.fast);
    rrto_coding_fini(&coding);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_taken_for_slow), cmocka_unit_test(test_slow),
                                       cmocka_unit_test(test_unmeasured),     cmocka_unit_test(test_two_inputs),
                                       cmocka_unit_test(test_once),           cmocka_unit_test(test_way_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
