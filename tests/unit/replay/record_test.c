/* SPDX-License-Identifier: Apache-2.0 */
/* Records: what the encoder is given is what the decoder gives, however the stream is cut and however wrong the
 * predictions are; what is malformed is refused. */
#include "../test.h"

#include "base/status.h"
#include "codec/codec.h"
#include "replay/record.h"

#include <stdlib.h>
#include <string.h>

enum { LOG_BYTES = 8192, MAX_OPS = 4000, MAX_OP = 700 };

static uint64_t seed;
static uint32_t random_below(uint32_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((seed >> 33) % n);
}

static struct sent {
    uint8_t bytes[MAX_OP];
    size_t n;
    unsigned flags;
    uint8_t payload[300];
    size_t n_payload;
} sent[MAX_OPS];
static size_t n_sent, n_got;
static bool ended, check_content;
static uint8_t staging[300];
static uint64_t client_hash_at[MAX_OPS];

static int on_payload(void *arg, const struct rrto_record_op *op, void **ret_to, uint64_t *ret_n)
{
    (void)arg;
    *ret_n = 0;
    if (check_content) {
        assert_true(sent[op->position].flags & RRTO_RECORD_PAYLOAD);
        *ret_n = sent[op->position].n_payload;
    } else {
        *ret_n = op->bytes[0] % 50;
    }
    *ret_to = staging;
    return RRTO_OK;
}

static int on_op(void *arg, const struct rrto_record_op *op)
{
    (void)arg;
    assert_int_equal((uintptr_t)op->bytes % 8, 0);
    if (check_content) {
        const struct sent *s = &sent[op->position];
        assert_int_equal(op->position, n_got);
        assert_int_equal(op->n_bytes, s->n);
        assert_memory_equal(op->bytes, s->bytes, s->n);
        assert_int_equal(op->wait, (s->flags & RRTO_RECORD_WAIT) != 0);
        assert_int_equal(op->hash, client_hash_at[op->position]);
        if (s->flags & RRTO_RECORD_PAYLOAD && s->n_payload) {
            assert_int_equal(op->n_payload, s->n_payload);
            assert_memory_equal(op->payload, s->payload, s->n_payload);
        }
    }
    n_got++;
    return RRTO_OK;
}

static void on_end(void *arg)
{
    (void)arg;
    ended = true;
}

static const struct rrto_record_callbacks callbacks = {on_payload, on_op, on_end};

static void make_op(struct sent *s, uint64_t position, bool like)
{
    if (like) { /* like an earlier op, a few bytes changed */
        const struct sent *from = &sent[random_below((uint32_t)position)];
        memcpy(s->bytes, from->bytes, from->n);
        s->n = from->n;
        for (uint32_t i = random_below(6); i > 0; i--)
            s->bytes[random_below((uint32_t)s->n)] ^= (uint8_t)random_below(256);
    } else {
        s->n = 8 + random_below(random_below(4) ? 80 : MAX_OP - 8);
        for (size_t i = 0; i < s->n; i++)
            s->bytes[i] = (uint8_t)random_below(random_below(2) ? 2 : 256);
    }
    s->flags = (random_below(10) ? 0u : RRTO_RECORD_WAIT) | (random_below(8) ? 0u : RRTO_RECORD_PAYLOAD);
    s->n_payload = random_below(3) ? random_below(sizeof s->payload) : 0;
    for (size_t i = 0; i < s->n_payload; i++)
        s->payload[i] = (uint8_t)random_below(256);
}

/* A program of loops with noise, predicted well, badly and absurdly. Everything goes to `stream`. */
static void encode_stream(struct rrto_record_encoder *encoder, struct rrto_buf *stream, unsigned n_ops, unsigned how)
{
    uint64_t follow = RRTO_RECORD_NO_SOURCE;
    n_sent = n_got = 0;
    ended = false;
    for (unsigned i = 0; i < n_ops; i++) {
        struct sent *s = &sent[i];
        if (i > 30 && random_below(10) > how) { /* repeats the op 30 before, mostly */
            *s = sent[i - 30];
            if (random_below(4) == 0)
                s->bytes[random_below((uint32_t)s->n)]++;
            follow = i - 30;
        } else {
            make_op(s, i, i > 0 && random_below(2));
            follow = random_below(2) ? random_below(i + 10) : RRTO_RECORD_NO_SOURCE;
        }
        assert_int_equal(encoder->log.head, i);
        (void)rrto_record_encode(encoder, follow, s->bytes, s->n, s->flags, NULL);
        client_hash_at[i] = encoder->hash;
        if (s->flags & RRTO_RECORD_PAYLOAD)
            rrto_buf_put(&encoder->out, s->payload, s->n_payload);
        if (random_below(20) == 0)
            rrto_record_close(encoder);
        n_sent++;
    }
    rrto_record_end(encoder);
    assert_false(encoder->out.failed);
    rrto_buf_put(stream, encoder->out.data, encoder->out.size);
    assert_false(stream->failed);
}

static void assert_logs_equal(const struct rrto_log *a, const struct rrto_log *b)
{
    assert_int_equal(a->head, b->head);
    assert_int_equal(a->oldest, b->oldest);
    for (uint64_t p = a->oldest; p < a->head; p++) {
        size_t n_a, n_b;
        const uint8_t *x = rrto_log_get(a, p, &n_a), *y = rrto_log_get(b, p, &n_b);
        assert_non_null(x);
        assert_non_null(y);
        assert_int_equal(n_a, n_b);
        assert_memory_equal(x, y, n_a);
        unsigned n_slots_a, n_slots_b;
        const struct rrto_slot *s = rrto_log_slots(a, p, &n_slots_a), *t = rrto_log_slots(b, p, &n_slots_b);
        assert_int_equal(n_slots_a, n_slots_b);
        assert_memory_equal(s, t, n_slots_a * sizeof *s);
    }
}

static void test_random_streams(void **state)
{
    (void)state;
    check_content = true;
    for (unsigned round = 0; round < 40; round++) {
        struct rrto_record_encoder encoder;
        struct rrto_buf stream;
        seed = round;
        rrto_buf_init(&stream, 32 << 20);
        const unsigned kinds = round % 4; /* none, one, both */
        assert_int_equal(rrto_record_encoder_init(&encoder, round % 2 ? LOG_BYTES : 1 << 20, kinds), RRTO_OK);
        encoder.no_patches = round % 5 == 4;
        encode_stream(&encoder, &stream, 1500, round % 11);
        struct rrto_record_decoder *decoder =
            rrto_record_decoder_create(round % 2 ? LOG_BYTES : 1 << 20, kinds, &callbacks, NULL);
        for (size_t at = 0; at < stream.size;) {
            size_t n = 1 + random_below(round % 3 ? 5 : 3000);
            n = n < stream.size - at ? n : stream.size - at;
            void *to;
            uint64_t wanted = rrto_record_decoder_wanted(decoder, &to);
            if (wanted > 0 && random_below(2)) { /* as the worker does: straight into place */
                n = n < wanted ? n : (size_t)wanted;
                memcpy(to, stream.data + at, n);
                assert_int_equal(rrto_record_decoder_received(decoder, n), RRTO_OK);
            } else {
                assert_int_equal(rrto_record_decoder_feed(decoder, stream.data + at, n), RRTO_OK);
            }
            at += n;
        }
        assert_int_equal(n_got, n_sent);
        assert_true(ended && rrto_record_decoder_idle(decoder));
        assert_int_equal(rrto_record_decoder_hash(decoder), encoder.hash);
        assert_logs_equal(&encoder.log, rrto_record_decoder_log(decoder));
        assert_int_equal(rrto_record_decoder_feed(decoder, "x", 1), RRTO_PROTOCOL); /* after END */
        rrto_record_decoder_destroy(decoder);
        rrto_record_encoder_fini(&encoder);
        rrto_buf_fini(&stream);
    }
}

static void test_every_cut(void **state)
{
    (void)state;
    struct rrto_record_encoder encoder;
    struct rrto_buf stream;
    check_content = true;
    seed = 7;
    rrto_buf_init(&stream, 32 << 20);
    assert_int_equal(rrto_record_encoder_init(&encoder, LOG_BYTES, RRTO_SLOTS_ALL), RRTO_OK);
    encode_stream(&encoder, &stream, 120, 3);
    for (size_t cut = 0; cut <= stream.size; cut++) {
        struct rrto_record_decoder *decoder = rrto_record_decoder_create(LOG_BYTES, RRTO_SLOTS_ALL, &callbacks, NULL);
        n_got = 0;
        assert_int_equal(rrto_record_decoder_feed(decoder, stream.data, cut), RRTO_OK);
        size_t before = n_got;
        assert_true(before <= n_sent);
        assert_int_equal(rrto_record_decoder_feed(decoder, stream.data + cut, stream.size - cut), RRTO_OK);
        assert_int_equal(n_got, n_sent);
        rrto_record_decoder_destroy(decoder);
    }
    rrto_record_encoder_fini(&encoder);
    rrto_buf_fini(&stream);
}

/* Any damage is refused or, where the audit hash does not cover it yet, noticed at the next hash; nothing is read or
 * written out of bounds (the sanitizers look). */
static void test_damage(void **state)
{
    (void)state;
    struct rrto_record_encoder encoder;
    struct rrto_buf stream;
    check_content = true;
    seed = 11;
    rrto_buf_init(&stream, 32 << 20);
    assert_int_equal(rrto_record_encoder_init(&encoder, LOG_BYTES, RRTO_SLOTS_ALL), RRTO_OK);
    encode_stream(&encoder, &stream, 200, 4);
    check_content = false;
    unsigned refused = 0;
    for (unsigned i = 0; i < 20000; i++) {
        size_t at = random_below((uint32_t)stream.size);
        uint8_t bit = (uint8_t)(1u << random_below(8));
        stream.data[at] ^= bit;
        struct rrto_record_decoder *decoder = rrto_record_decoder_create(LOG_BYTES, RRTO_SLOTS_ALL, &callbacks, NULL);
        int status = rrto_record_decoder_feed(decoder, stream.data, stream.size);
        assert_int_equal(rrto_record_decoder_status(decoder), status);
        if (status != RRTO_OK) {
            refused++;
            assert_int_equal(rrto_record_decoder_feed(decoder, "\0", 1), status); /* sticky */
            void *to;
            assert_int_equal(rrto_record_decoder_wanted(decoder, &to), 0);
        }
        rrto_record_decoder_destroy(decoder);
        stream.data[at] ^= bit;
    }
    assert_true(refused > 15000);
    rrto_record_encoder_fini(&encoder);
    rrto_buf_fini(&stream);
}

static int feed_once(const void *data, size_t n)
{
    struct rrto_record_decoder *decoder = rrto_record_decoder_create(LOG_BYTES, RRTO_SLOTS_ALL, &callbacks, NULL);
    static const uint8_t first[] = {0, 8, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'}; /* one op is there to point at */
    assert_int_equal(rrto_record_decoder_feed(decoder, first, sizeof first), RRTO_OK);
    int status = rrto_record_decoder_feed(decoder, data, n);
    rrto_record_decoder_destroy(decoder);
    return status;
}
#define FEED(...) feed_once((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void test_malformed(void **state)
{
    (void)state;
    check_content = false;
    assert_int_equal(FEED(1, 1, 1), RRTO_OK);
    assert_int_equal(FEED(1, 9, 1), RRTO_OK);                    /* its own ops may be its source */
    assert_int_equal(FEED(3), RRTO_PROTOCOL);                    /* no such kind */
    assert_int_equal(FEED(0x40, 8), RRTO_PROTOCOL);              /* unknown flags */
    assert_int_equal(FEED(16, 8), RRTO_PROTOCOL);                /* a patched literal */
    assert_int_equal(FEED(2 | 4), RRTO_PROTOCOL);                /* END wants nothing */
    assert_int_equal(FEED(0, 7), RRTO_TOO_LARGE);                /* shorter than a header */
    assert_int_equal(FEED(0, 0x81, 0x80, 0x40), RRTO_TOO_LARGE); /* over 1 MiB */
    assert_int_equal(FEED(1, 0), RRTO_TOO_LARGE);                /* no ops */
    assert_int_equal(FEED(1, 1, 2), RRTO_PROTOCOL);              /* before the first op */
    assert_int_equal(FEED(1, 1, 0), RRTO_PROTOCOL);              /* goes on where nothing was */
    assert_int_equal(FEED(0, 0x88, 0), RRTO_PROTOCOL);           /* a varint that is not the shortest */
    assert_int_equal(FEED(0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2), RRTO_PROTOCOL); /* over 64 bits */
    assert_int_equal(FEED(17, 1, 1, 0), RRTO_TOO_LARGE);            /* patched, without patches */
    assert_int_equal(FEED(17, 1, 1, 3, 0, 7, 9), RRTO_OK);          /* the last byte becomes 9 */
    assert_int_equal(FEED(17, 1, 1, 3, 0, 8, 9), RRTO_PROTOCOL);    /* behind the op */
    assert_int_equal(FEED(17, 1, 1, 3, 0x10, 7, 9), RRTO_PROTOCOL); /* two bytes of one */
    assert_int_equal(FEED(17, 1, 1, 3, 1, 0, 9), RRTO_PROTOCOL);    /* an op behind the record */
    assert_int_equal(FEED(17, 2, 1, 3, 1, 0, 9), RRTO_OK);
    assert_int_equal(FEED(33, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0), RRTO_MISMATCH);
    assert_int_equal(FEED(2), RRTO_OK);
}

/* The bar of DESIGN section 9 for a stream like ResNet-18's: 72 ops, about 50 changed bytes in 18 of them, an input of
 * its own frame. */
static void test_bar(void **state)
{
    (void)state;
    struct rrto_record_encoder encoder;
    static uint8_t ops[72][120];
    seed = 3;
    assert_int_equal(rrto_record_encoder_init(&encoder, 1 << 20, RRTO_SLOTS_ALL), RRTO_OK);
    for (unsigned i = 0; i < 72; i++)
        for (unsigned b = 0; b < sizeof ops[i]; b++)
            ops[i][b] = (uint8_t)random_below(256);
    for (unsigned inference = 0; inference < 20; inference++) {
        size_t changed = 0, n;
        rrto_buf_clear(&encoder.out);
        for (unsigned i = 0; i < 72; i++) {
            if (i % 4 == 2) { /* 18 ops, 3 bytes in one to two runs each */
                uint32_t at = 60 + random_below(20), next = at + (random_below(3) ? 2 : 30);
                ops[i][at] ^= (uint8_t)(1 + random_below(255));
                ops[i][at + 1] ^= (uint8_t)(1 + random_below(255));
                ops[i][next] ^= (uint8_t)(1 + random_below(255));
            }
            unsigned flags = i == 0 ? RRTO_RECORD_PAYLOAD : i == 71 ? RRTO_RECORD_WAIT : 0;
            uint64_t source = inference == 0 ? RRTO_RECORD_NO_SOURCE : encoder.log.head - 72;
            enum rrto_record_how how = rrto_record_encode(&encoder, source, ops[i], sizeof ops[i], flags, &n);
            assert_true(inference == 0 || how != RRTO_RECORD_AS_LITERAL);
            changed += n;
        }
        /* two chunk headers: the payload's and the frame's last */
        if (inference > 0)
            assert_true(encoder.out.size + 16 <= 64 + 24 + changed * 3 / 2);
    }
    rrto_record_encoder_fini(&encoder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_streams), cmocka_unit_test(test_every_cut), cmocka_unit_test(test_damage),
        cmocka_unit_test(test_malformed),      cmocka_unit_test(test_bar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
