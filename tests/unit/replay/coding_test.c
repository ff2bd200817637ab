/* SPDX-License-Identifier: Apache-2.0 */
/* Coded payloads: what is coded, what is not, and that every payload arrives as it was. */
#include "fake_client.h"

enum { SIDE = 72, N = 3 * SIDE * SIDE * 4, PAST_BYTES = 16 << 20, SLOW = 100 /* 10 MB/s */, FAST = UINT16_MAX };

static uint8_t image[N];
static uint64_t hashes[400];
static unsigned n_hashes;

/* Planes of floats that are pixels of a picture that moves, or noise. */
static void take_picture(unsigned number, bool noise)
{
    uint64_t random = number * 0x9e3779b97f4a7c15u + 1;
    for (uint32_t i = 0; i < N / 4; i++) {
        uint32_t x = i % SIDE + number, y = i / SIDE % SIDE, plane = i / SIDE / SIDE;
        random = random * 6364136223846793005u + 1442695040888963407u;
        uint32_t bits = (uint32_t)(random >> 32);
        float value = (float)((x * x * 7 % 61 + x + 2 * y + (bits >> 30)) % 256) / 255.0f - 0.4f - 0.02f * (float)plane;
        if (!noise)
            memcpy(&bits, &value, sizeof bits);
        memcpy(image + 4 * (size_t)i, &bits, sizeof bits);
    }
}

static void infer(unsigned number, bool noise)
{
    uint64_t position;
    take_picture(number, noise);
    hashes[n_hashes++] = rrto_record_hash(0, image, sizeof image);
    assert_int_equal(copy_up(0, image, sizeof image), 0);
    memset(image, 255, sizeof image); /* it was snapshotted */
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(work(0, i % 9, 0), 0);
    assert_int_equal(copy_down(0, output, sizeof output, true, &position), 0);
}

/* A look at the clock takes 20 us: so does coding a chunk. */
static uint64_t slow_clock(void)
{
    return __atomic_add_fetch(&clock_ns, 20000, __ATOMIC_RELAXED);
}

static void start(uint64_t past_bytes, uint16_t link_rate, uint64_t stress)
{
    fake_init(&server);
    server.past_bytes = past_bytes;
    server.link_rate = link_rate;
    n_hashes = 0;
    struct rrto_session_options options = defaults("replay");
    options.past_bytes = past_bytes;
    options.codec_stress = stress;
    options.now_ns = slow_clock;
    begin(&options);
}

static void finish(void)
{
    end();
    unsigned n = 0;
    for (size_t i = 0; i < server.n_ops; i++)
        if (server.ops[i].number == FAKE_H2D)
            assert_int_equal(server.ops[i].payload_hash, hashes[n++]);
    assert_int_equal(n, n_hashes);
    assert_true(server.ended && server.status == RRTO_OK);
    assert_true(counters.payload_sent_up < counters.bytes_up);
    fake_fini(&server);
}

/* On a slow link an input is coded once it has repeated, and takes a part of the bytes; what the ops take is as ever.
 */
static void test_slow_link(void **state)
{
    (void)state;
    start(PAST_BYTES, SLOW, 0);
    for (unsigned i = 0; i < 12; i++)
        infer(i, false);
    finish();
    rrto_counters_close_last(&counters);
    assert_int_equal(counters.payload_up, 12 * N);
    assert_true(counters.payload_coded_up >= 9 * N && counters.payload_coded_up < 12 * N);
    assert_true(RRTO_COUNTERS_MEDIAN(&counters, payload_sent_up) < N / 5);
    assert_true(RRTO_COUNTERS_MEDIAN(&counters, bytes_up) < N / 5);
    assert_true(RRTO_COUNTERS_MEDIAN(&counters, op_bytes_up) <= 64 + 24 + 24); /* the chunks' heads with it */
    assert_int_equal(RRTO_COUNTERS_MEDIAN(&counters, round_trips), 1);
    assert_int_equal(RRTO_COUNTERS_MEDIAN(&counters, frames_up), 1);
}

/* A coded payload's frame stays open for the ops that follow, or ends with it, as one that is not coded; also where it
 * is more than one chunk. */
static void test_early(void **state)
{
    (void)state;
    for (unsigned early = 0; early < 2; early++) {
        static uint8_t large[3 << 18];
        start(PAST_BYTES, 0, 0);
        session.early = early;
        session.coding.rate = SLOW * 100;
        for (unsigned i = 0; i < 4; i++) {
            uint64_t position, frames = counters.frames_up, coded = counters.payload_coded_up;
            memset(large, (int)i, sizeof large);
            hashes[n_hashes++] = rrto_record_hash(0, large, sizeof large);
            assert_int_equal(copy_up(0, large, sizeof large), 0);
            assert_int_equal(counters.payload_coded_up, coded + sizeof large);
            assert_int_equal(counters.frames_up, frames + !early);
            assert_int_equal(session.frame_open, early);
            assert_int_equal(session.encoder.out.size, 0);
            assert_int_equal(work(0, 3, 0), 0);
            assert_int_equal(copy_down(0, output, sizeof output, true, &position), 0);
            assert_int_equal(counters.frames_up, frames + !early + 1);
        }
        finish();
        assert_int_equal(server.n_frames, counters.frames_up);
    }
}

/* Nothing is coded on a fast link, on one that nobody has measured, and where the server did not agree. */
static void test_fast_link(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 3; round++) {
        start(round == 2 ? 0 : PAST_BYTES, round == 0 ? FAST : round == 1 ? 0 : SLOW, 0);
        for (unsigned i = 0; i < 8; i++)
            infer(i, false);
        finish();
        assert_int_equal(counters.payload_coded_up, 0);
        assert_int_equal(counters.payload_sent_up, 8 * N);
    }
}

/* A link that becomes fast: coding ends; one that becomes slow: it begins. */
static void test_changing_link(void **state)
{
    (void)state;
    start(PAST_BYTES, FAST, 0);
    for (unsigned i = 0; i < 5; i++)
        infer(i, false);
    assert_int_equal(counters.payload_coded_up, 0);
    __atomic_store_n(&server.link_rate, SLOW, __ATOMIC_RELAXED);
    for (unsigned i = 5; i < 10; i++)
        infer(i, false);
    uint64_t coded = counters.payload_coded_up;
    assert_true(coded >= 3 * N);
    /* Faster, and still worth coding. What is coded is too little for the server to say so: now and then a payload goes
     * as it is, to see. */
    __atomic_store_n(&server.link_rate, 5000, __ATOMIC_RELAXED);
    coded = counters.payload_coded_up;
    for (unsigned i = 10; i < 140; i++)
        infer(i, false);
    assert_int_equal(counters.payload_coded_up, coded + 128 * N);
    /* So fast that coding does not pay: that is seen by the next one. */
    __atomic_store_n(&server.link_rate, FAST - 1, __ATOMIC_RELAXED);
    for (unsigned i = 140; i < 215; i++)
        infer(i, false);
    coded = counters.payload_coded_up;
    for (unsigned i = 215; i < 223; i++)
        infer(i, false);
    assert_int_equal(counters.payload_coded_up, coded);
    finish();
}

/* Noise is tried once, and then sent as it is; when it becomes a picture, that is found, in time. */
static void test_noise(void **state)
{
    (void)state;
    start(PAST_BYTES, SLOW, 0);
    for (unsigned i = 0; i < 40; i++)
        infer(i, true);
    assert_int_equal(counters.payload_coded_up, 0);
    assert_true(counters.codec_ns_up > 0); /* looking for a model took time */
    for (unsigned i = 40; i < 310; i++)
        infer(i, false);
    assert_true(counters.payload_coded_up >= 5 * N);
    finish();
}

/* The same slot, another kind of payload: coded worse, then learned again. */
static void test_learns_again(void **state)
{
    (void)state;
    start(PAST_BYTES, SLOW, 0);
    for (unsigned i = 0; i < 6; i++)
        infer(i, false);
    for (unsigned i = 6; i < 30; i++)
        infer(i, true);
    uint64_t coded = counters.payload_coded_up;
    infer(30, true);
    assert_int_equal(counters.payload_coded_up, coded);
    finish();
}

/* Weights: each goes somewhere else, and none repeats one. They are coded once the link is known to be slow. */
static void test_bulk(void **state)
{
    (void)state;
    static uint8_t weights[1 << 17];
    for (unsigned round = 0; round < 2; round++) {
        start(PAST_BYTES, round ? FAST : SLOW, 0);
        uint64_t position, random = 7;
        infer(0, false); /* too little to be coded: tells the rate */
        for (unsigned i = 0; i < 20; i++) {
            size_t n = sizeof weights - 3000 * i;
            for (size_t k = 0; k < sizeof weights; k++) {
                random = random * 6364136223846793005u + 1442695040888963407u;
                weights[k] = k % 4 == 3 ? (uint8_t)(60 + (random >> 62)) : (uint8_t)(random >> 33);
            }
            hashes[n_hashes++] = rrto_record_hash(0, weights, n);
            assert_int_equal(copy_up(0, weights, n), 0);
            assert_int_equal(copy_down(0, output, sizeof output, true, &position), 0);
        }
        finish();
        assert_int_equal(counters.payload_coded_up, round ? 0 : counters.payload_up - N);
        assert_true(round || counters.payload_sent_up < counters.payload_up * 85 / 100);
        assert_int_equal(counters.coded_up[RRTO_CODING_BULK].payloads, round ? 0 : 20);
        assert_true(round || counters.coded_up[RRTO_CODING_BULK].width == 4);
    }
}

/* Every payload, of any length, by any model. */
static void test_stress(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 30; seed++) {
        uint64_t position, random = seed;
        start(seed % 3 ? PAST_BYTES : 1 << 16, 0, seed);
        for (unsigned i = 0; i < 12; i++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            size_t n = i % 3 == 0 ? sizeof image : (size_t)(random >> 33) % sizeof image;
            n = i % 5 == 4 ? n % 50 : n;
            take_picture(i / 2, random >> 60 == 0);
            hashes[n_hashes++] = n ? rrto_record_hash(0, image, n) : 0;
            assert_int_equal(copy_up(0, image, n), 0);
            assert_int_equal(work(0, i % 9, 0), 0);
            assert_int_equal(copy_down(0, output, sizeof output, true, &position), 0);
        }
        assert_int_equal(counters.payload_coded_up, counters.payload_up);
        finish();
    }
}

/* The client says how fast results come, once, and asks for one as it is when coded ones have not told for long. */
static void test_tells(void **state)
{
    (void)state;
    static const struct {
        uint64_t rate;
        uint32_t n_unmeasured;
        size_t n_links, n_probes;
    } cases[] = {{0, 0, 0, 0},      {20000, 0, 1, 0},  {20000, 63, 1, 0}, {20000, 64, 2, 1},
                 {20000, 64, 3, 2}, {20000, 63, 3, 2}, {0, 64, 4, 2},     {0, 64, 4, 2}};
    fake_init(&server);
    struct rrto_session_options options = defaults("replay");
    options.results_past_bytes = RRTO_CODED_RESULTS_PAST_BYTES;
    begin(&options);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t position;
        session.receiver.rate_down = cases[i].rate;
        session.receiver.arrival.n_unmeasured = cases[i].n_unmeasured;
        assert_int_equal(copy_down(0, image, sizeof image, true, &position), 0); /* it measures, too */
        assert_arrived(image, position, sizeof image);
        assert_int_equal(server.n_links, cases[i].n_links);
        assert_int_equal(server.n_probes, cases[i].n_probes);
        assert_int_equal(server.link_said, cases[i].n_links ? cases[i].rate : 0);
    }
    end();
    fake_fini(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slow_link),     cmocka_unit_test(test_early),  cmocka_unit_test(test_fast_link),
        cmocka_unit_test(test_changing_link), cmocka_unit_test(test_noise),  cmocka_unit_test(test_learns_again),
        cmocka_unit_test(test_bulk),          cmocka_unit_test(test_stress), cmocka_unit_test(test_tells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
