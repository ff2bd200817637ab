/* SPDX-License-Identifier: Apache-2.0 */
/* The outbox: order, lent bodies given back once, a peer that does not read, a peer that goes away. */
#include "outbox.h"

#include "../test.h"
#include "base/status.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct rrto_conn theirs;
static int n_released;

static void release(void *arg)
{
    (void)arg;
    __atomic_fetch_add(&n_released, 1, __ATOMIC_SEQ_CST);
}

/* Outboxes live as long as their thread: as long as the process. */
static struct rrto_outbox *start(uint64_t max_queued)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    rrto_conn_init_socket(&theirs, fds[1]);
    n_released = 0;
    static struct rrto_outbox outboxes[8];
    static struct rrto_conn ours[8]; /* as long as the threads that write to them */
    static unsigned n_outboxes;
    rrto_conn_init_socket(&ours[n_outboxes], fds[0]);
    struct rrto_outbox *outbox = &outboxes[n_outboxes];
    assert_int_equal(rrto_outbox_start(outbox, &ours[n_outboxes++], max_queued, NULL, NULL), RRTO_OK);
    return outbox;
}

static void send_three(struct rrto_outbox *outbox, const char *a, const void *b, size_t n_b, const char *c, bool lend)
{
    struct iovec parts[3] = {
        {(void *)(uintptr_t)a, strlen(a)}, {(void *)(uintptr_t)b, n_b}, {(void *)(uintptr_t)c, strlen(c)}};
    rrto_outbox_send(outbox, parts, lend ? release : NULL, NULL);
}

static void direct(void **state)
{
    (void)state;
    struct rrto_outbox *outbox = start(1 << 20);
    char text[16] = "";
    send_three(outbox, "one ", "two ", 4, "three", true);
    assert_int_equal(n_released, 1); /* it went out at once */
    assert_int_equal(rrto_conn_read_all(&theirs, text, 13, 1000), RRTO_OK);
    assert_string_equal(text, "one two three");
}

enum { BODY = 300000, ROUNDS = 8 };

static void in_order_when_full(void **state)
{
    (void)state;
    struct rrto_outbox *outbox = start(1 << 20);
    uint8_t *body = malloc(BODY), *got = malloc(BODY + 10);
    for (int i = 0; i < ROUNDS; i++) {
        memset(body, 'a' + i, BODY);
        send_three(outbox, "<", body, BODY, ">", false); /* copied: body changes in the next round */
    }
    assert_true(__atomic_load_n(&outbox->n_queued, __ATOMIC_RELAXED) > (uint64_t)BODY);
    for (int i = 0; i < ROUNDS; i++) {
        assert_int_equal(rrto_conn_read_all(&theirs, got, BODY + 2, 5000), RRTO_OK);
        assert_int_equal(got[0], '<');
        assert_int_equal(got[BODY + 1], '>');
        for (int j = 1; j <= BODY; j++) {
            if (got[j] != 'a' + i)
                fail_msg("round %d, byte %d is %d", i, j, got[j]);
        }
    }
    rrto_outbox_flush(outbox);
    assert_int_equal(outbox->n_queued, 0);
    free(body);
    free(got);
}

static void lent_until_written(void **state)
{
    (void)state;
    struct rrto_outbox *outbox = start(1 << 20);
    uint8_t *body = calloc(1, 4 * BODY), *got = malloc(4 * BODY + 2);
    send_three(outbox, "<", body, 4 * BODY, ">", true);
    assert_int_equal(__atomic_load_n(&n_released, __ATOMIC_SEQ_CST), 0); /* the socket does not take that much */
    assert_int_equal(rrto_conn_read_all(&theirs, got, 4 * BODY + 2, 5000), RRTO_OK);
    rrto_outbox_flush(outbox);
    assert_int_equal(n_released, 1);
    free(body);
    free(got);
}

/* A peer that goes away: everything is dropped, everything lent comes back, nobody waits for ever. */
static void peer_gone(void **state)
{
    (void)state;
    struct rrto_outbox *outbox = start(1000);
    uint8_t *body = calloc(1, 4 * BODY);
    send_three(outbox, "<", body, 4 * BODY, ">", true);
    send_three(outbox, "<", body, 10, ">", true);
    rrto_conn_close(&theirs);
    rrto_outbox_wait_room(outbox);
    rrto_outbox_flush(outbox);
    send_three(outbox, "<", body, 10, ">", true);
    for (int i = 0; i < 5000 && __atomic_load_n(&n_released, __ATOMIC_SEQ_CST) < 3; i++)
        usleep(1000); /* until the writer has dropped what was queued */
    assert_int_equal(n_released, 3);
    free(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(direct),
        cmocka_unit_test(in_order_when_full),
        cmocka_unit_test(lent_until_written),
        cmocka_unit_test(peer_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
