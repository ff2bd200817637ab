/* SPDX-License-Identifier: Apache-2.0 */
/* Control messages: round trips, truncation at every byte, flipped bytes, and the opening exchange over a socketpair.
 */
#include "wire/control.h"

#include "base/status.h"
#include "wire/frame.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

static struct rrto_control *example(int kind)
{
    struct rrto_control *control = calloc(1, sizeof *control);
    assert_non_null(control);
    control->kind = (__typeof__(control->kind))kind;
    if (kind == RRTO_CONTROL_HELLO) {
        control->hello.plain = true;
        control->hello.log_bytes = 32 << 20;
        control->hello.slot_kinds = 3;
        control->hello.reply_times = true;
        control->hello.past_bytes = 6;
        control->hello.results_past_bytes = 7;
        control->hello.results_stress = 8;
        control->hello.memory_wanted = 5;
        control->hello.n_candidates = 2;
        control->hello.candidates[0] = (struct rrto_control_range){0x300000000000, (uint64_t)1 << 40};
        control->hello.candidates[1] = (struct rrto_control_range){0x200000000000, (uint64_t)1 << 38};
    } else if (kind == RRTO_CONTROL_WELCOME) {
        struct rrto_control_welcome *w = &control->welcome;
        strcpy(w->device_name, "a device");
        memset(w->uuid, 0xab, sizeof w->uuid);
        w->total_memory = (uint64_t)80 << 30;
        for (int i = 0; i < RRTO_CONTROL_N_ATTRIBUTES; i++)
            w->attributes[i] = i % 3 ? i : -i;
        w->driver_version = 13000;
        w->cublas_version = 130100;
        w->cublaslt_version = 130100;
        w->cudnn_version = 91900;
        w->arena_base = 0x300000000000;
        w->arena_bytes = (uint64_t)1 << 40;
        w->memory = (uint64_t)4 << 30;
        w->fingerprint = 0xfedcba9876543210;
        w->soft = true;
        strcpy(w->compute, "real");
        w->log_bytes = 32 << 20;
        w->past_bytes = 6;
        w->results_past_bytes = 7;
    } else if (kind == RRTO_CONTROL_LINK) {
        control->link.rate_down = 12345;
        control->link.probe = true;
    } else {
        control->refusal.status = RRTO_NO_MEMORY;
        strcpy(control->refusal.text, "no memory is left; ask for less");
    }
    return control;
}

static void round_trips(void **state)
{
    (void)state;
    for (int kind = RRTO_CONTROL_HELLO; kind <= RRTO_CONTROL_LINK; kind++) {
        struct rrto_control *in = example(kind), *out = malloc(sizeof *out);
        struct rrto_buf buf;
        rrto_buf_init(&buf, RRTO_CONTROL_MAX_BYTES);
        assert_int_equal(rrto_control_encode(&buf, in), RRTO_OK);
        assert_int_equal(rrto_control_decode(buf.data, buf.size, out), RRTO_OK);
        assert_memory_equal(in, out, sizeof *in);
        rrto_buf_fini(&buf);
        free(in);
        free(out);
    }
}

/* Whatever the bytes are, decoding ends, within memory, with a status. */
static void damaged(void **state)
{
    (void)state;
    for (int kind = RRTO_CONTROL_HELLO; kind <= RRTO_CONTROL_LINK; kind++) {
        struct rrto_control *in = example(kind), *out = malloc(sizeof *out);
        struct rrto_buf buf;
        rrto_buf_init(&buf, RRTO_CONTROL_MAX_BYTES);
        assert_int_equal(rrto_control_encode(&buf, in), RRTO_OK);
        for (size_t n = 0; n < buf.size; n++) {
            uint8_t *cut = malloc(n ? n : 1); /* exactly n, so that a sanitizer sees a read beyond */
            memcpy(cut, buf.data, n);
            assert_int_not_equal(rrto_control_decode(cut, n, out), RRTO_OK);
            free(cut);
        }
        for (size_t i = 0; i < buf.size; i++) {
            for (int bit = 0; bit < 8; bit++) {
                buf.data[i] ^= (uint8_t)(1 << bit);
                int status = rrto_control_decode(buf.data, buf.size, out);
                assert_true(status == RRTO_OK || status == RRTO_PROTOCOL);
                buf.data[i] ^= (uint8_t)(1 << bit);
            }
        }
        rrto_buf_fini(&buf);
        free(in);
        free(out);
    }
}

static void limits(void **state)
{
    (void)state;
    struct rrto_control *in = example(RRTO_CONTROL_HELLO), *out = malloc(sizeof *out);
    struct rrto_buf buf;
    rrto_buf_init(&buf, RRTO_CONTROL_MAX_BYTES);
    in->hello.n_candidates = RRTO_CONTROL_MAX_CANDIDATES + 1;
    assert_int_equal(rrto_control_encode(&buf, in), RRTO_INVALID);
    in->hello.n_candidates = 1;
    in->hello.candidates[0] = (struct rrto_control_range){UINT64_MAX - 1, 4}; /* wraps around */
    assert_int_equal(rrto_control_encode(&buf, in), RRTO_OK);
    assert_int_equal(rrto_control_decode(buf.data, buf.size, out), RRTO_PROTOCOL);
    uint8_t *large = calloc(1, RRTO_CONTROL_MAX_BYTES + 1);
    assert_int_equal(rrto_control_decode(large, RRTO_CONTROL_MAX_BYTES + 1, out), RRTO_TOO_LARGE);
    free(large);
    rrto_buf_fini(&buf);
    free(in);
    free(out);
}

struct peer {
    struct rrto_conn conn;
    int answer;   /* which example */
    size_t grant; /* the offset of what a welcome grants one more of than was asked for; 0: of nothing */
};

static void *answering(void *arg)
{
    struct peer *peer = arg;
    struct rrto_control *got = malloc(sizeof *got), *answer = example(peer->answer);
    if (peer->grant)
        ++*(uint64_t *)((char *)&answer->welcome + peer->grant);
    int status = rrto_control_receive(&peer->conn, got, 5000);
    if (status == RRTO_OK && got->kind == RRTO_CONTROL_HELLO)
        status = rrto_control_send(&peer->conn, answer, 5000);
    free(got);
    free(answer);
    return (void *)(intptr_t)status;
}

static int open_against(int answer, size_t grant, struct rrto_control_welcome *ret_welcome, char *why, size_t n_why)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    struct peer peer = {.answer = answer, .grant = grant};
    struct rrto_conn conn;
    rrto_conn_init_socket(&peer.conn, fds[0]);
    rrto_conn_init_socket(&conn, fds[1]);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, answering, &peer), 0);
    struct rrto_control *hello = example(RRTO_CONTROL_HELLO);
    int status = rrto_control_open(&conn, &hello->hello, 5000, ret_welcome, why, n_why);
    free(hello);
    void *result;
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_int_equal((intptr_t)result, RRTO_OK);
    rrto_conn_close(&conn);
    rrto_conn_close(&peer.conn);
    return status;
}

static void opening(void **state)
{
    (void)state;
    struct rrto_control_welcome welcome;
    char why[600] = "";
    assert_int_equal(open_against(RRTO_CONTROL_WELCOME, 0, &welcome, why, sizeof why), RRTO_OK);
    assert_string_equal(welcome.device_name, "a device");
    assert_int_equal(open_against(RRTO_CONTROL_REFUSAL, 0, &welcome, why, sizeof why), RRTO_NO_MEMORY);
    assert_string_equal(why, "no memory is left; ask for less");
    assert_int_equal(open_against(RRTO_CONTROL_HELLO, 0, &welcome, why, sizeof why), RRTO_PROTOCOL);
    static const size_t granted[] = {offsetof(struct rrto_control_welcome, log_bytes),
                                     offsetof(struct rrto_control_welcome, past_bytes),
                                     offsetof(struct rrto_control_welcome, results_past_bytes)};
    for (size_t i = 0; i < sizeof granted / sizeof granted[0]; i++) {
        assert_int_equal(open_against(RRTO_CONTROL_WELCOME, granted[i], &welcome, why, sizeof why), RRTO_PROTOCOL);
        assert_non_null(strstr(why, "more than was asked for"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trips),
        cmocka_unit_test(damaged),
        cmocka_unit_test(limits),
        cmocka_unit_test(opening),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
